//! `wasi:http` over the host's web client: what a component asks for in that
//! way is a request like any other of its plugin.
//!
//! Redirects are not followed: the library in the component does that, and
//! each is a request of its own. What the component sets of times is not
//! looked at, since the host has its own.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use reqwest::header::{HeaderName, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView,
    WasiHttpHooks,
};

use crate::{
    sandbox::{
        port::ToolPort,
        record::{Level, Record},
    },
    tools::web::{Outgoing, OutgoingAnswer, OutgoingRequest, WebConfig},
    toolset::ToolError,
};

/// State of `wasi:http` of one cell, made when it is first used.
#[derive(Default)]
pub(in crate::sandbox) struct WasiHttp(Option<Box<Made>>);

struct Made {
    context: WasiHttpCtx,
    hooks: Hooks,
}

impl WasiHttp {
    /// What the library works on; made when it is first asked for.
    pub(in crate::sandbox) fn view<'a>(
        &'a mut self,
        table: &'a mut ResourceTable,
        outgoing: Option<&Arc<Outgoing>>,
        port: &ToolPort,
        record: &Arc<Record>,
    ) -> WasiHttpCtxView<'a> {
        let made = || Box::new(Made::new(outgoing.cloned(), port.clone(), record));
        let Made { context, hooks } = &mut **self.0.get_or_insert_with(made);
        WasiHttpCtxView { hooks, table, ctx: context }
    }
}

impl Made {
    fn new(outgoing: Option<Arc<Outgoing>>, port: ToolPort, record: &Arc<Record>) -> Self {
        let mut context = WasiHttpCtx::new();
        let config = outgoing.as_deref().map(Outgoing::config);
        let at_once = config.map_or(0, |it| it.max_requests_at_once);
        let at_once = usize::try_from(at_once).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        if let Some(config) = config {
            context.set_field_size_limit(field_bytes(config.max_header_bytes));
        }
        let (at_once, record) = (Arc::new(Semaphore::new(at_once)), Arc::clone(record));
        Self { context, hooks: Hooks { outgoing, port, record, at_once } }
    }
}

/// Headers as they lie in memory, which takes more than on the wire: of a
/// request, and of an answer, which may have more of them.
fn field_bytes(max_header_bytes: u64) -> usize {
    const LEAST: usize = 128 << 10;
    usize::try_from(max_header_bytes.saturating_mul(4)).unwrap_or(usize::MAX).max(LEAST)
}

/// What happens to a request.
struct Hooks {
    outgoing: Option<Arc<Outgoing>>,
    port: ToolPort,
    record: Arc<Record>,
    /// A permit for each request that is under way, or whose answer is held.
    at_once: Arc<Semaphore>,
}

type Sent = (http::Response<WasiBody>, Background);
type Background = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        let outgoing = self.outgoing.clone();
        Arc::new(move |name| outgoing.as_ref().is_none_or(|it| it.sets(name.as_str())))
    }

    /// The host's web client says it.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Background,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let Some(outgoing) = self.outgoing.clone() else {
            return Box::new(std::future::ready(Err(Error::HttpRequestDenied)));
        };
        let Ok(permit) = Arc::clone(&self.at_once).try_acquire_owned() else {
            return Box::new(std::future::ready(Err(Error::ConnectionLimitReached)));
        };
        let WebConfig { max_body_bytes, max_page_bytes, .. } = *outgoing.config();
        let (record, max_bytes) = (Arc::clone(&self.record), max_body_bytes.min(max_page_bytes));
        // Whoever drops this wants no answer any more.
        let mut caller = self.port.caller.clone();
        caller.cancelled = caller.cancelled.child_token();
        let wanted = caller.cancelled.clone().drop_guard();
        let work = self.port.spawn(async move {
            let request = collected(request, outgoing.config().max_request_bytes);
            let request = tokio::select! {
                () = caller.cancelled.cancelled() => return Err(Failure::Tool(ToolError::Interrupted)),
                request = request => request?,
            };
            Ok(outgoing.send(request, &caller).await?)
        });
        Box::new(work.map(move |answer| {
            let _wanted = wanted;
            match answer {
                Ok(answer) => Ok((response(answer, max_bytes, permit)?, nothing_more())),
                Err(failure) => Err(failure.told(&record)),
            }
        }))
    }
}

/// All of an answer is there.
fn nothing_more() -> Background {
    Box::new(std::future::ready(Ok(())))
}

/// Why there is no answer.
enum Failure {
    Tool(ToolError),
    Body(Error),
}

impl From<ToolError> for Failure {
    fn from(error: ToolError) -> Self {
        Self::Tool(error)
    }
}

impl Failure {
    /// In the words of `wasi:http`, which has none for a reason: that is in
    /// the log of the plugin.
    fn told(self, record: &Record) -> Error {
        let error = match self {
            Self::Body(error) => return error,
            Self::Tool(error) => error,
        };
        record.log(Level::Warn, format!("a request was not sent, or not answered: {error}"));
        match error {
            ToolError::Denied(_) => Error::HttpRequestDenied,
            ToolError::InvalidArguments(it) | ToolError::Failed(it) | ToolError::Exhausted(it) => {
                Error::InternalError(Some(it))
            }
            ToolError::Interrupted | ToolError::TimedOut => Error::ConnectionTerminated,
        }
    }
}

/// The request as a whole: its body may come piece by piece.
async fn collected(
    request: http::Request<WasiBody>,
    max_bytes: u64,
) -> Result<OutgoingRequest, Failure> {
    let (parts, body) = request.into_parts();
    let most = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let body = Limited::new(body, most).collect().await.map_err(|error| {
        Failure::Body(match error.downcast::<Error>() {
            Ok(own) => *own,
            Err(it) if it.is::<LengthLimitError>() => Error::HttpRequestBodySize(Some(max_bytes)),
            Err(_) => Error::HttpProtocolError,
        })
    })?;
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), value.as_bytes().to_vec())
    };
    Ok(OutgoingRequest {
        method: parts.method.to_string(),
        url: parts.uri.to_string(),
        headers: parts.headers.iter().map(header).collect(),
        body: body.to_bytes().into(),
        follow: false,
    })
}

fn response(
    answer: OutgoingAnswer,
    max_bytes: u64,
    permit: OwnedSemaphorePermit,
) -> Result<http::Response<WasiBody>, Error> {
    let OutgoingAnswer { status, headers, body, truncated } = answer;
    let mut res = http::Response::builder().status(status);
    for (name, value) in headers {
        res = res.header(name, value);
    }
    let cut = truncated.then_some(Error::HttpResponseBodySize(Some(max_bytes)));
    let body = Held { body: Some(body.into()), cut, _permit: permit };
    res.body(body.boxed_unsync()).map_err(|_| Error::HttpProtocolError)
}

/// An answer's body, which counts as long as it is held. Of one that was cut,
/// the end is an error.
struct Held {
    body: Option<Bytes>,
    cut: Option<Error>,
    _permit: OwnedSemaphorePermit,
}

impl Body for Held {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let body = this.body.take().filter(|it| !it.is_empty()).map(|it| Ok(Frame::data(it)));
        Poll::Ready(body.or_else(|| this.cut.take().map(Err)))
    }
}
