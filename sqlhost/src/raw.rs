//! Reads host pointers into checked slices, and hands out results as pointers.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::c_void;

use hart_kernels::Error;

use crate::columns::{Buffer, ColumnData, Field, ResultColumn};
use crate::session::Fault;
use crate::sys::{HostCallbacks, LogXEvent, SqlPointer};

/// Memory that a session has handed out: the host reads it until the next Execute or CleanupSession.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    data: Vec<SqlPointer>,
    indicators: Vec<*mut i32>,
    /// Values of OUTPUT parameters, by the parameter's number.
    params: BTreeMap<u16, Buffer>,
    counter_names: Vec<*const u8>,
    counter_lengths: Vec<i32>,
    counter_values: Vec<i64>,
}

// SAFETY: the pointers point into the results of the same session, which moves between threads together with this
// structure and only behind the session's lock; nothing here reads through them.
unsafe impl Send for Handed {}

/// Reads `length` bytes. A null pointer is an empty slice where the length is 0, and a fault otherwise.
///
/// # Safety
///
/// A pointer that is not null is valid for reads of `length` bytes while the slice is used, as the host's ABI
/// guarantees.
pub(crate) unsafe fn bytes<'a>(what: &str, pointer: *const u8, length: u64) -> Result<&'a [u8], Fault> {
    let fits = usize::try_from(length).ok().filter(|l| *l <= isize::MAX as usize);
    match (pointer.is_null(), fits) {
        (_, None) => Err(Fault::Call(format!("{what}: a length of {length} bytes"))),
        (true, Some(0)) => Ok(&[]),
        (true, Some(length)) => Err(Fault::Call(format!("{what}: a null pointer for {length} bytes"))),
        // SAFETY: not null, at most isize::MAX bytes; the host guarantees that they are readable while the slice is
        // used.
        (false, Some(length)) => Ok(unsafe { std::slice::from_raw_parts(pointer, length) }),
    }
}

/// Reads UTF-8 text.
///
/// # Safety
///
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(what: &str, pointer: *const u8, length: u64) -> Result<&'a str, Fault> {
    // SAFETY: the host guarantees that a pointer which is not null is valid for reads of `length` bytes.
    let bytes = unsafe { bytes(what, pointer, length) }?;
    std::str::from_utf8(bytes)
        .map_err(|e| Fault::Call(format!("{what}: invalid UTF-8 at byte {}", e.valid_up_to())))
}

/// Reads a name: the pointer must not be null, but the name may be empty; strips the terminator that some hosts count.
///
/// # Safety
///
/// As [`bytes`].
pub(crate) unsafe fn name<'a>(what: &str, pointer: *const u8, length: u64) -> Result<&'a str, Fault> {
    if pointer.is_null() {
        return Err(Fault::Call(format!("{what}: a null pointer for its name")));
    }
    // SAFETY: the host guarantees that the pointer is valid for reads of `length` bytes.
    Ok(unsafe { text(what, pointer, length) }?.trim_end_matches('\0'))
}

/// Writes through an out pointer; a null pointer is a fault.
///
/// # Safety
///
/// A pointer that is not null is valid for a write of `T`, as the host's ABI guarantees. Alignment is not needed.
pub(crate) unsafe fn write<T>(what: &str, pointer: *mut T, value: T) -> Result<(), Fault> {
    if pointer.is_null() {
        return Err(Fault::Call(format!("{what}: a null pointer for a result")));
    }
    // SAFETY: not null; the host guarantees that it is valid for a write; `write_unaligned` needs no alignment.
    unsafe { pointer.write_unaligned(value) };
    Ok(())
}

/// Element `i` of a host array of `T`, which may be unaligned.
///
/// # Safety
///
/// `array` is valid for reads of more than `i` elements.
unsafe fn element<T: Copy>(array: *const T, i: usize) -> T {
    // SAFETY: the caller guarantees more than `i` readable elements; `read_unaligned` needs no alignment.
    unsafe { array.wrapping_add(i).read_unaligned() }
}

