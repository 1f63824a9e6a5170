//! Tensor kernels on every level and for any number of threads, on inputs large enough to be shared: the same bits, as far as
//! their contracts promise them.

use crate::common;

use common::{announce, assert_same, bind, compute, text, uniform, with_specials};
use hart_kernels::registry::{Call, Family, Input, KERNELS, Kernel, Output, Value};
use hart_kernels::tensor::quant::PayloadType;
use hart_kernels::{Compute, Error, Level};

/// Rows of the largest inputs that are not payloads.
const ROWS: usize = 60_000;

/// Payloads that the inputs borrow.
struct Data {
    matrix: Vec<u8>,
    noise: Vec<u8>,
    vectors: Vec<u8>,
    /// As long as an atom, and not negative.
    diagonal: Vec<u8>,
}

/// Rows and columns of the matrix: 2.5 MB.
const SHAPE: (usize, usize) = (1100, 600);
/// Components of [`reconstruct`](inputs): left vectors of 900 and right ones of 700 elements.
const COMPONENTS: usize = 40;

impl Data {
    fn new() -> Data {
        let packed = |v: Vec<f32>| v.into_iter().flat_map(f32::to_le_bytes).collect();
        Data {
            matrix: packed(uniform(1, SHAPE.0 * SHAPE.1)),
            noise: uniform(2, 2_200_000).into_iter().map(|v| (v * 128.0) as i8 as u8).collect(),
            vectors: packed(uniform(3, COMPONENTS * 1600)),
            diagonal: packed(uniform(4, SHAPE.1).into_iter().map(f32::abs).collect()),
        }
    }
}

type Params = Vec<(&'static str, Value)>;

/// Inputs and parameters of a kernel: one or several calls. A kernel that is not here fails.
fn inputs<'a>(kernel: &Kernel, data: &'a Data) -> Vec<(Vec<Input<'a>>, Params)> {
    let whole = || Input::Integers(vec![None]);
    let row = SHAPE.1 * 4;
    let atoms = || data.matrix.chunks(row);
    let numbers = |seed| Input::Floats(uniform(seed, ROWS).into_iter().map(|x| Some(x.into())).collect());
    let positive = |seed| {
        let values = uniform(seed, ROWS).into_iter().map(|x| f64::from(x).abs());
        Input::Floats(values.map(Some).collect())
    };
    let ids = || (0..ROWS as i64).map(|i| Some(i * 7919 % 60_013)).collect::<Vec<_>>();
    let absent = |seed| {
        let values = uniform(seed, ROWS).into_iter().map(|x| Some(f64::from(x)).filter(|x| *x > -0.4));
        Input::Floats(values.collect())
    };
    match kernel.name {
        "tensor_dequantize" => PayloadType::ALL
            .into_iter()
            .map(|of| {
                let size = data.noise.len() / of.block_bytes() * of.block_bytes();
                let inputs = vec![whole(), Input::Binary(vec![Some(&data.noise[..size])])];
                (inputs, vec![("type", text(of.name()))])
            })
            .collect(),
        "tensor_svd" => ["exact", "randomized"]
            .into_iter()
            .map(|method| {
                // The exact method takes its time, so it gets a part.
                let part = if method == "exact" { 200 * row } else { data.matrix.len() };
                let inputs = vec![whole(), Input::Binary(vec![Some(&data.matrix[..part])])];
                let columns = ("columns", Value::Int(SHAPE.1 as i64));
                (inputs, vec![columns, ("rank", Value::Int(9)), ("method", text(method))])
            })
            .collect(),
        "tensor_reconstruct" => {
            let vectors = || data.vectors.chunks(6400);
            let inputs = vec![
                Input::Integers((0..COMPONENTS as i64).map(Some).collect()),
                Input::Integers(vec![None; COMPONENTS]),
                Input::Floats((0..COMPONENTS).map(|k| Some(1.0 / (k + 1) as f64)).collect()),
                Input::Binary(vectors().map(|v| Some(&v[..3600])).collect()),
                Input::Binary(vectors().map(|v| Some(&v[3600..])).collect()),
            ];
            vec![(inputs, vec![])]
        }
        "tensor_synthesize" => {
            let inputs = vec![
                Input::Integers((0..SHAPE.0 as i64).map(|i| Some(-i)).collect()),
                Input::Integers(vec![None; SHAPE.0]),
                Input::Floats((0..SHAPE.0).map(|i| Some(i as f64 / 3.0 - 99.0)).collect()),
                Input::Binary(atoms().map(Some).collect()),
            ];
            vec![(inputs, vec![])]
        }
        "tensor_coefficients" => [1100, 500]
            .into_iter()
            .map(|count| {
                // More atoms than elements, and fewer; the first row is the layer.
                let inputs = vec![
                    Input::Integers((0..count).map(|i| Some(i).filter(|i| *i > 0)).collect()),
                    Input::Integers(vec![None; count as usize]),
                    Input::Binary(atoms().take(count as usize).map(|a| Some(&a[..1600])).collect()),
                ];
                (inputs, vec![])
            })
            .collect(),
        "tensor_error" => {
            let (a, b) = data.matrix.split_at(data.matrix.len() / 2);
            let inputs = vec![whole(), Input::Binary(vec![Some(a)]), Input::Binary(vec![Some(b)])];
            vec![(inputs, vec![])]
        }
        "tensor_importance" => ["singular_value", "magnitude", "fisher"]
            .into_iter()
            .map(|measure| {
                let count = SHAPE.0 - 1;
                let inputs = vec![
                    Input::Integers((0..count as i64).map(|i| Some(i * 31 % 1103)).collect()),
                    Input::Integers(vec![None; count]),
                    Input::Floats((0..count).map(|i| Some(i as f64 - 70.0)).collect()),
                    Input::Binary(atoms().take(count).map(Some).collect()),
                    Input::Binary(vec![Some(&data.diagonal); count]),
                ];
                (inputs, vec![("measure", text(measure))])
            })
            .collect(),
        "tensor_prune" => [("ratio", 0.3), ("threshold", 0.5), ("error", 0.2)]
            .into_iter()
            .map(|(target, value)| {
                let inputs = vec![Input::Id(Some(ids())), positive(4), positive(5)];
                (inputs, vec![("target", text(target)), ("value", Value::Float(value))])
            })
            .collect(),
        "tensor_compare" => {
            let layers = (0..ROWS).map(|i| Some(format!("layer {}", i % 7))).collect();
            let inputs = vec![Input::Texts(layers), Input::Integers(ids()), numbers(6), absent(7)];
            vec![(inputs, vec![])]
        }
        "tensor_drift" => vec![(vec![Input::Id(Some(ids())), absent(8), absent(9)], vec![])],
        name => panic!("{name} has no input here"),
    }
}

