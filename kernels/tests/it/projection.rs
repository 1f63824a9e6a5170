//! Bases and projections: the original's golden data, wider arithmetic, real vectors, bad input.

use crate::common;

use common::columns::{Column, pack};
use common::recorded::golden;
use common::{assert_same, bind, compute, hash, text, uniform, with_specials};
use hart_kernels::registry::{self, Call, Input, Kind, Output, Value, Values};
use hart_kernels::spatial::{self, Basis, BasisKind, Measuring};
use hart_kernels::{Accumulate, Element, Error, Level, Vectors, vector};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

const CLR: usize = 1998;

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn sha256(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Calls a kernel by name with one column of vectors; the ids are 1, 2, 3, …
fn run(name: &str, level: Level, column: &Column, params: &[(&str, Value)]) -> Result<Output, Error> {
    let kernel = registry::find(name)?;
    let vectors = column.try_vectors("v")?;
    let rows = vectors.len();
    let inputs = kernel.inputs.iter().map(|c| match c.kind {
        Kind::Id => Input::Id(Some((1..=rows as i64).map(Some).collect())),
        _ => Input::Vectors(vectors.clone()),
    });
    let inputs = inputs.collect();
    (kernel.run)(&Call::new(kernel, rows, inputs, bind(kernel, params)?, compute().level(level))?)
}

fn best() -> Level {
    Level::current()
}

fn floats(output: &Output, column: usize) -> &[Option<f64>] {
    let Values::Float(values) = &output.columns[column] else { panic!("column {column} holds no numbers") };
    values
}

/// The axes of the original, in its single precision, with so many partial products in a chunk: four, added one after the other,
/// is what was measured; eight, added in pairs and the halves last, is the order of AVX2's `dpps`. The sum of each chunk is
/// added to a total.
fn original_axes(lanes: usize) -> Vec<Vec<f32>> {
    let chunk = |p: &[f32]| match p {
        [a, b, c, d] => ((a + b) + c) + d,
        [a, b, c, d, e, f, g, h] => ((a + b) + (c + d)) + ((e + f) + (g + h)),
        _ => unreachable!(),
    };
    let dot = |a: &[f32], b: &[f32]| {
        let products: Vec<f32> = a.iter().zip(b).map(|(a, b)| a * b).collect();
        let chunks = products.chunks_exact(lanes);
        let rest = chunks.remainder();
        let total = chunks.fold(0f32, |total, part| total + chunk(part));
        rest.iter().fold(total, |total, p| total + p)
    };
    let unit = |row: Vec<f32>| -> Vec<f32> {
        let scale = 1.0 / dot(&row, &row).sqrt();
        row.into_iter().map(|v| v * scale).collect()
    };
    let mut random = Random::new(42);
    let mut rows = (0..3)
        .map(|_| unit((0..CLR).map(|_| (2.0 * random.next() - 1.0) as f32).collect()))
        .collect::<Vec<_>>();
    for i in 1..3 {
        for j in 0..i {
            let part = dot(&rows[i], &rows[j]);
            let less: Vec<f32> = rows[i].iter().zip(&rows[j]).map(|(v, a)| v - part * a).collect();
            rows[i] = less;
        }
        rows[i] = unit(std::mem::take(&mut rows[i]));
    }
    rows
}

/// `System.Random` of .NET Framework, from its description, with a table that counts from 1.
struct Random {
    table: [i64; 56],
    at: usize,
}

impl Random {
    fn new(seed: i64) -> Random {
        const BIG: i64 = 2_147_483_647;
        let mut table = [0i64; 56];
        let mut last = 161_803_398 - seed;
        table[55] = last;
        let mut next = 1;
        for i in 1..55 {
            let place = 21 * i % 55;
            table[place] = next;
            next = last - next;
            if next < 0 {
                next += BIG;
            }
            last = table[place];
        }
        for _ in 1..5 {
            for i in 1..56 {
                table[i] -= table[1 + (i + 30) % 55];
                if table[i] < 0 {
                    table[i] += BIG;
                }
            }
        }
        Random { table, at: 0 }
    }

    fn next(&mut self) -> f64 {
        self.at = self.at % 55 + 1;
        let other = (self.at + 20) % 55 + 1;
        let mut number = self.table[self.at] - self.table[other];
        if number == 2_147_483_647 {
            number -= 1;
        }
        if number < 0 {
            number += 2_147_483_647;
        }
        self.table[self.at] = number;
        number as f64 * (1.0 / 2_147_483_647.0)
    }
}

#[test]
fn the_axes_of_the_original_are_reproduced_in_both_of_its_orders() {
    let golden = &golden()["landmark"];
    for (order, lanes) in [("clr", 4), ("clr_avx2", 8)] {
        let axes = original_axes(lanes);
        let wanted = golden["basis"].as_array().unwrap().iter().filter(|b| b["order"] == order);
        for (axis, wanted) in axes.iter().zip(wanted) {
            let first: Vec<f32> = numbers(&wanted["first8"]).iter().map(|v| *v as f32).collect();
            assert_eq!(axis[..8], first, "{order} {}", wanted["axis"]);
            assert_eq!(sha256(axis), wanted["sha256_le_f32"].as_str().unwrap(), "{order} {}", wanted["axis"]);
        }
    }
}

#[test]
fn our_axes_are_those_of_double_precision_rounded() {
    let golden = &golden()["landmark"];
    let basis = Basis::clr_v1();
    assert_eq!((basis.kind(), basis.axes()), (BasisKind::ClrV1, 3));
    for (i, wanted) in golden["basis_f64"].as_array().unwrap().iter().enumerate() {
        assert_eq!(sha256(basis.axis(i)), wanted["sha256_le_f32_after_rounding"].as_str().unwrap());
        let every: Vec<f32> = basis.axis(i).iter().step_by(111).copied().collect();
        let wanted: Vec<f32> = numbers(&wanted["every_111th"]).iter().map(|v| *v as f32).collect();
        assert_eq!(every, wanted);
    }
    let (x4, x8) = (original_axes(4), original_axes(8));
    for axis in 0..3 {
        let apart = |other: &[f32]| {
            let pairs = basis.axis(axis).iter().zip(other);
            pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
        };
        assert!(apart(&x4[axis]) < 3e-8 && apart(&x8[axis]) < 3e-8, "axis {axis}");
    }
}

#[test]
fn projections_of_the_original_are_within_its_tolerance() {
    let golden = &golden()["landmark"];
    let cases = golden["projections"].as_array().unwrap();
    assert!(cases.len() >= 20);
    for case in cases {
        let scale = case["multiplier"].as_f64().unwrap();
        let vector: Vec<f64> = uniform(case["seed"].as_u64().unwrap() as u32, CLR)
            .into_iter()
            .map(|v| f64::from(v * scale as f32))
            .collect();
        let column = Column::new(Element::F32, &[Some(vector)], 3);
        let output = run("spatial_project", best(), &column, &[]).unwrap();
        let point: Vec<f64> = (0..3).map(|axis| floats(&output, axis)[0].unwrap()).collect();
        for (name, tolerance) in [("clr", 3e-6), ("clr_avx2", 3e-6), ("f64", 2e-7)] {
            for (got, wanted) in point.iter().zip(numbers(&case[name])) {
                assert!((got - wanted).abs() <= tolerance * scale, "{name}: {got}, not {wanted}");
            }
        }
        // The bytes have the original's layout: all but the coordinates are the same.
        let Values::Packed(bytes) = &output.columns[3] else { panic!("no packed bytes") };
        let bytes = bytes.rows().next().unwrap().unwrap();
        let wanted = case["geometry_udt_hex"].as_str().unwrap();
        let hex: String = bytes.iter().map(|b| format!("{b:02X}")).collect();
        assert_eq!((hex.len(), &hex[..12]), (wanted.len(), &wanted[..12]));
        for (axis, value) in point.iter().enumerate() {
            assert_eq!(bytes[6 + 8 * axis..][..8], value.to_le_bytes());
        }
    }
}

#[test]
fn short_vectors_are_padded_only_where_that_is_asked_for() {
    let golden = &golden()["landmark"];
    let cases = golden["project_to_point_json"].as_array().unwrap();
    for case in cases {
        let n = case["len"].as_u64().unwrap() as usize;
        let vector = uniform(case["seed"].as_u64().unwrap() as u32, n);
        let column = Column::of_singles(Element::F32, &[vector], 1);
        let padded = run("spatial_project", best(), &column, &[("pad", text("yes"))]);
        let plain = run("spatial_project", best(), &column, &[]);
        if n != CLR {
            let message = plain.unwrap_err().to_string();
            assert_eq!(message, format!("column v, row 1: {n} dimensions, but the basis has 1998"));
        }
        if n > CLR {
            // The original cut such vectors off.
            assert!(padded.unwrap_err().to_string().contains("the basis has 1998"));
            continue;
        }
        let output = padded.unwrap();
        for (axis, wanted) in numbers(&case["f64"]).into_iter().enumerate() {
            let got = floats(&output, axis)[0].unwrap();
            assert!((got - wanted).abs() < 2e-7, "{n} dimensions: {got}, not {wanted}");
        }
    }
    let empty = Column::new(Element::F32, &[Some(vec![])], 0);
    let output = run("spatial_project", best(), &empty, &[("pad", text("yes"))]).unwrap();
    assert_eq!((floats(&output, 0)[0], floats(&output, 4)[0]), (Some(0.0), Some(0.0)));
}

/// A basis of every kind for vectors of `n` dimensions with about `axes` axes.
fn every_basis(n: usize, axes: usize) -> Vec<Basis> {
    let sample: Vec<f32> = (0..3 * axes as u32 + 5).flat_map(|i| uniform(900 + i, n)).collect();
    let sample = Vectors::matrix(&sample, n).unwrap();
    let few: Vec<f32> = (0..axes as u32).flat_map(|i| uniform(700 + i, n)).collect();
    let few = Vectors::matrix(&few, n).unwrap();
    vec![
        Basis::landmarks(&few).unwrap(),
        Basis::pca(compute(), &sample, axes, 1000).unwrap(),
        Basis::random(n, axes, 7).unwrap(),
        Basis::trilateration(compute(), &few).unwrap(),
    ]
}

#[test]
fn coordinates_have_the_bits_of_dot_products_and_distances_on_every_level() {
    for (n, axes) in [(1, 1), (5, 2), (33, 3), (64, 4), (100, 31), (384, 3), (384, 64), (1290, 8), (1998, 3)]
    {
        for basis in every_basis(n, axes) {
            let rows: Vec<Vec<f32>> = (0..61).map(|i| with_specials(i, n, true)).collect();
            for element in [Element::F32, Element::F64] {
                let column = Column::of_singles(element, &rows, n);
                for accumulate in [Accumulate::F32, Accumulate::F64] {
                    let on = |level| {
                        let compute = compute().level(level).accumulate(accumulate);
                        spatial::project_with(compute, &basis, &column.vectors("v"), false).unwrap()
                    };
                    let points = on(Level::scalar());
                    for level in Level::available() {
                        // Finite vectors have finite coordinates, so that equality is that of bits, but for −0.
                        assert!(on(level) == points, "{:?} {n}×{axes}, {}", basis.kind(), level.name());
                        // Coordinates alone have the same bits, whatever the memory held.
                        let mut alone = vec![7.0; rows.len() * basis.axes()];
                        let compute = compute().level(level).accumulate(accumulate);
                        let column = column.vectors("v");
                        spatial::project_into_with(compute, &basis, &column, false, &mut alone).unwrap();
                        let bits = |points: &[f64]| points.iter().map(|c| c.to_bits()).collect::<Vec<_>>();
                        assert!(bits(&alone) == bits(points.coordinates()), "{n}×{axes}, {}", level.name());
                    }
                    let with = compute().accumulate(accumulate);
                    for (i, row) in rows.iter().enumerate().filter(|_| element == Element::F32) {
                        for axis in 0..basis.axes() {
                            let wanted = if basis.kind() == BasisKind::Trilateration {
                                vector::euclidean_distance_with(with, row, basis.axis(axis)).unwrap()
                                    / basis.scale()
                            } else {
                                vector::dot_product_with(with, row, basis.axis(axis)).unwrap()
                            };
                            assert_eq!(points.point(i).unwrap()[axis].to_bits(), wanted.to_bits());
                        }
                    }
                }
            }
        }
    }
}

/// NULLs and short rows between others, where two rows are taken at once and where many are.
#[test]
fn rows_that_are_missing_or_short_leave_the_others_alone() {
    let n = 40;
    let numbers = |i: u32, n: usize| uniform(i, n).into_iter().map(f64::from).collect::<Vec<_>>();
    let rows: Vec<Option<Vec<f64>>> = (0..77)
        .map(|i| match i % 5 {
            2 => None,
            4 => Some(numbers(i, n - 1 - i as usize % 7)),
            _ => Some(numbers(i, n)),
        })
        .collect();
    let padded = |row: &Vec<f64>| row.iter().copied().chain([0.0; 40]).take(n).collect::<Vec<_>>();
    let alone: Vec<Column> =
        rows.iter().map(|row| Column::new(Element::F32, &[row.as_ref().map(padded)], 0)).collect();
    let column = Column::new(Element::F32, &rows, 0);
    let column = column.vectors("v");
    let bits = |point: &[f64]| point.iter().map(|c| c.to_bits()).collect::<Vec<_>>();
    for (basis, level) in [2, 3, 5]
        .into_iter()
        .flat_map(|axes| every_basis(n, axes))
        .flat_map(|basis| Level::available().into_iter().map(move |level| (basis.clone(), level)))
    {
        let (compute, axes) = (compute().level(level), basis.axes());
        let points = spatial::project_with(compute, &basis, &column, true).unwrap();
        let mut into = vec![7.0; rows.len() * axes];
        spatial::project_into_with(compute, &basis, &column, true, &mut into).unwrap();
        for (i, (into, alone)) in into.chunks(axes).zip(&alone).enumerate() {
            let one = spatial::project_with(compute, &basis, &alone.vectors("v"), false).unwrap();
            let place = format!("{:?}, {axes} axes, {}, row {i}", basis.kind(), level.name());
            assert_eq!(points.point(i).map(bits), one.point(0).map(bits), "{place}");
            assert_eq!(points.square(i), one.square(0), "{place}");
            let wanted = one.point(0).map_or(vec![f64::NAN.to_bits(); axes], bits);
            assert_eq!(bits(into), wanted, "{place}");
        }
    }
}

#[test]
fn threads_do_not_change_anything() {
    let rows: Vec<Vec<f32>> = (0..3000).map(|i| uniform(i, 96)).collect();
    let column = Column::of_singles(Element::F32, &rows, 0);
    let basis = Value::Bytes(Basis::random(96, 8, 1).unwrap().to_bytes());
    let query = ("query", Value::Bytes(pack(Element::F32, &[0.1; 192])));
    let count = ("query_count", Value::Int(2));
    let calls: [(&str, Vec<(&str, Value)>); 6] = [
        ("spatial_project", vec![("basis", basis.clone())]),
        ("spatial_fit", vec![("kind", text("pca")), ("axes", Value::Int(5)), ("sample", Value::Int(500))]),
        ("spatial_landmarks", vec![("count", Value::Int(5))]),
        ("spatial_hybrid_search", vec![query.clone(), count.clone(), ("basis", basis.clone())]),
        ("spatial_multi_resolution_search", vec![query.clone(), count.clone(), ("basis", basis.clone())]),
        ("spatial_recall", vec![query, count, ("basis", basis)]),
    ];
    for (name, params) in calls {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(name, best(), &column, &params))
        };
        let one = on(1);
        assert!(one.is_ok(), "{name}: {one:?}");
        assert_same(&one, &on(2), name);
        assert_same(&one, &on(5), name);
        for level in Level::available() {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
            // The plainest level emulates its instructions, so it sees a part of the rows.
            let part = Column::of_singles(Element::F32, &rows[..300], 0);
            let on = |level| pool.install(|| run(name, level, &part, &params));
            assert_same(&on(Level::scalar()), &on(level), &format!("{name}, {}", level.name()));
        }
    }
}

