//! `hart status`: what a server has, what it lacks, and how to fix it.

use std::io::Write;

use anyhow::Result;
use clap::{Args, ValueEnum};
use hart_kernels::registry::KERNELS;
use serde::Serialize;

use super::additions::AdditionOptions;
use super::archive::{ArchiveOptions, Platform};
use super::connection::ConnectionOptions;
use super::language::LANGUAGE;
use super::plan::{Plan, ROLE, VERSION};
use super::probe;
use super::requirements::{self, Memory};
use super::session::Server;
use super::step::state;
use super::survey::{self, Facts, Lack, Library};

/// Options of `hart status`.
#[derive(Args)]
pub struct StatusOptions {
    #[command(flatten)]
    archives: ArchiveOptions,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    connection: ConnectionOptions,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Serialize)]
struct Status {
    server: String,
    #[serde(flatten)]
    facts: Facts,
    /// Version of this program, with which the steps are compared.
    program: &'static str,
    /// The installed version, if a mark states it.
    installed: Option<String>,
    kernels: usize,
    libraries: Vec<Library>,
    steps: Vec<StepStatus>,
    additions: Vec<StepStatus>,
    callers: Vec<String>,
    /// Memory for external processes, if this login may see it.
    memory: Option<Memory>,
    /// What the library reports about itself when called through the server: property and value.
    library: Vec<(String, String)>,
    warnings: Vec<Lack>,
    missing: Vec<Lack>,
}

#[derive(Serialize)]
struct StepStatus {
    name: String,
    state: String,
}

/// Prints the status; fails if something is missing.
pub fn status(options: StatusOptions) -> Result<()> {
    let archives = if options.archives.any() { options.archives.read()? } else { Vec::new() };
    let compare = !archives.is_empty();
    let mut server = options.connection.connect()?;
    let facts = Facts::read(&mut server)?;
    let mut status = Status {
        server: server.name(),
        missing: facts.lacks(false).into_iter().chain(requirements::build(&facts)).collect(),
        warnings: requirements::warnings(&facts),
        memory: None,
        library: Vec::new(),
        facts,
        program: VERSION,
        installed: None,
        kernels: KERNELS.len(),
        libraries: Vec::new(),
        steps: Vec::new(),
        additions: Vec::new(),
        callers: Vec::new(),
    };
    if status.facts.takes_languages() {
        let plan =
            Plan { archives, parameters: None, environment: None, enable: false, additions: Vec::new() };
        installation(&mut server, plan, compare, &mut status)?;
    }
    let mut out = std::io::stdout().lock();
    match options.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?,
        Format::Table => table(&mut out, &status)?,
    }
    anyhow::ensure!(
        status.missing.is_empty(),
        "{} of {} is not complete",
        status.facts.database,
        status.server
    );
    Ok(())
}

fn installation(server: &mut Server, plan: Plan, compare: bool, status: &mut Status) -> Result<()> {
    status.libraries = survey::libraries(server)?;
    status.callers = survey::members(server)?;
    for step in plan.into_steps() {
        // Without an archive there is nothing to compare the language with: it exists or not.
        let mut found = survey::state(server, &step.check)?;
        if step.name == "language" && !compare && found == state::DIFFERS {
            found = "installed".into();
        }
        let mend = match found.as_str() {
            // The version that a script installed is unknown, but it exists.
            state::SAME | state::UNMARKED | "installed" => None,
            state::FOREIGN => Some(step.refusal.clone()),
            state::MISSING | state::DIFFERS => {
                Some("hart deploy, or the file that hart script writes".into())
            }
            other => Some(format!("the check answered '{other}'; please report it")),
        };
        if let Some(mend) = mend {
            status.missing.push(Lack { what: format!("{}: {found}", step.name), mend });
        }
        status.steps.push(StepStatus { name: step.name.into(), state: found });
    }
    status.memory = Memory::read(server)?;
    let too_much = status.memory.and_then(|memory| memory.warning(&status.libraries, &status.facts));
    status.warnings.extend(too_much);
    if !status.libraries.is_empty() {
        match probe::ask(server, &status.facts)? {
            Ok(said) => status.library = said,
            Err(lack) => status.missing.push(lack),
        }
    }
    let marks = survey::marks(server)?;
    for (key, value) in marks {
        if key == "version" {
            status.installed = Some(value);
        } else if status.steps.iter().all(|step| step.name != key) {
            addition(server, key, status)?;
        }
    }
    status.missing.extend(survey::disabled_queues(server)?);
    let wanted = Platform::ALL.into_iter().find(|p| p.word().eq_ignore_ascii_case(&status.facts.platform));
    let there = |p: Platform| status.libraries.iter().any(|l| l.platform == p.word());
    if let Some(platform) = wanted.filter(|p| !status.libraries.is_empty() && !there(*p)) {
        let option = platform.word().to_lowercase();
        status.missing.push(Lack {
            what: format!(
                "the language {LANGUAGE} has no library for {}, on which this server runs",
                platform.word()
            ),
            mend: format!("hart deploy --{option} hart-{option}.zip"),
        });
    }
    Ok(())
}

