//! The eleven vector functions and the payload decoders against inputs and outputs recorded from the SQLCLR assembly that
//! they replace.

use crate::common;

use common::columns::Column;
use common::recorded::golden;
use common::{call, compute, uniform};
use hart_kernels::registry::{Value, Values};
use hart_kernels::tensor::quant::{self, PayloadType};
use hart_kernels::{Element, Error, vector};
use serde_json::Value as Json;

/// A function of the original and the kernel in its place, with its number parameter.
const FUNCTIONS: [(&str, &str, Option<&str>); 11] = [
    ("VectorDotProduct", "vector_dot_product", None),
    ("VectorCosineSimilarity", "vector_cosine_similarity", None),
    ("VectorEuclideanDistance", "vector_euclidean_distance", None),
    ("VectorNorm", "vector_norm", None),
    ("VectorNormalize", "vector_normalize", None),
    ("VectorAdd", "vector_add", None),
    ("VectorSubtract", "vector_subtract", None),
    ("VectorScale", "vector_scale", Some("factor")),
    ("VectorLerp", "vector_lerp", Some("t")),
    ("VectorSoftmax", "vector_softmax", None),
    ("VectorArgMax", "vector_arg_max", None),
];

/// Ways in which a result may differ on purpose. `docs/CLR-DIFFERENCES.md` says the same to users.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reason {
    /// The original raised an exception because its result type holds neither NaN nor infinity: the result follows
    /// IEEE 754 here.
    NotFinite,
    /// A sum of squares or products overflowed single precision in the original: finite here.
    Overflow,
    /// A sum of squares or products vanished in single precision: right here.
    Underflow,
    /// NaN in front hid all other components: never the greatest here.
    LeadingNan,
    /// NULL for the number: a parameter that is missing here, because it belongs to the call and not to a row.
    NullNumber,
}

/// Every deliberate difference: function, arguments (packed bytes in hexadecimal, or as JSON) and reason. An entry that no longer
/// differs fails.
const DIFFERENCES: &[(&str, &[&str], Reason)] = &[
    ("VectorDotProduct", &[NAN_FIRST, ONES], Reason::NotFinite),
    ("VectorDotProduct", &[INFINITY_FIRST, ONES], Reason::NotFinite),
    ("VectorDotProduct", &[HUGE, HUGE_FIRST], Reason::Overflow),
    ("VectorDotProduct", &[TINY, TINY], Reason::Underflow),
    ("VectorCosineSimilarity", &[NAN_FIRST, ONES], Reason::NotFinite),
    ("VectorCosineSimilarity", &[INFINITY_FIRST, ONES], Reason::NotFinite),
    ("VectorCosineSimilarity", &[HUGE, HUGE_FIRST], Reason::Overflow),
    ("VectorCosineSimilarity", &[TINY, TINY], Reason::Underflow),
    ("VectorEuclideanDistance", &[NAN_FIRST, ONES], Reason::NotFinite),
    ("VectorEuclideanDistance", &[INFINITY_FIRST, ONES], Reason::NotFinite),
    ("VectorEuclideanDistance", &[HUGE, HUGE_FIRST], Reason::Overflow),
    ("VectorNorm", &["0000C0FF0000803F00000040"], Reason::NotFinite),
    ("VectorNorm", &["0000803F0000C0FF00000040"], Reason::NotFinite),
    ("VectorNorm", &["0000803F0000807F00000040"], Reason::NotFinite),
    ("VectorNorm", &["000080FF000080FF"], Reason::NotFinite),
    ("VectorNorm", &["E6B1617FE6B1617FE6B161FF"], Reason::Overflow),
    ("VectorNorm", &["6042A20D6042220E"], Reason::Underflow),
    ("VectorNorm", &["0100000000000000"], Reason::Underflow),
    ("VectorNormalize", &["E6B1617FE6B1617FE6B161FF"], Reason::Overflow),
    ("VectorNormalize", &["6042A20D6042220E"], Reason::Underflow),
    ("VectorNormalize", &["0100000000000000"], Reason::Underflow),
    ("VectorArgMax", &["0000C0FF0000803F00000040"], Reason::LeadingNan),
    ("VectorScale", &["0000803F0000004000004040", "null"], Reason::NullNumber),
    ("VectorLerp", &["0000803F0000004000004040", "000000000000000000000000", "null"], Reason::NullNumber),
];
const NAN_FIRST: &str = "0000C0FF0000803F";
const INFINITY_FIRST: &str = "0000807F0000803F";
const ONES: &str = "0000803F0000803F";
const HUGE: &str = "E6B1617FE6B1617F";
const HUGE_FIRST: &str = "E6B1617F0000803F";
const TINY: &str = "6042A20D6042A20D";

