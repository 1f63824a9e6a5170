//! The generated files are those that the sources give, and the exported symbols are those of the snapshot.

mod common;
#[path = "../examples/generate/files/mod.rs"]
mod files;

use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn generated_files_are_current() {
    for (path, text) in files::ALL {
        let found =
            std::fs::read_to_string(files::root().join(path)).unwrap_or_default().replace("\r\n", "\n");
        assert!(
            found == text(),
            "ffi/{path} differs; `cargo run -p hart-ffi --example generate` writes it anew"
        );
    }
}

#[test]
fn only_the_symbols_of_the_snapshot_are_exported() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let folder = common::library_folder();
    let listing = common::run(
        Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(common::library(&folder)),
    );
    let exported: BTreeSet<&str> = listing.lines().filter_map(|line| line.split(' ').next()).collect();
    let snapshot = std::fs::read_to_string(common::root().join("tests/symbols.txt")).unwrap();
    let expected: BTreeSet<&str> = snapshot.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(exported.iter().all(|name| name.starts_with("hart_")), "{exported:?}");
    let gone: Vec<_> = expected.difference(&exported).collect();
    assert!(gone.is_empty(), "no longer exported, which breaks programs that call them: {gone:?}");
    let new: Vec<_> = exported.difference(&expected).collect();
    assert!(new.is_empty(), "new: add to tests/symbols.txt and raise HART_ABI_VERSION: {new:?}");
}

#[test]
fn the_header_declares_every_exported_function() {
    let header = std::fs::read_to_string(common::root().join("include/hart.h")).unwrap();
    let snapshot = std::fs::read_to_string(common::root().join("tests/symbols.txt")).unwrap();
    for name in snapshot.lines().filter(|line| !line.starts_with('#')) {
        assert!(header.contains(&format!(" {name}(")) || header.contains(&format!("*{name}(")), "{name}");
    }
}

#[test]
fn versions_agree() {
    let version = env!("CARGO_PKG_VERSION");
    for (path, line) in [
        ("cmake/HartNativeConfigVersion.cmake", format!("set(PACKAGE_VERSION \"{version}\")")),
        ("pkgconfig/hart_native.pc", format!("Version: {version}")),
        ("bindings/python/pyproject.toml", format!("version = \"{version}\"")),
        ("bindings/dotnet/Hart.Native.csproj", format!("<Version>{version}</Version>")),
    ] {
        let text = std::fs::read_to_string(common::root().join(path)).unwrap();
        assert!(text.contains(&line), "ffi/{path} lacks `{line}`");
    }
}
