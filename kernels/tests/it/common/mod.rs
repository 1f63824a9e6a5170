//! What the integration tests share: data, columns of any alignment, calls by name and a wider oracle.
#![allow(dead_code)] // Tests that are a process of their own use a part of it.

pub(crate) mod climb;
pub(crate) mod column;
pub(crate) mod columns;
pub(crate) mod decimal;
pub(crate) mod exact;
pub(crate) mod example;
pub(crate) mod imports;
pub(crate) mod real;
pub(crate) mod recorded;
pub(crate) mod wide;

use hart_kernels::registry::{
    self, Call, Family, Input, Kernel, Kind, Output, ParamKind, Params, Streaming, Value, Values,
};
use hart_kernels::{Compute, Element, Error, Level, Vectors};

/// The largest peak of memory of this process so far, in MiB, on Linux.
pub(crate) fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// The layer in the one row of a kernel's result.
pub(crate) fn layer(output: &Output) -> Vec<f32> {
    let [Values::BigInt(chunk), Values::Packed(payload)] = output.columns.as_slice() else {
        panic!("{output:?}")
    };
    assert_eq!((&chunk[..], &payload.lengths[..]), (&[Some(0)][..], &[payload.bytes.len() as i32][..]));
    let (singles, rest) = payload.bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    singles.iter().map(|s| f32::from_le_bytes(*s)).collect()
}

/// Lengths around every multiple of a block, and the dimensions of common embedding models.
pub(crate) const COMMON_DIMENSIONS: [usize; 5] = [384, 768, 1024, 1536, 1998];

/// All lengths from 0 to 300, and the common ones.
pub(crate) fn lengths() -> impl Iterator<Item = usize> {
    (0..=300).chain(COMMON_DIMENSIONS)
}

/// Pseudo-random 32-bit numbers: number `i` of the sequence `seed`.
pub(crate) fn hash(seed: u32, i: u32) -> u32 {
    let mut u = i.wrapping_mul(2_654_435_761).wrapping_add(seed);
    u ^= u >> 16;
    u = u.wrapping_mul(0x85EB_CA6B);
    u ^= u >> 13;
    u = u.wrapping_mul(0xC2B2_AE35);
    u ^ (u >> 16)
}

/// `n` singles, uniform in [−1, 1): the generator of the golden data.
pub(crate) fn uniform(seed: u32, n: usize) -> Vec<f32> {
    (0..n as u32).map(|i| (f64::from(hash(seed, i)) / 2_147_483_648.0 - 1.0) as f32).collect()
}

/// `n` numbers of both signs whose magnitudes spread over 2^−`powers` … 2^`powers`.
pub(crate) fn spread(seed: u32, n: usize, powers: i32) -> Vec<f32> {
    let exponents = (0..n as u32).map(|i| hash(seed ^ 0x5EED, i) % (2 * powers as u32 + 1));
    let scales = exponents.map(|e| 2f32.powi(e as i32 - powers));
    uniform(seed, n).into_iter().zip(scales).map(|(v, scale)| v * scale).collect()
}

/// Numbers that break naive code: not finite, zero of both signs, subnormal, tiny and huge ones.
pub(crate) const SPECIAL: [f32; 16] = [
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    0.0,
    -0.0,
    1e-45,
    -1e-45,
    1e-38,
    f32::MIN_POSITIVE,
    1e-30,
    -1e-30,
    3e38,
    -3e38,
    f32::MAX,
    f32::MIN,
    1.0,
];

/// Ordinary numbers with special ones among them: NaN and infinities only if not `finite`.
pub(crate) fn with_specials(seed: u32, n: usize, finite: bool) -> Vec<f32> {
    let mut values = uniform(seed, n);
    for (i, value) in values.iter_mut().enumerate() {
        let pick = hash(seed.wrapping_add(77), i as u32);
        let special = SPECIAL[(pick >> 8) as usize % SPECIAL.len()];
        if pick.is_multiple_of(3) && (special.is_finite() || !finite) {
            *value = special;
        }
    }
    values
}

