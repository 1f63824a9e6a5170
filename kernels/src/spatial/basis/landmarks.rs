//! Landmarks: rows far from each other.

use std::ops::Range;

use crate::arch::{Simd, Task};
use crate::column::vectors::{Vectors, decode};
use crate::contract::shared::{ELEMENT, ID, V};
use crate::contract::{
    Call, Cell, Column, Example, Family, Kernel, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::{Error, Place};
use crate::number::element::Width;
use crate::pairwise::compute::Compute;
use crate::pairwise::precision::{Accumulate, with_precision};
use crate::pairwise::reduce;
use crate::parallel;
use crate::vector::nearest_rows::Key;
use crate::vector::top_k::{self, DISTANCE, Hit, RANK};

/// Rows far from each other: first the row farthest from the mean of all, then each time the row whose nearest landmark
/// is farthest. The result is at most twice as coarse as the best choice of as many (Gonzalez 1985, "Clustering to
/// minimize the maximum intercluster distance").
///
/// # Shapes
///
/// m vectors of n dimensions and m ids; returns at most min(`count`, m) landmarks in the order of choice, each with its
/// Euclidean distance from the nearest landmark before it, the first with its distance from the mean. It ends when all
/// rows are landmarks or equal to one. NULL rows are left out. Ties are broken by smaller id, then by position.
///
/// # Errors
///
/// [`Error::Dimensions`] where a row's dimensions differ from the first row's; [`Error::Value`] where a row is not
/// finite; [`Error::ParameterValue`] where `ids` does not have one number per row.
///
/// # Accuracy
///
/// Distances are accumulated in double precision. Same bits on every machine.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, spatial::landmarks};
/// let rows = Vectors::matrix(&[0.0, 0.0, 1.0, 0.0, 9.0, 0.0, 2.0, 3.0], 2)?;
/// let chosen = landmarks(&rows, &[1, 2, 3, 4], 2)?;
/// assert_eq!((chosen[0].id, chosen[1].id, chosen[1].distance), (3, 1, 9.0));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn landmarks(rows: &Vectors<'_>, ids: &[i64], count: usize) -> Result<Vec<Hit>, Error> {
    top_k::check_ids(ids, rows)?;
    let chosen = choose(Compute::new(), rows, &|row| Some(ids[row]), count)?;
    Ok(chosen.into_iter().map(|(row, distance)| Hit { id: ids[row], distance, row }).collect())
}

fn choose(
    compute: Compute,
    rows: &Vectors<'_>,
    key: Key<'_>,
    count: usize,
) -> Result<Vec<(usize, f64)>, Error> {
    let mut farthest = distances(compute, rows, &widened(&mean(rows)?, rows.width()))?;
    let mut chosen: Vec<(usize, f64)> = Vec::new();
    while chosen.len() < count.min(rows.len()) {
        // The smaller id wins a tie; NULL ids lose.
        let rank = |row: usize| {
            let id = key(row);
            (id.is_none(), id.unwrap_or(0), row)
        };
        let better = |a: usize, b: usize| match farthest[a].partial_cmp(&farthest[b]) {
            Some(std::cmp::Ordering::Equal) => rank(a) < rank(b),
            order => order == Some(std::cmp::Ordering::Greater),
        };
        let next = (0..rows.len())
            .filter(|row| farthest[*row] >= 0.0)
            .reduce(|best, row| if better(row, best) { row } else { best });
        let Some(next) = next.filter(|row| farthest[*row] > 0.0 || chosen.is_empty()) else { break };
        chosen.push((next, farthest[next]));
        let from = distances(compute, rows, rows.row(next).unwrap_or_default())?;
        let first = chosen.len() == 1;
        for (farthest, distance) in farthest.iter_mut().zip(from) {
            *farthest = if first { distance } else { farthest.min(distance) };
        }
    }
    Ok(chosen)
}

/// The mean of the rows. Checks dimensions and that numbers are finite.
fn mean(rows: &Vectors<'_>) -> Result<Vec<f64>, Error> {
    let dimension = first_dimension(rows).unwrap_or(0);
    let sum = |scale: f64| {
        let blocks = parallel::blocks(rows.len(), rows.bytes().len(), |range| {
            let mut sum = Sum::new(dimension, scale);
            sum.add(rows, range)?;
            Ok(sum)
        })?;
        let mut total = Sum::new(dimension, scale);
        blocks.iter().for_each(|block| total.add_sum(block));
        Ok(total)
    };
    match sum(1.0)?.mean() {
        Some(mean) => Ok(mean),
        None => Ok(sum(Sum::SMALL)?.mean().unwrap_or_default()),
    }
}

/// Dimensions of the first row that has a vector.
pub(super) fn first_dimension(rows: &Vectors<'_>) -> Option<usize> {
    (0..rows.len()).find_map(|row| rows.dimensions(row))
}

/// Rows times a power of two, added in order.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    sum: Vec<f64>,
    count: u64,
    scale: f64,
}

impl Sum {
    /// A power of two below the reciprocal of any number of rows.
    pub(super) const SMALL: f64 = 1.0 / (1u128 << 64) as f64;

    pub(super) fn new(dimension: usize, scale: f64) -> Sum {
        Sum { sum: vec![0.0; dimension], count: 0, scale }
    }

    /// The same without rows.
    pub(super) fn emptied(&self) -> Sum {
        Sum::new(self.sum.len(), self.scale)
    }

    /// Whether it is scaled, so that it stays finite where the rows are.
    fn is_scaled(&self) -> bool {
        self.scale != 1.0
    }