/// An addition by its mark. The functions' text depends on their dimension, which the mark does not state.
fn addition(server: &mut Server, key: String, status: &mut Status) -> Result<()> {
    let found = match AdditionOptions::named(&key) {
        Some(step) => survey::state(server, &step.check)?,
        None => "installed".into(),
    };
    if found != state::SAME && found != "installed" {
        status.missing.push(Lack {
            what: format!("addition {key}: {found}"),
            mend: format!("hart deploy --with {key}"),
        });
    }
    status.additions.push(StepStatus { name: key, state: found });
    Ok(())
}

fn table(out: &mut impl Write, status: &Status) -> Result<()> {
    let facts = &status.facts;
    let yes = |flag: bool| if flag { "yes" } else { "no" };
    let mut line = |name: &str, value: &str| writeln!(out, "{name:<26}{value}");
    line(
        "server",
        &format!("{}, {} ({}) on {}", status.server, facts.edition, facts.version, facts.platform),
    )?;
    let broker = if facts.broker { "on" } else { "off" };
    line(
        "database",
        &format!(
            "{}, compatibility level {}, Service Broker {broker}",
            facts.database, facts.compatibility_level
        ),
    )?;
    line(
        "login",
        &format!("{} (user {}{})", facts.login, facts.user, if facts.sysadmin { ", sysadmin" } else { "" }),
    )?;
    line("feature installed", yes(facts.feature_installed))?;
    line("external scripts enabled", yes(facts.external_scripts_enabled))?;
    line("VECTOR", yes(facts.major() >= 17))?;
    line("parallel and streaming", yes(facts.is_enterprise()))?;
    if let Some(memory) = status.memory {
        let (percent, machine) = (memory.percent, memory.machine_mb);
        let most = memory.mb();
        line("external scripts' memory", &format!("{most} MB: {percent} % of {machine} MB (pool default)"))?;
    }
    line("this program", &format!("hart {}, {} kernels", status.program, status.kernels))?;
    for library in &status.libraries {
        let parameters = if library.parameters.is_empty() { "none" } else { &library.parameters };
        let environment = match library.environment.as_str() {
            "" => String::new(),
            variables => format!(", environment: {variables}"),
        };
        line(
            &format!("library {}", library.platform),
            &format!(
                "{}, {} bytes, created {}, parameters: {parameters}{environment}\n{:26}SHA-256 {}",
                library.file_name, library.bytes, library.created, "", library.sha256
            ),
        )?;
    }
    if let Some(version) = &status.installed {
        line("installed version", version)?;
    }
    for step in &status.steps {
        let unmarked = "installed by a script, version unknown";
        line(
            &format!("step {}", step.name),
            if step.state == state::UNMARKED { unmarked } else { &step.state },
        )?;
    }
    for addition in &status.additions {
        line(&format!("addition {}", addition.name), &addition.state)?;
    }
    if !status.steps.is_empty() {
        let none = format!("none (ALTER ROLE [{ROLE}] ADD MEMBER [user];)");
        line("callers", &if status.callers.is_empty() { none } else { status.callers.join(", ") })?;
    }
    for (property, value) in &status.library {
        line(&format!("library says {property}"), value)?;
    }
    for warning in &status.warnings {
        writeln!(out, "warning: {}\n    {}", warning.what, warning.mend)?;
    }
    for lack in &status.missing {
        writeln!(out, "missing: {}\n    {}", lack.what, lack.mend)?;
    }
    Ok(())
}
