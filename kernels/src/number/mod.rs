//! Single numbers: element types, text, random numbers.

pub(crate) mod canonical;
pub(crate) mod element;
pub(crate) mod exact;
pub(crate) mod exp;
pub(crate) mod json;
pub(crate) mod random;
pub(crate) mod range;
