//! Reads and writes SQL Server's GEOMETRY and GEOGRAPHY values.
//!
//! A value is a [`Geometry`]: a tree of [`Shape`]s over [`Position`]s with optional Z and M, with the SRID and the
//! flags that the server stores. [`Geometry::decode`] reads the bytes that `CAST(g AS VARBINARY(MAX))` returns,
//! [`Geometry::encode`] writes bytes that `CAST(b AS GEOMETRY)` accepts; [`points::encode`] writes whole columns of
//! points. WKT in the spelling of SQL Server and of others is in [`wkt`], WKB in [`wkb`]; the types of the crate
//! `geo-types` are in [`interchange`].
//!
//! Source: \[MS-SSCLRT\], "Microsoft SQL Server CLR Types Serialization Formats", sections 1.6 and 2.1.

pub(crate) mod coordinates;
pub(crate) mod from_wkb;
pub(crate) mod from_wkt;
pub(crate) mod point;
pub(crate) mod to_wkb;
pub(crate) mod to_wkt;
pub(crate) mod weights;
pub(crate) mod weights_inverse;

mod curves;
mod decode;
mod encode;
pub mod interchange;
pub mod points;
pub mod series;
mod validity;
mod wire;
pub mod wkb;
pub mod wkt;

pub use curves::{Curve, Piece};
pub(crate) use wire::Wire;

use crate::error::Error;

/// Maximum nesting of collections, in bytes and in texts: it bounds every recursion here.
pub const MAX_DEPTH: usize = 100;
/// Maximum bytes of a value: the limit of VARBINARY(MAX).
pub const MAX_BYTES: u64 = i32::MAX as u64;
/// The largest latitude and longitude of geography, in degrees.
const LATITUDE: f64 = 90.0;
const LONGITUDE: f64 = 15069.0;

/// The server's spatial type of the bytes, which do not say it themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpatialType {
    /// The plane: x, then y.
    #[default]
    Geometry,
    /// The globe, stored as latitude, then longitude; as in WKT, x is the longitude here.
    Geography,
}

impl SpatialType {
    /// The type with that lower-case name.
    pub fn parse(name: &str) -> Option<SpatialType> {
        match name {
            "geometry" => Some(SpatialType::Geometry),
            "geography" => Some(SpatialType::Geography),
            _ => None,
        }
    }
}

/// A position in the plane, with optional height and measure. NaN in `z` or `m` counts as missing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// X, or longitude.
    pub x: f64,
    /// Y, or latitude.
    pub y: f64,
    /// Z.
    pub z: Option<f64>,
    /// M.
    pub m: Option<f64>,
}

impl Position {
    /// A position in the plane.
    pub fn new(x: f64, y: f64) -> Position {
        Position { x, y, z: None, m: None }
    }

    /// The same with a height.
    #[must_use]
    pub fn with_z(self, z: f64) -> Position {
        Position { z: Some(z), ..self }
    }

    /// The same with a measure.
    #[must_use]
    pub fn with_m(self, m: f64) -> Position {
        Position { m: Some(m), ..self }
    }
}

/// A shape of one of the types that SQL Server stores.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A point; `None` where it is empty.
    Point(Option<Position>),
    /// A line through two or more positions, or empty.
    LineString(Vec<Position>),
    /// Closed rings of four or more positions: first the outer one, then the holes. Empty without rings.
    Polygon(Vec<Vec<Position>>),
    /// Points.
    MultiPoint(Vec<Option<Position>>),
    /// Lines.
    MultiLineString(Vec<Vec<Position>>),
    /// Polygons.
    MultiPolygon(Vec<Vec<Vec<Position>>>),
    /// Shapes of any types.
    Collection(Vec<Shape>),
    /// Circular arcs, each through three positions; the last position of an arc is the first of the next. An odd number
    /// of positions, or none.
    CircularString(Vec<Position>),
    /// Lines and arcs, each beginning where the previous one ends, or none.
    CompoundCurve(Vec<Piece>),
    /// Closed curves of four or more positions: first the outer one, then the holes. Empty without rings.
    CurvePolygon(Vec<Curve>),
    /// The whole globe; geography only.
    FullGlobe,
}

