//! `hart verify`: every wrapper's worked example, and the application's scenarios, on a real server.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use hart_kernels::registry::{Cell, KERNELS, Kernel, Kind};
use hart_sqlhost::tsql;
use serde::Serialize;
use tiberius::Row;

use super::archive::{Archive, Platform};
use super::connection::{ConnectionOptions, Server};
use super::plan::{self, Plan};
use super::survey::{self, Facts};
use super::text::batches;

const APPLICATION: &str = include_str!("../../../../../sql/verify/application.sql");
const SCENARIOS: &str = include_str!("../../../../../sql/verify/scenarios.sql");
/// The procedures that the scenarios call.
const PROCEDURES: &[&str] = &[
    include_str!("../../../../../sql/hartonomous/tables.sql"),
    include_str!("../../../../../sql/hartonomous/spatial_projection.sql"),
    include_str!("../../../../../sql/hartonomous/vector_search.sql"),
    include_str!("../../../../../sql/hartonomous/student_models.sql"),
];
/// What stands before the name of a scenario.
const SCENARIO: &str = "-- Scenario: ";

/// Options of `hart verify`.
#[derive(Args)]
pub struct VerifyOptions {
    /// Only the examples; without the scenarios, which need a scratch database (CREATE ANY DATABASE, SQL Server 2025)
    #[arg(long)]
    no_scenarios: bool,
    /// Write a report to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    connection: ConnectionOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Pass,
    Fail,
    Skip,
}

#[derive(Debug, Serialize)]
struct Check {
    name: String,
    outcome: Outcome,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
}

#[derive(Serialize)]
struct Report {
    server: String,
    #[serde(flatten)]
    facts: Facts,
    program: &'static str,
    passed: usize,
    failed: usize,
    skipped: usize,
    checks: Vec<Check>,
}

/// Runs every check and reports; fails where one failed.
pub fn verify(options: VerifyOptions) -> Result<()> {
    let mut server = options.connection.connect()?;
    let facts = Facts::read(&mut server)?;
    ensure!(
        facts.takes_languages(),
        "{} {} takes no external languages: nothing to verify",
        facts.edition,
        facts.version
    );
    let mut out = std::io::stdout().lock();
    let mut checks = Vec::new();
    let mut tell = |check: Check| -> Result<()> {
        let word = match check.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail => "FAIL",
            Outcome::Skip => "skip",
        };
        let detail = if check.detail.is_empty() { String::new() } else { format!(": {}", check.detail) };
        writeln!(out, "{word}  {}{detail}", check.name)?;
        checks.push(check);
        Ok(())
    };
    for kernel in KERNELS {
        let check = example(&mut server, kernel);
        ensure!(
            server.is_usable(),
            "the connection broke at the example of {}: {}",
            kernel.name,
            check.detail
        );
        tell(check)?;
    }
    if options.no_scenarios || facts.major() < 17 {
        let why =
            if options.no_scenarios { "--no-scenarios" } else { "they need VECTOR, so SQL Server 2025" };
        for (name, _) in scenarios() {
            tell(Check { name, outcome: Outcome::Skip, detail: why.into() })?;
        }
    } else {
        let mut scratch = Vec::new();
        in_scratch(&mut server, &mut scratch);
        scratch.into_iter().try_for_each(&mut tell)?;
    }
    let count = |outcome: Outcome| checks.iter().filter(|c| c.outcome == outcome).count();
    let (passed, failed, skipped) = (count(Outcome::Pass), count(Outcome::Fail), count(Outcome::Skip));
    let total = checks.len();
    writeln!(out, "{passed} passed, {failed} failed, {skipped} skipped")?;
    if let Some(path) = &options.json {
        let program = env!("CARGO_PKG_VERSION");
        let report = Report { server: server.name(), facts, program, passed, failed, skipped, checks };
        std::fs::write(path, serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    ensure!(failed == 0, "{failed} of {total} checks failed");
    ensure!(passed > 0, "nothing was checked");
    Ok(())
}

fn example(server: &mut Server, kernel: &'static Kernel) -> Check {
    let name = format!("hart.{}", kernel.sql_name());
    let Some(call) = tsql::example_call(kernel) else {
        let detail = "its example has a value for which T-SQL has no literal".into();
        return Check { name, outcome: Outcome::Skip, detail };
    };
    match server.rows(call).and_then(|rows| compare(kernel, &rows)) {
        Ok(()) => Check { name, outcome: Outcome::Pass, detail: String::new() },
        Err(error) => Check { name, outcome: Outcome::Fail, detail: format!("{error:#}") },
    }
}

/// Fails where the rows are not the example's: numbers to the last bit, for a kernel gives the same everywhere.
fn compare(kernel: &Kernel, rows: &[Row]) -> Result<()> {
    let expected = kernel.example.outputs;
    if expected.is_empty() {
        // It depends on the machine.
        return Ok(());
    }
    ensure!(rows.len() == expected.len(), "{} rows, expected {}", rows.len(), expected.len());
    for (n, (row, expected)) in rows.iter().zip(expected).enumerate() {
        for (c, (column, cell)) in kernel.outputs.iter().zip(expected.iter()).enumerate() {
            let found = found(row, c, column.kind)
                .with_context(|| format!("row {}, column {}", n + 1, column.name))?;
            let wanted = wanted(cell, column.kind);
            ensure!(found == wanted, "row {}, column {}: {found:?}, expected {wanted:?}", n + 1, column.name);
        }
    }
    Ok(())
}

/// A value in the form in which values are compared.
#[derive(Debug, PartialEq)]
enum Value {
    Null,
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Singles(Vec<f32>),
}

fn found(row: &Row, c: usize, kind: Kind) -> Result<Value> {
    Ok(match kind {
        Kind::Id | Kind::BigInt => row.try_get::<i64, _>(c)?.map(Value::Int),
        Kind::Int => row.try_get::<i32, _>(c)?.map(|v| Value::Int(v.into())),
        Kind::Float => row.try_get::<f64, _>(c)?.map(Value::Float),
        Kind::Text => row.try_get::<&str, _>(c)?.map(|v| Value::Text(v.into())),
        Kind::Binary => row.try_get::<&[u8], _>(c)?.map(|v| Value::Bytes(v.into())),
        Kind::Vector => match row.try_get::<&str, _>(c)? {
            None => None,
            Some(json) => {
                let singles = hart_kernels::text::parse_singles(json.as_bytes());
                Some(Value::Singles(singles.map_err(|e| anyhow!("no JSON array: {e:?}"))?))
            }
        },
    }
    .unwrap_or(Value::Null))
}

fn wanted(cell: &Cell, kind: Kind) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(v) if kind == Kind::Float => Value::Float(*v as f64),
        Cell::Int(v) => Value::Int(*v),
        // SQL Server's FLOAT holds neither NaN nor infinity.
        Cell::Float(v) if !v.is_finite() => Value::Null,
        Cell::Float(v) => Value::Float(*v),
        Cell::Text(v) => Value::Text((*v).into()),
        Cell::Binary(v) => Value::Bytes(v.to_vec()),
        Cell::Vector(v) if kind == Kind::Binary => {
            Value::Bytes(v.iter().flat_map(|x| x.to_le_bytes()).collect())
        }
        Cell::Vector(v) => Value::Singles(v.to_vec()),
    }
}

