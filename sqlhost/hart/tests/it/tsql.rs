//! The scripts under `sql`: generated ones against the registry, all against a T-SQL grammar, and every wrapper read back and
//! replayed by the local host.

use crate::common::script;
use std::collections::{BTreeMap, BTreeSet};

use crate::common::script::{Declared, ScriptCall};
use crate::host::*;
use hart::tsql;
use hart_kernels::registry::{ANY_NAME, Cell, KERNELS, Kernel, Kind, ParamKind, RowShape};
use hart_sqlhost::columns::{CType, Field, ResultField};
use hart_sqlhost::convert::ParamField;
use hart_sqlhost::example::is_example;
use hart_sqlhost::session::{RESULT_VECTORS, ROWS_JSON};
use sqlparser::tokenizer::Token;

/// Batches that sqlparser 0.64 does not know: (file, beginning of the batch, what it lacks).
const UNKNOWN_TO_PARSER: &[(&str, &str, &str)] = &[
    ("install/enable.sql", "EXEC sp_configure", "RECONFIGURE"),
    ("install/permissions.sql", "GRANT EXECUTE ON SCHEMA::", "securables with a class (SCHEMA::)"),
    ("install/permissions.sql", "GRANT EXECUTE EXTERNAL SCRIPT", "the permission EXECUTE EXTERNAL SCRIPT"),
    ("install/uninstall.sql", "IF DATABASE_PRINCIPAL_ID", "securables with a class (SCHEMA::)"),
    ("scaleout/broker.sql", "IF NOT EXISTS (SELECT * FROM sys.service_message_types", "CREATE MESSAGE TYPE"),
    ("scaleout/broker.sql", "IF NOT EXISTS (SELECT * FROM sys.service_contracts", "CREATE CONTRACT"),
    ("scaleout/broker.sql", "IF OBJECT_ID(N'hart_work.WorkQueue'", "CREATE QUEUE"),
    ("scaleout/broker.sql", "IF OBJECT_ID(N'hart_work.WorkSenderQueue'", "CREATE QUEUE"),
    (
        "scaleout/broker.sql",
        "IF NOT EXISTS (SELECT * FROM sys.services WHERE name = N'//hart/work/sender'",
        "CREATE SERVICE",
    ),
    (
        "scaleout/broker.sql",
        "IF NOT EXISTS (SELECT * FROM sys.services WHERE name = N'//hart/work/receiver'",
        "CREATE SERVICE",
    ),
    ("scaleout/broker.sql", "IF DATABASE_PRINCIPAL_ID", "securables with a class (OBJECT::)"),
    ("scaleout/uninstall.sql", "IF EXISTS (SELECT * FROM sys.services", "DROP SERVICE"),
    ("scaleout/uninstall.sql", "IF OBJECT_ID(N'hart_work.WorkQueue'", "DROP QUEUE"),
    (
        "scaleout/uninstall.sql",
        "IF EXISTS (SELECT * FROM sys.service_contracts",
        "DROP CONTRACT, DROP MESSAGE TYPE",
    ),
    ("verify/application.sql", "CREATE TABLE dbo.TensorAtomCoefficients", "a system-versioned table"),
];

/// What no parser here knows, with the page below https://learn.microsoft.com/sql/t-sql/ that documents it: what batches lack above, and
/// statements that are run as text.
const DOCUMENTED: &[(&str, &str)] = &[
    ("RECONFIGURE", "language-elements/reconfigure-transact-sql"),
    ("securables with a class", "statements/grant-transact-sql"),
    ("EXECUTE EXTERNAL SCRIPT", "statements/create-external-language-transact-sql"),
    ("CREATE EXTERNAL LANGUAGE", "statements/create-external-language-transact-sql"),
    ("ALTER EXTERNAL LANGUAGE", "statements/alter-external-language-transact-sql"),
    ("DROP EXTERNAL LANGUAGE", "statements/drop-external-language-transact-sql"),
    ("CREATE MESSAGE TYPE", "statements/create-message-type-transact-sql"),
    ("DROP MESSAGE TYPE", "statements/drop-message-type-transact-sql"),
    ("CREATE CONTRACT", "statements/create-contract-transact-sql"),
    ("DROP CONTRACT", "statements/drop-contract-transact-sql"),
    ("CREATE QUEUE", "statements/create-queue-transact-sql"),
    ("DROP QUEUE", "statements/drop-queue-transact-sql"),
    ("CREATE SERVICE", "statements/create-service-transact-sql"),
    ("DROP SERVICE", "statements/drop-service-transact-sql"),
    ("system-versioned", "statements/create-table-transact-sql"),
    ("CREATE SCHEMA", "statements/create-schema-transact-sql"),
];

