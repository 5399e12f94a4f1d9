//! Interfaces `http` and `settings`, which tool plugins alone import.

use super::{
    cell::Cell,
    function::{Answer, Entry, Function, Linkable},
    wit::http::{Request, Response},
};
use crate::{
    tools::web::{OutgoingAnswer, OutgoingRequest},
    toolset::ToolError,
};

pub(super) static FUNCTIONS: &[Entry] = &[Entry::of::<Fetch>(), Entry::of::<Get>()];

/// Sends a request; redirects are followed, each as the first address was.
struct Fetch;

impl Function for Fetch {
    const INTERFACE: &'static str = "hermitage:subagent/http@0.1.0";
    const NAME: &'static str = "fetch";
    type Params = (Request,);
    type Results = Answer<Response>;

    fn refusal(error: ToolError) -> Option<Self::Results> {
        Some((Err(error.into()),))
    }
}

impl Linkable for Fetch {
    async fn call(cell: &mut Cell, (request,): Self::Params) -> wasmtime::Result<Self::Results> {
        Ok((cell.fetch(of_guest(request)).await.map(for_guest).map_err(Into::into),))
    }
}

struct Get;

impl Function for Get {
    const INTERFACE: &'static str = "hermitage:subagent/settings@0.1.0";
    const NAME: &'static str = "get";
    type Params = (String,);
    type Results = (Option<String>,);

    fn refusal(_: ToolError) -> Option<Self::Results> {
        Some((None,))
    }
}

impl Linkable for Get {
    async fn call(cell: &mut Cell, (key,): Self::Params) -> wasmtime::Result<Self::Results> {
        Ok((cell.given.settings.get(&key).cloned(),))
    }
}

fn of_guest(it: Request) -> OutgoingRequest {
    let Request { method, url, headers, body } = it;
    let headers = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    OutgoingRequest { method, url, headers, body, follow: true }
}

/// A value that is no UTF-8 has a mark in each place of what is none.
fn for_guest(it: OutgoingAnswer) -> Response {
    let OutgoingAnswer { status, headers, body, truncated } = it;
    let text = |it: Vec<u8>| String::from_utf8_lossy(&it).into_owned();
    let headers = headers.into_iter().map(|(name, value)| (name, text(value))).collect();
    Response { status, headers, body, truncated }
}
