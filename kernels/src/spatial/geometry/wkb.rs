//! WKB: reads and writes ISO's as the server does, and also reads PostGIS's EWKB, which other systems write for Z and
//! SRIDs.

use super::{
    Curve, MAX_BYTES, MAX_DEPTH, Piece, Position, Shape, SpatialType, Wire, grow, present, problem, room,
    too_deep,
};
use crate::error::Error;

/// Type codes, to which ISO adds 1000 for Z and 2000 for M.
const POINT: u32 = 1;
const LINE_STRING: u32 = 2;
const POLYGON: u32 = 3;
const MULTI_POINT: u32 = 4;
const MULTI_LINE_STRING: u32 = 5;
const MULTI_POLYGON: u32 = 6;
const COLLECTION: u32 = 7;
const CIRCULAR_STRING: u32 = 8;
const COMPOUND_CURVE: u32 = 9;
const CURVE_POLYGON: u32 = 10;
/// Microsoft's code.
const FULL_GLOBE: u32 = 126;

/// Bits of EWKB codes.
const EWKB_Z: u32 = 0x8000_0000;
const EWKB_M: u32 = 0x4000_0000;
const EWKB_SRID: u32 = 0x2000_0000;

/// Writes ISO WKB, little-endian, with Z and M interleaved (codes +1000, +2000, +3000), as `AsBinaryZM()` does; curves
/// have the codes 8 to 10, FULLGLOBE has 126 and no content.
///
/// As on the server, an empty point is written as an empty MULTIPOINT; a Z or M that is missing while others have it is
/// NaN, and so are the coordinates of an empty point within a MULTIPOINT.
///
/// # Errors
///
/// [`Error::Memory`] beyond [`MAX_BYTES`] and where the system has no more memory.
///
/// # Examples
///
/// ```
/// use hart_kernels::spatial::geometry::{wkb, wkt};
/// let shape = wkt::read("POINT (1 2 3)")?;
/// let bytes = wkb::write(&shape)?;
/// assert_eq!(bytes[..5], [1, 0xE9, 3, 0, 0]);
/// assert_eq!(wkb::read(&bytes)?, shape);
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn write(shape: &Shape) -> Result<Vec<u8>, Error> {
    let (z, m) = shape.has_z_m();
    let mut writer = Writer { out: Vec::new(), z, m };
    writer.shape(shape)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    z: bool,
    m: bool,
}

impl Writer {
    fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        let all = self.out.len() as u64 + bytes as u64;
        if all > MAX_BYTES {
            return Err(Error::Memory { what: "WKB".into(), bytes: all, limit: MAX_BYTES });
        }
        grow(&mut self.out, bytes)
    }

    fn header(&mut self, code: u32) -> Result<(), Error> {
        self.reserve(9)?;
        self.out.push(1);
        let dimensions = 1000 * u32::from(self.z) + 2000 * u32::from(self.m);
        self.out.extend((code + if code == FULL_GLOBE { 0 } else { dimensions }).to_le_bytes());
        Ok(())
    }

    fn count(&mut self, count: usize) -> Result<(), Error> {
        self.reserve(4)?;
        // No value of 2³² parts fits MAX_BYTES.
        self.out.extend((count as u32).to_le_bytes());
        Ok(())
    }

    fn position(&mut self, p: Option<&Position>) {
        let ordinate = |of: fn(&Position) -> Option<f64>| p.and_then(of).unwrap_or(f64::NAN);
        for (used, value) in [
            (true, ordinate(|p| Some(p.x))),
            (true, ordinate(|p| Some(p.y))),
            (self.z, ordinate(|p| present(p.z))),
            (self.m, ordinate(|p| present(p.m))),
        ] {
            if used {
                self.out.extend(value.to_le_bytes());
            }
        }
    }

    fn point(&mut self, point: &Option<Position>) -> Result<(), Error> {
        self.header(POINT)?;
        self.reserve(32)?;
        self.position(point.as_ref());
        Ok(())
    }

    fn positions(&mut self, positions: &[Position]) -> Result<(), Error> {
        self.count(positions.len())?;
        self.reserve(positions.len().saturating_mul(8 * (2 + usize::from(self.z) + usize::from(self.m))))?;
        positions.iter().for_each(|p| self.position(Some(p)));
        Ok(())
    }

    fn line(&mut self, line: &[Position]) -> Result<(), Error> {
        self.header(LINE_STRING)?;
        self.positions(line)
    }

    fn all<T>(
        &mut self,
        code: u32,
        parts: &[T],
        mut part: impl FnMut(&mut Self, &T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.header(code)?;
        self.count(parts.len())?;
        parts.iter().try_for_each(|p| part(self, p))
    }

    fn polygon(&mut self, rings: &[Vec<Position>]) -> Result<(), Error> {
        self.all(POLYGON, rings, |w, ring| w.positions(ring))
    }

    fn piece(&mut self, piece: &Piece) -> Result<(), Error> {
        match piece {
            Piece::Line(line) => self.line(line),
            Piece::Arcs(arcs) => {
                self.header(CIRCULAR_STRING)?;
                self.positions(arcs)
            }
        }
    }

    fn shape(&mut self, shape: &Shape) -> Result<(), Error> {
        match shape {
            Shape::Point(None) => self.all(MULTI_POINT, &[], Writer::point),
            Shape::Point(point) => self.point(point),
            Shape::LineString(line) => self.line(line),
            Shape::Polygon(rings) => self.polygon(rings),
            Shape::MultiPoint(points) => self.all(MULTI_POINT, points, Writer::point),
            Shape::MultiLineString(lines) => self.all(MULTI_LINE_STRING, lines, |w, line| w.line(line)),
            Shape::MultiPolygon(all) => self.all(MULTI_POLYGON, all, |w, rings| w.polygon(rings)),
            Shape::Collection(members) => self.all(COLLECTION, members, Writer::shape),
            Shape::CircularString(arcs) => {
                self.header(CIRCULAR_STRING)?;
                self.positions(arcs)
            }
            Shape::CompoundCurve(pieces) => self.all(COMPOUND_CURVE, pieces, Writer::piece),
            Shape::CurvePolygon(rings) => self.all(CURVE_POLYGON, rings, |w, ring| match ring {
                Curve::Simple(piece) => w.piece(piece),
                Curve::Compound(pieces) => w.all(COMPOUND_CURVE, pieces, Writer::piece),
            }),
            Shape::FullGlobe => self.header(FULL_GLOBE),
        }
    }
}

