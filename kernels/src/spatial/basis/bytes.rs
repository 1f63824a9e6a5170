//! The serialized form of a basis.
//!
//! Little-endian, without gaps:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `HBAS` |
//! | 2 | version, 1 |
//! | 1 | kind: place in [`BasisKind::ALL`] |
//! | 1 | 1 where bounds follow, else 0 |
//! | 4 | dimensions |
//! | 4 | axes |
//! | 8 | rows of the sample |
//! | 8 | scale, a double |
//! | 16 × axes | least and greatest coordinate of each axis, doubles; only where the flag says so |
//! | 4 × axes × dimensions | the axes, singles |
//! | 4 | CRC-32 (that of zlib) of all bytes before |

use super::{Basis, BasisKind, check_limits, check_shape, orthonormal};
use crate::error::{Error, Place};

/// Maximum axes of a basis.
pub(crate) const MAX_AXES: usize = 1024;
/// Maximum dimensions.
pub(super) const MAX_DIMENSION: usize = 1 << 20;

const MAGIC: [u8; 4] = *b"HBAS";
const VERSION: u16 = 1;
const HEADER: usize = 32;

impl Basis {
    /// The basis as bytes, to be stored and passed to later calls. [`Basis::from_bytes`] checks the layout.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + 16 * self.bounds.len() + 4 * self.axes.len() + 4);
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.push(self.kind as u8);
        out.push(u8::from(!self.bounds.is_empty()));
        out.extend((self.dimension as u32).to_le_bytes());
        out.extend((self.axes() as u32).to_le_bytes());
        out.extend(self.sample.to_le_bytes());
        out.extend(self.scale.to_le_bytes());
        out.extend(self.bounds.iter().flatten().flat_map(|v| v.to_le_bytes()));
        out.extend(self.axes.iter().flat_map(|v| v.to_le_bytes()));
        out.extend(crc32fast::hash(&out).to_le_bytes());
        out
    }

    /// The checksum at the end of the bytes.
    pub fn checksum(&self) -> u32 {
        self.to_bytes().last_chunk().map_or(0, |last| u32::from_le_bytes(*last))
    }

    /// The basis from the bytes that [`Basis::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] where the bytes are not a basis of version 1, their length or checksum does not match, or the
    /// axes are not finite and orthonormal. Nothing is allocated before the length has been checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Basis, Error> {
        let wrong = |found: String, expected: String| Error::Value {
            place: Place::parameter("basis"),
            row: 0,
            found,
            expected,
        };
        let (Some(header), Some(magic)) = (bytes.first_chunk::<HEADER>(), bytes.first_chunk::<4>()) else {
            return Err(wrong(
                format!("{} bytes", bytes.len()),
                "a basis as spatial_fit returns it, which begins with a header of 32 bytes".into(),
            ));
        };
        if *magic != MAGIC {
            return Err(wrong(
                format!("bytes that begin with {magic:02X?}"),
                "a basis as spatial_fit returns it, which begins with HBAS".into(),
            ));
        }
        let version = u16::from_le_bytes([header[4], header[5]]);
        if version != VERSION {
            return Err(wrong(format!("version {version}"), format!("version {VERSION}")));
        }
        let Some(kind) = BasisKind::ALL.get(usize::from(header[6])).copied() else {
            return Err(wrong(
                format!("kind {}", header[6]),
                format!("a kind below {}", BasisKind::ALL.len()),
            ));
        };
        let with_bounds = match header[7] {
            0 => false,
            1 => true,
            other => return Err(wrong(format!("flag {other}"), "0 or 1".into())),
        };
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| header[at + i])) as usize;
        let long = |at: usize| u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| header[at + i]));
        let (dimension, axes) = (word(8), word(12));
        match kind {
            BasisKind::Trilateration => check_limits("basis", dimension, axes)?,
            _ => check_shape("basis", dimension, axes)?,
        }
        // Both have been checked to be small enough.
        let bounds_end = HEADER + if with_bounds { 16 * axes } else { 0 };
        let axes_end = bounds_end + 4 * axes * dimension;
        if bytes.len() != axes_end + 4 {
            return Err(wrong(
                format!("{} bytes", bytes.len()),
                format!("{}, as {axes} axes of {dimension} dimensions take", axes_end + 4),
            ));
        }
        let (body, stored) = bytes.split_at(axes_end);
        let computed = crc32fast::hash(body);
        if stored != computed.to_le_bytes() {
            return Err(wrong(
                "bytes that have changed since they were written".into(),
                format!("the checksum {computed:08x}"),
            ));
        }
        let (sample, scale) = (long(16), f64::from_bits(long(24)));
        let pairs = body[HEADER..bounds_end].as_chunks::<16>().0;
        let bounds: Vec<[f64; 2]> = pairs.iter().map(|pair| bytemuck::pod_read_unaligned(pair)).collect();
        let singles = body[bounds_end..].as_chunks::<4>().0;
        let singles: Vec<f32> = singles.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let in_order = |b: &[f64; 2]| b[0].is_finite() && b[1].is_finite() && b[0] <= b[1];
        let scale_is_right = scale.is_finite() && scale >= 1.0;
        if !bounds.iter().all(in_order) || !scale_is_right || !singles.iter().all(|v| v.is_finite()) {
            return Err(wrong("a number out of range".into(), "finite axes, bounds and scale".into()));
        }
        let defect = match kind {
            BasisKind::Trilateration => f64::INFINITY,
            _ => orthonormal::defect(&singles, dimension)?,
        };
        Ok(Basis { kind, dimension, axes: singles, scale, sample, bounds, defect })
    }
}
