//! `hart verify`: every wrapper's worked example, and the application's scenarios, on a real server.

use std::io::Write;
use std::path::PathBuf;

use crate::tsql;
use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use hart_kernels::registry::{Cell, KERNELS, Kernel, Kind};
use hart_sqlhost::example::is_example;
use serde::Serialize;
use tiberius::Row;

use super::additions::{Addition, plain_batches};
use super::archive::{Archive, Platform};
use super::connection::ConnectionOptions;
use super::guards::{GUARDS, Guard};
use super::plan::{Plan, VERSION};
use super::session::{Server, StatementError};
use super::survey::{self, Facts};
use super::text::batches;
use super::transaction::carry_out;

const APPLICATION: &str = include_str!("../../../../sql/verify/application.sql");
/// The second file's scenarios build on the first file's.
const SCENARIOS: [&str; 2] = [
    include_str!("../../../../sql/verify/scenarios.sql"),
    include_str!("../../../../sql/verify/procedures.sql"),
];
/// Additions installed in the scratch database beside the wrappers. The functions need a dimension and have no
/// scenario.
const ADDITIONS: [Addition; 5] = [
    Addition::Hartonomous,
    Addition::LinkedSearch,
    Addition::CompressedSearch,
    Addition::Broker,
    Addition::QueuedProjection,
];
/// Marks the name of a scenario.
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

