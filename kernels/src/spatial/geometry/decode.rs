//! From the tables to the tree.

use std::ops::Range;

use super::wire::{self, Wire};
use super::{Curve, Geometry, MAX_DEPTH, Piece, Position, Shape, SpatialType, problem, room, too_deep, wkb};
use crate::error::Error;

impl Geometry {
    /// Reads a serialized value of version 1 or 2; `None` for the null instance (4 bytes, SRID −1).
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for the thing `geometry`: for another version, counts beyond the bytes, offsets that do not
    /// ascend, shapes whose parent does not precede them, segments that do not match the compound curves, coordinates
    /// that are not finite, and malformed lines, arcs and rings; [`Error::Memory`] where there is no memory for the
    /// tree. Nothing is allocated before the counts have been checked against the bytes.
    ///
    /// # Accuracy
    ///
    /// Exact. NaN in Z or M is read as missing.
    ///
    /// # Examples
    ///
    /// ```
    /// use hart_kernels::spatial::geometry::{Geometry, Position, Shape, SpatialType};
    /// let geometry = Geometry::new(0, Shape::Point(Some(Position::new(1.0, 2.0).with_z(3.0))));
    /// let bytes = geometry.encode(SpatialType::Geometry)?;
    /// assert_eq!(bytes.len(), 30);
    /// assert_eq!(Geometry::decode(&bytes, SpatialType::Geometry)?, Some(geometry));
    /// # Ok::<(), hart_kernels::Error>(())
    /// ```
    pub fn decode(bytes: &[u8], kind: SpatialType) -> Result<Option<Geometry>, Error> {
        let wire = Wire::read(bytes, kind).map_err(|error| match wkb::is_one(bytes) {
            // WKB and serialized values are easily confused.
            true => problem("WKB", "a serialized geometry, which spatial_from_wkb makes of it"),
            false => error,
        })?;
        let Some(wire) = wire else { return Ok(None) };
        let shape = tree(&wire)?;
        shape.check(kind)?;
        let large = wire.properties & wire::LARGER_THAN_HEMISPHERE != 0 || shape == Shape::FullGlobe;
        Ok(Some(Geometry {
            srid: wire.srid,
            valid: wire.properties & wire::VALID != 0,
            // The bit has no meaning in the plane.
            larger_than_hemisphere: large && kind == SpatialType::Geography,
            shape,
        }))
    }
}

/// Builds the shapes from last to first, so that every shape finds its children built: parents precede children, and
/// nothing recurses.
fn tree(wire: &Wire<'_>) -> Result<Shape, Error> {
    let figures = wire.figures_of_shapes()?;
    let segments = wire.segments_of_figures()?;
    let mut depths = room(wire.shapes())?;
    depths.push(0u8);
    for i in 1..wire.shapes() {
        let depth = depths[wire.shape(i).parent as usize] + 1;
        if usize::from(depth) > MAX_DEPTH + 1 {
            return Err(too_deep());
        }
        depths.push(depth);
    }
    let mut children: Vec<Vec<Shape>> = room(wire.shapes())?;
    children.resize(wire.shapes(), Vec::new());
    for i in (1..wire.shapes()).rev() {
        let own = std::mem::take(&mut children[i]);
        let shape = shape(wire, &segments, i, figures[i].clone(), own)?;
        let siblings = &mut children[wire.shape(i).parent as usize];
        super::grow(siblings, 1)?;
        siblings.push(shape);
    }
    shape(wire, &segments, 0, figures[0].clone(), std::mem::take(&mut children[0]))
}

fn positions(wire: &Wire<'_>, mut range: Range<usize>) -> Result<Vec<Position>, Error> {
    let mut out = room(range.len())?;
    range.try_for_each(|p| wire.position(p).map(|p| out.push(p)))?;
    Ok(out)
}

/// The figure as straight or circular segments, by its attribute.
fn curve(wire: &Wire<'_>, segments: &[&[[u8; 1]]], figure: usize) -> Result<Curve, Error> {
    let range = wire.positions_of(figure);
    if !wire.is_compound(figure) {
        let positions = positions(wire, range)?;
        return Ok(Curve::Simple(if wire.is_arcs(figure) {
            Piece::Arcs(positions)
        } else {
            Piece::Line(positions)
        }));
    }
    let segments = segments.get(figure).copied().unwrap_or_default();
    let mut pieces = Vec::new();
    let mut at = range.start;
    // A piece ends where the next segment is marked as a first one, or is of another kind.
    for piece in segments.chunk_by(|s, t| wire::is_arc(*s) == wire::is_arc(*t) && t[0] < wire::FIRST) {
        let circular = wire::is_arc(piece[0]);
        let end = at + piece.len() * if circular { 2 } else { 1 };
        let positions = positions(wire, at..end + 1)?;
        super::grow(&mut pieces, 1)?;
        pieces.push(if circular { Piece::Arcs(positions) } else { Piece::Line(positions) });
        at = end;
    }
    Ok(Curve::Compound(pieces))
}

