//! Tensor payloads against the reference implementation, on every level, in every split, and of the wrong length.
//!
//! `data/quant.py` wrote `data/quant.bin`, and says what is in it.

use crate::common;

use common::announce;
use hart_kernels::tensor::quant::{PayloadType, decode, decode_into, decode_into_with};
use hart_kernels::{Compute, Error, Level};

struct Case {
    payload_type: PayloadType,
    payload: Vec<u8>,
    values: Vec<f32>,
}

/// Blocks of every GGUF type, and their elements by the reference implementation.
fn cases() -> Vec<Case> {
    let mut rest: &[u8] = include_bytes!("../data/quant.bin");
    fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
        let (taken, behind) = rest.split_at(length);
        *rest = behind;
        taken
    }
    let count = |rest: &mut &[u8]| u32::from_le_bytes(take(rest, 4).try_into().unwrap()) as usize;
    let mut cases = Vec::new();
    while !rest.is_empty() {
        let length = take(&mut rest, 1)[0];
        let name = std::str::from_utf8(take(&mut rest, length.into())).unwrap();
        let length = count(&mut rest);
        let payload = take(&mut rest, length).to_vec();
        let length = count(&mut rest);
        let values = take(&mut rest, length * 4).as_chunks::<4>().0;
        cases.push(Case {
            payload_type: PayloadType::parse(name).unwrap(),
            payload,
            values: values.iter().map(|v| f32::from_le_bytes(*v)).collect(),
        });
    }
    cases
}

/// The same bits; NaN is equal to NaN where a formula gave it.
fn assert_bits(payload_type: PayloadType, got: &[f32], expected: &[f32], context: &str) {
    assert_eq!(got.len(), expected.len(), "{}, {context}", payload_type.name());
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let computed = payload_type.block_elements() > 1;
        let same = got.to_bits() == expected.to_bits() || (computed && got.is_nan() && expected.is_nan());
        assert!(same, "{}, {context}, element {i}: {got} instead of {expected}", payload_type.name());
    }
}

/// Bytes that are the same on every run.
fn noise(seed: u32, count: usize) -> Vec<u8> {
    common::uniform(seed, count).into_iter().map(|v| (v * 128.0) as i8 as u8).collect()
}

#[test]
fn elements_are_those_of_the_reference_implementation_on_every_level() {
    announce("quant");
    let cases = cases();
    let standard = PayloadType::ALL.into_iter().filter(|t| !t.name().starts_with("legacy_"));
    assert!(standard.eq(cases.iter().map(|c| c.payload_type)), "a type has no blocks to be tested with");
    for Case { payload_type, payload, values } in &cases {
        let special = |wanted: fn(f32) -> bool| values.iter().any(|v| wanted(*v));
        // The scale of one type and the table of the others have none of it; eight bits end at 448.
        let (tables, eight) = (["iq4_nl", "iq4_xs", "mxfp4"], ["f8_e4m3"]);
        assert!(
            payload_type.name() == "mxfp4" || special(f32::is_nan),
            "{}: no NaN among the blocks",
            payload_type.name()
        );
        assert!(tables.contains(&payload_type.name()) || special(|v| v == 0.0), "{}", payload_type.name());
        assert!(eight.contains(&payload_type.name()) || special(|v| v > 1000.0), "{}", payload_type.name());
        assert_bits(*payload_type, &decode(*payload_type, payload).unwrap(), values, "current level");
        for level in Level::available() {
            let compute = Compute::new().level(level);
            for offset in 0..4 {
                let mut bytes = vec![0xa5; offset];
                bytes.extend(payload);
                let mut out = vec![f32::NAN; values.len()];
                decode_into_with(compute, *payload_type, &bytes[offset..], &mut out).unwrap();
                assert_bits(*payload_type, &out, values, &format!("{level:?}, {offset} bytes off"));
            }
        }
    }
}

#[test]
fn levels_agree_on_blocks_of_noise_of_every_type() {
    for payload_type in PayloadType::ALL {
        let payload = noise(payload_type.block_bytes() as u32, 50 * payload_type.block_bytes());
        let on = |level| {
            let mut out = vec![0.0; 50 * payload_type.block_elements()];
            let compute = Compute::new().level(level);
            decode_into_with(compute, payload_type, &payload, &mut out).unwrap();
            out
        };
        let scalar = on(Level::scalar());
        for level in Level::available() {
            assert_bits(payload_type, &on(level), &scalar, level.name());
        }
    }
}

