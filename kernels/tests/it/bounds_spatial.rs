//! Every error bound of the spatial kernels, against a search for inputs that break it.

use crate::common;

use common::climb::{Random, climb};
use common::columns::Column;
use common::wide::Wide;
use common::{call, call_columns, compute, text};
use hart_kernels::Element;
use hart_kernels::registry::{Input, Output, Value, Values};
use hart_kernels::spatial::convex_hull::convex_hull;
use hart_kernels::spatial::curve::{Grid, Outside};
use hart_kernels::spatial::geometry::{Geometry, Position, Shape, SpatialType};
use hart_kernels::spatial::{Basis, hilbert, landmarks, morton, project};
use hart_kernels::tensor::{SvdOptions, svd};

/// The rounding unit of doubles.
const U: f64 = f64::EPSILON / 2.0;
/// Exponents of coordinates, from the smallest subnormal to where distances are still in range.
const ANY: std::ops::RangeInclusive<i32> = -1074..=1018;

fn floats(values: &[f64]) -> Input<'static> {
    Input::Floats(values.iter().copied().map(Some).collect())
}

fn column(output: &Output, n: usize) -> Vec<f64> {
    let Values::Float(values) = &output.columns[n] else { panic!("{output:?}") };
    values.iter().map(|v| v.unwrap_or(f64::INFINITY)).collect()
}

/// 2^`power` for any power that a quotient of doubles may have, in factors.
fn scaled(value: Wide, power: i32) -> Wide {
    let part = |power: i32| Wide::from(2f64.powi(power));
    value * part(power / 3) * part(power / 3) * part(power - 2 * (power / 3))
}

/// The power of two that brings the largest of some numbers near 1.
fn power(values: &[Wide]) -> i32 {
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.value().abs()));
    if largest == 0.0 { 0 } else { -(largest.log2().floor() as i32) }
}

/// The length of a difference, times 2^`power`.
fn length(difference: &[Wide], power: i32) -> Wide {
    difference.iter().fold(Wide::ZERO, |sum, d| sum + scaled(*d, power) * scaled(*d, power)).sqrt()
}

fn differences(a: &[f64], b: &[f64]) -> Vec<Wide> {
    a.iter().zip(b).map(|(a, b)| Wide::difference(*a, *b)).collect()
}

/// |got − exact| over the bound, all times 2^`power`; half a unit of the subnormals comes on top.
fn ratio(got: f64, exact: Wide, power: i32, bound: impl Fn(f64) -> f64) -> f64 {
    let off = (scaled(Wide::from(got), power) - exact).abs().value();
    let bound = bound(exact.value().abs()) + half(power);
    if off == 0.0 { 0.0 } else { off / bound }
}

/// Half a unit in the last place of the subnormals, times 2^`power`.
fn half(power: i32) -> f64 {
    scaled(Wide::from(5e-324), power).value() / 2.0
}

#[test]
fn distances_of_points() {
    climb(
        "candidates",
        1,
        (60, 250),
        ANY,
        |_| 6,
        |v| {
            let axis = |i: usize| floats(&v[i..i + 1]);
            let query = ["query_x", "query_y", "query_z"];
            let params: Vec<_> =
                query.iter().zip(&v[3..]).map(|(name, q)| (*name, Value::Float(*q))).collect();
            let found =
                call_columns("spatial_candidates", compute(), vec![axis(0), axis(1), axis(2)], &params);
            let d = differences(&v[..3], &v[3..]);
            ratio(column(&found.unwrap(), 1)[0], length(&d, power(&d)), power(&d), |d| 4.0 * U * d)
        },
    );
    climb(
        "nearest",
        2,
        (40, 200),
        ANY,
        |_| 6,
        |v| {
            let axis = |i: usize| floats(&[v[i], v[i + 3]]);
            let found = call_columns("spatial_nearest", compute(), vec![axis(0), axis(1), axis(2)], &[]);
            let d = differences(&v[..3], &v[3..]);
            ratio(column(&found.unwrap(), 2)[0], length(&d, power(&d)), power(&d), |d| 4.0 * U * d)
        },
    );
}

