//! Covariance matrices by group.

use super::aggregate::{LARGE, Source};
use super::variance::{DIVISOR, Divisor, NAN_SQUARES, SINGLE_ROW};
use super::whole::{Members, left_out, whole};
use super::{
    By, EMPTY, GROUP_KEY, GROUP_KEY_OF, LEFT_OUT, NOT_FINITE, RESULT_ELEMENT, VECTORS, WHOLE, result,
};
use crate::column::vectors::{PackedVectors, Vectors};
use crate::contract::shared::{ELEMENT, V};
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::error::Error;
use crate::memory::check_memory;
use crate::number::exact::{self, DIGITS};
use crate::pairwise::compute::Compute;
use crate::pairwise::products::products;
use crate::parallel;

/// The covariance matrix of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    /// The group.
    pub key: Option<i64>,
    /// Vectors that count.
    pub vectors: i64,
    /// Rows left out.
    pub left_out: i64,
    /// The average by component: n numbers.
    pub average: Vec<f64>,
    /// n × n numbers, row after row; empty where the vectors have no covariance.
    pub matrix: Vec<f64>,
}

/// Covariance matrices of each group's vectors.
///
/// # Shapes
///
/// Those of [`super::sum()`]; a symmetric matrix of n × n for each group, in the vectors' unit squared. Groups without
/// vectors are left out of the list; a single vector has no [`Divisor::Sample`] covariance.
///
/// # Errors
///
/// Those of [`super::variance()`].
///
/// # Accuracy
///
/// Averages are those of [`super::average()`]. Deviations from them are products in double precision, by the kernel's 32
/// lanes, in blocks of 4096 vectors in the order of their numbers: an error of at most (m/32 + 8)·2⁻⁵³ of the product of
/// both deviations, where no more than 128 vectors of a block fall to a lane. Same bits for any order of rows, threads and
/// levels.
///
/// # Complexity
///
/// O(m·n²), and O(m·log m) for the order. 8·n² bytes of memory for each group, and 24·n² for each thread.
///
/// # Examples
///
/// ```
/// use hart_kernels::{Vectors, group::{self, By, Divisor}};
/// let vectors = Vectors::matrix(&[1.0, 5.0, 3.0, 1.0], 2)?;
/// let found = group::covariance(&By::new(&[None; 2]), &vectors, Divisor::Sample)?;
/// assert_eq!(found[0].matrix, [2.0, -4.0, -4.0, 8.0]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn covariance(by: &By<'_>, vectors: &Vectors<'_>, divisor: Divisor) -> Result<Vec<Covariance>, Error> {
    found(by, vectors, divisor, 0)
}

/// [`covariance`]; the caller takes that many bytes for each number of a matrix.
fn found(
    by: &By<'_>,
    vectors: &Vectors<'_>,
    divisor: Divisor,
    output: usize,
) -> Result<Vec<Covariance>, Error> {
    let source = Source::new(by, vectors, None)?;
    let numbers = |group: usize| (source.dimensions(group) as u64).saturating_pow(2);
    let sizes = || (0..source.groups.len()).map(numbers);
    // The matrix, the products of a block of rows, and the parts that these are put together from; of each group in work.
    let at_once = parallel::workers(vectors.bytes().len()).min(source.groups.len()) as u64;
    let work = sizes().max().unwrap_or(0).saturating_mul(24 * at_once);
    let kept = sizes().fold(0, u64::saturating_add).saturating_mul(8 + output as u64);
    check_memory("the covariance matrices", work.saturating_add(kept), by.limit)?;
    let compute = by.level();
    let made = whole(&source, 2, |members| {
        members.sort();
        of(members, compute, divisor)
    })?;
    let left_out = left_out(&source, &made);
    let groups = source.groups.keys.iter().zip(made).zip(left_out);
    let all = groups.filter_map(|((key, (found, vectors)), left_out)| {
        let (average, matrix) = found?;
        Some(Covariance { key: *key, vectors, left_out, average, matrix })
    });
    Ok(all.collect())
}

/// Vectors whose products are added together.
const BLOCK: usize = 4096;

/// Average and covariance matrix of sorted vectors.
fn of(members: &Members<'_>, compute: Compute, divisor: Divisor) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let (n, count) = (members.n, members.rows.len());
    let average = averages(members)?;
    let by = divisor.of(count as u64);
    if by == 0 || n == 0 {
        return Ok((average, Vec::new()));
    }
    let mut matrix = vec![0.0; n * n];
    let mut columns = Vec::new();
    for start in (0..count).step_by(BLOCK) {
        let rows = start..(start + BLOCK).min(count);
        columns.clear();
        columns.resize(n * rows.len(), 0.0);
        for (i, row) in rows.clone().enumerate() {
            for j in 0..n {
                columns[j * rows.len() + i] = members.number(row, j) - average[j];
            }
        }
        let bytes = bytemuck::cast_slice(&columns);
        let block = products(compute, bytes, bytes, rows.len())?;
        matrix.iter_mut().zip(block).for_each(|(sum, v)| *sum += v);
    }
    matrix.iter_mut().for_each(|v| *v /= by as f64);
    Ok((average, matrix))
}

