//! GGUF files of versions 2 and 3, little-endian.
//!
//! The letters `GGUF`, the version, the number of tensors, the number of metadata entries; the entries (key, type,
//! value); for each tensor its name, dimensions, type and offset; then, from the next multiple of the alignment on, the
//! elements. The alignment is 32 unless the entry `general.alignment` says otherwise. Offsets count from the start of
//! the elements and are multiples of the alignment.
//!
//! A tensor's dimensions are listed fastest first: `ne[0]` is the length of a row, which for a quantized type must be
//! whole blocks. [`Tensor::shape`] has them in reverse.
//!
//! Source: GGUF specification, <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::collections::HashSet;

use hart_kernels::tensor::quant::PayloadType;

use super::{ElementType, ModelError, Tensor, elements, malformed};

/// The first bytes of every file.
pub const MAGIC: &[u8; 4] = b"GGUF";

/// Maximum dimensions of a tensor in ggml.
const MAX_DIMENSIONS: u32 = 4;
/// Arrays may nest; no writer goes nearly this deep.
const MAX_DEPTH: u32 = 16;
const ALIGNMENT: &str = "general.alignment";
/// The name for types newer than the list below; their elements end where the next tensor's begin.
const NEWER: &str = "a newer type of ggml";
/// Numbers from here on are newer types. Numbers missing from the list were once assigned and are no longer used.
const FIRST_NEWER: u32 = 42;

/// Types that are not decoded: number, name, elements and bytes of a block, whether it holds whole numbers.
const OTHER_TYPES: [(u32, &str, usize, usize, bool); 17] = [
    (9, "q8_1", 32, 36, false),
    (15, "q8_k", 256, 292, false),
    (16, "iq2_xxs", 256, 66, false),
    (17, "iq2_xs", 256, 74, false),
    (18, "iq3_xxs", 256, 98, false),
    (19, "iq1_s", 256, 50, false),
    (21, "iq3_s", 256, 110, false),
    (22, "iq2_s", 256, 82, false),
    (24, "i8", 1, 1, true),
    (25, "i16", 1, 2, true),
    (26, "i32", 1, 4, true),
    (27, "i64", 1, 8, true),
    (29, "iq1_m", 256, 56, false),
    (34, "tq1_0", 256, 54, false),
    (35, "tq2_0", 256, 66, false),
    (40, "nvfp4", 64, 36, false),
    (41, "q1_0", 128, 18, false),
];

/// The tensors in the bytes of a file, in the order of their elements.
///
/// # Errors
///
/// [`ModelError::Malformed`].
pub fn parse(bytes: &[u8]) -> Result<Vec<Tensor>, ModelError> {
    let mut reader = Reader { bytes, at: 0 };
    if reader.take(MAGIC.len(), || "GGUF magic".into())? != MAGIC {
        return Err(malformed("GGUF magic", "other bytes", "the letters GGUF"));
    }
    let version = reader.u32("GGUF version")?;
    if !(2..=3).contains(&version) {
        let found = match version.swap_bytes() {
            swapped @ 1..=3 => format!("version {swapped} in big-endian order"),
            _ => format!("version {version}"),
        };
        return Err(malformed("GGUF version", found, "version 2 or 3, little-endian"));
    }
    let tensor_count = reader.u64("tensor count")?;
    let entry_count = reader.u64("metadata count")?;
    // The shortest entry is an empty key with a value of one byte, the shortest tensor one without name and dimensions.
    reader.promised("metadata count", entry_count, 8 + 4 + 1)?;
    reader.promised("tensor count", tensor_count, 8 + 4 + 4 + 8)?;

    let alignment = metadata(&mut reader, entry_count)?;
    let mut entries = Vec::new();
    let mut names = HashSet::new();
    for number in 1..=tensor_count {
        let entry = Entry::read(&mut reader, number)?;
        if entry.offset % u64::from(alignment) != 0 {
            let found = format!("an offset of {}", entry.offset);
            let expected = format!("a multiple of the alignment, {alignment}");
            return Err(malformed(format!("tensor {}", entry.name), found, expected));
        }
        if !names.insert(entry.name) {
            return Err(malformed(
                format!("tensor {}", entry.name),
                "the name comes twice",
                "a name of its own",
            ));
        }
        entries.push(entry);
    }
    // A file without elements may end before the alignment.
    let start = reader.at.next_multiple_of(alignment as usize).min(bytes.len());
    let mut tensors =
        entries.into_iter().map(|entry| entry.place(start, bytes.len())).collect::<Result<Vec<_>, _>>()?;
    tensors.sort_by_key(|tensor| (tensor.bytes.start, tensor.bytes.end));
    for n in 0..tensors.len() {
        if tensors[n].element_type == ElementType::Other(NEWER) {
            tensors[n].bytes.end = tensors.get(n + 1).map_or(bytes.len(), |next| next.bytes.start);
        }
    }
    for pair in tensors.windows(2) {
        if pair[1].bytes.start < pair[0].bytes.end {
            return Err(malformed(
                format!("tensor {}", pair[1].name),
                format!(
                    "elements from byte {} on, where tensor {} has its own",
                    pair[1].bytes.start, pair[0].name
                ),
                format!("a start at byte {} or later", pair[0].bytes.end),
            ));
        }
    }
    Ok(tensors)
}