impl Shape {
    /// The type's name in WKT.
    pub fn name(&self) -> &'static str {
        match self {
            Shape::Point(_) => "POINT",
            Shape::LineString(_) => "LINESTRING",
            Shape::Polygon(_) => "POLYGON",
            Shape::MultiPoint(_) => "MULTIPOINT",
            Shape::MultiLineString(_) => "MULTILINESTRING",
            Shape::MultiPolygon(_) => "MULTIPOLYGON",
            Shape::Collection(_) => "GEOMETRYCOLLECTION",
            Shape::CircularString(_) => "CIRCULARSTRING",
            Shape::CompoundCurve(_) => "COMPOUNDCURVE",
            Shape::CurvePolygon(_) => "CURVEPOLYGON",
            Shape::FullGlobe => "FULLGLOBE",
        }
    }

    /// Calls `visit` with every position, in stored order. A position shared by two parts of a compound curve is
    /// visited once.
    pub fn for_each(&self, visit: &mut impl FnMut(&Position)) {
        match self {
            Shape::Point(p) => p.iter().for_each(visit),
            Shape::MultiPoint(points) => points.iter().flatten().for_each(visit),
            Shape::LineString(line) | Shape::CircularString(line) => line.iter().for_each(visit),
            Shape::CompoundCurve(pieces) => curves::stored(pieces).for_each(visit),
            Shape::CurvePolygon(rings) => {
                rings.iter().flat_map(|ring| curves::stored(ring.pieces())).for_each(visit);
            }
            Shape::Polygon(lines) | Shape::MultiLineString(lines) => lines.iter().flatten().for_each(visit),
            Shape::MultiPolygon(polygons) => polygons.iter().flatten().flatten().for_each(visit),
            Shape::Collection(members) => members.iter().for_each(|member| member.for_each(visit)),
            Shape::FullGlobe => {}
        }
    }

    /// Whether any position has a Z, and whether any has an M.
    pub fn has_z_m(&self) -> (bool, bool) {
        let (mut z, mut m) = (false, false);
        self.for_each(&mut |p| {
            z |= present(p.z).is_some();
            m |= present(p.m).is_some();
        });
        (z, m)
    }

    /// The same shape without Z and M.
    #[must_use]
    pub fn flat(mut self) -> Shape {
        fn flatten(line: &mut [Position]) {
            line.iter_mut().for_each(|p| *p = Position::new(p.x, p.y));
        }
        match &mut self {
            Shape::Point(p) => flatten(p.as_mut_slice()),
            Shape::MultiPoint(points) => points.iter_mut().for_each(|p| flatten(p.as_mut_slice())),
            Shape::LineString(line) | Shape::CircularString(line) => flatten(line),
            Shape::CompoundCurve(pieces) => pieces.iter_mut().for_each(|p| flatten(p.positions_mut())),
            Shape::CurvePolygon(rings) => {
                let pieces = rings.iter_mut().flat_map(Curve::pieces_mut);
                pieces.for_each(|p| flatten(p.positions_mut()));
            }
            Shape::Polygon(lines) | Shape::MultiLineString(lines) => {
                lines.iter_mut().for_each(|l| flatten(l))
            }
            Shape::MultiPolygon(polygons) => polygons.iter_mut().flatten().for_each(|l| flatten(l)),
            Shape::Collection(members) => {
                members
                    .iter_mut()
                    .for_each(|member| *member = std::mem::replace(member, Shape::FullGlobe).flat());
            }
            Shape::FullGlobe => {}
        }
        self
    }

    /// Whether the shape or a member is a curve, which version 1 of the bytes cannot hold.
    pub fn has_curves(&self) -> bool {
        match self {
            Shape::CircularString(_) | Shape::CompoundCurve(_) | Shape::CurvePolygon(_) => true,
            Shape::Collection(members) => members.iter().any(Shape::has_curves),
            _ => false,
        }
    }

    /// The type that can hold this shape: FULLGLOBE is geography only.
    fn own_type(&self) -> SpatialType {
        if *self == Shape::FullGlobe { SpatialType::Geography } else { SpatialType::Geometry }
    }

    /// Checks what every stored shape must be: x and y finite, lines of two or more positions, arcs of three, closed
    /// rings of four or more, curves without gaps, nesting within [`MAX_DEPTH`]; and for geography latitude and
    /// longitude in range.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for the thing `geometry`.
    pub fn check(&self, kind: SpatialType) -> Result<(), Error> {
        self.check_at(kind, 0)
    }

    fn check_at(&self, kind: SpatialType, depth: usize) -> Result<(), Error> {
        let all = |positions: &[Position]| positions.iter().try_for_each(|p| check_position(p, kind));
        match self {
            Shape::Point(p) => all(p.as_slice()),
            Shape::MultiPoint(points) => points.iter().flatten().try_for_each(|p| check_position(p, kind)),
            Shape::LineString(line) => check_line(line).and_then(|()| all(line)),
            Shape::MultiLineString(lines) => {
                lines.iter().try_for_each(|line| check_line(line).and_then(|()| all(line)))
            }
            Shape::Polygon(rings) => {
                rings.iter().try_for_each(|ring| check_ring(ring).and_then(|()| all(ring)))
            }
            Shape::MultiPolygon(polygons) => {
                polygons.iter().flatten().try_for_each(|ring| check_ring(ring).and_then(|()| all(ring)))
            }
            Shape::CircularString(arcs) => curves::check_arcs(arcs).and_then(|()| all(arcs)),
            Shape::CompoundCurve(pieces) => {
                curves::check_pieces(pieces)?;
                pieces.iter().try_for_each(|piece| all(piece.positions()))
            }
            Shape::CurvePolygon(rings) => rings.iter().try_for_each(|ring| {
                curves::check_ring(ring)?;
                ring.pieces().iter().try_for_each(|piece| all(piece.positions()))
            }),
            Shape::Collection(_) if depth >= MAX_DEPTH => Err(too_deep()),
            Shape::Collection(members) => {
                members.iter().try_for_each(|member| member.check_at(kind, depth + 1))
            }
            Shape::FullGlobe if kind == SpatialType::Geography && depth == 0 => Ok(()),
            Shape::FullGlobe => {
                Err(problem("FULLGLOBE", "a shape of the plane: FULLGLOBE is a whole geography"))
            }
        }
    }
}

