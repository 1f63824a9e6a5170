//! The tables of a serialized value, read in place.

use std::ops::Range;

use super::{Position, SpatialType, check_position, problem};
use crate::error::Error;

/// Bits of the properties byte.
pub(super) const Z: u8 = 0x01;
pub(super) const M: u8 = 0x02;
pub(super) const VALID: u8 = 0x04;
pub(super) const SINGLE_POINT: u8 = 0x08;
pub(super) const SINGLE_LINE: u8 = 0x10;
pub(super) const LARGER_THAN_HEMISPHERE: u8 = 0x20;

/// Bytes of SRID, version and properties.
pub(super) const HEADER: usize = 6;

/// Shape types.
pub(super) const POINT: u8 = 1;
pub(super) const LINE_STRING: u8 = 2;
pub(super) const POLYGON: u8 = 3;
pub(super) const MULTI_POINT: u8 = 4;
pub(super) const MULTI_LINE_STRING: u8 = 5;
pub(super) const MULTI_POLYGON: u8 = 6;
pub(super) const COLLECTION: u8 = 7;
pub(super) const CIRCULAR_STRING: u8 = 8;
pub(super) const COMPOUND_CURVE: u8 = 9;
pub(super) const CURVE_POLYGON: u8 = 10;
pub(super) const FULL_GLOBE: u8 = 11;

/// Figure attributes of version 1. Version 2 uses [`LINE`] for everything straight, points and rings included.
pub(super) const INNER_RING: u8 = 0;
pub(super) const LINE: u8 = 1;
pub(super) const OUTER_RING: u8 = 2;
/// Figure attributes of version 2 only.
pub(super) const ARCS: u8 = 2;
pub(super) const COMPOUND: u8 = 3;

/// Segments of compound curves: a straight one advances by one position, an arc by two. Kinds from [`FIRST`] on start a
/// piece.
pub(super) const SEGMENT_LINE: u8 = 0;
pub(super) const SEGMENT_ARC: u8 = 1;
pub(super) const FIRST: u8 = 2;

/// Omitted by the compact forms: one figure that starts at position 0, of one shape without parent.
const FIGURE: &[[u8; 5]] = &[[1, 0, 0, 0, 0]];
const POINT_SHAPE: &[[u8; 9]] = &[[0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, POINT]];
const LINE_SHAPE: &[[u8; 9]] = &[[0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, LINE_STRING]];

/// A serialized value whose tables fit its bytes, borrowed: reading allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire<'a> {
    pub(crate) srid: i32,
    version: u8,
    pub(super) properties: u8,
    kind: SpatialType,
    xy: &'a [[u8; 16]],
    z: Option<&'a [[u8; 8]]>,
    m: Option<&'a [[u8; 8]]>,
    figures: &'a [[u8; 5]],
    shapes: &'a [[u8; 9]],
    segments: &'a [[u8; 1]],
}

/// A row of the table of shapes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShapeRow {
    pub(super) parent: i32,
    pub(super) figure: i32,
    pub(super) shape_type: u8,
}

impl ShapeRow {
    fn is_container(self) -> bool {
        (MULTI_POINT..=COLLECTION).contains(&self.shape_type)
    }
}

/// Whether a segment is an arc.
pub(super) fn is_arc([segment]: [u8; 1]) -> bool {
    segment & SEGMENT_ARC != 0
}

/// The unread bytes.
struct Rest<'a> {
    bytes: &'a [u8],
    total: usize,
}

impl<'a> Rest<'a> {
    fn take<const N: usize>(&mut self, count: u64, what: &str) -> Result<&'a [[u8; N]], Error> {
        // Checked before anything is sliced or allocated: a count is four bytes that anyone can write.
        let fits = usize::try_from(count).ok().and_then(|c| c.checked_mul(N));
        match fits.and_then(|length| self.bytes.split_at_checked(length)) {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(taken.as_chunks().0)
            }
            None => Err(problem(
                format!("{count} {what}, but {} bytes left at byte {}", self.bytes.len(), self.at()),
                format!("{N} bytes for each"),
            )),
        }
    }

    fn at(&self) -> usize {
        self.total - self.bytes.len()
    }

    fn byte(&mut self, what: &str) -> Result<u8, Error> {
        Ok(self.take::<1>(1, what)?[0][0])
    }

    fn word(&mut self, what: &str) -> Result<[u8; 4], Error> {
        Ok(self.take::<4>(1, what)?[0])
    }

    fn count(&mut self, what: &str) -> Result<u64, Error> {
        self.word(what).map(|b| u64::from(u32::from_le_bytes(b)))
    }
}

fn integer(bytes: &[u8]) -> i32 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | i32::from(*byte))
}

