//! Decomposition and reconstruction of matrices: against the definition in double precision, on real weights, and by name.

use crate::common;

use common::real::weights;
use common::{call_columns, compute, hash, layer, uniform};
use hart_kernels::registry::{self, Input, Output, Value, Values};
use hart_kernels::tensor::{Svd, SvdMethod, SvdOptions, reconstruct, reconstruct_with, svd};
use hart_kernels::{Error, Level};

/// ‖a − b‖ / ‖a‖ in the Frobenius norm.
fn relative_error(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |x: f64| x * x;
    let norm: f64 = a.iter().map(|x| square(f64::from(*x))).sum();
    let off: f64 = a.iter().zip(b).map(|(x, y)| square(f64::from(*x) - f64::from(*y))).sum();
    (off / norm).sqrt()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// What the documentation promises of all factors.
fn check(factors: &Svd) {
    let Svd { rows, columns, singular_values, u, v, .. } = factors;
    assert!(singular_values.is_sorted_by(|a, b| a >= b) && singular_values.iter().all(|s| *s >= 0.0));
    for (vectors, length) in [(u, *rows), (v, *columns)] {
        let vectors: Vec<&[f32]> = vectors.chunks_exact(length).collect();
        assert_eq!(vectors.len(), singular_values.len());
        for (i, a) in vectors.iter().enumerate() {
            for (j, b) in vectors.iter().enumerate().take(i + 1) {
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((dot(a, b) - expected).abs() < 1e-6, "{i}, {j}: {}", dot(a, b));
            }
        }
    }
    for u in u.chunks_exact(*rows) {
        let largest = u.iter().copied().reduce(|a, b| if b.abs() > a.abs() { b } else { a });
        assert!(largest.unwrap() > 0.0);
    }
}

fn truncated(rank: usize, method: SvdMethod) -> SvdOptions {
    SvdOptions::default().rank(rank).method(method)
}

#[test]
fn real_weights_come_back() {
    let layers = weights();
    assert!(layers.iter().any(|l| l.shape == [1536, 384]) && layers.iter().any(|l| l.shape == [384, 1536]));
    for layer in layers.iter().filter(|l| l.shape.len() == 2) {
        let (rows, columns) = (layer.shape[0], layer.shape[1]);
        let all = svd(&layer.values, rows, columns, &SvdOptions::default()).unwrap();
        check(&all);
        assert_eq!(all.singular_values.len(), rows.min(columns));
        let error = relative_error(&layer.values, &reconstruct(&all).unwrap());
        assert!(error < 1e-6, "{}: {error}", layer.name);
        assert!((all.cumulative(rows.min(columns) - 1) - 1.0).abs() < 1e-12);

        // No approximation of that rank is better than the exact one (Eckart and Young).
        let total: f64 = all.singular_values.iter().map(|s| s * s).sum();
        for rank in [1, 8, 64, 102, 192, 320] {
            let left: f64 = all.singular_values[rank..].iter().map(|s| s * s).sum();
            let optimum = (left / total).sqrt();
            for method in [SvdMethod::Exact, SvdMethod::Randomized] {
                let some = svd(&layer.values, rows, columns, &truncated(rank, method)).unwrap();
                check(&some);
                let error = relative_error(&layer.values, &reconstruct(&some).unwrap());
                assert!(error >= optimum * (1.0 - 1e-6), "{}: {error} < {optimum}", layer.name);
                assert!(
                    error <= optimum * 1.01,
                    "{}, rank {rank}, {method:?}: {error} > {optimum}",
                    layer.name
                );
                assert!((some.error() / error - 1.0).abs() < 1e-5);
                assert!((some.energy / total - 1.0).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn targets_are_met_with_no_component_too_many() {
    let layers = weights();
    let layer = layers.iter().find(|l| l.shape == [384, 384]).unwrap();
    let run = |options: SvdOptions| svd(&layer.values, 384, 384, &options).unwrap();
    for error in [0.9, 0.5, 0.1, 0.01] {
        let factors = run(SvdOptions::default().error(error));
        let reached = relative_error(&layer.values, &reconstruct(&factors).unwrap());
        assert!(reached <= error * (1.0 + 1e-6), "{reached} > {error}");
        let count = factors.singular_values.len();
        let fewer = run(truncated(count - 1, SvdMethod::Exact));
        assert!(fewer.error() > error, "{count} components for {error}");
    }
    let half = run(SvdOptions::default().energy(0.5));
    let count = half.singular_values.len();
    assert!(half.cumulative(count - 1) >= 0.5 && half.cumulative(count - 2) < 0.5);
    // A rank is never exceeded, and of two targets the harder one counts.
    assert_eq!(run(SvdOptions::default().error(0.01).rank(3)).singular_values.len(), 3);
    let both = run(SvdOptions::default().energy(0.5).error(0.1));
    assert_eq!(both, run(SvdOptions::default().error(0.1)));
}

#[test]
fn poor_matrices_are_decomposed() {
    // Zero, by all methods.
    for method in [SvdMethod::Exact, SvdMethod::Randomized] {
        let zero = svd(&[0.0; 40], 8, 5, &truncated(2, method)).unwrap();
        assert_eq!(
            (zero.singular_values.as_slice(), zero.error(), zero.cumulative(1)),
            (&[0.0, 0.0][..], 0.0, 1.0)
        );
        assert_eq!(reconstruct(&zero).unwrap(), [0.0; 40]);
    }
    assert_eq!(svd(&[0.0; 40], 8, 5, &SvdOptions::default().error(0.5)).unwrap().u.len(), 8);
    // Rank 2 of 100 × 60.
    let (a, b) = (uniform(1, 200), uniform(2, 120));
    let product: Vec<f32> =
        (0..6000).map(|i| (0..2).map(|k| a[i / 60 * 2 + k] * b[k * 60 + i % 60]).sum()).collect();
    for options in [SvdOptions::default(), truncated(7, SvdMethod::Randomized)] {
        let factors = svd(&product, 100, 60, &options).unwrap();
        check(&factors);
        assert!(factors.singular_values[1] > 1.0 && factors.singular_values[2] < 1e-5);
        assert!(relative_error(&product, &reconstruct(&factors).unwrap()) < 1e-6);
    }
    // One row, one column, nothing.
    for (rows, columns) in [(1, 5), (5, 1), (1, 1)] {
        let factors = svd(&[-2.0; 5][..rows * columns], rows, columns, &SvdOptions::default()).unwrap();
        assert!((factors.singular_values[0] - ((rows * columns * 4) as f64).sqrt()).abs() < 1e-12);
        assert!(factors.u.iter().all(|u| *u > 0.0) && factors.v.iter().all(|v| *v < 0.0));
    }
    for (rows, columns) in [(0, 0), (0, 3), (3, 0)] {
        let factors = svd(&[], rows, columns, &SvdOptions::default()).unwrap();
        assert!(factors.singular_values.is_empty());
        assert!(reconstruct(&factors).unwrap().is_empty());
    }
    // Magnitudes near both ends of the range of singles.
    for scale in [1e-36f32, 1e36] {
        let matrix: Vec<f32> = uniform(3, 48).iter().map(|x| x * scale).collect();
        let factors = svd(&matrix, 6, 8, &SvdOptions::default()).unwrap();
        check(&factors);
        assert!(relative_error(&matrix, &reconstruct(&factors).unwrap()) < 1e-6);
    }
}

#[test]
fn the_seed_decides_and_threads_do_not() {
    let matrix = uniform(5, 700 * 300);
    let run = |threads: usize, options: &SvdOptions| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let factors = svd(&matrix, 700, 300, options).unwrap();
            let again = reconstruct(&factors).unwrap();
            (factors, again)
        })
    };
    for options in [SvdOptions::default(), truncated(10, SvdMethod::Randomized)] {
        let expected = run(1, &options);
        for threads in [2, 3, 8] {
            assert_eq!(run(threads, &options), expected, "{threads} threads");
        }
    }
    let seeded = |seed| svd(&matrix, 700, 300, &truncated(10, SvdMethod::Randomized).seed(seed)).unwrap();
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1).u, seeded(2).u);
}

/// The definition of [`reconstruct`], element by element.
fn by_definition(factors: &Svd) -> Vec<f32> {
    let Svd { rows, columns, singular_values, u, v, .. } = factors;
    let element = |i: usize, j: usize| {
        singular_values.iter().enumerate().fold(0f32, |sum, (k, sigma)| {
            let left = (sigma * f64::from(u[k * rows + i])) as f32;
            left.mul_add(v[k * columns + j], sum)
        })
    };
    (0..rows * columns).map(|at| element(at / columns, at % columns)).collect()
}

#[test]
fn reconstruction_has_the_same_bits_on_every_level() {
    let shapes = [(1, 1, 1), (3, 32, 4), (12, 33, 7), (13, 31, 0), (97, 65, 300), (100, 1, 513), (1, 100, 2)];
    for (case, (rows, columns, rank)) in shapes.into_iter().enumerate() {
        let seed = 3 * case as u32;
        let factors = Svd {
            rows,
            columns,
            singular_values: (0..rank as u32).map(|k| f64::from(hash(seed, k)) / 1e8).collect(),
            u: uniform(seed + 1, rank * rows),
            v: uniform(seed + 2, rank * columns),
            ..Svd::default()
        };
        let expected: Vec<u32> = by_definition(&factors).into_iter().map(f32::to_bits).collect();
        for level in Level::available() {
            let got = reconstruct_with(compute().level(level), &factors).unwrap();
            let got: Vec<u32> = got.into_iter().map(f32::to_bits).collect();
            assert!(got == expected, "{rows} × {columns}, rank {rank}, level {}", level.name());
        }
    }
}

fn message(result: Result<impl std::fmt::Debug, Error>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn bad_matrices_and_options_are_named() {
    let run = |options: SvdOptions| message(svd(&[1.0; 12], 3, 4, &options));
    assert!(run(truncated(4, SvdMethod::Exact)).contains("rank"));
    assert!(run(truncated(0, SvdMethod::Randomized)).contains("from 1 to 3 with the randomized method"));
    for error in [-0.1, 1.0, f64::NAN] {
        assert!(run(SvdOptions::default().error(error)).contains("error"), "{error}");
    }
    for energy in [0.0, 1.1, f64::NAN] {
        assert!(run(SvdOptions::default().energy(energy)).contains("energy"), "{energy}");
    }
    assert!(
        message(svd(&[1.0; 11], 3, 4, &SvdOptions::default())).contains("11 elements; expected 3 rows of 4")
    );
    let mut bad = [1.0; 12];
    bad[6] = f32::NEG_INFINITY;
    assert!(message(svd(&bad, 3, 4, &SvdOptions::default())).contains("-inf in row 2, column 3"));
    let factors = Svd {
        rows: 2,
        columns: 2,
        singular_values: vec![1.0],
        u: vec![1.0; 2],
        v: vec![1.0; 3],
        ..Svd::default()
    };
    assert!(message(reconstruct(&factors)).contains("3 elements; expected 1 vectors of 2"));
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn decompose(
    chunks: Vec<Option<i64>>,
    payloads: &[Option<&[u8]>],
    params: &[(&str, Value)],
) -> Result<Output, Error> {
    call_columns(
        "tensor_svd",
        compute(),
        vec![Input::Integers(chunks), Input::Binary(payloads.to_vec())],
        params,
    )
}

#[test]
fn the_round_trip_by_name() {
    let matrix = uniform(8, 30 * 20);
    let packed = bytes(&matrix);
    let params = [("columns", Value::Int(20))];
    // Chunks may be cut anywhere and come in any order.
    let parts = [Some(&packed[1001..]), Some(&packed[..1001])];
    let output = decompose(vec![Some(7), Some(-2)], &parts, &params).unwrap();
    assert_eq!(output, decompose(vec![None], &[Some(&packed)], &params).unwrap());
    let [Values::Int(number), _, _, Values::Binary(v), _, Values::Float(cumulative), _] =
        output.columns.as_slice()
    else {
        panic!("{output:?}")
    };
    assert_eq!((number.len(), number[0], number[19]), (20, Some(1), Some(20)));
    assert!((cumulative[19].unwrap() - 1.0).abs() < 1e-12);
    // The result is an input of the inverse.
    let outputs = registry::find("tensor_svd").unwrap().outputs;
    for input in registry::find("tensor_reconstruct").unwrap().inputs {
        assert!(outputs.iter().any(|output| output.name == input.name), "{}", input.name);
    }
    // In any order, too.
    let rows: Vec<usize> = (0..20).map(|i| (i * 7 + 3) % 20).collect();
    fn columns<'a>(of: &'a [Option<Vec<u8>>], rows: &[usize]) -> Input<'a> {
        Input::Binary(rows.iter().map(|r| of[*r].as_deref()).collect())
    }
    fn inputs<'a>(output: &'a Output, v: &'a [Option<Vec<u8>>], rows: &[usize]) -> Vec<Input<'a>> {
        let [Values::Int(number), Values::Float(sigma), Values::Binary(u), ..] = output.columns.as_slice()
        else {
            panic!("{output:?}")
        };
        vec![
            Input::Integers(rows.iter().map(|r| number[*r].map(i64::from)).collect()),
            Input::Integers(vec![None; rows.len()]),
            Input::Floats(rows.iter().map(|r| sigma[*r]).collect()),
            columns(u, rows),
            columns(v, rows),
        ]
    }
    let back = call_columns("tensor_reconstruct", compute(), inputs(&output, v, &rows), &[]).unwrap();
    assert!(relative_error(&matrix, &layer(&back)) < 1e-6);

    // What is missing, too much or of another length is named.
    let spoiled = |change: fn(&mut Vec<Option<Vec<u8>>>)| {
        let mut v = v.clone();
        change(&mut v);
        message(call_columns("tensor_reconstruct", compute(), inputs(&output, &v, &rows), &[]))
    };
    assert!(spoiled(|v| v[3] = None).starts_with("column v, row 1: NULL; expected"));
    assert!(spoiled(|v| v[10] = Some(vec![0; 76])).starts_with("column v, row 2: 19 elements; expected 20"));
    assert!(spoiled(|v| v[10] = Some(vec![0; 79])).starts_with("column v, row 2: 79 bytes"));
    assert!(spoiled(|v| v[3] = Some(vec![255; 80])).starts_with("column v, row 1: element 0 is NaN"));
    let mut twice = inputs(&output, v, &rows);
    if let Input::Integers(numbers) = &mut twice[0] {
        numbers[5] = numbers[2];
    }
    let twice = message(call_columns("tensor_reconstruct", compute(), twice, &[]));
    assert!(twice.contains("row 6: component") && twice.contains("which row 3 holds too"), "{twice}");
    assert!(twice.ends_with("expected each component once, or its chunks numbered"), "{twice}");
}

#[test]
fn the_vectors_of_a_component_may_come_in_chunks() {
    let (left, right) = (bytes(&uniform(3, 2 * 9)), bytes(&uniform(4, 2 * 5)));
    let (u, v): (Vec<_>, Vec<_>) =
        (left.chunks(36).map(Some).collect(), right.chunks(20).map(Some).collect());
    fn reconstruct(
        component: &[i64],
        chunk: &[Option<i64>],
        sigma: &[f64],
        u: &[Option<&[u8]>],
        v: &[Option<&[u8]>],
    ) -> Result<Output, Error> {
        let inputs = vec![
            Input::Integers(component.iter().copied().map(Some).collect()),
            Input::Integers(chunk.to_vec()),
            Input::Floats(sigma.iter().copied().map(Some).collect()),
            Input::Binary(u.to_vec()),
            Input::Binary(v.to_vec()),
        ];
        call_columns("tensor_reconstruct", compute(), inputs, &[])
    }
    let whole = reconstruct(&[1, 2], &[None; 2], &[2.0, 1.0], &u, &v).unwrap();
    // Cut within elements, in any order, u in more chunks than v.
    let component = [2, 1, 1, 2, 1];
    let chunk: Vec<_> = [5, 3, 1, -9, 2].into_iter().map(Some).collect();
    let u = vec![
        Some(&left[41..]),
        Some(&left[33..36]),
        Some(&left[..7]),
        Some(&left[36..41]),
        Some(&left[7..33]),
    ];
    let v = vec![None, Some(&right[2..20]), Some(&right[..2]), Some(&right[20..]), None];
    let sigma = [1.0, 2.0, 2.0, 1.0, 2.0];
    let parts = |chunk: &[Option<i64>], sigma: &[f64], v: &[Option<&[u8]>]| {
        reconstruct(&component, chunk, sigma, &u, v)
    };
    assert_eq!(parts(&chunk, &sigma, &v).unwrap(), whole);

    let mut other = sigma;
    other[1] = 7.0;
    assert_eq!(
        message(parts(&chunk, &other, &v)),
        "column singular_value, row 2: 7; expected 2 as in row 3, for component 1"
    );
    let mut twice = chunk.clone();
    twice[4] = Some(3);
    assert!(
        message(parts(&twice, &sigma, &v)).starts_with("column chunk, row 5: chunk 3, which row 2 holds")
    );
    let mut missing = v.clone();
    missing[3] = None;
    assert!(message(parts(&chunk, &sigma, &missing)).starts_with("column v, row 4: NULL; expected"));
    let mut short = v.clone();
    short[2] = Some(&right[..1]);
    assert!(message(parts(&chunk, &sigma, &short)).starts_with("column v, row 3: 19 bytes; expected"));
}

#[test]
fn bad_payloads_are_named() {
    let packed = bytes(&uniform(8, 12));
    let run =
        |payload: Option<&[u8]>, params: &[(&str, Value)]| message(decompose(vec![None], &[payload], params));
    let columns = |n| ("columns", Value::Int(n));
    let text = run(Some(&packed), &[columns(5)]);
    assert!(text.contains("48 bytes, which are 12 elements") && text.contains("whole rows of 5"), "{text}");
    assert!(run(Some(&packed), &[columns(4), ("rows", Value::Int(4))]).contains("4 rows of 4 elements"));
    assert!(run(Some(&packed[..47]), &[columns(4)]).contains("47 bytes"));
    assert!(run(None, &[columns(4)]).contains("row 1: NULL"));
    assert!(run(Some(&packed), &[columns(4), ("rank", Value::Int(4))]).contains("at most 3"));
    let mut nan = packed.clone();
    nan[20..24].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(run(Some(&nan), &[columns(4)]).contains("NaN in row 2, column 2"));
}

#[test]
fn small_errors_are_told_and_met() {
    // Rank 4, but for its rounding to singles, which is some 2.4e-8 of it.
    let (rows, columns) = (48, 4000);
    let (a, b) = (uniform(1, rows * 4), uniform(2, 4 * columns));
    let exact: Vec<f64> = (0..rows * columns)
        .map(|at| {
            let (i, j) = (at / columns, at % columns);
            (0..4).map(|k| f64::from(a[i * 4 + k]) * f64::from(b[k * columns + j])).sum()
        })
        .collect();
    let matrix: Vec<f32> = exact.iter().map(|x| *x as f32).collect();
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>();
    let off = square(&mut matrix.iter().zip(&exact).map(|(x, y)| f64::from(*x) - y));
    let rounding = (off / square(&mut exact.iter().copied())).sqrt();
    assert!((1e-8..5e-8).contains(&rounding), "{rounding}");

    let run = |options: SvdOptions| svd(&matrix, rows, columns, &options).unwrap();
    let four = run(truncated(4, SvdMethod::Exact));
    // The optimum is not above what that matrix of rank 4 has, and of the noise only 4 of 48 directions fit into it.
    assert!(four.error() <= rounding && four.error() > rounding * 0.9, "{} for {rounding}", four.error());
    assert_eq!(four.further.len(), rows - 4);
    let further: f64 = four.further.iter().rev().map(|s| s * s).sum();
    assert!((further / four.left_out - 1.0).abs() < 1e-12);
    for (error, count) in [(5e-7, 4), (1e-7, 4), (rounding * 1.001, 4)] {
        let found = run(SvdOptions::default().error(error));
        assert_eq!(found.singular_values.len(), count, "{error}");
        assert!(found.error() <= error);
    }
    let less = run(SvdOptions::default().error(rounding / 2.0));
    let count = less.singular_values.len();
    assert!((5..rows).contains(&count) && less.error() <= rounding / 2.0, "{count}");
    assert!(run(truncated(count - 1, SvdMethod::Exact)).error() > rounding / 2.0);
    let energy = run(SvdOptions::default().energy(1.0 - 1e-14));
    assert_eq!(energy.singular_values.len(), 4);
    let sampled = run(truncated(4, SvdMethod::Randomized));
    assert!(sampled.error() < 1e-7 && sampled.further.is_empty(), "{}", sampled.error());
    assert_eq!(run(SvdOptions::default()).left_out, 0.0);
}

#[test]
fn products_beyond_singles_on_the_way_are_no_error() {
    // The singular value is 6.8e38, beyond singles, and so is its product with the left vector.
    let factors = svd(&[3.4e38; 4], 2, 2, &SvdOptions::default()).unwrap();
    assert!(factors.singular_values[0] > 6.7e38);
    let back = reconstruct(&factors).unwrap();
    assert!(back.iter().all(|x| (f64::from(*x) / 3.4e38 - 1.0).abs() < 1e-6), "{back:?}");
    for level in Level::available() {
        assert_eq!(reconstruct_with(compute().level(level), &factors).unwrap(), back);
    }
    // Where it is not beyond, the power of two changes no bit.
    let mut scaled = svd(&uniform(4, 70), 7, 10, &SvdOptions::default()).unwrap();
    let plain = reconstruct(&scaled).unwrap();
    scaled.singular_values.iter_mut().for_each(|s| *s *= 2f64.powi(126));
    scaled.v.iter_mut().for_each(|v| *v *= 2f32.powi(-60));
    let large = reconstruct(&scaled).unwrap();
    assert!(plain.iter().zip(&large).all(|(p, l)| *l == p * 2f32.powi(66)));
}
