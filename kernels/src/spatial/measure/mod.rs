//! Lengths and sums shared by the helpers.

pub(crate) mod centroid;
pub mod convex_hull;
pub(crate) mod density;
pub(crate) mod distance_along;
pub(crate) mod length;
pub(crate) mod path;

use crate::error::Error;
use crate::number::range;
use crate::spatial::geometry::{Curve, Piece, Position, Shape, present, problem};

/// A sum whose error does not grow with the number of terms (Neumaier 1974, "Rundungsfehleranalyse einiger Verfahren
/// zur Summation endlicher Summen").
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, v: f64) {
        let total = self.total + v;
        self.lost +=
            if self.total.abs() >= v.abs() { (self.total - total) + v } else { (v - total) + self.total };
        self.total = total;
    }

    pub(crate) fn merge(&mut self, other: Sum) {
        self.add(other.total);
        self.lost += other.lost;
    }

    pub(crate) fn value(self) -> f64 {
        // If the total has left the range of doubles, the compensation is NaN.
        if self.total.is_finite() { self.total + self.lost } else { self.total }
    }
}

/// x, y and z; z is 0 for a position without one or where only the plane counts.
pub(crate) fn vector(p: &Position, spatial: bool) -> [f64; 3] {
    [p.x, p.y, present(p.z).filter(|_| spatial).unwrap_or(0.0)]
}

/// The difference b − a. Z counts only if both have one.
pub(crate) fn difference(a: &Position, b: &Position, spatial: bool) -> [f64; 3] {
    let both = spatial && present(a.z).is_some() && present(b.z).is_some();
    let (a, b) = (vector(a, both), vector(b, both));
    [b[0] - a[0], b[1] - a[1], b[2] - a[2]]
}

pub(crate) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The Euclidean distance.
pub(crate) fn distance(a: &Position, b: &Position, spatial: bool) -> f64 {
    range::norm(difference(a, b, spatial).into_iter())
}

/// The lines and rings of a shape, in stored order.
///
/// # Errors
///
/// [`Error::Value`] for arcs.
pub(crate) fn lines<'a>(shape: &'a Shape, out: &mut Vec<&'a [Position]>) -> Result<(), Error> {
    let mut straight = |piece: &'a Piece| match piece {
        Piece::Line(line) => {
            out.push(line);
            Ok(())
        }
        Piece::Arcs(_) => Err(arcs("CIRCULARSTRING")),
    };
    match shape {
        Shape::Point(_) | Shape::MultiPoint(_) | Shape::FullGlobe => {}
        Shape::LineString(line) => out.push(line),
        Shape::Polygon(lines) | Shape::MultiLineString(lines) => out.extend(lines.iter().map(Vec::as_slice)),
        Shape::MultiPolygon(polygons) => out.extend(polygons.iter().flatten().map(Vec::as_slice)),
        Shape::Collection(members) => members.iter().try_for_each(|member| lines(member, out))?,
        Shape::CircularString(positions) if positions.is_empty() => {}
        Shape::CircularString(_) => return Err(arcs(shape.name())),
        Shape::CompoundCurve(pieces) => pieces.iter().try_for_each(straight)?,
        Shape::CurvePolygon(rings) => rings.iter().flat_map(Curve::pieces).try_for_each(&mut straight)?,
    }
    Ok(())
}

/// The error for arcs where only straight segments are supported.
pub(crate) fn arcs(name: &str) -> Error {
    problem(format!("a {name}"), "straight segments")
}

/// The length of a line.
pub(crate) fn length(line: &[Position], spatial: bool) -> f64 {
    let mut sum = Sum::default();
    line.windows(2).for_each(|pair| sum.add(distance(&pair[0], &pair[1], spatial)));
    sum.value()
}
