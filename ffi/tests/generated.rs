//! The generated files are those that the sources give, and the interface is that of the snapshots: its symbols, and what they mean.

mod common;
#[path = "../examples/generate/files/mod.rs"]
mod files;

use files::interface;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::Command;

#[test]
fn generated_files_are_current() {
    for (path, text) in files::ALL {
        let found =
            std::fs::read_to_string(files::root().join(path)).unwrap_or_default().replace("\r\n", "\n");
        assert!(found == text(), "ffi/{path} differs; `bash .ci/generate` writes it anew");
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
    assert!(new.is_empty(), "new; `bash .ci/generate` adds them to tests/symbols.txt: {new:?}");
}

/// Name and type of each field.
fn fields(item: &syn::ItemStruct) -> Vec<(String, String)> {
    item.fields.iter().map(|f| (f.ident.as_ref().unwrap().to_string(), interface::word(&f.ty))).collect()
}

/// What programs rely on, one line for each function, constant and field: signatures, values, and where a C compiler puts fields.
fn interface() -> BTreeSet<String> {
    let mut lines = interface::lines();
    let mut program = String::from("#include <stdio.h>\n#include \"hart.h\"\nint main(void)\n{\n");
    for item in files::TYPES.iter().flat_map(|path| files::parse(&files::root().join(path)).items) {
        let syn::Item::Struct(item) = item else { continue };
        if !matches!(item.vis, syn::Visibility::Public(_)) || fields(&item)[0].0 == "_opaque" {
            continue;
        }
        let name = item.ident.to_string();
        let fields = fields(&item);
        for (field, of) in &fields {
            let place = format!("offsetof(struct {name}, {field})");
            writeln!(program, "printf(\"field {name}.{field}: {of} at %zu\\n\", {place});").unwrap();
        }
        // What starts with its size may grow at its end.
        if fields[0].0 != "size" {
            writeln!(program, "printf(\"struct {name}: %zu bytes\\n\", sizeof(struct {name}));").unwrap();
        }
    }
    program.push_str("return 0;\n}\n");
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("layout.c"), folder.path().join("layout"));
    std::fs::write(&source, program).unwrap();
    let include = common::root().join("include");
    common::run(Command::new("cc").arg("-I").arg(include).arg(source).arg("-o").arg(&target));
    lines.extend(common::run(&mut Command::new(target)).lines().map(String::from));
    lines
}

#[test]
fn the_interface_is_that_of_the_snapshot() {
    if cfg!(target_os = "windows") || !cfg!(target_pointer_width = "64") {
        return;
    }
    let snapshot = std::fs::read_to_string(common::root().join("tests/abi.txt")).unwrap();
    // What each line says, and the version since which it does.
    let known: BTreeMap<&str, u32> = snapshot
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').expect("version and line"))
        .map(|(version, line)| (line, version.parse().expect("a version")))
        .collect();
    let found = interface();
    let gone: Vec<_> = known.keys().filter(|line| !found.contains(**line)).collect();
    assert!(gone.is_empty(), "changed or gone, which breaks programs: {gone:#?}");
    let version = hart_native::abi::HART_ABI_VERSION;
    let new: String = found
        .iter()
        .filter(|line| !known.contains_key(line.as_str()))
        .map(|line| format!("{version} {line}\n"))
        .collect();
    assert!(new.is_empty(), "new; `bash .ci/generate` adds them to tests/abi.txt:\n{new}");
    assert_eq!(known.values().max(), Some(&version), "HART_ABI_VERSION is that of the newest line");
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
        ("bindings/python/src/hart_native/__init__.py", format!("__version__ = \"{version}\"")),
        ("bindings/dotnet/Hart.Native.csproj", format!("<Version>{version}</Version>")),
    ] {
        let text = std::fs::read_to_string(common::root().join(path)).unwrap();
        assert!(text.contains(&line), "ffi/{path} lacks `{line}`");
    }
}
