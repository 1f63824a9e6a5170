//! The command's log: silent, unless the environment asks for lines on standard error or for traces.

use std::io::{IsTerminal, stderr};

use anyhow::{Context, Result, bail};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::traces::Traces;

/// Log level: `off`, `error`, `warn`, `info` (steps with their times), `debug` (statements), `trace`.
const LEVEL: &str = "HART_LOG";
/// Format: `text`, or `json` for one object per line.
const FORMAT: &str = "HART_LOG_FORMAT";
/// Destination of traces: OpenTelemetry's standard variables; the library reads the others itself.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

/// The running log and trace exporter.
pub struct Log {
    traces: Option<Traces>,
}

impl Log {
    /// Starts the logging that the environment asks for.
    pub fn start() -> Result<Log> {
        let level = match set(LEVEL) {
            None => LevelFilter::OFF,
            Some(level) => match level.parse() {
                Ok(level) => level,
                Err(_) => bail!("{LEVEL} is '{level}'; expected off, error, warn, info, debug or trace"),
            },
        };
        let mut layers = Layers::new();
        if level > LevelFilter::OFF {
            let layer = fmt::layer().with_writer(stderr).with_target(false).with_span_events(FmtSpan::CLOSE);
            layers.push(match set(FORMAT).as_deref() {
                None | Some("text") => {
                    layer.with_ansi(stderr().is_terminal()).with_filter(own(level)).boxed()
                }
                Some("json") => layer.json().with_filter(own(level)).boxed(),
                Some(other) => bail!("{FORMAT} is '{other}'; expected text or json"),
            });
        }
        let traces = match ENDPOINTS.into_iter().find(|name| set(name).is_some()) {
            None => None,
            Some(variable) => {
                Some(Traces::start().with_context(|| format!("{variable}: traces cannot be sent"))?)
            }
        };
        if let Some(traces) = &traces {
            layers.extend(traces.layers(own(level.max(LevelFilter::INFO))));
        }
        if !layers.is_empty() {
            tracing_subscriber::registry().with(layers).init();
        }
        Ok(Log { traces })
    }

    /// Sends what is still pending.
    pub fn finish(self) {
        if let Some(Err(error)) = self.traces.map(Traces::finish) {
            eprintln!("hart: traces were not sent: {error}");
        }
    }
}

/// Only this project's messages: those of other crates about a login may contain its secret.
fn own(level: LevelFilter) -> Targets {
    Targets::new().with_target("hart", level)
}

fn set(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

/// The beginning of a statement, on one line: enough to identify it, and without the library's bytes.
pub fn beginning(sql: &str) -> String {
    const LONGEST: usize = 100;
    let mut words = sql.split_whitespace().flat_map(|word| [" ", word]).skip(1).flat_map(str::chars);
    let text: String = words.by_ref().take(LONGEST).collect();
    if words.next().is_some() { text + "…" } else { text }
}
