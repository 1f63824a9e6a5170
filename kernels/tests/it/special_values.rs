//! NaN, infinities, zeros, subnormal, tiny and huge numbers, NULL and empty vectors.

use crate::common;

use common::columns::Column;
use common::wide::Sums;
use common::{SPECIAL, call, compute, floats, ints, rows, text, uniform, with_specials};
use hart_kernels::registry::{Output, Value, Values};
use hart_kernels::{Accumulate, Element, Metric, Vectors, vector};

const MODES: [Accumulate; 2] = [Accumulate::F32, Accumulate::F64];
const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

fn close(got: f64, expected: f64, relative: f64) -> bool {
    (got - expected).abs() <= relative * expected.abs()
}

/// γ(m) of the documentation for single-precision lanes.
fn gamma(n: usize) -> f64 {
    let steps = n.div_ceil(32) as f64 / f64::from(1 << 24);
    steps / (1.0 - steps) + 8.0 / (1u64 << 53) as f64 + n as f64 * 2f64.powi(-49)
}

#[test]
fn tiny_vectors_have_a_direction() {
    for tiny in [1e-30f32, 1e-38, 1e-45] {
        for n in [1, 2, 31, 32, 33, 100, 1998] {
            for accumulate in MODES {
                let compute = compute().accumulate(accumulate);
                let v = vec![tiny; n];
                let opposite = vec![-tiny; n];
                assert_eq!(vector::cosine_similarity_with(compute, &v, &v).unwrap(), 1.0);
                assert_eq!(vector::cosine_similarity_with(compute, &v, &opposite).unwrap(), -1.0);
                let expected = f64::from(tiny) * (n as f64).sqrt();
                assert!(close(vector::norm_with(compute, &v), expected, 1e-15));
                let apart = vector::euclidean_distance_with(compute, &v, &opposite).unwrap();
                assert!(close(apart, 2.0 * expected, 1e-15), "{apart:e}");
                let along = vector::manhattan_distance_with(compute, &v, &opposite).unwrap();
                assert!(close(along, 2.0 * f64::from(tiny) * n as f64, 1e-5), "{along:e}");
            }
            let unit = vector::normalize(&vec![tiny; n]);
            let expected = 1.0 / (n as f64).sqrt();
            assert!(unit.iter().all(|x| close(f64::from(*x), expected, 1.0 / f64::from(1 << 24))));
        }
    }
    // Three and four times the smallest subnormal number: a right triangle.
    let step = f32::from_bits(1);
    let (a, b) = ([3.0 * step, 4.0 * step], [3.0 * step, 0.0]);
    assert!(close(vector::cosine_similarity(&a, &b).unwrap(), 0.6, 1e-15));
    assert_eq!(vector::norm(&a), 5.0 * f64::from(step));
    assert_eq!(vector::normalize(&a), [0.6, 0.8]);
    assert_eq!(vector::distance(Metric::Cosine, &a, &[-4.0 * step, 3.0 * step]).unwrap(), 1.0);
}

#[test]
fn huge_vectors_do_not_overflow() {
    for huge in [3e38f32, f32::MAX, 1.9e19] {
        for n in [1, 2, 31, 32, 33, 100, 1998] {
            let v = vec![huge; n];
            let opposite = vec![-huge; n];
            for accumulate in MODES {
                let compute = compute().accumulate(accumulate);
                let expected = f64::from(huge) * (n as f64).sqrt();
                assert!(close(vector::norm_with(compute, &v), expected, 1e-14));
                let apart = vector::euclidean_distance_with(compute, &v, &opposite).unwrap();
                assert!(close(apart, 2.0 * expected, 1e-14), "{apart:e}");
                let along = vector::manhattan_distance_with(compute, &v, &opposite).unwrap();
                assert!(close(along, 2.0 * f64::from(huge) * n as f64, 1e-5), "{along:e}");
                assert_eq!(vector::cosine_similarity_with(compute, &v, &v).unwrap(), 1.0);
                assert_eq!(vector::cosine_similarity_with(compute, &v, &opposite).unwrap(), -1.0);
                let dot = vector::dot_product_with(compute, &v, &opposite).unwrap();
                assert!(close(dot, -expected * expected, 1e-14), "{dot:e}");
            }
        }
    }
    // Terms that overflow single precision and cancel.
    assert_eq!(vector::dot_product(&[3e38, 3e38], &[3e38, -3e38]).unwrap(), 0.0);
}

