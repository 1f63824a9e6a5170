//! The status codes of the kernels' errors, and words as numbers. Generated: `bash .ci/generate`.

/// A setting of this library (an environment variable, or what a host passes at startup) has an invalid value.
pub const HART_STATUS_SETTING: i32 = 1;
/// No kernel has this name.
pub const HART_STATUS_UNKNOWN_KERNEL: i32 = 2;
/// The kernel has no such parameter.
pub const HART_STATUS_UNKNOWN_PARAMETER: i32 = 3;
/// A parameter without default was not given, or was NULL.
pub const HART_STATUS_MISSING_PARAMETER: i32 = 4;
/// A parameter's value is of the wrong type or out of range.
pub const HART_STATUS_PARAMETER_VALUE: i32 = 5;
/// The input's columns cannot be bound to the declared ones.
pub const HART_STATUS_COLUMNS: i32 = 6;
/// A column's type does not fit the declared one.
pub const HART_STATUS_COLUMN_TYPE: i32 = 7;
/// A packed vector's byte length is not a multiple of the element size.
pub const HART_STATUS_VECTOR_BYTES: i32 = 8;
/// Two vectors that belong together have different dimensions.
pub const HART_STATUS_DIMENSIONS: i32 = 9;
/// A text is not a JSON array of numbers.
pub const HART_STATUS_JSON: i32 = 10;
/// A text is not UTF-8 or UTF-16.
pub const HART_STATUS_TEXT: i32 = 11;
/// The result would take more memory than allowed.
pub const HART_STATUS_MEMORY: i32 = 12;
/// A column's buffer is shorter than its rows' lengths say.
pub const HART_STATUS_BUFFER: i32 = 13;
/// A tensor's payload type is not known, or cannot be decoded.
pub const HART_STATUS_UNKNOWN_PAYLOAD_TYPE: i32 = 14;
/// A tensor's payload does not have the length that its type or its output requires.
pub const HART_STATUS_PAYLOAD: i32 = 15;
/// A value that the kernel cannot use.
pub const HART_STATUS_VALUE: i32 = 16;

/// The metric `cosine`: 1 − cosine similarity.
pub const HART_METRIC_COSINE: i32 = 0;
/// The metric `euclidean`: straight-line distance, not squared.
pub const HART_METRIC_EUCLIDEAN: i32 = 1;
/// The metric `dot`: negated inner product.
pub const HART_METRIC_DOT: i32 = 2;
/// The metric `manhattan`: sum of absolute differences.
pub const HART_METRIC_MANHATTAN: i32 = 3;
