//! The steps of the command as traces, sent to a collector by OTLP over HTTP.

use std::io::stderr;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry, fmt};

/// Service name in traces.
const SERVICE: &str = "OTEL_SERVICE_NAME";
/// How long the command waits at its end for a collector that does not answer.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Maximum bytes read of a collector's answer.
const LARGEST_ANSWER: u64 = 1 << 20;

/// The running exporter.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts it as OpenTelemetry's standard variables say.
    pub fn start() -> Result<Traces> {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let client = Client(ureq::Agent::new_with_config(config));
        let exporter = SpanExporter::builder().with_http().with_http_client(client).build()?;
        let mut resource = Resource::builder();
        if std::env::var_os(SERVICE).is_none_or(|name| name.is_empty()) {
            resource = resource.with_service_name("hart");
        }
        let provider = SdkTracerProvider::builder().with_resource(resource.build());
        Ok(Traces(provider.with_batch_exporter(exporter).build()))
    }

    /// What takes these steps, and the exporter's own messages, such as that a collector did not answer.
    pub fn layers(&self, steps: Targets) -> Vec<Box<dyn Layer<Registry> + Send + Sync>> {
        let sent = tracing_opentelemetry::layer().with_tracer(self.0.tracer("hart"));
        let complaints = fmt::layer().with_writer(stderr).with_ansi(false).without_time();
        let filter = Targets::new().with_target("opentelemetry", LevelFilter::WARN);
        vec![sent.with_filter(steps).boxed(), complaints.with_filter(filter).boxed()]
    }

    /// Sends what is still pending.
    pub fn finish(self) -> Result<()> {
        Ok(self.0.shutdown_with_timeout(LONGEST_WAIT)?)
    }
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
