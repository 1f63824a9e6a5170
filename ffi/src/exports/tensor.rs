//! Payloads and decompositions of tensors.
#![allow(unsafe_code)]

use std::ffi::c_char;

use hart_kernels::Error;
use hart_kernels::tensor::quant::{PayloadType, decode_canonical_into};
use hart_kernels::tensor::{SvdMethod, SvdOptions, svd};

use crate::failure::{Failure, guard};
use crate::{raw, state};

/// Number of elements of a payload.
///
/// `payload_type`: its name, such as `q4_k`. `payload_bytes`: a whole number of blocks. `count`: where the number goes.
///
/// # Safety
///
/// `payload_type` is NULL or a text with a terminator; `count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_tensor_payload_elements(
    payload_type: *const c_char,
    payload_bytes: usize,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let count = raw::output("count", count, 1)?;
        // SAFETY: the caller guarantees that `payload_type` is NULL or a terminated text, and that `count` is writable
        // if not NULL.
        unsafe {
            let (name, span) = raw::text("payload_type", payload_type)?;
            raw::apart(&[count.span()], &[span])?;
            count.write(PayloadType::parse(name)?.elements(payload_bytes)?);
        }
        Ok(())
    })
}

/// Decodes a quantized tensor payload to singles. Same bits on every machine; a NaN is the canonical one.
///
/// `payload_type`: its name, such as `q4_k`. `payload`: `payload_bytes` bytes of any alignment, a whole number of blocks.
/// `out`: `count` singles, as many as `hart_tensor_payload_elements` says.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_tensor_decode_payload_f32(
    payload_type: *const c_char,
    payload: *const u8,
    payload_bytes: usize,
    out: *mut f32,
    count: usize,
) -> i32 {
    guard(|| {
        let (payload, out) =
            (raw::input("payload", payload, payload_bytes)?, raw::output("out", out, count)?);
        // SAFETY: the caller guarantees a terminated text and as many elements as it says, and that nobody writes what
        // is read or touches what is written during the call.
        let (payload_type, payload, out) = unsafe {
            let (name, span) = raw::text("payload_type", payload_type)?;
            raw::apart(&[out.span()], &[span, payload.span()])?;
            (PayloadType::parse(name)?, payload.slice(), out.slice())
        };
        Ok(state::run(|| decode_canonical_into(payload_type, payload, out))?)
    })
}

/// Truncated singular value decomposition of a row-major matrix, largest singular values first.
///
/// The exact method of the kernel `tensor_svd`: singular values are off by at most (rows + columns)·2⁻⁵² of the largest one. The number
/// of components, `rank`, goes to `components`. The largest entry of each left vector is positive. Same bits for any number of threads;
/// between processors the last digits may differ.
///
/// `matrix`: rows · columns finite singles. `rank`: 1 to min(rows, columns). `singular_values`: room for `rank` numbers. `u`: room for
/// rank · rows singles, left vector after left vector. `v`: room for rank · columns singles, right vector after right vector.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_tensor_svd_f32(
    matrix: *const f32,
    rows: usize,
    columns: usize,
    rank: usize,
    singular_values: *mut f64,
    u: *mut f32,
    v: *mut f32,
    components: *mut usize,
) -> i32 {
    let options = SvdOptions::default();
    // SAFETY: the caller guarantees the same as `truncated` demands: as many elements as it says, which nobody else
    // writes or touches during the call.
    guard(|| unsafe { truncated(&options, matrix, rows, columns, rank, singular_values, u, v, components) })
}

/// Truncated singular value decomposition by the randomized method of the kernel `tensor_svd`: several times faster than
/// `hart_tensor_svd_f32` for a rank that is low for the matrix, and approximate.
///
/// Singular values are never too large beyond rounding, and too small by what a random sample misses, which nothing bounds for a single
/// matrix: on weights and noise the first by up to 1 %, the last by up to 5 %, with a relative Frobenius error up to 1 % above the
/// least possible; on the hardest spectra found 11 %, 21 % and 2 %.
/// The same seed gives the same bits for any number of threads; between processors the last digits may differ.
///
/// `seed`: any number. The others as `hart_tensor_svd_f32` has them.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_tensor_svd_randomized_f32(
    matrix: *const f32,
    rows: usize,
    columns: usize,
    rank: usize,
    seed: u64,
    singular_values: *mut f64,
    u: *mut f32,
    v: *mut f32,
    components: *mut usize,
) -> i32 {
    let options = SvdOptions::default().method(SvdMethod::Randomized).seed(seed);
    // SAFETY: the caller guarantees the same as `truncated` demands: as many elements as it says, which nobody else
    // writes or touches during the call.
    guard(|| unsafe { truncated(&options, matrix, rows, columns, rank, singular_values, u, v, components) })
}

/// Shared by both decompositions.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the call.
unsafe fn truncated(
    options: &SvdOptions,
    matrix: *const f32,
    rows: usize,
    columns: usize,
    rank: usize,
    singular_values: *mut f64,
    u: *mut f32,
    v: *mut f32,
    components: *mut usize,
) -> Result<(), Failure> {
    let matrix = raw::matrix("matrix", matrix, rows, columns)?;
    let full = rows.min(columns);
    if rank == 0 || rank > full {
        return Err(Error::ParameterValue {
            name: "rank".into(),
            value: rank.to_string(),
            expected: format!("1 to {full}, the smaller of rows and columns"),
        }
        .into());
    }
    let values = raw::output("singular_values", singular_values, rank)?;
    let u = raw::matrix_out("u", u, rank, rows)?;
    let v = raw::matrix_out("v", v, rank, columns)?;
    let components = raw::output("components", components, 1)?;
    raw::apart(&[values.span(), u.span(), v.span(), components.span()], &[matrix.span()])?;
    // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or touches what is
    // written during the call.
    let (matrix, values, u, v) = unsafe { (matrix.slice(), values.slice(), u.slice(), v.slice()) };
    let options = options.clone().rank(rank);
    let found = state::run(|| svd(matrix, rows, columns, &options))?;
    values[..found.singular_values.len()].copy_from_slice(&found.singular_values);
    u[..found.u.len()].copy_from_slice(&found.u);
    v[..found.v.len()].copy_from_slice(&found.v);
    // SAFETY: `components` was checked for one element; the caller guarantees that it is writable.
    unsafe { components.write(found.singular_values.len()) };
    Ok(())
}
