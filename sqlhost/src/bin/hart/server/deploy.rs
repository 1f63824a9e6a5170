//! `hart deploy`: installs or upgrades, and does nothing where nothing is to be done.

use std::io::Write;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::additions::AdditionOptions;
use super::archive::ArchiveOptions;
use super::connection::{ConnectionOptions, Server};
use super::plan::{self, Plan, Step, state};
use super::survey::{self, Facts};

/// Options of `hart deploy`.
#[derive(Args)]
pub struct DeployOptions {
    #[command(flatten)]
    archives: ArchiveOptions,
    #[command(flatten)]
    additions: AdditionOptions,
    /// Settings of the language (docs/EXTERNAL-LANGUAGE.md) [default: as they are]
    #[arg(long, value_name = "TEXT")]
    parameters: Option<String>,
    /// Allow external scripts on the instance, where they are not (sysadmin)
    #[arg(long)]
    enable_external_scripts: bool,
    /// Print what would be run, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not end with a search whose answer is known
    #[arg(long)]
    no_check: bool,
    #[command(flatten)]
    connection: ConnectionOptions,
}

/// Longest PARAMETERS.
const LONGEST_PARAMETERS: usize = 4000;

/// Fails where the settings do not fit the server's column.
pub fn check_parameters(parameters: Option<&str>) -> Result<()> {
    let length = parameters.map_or(0, |p| p.encode_utf16().count());
    ensure!(
        length <= LONGEST_PARAMETERS,
        "--parameters has {length} characters; expected at most {LONGEST_PARAMETERS}"
    );
    Ok(())
}

/// Runs the steps that are not done yet.
pub fn deploy(options: DeployOptions) -> Result<()> {
    check_parameters(options.parameters.as_deref())?;
    options.additions.check()?;
    let plan = Plan {
        archives: options.archives.read()?,
        parameters: options.parameters,
        enable: options.enable_external_scripts,
        additions: options.additions.steps(),
    };
    let mut server = options.connection.connect()?;
    let facts = Facts::read(&mut server)?;
    let lacks = facts.lacks(plan.enable);
    if !lacks.is_empty() {
        let lines: Vec<String> = lacks.iter().map(|l| format!("{}: {}", l.what, l.mend)).collect();
        bail!(
            "nothing was changed; {} in database {} is not ready: {}",
            server.name(),
            facts.database,
            lines.join("; ")
        );
    }
    options.additions.check_server(&facts)?;
    let steps = plan.into_steps();
    let mut out = std::io::stdout().lock();
    if options.dry_run {
        writeln!(out, "-- hart deploy would run this on {}, database {}.", server.name(), facts.database)?;
    } else {
        server.run(plan::LOCK).context("nothing was changed")?;
    }
    // What is refused is refused before the first change.
    let mut states = Vec::new();
    for step in &steps {
        let found = survey::state(&mut server, &step.check)?;
        if found == state::FOREIGN {
            bail!("nothing was changed: {}", step.foreign);
        }
        states.push(found);
    }
    let mut done: Vec<&str> = Vec::new();
    for (step, found) in steps.iter().zip(states) {
        if found == state::SAME {
            writeln!(out, "{}{}: as it is", if options.dry_run { "-- " } else { "" }, step.name)?;
        } else if options.dry_run {
            print(&mut out, step, &found)?;
        } else {
            carry_out(&mut server, step).with_context(|| {
                let before = if done.is_empty() { "none".into() } else { done.join(", ") };
                format!(
                    "step {} failed and nothing of it was kept; steps done before it: {before}",
                    step.name
                )
            })?;
            done.push(step.name);
            writeln!(
                out,
                "{}: {}",
                step.name,
                if found == state::MISSING { "installed" } else { "replaced" }
            )?;
        }
    }
    if options.dry_run || options.no_check {
        return Ok(());
    }
    for batch in super::text::batches(plan::CHECK) {
        server.run(batch).context(
            "installed, but a call does not go through yet (a first call may need the Launchpad service to be \
             restarted; `hart status` looks closer)",
        )?;
    }
    writeln!(out, "check: passed")?;
    Ok(())
}

/// A step in its transaction; it is committed only if its own check then says so.
fn carry_out(server: &mut Server, step: &Step) -> Result<()> {
    let _span = tracing::info_span!("step", name = step.name, transaction = step.transaction).entered();
    for batch in step.preparation() {
        server.run(batch)?;
    }
    if !step.transaction {
        for batch in &step.statements {
            server.run(batch)?;
        }
        return confirm(server, step);
    }
    let work = |server: &mut Server| -> Result<()> {
        server.run(plan::BEGIN)?;
        for batch in &step.statements {
            server.run(batch)?;
        }
        confirm(server, step)
    };
    if let Err(error) = work(server) {
        // On a broken connection the server undoes it by itself.
        let undone = server.run(plan::ROLLBACK);
        return Err(match undone {
            Ok(()) => error,
            Err(_) => error.context("the connection is gone, so the server undoes the step by itself"),
        });
    }
    server
        .run(plan::COMMIT)
        .context("the end of the transaction was not confirmed; `hart status` shows how it ended")
}

fn confirm(server: &mut Server, step: &Step) -> Result<()> {
    let found = survey::state(server, &step.check)?;
    ensure!(
        found == state::SAME,
        "its statements ran, but its check then said '{found}', expected '{}'",
        state::SAME
    );
    Ok(())
}

fn print(out: &mut impl Write, step: &Step, found: &str) -> Result<()> {
    writeln!(out, "-- {}: {found}", step.name)?;
    for content in step.content() {
        writeln!(out, "-- #hart_content receives {content}; hart script writes it in full")?;
    }
    let edges = |text: &'static str| step.transaction.then_some(text);
    for batch in edges(plan::BEGIN)
        .into_iter()
        .chain(step.statements.iter().map(String::as_str))
        .chain(edges(plan::COMMIT))
    {
        writeln!(out, "{}\nGO", batch.trim_end())?;
    }
    Ok(())
}
