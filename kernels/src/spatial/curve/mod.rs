//! Shared by the space-filling curves: bounds, cells, and the loop over columns.

pub mod buckets;
pub mod hilbert;
pub(crate) mod hilbert_inverse;
pub mod hilbert_ranges;
pub mod morton;
pub(crate) mod morton_inverse;

use crate::arch::{Level, Simd, Task};
use crate::contract::shared::ID;
use crate::contract::{Call, Column, Kind, Output, Param, ParamKind, Values};
use crate::error::{Error, Place};
use crate::parallel;

/// Maximum bits per axis: three times as many fill a non-negative BIGINT.
pub const MAX_BITS: u32 = 21;

/// The result for a coordinate out of bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outside {
    /// An error.
    #[default]
    Error,
    /// The nearest edge cell.
    Clamp,
}

/// A box of space, cut into 2^bits cells along each axis. Keys of different grids are not comparable, so store the
/// bounds and the bits with the keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    min: [f64; 3],
    width: [f64; 3],
    max: [f64; 3],
    bits: u32,
    outside: Outside,
}

impl Grid {
    /// A grid of `bits` bits per axis between `min` and `max`.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for bounds that are not finite, not ascending, or further apart than the range of doubles;
    /// [`Error::ParameterValue`] for bits outside 1 to [`MAX_BITS`].
    pub fn new(min: [f64; 3], max: [f64; 3], bits: u32, outside: Outside) -> Result<Grid, Error> {
        if !(1..=MAX_BITS).contains(&bits) {
            return Err(Error::ParameterValue {
                name: "bits".into(),
                value: bits.to_string(),
                expected: format!("an integer from 1 to {MAX_BITS}"),
            });
        }
        let mut width = [0.0; 3];
        for axis in 0..3 {
            width[axis] = max[axis] - min[axis];
            if !(width[axis] > 0.0 && width[axis].is_finite()) {
                return Err(Error::Value {
                    place: Place::parameter("max"),
                    row: 0,
                    found: format!("{:?} for {}, where min is {:?}", max[axis], AXES[axis], min[axis]),
                    expected: "finite bounds, the lower one first, less than 1.8e308 apart".into(),
                });
            }
        }
        Ok(Grid { min, width, max, bits, outside })
    }

    /// Bits per axis.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The largest key.
    pub fn last_key(&self) -> i64 {
        ((1u64 << (3 * self.bits)) - 1) as i64
    }

    /// The cell of a coordinate: ⌊(v − min) / (max − min) · 2^bits⌋; the upper bound belongs to the last cell. A
    /// coordinate out of bounds gives the edge cell; NaN gives 0.
    #[inline(always)]
    pub(crate) fn cell(&self, axis: usize, v: f64) -> u32 {
        let cells = (1u32 << self.bits) as f64;
        let scaled = (v - self.min[axis]) / self.width[axis] * cells;
        let at_least = if scaled > 0.0 { scaled } else { 0.0 };
        let at_most = if at_least < cells - 1.0 { at_least } else { cells - 1.0 };
        // Adding 2⁵² leaves the whole number in the low bits: a conversion that every instruction set has for whole
        // registers.
        (at_most.floor() + 4_503_599_627_370_496.0).to_bits() as u32
    }

    /// Whether a coordinate has a cell.
    #[inline(always)]
    fn admits(&self, axis: usize, v: f64) -> bool {
        match self.outside {
            Outside::Error => v >= self.min[axis] && v <= self.max[axis],
            Outside::Clamp => v.abs() <= f64::MAX,
        }
    }

    /// The centre of a cell.
    #[inline(always)]
    pub(crate) fn middle(&self, axis: usize, cell: u32) -> f64 {
        let cells = (1u32 << self.bits) as f64;
        self.min[axis] + (f64::from(cell) + 0.5) / cells * self.width[axis]
    }