fn run(kernel: &'static Kernel, compute: Compute, data: &Data, call: usize) -> Result<Output, Error> {
    let (inputs, params) = inputs(kernel, data).swap_remove(call);
    let rows = match &inputs[1] {
        Input::Integers(v) => v.len(),
        Input::Floats(v) => v.len(),
        Input::Binary(v) => v.len(),
        _ => panic!("{}", kernel.name),
    };
    (kernel.run)(&Call::new(kernel, rows, inputs, bind(kernel, &params)?, compute)?)
}

#[test]
fn tensors_have_the_same_bits_on_every_level_and_for_any_number_of_threads() {
    announce("tensors_have_the_same_bits_on_every_level_and_for_any_number_of_threads");
    let data = Data::new();
    let pools =
        [1, 2, 3, 8].map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    let mut promised = 0;
    for kernel in KERNELS.iter().filter(|k| k.family == Family::Tensor) {
        for call in 0..inputs(kernel, &data).len() {
            let expected = pools[0].install(|| run(kernel, compute(), &data, call));
            assert!(expected.is_ok(), "{}: {:?}", kernel.name, expected.as_ref().err());
            let context = |what: String| format!("{}, call {call}, {what}", kernel.name);
            for pool in &pools[1..] {
                let got = pool.install(|| run(kernel, compute(), &data, call));
                assert_same(&expected, &got, &context(format!("{} threads", pool.current_num_threads())));
            }
            if kernel.accuracy.contains("on every machine") {
                promised += 1;
                for level in Level::available() {
                    let got = pools[1].install(|| run(kernel, compute().level(level), &data, call));
                    assert_same(&expected, &got, &context(level.name().into()));
                }
            }
        }
    }
    assert!(promised >= 8, "{promised} calls of kernels that promise the same bits on every machine");
}

#[test]
fn payloads_with_special_numbers_are_added_and_compared_alike() {
    for level in Level::available() {
        let compute = compute().level(level);
        for n in [1, 31, 32, 33, 4097] {
            let atom = with_specials(n as u32, n, true);
            let sum = hart_kernels::tensor::synthesize_with(compute, &[(1.0, &atom)]).unwrap();
            // −0 becomes the first sum's +0.
            assert!(sum.iter().zip(&atom).all(|(s, a)| s == a), "{}, n = {n}", level.name());
        }
    }
}
