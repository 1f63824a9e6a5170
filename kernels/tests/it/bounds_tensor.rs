//! Every error bound of the tensor kernels, against a search for inputs that break it.

use crate::common;

use common::climb::{Random, climb};
use common::wide::Wide;
use common::{call_columns, compute, text, uniform};
use hart_kernels::registry::{Input, Output, Value, Values};
use hart_kernels::tensor::{
    Svd, SvdMethod, SvdOptions, Target, coefficients, compare, drift, error, prune, reconstruct, svd,
    synthesize,
};

/// The rounding unit of doubles.
const U: f64 = f64::EPSILON / 2.0;

fn column(output: &Output, n: usize) -> Vec<f64> {
    let Values::Float(values) = &output.columns[n] else { panic!("{output:?}") };
    values.iter().map(|v| v.unwrap()).collect()
}

fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn wide(value: impl Into<f64>) -> Wide {
    Wide::from(value.into())
}

fn sum(terms: impl Iterator<Item = Wide>) -> Wide {
    terms.fold(Wide::ZERO, |sum, term| sum + term)
}

/// |got − exact| over a bound; 0 where they are equal.
fn ratio(got: f64, exact: Wide, bound: f64) -> f64 {
    let off = (wide(got) - exact).abs().value();
    if off == 0.0 { 0.0 } else { off / bound }
}

#[test]
fn importance_and_energy() {
    for (measure, seed) in [("singular_value", 1), ("magnitude", 2), ("fisher", 3)] {
        climb(
            &format!("importance by {measure}"),
            seed,
            (40, 250),
            -60..=60,
            |random| 2 + 2 * random.below(8),
            |v| {
                let (payload, fisher) = (singles(&v[1..v.len() / 2 + 1]), singles(&v[v.len() / 2..]));
                let fisher: Vec<f32> = fisher.iter().map(|f| f.abs()).collect();
                let (n, weight) = (payload.len(), v[0]);
                let (packed, diagonal) = (bytes(&payload), bytes(&fisher));
                let inputs = vec![
                    Input::Integers(vec![Some(1)]),
                    Input::Integers(vec![None]),
                    Input::Floats(vec![Some(weight)]),
                    Input::Binary(vec![Some(&packed)]),
                    Input::Binary(vec![Some(&diagonal)]),
                ];
                let found =
                    call_columns("tensor_importance", compute(), inputs, &[("measure", text(measure))]);
                let found = found.unwrap();
                let square = |x: Wide| x * x;
                let element = |x: &f32| square(wide(weight) * wide(*x));
                let energy = match measure {
                    "singular_value" => square(wide(weight)),
                    _ => sum(payload.iter().map(element)),
                };
                let importance = match measure {
                    "fisher" => {
                        sum(payload.iter().zip(&fisher).map(|(x, f)| element(x) * wide(*f))) * wide(0.5)
                    }
                    _ => energy,
                };
                let n = if measure == "singular_value" { 1.0 } else { n as f64 };
                let of = |n_th: usize, exact: Wide| {
                    ratio(column(&found, n_th)[0], exact, (n + 4.0) * U * exact.value())
                };
                of(1, importance).max(of(3, energy))
            },
        );
    }
    // The case: one element, for which n·2⁻⁵² would be too little.
    climb(
        "importance of one element",
        4,
        (60, 300),
        -20..=20,
        |_| 2,
        |v| {
            let packed = bytes(&singles(&v[1..]));
            let inputs = vec![
                Input::Integers(vec![Some(1)]),
                Input::Integers(vec![None]),
                Input::Floats(vec![Some(v[0])]),
                Input::Binary(vec![Some(&packed)]),
                Input::Binary(vec![None]),
            ];
            let found =
                call_columns("tensor_importance", compute(), inputs, &[("measure", text("magnitude"))]);
            let exact = wide(v[0]) * wide(v[1] as f32);
            ratio(column(&found.unwrap(), 1)[0], exact * exact, 5.0 * U * (exact * exact).value())
        },
    );
}