    /// Checks that cells are wide enough for doubles to distinguish their centres; otherwise keys would not round-trip.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] that names the axis and the least distance of its bounds.
    fn check_middles(&self) -> Result<(), Error> {
        for (axis, name) in AXES.into_iter().enumerate() {
            let farthest = self.min[axis].abs().max(self.max[axis].abs());
            // The widest step between doubles in the box.
            let step = farthest - farthest.next_down();
            let least = 2.0 * step * (1u32 << self.bits) as f64;
            if self.width[axis] < least {
                let bits = self.bits;
                return Err(Error::Value {
                    place: Place::parameter("max"),
                    row: 0,
                    found: format!(
                        "{:?} for {}, {:?} from min, with 2^{bits} cells narrower than two steps between doubles",
                        self.max[axis], name, self.width[axis]
                    ),
                    expected: format!("bounds at least {least:?} apart, or fewer bits"),
                });
            }
        }
        Ok(())
    }

    /// The cells of one position.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for row `row`, from 0, of the column `x`, `y` or `z`.
    pub(crate) fn cells(&self, row: usize, position: [f64; 3]) -> Result<[u32; 3], Error> {
        for (axis, v) in position.into_iter().enumerate() {
            if !self.admits(axis, v) {
                return Err(self.refuse(row, axis, v));
            }
        }
        Ok([0, 1, 2].map(|axis| self.cell(axis, position[axis])))
    }

    fn refuse(&self, row: usize, axis: usize, v: f64) -> Error {
        let expected = match self.outside {
            Outside::Clamp => "a finite number".into(),
            Outside::Error => {
                format!("a number from {:?} to {:?}, or outside = clamp", self.min[axis], self.max[axis])
            }
        };
        Error::Value { place: AXES[axis].into(), row: row as u64 + 1, found: format!("{v:?}"), expected }
    }
}

pub(crate) const AXES: [&str; 3] = ["x", "y", "z"];

/// Keys that are computed together: enough that one key's steps do not wait for another's.
pub(crate) const LANES: usize = 64;
pub(crate) type Cells = [[u32; LANES]; 3];
pub(crate) type Keys = [u64; LANES];

/// A bijection between cells and keys. The methods must be `#[inline(always)]`, so that they are compiled for their
/// caller's level.
pub(crate) trait Curve: Copy + Send + Sync {
    fn keys(self, bits: u32, cells: &mut Cells, keys: &mut Keys);
    fn cells(self, bits: u32, keys: &Keys, cells: &mut Cells);
}

/// Keys of a block of rows.
struct Forward<'a, C, R> {
    curve: C,
    grid: Grid,
    row: R,
    start: usize,
    out: &'a mut [i64],
}

impl<C: Curve, R: Fn(usize) -> [f64; 3]> Task for Forward<'_, C, R> {
    type Output = Result<(), Error>;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Self::Output {
        let mut cells: Cells = [[0; LANES]; 3];
        let mut keys: Keys = [0; LANES];
        // A copy, so that the compiler knows that writing the cells does not change it.
        let grid = self.grid;
        for (block, out) in self.out.chunks_mut(LANES).enumerate() {
            let start = self.start + block * LANES;
            // The last, shorter block is padded with a position that has a cell.
            let mut values = grid.min.map(|min| [min; LANES]);
            let [x, y, z] = &mut values;
            for (row, ((x, y), z)) in (start..start + out.len()).zip(x.iter_mut().zip(y).zip(z)) {
                [*x, *y, *z] = (self.row)(row);
            }
            let mut good = true;
            for axis in 0..3 {
                let mut admitted = true;
                for lane in 0..LANES {
                    admitted &= grid.admits(axis, values[axis][lane]);
                    cells[axis][lane] = grid.cell(axis, values[axis][lane]);
                }
                good &= admitted;
            }
            if !good {
                for row in start..start + out.len() {
                    grid.cells(row, (self.row)(row))?;
                }
            }
            self.curve.keys(grid.bits, &mut cells, &mut keys);
            for (out, key) in out.iter_mut().zip(keys) {
                *out = key as i64;
            }
        }
        Ok(())
    }
}

/// Positions of a block of keys.
struct Backward<'a, C, K> {
    curve: C,
    grid: Grid,
    key: K,
    start: usize,
    out: [&'a mut [f64]; 3],
}

