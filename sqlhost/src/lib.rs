//! The SQL Server external language for the hart kernels.
//!
//! SQL Server's extension host loads this library (`hart_sqlhost`) into its own process and drives it through the C
//! functions in [`exports`]. The `@script` of `sp_execute_external_script` is the name of a kernel, its parameters are
//! the kernel's, and the input query's columns are bound to the kernel's columns by name or position.
//!
//! The layers, from the border inwards: `exports` (the C functions, a few lines each) → `raw` (host pointers to checked
//! slices) → `host` (the sessions of this process) → `session` (one session's state and result buffers) → `bind` and
//! `convert` (columns and values) → `hart_kernels::registry`. [`local`] is the other side of the border: a miniature
//! host. Unsafe code is in `exports`, `raw` and `local` only.

#[cfg(panic = "abort")]
compile_error!("a panic is caught at the border, so it must unwind");

pub mod bind;
pub mod columns;
pub mod convert;
pub mod example;
pub mod exports;
pub mod hex;
pub mod host;
pub mod in_sql;
pub mod local;
mod raw;
mod rows_json;
pub mod session;
pub mod settings;
pub mod sys;
