//! Turns a caller's pointers into slices, after every check that is possible without following them.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};

use hart_kernels::{Error, Place};

use crate::abi::{HartIndexOptions, HartInvokeOptions, HartParam};
use crate::failure::Failure;

/// Memory that was passed to a call, with the parameter's name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    name: &'static str,
    start: usize,
    bytes: usize,
}

/// Memory that is read.
pub(crate) struct In<T> {
    pointer: *const T,
    length: usize,
    name: &'static str,
}

/// Memory that is written.
pub(crate) struct Out<T> {
    pointer: *mut T,
    length: usize,
    name: &'static str,
}

// Not derived, because that would require `T: Clone`.
impl<T> Clone for In<T> {
    fn clone(&self) -> In<T> {
        *self
    }
}

impl<T> Copy for In<T> {}

impl<T> Clone for Out<T> {
    fn clone(&self) -> Out<T> {
        *self
    }
}

impl<T> Copy for Out<T> {}

/// The bits of an address in a program's memory; processors leave the other bits to tags.
const ADDRESS: usize = usize::MAX >> usize::BITS.saturating_sub(56);

/// Checks that `length` elements at `pointer` can be a slice: not NULL unless empty, aligned, within the address space.
#[inline]
fn check<T>(name: &'static str, pointer: *const T, length: usize) -> Result<(), Failure> {
    if length == 0 {
        return Ok(());
    }
    let address = pointer.addr();
    if address == 0 {
        return Err(Failure::NullPointer { name });
    }
    if !address.is_multiple_of(align_of::<T>()) {
        return Err(Failure::Alignment { name, address, alignment: align_of::<T>() });
    }
    let fits = length
        .checked_mul(size_of::<T>())
        .is_some_and(|bytes| bytes <= ADDRESS - (address & ADDRESS) && bytes <= isize::MAX as usize);
    if fits { Ok(()) } else { Err(Failure::Length { name, counts: vec![length], size: size_of::<T>() }) }
}

/// `rows` · `columns` elements, or a failure if the product is too large.
#[inline]
pub(crate) fn product<T>(name: &'static str, rows: usize, columns: usize) -> Result<usize, Failure> {
    rows.checked_mul(columns).ok_or_else(|| Failure::Length {
        name,
        counts: vec![rows, columns],
        size: size_of::<T>(),
    })
}

/// Memory to be read, checked.
#[inline]
pub(crate) fn input<T>(name: &'static str, pointer: *const T, length: usize) -> Result<In<T>, Failure> {
    check(name, pointer, length)?;
    Ok(In { pointer, length, name })
}

/// Memory to be written, checked.
#[inline]
pub(crate) fn output<T>(name: &'static str, pointer: *mut T, length: usize) -> Result<Out<T>, Failure> {
    check(name, pointer, length)?;
    Ok(Out { pointer, length, name })
}

/// A row-major matrix to be read, checked.
#[inline]
pub(crate) fn matrix<T>(
    name: &'static str,
    pointer: *const T,
    rows: usize,
    columns: usize,
) -> Result<In<T>, Failure> {
    input(name, pointer, product::<T>(name, rows, columns)?)
}

/// A row-major matrix to be written, checked.
#[inline]
pub(crate) fn matrix_out<T>(
    name: &'static str,
    pointer: *mut T,
    rows: usize,
    columns: usize,
) -> Result<Out<T>, Failure> {
    output(name, pointer, product::<T>(name, rows, columns)?)
}

impl<T> In<T> {
    #[inline]
    pub(crate) fn span(&self) -> Span {
        Span { name: self.name, start: self.pointer.addr(), bytes: self.length * size_of::<T>() }
    }

    /// The slice.
    ///
    /// # Safety
    ///
    /// The memory must hold `length` initialized elements that nobody writes while the slice lives.
    #[inline]
    pub(crate) unsafe fn slice<'a>(self) -> &'a [T] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: `input` has checked NULL, alignment and size; the caller guarantees initialized elements that nobody
        // writes while the slice lives.
        unsafe { std::slice::from_raw_parts(self.pointer, self.length) }
    }
}

