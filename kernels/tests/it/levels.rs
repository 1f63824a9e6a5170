//! The same bits on every instruction set, in every batch shape and for any number of threads.

use crate::common;

use common::columns::{Column, pack, unpack};
use common::{
    announce, assert_same, bind, call, compute, element_of, example, floats, spread, text, uniform,
    with_specials,
};
use hart_kernels::registry::{Call, Input, KERNELS, Kernel, Kind, Output, ParamKind, Value};
use hart_kernels::{Accumulate, Compute, Element, Error, Level, Metric, TopK, Vectors, vector};

const METRICS: [Metric; 4] = [Metric::Cosine, Metric::Euclidean, Metric::Dot, Metric::Manhattan];

/// The levels to compare with the scalar one.
fn faster_levels() -> Vec<Level> {
    Level::available().into_iter().filter(|level| *level != Level::scalar()).collect()
}

/// Vectors of `n` dimensions: ordinary, of very different size, with special numbers, and finite special ones.
fn vectors(n: usize) -> Vec<Vec<f32>> {
    let seed = n as u32 * 7;
    vec![
        uniform(seed, n),
        spread(seed + 1, n, 60),
        with_specials(seed + 2, n, false),
        with_specials(seed + 3, n, true),
        // Alone, the smallest numbers make every sum of squares leave the range of single precision.
        spread(seed + 4, n, 10).into_iter().map(|x| x * 1e-36).collect(),
    ]
}

/// Calls a kernel that takes vectors alone with every vector column taken from `columns`, in turn.
fn run(
    kernel: &'static Kernel,
    compute: Compute,
    columns: &[&Column],
    params: &[(&str, Value)],
) -> Result<Output, Error> {
    let mut next = columns.iter().cycle();
    let inputs: Vec<Input<'_>> = kernel
        .inputs
        .iter()
        .map(|input| match input.kind {
            Kind::Id => Input::Id(Some((0..1 << 20).map(Some).take(rows_of(columns)).collect())),
            _ => Input::Vectors(next.next().expect("a column").vectors(input.name)),
        })
        .collect();
    (kernel.run)(&Call::new(kernel, rows_of(columns), inputs, bind(kernel, params)?, compute)?)
}

fn rows_of(columns: &[&Column]) -> usize {
    columns[0].vectors("v").len()
}

