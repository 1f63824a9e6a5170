//! Dynamic time warping.

use super::POSITION;
use crate::cluster::assign::{DISTANCE, check_distance};
use crate::cluster::points::Points;
use crate::column::vectors::Vectors;
use crate::contract::shared::{ACCUMULATE, ELEMENT, V};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::group::GROUP_KEY;
use crate::group::keys::Groups;
use crate::pairwise::compute::Compute;
use crate::parallel;
use crate::vector::Metric;
use crate::vector::rows;
use crate::vector::targets::Targets;

/// How well two series align.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Alignment {
    /// The least sum of distances along a warping path.
    pub distance: f64,
    /// Pairs on that path; of paths with the same sum the shortest.
    pub length: u32,
}

/// Dynamic time warping (Sakoe and Chiba 1978): the least sum of distances over paths that pair the vectors of `a` and
/// `b` in order, each with at least one, begin with both first and end with both last. With a `band` only pairs with
/// |i − j| ≤ band count.
///
/// # Shapes
///
/// m and l vectors of n dimensions, none NULL.
///
/// # Errors
///
/// [`Error::ParameterValue`] for an empty series, a band narrower than the difference of the lengths, or the metric dot,
/// which may be negative; [`Error::Dimensions`]; [`Error::Value`] for a vector that is NULL or not finite.
///
/// # Accuracy
///
/// Distances have the bits of [`crate::vector::distance()`]; they are added in double precision along the path. Same bits
/// for any threads and levels.
///
/// # Complexity
///
/// O(m·l·n); memory for two rows of the table, and 48 rows of distances.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Compute, Metric, Vectors, series};
/// let a = Vectors::matrix(&[0.0, 1.0, 2.0], 1)?;
/// let b = Vectors::matrix(&[0.0, 0.0, 1.0, 3.0], 1)?;
/// let found = series::dtw(Compute::new(), &a, &b, None, Metric::Euclidean)?;
/// assert_eq!((found.distance, found.length), (1.0, 4));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn dtw(
    compute: Compute,
    a: &Vectors<'_>,
    b: &Vectors<'_>,
    band: Option<usize>,
    metric: Metric,
) -> Result<Alignment, Error> {
    for series in [a, b] {
        let list = Points::new(series, None)?.list;
        if list.len() < series.len() || list.is_empty() {
            return Err(Error::ParameterValue {
                name: series.name().into(),
                value: format!("{} vectors, of which {} are NULL", series.len(), series.len() - list.len()),
                expected: "one or more, none NULL".into(),
            });
        }
    }
    check_distance(metric)?;
    let (m, l) = (a.len(), b.len());
    let reach = band.unwrap_or(m.max(l));
    if m.abs_diff(l) > reach {
        return Err(Error::ParameterValue {
            name: BAND.name.into(),
            value: reach.to_string(),
            expected: format!("{} or more: the series have {m} and {l} vectors", m.abs_diff(l)),
        });
    }
    // The sum and the length of the best path to each pair of a row and the one before; infinite outside of the band.
    let outside = (f64::INFINITY, u32::MAX);
    let mut before = vec![outside; l + 1];
    let mut row = before.clone();
    before[0] = (0.0, 0);
    let mut distances = vec![vec![0.0; BLOCK]; l];
    for start in (0..m).step_by(BLOCK) {
        let end = (start + BLOCK).min(m);
        let columns = start.saturating_sub(reach)..(end + reach).min(l);
        let vectors: Vec<&[u8]> = (start..end).map(|i| a.row(i).unwrap_or_default()).collect();
        let targets = Targets { compute, metric, vectors: &vectors, name: &a.place().to_string() };
        let list: Vec<usize> = columns.clone().collect();
        targets.distances(b, &list, |at, found| {
            distances[columns.start + at].iter_mut().zip(found).for_each(|(place, d)| *place = d);
        })?;
        for i in start..end {
            row.fill(outside);
            for j in i.saturating_sub(reach)..(i + reach + 1).min(l) {
                let best = [before[j], before[j + 1], row[j]]
                    .into_iter()
                    .reduce(|a, b| if (b.0, b.1) < (a.0, a.1) { b } else { a })
                    .unwrap_or(outside);
                row[j + 1] = (best.0 + distances[j][i - start], best.1.saturating_add(1));
            }
            std::mem::swap(&mut before, &mut row);
        }
    }
    let (distance, length) = before[l];
    Ok(Alignment { distance, length })
}

/// Rows of the table whose distances are computed together.
const BLOCK: usize = 48;

const BAND: Param = Param {
    name: "band",
    kind: ParamKind::Int { min: -1, max: i32::MAX as i64 },
    default: Some("-1"),
    summary: "Half the width of the Sakoe-Chiba band: only pairs of rows i and j with |i − j| ≤ band count; -1: all.",
};
const SIDE: Column = Column {
    name: "side",
    kind: Kind::Int,
    unit: "1 or 2",
    summary: "Which of the group's two series the row belongs to.",
};