/// The scenarios: name and batch.
fn scenarios() -> Vec<(String, String)> {
    let named = batches(SCENARIOS).into_iter().map(|batch| {
        let name =
            batch.lines().find_map(|l| l.strip_prefix(SCENARIO)).unwrap_or("a scenario without a name");
        (name.to_string(), batch)
    });
    named.collect()
}

/// A database of its own with the installed library, the application's tables and the scenarios; it is dropped whatever
/// happens in it.
fn in_scratch(server: &mut Server, checks: &mut Vec<Check>) {
    let fail = |name: &str, error: anyhow::Error| Check {
        name: name.into(),
        outcome: Outcome::Fail,
        detail: format!("{error:#}"),
    };
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let name = format!("hart_verify_{}_{}", std::process::id(), nanos % 1_000_000_000);
    if let Err(error) = create(server, &name) {
        checks.push(fail("scratch database", error.context(format!("database {name}"))));
    } else {
        for (name, batch) in scenarios() {
            checks.push(match server.run(batch) {
                Ok(()) => Check { name, outcome: Outcome::Pass, detail: String::new() },
                Err(error) => fail(&name, error),
            });
        }
    }
    let drop = format!(
        "USE [master];\nIF DB_ID(N'{name}') IS NOT NULL\nBEGIN\n    \
         ALTER DATABASE [{name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE;\n    DROP DATABASE [{name}];\nEND;\n"
    );
    if let Err(error) = server.run(drop) {
        checks.push(fail(
            "scratch database",
            error.context(format!("database {name} could not be dropped; drop it")),
        ));
    }
}

fn create(server: &mut Server, name: &str) -> Result<()> {
    let mut archives = Vec::new();
    for library in survey::libraries(server)? {
        if let Some(platform) = Platform::ALL.into_iter().find(|p| p.word() == library.platform) {
            archives.push(Archive {
                platform,
                bytes: Vec::new().into(),
                hash: library.sha256.to_uppercase(),
            });
        }
    }
    ensure!(!archives.is_empty(), "no library is installed here; run hart deploy");
    // The content goes from database to database without leaving the server.
    server.run(
        "DROP TABLE IF EXISTS #hart_content;\n\
         SELECT f.platform_desc AS platform, f.content INTO #hart_content\n\
         FROM sys.external_languages AS l\n\
         JOIN sys.external_language_files AS f ON f.external_language_id = l.external_language_id\n\
         WHERE l.language = N'hart';\n",
    )?;
    server.run(format!("CREATE DATABASE [{name}];\n"))?;
    server.run(format!("USE [{name}];\n"))?;
    let plan = Plan { archives, parameters: None, enable: false, additions: Vec::new() };
    for step in plan.into_steps() {
        for batch in
            [plan::BEGIN].into_iter().chain(step.statements.iter().map(String::as_str)).chain([plan::COMMIT])
        {
            if let Err(error) = server.run(batch) {
                // What the transaction did goes with the database.
                let _ = server.run(plan::ROLLBACK);
                return Err(error.context(format!("step {}", step.name)));
            }
        }
    }
    // The tables first, then the procedures over them.
    for batch in batches(APPLICATION).into_iter().chain(PROCEDURES.iter().flat_map(|p| batches(p))) {
        server.run(batch)?;
    }
    Ok(())
}