/// What `spatial_candidates` finds for each row alone, one row of it left out, is what `spatial_nearest` finds at once.
#[test]
fn neighbours_of_any_size_are_those_of_comparing_all() {
    let mut random = Random(3);
    for round in 0..12 {
        let exponents = if round % 2 == 0 { ANY } else { -560..=-500 };
        // Of exponents that are far apart, and of such as are not; some of them twice.
        let mut axes: [Vec<f64>; 3] = [(); 3].map(|()| (0..60).map(|_| random.number(&exponents)).collect());
        axes.iter_mut().for_each(|axis| axis.extend_from_within(..20));
        let n = axes[0].len();
        let inputs = |rows: &[usize]| -> Vec<Input<'static>> {
            let axis = |a: &Vec<f64>| floats(&rows.iter().map(|r| a[*r]).collect::<Vec<_>>());
            axes.iter().map(axis).collect()
        };
        let all: Vec<usize> = (0..n).collect();
        let k = ("k", Value::Int(7));
        let found = call_columns("spatial_nearest", compute(), inputs(&all), &[k]).unwrap();
        let Values::BigInt(neighbours) = &found.columns[1] else { panic!("{found:?}") };
        for row in 0..n {
            let others: Vec<usize> = all.iter().copied().filter(|r| *r != row).collect();
            let query = ["query_x", "query_y", "query_z"].into_iter().zip(&axes);
            let mut params: Vec<_> = query.map(|(name, axis)| (name, Value::Float(axis[row]))).collect();
            params.push(("count", Value::Int(7)));
            let alone = call_columns("spatial_candidates", compute(), inputs(&others), &params).unwrap();
            let rows = alone.picked.clone().unwrap();
            for rank in 0..7 {
                let wanted = others[rows[rank]] as i64 + 1;
                assert_eq!(neighbours[row * 7 + rank], Some(wanted), "round {round}, row {row}, rank {rank}");
                assert_eq!(column(&found, 2)[row * 7 + rank], column(&alone, 1)[rank]);
            }
        }
    }
    // The one that was wrong.
    let x = [0.0, 1e-170, 3e-163];
    let zero = [0.0; 3];
    let inputs = vec![floats(&x), floats(&zero), floats(&zero)];
    let found = call_columns("spatial_nearest", compute(), inputs, &[("k", Value::Int(1))]).unwrap();
    assert_eq!(found.columns[1], Values::BigInt(vec![Some(2), Some(1), Some(2)]));
    assert_eq!(column(&found, 2), [1e-170, 1e-170, 3e-163 - 1e-170]);
}

fn line(positions: &[f64]) -> Vec<u8> {
    let line = positions.chunks_exact(2).map(|p| Position::new(p[0], p[1])).collect();
    Geometry::new(0, Shape::LineString(line)).encode(SpatialType::Geometry).unwrap()
}

