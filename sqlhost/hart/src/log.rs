//! The command's log: silent, unless the environment asks for lines on standard error or for traces.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, Registry, fmt};

/// Log level: `off`, `error`, `warn`, `info` (steps with their times), `debug` (statements), `trace`.
const LEVEL: &str = "HART_LOG";
/// Format: `text`, or `json` for one object per line.
const FORMAT: &str = "HART_LOG_FORMAT";
/// Destination of traces: OpenTelemetry's standard variables; the library reads the others itself.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// Service name in traces.
const SERVICE: &str = "OTEL_SERVICE_NAME";
/// How long the command waits at its end for a collector that does not answer.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Maximum bytes read of a collector's answer.
const LARGEST_ANSWER: u64 = 1 << 20;

type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

/// The running log and trace exporter.
pub struct Log {
    traces: Option<SdkTracerProvider>,
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
            Some(variable) => Some(traces().with_context(|| format!("{variable}: traces cannot be sent"))?),
        };
        if let Some(provider) = &traces {
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("hart"));
            layers.push(layer.with_filter(own(level.max(LevelFilter::INFO))).boxed());
            // The exporter's own messages, such as that a collector did not answer.
            let complaints = fmt::layer().with_writer(stderr).with_ansi(false).without_time();
            let filter = Targets::new().with_target("opentelemetry", LevelFilter::WARN);
            layers.push(complaints.with_filter(filter).boxed());
        }
        if !layers.is_empty() {
            tracing_subscriber::registry().with(layers).init();
        }
        Ok(Log { traces })
    }

    /// Sends what is still pending.
    pub fn finish(self) {
        if let Some(Err(error)) = self.traces.map(|provider| provider.shutdown_with_timeout(LONGEST_WAIT)) {
            eprintln!("hart: traces were not sent: {error}");
        }
    }
}

/// Only this project's messages: those of other crates about a login may contain its secret.
fn own(level: LevelFilter) -> Targets {
    Targets::new().with_target("hart", level)
}

fn traces() -> Result<SdkTracerProvider> {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let client = Client(ureq::Agent::new_with_config(config));
    let exporter = SpanExporter::builder().with_http().with_http_client(client).build()?;
    let mut resource = Resource::builder();
    if set(SERVICE).is_none() {
        resource = resource.with_service_name("hart");
    }
    Ok(SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build())
}

/// The exporter's HTTP client.
#[derive(Debug)]
struct Client(ureq::Agent);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, mut body) = self.0.run(request.map(|body| body.to_vec()))?.into_parts();
        let body = body.with_config().limit(LARGEST_ANSWER).read_to_vec()?;
        Ok(Response::from_parts(parts, body.into()))
    }
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
