//! Series: against plain implementations, and the same for any order of rows.

use crate::common;

use common::columns::Column;
use common::{announce, call_columns, compute, text, uniform};
use hart_kernels::registry::{Input, Output, Value, Values};
use hart_kernels::series::{self, Cusum};
use hart_kernels::{Element, Error, Metric, Vectors, vector};

/// Dynamic time warping as its recursion says.
fn plain_dtw(a: &[Vec<f32>], b: &[Vec<f32>], band: usize, metric: Metric) -> f64 {
    let mut table = vec![vec![f64::INFINITY; b.len() + 1]; a.len() + 1];
    table[0][0] = 0.0;
    for i in 0..a.len() {
        for j in (0..b.len()).filter(|j| i.abs_diff(*j) <= band) {
            let best = table[i][j].min(table[i][j + 1]).min(table[i + 1][j]);
            table[i + 1][j + 1] = best + vector::distance(metric, &a[i], &b[j]).unwrap();
        }
    }
    table[a.len()][b.len()]
}

fn walk(seed: u32, length: u32, n: usize) -> Vec<Vec<f32>> {
    (0..length).map(|i| uniform(seed + i / 3, n).iter().map(|v| v + i as f32 / 20.0).collect()).collect()
}

#[test]
fn dtw_is_its_recursion() {
    announce("series");
    for (m, l, n) in [(1, 1, 3), (5, 9, 2), (60, 47, 8), (130, 120, 33)] {
        let (a, b) = (walk(1, m, n), walk(2, l, n));
        let (x, y) = (a.concat(), b.concat());
        let (x, y) = (Vectors::matrix(&x, n).unwrap(), Vectors::matrix(&y, n).unwrap());
        for metric in [Metric::Euclidean, Metric::Cosine] {
            for band in [None, Some(13), Some(m.max(l) as usize)] {
                let found = series::dtw(compute(), &x, &y, band, metric).unwrap();
                assert_eq!(
                    found.distance,
                    plain_dtw(&a, &b, band.unwrap_or(1000), metric),
                    "{m}, {l}, {band:?}"
                );
                assert!(found.length >= m.max(l) && found.length < m + l);
                let back = series::dtw(compute(), &y, &x, band, metric).unwrap();
                assert!((back.distance - found.distance).abs() <= 1e-12 * found.distance);
            }
        }
        let same = series::dtw(compute(), &x, &x, Some(0), Metric::Euclidean).unwrap();
        assert_eq!((same.distance, same.length), (0.0, m));
    }
}

/// Group, side, position and vector.
type Member = (Option<i64>, Option<i64>, Option<i64>, Option<Vec<f64>>);

fn dtw(rows: &[Member], params: &[(&str, Value)]) -> Result<Output, Error> {
    let column = Column::new(Element::F32, &rows.iter().map(|r| r.3.clone()).collect::<Vec<_>>(), 0);
    let integers = |of: fn(&Member) -> Option<i64>| Input::Integers(rows.iter().map(of).collect());
    let columns =
        vec![integers(|r| r.0), integers(|r| r.1), integers(|r| r.2), Input::Vectors(column.vectors("v"))];
    call_columns("series_dtw", compute(), columns, params)
}

#[test]
fn series_by_group_are_put_in_order() {
    let mut rows = Vec::new();
    for group in 0..20 {
        for (side, length) in [(1, 7 + group), (2, 9)] {
            for (i, v) in walk(group as u32 * 7 + side as u32, length as u32, 4).into_iter().enumerate() {
                let v = v.into_iter().map(f64::from).collect();
                rows.push((Some(group), Some(side), Some(i as i64 * 10), Some(v)));
            }
        }
    }
    rows.push((Some(3), None, None, None));
    let expected = dtw(&rows, &[]).unwrap();
    rows.reverse();
    rows.rotate_left(33);
    assert_eq!(expected, dtw(&rows, &[]).unwrap());
    let Values::Float(distances) = &expected.columns[1] else { panic!() };
    assert_eq!(distances[4], Some(plain_dtw(&walk(29, 11, 4), &walk(30, 9, 4), 100, Metric::Euclidean)));
    let error = |rows: &[_], params: &[(&str, Value)]| dtw(rows, params).unwrap_err().to_string();
    let one = |side, position| (Some(1), side, position, Some(vec![1.0]));
    assert_eq!(error(&[one(Some(3), Some(1))], &[]), "column side, row 1: 3; expected 1 or 2");
    assert_eq!(error(&[one(None, Some(1))], &[]), "column side, row 1: NULL; expected 1 or 2");
    assert_eq!(
        error(&[one(Some(1), Some(5)), one(Some(2), None)], &[]),
        "column position, row 2: NULL; expected the row's place in its series"
    );
    assert_eq!(
        error(&[one(Some(1), Some(5)), one(Some(1), Some(5))], &[]),
        "column position, row 2: 5 again, as in row 1; expected each place once in a series"
    );
    let long = [one(Some(1), Some(1)), one(Some(1), Some(2)), one(Some(1), Some(3)), one(Some(2), Some(1))];
    assert_eq!(
        error(&long, &[("band", Value::Int(1))]),
        "parameter band is 1; expected 2 or more: the series have 3 and 1 vectors"
    );
    assert!(
        error(&long, &[("metric", text("dot"))]).ends_with("expected one of cosine, euclidean, manhattan")
    );
    let lonely = dtw(&long[..3], &[]).unwrap();
    assert_eq!(lonely.columns[1], Values::Float(vec![None]));
}

