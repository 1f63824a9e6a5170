//! Whole columns of points.

use super::encode::ordinate;
use super::wire::{self, HEADER};
use super::{LATITUDE, LONGITUDE, Position, SpatialType, check_position, check_srid};
use crate::arch::zeros;
use crate::error::Error;
use crate::parallel;
use crate::spatial::columns;

/// Points of a column: slices of equal length.
#[derive(Clone, Copy, Debug)]
pub struct Points<'a> {
    /// X, or longitude.
    pub x: &'a [f64],
    /// Y, or latitude.
    pub y: &'a [f64],
    /// Z, if any; never NaN.
    pub z: Option<&'a [f64]>,
    /// M, if any; never NaN.
    pub m: Option<&'a [f64]>,
}

impl Points<'_> {
    /// Bytes of each serialized point: 22, 30 or 38.
    pub fn stride(&self) -> usize {
        stride(self.z.is_some(), self.m.is_some())
    }
}

const _: () = assert!(stride(true, true) == crate::contract::POINT_BYTES);

/// Bytes of the compact form.
pub(crate) const fn stride(z: bool, m: bool) -> usize {
    HEADER + 16 + 8 * z as usize + 8 * m as usize
}

/// A value of a column that may have NULLs, where it is not NULL.
trait Ordinate: Copy + Sync {
    fn value(self) -> f64;
}

impl Ordinate for f64 {
    #[inline(always)]
    fn value(self) -> f64 {
        self
    }
}

impl Ordinate for Option<f64> {
    #[inline(always)]
    fn value(self) -> f64 {
        self.unwrap_or(f64::NAN)
    }
}

/// Serializes points with one SRID, back to back, [`Points::stride`] bytes each.
///
/// # Shapes
///
/// Slices of n numbers; writes n · stride bytes.
///
/// # Errors
///
/// [`Error::ParameterValue`] where the lengths of the slices or of `out` differ, or for a SRID that the server rejects;
/// [`Error::Value`] with the first row whose numbers are not finite (x, y), NaN (z, m) or out of range (geography).
///
/// # Accuracy
///
/// Exact, except that −0 is stored as 0.
///
/// # Examples
///
/// ```
/// use hart_kernels::spatial::geometry::{SpatialType, points};
/// let points = points::Points { x: &[1.0, 4.0], y: &[2.0, 5.0], z: Some(&[3.0, 6.0]), m: None };
/// let mut bytes = vec![0; 2 * points.stride()];
/// points::encode(points, 0, SpatialType::Geometry, &mut bytes)?;
/// assert_eq!(bytes[..6], [0, 0, 0, 0, 1, 0x0D]);
/// assert_eq!(bytes[6..14], 1.0f64.to_le_bytes());
/// # Ok::<(), hart_kernels::Error>(())
/// ```
pub fn encode(points: Points<'_>, srid: i32, kind: SpatialType, out: &mut [u8]) -> Result<(), Error> {
    let n = points.x.len();
    let wrong = |name: &str, found: usize, expected: usize| {
        Err(Error::ParameterValue {
            name: name.into(),
            value: format!("{found} values"),
            expected: format!("{expected}, as x asks for"),
        })
    };
    for (name, slice) in [("y", Some(points.y)), ("z", points.z), ("m", points.m)] {
        if let Some(slice) = slice.filter(|s| s.len() != n) {
            return wrong(name, slice.len(), n);
        }
    }
    if out.len() != n * points.stride() {
        return wrong("out", out.len(), n * points.stride());
    }
    whole(points.x, points.y, points.z, points.m, srid, kind, out)
}

/// [`encode`] for columns without NULLs.
fn whole<T: Ordinate>(
    x: &[T],
    y: &[T],
    z: Option<&[T]>,
    m: Option<&[T]>,
    srid: i32,
    kind: SpatialType,
    out: &mut [u8],
) -> Result<(), Error> {
    let header = header(srid, kind, z.is_some(), m.is_some())?;
    match (z, m) {
        (None, None) => in_blocks::<T, 22, 2>([x, y], ["x", "y"], header, kind, out),
        (Some(z), None) => in_blocks::<T, 30, 3>([x, y, z], ["x", "y", "z"], header, kind, out),
        (None, Some(m)) => in_blocks::<T, 30, 3>([x, y, m], ["x", "y", "m"], header, kind, out),
        (Some(z), Some(m)) => in_blocks::<T, 38, 4>([x, y, z, m], ["x", "y", "z", "m"], header, kind, out),
    }
}

pub(super) fn header(srid: i32, kind: SpatialType, z: bool, m: bool) -> Result<[u8; HEADER], Error> {
    check_srid(srid, kind)?;
    let [a, b, c, d] = srid.to_le_bytes();
    let bits = wire::VALID | wire::SINGLE_POINT | if z { wire::Z } else { 0 } | if m { wire::M } else { 0 };
    Ok([a, b, c, d, 1, bits])
}

/// `BYTES` is 6 + 8·`N`: records of a constant size need no bounds checks.
fn in_blocks<T: Ordinate, const BYTES: usize, const N: usize>(
    columns: [&[T]; N],
    names: [&str; N],
    header: [u8; HEADER],
    kind: SpatialType,
    out: &mut [u8],
) -> Result<(), Error> {
    let (records, _) = out.as_chunks_mut::<BYTES>();
    let bytes = records.len() * BYTES;
    let ranges = parallel::ranges(records.len(), bytes);
    let step = ranges.first().map_or(1, |rows| rows.len());
    parallel::each(records.chunks_mut(step).zip(ranges), bytes, |(records, range)| {
        block(columns.map(|c| &c[range.clone()]), names, range.start, header, kind, records)
    })
}