#[test]
fn doubles_of_any_size_have_similarity_one_with_themselves() {
    for scale in [1.0, 1e-150, 1e150, 1e-160, 1e153, 3e-162] {
        // Many vectors, because the root of a square is often right by chance.
        let rows: Vec<Option<Vec<f64>>> = (0..50)
            .map(|seed| Some(uniform(seed, 40).iter().map(|x| f64::from(*x) * scale).collect()))
            .collect();
        let column = Column::new(Element::F64, &rows, 0);
        let columns = [column.vectors("a"), column.vectors("b")];
        let params = [("element", text("f64"))];
        let got = floats(call("vector_cosine_similarity", compute(), &columns, &params).unwrap());
        assert_eq!(got, [Some(1.0); 50], "{scale:e}");
    }
}

#[test]
fn similarities_of_parallel_vectors_stay_in_range() {
    for n in 2..=100 {
        for factor in [3.0, -0.7, 1e20] {
            let v = uniform(n, n as usize);
            let parallel = vector::scale(&v, factor);
            for accumulate in MODES {
                let compute = compute().accumulate(accumulate);
                let cosine = vector::cosine_similarity_with(compute, &v, &parallel).unwrap();
                assert!((-1.0..=1.0).contains(&cosine) && cosine.abs() > 1.0 - 1e-6, "n = {n}: {cosine:e}");
            }
        }
    }
}

#[test]
fn a_vector_has_similarity_one_with_itself() {
    for n in 1..=300 {
        for v in [uniform(n, n as usize), with_specials(n, n as usize, true)] {
            if v.iter().all(|x| *x == 0.0) {
                continue;
            }
            for accumulate in MODES {
                let compute = compute().accumulate(accumulate);
                assert_eq!(vector::cosine_similarity_with(compute, &v, &v).unwrap(), 1.0, "n = {n}");
                assert_eq!(vector::distance_with(compute, Metric::Cosine, &v, &v).unwrap(), 0.0);
                assert_eq!(vector::euclidean_distance_with(compute, &v, &v).unwrap(), 0.0);
            }
        }
    }
}

#[test]
fn zero_vectors_are_similar_to_nothing_finite() {
    for n in [0, 1, 5, 32, 33, 300] {
        let zero = vec![0.0; n];
        let minus = vec![-0.0; n];
        for other in [uniform(9, n), zero.clone(), minus.clone(), with_specials(9, n, true)] {
            for zero in [&zero, &minus] {
                assert_eq!(vector::cosine_similarity(zero, &other).unwrap(), 0.0);
                assert_eq!(vector::distance(Metric::Cosine, &other, zero).unwrap(), 1.0);
            }
        }
        assert_eq!(vector::norm(&minus).to_bits(), 0);
        // Unchanged, signs included.
        let unchanged = vector::normalize(&minus);
        assert!(unchanged.iter().all(|x| x.to_bits() == (-0.0f32).to_bits()));
    }
    assert!(vector::cosine_similarity(&[0.0, 0.0], &[NAN, 1.0]).unwrap().is_nan());
    assert!(vector::cosine_similarity(&[0.0, 0.0], &[INF, 1.0]).unwrap().is_nan());
}

