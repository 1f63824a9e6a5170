//! Search with codes: the hits of the search without them, bit for bit, whatever the components are; and an error or some hits where
//! codes are damaged, also where their own checksum has been made to fit.
#![no_main]

use arbitrary::Arbitrary;
use hart_kernels::{Codes, Element, Hit, Metric, TopK, Vectors, vector};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Damage {
    row: u8,
    place: u16,
    bits: u8,
}

#[derive(Arbitrary, Debug)]
struct Input {
    element: u8,
    metric: u8,
    dimensions: u8,
    rows: u8,
    queries: u8,
    k: u8,
    beyond: Option<f64>,
    nulls: u64,
    damage: Vec<Damage>,
    seal: bool,
    bytes: Vec<u8>,
}

/// Hits as text: NaN is not equal to itself.
fn text(hits: &[Vec<Hit>]) -> String {
    format!("{hits:?}")
}

/// A code's own checksum, in its bytes 36 to 39: CRC-32 of the others.
fn seal(code: &mut [u8]) {
    if code.len() >= 40 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&code[..36]);
        hasher.update(&code[40..]);
        code[36..40].copy_from_slice(&hasher.finalize().to_le_bytes());
    }
}

fuzz_target!(|input: Input| {
    let element = Element::ALL[usize::from(input.element) % Element::ALL.len()];
    let metric = Metric::ALL[usize::from(input.metric) % Metric::ALL.len()];
    let dimensions = 1 + usize::from(input.dimensions) % 80;
    let (rows, queries) = (1 + usize::from(input.rows) % 150, 1 + usize::from(input.queries) % 20);
    if input.bytes.is_empty() {
        return;
    }
    // The input is repeated as often as it takes, so that rows are near each other, or alike.
    let width = dimensions * element.size();
    let bytes: Vec<u8> = input.bytes.iter().copied().cycle().take(width * (rows + queries)).collect();
    let (row_bytes, query_bytes) = bytes.split_at(width * rows);
    let present = |row: usize| input.nulls >> (row % 64) & 1 == 0;
    let ranges: Vec<_> = (0..rows).map(|row| present(row).then(|| row * width..(row + 1) * width)).collect();
    let column = Vectors::at("v", element, row_bytes, ranges).unwrap();
    let wanted = Vectors::packed_matrix("query", element, query_bytes, dimensions).unwrap();
    let mut search = TopK::new(1 + usize::from(input.k)).metric(metric);
    if let Some(beyond) = input.beyond {
        search = search.min_distance(beyond);
    }
    let plain = search.search(&column, &wanted).unwrap();

    let codes = vector::quantize(&column).unwrap();
    assert_eq!(text(&search.codes(&codes).search(&column, &wanted).unwrap()), text(&plain));
    if input.beyond.is_none() && column.dimensions(0).is_some() {
        let found = codes.candidates(&wanted, 1 + usize::from(input.k), metric).unwrap();
        for (hits, candidates) in plain.iter().zip(&found) {
            for hit in hits {
                let bound = candidates.iter().find(|candidate| candidate.row == hit.row).unwrap();
                let holds = bound.lower <= hit.distance && hit.distance <= bound.upper;
                assert!(holds || bound.lower == f64::NEG_INFINITY, "{bound:?} {hit:?}");
            }
        }
    }

    let mut packed: Vec<Option<Vec<u8>>> = (0..rows).map(|row| codes.row(row)).collect();
    let joined = |packed: &[Option<Vec<u8>>]| {
        let lengths: Vec<i32> = packed.iter().map(|row| row.as_ref().map_or(-1, |b| b.len() as i32)).collect();
        Codes::from_bytes("code", &packed.iter().flatten().flatten().copied().collect::<Vec<u8>>(), &lengths)
    };
    let again = joined(&packed).unwrap();
    assert!((0..rows).all(|row| again.row(row) == packed[row]));
    for damage in &input.damage {
        let Some(code) = &mut packed[usize::from(damage.row) % rows] else { continue };
        match usize::from(damage.place) % (code.len() + 1) {
            place if place < code.len() => code[place] ^= damage.bits,
            _ => code.truncate(usize::from(damage.bits)),
        }
        if code.is_empty() {
            return;
        }
        if input.seal {
            seal(code);
        }
    }
    if let Ok(codes) = joined(&packed) {
        _ = codes.candidates(&wanted, 3, metric);
        _ = search.codes(&codes).search(&column, &wanted);
    }
});