#[test]
fn shares_of_importance() {
    climb(
        "share",
        5,
        (40, 250),
        -500..=500,
        |random| 1 + random.below(12),
        |v| {
            let m = v.len();
            let inputs = vec![
                Input::Integers((0..m as i64).map(Some).collect()),
                Input::Integers(vec![None; m]),
                Input::Floats(v.iter().copied().map(Some).collect()),
                Input::Binary(vec![None; m]),
                Input::Binary(vec![None; m]),
            ];
            let shares = column(&call_columns("tensor_importance", compute(), inputs, &[]).unwrap(), 2);
            let largest = v.iter().fold(0.0f64, |l, w| l.max(w.abs()));
            if largest == 0.0 {
                return if shares.iter().all(|s| *s == 0.0) { 0.0 } else { f64::INFINITY };
            }
            let square = |w: &f64| (wide(*w) / wide(largest)) * (wide(*w) / wide(largest));
            let all = sum(v.iter().map(square));
            let one = |(share, w): (&f64, &f64)| {
                let exact = square(w) / all;
                ratio(*share, exact, (12.0 + m as f64) * U * exact.value() + 2f64.powi(-900))
            };
            shares.iter().zip(v).map(one).fold(0.0, f64::max)
        },
    );
}

#[test]
fn differences_of_layers() {
    climb(
        "error",
        6,
        (60, 300),
        -100..=100,
        |random| 2 + 2 * random.below(8),
        |v| {
            let v = singles(v);
            let (a, b) = v.split_at(v.len() / 2);
            let (n, found) = (a.len() as f64, error(a, b).unwrap());
            let dot = |x: &[Wide], y: &[Wide]| sum(x.iter().zip(y).map(|(x, y)| *x * *y));
            let [x, y] = [a, b].map(|v| v.iter().map(|x| wide(*x)).collect::<Vec<_>>());
            let off: Vec<Wide> = x.iter().zip(&y).map(|(x, y)| *x - *y).collect();
            let (aa, bb) = (dot(&x, &x), dot(&y, &y));
            let mut worst = 0.0f64;
            if aa.value() > 0.0 {
                let exact = (dot(&off, &off) / aa).sqrt();
                worst = ratio(found.relative, exact, (n + 4.0) * U * exact.value());
            }
            let largest = off
                .iter()
                .map(|d| d.abs())
                .fold(Wide::ZERO, |l, d| if d.value() > l.value() { d } else { l });
            worst = worst.max(ratio(found.largest, largest, U * largest.value()));
            if let Some(cosine) = found.cosine {
                let exact = dot(&x, &y) / (aa.sqrt() * bb.sqrt());
                worst = worst.max(ratio(cosine, exact, (2.0 * n + 4.0) * U));
            }
            worst
        },
    );
}

#[test]
fn what_pruning_costs() {
    climb(
        "prune",
        7,
        (40, 250),
        -480..=480,
        |random| 1 + random.below(12),
        |v| {
            let energy: Vec<f64> = v.iter().map(|v| v.abs()).collect();
            let n = energy.len() as f64;
            let ids: Vec<Option<i64>> = (0..v.len() as i64).map(Some).collect();
            let kept = prune(&ids, &energy, None, Target::Ratio(1.0)).unwrap();
            let largest = wide(energy.iter().fold(0.0f64, |l, e| l.max(*e)));
            let all = sum(energy.iter().map(|e| wide(*e) / largest));
            if largest.value() == 0.0 {
                return 0.0;
            }
            let one = |k: usize| {
                let lost = sum(kept[k + 1..].iter().rev().map(|atom| wide(energy[atom.row]) / largest)) / all;
                let exact = lost.sqrt();
                let first = ratio(kept[k].error, exact, n * 2.0 * U * exact.value());
                first.max(ratio(kept[k].kept_energy, wide(1.0) - lost, n * 2.0 * U))
            };
            (0..kept.len()).map(one).fold(0.0, f64::max)
        },
    );
}

