//! Pruning, comparison and drift of models' coefficients: against their definitions and by name.

use crate::common;

use common::wide::{self, Wide};
use common::{bind, compute, hash, text, uniform};
use hart_kernels::Error;
use hart_kernels::registry::{self, Call, Input, Output, Value, Values};
use hart_kernels::tensor::{Change, Svd, SvdOptions, Target, compare, drift, error, prune, reconstruct, svd};

/// Calls a kernel by name with these inputs, ids among them.
fn run(name: &str, inputs: Vec<Input<'_>>, params: &[(&str, Value)]) -> Result<Output, Error> {
    let kernel = registry::find(name)?;
    let rows = match &inputs[inputs.len() - 1] {
        Input::Floats(v) => v.len(),
        other => panic!("{other:?}"),
    };
    (kernel.run)(&Call::new(kernel, rows, inputs, bind(kernel, params)?, compute())?)
}

fn numbers(output: &Output, column: usize) -> Vec<Option<f64>> {
    let Values::Float(numbers) = &output.columns[column] else { panic!("{output:?}") };
    numbers.clone()
}

fn ids(count: usize) -> Vec<Option<i64>> {
    (0..count as i64).map(Some).collect()
}

/// An atom's coefficients in two models.
type Pair = (Option<f64>, Option<f64>);

/// The rows that are kept of atoms with these importances.
fn kept(importance: &[f64], target: Target) -> Vec<usize> {
    prune(&ids(importance.len()), importance, None, target).unwrap().iter().map(|k| k.row).collect()
}

#[test]
fn ratios_are_rounded_up() {
    let importance: Vec<f64> = (0..30).map(|i| f64::from(hash(1, i))).collect();
    for (ratio, count) in
        [(1.0, 30), (0.1, 3), (0.7, 21), (0.5, 15), (0.51, 16), (1e-9, 1), (1.0 / 30.0, 1), (0.9999999, 30)]
    {
        let rows = kept(&importance, Target::Ratio(ratio));
        assert_eq!(rows.len(), count, "{ratio}");
        assert!(rows.is_sorted_by(|a, b| importance[*a] >= importance[*b]));
    }
    // Products of a ratio and a number that are whole but for their rounding, at every number.
    for n in 1..400usize {
        let importance = vec![1.0; n];
        for part in 1..=n.min(40) {
            let ratio = part as f64 / n as f64;
            assert_eq!(kept(&importance, Target::Ratio(ratio)).len(), part, "{part} of {n}");
        }
    }
    assert!(prune(&[], &[], None, Target::Ratio(0.5)).unwrap().is_empty());
}

#[test]
fn thresholds_and_ties() {
    let importance = [2.0, 5.0, 2.0, 0.0, 5.0, 2.0];
    assert_eq!(kept(&importance, Target::Threshold(2.0)), [1, 4, 0, 2, 5]);
    assert_eq!(kept(&importance, Target::Threshold(2.0000001)), [1, 4]);
    assert!(kept(&importance, Target::Threshold(5.1)).is_empty());
    assert_eq!(kept(&importance, Target::Threshold(0.0)).len(), 6);
    // Of equal ones the smaller id comes first, NULL last, and then the position.
    let ids = [Some(9), None, Some(-4), Some(3), None];
    let order = |importance: &[f64]| {
        let kept = prune(&ids, importance, None, Target::Ratio(1.0)).unwrap();
        kept.iter().map(|k| k.row).collect::<Vec<_>>()
    };
    assert_eq!(order(&[1.0; 5]), [2, 3, 0, 1, 4]);
    assert_eq!(order(&[0.0, -0.0, 0.0, 7.0, 1e-300]), [3, 4, 2, 0, 1]);
}

