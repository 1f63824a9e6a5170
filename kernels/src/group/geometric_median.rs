//! Geometric medians by group.

use std::ops::Range;

use super::aggregate::Source;
use super::median::medians;
use super::whole::{left_out, whole};
use super::{
    By, DIFFERENT, EMPTY, GROUP_KEY, GROUP_KEY_OF, Grouped, LEFT_OUT, NAN, NOT_FINITE, NULLS, RESULT_ELEMENT,
    VECTORS, WHOLE, result,
};
use crate::arch::{Level, Simd, Task};
use crate::column::vectors::{PackedVectors, Vectors};
use crate::contract::shared::{ELEMENT, V};
use crate::contract::{
    Cell, Column, Example, Family, Kernel, Kind, Output, Param, ParamKind, RowShape, Streaming, Values,
};
use crate::error::Error;
use crate::number::range;
use crate::parallel;

/// Where the search for a geometric median ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct End {
    /// Steps made.
    pub iterations: u32,
    /// Length of the last step.
    pub step: f64,
    /// Mean distance of the vectors from the median: what it minimizes.
    pub distance: f64,
}

/// When the search for a geometric median ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Steps at most.
    pub iterations: u32,
    /// The share of the mean distance below which a step is the last.
    pub tolerance: f64,
}

impl Default for Limits {
    /// 1000 steps, 1e-10.
    fn default() -> Limits {
        Limits { iterations: 1000, tolerance: 1e-10 }
    }
}

/// Geometric medians: the points with the least sum of Euclidean distances from each group's vectors.
///
/// Weiszfeld's steps from the median by component, with the correction of Vardi and Zhang at data points. Every tenth
/// step the nearest vector is tested, and if it is the median, it is returned as it is.
///
/// # Shapes
///
/// Those of [`super::sum()`]; beside the medians how each search ended, `None` for a group without vectors. Where all
/// vectors lie on a line and their number is even, any point between the two in the middle is a median; one of them is
/// returned.
///
/// # Errors
///
/// Those of [`super::sum()`]; [`Error::ParameterValue`] for no iterations or a tolerance that is not positive.
///
/// # Accuracy
///
/// In double precision. The search ends after [`Limits::iterations`] steps, or with one below [`Limits::tolerance`] of
/// the mean distance: compare [`End::step`]. Same bits for any order of rows, threads and levels: rows are added in the
/// order of their numbers.
///
/// # Complexity
///
/// O(m·n) for each step, and O(m·log m) for the order; 20 bytes of memory for each number of a group.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, group::{self, By, Limits}};
/// let vectors = Vectors::matrix(&[0.0, 0.0, 4.0, 0.0, 0.0, 4.0, 4.0, 4.0, 2.0, 2.0], 2)?;
/// let (medians, ends) = group::geometric_median(&By::new(&[None; 5]), &vectors, Limits::default())?;
/// assert_eq!(medians.results[0].row(0), Some(vec![2.0, 2.0]));
/// assert_eq!(ends[0].map(|end| end.distance), Some(4.0 * 8f64.sqrt() / 5.0));
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn geometric_median(
    by: &By<'_>,
    vectors: &Vectors<'_>,
    limits: Limits,
) -> Result<(Grouped, Vec<Option<End>>), Error> {
    if limits.iterations == 0 || limits.tolerance.is_nan() || limits.tolerance <= 0.0 {
        return Err(Error::ParameterValue {
            name: "tolerance".into(),
            value: format!("{:e}, with {} iterations", limits.tolerance, limits.iterations),
            expected: "a number above 0, with an iteration or more".into(),
        });
    }
    let source = Source::new(by, vectors, None)?;
    let level = source.level;
    let made = whole(&source, 5, |members| {
        let start = medians(members)?;
        members.sort();
        let points = Points::new(members.doubles(), members.n);
        points.search(level, start, limits)
    })?;
    let ends = made.iter().map(|(found, _)| found.as_ref().map(|(_, end)| *end)).collect();
    let medians = Grouped {
        keys: source.groups.keys.clone(),
        vectors: made.iter().map(|(_, count)| *count).collect(),
        left_out: left_out(&source, &made),
        results: vec![PackedVectors::of_doubles(
            by.element.unwrap_or(vectors.element().of_result()),
            made.iter().map(|(found, _)| found.as_ref().map(|(median, _)| median.as_slice())),
        )],
    };
    Ok((medians, ends))
}

