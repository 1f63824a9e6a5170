//! Safetensors files: eight bytes with the length of a JSON header, the header, then the elements of all tensors
//! without gaps.
//!
//! The header is an object with one entry per tensor: `dtype`, `shape` (outermost dimension first) and `data_offsets`,
//! the first byte and the one past the last, counted from the end of the header. The entry `__metadata__` is skipped.
//!
//! Source: <https://huggingface.co/docs/safetensors>, section "Format"; the types are those of the crate `safetensors`.

use std::collections::HashSet;
use std::fmt;

use hart_kernels::tensor::quant::PayloadType;
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::{ElementType, ModelError, Tensor, elements, malformed};

/// Bytes before the header.
const LENGTH: usize = 8;
/// More dimensions than any array library supports.
const MAX_DIMENSIONS: usize = 64;
/// The longest header that the format allows.
const MAX_HEADER: u64 = 100_000_000;
/// The header's entry that is not a tensor.
pub const METADATA: &str = "__metadata__";

/// The tensors in the bytes of a file, in the order of their elements.
///
/// # Errors
///
/// [`ModelError::Malformed`].
pub fn parse(bytes: &[u8]) -> Result<Vec<Tensor>, ModelError> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
        let found = format!("{} bytes", bytes.len());
        return Err(malformed("model file", found, "a safetensors or GGUF file, of 8 bytes at least"));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER || length as usize > rest.len() {
        return Err(malformed(
            "safetensors header",
            format!("a length of {length} bytes in a file of {}", bytes.len()),
            format!("at most {MAX_HEADER} and no more than the {} that follow", rest.len()),
        ));
    }
    let (header, data) = rest.split_at(length as usize);
    let Header(mut entries) = serde_json::from_slice(header).map_err(|error| {
        malformed("safetensors header", error.to_string(), "JSON with one entry for each tensor")
    })?;
    entries.sort_by_key(|(_, info)| info.data_offsets);
    let start_of_data = LENGTH + header.len();
    let mut end_before = 0;
    let mut tensors = Vec::with_capacity(entries.len());
    for (name, TensorInfo { dtype, shape, data_offsets: (start, end) }) in entries {
        let wrong =
            |found: String, expected: String| Err(malformed(format!("tensor {name}"), found, expected));
        if start != end_before {
            let what = if start < end_before { "overlap others" } else { "leave a gap" };
            return wrong(
                format!("data_offsets [{start}, {end}], which {what}"),
                format!("a start of {end_before}, where the tensor before it ends"),
            );
        }
        if end < start || end > data.len() {
            return wrong(
                format!("data_offsets [{start}, {end}]"),
                format!("an end from {start} to {}, where the file ends", data.len()),
            );
        }
        if shape.len() > MAX_DIMENSIONS {
            return wrong(format!("{} dimensions", shape.len()), format!("at most {MAX_DIMENSIONS}"));
        }
        let bits = elements(&shape).and_then(|n| n.checked_mul(dtype.bitsize()));
        if bits != Some((end - start) * 8) {
            return wrong(
                format!("{} bytes", end - start),
                match bits {
                    Some(bits) => format!("{} for the shape {shape:?} of {dtype}", bits.div_ceil(8)),
                    None => format!("the shape {shape:?} to have a number of elements that can be counted"),
                },
            );
        }
        end_before = end;
        let bytes = start_of_data + start..start_of_data + end;
        tensors.push(Tensor { name, shape, element_type: element_type(dtype), bytes, file: 0 });
    }
    if end_before != data.len() {
        return Err(malformed(
            "safetensors file",
            format!("{} bytes behind the last tensor", data.len() - end_before),
            "none",
        ));
    }
    Ok(tensors)
}

fn element_type(dtype: Dtype) -> ElementType {
    match dtype {
        Dtype::F32 => ElementType::Payload(PayloadType::F32),
        Dtype::F16 => ElementType::Payload(PayloadType::F16),
        Dtype::BF16 => ElementType::Payload(PayloadType::Bf16),
        Dtype::BOOL => ElementType::Integer("bool"),
        Dtype::U8 => ElementType::Integer("u8"),
        Dtype::I8 => ElementType::Integer("i8"),
        Dtype::U16 => ElementType::Integer("u16"),
        Dtype::I16 => ElementType::Integer("i16"),
        Dtype::U32 => ElementType::Integer("u32"),
        Dtype::I32 => ElementType::Integer("i32"),
        Dtype::U64 => ElementType::Integer("u64"),
        Dtype::I64 => ElementType::Integer("i64"),
        Dtype::F64 => ElementType::Payload(PayloadType::F64),
        Dtype::C64 => ElementType::Other("c64"),
        Dtype::F8_E5M2 => ElementType::Payload(PayloadType::F8E5m2),
        Dtype::F8_E4M3 => ElementType::Payload(PayloadType::F8E4m3),
        Dtype::F8_E8M0 => ElementType::Other("f8_e8m0"),
        Dtype::F8_E4M3FNUZ => ElementType::Other("f8_e4m3fnuz"),
        Dtype::F8_E5M2FNUZ => ElementType::Other("f8_e5m2fnuz"),
        Dtype::F6_E2M3 => ElementType::Other("f6_e2m3"),
        Dtype::F6_E3M2 => ElementType::Other("f6_e3m2"),
        Dtype::F4 => ElementType::Other("f4"),
        _ => ElementType::Other("a newer type of safetensors"),
    }
}

/// The header's entries. A map would hide a repeated name.
struct Header(Vec<(String, TensorInfo)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Header, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with one entry for each tensor")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut entries = Vec::new();
                let mut names = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom(format_args!("tensor {name} comes twice")));
                    }
                    let info = map.next_value()?;
                    entries.push((name, info));
                }
                Ok(Header(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
