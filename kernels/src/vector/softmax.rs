//! Normalized exponentials.

use crate::arch::{LANES, Simd, tree_sum};
use crate::contract::shared::{self, ELEMENT, ID, RESULT_VECTOR, V};
use crate::contract::{Cell, Example, Family, Kernel, RowShape, Streaming};
use crate::number::element::Width;
use crate::number::element::doubles;
use crate::number::exp::exp;
use crate::vector::rows::{self, RowOp};

/// Softmax, exp(vᵢ − max v) / Σ exp(vⱼ − max v): positive numbers whose sum is 1.
///
/// # Shapes
///
/// A slice of length n ≥ 0; returns a vector of the same length, without unit.
///
/// # Accuracy
///
/// Computed in double precision with this crate's exponential (relative error below 2⁻⁵⁰) and rounded once: an error
/// below 0.51 units in the last place for n up to 1.6·10⁸. Same bits on every machine: the C library's exponential is
/// not used. If any component is NaN or +∞, or all are −∞, every result is NaN.
///
/// # Definition
///
/// All operations are in doubles and round: m is the greatest component, termᵢ = exp(vᵢ − m), S their sum in 32 lanes
/// as in steps 1 to 3 of the [definition of sums](crate::vector#definition-of-a-reproducible-sum), with terms in place
/// of products; the result is termᵢ·(1/S), rounded once more to the vector's precision. exp(x) is 0 for x < −708.
/// Otherwise k = (x·log₂e + 1.5·2⁵²) − 1.5·2⁵², r = (x − k·6.931471803691238e-1) − k·1.9082149292705877e-10, p starts
/// as 1/13! and becomes p·r + 1/i! for i = 12 … 0, and the exponential is p·2ᵏ.
///
/// # Examples
///
/// ```
/// assert_eq!(hart_kernels::vector::softmax(&[1000.0, 1000.0]), [0.5, 0.5]);
/// ```
pub fn softmax(v: &[f32]) -> Vec<f32> {
    rows::map_slice(Softmax, v)
}

#[derive(Clone, Copy)]
pub(crate) struct Softmax;

impl RowOp<1> for Softmax {
    #[inline(always)]
    fn row<S: Simd>(self, _: S, width: Width, [v]: [&[u8]; 1], out: &mut [u8]) {
        let mut max = [f64::NEG_INFINITY; LANES];
        let mut nan = [false; LANES];
        for (block, _) in doubles(width, v, f64::NEG_INFINITY) {
            for j in 0..LANES {
                max[j] = if block[j] > max[j] { block[j] } else { max[j] };
                nan[j] |= block[j].is_nan();
            }
        }
        let top = max.into_iter().fold(f64::NEG_INFINITY, f64::max);
        if nan.contains(&true) || !top.is_finite() {
            rows::elementwise(width, [v], out, |_| f32::NAN, |_| f64::NAN);
            return;
        }
        let mut total = [0.0; LANES];
        for (block, count) in doubles(width, v, f64::NEG_INFINITY) {
            for j in 0..LANES {
                let term = exp(block[j] - top);
                total[j] += if j < count { term } else { 0.0 };
            }
        }
        let inverse = 1.0 / tree_sum(total);
        let targets = out.chunks_mut(LANES * width.bytes());
        for ((block, _), target) in doubles(width, v, f64::NEG_INFINITY).zip(targets) {
            let terms = block.map(|x| exp(x - top) * inverse);
            match width {
                Width::F32 => {
                    for (t, term) in target.as_chunks_mut::<4>().0.iter_mut().zip(terms) {
                        *t = (term as f32).to_le_bytes();
                    }
                }
                Width::F64 => {
                    for (t, term) in target.as_chunks_mut::<8>().0.iter_mut().zip(terms) {
                        *t = term.to_le_bytes();
                    }
                }
            }
        }
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_softmax",
    family: Family::Vector,
    summary: "Softmax of a vector: positive components whose sum is 1.",
    details: "exp(vᵢ − max v) / Σ exp(vⱼ − max v)",
    inputs: &[ID, V],
    optional: &[],
    params: &[ELEMENT],
    outputs: &[ID, RESULT_VECTOR],
    rows: RowShape::Same,
    nulls: shared::NULLS,
    empty: "The empty vector gives an empty vector.",
    nan: "A NaN or +∞ component, or nothing but −∞, makes all components NaN; −∞ beside finite components gives 0 there.",
    accuracy: "Computed in f64, each component rounded once: error below 0.51 ulp of f32 for n ≤ 1.6·10⁸. Same bits on every instruction set: the exponential is the library's own.",
    streaming: Streaming::Rows,
    source: "Goodfellow, Bengio and Courville 2016, Deep Learning, section 4.1 (shifted softmax).",
    elements: "For f64 elements the relative error of a component d below the greatest is at most (d + ln n + ⌈n/32⌉ + 24)·2⁻⁵³, and a component with d > 708 is 0.",
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(1), Cell::Vector(&[1000.0, 1000.0])]],
        params: &[],
        outputs: &[&[Cell::Int(1), Cell::Vector(&[0.5, 0.5])]],
    },
    run: |call| rows::run_vectors(call, Softmax),
};

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn exponential_is_good_to_the_last_bits() {
        let mut worst: f64 = 0.0;
        for i in 0..700_000 {
            let x = -(f64::from(i) / 1000.0);
            worst = worst.max(((exp(x) - x.exp()) / x.exp()).abs());
        }
        assert!(worst < 1.0 / (1u64 << 50) as f64, "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!((exp(-708.5), exp(f64::NEG_INFINITY)), (0.0, 0.0));
    }
}