impl<T> In<T> {
    /// The slice; empty if it is the `same` memory as an output.
    ///
    /// # Safety
    ///
    /// As [`In::slice`], unless `same`.
    #[inline]
    pub(crate) unsafe fn slice_unless<'a>(self, same: bool) -> &'a [T] {
        // SAFETY: unless `same`, the caller guarantees initialized elements that nobody writes while the slice lives.
        if same { &[] } else { unsafe { self.slice() } }
    }
}

impl<T> Out<T> {
    #[inline]
    pub(crate) fn span(&self) -> Span {
        Span { name: self.name, start: self.pointer.addr(), bytes: self.length * size_of::<T>() }
    }

    /// The slice.
    ///
    /// Callers in other languages need not have initialized it. That is harmless: the memory comes from outside this
    /// library, so the compiler must assume that it holds some bytes; any bytes are valid numbers; and kernels write
    /// every element before they read it.
    ///
    /// # Safety
    ///
    /// The memory must be writable, and nobody else may touch it while the slice lives; [`apart`] checks the caller's
    /// own buffers for that. A Rust caller that links this library as Rust must have initialized it.
    #[inline]
    pub(crate) unsafe fn slice<'a>(self) -> &'a mut [T] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: `output` has checked NULL, alignment and size; the caller guarantees writable memory that nobody else
        // touches. Every bit pattern is valid for the number types and structures of numbers that are written here.
        unsafe { std::slice::from_raw_parts_mut(self.pointer, self.length) }
    }

    /// Writes the one value.
    ///
    /// # Safety
    ///
    /// As [`Out::slice`], for memory checked for one element.
    #[inline]
    pub(crate) unsafe fn write(self, value: T) {
        debug_assert_eq!(self.length, 1);
        // SAFETY: `output` has checked it for one element; the caller guarantees writable memory that nobody else
        // touches.
        unsafe { self.pointer.write(value) }
    }
}

/// Checks that no output overlaps an input or another output.
#[inline]
pub(crate) fn apart(outputs: &[Span], inputs: &[Span]) -> Result<(), Failure> {
    for (i, output) in outputs.iter().enumerate() {
        for other in inputs.iter().chain(&outputs[i + 1..]) {
            if output.bytes == 0 || other.bytes == 0 {
                continue;
            }
            // `check` has ensured that no end overflows.
            if output.start < other.start + other.bytes && other.start < output.start + output.bytes {
                return Err(Failure::Overlap { name: output.name, other: other.name });
            }
        }
    }
    Ok(())
}

/// Checks that the output does not overlap an input, or is exactly its memory; returns for each input whether it is.
#[inline]
pub(crate) fn apart_or_same<const N: usize>(output: Span, inputs: [Span; N]) -> Result<[bool; N], Failure> {
    let same =
        inputs.map(|input| input.start == output.start && input.bytes == output.bytes && input.bytes > 0);
    for (input, same) in inputs.iter().zip(same) {
        if !same {
            apart(&[output], std::slice::from_ref(input))?;
        }
    }
    Ok(same)
}

/// A terminated text, and the memory that it occupies.
///
/// # Safety
///
/// `pointer` is NULL or points to memory with a terminating zero that nobody writes while the text lives.
pub(crate) unsafe fn text<'a>(
    name: &'static str,
    pointer: *const c_char,
) -> Result<(&'a str, Span), Failure> {
    check(name, pointer, 1)?;
    // SAFETY: not NULL; the caller guarantees a terminating zero, and that nobody writes the text while it lives.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    Ok((utf8(name, bytes)?, input(name, pointer, bytes.len() + 1)?.span()))
}

/// Bytes as a text, or a failure that names the first invalid one.
pub(crate) fn utf8<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes).map_err(|e| {
        let (place, offset) = (Place::parameter(name), e.valid_up_to());
        Failure::Kernel(Error::Text { place, row: 0, encoding: "UTF-8", offset })
    })
}