#[test]
fn sums_of_numbers_of_every_size_are_within_the_bound() {
    for n in 0..=300 {
        let a = with_specials(n as u32 * 2, n, true);
        let b = with_specials(n as u32 * 2 + 1, n, true);
        let wide = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let sums = Sums::of(&wide(&a), &wide(&b));
        let error = |got: f64, exact| common::wide::error(got, exact);
        let dot = vector::dot_product(&a, &b).unwrap();
        assert!(error(dot, sums.ab) <= gamma(n) * sums.terms, "n = {n}");
        let norm = vector::norm(&a);
        assert!(error(norm, sums.aa.sqrt()) <= gamma(n) / 2.0 * sums.aa.sqrt().value(), "n = {n}");
        let cosine = vector::cosine_similarity(&a, &b).unwrap();
        assert!(error(cosine, sums.cosine()) <= 3.0 * gamma(n), "n = {n}");
        let root = sums.squared_distance.sqrt();
        let distance = vector::euclidean_distance(&a, &b).unwrap();
        let bound = (1.0 / f64::from(1 << 24) + gamma(n + 64) / 2.0) * root.value();
        assert!(error(distance, root) <= bound, "n = {n}: {distance:e}");
        let unit = vector::normalize(&a);
        for (x, unit) in a.iter().zip(unit) {
            if norm > 0.0 {
                let exact = common::wide::Wide::from(f64::from(*x)) / sums.aa.sqrt();
                let relative = (1.0 / f64::from(1 << 24) + gamma(n) / 2.0) * exact.value().abs();
                let subnormal =
                    if exact.value().abs() < 1.2e-38 { f64::from(f32::from_bits(1)) / 2.0 } else { 0.0 };
                assert!(error(f64::from(unit), exact) <= relative + subnormal, "n = {n}: {x:e}");
            }
        }
    }
}

/// Scalars are compared by value, NaN being equal to NaN.
fn assert_value(got: f64, expected: f64, context: &str) {
    assert!(got == expected || (got.is_nan() && expected.is_nan()), "{context}: {got} instead of {expected}");
}

#[test]
fn nan_and_infinity_follow_the_standard() {
    let inf = f64::INFINITY;
    let nan = f64::NAN;
    // At the start, in the middle of a block, and in the tail.
    for at in [0, 17, 70] {
        let ones = vec![1.0f32; 71];
        let with = |x: f32| {
            let mut v = ones.clone();
            v[at] = x;
            v
        };
        for (special, dot, distance, norm, cosine) in
            [(NAN, nan, nan, nan, nan), (INF, inf, inf, inf, nan), (-INF, -inf, inf, inf, nan)]
        {
            for accumulate in MODES {
                let compute = compute().accumulate(accumulate);
                let v = with(special);
                let context = format!("{special} at {at}");
                assert_value(vector::dot_product_with(compute, &v, &ones).unwrap(), dot, &context);
                assert_value(
                    vector::euclidean_distance_with(compute, &v, &ones).unwrap(),
                    distance,
                    &context,
                );
                assert_value(vector::norm_with(compute, &v), norm, &context);
                assert_value(vector::cosine_similarity_with(compute, &v, &ones).unwrap(), cosine, &context);
                let metric = |m| vector::distance_with(compute, m, &ones, &v).unwrap();
                assert_value(metric(Metric::Dot), -dot, &context);
                assert_value(metric(Metric::Cosine), nan, &context);
                assert_value(metric(Metric::Euclidean), distance, &context);
                assert_value(metric(Metric::Manhattan), distance, &context);
            }
        }
        let unit = vector::normalize(&with(INF));
        assert!(unit[at].is_nan() && unit.iter().enumerate().all(|(i, x)| i == at || *x == 0.0));
        assert!(vector::normalize(&with(NAN)).iter().all(|x| x.is_nan()));
        assert!(vector::softmax(&with(NAN)).iter().all(|x| x.is_nan()));
        assert!(vector::softmax(&with(INF)).iter().all(|x| x.is_nan()));
        let rest = vector::softmax(&with(-INF));
        assert!(
            rest.iter().enumerate().all(|(i, x)| *x == if i == at { 0.0 } else { (1.0f64 / 70.0) as f32 })
        );
        assert_eq!(vector::arg_max(&with(NAN)), Some(usize::from(at == 0)));
        assert_eq!(vector::arg_max(&with(INF)), Some(at));
    }
    assert!(vector::softmax(&[-INF, -INF]).iter().all(|x| x.is_nan()));
    assert_eq!(vector::arg_max(&[NAN, NAN]), None);
    assert_eq!(vector::arg_max(&[-INF, -INF]), Some(0));
    assert_eq!(vector::arg_max(&[NAN, -INF]), Some(1));
    assert_eq!(vector::arg_max(&[-0.0, 0.0]), Some(0));
    // Infinite products of opposite sign.
    assert!(vector::dot_product(&[INF, INF], &[1.0, -1.0]).unwrap().is_nan());
}