/// Reads past the metadata and returns the alignment.
fn metadata(reader: &mut Reader<'_>, count: u64) -> Result<u32, ModelError> {
    let mut keys = HashSet::new();
    let mut alignment = 32;
    for number in 1..=count {
        let key = reader.string(|| format!("key of metadata entry {number}"))?;
        if !keys.insert(key) {
            return Err(malformed(format!("metadata {key}"), "the key comes twice", "a key of its own"));
        }
        let value_type = reader.u32(key)?;
        if key != ALIGNMENT {
            reader.skip(key, value_type, 0)?;
            continue;
        }
        if value_type != value::U32 {
            let found = format!("value type {value_type}");
            return Err(malformed(ALIGNMENT, found, format!("type {} (32 bits, no sign)", value::U32)));
        }
        alignment = reader.u32(key)?;
        if !alignment.is_power_of_two() {
            return Err(malformed(ALIGNMENT, alignment.to_string(), "a power of two"));
        }
    }
    Ok(alignment)
}

/// A tensor as the file describes it.
struct Entry<'a> {
    name: &'a str,
    shape: Vec<usize>,
    element_type: ElementType,
    /// Bytes of its elements.
    length: usize,
    offset: u64,
}

impl<'a> Entry<'a> {
    fn read(reader: &mut Reader<'a>, number: u64) -> Result<Entry<'a>, ModelError> {
        let name = reader.string(|| format!("name of tensor {number}"))?;
        let part = || format!("tensor {name}");
        let dimensions = reader.u32(name)?;
        if dimensions > MAX_DIMENSIONS {
            return Err(malformed(
                part(),
                format!("{dimensions} dimensions"),
                format!("at most {MAX_DIMENSIONS}"),
            ));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            shape.push(reader.u64(name)? as usize);
        }
        let row = shape.first().copied().unwrap_or(1);
        shape.reverse();
        let number = reader.u32(name)?;
        let offset = reader.u64(name)?;
        let (element_type, block, bytes) = match PayloadType::from_ggml(number) {
            Ok(known) => (ElementType::Payload(known), known.block_elements(), known.block_bytes()),
            Err(_) => match OTHER_TYPES.iter().find(|(n, ..)| *n == number) {
                Some((_, name, elements, bytes, true)) => (ElementType::Integer(name), *elements, *bytes),
                Some((_, name, elements, bytes, false)) => (ElementType::Other(name), *elements, *bytes),
                // The block size of a type newer than this list is unknown.
                None if number >= FIRST_NEWER => (ElementType::Other(NEWER), 1, 0),
                None => return Err(malformed(part(), format!("type {number}"), "a type of ggml")),
            },
        };
        if !row.is_multiple_of(block) {
            return Err(malformed(
                part(),
                format!("rows of {row} elements"),
                format!("whole blocks of {block}, for the type is {}", element_type.name()),
            ));
        }
        let Some(length) = elements(&shape).and_then(|n| (n / block).checked_mul(bytes)) else {
            let found = format!("the shape {shape:?}");
            return Err(malformed(part(), found, "a number of elements that can be counted"));
        };
        Ok(Entry { name, shape, element_type, length, offset })
    }

    /// The tensor, given the byte at which all elements start and the length of the file.
    fn place(self, start: usize, file: usize) -> Result<Tensor, ModelError> {
        let from = usize::try_from(self.offset).ok().and_then(|offset| start.checked_add(offset));
        let to = from.and_then(|from| from.checked_add(self.length));
        match (from, to) {
            (Some(from), Some(to)) if to <= file => Ok(Tensor {
                name: self.name.into(),
                shape: self.shape,
                element_type: self.element_type,
                bytes: from..to,
                file: 0,
            }),
            _ => Err(malformed(
                format!("tensor {}", self.name),
                format!("{} bytes at offset {}", self.length, self.offset),
                format!("no more than the {} bytes of elements in the file", file - start),
            )),
        }
    }
}

/// The types of metadata values.
mod value {
    pub const U32: u32 = 4;
    pub const STRING: u32 = 8;
    pub const ARRAY: u32 = 9;

