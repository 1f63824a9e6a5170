//! ISO WKB and `geo-types`, by way of the crates `wkb`, `wkt` and `geo-traits`.
//!
//! The shapes travel as the types of `wkt`, which implement the traits and have Z and M. Its texts are not used: it neither writes nor
//! reads empty members.

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

/// Writes ISO WKB, little-endian, with Z and M interleaved (codes +1000, +2000, +3000), as `AsBinaryZM()` does.
///
/// As on the server, an empty point is written as an empty MULTIPOINT; a Z or M that is missing while others have it
/// is NaN, and so are the coordinates of an empty point within a MULTIPOINT.
///
/// # Errors
///
/// [`Error::Value`] for FULLGLOBE.
pub fn to_wkb(shape: &Shape) -> Result<Vec<u8>, Error> {
    let dim = dimension(shape);
    let value = model(shape, dim, true)?;
    let mut out = Vec::with_capacity(wkb::writer::geometry_wkb_size(&value));
    let options = wkb::writer::WriteOptions { endianness: wkb::Endianness::LittleEndian };
    wkb::writer::write_geometry(&mut out, &value, &options)
        .map_err(|error| problem(error.to_string(), "a shape that WKB can say"))?;
    Ok(out)
}

/// Reads ISO WKB of either byte order; each member may have its own.
///
/// A point whose coordinates are NaN is read as empty, and NaN in Z or M as missing.
///
/// # Errors
///
/// [`Error::Value`] for the thing `geometry`: codes of curves, of FULLGLOBE and of EWKB (which the server refuses too), counts beyond the
/// bytes, nesting beyond [`MAX_DEPTH`], bytes after the end, and all that [`Shape::check`] refuses.
pub fn from_wkb(bytes: &[u8]) -> Result<Shape, Error> {
    // The crate takes the code of a curve for that of another type, so that codes are looked at first, and reads all members in
    // the order of the whole, so that it gets all of them in one.
    let mut little = Vec::with_capacity(bytes.len());
    let rest = scan(bytes, 0, &mut little)?;
    if !rest.is_empty() {
        return Err(problem(format!("{} bytes after the end", rest.len()), "one WKB value"));
    }
    let value = wkb::reader::read_wkb(&little).map_err(|error| problem(error.to_string(), "ISO WKB"))?;
    let shape = shape(&value, 0)?;
    shape.check(SpatialType::Geometry)?;
    Ok(shape)
}