/// Reads ISO WKB in either byte order, which may differ per member, and EWKB without a SRID.
///
/// A point whose coordinates are NaN is read as empty, and NaN in Z or M as missing.
///
/// # Errors
///
/// [`Error::Value`] for the thing `geometry`: for type codes that SQL Server does not have, counts beyond the bytes,
/// nesting beyond [`MAX_DEPTH`], bytes after the end, a SRID, and everything that [`Shape::check`] rejects;
/// [`Error::Memory`] where there is no memory for the shape.
pub fn read(bytes: &[u8]) -> Result<Shape, Error> {
    match read_extended(bytes)? {
        (None, shape) => Ok(shape),
        (Some(srid), _) => Err(problem(format!("EWKB of SRID {srid}"), "WKB without SRID")),
    }
}

/// As [`read`], with the SRID that EWKB may carry.
///
/// # Errors
///
/// As [`read`], except for the SRID.
pub fn read_extended(bytes: &[u8]) -> Result<(Option<i32>, Shape), Error> {
    let mut reader = Reader { rest: bytes, srid: None };
    let shape = reader.whole().map_err(|error| match Wire::read(bytes, SpatialType::Geometry) {
        // Serialized values and WKB are easily confused.
        Ok(Some(_)) => problem("a serialized geometry", "WKB, not the serialized value"),
        _ => error,
    })?;
    shape.check(shape.own_type())?;
    Ok((reader.srid, shape))
}

/// Whether the bytes are WKB or EWKB of any shape.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    Reader { rest: bytes, srid: None }.whole().is_ok()
}

struct Reader<'a> {
    rest: &'a [u8],
    srid: Option<i32>,
}