/// Writes a text with its terminator into the caller's buffer, and the required capacity into `needed` if that is not
/// NULL. A NULL buffer of capacity 0 asks for the required capacity only. `read` is the memory that the call has read.
///
/// # Safety
///
/// `buffer` is NULL or has `capacity` writable bytes; `needed` is NULL or points to a writable number.
pub(crate) unsafe fn write_text(
    text: &str,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    read: &[Span],
) -> Result<(), Failure> {
    let room = text.len() + 1;
    let target = output("buffer", buffer.cast::<u8>(), capacity)?;
    let count = output("needed", needed, usize::from(!needed.is_null()))?;
    apart(&[target.span(), count.span()], read)?;
    if !needed.is_null() {
        // SAFETY: checked for one element; the caller guarantees that `needed` is writable.
        unsafe { count.write(room) };
    }
    if capacity == 0 && buffer.is_null() {
        return Ok(());
    }
    // SAFETY: the caller guarantees `capacity` writable bytes at `buffer`.
    let target = unsafe { target.slice() };
    let Some(target) = target.get_mut(..room) else {
        return Err(Failure::Capacity { name: "buffer", capacity, needed: room });
    };
    target[..room - 1].copy_from_slice(text.as_bytes());
    target[room - 1] = 0;
    Ok(())
}

/// A structure that starts with its size and may grow in later versions.
///
/// # Safety
///
/// The structure is `repr(C)`, starts with a `u32`, and is valid where all its bytes are zero.
pub(crate) unsafe trait Sized32: Copy {
    const NAME: &'static str;
    /// Bytes of the structure in the first version that had it.
    const FIRST: usize;
}

// SAFETY: `repr(C)`, only numbers and pointers, the size first.
unsafe impl Sized32 for HartIndexOptions {
    const NAME: &'static str = "HartIndexOptions";
    const FIRST: usize = 8;
}

// SAFETY: `repr(C)`, only numbers and pointers, the size first.
unsafe impl Sized32 for HartInvokeOptions {
    const NAME: &'static str = "HartInvokeOptions";
    const FIRST: usize = 16;
}

// SAFETY: `repr(C)`, only numbers and pointers, the size first.
unsafe impl Sized32 for HartParam {
    const NAME: &'static str = "HartParam";
    const FIRST: usize = std::mem::offset_of!(HartParam, length) + size_of::<usize>();
}

/// Larger than any structure will be: a greater size is uninitialized memory of the caller.
const LARGEST: usize = 1024;

/// The size of the structure at `pointer` as the caller states it.
///
/// # Safety
///
/// `pointer` points to a readable `u32`, checked.
unsafe fn size_of_structure(
    name: &'static str,
    first: usize,
    alignment: usize,
    pointer: *const u32,
) -> Result<usize, Failure> {
    // SAFETY: the caller has checked `pointer`, and guarantees that it points to a readable `u32`.
    let found = unsafe { pointer.read() };
    let size = found as usize;
    if size < first || size > LARGEST || !size.is_multiple_of(alignment) {
        let expected = format!("at least {first}, a multiple of {alignment}");
        return Err(Failure::StructSize { name, found, expected });
    }
    Ok(size)
}

/// Reads a structure that the caller may have compiled against an earlier or later version of this interface: missing
/// fields are zero, and fields unknown to this version must be zero. Also returns the memory that it occupies.
///
/// # Safety
///
/// `pointer` is NULL or points to a readable structure of the size that it says.
pub(crate) unsafe fn read<T: Sized32>(pointer: *const T) -> Result<(T, Span), Failure> {
    check(T::NAME, pointer, 1)?;
    // SAFETY: `check` has checked the pointer; the caller guarantees a readable structure, which starts with its size.
    let size = unsafe { size_of_structure(T::NAME, T::FIRST, align_of::<T>(), pointer.cast()) }?;
    let known = size.min(size_of::<T>());
    // SAFETY: the caller guarantees that the structure has the `size` readable bytes that it states.
    let unknown = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known) };
    if unknown.iter().any(|byte| *byte != 0) {
        let expected = format!("{}, or zeros behind those", size_of::<T>());
        return Err(Failure::StructSize { name: T::NAME, found: size as u32, expected });
    }
    // SAFETY: all zeros is a valid value of the structure, as `Sized32` demands; `known` of its readable bytes are
    // copied over it.
    unsafe {
        let mut value = std::mem::zeroed::<T>();
        std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut value).cast::<u8>(), known);
        Ok((value, input(T::NAME, pointer.cast::<u8>(), size)?.span()))
    }
}

