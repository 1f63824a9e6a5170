//! The exported functions that are not generated from the registry.

pub mod invoke;
pub mod library;
pub mod search;
pub mod spatial;
pub mod tensor;
