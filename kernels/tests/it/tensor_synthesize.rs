//! Weighted sums of atoms: against a wider oracle, bit for bit against their definition, and by name.

use crate::common;

use common::wide::{self, Wide};
use common::{call_columns, compute, hash, layer, spread, text, uniform};
use hart_kernels::registry::{Input, Output, Value, Values};
use hart_kernels::tensor::quant::{PayloadType, decode};
use hart_kernels::tensor::{synthesize, synthesize_with};
use hart_kernels::{Error, Level};

/// Atoms that are added one after the other, by the definition.
const RUN: usize = 512;

/// Atoms and their coefficients.
struct Sum {
    coefficients: Vec<f64>,
    atoms: Vec<Vec<f32>>,
}

impl Sum {
    /// Numbers of both signs whose magnitudes spread over 2^±`powers`.
    fn new(seed: u32, atoms: usize, elements: usize, powers: i32) -> Sum {
        let coefficients = spread(seed, atoms, powers).into_iter().map(|c| f64::from(c) / 3.0).collect();
        let atoms = (0..atoms as u32).map(|i| spread(seed + 1 + i, elements, powers)).collect();
        Sum { coefficients, atoms }
    }

    fn terms(&self) -> Vec<(f64, &[f32])> {
        self.coefficients.iter().copied().zip(self.atoms.iter().map(Vec::as_slice)).collect()
    }

    /// The definition: chains of 512 products and additions, then the chains, then one rounding.
    fn by_definition(&self) -> Vec<f32> {
        let run = |terms: &[(f64, &[f32])], element: usize| {
            terms.iter().fold(0.0, |sum, (c, atom)| sum + c * f64::from(atom[element]))
        };
        let terms = self.terms();
        let element = |i: usize| {
            let runs = terms.chunks(RUN).map(|terms| run(terms, i));
            runs.reduce(|sum, own| sum + own).unwrap_or(0.0) as f32
        };
        (0..self.atoms.first().map_or(0, Vec::len)).map(element).collect()
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn sums_are_within_their_bound() {
    let u = 2f64.powi(-53);
    for (case, (count, elements)) in
        [(1, 70), (2, 33), (511, 9), (512, 32), (513, 5), (1024, 3), (1025, 31), (1600, 2)]
            .into_iter()
            .enumerate()
    {
        for powers in [0, 20] {
            let sum = Sum::new(7 * case as u32, count, elements, powers);
            let got = synthesize(&sum.terms()).unwrap();
            let steps = (count.min(RUN) + count.div_ceil(RUN) + 1) as f64;
            for (i, got) in got.iter().enumerate() {
                let (mut exact, mut size) = (Wide::ZERO, 0.0);
                for (c, atom) in sum.terms() {
                    exact = exact + Wide::product(c, atom[i].into());
                    size += (c * f64::from(atom[i])).abs();
                }
                let bound = steps * u * size + f64::from(got.abs()) * 2f64.powi(-24) + 2f64.powi(-150);
                let off = wide::error((*got).into(), exact);
                assert!(off <= bound, "{count} atoms, element {i}: {off:e} > {bound:e}");
            }
        }
    }
}

#[test]
fn the_definition_holds_on_every_level_and_for_any_number_of_threads() {
    // Around runs and panels, and more than a megabyte, from which on threads share the work.
    let shapes = [
        (1, 1),
        (3, 31),
        (511, 33),
        (512, 65),
        (513, 100),
        (1025, 7),
        (2, 2047),
        (3, 2048),
        (5, 4099),
        (700, 900),
    ];
    for (case, (count, elements)) in shapes.into_iter().enumerate() {
        let sum = Sum::new(1000 * case as u32, count, elements, 8);
        let expected = bits(&sum.by_definition());
        for level in Level::available() {
            let got = bits(&synthesize_with(compute().level(level), &sum.terms()).unwrap());
            assert!(got == expected, "{count} × {elements}, {}", level.name());
        }
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let got = bits(&pool.install(|| synthesize(&sum.terms())).unwrap());
            assert!(got == expected, "{count} × {elements}, {threads} threads");
        }
    }
    assert!(synthesize(&[]).unwrap().is_empty());
    assert!(synthesize(&[(1.0, &[]), (2.0, &[])]).unwrap().is_empty());
}

/// An atom's id, chunk, coefficient and bytes.
type Row<'a> = (Option<i64>, Option<i64>, Option<f64>, Option<&'a [u8]>);

