//! What every row of the registry promises: names, documentation, examples, parameters and errors.

use crate::common;

use std::collections::HashSet;
use std::process::Command;
use std::slice;

use common::columns::{Column, pack};
use common::example::{self, value_of};
use common::{bind, call, call_with_ids, compute, floats, text};
use hart_kernels::registry::{
    self, ANY_NAME, Cell, Family, KERNELS, Kernel, Kind, POINT_BYTES, ParamKind, RowShape, Value, Values,
};
use hart_kernels::{
    Element, Error, Level, MAX_LEVEL_VARIABLE, MIN_LEVEL_VARIABLE, Metric, Place, Vectors, vector,
};

fn is_snake_case(name: &str) -> bool {
    !name.is_empty()
        && name.split('_').all(|word| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

#[test]
fn names_are_unique_and_legal() {
    let names: Vec<_> = KERNELS.iter().map(|k| k.name).collect();
    let sql: HashSet<_> = KERNELS.iter().map(|k| k.sql_name()).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    assert_eq!(sql.len(), names.len(), "two names have the same T-SQL spelling");
    for kernel in KERNELS {
        assert!(is_snake_case(kernel.name), "{}", kernel.name);
        assert!(kernel.name.starts_with(&format!("{}_", kernel.family.name())), "{}", kernel.name);
        assert!(kernel.sql_name().chars().all(|c| c.is_ascii_alphanumeric()));
        assert!(kernel.optional.len() <= 1, "{}: which optional column is there?", kernel.name);
        assert!(kernel.optional.iter().all(|o| kernel.inputs.iter().all(|c| c.name != o.name)));
        for columns in [kernel.inputs, kernel.optional, kernel.outputs] {
            let names: HashSet<_> = columns.iter().map(|c| c.name).collect();
            assert_eq!(names.len(), columns.len(), "{}: a column's name occurs twice", kernel.name);
            assert!(columns.iter().all(|c| is_snake_case(c.name)), "{}", kernel.name);
        }
        let params: HashSet<_> = kernel.params.iter().map(|p| p.name).collect();
        assert_eq!(params.len(), kernel.params.len(), "{}: a parameter's name occurs twice", kernel.name);
        assert!(params.iter().all(|name| *name == ANY_NAME || is_snake_case(name)), "{}", kernel.name);
    }
    assert_eq!(registry::find("vector_top_k").unwrap().sql_name(), "VectorTopK");
}

#[test]
fn everything_is_documented() {
    for kernel in KERNELS {
        let texts = [
            ("summary", kernel.summary),
            ("details", kernel.details),
            ("nulls", kernel.nulls),
            ("empty", kernel.empty),
            ("nan", kernel.nan),
            ("accuracy", kernel.accuracy),
            ("streaming", &kernel.streaming.describe()),
            ("source", kernel.source),
        ];
        let columns = kernel.inputs.iter().chain(kernel.outputs);
        let columns = columns.flat_map(|c| [("column summary", c.summary), ("column unit", c.unit)]);
        let params = kernel.params.iter().map(|p| ("parameter summary", p.summary));
        for (what, text) in texts.into_iter().chain(columns).chain(params) {
            assert!(!text.trim().is_empty(), "{}: no {what}", kernel.name);
            assert_eq!(text, text.trim(), "{}: blanks around {what}", kernel.name);
            assert!(
                !text.contains("  ") && !text.contains('\n'),
                "{}: blanks in {what}: {text}",
                kernel.name
            );
        }
        assert!(kernel.summary.ends_with('.'), "{}: the summary is a sentence", kernel.name);
    }
}

#[test]
fn an_id_is_the_first_column() {
    for kernel in KERNELS {
        let ids = |columns: &[registry::Column]| columns.iter().filter(|c| c.kind == Kind::Id).count();
        assert!(ids(kernel.inputs) <= 1 && ids(kernel.outputs) <= 1, "{}", kernel.name);
        if ids(kernel.inputs) == 1 {
            assert_eq!((kernel.inputs[0].kind, kernel.inputs[0].name), (Kind::Id, "id"), "{}", kernel.name);
        }
        match kernel.rows {
            // The id of the result is that of an input row, so both or neither have one.
            RowShape::Same | RowShape::Picked => {
                assert_eq!(ids(kernel.inputs), ids(kernel.outputs), "{}", kernel.name)
            }
            RowShape::Made => assert_eq!(ids(kernel.outputs), 0, "{}", kernel.name),
        }
    }
}

#[test]
fn defaults_are_values_in_range() {
    for kernel in KERNELS {
        // Binding converts every default, and fails where one is out of range.
        let mut params = common::variants(kernel)[0].clone();
        for param in kernel.params.iter().filter(|p| p.default.is_none()) {
            match param.kind {
                ParamKind::Vector => params.push((param.name, text("[1]"))),
                ParamKind::Binary => params.push((param.name, Value::Bytes(vec![1]))),
                _ => {}
            }
        }
        params.retain(|(name, _)| kernel.params.iter().any(|p| p.name == *name && p.default.is_none()));
        let bound = bind(kernel, &params).unwrap();
        for param in kernel.params.iter().filter(|p| p.name != ANY_NAME) {
            match param.kind {
                ParamKind::Int { min, max } => {
                    assert!(min <= max);
                    assert!((min..=max).contains(&bound.int(param.name)), "{} @{}", kernel.name, param.name);
                }
                ParamKind::Float { min, max } => {
                    assert!(
                        (min..=max).contains(&bound.float(param.name)),
                        "{} @{}",
                        kernel.name,
                        param.name
                    );
                }
                ParamKind::Text => assert!(!bound.word(param.name).contains('\0')),
                ParamKind::Binary => assert!(bound.bytes(param.name).len() < 1 << 20),
                ParamKind::Choice(words) => {
                    assert!(words.contains(&bound.word(param.name)), "{} @{}", kernel.name, param.name);
                    // A digit may begin a part, as in q4_0.
                    let is_word = |word: &str| {
                        word.starts_with(|c: char| c.is_ascii_lowercase())
                            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                    };
                    assert!(words.iter().all(|word| is_word(word)), "{}: {words:?}", kernel.name);
                }
                ParamKind::Vector => assert!(bound.vector(param.name).is_ok()),
                ParamKind::Any => {}
            }
        }
    }
}

#[test]
fn suggestions_for_misspelled_names() {
    let nearest = |name: &str| match registry::find(name) {
        Err(Error::UnknownKernel { nearest, .. }) => nearest,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(nearest("vector_dot_produkt").first(), Some(&"vector_dot_product"));
    assert_eq!(nearest("VECTOR_NORMALISE").first(), Some(&"vector_normalize"));
    assert_eq!(nearest("softmax"), ["vector_softmax"]);
    assert!(nearest("top_k").contains(&"vector_top_k"));
    assert_eq!(nearest("import numpy as np"), Vec::<&str>::new());
    assert_eq!(nearest(""), Vec::<&str>::new());
    for kernel in KERNELS {
        // One letter missing, at the end or in the middle, still finds the name.
        let end = &kernel.name[..kernel.name.len() - 1];
        let middle = kernel.name.len() / 2;
        let middle = format!("{}{}", &kernel.name[..middle], &kernel.name[middle + 1..]);
        for name in [end, &middle] {
            // Without a letter, vector_hdbscan is vector_dbscan.
            if KERNELS.iter().any(|other| other.name == name) {
                continue;
            }
            assert!(nearest(name).contains(&kernel.name), "{name}");
        }
        assert!(nearest("vector").len() <= 3);
        let upper = format!(" {}\r\n", kernel.name.to_ascii_uppercase());
        assert_eq!(registry::find(&upper).unwrap().name, kernel.name);
    }
    let program = format!("SELECT '{}'\n", "x".repeat(10_000));
    let shown = registry::find(&program).unwrap_err().to_string();
    assert!(shown.len() < 200 && !shown.contains('\n'), "{shown}");
}

/// Whether a result value is exactly that of the example; what a factorization computes, to its last digits but three.
fn is_cell(values: &Values, row: usize, cell: &Cell, exact: bool) -> bool {
    let near = |a: f64, b: f64, digits: f64| (a - b).abs() <= digits * a.abs().max(b.abs()).max(1.0);
    match (values, cell) {
        (Values::Float(v), Cell::Float(x)) if !exact => v[row].is_some_and(|v| near(v, *x, 1e-13)),
        (Values::Binary(v), Cell::Vector(x)) if !exact => v[row].as_ref().is_some_and(|v| {
            let singles = v.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
            v.len() == 4 * x.len() && singles.zip(*x).all(|(a, b)| near(a.into(), (*b).into(), 1e-6))
        }),
        (Values::BigInt(v), Cell::Int(x)) => v[row] == Some(*x),
        (Values::BigInt(v), Cell::Null) => v[row].is_none(),
        (Values::Binary(v), Cell::Null) => v[row].is_none(),
        (Values::Packed(v), cell) => {
            v.rows().nth(row).unwrap().map_or(Value::Null, |v| Value::Bytes(v.into())) == value_of(*cell)
        }
        (Values::Binary(v), cell) => v[row].clone().map(Value::Bytes) == Some(value_of(*cell)),
        (Values::Float(v), Cell::Float(x)) => v[row].is_some_and(|v| v.to_bits() == x.to_bits()),
        (Values::Float(v), Cell::Null) => v[row].is_none(),
        (Values::Int(v), Cell::Int(x)) => v[row].map(i64::from) == Some(*x),
        (Values::Int(v), Cell::Null) => v[row].is_none(),
        (Values::Text(v), Cell::Text(x)) => v[row].as_deref() == Some(*x),
        (Values::Text(v), Cell::Null) => v[row].is_none(),
        (Values::Vectors(v), Cell::Vector(x)) => {
            v.row(row) == Some(x.iter().map(|x| f64::from(*x)).collect())
        }
        (Values::Vectors(v), Cell::Null) => v.row(row).is_none(),
        _ => false,
    }
}

#[test]
fn every_example_gives_what_it_says() {
    let mut without = Vec::new();
    for kernel in KERNELS {
        let example = &kernel.example;
        let output = example::run(kernel, compute()).unwrap();
        let columns: Vec<_> = kernel.outputs.iter().filter(|c| c.kind != Kind::Id).collect();
        assert_eq!(output.columns.len(), columns.len(), "{}", kernel.name);
        for (values, column) in output.columns.iter().zip(&columns) {
            let kind = match values {
                Values::Float(_) => Kind::Float,
                Values::Int(_) => Kind::Int,
                Values::BigInt(_) => Kind::BigInt,
                Values::Binary(_) | Values::Packed(_) => Kind::Binary,
                Values::Text(_) => Kind::Text,
                Values::Vectors(_) => Kind::Vector,
            };
            // A point is bytes of which no more than that come, a long text a text.
            let declared = match column.kind {
                Kind::Point => Kind::Binary,
                Kind::LongText => Kind::Text,
                kind => kind,
            };
            assert_eq!(kind, declared, "{}: column {}", kernel.name, column.name);
            if let (Kind::Point, Values::Packed(points)) = (column.kind, values) {
                assert!(points.lengths.iter().all(|length| *length <= POINT_BYTES as i32), "{}", kernel.name);
            }
        }
        assert_eq!(output.picked.is_some(), kernel.rows == RowShape::Picked, "{}", kernel.name);
        if example.outputs.is_empty() {
            without.push(kernel.name);
            continue;
        }
        let rows = output.columns[0].len();
        assert!(output.columns.iter().all(|c| c.len() == rows));
        assert_eq!(rows, example.outputs.len(), "{}", kernel.name);
        for (row, cells) in example.outputs.iter().enumerate() {
            assert_eq!(cells.len(), kernel.outputs.len(), "{}", kernel.name);
            let mut columns = output.columns.iter();
            for (column, cell) in kernel.outputs.iter().zip(*cells) {
                if column.kind == Kind::Id {
                    let input = output.picked.as_ref().map_or(row, |picked| picked[row]);
                    assert_eq!(*cell, example.inputs[input][0], "{}, row {row}: id", kernel.name);
                } else {
                    let values = columns.next().unwrap();
                    assert!(
                        is_cell(values, row, cell, matches!(kernel.family, Family::Vector | Family::Series)),
                        "{}, row {row}: {values:?}, not {cell:?}",
                        kernel.name
                    );
                }
            }
        }
    }
    // Only what the machine or the caller decides may have no rows in its example.
    assert_eq!(without, ["system_echo", "system_info"]);
}

#[test]
fn information_names_the_level_and_the_threads() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let output = pool.install(|| example::run(registry::find("system_info").unwrap(), compute()).unwrap());
    let [Values::Text(names), Values::Text(values)] = output.columns.as_slice() else { panic!("{output:?}") };
    let value = |name: &str| {
        let row =
            names.iter().position(|n| n.as_deref() == Some(name)).unwrap_or_else(|| panic!("no {name}"));
        values[row].clone().unwrap()
    };
    assert_eq!(value("level"), Level::current().name());
    assert_eq!(value("threads"), "3");
    assert_eq!(value("lanes"), hart_kernels::LANES.to_string());
    assert_eq!(value("version"), env!("CARGO_PKG_VERSION"));
    assert!(value("levels").split(' ').any(|level| level == "scalar"));
}

#[test]
fn parameters_are_checked() {
    let top_k = registry::find("vector_top_k").unwrap();
    let scale = registry::find("vector_scale").unwrap();
    let query = || ("query", text("[1,2]"));
    let error = |kernel, params: &[(&str, Value)]| bind(kernel, params).unwrap_err().to_string();

    assert_eq!(error(scale, &[]), "parameter factor is missing: What every component is multiplied by.");
    assert_eq!(error(scale, &[("factor", Value::Null)]), error(scale, &[]));
    assert_eq!(
        error(scale, &[("faktor", Value::Int(1))]),
        "unknown parameter faktor; vector_scale takes factor, element"
    );
    let info = registry::find("system_info").unwrap();
    assert_eq!(error(info, &[("x", Value::Int(1))]), "unknown parameter x; system_info takes no parameters");
    for (value, shown) in [
        (text("fast"), "'fast'"),
        (Value::Float(f64::NAN), "NaN"),
        (Value::Float(f64::INFINITY), "inf"),
        (text("1e999"), "'1e999'"),
        (Value::Bytes(vec![1, 2]), "2 bytes"),
    ] {
        let expected = format!("parameter factor is {shown}; expected a finite number");
        assert_eq!(error(scale, &[("factor", value)]), expected);
    }
    for value in
        [Value::Int(0), Value::Int(-5), Value::Float(1.5), Value::Float(1e300), text("ten"), text("")]
    {
        let message = error(top_k, &[query(), ("k", value.clone())]);
        assert!(message.starts_with("parameter k is "), "{message}");
        assert!(message.ends_with("; expected an integer from 1 to 2147483647"), "{message}");
    }
    assert!(error(top_k, &[query(), ("query_count", Value::Int(0))]).contains("from 1 to 1000000"));
    let metric = error(top_k, &[query(), ("metric", text("minkowski"))]);
    assert_eq!(metric, "parameter metric is 'minkowski'; expected one of cosine, euclidean, dot, manhattan");
    assert!(error(top_k, &[query(), ("metric", Value::Int(1))]).contains("metric is 1;"));
    assert!(error(top_k, &[("query", Value::Int(1))]).contains("expected a vector"));
    let long = error(top_k, &[query(), ("metric", text(&"x".repeat(1000)))]);
    assert!(long.len() < 150, "{long}");
    let twice = error(top_k, &[query(), ("k", Value::Int(1)), ("K", Value::Int(2))]);
    assert_eq!(twice, "parameter K is 2; expected to be given once");

    // Any case, any type that holds the number, blanks of fixed-length texts.
    for k in [Value::Int(7), Value::Float(7.0), text(" 7 ")] {
        let params = bind(top_k, &[query(), ("K", k), ("Metric", text("DOT   "))]).unwrap();
        assert_eq!((params.int("k"), params.word("metric")), (7, "dot"));
        assert_eq!((params.int("query_count"), params.word("accumulate")), (1, "f32"));
        assert_eq!(params.element(), Element::F32);
    }
    assert_eq!(bind(top_k, &[query(), ("k", Value::Null)]).unwrap().int("k"), 10);
    assert_eq!(bind(scale, &[("factor", text(" -2.5e1"))]).unwrap().float("factor"), -25.0);
    assert_eq!(bind(scale, &[("factor", Value::Int(3))]).unwrap().float("factor"), 3.0);
    let echo = registry::find("system_echo").unwrap();
    assert!(bind(echo, &[("anything", Value::Int(1)), ("else", Value::Null)]).is_ok());
}

#[test]
fn mismatched_dimensions_name_column_row_and_both_lengths() {
    let a = Column::new(Element::F32, &[Some(vec![1.0; 3]), None, Some(vec![1.0; 2])], 1);
    let b = Column::new(Element::F32, &[Some(vec![1.0; 3]), Some(vec![1.0; 9]), Some(vec![1.0; 5])], 2);
    let expected = "column b, row 3: 5 dimensions, but column a has 2";
    let two = |k: &&&'static Kernel| k.inputs.iter().filter(|c| c.kind == Kind::Vector).count() == 2;
    let mut met = 0;
    for kernel in KERNELS.iter().filter(two) {
        let params = common::variants(kernel).into_iter().next().unwrap();
        let columns = [a.vectors("a"), b.vectors("b")];
        let error = call(kernel.name, compute(), &columns, &params).unwrap_err();
        assert_eq!(error.to_string(), expected, "{}", kernel.name);
        assert_eq!(error.clone().after_rows(1000).to_string(), expected.replace("row 3", "row 1003"));
        met += 1;
    }
    assert!(met >= 7, "{met}");
    let params = [("query", text("[1,2,3]")), ("metric", text("dot"))];
    let error = call("vector_top_k", compute(), &[a.vectors("v")], &params).unwrap_err();
    assert_eq!(error.to_string(), "column v, row 3: 2 dimensions, but parameter query has 3");
    for function in [vector::dot_product, vector::cosine_similarity, vector::euclidean_distance] {
        let error = function(&[1.0, 2.0], &[1.0]).unwrap_err();
        assert_eq!(error.to_string(), "column b, row 1: 1 dimensions, but column a has 2");
    }
    for function in [vector::add, vector::subtract] {
        assert!(matches!(function(&[1.0], &[]), Err(Error::Dimensions { found: 0, expected: 1, .. })));
    }
    assert!(matches!(vector::lerp(&[1.0], &[], 0.5), Err(Error::Dimensions { .. })));
    // Far into a column that several threads share, and the first of two.
    let mut rows = vec![Some(vec![0.5; 512]); 3000];
    let full = Column::new(Element::F32, &rows, 0);
    rows[2900] = Some(vec![0.5; 511]);
    rows[1200] = Some(vec![0.5; 510]);
    let short = Column::new(Element::F32, &rows, 0);
    let columns = [full.vectors("a"), short.vectors("b")];
    let error = call("vector_dot_product", compute(), &columns, &[]).unwrap_err();
    assert_eq!(error.to_string(), "column b, row 1201: 510 dimensions, but column a has 512");
}

#[test]
fn queries_of_a_search_are_checked() {
    let rows = Vectors::matrix(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
    let search =
        |queries: &Column, k| vector::top_k(&rows, &[1, 2], &queries.vectors("queries"), k, Metric::Dot);
    let query = |rows: &[Option<Vec<f64>>]| Column::new(Element::F32, rows, 0);
    let two = Some(vec![1.0, 1.0]);
    assert_eq!(search(&query(&[two.clone(), two.clone()]), 5).unwrap().len(), 2);
    for other in [vec![1.0], vec![1.0; 3], vec![]] {
        let n = other.len();
        // As many queries as fill a tile, so that a shorter one would be read beyond its end.
        let queries = query(&[two.clone(), two.clone(), Some(other), two.clone(), two.clone(), two.clone()]);
        let error = search(&queries, 5).unwrap_err();
        assert_eq!(error.to_string(), format!("column queries, row 3: {n} dimensions, but row 1 has 2"));
    }
    let null = search(&query(&[two.clone(), None]), 5).unwrap_err();
    assert_eq!(null.to_string(), "parameter queries is NULL; expected a vector");
    let none = search(&query(&[two]), 0).unwrap_err();
    assert_eq!(none.to_string(), "parameter k is 0; expected an integer ≥ 1");
    let doubles = Column::new(Element::F64, &[Some(vec![1.0, 1.0])], 0);
    assert!(matches!(search(&doubles, 5), Err(Error::ParameterValue { .. })));
    let ids = vector::top_k(&rows, &[1], &rows, 1, Metric::Dot).unwrap_err();
    assert_eq!(ids.to_string(), "parameter ids is 1 numbers; expected 2, one for each row");
    // By name, all queries come in one value.
    for (count, numbers) in [(2, "[1,2,3]"), (1, "[]")] {
        let params = [("query", text(numbers)), ("query_count", Value::Int(count))];
        let error = call("vector_top_k", compute(), slice::from_ref(&rows), &params).unwrap_err().to_string();
        assert!(error.contains(&format!("expected a positive multiple of query_count = {count}")), "{error}");
    }
    let broken = [("query", text("[1,2"))];
    let error = call("vector_top_k", compute(), slice::from_ref(&rows), &broken).unwrap_err().to_string();
    assert_eq!(error, "parameter query: invalid vector text at byte 4: the array is not closed");
    let ids =
        call_with_ids("vector_top_k", compute(), slice::from_ref(&rows), None, &[("query", text("[1,2]"))]);
    assert_eq!(ids.unwrap_err().code(), 7);
    // A NULL id loses every tie.
    let equal = Vectors::matrix(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 2).unwrap();
    let ids = Some(vec![None, Some(5), Some(-5)]);
    let output =
        call_with_ids("vector_top_k", compute(), &[equal], ids, &[("query", text("[1,2]"))]).unwrap();
    assert_eq!(output.picked, Some(vec![2, 1, 0]));
}

/// Every error that a call can provoke, by its code. Codes 6, 11 and 12 belong to hosts and to inputs of several GiB.
#[test]
fn errors_have_their_codes() {
    let packed =
        |bytes: &[u8], lengths: &[i32]| Vectors::packed("v", Element::F64, bytes, lengths).map(|_| ());
    let json = |element, text: &str| {
        Vectors::from_json("v", element, text.as_bytes(), &[text.len() as i32]).map(|_| ())
    };
    let scale = registry::find("vector_scale").unwrap();
    let rows = Vectors::matrix(&[1.0], 1).unwrap();
    let without_ids =
        call_with_ids("vector_top_k", compute(), slice::from_ref(&rows), None, &[("query", text("[1]"))]);
    let provoked = [
        (2, registry::find("vector_dot").map(|_| ())),
        (3, bind(scale, &[("f", Value::Int(1))]).map(|_| ())),
        (4, bind(scale, &[]).map(|_| ())),
        (5, bind(scale, &[("factor", text("x"))]).map(|_| ())),
        (5, Vectors::matrix(&[1.0, 2.0, 3.0], 2).map(|_| ())),
        (5, Vectors::matrix(&[1.0], 0).map(|_| ())),
        (5, json(Element::I8, "[1]")),
        (7, without_ids.map(|_| ())),
        (8, packed(&[0; 24], &[8, 12])),
        (8, packed(&[0; 9], &[9])),
        (13, packed(&[0; 12], &[8, 8])),
        (13, packed(&[0; 12], &[-1, 16, 8])),
        (9, vector::dot_product(&[1.0], &[]).map(|_| ())),
        (10, json(Element::F32, "[1,]")),
        (10, json(Element::F64, "[1e400]")),
    ];
    for (code, result) in provoked {
        let error = result.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.to_string().contains('\n'));
    }
    let error = packed(&[0; 24], &[8, 12]).unwrap_err().to_string();
    assert_eq!(error, "column v, row 2: 12 bytes are not a whole number of f64 elements (8 bytes each)");
    let texts = "[1][2][x]";
    let error = Vectors::from_json("v", Element::F32, texts.as_bytes(), &[3, -1, 3, 3]).unwrap_err();
    assert_eq!(error.to_string(), "column v, row 4: invalid vector text at byte 1: expected a number");
}

#[test]
fn every_code_is_distinct() {
    let (word, row) = (String::new, 5);
    let place = || Place::from("");
    let all = [
        Error::Setting { setting: word(), problem: word() },
        Error::UnknownKernel { name: word(), nearest: vec![] },
        Error::UnknownParameter { kernel: "", name: word(), expected: vec![] },
        Error::MissingParameter { name: "", summary: "" },
        Error::ParameterValue { name: word(), value: word(), expected: word() },
        Error::Columns { expected: word(), found: word() },
        Error::ColumnType { place: place(), found: word(), expected: word() },
        Error::VectorBytes { place: place(), row, bytes: 0, element: "", size: 1 },
        Error::Dimensions { place: place(), row, found: 0, other: place(), expected: 0 },
        Error::Json { place: place(), row, offset: 0, problem: "" },
        Error::Text { place: place(), row, encoding: "", offset: 0 },
        Error::Memory { what: word(), bytes: 0, limit: 0 },
        Error::Buffer { place: place(), found: 0, expected: 0 },
    ];
    // The numbers are a promise to programs: they never change.
    assert_eq!(all.iter().map(Error::code).collect::<Vec<_>>(), (1..=13).collect::<Vec<u16>>());
    for error in all {
        let moved = error.clone().after_rows(100).to_string();
        let has_row = error.to_string().contains("row 5");
        assert_eq!(has_row, moved.contains("row 105"), "{moved}");
        assert_eq!(has_row, moved != error.to_string());
    }
}

/// Run in a process of its own by [`a_level_that_is_not_there_is_an_error`].
#[test]
fn current_level() {
    match Level::from_environment() {
        Ok(level) => println!("current level: {}", level.name()),
        Err(error) => panic!("code {}: {error}", error.code()),
    }
}

#[test]
fn a_level_that_is_not_there_is_an_error() {
    let program = std::env::current_exe().unwrap();
    let run = |max: &str, min: &str| {
        let output = Command::new(&program)
            .args(["--exact", "registry::current_level", "--nocapture"])
            .env(MAX_LEVEL_VARIABLE, max)
            .env(MIN_LEVEL_VARIABLE, min)
            .output()
            .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text.into_owned())
    };
    let (ok, text) = run("scalar", "");
    assert!(ok && text.contains("current level: scalar"), "{text}");
    let (ok, text) = run("sse9", "");
    assert!(!ok && text.contains("code 1: setting HART_MAX_LEVEL: `sse9` is not a level"), "{text}");
    let (ok, text) = run("scalar", "avx2");
    assert!(!ok && text.contains("code 1: setting HART_MIN_LEVEL: demands `avx2`"), "{text}");
}

/// Run in a process of its own by [`functions_of_slices_report_a_wrong_setting_and_go_on`].
#[test]
fn norms_at_the_current_level() {
    println!("norms {} and {}", vector::norm(&[3.0, 4.0]), vector::norm(&[6.0, 8.0]));
}

#[test]
fn functions_of_slices_report_a_wrong_setting_and_go_on() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "registry::norms_at_the_current_level", "--nocapture"])
        .env(MAX_LEVEL_VARIABLE, "sse9")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("norms 5 and 10"), "{out}{err}");
    assert_eq!(
        err.matches("hart-kernels: setting HART_MAX_LEVEL: `sse9` is not a level").count(),
        1,
        "{err}"
    );
}

#[test]
fn a_vector_parameter_is_read_as_the_elements_say() {
    let column = Column::new(Element::F64, &[Some(vec![0.1, 0.2])], 3);
    let packed = Value::Bytes(pack(Element::F64, &[0.1, 0.2]));
    for query in [packed, text("[0.1, 0.2]")] {
        let params = [("query", query), ("element", text("f64")), ("metric", text("euclidean"))];
        let output = call("vector_top_k", compute(), &[column.vectors("v")], &params).unwrap();
        assert_eq!(output.columns[2], Values::Float(vec![Some(0.0)]));
    }
    // Bytes of another element type are another number of dimensions.
    let params = [("query", Value::Bytes(pack(Element::F32, &[0.1, 0.2]))), ("element", text("f64"))];
    assert_eq!(call("vector_top_k", compute(), &[column.vectors("v")], &params).unwrap_err().code(), 9);
    let norm =
        floats(call("vector_norm", compute(), &[column.vectors("v")], &[("element", text("f64"))]).unwrap());
    assert_eq!(norm.len(), 1);
}
