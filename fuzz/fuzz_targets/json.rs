//! Vector text: what is accepted must be what the standard library reads, and must survive a round trip.
#![no_main]

use hart_kernels::{Element, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match text::parse_singles(bytes) {
        Err(error) => assert!(error.offset <= bytes.len()),
        Ok(values) => {
            let input = std::str::from_utf8(bytes).expect("accepted text is ASCII");
            let inner = input.trim().trim_start_matches('[').trim_end_matches(']').trim();
            let expected: Vec<f32> = match inner {
                "" => Vec::new(),
                inner => inner.split(',').map(|n| n.trim().parse().expect("a number")).collect(),
            };
            let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&values), bits(&expected));
            let mut written = String::new();
            assert!(text::write_packed(Element::F32, &text::pack(Element::F32, &values), &mut written));
            assert_eq!(bits(&text::parse_singles(written.as_bytes()).expect("our own text")), bits(&values));
        }
    }
});
