//! Hilbert and Morton keys against the definition, written out bit by bit, against published values and against the recording.

use crate::common;

use common::{call_columns, compute, hash};
use hart_kernels::registry::{Input, Value, Values};
use hart_kernels::spatial::curve::{Grid, Outside};
use hart_kernels::spatial::{hilbert, morton, morton::BitOrder};
use hart_kernels::{Compute, Error, Level};
use proptest::prelude::*;

/// Skilling's transform as published, one bit and one axis at a time.
fn skilling(bits: u32, mut x: [u32; 3]) -> u64 {
    for level in (1..bits).rev() {
        let (q, p) = (1 << level, (1 << level) - 1);
        for i in 0..3 {
            if x[i] & q != 0 {
                x[0] ^= p;
            } else {
                let t = (x[0] ^ x[i]) & p;
                x[0] ^= t;
                x[i] ^= t;
            }
        }
    }
    x[1] ^= x[0];
    x[2] ^= x[1];
    let t = (1..bits).filter(|level| x[2] >> level & 1 != 0).fold(0, |t, level| t ^ ((1 << level) - 1));
    let x = x.map(|v| v ^ t);
    (0..bits).rev().fold(0, |key, k| x.iter().fold(key, |key, v| key << 1 | u64::from(v >> k & 1)))
}

fn interleaved(bits: u32, [x, y, z]: [u32; 3]) -> u64 {
    (0..bits)
        .map(|k| {
            [x, y, z].iter().zip(0..).map(|(v, axis)| u64::from(v >> k & 1) << (3 * k + axis)).sum::<u64>()
        })
        .sum()
}

/// A grid whose cells are the whole numbers.
fn whole(bits: u32) -> Grid {
    Grid::new([0.0; 3], [(1u32 << bits) as f64; 3], bits, Outside::Error).unwrap()
}

fn columns(points: &[[u32; 3]]) -> [Vec<f64>; 3] {
    [0, 1, 2].map(|axis| points.iter().map(|p| f64::from(p[axis]) + 0.25).collect())
}

fn cells(positions: [Vec<f64>; 3]) -> Vec<[u32; 3]> {
    (0..positions[0].len()).map(|i| [0, 1, 2].map(|axis| positions[axis][i].floor() as u32)).collect()
}

fn check(bits: u32, points: &[[u32; 3]]) {
    let (grid, [x, y, z]) = (whole(bits), columns(points));
    let expected: Vec<i64> = points.iter().map(|p| skilling(bits, *p) as i64).collect();
    let keys = hilbert::keys(&grid, &x, &y, &z).unwrap();
    assert_eq!(keys, expected, "{bits} bits");
    assert_eq!(cells(hilbert::positions(&grid, &keys).unwrap()), points, "{bits} bits, back");
    for (order, turned) in [(BitOrder::XLowest, [0, 1, 2]), (BitOrder::XHighest, [2, 1, 0])] {
        let expected: Vec<i64> =
            points.iter().map(|p| interleaved(bits, turned.map(|i| p[i])) as i64).collect();
        let keys = morton::keys(&grid, order, &x, &y, &z).unwrap();
        assert_eq!(keys, expected, "{bits} bits, {order:?}");
        assert_eq!(
            cells(morton::positions(&grid, order, &keys).unwrap()),
            points,
            "{bits} bits, {order:?}, back"
        );
    }
}

/// All cells of a grid of few bits.
fn all(bits: u32) -> Vec<[u32; 3]> {
    let n = 1u32 << bits;
    (0..n * n * n).map(|i| [i % n, i / n % n, i / n / n]).collect()
}

#[test]
fn keys_follow_the_definition_for_every_number_of_bits() {
    for bits in 1..=4 {
        check(bits, &all(bits));
    }
    for bits in 1..=21 {
        let mask = (1u32 << bits) - 1;
        let mut points: Vec<[u32; 3]> =
            (0..5000).map(|i| [0, 1, 2].map(|axis| hash(77 + axis, i + bits * 10_000) & mask)).collect();
        points.extend([[0; 3], [mask; 3], [mask, 0, 0], [0, mask, 0], [0, 0, mask], [mask / 2; 3]]);
        check(bits, &points);
    }
}

