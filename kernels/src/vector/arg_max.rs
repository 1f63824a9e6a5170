//! Position of the greatest component.

use crate::arch::{LANES, Level, Simd, Task};
use crate::contract::shared::{self, ELEMENT, ID, V};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::number::element::Width;
use crate::number::element::doubles;
use crate::parallel;

/// Index, from 0, of the greatest component, the first among equals. NaN is never the greatest.
///
/// # Shapes
///
/// A slice; returns an index, or `None` where the slice is empty or all NaN.
///
/// # Accuracy
///
/// Exact. −0 and 0 are equal.
///
/// # Examples
///
/// ```
/// use hart_kernels::vector::arg_max;
/// assert_eq!(arg_max(&[1.0, 7.0, f32::NAN, 7.0]), Some(1));
/// assert_eq!(arg_max(&[]), None);
/// ```
pub fn arg_max(v: &[f32]) -> Option<usize> {
    Level::current().run(ArgMax { width: Width::F32, v: bytemuck::cast_slice(v) })
}

pub(crate) struct ArgMax<'a> {
    pub(crate) width: Width,
    pub(crate) v: &'a [u8],
}

impl Task for ArgMax<'_> {
    type Output = Option<usize>;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Option<usize> {
        let mut max = [f64::NAN; LANES];
        for (block, _) in doubles(self.width, self.v, f64::NAN) {
            for j in 0..LANES {
                // True where the lane is still NaN and the component is a number.
                let greater = block[j] > max[j] || (max[j].is_nan() && !block[j].is_nan());
                max[j] = if greater { block[j] } else { max[j] };
            }
        }
        let top = max.into_iter().fold(f64::NAN, f64::max);
        let mut start = 0;
        for (block, count) in doubles(self.width, self.v, f64::NAN) {
            if let Some(j) = block.iter().position(|x| *x == top) {
                return Some(start + j);
            }
            start += count;
        }
        None
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_arg_max",
    family: Family::Vector,
    summary: "Position of a vector's greatest component.",
    details: "Index from 0; of equal components the first.",
    inputs: &[ID, V],
    optional: &[],
    params: &[ELEMENT],
    outputs: &[ID, Column { name: "arg_max", kind: Kind::Int, unit: "index from 0", summary: "0 … n − 1." }],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "The empty vector gives NULL.",
    nan: "NaN is never the greatest; a vector of nothing but NaN gives NULL.",
    accuracy: "Exact. −0 and 0 are equal.",
    streaming: Streaming::Rows,
    source: "IEEE 754 comparison.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[1.0, 7.0, 7.0])], &[Cell::Int(2), Cell::Vector(&[])]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Int(1)], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| {
        let v = call.vectors(0)?;
        let level = call.compute.level;
        let blocks = parallel::blocks(call.rows, v.bytes().len(), |range| {
            let index = |row| level.run(ArgMax { width: v.width(), v: row });
            // A vector has less than 2³¹ bytes, so the index fits.
            Ok(range.map(|i| v.row(i).and_then(index).map(|j| j as i32)).collect::<Vec<_>>())
        })?;
        Ok(Output::same(Values::Int(blocks.into_iter().flatten().collect())))
    },
};
