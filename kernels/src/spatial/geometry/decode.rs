//! From the tables to the tree.

use std::ops::Range;

use super::wire::{self, Wire};
use super::{Geometry, MAX_DEPTH, Position, Shape, SpatialType, problem, too_deep};
use crate::error::Error;

impl Geometry {
    /// Reads a serialized value of version 1 or 2, `None` for the null instance (4 bytes, SRID −1).
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for the thing `geometry`: another version, curves (which are named), counts beyond the bytes, offsets that
    /// do not ascend, shapes whose parent is not an earlier one, coordinates that are not finite, lines and rings that
    /// are none. Nothing is allocated before the counts have been compared with the bytes there.
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
        let Some(wire) = Wire::read(bytes, kind)? else { return Ok(None) };
        let shape = tree(&wire)?;
        shape.check(kind)?;
        let large = wire.properties & wire::LARGER_THAN_HEMISPHERE != 0 || shape == Shape::FullGlobe;
        Ok(Some(Geometry {
            srid: wire.srid,
            valid: wire.properties & wire::VALID != 0,
            // The bit means nothing in the plane.
            larger_than_hemisphere: large && kind == SpatialType::Geography,
            shape,
        }))
    }
}

/// Builds the shapes from the last to the first, so that every shape finds its children made: parents come
/// earlier, and nothing recurses.
fn tree(wire: &Wire<'_>) -> Result<Shape, Error> {
    let figures = wire.figures_of_shapes()?;
    let mut depths = vec![0u8; wire.shapes()];
    for i in 1..wire.shapes() {
        let depth = depths[wire.shape(i).parent as usize] + 1;
        if usize::from(depth) > MAX_DEPTH + 1 {
            return Err(too_deep());
        }
        depths[i] = depth;
    }
    let mut children: Vec<Vec<Shape>> = vec![Vec::new(); wire.shapes()];
    for i in (1..wire.shapes()).rev() {
        let own = std::mem::take(&mut children[i]);
        let shape = shape(wire, i, figures[i].clone(), own)?;
        children[wire.shape(i).parent as usize].push(shape);
    }
    shape(wire, 0, figures[0].clone(), std::mem::take(&mut children[0]))
}

/// Shape `i` with its figures, and its children in reverse.
fn shape(wire: &Wire<'_>, i: usize, figures: Range<usize>, mut children: Vec<Shape>) -> Result<Shape, Error> {
    children.reverse();
    let shape_type = wire.shape(i).shape_type;
    let wrong = |found: String, expected: &str| Err(problem(format!("shape {i}: {found}"), expected));
    let line = |figure: usize| {
        wire.positions_of(figure).map(|p| wire.position(p)).collect::<Result<Vec<Position>, Error>>()
    };
    let container = (wire::MULTI_POINT..=wire::COLLECTION).contains(&shape_type);
    if !container && let Some(child) = children.first() {
        return wrong(
            format!("a {} in a shape that holds no shapes", child.name()),
            "shapes in collections only",
        );
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
        wire::LINE_STRING if one => {
            Shape::LineString(figures.map(line).next().transpose()?.unwrap_or_default())
        }
        wire::LINE_STRING => return wrong(format!("a LINESTRING of {} figures", figures.len()), "1 figure"),
        wire::POLYGON => {
            let outer: Vec<usize> = figures.clone().filter(|f| wire.is_outer_ring(*f)).collect();
            let first = figures.start;
            let mut rings = figures.map(line).collect::<Result<Vec<_>, _>>()?;
            // A writer may put a hole first and say so; where none or several are called the outer ring, the first is.
            if let [outer] = outer[..] {
                rings[..=outer - first].rotate_right(1);
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
        // The types have been checked: no other is left.
        _ if figures.is_empty() => Shape::FullGlobe,
        _ => return wrong("a FULLGLOBE with figures".into(), "none"),
    })
}

fn members<T>(children: Vec<Shape>, i: usize, take: fn(Shape) -> Result<T, Shape>) -> Result<Vec<T>, Error> {
    let member = |child| {
        take(child).map_err(|other| {
            problem(format!("shape {i}: a {} among its members", other.name()), "members of its own type")
        })
    };
    children.into_iter().map(member).collect()
}