#[test]
fn a_hundred_thousand_random_points_agree_with_the_definition() {
    let points: Vec<[u32; 3]> = (0..100_000).map(|i| [0, 1, 2].map(|axis| hash(5 + axis, i) >> 11)).collect();
    check(21, &points);
    // The keys that data/curves.py has from the Python package hilbertcurve and from bits side by side, folded into one number.
    let [x, y, z] = columns(&points);
    let grid = whole(21);
    let folded = |keys: Vec<i64>| {
        let fold = keys.iter().fold(0u64, |fold, key| fold.wrapping_mul(1_000_003).wrapping_add(*key as u64));
        (keys[0], fold)
    };
    let keys = hilbert::keys(&grid, &x, &y, &z).unwrap();
    assert_eq!(folded(keys), (8_948_944_295_968_437_708, 16_601_306_437_210_754_236));
    for (order, expected) in [
        (BitOrder::XLowest, (1_600_854_211_794_028_302, 11_046_509_372_864_639_114)),
        (BitOrder::XHighest, (5_485_314_211_595_394_147, 891_775_009_028_573_262)),
    ] {
        assert_eq!(folded(morton::keys(&grid, order, &x, &y, &z).unwrap()), expected, "{order:?}");
    }
}

#[test]
fn published_values() {
    let rows: [(u32, [u32; 3], i64, i64, i64); 11] = [
        (21, [1, 0, 0], 1, 1, 4),
        (21, [0, 1, 0], 7, 2, 2),
        (21, [0, 0, 1], 3, 4, 1),
        (21, [1, 2, 3], 48, 53, 29),
        (21, [123456, 654321, 1111111], 2240259110953931854, 4901042178964136230, 1443121881096724555),
        (21, [1048576; 3], 5764607523034234880, 8070450532247928832, 8070450532247928832),
        (21, [2097151, 0, 0], 9223372036854775807, 1317624576693539401, 5270498306774157604),
        (21, [0, 2097151, 0], 4282279874254003053, 2635249153387078802, 2635249153387078802),
        (21, [0, 0, 2097151], 1317624576693539401, 5270498306774157604, 1317624576693539401),
        (21, [2097151; 3], 6588122883467697005, 9223372036854775807, 9223372036854775807),
        (5, [5, 10, 20], 7865, 17745, 5460),
    ];
    for (bits, point, hilbert_key, lowest, highest) in rows {
        let (grid, [x, y, z]) = (whole(bits), columns(&[point]));
        assert_eq!(hilbert::keys(&grid, &x, &y, &z).unwrap(), [hilbert_key], "{point:?}");
        assert_eq!(morton::keys(&grid, BitOrder::XLowest, &x, &y, &z).unwrap(), [lowest], "{point:?}");
        assert_eq!(morton::keys(&grid, BitOrder::XHighest, &x, &y, &z).unwrap(), [highest], "{point:?}");
    }
}

#[test]
fn neighbours_on_the_curve_are_neighbours_in_space() {
    for bits in 1..=5 {
        let keys: Vec<i64> = (0..1i64 << (3 * bits)).collect();
        let walk = cells(hilbert::positions(&whole(bits), &keys).unwrap());
        assert_eq!(walk[0], [0; 3]);
        assert_eq!(*walk.last().unwrap(), [(1 << bits) - 1, 0, 0]);
        for pair in walk.windows(2) {
            let step: u32 = (0..3).map(|axis| pair[0][axis].abs_diff(pair[1][axis])).sum();
            assert_eq!(step, 1, "{bits} bits: {pair:?}");
        }
    }
}

#[test]
fn the_same_keys_on_every_level_and_for_any_number_of_threads() {
    let n = 300_000;
    let column =
        |seed: u32| Input::Floats((0..n).map(|i| Some(f64::from(hash(seed, i)) / 2f64.powi(32))).collect());
    let run = |name: &str, compute: Compute| {
        call_columns(name, compute, vec![column(1), column(2), column(3)], &[]).unwrap()
    };
    for name in ["spatial_hilbert", "spatial_morton"] {
        let expected = run(name, compute().level(Level::scalar()));
        for level in Level::available() {
            for threads in [1, 2] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let got = pool.install(|| run(name, compute().level(level)));
                assert!(got == expected, "{name}, {level:?}, {threads} threads");
            }
        }
    }
}

fn keys(x: f64, params: &[(&str, Value)]) -> Result<Option<i64>, Error> {
    let floats = |v| Input::Floats(vec![Some(0.5), Some(v)]);
    let output =
        call_columns("spatial_hilbert", compute(), vec![floats(x), floats(0.5), floats(0.5)], params)?;
    let [Values::BigInt(keys)] = output.columns.as_slice() else { panic!("{output:?}") };
    Ok(keys[1])
}

