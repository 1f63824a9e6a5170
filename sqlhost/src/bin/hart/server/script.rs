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
use super::text::{batches, literal};

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

/// What the steps take for granted; a tool says it in more words.
const READY: &str = "IF CAST(PARSENAME(CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), 4) AS int) < 15
   OR CAST(SERVERPROPERTY('EngineEdition') AS int) IN (5, 6, 8, 9, 11, 12)
    THROW 59913, N'SQL Server 2019 or later is needed, not an Azure SQL service: only it has external languages', 1;
IF COALESCE(CAST(SERVERPROPERTY('IsAdvancedAnalyticsInstalled') AS int), 0) <> 1
    THROW 59911, N'this instance lacks the feature Machine Learning Services and Language Extensions (Linux: the package mssql-server-extensibility)', 1;
";
const ENABLED: &str = "IF NOT EXISTS (SELECT * FROM sys.configurations WHERE name = N'external scripts enabled' AND CAST(value_in_use AS int) = 1)
    THROW 59910, N'external scripts are not in use: EXEC sp_configure N''external scripts enabled'', 1; RECONFIGURE WITH OVERRIDE; then restart the Launchpad service', 1;
";

/// Writes the script.
pub fn script(options: ScriptOptions) -> Result<()> {
    check_settings(options.parameters.as_deref(), options.environment.as_deref())?;
    options.additions.check()?;
    // sqlcmd would take such a line for the end of the batch, also within a literal.
    let lines = |text: &str| text.lines().count() > 1;
    for (option, value) in [("--parameters", &options.parameters), ("--environment", &options.environment)] {
        ensure!(!value.as_deref().is_some_and(lines), "{option} has more than one line; expected one");
    }
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

fn write(plan: Plan, out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "-- Installs hart {} in the current database, or upgrades it; it may be run again at any time.\n--\n\
         --   sqlcmd -b -x -f 65001 -d <database> -i <this file>\n--\n\
         -- Each step is one transaction; the first error ends the script, and the step it is in is undone.",
        env!("CARGO_PKG_VERSION")
    )?;
    for archive in &plan.archives {
        writeln!(out, "-- Library for {}: SHA-256 {}", archive.platform.word(), archive.hash.to_lowercase())?;
    }
    writeln!(out, ":on error exit\nSET NOCOUNT ON;\nGO")?;
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
            batch(text)?;
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