impl<C: Curve, K: Fn(usize) -> i64> Task for Backward<'_, C, K> {
    type Output = Result<(), Error>;
    #[inline(always)]
    fn run<S: Simd>(mut self, _: S) -> Self::Output {
        let mut cells: Cells = [[0; LANES]; 3];
        let grid = self.grid;
        let rows = self.out[0].len();
        let mut done = 0;
        while done < rows {
            let count = LANES.min(rows - done);
            let mut keys: Keys = [0; LANES];
            for (lane, key) in keys.iter_mut().enumerate().take(count) {
                let given = (self.key)(self.start + done + lane);
                if !(0..=grid.last_key()).contains(&given) {
                    return Err(Error::Value {
                        place: "key".into(),
                        row: (self.start + done + lane) as u64 + 1,
                        found: given.to_string(),
                        expected: format!(
                            "a key from 0 to {} of {} bits an axis",
                            grid.last_key(),
                            grid.bits
                        ),
                    });
                }
                *key = given as u64;
            }
            self.curve.cells(grid.bits, &keys, &mut cells);
            for (axis, (out, cells)) in self.out.iter_mut().zip(&cells).enumerate() {
                for (out, cell) in out[done..done + count].iter_mut().zip(cells) {
                    *out = grid.middle(axis, *cell);
                }
            }
            done += count;
        }
        Ok(())
    }
}

/// Keys of whole columns.
pub(crate) fn keys_of<C: Curve>(
    level: Level,
    curve: C,
    grid: &Grid,
    position: impl Fn(usize) -> [f64; 3] + Copy + Sync + Send,
    out: &mut [i64],
) -> Result<(), Error> {
    parallel::rows_into(out.len(), out.len() * 32, out, |rows, out| {
        level.run(Forward { curve, grid: *grid, row: position, start: rows.start, out })
    })
}

/// Keys of three slices of equal length, into a fourth.
pub(crate) fn slices_into<C: Curve>(
    level: Level,
    curve: C,
    grid: &Grid,
    [x, y, z]: [&[f64]; 3],
    out: &mut [i64],
) -> Result<(), Error> {
    for (name, length) in [("y", y.len()), ("z", z.len()), ("out", out.len())] {
        if length != x.len() {
            return Err(Error::ParameterValue {
                name: name.into(),
                value: format!("{length} numbers"),
                expected: format!("{}, as many as x", x.len()),
            });
        }
    }
    keys_of(level, curve, grid, |i| [x[i], y[i], z[i]], out)
}

/// Keys of three slices of equal length.
pub(crate) fn slices<C: Curve>(
    level: Level,
    curve: C,
    grid: &Grid,
    x: &[f64],
    y: &[f64],
    z: &[f64],
) -> Result<Vec<i64>, Error> {
    let mut out = vec![0; x.len()];
    slices_into(level, curve, grid, [x, y, z], &mut out)?;
    Ok(out)
}

/// Cell centres of whole columns of keys.
pub(crate) fn positions_of<C: Curve>(
    level: Level,
    curve: C,
    grid: &Grid,
    key: impl Fn(usize) -> i64 + Copy + Sync + Send,
    rows: usize,
) -> Result<[Vec<f64>; 3], Error> {
    grid.check_middles()?;
    let mut all = [0; 3].map(|_| vec![0.0; rows]);
    let ranges = parallel::ranges(rows, rows * 32);
    let step = ranges.first().map_or(1, |rows| rows.len());
    let [x, y, z] = &mut all;
    let parts = x.chunks_mut(step).zip(y.chunks_mut(step)).zip(z.chunks_mut(step));
    parallel::each(ranges.into_iter().zip(parts), rows * 32, |(rows, ((x, y), z))| {
        level.run(Backward { curve, grid: *grid, key, start: rows.start, out: [x, y, z] })
    })?;
    Ok(all)
}

pub(crate) const X: Column = Column { name: "x", kind: Kind::Float, unit: "length", summary: "X." };
pub(crate) const Y: Column = Column { name: "y", kind: Kind::Float, unit: "length", summary: "Y." };
pub(crate) const Z: Column = Column { name: "z", kind: Kind::Float, unit: "length", summary: "Z." };
pub(crate) const KEY: Column = Column {
    name: "key",
    kind: Kind::BigInt,
    unit: "index from 0",
    summary: "The position along the curve.",
};

pub(crate) const INPUTS: &[Column] = &[ID, X, Y, Z];
pub(crate) const KEY_COLUMNS: &[Column] = &[ID, KEY];

