//! Calls of the C library from C, C# and Python, beside the crate's own in the same process on the same memory: one dot product of
//! 1998 dimensions, and batches of 0.3 to 160 MB.
//!
//! C# needs Mono's compiler, and runs on Mono and on .NET. `HART_BENCH_PYTHON` names a Python that has NumPy. What is missing is
//! left out, with a notice.
#![allow(missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use hart_benches::peer::Peer;
use hart_kernels::vector;

const N: usize = 1998;
const ROWS: usize = 20_000;
/// Processes of each caller, which take turns: how fast 160 MB are read depends on where the system has put them, by up to a fifth.
const PLACES: usize = 3;

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
    // The libraries lie beside this program.
    let program = std::env::current_exe().unwrap();
    let library = program.parent().unwrap();
    let mut out = Vec::new();
    let compiled = folder.join("c_calls");
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-o"])
        .arg(&compiled)
        .arg(script("c_calls.c"))
        .arg(format!("-I{}", bindings().join("include").display()));
    cc.arg(format!("-L{}", library.display())).args(["-lhart_native", "-lhart_direct"]);
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
            command.env("HART_DIRECT_LIBRARY", library.join("libhart_direct.so"));
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
    let rows: Vec<f32> = (0..2 * N).map(|i| ((i * 37 % 1009) as f32 - 504.0) / 64.0).collect();
    let bits = format!("{:016x}", vector::dot_product(&rows[..N], &rows[N..]).unwrap().to_bits());
    for (name, peers) in &mut peers {
        peers.iter_mut().for_each(|peer| assert_eq!(peer.line(), bits, "{name}"));
    }
    for count in [0, 40, 125, 1000, ROWS] {
        let mut group = c.benchmark_group(match count {
            0 => "C library, dot product of 1998 dimensions".to_string(),
            count => format!("C library, one query × {count} × 1998, cosine"),
        });
        group
            .sample_size(20)
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(2));
        for (name, peers) in &mut peers {
            // Twice in turns, because a shared machine's speed drifts.
            for (calls, who) in [(0, "hart"), (1, "caller"), (0, "hart, again"), (1, "caller, again")] {
                let mut turn = (0..PLACES).cycle();
                group.bench_function(BenchmarkId::new(who, *name), |bench| {
                    bench.iter_custom(|times| {
                        peers[turn.next().unwrap_or_default()].run(&format!("{times} {count} {calls}"))
                    });
                });
            }
        }
        group.finish();
    }
    std::fs::remove_dir_all(folder).unwrap();
}

criterion_group!(benches, calls);
criterion_main!(benches);
