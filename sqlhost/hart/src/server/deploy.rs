//! `hart deploy`: installs or upgrades, and does nothing if everything is up to date.

use std::io::Write;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::additions::AdditionOptions;
use super::archive::ArchiveOptions;
use super::connection::ConnectionOptions;
use super::plan::{self, Plan, VERSION};
use super::requirements;
use super::session::{Server, text};
use super::step::{Step, state};
use super::survey::{self, Facts};
use super::transaction::carry_out;

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
    /// Environment variables of the language (docs/EXTERNAL-LANGUAGE.md), as {"NAME": "VALUE"} [default: as they are]
    #[arg(long, value_name = "JSON")]
    environment: Option<String>,
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

/// Maximum length of PARAMETERS and ENVIRONMENT_VARIABLES.
const LONGEST_SETTING: usize = 4000;

/// Fails if the settings do not fit the server's columns, or would not be understood there.
pub fn check_settings(parameters: Option<&str>, environment: Option<&str>) -> Result<()> {
    for (option, value) in [("--parameters", parameters), ("--environment", environment)] {
        let length = value.map_or(0, |p| p.encode_utf16().count());
        ensure!(
            length <= LONGEST_SETTING,
            "{option} has {length} characters; expected at most {LONGEST_SETTING}"
        );
    }
    if let Some(text) = environment.filter(|text| !text.is_empty()) {
        let variables: std::collections::BTreeMap<String, String> = serde_json::from_str(text)
            .with_context(|| format!(r#"--environment is {text}; expected {{"NAME": "VALUE", …}}"#))?;
        for name in variables.keys() {
            let good = !name.is_empty() && !name.contains(['=', '\0']);
            ensure!(good, "--environment has a variable named {name:?}; expected a name without =");
        }
    }
    Ok(())
}

/// Runs the steps that are not yet done.
pub fn deploy(options: DeployOptions) -> Result<()> {
    install(options, false)
}

/// The same where something is installed, and only there.
pub fn upgrade(options: DeployOptions) -> Result<()> {
    install(options, true)
}

fn install(options: DeployOptions, only_upgrade: bool) -> Result<()> {
    check_settings(options.parameters.as_deref(), options.environment.as_deref())?;
    options.additions.check()?;
    let plan = Plan {
        archives: options.archives.read()?,
        parameters: options.parameters,
        environment: options.environment,
        enable: options.enable_external_scripts,
        additions: options.additions.steps(),
    };
    let mut server = options.connection.connect()?;
    let facts = Facts::read(&mut server)?;
    let mut lacks = facts.lacks(plan.enable);
    lacks.extend(requirements::build(&facts));
    if !lacks.is_empty() {
        let lines: Vec<String> = lacks.iter().map(|l| format!("{}: {}", l.what, l.mend)).collect();
        bail!(
            "nothing was changed; {} in database {} is not ready: {}",
            server.name(),
            facts.database,
            lines.join("; ")
        );
    }
    options.additions.check_server(&mut server, &facts)?;
    let steps = plan.into_steps();
    let mut out = std::io::stdout().lock();
    for warning in requirements::warnings(&facts) {
        let note = if options.dry_run { "-- " } else { "" };
        writeln!(out, "{note}warning: {}; {}", warning.what, warning.mend)?;
    }
    if options.dry_run {
        writeln!(out, "-- hart deploy would run this on {}, database {}.", server.name(), facts.database)?;
    } else {
        server.run(plan::LOCK).context("nothing was changed")?;
    }
    // All refusals come before the first change.
    let mut states = Vec::new();
    for step in &steps {
        let found = survey::state(&mut server, &step.check)?;
        if found == state::FOREIGN {
            bail!("nothing was changed: {}{}", step.refusal, in_the_way(&mut server, step)?);
        }
        states.push(found);
    }
    let there = steps.iter().zip(&states).any(|(s, found)| s.name == "language" && found != state::MISSING);
    if only_upgrade && !there {
        bail!(
            "nothing was changed: database {} has nothing to upgrade; hart deploy installs",
            facts.database
        );
    }
    if there {
        let note = if options.dry_run { "-- " } else { "" };
        match survey::version(&mut server)? {
            Some(old) if old == VERSION => {}
            Some(old) => writeln!(out, "{note}from version {old} to {VERSION}")?,
            None => writeln!(out, "{note}from a version without a mark to {VERSION}")?,
        }
    }
    let mut done: Vec<&str> = Vec::new();
    for (step, found) in steps.iter().zip(states) {
        if found == state::SAME {
            writeln!(out, "{}{}: as it is", if options.dry_run { "-- " } else { "" }, step.name)?;
        } else if options.dry_run {
            print(&mut out, step, &found)?;
        } else {
            carry_out(&mut server, step).map_err(|failure| {
                let before = if done.is_empty() { "none".into() } else { done.join(", ") };
                let what = format!("steps done before it: {before}; step {}", step.name);
                failure.explain(&what, "`hart status`")
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

/// The names of the objects that make a step refuse, as the end of a sentence.
pub fn in_the_way(server: &mut Server, step: &Step) -> Result<String> {
    let Some(names) = &step.in_the_way else { return Ok(String::new()) };
    let rows = server.rows(names.as_str())?;
    let names = rows.iter().map(|row| text(row, 0)).collect::<Result<Vec<_>>>()?;
    Ok(if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) })
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
