//! The payload types by name and by number.

use super::block::Layout;
use super::{float, k, legacy, q4, q5, q8, table};
use crate::error::Error;

/// How the elements of a tensor are stored.
///
/// A payload is a sequence of blocks without gaps, in the order of the elements. All numbers are little-endian; *half*
/// is IEEE 754 binary16. Within a block, fields are stored in the order given. `q` is a quant, an unsigned integer
/// unless stated otherwise, and `v` the element.
///
/// The types without the prefix `legacy_` are those of GGUF files, except for the two of eight bits, with the numbers
/// of `enum ggml_type`; their layouts are the `block_…` structures of ggml (`ggml-common.h`). The `legacy_…` types are
/// those of the replaced SQLCLR assembly, which used GGUF's names for them although they differ; here only the
/// `legacy_…` names select them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PayloadType {
    /// `f32`, 4 bytes for 1 element: IEEE 754 binary32.
    F32,
    /// `f16`, 2 bytes for 1 element: IEEE 754 binary16.
    F16,
    /// `bf16`, 2 bytes for 1 element: the upper half of a binary32.
    Bf16,
    /// `q8_0`, 34 bytes for 32 elements: half d; 32 signed bytes q. v = d·q.
    Q8_0,
    /// `q4_0`, 18 bytes for 32 elements: half d; 16 bytes, of which byte j holds the quant of element j in its lower
    /// four bits and that of element j + 16 in its upper four. v = d·(q − 8).
    Q4_0,
    /// `q4_1`, 20 bytes for 32 elements: half d; half m; 16 bytes as in [`PayloadType::Q4_0`]. v = d·q + m.
    Q4_1,
    /// `q5_0`, 22 bytes for 32 elements: half d; a 32-bit integer, of which bit j is the fifth bit of quant j; 16 bytes
    /// with the lower four bits as in [`PayloadType::Q4_0`]. v = d·(q − 16).
    Q5_0,
    /// `q5_1`, 24 bytes for 32 elements: half d; half m; fifth and lower bits as in [`PayloadType::Q5_0`]. v = d·q + m.
    Q5_1,
    /// `q4_k`, 144 bytes for 256 elements in eight sub-blocks of 32: half d; half dmin; 12 bytes with a scale and a
    /// minimum of six bits for every sub-block; 128 bytes of quants. v = (d·scale)·q − dmin·minimum.
    ///
    /// Of the 12 bytes, the lower six bits of bytes 0–3 are scales 0–3, those of bytes 4–7 minima 0–3; byte 8 + j holds
    /// the lower four bits of scale 4 + j below those of minimum 4 + j, whose upper two bits are the upper two of bytes
    /// j and 4 + j. Of the quants, bytes 32·i to 32·i + 31 hold sub-block 2·i in their lower four bits and sub-block
    /// 2·i + 1 in their upper four.
    Q4K,
    /// `q5_k`, 176 bytes for 256 elements in eight sub-blocks of 32: half d; half dmin; 12 bytes as in
    /// [`PayloadType::Q4K`]; 32 bytes, of which bit s of byte j is the fifth bit of element j of sub-block s; 128 bytes
    /// with the lower four bits as in [`PayloadType::Q4K`]. v = (d·scale)·q − dmin·minimum.
    Q5K,
    /// `q6_k`, 210 bytes for 256 elements in sixteen sub-blocks of 16: 128 bytes of lower bits; 64 bytes of upper bits;
    /// 16 scales, one signed byte for every sub-block; half d. v = (d·scale)·(q − 32).
    ///
    /// Each half of 128 elements is four runs of 32. Its 64 bytes of lower bits hold the lower four bits of runs 0 and
    /// 1 in their lower halves, and those of runs 2 and 3 in their upper halves; bits 2·r and 2·r + 1 of its 32 bytes
    /// of upper bits are the upper two bits of run r.
    Q6K,
    /// `f64`, 8 bytes for 1 element: IEEE 754 binary64, rounded to the nearest single.
    F64,
    /// `f8_e4m3`, 1 byte for 1 element: sign, four bits of exponent with bias 7, three of fraction; no infinities, and
    /// NaN where all bits but the sign are set. Used in safetensors files.
    F8E4m3,
    /// `f8_e5m2`, 1 byte for 1 element: the upper byte of a half. Used in safetensors files.
    F8E5m2,
    /// `q2_k`, 84 bytes for 256 elements in sixteen sub-blocks of 16: 16 bytes, each with a scale in its lower four
    /// bits and a minimum in its upper four; 64 bytes of quants; half d; half dmin. v = (d·scale)·q − dmin·minimum.
    ///
    /// Each half of 128 elements is four runs of 32; bits 2·r and 2·r + 1 of its 32 bytes are the quants of run r.
    Q2K,
    /// `q3_k`, 110 bytes for 256 elements in sixteen sub-blocks of 16: 32 bytes of third bits; 64 bytes of lower bits
    /// as in [`PayloadType::Q2K`]; 12 bytes of scales; half d. v = (d·(scale − 32))·(q − 4).
    ///
    /// Bit r + 4·h of byte j of the third bits belongs to element j of run r of half h. Bytes 0–7 of the scales hold
    /// the lower four bits of scales 0–7, and above them those of 8–15; bits 2·(k / 4) and the next of byte 8 + k % 4
    /// are the upper two of scale k.
    Q3K,
    /// `iq4_nl`, 18 bytes for 32 elements: half d; 16 bytes as in [`PayloadType::Q4_0`]. v = d·t(q), where t is the
    /// table −127, −104, −83, −65, −49, −35, −22, −10, 1, 13, 25, 38, 53, 69, 89, 113.
    Iq4Nl,
    /// `iq4_xs`, 136 bytes for 256 elements in eight sub-blocks of 32: half d; 16 bits, of which 2·s and 2·s + 1 are
    /// the upper two of scale s; 4 bytes with the lower four of two scales each; for each sub-block 16 bytes as in
    /// [`PayloadType::Q4_0`]. v = (d·(scale − 32))·t(q) with the table of [`PayloadType::Iq4Nl`].
    Iq4Xs,
    /// `mxfp4`, 17 bytes for 32 elements: a byte e; 16 bytes as in [`PayloadType::Q4_0`]. v = 2^(e − 128)·t(q), where t
    /// is the table 0, 1, 2, 3, 4, 6, 8, 12 and the same with a minus.
    Mxfp4,
    /// `legacy_q8_0`, 36 bytes for 32 elements: binary32 d; 32 signed bytes q. v = d·q.
    LegacyQ8_0,
    /// `legacy_q4_0`, 18 bytes for 32 elements: half d; 16 bytes, of which byte j holds quant 2·j in its lower four
    /// bits and quant 2·j + 1 in its upper four. v = d·(q − 8).
    LegacyQ4_0,
    /// `legacy_q4_1`, 20 bytes for 32 elements: half d; half m; 16 bytes as in [`PayloadType::LegacyQ4_0`]. v = d·q +
    /// m.
    LegacyQ4_1,
    /// `legacy_q5_0`, 22 bytes for 32 elements: half d; 4 bytes, of which bit j, counted from the lowest of the first
    /// byte, is the fifth bit of quant j; 16 bytes with the lower four bits as in [`PayloadType::LegacyQ4_0`]. v = d·(q
    /// − 16).
    LegacyQ5_0,
    /// `legacy_q5_1`, 24 bytes for 32 elements: half d; half m; fifth and lower bits as in [`PayloadType::LegacyQ5_0`].
    /// v = d·q + m.
    LegacyQ5_1,
    /// `legacy_q4_k`, 68 bytes for 128 elements: half d; half m; 64 bytes as in [`PayloadType::LegacyQ4_0`]. v = d·q +
    /// m.
    LegacyQ4K,
    /// `legacy_q5_k`, 82 bytes for 128 elements: half d; 16 bytes of fifth bits and 64 bytes of lower bits as in
    /// [`PayloadType::LegacyQ5_0`]. v = d·(q − 16).
    LegacyQ5K,
    /// `legacy_q6_k`, 98 bytes for 128 elements: half d; 32 integers of 24 bits, each with four quants of six bits, the
    /// first lowest. v = d·(q − 32).
    LegacyQ6K,
}

