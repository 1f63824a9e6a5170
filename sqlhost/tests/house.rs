//! Rules of the house that a compiler does not hold.

#[path = "../../kernels/tests/it/common/imports.rs"]
mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The only files that may contain unsafe code. A test that plays host is a border too.
const UNSAFE: &[&str] = &[
    "ffi/direct/src/lib.rs",
    "ffi/src/abi.rs",
    "ffi/src/arrow.rs",
    "ffi/src/arrow_export.rs",
    "ffi/src/arrow_tree.rs",
    "ffi/src/exports/invoke.rs",
    "ffi/src/exports/library.rs",
    "ffi/src/exports/search.rs",
    "ffi/src/exports/spatial.rs",
    "ffi/src/exports/tensor.rs",
    "ffi/src/raw.rs",
    "ffi/src/typed.rs",
    "ffi/tests/arrow.rs",
    "fuzz/fuzz_targets/invoke.rs",
    "kernels/src/arch/avx2.rs",
    "kernels/src/arch/avx512.rs",
    "kernels/src/arch/neon.rs",
    "kernels/src/arch/pages.rs",
    "kernels/src/arch/scalar.rs",
    "kernels/src/arch/windows.rs",
    "sqlhost/hart/src/model/map.rs",
    "sqlhost/src/exports.rs",
    "sqlhost/src/local.rs",
    "sqlhost/src/raw.rs",
    "sqlhost/src/sys.rs",
    "sqlhost/tests/abi_misuse.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Source files by their path from the root, with `/`.
fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut files = Vec::new();
    for folder in ["kernels", "sqlhost", "ffi", "benches", "fuzz"] {
        rust_files(&root.join(folder), &mut files);
    }
    assert!(files.len() > 40, "found {} files", files.len());
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn unsafe_code_is_where_it_may_be() {
    let word = |line: &str| {
        // Outside of string literals, as far as one line can tell, and before a comment.
        let code: String = line.replace("\\\"", "").split('"').step_by(2).collect::<Vec<_>>().join(" ");
        let code = code.split("//").next().unwrap_or("");
        code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "unsafe")
    };
    let found: BTreeSet<String> =
        sources().into_iter().filter(|(_, text)| text.lines().any(word)).map(|(name, _)| name).collect();
    let allowed: BTreeSet<String> = UNSAFE.iter().map(ToString::to_string).collect();
    assert_eq!(found, allowed, "files with unsafe code, against the list");
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    for member in ["kernels", "sqlhost", "sqlhost/hart", "ffi", "benches"] {
        let manifest = std::fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member}/Cargo.toml");
    }
}

#[test]
fn files_stay_readable() {
    // What is generated is not read.
    for (name, text) in sources().into_iter().filter(|(name, _)| name != "ffi/src/typed.rs") {
        assert!(text.lines().count() <= 650, "{name} has {} lines", text.lines().count());
    }
}

/// As in the kernels, whose test also says which room may import which.
#[test]
fn files_import_each_other_in_no_circle() {
    for (folder, least) in [("sqlhost/src", 20), ("sqlhost/hart/src", 150)] {
        let mut files = BTreeMap::new();
        imports::sources(&root().join(folder), "", &mut files);
        let imports = imports::imports(&files);
        let count: usize = imports.values().map(BTreeSet::len).sum();
        assert!(count >= least, "{folder}: {count} imports were found");
        let circle = imports::circle(&imports).map(|files| files.join(" -> "));
        assert_eq!(circle, None, "{folder}: files import each other in a circle");
    }
}
