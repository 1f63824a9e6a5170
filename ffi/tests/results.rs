//! The file of results from the crate itself: what the C interface gives, bit for bit, is what a Rust program gets.

mod common;

use std::fmt::Write;

use hart_kernels::spatial::curve::{Grid, Outside};
use hart_kernels::spatial::geometry::SpatialType;
use hart_kernels::spatial::geometry::points::{Points, encode};
use hart_kernels::spatial::hilbert;
use hart_kernels::spatial::{Basis, project};
use hart_kernels::tensor::quant::{PayloadType, decode};
use hart_kernels::vector::batch::{self, canonical, canonical_number};
use hart_kernels::vector::{self, top_k};
use hart_kernels::{Accumulate, Compute, Error, Metric, Vectors, registry};

/// FNV-1a over the bytes of numbers.
fn hash<const N: usize>(numbers: impl IntoIterator<Item = [u8; N]>) -> u64 {
    let step = |h: u64, byte: u8| (h ^ u64::from(byte)).wrapping_mul(1_099_511_628_211);
    numbers.into_iter().flatten().fold(14_695_981_039_346_656_037, step)
}

fn singles(numbers: &[f32]) -> u64 {
    hash(numbers.iter().map(|v| v.to_le_bytes()))
}

/// Number `i` of a seed, as in `check.h`.
fn mixed(seed: u32, i: usize) -> u32 {
    let x = (i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed * 40_503 + 12_345);
    let x = (x ^ x >> 15).wrapping_mul(2_246_822_519);
    x ^ x >> 13
}

fn value(seed: u32, i: usize) -> f32 {
    ((mixed(seed, i) >> 8) as i32 - 8_388_608) as f32 / 1_048_576.0
}

fn vector(seed: u32, n: usize) -> Vec<f32> {
    (0..n).map(|i| value(seed, i)).collect()
}

