//! Headers of model files: an error, or tensors that lie in the file, overlap nowhere and have the bytes that their shapes
//! need. What is taken for safetensors, the crate of that name takes too, with the same tensors.
#![no_main]

use hart::model::{ElementType, Format, gguf, parse};
use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;

fn safetensors(header: &[u8], data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header, &vec![0; data]].concat()
}

/// A safetensors file with a tensor for every four bytes: its type and dimensions, and how it breaks the format, if it does.
fn tensors(bytes: &[u8]) -> Vec<u8> {
    const TYPES: [(&str, usize); 8] =
        [("F32", 4), ("F16", 2), ("BF16", 2), ("I64", 8), ("BOOL", 1), ("F64", 8), ("F8_E4M3", 1), ("U8", 1)];
    let (mut entries, mut at) = (Vec::new(), 0);
    for (n, bytes) in bytes.chunks_exact(4).enumerate() {
        let [kind, rows, columns, wrong] = [0, 1, 2, 3].map(|n| usize::from(bytes[n]));
        let (dtype, size) = TYPES[kind % TYPES.len()];
        let start = if wrong == 1 { at + kind } else { at.saturating_sub(if wrong == 2 { kind } else { 0 }) };
        let end = start + rows * columns * size + if wrong == 3 { kind } else { 0 };
        let name = if wrong == 4 { 0 } else { n };
        entries.push(format!(
            r#""{name}":{{"dtype":"{dtype}","shape":[{rows},{columns}],"data_offsets":[{start},{end}]}}"#
        ));
        at = end;
    }
    safetensors(format!("{{{}}}", entries.join(",")).as_bytes(), at)
}

fuzz_target!(|input: &[u8]| {
    // The first byte tells how much of a header the fuzzer need not find out.
    let Some((first, rest)) = input.split_first() else { return };
    let file = match first % 4 {
        0 => rest.to_vec(),
        1 => [&gguf::MAGIC[..], &3u32.to_le_bytes(), rest].concat(),
        2 => {
            // A header and so many bytes of elements.
            let (data, header) = rest.split_at(rest.len().min(usize::from(*first) / 4));
            safetensors(header, data.len())
        }
        _ => tensors(rest),
    };
    let Ok((format, tensors)) = parse(&file) else { return };
    let mut end = 0;
    for tensor in &tensors {
        assert!(end <= tensor.bytes.start && tensor.bytes.start <= tensor.bytes.end, "{tensor:?}");
        end = tensor.bytes.end;
        let elements = tensor.shape.iter().try_fold(1usize, |n, m| n.checked_mul(*m)).expect("a number");
        assert_eq!(elements, tensor.elements());
        if let ElementType::Payload(of) = tensor.element_type {
            assert_eq!(of.elements(tensor.bytes.len()).expect("whole blocks"), elements, "{tensor:?}");
        }
    }
    assert!(end <= file.len());
    if format == Format::Safetensors {
        let other = SafeTensors::deserialize(&file).expect("taken by the reader that is tested");
        assert_eq!(other.len(), tensors.len());
        for tensor in &tensors {
            let view = other.tensor(&tensor.name).expect("the same names");
            assert_eq!((view.shape(), view.data()), (&tensor.shape[..], &file[tensor.bytes.clone()]));
        }
    }
});