#[test]
fn axes_are_orthonormal_and_span_what_they_should() {
    for (n, axes) in [(1, 1), (7, 7), (64, 5), (384, 64)] {
        for basis in every_basis(n, axes) {
            if basis.kind() == BasisKind::Trilateration {
                assert!(basis.defect().is_infinite());
                continue;
            }
            let dot = |i: usize, j: usize| -> f64 {
                basis.axis(i).iter().zip(basis.axis(j)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            let mut squares = 0.0;
            for i in 0..axes {
                for j in 0..axes {
                    squares += (dot(i, j) - f64::from(u8::from(i == j))).powi(2);
                }
            }
            assert!(squares.sqrt() <= basis.defect() && basis.defect() < 1e-6, "{:?}", basis.kind());
        }
    }
    // Landmarks lie in the span of their axes: nothing of them is left over.
    let rows: Vec<f32> = (0..6).flat_map(|i| uniform(i, 50)).collect();
    let rows = Vectors::matrix(&rows, 50).unwrap();
    let points = spatial::project(&Basis::landmarks(&rows).unwrap(), &rows, false).unwrap();
    for i in 0..6 {
        assert!(points.residual(i).unwrap() < 2e-3, "{:?}", points.residual(i));
        let point = points.point(i).unwrap();
        assert!(point[i] > 0.0 && point[i + 1..].iter().all(|c| c.abs() < 1e-6), "{point:?}");
    }
}

#[test]
fn a_basis_measured_in_parts_is_one_measured_on_the_whole() {
    for basis in every_basis(12, 3) {
        let numbers: Vec<f32> = (0..29).flat_map(|i| uniform(i, 12)).collect();
        let lengths: Vec<i32> = (0..29).map(|i| if i % 7 == 3 { -1 } else { 48 }).collect();
        let bytes = |from: usize, to: usize| -> Vec<u8> {
            let rows = (from..to).filter(|i| lengths[*i] > 0);
            rows.flat_map(|i| bytemuck::cast_slice::<f32, u8>(&numbers[i * 12..][..12]).to_vec()).collect()
        };
        let measure = |parts: &[std::ops::Range<usize>]| {
            let mut measuring = Measuring::new(compute(), basis.clone(), false).with_variance();
            for part in parts {
                let bytes = bytes(part.start, part.end);
                let part = Vectors::packed("v", Element::F32, &bytes, &lengths[part.clone()]).unwrap();
                measuring.add(&part).unwrap();
            }
            (measuring.variance(), measuring.finish().to_bytes())
        };
        let all = bytes(0, 29);
        let all = Vectors::packed("v", Element::F32, &all, &lengths).unwrap();
        let whole = basis.clone().measured(compute(), &all, false).unwrap();
        assert_eq!(whole.sample(), 25);
        let one_part = 0..29;
        let (variance, same) = measure(std::slice::from_ref(&one_part));
        let variance = variance.unwrap();
        assert!(same == whole.to_bytes() && variance > 0.0);
        // One of the parts has only a row of NULL, and one has none.
        let ways =
            [vec![0..1, 1..29], vec![3..4, 0..3, 17..29, 5..5, 4..17], (0..29).map(|i| i..i + 1).collect()];
        for parts in ways {
            let (found, bytes) = measure(&parts);
            assert_eq!(bytes, whole.to_bytes(), "{parts:?}");
            let off = (found.unwrap() - variance).abs();
            assert!(off <= 8.0 * parts.len() as f64 * 2f64.powi(-53) * variance, "{parts:?}: {off}");
        }
        // Rows are counted from the start of the first part.
        let mut measuring = Measuring::new(compute(), basis.clone(), false);
        measuring.add(&all).unwrap();
        let error = measuring.add(&Vectors::matrix(&[1.0; 11], 11).unwrap()).unwrap_err().to_string();
        assert!(error.contains("row 30"), "{error}");
        // Without rows a basis keeps what it knows.
        assert_eq!(Measuring::new(compute(), whole.clone(), false).finish(), whole);
    }
    // Vectors far from the origin, and of magnitudes whose squares doubles do not hold.
    let far = |scale: f64| {
        let rows: Vec<f64> =
            (0..40).map(|i| scale * (1e6 + f64::from(i % 10) * if i % 2 == 0 { 1.0 } else { 0.5 })).collect();
        let share = |parts: usize| {
            let axis = Basis::landmarks(&Vectors::matrix(&[1.0, 0.0], 2).unwrap()).unwrap();
            let mut measuring = Measuring::new(compute(), axis, false).with_variance();
            for part in rows.chunks(40 / parts) {
                let bytes = bytemuck::cast_slice(part);
                measuring.add(&Vectors::packed_matrix("v", Element::F64, bytes, 2).unwrap()).unwrap();
            }
            measuring.variance().unwrap()
        };
        let whole = share(1);
        assert!((share(4) - whole).abs() < 1e-9 && 0.1 < whole && whole < 0.9, "{whole} {}", share(4));
        whole
    };
    assert_eq!(far(1.0), far(2f64.powi(900)));
}

#[test]
fn a_basis_survives_its_bytes_and_changed_bytes_do_not() {
    for basis in every_basis(12, 3) {
        let sample: Vec<f32> = (0..9).flat_map(|i| uniform(i, 12)).collect();
        let sample = Vectors::matrix(&sample, 12).unwrap();
        let measured = basis.clone().measured(compute(), &sample, false).unwrap();
        assert_eq!((measured.sample(), measured.bounds().len()), (9, 3));
        for basis in [basis, measured] {
            let bytes = basis.to_bytes();
            assert_eq!(Basis::from_bytes(&bytes).unwrap(), basis);
            assert_eq!(basis.checksum().to_le_bytes(), bytes[bytes.len() - 4..]);
            // Every byte counts, and so does every length.
            for i in 0..bytes.len() {
                for flip in [1u8, 0x80] {
                    let mut changed = bytes.clone();
                    changed[i] ^= flip;
                    let error = Basis::from_bytes(&changed).unwrap_err();
                    assert!(matches!(error.code(), 5 | 16), "byte {i}: {error}");
                }
                assert!(Basis::from_bytes(&bytes[..i]).is_err());
            }
            assert!(Basis::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
        }
    }
    let message = |bytes: &[u8]| Basis::from_bytes(bytes).unwrap_err().to_string();
    assert_eq!(
        message(b"abc"),
        "parameter basis: 3 bytes; expected a basis as spatial_fit returns it, which begins with a header of 32 bytes"
    );
    let good = Basis::random(3, 2, 1).unwrap().to_bytes();
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        message(&bytes)
    };
    assert!(with(0, b'X').contains("expected a basis as spatial_fit returns it"));
    assert_eq!(with(4, 2), "parameter basis: version 2; expected version 1");
    assert_eq!(with(6, 9), "parameter basis: kind 9; expected a kind below 5");
    assert!(with(40, 7).contains("bytes that have changed since they were written"), "{}", with(40, 7));
    // A header that promises terabytes is refused before anything is taken.
    let mut huge = good.clone();
    huge[8..16].copy_from_slice(&[0, 0, 16, 0, 0, 4, 0, 0]);
    assert!(message(&huge).contains("as 1024 axes of 1048576 dimensions take"), "{}", message(&huge));
    let mut beyond = good.clone();
    beyond[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(message(&beyond).contains("from 1 to 1048576 dimensions"));
}

#[test]
fn bad_input_is_named() {
    let message = |name: &str, column: &Column, params: &[(&str, Value)]| {
        run(name, best(), column, params).unwrap_err().to_string()
    };
    let basis = ("basis", Value::Bytes(Basis::random(3, 3, 1).unwrap().to_bytes()));
    let rows = |bad: Vec<f64>| Column::new(Element::F32, &[Some(vec![1.0, 2.0, 3.0]), None, Some(bad)], 0);
    let wrong = message("spatial_project", &rows(vec![1.0, 2.0]), std::slice::from_ref(&basis));
    assert_eq!(wrong, "column v, row 3: 2 dimensions, but the basis has 3");
    for bad in [f64::NAN, f64::INFINITY] {
        let error = message("spatial_project", &rows(vec![1.0, bad, 3.0]), std::slice::from_ref(&basis));
        assert!(error.starts_with("column v, row 3: coordinate x is "), "{error}");
        assert!(error.ends_with("; expected finite coordinates, as a point has"), "{error}");
    }
    // A row further on is named as it is counted in the whole input.
    let error = run("spatial_project", best(), &rows(vec![f64::NAN; 3]), std::slice::from_ref(&basis));
    assert!(error.unwrap_err().after_rows(1000).to_string().contains("row 1003"));
    let tampered = [("basis", Value::Bytes(vec![0; 100]))];
    assert!(message("spatial_project", &rows(vec![1.0; 3]), &tampered).starts_with("parameter basis: "));
    let axes = [("kind", text("random")), ("axes", Value::Int(4))];
    assert_eq!(
        message("spatial_fit", &rows(vec![1.0; 3]), &axes),
        "parameter axes is 4; expected at most 3, the dimension of the vectors"
    );
    let none = Column::new(Element::F32, &[], 0);
    assert_eq!(
        message("spatial_fit", &none, &[("kind", text("random"))]),
        "column v: no vectors; expected a row with a vector, or dimension above 0"
    );
    let fitted = run("spatial_fit", best(), &none, &[("kind", text("random")), ("dimension", Value::Int(9))]);
    let fitted = fitted.unwrap();
    assert_eq!((floats(&fitted, 4)[0], floats(&fitted, 5)[0]), (None, None));
    assert!(run("spatial_fit", best(), &none, &[("kind", text("clr_v1"))]).is_ok());
    assert!(
        message("spatial_fit", &none, &[("kind", text("pca"))]).contains("0 vectors; expected more than 3")
    );
    let few = message("spatial_fit", &none, &[("kind", text("landmarks"))]);
    assert_eq!(few, "column v: 0 landmarks; expected from 1 to 1024");
    // Counted before one of them is read: the last is NaN.
    let mut many = vec![Some(vec![1.0, 2.0]); 3000];
    many[2999] = Some(vec![f64::NAN; 2]);
    let many = Column::new(Element::F32, &many, 0);
    for (kind, what) in [("landmarks", "landmarks"), ("trilateration", "anchors")] {
        let error = message("spatial_fit", &many, &[("kind", text(kind))]);
        assert_eq!(error, format!("column v: 3000 {what}; expected from 1 to 1024"));
    }
    let square = Column::new(Element::F32, &vec![Some(vec![1.0, 2.0]); 3], 0);
    let error = message("spatial_fit", &square, &[("kind", text("landmarks"))]);
    assert!(error.starts_with("column v: 3 landmarks of 2 dimensions; expected at most"), "{error}");
    let hollow = Column::new(Element::F32, &vec![Some(vec![]); 3], 0);
    for kind in ["landmarks", "trilateration"] {
        let error = message("spatial_fit", &hollow, &[("kind", text(kind))]);
        assert!(error.starts_with("column v: vectors of 0 dimensions; expected from 1 to"), "{error}");
    }
    // An anchor that singles cannot hold would be infinite in the bytes.
    let wide = Column::new(Element::F64, &[Some(vec![1.0, 2.0]), Some(vec![3.0, -1e39])], 0);
    let params = [("kind", text("trilateration")), ("element", text("f64"))];
    assert_eq!(
        message("spatial_fit", &wide, &params),
        "column v, row 2: -1e39; expected numbers that f32 holds, as anchors are stored"
    );
    let huge = [("kind", text("pca")), ("axes", Value::Int(2))];
    let apart = [1e300, -1e300, 1e300, -1e300, 1e300].map(|v| Some(vec![v, 1.0]));
    let infinite = Column::new(Element::F64, &apart, 0);
    let params = [huge.as_slice(), &[("element", text("f64"))]].concat();
    // Numbers whose squares a double cannot hold are no reason to refuse.
    let fitted = run("spatial_fit", best(), &infinite, &params).unwrap();
    assert_eq!((floats(&fitted, 4)[0], floats(&fitted, 5)[0]), (Some(1.0), Some(-1e300)));
}

#[test]
fn candidates_are_those_of_a_plain_search() {
    let kernel = registry::find("spatial_candidates").unwrap();
    let value = |seed: u32, i: u32| f64::from(hash(seed, i)) / 4e9;
    let n = 2000u32;
    let column = |seed: u32| -> Vec<Option<f64>> {
        (0..n).map(|i| Some(value(seed, i)).filter(|_| !hash(seed + 9, i).is_multiple_of(50))).collect()
    };
    let (x, y, z) = (column(1), column(2), column(3));
    for measure in ["xyz", "xy"] {
        let inputs = vec![
            Input::Id(Some((0..n).map(|i| Some(i64::from(n - i) / 3)).collect())),
            Input::Floats(x.clone()),
            Input::Floats(y.clone()),
            Input::Floats(z.clone()),
        ];
        let params = [
            ("query_x", Value::Float(0.4)),
            ("query_y", Value::Float(0.6)),
            ("query_z", Value::Float(0.5)),
            ("count", Value::Int(70)),
            ("measure", text(measure)),
        ];
        let params = bind(kernel, &params).unwrap();
        let call = Call::new(kernel, n as usize, inputs, params, compute()).unwrap();
        let output = (kernel.run)(&call).unwrap();
        let mut wanted: Vec<(f64, i64, usize)> = (0..n as usize)
            .filter_map(|i| {
                let height = if measure == "xy" { 0.0 } else { z[i].unwrap_or(0.0) - 0.5 };
                let square = (x[i]? - 0.4).powi(2) + (y[i]? - 0.6).powi(2) + height.powi(2);
                Some((square.sqrt(), i64::from(n - i as u32) / 3, i))
            })
            .collect();
        wanted.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let picked = output.picked.clone().unwrap();
        assert_eq!(picked, wanted[..70].iter().map(|w| w.2).collect::<Vec<_>>(), "{measure}");
        for (got, wanted) in floats(&output, 1).iter().zip(&wanted) {
            assert!((got.unwrap() - wanted.0).abs() <= 1e-15, "{got:?}, not {}", wanted.0);
        }
    }
}

#[test]
fn candidates_that_are_not_finite_are_refused_by_row() {
    let kernel = registry::find("spatial_candidates").unwrap();
    for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for measure in ["xyz", "xy"] {
                let mut columns = vec![vec![Some(0.0), None, Some(1.0)]; 3];
                columns[axis][2] = Some(bad);
                let inputs = [Input::Id(Some(vec![Some(1), Some(2), Some(3)]))];
                let inputs = inputs.into_iter().chain(columns.into_iter().map(Input::Floats)).collect();
                let params = [
                    ("query_x", Value::Float(0.0)),
                    ("query_y", Value::Float(0.0)),
                    ("measure", text(measure)),
                ];
                let params = bind(kernel, &params).unwrap();
                let call = Call::new(kernel, 3, inputs, params, compute()).unwrap();
                let error = (kernel.run)(&call).unwrap_err().to_string();
                assert_eq!(error, format!("column {name}, row 3: {bad:?}; expected a finite number"));
            }
        }
    }
}