#[test]
fn lengths_of_lines() {
    climb(
        "length",
        4,
        (60, 250),
        ANY,
        |random| 4 + 2 * random.below(5),
        |v| {
            let bytes = line(v);
            let found =
                call_columns("spatial_length", compute(), vec![Input::Binary(vec![Some(&bytes)])], &[]);
            let steps: Vec<_> = v.chunks_exact(2).collect();
            let steps: Vec<_> = steps.windows(2).map(|pair| differences(pair[0], pair[1])).collect();
            let (power, s) = (power(&steps.concat()), steps.len() as f64);
            let exact = steps.iter().fold(Wide::ZERO, |sum, step| sum + length(step, power));
            let bound = |length: f64| (5.0 * U + s * s * 2f64.powi(-106)) * length;
            ratio(column(&found.unwrap(), 0)[0], exact, power, |length| bound(length) + s * half(power))
        },
    );
    for (end, expected) in [("1e160", 1e160), ("1e-170", 1e-170), ("1.7e308", 1.7e308)] {
        let bytes = Geometry::from_wkt(&format!("LINESTRING (0 0, {end} 0)"), 0).unwrap();
        let bytes = bytes.encode(SpatialType::Geometry).unwrap();
        let found = call_columns("spatial_length", compute(), vec![Input::Binary(vec![Some(&bytes)])], &[]);
        assert_eq!(column(&found.unwrap(), 0), [expected]);
        // A path is a line.
        let inputs = [[1.0, 2.0], [0.0, expected], [0.0, 0.0]].map(|v| floats(&v)).into_iter();
        let inputs = inputs.chain([Input::Floats(vec![None, None])]).collect();
        let found = call_columns("spatial_path", compute(), inputs, &[]).unwrap();
        assert_eq!(column(&found, 2), [expected]);
    }
}

#[test]
fn distances_along_lines() {
    let run = |v: &[f64]| {
        let bytes = line(&v[2..]);
        let inputs = vec![Input::Binary(vec![Some(&bytes)]), floats(&v[..1]), floats(&v[1..2])];
        let inputs = inputs.into_iter().chain([Input::Floats(vec![None])]).collect();
        let found = call_columns("spatial_distance_along", compute(), inputs, &[]).unwrap();
        [column(&found, 0)[0], column(&found, 1)[0]]
    };
    // Of one segment, so that the nearest place is one alone.
    climb(
        "distance along",
        5,
        (80, 300),
        ANY,
        |_| 6,
        |v| {
            let [along, distance] = run(v);
            let (step, offset) = (differences(&v[4..], &v[2..4]), differences(&v[..2], &v[2..4]));
            let other = differences(&v[..2], &v[4..]);
            let power = power(&[&step[..], &offset, &other].concat());
            let of = |v: &[Wide]| [scaled(v[0], power), scaled(v[1], power)];
            let (step, offset, other) = (of(&step), of(&offset), of(&other));
            let dot = |a: [Wide; 2], b: [Wide; 2]| a[0] * b[0] + a[1] * b[1];
            let square = dot(step, step);
            // A step that the scale makes nothing of is as good as none.
            let share = if square.value() > 1e-290 { dot(offset, step) / square } else { Wide::ZERO };
            let share = if share.value() <= 0.0 {
                Wide::ZERO
            } else if share.value() >= 1.0 {
                Wide::from(1.0)
            } else {
                share
            };
            let rest = [0, 1].map(|i| offset[i] - share * step[i]);
            let far = dot(offset, offset).sqrt().value().max(dot(other, other).sqrt().value());
            let (along_exact, exact) = (share * square.sqrt(), dot(rest, rest).sqrt());
            let bound = 2f64.powi(-48);
            let first =
                ratio(along, along_exact, power, |along| bound * (far + along) + 1e-145 + 7.0 * half(power));
            first.max(ratio(distance, exact, power, |_| bound * far + 1e-145 + 7.0 * half(power)))
        },
    );
    // Differences beyond the largest double on the way.
    let [along, distance] = run(&[0.0, 3.0, -1.7e308, 0.0, 1.7e308, 0.0]);
    assert_eq!((along, distance), (1.7e308, 3.0));
    let [along, distance] = run(&[3e-200, 4e-200, 0.0, 0.0, 9e-200, 0.0]);
    assert_eq!((along, distance), (3e-200, 4e-200));
}

