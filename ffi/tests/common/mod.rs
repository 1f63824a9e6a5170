//! What the tests share: the built library, the system's compilers, and programs run to their end.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder `ffi/`.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder that holds the shared library as this build made it, which is the folder of the test programs.
pub fn library_folder() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    assert!(library(&folder).is_file(), "{} is not there", library(&folder).display());
    folder
}

/// The shared library in a folder.
pub fn library(folder: &Path) -> PathBuf {
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    folder.join(format!("{prefix}hart_native{suffix}"))
}

/// Runs a command to its end and returns what it printed; shows everything where it fails.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// Compiles a C or C++ program of `tests/c` against the header and the shared library, with every warning an error.
pub fn compile(source: &str, target: &Path, extra: &[&str]) {
    let library = library_folder();
    let cpp = source.ends_with(".cpp");
    let mut command = Command::new(if cpp { "c++" } else { "cc" });
    command
        .args([
            if cpp { "-std=c++17" } else { "-std=c99" },
            "-Wall",
            "-Wextra",
            "-pedantic",
            "-Werror",
            "-O1",
            "-g",
        ])
        .args(extra)
        .arg(format!("-I{}", root().join("include").display()))
        .arg(root().join("tests/c").join(source))
        .arg("-o")
        .arg(target)
        .arg(format!("-L{}", library.display()))
        .args(["-lhart_native", "-lpthread"])
        .arg(format!("-Wl,-rpath,{}", library.display()));
    if cfg!(target_os = "linux") {
        // Before LD_LIBRARY_PATH, where cargo puts a folder that may hold the library of another build.
        command.arg("-Wl,--disable-new-dtags");
    }
    run(&mut command);
}
