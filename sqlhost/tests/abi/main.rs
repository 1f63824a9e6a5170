//! The built library, driven through its C functions by a host in miniature.

mod common;
mod limits;

use common::*;
use hart_kernels::registry::{self, KERNELS, Kind, RowShape, Streaming};
use hart_sqlhost::columns::{CType, Field, ResultColumn};
use hart_sqlhost::convert::ParamField;
use hart_sqlhost::example::is_example;
use hart_sqlhost::local::{Chunk, HostColumn, LocalError};

fn run(
    script: &str,
    fields: Vec<Field>,
    params: Vec<ParamField>,
    columns: &[HostColumn],
) -> Result<Chunk, LocalError> {
    let rows = columns.first().map_or(0, |c| c.indicators.len());
    EXTENSION.open(script, fields, params)?.execute(rows, columns)
}

fn result(chunk: &Chunk, n: usize) -> Vec<Option<Vec<u8>>> {
    let ResultColumn { data, indicators } = &chunk.columns[n];
    values(chunk.fields[n].ctype, data.bytes(), indicators)
}

fn floats(chunk: &Chunk, n: usize) -> Vec<Option<f64>> {
    let read = |v: Vec<u8>| f64::from_le_bytes(v.try_into().unwrap());
    result(chunk, n).into_iter().map(|v| v.map(read)).collect()
}

fn bigints(chunk: &Chunk, n: usize) -> Vec<i64> {
    result(chunk, n).into_iter().map(|v| i64::from_le_bytes(v.unwrap().try_into().unwrap())).collect()
}

/// Lowest, ordinary, highest, NULL and, where there is one, the empty value of every type.
fn samples(ctype: CType) -> Vec<Option<Vec<u8>>> {
    let time = |year: i16, fraction: u32| {
        let mut t = year.to_le_bytes().to_vec();
        t.extend([12, 0, 31, 0, 23, 0, 59, 0, 58, 0]);
        t.extend(fraction.to_le_bytes());
        t
    };
    let numeric = |sign: u8, magnitude: u128| {
        let mut n = vec![38, 4, sign];
        n.extend(magnitude.to_le_bytes());
        n
    };
    let present: Vec<Vec<u8>> = match ctype {
        CType::Bit => vec![vec![0], vec![1], vec![0]],
        CType::TinyInt => vec![vec![0], vec![7], vec![255]],
        CType::SmallInt => [i16::MIN, 7, i16::MAX].map(|v| v.to_le_bytes().to_vec()).into(),
        CType::Int => [i32::MIN, 7, i32::MAX].map(|v| v.to_le_bytes().to_vec()).into(),
        CType::BigInt => [i64::MIN, 7, i64::MAX].map(|v| v.to_le_bytes().to_vec()).into(),
        CType::Real => [f32::MIN, 7.5, f32::MAX].map(|v| v.to_le_bytes().to_vec()).into(),
        CType::Double => [f64::MIN, 7.5, f64::MAX].map(|v| v.to_le_bytes().to_vec()).into(),
        CType::Numeric => vec![numeric(0, 10u128.pow(38) - 1), numeric(1, 7), numeric(1, 10u128.pow(38) - 1)],
        CType::Char => vec![vec![], "grüß".as_bytes().to_vec(), vec![b'x'; 20_000]],
        CType::WChar => vec![vec![], utf16("grüß 😀"), utf16(&"x".repeat(20_000))],
        CType::Binary => vec![vec![], vec![0, 255], vec![9; 20_000]],
        CType::Guid => vec![vec![0; 16], (0..16).collect(), vec![255; 16]],
        CType::Date => {
            vec![time(1, 0)[..6].to_vec(), time(2026, 0)[..6].to_vec(), time(9999, 0)[..6].to_vec()]
        }
        CType::Timestamp => vec![time(1753, 0), time(2026, 123_456_700), time(9999, 999_999_900)],
    };
    let mut out: Vec<_> = present.into_iter().map(Some).collect();
    out.insert(1, None);
    out
}