#[test]
fn means_of_positions() {
    climb(
        "centroid",
        6,
        (40, 250),
        -1074..=1023,
        |random| 30 + random.below(30),
        |v| {
            let found =
                call_columns("spatial_centroid", compute(), vec![floats(v), floats(v), floats(v)], &[]);
            let power = power(&v.iter().map(|v| Wide::from(*v)).collect::<Vec<_>>());
            let (n, of) = (v.len() as f64, |v: &f64| scaled(Wide::from(*v), power));
            let mean = v.iter().fold(Wide::ZERO, |sum, v| sum + of(v)) / Wide::from(n);
            let magnitude = v.iter().map(|v| of(v).value().abs()).sum::<f64>() / n;
            ratio(column(&found.unwrap(), 0)[0], mean, power, |mean| {
                2.0 * U * mean + n * n * 2f64.powi(-106) * magnitude
            })
        },
    );
    let largest = [f64::MAX; 5];
    let found = call_columns("spatial_centroid", compute(), [&largest; 3].map(|v| floats(v)).into(), &[]);
    let mean = column(&found.unwrap(), 1)[0];
    assert!((1.0 - mean / f64::MAX).abs() <= 2.0 * U, "{mean}");
}

/// Twice the signed area, and the square of the largest distance between corners.
fn exact_area(hull: &[[f64; 2]], power: i32) -> (Wide, f64) {
    let of = |p: &[f64; 2], q: &[f64; 2]| [0, 1].map(|i| scaled(Wide::difference(p[i], q[i]), power));
    let mut sum = Wide::ZERO;
    for pair in hull.windows(2) {
        let (a, b) = (of(&pair[0], &hull[0]), of(&pair[1], &hull[0]));
        sum = sum + (a[0] * b[1] - a[1] * b[0]);
    }
    let square = |p: &[f64; 2], q: &[f64; 2]| of(p, q).iter().map(|d| (*d * *d).value()).sum::<f64>();
    let mut largest = 0.0f64;
    for p in hull.iter().step_by(hull.len().div_ceil(100)) {
        largest = hull.iter().fold(largest, |m, q| m.max(square(p, q)));
    }
    (sum, largest)
}

#[test]
fn areas_of_hulls() {
    let area = |points: &[[f64; 2]]| {
        let [x, y] = [0, 1].map(|i| floats(&points.iter().map(|p| p[i]).collect::<Vec<_>>()));
        column(&call_columns("spatial_convex_hull", compute(), vec![x, y], &[]).unwrap(), 2)[0]
    };
    climb(
        "hull",
        7,
        (50, 250),
        -330..=330,
        |random| 6 + 2 * random.below(8),
        |v| {
            let points: Vec<[f64; 2]> = v.chunks_exact(2).map(|p| [p[0], p[1]]).collect();
            let hull = convex_hull(&points).unwrap();
            let power = power(&v.iter().map(|v| Wide::from(*v)).collect::<Vec<_>>());
            let (twice, square) = exact_area(&hull, power);
            let (n, half) = (hull.len() as f64, Wide::from(0.5));
            let got = scaled(scaled(Wide::from(area(&points)), power), power).value();
            ratio(got, twice * half, 0, |area| U * area + 32.0 * n * n * 2f64.powi(-106) * square)
        },
    );
    // A round hull of many corners, far from the origin.
    let n = 100_000;
    let circle: Vec<[f64; 2]> = (0..n)
        .map(|i| {
            let (sin, cos) = (f64::from(i) * std::f64::consts::TAU / f64::from(n)).sin_cos();
            [1e3 + 3.0 * cos, 7.0 + 3.0 * sin]
        })
        .collect();
    let hull = convex_hull(&circle).unwrap();
    assert!(hull.len() > 60_000, "{}", hull.len());
    let exact = exact_area(&hull, 0).0.value() / 2.0;
    assert!((area(&circle) / exact - 1.0).abs() <= 2.0 * U, "{} {exact}", area(&circle));
    // Corners are found, and areas right, wherever the coordinates lie.
    for scale in [1e-300, 1e-170, 1e99] {
        let points =
            [[0.0, 0.0], [4.0, 0.0], [2.0, 1.0], [4.0, 3.0], [0.0, 3.0]].map(|p| p.map(|v| v * scale));
        let hull = convex_hull(&points).unwrap();
        assert_eq!(hull, [points[0], points[1], points[3], points[4]], "{scale}");
    }
    assert_eq!(area(&[[0.0, 0.0], [2f64.powi(-500), 0.0], [0.0, 2f64.powi(-500)]]), 2f64.powi(-1001));
}

