//! Payloads of tensors.
#![allow(unsafe_code)]

use std::ffi::c_char;

use hart_kernels::tensor::quant::{PayloadType, decode_into};
use hart_kernels::vector::batch;
use hart_kernels::{Error, Pool};
use rayon::prelude::*;

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
        // SAFETY: this function's premise.
        unsafe {
            let payload_type = PayloadType::parse(raw::text("payload_type", payload_type)?)?;
            count.write(payload_type.elements(payload_bytes)?);
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
        raw::apart(&[out.span()], &[payload.span()])?;
        // SAFETY: this function's premise.
        let (payload_type, payload, out) = unsafe {
            let payload_type = PayloadType::parse(raw::text("payload_type", payload_type)?)?;
            (payload_type, payload.slice(), out.slice())
        };
        decode(payload_type, payload, out).map_err(Failure::from)
    })
}

/// Bytes of output that are decoded before their NaNs are looked at: they are still in the second-level cache then.
const PIECE: usize = 1 << 17;

fn decode(payload_type: PayloadType, payload: &[u8], out: &mut [f32]) -> Result<(), Error> {
    let piece = |payload: &[u8], out: &mut [f32]| {
        decode_into(payload_type, payload, out)?;
        batch::canonical(out);
        Ok(())
    };
    let bytes = size_of_val(out).max(payload.len());
    // The kernel says what is wrong with lengths that do not fit each other.
    if bytes < Pool::SMALL || payload_type.elements(payload.len())? != out.len() {
        return piece(payload, out);
    }
    let blocks = (PIECE / 4 / payload_type.block_elements()).max(1);
    let payloads = payload.par_chunks(blocks * payload_type.block_bytes());
    let outputs = out.par_chunks_mut(blocks * payload_type.block_elements());
    state::run(bytes, false, || payloads.zip(outputs).try_for_each(|(payload, out)| piece(payload, out)))
}