#[test]
fn threads_do_not_change_a_large_payload() {
    for payload_type in PayloadType::ALL {
        // An odd number of blocks, so that the threads' shares differ.
        let blocks = ((3 << 20) / (4 * payload_type.block_elements())) | 1;
        let payload = noise(7, blocks * payload_type.block_bytes());
        let one: Vec<f32> = payload
            .chunks(payload_type.block_bytes())
            .flat_map(|block| decode(payload_type, block).unwrap())
            .collect();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let all = pool.install(|| decode(payload_type, &payload)).unwrap();
            assert_bits(payload_type, &all, &one, &format!("{threads} threads"));
        }
    }
}

#[test]
fn a_payload_is_a_whole_number_of_blocks() {
    for payload_type in PayloadType::ALL {
        let (name, block) = (payload_type.name(), payload_type.block_bytes());
        assert!(decode(payload_type, &[]).unwrap().is_empty());
        assert_eq!(payload_type.elements(3 * block).unwrap(), 3 * payload_type.block_elements());
        for wrong in [1, block - 1, block + 1, 2 * block - 1] {
            if wrong % block == 0 {
                continue;
            }
            let error = decode(payload_type, &vec![0; wrong]).unwrap_err();
            assert_eq!(error.code(), 15);
            assert!(matches!(error, Error::Payload { payload_type, .. } if payload_type == name), "{error}");
            let (found, expected) = (format!("{wrong} bytes"), format!("a multiple of {block} bytes"));
            let text = error.to_string();
            assert!(text.contains(name) && text.contains(&found) && text.contains(&expected), "{text}");
        }
    }
}

#[test]
fn an_output_of_the_wrong_length_is_left_alone() {
    for length in [0, 31, 33] {
        let mut out = vec![7.0; length];
        let error = decode_into(PayloadType::Q4_0, &[0; 18], &mut out).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "payload of type q4_0: an output of {length} elements; expected 32, because the payload has 18 bytes"
            )
        );
        assert!(out.iter().all(|v| *v == 7.0));
    }
}

#[test]
fn names_and_numbers_are_those_of_gguf() {
    // Number, bytes and elements of a block, from the specification.
    let table = [
        ("f32", 0, 4, 1),
        ("f16", 1, 2, 1),
        ("bf16", 30, 2, 1),
        ("q8_0", 8, 34, 32),
        ("q4_0", 2, 18, 32),
        ("q4_1", 3, 20, 32),
        ("q5_0", 6, 22, 32),
        ("q5_1", 7, 24, 32),
        ("q4_k", 12, 144, 256),
        ("q5_k", 13, 176, 256),
        ("q6_k", 14, 210, 256),
        ("f64", 28, 8, 1),
        ("q2_k", 10, 84, 256),
        ("q3_k", 11, 110, 256),
        ("iq4_nl", 20, 18, 32),
        ("iq4_xs", 23, 136, 256),
        ("mxfp4", 39, 17, 32),
    ];
    for (name, number, bytes, elements) in table {
        let payload_type = PayloadType::from_ggml(number).unwrap();
        assert_eq!(payload_type.name(), name);
        assert_eq!(payload_type.ggml(), Some(number));
        assert_eq!((payload_type.block_bytes(), payload_type.block_elements()), (bytes, elements), "{name}");
    }
    for payload_type in PayloadType::ALL {
        assert_eq!(PayloadType::parse(payload_type.name()), Ok(payload_type));
        assert_eq!(PayloadType::parse(&payload_type.name().to_uppercase()), Ok(payload_type));
        let elsewhere = ["legacy_", "f8_"].iter().any(|start| payload_type.name().starts_with(start));
        assert_eq!(payload_type.ggml().is_none(), elsewhere);
    }
    let known = (0..1000).filter(|n| PayloadType::from_ggml(*n).is_ok()).count();
    assert_eq!(known, table.len());
}

#[test]
fn unknown_types_are_named() {
    let list = "f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k, f64, f8_e4m3, f8_e5m2, q2_k, \
                q3_k, iq4_nl, iq4_xs, mxfp4, legacy_q8_0, legacy_q4_0, legacy_q4_1, legacy_q5_0, legacy_q5_1, legacy_q4_k, \
                legacy_q5_k, legacy_q6_k";
    for (error, name) in [
        (PayloadType::parse("iq2_s"), "iq2_s"),
        (PayloadType::parse("Q4_K_M"), "Q4_K_M"),
        (PayloadType::parse(""), ""),
        (PayloadType::from_ggml(9), "q8_1 (GGML type 9)"),
        (PayloadType::from_ggml(29), "iq1_m (GGML type 29)"),
        (PayloadType::from_ggml(4), "GGML type 4"),
        (PayloadType::from_ggml(u32::MAX), "GGML type 4294967295"),
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.code(), 14);
        assert_eq!(
            error.to_string(),
            format!("tensor payloads of type `{name}` cannot be decoded; expected one of {list}")
        );
    }
}
