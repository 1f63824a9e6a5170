//! Work shared among threads.

pub(crate) mod pool;
pub(crate) mod process;
mod rows;

pub(crate) use rows::*;