/// A spatial value: a shape and what the server stores beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    /// Identifier of the reference system; 0 by default for geometry, 4326 for geography.
    pub srid: i32,
    /// The flag V: the server trusts it, and raises error 24144 in most methods where it is not set.
    pub valid: bool,
    /// The flag H (geography only): the value is larger than a hemisphere.
    pub larger_than_hemisphere: bool,
    /// The shape.
    pub shape: Shape,
}

impl Geometry {
    /// A planar shape, with the flag V set as [`Geometry::is_surely_valid`] says.
    pub fn new(srid: i32, shape: Shape) -> Geometry {
        let valid = Geometry::is_surely_valid(&shape);
        Geometry { srid, valid, larger_than_hemisphere: false, shape }
    }

    /// Whether a planar shape is certainly valid by SQL Server's rules.
    ///
    /// Points are. Lines are if no two parts of them overlap along a length and each has two different positions;
    /// crossing is allowed. Polygons are if their rings are simple, holes lie within the outer ring and not within each
    /// other, and polygons of a MULTIPOLYGON do not share interior points. Rings of one polygon may touch in one
    /// position each, unless they form a cycle that cuts the polygon in two. The server also allows some rings to touch
    /// elsewhere, which is not examined here: such a polygon is called doubtful, and so is a shape with coordinates
    /// beyond 1e100 or, other than zero, below 1e-100. Doubtful values are stored without the flag; `MakeValid()` on
    /// the server removes the doubt.
    ///
    /// Curves follow the rules of lines: arcs of one circle may not overlap along a length. An arc that ends where it
    /// begins is not valid. A CURVEPOLYGON of straight rings follows the rules of polygons, and a single circle, in any
    /// number of arcs, is valid; others with arcs are doubtful, and so are arcs with coordinates beyond 1e50 or below
    /// 1e-50.
    ///
    /// The tests are exact (Shewchuk 1997, "Adaptive precision floating-point arithmetic and fast robust geometric
    /// predicates"). Polygons take about n·log n steps, wherever their rings lie. Among lines, only segments that may
    /// be collinear are compared, and among arcs those that are near one another: after some ten million comparisons in
    /// all the members of a value, a second's work, it is called doubtful.
    pub fn is_surely_valid(shape: &Shape) -> bool {
        validity::is_surely_valid(shape)
    }
}

