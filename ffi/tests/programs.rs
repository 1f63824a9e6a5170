//! C and C++ programs against the header and the shared library: plain, under AddressSanitizer and under valgrind.

mod common;

use std::process::Command;

use common::{compile, run, tool};

/// Programs that need no arguments.
const PROGRAMS: &[&str] = &["smoke.c", "bad_input.c"];

#[test]
fn c_programs_run() {
    let folder = tempfile::tempdir().unwrap();
    for source in PROGRAMS {
        let program = folder.path().join(source.replace('.', "_"));
        compile(source, &program, &[]);
        assert!(run(&mut Command::new(&program)).contains("ok"), "{source}");
    }
}

#[test]
fn the_header_is_clean_by_itself() {
    // Nothing of our own beside it, for each standard that it promises; warnings that C++ has about C are errors too.
    let folder = tempfile::tempdir().unwrap();
    let object = folder.path().join("header.o");
    for (compiler, language, standards) in [
        ("cc", "c", ["-std=c99", "-std=c11", "-std=c17"]),
        ("c++", "c++", ["-std=c++11", "-std=c++17", "-std=c++20"]),
    ] {
        if !tool(compiler) {
            continue;
        }
        for standard in standards {
            let include = folder.path().join("only.h");
            std::fs::write(&include, "#include \"hart.h\"\n#include \"hart.h\"\nint header_is_complete;\n")
                .unwrap();
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
}

#[test]
fn a_cpp_program_runs() {
    if !tool("c++") {
        return;
    }
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
    assert!(run(Command::new(&program).args(["20000", "16", "3"])).contains("stress: ok"));
}

#[test]
fn the_sanitizers_find_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for source in ["smoke.c", "bad_input.c", "stress.c"] {
        let program = folder.path().join(source.replace('.', "_"));
        // The thread library must see the sanitizer's allocator: so it is linked, not preloaded.
        compile(source, &program, &["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]);
        let mut command = Command::new(&program);
        // Where a tracer forbids it, the leak check says so itself and fails.
        command.env("ASAN_OPTIONS", "detect_leaks=1");
        if source == "stress.c" {
            command.args(["5000", "4", "2"]);
        }
        assert!(run(&mut command).contains("ok"), "{source}");
    }
}

#[test]
fn valgrind_finds_nothing() {
    if !tool("valgrind") {
        return;
    }
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
            command.args(["300", "3", "1"]);
        }
        assert!(run(&mut command).contains("ok"), "{source}");
    }
}
