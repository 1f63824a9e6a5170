//! Morton keys: the bits of the cells interleaved.

use crate::contract::{Cell, Example, Family, Kernel, Param, ParamKind, RowShape, Streaming};
use crate::error::Error;
use crate::pairwise::compute::Compute;
use crate::spatial::curve::{self, Cells, Curve, Grid, Keys, LANES};

/// Which axis has the lowest bit of every three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BitOrder {
    /// Bit k of x, y, z goes to 3k, 3k + 1, 3k + 2, as in the functions that this library replaces.
    #[default]
    XLowest,
    /// Bit k of x, y, z goes to 3k + 2, 3k + 1, 3k, as in the Hilbert keys.
    XHighest,
}

/// The Morton keys of positions.
///
/// # Shapes
///
/// Three slices of n numbers, a grid of b bits per axis; returns n keys in 0 … 2^(3b) − 1.
///
/// # Errors
///
/// As [`crate::spatial::curve::hilbert::keys`].
///
/// # Accuracy
///
/// Exact for the cells.
///
/// # Examples
///
/// ```
/// use hart_kernels::spatial::curve::{Grid, Outside};
/// use hart_kernels::spatial::morton::{self, BitOrder};
/// let grid = Grid::new([0.0; 3], [8.0; 3], 3, Outside::Error)?;
/// assert_eq!(morton::keys(&grid, BitOrder::XLowest, &[1.0], &[2.0], &[4.0])?, [0b100_010_001]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn keys(grid: &Grid, order: BitOrder, x: &[f64], y: &[f64], z: &[f64]) -> Result<Vec<i64>, Error> {
    curve::slices(Compute::new().level, Morton(order), grid, x, y, z)
}

/// The cell centres of Morton keys: x, y and z.
///
/// # Errors
///
/// As [`crate::spatial::curve::hilbert::positions`].
pub fn positions(grid: &Grid, order: BitOrder, keys: &[i64]) -> Result<[Vec<f64>; 3], Error> {
    curve::positions_of(Compute::new().level, Morton(order), grid, |i| keys[i], keys.len())
}

#[derive(Clone, Copy)]
pub(crate) struct Morton(pub(crate) BitOrder);

impl Curve for Morton {
    #[inline(always)]
    fn keys(self, _: u32, cells: &mut Cells, keys: &mut Keys) {
        let [x, y, z] = &*cells;
        match self.0 {
            BitOrder::XLowest => interleave(z, y, x, keys),
            BitOrder::XHighest => interleave(x, y, z, keys),
        }
    }

    #[inline(always)]
    fn cells(self, _: u32, keys: &Keys, cells: &mut Cells) {
        deinterleave(keys, cells);
        if self.0 == BitOrder::XLowest {
            let [x, _, z] = cells;
            std::mem::swap(x, z);
        }
    }
}

/// Interleaves the bits of `high`, `middle` and `low`.
#[inline(always)]
pub(crate) fn interleave(high: &[u32; LANES], middle: &[u32; LANES], low: &[u32; LANES], keys: &mut Keys) {
    for lane in 0..LANES {
        keys[lane] = spread(high[lane]) << 2 | spread(middle[lane]) << 1 | spread(low[lane]);
    }
}

/// The inverse of [`interleave`], with the axis of the highest bits first.
#[inline(always)]
pub(crate) fn deinterleave(keys: &Keys, cells: &mut Cells) {
    let [high, middle, low] = cells;
    for lane in 0..LANES {
        high[lane] = gather(keys[lane] >> 2);
        middle[lane] = gather(keys[lane] >> 1);
        low[lane] = gather(keys[lane]);
    }
}

/// Moves bit k of 21 to 3k, in halving steps (Warren 2012, "Hacker's Delight", 7–2).
#[inline(always)]
fn spread(cell: u32) -> u64 {
    let v = u64::from(cell) & 0x1F_FFFF;
    let v = (v | v << 32) & 0x001F_0000_0000_FFFF;
    let v = (v | v << 16) & 0x001F_0000_FF00_00FF;
    let v = (v | v << 8) & 0x100F_00F0_0F00_F00F;
    let v = (v | v << 4) & 0x10C3_0C30_C30C_30C3;
    (v | v << 2) & 0x1249_2492_4924_9249
}

/// The inverse of [`spread`]: collects every third bit.
#[inline(always)]
fn gather(key: u64) -> u32 {
    let v = key & 0x1249_2492_4924_9249;
    let v = (v | v >> 2) & 0x10C3_0C30_C30C_30C3;
    let v = (v | v >> 4) & 0x100F_00F0_0F00_F00F;
    let v = (v | v >> 8) & 0x001F_0000_FF00_00FF;
    let v = (v | v >> 16) & 0x001F_0000_0000_FFFF;
    ((v | v >> 32) & 0x1F_FFFF) as u32
}

pub(super) const ORDER: Param = Param {
    name: "order",
    kind: ParamKind::Choice(&["x_lowest", "x_highest"]),
    default: Some("x_lowest"),
    summary: "Which axis has the lowest of every three bits: x_lowest as in the functions that were replaced (cell (1, 0, 0) \
              has key 1), x_highest as in the Hilbert keys (key 4).",
};

pub(super) fn order_of(word: &str) -> BitOrder {
    if word == "x_highest" { BitOrder::XHighest } else { BitOrder::XLowest }
}

pub(super) const SOURCE: &str = "Morton 1966, \"A computer oriented geodetic data base\"; the orders are those of libmorton and pymorton (x_lowest) and of the crates lindel and morton-encoding (x_highest).";

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_morton",
    family: Family::Spatial,
    summary: "Morton keys of positions: the bits of their cells interleaved.",
    details: "Each axis between its bounds is cut into 2^bits cells: cell = ⌊(v − min) / (max − min) · 2^bits⌋, the upper bound \
              lying in the last cell. The key interleaves the bits of the three cells. Keys of other bounds, bits or orders \
              cannot be compared: store them beside the keys.",
    inputs: curve::INPUTS,
    optional: &[],
    params: &[curve::MIN, curve::MAX, curve::BITS, ORDER, curve::OUTSIDE],
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
            &[Cell::Int(1), Cell::Float(1.0), Cell::Float(2.0), Cell::Float(3.0)],
            &[Cell::Int(2), Cell::Float(1.0), Cell::Null, Cell::Float(3.0)],
        ],
        params: &[("min", Cell::Text("0")), ("max", Cell::Text("32")), ("bits", Cell::Int(5))],
        outputs: &[&[Cell::Int(1), Cell::Int(53)], &[Cell::Int(2), Cell::Null]],
    },
    run: |call| curve::run_keys(call, Morton(order_of(call.params.word(ORDER.name)))),
};
