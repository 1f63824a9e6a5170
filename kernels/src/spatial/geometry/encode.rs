//! From the tree to the tables.

use super::wire::{self, HEADER, INNER_RING, LINE, OUTER_RING};
use super::{Geometry, MAX_BYTES, Position, Shape, SpatialType, check_srid, present, problem};
use crate::error::Error;

/// Bytes of a Z or M that is missing while others have it: a quiet NaN with the sign set, as the server writes it.
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
    version: u8,
}

impl<'a> Tables<'a> {
    /// Writes a shape's row, then what `content` adds, and gives the row the first figure that was added.
    fn shape(&mut self, parent: i32, shape_type: u8, content: impl FnOnce(&mut Self, i32)) {
        let (row, figure) = (self.shapes.len(), self.figures.len());
        self.shapes.push((parent, -1, shape_type));
        content(self, row as i32);
        if self.figures.len() > figure {
            self.shapes[row].1 = figure as i32;
        }
    }

    fn figure(&mut self, attribute: u8, positions: &'a [Position]) {
        if !positions.is_empty() {
            // Version 2 tells arcs from lines, not rings.
            let attribute = if self.version == 2 { LINE } else { attribute };
            self.figures.push((attribute, self.positions.len()));
            self.positions.extend(positions);
        }
    }

    fn point(&mut self, parent: i32, point: &'a Option<Position>) {
        self.shape(parent, wire::POINT, |t, _| t.figure(LINE, point.as_slice()));
    }

    fn line(&mut self, parent: i32, line: &'a [Position]) {
        self.shape(parent, wire::LINE_STRING, |t, _| t.figure(LINE, line));
    }

    fn polygon(&mut self, parent: i32, rings: &'a [Vec<Position>]) {
        self.shape(parent, wire::POLYGON, |t, _| {
            for (i, ring) in rings.iter().enumerate() {
                t.figure(if i == 0 { OUTER_RING } else { INNER_RING }, ring);
            }
        });
    }

    fn add(&mut self, parent: i32, shape: &'a Shape) {
        match shape {
            Shape::Point(point) => self.point(parent, point),
            Shape::LineString(line) => self.line(parent, line),
            Shape::Polygon(rings) => self.polygon(parent, rings),
            Shape::MultiPoint(points) => self.shape(parent, wire::MULTI_POINT, |t, own| {
                points.iter().for_each(|point| t.point(own, point));
            }),
            Shape::MultiLineString(lines) => self.shape(parent, wire::MULTI_LINE_STRING, |t, own| {
                lines.iter().for_each(|line| t.line(own, line));
            }),
            Shape::MultiPolygon(polygons) => self.shape(parent, wire::MULTI_POLYGON, |t, own| {
                polygons.iter().for_each(|rings| t.polygon(own, rings));
            }),
            Shape::Collection(members) => self.shape(parent, wire::COLLECTION, |t, own| {
                members.iter().for_each(|member| t.add(own, member));
            }),
            Shape::FullGlobe => self.shape(parent, wire::FULL_GLOBE, |_, _| {}),
        }
    }
}

impl Geometry {
    /// Writes the value as the server does: version 1 wherever that can say it, the compact forms for a point and for a line
    /// of two positions.
    ///
    /// Version 2 is written for geography that is larger than a hemisphere or not valid, and for FULLGLOBE.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] as [`Shape::check`], [`Error::ParameterValue`] for a SRID that the server refuses; [`Error::Memory`] beyond [`super::MAX_BYTES`].
    ///
    /// # Accuracy
    ///
    /// Exact, but for −0, which is stored as 0, as the server does.
    pub fn encode(&self, kind: SpatialType) -> Result<Vec<u8>, Error> {
        self.shape.check(kind)?;
        check_srid(self.srid, kind)?;
        let globe = self.shape == Shape::FullGlobe;
        let large = self.larger_than_hemisphere || globe;
        if large && kind == SpatialType::Geometry {
            return Err(problem("a geometry larger than a hemisphere", "that flag for geography only"));
        }
        let version = if large || (kind == SpatialType::Geography && !self.valid) { 2 } else { 1 };
        let mut tables = Tables { version, ..Tables::default() };
        tables.add(-1, &self.shape);
        let (has_z, has_m) = self.shape.has_z_m();
        let compact = match &self.shape {
            _ if version == 2 => 0,
            Shape::Point(Some(_)) => wire::SINGLE_POINT,
            Shape::LineString(line) if line.len() == 2 => wire::SINGLE_LINE,
            _ => 0,
        };
        let each = 16 + 8 * u64::from(has_z) + 8 * u64::from(has_m);
        let lists = 12 + 5 * tables.figures.len() as u64 + 9 * tables.shapes.len() as u64;
        let bytes =
            HEADER as u64 + each * tables.positions.len() as u64 + if compact == 0 { lists } else { 0 };
        if bytes > MAX_BYTES {
            return Err(Error::Memory { what: "a serialized geometry".into(), bytes, limit: MAX_BYTES });
        }
        let mut out = Vec::with_capacity(bytes as usize);
        out.extend_from_slice(&self.srid.to_le_bytes());
        out.push(version);
        let bits = [
            (has_z, wire::Z),
            (has_m, wire::M),
            (self.valid, wire::VALID),
            (large, wire::LARGER_THAN_HEMISPHERE),
        ];
        out.push(bits.iter().filter(|(set, _)| *set).fold(compact, |all, (_, bit)| all | bit));
        // Counts and numbers fit 31 bits, because the bytes do.
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
        Ok(out)
    }
}
