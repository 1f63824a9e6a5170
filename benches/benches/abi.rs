//! What the external language costs: a kernel through the library's C functions, beside the same kernel called directly on the
//! same memory; and the start of the library.
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use hart_benches::{data, limit};
use hart_kernels::registry::{self, Call, Input, Params, Values};
use hart_kernels::{Compute, Element, Vectors};
use hart_sqlhost::columns::{CType, Field, LARGE_OBJECT};
use hart_sqlhost::local::{Extension, HostColumn, LentChunk, find_library};

const DIMENSIONS: usize = 1998;

fn extension(threads: usize) -> Extension {
    let program = std::env::current_exe().unwrap();
    let library = find_library(program.parent().unwrap()).unwrap();
    Extension::load(&library, &format!("threads={threads}")).unwrap()
}

fn fields(names: &[&str]) -> Vec<Field> {
    let field = |(n, name): (usize, &&str)| {
        let ctype = if n == 0 { CType::BigInt } else { CType::Binary };
        let size = if n == 0 { 8 } else { LARGE_OBJECT };
        Field { name: name.to_string(), ctype, size, digits: 0, partition: false }
    };
    names.iter().enumerate().map(field).collect()
}

fn vectors(seed: u64, rows: usize, dimensions: usize) -> HostColumn {
    let bytes = data::singles(seed, rows * dimensions).iter().flat_map(|v| v.to_le_bytes()).collect();
    HostColumn { ctype: CType::Binary, bytes, indicators: vec![dimensions as i32 * 4; rows] }
}

fn ids(rows: usize) -> HostColumn {
    let bytes = (0..rows as i64).flat_map(i64::to_le_bytes).collect();
    HostColumn { ctype: CType::BigInt, bytes, indicators: vec![8; rows] }
}

fn through_the_abi(c: &mut Criterion) {
    let rows = data::rows(100_000);
    let kernel = registry::find("vector_dot_product").unwrap();
    let mut lent = {
        let columns = [ids(rows), vectors(1, rows, DIMENSIONS), vectors(2, rows, DIMENSIONS)];
        LentChunk::new(rows, &columns, 0)
    };
    let mut group = c.benchmark_group("vector_dot_product through the ABI");
    group.sample_size(20).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
    group.throughput(Throughput::Bytes((rows * DIMENSIONS * 8) as u64));
    for threads in [1, 2] {
        let extension = extension(threads);
        let mut session = extension.open(kernel.name, fields(&["id", "a", "b"]), Vec::new()).unwrap();
        // The first chunk of a session asks for the schema; the measured calls are those that follow.
        session.execute(1, &[ids(1), vectors(3, 1, 8), vectors(3, 1, 8)]).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let lengths = vec![DIMENSIONS as i32 * 4; rows];
        let direct = |lent: &LentChunk| {
            let column = |n: usize| {
                let name = if n == 1 { "a" } else { "b" };
                Input::Vectors(Vectors::packed(name, Element::F32, lent.bytes(n), &lengths).unwrap())
            };
            let params = Params::bind(kernel, &[]).unwrap();
            let inputs = vec![Input::Id(None), column(1), column(2)];
            let call = Call::new(kernel, rows, inputs, params, Compute::new()).unwrap();
            pool.install(|| (kernel.run)(&call).unwrap())
        };
        let Values::Float(expected) = direct(&lent).columns.remove(0) else { panic!("no numbers") };
        session.execute_lent(&mut lent).unwrap();
        let result = session.results().unwrap();
        let found =
            result.columns[1].data.bytes().as_chunks::<8>().0.iter().map(|b| Some(f64::from_le_bytes(*b)));
        assert!(found.eq(expected), "the library and the kernel disagree");
        for turn in limit::TURNS {
            let label = |who: &str| BenchmarkId::new(format!("{who}{turn}"), format!("{threads} threads"));
            group.bench_function(label("direct"), |bench| bench.iter(|| direct(black_box(&lent))));
            group.bench_function(label("library"), |bench| {
                bench.iter(|| {
                    session.execute_lent(black_box(&mut lent)).unwrap();
                    session.results().unwrap().rows
                });
            });
        }
    }
    group.finish();
}

fn start(c: &mut Criterion) {
    let mut group = c.benchmark_group("start");
    group.bench_function("load, Init, one row, Cleanup", |bench| {
        bench.iter(|| {
            let extension = extension(2);
            let mut session = extension.open("vector_norm", fields(&["id", "v"]), Vec::new()).unwrap();
            session.execute(1, &[ids(1), vectors(1, 1, DIMENSIONS)]).unwrap().rows
        });
    });
    group.finish();
}

criterion_group!(benches, through_the_abi, start);
criterion_main!(benches);