/// Every statement that no parser has read has its page.
#[test]
fn statements_that_no_parser_knows_have_their_page() {
    let mut used = BTreeSet::new();
    let mut page = |text: &str| {
        let found: Vec<_> = DOCUMENTED.iter().filter(|(statement, _)| text.contains(statement)).collect();
        used.extend(found.iter().map(|(statement, _)| *statement));
        !found.is_empty()
    };
    for (file, start, lacks) in UNKNOWN_TO_PARSER {
        assert!(page(lacks), "sql/{file}: {start}: {lacks}");
    }
    for (file, text) in script::scripts() {
        for batch in script::batches(&text) {
            let tokens = script::tokens(&batch);
            for n in (0..tokens.len()).filter(|&n| script::words(&tokens, n, &["EXEC"])) {
                if tokens.get(n + 1) == Some(&Token::LParen)
                    && let Some(statement) = script::single_quoted(&tokens[n + 2])
                {
                    assert!(page(statement), "sql/{file}: EXEC of {statement}");
                }
            }
        }
    }
    assert!(page("CREATE EXTERNAL LANGUAGE"));
    assert_eq!(used, DOCUMENTED.iter().map(|(statement, _)| *statement).collect());
    let pages = DOCUMENTED.iter().map(|d| d.1).chain(script::UNKNOWN_STATEMENTS.iter().map(|u| u.1));
    for page in pages {
        let known = page.starts_with("statements/") || page.starts_with("language-elements/");
        assert!(known && page.ends_with("-transact-sql"), "{page}");
    }
}

#[test]
fn generated_scripts_are_current() {
    let found: BTreeMap<String, String> = script::scripts()
        .into_iter()
        .filter_map(|(name, text)| Some((name.strip_prefix("generated/")?.to_string(), text)))
        .collect();
    let expected: BTreeMap<String, String> = tsql::files().into_iter().collect();
    let names = |m: &BTreeMap<String, String>| m.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&found), names(&expected), "`cargo run -- sql` writes sql/generated anew");
    for (name, text) in &expected {
        assert!(found[name] == *text, "sql/generated/{name} differs; `cargo run -- sql` writes it anew");
    }
}