fn by_name(rows: &[Row<'_>], params: &[(&str, Value)]) -> Result<Output, Error> {
    let inputs = vec![
        Input::Integers(rows.iter().map(|r| r.0).collect()),
        Input::Integers(rows.iter().map(|r| r.1).collect()),
        Input::Floats(rows.iter().map(|r| r.2).collect()),
        Input::Binary(rows.iter().map(|r| r.3).collect()),
    ];
    call_columns("tensor_synthesize", compute(), inputs, params)
}

fn packed(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[test]
fn atoms_of_every_type_cut_anywhere_in_any_order() {
    for payload_type in PayloadType::ALL {
        let (elements, count) = (512 * 3, 40);
        let size = elements / payload_type.block_elements() * payload_type.block_bytes();
        // Exponents are kept small, so that scales in half precision are numbers.
        let byte = |atom: u32, i: u32| (hash(atom, i) % 60) as u8;
        let payloads: Vec<Vec<u8>> =
            (0..count).map(|atom| (0..size as u32).map(|i| byte(atom, i)).collect()).collect();
        let sum = Sum {
            coefficients: uniform(9, count as usize).into_iter().map(f64::from).collect(),
            atoms: payloads.iter().map(|p| decode(payload_type, p).unwrap()).collect(),
        };
        let expected = bits(&synthesize(&sum.terms()).unwrap());
        let mut rows: Vec<Row<'_>> = Vec::new();
        for (i, payload) in payloads.iter().enumerate() {
            let (id, coefficient) = (Some(i as i64 - 17), Some(sum.coefficients[i]));
            // In one piece, or in three that are cut within blocks.
            let cuts = if i % 3 == 0 { [0, size] } else { [i * 5 + 1, size - i * 3 - 1] };
            if i % 3 == 0 {
                rows.push((id, None, coefficient, Some(payload)));
                continue;
            }
            rows.push((id, Some(i64::MAX), coefficient, Some(&payload[cuts[1]..])));
            rows.push((id, Some(-4), coefficient, Some(&payload[..cuts[0]])));
            rows.push((id, Some(0), coefficient, Some(&payload[cuts[0]..cuts[1]])));
        }
        let params = [("type", text(payload_type.name()))];
        let mut order: Vec<usize> = (0..rows.len()).collect();
        for shuffle in 0..3u32 {
            order.sort_by_key(|i| hash(shuffle, *i as u32));
            let rows: Vec<Row<'_>> = order.iter().map(|i| rows[*i]).collect();
            let got = bits(&layer(&by_name(&rows, &params).unwrap()));
            assert!(got == expected, "{}, order {shuffle}", payload_type.name());
        }
    }
    let none = by_name(&[], &[]).unwrap();
    assert_eq!(none.columns[0], Values::BigInt(vec![]));
    assert!(layer(&by_name(&[(Some(1), None, Some(1.0), Some(&[]))], &[]).unwrap()).is_empty());
}

#[test]
fn what_cannot_be_added_up_is_named() {
    let message = |atoms: &[(f64, &[f32])]| synthesize(atoms).unwrap_err().to_string();
    let text = message(&[(1.0, &[1.0, 2.0]), (1.0, &[1.0])]);
    assert_eq!(text, "column atoms, row 2: 1 elements; expected 2, as the first atom has");
    assert!(message(&[(f64::NAN, &[1.0])]).contains("row 1: coefficient NaN"));
    assert!(message(&[(1.0, &[1.0, f32::INFINITY])]).contains("atoms, row 1: element 1 is inf"));
    assert!(message(&[(0.0, &[f32::NAN])]).contains("element 0 is NaN"));
    let text = message(&[(2.0, &[1.0, -3e38]), (1.0, &[1.0, 0.0])]);
    assert!(text.contains("element 1 would be -6") && text.contains("the largest single"), "{text}");
    // What leaves the range on the way only is no error.
    assert_eq!(synthesize(&[(3e38, &[3e38]), (-3e38, &[3e38]), (1.0, &[5.0])]).unwrap(), [5.0]);

    let (two, one, huge) = (packed(&[1.0, 2.0]), packed(&[1.0]), packed(&[0.0, 3e38]));
    let nan = packed(&[f32::NAN, 0.0]);
    let fails = |rows: &[Row<'_>], expected: &str| {
        let text = by_name(rows, &[]).unwrap_err().to_string();
        assert!(text.contains(expected), "`{expected}` is not in {text}");
    };
    fn row(id: i64, coefficient: f64, payload: &[u8]) -> Row<'_> {
        (Some(id), None, Some(coefficient), Some(payload))
    }
    fails(
        &[row(9, 1.0, &two), row(4, 1.0, &one)],
        "column payload, row 1: atom 9 has 2 elements; expected 1, as atom 4 has",
    );
    fails(&[row(1, 1.0, &two), row(2, 1e10, &huge)], "the layer: element 1 would be 3");
    fails(&[row(2, 1.0, &two), row(1, 1.0, &nan)], "column payload, row 2: element 0 of atom 1 is NaN");
    fails(&[row(1, f64::INFINITY, &two)], "column coefficient, row 1: inf");
    fails(&[(Some(1), None, None, Some(&two))], "column coefficient, row 1: NULL");
    fails(&[(None, None, Some(1.0), Some(&two))], "column atom_id, row 1: NULL");
    fails(&[row(3, 1.0, &two), (Some(1), None, Some(1.0), None)], "column payload, row 2: NULL");
    fails(&[row(1, 1.0, &two[..7])], "7 bytes");
    let chunk = |chunk, coefficient, payload| (Some(1), Some(chunk), Some(coefficient), Some(payload));
    fails(
        &[chunk(0, 1.0, &one[..]), chunk(0, 1.0, &one)],
        "column chunk, row 2: chunk 0, which row 1 holds too",
    );
    fails(
        &[chunk(0, 1.0, &one[..]), chunk(1, 2.0, &one)],
        "column coefficient, row 2: 2; expected 1 as in row 1, for atom 1",
    );
}
