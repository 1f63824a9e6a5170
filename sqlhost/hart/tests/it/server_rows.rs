//! Rows of a server: verification of an installation, and kernels that run here on a query's rows.

use std::process::{Command, Output};

use crate::tds::{Answer, Cell, Server, Type};
use hart::tsql;
use hart_kernels::registry::{self, KERNELS, Kernel, Kind};

struct World {
    server: Server,
    folder: tempfile::TempDir,
}

impl World {
    fn new(mut behaviour: impl FnMut(&str) -> Option<Answer> + Send + 'static) -> World {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("ca.pem"), move |sql| {
            behaviour(sql).unwrap_or_else(|| match sql {
                s if s.contains("SERVERPROPERTY('ProductVersion')") => {
                    let facts =
                        [("version", "17.0.1"), ("engine", "3"), ("platform", "Linux"), ("database", "db")];
                    Answer::Rows(facts.iter().map(|(n, v)| vec![n.to_string(), v.to_string()]).collect())
                }
                s if s.contains("CONVERT(nvarchar(19), l.create_date") => {
                    let hash = "AB".repeat(32);
                    let made = "2026-01-01T00:00:00";
                    let variables = r#"{"HART_THREADS": "3"}"#;
                    let row =
                        ["LINUX", "libhart_sqlhost.so", &hash, "9", "max_memory_mb=64", made, variables];
                    Answer::Rows(vec![row.map(String::from).to_vec()])
                }
                s if s.starts_with("SELECT CASE") => Answer::word("same"),
                _ => Answer::Done,
            })
        });
        World { server, folder }
    }

    fn hart(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
        command
            .env_clear()
            .env("HART_PASSWORD", "s3cret")
            .args(arguments)
            .args([
                "--server",
                &format!("localhost,{}", self.server.port),
                "--database",
                "db",
                "--user",
                "sa",
            ])
            .args(["--encrypt", "strict", "--ca-certificate", &self.path("ca.pem")]);
        command
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().into()
    }
}

#[track_caller]
fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn fails(output: &Output, parts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "`{part}` is not in {stderr}");
    }
}

/// The result of a kernel's worked example, as its wrapper would return it.
fn example(kernel: &Kernel) -> Answer {
    let kinds = kernel.outputs.iter().map(|c| {
        let sql = match c.kind {
            Kind::Id | Kind::BigInt => Type::BigInt,
            Kind::Int => Type::Int,
            Kind::Float => Type::Float,
            Kind::Text | Kind::LongText | Kind::Vector => Type::Text,
            Kind::Binary | Kind::Point => Type::Bytes,
        };
        (c.name, sql)
    });
    let columns: Vec<_> = kinds.collect();
    let value = |cell: &registry::Cell, sql: Type| match (cell, sql) {
        (registry::Cell::Null, _) => Cell::Null,
        (registry::Cell::Int(v), Type::Float) => Cell::Float(*v as f64),
        (registry::Cell::Int(v), _) => Cell::Int(*v),
        (registry::Cell::Float(v), _) if !v.is_finite() => Cell::Null,
        (registry::Cell::Float(v), _) => Cell::Float(*v),
        (registry::Cell::Text(v), _) => Cell::Text(v.to_string()),
        (registry::Cell::Binary(v), _) => Cell::Bytes(v.to_vec()),
        (registry::Cell::Vector(v), Type::Bytes) => {
            Cell::Bytes(v.iter().flat_map(|x| x.to_le_bytes()).collect())
        }
        (registry::Cell::Vector(v), _) => {
            Cell::Text(format!("[{}]", v.iter().map(f32::to_string).collect::<Vec<_>>().join(",")))
        }
    };
    let rows = kernel
        .example
        .outputs
        .iter()
        .map(|row| row.iter().zip(&columns).map(|(c, (_, t))| value(c, *t)).collect());
    let rows = rows.collect();
    Answer::Table(columns, rows)
}

fn answer_example(sql: &str) -> Option<Answer> {
    let example = KERNELS.iter().find(|k| tsql::example_call(k).as_deref() == Some(sql)).map(|k| example(k));
    example.or_else(|| answer_guard(sql))
}

