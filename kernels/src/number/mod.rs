//! Single numbers: element types, text, random numbers.

pub(crate) mod json;
pub(crate) mod random;
pub(crate) mod range;