#[test]
fn statistics_of_models() {
    climb(
        "compare",
        8,
        (50, 250),
        -1000..=1000,
        |random| 2 + 2 * random.below(8),
        |v| {
            let (a, b) = v.split_at(v.len() / 2);
            let found =
                compare(&a.iter().zip(b).map(|(a, b)| (Some(*a), Some(*b))).collect::<Vec<_>>()).unwrap();
            let mut worst = 0.0f64;
            let scaled = |v: &[f64]| {
                let largest = v.iter().fold(0.0f64, |l, x| l.max(x.abs()));
                let power = if largest > 0.0 { 2f64.powi(-(largest.log2().floor() as i32)) } else { 1.0 };
                (v.iter().map(|x| wide(*x) * wide(power)).collect::<Vec<_>>(), power)
            };
            let ((x, unit), (y, other)) = (scaled(a), scaled(b));
            for (values, unit, got) in [(&x, unit, found.a), (&y, other, found.b)] {
                let n = wide(values.len() as f64);
                let mean = sum(values.iter().copied()) / n;
                let magnitude = (sum(values.iter().map(|x| x.abs())) / n).value();
                let norm = sum(values.iter().map(|x| *x * *x)).sqrt();
                let deviation = (sum(values.iter().map(|x| (*x - mean) * (*x - mean))) / n).sqrt();
                let largest = values.iter().fold(0.0f64, |l, x| l.max(x.abs().value()));
                let half = 5e-324 * unit / 2.0;
                worst = worst.max(ratio(got.norm * unit, norm, 4.0 * U * norm.value() + half));
                worst = worst.max(ratio(got.mean.unwrap() * unit, mean, 4.0 * U * magnitude + half));
                worst = worst.max(ratio(got.deviation.unwrap() * unit, deviation, 8.0 * U * largest + half));
            }
            if let Some(cosine) = found.cosine {
                let dot = |x: &[Wide], y: &[Wide]| sum(x.iter().zip(y).map(|(x, y)| *x * *y));
                let exact = dot(&x, &y) / (dot(&x, &x).sqrt() * dot(&y, &y).sqrt());
                worst = worst.max(ratio(cosine, exact, 8.0 * U));
            }
            worst
        },
    );
}

#[test]
fn drifts() {
    climb(
        "drift",
        9,
        (60, 300),
        -1074..=1020,
        |_| 2,
        |v| {
            let found = drift(Some(v[0]), Some(v[1]), 0.0).unwrap().unwrap();
            let power = -(v[0].abs().max(v[1].abs()).max(5e-324).log2().floor() as i32);
            let of = |v: f64| wide(v) * wide(2f64.powi(power / 2)) * wide(2f64.powi(power - power / 2));
            let (from, to) = (of(v[0]), of(v[1]));
            let delta = Wide::difference(v[1], v[0]).value();
            let mut worst = if found.delta == delta { 0.0 } else { f64::INFINITY };
            if let Some(relative) = found.relative_delta.filter(|r| r.is_finite()) {
                // In factors, for the base may be far below the other.
                let exact = (to - from) / from.abs();
                if exact.value().is_finite() && from.value() != 0.0 {
                    worst = f64::max(worst, ratio(relative, exact, 4.0 * U * exact.abs().value()));
                }
            }
            let size = from.abs() + to.abs();
            if size.value() > 0.0 {
                let exact = (to - from) * wide(2.0) / size;
                worst = worst.max(ratio(found.symmetric_delta, exact, 4.0 * U * exact.abs().value()));
            }
            worst
        },
    );
}

#[test]
fn sums_of_atoms() {
    climb(
        "synthesize",
        10,
        (40, 200),
        -30..=30,
        |random| 2 * (1 + random.below(20)),
        |v| {
            let atoms: Vec<(f64, [f32; 1])> = v.chunks_exact(2).map(|p| (p[0], [p[1] as f32])).collect();
            let given: Vec<(f64, &[f32])> = atoms.iter().map(|(c, atom)| (*c, &atom[..])).collect();
            let got = synthesize(&given).unwrap()[0];
            let exact = sum(atoms.iter().map(|(c, atom)| wide(*c) * wide(atom[0])));
            let size = atoms.iter().map(|(c, atom)| (c * f64::from(atom[0])).abs()).sum::<f64>();
            let m = atoms.len() as f64;
            let last = f64::from(got.abs().next_up()) - f64::from(got.abs());
            ratio(f64::from(got), exact, (m.min(512.0) + (m / 512.0).ceil() + 1.0) * U * size + last / 2.0)
        },
    );
    // More than a run, and parts that cancel.
    let (n, mut random) = (1500, Random(11));
    let atoms: Vec<(f64, [f32; 1])> = (0..n).map(|_| (random.unit(), [random.unit() as f32])).collect();
    let given: Vec<(f64, &[f32])> = atoms.iter().map(|(c, atom)| (*c, &atom[..])).collect();
    let exact = sum(atoms.iter().map(|(c, atom)| wide(*c) * wide(atom[0]))).value();
    let got = synthesize(&given).unwrap()[0];
    assert!((f64::from(got) - exact).abs() <= 516.0 * U * 1500.0 + exact.abs() * 2f64.powi(-24));
}