/// Pieces of the batches that try the guarding procedures, with what these answer by their documentation.
const GUARDS: [(&str, u32, &str); 19] = [
    ("N'DROP TABLE", 59901, "@source is 'DROP TABLE [hart].[none]'; expected text"),
    ("N'dbo.Documents", 59901, "@source is 'dbo.Documents; SELECT 1'"),
    ("N'SELECTED'", 59901, "@source is 'SELECTED'; expected text"),
    ("@source = NULL", 59901, "@source is NULL; expected text"),
    ("[no such table]", 59902, "@source cannot be run: Invalid object name (208)"),
    (
        "VECTOR(1)) AS [v] ORDER BY",
        59904,
        "@source returns a VECTOR, JSON or spatial column and ends with ORDER BY",
    ),
    ("AS VECTOR(1))'", 59904, "@source returns a VECTOR, JSON or spatial column, and columns without a name"),
    ("N'VALUES (''50%", 59901, "@source is 'VALUES ('50% of %d %s')'; expected text"),
    ("hart: 100%%", 59900, "hart: 100% of %s and %d"),
    (
        "RAISERROR(39004",
        59900,
        "the external script failed; the line that begins with \"hart:\", or what kept",
    ),
    ("@by_part = 1", 59903, "@source returns id bigint, v varchar(3), w int; expected exactly id, v, part"),
    ("2 AS [w]", 59903, "@source returns id bigint, v varchar(3), w int; expected exactly id, v"),
    (
        "; SELECT 2 AS [id]",
        59904,
        "@source returns a VECTOR, JSON or spatial column that cannot be cast around it (Incorrect syntax)",
    ),
    ("AS [source]; SELECT (1", 59902, "@source cannot be run: Incorrect syntax (102)"),
    (
        "N'SELECT 1 AS [v]",
        59904,
        "@source returns a VECTOR, JSON or spatial column, and columns without a name",
    ),
    ("A message: hart:", 59009, "hart: vector_norm: column v, row 1: no number [hart error 9]"),
    ("hart: the process", 59900, "hart: the process ended"),
    ("hart: x", 59900, "hart: x [hart error 9'; --"),
    ("something else", 50001, "something else"),
];

fn answer_guard(sql: &str) -> Option<Answer> {
    let tries = sql.starts_with("DECLARE @input nvarchar(max);") || sql.starts_with("BEGIN TRY\n    ");
    let (_, code, text) = GUARDS.iter().find(|(part, ..)| tries && sql.contains(part))?;
    Some(Answer::Error(*code, text.to_string()))
}

