//! The program `hart`; everything is in the library, where tests and fuzzers reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    hart::main()
}