/// Points, row after row, in the order of their numbers and over a power of two that keeps squares in range.
struct Points {
    numbers: Vec<f64>,
    n: usize,
    unit: f64,
}

/// What one pass over the points finds at a place.
struct Pass {
    /// Σ x/d over the points elsewhere.
    pull: Vec<f64>,
    /// Σ 1/d over those.
    weight: f64,
    /// Σ (x − y)/d over those.
    force: Vec<f64>,
    /// Points at the place.
    here: f64,
    /// Σ d
    distance: f64,
    /// The nearest point elsewhere, and its distance.
    nearest: (f64, usize),
}

impl Points {
    fn new(mut numbers: Vec<f64>, n: usize) -> Points {
        let unit = range::unit(numbers.iter().copied());
        numbers.iter_mut().for_each(|v| *v /= unit);
        Points { numbers, n, unit }
    }

    fn count(&self) -> usize {
        self.numbers.len().checked_div(self.n).unwrap_or(1)
    }

    fn search(&self, level: Level, start: Vec<f64>, limits: Limits) -> Result<(Vec<f64>, End), Error> {
        let count = self.count() as f64;
        let mut place: Vec<f64> = start.into_iter().map(|v| v / self.unit).collect();
        let mut end = End { iterations: 0, step: 0.0, distance: 0.0 };
        let mut pass = self.pass(level, &place)?;
        while end.iterations < limits.iterations {
            end.iterations += 1;
            let mut next = next(&place, &pass);
            if end.iterations % 10 == 1 && pass.nearest.0.is_finite() {
                // A data point is the median where the others do not pull it away.
                let at = pass.nearest.1;
                let candidate = &self.numbers[at * self.n..][..self.n];
                let there = self.pass(level, candidate)?;
                if length(&there.force) <= there.here {
                    next = candidate.to_vec();
                }
            }
            end.step = length(&next.iter().zip(&place).map(|(a, b)| a - b).collect::<Vec<_>>());
            place = next;
            pass = self.pass(level, &place)?;
            if end.step <= limits.tolerance * pass.distance / count {
                break;
            }
        }
        end.step *= self.unit;
        end.distance = pass.distance / count * self.unit;
        Ok((place.into_iter().map(|v| v * self.unit).collect(), end))
    }

    /// One pass; blocks depend on the number of points alone and are added in order.
    fn pass(&self, level: Level, place: &[f64]) -> Result<Pass, Error> {
        let blocks = parallel::blocks(self.count(), self.numbers.len() * 8, |rows| {
            Ok(level.run(Block { points: self, place, rows }))
        })?;
        let mut blocks = blocks.into_iter();
        let first = blocks.next().unwrap_or_else(|| unreachable!("there is a point"));
        Ok(blocks.fold(first, |mut all, block| {
            all.pull.iter_mut().zip(block.pull).for_each(|(all, v)| *all += v);
            all.force.iter_mut().zip(block.force).for_each(|(all, v)| *all += v);
            all.weight += block.weight;
            all.here += block.here;
            all.distance += block.distance;
            if block.nearest.0 < all.nearest.0 {
                all.nearest = block.nearest;
            }
            all
        }))
    }
}

/// The place after this one.
fn next(place: &[f64], pass: &Pass) -> Vec<f64> {
    if pass.weight == 0.0 {
        return place.to_vec();
    }
    let force = length(&pass.force);
    let stay = if pass.here == 0.0 { 0.0 } else { (pass.here / force).min(1.0) };
    place.iter().zip(&pass.pull).map(|(y, pull)| (1.0 - stay) * (pull / pass.weight) + stay * y).collect()
}

fn length(v: &[f64]) -> f64 {
    range::norm(v.iter().copied())
}

struct Block<'a> {
    points: &'a Points,
    place: &'a [f64],
    rows: Range<usize>,
}

