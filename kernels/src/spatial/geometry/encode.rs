//! From the tree to the tables.

use super::wire::{self, HEADER, INNER_RING, LINE, OUTER_RING};
use super::{
    Curve, Geometry, MAX_BYTES, Piece, Position, Shape, SpatialType, check_srid, curves, grow, present,
    problem,
};
use crate::error::Error;

/// Bytes of a missing Z or M while others are present: a quiet NaN with the sign set, as the server writes it.
pub(super) const MISSING: [u8; 8] = 0xFFF8_0000_0000_0000u64.to_le_bytes();

/// The bytes of an ordinate. The server folds −0 to 0.
#[inline(always)]
pub(super) fn ordinate(value: f64) -> [u8; 8] {
    (value + 0.0).to_le_bytes()
}

/// The tables to be written.
#[derive(Default)]
struct Tables<'a> {
    positions: Vec<&'a Position>,
    figures: Vec<(u8, usize)>,
    shapes: Vec<(i32, i32, u8)>,
    segments: Vec<u8>,
    version: u8,
}

impl<'a> Tables<'a> {
    /// Writes a shape's row, then what `content` adds, and points the row at the first figure added.
    fn shape(
        &mut self,
        parent: i32,
        shape_type: u8,
        content: impl FnOnce(&mut Self, i32) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (row, figure) = (self.shapes.len(), self.figures.len());
        grow(&mut self.shapes, 1)?;
        self.shapes.push((parent, -1, shape_type));
        content(self, row as i32)?;
        if self.figures.len() > figure {
            self.shapes[row].1 = figure as i32;
        }
        Ok(())
    }

    fn figure(&mut self, attribute: u8, positions: impl Iterator<Item = &'a Position>) -> Result<(), Error> {
        let start = self.positions.len();
        for position in positions {
            grow(&mut self.positions, 1)?;
            self.positions.push(position);
        }
        if self.positions.len() > start {
            grow(&mut self.figures, 1)?;
            self.figures.push((attribute, start));
        }
        Ok(())
    }

    fn point(&mut self, parent: i32, point: &'a Option<Position>) -> Result<(), Error> {
        self.shape(parent, wire::POINT, |t, _| t.figure(LINE, point.iter()))
    }

    fn line(&mut self, parent: i32, line: &'a [Position]) -> Result<(), Error> {
        self.shape(parent, wire::LINE_STRING, |t, _| t.figure(LINE, line.iter()))
    }

    fn polygon(&mut self, parent: i32, rings: &'a [Vec<Position>]) -> Result<(), Error> {
        self.shape(parent, wire::POLYGON, |t, _| {
            rings.iter().enumerate().try_for_each(|(i, ring)| {
                // Version 2 distinguishes arcs from lines, but not rings.
                let own = if i == 0 { OUTER_RING } else { INNER_RING };
                t.figure(if t.version == 2 { LINE } else { own }, ring.iter())
            })
        })
    }

    fn compound(&mut self, pieces: &'a [Piece]) -> Result<(), Error> {
        for piece in pieces {
            let (segment, each) = match piece {
                Piece::Line(_) => (wire::SEGMENT_LINE, 1),
                Piece::Arcs(_) => (wire::SEGMENT_ARC, 2),
            };
            let count = (piece.positions().len() - 1) / each;
            grow(&mut self.segments, count)?;
            let first = self.segments.len();
            self.segments.resize(first + count, segment);
            self.segments[first] += wire::FIRST;
        }
        self.figure(wire::COMPOUND, curves::stored(pieces))
    }

    fn add(&mut self, parent: i32, shape: &'a Shape) -> Result<(), Error> {
        match shape {
            Shape::Point(point) => self.point(parent, point),
            Shape::LineString(line) => self.line(parent, line),
            Shape::Polygon(rings) => self.polygon(parent, rings),
            Shape::MultiPoint(points) => self.shape(parent, wire::MULTI_POINT, |t, own| {
                points.iter().try_for_each(|point| t.point(own, point))
            }),
            Shape::MultiLineString(lines) => self.shape(parent, wire::MULTI_LINE_STRING, |t, own| {
                lines.iter().try_for_each(|line| t.line(own, line))
            }),
            Shape::MultiPolygon(polygons) => self.shape(parent, wire::MULTI_POLYGON, |t, own| {
                polygons.iter().try_for_each(|rings| t.polygon(own, rings))
            }),
            Shape::Collection(members) => self.shape(parent, wire::COLLECTION, |t, own| {
                members.iter().try_for_each(|member| t.add(own, member))
            }),
            Shape::CircularString(arcs) => {
                self.shape(parent, wire::CIRCULAR_STRING, |t, _| t.figure(wire::ARCS, arcs.iter()))
            }
            Shape::CompoundCurve(pieces) => {
                self.shape(parent, wire::COMPOUND_CURVE, |t, _| t.compound(pieces))
            }
            Shape::CurvePolygon(rings) => self.shape(parent, wire::CURVE_POLYGON, |t, _| {
                rings.iter().try_for_each(|ring| match ring {
                    Curve::Simple(Piece::Line(line)) => t.figure(LINE, line.iter()),
                    Curve::Simple(Piece::Arcs(arcs)) => t.figure(wire::ARCS, arcs.iter()),
                    Curve::Compound(pieces) => t.compound(pieces),
                })
            }),
            Shape::FullGlobe => self.shape(parent, wire::FULL_GLOBE, |_, _| Ok(())),
        }
    }
}