fn list(json: &Json) -> &Vec<Json> {
    json.as_array().unwrap_or_else(|| panic!("expected a list, found {json}"))
}

/// A number of the recording: NaN and infinities are words.
fn number(json: &Json) -> f64 {
    match json.as_str() {
        Some(word) => word.parse().unwrap_or_else(|_| panic!("{word} is not a number")),
        None => json.as_f64().unwrap_or_else(|| panic!("expected a number, found {json}")),
    }
}

fn singles(json: &Json) -> Vec<f32> {
    list(json).iter().map(|v| number(v) as f32).collect()
}

fn doubles(values: &[f32]) -> impl Iterator<Item = f64> + '_ {
    values.iter().map(|v| f64::from(*v))
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// Whether two lists of singles have the same bits, NaN being equal to NaN.
fn same(a: &[f32], b: &[f32]) -> bool {
    let equal = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    a.len() == b.len() && a.iter().zip(b).all(equal)
}

/// Whether all components agree within a relative error.
fn near(a: &[f32], b: &[f32], relative: f64) -> bool {
    let close = |(a, b): (f64, f64)| {
        (a - b).abs() <= relative * b.abs() || (a.is_nan() && b.is_nan()) || a.to_bits() == b.to_bits()
    };
    a.len() == b.len() && doubles(a).zip(doubles(b)).all(close)
}

#[test]
fn the_generator_is_that_of_the_recording() {
    let golden = golden();
    let check = &golden["meta"]["generator_check"];
    let seed = check["seed"].as_u64().unwrap() as u32;
    let bits: Vec<u64> = (0..4).map(|i| u64::from(common::hash(seed, i))).collect();
    assert_eq!(bits, list(&check["u_first4"]).iter().map(|v| v.as_u64().unwrap()).collect::<Vec<_>>());
    assert_eq!(uniform(seed, 4), singles(&check["x_first4"]));
}

#[test]
fn ordinary_vectors_give_the_exact_results_within_the_suggested_tolerances() {
    let golden = golden();
    let cases = list(&golden["vector_ops"]);
    assert!(!cases.is_empty());
    for case in cases {
        let dim = case["dim"].as_u64().unwrap() as usize;
        let seed = |name: &str| case[name].as_u64().unwrap() as u32;
        let (a, b) = (uniform(seed("seed_a"), dim), uniform(seed("seed_b"), dim));
        if case.get("a").is_some_and(Json::is_array) {
            assert_eq!((&a, &b), (&singles(&case["a"]), &singles(&case["b"])));
        }
        let exact = |name: &str| number(&case[name]["exact"]);
        let close = |name: &str, got: f64, allowed: f64| {
            let expected = exact(name);
            assert!((got - expected).abs() <= allowed, "{name}, {dim}: {got} instead of {expected}");
        };
        let terms: f64 = doubles(&a).zip(doubles(&b)).map(|(a, b)| (a * b).abs()).sum();
        close("dot", vector::dot_product(&a, &b).unwrap(), 2e-7 * terms);
        close("cosine", vector::cosine_similarity(&a, &b).unwrap(), 3e-7);
        close("euclidean", vector::euclidean_distance(&a, &b).unwrap(), 1e-6 * exact("euclidean"));
        close("norm_a", vector::norm(&a), 1e-6 * exact("norm_a"));
        close("norm_b", vector::norm(&b), 1e-6 * exact("norm_b"));

        let (factor, t) = (number(&case["scale_by"]), number(&case["lerp_t"]));
        let measured = |name: &str| singles(&case[name]);
        assert!(same(&vector::add(&a, &b).unwrap(), &measured("add")), "add, {dim}");
        assert!(same(&vector::subtract(&a, &b).unwrap(), &measured("subtract")), "subtract, {dim}");
        assert!(same(&vector::scale(&a, factor), &measured("scale_a")), "scale, {dim}");
        assert!(same(&vector::lerp(&a, &b, t).unwrap(), &measured("lerp")), "lerp, {dim}");
        assert!(near(&vector::normalize(&a), &measured("normalize_a"), 1e-6), "normalize, {dim}");
        assert!(near(&vector::softmax(&a), &measured("softmax_a"), 5e-7), "softmax, {dim}");
        assert_eq!(vector::arg_max(&a).map(|i| i as u64), case["argmax_a"].as_u64(), "argmax, {dim}");
    }
}