#[test]
fn the_error_is_what_pruning_costs() {
    // Of the components of a matrix, it is that of the matrix without them.
    let matrix = uniform(3, 40 * 25);
    let all = svd(&matrix, 40, 25, &SvdOptions::default()).unwrap();
    let energy: Vec<f64> = all.singular_values.iter().map(|s| s * s).collect();
    for wanted in [0.0, 0.05, 0.2, 0.5, 0.9, 1.0] {
        let kept = prune(&ids(25), &energy, None, Target::Error(wanted)).unwrap();
        let cost = kept[kept.len() - 1].error;
        assert!(cost <= wanted && kept.iter().rev().skip(1).all(|k| k.error > wanted), "{wanted}: {kept:?}");
        let part = Svd {
            singular_values: kept.iter().map(|k| all.singular_values[k.row]).collect(),
            u: kept.iter().flat_map(|k| all.u[k.row * 40..][..40].to_vec()).collect(),
            v: kept.iter().flat_map(|k| all.v[k.row * 25..][..25].to_vec()).collect(),
            ..all.clone()
        };
        let found = error(&matrix, &reconstruct(&part).unwrap()).unwrap().relative;
        assert!((found - cost).abs() < 1e-6, "{found} for {cost}");
        assert!((kept[kept.len() - 1].kept_energy - (1.0 - cost * cost)).abs() < 1e-12);
    }
    // Small errors are right, huge energies stay in range, and the energies need not be the importances.
    let tiny = prune(&ids(3), &[1.0, 1e-20, 1e-24], None, Target::Ratio(0.3)).unwrap();
    assert!((tiny[0].error / 1.0001e-20f64.sqrt() - 1.0).abs() < 1e-12, "{tiny:?}");
    let huge = prune(&ids(2), &[f64::MAX; 2], None, Target::Ratio(1.0)).unwrap();
    assert_eq!((huge[0].kept_energy, huge[1].error), (0.5, 0.0));
    let other = prune(&ids(2), &[1.0, 2.0], Some(&[3.0, 1.0]), Target::Ratio(0.5)).unwrap();
    assert_eq!((other[0].row, other[0].kept_energy, other[0].error), (1, 0.25, 0.75f64.sqrt()));
    let zero = prune(&ids(2), &[0.0; 2], None, Target::Error(0.0)).unwrap();
    assert_eq!((zero.len(), zero[0].kept_energy, zero[0].error), (1, 1.0, 0.0));
}

#[test]
fn pruning_by_name() {
    let call = |ids: &[Option<i64>], importance: &[Option<f64>], energy: &[Option<f64>], target, value| {
        let inputs = vec![
            Input::Id(Some(ids.to_vec())),
            Input::Floats(importance.to_vec()),
            Input::Floats(energy.to_vec()),
        ];
        run("tensor_prune", inputs, &[("target", text(target)), ("value", Value::Float(value))])
    };
    let importance: Vec<f64> = (0..200).map(|i| f64::from(hash(5, i) % 50)).collect();
    let energy: Vec<f64> = (0..200).map(|i| f64::from(hash(6, i)) + 1.0).collect();
    let some = |v: &[f64]| v.iter().copied().map(Some).collect::<Vec<_>>();
    let expected = prune(&ids(200), &importance, Some(&energy), Target::Ratio(0.33)).unwrap();
    let found = call(&ids(200), &some(&importance), &some(&energy), "ratio", 0.33).unwrap();
    assert_eq!(found.picked, Some(expected.iter().map(|k| k.row).collect()));
    assert_eq!(found.columns[0], Values::Int((1..=66).map(Some).collect()));
    assert_eq!(numbers(&found, 3), expected.iter().map(|k| Some(k.error)).collect::<Vec<_>>());
    // In another order the same atoms, with the same numbers.
    let turned: Vec<usize> = (0..200).map(|i| (i * 77 + 5) % 200).collect();
    let pick = |v: &[f64]| turned.iter().map(|i| Some(v[*i])).collect::<Vec<_>>();
    let own: Vec<_> = turned.iter().map(|i| Some(*i as i64)).collect();
    let again = call(&own, &pick(&importance), &pick(&energy), "ratio", 0.33).unwrap();
    assert_eq!(again.columns, found.columns);

    let fails = |ids: &[Option<i64>], importance: &[Option<f64>], energy: &[Option<f64>], expected: &str| {
        let text = call(ids, importance, energy, "ratio", 0.5).unwrap_err().to_string();
        assert!(text.contains(expected), "`{expected}` is not in {text}");
    };
    let (one, none) = (Some(1.0), None);
    fails(
        &[Some(8), Some(3), None, Some(3), None],
        &[one; 5],
        &[none; 5],
        "column id, row 4: 3, which row 2 holds too; expected each atom once",
    );
    fails(&ids(2), &[one, none], &[none; 2], "column importance, row 2: NULL");
    fails(&ids(2), &[one, Some(-1.0)], &[none; 2], "column importance, row 2: -1");
    fails(&ids(2), &[one; 2], &[none, Some(f64::NAN)], "column energy, row 1: NULL");
    fails(&ids(2), &[one; 2], &[one, Some(f64::NAN)], "column energy, row 2: NaN");
    for (target, value) in [("ratio", 0.0), ("ratio", 1.5), ("error", 1.1)] {
        let text = call(&ids(1), &[one], &[none], target, value).unwrap_err().to_string();
        assert!(text.contains("value") && text.contains(target), "{text}");
    }
    let twice = prune(&[Some(1), Some(1)], &[1.0, 2.0], None, Target::Ratio(1.0)).unwrap_err().to_string();
    assert!(twice.contains("column id, row 2: 1, which row 1 holds too"), "{twice}");
    assert!(
        prune(&ids(2), &[1.0], None, Target::Ratio(1.0)).unwrap_err().to_string().contains("one for each id")
    );
}

