//! Kernels about the library itself: to check an installation.

pub(crate) mod echo;
pub(crate) mod info;