#[test]
fn densities_and_middles() {
    climb(
        "density",
        8,
        (40, 300),
        -500..=500,
        |_| 3,
        |v| {
            let size = v[2].abs();
            if size == 0.0 || v[..2].iter().any(|v| (v / size).abs() >= 2f64.powi(53)) {
                return 0.0;
            }
            let params = [("cell_size", Value::Float(size))];
            let found =
                call_columns("spatial_density", compute(), vec![floats(&v[..1]), floats(&v[1..2])], &params);
            let (found, side) = (found.unwrap(), Wide::from(size));
            let power = power(&[side]);
            let density = Wide::from(1.0) / (scaled(side, power) * scaled(side, power));
            let got = column(&found, 5)[0];
            let mut worst = ratio(got, scaled(scaled(density, power), power), 0, |d| 2.0 * U * d);
            for (axis, v) in v[..2].iter().enumerate() {
                let cell = Wide::from((v / size).floor());
                let middle = (cell + Wide::from(0.5)) * scaled(side, power);
                worst = worst.max(ratio(column(&found, 2 + axis)[0], middle, power, |m| 2.0 * U * m));
            }
            worst
        },
    );
}

#[test]
fn middles_of_cells_have_their_keys_or_are_refused() {
    let mut random = Random(9);
    let (mut good, mut refused) = (0, 0);
    for _ in 0..4000 {
        let bits = 1 + random.below(21) as u32;
        let [min, max] = [(); 2].map(|()| [0, 1, 2].map(|_| random.number(&(-60..=60))));
        let mut corners = [min, max];
        for axis in 0..3 {
            let (a, b) = (min[axis], max[axis]);
            // Mostly bounds whose cells are about as wide as the step between doubles.
            let near = a + a.abs() * U * 2f64.powi(bits as i32) * (1.0 + 8.0 * random.unit().abs());
            let b = if random.below(4) == 0 { b } else { near };
            (corners[0][axis], corners[1][axis]) = (a.min(b), a.max(b));
        }
        let Ok(grid) = Grid::new(corners[0], corners[1], bits, Outside::Error) else { continue };
        let keys: Vec<i64> = (0..40).map(|_| (random.bits() as i64) & grid.last_key()).collect();
        match hilbert::positions(&grid, &keys) {
            Ok([x, y, z]) => {
                good += 1;
                assert_eq!(hilbert::keys(&grid, &x, &y, &z).unwrap(), keys, "{grid:?}");
                let order = morton::BitOrder::XLowest;
                let [x, y, z] = morton::positions(&grid, order, &keys).unwrap();
                assert_eq!(morton::keys(&grid, order, &x, &y, &z).unwrap(), keys, "{grid:?}");
            }
            Err(error) => {
                refused += 1;
                let error = error.to_string();
                let least = error.split("bounds at least ").nth(1).and_then(|rest| rest.split(' ').next());
                let least: f64 = least.expect("the least distance").parse().unwrap();
                assert!(morton::positions(&grid, morton::BitOrder::XLowest, &keys).is_err());
                let narrow = (0..3).any(|a| corners[1][a] - corners[0][a] < least);
                assert!(narrow, "{error}");
            }
        }
    }
    println!("middles of cells: seed 9, {good} grids with keys, {refused} refused");
    assert!(good > 500 && refused > 500);
    let params = [("min", text("1")), ("max", text("1.0000000001"))];
    for name in ["spatial_hilbert_inverse", "spatial_morton_inverse"] {
        let error = call_columns(name, compute(), vec![Input::Integers(vec![Some(5)])], &params);
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("parameter max: 1.0000000001 for x, "), "{error}");
        assert!(
            error.ends_with("expected bounds at least 9.313225746154785e-10 apart, or fewer bits"),
            "{error}"
        );
        let wide = [("min", text("1")), ("max", text("1.000000001"))];
        assert!(call_columns(name, compute(), vec![Input::Integers(vec![Some(5)])], &wide).is_ok());
    }
}