#[test]
fn comparison_against_a_wider_oracle() {
    for scale in [1.0, 1e200, 1e-200] {
        let pairs: Vec<Pair> = (0..3000u32)
            .map(|i| {
                let value = |seed| (f64::from(hash(seed, i)) - 2e9) * scale;
                match hash(9, i) % 5 {
                    0 => (Some(value(1)), None),
                    1 => (None, Some(value(2))),
                    _ => (Some(value(1)), Some(value(1) * 0.75 + value(2) * 0.5)),
                }
            })
            .collect();
        let found = compare(&pairs).unwrap();
        let count = |of: &dyn Fn(&Pair) -> bool| pairs.iter().filter(|p| of(p)).count();
        assert_eq!(found.a.atoms, count(&|p| p.0.is_some()));
        assert_eq!(found.b.atoms, count(&|p| p.1.is_some()));
        assert_eq!(found.shared, count(&|p| p.0.is_some() && p.1.is_some()));
        assert_eq!(found.coverage, found.shared as f64 / 3000.0);
        // By a power of two, so that the oracle's products stay in range.
        let unit = 2f64.powi(scale.log2().round() as i32);
        let value = |v: Option<f64>| v.unwrap_or(0.0) / unit;
        let (mut ab, mut aa, mut bb) = (Wide::ZERO, Wide::ZERO, Wide::ZERO);
        let (mut sum, mut squares) = (Wide::ZERO, Wide::ZERO);
        for (a, b) in &pairs {
            ab = ab + Wide::product(value(*a), value(*b));
            aa = aa + Wide::product(value(*a), value(*a));
            bb = bb + Wide::product(value(*b), value(*b));
            sum = sum + Wide::from(value(*a));
        }
        let mean = sum / Wide::from(found.a.atoms as f64);
        for (a, _) in pairs.iter().filter(|p| p.0.is_some()) {
            let off = Wide::from(value(*a)) - mean;
            squares = squares + off * off;
        }
        let u = 2f64.powi(-53);
        let near = |got: f64, exact: Wide, bound: f64| {
            assert!(wide::error(got / unit, exact) <= bound, "{got:e}, scale {scale:e}");
        };
        near(found.a.norm, aa.sqrt(), 4.0 * u * aa.sqrt().value());
        near(found.b.norm, bb.sqrt(), 4.0 * u * bb.sqrt().value());
        near(found.a.mean.unwrap(), mean, 3.0 * u * 2.3e9);
        let deviation = (squares / Wide::from(found.a.atoms as f64)).sqrt();
        near(found.a.deviation.unwrap(), deviation, 8.0 * u * 2.3e9);
        let cosine = ab / (aa.sqrt() * bb.sqrt());
        assert!(wide::error(found.cosine.unwrap(), cosine) <= 8.0 * u, "{found:?}");
    }
    let alone = compare(&[(Some(2.0), None)]).unwrap();
    assert_eq!((alone.shared, alone.coverage, alone.cosine, alone.b.mean), (0, 0.0, None, None));
    assert_eq!(compare(&[(Some(0.0), Some(1.0))]).unwrap().cosine, None);
    assert_eq!(compare(&[(Some(-3.0), Some(5.0))]).unwrap().cosine, Some(-1.0));
    let same = compare(&[(Some(0.1), Some(0.1)), (Some(1e-9), Some(1e-9))]).unwrap();
    assert_eq!((same.cosine, same.coverage), (Some(1.0), 1.0));
    let message = |pairs: &[Pair]| compare(pairs).unwrap_err().to_string();
    assert!(message(&[]).contains("no atoms"));
    assert!(message(&[(Some(1.0), None), (None, None)]).contains("row 2: NULL, and so is b"));
    assert!(message(&[(Some(f64::INFINITY), None)]).contains("column a, row 1: inf"));
}