impl<'a> Wire<'a> {
    /// Reads the tables; `None` for the null instance (SRID −1).
    pub(crate) fn read(bytes: &'a [u8], kind: SpatialType) -> Result<Option<Wire<'a>>, Error> {
        let mut rest = Rest { bytes, total: bytes.len() };
        let srid = i32::from_le_bytes(rest.word("SRID")?);
        if srid == -1 {
            if !rest.bytes.is_empty() {
                let found = format!("{} bytes after SRID -1", rest.bytes.len());
                return Err(problem(found, "nothing after that of a null value"));
            }
            return Ok(None);
        }
        let version = rest.byte("version")?;
        if !matches!(version, 1 | 2) {
            return Err(problem(format!("version {version}"), "version 1 or 2"));
        }
        let properties = rest.byte("properties")?;
        let reserved = if version == 1 { 0xE0 } else { 0xC0 };
        let compact = properties & (SINGLE_POINT | SINGLE_LINE);
        if properties & reserved != 0 || compact == SINGLE_POINT | SINGLE_LINE {
            return Err(problem(
                format!("properties 0x{properties:02X} of version {version}"),
                "the bits Z, M, V, H (version 2) and one of P and L",
            ));
        }
        let positions = match compact {
            SINGLE_POINT => 1,
            SINGLE_LINE => 2,
            _ => rest.count("number of positions")?,
        };
        let xy = rest.take(positions, "positions")?;
        let z = if properties & Z != 0 { Some(rest.take(positions, "Z values")?) } else { None };
        let m = if properties & M != 0 { Some(rest.take(positions, "M values")?) } else { None };
        let (figures, shapes) = match compact {
            SINGLE_POINT => (FIGURE, POINT_SHAPE),
            SINGLE_LINE => (FIGURE, LINE_SHAPE),
            _ => {
                let count = rest.count("number of figures")?;
                let figures = rest.take(count, "figures")?;
                let count = rest.count("number of shapes")?;
                (figures, rest.take(count, "shapes")?)
            }
        };
        let mut wire = Wire { srid, version, properties, kind, xy, z, m, figures, shapes, segments: &[] };
        wire.check_shapes()?;
        // Some writers end version 2 with a segment count of zero.
        if version == 2 && !rest.bytes.is_empty() {
            let count = rest.count("number of segments")?;
            wire.segments = rest.take(count, "segments")?;
        }
        if !rest.bytes.is_empty() {
            return Err(problem(
                format!("{} bytes after the end at byte {}", rest.bytes.len(), rest.at()),
                "nothing after the tables",
            ));
        }
        wire.check_figures()?;
        wire.check_segments()?;
        Ok(Some(wire))
    }

    fn check_shapes(&self) -> Result<(), Error> {
        let version = self.version;
        let known = if version == 1 { 1..=COLLECTION } else { 1..=FULL_GLOBE };
        if self.shapes.is_empty() {
            return Err(problem("no shapes", "1 or more"));
        }
        for i in 0..self.shapes.len() {
            let row = self.shape(i);
            let wrong = |found: String, expected: &str| Err(problem(format!("shape {i}: {found}"), expected));
            if !known.contains(&row.shape_type) {
                let expected = format!("types {} to {} in version {version}", known.start(), known.end());
                return wrong(format!("type {}", row.shape_type), &expected);
            }
            // A parent that precedes its child cannot be its descendant, so there are no cycles.
            let earlier = if i == 0 { row.parent == -1 } else { (0..i as i64).contains(&row.parent.into()) };
            if !earlier {
                let expected = if i == 0 {
                    "-1, which only the first shape has"
                } else {
                    "the number of an earlier shape"
                };
                return wrong(format!("parent {}", row.parent), expected);
            }
            // Writers disagree about the figure of a collection without positions, and nothing depends on it.
            let end = self.figures.len() as i64 + i64::from(row.is_container());
            if !(-1..end).contains(&row.figure.into()) {
                return wrong(format!("first figure {}", row.figure), "-1 or the number of a figure");
            }
        }
        Ok(())
    }

    fn check_figures(&self) -> Result<(), Error> {
        let highest = if self.version == 2 { COMPOUND } else { OUTER_RING };
        let mut next = 0;
        for (i, [attribute, offset @ ..]) in self.figures.iter().enumerate() {
            let start = i64::from(integer(offset));
            let wrong =
                |found: String, expected: String| Err(problem(format!("figure {i}: {found}"), expected));
            if *attribute > highest {
                let expected = format!("0 to {highest} in version {}", self.version);
                return wrong(format!("attribute {attribute}"), expected);
            }
            let ascending = if i == 0 { start == 0 } else { start >= next };
            if !ascending || start >= self.xy.len() as i64 {
                let expected = format!("ascending numbers from 0 to {}", self.xy.len() as i64 - 1);
                return wrong(format!("first position {start}"), expected);
            }
            next = start + 1;
        }
        if self.figures.is_empty() && !self.xy.is_empty() {
            return Err(problem(
                format!("{} positions in no figure", self.xy.len()),
                "figures for all positions",
            ));
        }
        Ok(())
    }

    /// Checks that the segments are those of the compound curves, assigned in the order of the figures.
    fn check_segments(&self) -> Result<(), Error> {
        if let Some(i) = self.segments.iter().position(|[segment]| *segment > FIRST + SEGMENT_ARC) {
            return Err(problem(format!("segment {i}: type {}", self.segments[i][0]), "types 0 to 3"));
        }
        let mut next = 0;
        for figure in (0..self.figures.len()).filter(|figure| self.is_compound(*figure)) {
            next = self.end_of_segments(figure, next).ok_or_else(|| {
                let count = self.positions_of(figure).len();
                problem(
                    format!(
                        "figure {figure}: {count} positions that the segments from {next} on do not end at"
                    ),
                    "a segment for each position after the first, or an arc for two",
                )
            })?;
        }
        if next != self.segments.len() {
            let found = format!("{} segments of no compound curve", self.segments.len() - next);
            return Err(problem(found, "segments in compound curves only"));
        }
        Ok(())
    }

    /// The end of a compound curve's segments that start at `from`.
    fn end_of_segments(&self, figure: usize, from: usize) -> Option<usize> {
        let count = self.positions_of(figure).len();
        let (mut at, mut next) = (1, from);
        while at < count {
            at += if is_arc(*self.segments.get(next)?) { 2 } else { 1 };
            next += 1;
        }
        (at == count && next > from).then_some(next)
    }

    /// Segments of every figure, in the order of the figures; empty where there is no compound curve.
    pub(super) fn segments_of_figures(&self) -> Result<Vec<&'a [[u8; 1]]>, Error> {
        if self.segments.is_empty() {
            return Ok(Vec::new());
        }
        let mut out = super::room(self.figures.len())?;
        let mut next = 0;
        for figure in 0..self.figures.len() {
            let end = if self.is_compound(figure) { self.end_of_segments(figure, next) } else { None };
            let end = end.unwrap_or(next);
            out.push(&self.segments[next..end]);
            next = end;
        }
        Ok(out)
    }