/// Vectors in double precision.
fn doubles(rows: &[Vec<f64>]) -> Column {
    Column::new(Element::F64, &rows.iter().cloned().map(Some).collect::<Vec<_>>(), 0)
}

/// ‖C·a − λ·a‖ for the covariance matrix of some rows, over the largest λ, and λ.
fn residual(rows: &[Vec<f64>], axis: &[f32]) -> (f64, f64) {
    let n = rows.len() as f64;
    let mean: Vec<f64> = (0..axis.len()).map(|j| rows.iter().map(|r| r[j]).sum::<f64>() / n).collect();
    let mut image = vec![0.0; axis.len()];
    for row in rows {
        let centred = || row.iter().zip(&mean).map(|(v, mean)| v - mean);
        let along: f64 = centred().zip(axis).map(|(v, a)| v * f64::from(*a)).sum();
        image.iter_mut().zip(centred()).for_each(|(sum, v)| *sum += along * v / n);
    }
    let value: f64 = image.iter().zip(axis).map(|(i, a)| i * f64::from(*a)).sum();
    let off: f64 = image.iter().zip(axis).map(|(i, a)| (i - value * f64::from(*a)).powi(2)).sum();
    (off.sqrt(), value)
}

/// Rows of falling spread along random axes.
fn cloud(random: &mut Random, count: usize, n: usize, fall: f64) -> Vec<Vec<f64>> {
    let axes = n.min(count);
    let frame = Basis::random(n, axes, random.bits() >> 1).unwrap();
    let row = |random: &mut Random| {
        let mut row = vec![0.25; n];
        for axis in 0..axes {
            let along = random.unit() * fall.powi(axis as i32);
            row.iter_mut().zip(frame.axis(axis)).for_each(|(v, a)| *v += along * f64::from(*a));
        }
        row
    };
    (0..count).map(|_| row(random)).collect()
}

#[test]
fn principal_axes_keep_their_promise_at_any_size_and_shape() {
    let mut random = Random(10);
    let shapes = [(40, 12, 0.8), (12, 40, 0.8), (30, 29, 0.99), (29, 30, 0.99), (9, 200, 1.0), (60, 20, 0.3)];
    for (count, n, fall) in [&shapes[..], &[(20, 60, 0.3), (25, 300, 1e-3)]].concat() {
        let rows = cloud(&mut random, count, n, fall);
        let wanted = 5.min(n);
        let fit = |scale: f64| {
            let scaled: Vec<Vec<f64>> = rows.iter().map(|r| r.iter().map(|v| v * scale).collect()).collect();
            Basis::pca(compute(), &doubles(&scaled).vectors("v"), wanted, 1000).unwrap()
        };
        let basis = fit(1.0);
        let largest = residual(&rows, basis.axis(0)).1;
        let mut worst = 0.0f64;
        for axis in 0..wanted {
            let (off, value) = residual(&rows, basis.axis(axis));
            worst = worst.max(off / largest);
            // Rounding to singles moves an axis by at most 2⁻²⁴, and its image by as much of the largest variance twice.
            assert!(
                off <= (1e-6 + 2f64.powi(-23)) * largest,
                "{count} × {n}, axis {axis}: {off} of {largest}"
            );
            // On these samples the axes are the leading ones, too.
            let mean: Vec<f64> =
                (0..n).map(|j| rows.iter().map(|r| r[j]).sum::<f64>() / count as f64).collect();
            let centred: Vec<f32> =
                rows.iter().flat_map(|r| r.iter().zip(&mean).map(|(v, m)| (v - m) as f32)).collect();
            let sigma = svd(&centred, count, n, &SvdOptions::default()).unwrap().singular_values[axis];
            assert!(
                (value - sigma * sigma / count as f64).abs() <= 1e-5 * largest,
                "{count} × {n}, axis {axis}"
            );
        }
        println!(
            "pca of {count} × {n}: seed 10, at most {:.3} of the bound",
            worst / (1e-6 + 2f64.powi(-23))
        );
        // The unit of the vectors does not matter to a single bit.
        for power in [-1000, -283, -267, 266, 500, 1000] {
            let other = fit(2f64.powi(power));
            assert!((0..wanted).all(|a| other.axis(a) == basis.axis(a)), "{count} × {n}, 2^{power}");
        }
    }
    // Fewer varied directions than axes.
    let flat: Vec<Vec<f64>> =
        (0..8).map(|i| (0..50).map(|j| if j == 3 { f64::from(i) } else { 1.0 }).collect()).collect();
    let basis = Basis::pca(compute(), &doubles(&flat).vectors("v"), 4, 100).unwrap();
    assert_eq!(basis.axis(0)[3], 1.0);
}

