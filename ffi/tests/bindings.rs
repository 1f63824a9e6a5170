//! The same file of results from C, Python and C#, at every instruction-set level; what the safe layers say; and the packaging.
//! Tests that need tools beside Rust's linker are ignored unless asked for: `cargo test -- --ignored`.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{compile, library, library_folder, root, run};

/// The file of results that is kept: what every language, processor and system must give.
fn expected() -> String {
    std::fs::read_to_string(root().join("tests/results.txt")).unwrap()
}

fn same(found: &Path, who: &str) {
    let (found, expected) = (std::fs::read_to_string(found).unwrap(), expected());
    for (line, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{who}, line {}", line + 1);
    }
    assert_eq!(found.len(), expected.len(), "{who}");
}

fn python() -> Command {
    let mut command = Command::new("python3");
    command
        .env("HART_NATIVE_LIBRARY", library(&library_folder()))
        .env("PYTHONPATH", root().join("bindings/python/src"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[test]
fn c_gives_the_same_bits_at_every_level() {
    let folder = tempfile::tempdir().unwrap();
    let (program, file) = (folder.path().join("results"), folder.path().join("results.txt"));
    compile("results.c", &program, &[]);
    for level in hart_kernels::Level::available() {
        // No other level in its place, neither a higher nor a lower one.
        let level = level.name();
        run(Command::new(&program).arg(&file).env("HART_MIN_LEVEL", level).env("HART_MAX_LEVEL", level));
        same(&file, level);
    }
}

#[test]
fn a_wrong_setting_fails_every_call() {
    let folder = tempfile::tempdir().unwrap();
    let (program, file) = (folder.path().join("results"), folder.path().join("results.txt"));
    compile("results.c", &program, &[]);
    let output = Command::new(&program).arg(&file).env("HART_MAX_LEVEL", "sse9").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("setting HART_MAX_LEVEL: `sse9` is not a level"), "{text}");
}

#[test]
#[ignore = "needs python3 with numpy and pyarrow"]
fn python_gives_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.txt");
    run(python().arg(root().join("bindings/python/tests/results.py")).arg(&file));
    same(&file, "Python");
}

#[test]
#[ignore = "needs python3 with numpy and pyarrow"]
fn the_python_package_does_what_a_notebook_asks() {
    run(python().current_dir(root().join("bindings/python/tests")).args([
        "-m",
        "unittest",
        "-q",
        "test_package",
    ]));
}

/// Compiles the .NET layer and its tests together.
fn compile_dotnet(target: &Path) {
    let sources = ["src", "tests"].iter().flat_map(|folder| {
        let folder = root().join("bindings/dotnet").join(folder);
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())
    });
    let sources: Vec<PathBuf> = sources.filter(|path| path.extension().is_some_and(|e| e == "cs")).collect();
    run(Command::new("mcs")
        .args(["-unsafe", "-warnaserror", "-langversion:7.2"])
        .arg(format!("-out:{}", target.display()))
        .args(sources));
}

#[test]
#[ignore = "needs mcs and mono, and dotnet 8 or later"]
fn dotnet_gives_the_same_bits_and_clear_exceptions() {
    let folder = tempfile::tempdir().unwrap();
    let (program, file) = (folder.path().join("hart.exe"), folder.path().join("results.txt"));
    compile_dotnet(&program);
    let mono = |arguments: &[&str]| {
        run(Command::new("mono").arg(&program).args(arguments).env("LD_LIBRARY_PATH", library_folder()))
    };
    assert!(mono(&["check"]).contains(".net: ok"));
    assert!(mono(&["results", &file.display().to_string()]).contains(".net: ok"));
    same(&file, "C# on Mono");
    // The same program on a runtime of today, which refuses and calls some things differently.
    let settings = root().join("bindings/dotnet/tests/runtimeconfig.json");
    std::fs::copy(settings, program.with_extension("runtimeconfig.json")).unwrap();
    std::fs::remove_file(&file).unwrap();
    let dotnet = |arguments: &[&str]| {
        run(Command::new("dotnet").arg(&program).args(arguments).env("LD_LIBRARY_PATH", library_folder()))
    };
    assert!(dotnet(&["check"]).contains(".net: ok"));
    assert!(dotnet(&["results", &file.display().to_string()]).contains(".net: ok"));
    same(&file, "C# on .NET");
}

