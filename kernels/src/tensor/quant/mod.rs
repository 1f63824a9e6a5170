//! Decodes tensor payloads: quantized blocks, halves and singles to singles.
//!
//! The layouts are those of GGUF files and, under separate names, those of the SQLCLR assembly that this crate
//! replaces; [`PayloadType`] describes the bits of each.
//!
//! # Accuracy
//!
//! Every number of the formulas is a single. A product of a half, a scale and a quant has at most 22 significant bits,
//! so it is exact, and the one addition or subtraction rounds to nearest even: elements have the same bits on every
//! [`Level`](crate::Level), and those of the reference implementation (package `gguf`, `gguf.quants.dequantize`). The
//! one rounded product is that of `legacy_q8_0`, whose scale is a single; `f64` is rounded to the nearest single.
//!
//! # Special values
//!
//! Scales may be subnormal, infinite or NaN; the formula is evaluated by IEEE 754, so an infinite scale times a zero
//! quant is NaN. `f32`, `f16` and `bf16` keep the bits of a NaN; which NaN a formula gives is not defined.
//!
//! # Sources
//!
//! - GGUF specification, <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, for the type numbers.
//! - ggml, `ggml-common.h` (the `block_…` structures) and `ggml-quants.c` (`dequantize_row_…`), for the blocks.

mod block;
mod float;
mod k;
mod legacy;
mod payload_type;
mod q4;
mod q5;
mod q8;
mod table;

pub use payload_type::PayloadType;

use crate::arch::zeros;
use crate::error::Error;
use crate::number::canonical::canonical;
use crate::pairwise::compute::Compute;
use crate::parallel;

/// The elements of a payload.
///
/// # Shapes
///
/// Any whole number of blocks, or none; returns as many elements as they hold. The bytes need no alignment. A large
/// payload is shared among the threads of the current pool.
///
/// # Errors
///
/// [`Error::Payload`] where the payload is not a whole number of blocks.
///
/// # Accuracy
///
/// See the [module](self).
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::quant::{PayloadType, decode};
///
/// // A scale of 0.5 and 32 quants.
/// let mut block = vec![0x00, 0x38];
/// block.extend((0..32).map(|q| q as u8));
/// let values = decode(PayloadType::Q8_0, &block)?;
/// assert_eq!((values.len(), values[3]), (32, 1.5));
///
/// let error = decode(PayloadType::Q8_0, &block[..33]).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "payload of type q8_0: 33 bytes; expected a multiple of 34 bytes (a block of 32 elements)"
/// );
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn decode(payload_type: PayloadType, bytes: &[u8]) -> Result<Vec<f32>, Error> {
    let mut out = zeros("the elements", payload_type.elements(bytes.len())?)?;
    decode_into(payload_type, bytes, &mut out)?;
    Ok(out)
}

/// As [`decode`], into the caller's memory.
///
/// # Errors
///
/// As [`decode`], and [`Error::Payload`] where the length of `out` differs from the payload's elements. Nothing is
/// written then.
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::quant::{PayloadType, decode_into};
///
/// let mut out = [0.0; 2];
/// decode_into(PayloadType::Bf16, &[0x80, 0x3f, 0x00, 0xc0], &mut out)?;
/// assert_eq!(out, [1.0, -2.0]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn decode_into(payload_type: PayloadType, bytes: &[u8], out: &mut [f32]) -> Result<(), Error> {
    decode_into_with(Compute::new(), payload_type, bytes, out)
}

/// As [`decode_into`], on the instruction-set level of `compute`, which never changes a result.
///
/// # Errors
///
/// As [`decode_into`].
pub fn decode_into_with(
    compute: Compute,
    payload_type: PayloadType,
    bytes: &[u8],
    out: &mut [f32],
) -> Result<(), Error> {
    decode_pieces(compute, payload_type, bytes, out, usize::MAX, |_| ())
}

/// Bytes of output decoded before their NaNs are replaced: they are still in the L2 cache then.
const PIECE: usize = 1 << 17;

/// As [`decode_into`], but every NaN is the canonical one, `f32::NAN`, so that all machines give the same bits.
///
/// # Errors
///
/// As [`decode_into`].
///
/// # Examples
///
/// ```
/// use hart_kernels::tensor::quant::{PayloadType, decode_canonical_into};
///
/// let mut out = [0.0];
/// decode_canonical_into(PayloadType::Bf16, &[0xc1, 0xff], &mut out)?;
/// assert_eq!(out[0].to_bits(), f32::NAN.to_bits());
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn decode_canonical_into(payload_type: PayloadType, bytes: &[u8], out: &mut [f32]) -> Result<(), Error> {
    decode_pieces(Compute::new(), payload_type, bytes, out, PIECE, canonical)
}

/// Decodes in pieces of `piece` bytes, and calls `finish` on each.
fn decode_pieces(
    compute: Compute,
    payload_type: PayloadType,
    bytes: &[u8],
    out: &mut [f32],
    piece: usize,
    finish: impl Fn(&mut [f32]) + Sync + Send,
) -> Result<(), Error> {
    let expected = payload_type.elements(bytes.len())?;
    if out.len() != expected {
        return Err(Error::Payload {
            payload_type: payload_type.name(),
            found: format!("an output of {} elements", out.len()),
            expected: format!("{expected}, because the payload has {} bytes", bytes.len()),
        });
    }
    let layout = payload_type.layout();
    let size = size_of_val(out);
    let ranges = parallel::ranges(bytes.len() / layout.bytes, size);
    let blocks = (piece / size_of::<f32>() / layout.elements).max(1);
    let mut rest = out;
    let mut outputs = Vec::with_capacity(ranges.len());
    for range in &ranges {
        let (output, behind) = rest.split_at_mut(range.len() * layout.elements);
        outputs.push(output);
        rest = behind;
    }
    parallel::each(ranges.into_iter().zip(outputs), size, |(range, output)| {
        let input = &bytes[range.start * layout.bytes..range.end * layout.bytes];
        let pieces = input.chunks(blocks.saturating_mul(layout.bytes));
        for (input, output) in pieces.zip(output.chunks_mut(blocks.saturating_mul(layout.elements))) {
            (layout.decode)(compute.level, input, output);
            finish(output);
        }
        Ok(())
    })
}