#[test]
fn shares_of_variance() {
    let run = |v: &[f64]| {
        let rows: Vec<Vec<f64>> = v.chunks_exact(3).map(<[f64]>::to_vec).collect();
        let params = [("kind", text("random")), ("axes", Value::Int(2)), ("element", text("f64"))];
        let found = call("spatial_fit", compute(), &[doubles(&rows).vectors("v")], &params).unwrap();
        let Values::Float(share) = &found.columns[4] else { panic!("{found:?}") };
        (share[0], rows)
    };
    let axes = Basis::random(3, 2, 42).unwrap();
    climb(
        "variance",
        11,
        (40, 150),
        -1000..=1000,
        |random| 6 + 3 * random.below(6),
        |v| {
            let (share, rows) = run(v);
            let power = power(&v.iter().map(|v| Wide::from(*v)).collect::<Vec<_>>());
            let n = Wide::from(rows.len() as f64);
            let rows: Vec<Vec<Wide>> =
                rows.iter().map(|r| r.iter().map(|v| scaled(Wide::from(*v), power)).collect()).collect();
            let variance = |rows: &[Vec<Wide>]| {
                let mut sum = Wide::ZERO;
                for j in 0..rows[0].len() {
                    let mean = rows.iter().fold(Wide::ZERO, |sum, r| sum + r[j]) / n;
                    sum = rows.iter().fold(sum, |sum, r| sum + (r[j] - mean) * (r[j] - mean));
                }
                sum / n
            };
            let total = variance(&rows);
            let points: Vec<Vec<Wide>> = rows
                .iter()
                .map(|r| {
                    let dot = |a: &[f32]| {
                        r.iter().zip(a).fold(Wide::ZERO, |sum, (v, a)| sum + *v * Wide::from(f64::from(*a)))
                    };
                    vec![dot(axes.axis(0)), dot(axes.axis(1))]
                })
                .collect();
            let lengths = rows.iter().flatten().map(|v| (*v * *v).value()).sum::<f64>() / n.value();
            let r = (lengths / total.value()).sqrt();
            // Nothing is left to tell where all rows are nearly the same.
            let Some(share) = share.filter(|_| r < 1e8) else { return 0.0 };
            let (n, d) = (n.value(), 3.0);
            let bound = (n + d + 16.0) * 2.0 * U
                + (d / 16.0 + 16.0) * 2f64.sqrt() * U * r
                + (n * 2.0 * U * r).powi(2);
            (share - (variance(&points) / total).value()).abs() / bound
        },
    );
}