/// Exact sums over the count.
fn averages(members: &Members<'_>) -> Result<Vec<f64>, Error> {
    let one = |j: usize| {
        let mut digits = [0; DIGITS];
        for row in 0..members.rows.len() {
            exact::add(&mut digits, members.number(row, j));
        }
        exact::carry(&mut digits);
        exact::rounded(&digits, 0) / members.rows.len() as f64
    };
    let bytes = members.rows.len() * members.n * members.width.bytes();
    if bytes <= LARGE {
        return Ok((0..members.n).map(one).collect());
    }
    Ok(parallel::blocks(members.n, bytes, |range| Ok(range.map(one).collect::<Vec<f64>>()))?.concat())
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "vector_covariance",
    family: Family::Vector,
    summary: "Covariance matrices of each group's vectors, a result row for each row of the matrix.",
    details: "A group has as many rows as its vectors have dimensions: row i has the covariances of component i with all, and the variance of i as the i-th. Vectors of one group must have the same dimensions; other groups may have others.",
    inputs: &[GROUP_KEY, V],
    optional: &[],
    params: &[DIVISOR, ELEMENT, RESULT_ELEMENT, NOT_FINITE],
    outputs: &[
        GROUP_KEY_OF,
        Column {
            name: "component",
            kind: Kind::Int,
            unit: "number from 1",
            summary: "The row of the matrix, by rising number.",
        },
        Column { name: "average", kind: Kind::Float, unit: "1", summary: "The component's average." },
        result("covariance", "The component's covariances with all components."),
        VECTORS,
        LEFT_OUT,
    ],
    rows: RowShape::Made,
    nulls: SINGLE_ROW,
    empty: EMPTY,
    nan: NAN_SQUARES,
    accuracy: "Averages as vector_average. Products of the deviations are added in 32 lanes of doubles, in blocks of 4096 vectors in the order of their numbers: error ≤ (rows/32 + 8)·2⁻⁵³ of the product of both deviations. Same bits for any order of the rows, chunking, number of threads and instruction set. O(rows · dimensions²).",
    streaming: Streaming::Whole(WHOLE),
    source: "Chan, Golub and LeVeque 1983, \"Algorithms for computing the sample variance\": two passes.",
    elements: "",
    sql: "",
    example: Example {
        inputs: &[&[Cell::Int(7), Cell::Vector(&[1.0, 5.0])], &[Cell::Int(7), Cell::Vector(&[3.0, 1.0])]],
        params: &[],
        outputs: &[
            &[
                Cell::Int(7),
                Cell::Int(1),
                Cell::Float(2.0),
                Cell::Vector(&[2.0, -4.0]),
                Cell::Int(2),
                Cell::Int(0),
            ],
            &[
                Cell::Int(7),
                Cell::Int(2),
                Cell::Float(3.0),
                Cell::Vector(&[-4.0, 8.0]),
                Cell::Int(2),
                Cell::Int(0),
            ],
        ],
    },
    run: |call| {
        let by = By::of(call)?;
        let vectors = call.vectors(0)?;
        let element = by.element.unwrap_or(vectors.element().of_result());
        // Numbers that are rounded once more lie beside those that they are rounded from for a moment.
        let (size, wide) = (element.size(), element.width().bytes());
        let output = if size < wide { size + wide } else { wide };
        let found = found(&by, vectors, call.chosen(&DIVISOR, Divisor::parse)?, output)?;
        let rows = || found.iter().flat_map(|group| (0..group.average.len()).map(move |i| (group, i)));
        let integers =
            |of: fn(&Covariance) -> Option<i64>| Values::BigInt(rows().map(|(g, _)| of(g)).collect());
        let matrix = |(g, i): (&'_ Covariance, usize)| -> Option<std::ops::Range<usize>> {
            let n = g.average.len();
            (!g.matrix.is_empty()).then_some(i * n..(i + 1) * n)
        };
        let packed = PackedVectors::of_doubles(
            element,
            rows().map(|(g, i)| matrix((g, i)).map(|range| &g.matrix[range])),
        );
        Ok(Output {
            columns: vec![
                integers(|g| g.key),
                Values::Int(rows().map(|(_, i)| Some(i as i32 + 1)).collect()),
                Values::Float(rows().map(|(g, i)| Some(g.average[i])).collect()),
                Values::Vectors(packed),
                integers(|g| Some(g.vectors)),
                integers(|g| Some(g.left_out)),
            ],
            picked: None,
        })
    },
};