/// Every GGUF type by its number; those that cannot be decoded are for error messages.
const GGML: [(u32, &str); 34] = [
    (0, "f32"),
    (1, "f16"),
    (2, "q4_0"),
    (3, "q4_1"),
    (6, "q5_0"),
    (7, "q5_1"),
    (8, "q8_0"),
    (9, "q8_1"),
    (10, "q2_k"),
    (11, "q3_k"),
    (12, "q4_k"),
    (13, "q5_k"),
    (14, "q6_k"),
    (15, "q8_k"),
    (16, "iq2_xxs"),
    (17, "iq2_xs"),
    (18, "iq3_xxs"),
    (19, "iq1_s"),
    (20, "iq4_nl"),
    (21, "iq3_s"),
    (22, "iq2_s"),
    (23, "iq4_xs"),
    (24, "i8"),
    (25, "i16"),
    (26, "i32"),
    (27, "i64"),
    (28, "f64"),
    (29, "iq1_m"),
    (30, "bf16"),
    (34, "tq1_0"),
    (35, "tq2_0"),
    (39, "mxfp4"),
    (40, "nvfp4"),
    (41, "q1_0"),
];

impl PayloadType {
    /// Every payload type.
    pub const ALL: [PayloadType; 27] = [
        PayloadType::F32,
        PayloadType::F16,
        PayloadType::Bf16,
        PayloadType::Q8_0,
        PayloadType::Q4_0,
        PayloadType::Q4_1,
        PayloadType::Q5_0,
        PayloadType::Q5_1,
        PayloadType::Q4K,
        PayloadType::Q5K,
        PayloadType::Q6K,
        PayloadType::F64,
        PayloadType::F8E4m3,
        PayloadType::F8E5m2,
        PayloadType::Q2K,
        PayloadType::Q3K,
        PayloadType::Iq4Nl,
        PayloadType::Iq4Xs,
        PayloadType::Mxfp4,
        PayloadType::LegacyQ8_0,
        PayloadType::LegacyQ4_0,
        PayloadType::LegacyQ4_1,
        PayloadType::LegacyQ5_0,
        PayloadType::LegacyQ5_1,
        PayloadType::LegacyQ4K,
        PayloadType::LegacyQ5K,
        PayloadType::LegacyQ6K,
    ];