    /// Bytes of a value of that type, if it has a fixed size.
    pub fn size(value_type: u32) -> Option<usize> {
        Some(match value_type {
            // u8, i8, bool; u16, i16; u32, i32, f32; u64, i64, f64.
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            _ => return None,
        })
    }
}

/// The file from some position on.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, part: impl Fn() -> String) -> Result<&'a [u8], ModelError> {
        let rest = &self.bytes[self.at..];
        let Some(taken) = rest.get(..length) else {
            return Err(malformed(
                part(),
                format!("the file ends {} bytes after byte {}", rest.len(), self.at),
                format!("{length} more bytes"),
            ));
        };
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, part: &str) -> Result<[u8; N], ModelError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, || part.into())?);
        Ok(out)
    }

    fn u32(&mut self, part: &str) -> Result<u32, ModelError> {
        Ok(u32::from_le_bytes(self.array(part)?))
    }

    fn u64(&mut self, part: &str) -> Result<u64, ModelError> {
        Ok(u64::from_le_bytes(self.array(part)?))
    }

    fn string(&mut self, part: impl Fn() -> String) -> Result<&'a str, ModelError> {
        let length = u64::from_le_bytes(self.array(&part())?);
        let bytes = self.take(usize::try_from(length).unwrap_or(usize::MAX), &part)?;
        let problem = |e: std::str::Utf8Error| {
            malformed(part(), format!("no UTF-8 at byte {}", e.valid_up_to()), "UTF-8")
        };
        std::str::from_utf8(bytes).map_err(problem)
    }

    /// Checks that `count` items of at least `each` bytes still fit the rest.
    fn promised(&self, part: &str, count: u64, each: u64) -> Result<(), ModelError> {
        let left = (self.bytes.len() - self.at) as u64;
        if count <= left / each {
            return Ok(());
        }
        Err(malformed(part, count.to_string(), format!("at most {}, for {left} bytes follow", left / each)))
    }

    /// Skips a value.
    fn skip(&mut self, key: &str, value_type: u32, depth: u32) -> Result<(), ModelError> {
        let part = || format!("metadata {key}");
        if let Some(size) = value::size(value_type) {
            self.take(size, part)?;
            return Ok(());
        }
        match value_type {
            value::STRING => {
                // Texts are not decoded, so they may be in any encoding.
                let length = self.u64(key)?;
                self.take(usize::try_from(length).unwrap_or(usize::MAX), part)?;
            }
            value::ARRAY => {
                let item = self.u32(key)?;
                let count = self.u64(key)?;
                if depth == MAX_DEPTH {
                    return Err(malformed(
                        part(),
                        format!("arrays {} deep", depth + 1),
                        format!("at most {MAX_DEPTH}"),
                    ));
                }
                if let Some(size) = value::size(item) {
                    self.promised(&part(), count, size as u64)?;
                    self.take(count as usize * size, part)?;
                } else {
                    // A text takes at least its length field, an array its type and length.
                    self.promised(&part(), count, 8)?;
                    for _ in 0..count {
                        self.skip(key, item, depth + 1)?;
                    }
                }
            }
            _ => return Err(malformed(part(), format!("value type {value_type}"), "a type from 0 to 12")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernels give types that cannot be decoded the same names.
    #[test]
    fn names_are_those_of_the_kernels() {
        for (number, name, ..) in OTHER_TYPES {
            let error = PayloadType::from_ggml(number).unwrap_err().to_string();
            assert!(error.contains(&format!("{name} (GGML type {number})")), "{error}");
        }
    }
}