#[test]
fn every_batch_parses() {
    let mut unknown: BTreeSet<_> = UNKNOWN_TO_PARSER.iter().map(|(file, start, _)| (*file, *start)).collect();
    let (mut count, mut wrong) = (0, Vec::new());
    for (name, text) in script::scripts() {
        for batch in script::batches(&text) {
            count += 1;
            let code = script::code(&batch);
            let exception = unknown.iter().find(|(f, start)| *f == name && code.starts_with(start)).copied();
            match (script::parse(&batch), exception) {
                (Ok(()), None) => {}
                (Err(error), None) => {
                    wrong.push(format!("sql/{name}: {error} in\n{}", code.lines().next().unwrap()))
                }
                (Ok(()), Some((_, start))) => panic!("sql/{name}: `{start}…` parses; it needs no exception"),
                (Err(_), Some(exception)) => {
                    unknown.remove(&exception);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 90, "{count} batches");
    assert!(unknown.is_empty(), "exceptions for nothing: {unknown:?}");
}

#[test]
fn scripts_are_safe_to_send_with_any_tool() {
    for (name, text) in script::scripts() {
        for (n, line) in text.lines().enumerate() {
            // Each sqlcmd takes a file for another encoding where it is not told.
            assert!(
                line.is_ascii(),
                "sql/{name}:{}: letters beyond ASCII (tsql/ascii.rs has those of comments)",
                n + 1
            );
            assert!(!line.contains('\t') && line.trim_end() == line, "sql/{name}:{}: blanks", n + 1);
        }
        assert!(text.ends_with('\n'), "sql/{name}");
        // `hart verify` alone runs these, over a connection that has the settings.
        if !name.starts_with("verify/") && name != "generated/all.sql" {
            let first = text.lines().find(|l| !l.is_empty() && !l.starts_with("--") && !l.starts_with(':'));
            assert_eq!(
                first,
                Some(tsql::SETTINGS),
                "sql/{name}: procedures keep QUOTED_IDENTIFIER and ANSI_NULLS"
            );
            let at = text.find(tsql::SETTINGS).unwrap();
            assert!(text[at..].starts_with(&format!("{}\nGO\n", tsql::SETTINGS)), "sql/{name}");
        }
        let generated = name.starts_with("generated/");
        assert!(!generated || !text.contains("$("), "sql/{name}: sqlcmd would take $( for a variable");
    }
}

/// Type and value that a wrapper passes for a T-SQL type and a literal.
fn encoded(sql: &str, literal: Option<&Token>) -> (CType, Option<Vec<u8>>) {
    let number = |literal: &Token| match literal {
        Token::Number(text, _) => text.clone(),
        other => panic!("{other} is no number"),
    };
    let text = |literal: &Token| script::single_quoted(literal).unwrap().to_string();
    let literal = literal.filter(|t| t.to_string() != "NULL");
    match sql {
        "int" => (CType::Int, literal.map(|t| number(t).parse::<i32>().unwrap().to_le_bytes().to_vec())),
        "bigint" => {
            (CType::BigInt, literal.map(|t| number(t).parse::<i64>().unwrap().to_le_bytes().to_vec()))
        }
        "float" => (CType::Double, literal.map(|t| number(t).parse::<f64>().unwrap().to_le_bytes().to_vec())),
        "nvarchar(max)" => (CType::WChar, literal.map(|t| utf16(&text(t)))),
        "varchar(64)" | "varchar(max)" => (CType::Char, literal.map(|t| text(t).into_bytes())),
        "varbinary(max)" => (
            CType::Binary,
            literal.map(|t| match t {
                Token::HexStringLiteral(digits) => {
                    let byte = |i: usize| u8::from_str_radix(&digits[i..i + 2], 16).unwrap();
                    (0..digits.len()).step_by(2).map(byte).collect()
                }
                other => panic!("{other} is no binary"),
            }),
        ),
        other => panic!("type {other}"),
    }
}

/// The T-SQL type of what GetResultColumn reports.
fn reported(field: &ResultField) -> String {
    match (field.ctype, field.size) {
        (CType::Char | CType::WChar | CType::Binary, size) if size > 8000 => {
            format!("{}(max)", field.ctype.name())
        }
        (CType::Char | CType::WChar | CType::Binary, size) => format!("{}({size})", field.ctype.name()),
        (ctype, _) => ctype.name().into(),
    }
}

struct Wrapper {
    kernel: &'static Kernel,
    declared: Vec<Declared>,
    /// The calls with a result set.
    calls: Vec<ScriptCall>,
    /// The call whose rows come in an OUTPUT parameter.
    json: ScriptCall,
}

/// Every wrapper as it stands in its file.
fn wrappers() -> Vec<Wrapper> {
    let scripts: BTreeMap<String, String> = script::scripts().into_iter().collect();
    let read = |kernel: &&'static Kernel| {
        let text = &scripts[&format!("generated/{}.sql", kernel.sql_name())];
        let batches = script::batches(text);
        assert_eq!(batches.len(), 2, "{}", kernel.name);
        // By its first line an installed wrapper is known.
        assert!(batches[1].starts_with(tsql::MARK), "{}", kernel.name);
        let tokens = script::tokens(&batches[1]);
        let (name, declared) = script::procedure(&tokens).unwrap();
        assert_eq!(name, format!("[hart].[{}]", kernel.sql_name()));
        let calls =
            script::calls(&tokens).into_iter().filter(|(name, _)| name == "sp_execute_external_script");
        let mut calls: Vec<ScriptCall> = calls.map(|(_, call)| call).collect();
        let json = calls.remove(0);
        Wrapper { kernel, declared, calls, json }
    };
    KERNELS.iter().map(read).collect()
}

impl ScriptCall {
    fn argument(&self, name: &str) -> Option<String> {
        self.arguments.iter().find(|(n, _)| n == name).map(|(_, t)| match script::single_quoted(t) {
            Some(text) => text.to_string(),
            None => t.to_string(),
        })
    }

    /// Names and types of `@params`.
    fn params(&self) -> Vec<(String, String)> {
        let Some(list) = self.argument("params") else { return Vec::new() };
        let split = |p: &str| {
            let (name, sql) = p.trim().split_once(' ').unwrap();
            (name.strip_prefix('@').unwrap().to_string(), sql.to_string())
        };
        list.split(", ").map(split).collect()
    }

    fn by_part(&self) -> bool {
        self.argument("input_data_1_partition_by_columns").is_some()
    }
}

#[test]
fn wrappers_call_their_kernel_with_every_parameter() {
    /// Names that mean something else in the call or in the body.
    const TAKEN: &[&str] = &[
        "language",
        "script",
        "input_data_1",
        "input_data_1_name",
        "input_data_1_order_by_columns",
        "input_data_1_partition_by_columns",
        "output_data_1_name",
        "params",
        "input",
        "r_rowsPerRead",
    ];
    for Wrapper { kernel, declared, calls, json } in wrappers() {
        let kernel_params: Vec<_> = kernel.params.iter().filter(|p| p.name != ANY_NAME).collect();
        let names: BTreeSet<String> = declared.iter().map(|d| d.name.to_lowercase()).collect();
        assert_eq!(names.len(), declared.len(), "{}: a parameter twice", kernel.name);
        for taken in TAKEN {
            assert!(!names.contains(&taken.to_lowercase()), "{}: @{taken} is taken", kernel.name);
        }
        let vectors = kernel.outputs.iter().any(|c| c.kind == Kind::Vector);
        let shapes = (1 + usize::from(vectors)) * (1 + usize::from(!kernel.inputs.is_empty()));
        assert_eq!(calls.len(), shapes, "{}: a call for every shape of the result", kernel.name);
        assert_eq!(json.argument(ROWS_JSON).as_deref(), Some("@rows_json"), "{}", kernel.name);
        for call in calls.iter().chain([&json]) {
            let in_json = std::ptr::eq(call, &json);
            assert_eq!(call.argument("language").as_deref(), Some("hart"));
            assert_eq!(call.argument("script").as_deref(), Some(kernel.name));
            let input = call.argument("input_data_1");
            assert_eq!(input.as_deref(), tsql::takes_source(kernel).then_some("@input"), "{}", kernel.name);
            let mut expected: Vec<(String, String, String)> = Vec::new();
            for p in &kernel_params {
                expected.push((p.name.into(), tsql::param_type(p.kind).into(), format!("@{}", p.name)));
            }
            if vectors {
                expected.push((RESULT_VECTORS.into(), "varchar(64)".into(), format!("@{RESULT_VECTORS}")));
            }
            // Chunks and processes only where they change no result, or where each has a part of its own.
            let row_by_row = tsql::is_row_by_row(kernel);
            if row_by_row && !call.by_part() {
                expected.push(("r_rowsPerRead".into(), "int".into(), "@rows_per_read".into()));
            }
            if in_json {
                expected.push((ROWS_JSON.into(), "varchar(max) OUTPUT".into(), "@rows_json".into()));
                assert!(call.results.is_empty() && !call.by_part(), "{}", kernel.name);
            }
            // Several processes would have several OUTPUT parameters.
            let parallel = call.argument("parallel");
            assert_eq!(parallel.is_some(), (row_by_row || call.by_part()) && !in_json, "{}", kernel.name);
            assert!(parallel.is_none_or(|p| p == "@parallel"));
            let pairs: Vec<_> = expected.iter().map(|(n, t, _)| (n.clone(), t.clone())).collect();
            assert_eq!(call.params(), pairs, "{}: @params", kernel.name);
            for (name, _, value) in &expected {
                assert_eq!(call.argument(name).as_ref(), Some(value), "{}: @{name}", kernel.name);
            }
        }
        for p in &kernel_params {
            let found = declared.iter().find(|d| d.name == p.name).unwrap();
            assert_eq!(found.sql, tsql::param_type(p.kind), "{} @{}", kernel.name, p.name);
            let twin = declared.iter().any(|d| d.name == format!("{}_packed", p.name));
            assert_eq!(twin, p.kind == ParamKind::Vector, "{} @{}", kernel.name, p.name);
            match (p.default, &found.default) {
                (None, default) => {
                    assert_eq!(default.is_some(), twin, "{} @{} is required", kernel.name, p.name)
                }
                (Some(default), Some(literal)) => {
                    let (_, value) = encoded(&found.sql, Some(literal));
                    let (_, expected) = match p.kind {
                        ParamKind::Int { .. } | ParamKind::Float { .. } => {
                            encoded(&found.sql, Some(&Token::Number(default.into(), false)))
                        }
                        ParamKind::Binary => {
                            encoded(&found.sql, Some(&Token::HexStringLiteral(default[2..].into())))
                        }
                        _ => encoded(&found.sql, Some(&Token::SingleQuotedString(default.into()))),
                    };
                    assert_eq!(value, expected, "{} @{}", kernel.name, p.name);
                }
                (Some(_), None) => panic!("{} @{} has no default", kernel.name, p.name),
            }
        }
    }
}

/// The parameters of a call: the example's values, else the wrapper's defaults.
fn parameters(wrapper: &Wrapper, call: &ScriptCall, json: bool) -> Vec<ParamField> {
    let example = example_params(wrapper.kernel, if json { Encoding::Char } else { Encoding::Raw });
    let given = |name: &str, sql: &str| {
        let default = wrapper.declared.iter().find(|d| d.name == name).and_then(|d| d.default.as_ref());
        let (ctype, value) = encoded(sql, default);
        let Some(example) = example.iter().find(|e| e.name == name) else {
            return param(name, ctype, value.as_deref());
        };
        let bytes = example.value.as_ref().unwrap();
        let float = |b: &[u8]| f64::from_le_bytes(b.try_into().unwrap());
        let int = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap());
        // As T-SQL converts an argument to the parameter's type.
        let value = match (ctype, example.ctype) {
            (CType::Int, CType::BigInt) => i32::try_from(int(bytes)).unwrap().to_le_bytes().to_vec(),
            (CType::Double, CType::BigInt) => (int(bytes) as f64).to_le_bytes().to_vec(),
            (CType::Int, CType::Double) => (float(bytes) as i32).to_le_bytes().to_vec(),
            (CType::WChar, CType::Char) => utf16(std::str::from_utf8(bytes).unwrap()),
            (CType::Char, CType::Binary) => {
                // CONVERT(varchar(max), @…_packed, 1)
                format!("0x{}", bytes.iter().map(|b| format!("{b:02X}")).collect::<String>()).into_bytes()
            }
            (a, b) if a == b => bytes.clone(),
            (a, b) => panic!("{} @{name}: {} for {}", wrapper.kernel.name, b.name(), a.name()),
        };
        param(name, ctype, Some(&value))
    };
    let own = |name: &str| match name {
        RESULT_VECTORS => Some(param(name, CType::Char, Some(if json { b"json" } else { b"packed" }))),
        "r_rowsPerRead" => Some(param(name, CType::Int, Some(&10_000i32.to_le_bytes()))),
        ROWS_JSON => Some(ParamField { output: true, ..param(name, CType::Char, Some(b"")) }),
        _ => None,
    };
    call.params().iter().map(|(name, sql)| own(name).unwrap_or_else(|| given(name, sql))).collect()
}

/// Column types of an input as the wrapper sends it: vectors packed or, where the result is JSON, text.
fn input(kernel: &Kernel, by_part: bool, json: bool) -> (Vec<Field>, Vec<hart_sqlhost::local::HostColumn>) {
    let encoding = if json { Encoding::Char } else { Encoding::Raw };
    let rows = kernel.example.inputs;
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (n, declared) in kernel.inputs.iter().enumerate() {
        let cells: Vec<_> = rows.iter().map(|r| encode(&r[n], declared.kind, encoding)).collect();
        let ctype = encode(&Cell::Null, declared.kind, encoding).0;
        fields.push(field(declared.name, ctype));
        columns.push(column(ctype, &cells.into_iter().map(|(_, v)| v).collect::<Vec<_>>()));
    }
    if by_part {
        fields.push(Field { partition: true, ..field(tsql::PART, CType::BigInt) });
        columns.push(ids(&vec![77; rows.len()]));
    }
    (fields, columns)
}

#[test]
fn wrappers_replayed_give_the_example_with_the_types_they_declare() {
    for wrapper in
        wrappers().iter().filter(|w| !w.kernel.inputs.is_empty() || w.kernel.rows == RowShape::Made)
    {
        let kernel = wrapper.kernel;
        let vectors = kernel.outputs.iter().any(|c| c.kind == Kind::Vector);
        for call in &wrapper.calls {
            let json = vectors && call.results.iter().any(|(_, sql)| sql == "varchar(max)");
            let (fields, columns) = input(kernel, call.by_part(), json);
            let rows = kernel.example.inputs.len();
            let mut session = EXTENSION.open(kernel.name, fields, parameters(wrapper, call, json)).unwrap();
            let chunk = session.execute(rows, &columns).unwrap();
            let found: Vec<String> = chunk.fields.iter().map(reported).collect();
            let declared: Vec<String> = call.results.iter().map(|(_, sql)| sql.clone()).collect();
            assert_eq!(declared, found, "{}: WITH RESULT SETS against GetResultColumn", kernel.name);
            let names: Vec<&str> = call.results.iter().map(|(name, _)| name.as_str()).collect();
            let mut expected: Vec<&str> = kernel.outputs.iter().map(|c| c.name).collect();
            expected.extend(call.by_part().then_some(tsql::PART));
            assert_eq!(names, expected, "{}", kernel.name);
            if kernel.example.outputs.is_empty() {
                continue;
            }
            assert_eq!(chunk.rows, kernel.example.outputs.len(), "{}", kernel.name);
            for (n, declared) in kernel.outputs.iter().enumerate() {
                let got = values(
                    chunk.fields[n].ctype,
                    chunk.columns[n].data.bytes(),
                    &chunk.columns[n].indicators,
                );
                for (row, expected) in kernel.example.outputs.iter().enumerate() {
                    let mut value = got[row].clone();
                    if json && declared.kind == Kind::Vector {
                        value = value.map(|t| packed(&hart_kernels::text::parse_singles(&t).unwrap()));
                    }
                    let expected = encode(&expected[n], declared.kind, Encoding::Raw).1;
                    assert!(
                        is_example(kernel, declared.kind, value.as_deref(), expected.as_deref()),
                        "{}, {}: {value:?}, not {expected:?}",
                        kernel.name,
                        declared.name
                    );
                }
            }
            if call.by_part() {
                let n = chunk.columns.len() - 1;
                let parts =
                    values(CType::BigInt, chunk.columns[n].data.bytes(), &chunk.columns[n].indicators);
                assert_eq!(parts, vec![Some(77i64.to_le_bytes().to_vec()); chunk.rows], "{}", kernel.name);
            }
        }
    }
}

/// The rows that a wrapper hands out as text are those of its result set.
#[test]
fn wrappers_replayed_give_their_rows_as_json() {
    let mut checked = 0;
    for wrapper in
        wrappers().iter().filter(|w| !w.kernel.inputs.is_empty() || w.kernel.rows == RowShape::Made)
    {
        let kernel = wrapper.kernel;
        let (fields, columns) = input(kernel, false, false);
        let rows = kernel.example.inputs.len();
        let parameters = parameters(wrapper, &wrapper.json, false);
        let mut session = EXTENSION.open(kernel.name, fields, parameters).unwrap();
        let chunk = session.execute(rows, &columns).unwrap();
        assert_eq!((chunk.rows, chunk.fields.len()), (0, 0), "{}: no result set", kernel.name);
        let said = session.output_params().unwrap();
        let text = said.iter().find(|p| p.name == ROWS_JSON).and_then(|p| p.value.clone()).unwrap();
        let found: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&text).unwrap();
        if kernel.example.outputs.is_empty() {
            assert!(!found.is_empty(), "{}", kernel.name);
            continue;
        }
        assert_eq!(found.len(), kernel.example.outputs.len(), "{}", kernel.name);
        for (row, expected) in found.iter().zip(kernel.example.outputs) {
            let names: Vec<&str> = kernel.outputs.iter().map(|c| c.name).collect();
            assert_eq!(row.keys().map(String::as_str).collect::<BTreeSet<_>>(), names.into_iter().collect());
            for (column, cell) in kernel.outputs.iter().zip(expected.iter()) {
                use serde_json::Value;
                let hexadecimal = |text: &str| -> Vec<u8> {
                    let digits = text.strip_prefix("0x").unwrap();
                    (0..digits.len())
                        .step_by(2)
                        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
                        .collect()
                };
                let value = match (&row[column.name], column.kind) {
                    (Value::Null, _) => None,
                    (v, Kind::Float) => Some(v.as_f64().unwrap().to_le_bytes().to_vec()),
                    (v, Kind::Int) => Some((v.as_i64().unwrap() as i32).to_le_bytes().to_vec()),
                    (v, Kind::Id | Kind::BigInt) => Some(v.as_i64().unwrap().to_le_bytes().to_vec()),
                    (v, Kind::Text | Kind::LongText) => Some(v.as_str().unwrap().as_bytes().to_vec()),
                    (v, Kind::Binary | Kind::Point | Kind::Vector) => Some(hexadecimal(v.as_str().unwrap())),
                };
                let expected = encode(cell, column.kind, Encoding::Raw).1;
                checked += 1;
                assert!(
                    is_example(kernel, column.kind, value.as_deref(), expected.as_deref()),
                    "{}, {}: {value:?}, not {expected:?}",
                    kernel.name,
                    column.name
                );
            }
        }
    }
    assert!(checked > 200, "{checked}");
}

