//! Place of the C library `hart_native`. It has no exports yet: services in Rust use `hart-kernels`.
