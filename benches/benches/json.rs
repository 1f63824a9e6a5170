//! Vectors as JSON text: SQL Server's fixed format and the shortest one, beside serde_json.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hart_benches::data;
use hart_kernels::text::parse_singles;

/// The single nearest to each number of the text, by the standard library.
fn expected(text: &str) -> Vec<f32> {
    text.trim_matches(['[', ']']).split(',').map(|number| number.parse().unwrap()).collect()
}

fn json(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse JSON");
    for dimensions in [384, 1998] {
        let values = data::singles(30, dimensions);
        for (format, text) in
            [("server's", data::server_json(&values)), ("shortest", data::shortest_json(&values))]
        {
            let label = format!("{dimensions}, {format} format");
            group.throughput(Throughput::Bytes(text.len() as u64));
            let expected = expected(&text);
            assert_eq!(parse_singles(text.as_bytes()).unwrap(), expected, "hart");
            group.bench_function(BenchmarkId::new("hart", &label), |bench| {
                bench.iter(|| parse_singles(black_box(text.as_bytes())));
            });
            // serde_json rounds to double precision first, which may be one step off in single precision.
            let peer: Vec<f32> = serde_json::from_slice(text.as_bytes()).unwrap();
            assert_eq!(peer.len(), expected.len(), "serde_json");
            for (got, expected) in peer.iter().zip(expected) {
                assert!(got.to_bits().abs_diff(expected.to_bits()) <= 1, "serde_json: {got} for {expected}");
            }
            group.bench_function(BenchmarkId::new("serde_json", &label), |bench| {
                bench.iter(|| serde_json::from_slice::<Vec<f32>>(black_box(text.as_bytes())));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, json);
criterion_main!(benches);