#[test]
fn matrices_from_components() {
    // A row, a column and a singular value for each component, of any size that singles and doubles have.
    for (seed, exponents) in [(12, -30..=30), (13, -149..=126), (14, -100..=-20)] {
        climb(
            "reconstruct",
            seed,
            (50, 250),
            exponents,
            |random| 5 * (1 + random.below(4)),
            |v| {
                let (rows, columns, k) = (2, 2, v.len() / 5);
                let part = |n: usize, length: usize| -> Vec<f32> {
                    v.chunks_exact(5).flat_map(|c| singles(&c[n..n + length])).collect()
                };
                let (u, right) = (part(1, rows), part(3, columns));
                // A singular value of a range of its own, so that products with both vectors are in that of singles.
                let sigma: Vec<f64> = v
                    .chunks_exact(5)
                    .map(|c| {
                        let size = (c[1].abs().max(c[2].abs())) * (c[3].abs().max(c[4].abs()));
                        if size > 0.0 && size.is_finite() {
                            c[0].abs().max(1e-300).powf(0.2) / size
                        } else {
                            1.0
                        }
                    })
                    .collect();
                let components = Svd {
                    rows,
                    columns,
                    singular_values: sigma.clone(),
                    u: u.clone(),
                    v: right.clone(),
                    ..Svd::default()
                };
                let got = reconstruct(&components).unwrap();
                let mut worst = 0.0f64;
                for i in 0..rows {
                    for j in 0..columns {
                        let term =
                            |c: usize| wide(sigma[c]) * wide(u[c * rows + i]) * wide(right[c * columns + j]);
                        let exact = sum((0..k).map(term));
                        let size: f64 = (0..k).map(|c| term(c).abs().value()).sum();
                        if size.is_nan() || size > f64::from(f32::MAX) / 2.0 {
                            continue;
                        }
                        let beside: f64 = (0..k)
                            .map(|c| {
                                let left =
                                    (0..rows).fold(0.0f64, |l, i| l.max(f64::from(u[c * rows + i].abs())));
                                (wide(sigma[c]) * wide(left) * wide(right[c * columns + j])).abs().value()
                            })
                            .sum();
                        let m = k as f64;
                        let bound =
                            (m + 2.0) * 2f64.powi(-24) * size + 2f64.powi(-88) * beside + m * 2f64.powi(-149);
                        worst = worst.max(ratio(f64::from(got[i * columns + j]), exact, bound));
                    }
                }
                worst
            },
        );
    }
    // A product in the middle of the range of singles, of factors that are not.
    for (sigma, u, v) in
        [(1e-60, 1e-5f32, 3e38f32), (1e-40, 1.0, 1e30), (1e70, 1e-10, 1e-38), (1e300, 1e-38, 0.0)]
    {
        let components = Svd {
            rows: 1,
            columns: 1,
            singular_values: vec![sigma],
            u: vec![u],
            v: vec![v],
            ..Svd::default()
        };
        let exact = (sigma * f64::from(u) * f64::from(v)) as f32;
        let got = reconstruct(&components).unwrap()[0];
        assert!((got - exact).abs() <= exact.abs() * 3e-7, "{sigma} {u} {v}: {got} for {exact}");
    }
}

/// The triangle R with A = RᵀR of a small matrix.
fn cholesky(a: &[Vec<Wide>]) -> Vec<Vec<Wide>> {
    let n = a.len();
    let mut r = vec![vec![Wide::ZERO; n]; n];
    for i in 0..n {
        for j in i..n {
            let mut rest = a[i][j];
            for row in r.iter().take(i) {
                rest = rest - row[i] * row[j];
            }
            r[i][j] = if i == j { rest.sqrt() } else { rest / r[i][i] };
        }
    }
    r
}

/// The solution of RᵀR·x = b.
fn solve(r: &[Vec<Wide>], b: &[Wide]) -> Vec<Wide> {
    let n = r.len();
    let mut x = b.to_vec();
    for i in 0..n {
        for k in 0..i {
            x[i] = x[i] - r[k][i] * x[k];
        }
        x[i] = x[i] / r[i][i];
    }
    for i in (0..n).rev() {
        for k in i + 1..n {
            x[i] = x[i] - r[i][k] * x[k];
        }
        x[i] = x[i] / r[i][i];
    }
    x
}

fn norm(x: &[Wide]) -> f64 {
    sum(x.iter().map(|x| *x * *x)).sqrt().value()
}