/// Noise of standard deviation about 1 around a level that changes at the places given.
fn steps(levels: &[(usize, f64)]) -> Vec<f64> {
    let noise = uniform(77, 2000);
    let mut out = Vec::new();
    for (length, level) in levels {
        for _ in 0..*length {
            // Three uniform numbers have the variance 1.
            let at = out.len() * 3;
            out.push(level + noise[at..at + 3].iter().map(|v| f64::from(*v)).sum::<f64>());
        }
    }
    out
}

#[test]
fn a_lasting_step_is_one_change_up_or_down() {
    let mut cusum = Cusum::default();
    (cusum.baseline, cusum.threshold) = (50, 8.0);
    assert_eq!(cusum.changes(&steps(&[(600, 3.0)])).unwrap(), []);
    for (level, upward) in [(7.0, true), (-1.0, false)] {
        let found = cusum.changes(&steps(&[(200, 3.0), (300, level)])).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].upward, found[0].start.abs_diff(200) <= 2), (upward, true), "{found:?}");
        assert!(found[0].alarm >= 200 && found[0].alarm < 206);
        assert!((found[0].mean - 3.0).abs() < 0.5 && (found[0].deviation - 1.0).abs() < 0.3);
    }
    let twice = cusum.changes(&steps(&[(150, 0.0), (150, 6.0), (150, -5.0)])).unwrap();
    assert_eq!(twice.iter().map(|c| c.upward).collect::<Vec<_>>(), [true, false]);
    assert!(twice[0].start.abs_diff(150) <= 6 && twice[1].start.abs_diff(300) <= 6, "{twice:?}");
    // What is too short has none; what does not vary is named.
    assert_eq!(cusum.changes(&[1.0; 50]).unwrap(), []);
    let error = cusum.changes(&[1.0; 51]).unwrap_err().to_string();
    assert!(error.contains("a baseline of 50 numbers from place 1 that do not vary"), "{error}");
    cusum.baseline = 1;
    assert!(cusum.changes(&[]).is_err());
}

#[test]
fn cusum_by_name_orders_rows_and_leaves_nulls_out() {
    let values = steps(&[(60, 0.0), (40, 9.0)]);
    let mut rows: Vec<(i64, i64, Option<f64>)> = (0..100)
        .flat_map(|i| [(1, i * 5, Some(values[i as usize])), (2, i, Some(-values[i as usize]))])
        .collect();
    rows.push((1, 7, None));
    let run = |rows: &[(i64, i64, Option<f64>)]| {
        let columns = vec![
            Input::Integers(rows.iter().map(|r| Some(r.0)).collect()),
            Input::Integers(rows.iter().map(|r| Some(r.1)).collect()),
            Input::Floats(rows.iter().map(|r| r.2).collect()),
        ];
        call_columns("series_cusum", compute(), columns, &[("threshold", Value::Int(8))])
    };
    let found = run(&rows).unwrap();
    assert_eq!(found.columns[0], Values::BigInt(vec![Some(1), Some(2)]));
    // The sum may have left 0 some numbers before the step, of which the positions of group 1 are 5 apart.
    let Values::BigInt(starts) = &found.columns[1] else { panic!() };
    let [Some(first), Some(second)] = starts[..] else { panic!("{starts:?}") };
    assert!(first == second * 5 && second.abs_diff(60) <= 6, "{starts:?}");
    let Values::BigInt(alarms) = &found.columns[2] else { panic!() };
    assert!(alarms[1].is_some_and(|at| (60..62).contains(&at)), "{alarms:?}");
    assert_eq!(found.columns[3], Values::Int(vec![Some(1), Some(-1)]));
    rows.reverse();
    assert_eq!(run(&rows).unwrap(), found);
    rows[5].2 = Some(f64::NAN);
    assert!(
        run(&rows).unwrap_err().to_string().starts_with("column value, row 6: NaN; expected a finite number")
    );
}

#[test]
fn drift_skips_periods_without_vectors() {
    let rows = [Some(vec![1.0, 0.0]), None, Some(vec![1.0, 3.0]), Some(vec![5.0, 3.0])];
    let column = Column::new(Element::F32, &rows, 0);
    let periods = [Some(1), Some(2), Some(3), Some(4)];
    let none = hart_kernels::group::NotFinite::Error;
    let found = series::drift(compute(), &periods, &column.vectors("v"), Metric::Euclidean, none).unwrap();
    assert_eq!(found.from_previous, [None, None, Some(3.0), Some(4.0)]);
    assert_eq!(found.from_first, [Some(0.0), None, Some(3.0), Some(5.0)]);
    assert_eq!((found.vectors, found.left_out), (vec![1, 0, 1, 1], vec![0, 1, 0, 0]));
    let other = Column::new(Element::F32, &[Some(vec![1.0]), Some(vec![1.0, 2.0])], 0);
    assert!(series::drift(compute(), &periods[..2], &other.vectors("v"), Metric::Euclidean, none).is_err());
}
