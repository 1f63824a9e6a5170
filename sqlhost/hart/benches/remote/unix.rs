//! Rows of a server: `hart run` over a query, beside a loop of the client alone that throws the rows away. The server is the one of
//! the tests, in this process; what it costs is in both.

#[path = "../../tests/it/tds/mod.rs"]
mod tds;

use std::path::Path;
use std::process::Command;

use criterion::{Criterion, Throughput, criterion_group};
use futures_util::TryStreamExt;
use nix::sys::resource::{UsageWho, getrusage};
use tds::{Answer, Cell, Server, Type};
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, QueryItem};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt;

/// Rows and bytes of a vector.
const SHAPES: [(usize, usize); 3] = [(300_000, 16), (100_000, 1536), (300, 1 << 20)];

fn hart(folder: &Path, port: u16, query: &str) -> usize {
    let output = folder.join("norms.csv");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
    command.env_clear().env("HART_PASSWORD", "secret").args([
        "run",
        "vector_norm",
        "--in-process",
        "--query",
        query,
    ]);
    command.args([
        "--server",
        &format!("localhost,{port}"),
        "--database",
        "db",
        "--user",
        "sa",
        "--encrypt",
        "strict",
    ]);
    command.arg("--ca-certificate").arg(folder.join("ca.pem")).arg("--output").arg(&output);
    assert!(command.status().unwrap().success());
    std::fs::read(output).unwrap().iter().filter(|b| **b == b'\n').count() - 1
}

fn plain(folder: &Path, port: u16, query: &str) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut config = Config::new();
        config.host("localhost");
        config.port(port);
        config.authentication(AuthMethod::sql_server("sa", "secret"));
        config.encryption(EncryptionLevel::Strict);
        config.trust_cert_ca_bundle(std::fs::read(folder.join("ca.pem")).unwrap());
        let tcp = TcpStream::connect(config.get_addr()).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut client = Client::connect(config, tcp.compat_write()).await.unwrap();
        let mut stream = client.simple_query(query).await.unwrap();
        let mut rows = 0;
        while let Some(item) = stream.try_next().await.unwrap() {
            rows += usize::from(matches!(item, QueryItem::Row(_)));
        }
        rows
    })
}

fn remote(criterion: &mut Criterion) {
    // Only whether it works.
    let part = if std::env::args().any(|argument| argument == "--test") { 100 } else { 1 };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start(&folder.join("ca.pem"), move |sql| {
        let Ok(shape) = sql.parse::<usize>() else { return Answer::Done };
        let (rows, bytes) = SHAPES[shape];
        let row = vec![Cell::Int(7), Cell::Bytes(vec![0; bytes])];
        Answer::Repeat(vec![("id", Type::BigInt), ("v", Type::LongBytes)], row, rows / part)
    });
    for (shape, (rows, bytes)) in SHAPES.into_iter().enumerate() {
        let (rows, query) = (rows / part, shape.to_string());
        assert_eq!(hart(folder, server.port, &query), rows);
        // Of all so far, so the shapes are in the order of their needs.
        let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() / 1024;
        eprintln!("hart at {rows} rows of {bytes} bytes: at most {peak} MiB of memory");
        assert_eq!(plain(folder, server.port, &query), rows);
        for (unit, throughput) in
            [("rows", Throughput::Elements(rows as u64)), ("bytes", Throughput::Bytes((rows * bytes) as u64))]
        {
            let mut group =
                criterion.benchmark_group(format!("remote, {rows} rows of {bytes} bytes, {unit}"));
            group.sample_size(10).throughput(throughput);
            group.bench_function("hart run", |b| b.iter(|| hart(folder, server.port, &query)));
            group.bench_function("rows thrown away", |b| b.iter(|| plain(folder, server.port, &query)));
            group.finish();
        }
    }
}

criterion_group!(benches, remote);
