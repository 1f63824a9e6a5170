//! Rows of a server: verification of an installation, and kernels that run here on a query's rows.

#![cfg(unix)]

mod tds;

use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use hart_kernels::registry::{self, KERNELS, Kernel, Kind};
use hart_sqlhost::tsql;
use tds::{Answer, Cell, Server, Type};

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
                    let row = ["LINUX", "libhart_sqlhost.so", &hash, "9", "", "2026-01-01T00:00:00"];
                    Answer::Rows(vec![row.map(String::from).to_vec()])
                }
                _ => Answer::Done,
            })
        });
        World { server, folder }
    }

    fn hart(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_hart"))
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
            .args(["--encrypt", "strict", "--ca-certificate", &self.path("ca.pem")])
            .output()
            .unwrap()
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
            Kind::Text | Kind::Vector => Type::Text,
            Kind::Binary => Type::Bytes,
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
    KERNELS.iter().find(|k| tsql::example_call(k).as_deref() == Some(sql)).map(|k| example(k))
}

#[test]
fn verify_runs_every_example_and_scenario() {
    let world = World::new(answer_example);
    let report = world.path("report.json");
    let text = stdout(&world.hart(&["verify", "--json", &report]));
    let callable = KERNELS.iter().filter(|k| tsql::example_call(k).is_some()).count();
    assert!(
        text.ends_with(&format!("{} passed, 0 failed, {} skipped\n", callable + 5, KERNELS.len() - callable)),
        "{text}"
    );
    assert_eq!(text.matches("pass  hart.").count(), callable);
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report["checks"].as_array().unwrap().len(), KERNELS.len() + 5);
    assert_eq!(report["passed"], callable + 5);
    // The scenarios ran in a database of their own, which is gone.
    let log = world.server.log();
    let at = |part: &str| log.iter().position(|b| b.contains(part)).unwrap_or_else(|| panic!("{part}"));
    let order = [
        at("INTO #hart_content"),
        at("CREATE DATABASE [hart_verify_"),
        at("USE [hart_verify_"),
        at("BEGIN TRANSACTION"),
        at("CREATE TABLE dbo.AtomEmbeddings"),
        at("PROCEDURE dbo.sp_ExactVectorSearch"),
        at("-- Scenario: Compute"),
        at("-- Scenario: Student"),
        at("DROP DATABASE [hart_verify_"),
    ];
    assert!(order.is_sorted(), "{order:?}");
    assert!(!log.iter().any(|b| b.contains("bulk") && b.contains("WRITE(0x")));
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
    let world = World::new(|sql| (sql == "SELECT rows").then(|| vectors(20_000)));
    let arguments = ["run", "vector_norm", "--in-process", "--query", "SELECT rows", "--format", "json"];
    let rows: Vec<serde_json::Value> = serde_json::from_str(&stdout(&world.hart(&arguments))).unwrap();
    assert_eq!(rows.len(), 20_000);
    assert_eq!(rows[0]["id"], 1);
    assert_eq!(rows[6]["norm"], serde_json::Value::Null);
    let norm = rows[19_999]["norm"].as_f64().unwrap();
    assert!((norm - (20_000f64 * 20_000.0 + 1.0).sqrt()).abs() < 1e-6, "{norm}");
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
            "date" => Answer::Table(vec![("day", Type::Date)], vec![vec![Cell::Null]]),
            "error" => Answer::Error(208, "Invalid object name 't'.".into()),
            "drop" => Answer::Drop,
            _ => return None,
        })
    });
    let run =
        |sql: &str| world.hart(&["run", "vector_norm", "--in-process", "--format", "json", "--query", sql]);
    fails(&run("none"), &["no rows and no columns"]);
    fails(&run("date"), &["column day", "CAST"]);
    fails(&run("error"), &["error 208", "Invalid object name"]);
    fails(&run("drop"), &["broke"]);
    assert_eq!(stdout(&run("empty")).trim(), "[]");
    fails(&world.hart(&["run", "vector_norm", "--in-process"]), &["--query SELECT"]);
}

#[test]
fn results_go_back_by_bulk_load() {
    let world = World::new(|sql| match sql {
        "SELECT rows" => Some(vectors(3)),
        s if s.starts_with("SELECT TOP 0") => {
            Some(Answer::Table(vec![("id", Type::BigInt), ("norm", Type::Float)], Vec::new()))
        }
        _ => None,
    });
    let arguments = ["run", "vector_norm", "--in-process", "--query", "SELECT rows", "--into", "dbo.No]rms"];
    let output = world.hart(&arguments);
    assert_eq!(stdout(&output), "");
    let log = world.server.log();
    assert!(log.iter().any(|b| b == "SELECT TOP 0 [id], [norm] FROM [dbo].[No]]rms]"), "{log:?}");
    assert!(log.iter().any(|b| b.starts_with("INSERT BULK [dbo].[No]]rms]")), "{log:?}");
    let bulk = log.iter().find(|b| b.starts_with("bulk ")).unwrap();
    for id in 1..=3i64 {
        let norm = ((id * id + 1) as f64).sqrt();
        let hex: String = [id.to_le_bytes().as_slice(), &[8], &norm.to_le_bytes()]
            .concat()
            .iter()
            .map(|b| format!("{b:02X}"))
            .collect();
        assert!(bulk.contains(&hex), "{id}: {hex} is not in {bulk}");
    }
}

#[test]
fn a_bulk_load_that_fails_says_so() {
    let shared = Arc::new(Mutex::new(0));
    let world = World::new(move |sql| match sql {
        "SELECT rows" => Some(vectors(3)),
        s if s.starts_with("SELECT TOP 0") => {
            *shared.lock().unwrap() += 1;
            Some(Answer::Error(208, "Invalid object name 'dbo.Norms'.".into()))
        }
        _ => None,
    });
    let arguments = ["run", "vector_norm", "--in-process", "--query", "SELECT rows", "--into", "dbo.Norms"];
    fails(&world.hart(&arguments), &["--into [dbo].[Norms]", "nothing was loaded", "208"]);
    fails(&world.hart(&[&arguments[..6], &["dbo."]].concat()), &["is no name of a table"]);
}
