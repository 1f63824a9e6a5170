//! Keys along the Hilbert curve in three dimensions.

use crate::contract::{Cell, Example, Family, Kernel, RowShape, Streaming};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::spatial::curve::morton::{deinterleave, interleave};
use crate::spatial::curve::{self, Cells, Curve, Grid, Keys, LANES, MAX_BITS};

/// The Hilbert keys of positions, by Skilling's definition: neighbours on the curve are neighbours in space.
///
/// # Shapes
///
/// Three slices of n numbers, a grid of b bits per axis; returns n keys in 0 … 2^(3b) − 1.
///
/// # Errors
///
/// [`Error::Value`] with the first row that has a coordinate which is not finite or, with [`curve::Outside::Error`],
/// out of bounds; [`Error::ParameterValue`] for slices of different lengths.
///
/// # Accuracy
///
/// Exact for the cells.
///
/// # Examples
///
/// ```
/// use hart_kernels::spatial::{curve::{Grid, Outside}, hilbert};
/// let grid = Grid::new([0.0; 3], [32.0; 3], 5, Outside::Error)?;
/// assert_eq!(hilbert::keys(&grid, &[5.0], &[10.0], &[20.0])?, [7865]);
/// assert_eq!(hilbert::positions(&grid, &[7865])?, [[5.5], [10.5], [20.5]]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn keys(grid: &Grid, x: &[f64], y: &[f64], z: &[f64]) -> Result<Vec<i64>, Error> {
    curve::slices(Compute::new().level, Hilbert, grid, x, y, z)
}

/// As [`keys`], into the caller's memory.
///
/// # Errors
///
/// As [`keys`], and [`Error::ParameterValue`] where the length of `out` differs from that of `x`. After an error the
/// content of `out` is unspecified.
///
/// # Examples
///
/// ```
/// use hart_kernels::spatial::{curve::{Grid, Outside}, hilbert};
/// let grid = Grid::new([0.0; 3], [32.0; 3], 5, Outside::Error)?;
/// let mut out = [0];
/// hilbert::keys_into(&grid, &[5.0], &[10.0], &[20.0], &mut out)?;
/// assert_eq!(out, [7865]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn keys_into(grid: &Grid, x: &[f64], y: &[f64], z: &[f64], out: &mut [i64]) -> Result<(), Error> {
    curve::slices_into(Compute::new().level, Hilbert, grid, [x, y, z], out)
}

/// The cell centres of Hilbert keys: x, y and z.
///
/// # Errors
///
/// [`Error::Value`] with the first row whose key is negative or beyond [`Grid::last_key`], and where the bounds are so
/// close that a cell is narrower than two steps between doubles, so that its centre may not map back to its key.
///
/// # Accuracy
///
/// A centre has an error of at most half a unit in the last place of the larger bound plus 2⁻⁵¹ of the distance between
/// the bounds; its key is the one given.
pub fn positions(grid: &Grid, keys: &[i64]) -> Result<[Vec<f64>; 3], Error> {
    curve::positions_of(Compute::new().level, Hilbert, grid, |i| keys[i], keys.len())
}

/// Skilling's transform, always with 21 bits: a level without bits rotates the axes, (a, b, c) to (c, a, b), so keys of
/// fewer bits are those of axes rotated back beforehand. That way all shifts are constants.
#[derive(Clone, Copy)]
pub(crate) struct Hilbert;

/// The steps of every level but the lowest, with constant shifts: a loop over them would not be unrolled, and the lanes
/// would go through memory at every level.
macro_rules! levels {
    ($step:ident: $($level:literal)*) => {
        $($step!($level);)*
    };
}

impl Curve for Hilbert {
    #[inline(always)]
    fn keys(self, bits: u32, cells: &mut Cells, keys: &mut Keys) {
        let [a, b, c] = &*cells;
        let [a, b, c] = match (MAX_BITS - bits) % 3 {
            0 => [a, b, c],
            1 => [b, c, a],
            _ => [c, a, b],
        };
        let mut axes: Cells = [[0; LANES]; 3];
        for lane in 0..LANES {
            let (mut x, mut y, mut z) = (a[lane], b[lane], c[lane]);
            macro_rules! step {
                ($level:literal) => {
                    (x, y, z) = undo::<$level>(x, y, z, false);
                };
            }
            levels!(step: 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1);
            // Gray code across the axes, and the parity of the bits above each bit of the last axis.
            y ^= x;
            z ^= y;
            let parity = parity_above(z);
            axes[0][lane] = x ^ parity;
            axes[1][lane] = y ^ parity;
            axes[2][lane] = z ^ parity;
        }
        interleave(&axes[0], &axes[1], &axes[2], keys);
    }