impl Check {
    fn of(name: String, result: Result<()>) -> Check {
        match result {
            Ok(()) => Check { name, outcome: Outcome::Pass, detail: String::new() },
            Err(error) => Check { name, outcome: Outcome::Fail, detail: format!("{error:#}") },
        }
    }
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

/// Runs every check and reports; fails if one failed.
pub fn verify(options: VerifyOptions) -> Result<()> {
    let mut server = options.connection.connect()?;
    let facts = Facts::read(&mut server)?;
    ensure!(
        facts.takes_languages(),
        "{} {} takes no external languages: nothing to verify",
        facts.edition,
        facts.version
    );
    // Otherwise every check would fail for this one reason.
    ensure!(
        !survey::libraries(&mut server)?.is_empty(),
        "{}: the language hart is not installed in database {}: run `hart deploy` first",
        server.name(),
        facts.database
    );
    let mut checks = Vec::new();
    let result = run(&mut server, &facts, options.no_scenarios, &mut checks);
    let count = |outcome: Outcome| checks.iter().filter(|c| c.outcome == outcome).count();
    let (passed, failed, skipped) = (count(Outcome::Pass), count(Outcome::Fail), count(Outcome::Skip));
    let total = checks.len();
    // Also after a broken run: the report covers what was reached.
    if let Some(path) = &options.json {
        let report =
            Report { server: server.name(), facts, program: VERSION, passed, failed, skipped, checks };
        std::fs::write(path, serde_json::to_string_pretty(&report)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    result?;
    writeln!(std::io::stdout(), "{passed} passed, {failed} failed, {skipped} skipped")?;
    ensure!(failed == 0, "{failed} of {total} checks failed");
    ensure!(passed > 0, "nothing was checked");
    Ok(())
}

/// Runs the checks in order, reporting each; fails if the connection breaks.
fn run(server: &mut Server, facts: &Facts, no_scenarios: bool, checks: &mut Vec<Check>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut tell = |server: &Server, check: Check| -> Result<()> {
        let word = match check.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail => "FAIL",
            Outcome::Skip => "skip",
        };
        let detail = if check.detail.is_empty() { String::new() } else { format!(": {}", check.detail) };
        writeln!(out, "{word}  {}{detail}", check.name)?;
        let broken = (!server.is_usable())
            .then(|| anyhow!("the connection broke at the check {}: {}", check.name, check.detail));
        checks.push(check);
        broken.map_or(Ok(()), Err)
    };
    for kernel in KERNELS {
        let check = example(server, kernel);
        tell(server, check)?;
    }
    for guard in GUARDS {
        let check = if facts.major() < guard.since {
            let detail = "it needs VECTOR and JSON, so SQL Server 2025".into();
            Check { name: guard.name.into(), outcome: Outcome::Skip, detail }
        } else {
            Check::of(guard.name.into(), judge(guard, server.run(guard.batch)))
        };
        tell(server, check)?;
    }
    if no_scenarios || facts.major() < 17 {
        let why = if no_scenarios { "--no-scenarios" } else { "they need VECTOR, so SQL Server 2025" };
        for (name, _) in scenarios() {
            tell(server, Check { name, outcome: Outcome::Skip, detail: why.into() })?;
        }
        return Ok(());
    }
    in_scratch(server, facts, &mut tell)
}

/// Whether a guard had its expected outcome.
fn judge(guard: &Guard, result: Result<()>) -> Result<()> {
    match (guard.error, result) {
        (None, result) => result,
        (Some((code, _)), Ok(())) => Err(anyhow!("it went through; expected error {code}")),
        (Some((code, beginning)), Err(error)) => {
            let as_expected = error
                .downcast_ref::<StatementError>()
                .is_some_and(|e| e.code == code && e.message.starts_with(beginning));
            if as_expected {
                return Ok(());
            }
            Err(anyhow!("{error:#}; expected error {code}: {beginning}…"))
        }
    }
}

fn example(server: &mut Server, kernel: &'static Kernel) -> Check {
    let name = format!("hart.{}", kernel.sql_name());
    let Some(call) = tsql::example_call(kernel) else {
        let detail = "its example has a value for which T-SQL has no literal".into();
        return Check { name, outcome: Outcome::Skip, detail };
    };
    Check::of(name, server.rows(call).and_then(|rows| compare(kernel, &rows)))
}

/// Fails if the rows differ from the example's, by the same comparison as in the project's tests.
fn compare(kernel: &Kernel, rows: &[Row]) -> Result<()> {
    let expected = kernel.example.outputs;
    if expected.is_empty() {
        // The result depends on the machine.
        return Ok(());
    }
    ensure!(rows.len() == expected.len(), "{} rows, expected {}", rows.len(), expected.len());
    for (n, (row, expected)) in rows.iter().zip(expected).enumerate() {
        for (c, (column, cell)) in kernel.outputs.iter().zip(expected.iter()).enumerate() {
            let found = found(row, c, column.kind)
                .with_context(|| format!("row {}, column {}", n + 1, column.name))?;
            let wanted = wanted(cell, column.kind);
            let (a, b) = (found.bytes(), wanted.bytes());
            ensure!(
                found == wanted || is_example(kernel, found.kind(), a.as_deref(), b.as_deref()),
                "row {}, column {}: {found:?}, expected {wanted:?}",
                n + 1,
                column.name
            );
        }
    }
    Ok(())
}

/// A value in comparable form.
#[derive(Debug, PartialEq)]
enum Value {
    Null,
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Singles(Vec<f32>),
}

impl Value {
    /// Its bytes in the form of a result column.
    fn bytes(&self) -> Option<Vec<u8>> {
        Some(match self {
            Value::Null => return None,
            Value::Int(v) => v.to_le_bytes().to_vec(),
            Value::Float(v) => v.to_le_bytes().to_vec(),
            Value::Text(v) => v.clone().into_bytes(),
            Value::Bytes(v) => v.clone(),
            Value::Singles(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        })
    }

    /// The kind by which those bytes are read.
    fn kind(&self) -> Kind {
        match self {
            Value::Null | Value::Text(_) => Kind::Text,
            Value::Int(_) => Kind::BigInt,
            Value::Float(_) => Kind::Float,
            Value::Bytes(_) | Value::Singles(_) => Kind::Binary,
        }
    }
}

fn found(row: &Row, c: usize, kind: Kind) -> Result<Value> {
    Ok(match kind {
        Kind::Id | Kind::BigInt => row.try_get::<i64, _>(c)?.map(Value::Int),
        Kind::Int => row.try_get::<i32, _>(c)?.map(|v| Value::Int(v.into())),
        Kind::Float => row.try_get::<f64, _>(c)?.map(Value::Float),
        Kind::Text | Kind::LongText => row.try_get::<&str, _>(c)?.map(|v| Value::Text(v.into())),
        Kind::Binary | Kind::Point => row.try_get::<&[u8], _>(c)?.map(|v| Value::Bytes(v.into())),
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
        // SQL Server's FLOAT cannot hold NaN or infinity.
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
    let named = SCENARIOS.into_iter().flat_map(batches).map(|batch| {
        let name =
            batch.lines().find_map(|l| l.strip_prefix(SCENARIO)).unwrap_or("a scenario without a name");
        (name.to_string(), batch)
    });
    named.collect()
}

/// Runs in a scratch database with the installed library, the application's tables, the additions and the scenarios; it
/// is dropped whatever happens in it.
fn in_scratch(
    server: &mut Server,
    facts: &Facts,
    tell: &mut impl FnMut(&Server, Check) -> Result<()>,
) -> Result<()> {
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let name = format!("hart_verify_{}_{}", std::process::id(), nanos % 1_000_000_000);
    let result = fill(server, facts, &name, tell);
    let drop = format!(
        "USE [master];\nIF DB_ID(N'{name}') IS NOT NULL\nBEGIN\n    \
         ALTER DATABASE [{name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE;\n    DROP DATABASE [{name}];\nEND;\n"
    );
    let dropped = server.run(drop).with_context(|| format!("database {name} could not be dropped; drop it"));
    let Err(error) = dropped else { return result };
    match result {
        // The first failure is reported; the database is named with it.
        Err(first) => Err(first.context(format!("{error:#}"))),
        Ok(()) => tell(server, Check::of("scratch database".into(), Err(error))),
    }
}

fn fill(
    server: &mut Server,
    facts: &Facts,
    name: &str,
    tell: &mut impl FnMut(&Server, Check) -> Result<()>,
) -> Result<()> {
    if let Err(error) = create(server, facts, name) {
        let error = error.context(format!("database {name}"));
        return tell(server, Check::of("scratch database".into(), Err(error)));
    }
    let mut all = |server: &mut Server, name: String, batches: Vec<String>| {
        let result = batches.into_iter().try_for_each(|batch| server.run(batch));
        tell(server, Check::of(name, result))
    };
    // The tables first, then what builds on them.
    all(server, "sql/verify/application.sql".into(), batches(APPLICATION))?;
    for (path, script) in ADDITIONS.iter().flat_map(|addition| addition.scripts()) {
        all(server, format!("sql/{path}"), plain_batches(script))?;
    }
    for (name, batch) in scenarios() {
        all(server, name, vec![batch])?;
    }
    Ok(())
}

fn create(server: &mut Server, facts: &Facts, name: &str) -> Result<()> {
    let libraries = survey::libraries(server)?;
    let archives: Vec<Archive> = libraries
        .iter()
        .filter_map(|library| {
            let platform = Platform::ALL.into_iter().find(|p| p.word() == library.platform)?;
            Some(Archive { platform, bytes: Vec::new().into(), hash: library.sha256.to_uppercase() })
        })
        .collect();
    ensure!(!archives.is_empty(), "no library is installed here; run hart deploy");
    // The settings with which the library runs on this server.
    let own = libraries.iter().find(|l| l.platform.eq_ignore_ascii_case(&facts.platform));
    let plan = Plan {
        archives,
        parameters: own.map(|l| l.parameters.clone()),
        environment: own.map(|l| l.environment.clone()),
        enable: false,
        additions: Vec::new(),
    };
    // The content is copied between databases without leaving the server.
    server.run(
        "DROP TABLE IF EXISTS #hart_content;\n\
         SELECT f.platform_desc AS platform, f.content INTO #hart_content\n\
         FROM sys.external_languages AS l\n\
         JOIN sys.external_language_files AS f ON f.external_language_id = l.external_language_id\n\
         WHERE l.language = N'hart';\n",
    )?;
    server.run(format!("CREATE DATABASE [{name}];\n"))?;
    server.run(format!("ALTER DATABASE [{name}] SET ENABLE_BROKER WITH ROLLBACK IMMEDIATE;\n"))?;
    server.run(format!("USE [{name}];\n"))?;
    for mut step in plan.into_steps() {
        // The content is on the server already.
        step.content.clear();
        carry_out(server, &step).map_err(|f| f.explain(&format!("step {}", step.name), "`hart status`"))?;
    }
    Ok(())
}