#[test]
fn verify_runs_every_example_and_scenario() {
    let world = World::new(answer_example);
    let report = world.path("report.json");
    let text = stdout(&world.hart(&["verify", "--json", &report]));
    let callable = KERNELS.iter().filter(|k| tsql::example_call(k).is_some()).count();
    // Guards that refuse and twelve that let through, fourteen scripts, thirteen scenarios.
    let others = GUARDS.len() + 12 + 14 + 13;
    assert!(
        text.ends_with(&format!(
            "{} passed, 0 failed, {} skipped\n",
            callable + others,
            KERNELS.len() - callable
        )),
        "{text}"
    );
    assert_eq!(text.matches("pass  hart.").count(), callable);
    assert_eq!(text.matches("pass  sql/").count(), 14);
    for script in ["hartonomous/weight_history.sql", "hartonomous/atomize_model.sql", "scaleout/broker.sql"] {
        assert!(text.contains(&format!("pass  sql/{script}\n")), "{text}");
    }
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report["checks"].as_array().unwrap().len(), KERNELS.len() + others);
    assert_eq!(report["passed"], callable + others);
    // The scenarios ran in a database of their own, which is gone.
    let log = world.server.log();
    let at = |part: &str| log.iter().position(|b| b.contains(part)).unwrap_or_else(|| panic!("{part}"));
    let order = [
        at("INTO #hart_content"),
        at("CREATE DATABASE [hart_verify_"),
        at("SET ENABLE_BROKER"),
        at("USE [hart_verify_"),
        at("BEGIN TRANSACTION"),
        at("CREATE TABLE dbo.AtomEmbeddings"),
        at("PROCEDURE dbo.sp_ExactVectorSearch"),
        at("-- Scenario: Compute"),
        at("-- Scenario: Student"),
        at("-- Scenario: WeightHistory"),
        at("DROP DATABASE [hart_verify_"),
    ];
    assert!(order.is_sorted(), "{order:?}");
    assert!(!log.iter().any(|b| b.contains("bulk") && b.contains("WRITE(0x")));
    // The library runs there under the settings that it has.
    let language = log.iter().find(|b| b.contains("CREATE EXTERNAL LANGUAGE [hart]")).unwrap();
    assert!(language.contains("@parameters nvarchar(4000) = N'max_memory_mb=64';"));
    assert!(language.contains(r#"@environment nvarchar(4000) = N'{"HART_THREADS": "3"}';"#));
}

/// Where nothing is installed that is one line, not a failure of every check.
#[test]
fn verify_of_nothing() {
    let world = World::new(|sql| sql.contains("CONVERT(nvarchar(19), l.create_date").then_some(Answer::Done));
    let output = world.hart(&["verify"]);
    fails(&output, &["hart is not installed in database db: run `hart deploy`"]);
    assert!(output.stdout.is_empty());
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
}

/// Last digits are free where the kernel's documentation says so, and nowhere else.
#[test]
fn verify_compares_as_the_kernels_promise() {
    let verify = |change: fn(f64) -> f64| {
        let world = World::new(move |sql| match answer_example(sql) {
            Some(Answer::Table(columns, mut rows)) if sql.contains("[TensorSvd]") => {
                let cells = rows.iter_mut().flatten();
                cells.for_each(|c| {
                    if let Cell::Float(v) = c {
                        *v = change(*v);
                    }
                });
                Some(Answer::Table(columns, rows))
            }
            other => other,
        });
        let output = world.hart(&["verify", "--no-scenarios"]);
        String::from_utf8(output.stdout).unwrap()
    };
    let text = verify(|v| v * (1.0 + 4.0 * f64::EPSILON));
    assert!(text.contains("pass  hart.TensorSvd\n"), "{text}");
    let text = verify(|v| v * (1.0 + 1e-9));
    assert!(text.contains("FAIL  hart.TensorSvd: row 1, column "), "{text}");
}

/// What has no place on an older server is not tried there.
#[test]
fn verify_leaves_out_what_an_older_server_lacks() {
    let world = World::new(|sql| match sql {
        s if s.contains("SERVERPROPERTY('ProductVersion')") => {
            let facts =
                [("version", "15.0.4430.1"), ("engine", "3"), ("platform", "Linux"), ("database", "db")];
            Some(Answer::Rows(facts.iter().map(|(n, v)| vec![n.to_string(), v.to_string()]).collect()))
        }
        s => answer_example(s),
    });
    let text = stdout(&world.hart(&["verify"]));
    assert!(
        text.contains("skip  @source with a VECTOR column: it needs VECTOR and JSON, so SQL Server 2025\n"),
        "{text}"
    );
    assert!(text.contains("pass  rows in an OUTPUT parameter\n"), "{text}");
    let log = world.server.log();
    assert!(!log.iter().any(|b| b.contains("VECTOR(") && !b.contains("CREATE OR ALTER")), "{log:?}");
}

/// A guard that lets through, refuses with another error, or refuses what is right.
#[test]
fn verify_judges_the_guards() {
    let world = World::new(|sql| match sql {
        s if s.contains("N'DROP TABLE") => Some(Answer::Done),
        s if s.contains("[no such table]") => Some(Answer::Error(208, "Invalid object name".into())),
        s if s.contains("something else") => Some(Answer::Error(50001, "hart: something else".into())),
        s if s.contains("[a]]b]") => Some(Answer::Error(59960, "SELECT [a]b]".into())),
        s => answer_example(s),
    });
    let output = world.hart(&["verify", "--no-scenarios"]);
    fails(&output, &["4 of "]);
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "FAIL  @source that is no SELECT: it went through; expected error 59901",
        "FAIL  @source of a table that is not there: error 208: Invalid object name; expected error 59902",
        "FAIL  an error of another origin: error 50001: hart: something else; expected error 50001",
        "FAIL  @source with a column whose name has a bracket: error 59960",
        "pass  a kernel's line as an error\n",
    ] {
        assert!(text.contains(line), "`{line}` is not in {text}");
    }
}