#[test]
fn examples_in_headers_are_calls_that_parse() {
    for kernel in KERNELS {
        let call =
            tsql::example_call(kernel).unwrap_or_else(|| panic!("{} has no example call", kernel.name));
        script::parse(&call).unwrap_or_else(|e| panic!("{}: {e}\n{call}", kernel.name));
        let tokens = script::tokens(&call);
        let (name, parsed) = &script::calls(&tokens)[0];
        assert_eq!(*name, format!("[hart].[{}]", kernel.sql_name()));
        for (name, _) in &parsed.arguments {
            let known = kernel.params.iter().any(|p| p.name == name);
            assert!(
                known || ["source", RESULT_VECTORS, ROWS_JSON].contains(&name.as_str()),
                "{} @{name}",
                kernel.name
            );
        }
        if let Some(source) = parsed.argument("source") {
            script::parse(&source).unwrap_or_else(|e| panic!("{}: {e}\n{source}", kernel.name));
        }
    }
}

#[test]
fn hand_written_calls_fit_the_wrappers() {
    let wrappers: BTreeMap<String, Wrapper> =
        wrappers().into_iter().map(|w| (format!("[hart].[{}]", w.kernel.sql_name()), w)).collect();
    let scripts = script::scripts();
    let mut procedures: BTreeMap<String, Vec<Declared>> = BTreeMap::new();
    for (name, text) in &scripts {
        for batch in script::batches(text) {
            if let Some((procedure, declared)) = script::procedure(&script::tokens(&batch)) {
                let earlier = procedures.insert(procedure.clone(), declared);
                assert!(earlier.is_none(), "sql/{name} creates {procedure} a second time");
            }
        }
    }
    let mut checked = 0;
    for (file, text) in scripts.iter().filter(|(name, _)| !name.starts_with("generated/")) {
        for batch in script::batches(text) {
            for (name, call) in script::calls(&script::tokens(&batch)) {
                let Some(declared) = procedures.get(&name) else {
                    assert!(!name.starts_with("[hart].["), "sql/{file}: no procedure {name}");
                    continue;
                };
                checked += 1;
                for (argument, _) in &call.arguments {
                    assert!(
                        declared.iter().any(|d| d.name == *argument),
                        "sql/{file}: {name} has no @{argument}"
                    );
                }
                for d in declared
                    .iter()
                    .filter(|d| d.default.is_none() && d.direction.as_deref() != Some("READONLY"))
                {
                    assert!(call.argument(&d.name).is_some(), "sql/{file}: {name} needs @{}", d.name);
                }
                if let (Some(wrapper), Some(Token::NationalStringLiteral(source))) = (
                    wrappers.get(&name),
                    call.arguments.iter().find(|(n, _)| n == tsql::SOURCE).map(|(_, t)| t),
                ) {
                    let mut expected: Vec<&str> = wrapper.kernel.inputs.iter().map(|c| c.name).collect();
                    expected.extend((call.argument("by_part").as_deref() == Some("1")).then_some(tsql::PART));
                    assert_eq!(script::selected(source), expected, "sql/{file}: @source of {name}");
                }
                if let (Some(wrapper), Some(columns)) = (wrappers.get(&name), &call.inserted) {
                    let mut expected: Vec<&str> = wrapper.kernel.outputs.iter().map(|c| c.name).collect();
                    expected.extend((call.argument("by_part").as_deref() == Some("1")).then_some(tsql::PART));
                    assert_eq!(*columns, expected, "sql/{file}: columns of {name}");
                }
            }
        }
    }
    assert!(checked >= 7, "{checked} calls");
}