/// The rows of a group's two series, by position.
fn sides(
    call: &crate::contract::Call<'_>,
    rows: impl Iterator<Item = usize>,
) -> Result<[Vec<usize>; 2], Error> {
    let (sides, positions) = (call.integers(SIDE.name), call.integers(POSITION.name));
    let wrong = |column: &Column, row: usize, found: String, expected: &str| Error::Value {
        place: column.name.into(),
        row: row as u64 + 1,
        found,
        expected: expected.into(),
    };
    let mut out = [Vec::new(), Vec::new()];
    for row in rows.filter(|row| call.given_vectors(0).given_row(*row).is_some()) {
        match sides[row] {
            Some(1) => out[0].push(row),
            Some(2) => out[1].push(row),
            other => {
                let found = other.map_or("NULL".into(), |v| v.to_string());
                return Err(wrong(&SIDE, row, found, "1 or 2"));
            }
        }
    }
    for list in &mut out {
        list.sort_by_key(|row| positions[*row]);
        if let Some(row) = list.first().filter(|row| positions[**row].is_none()) {
            return Err(wrong(&POSITION, *row, "NULL".into(), "the row's place in its series"));
        }
        if let Some(pair) = list.windows(2).find(|pair| positions[pair[0]] == positions[pair[1]]) {
            let found = format!("{} again, as in row {}", positions[pair[1]].unwrap_or(0), pair[0] + 1);
            return Err(wrong(&POSITION, pair[1], found, "each place once in a series"));
        }
    }
    Ok(out)
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "series_dtw",
    family: Family::Series,
    summary: "Dynamic time warping: how well the two series of each group align.",
    details: "The least sum of distances over paths that pair the vectors of both series in order, each with at least one, begin with both first and end with both last.",
    inputs: &[GROUP_KEY, SIDE, POSITION, V],
    optional: &[],
    params: &[BAND, DISTANCE, ELEMENT, ACCUMULATE],
    outputs: &[
        GROUP_KEY,
        Column { name: "distance", kind: Kind::Float, unit: "that of the metric", summary: "The least sum." },
        Column {
            name: "pairs",
            kind: Kind::Int,
            unit: "1",
            summary: "Pairs on that path; of paths with the same sum the shortest.",
        },
        Column { name: "first_length", kind: Kind::Int, unit: "vectors", summary: "Vectors of series 1." },
        Column { name: "second_length", kind: Kind::Int, unit: "vectors", summary: "Vectors of series 2." },
    ],
    rows: RowShape::Made,
    nulls: "A NULL vector is no element of its series. A NULL side or position is an error; a NULL key is a group of its own.",
    empty: "No rows give no rows. A group with one series only has NULL as its distance. An empty vector is an error.",
    nan: "A vector that is not finite is an error.",
    accuracy: "Distances have the bits of vector_distance, and are added in double precision along the path. Same bits for any order of the rows, number of threads and instruction set. O(length₁ · length₂ · dimensions).",
    streaming: Streaming::Whole("all rows of a group"),
    source: "Sakoe and Chiba 1978, \"Dynamic programming algorithm optimization for spoken word recognition\".",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Int(1), Cell::Int(10), Cell::Vector(&[0.0])],
            &[Cell::Int(7), Cell::Int(1), Cell::Int(30), Cell::Vector(&[2.0])],
            &[Cell::Int(7), Cell::Int(1), Cell::Int(20), Cell::Vector(&[1.0])],
            &[Cell::Int(7), Cell::Int(2), Cell::Int(1), Cell::Vector(&[0.0])],
            &[Cell::Int(7), Cell::Int(2), Cell::Int(2), Cell::Vector(&[0.0])],
            &[Cell::Int(7), Cell::Int(2), Cell::Int(3), Cell::Vector(&[1.0])],
            &[Cell::Int(7), Cell::Int(2), Cell::Int(4), Cell::Vector(&[3.0])],
        ],
        params: &[],
        outputs: &[&[Cell::Int(7), Cell::Float(1.0), Cell::Int(4), Cell::Int(3), Cell::Int(4)]],
    },
    run: |call| {
        let groups = Groups::of(call.integers(GROUP_KEY.name))?;
        let (compute, metric) = (rows::compute_of(call)?, call.chosen(&DISTANCE, Metric::parse)?);
        let band = usize::try_from(call.params.int(BAND.name)).ok();
        let vectors = call.vectors(0)?;
        let longest = (0..groups.len()).map(|g| groups.places(g).len()).max().unwrap_or(0) as u64;
        call.check_memory("the distances", longest * 450 * parallel::workers(usize::MAX) as u64)?;
        let work = vectors.bytes().len().saturating_mul(longest as usize / 8 + 1);
        let blocks = parallel::blocks(groups.len(), work, |range| {
            let one = |group: usize| {
                let [a, b] = sides(call, groups.rows(group))?;
                let lengths = (a.len() as i32, b.len() as i32);
                if a.is_empty() || b.is_empty() {
                    return Ok((None, lengths));
                }
                let (a, b) = (vectors.picked(&a), vectors.picked(&b));
                Ok((Some(dtw(compute, &a, &b, band, metric)?), lengths))
            };
            range.map(one).collect::<Result<Vec<_>, Error>>()
        })?;
        let found = blocks.concat();
        let of = |of: fn(&(i32, i32)) -> i32| Values::Int(found.iter().map(|f| Some(of(&f.1))).collect());
        Ok(Output {
            columns: vec![
                Values::BigInt(groups.keys.clone()),
                Values::Float(found.iter().map(|f| f.0.map(|f| f.distance)).collect()),
                Values::Int(found.iter().map(|f| f.0.map(|f| f.length as i32)).collect()),
                of(|l| l.0),
                of(|l| l.1),
            ],
            picked: None,
        })
    },
};
