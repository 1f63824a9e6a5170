//! Numbers as lines of (index, value).

use super::encode::ordinate;
use super::points::header;
use super::wire::{self, HEADER, Wire};
use super::{MAX_BYTES, SpatialType, problem};
use crate::error::Error;

/// Serializes numbers as a LINESTRING through (0, v₀), (1, v₁), …; more than `most` of them as a MULTILINESTRING whose
/// pieces continue the numbering.
///
/// A line needs two positions: a last piece of one position takes another from the piece before, and a single number is
/// a POINT. No numbers are a LINESTRING EMPTY.
///
/// # Shapes
///
/// n numbers, `most` ≥ 3; returns 16·n bytes and some for the tables.
///
/// # Errors
///
/// [`Error::Value`] for the thing `geometry`, where a number is NaN or infinite; [`Error::ParameterValue`] where `most`
/// is below 3; [`Error::Memory`] beyond [`MAX_BYTES`], which is about 134 million numbers.
///
/// # Accuracy
///
/// Exact, except that −0 is stored as 0.
pub fn encode(values: &[f64], most: usize, srid: i32) -> Result<Vec<u8>, Error> {
    if most < 3 {
        return Err(Error::ParameterValue {
            name: "most".into(),
            value: most.to_string(),
            expected: "an integer ≥ 3".into(),
        });
    }
    let n = values.len();
    let pieces = n.div_ceil(most);
    let bytes = (HEADER + 12 + 9) as u64 + 16 * n as u64 + 14 * pieces as u64;
    if bytes > MAX_BYTES {
        return Err(Error::Memory { what: "a line of weights".into(), bytes, limit: MAX_BYTES });
    }
    if let Some(i) = values.iter().position(|v| !v.is_finite()) {
        return Err(problem(format!("{:?} at index {i}", values[i]), "finite numbers"));
    }
    let [start @ .., _] = header(srid, SpatialType::Geometry, false, false)?;
    let compact = match n {
        1 => wire::SINGLE_POINT,
        2 => wire::SINGLE_LINE,
        _ => 0,
    };
    let mut out = Vec::with_capacity(bytes as usize);
    let number = |out: &mut Vec<u8>, n: i32| out.extend_from_slice(&n.to_le_bytes());
    out.extend_from_slice(&start);
    // x never decreases, so no part overlaps another.
    out.push(wire::VALID | compact);
    if compact == 0 {
        number(&mut out, n as i32);
    }
    for (i, value) in values.iter().enumerate() {
        out.extend_from_slice(&(i as f64).to_le_bytes());
        out.extend_from_slice(&ordinate(*value));
    }
    if compact != 0 {
        return Ok(out);
    }
    number(&mut out, pieces as i32);
    for piece in 0..pieces {
        let start = piece * most;
        out.push(1);
        number(&mut out, (if start + 1 == n { start - 1 } else { start }) as i32);
    }
    let several = pieces > 1;
    number(&mut out, pieces.max(1) as i32 + i32::from(several));
    let mut shape = |parent: i32, figure: i32, shape_type: u8| {
        number(&mut out, parent);
        number(&mut out, figure);
        out.push(shape_type);
    };
    if several {
        shape(-1, 0, wire::MULTI_LINE_STRING);
        (0..pieces as i32).for_each(|figure| shape(0, figure, wire::LINE_STRING));
    } else {
        shape(-1, if n == 0 { -1 } else { 0 }, wire::LINE_STRING);
    }
    Ok(out)
}

/// The y of all positions of a serialized geometry, in stored order: the inverse of [`encode`]. `None` for the null
/// instance.
///
/// # Errors
///
/// [`Error::Value`] for bytes that are not a geometry, as [`super::Geometry::decode`], and for curves.
pub fn decode(bytes: &[u8]) -> Result<Option<Vec<f64>>, Error> {
    let Some(wire) = Wire::read(bytes, SpatialType::Geometry)? else { return Ok(None) };
    if wire.has_curves() {
        return Err(problem("a curve", "the LINESTRING or MULTILINESTRING that numbers are stored as"));
    }
    (0..wire.len()).map(|i| wire.position(i).map(|p| p.y)).collect::<Result<_, _>>().map(Some)
}
