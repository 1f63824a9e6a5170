//! The readers of model files.

use crate::common::models;
use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::common::models::{Gguf, Random, TYPES, safetensors, safetensors_of, singles, string, weights};
use hart::model::{ElementType, Format, Model, ModelError, Shown, Tensor, parse};
use hart_kernels::tensor::quant::PayloadType;

fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn open(bytes: &[u8]) -> (tempfile::TempDir, Model) {
    let (folder, path) = file(bytes);
    let model = Model::open(&path).unwrap();
    (folder, model)
}

fn named<'a>(model: &'a Model, name: &str) -> &'a Tensor {
    model.tensors().iter().find(|t| t.name == name).unwrap()
}

/// The file is refused, in one line with every part.
fn refused(bytes: &[u8], parts: &[&str]) {
    let error = parse(bytes).expect_err(&format!("{parts:?}")).to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn real_weights_are_those_that_the_crate_safetensors_reads() {
    let path = models::LAYER0;
    let bytes = std::fs::read(path).unwrap();
    let expected = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let model = Model::open(path.as_ref()).unwrap();
    assert_eq!(model.format(), Format::Safetensors);
    let names: BTreeSet<&str> = model.tensors().iter().map(|t| &t.name[..]).collect();
    assert_eq!(names, expected.names().into_iter().collect());
    assert_eq!(names.len(), 6);
    for tensor in model.tensors() {
        let view = expected.tensor(&tensor.name).unwrap();
        assert_eq!((&tensor.shape[..], tensor.element_type.name()), (view.shape(), "f32"));
        assert_eq!(&*model.bytes(tensor).unwrap(), view.data());
        let values = model.decode(tensor).unwrap();
        assert_eq!(singles(&values), view.data());
        let mut parts = Vec::new();
        model.for_each_part(tensor, |part| parts.extend_from_slice(part)).unwrap();
        assert_eq!(singles(&parts), view.data());
    }
}

#[test]
fn every_type_of_gguf_is_read_as_the_format_has_it() {
    // Two rows of 512 elements of each type. Listed in another order than the elements.
    let mut gguf = Gguf::new();
    gguf.alignment = 64;
    let nested: Vec<u8> = [
        &9u32.to_le_bytes()[..],
        &2u64.to_le_bytes(),
        &8u32.to_le_bytes(),
        &1u64.to_le_bytes(),
        &string("inner"),
        &1u32.to_le_bytes(),
        &3u64.to_le_bytes(),
        &[1, 2, 3],
    ]
    .concat();
    gguf.metadata = vec![
        ("general.architecture", 8, string("test")),
        ("general.alignment", 4, 64u32.to_le_bytes().to_vec()),
        ("a.nested", 9, nested),
        ("a.truth", 7, vec![1]),
        ("a.double", 12, 1.5f64.to_le_bytes().to_vec()),
        ("a.text", 8, [&2u64.to_le_bytes()[..], &[0xff, 0xfe]].concat()),
    ];
    for (n, of) in TYPES.iter().enumerate() {
        gguf.tensors.push((of.name, vec![512, 2], of.number, of.random(n as u64, 1024)));
    }
    for version in [2, 3] {
        gguf.version = version;
        let (_folder, model) = open(&gguf.bytes());
        assert_eq!((model.format(), model.tensors().len()), (Format::Gguf, TYPES.len()));
        for (of, (.., bytes)) in TYPES.iter().zip(&gguf.tensors) {
            let tensor = named(&model, of.name);
            assert_eq!((&tensor.shape[..], tensor.element_type.name()), (&[2, 512][..], of.name));
            assert_eq!(&*model.bytes(tensor).unwrap(), &bytes[..]);
            let found = model.decode(tensor).unwrap();
            // The sums are exact in double precision, so rounding once gives the only right answer.
            let expected: Vec<f32> = of.decode(bytes).into_iter().map(|v| v as f32).collect();
            assert_eq!(found, expected, "{}", of.name);
            assert!(found.iter().any(|v| *v > 0.0) && found.iter().any(|v| *v < 0.0), "{}", of.name);
            let mut parts = Vec::new();
            model.for_each_part(tensor, |part| parts.extend_from_slice(part)).unwrap();
            assert_eq!(parts, expected, "{}", of.name);
        }
    }
}

#[test]
fn halves_scalars_and_empty_tensors() {
    let (_folder, model) = open(&safetensors_of(&[
        ("scalar", "F32", &[], singles(&[2.5])),
        ("half", "F16", &[2], vec![0x00, 0x3c, 0x00, 0xc0]),
        ("bf16", "BF16", &[1, 2], vec![0x80, 0x3f, 0x40, 0xc0]),
        ("none", "F32", &[0, 7], vec![]),
        ("ids", "I64", &[1], vec![0; 8]),
        ("scale", "F8_E8M0", &[1], vec![0]),
    ]));
    let decode = |name: &str| model.decode(named(&model, name));
    assert_eq!(decode("scalar").unwrap(), [2.5]);
    assert_eq!(decode("half").unwrap(), [1.0, -2.0]);
    assert_eq!(decode("bf16").unwrap(), [1.0, -3.0]);
    assert_eq!(decode("none").unwrap(), [0f32; 0]);
    assert_eq!(named(&model, "scalar").matrix(), (1, 1));
    assert_eq!(named(&model, "none").matrix(), (0, 7));
    assert_eq!(named(&model, "ids").element_type, ElementType::Integer("i64"));
    let error = decode("scale").unwrap_err().to_string();
    assert!(error.starts_with("tensor scale: ") && error.contains("f8_e8m0"), "{error}");

    // Beside a dimension of 0 the others may be as large as they like, wherever it stands.
    let huge = usize::MAX;
    for shape in [[0, huge, huge], [huge, 0, huge], [huge, huge, 0]] {
        let tensors = parse(&safetensors_of(&[("none", "F32", &shape, vec![])])).unwrap().1;
        assert_eq!((tensors[0].elements(), &tensors[0].shape[..]), (0, &shape[..]));
        let mut gguf = Gguf::new();
        gguf.tensors = vec![("none", shape.iter().rev().map(|n| *n as u64).collect(), 0, vec![])];
        let tensors = parse(&gguf.bytes()).unwrap().1;
        assert_eq!((tensors[0].elements(), &tensors[0].shape[..]), (0, &shape[..]));
    }

    // Files without a tensor are files.
    assert!(parse(&safetensors("{}", &[])).unwrap().1.is_empty());
    assert!(parse(&Gguf::new().bytes()[..24]).unwrap().1.is_empty());
}

#[test]
fn safetensors_that_break_the_format() {
    let one = |info: &str, data: usize| safetensors(&format!(r#"{{"t":{info}}}"#), &vec![0; data]);
    refused(b"", &["0 bytes"]);
    refused(b"seven by", &["safetensors header"]);
    refused(&u64::MAX.to_le_bytes(), &["18446744073709551615", "no more than the 0 that follow"]);
    refused(&safetensors("{", &[]), &["safetensors header", "JSON"]);
    refused(&safetensors("[]", &[]), &["one entry for each tensor"]);
    refused(&safetensors("{}", &[0]), &["1 bytes behind the last tensor"]);
    refused(&one(r#"{"dtype":"F33","shape":[1],"data_offsets":[0,4]}"#, 4), &["F33"]);
    refused(&one(r#"{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}"#, 4), &["-1"]);
    refused(&one(r#"{"dtype":"F32","shape":[1]}"#, 4), &["data_offsets"]);
    // Longer than the file, shorter than nothing, another size than the shape has, and one that no number holds.
    let far =
        one(r#"{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,18446744073709551615]}"#, 4);
    refused(&far, &["tensor t", "an end from 0 to 4"]);
    refused(&one(r#"{"dtype":"F32","shape":[3],"data_offsets":[0,12]}"#, 8), &["tensor t", "[0, 12]"]);
    refused(
        &one(r#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#, 4),
        &["tensor t: 4 bytes", "8 for the"],
    );
    let huge = r#"{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}"#;
    refused(&one(huge, 4), &["tensor t", "counted"]);
    let two = |a: &str, b: &str, data: usize| {
        let entry =
            |name: &str, at: &str| format!(r#""{name}":{{"dtype":"F32","shape":[2],"data_offsets":{at}}}"#);
        safetensors(&format!("{{{},{}}}", entry("a", a), entry("b", b)), &vec![0; data])
    };
    assert_eq!(parse(&two("[8,16]", "[0,8]", 16)).unwrap().1.len(), 2);
    refused(&two("[0,8]", "[4,12]", 12), &["tensor b", "overlap"]);
    refused(&two("[0,8]", "[0,8]", 8), &["overlap"]);
    refused(&two("[0,8]", "[12,20]", 20), &["tensor b", "gap"]);
    let twice = r#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    refused(&safetensors(twice, &[0; 8]), &["tensor t comes twice"]);
}

#[test]
fn gguf_that_breaks_the_format() {
    let small = || {
        let mut gguf = Gguf::new();
        gguf.metadata = vec![("k", 4, vec![1, 0, 0, 0])];
        gguf.tensors = vec![("t", vec![32], 2, vec![0; 18]), ("u", vec![8], 0, vec![0; 32])];
        gguf
    };
    let bytes = small().bytes();
    assert_eq!(parse(&bytes).unwrap().1.len(), 2);
    let with = |at: usize, new: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..][..new.len()].copy_from_slice(new);
        bytes
    };
    refused(&with(4, &1u32.to_le_bytes()), &["version 1"]);
    refused(&with(4, &3u32.to_be_bytes()), &["version 3 in big-endian order"]);
    refused(&with(8, &u64::MAX.to_le_bytes()), &["tensor count: 18446744073709551615", "bytes follow"]);
    refused(&with(16, &(1u64 << 40).to_le_bytes()), &["metadata count: 1099511627776"]);
    // The key's length, its bytes, the type of its value.
    refused(&with(24, &(1u64 << 50).to_le_bytes()), &["key of metadata entry 1", "1125899906842624 more"]);
    refused(&with(32, &[0xff]), &["key of metadata entry 1", "UTF-8"]);
    refused(&with(33, &99u32.to_le_bytes()), &["metadata k", "value type 99"]);
    // The first tensor: name, dimensions, type, offset.
    let tensor = 24 + 8 + 1 + 4 + 4;
    let (count, dimension, number, offset) = (tensor + 9, tensor + 13, tensor + 21, tensor + 25);
    refused(&with(tensor, &u64::MAX.to_le_bytes()), &["name of tensor 1"]);
    refused(&with(count, &u32::MAX.to_le_bytes()), &["tensor t: 4294967295 dimensions", "at most 4"]);
    refused(&with(dimension, &(1u64 << 60).to_le_bytes()), &["tensor t", "no more than the 64 bytes"]);
    refused(&with(dimension, &33u64.to_le_bytes()), &["rows of 33 elements", "blocks of 32", "q4_0"]);
    refused(&with(number, &4u32.to_le_bytes()), &["tensor t", "type 4"]);
    refused(&with(number, &36u32.to_le_bytes()), &["tensor t", "type 36"]);
    refused(&with(offset, &7u64.to_le_bytes()), &["an offset of 7", "alignment, 32"]);
    refused(&with(offset, &(u64::MAX - 31).to_le_bytes()), &["tensor t", "at offset 18446744073709551584"]);
    refused(&with(offset, &32u64.to_le_bytes()), &["tensor", "elements from byte", "has its own"]);

    let refused_with = |change: &dyn Fn(&mut Gguf), parts: &[&str]| {
        let mut gguf = small();
        change(&mut gguf);
        refused(&gguf.bytes(), parts);
    };
    let array = |item: u32, count: u64| [&item.to_le_bytes()[..], &count.to_le_bytes()].concat();
    refused_with(&|g| g.metadata.push(("k", 7, vec![0])), &["metadata k", "twice"]);
    refused_with(&|g| g.tensors[1].0 = "t", &["tensor t", "twice"]);
    refused_with(&|g| g.metadata[0] = ("a", 9, array(4, u64::MAX)), &["metadata a: 18446744073709551615"]);
    refused_with(&|g| g.metadata[0] = ("a", 9, array(8, 1 << 40)), &["metadata a: 1099511627776"]);
    let deep = array(9, 1).repeat(40);
    refused_with(&|g| g.metadata[0] = ("a", 9, deep.clone()), &["metadata a", "deep"]);
    for wrong in [0u32, 48] {
        let value = wrong.to_le_bytes().to_vec();
        refused_with(&|g| g.metadata[0] = ("general.alignment", 4, value.clone()), &["power of two"]);
    }
    refused_with(&|g| g.metadata[0] = ("general.alignment", 7, vec![1]), &["general.alignment", "type 7"]);
    let product = vec![1u64 << 33, 1 << 33, 1 << 33];
    refused_with(&|g| g.tensors[0].1 = product.clone(), &["tensor t: the shape", "counted"]);
}

/// What the readers promise of every file that they take.
fn sound(bytes: &[u8], tensors: &[Tensor]) {
    let mut end = 0;
    for tensor in tensors {
        assert!(end <= tensor.bytes.start && tensor.bytes.start <= tensor.bytes.end, "{tensor:?}");
        end = tensor.bytes.end;
        if let ElementType::Payload(of) = tensor.element_type {
            assert_eq!(of.elements(tensor.bytes.len()).unwrap(), tensor.elements(), "{tensor:?}");
        }
    }
    assert!(end <= bytes.len());
}

#[test]
fn names_do_not_steer_the_terminal() {
    let name = "a\u{1b}[2Jb\nc\u{9b}d\u{202e}e";
    let shown = r"a\u{1b}[2Jb\nc\u{9b}d\u{202e}e";
    assert_eq!(Shown(name).to_string(), shown);
    assert_eq!(Shown("größer 词 `x`").to_string(), "größer 词 `x`");
    let mut gguf = Gguf::new();
    gguf.tensors = vec![(name, vec![32], 11, vec![0; 14])];
    refused(&gguf.bytes(), &[&format!("tensor {shown}: rows of 32 elements")]);
    let mut gguf = Gguf::new();
    gguf.tensors = vec![(name, vec![256], 16, vec![0; 66])];
    let (_folder, model) = open(&gguf.bytes());
    let error = model.decode(&model.tensors()[0]).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("tensor {shown}: ")), "{text}");
    // It has said all: nothing of it comes again behind it.
    assert_eq!(text.matches("iq2_xxs").count(), 1, "{text}");
    assert!(std::error::Error::source(&error).is_none());
}

/// `data/package.py` wrote the file, and says what is in it.
#[test]
fn a_file_of_the_package_gguf_is_read_with_its_bits() {
    let (folder, model) = open(include_bytes!("../data/package.gguf"));
    assert_eq!((model.format(), model.tensors().len()), (Format::Gguf, 2 * TYPES.len() + 3));
    for of in &TYPES {
        let (blocks, values) = (named(&model, of.name), named(&model, &format!("{}.values", of.name)));
        assert_eq!((blocks.element_type.name(), values.element_type.name()), (of.name, "f32"));
        assert_eq!((&blocks.shape[..], &values.shape[..]), (&[3, 256][..], &[3, 256][..]));
        let bits = |tensor| model.decode(tensor).unwrap().into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert!(bits(blocks) == bits(values), "{}", of.name);
    }
    let cube = named(&model, "cube");
    assert_eq!(cube.shape, [2, 3, 4]);
    assert_eq!(model.decode(cube).unwrap(), (0..24).map(|n| n as f32).collect::<Vec<_>>());
    assert_eq!(named(&model, "ids").element_type, ElementType::Integer("i32"));
    assert_eq!(named(&model, "q2_k").element_type, ElementType::Payload(PayloadType::Q2K));
    drop(folder);
}

#[test]
fn truncated_and_damaged_files_are_refused_or_sound() {
    let mut gguf = Gguf::new();
    gguf.metadata = vec![("a", 9, [&8u32.to_le_bytes()[..], &1u64.to_le_bytes(), &string("x")].concat())];
    gguf.tensors =
        vec![("t", vec![32, 2], 8, TYPES[7].random(1, 64)), ("u", vec![5], 0, singles(&weights(2, 5)))];
    let tensors: [(&str, &str, &[usize], Vec<u8>); 2] =
        [("t", "F32", &[2, 3], singles(&weights(3, 6))), ("u", "BF16", &[4], vec![1; 8])];
    for whole in [gguf.bytes(), safetensors_of(&tensors)] {
        sound(&whole, &parse(&whole).unwrap().1);
        for length in 0..whole.len() {
            assert!(parse(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
        }
        let mut random = Random(4);
        let mut taken = 0;
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..1 + random.next() % 3 {
                let at = random.next() as usize % bytes.len();
                bytes[at] = random.next() as u8;
            }
            if let Ok((_, tensors)) = parse(&bytes) {
                sound(&bytes, &tensors);
                taken += 1;
            }
        }
        // Damage among the elements is not seen, so some are taken; damage in the header is, so many are not.
        assert!((1000..19_000).contains(&taken), "{taken}");
    }
}

#[test]
fn files_that_are_not_there_or_become_shorter() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Model::open(&folder.path().join("none")), Err(ModelError::Io(_))));
    let error = Model::open(folder.path()).unwrap_err().to_string();
    assert_eq!(error, "model file: a folder; expected a safetensors or GGUF file");

    let (folder, model) = open(&safetensors_of(&[("t", "F32", &[1000], singles(&weights(5, 1000)))]));
    let path = folder.path().join("model");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let error = model.decode(&model.tensors()[0]).unwrap_err().to_string();
    assert!(error.contains("shorter"), "{error}");
}

#[test]
fn files_of_other_formats_are_named() {
    for (bytes, named) in [
        (&b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"[..], "Git LFS pointer"),
        (b"\x08\x07\x12\x07pytorch", "ONNX"),
        (b"PK\x03\x04\0\0\0\0\0\0", "zip archive, as PyTorch writes"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9", "pickle"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
    ] {
        let error = parse(bytes).unwrap_err().to_string();
        assert!(error.contains(named) && error.contains("safetensors"), "{error}");
    }
}

#[test]
fn models_in_several_files_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        folder.path().join(name)
    };
    let part =
        |name: &'static str, seed| safetensors_of(&[(name, "F32", &[2, 3], singles(&weights(seed, 6)))]);
    write("m-1.safetensors", &part("a", 1));
    write("m-2.safetensors", &part("b", 2));
    let index = |map: &str| format!(r#"{{"metadata":{{"total_size":48}},"weight_map":{{{map}}}}}"#);
    let whole = r#""b":"m-2.safetensors","a":"m-1.safetensors""#;
    let model = Model::open(&write("m.safetensors.index.json", index(whole).as_bytes())).unwrap();
    for (name, seed) in [("a", 1), ("b", 2)] {
        assert_eq!(model.decode(named(&model, name)).unwrap(), weights(seed, 6));
    }
    for (map, part) in [
        (r#""a":"m-2.safetensors""#, "no tensor a"),
        (r#""a":"../m-1.safetensors""#, "beside it"),
        (r#""a":"m-3.safetensors""#, "m-3.safetensors"),
        ("", "no tensors"),
    ] {
        let error = Model::open(&write("wrong.index.json", index(map).as_bytes())).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }

    let gguf = |name: &'static str, seed| {
        let mut gguf = Gguf::new();
        gguf.tensors = vec![(name, vec![6], 0, singles(&weights(seed, 6)))];
        gguf.bytes()
    };
    let first = write("g-00001-of-00002.gguf", &gguf("a", 3));
    let error = Model::open(&first).unwrap_err().to_string();
    assert!(error.contains("g-00002-of-00002.gguf"), "{error}");
    let second = write("g-00002-of-00002.gguf", &gguf("b", 4));
    for path in [&first, &second] {
        let model = Model::open(path).unwrap();
        assert_eq!(model.decode(named(&model, "a")).unwrap(), weights(3, 6));
        assert_eq!(model.decode(named(&model, "b")).unwrap(), weights(4, 6));
    }
    write("g-00002-of-00002.gguf", &gguf("a", 4));
    assert!(Model::open(&first).unwrap_err().to_string().contains("comes in two files"));
}

#[test]
fn a_type_that_is_not_known_yet_blocks_only_itself() {
    let mut gguf = Gguf::new();
    gguf.tensors = vec![("new", vec![64], 99, vec![7; 40]), ("old", vec![6], 0, singles(&weights(6, 6)))];
    let (_folder, model) = open(&gguf.bytes());
    let new = named(&model, "new");
    assert_eq!((new.element_type.name(), &new.shape[..]), ("a newer type of ggml", &[64][..]));
    assert!(model.decode(new).unwrap_err().to_string().contains("a newer type of ggml"));
    assert_eq!(model.decode(named(&model, "old")).unwrap(), weights(6, 6));
}

#[test]
fn small_and_large_floats_of_safetensors_are_decoded() {
    let doubles: Vec<u8> = [0.1f64, -3.0, 1e300].iter().flat_map(|v| v.to_le_bytes()).collect();
    let (_folder, model) = open(&safetensors_of(&[
        ("a", "F64", &[3], doubles),
        ("b", "F8_E4M3", &[3], vec![0x38, 0xfe, 0x01]),
        ("c", "F8_E5M2", &[3], vec![0x3c, 0xfb, 0x01]),
    ]));
    let of = |name| model.decode(named(&model, name)).unwrap();
    assert_eq!(of("a"), [0.1, -3.0, f32::INFINITY]);
    assert_eq!(of("b"), [1.0, -448.0, 2f32.powi(-9)]);
    assert_eq!(of("c"), [1.0, -57344.0, 2f32.powi(-16)]);
}