/// A result, in the terms of the recording.
#[derive(Debug)]
enum Outcome {
    Null,
    Number(f64),
    Vector(Vec<f32>),
    Error(String),
}

fn recorded(json: &Json) -> Outcome {
    if json.is_null() {
        Outcome::Null
    } else if let Some(text) = json.get("hex") {
        Outcome::Vector(floats_of(&hex(text.as_str().unwrap())))
    } else if let Some(class) = json.get("error") {
        Outcome::Error(class.as_str().unwrap().into())
    } else {
        Outcome::Number(number(json))
    }
}

fn floats_of(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Calls the kernel in the place of `function` with the arguments of the recording.
fn replay(function: &str, arguments: &[Json]) -> Outcome {
    let (_, kernel, parameter) =
        FUNCTIONS.iter().find(|(name, ..)| *name == function).expect("a function replaced");
    let mut columns = Vec::new();
    let mut params = Vec::new();
    let vectors = arguments.len() - usize::from(parameter.is_some());
    for argument in &arguments[..vectors] {
        let bytes = argument.get("hex").map(|text| hex(text.as_str().unwrap()));
        let length = bytes.as_ref().map_or(-1, |b| b.len() as i32);
        columns.push(Column::from_bytes(Element::F32, &bytes.unwrap_or_default(), vec![length], 3));
    }
    if let Some(name) = parameter {
        let value = &arguments[vectors];
        params.push((*name, if value.is_null() { Value::Null } else { Value::Float(number(value)) }));
    }
    let outcome = || {
        let vectors: Result<Vec<_>, Error> =
            columns.iter().zip(["a", "b"]).map(|(c, name)| c.try_vectors(name)).collect();
        call(kernel, compute(), &vectors?, &params)
    };
    match outcome() {
        Err(error) => Outcome::Error(error.to_string()),
        Ok(output) => match &output.columns[0] {
            Values::Float(v) => v[0].map_or(Outcome::Null, Outcome::Number),
            Values::Int(v) => v[0].map_or(Outcome::Null, |i| Outcome::Number(f64::from(i))),
            Values::Vectors(v) if v.lengths[0] < 0 => Outcome::Null,
            Values::Vectors(v) => Outcome::Vector(floats_of(&v.bytes)),
            other => panic!("{kernel} gives {other:?}"),
        },
    }
}

/// Whether a result is that of the original, within the suggested tolerances.
fn agrees(function: &str, ours: &Outcome, theirs: &Outcome) -> bool {
    match (ours, theirs) {
        (Outcome::Null, Outcome::Null) => true,
        (Outcome::Number(ours), Outcome::Number(theirs)) => match function {
            "VectorArgMax" => ours == theirs,
            _ => (ours - theirs).abs() <= 1e-6 * theirs.abs(),
        },
        (Outcome::Vector(ours), Outcome::Vector(theirs)) => match function {
            "VectorNormalize" => near(ours, theirs, 1e-6),
            "VectorSoftmax" => near(ours, theirs, 5e-7),
            _ => same(ours, theirs),
        },
        // The exception class was all that the original said of wrong lengths.
        (Outcome::Error(text), Outcome::Error(class)) if class == "ArgumentException" => {
            let mismatch = text.contains(" dimensions, but column a has ");
            let odd = text.contains(" bytes are not a whole number of f32 elements");
            (mismatch || odd) && text.starts_with("column ") && text.contains("row 1")
        }
        _ => false,
    }
}

/// Whether a difference is of the kind that its reason says.
fn explained(reason: Reason, function: &str, arguments: &[Json], ours: &Outcome, theirs: &Outcome) -> bool {
    let overflowed = matches!(theirs, Outcome::Error(class) if class == "OverflowException");
    let vectors: Vec<Vec<f64>> = arguments
        .iter()
        .filter_map(|a| Some(doubles(&floats_of(&hex(a.get("hex")?.as_str()?))).collect()))
        .collect();
    let finite = vectors.iter().flatten().all(|x| x.is_finite());
    let right =
        |exact: f64| matches!(ours, Outcome::Number(got) if (got - exact).abs() <= 1e-7 * exact.abs());
    let a = &vectors[0];
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    // Double precision holds every sum of squares of singles.
    let is_right = || match function {
        "VectorDotProduct" => right(dot(a, &vectors[1])),
        "VectorCosineSimilarity" => right(dot(a, &vectors[1]) / (norm(a) * norm(&vectors[1]))),
        "VectorEuclideanDistance" => {
            right(norm(&a.iter().zip(&vectors[1]).map(|(a, b)| a - b).collect::<Vec<_>>()))
        }
        "VectorNorm" => right(norm(a)),
        "VectorNormalize" => {
            let unit: Vec<f32> = a.iter().map(|x| (x / norm(a)) as f32).collect();
            matches!(ours, Outcome::Vector(got) if near(got, &unit, 1e-7))
        }
        _ => false,
    };
    match reason {
        Reason::NotFinite => overflowed && !finite && matches!(ours, Outcome::Number(v) if !v.is_finite()),
        Reason::Overflow => {
            let zeroed = matches!(theirs, Outcome::Vector(v) if v.iter().all(|x| *x == 0.0));
            finite && (overflowed || zeroed) && is_right()
        }
        Reason::Underflow => {
            let vanished = match theirs {
                Outcome::Number(v) => *v == 0.0,
                Outcome::Vector(v) => *v == floats_of(&hex(arguments[0]["hex"].as_str().unwrap())),
                _ => false,
            };
            finite && vanished && is_right()
        }
        Reason::LeadingNan => {
            a[0].is_nan() && matches!((ours, theirs), (Outcome::Number(i), Outcome::Number(0.0)) if *i > 0.0)
        }
        Reason::NullNumber => {
            let missing = matches!(ours, Outcome::Error(text) if text.starts_with("parameter ") && text.contains("missing"));
            missing && matches!(theirs, Outcome::Null) && arguments.last().is_some_and(Json::is_null)
        }
    }
}

#[test]
fn edge_cases_agree_except_for_the_listed_differences() {
    let golden = golden();
    let mut met = vec![false; DIFFERENCES.len()];
    let mut functions = vec![false; FUNCTIONS.len()];
    for case in list(&golden["vector_edge"]) {
        let function = case["fn"].as_str().unwrap();
        let arguments = list(&case["args"]);
        functions[FUNCTIONS.iter().position(|(name, ..)| *name == function).expect("a function replaced")] =
            true;
        let (ours, theirs) = (replay(function, arguments), recorded(&case["result"]));
        let spelled =
            |a: &Json| a.get("hex").map_or(a.to_string(), |bytes| bytes.as_str().unwrap().to_string());
        let texts: Vec<String> = arguments.iter().map(spelled).collect();
        let listed = DIFFERENCES.iter().position(|(name, args, _)| *name == function && *args == texts);
        let differs = !agrees(function, &ours, &theirs);
        match listed {
            None => assert!(!differs, "{case}: {ours:?}, the original gave {theirs:?}"),
            Some(entry) => {
                let reason = DIFFERENCES[entry].2;
                assert!(differs, "{case}: listed as {reason:?}, but it no longer differs");
                assert!(
                    explained(reason, function, arguments, &ours, &theirs),
                    "{case}: {ours:?} is not {reason:?}"
                );
                met[entry] = true;
            }
        }
    }
    assert!(functions.iter().all(|met| *met), "a function has no case");
    for (entry, met) in DIFFERENCES.iter().zip(met) {
        assert!(met, "{entry:?} is listed, but no case of the recording has these arguments");
    }
}

#[test]
fn legacy_payloads_give_the_recorded_elements() {
    let golden = golden();
    let mut tested = Vec::new();
    for case in list(&golden["dequantizers"]["cases"]) {
        let name = case["type"].as_str().unwrap().to_lowercase();
        // Halves and singles are stored in the same way in both.
        let name = if name.starts_with('q') { format!("legacy_{name}") } else { name };
        let payload_type = PayloadType::parse(&name).unwrap();
        let block = payload_type.block_bytes();
        assert_eq!(block as u64, case["block_bytes"].as_u64().unwrap(), "{name}");
        let bytes = hex(case["bytes_hex"].as_str().unwrap());
        let whole = bytes.len() / block * block;
        let got = quant::decode(payload_type, &bytes[..whole]).unwrap();
        if whole == bytes.len() {
            assert!(same(&got, &singles(&case["values"])), "{name}: {got:?}");
            tested.push(payload_type);
        } else {
            // The original ignored the bytes behind the last block, or gave nothing at all for singles: an error here.
            assert!(matches!(quant::decode(payload_type, &bytes), Err(Error::Payload { .. })), "{name}");
        }
    }
    let all = PayloadType::ALL.into_iter().filter(|t| t.name().starts_with("legacy_"));
    for payload_type in all.chain([PayloadType::F32, PayloadType::F16]) {
        assert!(tested.contains(&payload_type), "{} is not in the recording", payload_type.name());
    }
}
