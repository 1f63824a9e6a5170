//! The types of the crate `geo-types`, through the crates `wkt` and `geo-traits`.
//!
//! The shapes are passed as the types of `wkt`, which implement the traits.

use geo_traits::to_geo::ToGeoGeometry;
use geo_traits::{
    CoordTrait, Dimensions, GeometryCollectionTrait, GeometryTrait, GeometryType, LineStringTrait,
    MultiLineStringTrait, MultiPointTrait, MultiPolygonTrait, PointTrait, PolygonTrait,
};
use wkt::Wkt;
use wkt::types::{
    Coord, Dimension, GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon, Point,
    Polygon,
};

use super::{MAX_DEPTH, Position, Shape, SpatialType, present, problem, too_deep};
use crate::error::Error;

/// The shape as a type of the crate `geo-types`, without Z and M.
///
/// # Errors
///
/// [`Error::Value`] for FULLGLOBE, curves and empty points, which those types lack.
pub fn to_geo(shape: &Shape) -> Result<geo_types::Geometry<f64>, Error> {
    let value = model(shape)?;
    value.try_to_geometry().ok_or_else(|| problem("an empty point", "shapes that `geo-types` has"))
}

/// A shape from any type that implements the traits of `geo-traits`, such as those of `geo-types`.
///
/// # Errors
///
/// [`Error::Value`] as [`Shape::check`].
///
/// # Examples
///
/// ```
/// use hart_kernels::spatial::geometry::{interchange, wkt};
/// let line = wkt::read("LINESTRING (0 0, 1 1)")?;
/// let geo = interchange::to_geo(&line)?;
/// assert_eq!(interchange::from_traits(&geo)?, line);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn from_traits(value: &impl GeometryTrait<T = f64>) -> Result<Shape, Error> {
    let shape = shape(value, 0)?;
    shape.check(SpatialType::Geometry)?;
    Ok(shape)
}

/// The planar shape in the types of the crate `wkt`.
fn model(shape: &Shape) -> Result<Wkt<f64>, Error> {
    let dim = Dimension::XY;
    let coord = |p: &Position| Coord { x: p.x, y: p.y, z: None, m: None };
    let point = |p: &Option<Position>| Point::new(p.as_ref().map(coord), dim);
    let line = |line: &Vec<Position>| LineString::new(line.iter().map(coord).collect(), dim);
    let polygon = |rings: &Vec<Vec<Position>>| Polygon::new(rings.iter().map(line).collect(), dim);
    Ok(match shape {
        Shape::Point(p) => Wkt::Point(point(p)),
        Shape::LineString(positions) => Wkt::LineString(line(positions)),
        Shape::Polygon(rings) => Wkt::Polygon(polygon(rings)),
        Shape::MultiPoint(points) => {
            Wkt::MultiPoint(MultiPoint::new(points.iter().map(point).collect(), dim))
        }
        Shape::MultiLineString(lines) => {
            Wkt::MultiLineString(MultiLineString::new(lines.iter().map(line).collect(), dim))
        }
        Shape::MultiPolygon(polygons) => {
            Wkt::MultiPolygon(MultiPolygon::new(polygons.iter().map(polygon).collect(), dim))
        }
        Shape::Collection(members) => {
            let members = members.iter().map(model).collect::<Result<_, _>>()?;
            Wkt::GeometryCollection(GeometryCollection::new(members, dim))
        }
        Shape::CircularString(_) | Shape::CompoundCurve(_) | Shape::CurvePolygon(_) => {
            let expected = "a shape of straight segments";
            return Err(problem(format!("a {}", shape.name()), expected));
        }
        Shape::FullGlobe => return Err(problem("FULLGLOBE", "a shape of the plane")),
    })
}

fn position(coord: &impl CoordTrait<T = f64>) -> Position {
    let (z, m) = match coord.dim() {
        Dimensions::Xy | Dimensions::Unknown(_) => (None, None),
        Dimensions::Xyz => (coord.nth(2), None),
        Dimensions::Xym => (None, coord.nth(2)),
        Dimensions::Xyzm => (coord.nth(2), coord.nth(3)),
    };
    Position { x: coord.x(), y: coord.y(), z: present(z), m: present(m) }
}

fn point(point: &impl PointTrait<T = f64>) -> Option<Position> {
    let position = position(&point.coord()?);
    (!position.x.is_nan() || !position.y.is_nan()).then_some(position)
}

fn line(line: &impl LineStringTrait<T = f64>) -> Vec<Position> {
    line.coords().map(|c| position(&c)).collect()
}

fn rings(polygon: &impl PolygonTrait<T = f64>) -> Vec<Vec<Position>> {
    let outer = polygon.exterior().map(|ring| line(&ring)).filter(|ring| !ring.is_empty());
    outer.into_iter().chain(polygon.interiors().map(|ring| line(&ring))).collect()
}

fn shape(value: &impl GeometryTrait<T = f64>, depth: usize) -> Result<Shape, Error> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    Ok(match value.as_type() {
        GeometryType::Point(p) => Shape::Point(point(p)),
        GeometryType::LineString(l) => Shape::LineString(line(l)),
        GeometryType::Polygon(p) => Shape::Polygon(rings(p)),
        GeometryType::MultiPoint(points) => Shape::MultiPoint(points.points().map(|p| point(&p)).collect()),
        GeometryType::MultiLineString(lines) => {
            Shape::MultiLineString(lines.line_strings().map(|l| line(&l)).collect())
        }
        GeometryType::MultiPolygon(polygons) => {
            Shape::MultiPolygon(polygons.polygons().map(|p| rings(&p)).collect())
        }
        GeometryType::GeometryCollection(members) => {
            let shapes = members.geometries().map(|member| shape(&member, depth + 1));
            Shape::Collection(shapes.collect::<Result<_, _>>()?)
        }
        _ => return Err(problem("a rectangle, triangle or single line", "one of the seven types of WKT")),
    })
}