/// What was found out before the connection broke is in the report.
#[test]
fn a_report_is_written_when_the_connection_breaks() {
    for (at, part) in [("[VectorTopK]", "hart.VectorTopK"), ("-- Scenario: Hybrid", "HybridSearch_")] {
        let world = World::new(move |sql| {
            if sql.contains(at) && !sql.contains("CREATE OR ALTER") {
                Some(Answer::Drop)
            } else {
                answer_example(sql)
            }
        });
        let report = world.path("report.json");
        fails(&world.hart(&["verify", "--json", &report]), &["the connection broke at the check", part]);
        let report: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
        let checks = report["checks"].as_array().unwrap();
        assert!(checks.len() > 1);
        let last = checks.last().unwrap();
        assert!(last["name"].as_str().unwrap().starts_with(part) && last["outcome"] == "fail", "{last}");
    }
}

#[test]
fn verify_tells_a_wrong_answer() {
    // One value off by its last bit, one row missing, one error, one scenario that fails.
    let world = World::new(|sql| match answer_example(sql) {
        Some(Answer::Table(columns, mut rows)) if sql.contains("[VectorTopK]") => {
            rows[1][3] = Cell::Float(5.000000000000001);
            Some(Answer::Table(columns, rows))
        }
        Some(Answer::Table(columns, mut rows)) if sql.contains("[VectorNorm]") => {
            rows.pop();
            Some(Answer::Table(columns, rows))
        }
        Some(_) if sql.contains("[SystemEcho]") => Some(Answer::Error(39021, "Unable to launch".into())),
        None if sql.contains("-- Scenario: Multi") => Some(Answer::Error(59960, "no such row".into())),
        other => other,
    });
    let output = world.hart(&["verify"]);
    fails(&output, &["4 of ", "checks failed"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "FAIL  hart.VectorTopK: row 2, column distance: Float(5.000000000000001), expected Float(5.0)",
        "FAIL  hart.VectorNorm: ",
        "FAIL  hart.SystemEcho: error 39021",
        "FAIL  MultiResolutionSearch_UsesSpatialCoordinates: error 59960: no such row",
        "pass  StudentModelComparison_ReturnsMetrics",
    ] {
        assert!(text.contains(line), "`{line}` is not in {text}");
    }
    assert!(world.server.log().iter().any(|b| b.contains("DROP DATABASE")));
}

#[test]
fn a_scratch_database_that_cannot_be_made_fails() {
    let world = World::new(|sql| match sql {
        s if s.contains("CREATE DATABASE") => {
            Some(Answer::Error(262, "CREATE DATABASE permission denied".into()))
        }
        s => answer_example(s),
    });
    let output = world.hart(&["verify"]);
    fails(&output, &["1 of "]);
    assert!(!world.server.log().iter().any(|b| b.contains("-- As much of the application's")));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("FAIL  scratch database: database hart_verify_")
    );
    assert!(!world.server.log().iter().any(|b| b.contains("-- Scenario")));
    let text = stdout(&world.hart(&["verify", "--no-scenarios"]));
    assert!(text.contains("skip  StudentModelComparison_ReturnsMetrics: --no-scenarios"));
}

/// Rows of ids and packed vectors, more than a batch of them; every seventh vector is NULL.
fn vectors(count: i64) -> Answer {
    let vector = |i: i64| [i as f32, 1.0].iter().flat_map(|v: &f32| v.to_le_bytes()).collect();
    let row = |i| {
        vec![
            Cell::Int(i),
            if i % 7 == 0 { Cell::Null } else { Cell::Bytes(vector(i)) },
            Cell::Text(format!("row {i}")),
        ]
    };
    Answer::Table(
        vec![("Id", Type::BigInt), ("v", Type::Bytes), ("name", Type::Text)],
        (1..=count).map(row).collect(),
    )
}