#[test]
fn every_type_comes_back_unchanged_in_any_chunks() {
    for chunk_rows in [1, 3, 4] {
        let fields: Vec<Field> = CType::ALL
            .iter()
            .map(|t| Field {
                size: if *t == CType::Numeric { 38 } else { field("", *t).size },
                digits: 4,
                ..field(t.name(), *t)
            })
            .collect();
        let session = EXTENSION.open("system_echo", fields, Vec::new());
        let mut session = session.unwrap();
        let all: Vec<_> = CType::ALL.iter().map(|t| samples(*t)).collect();
        for start in (0..4).step_by(chunk_rows) {
            let end = 4.min(start + chunk_rows);
            let columns: Vec<_> =
                CType::ALL.iter().zip(&all).map(|(t, v)| column(*t, &v[start..end])).collect();
            let chunk = session.execute(end - start, &columns).unwrap();
            assert_eq!(chunk.rows, end - start);
            for (n, ctype) in CType::ALL.into_iter().enumerate() {
                let expected: Vec<_> = all[n][start..end]
                    .iter()
                    .map(|v| match (v, ctype) {
                        (Some(v), CType::Guid) => Some(hart_sqlhost::columns::guid_text(v).into_bytes()),
                        (v, _) => v.clone(),
                    })
                    .collect();
                assert_eq!(result(&chunk, n), expected, "{}", ctype.name());
            }
        }
    }
}

#[test]
fn every_example_in_every_encoding_and_chunking() {
    for kernel in KERNELS.iter().filter(|k| !k.example.outputs.is_empty()) {
        for encoding in [Encoding::Raw, Encoding::Char, Encoding::WChar] {
            let rows = kernel.example.inputs;
            let mut fields = Vec::new();
            let mut columns = Vec::new();
            for (n, declared) in kernel.inputs.iter().enumerate() {
                let encoded: Vec<_> = rows.iter().map(|r| encode(&r[n], declared.kind, encoding)).collect();
                fields.push(field(&declared.name.to_uppercase(), encoded[0].0));
                columns.push((encoded[0].0, encoded.into_iter().map(|(_, v)| v).collect::<Vec<_>>()));
            }
            // A kernel that ranks rows gives the best of each chunk, so its example is run whole.
            let alone = kernel.rows == RowShape::Same && kernel.streaming == Streaming::Rows;
            let step = if alone { 1 } else { rows.len().max(1) };
            let mut session = EXTENSION.open(kernel.name, fields, example_params(kernel, encoding)).unwrap();
            let mut found: Vec<Vec<Option<Vec<u8>>>> = vec![Vec::new(); kernel.outputs.len()];
            // One that needs no input is called once all the same.
            for start in (0..rows.len().max(1)).step_by(step) {
                let taken = start..rows.len().min(start + step);
                let part: Vec<_> = columns.iter().map(|(t, v)| column(*t, &v[taken.clone()])).collect();
                let chunk = session.execute(taken.len(), &part).unwrap();
                found.iter_mut().enumerate().for_each(|(n, f)| f.extend(result(&chunk, n)));
            }
            for (n, declared) in kernel.outputs.iter().enumerate() {
                for (row, expected) in kernel.example.outputs.iter().enumerate() {
                    let got = found[n][row].clone();
                    // Result vectors are written as the input's, and as text where it has none.
                    let has_vectors = kernel.inputs.iter().any(|column| column.kind == Kind::Vector);
                    if declared.kind == Kind::Vector && (encoding != Encoding::Raw || !has_vectors) {
                        let numbers = got.map(|t| hart_kernels::text::parse_singles(&t).unwrap());
                        let expected = encode(&expected[n], Kind::Vector, Encoding::Raw).1;
                        assert_eq!(numbers.map(|v| packed(&v)), expected, "{} {encoding:?}", kernel.name);
                    } else {
                        let expected = encode(&expected[n], declared.kind, encoding).1;
                        assert!(
                            is_example(kernel, declared.kind, got.as_deref(), expected.as_deref()),
                            "{} {encoding:?}, {}: {got:?}, not {expected:?}",
                            kernel.name,
                            declared.name
                        );
                    }
                }
            }
        }
    }
}

fn two_vectors() -> (Vec<Field>, Vec<HostColumn>) {
    let fields = vec![field("x", CType::BigInt), field("y", CType::Binary), field("z", CType::Binary)];
    let v = |a: &[f32]| Some(packed(a));
    let columns = vec![
        ids(&[5, 6]),
        column(CType::Binary, &[v(&[1.0, 2.0]), v(&[3.0])]),
        column(CType::Binary, &[v(&[3.0, 4.0]), v(&[5.0])]),
    ];
    (fields, columns)
}