#[test]
fn coefficients_by_condition() {
    let (n, mut worst) = (60, 0.0f64);
    let mut hardest = 0.0f64;
    for round in 0..160u32 {
        let mut random = Random(u64::from(round) + 15);
        let m = 2 + random.below(5);
        // Nearly parallel atoms, of sizes that differ: conditions up to what still has full rank.
        let spread = 10f64.powf(-6.5 * (random.unit() + 1.0) / 2.0);
        let base = uniform(round, n);
        let atoms: Vec<Vec<f32>> = (0..m as u32)
            .map(|k| {
                let own = uniform(1000 + 10 * round + k, n);
                let size = 2f32.powi(random.below(40) as i32 - 20);
                base.iter().zip(own).map(|(b, x)| (b + x * spread as f32) * size).collect()
            })
            .collect();
        let inside = random.below(2) == 0;
        let layer: Vec<f32> = (0..n)
            .map(|i| if inside { atoms[0][i] + atoms[1][i] } else { uniform(7 + round, n)[i] })
            .collect();
        let views: Vec<&[f32]> = atoms.iter().map(Vec::as_slice).collect();
        let found = coefficients(&layer, &views).unwrap();
        if found.rank < m {
            continue;
        }
        let rows: Vec<Vec<Wide>> = atoms.iter().map(|a| a.iter().map(|x| wide(*x)).collect()).collect();
        let lengths: Vec<Wide> = rows.iter().map(|a| sum(a.iter().map(|x| *x * *x)).sqrt()).collect();
        let unit: Vec<Vec<Wide>> =
            rows.iter().zip(&lengths).map(|(a, length)| a.iter().map(|x| *x / *length).collect()).collect();
        let dot = |a: &[Wide], b: &[Wide]| sum(a.iter().zip(b).map(|(a, b)| *a * *b));
        let gram: Vec<Vec<Wide>> = unit.iter().map(|a| unit.iter().map(|b| dot(a, b)).collect()).collect();
        let r = cholesky(&gram);
        let target: Vec<Wide> = layer.iter().map(|x| wide(*x)).collect();
        let x = solve(&r, &unit.iter().map(|a| dot(a, &target)).collect::<Vec<_>>());
        // The condition, by iterations with the matrix and its inverse.
        let (mut up, mut down) =
            (vec![wide(1.0); m], (0..m).map(|i| wide(1.0 + i as f64 * 0.3)).collect::<Vec<_>>());
        let (mut most, mut least) = (0.0, 0.0);
        for _ in 0..60 {
            up = gram.iter().map(|row| dot(row, &up)).collect();
            down = solve(&r, &down);
            (most, least) = (norm(&up), norm(&down));
            up.iter_mut().for_each(|v| *v = *v / wide(most));
            down.iter_mut().for_each(|v| *v = *v / wide(least));
        }
        let condition = (most * least).sqrt();
        let rest: Vec<Wide> =
            (0..n).map(|i| target[i] - sum(unit.iter().zip(&x).map(|(a, x)| a[i] * *x))).collect();
        let off: Vec<Wide> =
            x.iter().zip(&lengths).zip(&found.coefficients).map(|((x, l), c)| *x - wide(*c) * *l).collect();
        let bound = 2f64.powi(-46) * (m as f64).sqrt() * condition * (norm(&x) + condition * norm(&rest));
        worst = worst.max(norm(&off) / bound);
        hardest = hardest.max(condition);
        assert!(norm(&off) <= bound, "round {round}: {} of {bound}, condition {condition:e}", norm(&off));
        let residual = norm(&rest) / norm(&target);
        assert!(
            (found.residual - residual).abs() <= 1e-9 * (1.0 + residual),
            "{} {residual}",
            found.residual
        );
    }
    println!("coefficients: seeds from 15, conditions up to {hardest:.1e}, at most {worst:.3} of the bound");
    assert!(hardest > 1e6);
}

