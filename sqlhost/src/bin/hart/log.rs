//! What the command tells of its work on standard error: nothing, unless `HART_LOG` asks.

use std::io::{IsTerminal, stderr};

use anyhow::{Result, bail};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;

/// How much is told: `off`, `error`, `warn`, `info` (steps with their times), `debug` (statements), `trace`.
const LEVEL: &str = "HART_LOG";
/// How: `text`, or `json` for one object a line.
const FORMAT: &str = "HART_LOG_FORMAT";

/// Starts telling what the environment asks for.
pub fn start() -> Result<()> {
    let Some(level) = set(LEVEL) else { return Ok(()) };
    let Ok(level) = level.parse::<LevelFilter>() else {
        bail!("{LEVEL} is '{level}'; expected off, error, warn, info, debug or trace");
    };
    // Only what this project tells: what others say of a login may hold its secret.
    let filter = Targets::new().with_target("hart", level);
    let layer = fmt::layer().with_writer(stderr).with_target(false).with_span_events(FmtSpan::CLOSE);
    let registry = tracing_subscriber::registry();
    match set(FORMAT).as_deref() {
        None | Some("text") => {
            registry.with(layer.with_ansi(stderr().is_terminal()).with_filter(filter)).init();
        }
        Some("json") => registry.with(layer.json().with_filter(filter)).init(),
        Some(other) => bail!("{FORMAT} is '{other}'; expected text or json"),
    }
    Ok(())
}

fn set(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

/// The beginning of a statement, in one line: enough to know it by, and without the library's bytes.
pub fn beginning(sql: &str) -> String {
    const LONGEST: usize = 100;
    let mut words = sql.split_whitespace().flat_map(|word| [" ", word]).skip(1).flat_map(str::chars);
    let text: String = words.by_ref().take(LONGEST).collect();
    if words.next().is_some() { text + "…" } else { text }
}