#[test]
fn minus_infinity_has_probability_zero_in_every_precision() {
    for element in [Element::F64, Element::F32, Element::F16, Element::Bf16] {
        let column = Column::new(element, &[Some(vec![0.0, f64::NEG_INFINITY, 0.0])], 1);
        let params = [("element", text(element.name()))];
        let (_, got) = rows(call("vector_softmax", compute(), &[column.vectors("v")], &params).unwrap());
        assert_eq!(got, [Some(vec![0.5, 0.0, 0.5])], "{}", element.name());
    }
}

#[test]
fn algebra_on_all_pairs_of_special_numbers() {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for x in SPECIAL {
        for y in SPECIAL {
            a.push(x);
            b.push(y);
        }
    }
    let check = |got: Vec<f32>, expected: &dyn Fn(f64, f64) -> f64, name: &str| {
        for ((x, y), got) in a.iter().zip(&b).zip(got) {
            // One operation on singles in double precision, then one rounding: the same as one rounding.
            let expected = expected(f64::from(*x), f64::from(*y)) as f32;
            let same = got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan());
            assert!(same, "{name}({x:e}, {y:e}) = {got:e} instead of {expected:e}");
        }
    };
    check(vector::add(&a, &b).unwrap(), &|x, y| x + y, "add");
    check(vector::subtract(&a, &b).unwrap(), &|x, y| x - y, "subtract");
    check(vector::scale(&a, -0.5), &|x, _| x * -0.5, "scale");
    for factor in [1e39, -1e40, 1e-40, 1e-46, -1e-60, 1e300] {
        check(vector::scale(&a, factor), &|x, _| x * factor, "scale by what no single holds");
        let expected = |x: f64, y: f64| x * (1.0 - factor) + y * factor;
        check(vector::lerp(&a, &b, factor).unwrap(), &expected, "lerp by what no single holds");
    }
    let half = |x: f64| f64::from((x * 0.5) as f32);
    check(vector::lerp(&a, &b, 0.5).unwrap(), &|x, y| half(x) + half(y), "lerp");
}

/// What a kernel says of a row that is NULL, empty or ordinary.
fn rows_of(output: Output) -> Vec<String> {
    match output.columns.into_iter().next().unwrap() {
        Values::Float(v) => v.into_iter().map(|v| v.map_or("NULL".into(), |v| v.to_string())).collect(),
        Values::Int(v) => v.into_iter().map(|v| v.map_or("NULL".into(), |v| v.to_string())).collect(),
        Values::BigInt(v) => v.into_iter().map(|v| v.map_or("NULL".into(), |v| v.to_string())).collect(),
        Values::Binary(v) => v.into_iter().map(|v| format!("{v:?}")).collect(),
        Values::Packed(v) => v.rows().map(|v| format!("{v:?}")).collect(),
        Values::Vectors(v) => {
            (0..v.lengths.len()).map(|i| v.row(i).map_or("NULL".into(), |v| format!("{v:?}"))).collect()
        }
        Values::Text(v) => v.into_iter().map(|v| v.unwrap_or("NULL".into())).collect(),
    }
}