/// Singular values of a small matrix by one-sided rotations (Hestenes 1958).
#[allow(clippy::needless_range_loop, reason = "two columns are turned at the same place")]
fn spectrum(matrix: &[f32], rows: usize, columns: usize) -> Vec<f64> {
    let mut of: Vec<Vec<Wide>> =
        (0..columns).map(|j| (0..rows).map(|i| wide(matrix[i * columns + j])).collect()).collect();
    let dot = |a: &[Wide], b: &[Wide]| sum(a.iter().zip(b).map(|(a, b)| *a * *b));
    for _ in 0..30 {
        for p in 0..columns {
            for q in p + 1..columns {
                let (pp, qq, pq) = (dot(&of[p], &of[p]), dot(&of[q], &of[q]), dot(&of[p], &of[q]));
                if pq.value() == 0.0 {
                    continue;
                }
                let theta = (qq - pp) / (pq * wide(2.0));
                let sign = wide(if theta.value() < 0.0 { -1.0 } else { 1.0 });
                let t = sign / (theta.abs() + (theta * theta + wide(1.0)).sqrt());
                let c = wide(1.0) / (t * t + wide(1.0)).sqrt();
                for i in 0..rows {
                    let (x, y) = (of[p][i], of[q][i]);
                    (of[p][i], of[q][i]) = (c * x - c * t * y, c * t * x + c * y);
                }
            }
        }
    }
    let mut values: Vec<f64> = of.iter().map(|c| dot(c, c).sqrt().value()).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

#[test]
fn singular_values_are_exact_by_default() {
    climb(
        "svd",
        16,
        (25, 80),
        -40..=40,
        |_| 20,
        |v| {
            let matrix = singles(v);
            let exact = spectrum(&matrix, 5, 4);
            let mut worst = 0.0f64;
            for options in
                [SvdOptions::default(), SvdOptions::default().rank(1), SvdOptions::default().rank(3)]
            {
                let found = svd(&matrix, 5, 4, &options).unwrap();
                for (got, exact_value) in found.singular_values.iter().zip(&exact) {
                    let bound = 9.0 * 2.0 * U * exact[0];
                    let off = (got - exact_value).abs();
                    worst = worst.max(if off == 0.0 { 0.0 } else { off / bound });
                }
            }
            worst
        },
    );
    // A low rank of a flat spectrum, of which the randomized method misses percents.
    let (rows, columns) = (500, 120);
    let noise = uniform(3, rows * columns);
    let all = svd(&noise, rows, columns, &SvdOptions::default()).unwrap();
    for rank in [1, 10, 40] {
        let some = svd(&noise, rows, columns, &SvdOptions::default().rank(rank)).unwrap();
        assert_eq!(some.singular_values, all.singular_values[..rank]);
        let packed = bytes(&noise);
        let inputs = vec![Input::Integers(vec![None]), Input::Binary(vec![Some(&packed)])];
        let params = [("columns", Value::Int(columns as i64)), ("rank", Value::Int(rank as i64))];
        let output = call_columns("tensor_svd", compute(), inputs, &params).unwrap();
        assert_eq!(column(&output, 1), all.singular_values[..rank]);
    }
    // By name it is the other one.
    let sampled =
        svd(&noise, rows, columns, &SvdOptions::default().rank(10).method(SvdMethod::Randomized)).unwrap();
    assert!(sampled.singular_values[9] < all.singular_values[9] * (1.0 - 1e-6));
}

#[test]
fn what_the_randomized_method_misses() {
    let mut worst = (0.0f64, 0.0f64, 0.0f64);
    for (n, rank) in [(60, 1), (60, 16), (100, 64), (240, 64), (240, 128)] {
        for tail in [0.5, 0.8, 0.9, 0.97] {
            // Two levels, the hardest spectra that were found; the vectors do not matter to a random sample.
            let matrix: Vec<f32> = (0..n * n)
                .map(|at| {
                    if at / n != at % n {
                        0.0
                    } else if at / n < rank {
                        1.0
                    } else {
                        tail as f32
                    }
                })
                .collect();
            let options = SvdOptions::default().rank(rank).method(SvdMethod::Randomized);
            let found = svd(&matrix, n, n, &options).unwrap();
            let tail = f64::from(tail as f32);
            let left = (n - rank) as f64 * tail * tail;
            let optimum = (left / (left + rank as f64)).sqrt();
            let too_small = |k: usize| 1.0 - found.singular_values[k];
            assert!(found.singular_values.iter().all(|s| *s <= 1.0 + 1e-12));
            worst.0 = worst.0.max(found.error() / optimum - 1.0);
            worst.1 = worst.1.max(too_small(0));
            worst.2 = worst.2.max(too_small(rank - 1));
            assert!(found.error() <= optimum * 1.02, "{n}, {rank}, {tail}: {} {optimum}", found.error());
            assert!(too_small(0) <= 0.11 && too_small(rank - 1) <= 0.21, "{n}, {rank}, {tail}");
        }
    }
    println!(
        "randomized, seed 0: error {:.4} above the optimum, first value {:.4} too small, last {:.4}",
        worst.0, worst.1, worst.2
    );
}
