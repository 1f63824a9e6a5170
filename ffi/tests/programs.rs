//! C and C++ programs against the header and the shared library: plain, under AddressSanitizer and under valgrind.

mod common;

use std::process::Command;

use common::{compile, run};

/// Programs that need no arguments.
const PROGRAMS: &[&str] = &["smoke.c", "bad_input.c"];
/// Those that ask the system about threads and memory.
const ON_LINUX: &[&str] = &["release.c", "threads.c", "fork.c"];

#[test]
fn c_programs_run() {
    let folder = tempfile::tempdir().unwrap();
    for source in PROGRAMS.iter().chain(ON_LINUX.iter().filter(|_| cfg!(target_os = "linux"))) {
        let program = folder.path().join(source.replace('.', "_"));
        compile(source, &program, &[]);
        assert!(run(&mut Command::new(&program)).contains("ok"), "{source}");
    }
}

#[test]
fn the_library_can_be_unloaded() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("unload");
    // Not linked with it: it is opened.
    compile("unload.c", &program, &["-Wl,--as-needed"]);
    let library = common::library(&common::library_folder());
    assert!(run(Command::new(&program).arg(library)).contains("ok"));
}

/// The exported functions of the snapshot.
fn functions() -> Vec<String> {
    let text = std::fs::read_to_string(common::root().join("tests/symbols.txt")).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(String::from).collect()
}

/// The functions that a program calls.
fn called(source: &str) -> impl Fn(&String) -> bool {
    let text = std::fs::read_to_string(common::root().join("tests/c").join(source)).unwrap();
    move |name| text.contains(&format!("{name}("))
}

#[test]
fn the_programs_call_every_function() {
    let missing: Vec<_> = functions().into_iter().filter(|name| !called("smoke.c")(name)).collect();
    assert!(missing.is_empty(), "smoke.c does not call {missing:?}");
    // What makes many rows may share them among threads.
    let shares =
        |name: &String| name.ends_with("_batch") || name.contains("_top_k") || name.contains("_spatial_");
    let missing: Vec<_> =
        functions().into_iter().filter(shares).filter(|name| !called("threads.c")(name)).collect();
    assert!(missing.is_empty(), "threads.c does not call {missing:?}");
}

/// The header compiles with nothing of ours beside it, included twice, for each standard that it promises.
fn header_is_clean(compiler: &str, language: &str, standards: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (include, object) = (folder.path().join("only.h"), folder.path().join("header.o"));
    std::fs::write(&include, "#include \"hart.h\"\n#include \"hart.h\"\nint header_is_complete;\n").unwrap();
    for standard in standards {
        run(Command::new(compiler)
            .args([
                "-x",
                language,
                standard,
                "-Wall",
                "-Wextra",
                "-pedantic",
                "-Wconversion",
                "-Werror",
                "-c",
            ])
            .arg(format!("-I{}", common::root().join("include").display()))
            .arg(&include)
            .arg("-o")
            .arg(&object));
    }
}

#[test]
fn the_header_is_clean_in_c() {
    header_is_clean("cc", "c", &["-std=c99", "-std=c11", "-std=c17"]);
}

#[test]
#[ignore = "needs c++"]
fn the_header_is_clean_in_cpp() {
    // Warnings that C++ has about C are errors too.
    header_is_clean("c++", "c++", &["-std=c++11", "-std=c++17", "-std=c++20"]);
}

#[test]
#[ignore = "needs c++"]
fn a_cpp_program_runs() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("compile");
    compile("compile.cpp", &program, &["-Wconversion"]);
    assert!(run(&mut Command::new(&program)).contains("c++: ok"));
}

#[test]
fn threads_and_handles_do_not_fault() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("stress");
    compile("stress.c", &program, &[]);
    assert!(run(Command::new(&program).args(["1000000", "16", "4"])).contains("stress: ok"));
}

#[test]
fn the_sanitizers_find_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for source in ["smoke.c", "bad_input.c", "stress.c", "release.c"] {
        let program = folder.path().join(source.replace('.', "_"));
        // The thread library must see the sanitizer's allocator: so it is linked, not preloaded.
        compile(source, &program, &["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]);
        let mut command = Command::new(&program);
        // Where a tracer forbids it, the leak check says so itself and fails.
        command.env("ASAN_OPTIONS", "detect_leaks=1");
        if source == "stress.c" {
            command.args(["5000", "4", "3"]);
        }
        assert!(run(&mut command).contains("ok"), "{source}");
    }
}

#[test]
#[ignore = "needs valgrind"]
fn valgrind_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for source in ["smoke.c", "bad_input.c", "stress.c"] {
        let program = folder.path().join(source.replace('.', "_"));
        compile(source, &program, &[]);
        let mut command = Command::new("valgrind");
        command
            .args([
                "--quiet",
                "--error-exitcode=9",
                "--leak-check=full",
                "--errors-for-leak-kinds=definite,indirect",
            ])
            .arg(&program)
            // Its processor has less than the machine's, so a level demanded of the machine is not there.
            .env_remove("HART_MIN_LEVEL");
        if source == "stress.c" {
            command.args(["300", "2", "3"]);
        }
        assert!(run(&mut command).contains("ok"), "{source}");
    }
}
