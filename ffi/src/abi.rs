//! The structures and constants of the C interface. Structures that may grow start with their size.

use std::ffi::{c_char, c_void};

/// Version of this interface: raised when a function, a constant or a structure is added. What is there never changes.
pub const HART_ABI_VERSION: u32 = 3;

/// Success. Every other status is an error whose text `hart_last_error` gives.
pub const HART_OK: i32 = 0;
/// A pointer is NULL that must not be.
pub const HART_STATUS_NULL_POINTER: i32 = 1001;
/// A pointer is not aligned for its type.
pub const HART_STATUS_ALIGNMENT: i32 = 1002;
/// A length or a product of lengths does not fit the address space.
pub const HART_STATUS_LENGTH: i32 = 1003;
/// A buffer that is written overlaps another one of the same call.
pub const HART_STATUS_OVERLAP: i32 = 1004;
/// The size at the start of a structure is none that this version knows, or what is new in it is not zero.
pub const HART_STATUS_STRUCT_SIZE: i32 = 1005;
/// A handle was never created, or has been released.
pub const HART_STATUS_HANDLE: i32 = 1006;
/// An Arrow structure is released, inconsistent, or of a type that is not supported.
pub const HART_STATUS_ARROW: i32 = 1007;
/// A buffer of the caller is too small for the result; what it needs has been written where the function says so.
pub const HART_STATUS_CAPACITY: i32 = 1008;
/// A constant or flag has a value that this version does not know.
pub const HART_STATUS_CONSTANT: i32 = 1009;
/// Memory could not be taken.
pub const HART_STATUS_OUT_OF_MEMORY: i32 = 1010;
/// The library is at fault: please report the text. It stays usable.
pub const HART_STATUS_PANIC: i32 = 1099;

/// A parameter that is NULL: its default is taken.
pub const HART_PARAM_NULL: u32 = 0;
/// A parameter in the field `integer`.
pub const HART_PARAM_INTEGER: u32 = 1;
/// A parameter in the field `number`.
pub const HART_PARAM_NUMBER: u32 = 2;
/// A parameter of `length` bytes of UTF-8 at `data`, without terminator: a word, a text, or a vector as a JSON array.
pub const HART_PARAM_TEXT: u32 = 3;
/// A parameter of `length` bytes at `data`: a payload, or a vector's packed elements.
pub const HART_PARAM_BYTES: u32 = 4;

/// `HartIndexOptions.flags`: the index reads the rows where they lie instead of copying them. They must stay there, unchanged,
/// until `hart_index_release` has returned.
pub const HART_INDEX_BORROW_ROWS: u32 = 1;
/// `HartIndexOptions.flags`: the index also makes a code of each row, a byte a component, with which it searches several times as fast.
/// The hits are the same, bit for bit. It takes a quarter of the rows' memory.
pub const HART_INDEX_CODES: u32 = 2;

/// `hart_spatial_encode_points`: bytes of `geometry`, the plane.
pub const HART_SPATIAL_GEOMETRY: i32 = 0;
/// `hart_spatial_encode_points`: bytes of `geography`, the globe; x is the longitude, y the latitude, in degrees.
pub const HART_SPATIAL_GEOGRAPHY: i32 = 1;

/// `hart_spatial_hilbert`: a point outside of the bounds is an error.
pub const HART_OUTSIDE_ERROR: i32 = 0;
/// `hart_spatial_hilbert`: a point outside of the bounds gets the key of the cell at the edge.
pub const HART_OUTSIDE_CLAMP: i32 = 1;

/// What this library and this machine can do.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HartCapabilities {
    /// Size of this structure as the caller knows it; set it before the call.
    pub size: u32,
    /// `HART_ABI_VERSION` of the library.
    pub abi_version: u32,
    /// Virtual lanes of every sum, which are part of the definition of the results.
    pub lanes: u32,
    /// Threads that large calls use.
    pub threads: u32,
    /// Number of kernels that `hart_invoke` can call.
    pub kernels: u32,
    /// Zero.
    pub reserved: u32,
    /// The instruction-set level in use (`scalar`, `avx2`, `avx512`, `neon`), with a terminator. It never changes a result.
    pub level: [c_char; 16],
    /// Version of the library, with a terminator.
    pub version: [c_char; 24],
}

/// A row that a search found.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HartHit {
    /// The row's id: the caller's, or its position where the caller gave none.
    pub id: i64,
    /// Its distance from the query; NaN where it is none.
    pub distance: f64,
    /// Its position among the rows, from 0.
    pub row: u64,
}

/// An index of rows for repeated searches. It is not a pointer to be followed: only the library knows what is behind it.
pub struct HartIndex {
    _opaque: [u8; 0],
}

/// How an index is made. All zero but the size is the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HartIndexOptions {
    /// Size of this structure as the caller knows it.
    pub size: u32,
    /// `HART_INDEX_…` flags.
    pub flags: u32,
}

/// A parameter of `hart_invoke`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HartParam {
    /// Size of this structure as the caller knows it, the same for all of an array.
    pub size: u32,
    /// `HART_PARAM_…`: which field holds the value.
    pub kind: u32,
    /// Name, with a terminator; case does not count.
    pub name: *const c_char,
    /// The value of `HART_PARAM_INTEGER`.
    pub integer: i64,
    /// The value of `HART_PARAM_NUMBER`.
    pub number: f64,
    /// The value of `HART_PARAM_TEXT` and `HART_PARAM_BYTES`.
    pub data: *const c_void,
    /// Bytes at `data`.
    pub length: usize,
}

/// How `hart_invoke` runs. All zero but the size is the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HartInvokeOptions {
    /// Size of this structure as the caller knows it.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Most bytes that the kernel may take beside the input, for its results and on the way to them. 0 is half of the memory that the
    /// process can have, by the machine, its control groups or job object, and its address space; `UINT64_MAX` is no limit.
    pub memory_limit: u64,
}

/// A schema of the Arrow C data interface.
#[repr(C)]
#[derive(Debug)]
#[allow(missing_docs)]
pub struct ArrowSchema {
    pub format: *const c_char,
    pub name: *const c_char,
    pub metadata: *const c_char,
    pub flags: i64,
    pub n_children: i64,
    pub children: *mut *mut ArrowSchema,
    pub dictionary: *mut ArrowSchema,
    pub release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    pub private_data: *mut c_void,
}

/// An array of the Arrow C data interface.
#[repr(C)]
#[derive(Debug)]
#[allow(missing_docs)]
pub struct ArrowArray {
    pub length: i64,
    pub null_count: i64,
    pub offset: i64,
    pub n_buffers: i64,
    pub n_children: i64,
    pub buffers: *mut *const c_void,
    pub children: *mut *mut ArrowArray,
    pub dictionary: *mut ArrowArray,
    pub release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    pub private_data: *mut c_void,
}