#[test]
fn kernels_run_on_the_rows_of_a_query() {
    let world = World::new(|sql| match sql {
        "SELECT rows" => Some(vectors(20_000)),
        "SELECT broken" => {
            let Answer::Table(columns, mut rows) = vectors(20_000) else { unreachable!() };
            rows[15_000][1] = Cell::Bytes(vec![1, 2, 3]);
            Some(Answer::Table(columns, rows))
        }
        _ => None,
    });
    let arguments = ["run", "vector_norm", "--in-process", "--query", "SELECT rows", "--format", "json"];
    let rows: Vec<serde_json::Value> = serde_json::from_str(&stdout(&world.hart(&arguments))).unwrap();
    assert_eq!(rows.len(), 20_000);
    assert_eq!(rows[0]["id"], 1);
    assert_eq!(rows[6]["norm"], serde_json::Value::Null);
    let norm = rows[19_999]["norm"].as_f64().unwrap();
    assert!((norm - (20_000f64 * 20_000.0 + 1.0).sqrt()).abs() < 1e-6, "{norm}");
    // Rows come in batches, and are counted over all of them.
    let broken = ["run", "vector_norm", "--in-process", "--query", "SELECT broken"];
    fails(&world.hart(&broken), &["row 15001", "3 bytes"]);
}

/// What a query asks for may be secret: it is told at the level that asks for statements, and at no other.
#[test]
fn texts_of_queries_are_told_at_debug_level_only() {
    for (level, told) in [("info", false), ("debug", true)] {
        let world = World::new(|sql| (sql == "SELECT rows").then(|| vectors(20)));
        let arguments = ["run", "vector_norm", "--in-process", "--query", "SELECT rows", "--format", "json"];
        let output = world.command(&arguments).env("HART_LOG", level).output().unwrap();
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        stdout(&output);
        assert!(text.contains("stream"), "{text}");
        assert_eq!(text.contains("SELECT rows"), told, "{text}");
    }
}

/// Few rows of many bytes make several batches.
#[test]
fn rows_of_a_mebibyte() {
    const ROWS: usize = 66;
    let world = World::new(|sql| {
        let columns = vec![("id", Type::BigInt), ("v", Type::LongBytes)];
        let row = vec![Cell::Int(7), Cell::Bytes(vec![0; 1 << 20])];
        (sql == "rows").then_some(Answer::Repeat(columns, row, ROWS))
    });
    let run = ["run", "vector_norm", "--in-process", "--query", "rows", "--format", "json"];
    let rows: Vec<serde_json::Value> = serde_json::from_str(&stdout(&world.hart(&run))).unwrap();
    assert_eq!(rows.len(), ROWS);
    assert!(rows.iter().all(|row| row["id"] == 7 && row["norm"] == 0.0));
}

#[test]
fn search_on_the_rows_of_a_query() {
    let world = World::new(|sql| (sql == "SELECT rows").then(|| vectors(20_000)));
    let arguments = [
        "search",
        "--in-process",
        "--query",
        "SELECT rows",
        "--like",
        "name=row 15000",
        "-k",
        "3",
        "--metric",
        "euclidean",
        "--vectors",
        "v",
        "--format",
        "json",
    ];
    let rows: Vec<serde_json::Value> = serde_json::from_str(&stdout(&world.hart(&arguments))).unwrap();
    let ids: Vec<_> = rows.iter().map(|r| r["id"].as_i64().unwrap()).collect();
    // 15,001 is a multiple of seven and has no vector; at distance 2 the smaller id comes first.
    assert_eq!(ids, [15_000, 14_999, 14_998]);
    assert_eq!(rows[1]["distance"], 1.0);
}

#[test]
fn queries_that_cannot_be_used() {
    let world = World::new(|sql| {
        Some(match sql {
            "none" => Answer::Done,
            "empty" => vectors(0),
            "variant" => Answer::Table(vec![("any", Type::Variant)], vec![vec![Cell::Null]]),
            "error" => Answer::Error(208, "Invalid object name 't'.".into()),
            "drop" => Answer::Drop,
            _ => return None,
        })
    });
    let run =
        |sql: &str| world.hart(&["run", "vector_norm", "--in-process", "--format", "json", "--query", sql]);
    fails(&run("none"), &["no rows and no columns"]);
    fails(&run("variant"), &["column any", "CAST"]);
    fails(&run("error"), &["error 208", "Invalid object name"]);
    fails(&run("drop"), &["broke"]);
    assert_eq!(stdout(&run("empty")).trim(), "[]");
    fails(&world.hart(&["run", "vector_norm", "--in-process"]), &["--query SELECT"]);
}