#[test]
fn comparison_by_name() {
    // Layer, atom, and its coefficients in the two models.
    type Row<'a> = (Option<&'a str>, Option<i64>, Option<f64>, Option<f64>);
    let call = |rows: &[Row<'_>]| {
        let inputs = vec![
            Input::Texts(rows.iter().map(|r| r.0.map(str::to_string)).collect()),
            Input::Integers(rows.iter().map(|r| r.1).collect()),
            Input::Floats(rows.iter().map(|r| r.2).collect()),
            Input::Floats(rows.iter().map(|r| r.3).collect()),
        ];
        run("tensor_compare", inputs, &[])
    };
    let names = ["b", "a", "é", ""];
    let rows: Vec<Row<'_>> = (0..400)
        .map(|i| {
            let value = |seed| {
                Some(f64::from(hash(seed, i)) / 1e9 - 2.0).filter(|_| !hash(seed + 7, i).is_multiple_of(3))
            };
            let a = value(1);
            (
                Some(names[i as usize % 4]),
                Some(i64::from(i) / 4 - 50),
                a,
                value(2).or(a.is_none().then_some(1.0)),
            )
        })
        .collect();
    let found = call(&rows).unwrap();
    let Values::Text(layers) = &found.columns[0] else { panic!("{found:?}") };
    assert_eq!(layers.iter().flatten().collect::<Vec<_>>(), ["", "a", "b", "é"]);
    for (n, layer) in layers.iter().flatten().enumerate() {
        // By ascending atoms, as they are here.
        let own = rows.iter().filter(|r| r.0 == Some(layer)).map(|r| (r.2, r.3)).collect::<Vec<_>>();
        let expected = compare(&own).unwrap();
        let Values::Int(shared) = &found.columns[3] else { panic!("{found:?}") };
        assert_eq!(shared[n], Some(expected.shared as i32));
        let of_column = |column| numbers(&found, column)[n];
        assert_eq!(of_column(4), Some(expected.coverage));
        assert_eq!((of_column(5), of_column(10)), (expected.a.mean, Some(expected.b.norm)));
        assert_eq!(of_column(11), expected.cosine);
    }
    let mut turned = rows.clone();
    turned.sort_by_key(|row| hash(3, (row.1.unwrap() + 60) as u32));
    assert_eq!(call(&turned).unwrap(), found);

    let fails = |rows: &[Row<'_>], expected: &str| {
        let text = call(rows).unwrap_err().to_string();
        assert!(text.contains(expected), "`{expected}` is not in {text}");
    };
    let one = Some(1.0);
    let row = |layer, id| (Some(layer), Some(id), one, one);
    fails(
        &[row("x", 7), row("y", 7), row("x", 8), row("x", 7), row("x", 8)],
        "column atom_id, row 4: 7, which layer `x` has already",
    );
    fails(&[row("x", 1), (None, Some(1), one, one)], "column layer, row 2: NULL");
    fails(&[(Some("x"), None, one, one)], "column atom_id, row 1: NULL");
    fails(&[row("x", 1), (Some("x"), Some(2), None, None)], "row 2: NULL, and so is b");
    fails(&[(Some("x"), Some(1), one, Some(f64::NAN))], "column b, row 1: NaN");
}

