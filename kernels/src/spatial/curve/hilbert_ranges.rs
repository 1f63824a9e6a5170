//! Boxes as ranges of Hilbert keys.

use crate::contract::shared::ID;
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::{Error, Place};
use crate::parallel;
use crate::spatial::curve::hilbert::Hilbert;
use crate::spatial::curve::{self, Cells, Curve, Grid, Keys, LANES, OUTSIDE};

/// The ranges of Hilbert keys, both ends included, of the cells that a box touches.
///
/// If `most` ranges suffice, they cover exactly those cells, in the fewest possible ranges. Otherwise the smallest gaps
/// are closed, which adds the fewest keys, until `most` ranges are left. For large boxes of many bits, whose exact set
/// has millions of ranges, cells at the surface are not subdivided further once there are 16 · `most` of them; the
/// added keys are then few, but not the fewest.
///
/// # Shapes
///
/// Two corners; returns ascending, disjoint ranges that do not touch.
///
/// # Errors
///
/// [`Error::Value`] for a corner that is not finite, out of bounds where that is an error, or below the other corner;
/// [`Error::ParameterValue`] where `most` is 0.
///
/// # Accuracy
///
/// Every position between the corners has its key in a range: cells are monotone in the coordinates.
///
/// # Examples
///
/// ```
/// use hart_kernels::spatial::{curve::{Grid, Outside}, ranges};
/// let grid = Grid::new([0.0; 3], [4.0; 3], 2, Outside::Error)?;
/// assert_eq!(ranges::hilbert(&grid, [0.0; 3], [1.9; 3], 100)?, [(0, 7)]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn hilbert(grid: &Grid, low: [f64; 3], high: [f64; 3], most: usize) -> Result<Vec<(i64, i64)>, Error> {
    if !(1..=MOST).contains(&most) {
        return Err(Error::ParameterValue {
            name: "most".into(),
            value: most.to_string(),
            expected: format!("an integer from 1 to {MOST}"),
        });
    }
    let of_corner = |corner: &str, position| {
        grid.cells(0, position).map_err(|error| match error {
            Error::Value { place: Place::Column(axis), row, found, expected } => {
                Error::Value { place: format!("{corner}_{axis}").into(), row, found, expected }
            }
            other => other,
        })
    };
    let cells = [of_corner("min", low)?, of_corner("max", high)?];
    for axis in 0..3 {
        if low[axis] > high[axis] {
            return Err(Error::Value {
                place: format!("max_{}", curve::AXES[axis]).into(),
                row: 1,
                found: format!("{:?}", high[axis]),
                expected: format!("a number ≥ {:?}, the lower corner", low[axis]),
            });
        }
    }
    Ok(cover(grid.bits(), cells, most))
}

/// The largest allowed number of ranges; memory grows with it.
pub const MOST: usize = 1_000_000;

/// A cube of 2^side cells per axis, by its first key.
type Cube = u64;

fn cover(bits: u32, [low, high]: [[u32; 3]; 2], most: usize) -> Vec<(i64, i64)> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    let mut open: Vec<Cube> = vec![0];
    let mut side = bits;
    while side > 0 && open.len() <= most.saturating_mul(16) {
        side -= 1;
        let mut next = Vec::new();
        // Eight cubes of eight parts each fill the lanes.
        for cubes in open.chunks(LANES / 8) {
            let mut keys: Keys = [0; LANES];
            for (lane, key) in keys.iter_mut().enumerate().take(cubes.len() * 8) {
                *key = cubes[lane / 8] + ((lane as u64 % 8) << (3 * side));
            }
            let mut cells: Cells = [[0; LANES]; 3];
            Hilbert.cells(bits, &keys, &mut cells);
            for (lane, &key) in keys.iter().enumerate().take(cubes.len() * 8) {
                let (mut inside, mut apart) = (true, false);
                for axis in 0..3 {
                    let first = cells[axis][lane] >> side << side;
                    let last = first + ((1 << side) - 1);
                    apart |= last < low[axis] || first > high[axis];
                    inside &= low[axis] <= first && last <= high[axis];
                }
                if inside {
                    found.push((key, key + ((1 << (3 * side)) - 1)));
                } else if !apart {
                    next.push(key);
                }
            }
        }
        open = next;
    }
    found.extend(open.into_iter().map(|key| (key, key + ((1u64 << (3 * side)) - 1))));
    found.sort_unstable();
    let merged = merge(&found, |_, gap| gap == 0);
    if merged.len() <= most {
        return merged;
    }
    let keys: Vec<(u64, u64)> = merged.iter().map(|(first, last)| (*first as u64, *last as u64)).collect();
    let mut gaps: Vec<(u64, usize)> =
        keys.windows(2).enumerate().map(|(i, pair)| (pair[1].0 - pair[0].1, i + 1)).collect();
    let excess = keys.len() - most;
    let (smaller, last, _) = gaps.select_nth_unstable(excess - 1);
    let mut closed = vec![false; keys.len()];
    smaller.iter().chain([&*last]).for_each(|(_, i)| closed[*i] = true);
    merge(&keys, |i, _| closed[i])
}