#[test]
fn null_and_empty_vectors() {
    let one = |x: f64| Some(vec![x]);
    let first = [None, one(3.0), None, Some(vec![]), one(3.0)];
    let second = [one(4.0), None, None, Some(vec![]), one(4.0)];
    for element in Element::ALL {
        let (a, b) = (Column::new(element, &first, 3), Column::new(element, &second, 6));
        let columns = [a.vectors("a"), b.vectors("b")];
        for (name, count, extra, empty, value) in [
            ("vector_dot_product", 2, None, "0", "12"),
            ("vector_cosine_similarity", 2, None, "0", "1"),
            ("vector_euclidean_distance", 2, None, "0", "1"),
            ("vector_distance", 2, Some(("metric", text("cosine"))), "1", "0"),
            ("vector_distance", 2, Some(("metric", text("euclidean"))), "0", "1"),
            ("vector_distance", 2, Some(("metric", text("dot"))), "0", "-12"),
            ("vector_distance", 2, Some(("metric", text("manhattan"))), "0", "1"),
            ("vector_manhattan_distance", 2, None, "0", "1"),
            ("vector_norm", 1, None, "0", "3"),
            ("vector_normalize", 1, None, "[]", "[1.0]"),
            ("vector_add", 2, None, "[]", "[7.0]"),
            ("vector_subtract", 2, None, "[]", "[-1.0]"),
            ("vector_scale", 1, Some(("factor", Value::Float(2.0))), "[]", "[6.0]"),
            ("vector_lerp", 2, Some(("t", Value::Float(1.0))), "[]", "[4.0]"),
            ("vector_softmax", 1, None, "[]", "[1.0]"),
            ("vector_arg_max", 1, None, "NULL", "0"),
        ] {
            let mut params = vec![("element", text(element.name()))];
            params.extend(extra);
            let got = rows_of(call(name, compute(), &columns[..count], &params).unwrap());
            // With one column only its own NULLs count.
            let second = if count == 1 { value } else { "NULL" };
            assert_eq!(got, ["NULL", second, "NULL", empty, value], "{name}, {}", element.name());
            let nothing = Column::new(element, &[], 5);
            let columns = [nothing.vectors("a"), nothing.vectors("b")];
            assert!(rows_of(call(name, compute(), &columns[..count], &params).unwrap()).is_empty(), "{name}");
            let nulls = Column::new(element, &[None, None], 5);
            let columns = [nulls.vectors("a"), nulls.vectors("b")];
            let got = rows_of(call(name, compute(), &columns[..count], &params).unwrap());
            assert_eq!(got, ["NULL", "NULL"], "{name}");
        }
    }
}

#[test]
fn top_k_skips_null_and_keeps_nan() {
    let rows = [None, Some(vec![f64::NAN, 0.0]), Some(vec![5.0, 0.0]), None, Some(vec![1.0, 0.0])];
    let column = Column::new(Element::F32, &rows, 2);
    let queries = Vectors::matrix(&[0.0, 0.0], 2).unwrap();
    let hits = vector::top_k(&column.vectors("v"), &[1, 2, 3, 4, 5], &queries, 9, Metric::Euclidean).unwrap();
    let ids: Vec<_> = hits[0].iter().map(|hit| hit.id).collect();
    assert_eq!(ids, [5, 3, 2]);
    assert!(hits[0][2].distance.is_nan());
    let hits = vector::top_k(&column.vectors("v"), &[1, 2, 3, 4, 5], &queries, 2, Metric::Euclidean).unwrap();
    assert_eq!(hits[0].iter().map(|hit| hit.row).collect::<Vec<_>>(), [4, 2]);
    let nothing = Column::new(Element::F32, &[], 2);
    let hits = vector::top_k(&nothing.vectors("v"), &[], &queries, 9, Metric::Dot).unwrap();
    assert_eq!(hits, [Vec::new()]);
}

#[test]
fn packed_elements_of_every_bit_pattern_are_read_exactly() {
    for element in [Element::F16, Element::Bf16] {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let column = Column::from_bytes(element, &bytes, vec![2; 1 << 16], 1);
        let params = [("element", text(element.name()))];
        let norms = floats(call("vector_norm", compute(), &[column.vectors("v")], &params).unwrap());
        let values = common::columns::unpack(element, &bytes);
        for ((bits, norm), value) in norms.into_iter().enumerate().zip(values) {
            assert_value(norm.unwrap(), value.abs(), &format!("{}, bits {bits:#x}", element.name()));
        }
    }
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    let column = Column::from_bytes(Element::I8, &bytes, vec![256], 1);
    let params = [("element", text("i8"))];
    let columns = [column.vectors("v")];
    assert_eq!(ints(call("vector_arg_max", compute(), &columns, &params).unwrap()), [Some(127)]);
    let expected: Vec<f64> = (0..=255u8).map(|b| f64::from(b as i8)).collect();
    let params = [("element", text("i8")), ("factor", Value::Int(1))];
    assert_eq!(rows(call("vector_scale", compute(), &columns, &params).unwrap()).1, [Some(expected)]);
}