/// A prefix as `ffi/install` makes it, from the library of this build.
fn install(prefix: &Path) {
    run(Command::new("bash").arg(root().join("install")).arg(prefix).arg(library_folder()));
}

/// The installed libraries show no names but their own, and programs look for the shared one by name.
#[cfg(target_os = "linux")]
fn names(prefix: &Path) {
    let listing = run(Command::new("nm")
        .args(["-g", "--defined-only", "--format=posix"])
        .arg(prefix.join("lib/libhart_native.a")));
    let names: Vec<&str> =
        listing.lines().filter_map(|line| line.split_once(' ')).map(|(name, _)| name).collect();
    assert!(names.contains(&"hart_invoke"));
    let foreign: Vec<_> = names.iter().filter(|name| !name.starts_with("hart_")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let dynamic = run(Command::new("readelf").arg("-d").arg(prefix.join("lib/libhart_native.so")));
    assert!(dynamic.contains("Library soname: [libhart_native.so]"), "{dynamic}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_installed_library_has_only_its_names() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path());
    names(folder.path());
}

#[test]
#[ignore = "needs pkg-config"]
fn pkg_config_finds_the_installed_library() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path());
    let flags = |package: &str| {
        let text = run(Command::new("pkg-config")
            .args(["--cflags", "--libs", package])
            .env("PKG_CONFIG_PATH", folder.path().join("lib/pkgconfig")));
        text.split_whitespace().map(String::from).collect::<Vec<_>>()
    };
    let program = folder.path().join("smoke");
    let source = root().join("tests/c/smoke.c");
    run(Command::new("cc").arg(&source).arg("-o").arg(&program).args(flags("hart_native")));
    assert!(run(Command::new(&program).env("LD_LIBRARY_PATH", folder.path().join("lib"))).contains("ok"));
    // Linked into the program, beside the shared library.
    if !cfg!(target_os = "linux") {
        return;
    }
    let linked = |source: &Path| {
        run(Command::new("cc").arg(source).arg("-o").arg(&program).args(flags("hart_native-static")));
        let needed = run(Command::new("readelf").arg("-d").arg(&program));
        assert!(!needed.contains("hart_native"), "{needed}");
        run(&mut Command::new(&program))
    };
    assert!(linked(&source).contains("ok"));
    let all = std::fs::metadata(&program).unwrap().len();
    // What a program does not call is not in it.
    let little = folder.path().join("little.c");
    std::fs::write(
        &little,
        "#include <hart.h>\n#include <stdio.h>\nint main(void) { puts(hart_version()); return 0; }\n",
    )
    .unwrap();
    assert_eq!(linked(&little).trim(), env!("CARGO_PKG_VERSION"));
    let part = std::fs::metadata(&program).unwrap().len();
    assert!(part < all / 2, "{part} of {all} bytes");
}

#[test]
#[ignore = "needs cmake"]
fn cmake_finds_the_installed_library() {
    let folder = tempfile::tempdir().unwrap();
    install(&folder.path().join("prefix"));
    let project = format!(
        "cmake_minimum_required(VERSION 3.16)\nproject(user C)\nfind_package(HartNative 0.1 CONFIG REQUIRED)\n\
         foreach(kind shared static)\nadd_executable(smoke_${{kind}} {})\n\
         target_link_libraries(smoke_${{kind}} HartNative::${{kind}})\nendforeach()\n",
        root().join("tests/c/smoke.c").display()
    );
    std::fs::write(folder.path().join("CMakeLists.txt"), project).unwrap();
    let build = folder.path().join("build");
    run(Command::new("cmake")
        .arg("-S")
        .arg(folder.path())
        .arg("-B")
        .arg(&build)
        .arg(format!("-DCMAKE_PREFIX_PATH={}", folder.path().join("prefix").display())));
    run(Command::new("cmake").arg("--build").arg(&build));
    for program in ["smoke_shared", "smoke_static"] {
        assert!(run(&mut Command::new(build.join(program))).contains("ok"), "{program}");
    }
}