#[test]
fn columns_are_bound_by_position_where_names_do_not_fit() {
    let (fields, columns) = two_vectors();
    let chunk = run("vector_dot_product", fields, vec![], &columns).unwrap();
    assert_eq!((bigints(&chunk, 0), floats(&chunk, 1)), (vec![5, 6], vec![Some(11.0), Some(15.0)]));
}

#[test]
fn further_columns_are_carried_and_picked_with_their_rows() {
    let fields = vec![field("title", CType::WChar), field("v", CType::Binary), field("Id", CType::Int)];
    let titles = ["zero", "one", "two"].map(|t| Some(utf16(t)));
    let vectors = [0.0f32, 1.0, 2.0].map(|x| Some(packed(&[x, 1.0])));
    let keys = [30i32, 20, 10].map(|k| Some(k.to_le_bytes().to_vec()));
    let columns = [column(CType::WChar, &titles), column(CType::Binary, &vectors), column(CType::Int, &keys)];
    let params = vec![
        param("query", CType::Binary, Some(&packed(&[2.0, 1.0]))),
        param("K", CType::SmallInt, Some(&2i16.to_le_bytes())),
        param("metric", CType::Char, Some(b"EUCLIDEAN   ")),
    ];
    let chunk = run("VECTOR_TOP_K", fields, params, &columns).unwrap();
    assert_eq!(
        chunk.fields.iter().map(|f| f.ctype).collect::<Vec<_>>(),
        [CType::Int, CType::Int, CType::Int, CType::Double, CType::WChar]
    );
    assert_eq!(result(&chunk, 2), [Some(10i32.to_le_bytes().to_vec()), Some(20i32.to_le_bytes().to_vec())]);
    assert_eq!(floats(&chunk, 3), [Some(0.0), Some(1.0)]);
    assert_eq!(result(&chunk, 4), [Some(utf16("two")), Some(utf16("one"))]);
}

#[test]
fn partition_columns_do_not_count_as_positions() {
    let (mut fields, columns) = two_vectors();
    fields.insert(1, Field { partition: true, ..field("tenant", CType::Int) });
    let mut columns = columns;
    columns.insert(1, column(CType::Int, &[Some(9i32.to_le_bytes().to_vec()), None]));
    let chunk = run("vector_dot_product", fields, vec![], &columns).unwrap();
    assert_eq!(floats(&chunk, 1), [Some(11.0), Some(15.0)]);
    assert_eq!(result(&chunk, 2), [Some(9i32.to_le_bytes().to_vec()), None]);
}

#[test]
fn rows_that_a_kernel_makes_keep_their_partition() {
    let fields = vec![Field { partition: true, ..field("part", CType::BigInt) }];
    let mut session = EXTENSION.open("system_info", fields, vec![]).unwrap();
    for part in [7, 8] {
        let chunk = session.execute(2, &[ids(&[part, part])]).unwrap();
        assert!(chunk.rows > 2);
        assert_eq!(bigints(&chunk, 2), vec![part; chunk.rows]);
    }
    let chunk = session.execute(0, &[ids(&[])]).unwrap();
    assert_eq!(result(&chunk, 2), vec![None; chunk.rows], "no row, no value");
}

#[test]
fn result_vectors_are_written_as_asked() {
    let run = |ctype: CType, value: &[u8], written: &str| {
        let fields = vec![field("id", CType::BigInt), field("v", ctype)];
        let columns = [ids(&[1]), column(ctype, &[Some(value.to_vec())])];
        let params = vec![
            param("factor", CType::Double, Some(&2f64.to_le_bytes())),
            param("Result_Vectors", CType::Char, Some(written.as_bytes())),
        ];
        run("vector_scale", fields, params, &columns)
    };
    let bytes = packed(&[1.5, -2.0]);
    for (ctype, value) in [(CType::Binary, bytes.as_slice()), (CType::Char, b"[1.5,-2]".as_slice())] {
        let chunk = run(ctype, value, "PACKED  ").unwrap();
        assert_eq!(
            (chunk.fields[1].ctype, result(&chunk, 1)),
            (CType::Binary, vec![Some(packed(&[3.0, -4.0]))])
        );
        let chunk = run(ctype, value, "json").unwrap();
        assert_eq!((chunk.fields[1].ctype, result(&chunk, 1)), (CType::Char, vec![Some(b"[3,-4]".to_vec())]));
        assert!(run(ctype, value, "xml").is_err());
    }
}