fn block<T: Ordinate, const BYTES: usize, const N: usize>(
    columns: [&[T]; N],
    names: [&str; N],
    start: usize,
    header: [u8; HEADER],
    kind: SpatialType,
    records: &mut [[u8; BYTES]],
) -> Result<(), Error> {
    let columns = columns.map(|c| &c[..records.len()]);
    let (first, second) = if kind == SpatialType::Geography { (1, 0) } else { (0, 1) };
    let mut good = true;
    for (i, record) in records.iter_mut().enumerate() {
        let values = columns.map(|c| c[i].value());
        record[..HEADER].copy_from_slice(&header);
        for (place, &value) in record[HEADER..].as_chunks_mut::<8>().0.iter_mut().zip(&values) {
            *place = ordinate(value);
        }
        if first == 1 {
            record[HEADER..HEADER + 8].copy_from_slice(&ordinate(values[first]));
            record[HEADER + 8..HEADER + 16].copy_from_slice(&ordinate(values[second]));
            good &= values[1].abs() <= LATITUDE && values[0].abs() <= LONGITUDE;
        }
        good &= values[0].is_finite() & values[1].is_finite();
        for value in &values[2..] {
            good &= !value.is_nan();
        }
    }
    if good {
        return Ok(());
    }
    // Rarely reached, so finding the row costs nothing in the normal case.
    for i in 0..records.len() {
        let values = columns.map(|c| c[i].value());
        check_ordinates(start + i, [values[0], values[1]], kind)?;
        if let Some(missing) = (2..N).find(|n| values[*n].is_nan()) {
            return Err(Error::Value {
                place: names[missing].into(),
                row: (start + i) as u64 + 1,
                found: "NaN".into(),
                expected: "numbers, or a column without them".into(),
            });
        }
    }
    Ok(())
}

/// Checks x and y of row `row`, from 0; the error names the column at fault.
fn check_ordinates(row: usize, [x, y]: [f64; 2], kind: SpatialType) -> Result<(), Error> {
    columns::check_finite("x", row, x)?;
    columns::check_finite("y", row, y)?;
    let out_of_range = if y.abs() > LATITUDE { "y" } else { "x" };
    check_position(&Position::new(x, y), kind).map_err(|error| super::at(error, out_of_range, row))
}

/// Serializes points of which some are NULL or lack Z or M: bytes back to back, and the length of each, −1 for NULL.
/// NaN in Z or M counts as missing.
pub(crate) fn encode_columns(
    [x, y, z, m]: [&[Option<f64>]; 4],
    srid: i32,
    kind: SpatialType,
) -> Result<(Vec<u8>, Vec<i32>), Error> {
    let all = |column: &[Option<f64>]| column.iter().all(Option::is_some);
    let optional = |column| {
        let there = |v: &Option<f64>| super::present(*v).is_some();
        let count = <[_]>::iter(column).filter(|v| there(v)).count();
        match count {
            0 => Some(None),
            n if n == x.len() => Some(Some(column)),
            _ => None,
        }
    };
    // The usual column has no NULLs, or only NULLs.
    if let (true, true, Some(z), Some(m)) = (all(x), all(y), optional(z), optional(m)) {
        let stride = stride(z.is_some(), m.is_some());
        let mut bytes = zeros("the points", x.len() * stride)?;
        whole(x, y, z, m, srid, kind, &mut bytes)?;
        return Ok((bytes, vec![stride as i32; x.len()]));
    }
    let position = |row: usize| {
        let (x, y) = x[row].zip(y[row])?;
        Some(Position { x, y, z: z[row], m: m[row] })
    };
    encode_mixed(x.len(), position, srid, kind)
}

fn encode_mixed(
    rows: usize,
    position: impl Fn(usize) -> Option<Position> + Sync + Send,
    srid: i32,
    kind: SpatialType,
) -> Result<(Vec<u8>, Vec<i32>), Error> {
    let headers =
        [(false, false), (true, false), (false, true), (true, true)].map(|(z, m)| header(srid, kind, z, m));
    let [plain, z, m, z_m] = headers;
    let headers = [plain?, z?, m?, z_m?];
    let blocks = parallel::blocks(rows, rows * 64, |range| {
        let mut bytes = Vec::with_capacity(range.len() * stride(true, true));
        let mut lengths = Vec::with_capacity(range.len());
        for row in range {
            let Some(p) = position(row) else {
                lengths.push(-1);
                continue;
            };
            check_ordinates(row, [p.x, p.y], kind)?;
            let (z, m) = (super::present(p.z), super::present(p.m));
            let (first, second) = if kind == SpatialType::Geography { (p.y, p.x) } else { (p.x, p.y) };
            bytes.extend_from_slice(&headers[usize::from(z.is_some()) + 2 * usize::from(m.is_some())]);
            for value in [Some(first), Some(second), z, m].into_iter().flatten() {
                bytes.extend_from_slice(&ordinate(value));
            }
            lengths.push(stride(z.is_some(), m.is_some()) as i32);
        }
        Ok((bytes, lengths))
    })?;
    let total = blocks.iter().map(|(bytes, _)| bytes.len()).sum();
    let (mut bytes, mut lengths) = (Vec::with_capacity(total), Vec::with_capacity(rows));
    for (own, own_lengths) in blocks {
        bytes.extend_from_slice(&own);
        lengths.extend_from_slice(&own_lengths);
    }
    Ok((bytes, lengths))
}
