//! Writes the generated files of the C library anew and adds what is new to the snapshots of its interface; `.ci/generate` runs it.

mod files;

use std::collections::BTreeSet;
use std::fs;

use files::{interface, root};

fn main() {
    for (path, text) in files::ALL {
        let (path, text) = (root().join(path), text());
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        fs::write(&path, text).expect("the file can be written");
        println!("{}", path.display());
    }
    for path in add_new(hart_native::abi::HART_ABI_VERSION) {
        println!("{}", root().join(path).display());
    }
}

/// Adds what is new to both snapshots, with that version of the interface. Nothing is changed or removed: what programs rely on
/// stays, and a test compares the snapshots with the sources. Returns the files that have grown.
fn add_new(version: u32) -> Vec<&'static str> {
    let lines = interface::lines();
    let symbols = lines
        .iter()
        .filter_map(|line| line.strip_prefix("fn ")?.split_once('('))
        .map(|(name, _)| name.to_string());
    let grown = |path: &'static str, prefix: String, wanted: BTreeSet<String>| {
        let file = root().join(path);
        let mut text = fs::read_to_string(&file).expect("the snapshot can be read");
        let known: BTreeSet<&str> = text
            .lines()
            .map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' '))
            .collect();
        let new: String = wanted
            .iter()
            .filter(|line| !known.contains(line.as_str()))
            .map(|line| format!("{prefix}{line}\n"))
            .collect();
        text.push_str(&new);
        fs::write(&file, text).expect("the snapshot can be written");
        (!new.is_empty()).then_some(path)
    };
    let symbols = grown("tests/symbols.txt", String::new(), symbols.collect());
    [symbols, grown("tests/abi.txt", format!("{version} "), lines)].into_iter().flatten().collect()
}