impl Geometry {
    /// Writes the value as the server does: version 1 wherever it suffices, the compact forms for a point and for a
    /// line of two positions.
    ///
    /// Version 2 is written for curves, for geography that is larger than a hemisphere or not valid, and for FULLGLOBE.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] as [`Shape::check`], [`Error::ParameterValue`] for a SRID that the server rejects;
    /// [`Error::Memory`] beyond [`super::MAX_BYTES`] and where the system has no more memory.
    ///
    /// # Accuracy
    ///
    /// Exact, except that −0 is stored as 0, as the server does.
    pub fn encode(&self, kind: SpatialType) -> Result<Vec<u8>, Error> {
        self.shape.check(kind)?;
        check_srid(self.srid, kind)?;
        let globe = self.shape == Shape::FullGlobe;
        let large = self.larger_than_hemisphere || globe;
        if large && kind == SpatialType::Geometry {
            return Err(problem("a geometry larger than a hemisphere", "that flag for geography only"));
        }
        let doubtful = kind == SpatialType::Geography && !self.valid;
        let version = if large || doubtful || self.shape.has_curves() { 2 } else { 1 };
        let mut tables = Tables { version, ..Tables::default() };
        tables.add(-1, &self.shape)?;
        let (has_z, has_m) = self.shape.has_z_m();
        let compact = match &self.shape {
            _ if version == 2 => 0,
            Shape::Point(Some(_)) => wire::SINGLE_POINT,
            Shape::LineString(line) if line.len() == 2 => wire::SINGLE_LINE,
            _ => 0,
        };
        let each = 16 + 8 * u64::from(has_z) + 8 * u64::from(has_m);
        let segments = tables.segments.len() as u64 + if tables.segments.is_empty() { 0 } else { 4 };
        let lists = 12 + 5 * tables.figures.len() as u64 + 9 * tables.shapes.len() as u64 + segments;
        let bytes =
            HEADER as u64 + each * tables.positions.len() as u64 + if compact == 0 { lists } else { 0 };
        if bytes > MAX_BYTES {
            return Err(Error::Memory { what: "a serialized geometry".into(), bytes, limit: MAX_BYTES });
        }
        let mut out = super::room(bytes as usize)?;
        out.extend_from_slice(&self.srid.to_le_bytes());
        out.push(version);
        let bits = [
            (has_z, wire::Z),
            (has_m, wire::M),
            (self.valid, wire::VALID),
            (large, wire::LARGER_THAN_HEMISPHERE),
        ];
        out.push(bits.iter().filter(|(set, _)| *set).fold(compact, |all, (_, bit)| all | bit));
        // Counts and indexes fit 31 bits, because the byte length does.
        let count = |out: &mut Vec<u8>, n: usize| out.extend_from_slice(&(n as u32).to_le_bytes());
        if compact == 0 {
            count(&mut out, tables.positions.len());
        }
        for p in &tables.positions {
            let [first, second] = if kind == SpatialType::Geography { [p.y, p.x] } else { [p.x, p.y] };
            out.extend_from_slice(&ordinate(first));
            out.extend_from_slice(&ordinate(second));
        }
        let optional = |out: &mut Vec<u8>, value: Option<f64>| {
            out.extend_from_slice(&present(value).map_or(MISSING, ordinate));
        };
        if has_z {
            tables.positions.iter().for_each(|p| optional(&mut out, p.z));
        }
        if has_m {
            tables.positions.iter().for_each(|p| optional(&mut out, p.m));
        }
        if compact == 0 {
            count(&mut out, tables.figures.len());
            for (attribute, start) in &tables.figures {
                out.push(*attribute);
                count(&mut out, *start);
            }
            count(&mut out, tables.shapes.len());
            for (parent, figure, shape_type) in &tables.shapes {
                out.extend_from_slice(&parent.to_le_bytes());
                out.extend_from_slice(&figure.to_le_bytes());
                out.push(*shape_type);
            }
        }
        if !tables.segments.is_empty() {
            count(&mut out, tables.segments.len());
            out.extend_from_slice(&tables.segments);
        }
        Ok(out)
    }
}
