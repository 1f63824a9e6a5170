//! The optional column of rows that a search leaves out.

use crate::common;

use common::{bind, compute, hash, uniform};
use hart_kernels::registry::{Call, Input, KERNELS, Kernel, Output, Value, Values, find};
use hart_kernels::{Element, Error, Vectors};

const ROWS: usize = 300;
const N: usize = 24;

/// Codes of rows, as a kernel gives them.
fn codes(vectors: &Vectors<'_>) -> Vec<Option<Vec<u8>>> {
    let output = common::call("vector_quantize", compute(), std::slice::from_ref(vectors), &[]).unwrap();
    let [Values::Packed(packed)] = &output.columns[..] else { panic!("bytes") };
    packed.rows().map(|row| row.map(<[u8]>::to_vec)).collect()
}

/// Runs a search over rows of which some are NULL, or left out.
fn search(
    kernel: &'static Kernel,
    null: impl Fn(usize) -> bool,
    left_out: Option<Vec<Option<f64>>>,
) -> Result<Output, Error> {
    let numbers = uniform(5, ROWS * N);
    let bytes: &[u8] = bytemuck::cast_slice(&numbers);
    let lengths = |size: i32| (0..ROWS).map(|i| if null(i) { -1 } else { size }).collect::<Vec<_>>();
    let packed: Vec<u8> = bytes
        .chunks(4 * N)
        .enumerate()
        .filter(|(i, _)| !null(*i))
        .flat_map(|(_, row)| row.to_vec())
        .collect();
    let vectors = Vectors::packed("v", Element::F32, &packed, &lengths(4 * N as i32)).unwrap();
    let coded = codes(&vectors);
    let rows = match kernel.inputs[1].name {
        "v" => Input::Vectors(vectors.clone()),
        "code" => Input::Binary(coded.iter().map(Option::as_deref).collect()),
        _ => {
            Input::Binary(bytes.chunks(4 * N).enumerate().map(|(i, row)| (!null(i)).then_some(row)).collect())
        }
    };
    let ids = (0..ROWS as u32).map(|i| Some(i64::from(hash(3, i) % 50))).collect();
    let mut inputs = vec![Input::Id(Some(ids)), rows];
    inputs.extend(left_out.map(Input::Floats));
    let mut params = vec![("query", Value::Bytes(bytes[..8 * N].to_vec())), ("query_count", Value::Int(2))];
    if kernel.params.iter().any(|param| param.name == "max_distance") {
        params.push(("max_distance", Value::Float(0.9)));
    }
    (kernel.run)(&Call::new(kernel, ROWS, inputs, bind(kernel, &params)?, compute())?)
}

#[test]
fn rows_left_out_are_as_if_they_were_null() {
    let searches: Vec<_> = KERNELS.iter().filter(|k| !k.optional.is_empty()).collect();
    let names: Vec<_> = searches.iter().map(|k| k.name).collect();
    assert_eq!(names, ["vector_candidates", "vector_range", "vector_top_k", "vector_top_k_bits"]);
    for kernel in searches {
        let plain = search(kernel, |_| false, None).unwrap();
        assert!(!plain.picked.as_ref().unwrap().is_empty());
        // Numbers other than 0 leave out, NULL does not.
        let flag = |i: usize| match i % 4 {
            0 => Some(1.0),
            1 => Some(-0.5),
            2 => None,
            _ => Some(0.0),
        };
        let all = |flag: &dyn Fn(usize) -> Option<f64>| Some((0..ROWS).map(flag).collect());
        let expected = search(kernel, |i| i % 4 < 2, None).unwrap();
        assert_eq!(search(kernel, |_| false, all(&flag)).unwrap(), expected, "{}", kernel.name);
        assert_ne!(expected, plain, "{}: the filter left nothing out", kernel.name);
        assert_eq!(search(kernel, |_| false, all(&|_| None)).unwrap(), plain, "{}", kernel.name);
        let none = search(kernel, |_| false, all(&|_| Some(1.0))).unwrap();
        assert_eq!(none.picked, Some(Vec::new()), "{}", kernel.name);
    }
}

#[test]
fn a_filter_of_another_type_or_length_is_refused() {
    let kernel = find("vector_top_k").unwrap();
    let error = search(kernel, |_| false, Some(vec![None; 3])).unwrap_err().to_string();
    assert!(error.starts_with("expected input columns id int64, v vector [, left_out float64]"), "{error}");
}
