//! Distances along lines.

use super::length::{DIMENSIONS, LINE, OVERFLOW, spatial};
use crate::contract::shared::ID;
use crate::contract::{Cell, Column, Example, Family, Kernel, Kind, Output, RowShape, Streaming, Values};
use crate::number::range;
use crate::spatial::columns::{self, GEOMETRY};
use crate::spatial::curve::{AXES, X, Y, Z};
use crate::spatial::geometry::{Position, Shape, SpatialType, problem};
use crate::spatial::measure::{self, Sum};

/// The position on a line that is nearest to a given one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Nearest {
    along: f64,
    distance: f64,
}

fn nearest(lines: &[&[Position]], point: &Position, spatial: bool) -> Option<Nearest> {
    let all = lines.iter().copied().flatten().chain([point]).flat_map(|p| measure::vector(p, spatial));
    // Large coordinates are divided by four, so that their differences stay in the range of doubles.
    let scale = if all.fold(0.0f64, |m, v| m.max(v.abs())) > f64::MAX / 4.0 { 0.25 } else { 1.0 };
    let of = |p: &Position| Position { x: p.x * scale, y: p.y * scale, z: p.z.map(|z| z * scale), m: None };
    let point = of(point);
    let mut best: Option<Nearest> = None;
    let mut travelled = Sum::default();
    for pair in lines.iter().flat_map(|line| line.windows(2)) {
        let (start, end) = (of(&pair[0]), of(&pair[1]));
        let (step, offset) =
            (measure::difference(&start, &end, spatial), measure::difference(&start, &point, spatial));
        let (length, share) = (range::norm(step.into_iter()), share(step, offset));
        let distance = range::norm([0, 1, 2].map(|i| offset[i] - share * step[i]).into_iter());
        // An infinite z gives no distance, and must not hide a defined one.
        if best.is_none_or(|best| distance < best.distance || (best.distance.is_nan() && !distance.is_nan()))
        {
            best = Some(Nearest { along: travelled.value() + share * length, distance });
        }
        travelled.add(length);
    }
    best.map(|best| Nearest { along: best.along / scale, distance: best.distance / scale })
}

/// The position on the step that is nearest to the offset, as a share of the step from 0 to 1.
fn share(step: [f64; 3], offset: [f64; 3]) -> f64 {
    // Divided by powers of two, so that products stay in the range of doubles.
    let (long, far) = [step, offset].map(|v| range::unit(v.into_iter())).into();
    let (step, offset) = (step.map(|v| v / long), offset.map(|v| v / far));
    let (square, along) = (measure::dot(step, step), measure::dot(offset, step));
    if along > 0.0 { (along / square * (far / long)).min(1.0) } else { 0.0 }
}

pub(crate) static KERNEL: Kernel = Kernel {
    name: "spatial_distance_along",
    family: Family::Spatial,
    summary: "How far along a line a position is, and how far from it.",
    details: "The place of the line that is nearest to the position, the first of equally near ones: its distance from the line's start, measured along the line, and its \
              distance from the position. A MULTILINESTRING counts as its lines one after the other, without the gaps. Other shapes are errors.",
    inputs: &[ID, GEOMETRY, X, Y, Column { summary: "Z; NULL for none.", ..Z }],
    optional: &[],
    params: &[DIMENSIONS],
    outputs: &[
        ID,
        Column {
            name: "distance_along",
            kind: Kind::Float,
            unit: "length",
            summary: "From the line's start.",
        },
        Column {
            name: "distance",
            kind: Kind::Float,
            unit: "length",
            summary: "From the position to the line.",
        },
    ],
    rows: RowShape::Same,
    nulls: "NULL in the line, x or y gives NULL. Without z, or where the line has none, distances are those of the plane.",
    empty: "An empty line gives NULL.",
    nan: OVERFLOW,
    accuracy: "With d the largest distance between the position and a corner of the line: distance_along is off by at most 2⁻⁴⁸·(d + distance_along), distance by 2⁻⁴⁸·d, for coordinates of any size; below the range of normal doubles four units in the last place come on top. Of places whose distances from the position \
               differ by no more than that, any may be taken. Same bits on every machine.",
    streaming: Streaming::Rows,
    source: "Orthogonal projection on each segment; linear referencing as ST_LineLocatePoint, but in length.",
    elements: "",
    sql: "CAST(g AS varbinary(max)) gives the bytes. The server computes in the plane (dimensions = 2). STCurveToLine() makes a line of a curve.",
    example: Example {
        inputs: &[
            &[Cell::Int(1), Cell::Binary(LINE), Cell::Float(7.0), Cell::Float(1.0), Cell::Null],
            &[Cell::Int(2), Cell::Binary(LINE), Cell::Null, Cell::Float(1.0), Cell::Null],
        ],
        params: &[],
        outputs: &[
            &[Cell::Int(1), Cell::Float(5.0), Cell::Float(5.0)],
            &[Cell::Int(2), Cell::Null, Cell::Null],
        ],
    },
    run: |call| {
        let spatial = spatial(call.params.int(DIMENSIONS.name));
        let [x, y, z] = AXES.map(|name| call.floats(name));
        let rows = columns::map_shapes(call, SpatialType::Geometry, |row, shape| {
            let (Some(px), Some(py)) = (x[row], y[row]) else { return Ok(None) };
            let lines: Vec<&[Position]> = match &shape {
                Shape::LineString(line) => vec![line],
                Shape::MultiLineString(lines) => lines.iter().map(Vec::as_slice).collect(),
                curve if curve.has_curves() => return Err(measure::arcs(curve.name())),
                other => {
                    return Err(problem(format!("a {}", other.name()), "a LINESTRING or MULTILINESTRING"));
                }
            };
            let point = Position { x: px, y: py, z: z[row], m: None };
            for (column, v) in AXES.into_iter().zip([Some(px), Some(py), z[row]]) {
                v.map_or(Ok(()), |v| columns::check_finite(column, row, v))?;
            }
            Ok(nearest(&lines, &point, spatial))
        })?;
        let column =
            |of: fn(&Nearest) -> f64| Values::Float(rows.iter().map(|row| row.as_ref().map(of)).collect());
        Ok(Output { columns: vec![column(|n| n.along), column(|n| n.distance)], picked: None })
    },
};