#[test]
fn drift_has_a_rule_for_every_base() {
    let of = |before, after, tolerance| drift(before, after, tolerance).unwrap().unwrap();
    // Before, after, what became of it, delta, relative and symmetric delta.
    let cases = [
        (Some(4.0), Some(5.0), Change::Changed, 1.0, Some(0.25), 2.0 / 9.0),
        // With a negative base the sign is still that of the delta.
        (Some(-4.0), Some(-5.0), Change::Changed, -1.0, Some(-0.25), -2.0 / 9.0),
        (Some(-4.0), Some(-3.0), Change::Changed, 1.0, Some(0.25), 2.0 / 7.0),
        (Some(-2.0), Some(2.0), Change::Changed, 4.0, Some(2.0), 2.0),
        (Some(2.0), Some(-2.0), Change::Changed, -4.0, Some(-2.0), -2.0),
        // A base of 0 has no relative delta, whatever its sign.
        (Some(0.0), Some(3.0), Change::Changed, 3.0, None, 2.0),
        (Some(-0.0), Some(-3.0), Change::Changed, -3.0, None, -2.0),
        (Some(0.0), Some(-0.0), Change::Unchanged, 0.0, None, 0.0),
        (Some(7.0), Some(0.0), Change::Changed, -7.0, Some(-1.0), -2.0),
        // Absent is not 0, but counts as 0.
        (None, Some(-3.0), Change::Added, -3.0, None, -2.0),
        (None, Some(0.0), Change::Added, 0.0, None, 0.0),
        (Some(-3.0), None, Change::Removed, 3.0, Some(1.0), 2.0),
        (Some(0.0), None, Change::Removed, 0.0, None, 0.0),
        // The ends of the range.
        (Some(-f64::MAX), Some(f64::MAX), Change::Changed, f64::INFINITY, Some(f64::INFINITY), 2.0),
        (Some(f64::MAX), Some(f64::MAX), Change::Unchanged, 0.0, Some(0.0), 0.0),
        (Some(5e-324), Some(f64::MAX), Change::Changed, f64::MAX, Some(f64::INFINITY), 2.0),
    ];
    for (before, after, change, delta, relative, symmetric) in cases {
        let found = of(before, after, 0.0);
        assert_eq!(
            (found.change, found.delta, found.relative_delta),
            (change, delta, relative),
            "{before:?}"
        );
        assert!((found.symmetric_delta - symmetric).abs() < 1e-15, "{before:?} {after:?}: {found:?}");
    }
    // A tolerance is the largest difference that is none; additions and removals are so whatever their size.
    assert_eq!(of(Some(1.0), Some(1.5), 0.5).change, Change::Unchanged);
    assert_eq!(of(Some(1.5), Some(1.0), 0.5).change, Change::Unchanged);
    assert_eq!(of(Some(1.0), Some(1.5), 0.499).change, Change::Changed);
    assert_eq!(of(Some(1.0), Some(1.5), 0.5).delta, 0.5);
    assert_eq!(of(None, Some(1e-9), 1.0).change, Change::Added);
    assert_eq!(of(Some(1e-9), None, 1.0).change, Change::Removed);
    assert_eq!(drift(None, None, 0.0).unwrap(), None);
    for tolerance in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(drift(None, None, tolerance).unwrap_err().to_string().contains("tolerance"));
    }
    assert!(drift(Some(f64::NAN), None, 0.0).unwrap_err().to_string().contains("column before, row 1: NaN"));
}

#[test]
fn drift_by_name() {
    let call = |ids: &[Option<i64>], before: &[Option<f64>], after: &[Option<f64>], tolerance| {
        let inputs = vec![
            Input::Id(Some(ids.to_vec())),
            Input::Floats(before.to_vec()),
            Input::Floats(after.to_vec()),
        ];
        run("tensor_drift", inputs, &[("tolerance", Value::Float(tolerance))])
    };
    let value =
        |seed, i| Some(f64::from(hash(seed, i) % 9) - 4.0).filter(|_| !hash(seed + 5, i).is_multiple_of(4));
    let before: Vec<_> = (0..500).map(|i| value(1, i)).collect();
    let after: Vec<_> = (0..500).map(|i| value(2, i)).collect();
    // The same id twice, or NULL, is a row of its own each time: nothing is joined here.
    let mut ids = ids(500);
    (ids[7], ids[8], ids[9]) = (Some(6), None, None);
    let found = call(&ids, &before, &after, 1.0).unwrap();
    let Values::Text(changes) = &found.columns[0] else { panic!("{found:?}") };
    let mut seen = [0; 5];
    for i in 0..500 {
        let expected = drift(before[i], after[i], 1.0).unwrap();
        assert_eq!(changes[i].as_deref(), expected.map(|d| d.change.name()));
        assert_eq!(numbers(&found, 1)[i], expected.map(|d| d.delta));
        assert_eq!(numbers(&found, 2)[i], expected.and_then(|d| d.relative_delta));
        assert_eq!(numbers(&found, 3)[i], expected.map(|d| d.symmetric_delta));
        seen[expected.map_or(4, |d| d.change as usize)] += 1;
    }
    assert!(seen.iter().all(|n| *n > 10), "{seen:?}");
    let text = call(&ids[..2], &[None, Some(1.0)], &[Some(1.0), Some(f64::INFINITY)], 0.0);
    assert!(text.unwrap_err().to_string().contains("column after, row 2: inf"));
    assert!(call(&ids[..1], &[None], &[None], -1.0).unwrap_err().to_string().contains("tolerance"));
}