/// A Z or M that is present: NaN means NULL.
pub(crate) fn present(ordinate: Option<f64>) -> Option<f64> {
    ordinate.filter(|v| !v.is_nan())
}

/// Rejects a SRID that the server would reject when it converts the bytes (errors 24100 and 24204).
pub(crate) fn check_srid(srid: i32, kind: SpatialType) -> Result<(), Error> {
    let (there, expected) = match kind {
        SpatialType::Geometry => ((0..=999_999).contains(&srid), "0 to 999999"),
        // The SRIDs of sys.spatial_reference_systems.
        SpatialType::Geography => (
            (4120..=4999).contains(&srid) || srid == 104_001,
            "one for the globe: 4120 to 4999, such as 4326, or 104001",
        ),
    };
    if there {
        return Ok(());
    }
    Err(Error::ParameterValue { name: "srid".into(), value: srid.to_string(), expected: expected.into() })
}

/// An error about a spatial value that has no column and row yet.
pub(crate) fn problem(found: impl Into<String>, expected: impl Into<String>) -> Error {
    Error::Value { place: "geometry".into(), row: 0, found: found.into(), expected: expected.into() }
}

/// The same error for row `row`, from 0, of a column.
pub(crate) fn at(error: Error, column: &str, row: usize) -> Error {
    match error {
        Error::Value { row: 0, found, expected, .. } => {
            Error::Value { place: column.into(), row: row as u64 + 1, found, expected }
        }
        other => other,
    }
}

fn too_deep() -> Error {
    problem("deeper nesting", format!("collections nested at most {MAX_DEPTH} deep"))
}

fn check_position(p: &Position, kind: SpatialType) -> Result<(), Error> {
    let named = |name: &str, value: f64| format!("{name} {value:?}");
    for (name, value) in [("x", p.x), ("y", p.y)] {
        if !value.is_finite() {
            return Err(problem(named(name, value), "finite coordinates"));
        }
    }
    if kind == SpatialType::Geography {
        for (name, value, limit) in [("latitude", p.y, LATITUDE), ("longitude", p.x, LONGITUDE)] {
            if value.abs() > limit {
                return Err(problem(named(name, value), format!("a {name} from -{limit} to {limit}")));
            }
        }
    }
    Ok(())
}

fn check_line(line: &[Position]) -> Result<(), Error> {
    match line {
        [_] => Err(problem("a line of 1 position", "lines of 2 or more positions, or none")),
        _ => Ok(()),
    }
}

fn check_ring(ring: &[Position]) -> Result<(), Error> {
    check_closed(ring.len(), ring.first().zip(ring.last()))
}

/// Checks a ring with that many positions and those ends.
fn check_closed(count: usize, ends: Option<(&Position, &Position)>) -> Result<(), Error> {
    let Some((first, last)) = ends else {
        return Err(problem("a ring without positions", "closed rings of 4 or more positions"));
    };
    if count < 4 {
        return Err(problem(format!("a ring of {count} positions"), "closed rings of 4 or more positions"));
    }
    if (first.x, first.y) != (last.x, last.y) {
        return Err(problem(
            format!("a ring from ({:?} {:?}) to ({:?} {:?})", first.x, first.y, last.x, last.y),
            "rings that end where they start",
        ));
    }
    Ok(())
}

/// The SRID of a value that may carry its own, such as `SRID=4326;` before a text: that one, if no other is given.
pub(crate) fn srid_of(given: i32, own: Option<i32>) -> Result<i32, Error> {
    match own {
        Some(own) if given != 0 && given != own => Err(problem(
            format!("SRID {own}"),
            format!("SRID {given}, as srid says; without srid each value has its own"),
        )),
        own => Ok(own.unwrap_or(given)),
    }
}

/// An empty vector with capacity for `count` items.
fn room<T>(count: usize) -> Result<Vec<T>, Error> {
    let mut out = Vec::new();
    grow(&mut out, count)?;
    Ok(out)
}

/// Reserves capacity for more items, or returns an error.
fn grow<T>(out: &mut Vec<T>, more: usize) -> Result<(), Error> {
    let bytes = (out.len() as u64).saturating_add(more as u64).saturating_mul(size_of::<T>() as u64);
    out.try_reserve(more).map_err(|_| Error::Memory {
        what: "a geometry".into(),
        bytes,
        limit: Error::REFUSED,
    })
}
