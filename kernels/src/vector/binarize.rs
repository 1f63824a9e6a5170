//! The signs of a vector's components as bits.

use std::ops::Range;

use crate::arch::{Simd, Task};
use crate::column::vectors::Vectors;
use crate::contract::shared::{self, ELEMENT, ID, V};
use crate::contract::{Cell, Example, Family, Kernel, Output, PackedBytes, RowShape, Streaming, Values};
use crate::number::element::Width;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::vector::bits::BITS;

/// A bit for each component, set where it is greater than 0: the highest bit of the first byte is the first component's.
///
/// # Shapes
///
/// A slice of n numbers; returns ⌈n/8⌉ bytes. Missing bits of the last byte are 0.
///
/// # Accuracy
///
/// Exact. Zeros of both signs and NaN give 0.
///
/// # Examples
///
/// ```
/// use hart_kernels::vector::binarize;
/// assert_eq!(binarize(&[0.5, -1.0, 0.0, 2.0]), [0b1001_0000]);
/// ```
pub fn binarize(v: &[f32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(v.len().div_ceil(8));
    Compute::new().level.run(One { width: Width::F32, vector: bytemuck::cast_slice(v), out: &mut out });
    out
}

struct One<'a> {
    width: Width,
    vector: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Task for One<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        signs(self.width, self.vector, self.out);
    }
}

#[inline(always)]
fn signs(width: Width, vector: &[u8], out: &mut Vec<u8>) {
    match width {
        Width::F32 => pack(vector.as_chunks::<4>().0, |x| f32::from_le_bytes(x) > 0.0, out),
        Width::F64 => pack(vector.as_chunks::<8>().0, |x| f64::from_le_bytes(x) > 0.0, out),
    }
}

#[inline(always)]
fn pack<const N: usize>(numbers: &[[u8; N]], is_set: impl Fn([u8; N]) -> bool, out: &mut Vec<u8>) {
    let (eights, rest) = numbers.as_chunks::<8>();
    out.extend(eights.iter().map(|eight| {
        let mut byte = 0;
        for x in eight {
            byte = byte << 1 | u8::from(is_set(*x));
        }
        byte
    }));
    if !rest.is_empty() {
        let byte = rest.iter().fold(0, |byte, x| byte << 1 | u8::from(is_set(*x)));
        out.push(byte << (8 - rest.len()));
    }
}

struct Rows<'a> {
    rows: &'a Vectors<'a>,
    range: Range<usize>,
}

impl Task for Rows<'_> {
    type Output = PackedBytes;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> PackedBytes {
        let mut part = PackedBytes::default();
        let dimensions = self.range.clone().filter_map(|row| self.rows.dimensions(row));
        part.bytes.reserve_exact(dimensions.map(|n| n.div_ceil(8)).sum());
        for row in self.range {
            let before = part.bytes.len();
            let there = self.rows.row(row).map(|vector| signs(self.rows.width(), vector, &mut part.bytes));
            // A row has at most 2³¹ bytes, of which this is an eighth or less.
            part.lengths.push(there.map_or(-1, |()| (part.bytes.len() - before) as i32));
        }
        part
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_binarize",
    family: Family::Vector,
    summary: "The signs of a vector's components as bits.",
    details: "A bit for each component, set where it is greater than 0. The highest bit of the first byte is the first component's; missing \
              bits of the last byte are 0. These are the bytes of NumPy's packbits(v > 0), which libraries of sentence embeddings use. \
              Distances of such bits (vector_hamming_distance, vector_top_k_bits) only resemble those of the vectors: a search for \
              candidates by bits whose vectors are then compared may miss nearest rows. The codes of vector_quantize miss none.",
    inputs: &[ID, V],
    optional: &[],
    params: &[ELEMENT],
    outputs: &[ID, BITS],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "The empty vector gives no bytes.",
    nan: "NaN gives 0, infinity 1.",
    accuracy: "Exact.",
    streaming: Streaming::Rows,
    source: "Charikar 2002, \"Similarity Estimation Techniques from Rounding Algorithms\", with the axes in place of random directions.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[0.5, -1.0, 0.0, 2.0])],
            &[Cell::Int(2), Cell::Vector(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 3.0])],
        ],
        params: &[],
        outputs: &[
            &[Cell::Int(1), Cell::Binary(&[0b1001_0000])],
            &[Cell::Int(2), Cell::Binary(&[0b1111_1110, 0b1000_0000])],
        ],
    },
    run: |call| {
        let given = call.given_vectors(0);
        let dimensions = (0..call.rows).filter_map(|row| given.dimensions(row));
        // Bits of blocks of rows, and the column that they are put together to.
        call.check_memory("the bits", dimensions.map(|n| 2 * n.div_ceil(8) as u64).sum())?;
        let rows = call.vectors(0)?;
        let parts = parallel::blocks(rows.len(), rows.bytes().len(), |range| {
            Ok(call.compute.level.run(Rows { rows, range }))
        })?;
        Ok(Output::same(Values::Packed(PackedBytes::joined(parts))))
    },
};
