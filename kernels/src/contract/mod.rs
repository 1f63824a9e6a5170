//! Defines a kernel and what a host needs to know about it. Everything else is derived from the rows: dispatch, result
//! schemas, `docs/KERNELS.md`, `hart list` and `hart describe`, and the loops of the tests, benches and fuzzers.

mod bind;
mod call;
mod kernel;
mod params;
mod result_vectors;
pub(crate) mod shared;

pub use bind::{Offered, Origin, bind, free_name, label, origins};
pub use call::{Call, Input, Output, PackedBytes, Values};
pub use kernel::{
    ANY_NAME, Cell, Column, Example, Family, Kernel, Kind, POINT_BYTES, Param, ParamKind, RowShape, Streaming,
};
pub use params::{Params, Value};
pub use result_vectors::ResultVectors;