#[test]
fn bad_input_is_named() {
    let text = |s: &str| Value::Text(s.into());
    let message = |x, params: &[(&str, Value)]| keys(x, params).unwrap_err().to_string();
    assert_eq!(
        message(1.5, &[]),
        "column x, row 2: 1.5; expected a number from 0.0 to 1.0, or outside = clamp"
    );
    assert_eq!(
        message(f64::NAN, &[]),
        "column x, row 2: NaN; expected a number from 0.0 to 1.0, or outside = clamp"
    );
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = message(bad, &[("outside", text("clamp"))]);
        assert_eq!(error, format!("column x, row 2: {bad}; expected a finite number"));
    }
    let clamp = |x| keys(x, &[("outside", text("clamp"))]).unwrap();
    assert_eq!((clamp(1e300), clamp(-1e300)), (clamp(1.0), clamp(0.0)));
    assert_ne!(clamp(1.0), clamp(0.0));
    for (min, max) in [("1", "1"), ("2", "1"), ("0,0,0", "1,0,1"), ("-1.7e308", "1.7e308")] {
        let error = message(0.5, &[("min", text(min)), ("max", text(max))]);
        assert!(error.starts_with("parameter max: ") && error.contains("the lower one first"), "{error}");
        assert!(error.contains(", where min is "), "{error}");
    }
    for wrong in ["", "a", "1,2", "1,2,3,4", "nan", "inf", "1e999"] {
        let error = message(0.5, &[("max", text(wrong))]);
        assert!(error.starts_with("parameter max is '") && error.contains("or three"), "{error}");
    }
    // A number is as good as its text.
    assert_eq!(
        keys(0.5, &[("max", Value::Int(1)), ("min", Value::Float(-0.5))]).unwrap(),
        keys(0.5, &[("min", text("-0.5, -0.5,-0.5"))]).unwrap()
    );
    for (name, bits, key) in [("spatial_hilbert_inverse", 2, 64), ("spatial_morton_inverse", 21, -1)] {
        let inputs = vec![Input::Integers(vec![Some(0), Some(key)])];
        let error =
            call_columns(name, compute(), inputs, &[("bits", Value::Int(bits))]).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("column key, row 2: {key}; expected a key from 0 to ")),
            "{error}"
        );
    }
    // Far into a column that several threads share, the first of two.
    let mut x = vec![Some(0.5); 400_000];
    (x[350_000], x[200_001]) = (Some(3.0), Some(2.0));
    let y = || Input::Floats(vec![Some(0.5); 400_000]);
    let error = call_columns("spatial_morton", compute(), vec![Input::Floats(x), y(), y()], &[]).unwrap_err();
    assert!(error.to_string().starts_with("column x, row 200002: 2.0;"), "{error}");
    assert!(Grid::new([0.0; 3], [1.0; 3], 0, Outside::Error).is_err());
    assert!(Grid::new([0.0; 3], [1.0; 3], 22, Outside::Error).is_err());
    assert!(Grid::new([f64::NAN; 3], [1.0; 3], 2, Outside::Error).is_err());
    assert!(hilbert::keys(&whole(3), &[1.0], &[1.0, 2.0], &[1.0]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The cell is that of the formula, and the middle of a cell has the key of the cell.
    #[test]
    fn cells_follow_the_formula(
        min in -1e6f64..1e6, width in 1e-3f64..1e6, at in prop::array::uniform3(0.0f64..=1.0), bits in 1u32..=21,
    ) {
        let max = min + width;
        let grid = Grid::new([min; 3], [max; 3], bits, Outside::Error).unwrap();
        let v = at.map(|t| (min + t * width).clamp(min, max));
        let key = hilbert::keys(&grid, &[v[0]], &[v[1]], &[v[2]]).unwrap();
        let cells = v.map(|v| {
            let scaled = (v - min) / (max - min) * f64::from(1u32 << bits);
            (scaled.floor() as u32).min((1 << bits) - 1)
        });
        prop_assert_eq!(key[0], skilling(bits, cells) as i64);
        let [x, y, z] = hilbert::positions(&grid, &key).unwrap();
        prop_assert_eq!(hilbert::keys(&grid, &x, &y, &z).unwrap(), key);
    }
}
