//! Calls of the C library from C, C# and Python, beside the crate's own: one dot product of 1998 dimensions, and batches of
//! 0.3 to 160 MB.
//!
//! C# needs Mono's compiler, and runs on Mono and on .NET. `HART_BENCH_PYTHON` names a Python that has NumPy. What is missing is
//! left out, with a notice.
#![allow(missing_docs)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use hart_benches::peer::Peer;
use hart_kernels::vector::{self, batch};

const N: usize = 1998;
const ROWS: usize = 20_000;
/// Copies of the rows, in as many processes of each caller, which take turns: how fast 160 MB are read depends on where the
/// system has put them, by up to a fifth.
const PLACES: usize = 5;

fn bindings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ffi")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(name)
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The programs that can be run here, by their names.
fn peers(folder: &Path) -> Vec<(&'static str, Vec<Peer>)> {
    let start = |command: &mut Command| (0..PLACES).map(|_| Peer::start(command, &[])).collect();
    // The library lies beside this program.
    let program = std::env::current_exe().unwrap();
    let library = program.parent().unwrap();
    let mut out = Vec::new();
    let compiled = folder.join("c_calls");
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-o"])
        .arg(&compiled)
        .arg(script("c_calls.c"))
        .arg(format!("-I{}", bindings().join("include").display()));
    cc.arg(format!("-L{}", library.display())).arg("-lhart_native");
    assert!(succeeds(&mut cc), "{cc:?}");
    out.push(("C", start(Command::new(compiled).env("LD_LIBRARY_PATH", library))));
    let compiled = folder.join("calls.exe");
    let sources =
        std::fs::read_dir(bindings().join("bindings/dotnet/src")).unwrap().map(|entry| entry.unwrap().path());
    let mut mcs = Command::new("mcs");
    mcs.args(["-unsafe", "-optimize", "-langversion:latest"])
        .arg(format!("-out:{}", compiled.display()))
        .args(sources)
        .arg(script("Calls.cs"));
    if Command::new("mcs").arg("--version").output().is_ok() {
        assert!(succeeds(&mut mcs), "{mcs:?}");
        let mut mono = Command::new("mono");
        out.push(("C# (Mono)", start(mono.arg(&compiled).env("LD_LIBRARY_PATH", library))));
        if succeeds(Command::new("dotnet").arg("--list-runtimes")) {
            let settings = bindings().join("bindings/dotnet/tests/runtimeconfig.json");
            std::fs::copy(settings, compiled.with_extension("runtimeconfig.json")).unwrap();
            let mut dotnet = Command::new("dotnet");
            out.push(("C# (.NET)", start(dotnet.arg(&compiled).env("LD_LIBRARY_PATH", library))));
        } else {
            println!("NOTICE: .NET is not installed; it is left out");
        }
    } else {
        println!("NOTICE: Mono is not installed; C# is left out");
    }
    match std::env::var_os("HART_BENCH_PYTHON") {
        Some(python) => {
            let mut command = Command::new(python);
            command.arg(script("calls.py")).env("PYTHONPATH", bindings().join("bindings/python/src"));
            command.env("HART_NATIVE_LIBRARY", library.join("libhart_native.so"));
            out.push(("Python", start(&mut command)));
        }
        None => println!("NOTICE: HART_BENCH_PYTHON is not set; Python is left out"),
    }
    out
}

fn calls(c: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("hart-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut peers = peers(&folder);
    let rows: Vec<f32> = (0..N * ROWS).map(|i| ((i * 37 % 1009) as f32 - 504.0) / 64.0).collect();
    let places = vec![rows; PLACES];
    let (a, b) = (&places[0][..N], &places[0][N..2 * N]);
    let bits = format!("{:016x}", vector::dot_product(a, b).unwrap().to_bits());
    for (name, peers) in &mut peers {
        peers.iter_mut().for_each(|peer| assert_eq!(peer.line(), bits, "{name}"));
    }
    let mut group = c.benchmark_group("C library, dot product of 1998 dimensions");
    for (name, peers) in &mut peers {
        // Each caller next to the crate, because a shared machine's speed drifts.
        group.bench_function(BenchmarkId::new("hart", *name), |bench| {
            bench.iter(|| vector::dot_product(black_box(a), black_box(b)).unwrap())
        });
        group.bench_function(BenchmarkId::new("caller", *name), |bench| {
            bench.iter_custom(|times| peers[0].run(&format!("{times} 0")))
        });
    }
    group.finish();
    let mut out = vec![0.0; ROWS];
    for count in [40, 125, 1000, ROWS] {
        let mut group = c.benchmark_group(format!("C library, one query × {count} × 1998, cosine"));
        group.sample_size(20);
        let out = &mut out[..count];
        for (name, peers) in &mut peers {
            let mut turn = (0..PLACES).cycle();
            let mut place = || turn.next().unwrap_or_default();
            group.bench_function(BenchmarkId::new("hart", *name), |bench| {
                bench.iter_custom(|times| {
                    let rows = &places[place()];
                    let start = Instant::now();
                    for _ in 0..times {
                        let (rows, query) = (black_box(&rows[..N * count]), black_box(&rows[..N]));
                        batch::cosine_similarity(rows, query, N, out).unwrap();
                    }
                    start.elapsed()
                });
            });
            group.bench_function(BenchmarkId::new("caller", *name), |bench| {
                bench.iter_custom(|times| peers[place()].run(&format!("{times} {count}")));
            });
        }
        group.finish();
    }
    std::fs::remove_dir_all(folder).unwrap();
}

criterion_group!(benches, calls);
criterion_main!(benches);
