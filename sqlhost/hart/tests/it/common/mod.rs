//! What the tests share.

#[cfg(unix)]
pub mod elf;
pub mod files;
pub mod models;
pub mod script;
pub mod tensor;