/// Reads an array of structures that all state the same size, which is also the stride of the array.
///
/// # Safety
///
/// `pointer` is NULL or points to `count` consecutive readable structures of the size that they state.
pub(crate) unsafe fn read_array<T: Sized32>(pointer: *const T, count: usize) -> Result<Vec<T>, Failure> {
    if count == 0 {
        return Ok(Vec::new());
    }
    check(T::NAME, pointer, count)?;
    // SAFETY: `check` has checked the pointer; the caller guarantees readable structures, which start with their size.
    let size = unsafe { size_of_structure(T::NAME, T::FIRST, align_of::<T>(), pointer.cast()) }?;
    check(T::NAME, pointer.cast::<u8>(), product::<u8>(T::NAME, count, size)?)?;
    let mut values = Vec::new();
    for i in 0..count {
        // SAFETY: the caller guarantees `count` readable structures of the size that the first one states; the size is
        // a multiple of the alignment.
        let value = unsafe {
            let place = pointer.byte_add(i * size);
            let found = place.cast::<u32>().read();
            if found as usize != size {
                let expected = format!("{size}, as the first of the array");
                return Err(Failure::StructSize { name: T::NAME, found, expected });
            }
            read(place)?.0
        };
        values.push(value);
    }
    Ok(values)
}

/// Writes as much of a structure as fits the size that the caller has set in it.
///
/// # Safety
///
/// `pointer` is NULL or points to a writable structure of the size that it states. `T` is `repr(C)` without padding and
/// starts with its size.
pub(crate) unsafe fn write_structure<T: Copy>(
    name: &'static str,
    first: usize,
    pointer: *mut T,
    value: T,
) -> Result<(), Failure> {
    check(name, pointer, 1)?;
    // SAFETY: `check` has checked the pointer; the caller guarantees a writable structure, which starts with the size
    // that it has.
    unsafe {
        let size = size_of_structure(name, first, align_of::<T>(), pointer.cast())?;
        // The caller's own size stays; copying starts after it.
        let skip = size_of::<u32>();
        let count = size.min(size_of::<T>()) - skip;
        let from = (&raw const value).cast::<u8>().add(skip);
        std::ptr::copy_nonoverlapping(from, pointer.cast::<u8>().add(skip), count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_overlap_where_they_share_a_byte() {
        let at = |start, bytes| Span { name: "s", start, bytes };
        for (a, b, expected) in [
            (at(16, 8), at(24, 8), true),
            (at(16, 9), at(24, 8), false),
            (at(16, 0), at(16, 8), true),
            (at(20, 0), at(16, 8), true),
            (at(20, 1), at(16, 8), false),
            (at(16, 8), at(16, 8), false),
        ] {
            assert_eq!(apart(&[a], &[b]).is_ok(), expected, "{a:?} {b:?}");
            assert_eq!(apart(&[a, b], &[]).is_ok(), expected, "{a:?} {b:?}");
        }
    }

    #[test]
    fn structures_of_other_versions() {
        #[repr(C)]
        #[derive(Clone, Copy)]
        struct Later {
            options: HartInvokeOptions,
            more: u64,
        }
        let read_it = |later: &Later| {
            // SAFETY: a live structure that starts with its size.
            unsafe { read::<HartInvokeOptions>((&raw const *later).cast()) }
        };
        let mut later =
            Later { options: HartInvokeOptions { size: 24, reserved: 0, memory_limit: 5 }, more: 0 };
        assert_eq!(read_it(&later).unwrap().0.memory_limit, 5);
        later.more = 1;
        assert!(matches!(read_it(&later), Err(Failure::StructSize { found: 24, .. })));
        for size in [0, 4, 15, 17, 2000] {
            later.options.size = size;
            assert!(matches!(read_it(&later), Err(Failure::StructSize { .. })), "{size}");
        }
        assert!(<HartParam as Sized32>::FIRST <= size_of::<HartParam>());
    }
}