/// Skips one WKB value, having checked its codes, its counts and its depth, and adds it to `out` in little-endian order.
fn scan<'a>(bytes: &'a [u8], depth: usize, out: &mut Vec<u8>) -> Result<&'a [u8], Error> {
    let short = || {
        problem(format!("{} bytes where a WKB value should be", bytes.len()), "byte order, code and content")
    };
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let (order, rest) = bytes.split_first().ok_or_else(short)?;
    let little = match order {
        0 => false,
        1 => true,
        other => return Err(problem(format!("byte order {other}"), "0 or 1")),
    };
    fn word(bytes: &[u8], little: bool) -> Option<(u32, &[u8])> {
        let (word, rest) = bytes.split_first_chunk::<4>()?;
        Some((if little { u32::from_le_bytes(*word) } else { u32::from_be_bytes(*word) }, rest))
    }
    let (code, rest) = word(rest, little).ok_or_else(short)?;
    let (dimensions, base) = (code / 1000, code % 1000);
    if dimensions > 3 || !(1..=7).contains(&base) {
        let what = match base {
            _ if code > 0xFFFF => "EWKB code",
            8..=10 | 126 if dimensions <= 3 => "code of a curve or globe",
            _ => "code",
        };
        return Err(problem(
            format!("{what} {code}"),
            "an ISO code: 1 to 7, plus 1000 for Z, 2000 for M, 3000 for both",
        ));
    }
    out.push(1);
    out.extend(code.to_le_bytes());
    let position = 8 * [2, 3, 3, 4][dimensions as usize] as u64;
    let check = |rest: &[u8], count: u64, each: u64| -> Result<usize, Error> {
        let needed = count * each;
        if needed > rest.len() as u64 {
            return Err(problem(
                format!("{count} parts in {} bytes", rest.len()),
                format!("{each} bytes for each"),
            ));
        }
        Ok(needed as usize)
    };
    let positions = |rest: &'a [u8], count: u64, out: &mut Vec<u8>| -> Result<&'a [u8], Error> {
        let (own, rest) = rest.split_at(check(rest, count, position)?);
        if little {
            out.extend(own);
        } else {
            out.extend(own.as_chunks::<8>().0.iter().flat_map(|number| number.iter().rev()));
        }
        Ok(rest)
    };
    if base == 1 {
        return positions(rest, 1, out);
    }
    let (count, mut rest) = word(rest, little).ok_or_else(short)?;
    out.extend(count.to_le_bytes());
    let count = u64::from(count);
    match base {
        2 => return positions(rest, count, out),
        3 => {
            check(rest, count, 4)?;
            for _ in 0..count {
                let (length, ring) = word(rest, little).ok_or_else(short)?;
                out.extend(length.to_le_bytes());
                rest = positions(ring, length.into(), out)?;
            }
        }
        _ => {
            check(rest, count, 9)?;
            for _ in 0..count {
                let member = word(rest.get(1..).unwrap_or(&[]), rest.first() == Some(&1));
                if base < 7 && member.is_some_and(|(member, _)| member != code - 3) {
                    return Err(problem(
                        format!("a member of another type than code {}", code - 3),
                        "members of that type",
                    ));
                }
                rest = scan(rest, depth + 1, out)?;
            }
        }
    }
    Ok(rest)
}

/// The shape as a type of the crate `geo-types`, without Z and M.
///
/// # Errors
///
/// [`Error::Value`] for FULLGLOBE, and for an empty point, which those types do not have.
pub fn to_geo(shape: &Shape) -> Result<geo_types::Geometry<f64>, Error> {
    let value = model(shape, Dimension::XY, false)?;
    value.try_to_geometry().ok_or_else(|| problem("an empty point", "shapes that `geo-types` has"))
}

/// A shape from any type that implements the traits of `geo-traits`, those of `geo-types` among them.
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

fn dimension(shape: &Shape) -> Dimension {
    match shape.has_z_m() {
        (false, false) => Dimension::XY,
        (true, false) => Dimension::XYZ,
        (false, true) => Dimension::XYM,
        (true, true) => Dimension::XYZM,
    }
}

/// The shape in the types of the crate `wkt`, which have Z and M. With `empty_as_multi`, an empty point becomes a MULTIPOINT.
fn model(shape: &Shape, dim: Dimension, empty_as_multi: bool) -> Result<Wkt<f64>, Error> {
    let (has_z, has_m) = match dim {
        Dimension::XY => (false, false),
        Dimension::XYZ => (true, false),
        Dimension::XYM => (false, true),
        Dimension::XYZM => (true, true),
    };
    let ordinate = |used: bool, v: Option<f64>| used.then(|| present(v).unwrap_or(f64::NAN));
    let coord = |p: &Position| Coord { x: p.x, y: p.y, z: ordinate(has_z, p.z), m: ordinate(has_m, p.m) };
    let point = |p: &Option<Position>| Point::new(p.as_ref().map(coord), dim);
    let line = |line: &Vec<Position>| LineString::new(line.iter().map(coord).collect(), dim);
    let polygon = |rings: &Vec<Vec<Position>>| Polygon::new(rings.iter().map(line).collect(), dim);
    Ok(match shape {
        Shape::Point(None) if empty_as_multi => Wkt::MultiPoint(MultiPoint::empty(dim)),
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
            let members = members.iter().map(|m| model(m, dim, empty_as_multi)).collect::<Result<_, _>>()?;
            Wkt::GeometryCollection(GeometryCollection::new(members, dim))
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