/// What is computed of vectors is the same but for the scale, wherever they lie.
#[test]
fn points_and_searches_of_vectors_of_any_size() {
    let mut random = Random(12);
    let rows = cloud(&mut random, 30, 6, 0.9);
    let basis = Basis::random(6, 4, 1).unwrap();
    let bytes = Value::Bytes(basis.to_bytes());
    let column = |power: i32| {
        let scale = 2f64.powi(power);
        doubles(&rows.iter().map(|r| r.iter().map(|v| v * scale).collect()).collect::<Vec<_>>())
    };
    let search = |name: &str, power: i32, params: &[(&'static str, Value)]| {
        let query: Vec<u8> = rows[0].iter().flat_map(|v| (v * 2f64.powi(power)).to_le_bytes()).collect();
        let base = [
            ("query", Value::Bytes(query)),
            ("k", Value::Int(30)),
            ("metric", text("euclidean")),
            ("basis", bytes.clone()),
            ("element", text("f64")),
        ];
        call(name, compute(), &[column(power).vectors("v")], &[&base[..], params].concat()).unwrap()
    };
    // By row, for exact distances, which decide the order, have a range of their own.
    let by_row = |output: &Output, n: usize| {
        let mut all: Vec<(usize, f64)> =
            output.picked.clone().unwrap().into_iter().zip(self::column(output, n)).collect();
        all.sort_by_key(|(row, _)| *row);
        all.into_iter().map(|(_, v)| v).collect::<Vec<f64>>()
    };
    let axes = [("sieve", text("axes")), ("candidates", Value::Int(30))];
    let stages = [("coarse_candidates", Value::Int(30)), ("fine_candidates", Value::Int(30))];
    let plain = [
        by_row(&search("spatial_hybrid_search", 0, &axes), 3),
        by_row(&search("spatial_multi_resolution_search", 0, &stages), 3),
        by_row(&search("spatial_multi_resolution_search", 0, &stages), 4),
    ];
    let points = project(&basis, &column(0).vectors("v"), false).unwrap();
    for power in [-900, -600, -520, 500, 600, 1000] {
        let scale = 2f64.powi(power);
        let found = [
            by_row(&search("spatial_hybrid_search", power, &axes), 3),
            by_row(&search("spatial_multi_resolution_search", power, &stages), 3),
            by_row(&search("spatial_multi_resolution_search", power, &stages), 4),
        ];
        for (found, plain) in found.iter().zip(&plain) {
            assert_eq!(found, &plain.iter().map(|v| v * scale).collect::<Vec<_>>(), "2^{power}");
        }
        let moved = project(&basis, &column(power).vectors("v"), false).unwrap();
        for row in 0..30 {
            let near = |a: Option<f64>, b: Option<f64>| (a.unwrap() / scale - b.unwrap()).abs() < 1e-6;
            assert!(near(moved.length(row), points.length(row)), "2^{power}, row {row}");
            assert!(near(moved.residual(row), points.residual(row)), "2^{power}, row {row}");
        }
        let norms = call(
            "spatial_project",
            compute(),
            &[column(power).vectors("v")],
            &[("basis", bytes.clone()), ("element", text("f64"))],
        )
        .unwrap();
        for (row, norm) in self::column(&norms, 4).into_iter().enumerate() {
            let exact = rows[row].iter().fold(Wide::ZERO, |sum, v| sum + Wide::product(*v, *v)).sqrt();
            assert!((norm / scale / exact.value() - 1.0).abs() <= 9.0 * U, "2^{power}, row {row}: {norm}");
        }
    }
    // The mean of numbers whose sum is beyond the largest double.
    let far = |y: f64| Some(vec![1.5 * 2f64.powi(1023), y]);
    let far = Column::new(Element::F64, &[far(0.0), far(1.0), far(9.0)], 0);
    let chosen = landmarks(&far.vectors("v"), &[1, 2, 3], 1).unwrap();
    assert_eq!(chosen[0].id, 3);
}
