//! Convex hull in the plane.

use robust::{Coord, orient2d};

use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::error::Error;
use crate::number::range;
use crate::spatial::columns::{self, RESULT_GEOMETRY, SRID};
use crate::spatial::curve::{X, Y};
use crate::spatial::geometry::{Geometry, Position, Shape, SpatialType};
use crate::spatial::measure::Sum;

/// Larger coordinates are rejected.
const LARGEST: f64 = 1e100;
/// The approximate size to which the largest coordinate is scaled for the orientation test: products of two such
/// numbers are in the range of doubles, and so is the rounding error of the product of two numbers 1e250 times smaller.
const ROOMY: f64 = f64::from_bits((1023 + 480) << 52);

/// The convex hull: its corners without repetition, counter-clockwise from the one with the smallest x, then y.
/// Positions on its edges are left out, so fewer than three corners mean a point (1) or a straight line (2).
///
/// # Shapes
///
/// Positions in any order; returns at most as many corners.
///
/// # Errors
///
/// [`Error::Value`] with the first row whose coordinates are not finite or beyond 1e100.
///
/// # Accuracy
///
/// The corners are exact: adaptive arithmetic (Shewchuk 1997) decides on which side of a line a position is, for
/// coordinates that are 0 or at least 1e-250 of the largest.
///
/// # Examples
///
/// ```
/// let square = [[0.0, 0.0], [2.0, 0.0], [1.0, 0.0], [2.0, 2.0], [1.0, 1.0], [0.0, 2.0]];
/// let hull = hart_kernels::spatial::convex_hull::convex_hull(&square)?;
/// assert_eq!(hull, [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn convex_hull(positions: &[[f64; 2]]) -> Result<Vec<[f64; 2]>, Error> {
    for (row, p) in positions.iter().enumerate() {
        for (column, v) in ["x", "y"].into_iter().zip(p) {
            check(column, row, *v)?;
        }
    }
    let mut sorted = positions.to_vec();
    // Scaled by a power of two, so that the orientation test loses nothing of small coordinates. −0 and 0 are equal.
    let scale = (ROOMY / range::unit(positions.iter().flatten().copied())).min(1.0 / f64::MIN_POSITIVE);
    sorted.iter_mut().flatten().for_each(|v| *v = *v * scale + 0.0);
    sorted.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    sorted.dedup();
    let back = |mut corners: Vec<[f64; 2]>| {
        corners.iter_mut().flatten().for_each(|v| *v /= scale);
        Ok(corners)
    };
    if sorted.len() < 3 {
        return back(sorted);
    }
    // Andrew 1979, "Another efficient algorithm for convex hulls in two dimensions": it has no recursion, whatever the
    // input, and its sort order is total.
    let coord = |p: [f64; 2]| Coord { x: p[0], y: p[1] };
    let half = |chain: &mut Vec<[f64; 2]>, p: [f64; 2], from: usize| {
        while chain.len() >= from + 2 {
            let [.., a, b] = chain[..] else { break };
            if orient2d(coord(a), coord(b), coord(p)) > 0.0 {
                break;
            }
            chain.pop();
        }
        chain.push(p);
    };
    let mut hull = Vec::new();
    sorted.iter().for_each(|p| half(&mut hull, *p, 0));
    let from = hull.len() - 1;
    sorted.iter().rev().skip(1).for_each(|p| half(&mut hull, *p, from));
    // The last corner repeats the first.
    hull.pop();
    back(hull)
}

fn check(column: &str, row: usize, v: f64) -> Result<(), Error> {
    if v.abs() <= LARGEST {
        return Ok(());
    }
    Err(Error::Value {
        place: column.into(),
        row: row as u64 + 1,
        found: format!("{v:?}"),
        expected: "a number from -1e100 to 1e100".into(),
    })
}

