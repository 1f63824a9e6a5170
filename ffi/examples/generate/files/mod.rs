//! The generated files: their paths from `ffi/` and their text.

mod codes;
mod csharp;
mod csharp_vectors;
mod header;
pub mod interface;
mod python;
mod typed;

use std::path::{Path, PathBuf};

/// The folder `ffi/`.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Rust sources that export functions, in the order of the header.
pub const EXPORTS: &[&str] = &[
    "src/exports/library.rs",
    "src/typed.rs",
    "src/exports/search.rs",
    "src/exports/spatial.rs",
    "src/exports/tensor.rs",
    "src/exports/invoke.rs",
];
/// Rust sources with structures and constants.
pub const TYPES: &[&str] = &["src/abi.rs", "src/codes.rs"];

/// A path from `ffi/`, and what makes the file's text.
pub type Generated = (&'static str, fn() -> String);

/// All generated files and what makes their text, the sources first: the others are made from those.
pub const ALL: &[Generated] = &[
    ("src/codes.rs", codes::text),
    ("src/typed.rs", typed::text),
    ("include/hart.h", header::text),
    ("bindings/dotnet/src/NativeMethods.g.cs", csharp::text),
    ("bindings/dotnet/src/Vectors.g.cs", csharp_vectors::text),
    ("bindings/python/src/hart_native/_native.py", python::text),
];

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).replace("\r\n", "\n")
}

pub fn parse(path: &Path) -> syn::File {
    syn::parse_file(&read(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Formats Rust code as the workspace does.
fn rustfmt(code: &str) -> String {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new("rustfmt")
        .args(["--emit", "stdout", "--quiet"])
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("rustfmt, which the toolchain file names, can be run");
    child.stdin.take().expect("it is piped").write_all(code.as_bytes()).expect("rustfmt reads");
    let output = child.wait_with_output().expect("rustfmt ends");
    assert!(output.status.success(), "rustfmt failed");
    String::from_utf8(output.stdout).expect("code is UTF-8")
}
