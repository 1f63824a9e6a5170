//! Traces of the command's steps, where it was built with them (`--features otlp`).

use std::io::{Read, Write};
use std::process::Command;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/packages.parquet");

/// A collector of traces on this machine: gets one request and answers it.
fn collector(answer: &'static str) -> (String, std::thread::JoinHandle<Vec<u8>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let got = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut part = [0; 4096];
        loop {
            let n = stream.read(&mut part).unwrap();
            request.extend_from_slice(&part[..n]);
            let Some(head) = request.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
            let length =
                text.lines().find_map(|l| l.strip_prefix("content-length: ")).map(|l| l.parse().unwrap());
            if request.len() >= head + 4 + length.unwrap_or(0) || n == 0 {
                break;
            }
        }
        stream
            .write_all(
                format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes(),
            )
            .unwrap();
        request
    });
    (address, got)
}

#[test]
fn traces_go_to_a_collector_on_demand() {
    let run = |endpoint: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_hart"))
            .args(["run", "vector_norm", "--in-process", "--format", "csv", "--input", DATA])
            .args(["--bind", "id=atom_id", "--bind", "v=embedding"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .env("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (output.stdout, String::from_utf8(output.stderr).unwrap())
    };
    let (address, got) = collector("200 OK");
    let (answers, complaint) = run(&address);
    assert_eq!(complaint, "");
    let request = got.join().unwrap();
    assert!(request.starts_with(b"POST /v1/traces HTTP/1.1\r\n"));
    // Names and attributes stand in the message as they are.
    for part in ["hart", "command", "kernel", "vector_norm", "service.name"] {
        assert!(request.windows(part.len()).any(|w| w == part.as_bytes()), "{part}");
    }
    // What cannot be sent is told, and changes nothing else.
    let (address, got) = collector("403 Forbidden");
    let (again, complaint) = run(&address);
    got.join().unwrap();
    assert!(complaint.contains("403"), "{complaint}");
    assert_eq!(again, answers);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (again, complaint) = run(&format!("http://{nobody}"));
    assert!(!complaint.is_empty());
    assert_eq!(again, answers);
}

/// A collector that takes what it is sent and says nothing until the command has ended.
#[test]
fn a_collector_that_never_answers_does_not_hold_the_command() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (ended, wait) = std::sync::mpsc::channel();
    let collector = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        wait.recv().unwrap();
        drop(stream);
    });
    let output = Command::new(env!("CARGO_BIN_EXE_hart"))
        .args(["run", "vector_norm", "--in-process", "--format", "csv", "--input", DATA])
        .args(["--bind", "id=atom_id", "--bind", "v=embedding"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        .output()
        .unwrap();
    ended.send(()).unwrap();
    collector.join().unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !output.stdout.is_empty(), "{complaint}");
    assert!(complaint.contains("traces were not sent") && complaint.contains("1s"), "{complaint}");
}
