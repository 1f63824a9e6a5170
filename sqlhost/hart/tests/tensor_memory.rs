//! How much memory `hart tensor` takes. One test, for the system tells the largest peak of all children of this process.
#![cfg(unix)]

#[path = "it/common/models.rs"]
mod models;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

use models::{singles, weights};
use nix::sys::resource::{UsageWho, getrusage};

/// Rows and columns of the matrices. Few rows, so that factoring them takes no time.
const SHAPE: [usize; 2] = [8, 16384];

/// A model of so many matrices, written a row at a time: what this process takes counts for its children too.
fn model(path: &Path, matrices: usize, [rows, columns]: [usize; 2]) {
    let bytes = rows * columns * 4;
    let entry = |n: usize| {
        let (start, end) = (n * bytes, (n + 1) * bytes);
        format!(r#""layer.{n}":{{"dtype":"F32","shape":[{rows},{columns}],"data_offsets":[{start},{end}]}}"#)
    };
    let header = format!("{{{}}}", (0..matrices).map(entry).collect::<Vec<_>>().join(","));
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(&models::safetensors(&header, &[])).unwrap();
    for row in 0..matrices * rows {
        file.write_all(&singles(&weights(row as u64, columns))).unwrap();
    }
    file.flush().unwrap();
}

/// Runs the command and returns the largest peak of memory of any so far, in MiB.
fn peak(arguments: &[&str]) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
    let output = command.args(arguments).args(["--threads", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() as f64;
    // Kilobytes, but for macOS.
    if cfg!(target_os = "macos") { peak / 1048576.0 } else { peak / 1024.0 }
}

#[test]
fn memory_follows_the_largest_tensor_not_their_number() {
    let folder = tempfile::tempdir().unwrap();
    let text = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (few, many, large) = (text("few"), text("many"), text("large"));
    model(few.as_ref(), 4, SHAPE);
    model(many.as_ref(), 120, SHAPE);
    let size = |path: &str| std::fs::metadata(path).unwrap().len() as f64 / 1048576.0;
    let more = size(&many) - size(&few);
    assert!(more > 50.0, "{more}");

    // Every command with few tensors first: the peaks can only rise from here on.
    let mut base = 0.0;
    for (name, path) in [("few", &few), ("many", &many)] {
        let (atoms, back) = (text(&format!("{name}.atoms")), text(&format!("{name}.safetensors")));
        peak(&["tensor", "inspect", path, "--statistics"]);
        peak(&["tensor", "atomize", path, "--rank", "all", "--output", &atoms]);
        peak(&["tensor", "synthesize", &atoms, "--output", &back]);
        let found = peak(&["tensor", "compare", path, &back]);
        if name == "few" {
            base = found;
        } else {
            assert!(
                found < base + more / 4.0,
                "{base} MiB for {} MiB, {found} for {}",
                size(&few),
                size(path)
            );
        }
    }
    // A low rank by the randomized method takes some 12 bytes an element beside what the command itself does: the elements as singles
    // and as doubles. The measure does see them.
    let (rows, columns) = (2500, 3000);
    model(large.as_ref(), 1, [rows, columns]);
    let low = ["--rank", "1", "--method", "randomized"];
    let found = peak(&[&["tensor", "atomize", &large, "--output", &text("large.atoms")][..], &low].concat());
    let working_set = (12 * rows * columns) as f64 / 1048576.0;
    assert!(found > working_set, "{found} MiB; the working set is {working_set}");
    assert!(found < base + 1.2 * working_set, "{base} MiB, then {found}; the working set is {working_set}");
}