/// Prints where the tests run and checks that a demanded level is there: [`Level::from_environment`] fails otherwise.
pub(crate) fn announce(test: &str) {
    let level = Level::from_environment().expect("the level that the environment demands");
    let available: Vec<_> = Level::available().into_iter().map(Level::name).collect();
    println!(
        "{test}: level {}, available {available:?}, target {}-{}",
        level.name(),
        std::env::consts::ARCH,
        std::env::consts::OS
    );
}

/// The fastest level of this machine with the default accumulation.
pub(crate) fn compute() -> Compute {
    Compute::new()
}

/// A text value.
pub(crate) fn text(word: &str) -> Value {
    Value::Text(word.into())
}

/// Binds parameters given with borrowed names.
pub(crate) fn bind(kernel: &'static Kernel, params: &[(&str, Value)]) -> Result<Params, Error> {
    let given: Vec<_> = params.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect();
    Params::bind(kernel, &given)
}

/// Calls a kernel by name; the ids are 1, 2, 3, …
pub(crate) fn call(
    name: &str,
    compute: Compute,
    columns: &[Vectors<'_>],
    params: &[(&str, Value)],
) -> Result<Output, Error> {
    let rows = columns.first().map_or(0, Vectors::len);
    call_with_ids(name, compute, columns, Some((1..=rows as i64).map(Some).collect()), params)
}

/// Calls a kernel by name with the ids given.
pub(crate) fn call_with_ids(
    name: &str,
    compute: Compute,
    columns: &[Vectors<'_>],
    ids: Option<Vec<Option<i64>>>,
    params: &[(&str, Value)],
) -> Result<Output, Error> {
    let kernel = registry::find(name)?;
    let mut vectors = columns.iter();
    let inputs = kernel
        .inputs
        .iter()
        .map(|column| match column.kind {
            Kind::Id => Input::Id(ids.clone()),
            _ => Input::Vectors(vectors.next().expect("a vector for each declared column").clone()),
        })
        .collect();
    let rows = columns.first().map_or(0, Vectors::len);
    (kernel.run)(&Call::new(kernel, rows, inputs, bind(kernel, params)?, compute)?)
}

/// Calls a kernel by name with inputs of any kind; the ids, where it takes any, are 1, 2, 3, …
pub(crate) fn call_columns(
    name: &str,
    compute: Compute,
    columns: Vec<Input<'_>>,
    params: &[(&str, Value)],
) -> Result<Output, Error> {
    let kernel = registry::find(name)?;
    let rows = match columns.first() {
        Some(Input::Vectors(v)) => v.len(),
        Some(Input::Integers(v)) => v.len(),
        Some(Input::Floats(v)) => v.len(),
        Some(Input::Texts(v)) => v.len(),
        Some(Input::Binary(v)) => v.len(),
        Some(Input::Id(_)) | None => 0,
    };
    let ids = kernel.inputs.iter().filter(|column| column.kind == Kind::Id);
    let ids = ids.map(|_| Input::Id(Some((1..=rows as i64).map(Some).collect())));
    let inputs = ids.chain(columns).collect();
    (kernel.run)(&Call::new(kernel, rows, inputs, bind(kernel, params)?, compute)?)
}

/// The doubles of the only result column.
pub(crate) fn floats(output: Output) -> Vec<Option<f64>> {
    match output.columns.into_iter().next() {
        Some(Values::Float(values)) => values,
        other => panic!("expected doubles, found {other:?}"),
    }
}

/// The integers of the only result column.
pub(crate) fn ints(output: Output) -> Vec<Option<i32>> {
    match output.columns.into_iter().next() {
        Some(Values::Int(values)) => values,
        other => panic!("expected integers, found {other:?}"),
    }
}

/// The vectors of the only result column, and their element type.
pub(crate) fn rows(output: Output) -> (Element, Vec<Option<Vec<f64>>>) {
    match output.columns.into_iter().next() {
        Some(Values::Vectors(packed)) => {
            (packed.element, (0..packed.lengths.len()).map(|i| packed.row(i)).collect())
        }
        other => panic!("expected vectors, found {other:?}"),
    }
}

/// Whether a kernel of the vector family takes vectors of any content, each row or pair by itself: the loops over the
/// registry give such kernels rows that NaN is among.
pub(crate) fn takes_any_rows(kernel: &Kernel) -> bool {
    kernel.family == Family::Vector
        && !matches!(kernel.streaming, Streaming::Whole(_))
        && kernel.inputs.iter().all(|column| matches!(column.kind, Kind::Id | Kind::Vector))
}

/// Whether a kernel has a parameter that must be given a vector.
pub(crate) fn wants_a_vector(kernel: &Kernel) -> bool {
    kernel.params.iter().any(|param| param.kind == ParamKind::Vector && param.default.is_none())
}

/// Every combination of a kernel's choices, with a value for each parameter that has no default, except vectors.
pub(crate) fn variants(kernel: &'static Kernel) -> Vec<Vec<(&'static str, Value)>> {
    let mut all = vec![Vec::new()];
    for param in kernel.params {
        let values = match param.kind {
            ParamKind::Choice(words) => words.iter().map(|word| text(word)).collect(),
            ParamKind::Float { .. } if param.default.is_none() => vec![Value::Float(0.3)],
            ParamKind::Int { min, max } if param.default.is_none() => vec![Value::Int(min.max(2).min(max))],
            _ => continue,
        };
        all = all
            .iter()
            .flat_map(|chosen: &Vec<(&'static str, Value)>| {
                values.iter().map(|value| {
                    let mut chosen = chosen.clone();
                    chosen.push((param.name, value.clone()));
                    chosen
                })
            })
            .collect();
    }
    all
}

/// The element type that a variant of parameters asks for.
pub(crate) fn element_of(params: &[(&str, Value)]) -> Element {
    match params.iter().find(|(name, _)| *name == "element") {
        Some((_, Value::Text(word))) => Element::parse(word).expect("a declared element type"),
        _ => Element::default(),
    }
}

/// Whether two doubles have the same bits, any NaN being equal to any other.
pub(crate) fn same_bits(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// Checks that two results of a kernel agree bit for bit, any NaN being equal to any other.
pub(crate) fn assert_same(expected: &Result<Output, Error>, got: &Result<Output, Error>, context: &str) {
    let (expected, got) = match (expected, got) {
        (Ok(expected), Ok(got)) => (expected, got),
        _ => {
            assert_eq!(expected, got, "{context}");
            return;
        }
    };
    assert_eq!(expected.picked, got.picked, "{context}: rows");
    assert_eq!(expected.columns.len(), got.columns.len(), "{context}: columns");
    for (expected, got) in expected.columns.iter().zip(&got.columns) {
        match (expected, got) {
            (Values::Float(expected), Values::Float(got)) => {
                assert_eq!(expected.len(), got.len(), "{context}");
                for (row, (expected, got)) in expected.iter().zip(got).enumerate() {
                    let same = match (expected, got) {
                        (Some(expected), Some(got)) => same_bits(*expected, *got),
                        (expected, got) => expected.is_none() && got.is_none(),
                    };
                    assert!(same, "{context}, row {row}: expected {expected:?}, got {got:?}");
                }
            }
            (Values::Vectors(expected), Values::Vectors(got)) => {
                assert_eq!((expected.element, &expected.lengths), (got.element, &got.lengths), "{context}");
                // Equal bytes are the usual case; only otherwise is it worth looking for NaN.
                if expected.bytes != got.bytes {
                    let element = expected.element;
                    let doubles = |bytes: &[u8]| hart_kernels::decode(element, bytes);
                    for (i, (e, g)) in doubles(&expected.bytes).iter().zip(doubles(&got.bytes)).enumerate() {
                        assert!(same_bits(*e, g), "{context}, element {i}: expected {e:e}, got {g:e}");
                    }
                }
            }
            (expected, got) => assert_eq!(expected, got, "{context}"),
        }
    }
}
