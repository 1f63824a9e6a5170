//! `hart script`: the whole installation as one file for sqlcmd.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::additions::AdditionOptions;
use super::archive::ArchiveOptions;
use super::deploy::check_settings;
use super::plan::{self, Plan};
use super::step::Step;
use super::text::{batches, literal};
use super::transaction::NOT_IN_A_TRANSACTION;

/// Options of `hart script`.
#[derive(Args)]
pub struct ScriptOptions {
    #[command(flatten)]
    archives: ArchiveOptions,
    #[command(flatten)]
    additions: AdditionOptions,
    /// Settings of the language (docs/EXTERNAL-LANGUAGE.md) [default: none, or as they are]
    #[arg(long, value_name = "TEXT")]
    parameters: Option<String>,
    /// Environment variables of the language (docs/EXTERNAL-LANGUAGE.md), as {"NAME": "VALUE"} [default: none, or as they are]
    #[arg(long, value_name = "JSON")]
    environment: Option<String>,
    /// Begin by allowing external scripts on the instance (sysadmin)
    #[arg(long)]
    enable_external_scripts: bool,
    /// File to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The preconditions of the steps.
const READY: &str = "IF CAST(PARSENAME(CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), 4) AS int) < 15
   OR CAST(SERVERPROPERTY('EngineEdition') AS int) IN (5, 6, 8, 9, 11, 12)
    THROW 59913, N'SQL Server 2019 or later is needed, not an Azure SQL service: only it has external languages', 1;
IF CAST(PARSENAME(CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), 4) AS int) = 15
   AND CAST(PARSENAME(CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), 2) AS int) < 4023
    THROW 59913, N'SQL Server 2019 needs its cumulative update 3 (15.0.4023) or later', 1;
IF COALESCE(CAST(SERVERPROPERTY('IsAdvancedAnalyticsInstalled') AS int), 0) <> 1
    PRINT N'hart: the server says that the feature Machine Learning Services and Language Extensions (Linux: the package mssql-server-extensibility) is not installed; the call at the end tells';
";
const ENABLED: &str = "IF NOT EXISTS (SELECT * FROM sys.configurations WHERE name = N'external scripts enabled' AND CAST(value_in_use AS int) = 1)
    THROW 59910, N'external scripts are not in use: EXEC sp_configure N''external scripts enabled'', 1; RECONFIGURE WITH OVERRIDE; then restart the Launchpad service', 1;
";

/// Without being told, each sqlcmd assumes another encoding for a file.
fn ascii(option: &str, value: &str) -> Result<()> {
    ensure!(
        value.is_ascii(),
        "{option} is {value:?}; expected ASCII in a file for sqlcmd, and hart deploy takes any text"
    );
    Ok(())
}

/// Writes the script.
pub fn script(options: ScriptOptions) -> Result<()> {
    check_settings(options.parameters.as_deref(), options.environment.as_deref())?;
    options.additions.check()?;
    // sqlcmd would take such a line for the end of the batch, even within a literal.
    let lines = |text: &str| text.lines().count() > 1;
    for (option, value) in [("--parameters", &options.parameters), ("--environment", &options.environment)] {
        ensure!(!value.as_deref().is_some_and(lines), "{option} has more than one line; expected one");
        ascii(option, value.as_deref().unwrap_or_default())?;
    }
    ascii("--functions-schema", options.additions.schema())?;
    let plan = Plan {
        archives: options.archives.read()?,
        parameters: options.parameters,
        environment: options.environment,
        enable: options.enable_external_scripts,
        additions: options.additions.steps(),
    };
    match &options.output {
        None => write(plan, &mut BufWriter::new(std::io::stdout().lock())),
        Some(path) => {
            let cannot = || format!("cannot write {}", path.display());
            let mut file = BufWriter::new(File::create(path).with_context(cannot)?);
            write(plan, &mut file).with_context(cannot)
        }
    }
}

/// A batch that runs without its transaction if the server rejects it there, as in `hart deploy`.
fn with_a_way_out(step: &Step, statement: &str) -> String {
    let codes = NOT_IN_A_TRANSACTION.map(|code| code.to_string()).join(", ");
    format!(
        "DECLARE @step nvarchar(max) = {};\n\
         BEGIN TRY\n    EXEC sys.sp_executesql @step;\nEND TRY\nBEGIN CATCH\n    IF ERROR_NUMBER() NOT IN ({codes})\n        THROW;\n    \
         ROLLBACK TRANSACTION;\n    \
         PRINT N'hart: the server refuses the step {} in a transaction; going without. If it fails now, the language is gone until this file is run again';\n    \
         EXEC sys.sp_executesql @step;\n    BEGIN TRANSACTION;\nEND CATCH;\n",
        literal(statement),
        step.name
    )
}

fn write(plan: Plan, out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "-- Installs hart {} in the current database, or upgrades it; it may be run again at any time.\n--\n\
         --   sqlcmd -b -x -d <database> -i <this file>\n--\n\
         -- Each step is one transaction; the first error ends the script, and the step it is in is undone.",
        env!("CARGO_PKG_VERSION")
    )?;
    for archive in &plan.archives {
        writeln!(out, "-- Library for {}: SHA-256 {}", archive.platform.word(), archive.hash.to_lowercase())?;
    }
    writeln!(out, ":on error exit\n{}\nSET NOCOUNT ON;\nGO", crate::tsql::SETTINGS)?;
    let mut batch = |text: &str| writeln!(out, "{}\nGO", text.trim_end());
    batch(READY)?;
    // The first step may be the one that enables them.
    if !plan.enable {
        batch(ENABLED)?;
    }
    batch(plan::LOCK)?;
    for step in plan.into_steps() {
        batch(&format!("PRINT {};", literal(&format!("hart: {}", step.name))))?;
        for text in step.preparation() {
            batch(&text)?;
        }
        if step.transaction {
            batch(plan::BEGIN)?;
        }
        for text in &step.statements {
            if step.name == "language" {
                batch(&with_a_way_out(&step, text))?;
            } else {
                batch(text)?;
            }
        }
        if step.transaction {
            batch(plan::COMMIT)?;
        } else {
            batch(ENABLED)?;
        }
    }
    for text in batches(plan::CHECK) {
        batch(&text)?;
    }
    out.flush()?;
    Ok(())
}