impl Task for Block<'_> {
    type Output = Pass;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Pass {
        let n = self.points.n;
        let none = || vec![0.0; n];
        let nearest = (f64::INFINITY, 0);
        let mut pass = Pass { pull: none(), weight: 0.0, force: none(), here: 0.0, distance: 0.0, nearest };
        for row in self.rows {
            let point = &self.points.numbers[row * n..][..n];
            let distance = distance(point, self.place);
            if distance == 0.0 {
                pass.here += 1.0;
                continue;
            }
            let weight = 1.0 / distance;
            pass.weight += weight;
            pass.distance += distance;
            if distance < pass.nearest.0 {
                pass.nearest = (distance, row);
            }
            let sums = pass.pull.iter_mut().zip(&mut pass.force);
            for ((pull, force), (v, y)) in sums.zip(point.iter().zip(self.place)) {
                *pull += weight * v;
                *force += weight * (v - y);
            }
        }
        pass
    }
}

/// The Euclidean distance, by eight lanes that are added in order.
#[inline(always)]
fn distance(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let (a, rest_a) = a.as_chunks::<LANES>();
    let (b, rest_b) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for l in 0..LANES {
            let d = a[l] - b[l];
            lanes[l] += d * d;
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(rest_a.iter().zip(rest_b)) {
        *lane += (a - b) * (a - b);
    }
    lanes.iter().sum::<f64>().sqrt()
}

const ITERATIONS: Param = Param {
    name: "iterations",
    kind: ParamKind::Int { min: 1, max: 1_000_000 },
    default: Some("1000"),
    summary: "Steps at most.",
};
const TOLERANCE: Param = Param {
    name: "tolerance",
    kind: ParamKind::Float { min: 1e-16, max: 1.0 },
    default: Some("1e-10"),
    summary: "The share of the mean distance below which a step is the last.",
};

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_geometric_median",
    family: Family::Vector,
    summary: "Geometric medians: the points with the least sum of Euclidean distances from each group's vectors.",
    details: DIFFERENT,
    inputs: &[GROUP_KEY, V],
    optional: &[],
    params: &[ITERATIONS, TOLERANCE, ELEMENT, RESULT_ELEMENT, NOT_FINITE],
    outputs: &[
        GROUP_KEY_OF,
        result("median", "The geometric medians."),
        VECTORS,
        LEFT_OUT,
        Column {
            name: "distance",
            kind: Kind::Float,
            unit: "the vectors' unit",
            summary: "Mean distance of the vectors from the median.",
        },
        Column { name: "iterations", kind: Kind::Int, unit: "1", summary: "Steps made." },
        Column {
            name: "step",
            kind: Kind::Float,
            unit: "the vectors' unit",
            summary: "Length of the last step; above `tolerance` · distance the search was ended by `iterations`.",
        },
    ],
    rows: RowShape::Made,
    nulls: NULLS,
    empty: EMPTY,
    nan: NAN,
    accuracy: "Steps in double precision, of which the last is at most `tolerance` · distance long unless `iterations` ended the search. A vector that is the median is returned as it is. Rows are added in the order of their numbers: same bits for any order of the rows, chunking, number of threads and instruction set. O(rows · dimensions) for each step.",
    streaming: Streaming::Whole(WHOLE),
    source: "Weiszfeld 1937, \"Sur le point pour lequel la somme des distances de n points donnés est minimum\"; Vardi and Zhang 2000, \"The multivariate L1-median and associated data depth\".",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[
            &[Cell::Int(7), Cell::Vector(&[0.0, 0.0])],
            &[Cell::Int(7), Cell::Vector(&[8.0, 6.0])],
            &[Cell::Int(7), Cell::Vector(&[4.0, 3.0])],
        ],
        params: &[],
        outputs: &[&[
            Cell::Int(7),
            Cell::Vector(&[4.0, 3.0]),
            Cell::Int(3),
            Cell::Int(0),
            Cell::Float(10.0 / 3.0),
            Cell::Int(1),
            Cell::Float(0.0),
        ]],
    },
    run: |call| {
        let limits = Limits {
            iterations: call.params.int(ITERATIONS.name) as u32,
            tolerance: call.params.float(TOLERANCE.name),
        };
        let (medians, ends) = geometric_median(&By::of(call)?, call.vectors(0)?, limits)?;
        let float =
            |of: fn(&End) -> f64| Values::Float(ends.iter().map(|end| end.as_ref().map(of)).collect());
        let mut output: Output = medians.output();
        output.columns.extend([
            float(|end| end.distance),
            Values::Int(ends.iter().map(|end| end.map(|end| end.iterations as i32)).collect()),
            float(|end| end.step),
        ]);
        Ok(output)
    },
};