/// Joins range `i` with the previous one where `join` says so; the gap is the number of keys between them.
fn merge(ranges: &[(u64, u64)], join: impl Fn(usize, u64) -> bool) -> Vec<(i64, i64)> {
    let mut out: Vec<(i64, i64)> = Vec::new();
    for (i, &(first, last)) in ranges.iter().enumerate() {
        match out.last_mut() {
            Some(before) if join(i, first - before.1 as u64 - 1) => before.1 = last as i64,
            _ => out.push((first as i64, last as i64)),
        }
    }
    out
}

const fn corner(name: &'static str, summary: &'static str) -> Column {
    Column { name, kind: Kind::Float, unit: "length", summary }
}
const MAX_RANGES: Param = Param {
    name: "max_ranges",
    kind: ParamKind::Int { min: 1, max: MOST as i64 },
    default: Some("64"),
    summary: "Ranges of a box at most.",
};
const CORNERS: [&str; 6] = ["min_x", "min_y", "min_z", "max_x", "max_y", "max_z"];

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_hilbert_ranges",
    family: Family::Spatial,
    summary: "The ranges of Hilbert keys that cover a box, for searching an index on the keys.",
    details: "Every position in the box has its key (spatial_hilbert with the same bounds and bits) in one of the ranges, both ends included. \
              Where max_ranges suffice, they are exactly the cells that the box touches, in as few ranges as there are; else the smallest gaps \
              between ranges are closed. Positions found by key must still be compared with the box: cells at its surface lie partly outside, \
              and closed gaps wholly.",
    inputs: &[
        ID,
        corner("min_x", "Lower corner, x."),
        corner("min_y", "Lower corner, y."),
        corner("min_z", "Lower corner, z."),
        corner("max_x", "Upper corner, x."),
        corner("max_y", "Upper corner, y."),
        corner("max_z", "Upper corner, z."),
    ],
    optional: &[],
    params: &[
        curve::MIN,
        curve::MAX,
        curve::BITS,
        Param {
            summary: "What a corner outside of the bounds gives: an error, or the edge, as for the keys of positions that were clamped.",
            ..OUTSIDE
        },
        MAX_RANGES,
    ],
    outputs: &[
        ID,
        Column {
            name: "first_key",
            kind: Kind::BigInt,
            unit: "index from 0",
            summary: "First key of the range.",
        },
        Column {
            name: "last_key",
            kind: Kind::BigInt,
            unit: "index from 0",
            summary: "Last key of the range.",
        },
    ],
    rows: RowShape::Picked,
    nulls: "NULL in any corner gives no ranges.",
    empty: curve::EMPTY,
    nan: curve::NAN,
    accuracy: "Exact: no position of the box is left out.",
    streaming: Streaming::Rows,
    source: "Skilling 2004, as spatial_hilbert; the cubes of an octree have consecutive keys.",
    elements: "",
    sql: curve::SQL_BOUNDS,
    example: Example {
        inputs: &[&[
            Cell::Int(1),
            Cell::Float(0.0),
            Cell::Float(0.0),
            Cell::Float(0.0),
            Cell::Float(1.5),
            Cell::Float(1.5),
            Cell::Float(1.5),
        ]],
        params: &[("max", Cell::Text("4")), ("bits", Cell::Int(2))],
        outputs: &[&[Cell::Int(1), Cell::Int(0), Cell::Int(7)]],
    },
    run: |call| {
        let grid = curve::grid_of(call, curve::outside_of(call))?;
        let most = call.params.int(MAX_RANGES.name) as usize;
        let corners = CORNERS.map(|name| call.floats(name));
        // Open cubes, their parts, and ranges: at most 24 bytes each.
        call.check_memory("the ranges", most as u64 * 16 * 9 * 24)?;
        let limit = call.rows as u64 * most as u64;
        let work = usize::try_from(limit.saturating_mul(64)).unwrap_or(usize::MAX);
        let blocks = parallel::blocks(call.rows, work, |rows| {
            let mut out = Vec::new();
            for row in rows {
                let values = corners.map(|c| c[row]);
                let [Some(a), Some(b), Some(c), Some(d), Some(e), Some(f)] = values else { continue };
                let found = hilbert(&grid, [a, b, c], [d, e, f], most).map_err(|error| place(error, row))?;
                out.extend(found.into_iter().map(|range| (row, range)));
                call.check_memory("the ranges", out.len() as u64 * 24)?;
            }
            Ok(out)
        })?;
        let all: Vec<(usize, (i64, i64))> = blocks.into_iter().flatten().collect();
        Ok(Output {
            columns: vec![
                Values::BigInt(all.iter().map(|(_, (first, _))| Some(*first)).collect()),
                Values::BigInt(all.iter().map(|(_, (_, last))| Some(*last)).collect()),
            ],
            picked: Some(all.into_iter().map(|(row, _)| row).collect()),
        })
    },
};

/// The error of a single box, at its row.
fn place(error: Error, row: usize) -> Error {
    match error {
        Error::Value { place, row: 1, found, expected } => {
            Error::Value { place, row: row as u64 + 1, found, expected }
        }
        other => other,
    }
}