    /// The name: `f32`, `q4_k`, `legacy_q4_0` and so on.
    pub const fn name(self) -> &'static str {
        match self {
            PayloadType::F32 => "f32",
            PayloadType::F16 => "f16",
            PayloadType::Bf16 => "bf16",
            PayloadType::Q8_0 => "q8_0",
            PayloadType::Q4_0 => "q4_0",
            PayloadType::Q4_1 => "q4_1",
            PayloadType::Q5_0 => "q5_0",
            PayloadType::Q5_1 => "q5_1",
            PayloadType::Q4K => "q4_k",
            PayloadType::Q5K => "q5_k",
            PayloadType::Q6K => "q6_k",
            PayloadType::F64 => "f64",
            PayloadType::F8E4m3 => "f8_e4m3",
            PayloadType::F8E5m2 => "f8_e5m2",
            PayloadType::Q2K => "q2_k",
            PayloadType::Q3K => "q3_k",
            PayloadType::Iq4Nl => "iq4_nl",
            PayloadType::Iq4Xs => "iq4_xs",
            PayloadType::Mxfp4 => "mxfp4",
            PayloadType::LegacyQ8_0 => "legacy_q8_0",
            PayloadType::LegacyQ4_0 => "legacy_q4_0",
            PayloadType::LegacyQ4_1 => "legacy_q4_1",
            PayloadType::LegacyQ5_0 => "legacy_q5_0",
            PayloadType::LegacyQ5_1 => "legacy_q5_1",
            PayloadType::LegacyQ4K => "legacy_q4_k",
            PayloadType::LegacyQ5K => "legacy_q5_k",
            PayloadType::LegacyQ6K => "legacy_q6_k",
        }
    }

    /// The error for a type that is unknown or cannot be decoded; `name` is its name or number.
    pub fn unknown(name: &str) -> Error {
        Error::UnknownPayloadType {
            payload_type: name.into(),
            expected: PayloadType::ALL.map(PayloadType::name).join(", "),
        }
    }

    /// The payload type with that name, in upper or lower case.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPayloadType`] where no type that can be decoded has this name.
    pub fn parse(name: &str) -> Result<PayloadType, Error> {
        let found = PayloadType::ALL.into_iter().find(|t| t.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| PayloadType::unknown(name))
    }

    /// The payload type with this number in a GGUF file (`enum ggml_type`).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPayloadType`] where the type cannot be decoded, with its name if it has one.
    pub fn from_ggml(number: u32) -> Result<PayloadType, Error> {
        if let Some(found) = PayloadType::ALL.into_iter().find(|t| t.ggml() == Some(number)) {
            return Ok(found);
        }
        let name = GGML.iter().find(|(n, _)| *n == number);
        let payload_type = match name {
            Some((_, name)) => format!("{name} (GGML type {number})"),
            None => format!("GGML type {number}"),
        };
        Err(PayloadType::unknown(&payload_type))
    }

    /// The type's number in GGUF files (`enum ggml_type`); `None` for the legacy types and those used only in
    /// safetensors files.
    pub fn ggml(self) -> Option<u32> {
        GGML.iter().find(|(_, name)| *name == self.name()).map(|(number, _)| *number)
    }

    /// Bytes of one block.
    pub const fn block_bytes(self) -> usize {
        self.layout().bytes
    }

    /// Elements of one block.
    pub const fn block_elements(self) -> usize {
        self.layout().elements
    }

    /// Elements of a payload of `bytes` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Payload`] where `bytes` is not a whole number of blocks.
    pub fn elements(self, bytes: usize) -> Result<usize, Error> {
        let Layout { bytes: block, elements, .. } = self.layout();
        if bytes.is_multiple_of(block)
            && let Some(elements) = (bytes / block).checked_mul(elements)
        {
            return Ok(elements);
        }
        Err(Error::Payload {
            payload_type: self.name(),
            found: format!("{bytes} bytes"),
            expected: match elements {
                1 => format!("a multiple of {block} bytes (one element)"),
                _ => format!("a multiple of {block} bytes (a block of {elements} elements)"),
            },
        })
    }

    pub(super) const fn layout(self) -> Layout {
        match self {
            PayloadType::F32 => Layout::of::<float::F32, 1>(),
            PayloadType::F16 => Layout::of::<float::F16, 1>(),
            PayloadType::Bf16 => Layout::of::<float::Bf16, 1>(),
            PayloadType::Q8_0 => Layout::of::<q8::Q8_0, 32>(),
            PayloadType::Q4_0 => Layout::of::<q4::Q4_0, 32>(),
            PayloadType::Q4_1 => Layout::of::<q4::Q4_1, 32>(),
            PayloadType::Q5_0 => Layout::of::<q5::Q5_0, 32>(),
            PayloadType::Q5_1 => Layout::of::<q5::Q5_1, 32>(),
            PayloadType::Q4K => Layout::of::<k::Q4K, 256>(),
            PayloadType::Q5K => Layout::of::<k::Q5K, 256>(),
            PayloadType::Q6K => Layout::of::<k::Q6K, 256>(),
            PayloadType::F64 => Layout::of::<float::F64, 1>(),
            PayloadType::F8E4m3 => Layout::of::<float::F8E4m3, 1>(),
            PayloadType::F8E5m2 => Layout::of::<float::F8E5m2, 1>(),
            PayloadType::Q2K => Layout::of::<k::Q2K, 256>(),
            PayloadType::Q3K => Layout::of::<k::Q3K, 256>(),
            PayloadType::Iq4Nl => Layout::of::<table::Iq4Nl, 32>(),
            PayloadType::Iq4Xs => Layout::of::<table::Iq4Xs, 256>(),
            PayloadType::Mxfp4 => Layout::of::<table::Mxfp4, 32>(),
            PayloadType::LegacyQ8_0 => Layout::of::<legacy::Q8_0, 32>(),
            PayloadType::LegacyQ4_0 => Layout::of::<legacy::Q4_0, 32>(),
            PayloadType::LegacyQ4_1 => Layout::of::<legacy::Q4_1, 32>(),
            PayloadType::LegacyQ5_0 => Layout::of::<legacy::Q5_0, 32>(),
            PayloadType::LegacyQ5_1 => Layout::of::<legacy::Q5_1, 32>(),
            PayloadType::LegacyQ4K => Layout::of::<legacy::Q4K, 128>(),
            PayloadType::LegacyQ5K => Layout::of::<legacy::Q5K, 128>(),
            PayloadType::LegacyQ6K => Layout::of::<legacy::Q6K, 128>(),
        }
    }
}