/// Shape `i` with its figures, and its children in reverse.
fn shape(
    wire: &Wire<'_>,
    segments: &[&[[u8; 1]]],
    i: usize,
    figures: Range<usize>,
    mut children: Vec<Shape>,
) -> Result<Shape, Error> {
    children.reverse();
    let shape_type = wire.shape(i).shape_type;
    let wrong = |found: String, expected: &str| Err(problem(format!("shape {i}: {found}"), expected));
    let curves = || -> Result<Vec<Curve>, Error> {
        let mut out = room(figures.len())?;
        figures.clone().try_for_each(|figure| curve(wire, segments, figure).map(|c| out.push(c)))?;
        Ok(out)
    };
    let lines = || -> Result<Vec<Vec<Position>>, Error> {
        let mut out = room(figures.len())?;
        figures.clone().try_for_each(|f| positions(wire, wire.positions_of(f)).map(|line| out.push(line)))?;
        Ok(out)
    };
    let container = (wire::MULTI_POINT..=wire::COLLECTION).contains(&shape_type);
    if !container && let Some(child) = children.first() {
        return wrong(
            format!("a {} in a shape that holds no shapes", child.name()),
            "shapes in collections only",
        );
    }
    let straight = (wire::POINT..=wire::COLLECTION).contains(&shape_type);
    if let Some(figure) = figures.clone().find(|f| straight && (wire.is_arcs(*f) || wire.is_compound(*f))) {
        return wrong(format!("figure {figure} of arcs"), "arcs in curves only");
    }
    let one = figures.len() <= 1;
    Ok(match shape_type {
        wire::POINT if figures.is_empty() => Shape::Point(None),
        wire::POINT => {
            let positions = wire.positions_of(figures.start);
            if !one || positions.len() != 1 {
                return wrong("a POINT of several positions".into(), "1 position");
            }
            Shape::Point(Some(wire.position(positions.start)?))
        }
        wire::LINE_STRING if one => Shape::LineString(lines()?.pop().unwrap_or_default()),
        wire::CIRCULAR_STRING if one => match curves()?.pop() {
            None => Shape::CircularString(Vec::new()),
            Some(Curve::Simple(Piece::Arcs(arcs))) => Shape::CircularString(arcs),
            Some(_) => {
                return wrong("a CIRCULARSTRING whose figure is not of arcs".into(), "figure attribute 2");
            }
        },
        wire::COMPOUND_CURVE if one => match curves()?.pop() {
            None => Shape::CompoundCurve(Vec::new()),
            Some(Curve::Compound(pieces)) => Shape::CompoundCurve(pieces),
            Some(_) => {
                return wrong("a COMPOUNDCURVE whose figure is not compound".into(), "figure attribute 3");
            }
        },
        wire::LINE_STRING | wire::CIRCULAR_STRING | wire::COMPOUND_CURVE => {
            return wrong(format!("a line or curve of {} figures", figures.len()), "1 figure");
        }
        wire::CURVE_POLYGON => Shape::CurvePolygon(curves()?),
        wire::POLYGON => {
            let outer: Vec<usize> = figures.clone().filter(|f| wire.is_outer_ring(*f)).take(2).collect();
            let mut rings = lines()?;
            // A writer may store a hole first and mark it so; where no or several rings are marked as outer, the first
            // one is.
            if let [outer] = outer[..] {
                rings[..=outer - figures.start].rotate_right(1);
            }
            Shape::Polygon(rings)
        }
        wire::MULTI_POINT => Shape::MultiPoint(members(children, i, |s| match s {
            Shape::Point(p) => Ok(p),
            other => Err(other),
        })?),
        wire::MULTI_LINE_STRING => Shape::MultiLineString(members(children, i, |s| match s {
            Shape::LineString(line) => Ok(line),
            other => Err(other),
        })?),
        wire::MULTI_POLYGON => Shape::MultiPolygon(members(children, i, |s| match s {
            Shape::Polygon(rings) => Ok(rings),
            other => Err(other),
        })?),
        wire::COLLECTION => Shape::Collection(children),
        // The types have been checked, so only this one is left.
        _ if figures.is_empty() => Shape::FullGlobe,
        _ => return wrong("a FULLGLOBE with figures".into(), "none"),
    })
}

fn members<T>(children: Vec<Shape>, i: usize, take: fn(Shape) -> Result<T, Shape>) -> Result<Vec<T>, Error> {
    let mut out = room(children.len())?;
    for child in children {
        out.push(take(child).map_err(|other| {
            problem(format!("shape {i}: a {} among its members", other.name()), "members of its own type")
        })?);
    }
    Ok(out)
}