/// The header of a value.
#[derive(Clone, Copy)]
struct Header {
    little: bool,
    code: u32,
    z: bool,
    m: bool,
}

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let short = || {
            problem(
                format!("{} bytes where a WKB value should be", self.rest.len()),
                "byte order, code and content",
            )
        };
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(short)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn word(&mut self, little: bool) -> Result<u32, Error> {
        let word = self.take::<4>()?;
        Ok(if little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) })
    }

    fn header(&mut self) -> Result<Header, Error> {
        let little = match self.take::<1>()? {
            [0] => false,
            [1] => true,
            [other] => return Err(problem(format!("byte order {other}"), "0 or 1")),
        };
        let full = self.word(little)?;
        let flags = full & (EWKB_Z | EWKB_M | EWKB_SRID);
        let (dimensions, code) = if flags == 0 { (full / 1000, full % 1000) } else { (0, full - flags) };
        let has = |bit, flag| dimensions & bit != 0 || flags & flag != 0;
        let header = Header { little, code, z: has(1, EWKB_Z), m: has(2, EWKB_M) };
        if dimensions > 3
            || !matches!(code, POINT..=CURVE_POLYGON | FULL_GLOBE)
            || (code == FULL_GLOBE && full != code)
        {
            let named = match code {
                _ if dimensions > 3 => "",
                11 => ", a MULTICURVE",
                12 => ", a MULTISURFACE",
                13 | 14 => ", an abstract type",
                15 => ", a POLYHEDRALSURFACE",
                16 => ", a TIN",
                17 => ", a TRIANGLE",
                _ => "",
            };
            return Err(problem(
                format!("code {full}{named}"),
                "1 to 10 or 126, plus 1000 for Z, 2000 for M, 3000 for both, or the bits of EWKB",
            ));
        }
        if flags & EWKB_SRID != 0 {
            let srid = self.word(little)? as i32;
            if self.srid.is_some_and(|first| first != srid) {
                return Err(problem(format!("a member of SRID {srid}"), "one SRID in a value"));
            }
            self.srid = Some(srid);
        }
        Ok(header)
    }

    /// A count of parts that take at least `least` bytes each; checked, because anyone can write a count.
    fn count(&mut self, header: Header, least: usize) -> Result<usize, Error> {
        let count = self.word(header.little)?;
        if u64::from(count) * least as u64 > self.rest.len() as u64 {
            let found = format!("{count} parts in {} bytes", self.rest.len());
            return Err(problem(found, format!("{least} bytes for each")));
        }
        Ok(count as usize)
    }

    fn position(&mut self, header: Header) -> Result<Position, Error> {
        let mut number = || -> Result<f64, Error> {
            let bytes = self.take::<8>()?;
            Ok(if header.little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) })
        };
        let (x, y) = (number()?, number()?);
        let z = if header.z { present(Some(number()?)) } else { None };
        let m = if header.m { present(Some(number()?)) } else { None };
        Ok(Position { x, y, z, m })
    }

    fn positions(&mut self, header: Header) -> Result<Vec<Position>, Error> {
        let each = 8 * (2 + usize::from(header.z) + usize::from(header.m));
        self.parts(header, each, |r| r.position(header))
    }

    fn parts<T>(
        &mut self,
        header: Header,
        least: usize,
        mut part: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let count = self.count(header, least)?;
        let mut out = room(count)?;
        for _ in 0..count {
            out.push(part(self)?);
        }
        Ok(out)
    }

    /// Members with their own headers, each of one of these types.
    fn members<T>(
        &mut self,
        header: Header,
        codes: &[u32],
        mut member: impl FnMut(&mut Self, Header) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.parts(header, 9, |r| {
            let own = r.header()?;
            if !codes.contains(&own.code) {
                let expected = codes.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                return Err(problem(
                    format!("a member of code {} in one of code {}", own.code, header.code),
                    format!("members of code {expected}"),
                ));
            }
            member(r, own)
        })
    }

    fn point(&mut self, header: Header) -> Result<Option<Position>, Error> {
        let p = self.position(header)?;
        Ok((!p.x.is_nan() || !p.y.is_nan()).then_some(p))
    }

    fn polygon(&mut self, header: Header) -> Result<Vec<Vec<Position>>, Error> {
        let mut rings = self.parts(header, 4, |r| r.positions(header))?;
        // Some systems write an empty polygon as one with an empty ring.
        if rings.first().is_some_and(Vec::is_empty) && rings.len() == 1 {
            rings.clear();
        }
        Ok(rings)
    }

    fn piece(&mut self, header: Header) -> Result<Piece, Error> {
        let positions = self.positions(header)?;
        Ok(if header.code == LINE_STRING { Piece::Line(positions) } else { Piece::Arcs(positions) })
    }

    fn pieces(&mut self, header: Header) -> Result<Vec<Piece>, Error> {
        self.members(header, &[LINE_STRING, CIRCULAR_STRING], Reader::piece)
    }

    fn whole(&mut self) -> Result<Shape, Error> {
        let shape = self.shape(0)?;
        match self.rest.len() {
            0 => Ok(shape),
            n => Err(problem(format!("{n} bytes after the end"), "one WKB value")),
        }
    }

    fn shape(&mut self, depth: usize) -> Result<Shape, Error> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let header = self.header()?;
        Ok(match header.code {
            POINT => Shape::Point(self.point(header)?),
            LINE_STRING => Shape::LineString(self.positions(header)?),
            POLYGON => Shape::Polygon(self.polygon(header)?),
            MULTI_POINT => Shape::MultiPoint(self.members(header, &[POINT], Reader::point)?),
            MULTI_LINE_STRING => {
                Shape::MultiLineString(self.members(header, &[LINE_STRING], Reader::positions)?)
            }
            MULTI_POLYGON => Shape::MultiPolygon(self.members(header, &[POLYGON], Reader::polygon)?),
            COLLECTION => Shape::Collection(self.parts(header, 5, |r| r.shape(depth + 1))?),
            CIRCULAR_STRING => Shape::CircularString(self.positions(header)?),
            COMPOUND_CURVE => Shape::CompoundCurve(self.pieces(header)?),
            CURVE_POLYGON => Shape::CurvePolygon(self.members(
                header,
                &[LINE_STRING, CIRCULAR_STRING, COMPOUND_CURVE],
                |r, own| {
                    Ok(match own.code {
                        COMPOUND_CURVE => Curve::Compound(r.pieces(own)?),
                        _ => Curve::Simple(r.piece(own)?),
                    })
                },
            )?),
            // The codes have been checked, so only this one is left.
            _ => Shape::FullGlobe,
        })
    }
}