#[test]
fn a_packed_query_may_come_as_hexadecimal_text() {
    let search = |query: &str| {
        let fields = vec![field("id", CType::BigInt), field("v", CType::Binary)];
        let columns = [ids(&[1, 2]), column(CType::Binary, &[Some(packed(&[1.0])), Some(packed(&[-2.0]))])];
        let params = vec![
            param("query", CType::Char, Some(query.as_bytes())),
            param("metric", CType::Char, Some(b"euclidean")),
        ];
        run("vector_top_k", fields, params, &columns)
    };
    let chunk = search("0x000000C0").unwrap();
    assert_eq!((bigints(&chunk, 2), floats(&chunk, 3)), (vec![2, 1], vec![Some(0.0), Some(3.0)]));
    for wrong in ["0x000000C", "0x0000C0", "0xG00000C0", "0"] {
        assert!(search(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_column_of_rows_to_leave_out_is_bound_by_its_name() {
    for (ctype, yes, no) in [(CType::Bit, vec![1], vec![0]), (CType::Int, vec![9, 0, 0, 0], vec![0; 4])] {
        for names in [["id", "Left_Out", "v"], ["key", "LEFT_OUT", "embedding"]] {
            let fields =
                vec![field(names[0], CType::BigInt), field(names[1], ctype), field(names[2], CType::Binary)];
            let vectors = [1.0f32, 2.0, 3.0].map(|x| Some(packed(&[x])));
            let flags = column(ctype, &[Some(yes.clone()), None, Some(no.clone())]);
            let columns = [ids(&[1, 2, 3]), flags, column(CType::Binary, &vectors)];
            let params = vec![
                param("query", CType::Binary, Some(&packed(&[1.0]))),
                param("metric", CType::Char, Some(b"euclidean")),
            ];
            let chunk = run("vector_top_k", fields, params, &columns).unwrap();
            assert_eq!((bigints(&chunk, 2), floats(&chunk, 3)), (vec![2, 3], vec![Some(1.0), Some(2.0)]));
            assert_eq!(chunk.fields.len(), 4, "the filter is not passed on");
        }
    }
}

#[test]
fn a_key_may_be_of_any_type() {
    for ctype in CType::ALL {
        let keys = samples(ctype);
        // A numeric's size is its precision, which says nothing of the 19 bytes that it takes.
        let size = if ctype == CType::Numeric { 5 } else { field("", ctype).size };
        let fields = vec![Field { size, digits: 4, ..field("id", ctype) }, field("v", CType::Binary)];
        let vectors = vec![Some(packed(&[3.0, 4.0])); keys.len()];
        let columns = [column(ctype, &keys), column(CType::Binary, &vectors)];
        let chunk = run("vector_norm", fields.clone(), vec![], &columns).unwrap();
        assert_eq!(floats(&chunk, 1), vec![Some(5.0); keys.len()], "{}", ctype.name());
        let expected: Vec<bool> = keys.iter().map(Option::is_some).collect();
        assert_eq!(result(&chunk, 0).iter().map(Option::is_some).collect::<Vec<_>>(), expected);
        // A search orders ties by the key, so it takes integers only.
        let query = param("query", CType::Binary, Some(&packed(&[3.0, 4.0])));
        let integer = matches!(ctype, CType::TinyInt | CType::SmallInt | CType::Int | CType::BigInt);
        assert_eq!(run("vector_top_k", fields, vec![query], &columns).is_ok(), integer, "{}", ctype.name());
    }
}

#[test]
fn every_element_type_and_its_result() {
    let one_half_two = [("f64", 8), ("f32", 4), ("f16", 2), ("bf16", 2), ("i8", 1)];
    for (element, size) in one_half_two {
        let kind = hart_kernels::Element::parse(element).unwrap();
        let value = hart_kernels::text::pack(kind, &[1.0, 3.0]);
        assert_eq!(value.len(), 2 * size);
        let fields =
            vec![field("id", CType::BigInt), Field { size: 2 * size as u64, ..field("v", CType::Binary) }];
        let columns = [ids(&[1]), column(CType::Binary, &[Some(value)])];
        let params = vec![
            param("element", CType::Char, Some(element.as_bytes())),
            param("factor", CType::Real, Some(&2.0f32.to_le_bytes())),
        ];
        let chunk = run("vector_scale", fields, params, &columns).unwrap();
        let expected = hart_kernels::text::pack(kind.of_result(), &[2.0, 6.0]);
        assert_eq!(chunk.fields[1].size, expected.len() as u64, "the declared size follows from the schema");
        assert_eq!(result(&chunk, 1), [Some(expected)], "{element}");
    }
}

#[test]
fn output_parameters_echo_their_type_and_count_rows() {
    let (fields, columns) = two_vectors();
    let mut params: Vec<ParamField> = Vec::new();
    for (name, ctype) in [("rows_in", CType::BigInt), ("rows_out", CType::Int)] {
        params.push(ParamField { output: true, ..param(name, ctype, None) });
    }
    let mut session = EXTENSION.open("vector_dot_product", fields, params).unwrap();
    session.execute(2, &columns).unwrap();
    session.execute(2, &columns).unwrap();
    let out = session.output_params().unwrap();
    assert_eq!(out[0].value, Some(4i64.to_le_bytes().to_vec()));
    assert_eq!(out[1].value, Some(4i32.to_le_bytes().to_vec()));

    let params = CType::ALL.iter().flat_map(|t| {
        let present = samples(*t)[2].clone();
        [present, None].map(|v| ParamField { output: true, ..param(t.name(), *t, v.as_deref()) })
    });
    let params: Vec<ParamField> =
        params.enumerate().map(|(n, p)| ParamField { name: format!("{}{n}", p.name), ..p }).collect();
    let mut session = EXTENSION.open("system_echo", vec![], params.clone()).unwrap();
    session.execute(0, &[]).unwrap();
    let out = session.output_params().unwrap();
    assert_eq!(params, out);
}

/// Rows of all chunks in an OUTPUT parameter, in the parameter's own encoding, and no result set.
#[test]
fn rows_come_in_an_output_parameter() {
    let (fields, columns) = two_vectors();
    for ctype in [CType::Char, CType::WChar] {
        let asked = ParamField { output: true, ..param("ROWS_JSON", ctype, Some(b"")) };
        let mut session = EXTENSION.open("vector_dot_product", fields.clone(), vec![asked]).unwrap();
        for _ in 0..2 {
            let chunk = session.execute(2, &columns).unwrap();
            assert_eq!((chunk.rows, chunk.columns.len()), (0, 0));
        }
        let text = "[{\"id\":5,\"dot\":1.1e1},{\"id\":6,\"dot\":1.5e1},{\"id\":5,\"dot\":1.1e1},{\"id\":6,\"dot\":1.5e1}]";
        let name = hart_kernels::registry::find("vector_dot_product").unwrap().outputs[1].name;
        let text = text.replace("dot", name);
        let expected = if ctype == CType::WChar { utf16(&text) } else { text.into_bytes() };
        assert_eq!(session.output_params().unwrap()[0].value, Some(expected));
    }
    // No rows are an empty array; a parameter that cannot hold them is refused.
    let asked = ParamField { output: true, ..param("rows_json", CType::Char, None) };
    let session = EXTENSION.open("vector_dot_product", fields.clone(), vec![asked.clone()]).unwrap();
    assert_eq!(session.output_params().unwrap()[0].value.as_deref(), Some(&b"[]"[..]));
    for wrong in [ParamField { output: false, ..asked.clone() }, ParamField { ctype: CType::Binary, ..asked }]
    {
        assert!(EXTENSION.open("vector_dot_product", fields.clone(), vec![wrong]).is_err());
    }
}

/// What a host is told of columns without a limit of their own can be less than all that they may hold; a longer value is an error that
/// names the setting.
#[test]
fn large_columns_are_declared_as_the_setting_says() {
    use hart_sqlhost::columns::ColumnData;
    use hart_sqlhost::session::Session;
    let settings = hart_sqlhost::settings::Settings::read("max_column_bytes=8001", |_| None).unwrap();
    let run = |text: &str| {
        let mut session = Session::new("vector_normalize", 2, 0).unwrap();
        session.limit_columns(settings.max_column_bytes);
        session.declare_column(0, field("id", CType::BigInt)).unwrap();
        session.declare_column(1, field("v", CType::Char)).unwrap();
        let data = [
            ColumnData { bytes: &[0; 8], indicators: None },
            ColumnData { bytes: text.as_bytes(), indicators: Some(vec![text.len() as i32]) },
        ];
        let done =
            session.execute(&settings, &hart_kernels::Pool::default(), 1, &data).map_err(|e| e.to_string());
        done.map(|_| [0, 1].map(|n| session.result_field(n).unwrap().size))
    };
    assert_eq!(run("[3,4]").unwrap(), [8, 8001]);
    let long = format!("[{}1]", "1,".repeat(999));
    let error = run(&long).unwrap_err();
    assert!(error.contains("are more than the 8001 declared: raise max_column_bytes"), "{error}");
}

#[test]
fn what_is_wrong_is_refused_and_the_next_session_works() {
    let (fields, columns) = two_vectors();
    let f = |name: &str, ctype| field(name, ctype);
    let vector = |name: &str| f(name, CType::Binary);
    let good = || (fields.clone(), columns.clone());
    type Case = (&'static str, &'static str, Vec<Field>, Vec<ParamField>, Vec<HostColumn>);
    let cases: Vec<Case> = vec![
        ("unknown kernel", "vector_dot_produkt", good().0, vec![], good().1),
        ("empty script", "", good().0, vec![], good().1),
        (
            "unknown parameter",
            "vector_dot_product",
            good().0,
            vec![param("x", CType::Int, Some(&[0; 4]))],
            good().1,
        ),
        (
            "missing parameter",
            "vector_scale",
            vec![f("id", CType::BigInt), vector("v")],
            vec![],
            vec![columns[0].clone(), columns[1].clone()],
        ),
        (
            "wrong type",
            "vector_dot_product",
            vec![f("id", CType::BigInt), vector("a"), f("b", CType::Date)],
            vec![],
            vec![columns[0].clone(), columns[1].clone(), column(CType::Date, &[None, None])],
        ),
        (
            "missing column",
            "vector_dot_product",
            vec![f("id", CType::BigInt), vector("a")],
            vec![],
            columns[..2].to_vec(),
        ),
        (
            "odd length",
            "vector_norm",
            vec![f("id", CType::BigInt), vector("v")],
            vec![],
            vec![ids(&[1]), column(CType::Binary, &[Some(vec![1, 2, 3])])],
        ),
        (
            "dimensions",
            "vector_add",
            good().0,
            vec![],
            vec![
                columns[0].clone(),
                columns[1].clone(),
                column(CType::Binary, &[Some(packed(&[1.0, 2.0])), Some(packed(&[1.0, 2.0]))]),
            ],
        ),
        (
            "k = 0",
            "vector_top_k",
            vec![f("id", CType::BigInt), vector("v")],
            vec![
                param("query", CType::Binary, Some(&packed(&[1.0, 2.0]))),
                param("k", CType::Int, Some(&[0; 4])),
            ],
            vec![columns[0].clone(), columns[1].clone()],
        ),
        (
            "invalid UTF-8",
            "vector_norm",
            vec![f("id", CType::BigInt), f("v", CType::Char)],
            vec![],
            vec![ids(&[1]), column(CType::Char, &[Some(b"[1,\xff]".to_vec())])],
        ),
        (
            "invalid UTF-16",
            "vector_norm",
            vec![f("id", CType::BigInt), f("v", CType::WChar)],
            vec![],
            vec![ids(&[1]), column(CType::WChar, &[Some(vec![0, 0xdc])])],
        ),
        (
            "invalid JSON",
            "vector_norm",
            vec![f("id", CType::BigInt), f("v", CType::Char)],
            vec![],
            vec![ids(&[1]), column(CType::Char, &[Some(b"[1,]".to_vec())])],
        ),
        (
            "text id in a search",
            "vector_top_k",
            vec![f("id", CType::Char), vector("v")],
            vec![param("query", CType::Binary, Some(&packed(&[1.0])))],
            vec![column(CType::Char, &[Some(b"a".to_vec())]), column(CType::Binary, &[Some(packed(&[1.0]))])],
        ),
    ];
    for (what, script, fields, params, columns) in cases {
        let refused = run(script, fields, params, &columns);
        assert!(matches!(refused, Err(LocalError::Refused(_))), "{what}: {refused:?}");
        let (fields, columns) = two_vectors();
        assert!(run("vector_dot_product", fields, vec![], &columns).is_ok(), "after {what}");
    }
}

#[test]
fn a_failed_chunk_leaves_the_session_usable() {
    let fields = vec![field("id", CType::BigInt), field("v", CType::Char)];
    let mut session = EXTENSION.open("vector_norm", fields, vec![]).unwrap();
    let chunk = |text: &[u8]| [ids(&[1]), column(CType::Char, &[Some(text.to_vec())])];
    assert!(session.execute(1, &chunk(b"[3,4]")).is_ok());
    assert!(session.execute(1, &chunk(b"oops")).is_err());
    assert_eq!(floats(&session.execute(1, &chunk(b"[6,8]")).unwrap(), 1), [Some(10.0)]);
}

#[test]
fn nothing_in_nothing_out() {
    for kernel in KERNELS.iter().filter(|k| k.rows != RowShape::Made) {
        let fields = kernel.inputs.iter().map(|c| field(c.name, ctype_of(c.kind)));
        let columns: Vec<_> = kernel.inputs.iter().map(|c| column(ctype_of(c.kind), &[])).collect();
        let params = example_params(kernel, Encoding::Raw);
        let chunk = run(kernel.name, fields.collect(), params, &columns).unwrap();
        assert_eq!((chunk.rows, chunk.columns.len()), (0, kernel.outputs.len()), "{}", kernel.name);
    }
    let kernel = registry::find("vector_norm").unwrap();
    let fields = vec![field("id", CType::BigInt), field("v", CType::Char)];
    let chunk =
        run(kernel.name, fields, vec![], &[ids(&[1, 2]), column(CType::Char, &[None, None])]).unwrap();
    assert_eq!(floats(&chunk, 1), [None, None]);
}

#[test]
fn numbers_that_sql_cannot_hold_become_null() {
    let fields = vec![field("id", CType::BigInt), field("v", CType::Binary)];
    let vectors = [[f32::NAN, 1.0], [f32::INFINITY, 1.0], [3.0, 4.0]].map(|v| Some(packed(&v)));
    let columns = [ids(&[1, 2, 3]), column(CType::Binary, &vectors)];
    let chunk = run("vector_norm", fields.clone(), vec![], &columns).unwrap();
    assert_eq!(floats(&chunk, 1), [None, None, Some(5.0)]);
    let query = param("query", CType::Binary, Some(&packed(&[3.0, 4.0])));
    let chunk = run("vector_top_k", fields, vec![query], &columns).unwrap();
    assert_eq!(bigints(&chunk, 2), [3, 1, 2], "kept, and last");
    assert_eq!(floats(&chunk, 3), [Some(0.0), None, None]);
}

#[test]
fn sessions_at_once_do_not_meet() {
    std::thread::scope(|scope| {
        for thread in 0..8i64 {
            scope.spawn(move || {
                for round in 0..20 {
                    let n = 400 + thread as usize;
                    let rows = 50 + round;
                    let vector = |row: usize| Some(packed(&vec![(row as i64 + thread) as f32; n]));
                    let columns = [
                        ids(&(0..rows as i64).collect::<Vec<_>>()),
                        column(CType::Binary, &(0..rows).map(vector).collect::<Vec<_>>()),
                        column(
                            CType::Binary,
                            &(0..rows).map(|_| Some(packed(&vec![1.0; n]))).collect::<Vec<_>>(),
                        ),
                    ];
                    let fields = vec![
                        field("id", CType::BigInt),
                        field("a", CType::Binary),
                        field("b", CType::Binary),
                    ];
                    let chunk = run("vector_dot_product", fields, vec![], &columns).unwrap();
                    let expected: Vec<_> =
                        (0..rows).map(|row| Some(((row as i64 + thread) * n as i64) as f64)).collect();
                    assert_eq!(floats(&chunk, 1), expected);
                }
            });
        }
    });
}