/// The area: triangles from the first corner, from exact differences and products over a power of two, in a compensated
/// sum.
fn area(hull: &[[f64; 2]]) -> f64 {
    let mut sum = Sum::default();
    let unit = range::unit(hull.iter().flatten().copied());
    if let Some((first, rest)) = hull.split_first() {
        for pair in rest.windows(2) {
            let way = |from: &[f64; 2], to: &[f64; 2]| {
                [0, 1].map(|i| range::exact_difference(to[i] / unit, from[i] / unit))
            };
            let (a, edge) = (way(first, &pair[0]), way(&pair[0], &pair[1]));
            // Uses the edge, not the vector to its end, so that the products are no larger than a round hull's area
            // requires.
            for (sign, a, edge) in [(1.0, a[0], edge[1]), (-1.0, a[1], edge[0])] {
                let (product, lost) = range::exact_product(a.0, edge.0);
                sum.add(sign * product);
                sum.add(sign * (lost + (a.0 * edge.1 + a.1 * edge.0)));
            }
        }
    }
    sum.value() / 2.0 * unit * unit
}

/// The hull as the shape of least dimension that holds it.
fn shape(hull: &[[f64; 2]]) -> Shape {
    let mut positions: Vec<Position> = hull.iter().map(|p| Position::new(p[0], p[1])).collect();
    match positions[..] {
        [point] => Shape::Point(Some(point)),
        [_, _] => Shape::LineString(positions),
        _ => {
            positions.extend(positions.first().copied());
            Shape::Polygon(vec![positions])
        }
    }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_convex_hull",
    family: Family::Spatial,
    summary: "The convex hull of all positions in the plane.",
    details: "One row: the smallest convex shape that holds all positions, a POLYGON whose ring runs counter-clockwise from the corner with the smallest x, \
              then y; positions on its edges are no corners. Positions on one straight line give a LINESTRING of two positions, equal positions a \
              POINT.",
    inputs: &[X, Y],
    optional: &[],
    params: &[SRID],
    outputs: &[
        RESULT_GEOMETRY,
        Column { name: "corners", kind: Kind::Int, unit: "1", summary: "Number of different corners." },
        Column { name: "area", kind: Kind::Float, unit: "length²", summary: "Area of the hull." },
    ],
    rows: RowShape::Made,
    nulls: "Rows with NULL in a coordinate are left out.",
    empty: "No positions give one row of NULL, 0 and NULL.",
    nan: "NaN, infinities and coordinates beyond 1e100 are errors.",
    accuracy: "The corners are exact for coordinates that are 0 or at least 1e-250 of the largest, and do not depend on the order of the rows. The area of n corners is off by at most \
               2⁻⁵³ of its size and 32·n²·2⁻¹⁰⁶·d², where d is the largest distance between two corners. Same bits on every machine.",
    streaming: Streaming::Whole("all rows"),
    source: "Andrew 1979, \"Another efficient algorithm for convex hulls in two dimensions\"; Shewchuk 1997 for the orientation test, by the crate robust.",
    elements: "",
    sql: columns::SQL_WRITES,
    example: Example {
        inputs: &[
            &[Cell::Float(0.0), Cell::Float(0.0)],
            &[Cell::Float(1.0), Cell::Float(0.0)],
            &[Cell::Float(0.5), Cell::Float(0.0)],
            &[Cell::Float(0.25), Cell::Null],
        ],
        params: &[],
        outputs: &[&[
            Cell::Binary(&[
                0, 0, 0, 0, 1, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF0,
                0x3F, 0, 0, 0, 0, 0, 0, 0, 0,
            ]),
            Cell::Int(2),
            Cell::Float(0.0),
        ]],
    },
    run: |call| {
        call.check_memory("the positions", call.rows as u64 * 32)?;
        let (x, y) = (call.floats(X.name), call.floats(Y.name));
        let mut positions = Vec::with_capacity(call.rows);
        for (row, (x, y)) in x.iter().zip(y).enumerate() {
            if let (Some(x), Some(y)) = (*x, *y) {
                check(X.name, row, x)?;
                check(Y.name, row, y)?;
                positions.push([x, y]);
            }
        }
        let hull = convex_hull(&positions)?;
        let bytes = match hull[..] {
            [] => None,
            _ => Some(Geometry::new(columns::srid_of(call), shape(&hull)).encode(SpatialType::Geometry)?),
        };
        let area = (!hull.is_empty()).then(|| area(&hull));
        Ok(Output {
            columns: vec![
                Values::Binary(vec![bytes]),
                Values::Int(vec![Some(i32::try_from(hull.len()).unwrap_or(i32::MAX))]),
                Values::Float(vec![area]),
            ],
            picked: None,
        })
    },
};
