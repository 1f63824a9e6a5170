//! The C library `hart_native`: every kernel of `hart-kernels` for C, C++, .NET, Python and anything else that calls C.
//!
//! The contract for callers is `ffi/include/hart.h`, which is generated from the exports here. From the border inwards:
//! `exports` and `typed` (the C functions, the latter generated from the registry) → `raw`, `arrow`, `arrow_export` and `arrow_tree`
//! (pointers to checked slices and columns) → `invoke`, `columns`, `tree`, `handles` (safe code). Unsafe code is in the
//! exports, `raw`, `arrow`, `arrow_export` and `arrow_tree` only.

#[cfg(not(panic = "unwind"))]
compile_error!("a panic is caught at the border, so it must unwind");

pub mod abi;
mod arrow;
mod arrow_export;
mod arrow_tree;
pub mod codes;
mod columns;
pub mod exports;
mod failure;
mod handles;
mod in_place;
mod integers;
mod invoke;
mod params;
mod raw;
mod state;
mod tree;
pub mod typed;