/// Values for the vector parameters that a kernel demands: one vector of the columns' dimensions.
fn with_vectors(
    kernel: &'static Kernel,
    params: &[(&'static str, Value)],
    vector: &[f64],
) -> Vec<(&'static str, Value)> {
    let mut params = params.to_vec();
    let bytes = pack(element_of(&params), vector);
    let wanted = kernel.params.iter().filter(|p| p.kind == ParamKind::Vector && p.default.is_none());
    params.extend(wanted.map(|p| (p.name, Value::Bytes(bytes.clone()))));
    params
}

#[test]
fn the_demanded_level_is_the_one_tested() {
    announce("levels");
    // Fails where HART_MIN_LEVEL demands more than there is.
    let current = Level::from_environment().unwrap();
    assert!(Level::available().contains(&current));
}

#[test]
fn every_kernel_of_the_registry_has_the_same_bits_on_every_level() {
    announce("every_kernel_of_the_registry_has_the_same_bits_on_every_level");
    for kernel in KERNELS.iter().filter(|k| common::takes_any_rows(k)) {
        for variant in common::variants(kernel) {
            let element = element_of(&variant);
            // Narrow elements become singles before a level sees them, or in blocks: a few lengths are enough.
            let narrow = !matches!(element, Element::F32 | Element::F64);
            let lengths = (0..=300).chain([384, 768, 1998]).filter(|n| !narrow || *n <= 66 || *n == 768);
            for n in lengths {
                let rows = vectors(n);
                let a = Column::of_singles(element, &rows, n);
                let b = Column::of_singles(element, &[&rows[1..], &rows[..1]].concat(), n / 8 + 5);
                let query: Vec<f64> = uniform(n as u32, n).into_iter().map(f64::from).collect();
                let params = with_vectors(kernel, &variant, &query);
                let on = |level| run(kernel, compute().level(level), &[&a, &b], &params);
                let expected = on(Level::scalar());
                let empty_query = n == 0 && kernel.params.iter().any(|p| p.kind == ParamKind::Vector);
                assert_eq!(expected.is_err(), empty_query, "{}, n = {n}: {expected:?}", kernel.name);
                for level in faster_levels() {
                    let context = format!("{} {variant:?}, {}, n = {n}", kernel.name, level.name());
                    assert_same(&expected, &on(level), &context);
                }
            }
        }
    }
}

/// Kernels of the other families have tests of their own on larger inputs, but none is left out here.
#[test]
fn every_example_has_the_same_bits_on_every_level_and_for_any_number_of_threads() {
    let pools = [1, 3].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    // An example without result says that it depends on the machine.
    for kernel in KERNELS.iter().filter(|k| !k.example.outputs.is_empty()) {
        let expected = pools[0].install(|| example::run(kernel, compute().level(Level::scalar())));
        assert!(expected.is_ok(), "{}: {expected:?}", kernel.name);
        for level in Level::available() {
            let got = pools[1].install(|| example::run(kernel, compute().level(level)));
            assert_same(&expected, &got, &format!("{}, {}", kernel.name, level.name()));
        }
    }
}

#[test]
fn functions_on_slices_have_the_same_bits_on_every_level() {
    announce("functions_on_slices_have_the_same_bits_on_every_level");
    let same = |expected: f64, got: f64, context: &dyn Fn() -> String| {
        assert!(common::same_bits(expected, got), "{}: expected {expected:e}, got {got:e}", context());
    };
    for n in (0..=300).chain([384, 768, 1998]) {
        let vectors = vectors(n);
        for (i, a) in vectors.iter().enumerate() {
            let b = &vectors[(i + 1) % vectors.len()];
            for accumulate in [Accumulate::F32, Accumulate::F64] {
                let values = |level| {
                    let compute = compute().accumulate(accumulate).level(level);
                    let mut values = vec![
                        vector::dot_product_with(compute, a, b).unwrap(),
                        vector::cosine_similarity_with(compute, a, b).unwrap(),
                        vector::euclidean_distance_with(compute, a, b).unwrap(),
                        vector::manhattan_distance_with(compute, a, b).unwrap(),
                        vector::norm_with(compute, a),
                    ];
                    values.extend(METRICS.map(|m| vector::distance_with(compute, m, a, b).unwrap()));
                    values
                };
                let expected = values(Level::scalar());
                for level in faster_levels() {
                    for (what, (expected, got)) in expected.iter().zip(values(level)).enumerate() {
                        same(*expected, got, &|| {
                            format!("value {what}, {}, n = {n}, vector {i}", level.name())
                        });
                    }
                }
            }
        }
    }
}

/// A function on slices that has no choice of level, and the kernel that has one.
type Slices = fn(&[f32], &[f32]) -> Vec<f32>;

#[test]
fn functions_that_give_vectors_have_the_bits_of_their_kernels() {
    let functions: [(&str, Option<&str>, Slices); 6] = [
        ("vector_add", None, |a, b| vector::add(a, b).unwrap()),
        ("vector_subtract", None, |a, b| vector::subtract(a, b).unwrap()),
        ("vector_scale", Some("factor"), |a, _| vector::scale(a, 0.3)),
        ("vector_lerp", Some("t"), |a, b| vector::lerp(a, b, 0.3).unwrap()),
        ("vector_normalize", None, |a, _| vector::normalize(a)),
        ("vector_softmax", None, |a, _| vector::softmax(a)),
    ];
    for n in (0..=70).chain([384, 1998]) {
        let (a, b) = (vectors(n), vectors(n + 1));
        let b: Vec<Vec<f32>> = b.into_iter().map(|v| v[1..].to_vec()).collect();
        let columns = [Column::of_singles(Element::F32, &a, n), Column::of_singles(Element::F32, &b, n + 3)];
        let columns = columns.each_ref().map(|c| c.vectors("v"));
        for (name, number, function) in functions {
            let params: Vec<_> = number.map(|name| (name, Value::Float(0.3))).into_iter().collect();
            let level = compute().level(Level::scalar());
            let (_, rows) = common::rows(call(name, level, &columns, &params).unwrap());
            for ((a, b), row) in a.iter().zip(&b).zip(rows) {
                let got = function(a, b);
                let row = row.unwrap();
                assert_eq!(got.len(), row.len());
                let same = got.iter().zip(row).all(|(g, e)| common::same_bits(f64::from(*g), e));
                assert!(same, "{name}, n = {n}");
            }
        }
    }
}

#[test]
fn single_pair_column_and_search_have_the_same_bits() {
    announce("single_pair_column_and_search_have_the_same_bits");
    for n in (1..=70).chain([127, 128, 129, 300, 384, 768, 1253, 1275, 1283, 1285, 1291, 1998]) {
        // More rows than one panel, and not a multiple of any tile.
        let mut rows: Vec<Vec<f32>> = (0..26 + n as u32 % 12).map(|i| uniform(i + n as u32, n)).collect();
        rows.extend(vectors(n));
        // As many as make tiles of every width, and as fill registers.
        let queries: Vec<Vec<f32>> = (0..3 + n as u32 * 7 % 24).map(|i| uniform(500 + i, n)).collect();
        let ids: Vec<i64> = (0..rows.len() as i64).collect();
        let column = Column::of_singles(Element::F32, &rows, n);
        let all = queries.concat();
        for level in Level::available() {
            let accumulate = if n % 2 == 0 { Accumulate::F32 } else { Accumulate::F64 };
            let compute = compute().level(level).accumulate(accumulate);
            for (metric, word) in METRICS.into_iter().zip(Metric::NAMES) {
                let search = |queries: &[f32]| {
                    let queries = Vectors::matrix(queries, n).unwrap();
                    let search = TopK::new(rows.len()).metric(metric).ids(&ids).compute(compute);
                    search.search(&column.vectors("v"), &queries).unwrap()
                };
                let together = search(&all);
                assert_eq!(together.len(), queries.len());
                for (query, hits) in queries.iter().zip(&together) {
                    let context = format!("{word}, {}, n = {n}", level.name());
                    let alone = search(query);
                    let repeated = vec![query.clone(); rows.len()];
                    let copies = Column::of_singles(Element::F32, &repeated, n + 1);
                    let width = if accumulate == Accumulate::F64 { "f64" } else { "f32" };
                    let params = [("metric", text(word)), ("accumulate", text(width))];
                    let columns = [copies.vectors("a"), column.vectors("b")];
                    let in_column = floats(call("vector_distance", compute, &columns, &params).unwrap());
                    assert_eq!(hits.len(), rows.len(), "{context}");
                    for (hit, other) in hits.iter().zip(&alone[0]) {
                        assert_eq!((hit.id, hit.row), (other.id, other.row), "{context}");
                        let pair = vector::distance_with(compute, metric, query, &rows[hit.row]).unwrap();
                        for value in [other.distance, pair, in_column[hit.row].unwrap()] {
                            assert!(
                                common::same_bits(value, hit.distance),
                                "{context}: {value:e} {:e}",
                                hit.distance
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn queries_that_fill_registers_have_the_bits_of_one() {
    announce("queries_that_fill_registers_have_the_bits_of_one");
    // Dimensions about those from which on this is done, and of one part of blocks and more; sets of queries of every width.
    for (n, count) in [(160, 64), (161, 30), (200, 47), (384, 65), (1024, 16), (1025, 130), (1998, 96)] {
        let mut rows: Vec<Vec<f32>> = (0..21 + n as u32 % 9).map(|i| uniform(i, n)).collect();
        rows.extend(vectors(n));
        // Numbers that do not lie as numbers do.
        let column = Column::of_singles(Element::F32, &rows, 3);
        let queries: Vec<Vec<f32>> = (0..count).map(|i| uniform(700 + i, n)).collect();
        let all = queries.concat();
        let ids: Vec<i64> = (0..rows.len() as i64).collect();
        for (level, metric) in Level::available().into_iter().flat_map(|l| METRICS.map(|m| (l, m))) {
            for accumulate in [Accumulate::F32, Accumulate::F64] {
                let compute = compute().level(level).accumulate(accumulate);
                let search = TopK::new(rows.len()).metric(metric).ids(&ids).compute(compute);
                for column in [&column.vectors("v"), &Vectors::matrix(&rows.concat(), n).unwrap()] {
                    let found = search.search(column, &Vectors::matrix(&all, n).unwrap()).unwrap();
                    for (query, hits) in queries.iter().zip(&found) {
                        assert_eq!(hits.len(), rows.len());
                        for hit in hits {
                            let pair = vector::distance_with(compute, metric, query, &rows[hit.row]).unwrap();
                            let context = format!("{metric:?}, {}, n = {n}", level.name());
                            assert!(common::same_bits(pair, hit.distance), "{context}: {pair:e} {hit:?}");
                        }
                    }
                }
            }
        }
    }
}

/// Vectors of doubles whose sums leave the range in every way that the definition names, and some that do not.
fn doubles_out_of_range(n: usize) -> Vec<Vec<f64>> {
    let of = |seed: u32, power: i32| -> Vec<f64> {
        let scale = |x: f32| f64::from(x) * 2f64.powi(power / 2) * 2f64.powi(power - power / 2);
        uniform(seed + n as u32, n).into_iter().map(scale).collect()
    };
    let mut all: Vec<Vec<f64>> =
        [0, -239, -242, 239, 241, -478, -482, -530, -1060, -1074, 478, 500, 512, 1000, 1023]
            .into_iter()
            .zip(1..)
            .map(|(power, seed)| of(seed, power))
            .collect();
    // Numbers of all sizes in one vector.
    all.push((0..n).map(|i| of(40, (i as i32 * 131) % 2000 - 1000)[i]).collect());
    all.push(vec![0.0; n]);
    // Orthogonal to others, and the negative of one.
    all.push((0..n).map(|i| if i % 2 == 0 { 1e200 } else { -1e-200 }).collect());
    all.push(all[12].iter().map(|x| -x).collect());
    let specials = [f64::INFINITY, f64::NAN, f64::NEG_INFINITY];
    all.extend(specials.map(|x| (0..n).map(|i| if i == n / 2 { x } else { 1e200 }).collect()));
    all
}

#[test]
fn doubles_out_of_range_have_the_same_bits_on_every_level_and_in_every_shape() {
    announce("doubles_out_of_range_have_the_same_bits_on_every_level_and_in_every_shape");
    for n in [1, 2, 31, 32, 33, 70, 200] {
        let vectors = doubles_out_of_range(n);
        let packed = |rows: Vec<Vec<f64>>, offset| {
            Column::new(Element::F64, &rows.into_iter().map(Some).collect::<Vec<_>>(), offset)
        };
        let column = packed(vectors.clone(), 3);
        let element = ("element", text("f64"));
        for (kernel, wanted) in [("vector_norm", 1), ("vector_normalize", 1), ("vector_cosine_similarity", 2)]
        {
            let repeated: Vec<Vec<f64>> = (0..vectors.len()).flat_map(|_| vectors.iter().cloned()).collect();
            let each: Vec<Vec<f64>> =
                vectors.iter().flat_map(|v| std::iter::repeat_n(v.clone(), vectors.len())).collect();
            let columns = [packed(repeated, 1), packed(each, 6)];
            let columns = columns.each_ref().map(|c| c.vectors("v"));
            let on = |level| {
                call(kernel, compute().level(level), &columns[..wanted], std::slice::from_ref(&element))
            };
            let expected = on(Level::scalar());
            for level in faster_levels() {
                assert_same(&expected, &on(level), &format!("{kernel}, {}, n = {n}", level.name()));
            }
        }
        for word in Metric::NAMES {
            // Each query alone as a pair, on the plainest level.
            let pairs: Vec<Vec<f64>> = vectors
                .iter()
                .map(|query| {
                    let copies = packed(vec![query.clone(); vectors.len()], 2);
                    let columns = [copies.vectors("a"), column.vectors("b")];
                    let params = [("metric", text(word)), element.clone()];
                    let level = compute().level(Level::scalar());
                    let found = floats(call("vector_distance", level, &columns, &params).unwrap());
                    found.into_iter().map(Option::unwrap).collect()
                })
                .collect();
            for level in Level::available() {
                for count in [1, 2, 3, 5, 16, vectors.len()] {
                    for (first, queries) in (0..).step_by(count).zip(vectors.chunks(count)) {
                        let params = [
                            ("query", Value::Bytes(pack(Element::F64, &queries.concat()))),
                            ("query_count", Value::Int(queries.len() as i64)),
                            ("k", Value::Int(vectors.len() as i64)),
                            ("metric", text(word)),
                            element.clone(),
                        ];
                        let columns = [column.vectors("v")];
                        let found = call("vector_top_k", compute().level(level), &columns, &params).unwrap();
                        let picked = found.picked.unwrap();
                        let distances =
                            floats(Output { columns: vec![found.columns[2].clone()], picked: None });
                        for (i, (row, distance)) in picked.iter().zip(distances).enumerate() {
                            let expected = pairs[first + i / vectors.len()][*row];
                            let context =
                                || format!("{word}, {}, n = {n}, {count} queries, row {row}", level.name());
                            assert!(common::same_bits(expected, distance.unwrap()), "{}", context());
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn many_queries_of_doubles_have_the_bits_of_one() {
    announce("many_queries_of_doubles_have_the_bits_of_one");
    for (n, count) in [(1, 3), (31, 4), (32, 5), (70, 6), (384, 7), (1998, 8)] {
        let double = |i: u32| -> Vec<f64> {
            uniform(i, n)
                .into_iter()
                .zip(uniform(i + 900, n))
                .map(|(a, b)| f64::from(a) / f64::from(b))
                .collect()
        };
        let rows: Vec<Option<Vec<f64>>> = (0..29).map(|i| Some(double(i))).collect();
        let column = Column::new(Element::F64, &rows, 3);
        let queries: Vec<Vec<f64>> = (0..count).map(|i| double(600 + i)).collect();
        for (level, word) in
            Level::available().into_iter().flat_map(|l| Metric::NAMES.iter().map(move |w| (l, w)))
        {
            let distances = |queries: &[Vec<f64>]| -> Vec<Vec<u64>> {
                let params = [
                    ("query", Value::Bytes(pack(Element::F64, &queries.concat()))),
                    ("query_count", Value::Int(queries.len() as i64)),
                    ("k", Value::Int(rows.len() as i64)),
                    ("element", text("f64")),
                    ("metric", text(word)),
                ];
                let found =
                    call("vector_top_k", compute().level(level), &[column.vectors("v")], &params).unwrap();
                let distances = floats(Output { columns: vec![found.columns[2].clone()], picked: None });
                let bits = distances.into_iter().map(|d| d.unwrap().to_bits()).collect::<Vec<_>>();
                bits.chunks(rows.len()).map(<[u64]>::to_vec).collect()
            };
            for (query, together) in queries.iter().zip(distances(&queries)) {
                let alone = distances(std::slice::from_ref(query));
                assert_eq!(together, alone[0], "{word}, {}, n = {n}", level.name());
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    announce("any_number_of_threads_gives_the_same_bits");
    const DIMENSIONS: usize = 768;
    const ROWS: usize = 1500;
    let rows: Vec<Vec<f32>> = (0..ROWS as u32).map(|i| uniform(i % 1400, DIMENSIONS)).collect();
    let a = Column::of_singles(Element::F32, &rows, 1);
    let shifted: Vec<Vec<f32>> = rows.iter().cycle().skip(3).take(ROWS).cloned().collect();
    let b = Column::of_singles(Element::F32, &shifted, 6);
    assert!(a.bytes().len() > 4 << 20);
    let pools =
        [1, 2, 3, 8].map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    for kernel in KERNELS.iter().filter(|k| common::takes_any_rows(k)) {
        let mut variants = common::variants(kernel);
        variants.retain(|params| element_of(params) == Element::F32);
        for variant in variants {
            let query: Vec<f64> = uniform(9, DIMENSIONS).into_iter().map(f64::from).collect();
            let params = with_vectors(kernel, &variant, &query);
            let results =
                pools.each_ref().map(|pool| pool.install(|| run(kernel, compute(), &[&a, &b], &params)));
            assert!(results[0].is_ok(), "{}: {results:?}", kernel.name);
            for (pool, result) in pools.iter().zip(&results).skip(1) {
                let context = format!("{} {variant:?}, {} threads", kernel.name, pool.current_num_threads());
                assert_same(&results[0], result, &context);
            }
        }
    }
}

#[test]
fn any_number_of_threads_reads_the_same_text() {
    let mut texts = String::new();
    let mut lengths = Vec::new();
    for i in 0..700u32 {
        let before = texts.len();
        let row = spread(i, 384, 30);
        assert!(hart_kernels::text::write_packed(Element::F32, bytemuck::cast_slice(&row), &mut texts));
        lengths.push((texts.len() - before) as i32);
    }
    assert!(texts.len() > 2 << 20);
    let norms = |threads: usize, text: &[u8]| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let column = Vectors::from_json("v", Element::F32, text, &lengths)?;
            Ok(floats(call("vector_norm", compute(), &[column], &[])?))
        })
    };
    let packed: Vec<Vec<f32>> = (0..700).map(|i| spread(i, 384, 30)).collect();
    let column = Column::of_singles(Element::F32, &packed, 0);
    let expected = floats(call("vector_norm", compute(), &[column.vectors("v")], &[]).unwrap());
    // Two errors far apart: the first row is named, whichever thread meets its own first.
    let mut broken = texts.clone().into_bytes();
    for row in [650usize, 300] {
        let start: i32 = lengths[..row].iter().sum();
        broken[start as usize] = b'{';
    }
    for threads in [1, 2, 3, 8] {
        assert_eq!(norms(threads, texts.as_bytes()).as_ref(), Ok(&expected));
        let error: Result<Vec<Option<f64>>, Error> = norms(threads, &broken);
        assert!(matches!(error, Err(Error::Json { row: 301, offset: 0, .. })), "{error:?}");
    }
}

#[test]
fn unaligned_matrices_have_the_bits_of_aligned_ones() {
    for element in Element::ALL {
        for n in [1, 7, 32, 33, 100] {
            let rows: Vec<Vec<f32>> = (0..5).map(|i| spread(i, n, 5)).collect();
            let params = [("element", text(element.name()))];
            let norms = |offset: usize| {
                let column = Column::of_singles(element, &rows, offset);
                let matrix = Vectors::packed_matrix("v", element, column.bytes(), n).unwrap();
                floats(call("vector_norm", compute(), &[matrix], &params).unwrap())
            };
            let bytes = pack(element, &rows.concat().into_iter().map(f64::from).collect::<Vec<_>>());
            let first: f64 = unpack(element, &bytes)[..n].iter().map(|x| x * x).sum();
            let aligned = norms(0);
            assert!((aligned[0].unwrap() - first.sqrt()).abs() <= 1e-5 * first.sqrt());
            for offset in 1..8 {
                assert_eq!(norms(offset), aligned, "{}, n = {n}, offset {offset}", element.name());
            }
        }
    }
}
