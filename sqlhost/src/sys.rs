//! The C types of SQL Server's extension ABI, with their layouts checked at compile time.
//!
//! Names and order follow Microsoft's headers `sqlexternallanguage.h`, `sqlexternallibrary.h` and
//! `sqlextensionhostcallbacks.h` (microsoft/sql-server-language-extensions).

use std::ffi::c_void;

/// Every function's result: 0 is success, anything else ends the script.
pub type SqlReturn = i16;
/// Success.
pub const SQL_SUCCESS: SqlReturn = 0;
/// Failure.
pub const SQL_ERROR: SqlReturn = -1;
/// Indicator of a NULL value.
pub const SQL_NULL_DATA: i32 = -1;
/// `InputOutputType` of an OUTPUT parameter.
pub const SQL_PARAM_INPUT_OUTPUT: i16 = 2;
/// A pointer to untyped memory.
pub type SqlPointer = *mut c_void;

/// A session's identifier, passed by value.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct SqlGuid {
    pub data1: u32,
    pub data2: u16,
    pub data3: u16,
    pub data4: [u8; 8],
}

/// The function that an extension calls to write an extended event.
pub type LogXEvent = unsafe extern "C" fn(
    extension_name: *const u8,
    extension_name_length: u64,
    session_id: SqlGuid,
    task_id: u16,
    trace_level: u16,
    error_code: i32,
    message: *const u8,
    message_length: u64,
);

/// Functions of the host that an extension may call (interface version 3).
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct HostCallbacks {
    pub version: u16,
    pub reserved0: u16,
    pub size_in_bytes: u32,
    pub log_xevent: Option<LogXEvent>,
    pub reserved1: SqlPointer,
    pub reserved2: SqlPointer,
}

/// Trace levels of [`LogXEvent`].
#[allow(missing_docs)]
pub mod trace_level {
    pub const ERROR: u16 = 2;
    pub const INFORMATION: u16 = 4;
}

const _: () = {
    assert!(size_of::<SqlGuid>() == 16 && align_of::<SqlGuid>() == 4);
    assert!(size_of::<usize>() == 8, "SQLULEN is 64 bits: only 64-bit hosts exist");
    assert!(size_of::<HostCallbacks>() == 32);
    assert!(std::mem::offset_of!(HostCallbacks, size_in_bytes) == 4);
    assert!(std::mem::offset_of!(HostCallbacks, log_xevent) == 8);
};