    #[inline(always)]
    fn cells(self, bits: u32, keys: &Keys, cells: &mut Cells) {
        let mut axes: Cells = [[0; LANES]; 3];
        deinterleave(keys, &mut axes);
        let [a, b, c] = cells;
        let [a, b, c] = match (MAX_BITS - bits) % 3 {
            0 => [a, b, c],
            1 => [b, c, a],
            _ => [c, a, b],
        };
        for lane in 0..LANES {
            let (mut x, mut y, mut z) = (axes[0][lane], axes[1][lane], axes[2][lane]);
            let gray = z >> 1;
            z ^= y;
            y ^= x;
            x ^= gray;
            macro_rules! step {
                ($level:literal) => {
                    (x, y, z) = undo::<$level>(x, y, z, true);
                };
            }
            levels!(step: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
            a[lane] = x;
            b[lane] = y;
            c[lane] = z;
        }
    }
}

/// One level of the transform: for each axis, if its bit is set, the lower bits of x are inverted, else they are
/// exchanged with the axis's. The inverse takes the axes in reverse order.
#[inline(always)]
fn undo<const LEVEL: u32>(mut x: u32, mut y: u32, mut z: u32, back: bool) -> (u32, u32, u32) {
    let low = (1u32 << LEVEL) - 1;
    // All ones where the bit is set.
    let set = |v: u32| ((v << (31 - LEVEL)) as i32 >> 31) as u32;
    let exchange = |x: &mut u32, other: &mut u32| {
        let inverted = set(*other);
        let difference = (*x ^ *other) & low & !inverted;
        *x ^= difference | (inverted & low);
        *other ^= difference;
    };
    if back {
        exchange(&mut x, &mut z);
        exchange(&mut x, &mut y);
        x ^= set(x) & low;
    } else {
        x ^= set(x) & low;
        exchange(&mut x, &mut y);
        exchange(&mut x, &mut z);
    }
    (x, y, z)
}

/// Bit k is the parity of the bits above k.
#[inline(always)]
fn parity_above(v: u32) -> u32 {
    let v = v >> 1;
    let v = v ^ v >> 1;
    let v = v ^ v >> 2;
    let v = v ^ v >> 4;
    let v = v ^ v >> 8;
    v ^ v >> 16
}

pub(super) const SOURCE: &str = "Skilling 2004, \"Programming the Hilbert curve\", AIP Conference Proceedings 707, 381–387; the same as the Python package hilbertcurve.";

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_hilbert",
    family: Family::Spatial,
    summary: "Keys of positions along the Hilbert curve: positions with near keys are near in space.",
    details: "Each axis between its bounds is cut into 2^bits cells: cell = ⌊(v − min) / (max − min) · 2^bits⌋, the upper bound \
              lying in the last cell. The key is the number of the cell along Skilling's curve, x having the highest bit of every three. \
              Keys of other bounds or bits cannot be compared: store them beside the keys. This is not the order of the functions that were \
              replaced, which was no Hilbert curve.",
    inputs: curve::INPUTS,
    optional: &[],
    params: &[curve::MIN, curve::MAX, curve::BITS, curve::OUTSIDE],
    outputs: curve::KEY_COLUMNS,
    rows: RowShape::Same,
    nulls: curve::NULLS,
    empty: curve::EMPTY,
    nan: curve::NAN,
    accuracy: curve::ACCURACY,
    streaming: Streaming::Rows,
    source: SOURCE,
    elements: "",
    sql: curve::SQL_BOUNDS,
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Float(5.0), Cell::Float(10.0), Cell::Float(20.0)],
            &[Cell::Int(2), Cell::Float(32.0), Cell::Float(0.0), Cell::Float(0.0)],
            &[Cell::Int(3), Cell::Null, Cell::Float(0.0), Cell::Float(0.0)],
        ],
        params: &[("min", Cell::Text("0, 0, 0")), ("max", Cell::Text("32")), ("bits", Cell::Int(5))],
        outputs: &[
            &[Cell::Int(1), Cell::Int(7865)],
            &[Cell::Int(2), Cell::Int(32767)],
            &[Cell::Int(3), Cell::Null],
        ],
    },
    run: |call| curve::run_keys(call, Hilbert),
};
