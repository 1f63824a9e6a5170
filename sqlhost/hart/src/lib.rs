//! `hart`: the kernels without SQL Server, behind the same library that SQL Server loads, and its installation there.

mod best;
mod call;
mod catalogue;
mod data;
pub mod docs;
mod engine;
mod fault;
mod feed;
#[doc(hidden)]
pub mod fuzzing;
mod id;
mod input;
mod log;
mod memory;
pub mod model;
mod partition;
mod plot;
mod progress;
mod remarks;
mod run;
mod search;
mod server;
mod spatial;
mod tensor;
#[cfg_attr(not(feature = "otlp"), path = "no_traces.rs")]
mod traces;
pub mod tsql;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use hart_sqlhost::local::LocalError;

/// Vector kernels for SQL Server: run them on files or on a query's rows, look them up, install them.
///
/// Kernels run in the library that SQL Server loads as an external language, through the same calls, so what works
/// here works there. Only deploy, upgrade, undeploy, status, verify and the option --query talk to a server.
#[derive(Parser)]
#[command(name = "hart", version, max_term_width = 100, arg_required_else_help = true, after_help = ENVIRONMENT)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const ENVIRONMENT: &str = "HART_LOG=info (error, warn, debug, trace) tells the steps on standard error, \
    OTEL_EXPORTER_OTLP_ENDPOINT sends them to a collector, if hart was built with --features otlp.";

#[derive(Subcommand)]
enum Command {
    /// List the kernels
    List(catalogue::ListOptions),
    /// Describe a kernel: columns, parameters, results, accuracy, example
    Describe(catalogue::DescribeOptions),
    /// Run a kernel on the rows of a file or of a query
    Run(run::RunOptions),
    /// Find the rows of a file or of a query nearest to one of them
    Search(search::SearchOptions),
    /// Project the vectors of a file to points in space, with a picture of them
    Project(spatial::project::ProjectOptions),
    /// Measure how many true neighbours a search through space keeps
    Recall(spatial::recall::RecallOptions),
    /// Take model files apart into atoms and coefficients, rebuild and compare them
    #[command(subcommand, arg_required_else_help = true)]
    Tensor(tensor::Command),
    /// Make the archives that a server takes, with checksums
    Package(server::PackageOptions),
    /// Write the whole installation as one file for sqlcmd
    Script(server::ScriptOptions),
    /// Install in a database, or upgrade; may be repeated
    Deploy(server::DeployOptions),
    /// The same as deploy, where something is installed, and only there
    Upgrade(server::DeployOptions),
    /// Remove everything that deploy installed
    Undeploy(server::UndeployOptions),
    /// Say what a server and a database have, and what mends what they lack
    Status(server::StatusOptions),
    /// Run every wrapper's example and the application's scenarios on a server
    Verify(server::VerifyOptions),
    /// Write or check the generated documentation
    #[command(hide = true)]
    Docs {
        /// Folder of the documentation
        #[arg(default_value = "docs")]
        folder: PathBuf,
        /// Only compare; fail where a file differs
        #[arg(long)]
        check: bool,
    },
    /// Write or check the generated T-SQL
    #[command(hide = true)]
    Sql {
        /// Folder of the generated files; other .sql files in it are removed
        #[arg(default_value = "sql/generated")]
        folder: PathBuf,
        /// Only compare; fail where a file differs, is missing or should not be there
        #[arg(long)]
        check: bool,
    },
}

/// Runs the command with the arguments of this process.
pub fn main() -> ExitCode {
    fault::quiet();
    let matches = Arguments::command().get_matches();
    let name = matches.subcommand_name().unwrap_or_default();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let log = match log::Log::start() {
        Ok(log) => log,
        Err(error) => {
            eprintln!("hart: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let result = {
        let _span = tracing::info_span!("hart", command = name).entered();
        let done = fault::caught(|| carry_out(arguments.command)).and_then(|result| result);
        done.inspect_err(|error| tracing::error!("{error:#}"))
    };
    data::forget_input();
    log.finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if data::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // The extension has already written its reason to stderr, as it does under SQL Server.
            let refused = |cause: &(dyn std::error::Error + 'static)| {
                matches!(cause.downcast_ref(), Some(LocalError::Refused(_)))
            };
            if !error.chain().any(refused) {
                eprintln!("hart: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(options) => catalogue::list(&options),
        Command::Describe(options) => catalogue::describe(&options),
        Command::Run(options) => run::run(options),
        Command::Search(options) => search::search(options),
        Command::Project(options) => spatial::project::project(&options),
        Command::Recall(options) => spatial::recall::recall(&options),
        Command::Tensor(command) => tensor::run(command),
        Command::Package(options) => server::package(options),
        Command::Script(options) => server::script(options),
        Command::Deploy(options) => server::deploy(options),
        Command::Upgrade(options) => server::upgrade(options),
        Command::Undeploy(options) => server::undeploy(options),
        Command::Status(options) => server::status(options),
        Command::Verify(options) => server::verify(options),
        Command::Docs { folder, check } => catalogue::docs(&folder, check),
        Command::Sql { folder, check } => catalogue::sql(&folder, check),
    }
}
