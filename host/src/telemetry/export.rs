//! The way of spans out of the process: OTLP over HTTP, in batches, from a
//! thread of its own.

use std::{
    env,
    error::Error,
    fmt,
    pin::Pin,
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};

use crate::http;

/// Where traces go: the address for them alone, and the base of that of every
/// signal.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// How long one export may take, in milliseconds.
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];

/// In what form they are sent.
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];

/// The one that is spoken here.
const PROTOCOL: &str = "http/protobuf";

/// Of an export where nobody says otherwise, as OpenTelemetry has it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long the end of a host waits for a collector that does not answer.
const FLUSH_TIME: Duration = Duration::from_secs(2);

/// Bytes of an answer. A collector says little; what is at its address may be
/// something else.
const MAX_ANSWER_BYTES: usize = 1 << 16;

/// Of this process, like the variables that it is made of.
static EXPORT: OnceLock<Option<Export>> = OnceLock::new();

struct Export {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// Begins to export what the environment asks for, and says what is wrong with
/// that. Nothing is started where it asks for nothing.
pub fn start() {
    tracer();
}

pub(super) fn tracer() -> Option<&'static SdkTracer> {
    export().map(|it| &it.tracer)
}

/// Sends what was not sent yet, if the collector takes it within a moment.
pub async fn flush() {
    if EXPORT.get().is_some_and(Option::is_some) {
        let _ = tokio::task::spawn_blocking(finish).await;
    }
}

/// The same at the end of a process, where nobody minds who waits.
pub fn finish() {
    let Some(Some(export)) = EXPORT.get() else { return };
    let (done, is_done) = mpsc::channel();
    // Left behind where it takes too long.
    thread::spawn(move || done.send(export.provider.force_flush().is_ok()));
    if is_done.recv_timeout(FLUSH_TIME) != Ok(true) {
        tracing::warn!("the last spans were not exported");
    }
}

fn export() -> Option<&'static Export> {
    EXPORT.get_or_init(from_environment).as_ref()
}

fn from_environment() -> Option<Export> {
    if !is_wanted() {
        return None;
    }
    let made = exporter().map(|exporter| {
        let provider = SdkTracerProvider::builder();
        let provider = provider.with_resource(resource()).with_batch_exporter(exporter).build();
        let tracer = provider.tracer("hermitage");
        Export { provider, tracer }
    });
    made.inspect_err(|err| tracing::warn!(%err, "no spans are exported")).ok()
}

/// Whether the environment says where spans go, and not that there are none.
fn is_wanted() -> bool {
    let says = |name: &str, word: &str| said(name).is_some_and(|it| it.eq_ignore_ascii_case(word));
    first(ENDPOINTS).is_some()
        && !says("OTEL_SDK_DISABLED", "true")
        && !says("OTEL_TRACES_EXPORTER", "none")
}

/// A variable that is empty counts as none.
fn said(name: &str) -> Option<String> {
    env::var(name).ok().filter(|it| !it.trim().is_empty())
}

/// The first of them that is set.
fn first(names: [&str; 2]) -> Option<String> {
    names.into_iter().find_map(said)
}

fn exporter() -> Result<SpanExporter, HttpError> {
    if let Some(other) = first(PROTOCOLS).filter(|it| it != PROTOCOL) {
        return Err(format!("`{other}` is not spoken: set {} to `{PROTOCOL}`", PROTOCOLS[1]).into());
    }
    let timeout = first(TIMEOUTS).and_then(|it| it.parse().ok()).map(Duration::from_millis);
    let client = Client::new(timeout.unwrap_or(TIMEOUT))?;
    let builder = SpanExporter::builder().with_http();
    let builder = builder.with_protocol(Protocol::HttpBinary).with_http_client(client);
    Ok(builder.build()?)
}

/// Who sends them: what the environment says, which comes last and wins.
fn resource() -> Resource {
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let named = Resource::builder_empty().with_service_name("hermitage").with_attribute(version);
    let env = opentelemetry_sdk::resource::EnvResourceDetector::new();
    let resource = named
        .with_detector(Box::new(opentelemetry_sdk::resource::TelemetryResourceDetector))
        .with_detector(Box::new(env));
    match said("OTEL_SERVICE_NAME") {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    }
}

/// The host's own HTTP client, on the thread that exports. That has a runtime
/// of its own: spans of a host that ends are sent while its runtime does.
struct Client {
    http: reqwest::Client,
    runtime: OnceLock<tokio::runtime::Runtime>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    fn new(timeout: Duration) -> Result<Self, HttpError> {
        let is_tls = first(ENDPOINTS).is_some_and(|it| it.starts_with("https:"));
        let builder = if is_tls { http::client_builder()? } else { http::plain_client_builder()? };
        Ok(Self { http: builder.timeout(timeout).build()?, runtime: OnceLock::new() })
    }

    fn runtime(&self) -> Result<&tokio::runtime::Runtime, HttpError> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let made = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(self.runtime.get_or_init(|| made))
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // An address may have a password in it.
        let sent = self.http.execute(request.try_into()?).await;
        let mut answer = sent.map_err(reqwest::Error::without_url)?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            if MAX_ANSWER_BYTES < body.len().saturating_add(piece.len()) {
                return Err(format!("an answer of more than {MAX_ANSWER_BYTES} bytes").into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(response.body(body.into())?)
    }
}

impl HttpClient for Client {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        // The thread that exports does nothing else, and is of no runtime.
        let sent = self.runtime().and_then(|it| it.block_on(self.send(request)));
        match &sent {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => tracing::warn!(status = %answer.status(), "spans were not taken"),
            Err(err) => tracing::warn!(why = %first_cause(&**err), "spans could not be sent"),
        }
        Box::pin(std::future::ready(sent))
    }
}

/// What is behind "error sending request".
fn first_cause<'a>(err: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    err.source().map_or(err, first_cause)
}
