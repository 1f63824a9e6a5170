//! The library itself: version, capabilities, errors, threads, and the list of kernels.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};

use hart_kernels::registry::{self, Column, KERNELS, Kernel, Param};
use hart_kernels::{LANES, Level};
use serde_json::{Value, json};

use crate::abi::{HART_ABI_VERSION, HartCapabilities};
use crate::failure::{self, Failure, guard};
use crate::{raw, state};

/// Version of the interface of the library that is loaded. A program compiled against `HART_ABI_VERSION` n runs with every
/// library that returns at least n.
#[unsafe(no_mangle)]
pub extern "C" fn hart_abi_version() -> u32 {
    HART_ABI_VERSION
}

/// Version of the library, such as `0.1.0`. The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn hart_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("a version has no zero inside"),
        };
    VERSION.as_ptr()
}

/// Status of this thread's last call that failed; `HART_OK` where none has.
#[unsafe(no_mangle)]
pub extern "C" fn hart_last_error_status() -> i32 {
    failure::last().0
}

/// Text of this thread's last call that failed, one line of UTF-8 that names the parameter or column and row, the value found
/// and what was expected.
///
/// Writes at most `capacity` bytes with the terminator, cut between two characters where it does not fit, and returns the bytes
/// that the whole needs with its terminator. `buffer` may be NULL where `capacity` is 0. Calls that succeed leave the text as it is.
///
/// # Safety
///
/// `buffer` has `capacity` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_last_error(buffer: *mut c_char, capacity: usize) -> usize {
    let text = failure::last().1;
    if let Ok(target) = raw::output("buffer", buffer.cast::<u8>(), capacity) {
        // SAFETY: the caller guarantees `capacity` writable bytes at `buffer`.
        let target = unsafe { target.slice() };
        if let Some(room) = target.len().checked_sub(1) {
            let cut = (0..=room.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            target[..cut].copy_from_slice(&text.as_bytes()[..cut]);
            target[cut] = 0;
        }
    }
    text.len() + 1
}

/// What this library and this machine can do. Set `capabilities->size` before the call.
///
/// # Safety
///
/// `capabilities` is NULL or points to a writable structure of the size that it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_capabilities(capabilities: *mut HartCapabilities) -> i32 {
    guard(|| {
        let mut value = HartCapabilities {
            size: size_of::<HartCapabilities>() as u32,
            abi_version: HART_ABI_VERSION,
            lanes: LANES as u32,
            threads: state::threads() as u32,
            kernels: KERNELS.len() as u32,
            reserved: 0,
            level: [0; 16],
            version: [0; 24],
        };
        put(&mut value.level, Level::current().name());
        put(&mut value.version, env!("CARGO_PKG_VERSION"));
        const FIRST: usize = 64;
        // SAFETY: the caller guarantees a writable structure of the size that it states; ours is `repr(C)` without
        // padding and starts with its size.
        unsafe { raw::write_structure("HartCapabilities", FIRST, capabilities, value) }
    })
}

/// A text into a field, with a terminator at the latest at its end.
fn put<const N: usize>(field: &mut [c_char; N], text: &str) {
    for (target, byte) in field[..N - 1].iter_mut().zip(text.bytes()) {
        *target = byte as c_char;
    }
}

/// Sets the number of threads that large calls of this process use; 0 is one for each processor, as at the start. The number
/// never changes a result. Threads that run are ended first: waits for the calls that use them.
///
/// The threads belong to the process that started them. After a fork the child starts its own with its next large call, and has its
/// parent's indexes; nothing need be done before a fork, whatever other threads are doing.
#[unsafe(no_mangle)]
pub extern "C" fn hart_set_threads(threads: u32) -> i32 {
    guard(|| state::set_threads(threads))
}

/// Ends the library's threads, so that it can be unloaded: waits for the calls that use them, then for the threads. A later large
/// call starts new ones. Indexes stay.
///
/// On Linux, one thread of yours keeps the library loaded: the one whose call started the library's threads. End that thread
/// before `dlclose`. Otherwise the library stays in memory until it is opened and closed again.
#[unsafe(no_mangle)]
pub extern "C" fn hart_shutdown() -> i32 {
    guard(|| {
        state::shut_down();
        Ok(())
    })
}

/// Name of kernel `index`, from 0 up to `HartCapabilities.kernels` − 1, as `hart_invoke` takes it.
///
/// Writes it with its terminator; the bytes that it needs go to `needed`, which may be NULL. With a NULL `buffer` and a `capacity` of
/// 0 it only asks for those; otherwise a buffer that is too small is `HART_STATUS_CAPACITY`.
///
/// # Safety
///
/// `buffer` has `capacity` writable bytes; `needed` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_kernel_name(
    index: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    guard(|| {
        let kernel = KERNELS.get(index).ok_or_else(|| Failure::Constant {
            name: "index",
            value: i64::try_from(index).unwrap_or(i64::MAX),
            expected: format!("a number below {}", KERNELS.len()),
        })?;
        // SAFETY: the caller guarantees `capacity` writable bytes at `buffer`, and that `needed` is NULL or writable.
        unsafe { raw::write_text(kernel.name, buffer, capacity, needed, &[]) }
    })
}

/// What a kernel takes and gives, as a JSON object: `name`, `family`, `summary`, `details`, `inputs`, `optional` and `outputs` (each with
/// `name`, `kind`, `unit`, `summary`), `params` (each with `name`, `takes`, `default`, `summary`), `rows`, `nulls`, `empty`, `nan`,
/// `accuracy`, `elements`, `streaming`, `source`. A `kind` is vector, float64, int32, int64, text or binary. Buffers as in
/// `hart_kernel_name`.
///
/// # Safety
///
/// `kernel` is NULL or a text with a terminator; `buffer` has `capacity` writable bytes; `needed` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_kernel_describe(
    kernel: *const c_char,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    guard(|| {
        // SAFETY: the caller guarantees that `kernel` is NULL or a terminated text.
        let (name, span) = unsafe { raw::text("kernel", kernel) }?;
        let text = describe(registry::find(name)?).to_string();
        // SAFETY: the caller guarantees `capacity` writable bytes at `buffer`, and that `needed` is NULL or writable.
        unsafe { raw::write_text(&text, buffer, capacity, needed, &[span]) }
    })
}

fn describe(kernel: &Kernel) -> Value {
    let column =
        |c: &Column| json!({"name": c.name, "kind": c.kind.name(), "unit": c.unit, "summary": c.summary});
    let param = |p: &Param| json!({"name": p.name, "takes": p.kind.describe(), "default": p.default, "summary": p.summary});
    json!({
        "name": kernel.name,
        "family": kernel.family.name(),
        "summary": kernel.summary,
        "details": kernel.details,
        "inputs": kernel.inputs.iter().map(column).collect::<Vec<_>>(),
        "optional": kernel.optional.iter().map(column).collect::<Vec<_>>(),
        "params": kernel.params.iter().map(param).collect::<Vec<_>>(),
        "outputs": kernel.outputs.iter().map(column).collect::<Vec<_>>(),
        "rows": format!("{:?}", kernel.rows).to_lowercase(),
        "nulls": kernel.nulls,
        "empty": kernel.empty,
        "nan": kernel.nan,
        "accuracy": kernel.accuracy,
        "elements": kernel.elements,
        "streaming": kernel.streaming.describe(),
        "source": kernel.source,
    })
}