    pub(super) fn shapes(&self) -> usize {
        self.shapes.len()
    }

    pub(super) fn shape(&self, i: usize) -> ShapeRow {
        let [parent @ .., _, _, _, _, shape_type] = &self.shapes[i];
        ShapeRow { parent: integer(parent), figure: integer(&self.shapes[i][4..8]), shape_type: *shape_type }
    }

    /// Figures of every shape that has its own, in the order of the shapes, without overlap or gap.
    pub(super) fn figures_of_shapes(&self) -> Result<Vec<Range<usize>>, Error> {
        let mut out = super::room(self.shapes.len())?;
        out.resize(self.shapes.len(), 0..0);
        let mut end = self.figures.len();
        for i in (0..self.shapes.len()).rev() {
            let row = self.shape(i);
            let Ok(start) = usize::try_from(row.figure) else { continue };
            if row.is_container() {
                continue;
            }
            if start >= end {
                return Err(problem(
                    format!("shape {i}: first figure {start}, but a later shape starts at figure {end}"),
                    "figures in the order of the shapes",
                ));
            }
            out[i] = start..end;
            end = start;
        }
        if end != 0 {
            return Err(problem(format!("{end} figures of no shape"), "each figure to belong to a shape"));
        }
        Ok(out)
    }

    /// Whether the figure is marked as an outer ring, which version 1 can do.
    pub(super) fn is_outer_ring(&self, figure: usize) -> bool {
        self.version == 1 && self.figures[figure][0] == OUTER_RING
    }

    /// Whether the figure consists of arcs only.
    pub(super) fn is_arcs(&self, figure: usize) -> bool {
        self.version == 2 && self.figures[figure][0] == ARCS
    }

    /// Whether the figure mixes lines and arcs.
    pub(super) fn is_compound(&self, figure: usize) -> bool {
        self.version == 2 && self.figures[figure][0] == COMPOUND
    }

    /// Whether any shape is a curve.
    pub(super) fn has_curves(&self) -> bool {
        (0..self.shapes.len()).any(|i| (CIRCULAR_STRING..=CURVE_POLYGON).contains(&self.shape(i).shape_type))
    }

    /// Positions of a figure.
    pub(super) fn positions_of(&self, figure: usize) -> Range<usize> {
        let start = |figure: usize| self.figures.get(figure).map(|f| integer(&f[1..]) as usize);
        start(figure).unwrap_or(0)..start(figure + 1).unwrap_or(self.xy.len())
    }

    /// Number of positions.
    pub(crate) fn len(&self) -> usize {
        self.xy.len()
    }

    /// Position `i`, checked to be in range and finite.
    pub(crate) fn position(&self, i: usize) -> Result<Position, Error> {
        let [first, second] = [0, 8].map(|at| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&self.xy[i][at..at + 8]);
            f64::from_le_bytes(bytes)
        });
        let (x, y) = match self.kind {
            SpatialType::Geometry => (first, second),
            SpatialType::Geography => (second, first),
        };
        let ordinate = |of: Option<&[[u8; 8]]>| super::present(of.map(|v| f64::from_le_bytes(v[i])));
        let position = Position { x, y, z: ordinate(self.z), m: ordinate(self.m) };
        check_position(&position, self.kind)?;
        Ok(position)
    }
}
