//! Headers of model files: an error, or tensors that lie in the file, overlap nowhere and have the bytes that their shapes
//! need. What is taken for safetensors, the crate of that name takes too, with the same tensors.
#![no_main]

use hart_sqlhost::model::{ElementType, Format, gguf, parse};
use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;

fuzz_target!(|input: &[u8]| {
    // The first byte tells how much of a header the fuzzer need not find out.
    let Some((first, rest)) = input.split_first() else { return };
    let file = match first % 3 {
        0 => rest.to_vec(),
        1 => [&gguf::MAGIC[..], &3u32.to_le_bytes(), rest].concat(),
        _ => {
            // A header and so many bytes of elements.
            let (data, header) = rest.split_at(rest.len().min(usize::from(*first) / 3));
            [&(header.len() as u64).to_le_bytes(), header, data].concat()
        }
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