/// Types that no kernel computes with are carried as the text that the server would write; a column of a type that nothing here
/// takes is none of the query's until it is named.
#[test]
fn columns_of_other_types() {
    let world = World::new(|sql| {
        let columns = vec![
            ("id", Type::BigInt),
            ("any", Type::Variant),
            ("v", Type::Bytes),
            ("price", Type::Money),
            ("number", Type::Decimal),
            ("guid", Type::Guid),
            ("day", Type::Date),
            ("moment", Type::DateTime2),
            ("time", Type::DateTime),
            ("markup", Type::Xml),
        ];
        // 2026-02-28; 01:02:03.1234567; three hundredths of a second.
        let day = [0x5A, 0x49, 0x0B];
        let moment = [&37_231_234_567u64.to_le_bytes()[..5], &day].concat();
        let time = [46_079i32.to_le_bytes(), (300 * 3723 + 37i32).to_le_bytes()].concat();
        let values = vec![
            Cell::Int(1),
            Cell::Null,
            Cell::Bytes(vec![0; 4]),
            Cell::Int(-1_234_567_890),
            Cell::Int(5),
            Cell::Bytes((1..=16).collect()),
            Cell::Bytes(day.to_vec()),
            Cell::Bytes(moment),
            Cell::Bytes(time),
            Cell::Text("<a>\u{3c0}</a>".into()),
        ];
        let nulls =
            values.iter().enumerate().map(|(n, v)| if n < 1 { v.clone() } else { Cell::Null }).collect();
        (sql == "rows").then(|| Answer::Table(columns, vec![values, nulls]))
    });
    let run = |more: &[&str]| {
        let all = ["run", "vector_norm", "--in-process", "--query", "rows", "--format", "json"];
        world.hart(&[&all[..], more].concat())
    };
    let names = ["price", "number", "guid", "day", "moment", "time", "markup"];
    let carried: Vec<&str> = names.iter().flat_map(|name| ["--carry", name]).collect();
    let found: Vec<serde_json::Value> = serde_json::from_str(&stdout(&run(&carried))).unwrap();
    let texts = [
        "-123456.7890",
        "0.0005",
        "04030201-0605-0807-090A-0B0C0D0E0F10",
        "2026-02-28",
        "2026-02-28T01:02:03.1234567",
        "2026-02-28T01:02:03.123",
        "<a>\u{3c0}</a>",
    ];
    for (name, text) in names.iter().zip(texts) {
        assert_eq!(found[0][name], text, "{name}");
        assert_eq!(found[1][name], serde_json::Value::Null, "{name}");
    }
    fails(&run(&["--carry", "any"]), &["column any has a type that no kernel takes", "CAST"]);
}

/// A VECTOR column comes as the text of a JSON array.
#[test]
fn search_on_a_vector_column() {
    let rows = |texts: &[&'static str]| {
        let row = |(i, t): (usize, &&'static str)| {
            vec![Cell::Int(i as i64), Cell::Text(format!("row {i}")), Cell::Text(t.to_string())]
        };
        Answer::Table(
            vec![("id", Type::BigInt), ("title", Type::Text), ("v", Type::Text)],
            texts.iter().enumerate().map(row).collect(),
        )
    };
    let world = World::new(move |sql| match sql {
        "vectors" => Some(rows(&["[1.0e+000,0.0e+000]", "[0,1]", "[1,0.1]"])),
        "words" => Some(rows(&["[1,0]", "none", "[1,0.1]"])),
        _ => None,
    });
    let search = |query: &str, more: &[&str]| {
        let all = [
            "search",
            "--in-process",
            "--query",
            query,
            "--like",
            "title=row 0",
            "-k",
            "2",
            "--format",
            "json",
        ];
        world.hart(&[&all[..], more].concat())
    };
    let found: Vec<serde_json::Value> = serde_json::from_str(&stdout(&search("vectors", &[]))).unwrap();
    assert_eq!(found.iter().map(|r| r["id"].as_i64().unwrap()).collect::<Vec<_>>(), [0, 2]);
    let named = stdout(&search("vectors", &["--vectors", "v"]));
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&named).unwrap(), found);
    fails(
        &search("words", &[]),
        &["--vectors COLUMN", "candidates: none, or one of JSON arrays among title, v"],
    );
}