/// The columns of a chunk.
///
/// # Safety
///
/// Where not null, `data` and `indicators` hold one pointer per field; a column's indicators, where not null, hold
/// `rows` numbers; its data holds `rows` elements or the bytes that the indicators add up to. The host's ABI guarantees
/// this for the duration of the call.
pub(crate) unsafe fn columns<'a>(
    fields: &[Field],
    rows: u64,
    data: *const SqlPointer,
    indicators: *const *mut i32,
) -> Result<(usize, Vec<ColumnData<'a>>), Fault> {
    // For any element size, the bytes of a column must fit the address space.
    let rows = usize::try_from(rows).ok().filter(|r| *r <= isize::MAX as usize / 32);
    let rows = rows.ok_or_else(|| Fault::Call("more rows than memory can hold".into()))?;
    let mut columns = Vec::with_capacity(fields.len());
    for (i, field) in fields.iter().enumerate() {
        let label = field.label(i);
        let (start, column_indicators) = if rows == 0 {
            (std::ptr::null(), std::ptr::null())
        } else {
            // SAFETY: not null; the host guarantees one pointer per field.
            unsafe {
                let start = if data.is_null() { std::ptr::null_mut() } else { element(data, i) };
                let own = if indicators.is_null() { std::ptr::null_mut() } else { element(indicators, i) };
                (start.cast_const(), own.cast_const())
            }
        };
        let mut copied: Option<Vec<i32>> = (!column_indicators.is_null() || rows == 0).then(Vec::new);
        if let Some(copied) = &mut copied {
            let refused = |_| {
                let (what, bytes) = (format!("column {label}"), rows as u64 * 4);
                Fault::Kernel(Error::Memory { what, bytes, limit: Error::REFUSED })
            };
            copied.try_reserve_exact(rows).map_err(refused)?;
            // SAFETY: the host guarantees `rows` indicators; without rows nothing is read.
            copied.extend((0..rows).map(|row| unsafe { element(column_indicators, row) }));
        }
        let length = match (field.ctype.fixed_size(), &copied) {
            (Some(size), _) => rows * size,
            (None, Some(lengths)) => lengths
                .iter()
                .try_fold(0usize, |sum, l| sum.checked_add((*l).max(0) as usize))
                .unwrap_or(usize::MAX),
            (None, None) => 0,
        };
        // SAFETY: the host guarantees as many bytes as the indicators or the element size say.
        let bytes = unsafe { bytes(&format!("column {label}"), start.cast(), length as u64) }?;
        columns.push(ColumnData { bytes, indicators: copied });
    }
    Ok((rows, columns))
}

impl Handed {
    /// Forgets everything: the pointers handed out become invalid.
    pub(crate) fn clear(&mut self) {
        self.data.clear();
        self.indicators.clear();
    }

    /// The pointer arrays of a result, made once. They and the columns must not move before [`Handed::clear`].
    pub(crate) fn results(&mut self, columns: &[ResultColumn]) -> (*mut SqlPointer, *mut *mut i32) {
        if !self.data.is_empty() {
            return (self.data.as_mut_ptr(), self.indicators.as_mut_ptr());
        }
        // The host only reads; the ABI's pointers are mutable because it is a C header.
        self.data = columns.iter().map(|c| c.data.bytes().as_ptr().cast_mut().cast::<c_void>()).collect();
        self.indicators = columns.iter().map(|c| c.indicators.as_ptr().cast_mut()).collect();
        (self.data.as_mut_ptr(), self.indicators.as_mut_ptr())
    }

    /// The value of an OUTPUT parameter, kept until CleanupSession, and its length; null and −1 for NULL.
    pub(crate) fn output(&mut self, number: u16, value: Option<Buffer>) -> (SqlPointer, i32) {
        let Some(new) = value else { return (std::ptr::null_mut(), -1) };
        // A repeated request reuses the memory: the size of a counter and the value of any other parameter do not
        // change.
        let length = new.bytes().len();
        match self.params.get_mut(&number).filter(|kept| kept.bytes().len() == length) {
            Some(kept) => kept.bytes_mut().copy_from_slice(new.bytes()),
            None => drop(self.params.insert(number, new)),
        }
        // An empty value is not NULL, so its pointer must not be null; an empty buffer's pointer is not.
        let pointer = self.params.get_mut(&number).map(|kept| kept.bytes_mut().as_mut_ptr().cast());
        (pointer.unwrap_or(std::ptr::null_mut()), i32::try_from(length).unwrap_or(i32::MAX))
    }

    /// Counter names, their lengths and values.
    pub(crate) fn telemetry(
        &mut self,
        counters: &[(&'static str, i64)],
    ) -> (*mut *const u8, *mut i32, *mut i64) {
        // Made once, so that pointers from an earlier call stay valid.
        if self.counter_names.is_empty() {
            self.counter_names = counters.iter().map(|(name, _)| name.as_ptr()).collect();
            self.counter_lengths = counters.iter().map(|(name, _)| name.len() as i32).collect();
            self.counter_values = vec![0; counters.len()];
        }
        for (place, (_, value)) in self.counter_values.iter_mut().zip(counters) {
            *place = *value;
        }
        (self.counter_names.as_mut_ptr(), self.counter_lengths.as_mut_ptr(), self.counter_values.as_mut_ptr())
    }
}

/// Copies the host's callbacks: the structure may be on its stack.
///
/// # Safety
///
/// A pointer that is not null is valid for reads of as many bytes as the structure's `SizeInBytes` says, or of version
/// 1 of it where that is 0.
pub(crate) unsafe fn callbacks(pointer: *const HostCallbacks) -> Result<Option<LogXEvent>, Fault> {
    /// Bytes up to the end of the function that is read.
    const NEEDED: u32 = 16;
    if pointer.is_null() {
        return Err(Fault::Call("SetHostCallbacks: a null pointer".into()));
    }
    // SAFETY: not null; the host guarantees the first eight bytes, which are version and size in every version.
    let (version, size) = unsafe {
        (
            (&raw const (*pointer).version).read_unaligned(),
            (&raw const (*pointer).size_in_bytes).read_unaligned(),
        )
    };
    if version < 1 || (size != 0 && size < NEEDED) {
        return Err(Fault::Call(format!(
            "SetHostCallbacks: a structure of version {version} with {size} bytes"
        )));
    }
    // SAFETY: the host guarantees the bytes that `size_in_bytes` says, which was checked; some hosts of version 1 send
    // 0.
    Ok(unsafe { (&raw const (*pointer).log_xevent).read_unaligned() })
}