pub(crate) const BITS: Param = Param {
    name: "bits",
    kind: ParamKind::Int { min: 1, max: 21 },
    default: Some("21"),
    summary: "Bits of each axis. A key of fewer bits is not the beginning of one of more.",
};
pub(crate) const MIN: Param = Param {
    name: "min",
    kind: ParamKind::Text,
    default: Some("0"),
    summary: "Lower bounds: one number for all axes, or three, as in '-1, -1, 0'.",
};
pub(crate) const MAX: Param = Param {
    name: "max",
    kind: ParamKind::Text,
    default: Some("1"),
    summary: "Upper bounds: one number for all axes, or three.",
};
pub(crate) const OUTSIDE: Param = Param {
    name: "outside",
    kind: ParamKind::Choice(&["error", "clamp"]),
    default: Some("error"),
    summary: "What a coordinate outside of the bounds gives: an error, or the cell at the edge.",
};

pub(crate) const NULLS: &str = "NULL in any coordinate gives NULL.";
pub(crate) const NAN: &str = "NaN and infinities are errors, also with outside = clamp.";
pub(crate) const EMPTY: &str = "No rows give no rows.";
pub(crate) const ACCURACY: &str =
    "Cells are exact results of the formula in double precision, the same on every machine; keys are exact.";

pub(crate) const SQL_BOUNDS: &str = "Bounds from float columns: CONVERT(varchar(40), x, 3) keeps all digits.";

pub(crate) const MIDDLES: &str = "Cells are exact. A middle is off by at most half a unit in the last place of the larger bound and 2⁻⁵¹ of the distance of the bounds, and its key is the one given. Same bits on every machine.";

/// One number for all axes, or three.
pub(crate) fn triple(call: &Call<'_>, name: &'static str) -> Result<[f64; 3], Error> {
    let text = call.params.word(name);
    let wrong = || Error::ParameterValue {
        name: name.into(),
        value: format!("'{}'", text.chars().take(40).collect::<String>()),
        expected: "one finite number, or three with commas between them".into(),
    };
    let numbers: Vec<f64> = text
        .split(',')
        .map(|n| n.trim().parse().ok().filter(|v: &f64| v.is_finite()))
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    match numbers[..] {
        [all] => Ok([all; 3]),
        [x, y, z] => Ok([x, y, z]),
        _ => Err(wrong()),
    }
}

/// The grid that a call's parameters describe.
pub(crate) fn grid_of(call: &Call<'_>, outside: Outside) -> Result<Grid, Error> {
    let [min, max] = [triple(call, MIN.name)?, triple(call, MAX.name)?];
    Grid::new(min, max, call.params.int(BITS.name) as u32, outside)
}

pub(crate) fn outside_of(call: &Call<'_>) -> Outside {
    if call.params.word(OUTSIDE.name) == "clamp" { Outside::Clamp } else { Outside::Error }
}

/// Runs a kernel from positions to keys.
pub(crate) fn run_keys<C: Curve>(call: &Call<'_>, curve: C) -> Result<Output, Error> {
    let grid = grid_of(call, outside_of(call))?;
    call.check_memory("the keys", call.rows as u64 * 24)?;
    let columns = AXES.map(|name| call.floats(name));
    let null = |row: usize| columns.iter().any(|c| c[row].is_none());
    let columns = &columns;
    // A NULL row is computed with a position that has a cell.
    let position = move |row: usize| match (columns[0][row], columns[1][row], columns[2][row]) {
        (Some(x), Some(y), Some(z)) => [x, y, z],
        _ => grid.min,
    };
    let mut keys = vec![0; call.rows];
    keys_of(call.compute.level, curve, &grid, position, &mut keys)?;
    let keys = keys.into_iter().enumerate().map(|(row, key)| (!null(row)).then_some(key)).collect();
    Ok(Output::same(Values::BigInt(keys)))
}

/// Runs a kernel from keys to their cell centres.
pub(crate) fn run_positions<C: Curve>(call: &Call<'_>, curve: C) -> Result<Output, Error> {
    let grid = grid_of(call, Outside::Error)?;
    call.check_memory("the positions", call.rows as u64 * 72)?;
    let keys = call.integers(KEY.name);
    let positions = positions_of(call.compute.level, curve, &grid, |row| keys[row].unwrap_or(0), call.rows)?;
    let column =
        |axis: Vec<f64>| Values::Float(axis.into_iter().zip(keys).map(|(v, key)| key.map(|_| v)).collect());
    Ok(Output { columns: positions.into_iter().map(column).collect(), picked: None })
}