const METRICS: [(&str, Metric); 4] = [
    ("cosine", Metric::Cosine),
    ("euclidean", Metric::Euclidean),
    ("dot", Metric::Dot),
    ("manhattan", Metric::Manhattan),
];

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, name: &str, n: usize, result: u64) {
        writeln!(self.0, "{name} {n} {result:016x}").unwrap();
    }

    fn number(&mut self, name: &str, n: usize, result: f64) {
        self.line(name, n, canonical_number(result).to_bits());
    }

    fn numbers(&mut self, name: &str, n: usize, results: &[f64]) {
        self.line(name, n, hash(results.iter().map(|v| v.to_le_bytes())));
    }

    fn vector(&mut self, name: &str, n: usize, mut result: Vec<f32>) {
        canonical(&mut result);
        self.line(name, n, singles(&result));
    }

    fn pair(&mut self, a: &[f32], b: &[f32]) -> Result<(), Error> {
        let n = a.len();
        self.number("dot_product", n, vector::dot_product(a, b)?);
        self.number("cosine_similarity", n, vector::cosine_similarity(a, b)?);
        self.number("euclidean_distance", n, vector::euclidean_distance(a, b)?);
        for (name, metric) in METRICS {
            self.number(name, n, vector::distance(metric, a, b)?);
        }
        self.number("norm", n, vector::norm(a));
        self.line("arg_max", n, vector::arg_max(a).map_or(u64::MAX, |i| i as u64));
        self.vector("add", n, vector::add(a, b)?);
        self.vector("subtract", n, vector::subtract(a, b)?);
        self.vector("scale", n, vector::scale(a, 1.5));
        self.vector("lerp", n, vector::lerp(a, b, 0.25)?);
        self.vector("normalize", n, vector::normalize(a));
        self.vector("softmax", n, vector::softmax(a));
        Ok(())
    }

    fn pairs(&mut self) -> Result<(), Error> {
        for n in [0, 1, 2, 31, 32, 33, 64, 384, 1000, 1998] {
            self.pair(&vector(1, n), &vector(2, n))?;
        }
        // A NaN with a sign and a payload.
        let mut a = vector(1, 35);
        a[1] = f32::from_bits(0xffc0_0001);
        self.pair(&a, &vector(2, 35))
    }

    fn batches(&mut self, rows: usize, n: usize) -> Result<(), Error> {
        let (a, b) = (vector(3, rows * n), vector(4, rows * n));
        let (mut numbers, mut out) = (vec![0.0; rows], vec![0.0; rows * n]);
        batch::dot_product(&a, &b, n, &mut numbers)?;
        self.numbers("dot_product_batch", rows, &numbers);
        batch::cosine_similarity(&a, &b[..n], n, &mut numbers)?;
        self.numbers("cosine_similarity_batch", rows, &numbers);
        batch::norm(&a, n, &mut numbers)?;
        self.numbers("norm_batch", rows, &numbers);
        batch::add(&a, &b, n, &mut out)?;
        self.line("add_batch", rows, singles(&out));
        batch::softmax(&a, n, &mut out)?;
        self.line("softmax_batch", rows, singles(&out));
        Ok(())
    }

    fn searches(&mut self, rows: usize, n: usize) -> Result<(), Error> {
        let (a, q) = (vector(5, rows * n), vector(6, 3 * n));
        let ids: Vec<i64> = (0..rows as i64).map(|i| i * 7 % 1009).collect();
        let (matrix, queries) = (Vectors::matrix(&a, n)?, Vectors::matrix(&q, n)?);
        for (_, metric) in METRICS {
            let hits: Vec<_> = top_k(&matrix, &ids, &queries, 4, metric)?.into_iter().flatten().collect();
            for (i, hit) in hits.iter().enumerate() {
                self.line("top_k_id", i, hit.id as u64);
                self.line("top_k_row", i, hit.row as u64);
                self.number("top_k_distance", i, hit.distance);
            }
            // An index that was made once finds the same.
            self.number("index_top_k", hits.len(), hits[hits.len() - 1].distance);
        }
        Ok(())
    }

    fn payloads(&mut self) -> Result<(), Error> {
        for name in ["f16", "q8_0", "q4_0", "q5_1", "q4_k", "q6_k"] {
            let payload_type = PayloadType::parse(name)?;
            let bytes = payload_type.block_bytes() * 300;
            let payload: Vec<u8> = (0..bytes).map(|i| (mixed(7, i) >> 24) as u8).collect();
            let out = decode(payload_type, &payload)?;
            self.vector(name, out.len(), out);
        }
        Ok(())
    }

    fn spaces(&mut self) -> Result<(), Error> {
        const N: usize = 500;
        let [x, y, z] = [10, 11, 12].map(|seed| (0..N).map(|i| value(seed, i).into()).collect::<Vec<f64>>());
        let grid = Grid::new([-8.0; 3], [8.0; 3], 21, Outside::Error)?;
        let keys = hilbert::keys(&grid, &x, &y, &z)?;
        self.line("hilbert", N, hash(keys.iter().map(|key| key.to_le_bytes())));
        let points = Points { x: &x, y: &y, z: Some(&z), m: None };
        let mut bytes = vec![0; N * points.stride()];
        encode(points, 4326, SpatialType::Geometry, &mut bytes)?;
        self.line("encode_points", N, hash(bytes.iter().map(|byte| [*byte])));
        Ok(())
    }

    fn projections(&mut self, axes: usize) -> Result<(), Error> {
        const N: usize = 384;
        let rows = vector(13, 70 * N);
        let rows = Vectors::matrix(&rows, N)?;
        let compute = Compute::new().accumulate(Accumulate::F64);
        let basis = Basis::random(N, axes, 5)?.measured(compute, &rows, false)?;
        self.line("basis", axes, hash(basis.to_bytes().iter().map(|byte| [*byte])));
        self.numbers("project", axes, project(&basis, &rows, false)?.coordinates());
        Ok(())
    }

    fn invokes(&mut self) -> Result<(), Error> {
        const ROWS: usize = 11;
        const N: usize = 50;
        let (a, b) = (vector(8, ROWS * N), vector(9, ROWS * N));
        let ids: Vec<i64> = (0..ROWS as i64).map(|i| 100 - i).collect();
        for (i, (a, b)) in a.chunks(N).zip(b.chunks(N)).enumerate() {
            self.line("invoke_id", i, ids[i] as u64);
            match i {
                4 => self.line("invoke_null", i, 0),
                _ => self.number("invoke_cosine_similarity", i, vector::cosine_similarity(a, b)?),
            }
        }
        let (matrix, query) = (Vectors::matrix(&a, N)?, Vectors::matrix(&b[..N], N)?);
        for (i, hit) in top_k(&matrix, &ids, &query, 3, Metric::Dot)?.into_iter().flatten().enumerate() {
            self.line("invoke_top_k_id", i, hit.id as u64);
            self.number("invoke_top_k_distance", i, hit.distance);
        }
        writeln!(self.0, "{}", registry::find("vector_nrom").unwrap_err()).unwrap();
        Ok(())
    }
}

#[test]
fn the_crate_gives_the_same_bits() {
    let mut lines = Lines::default();
    lines.pairs().unwrap();
    lines.batches(1000, 96).unwrap();
    lines.batches(6000, 384).unwrap();
    lines.searches(3000, 100).unwrap();
    lines.payloads().unwrap();
    lines.spaces().unwrap();
    lines.projections(3).unwrap();
    lines.projections(40).unwrap();
    lines.invokes().unwrap();
    let expected = std::fs::read_to_string(common::root().join("tests/results.txt")).unwrap();
    for (line, (found, expected)) in lines.0.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {}", line + 1);
    }
    assert_eq!(lines.0.len(), expected.len());
}