    /// Adds rows. Checks dimensions and that numbers are finite.
    pub(super) fn add(&mut self, rows: &Vectors<'_>, range: Range<usize>) -> Result<(), Error> {
        for i in range {
            let Some(row) = rows.row(i) else { continue };
            if rows.dimensions(i) != Some(self.sum.len()) {
                return Err(rows.mismatch(i, Place::whole("the first row"), self.sum.len()));
            }
            for (sum, v) in self.sum.iter_mut().zip(decode(rows.wide_element(), row)) {
                if !v.is_finite() {
                    return Err(Error::Value {
                        place: rows.place().clone(),
                        row: i as u64 + 1,
                        found: v.to_string(),
                        expected: "a vector of finite numbers".into(),
                    });
                }
                *sum += v * self.scale;
            }
            self.count += 1;
        }
        Ok(())
    }

    /// Adds the rows of another sum.
    pub(super) fn add_sum(&mut self, other: &Sum) {
        self.sum.iter_mut().zip(&other.sum).for_each(|(sum, v)| *sum += v);
        self.count += other.count;
    }

    /// The mean; `None` if a sum that is not scaled has left the range of doubles, which the mean has not.
    pub(super) fn mean(mut self) -> Option<Vec<f64>> {
        self.sum.iter_mut().for_each(|v| *v /= self.count.max(1) as f64);
        if self.is_scaled() {
            self.sum.iter_mut().for_each(|v| *v = (*v / Sum::SMALL).clamp(f64::MIN, f64::MAX));
        }
        (self.is_scaled() || self.sum.iter().all(|v| v.is_finite())).then_some(self.sum)
    }
}

/// The numbers as bytes of a row of that width.
pub(super) fn widened(numbers: &[f64], width: Width) -> Vec<u8> {
    match width {
        Width::F32 => numbers.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect(),
        Width::F64 => numbers.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}

/// Euclidean distances of all rows from one; −1 for NULL rows.
pub(super) fn distances(compute: Compute, rows: &Vectors<'_>, from: &[u8]) -> Result<Vec<f64>, Error> {
    let blocks = parallel::blocks(rows.len(), rows.bytes().len(), |range| {
        Ok(compute.level.run(From { rows, from, range }))
    })?;
    Ok(blocks.concat())
}

struct From<'a> {
    rows: &'a Vectors<'a>,
    from: &'a [u8],
    range: Range<usize>,
}

impl Task for From<'_> {
    type Output = Vec<f64>;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.range.len());
        with_precision!(self.rows.width(), Accumulate::F64, M => {
            for i in self.range {
                out.push(match self.rows.row(i) {
                    Some(row) => reduce::euclidean::<M, S, true>(simd, self.from, row),
                    None => -1.0,
                });
            }
        });
        out
    }
}

fn run(call: &Call<'_>) -> Result<Output, Error> {
    let ids = top_k::integer_keys(call)?;
    let count = usize::try_from(call.params.int(COUNT.name)).unwrap_or(usize::MAX);
    call.check_memory("the distances from the landmarks", 16 * call.rows as u64)?;
    let chosen = choose(call.compute, call.vectors(0)?, &|row| ids[row], count)?;
    Ok(Output {
        columns: vec![
            Values::Int((1..=chosen.len()).map(|rank| Some(rank as i32)).collect()),
            Values::Float(chosen.iter().map(|(_, distance)| Some(*distance)).collect()),
        ],
        picked: Some(chosen.into_iter().map(|(row, _)| row).collect()),
    })
}

const COUNT: Param = Param {
    name: "count",
    kind: ParamKind::Int { min: 1, max: 1024 },
    default: Some("3"),
    summary: "Landmarks wanted.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_landmarks",
    family: Family::Spatial,
    summary: "Rows that are far from each other, as landmarks or anchors of a basis.",
    details: "Farthest-point selection: first the row farthest from the mean of all, then each time the row whose nearest \
              landmark is farthest. Euclidean distances. Equal distances are decided by the smaller id, then by input order, so \
              the choice is the same every time. It ends early where all other rows equal a landmark.",
    inputs: &[ID, V],
    optional: &[],
    params: &[COUNT, ELEMENT],
    outputs: &[
        Column { summary: "1 is the landmark chosen first, the farthest from the mean.", ..RANK },
        ID,
        Column {
            unit: "that of the vectors",
            summary: "Euclidean distance from the nearest landmark chosen before; of the first from the mean.",
            ..DISTANCE
        },
    ],
    rows: RowShape::Picked,
    nulls: "A row whose vector is NULL is left out. A NULL id loses every tie.",
    empty: "No rows give no landmarks.",
    nan: "A vector that is not finite is an error that names its row.",
    accuracy: "Distances as vector_euclidean_distance with accumulate = f64, to the nearest landmark chosen before; of the \
               first from the mean, rounded to the precision of the vectors. Same bits on every instruction set and for any number of threads.",
    streaming: Streaming::Whole("all rows"),
    source: "Gonzalez 1985, Clustering to minimize the maximum intercluster distance.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Vector(&[0.0, 0.0])],
            &[Cell::Int(2), Cell::Vector(&[1.0, 0.0])],
            &[Cell::Int(3), Cell::Vector(&[9.0, 0.0])],
            &[Cell::Int(4), Cell::Vector(&[2.0, 4.0])],
        ],
        params: &[("count", Cell::Int(3))],
        outputs: &[
            &[Cell::Int(1), Cell::Int(3), Cell::Float(6.082762530298219)],
            &[Cell::Int(2), Cell::Int(1), Cell::Float(9.0)],
            &[Cell::Int(3), Cell::Int(4), Cell::Float(4.47213595499958)],
        ],
    },
    run,
};
