//! Messages over HTTP: each of the host's is a request of its own, by the client
//! that tool plugins use. So one rule allows the server's address and no other,
//! what it stands for is public unless it is that very address, a key is sent
//! there alone, and is cut out of all that comes back.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rmcp::{
    RoleClient,
    model::{ClientNotification, ErrorData, RequestId, ServerResult},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Place, Server,
    server::rule,
    transport::{MAX_MESSAGE_BYTES, MAX_MESSAGES, Why},
};
use crate::{
    secret::COMMAND_TIMEOUT,
    session::Session,
    tools::web::{Credential, Outgoing, OutgoingAnswer, OutgoingRequest, WebConfig, WebTools},
    toolset::Caller,
};

type Message = RxJsonRpcMessage<RoleClient>;

/// Messages that came and were not looked at yet. Whoever brings more waits.
const MAX_WAITING: usize = 64;

/// Bytes of what a server calls a session: it is sent with each request.
const MAX_SESSION_BYTES: usize = 512;

/// How long a server has to forget a session.
const FORGET_WITHIN: Duration = Duration::from_secs(5);

/// How much longer than a call its request may take.
const GIVE_UP_LATER: Duration = Duration::from_secs(5);

/// A connection to an address.
pub(super) struct Http {
    shared: Arc<Shared>,
    came: mpsc::Receiver<Message>,
    _end: DropGuard,
}

struct Shared {
    outgoing: Outgoing,
    url: String,
    agreed: Mutex<Agreed>,
    tell: mpsc::Sender<Message>,
    calls: Mutex<HashMap<RequestId, CancellationToken>>,
    ended: CancellationToken,
    why: Why,
}

/// What came of the first answer.
#[derive(Clone, Default)]
struct Agreed {
    session: Option<Vec<u8>>,
    version: Option<String>,
}

impl Http {
    /// Nothing is sent yet. The error is for the operator.
    pub(super) async fn new(
        server: &Server,
        url: &str,
        place: &Place,
        why: Why,
    ) -> Result<Self, String> {
        let rule = rule(url).map_err(|it| it.to_string())?;
        let mut credentials = Vec::new();
        if let Some(source) = &server.key {
            let key = source.read(COMMAND_TIMEOUT).await.map_err(|it| it.to_string())?;
            let key = SecretString::from(key.expose_secret());
            let credential = Credential::new("authorization", "Bearer {}", key, vec![rule.clone()]);
            credentials.push(credential.map_err(|it| it.to_string())?);
        }
        let bytes = u64::try_from(MAX_MESSAGE_BYTES).unwrap_or(u64::MAX);
        // A server may think before it answers, for as long as a call may take,
        // which ends it first.
        let time = server.timeout.saturating_add(GIVE_UP_LATER);
        let config = WebConfig {
            header_timeout: time,
            total_timeout: time,
            rate_window: time,
            max_body_bytes: bytes,
            max_page_bytes: bytes,
            ..place.web.clone()
        };
        let outgoing = Outgoing::new(&WebTools::new(config), vec![rule], credentials, Vec::new());
        let (tell, came) = mpsc::channel(MAX_WAITING);
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        let (agreed, calls) = (Mutex::default(), Mutex::default());
        let url = url.to_owned();
        let shared = Arc::new(Shared { outgoing, url, agreed, tell, calls, ended, why });
        Ok(Self { shared, came, _end: end })
    }
}

impl Transport<RoleClient> for Http {
    type Error = io::Error;

    /// Who sends does not wait for the answer, which comes by another way; but
    /// nothing is asked before the server knows that it may be.
    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move {
            let waits = match &item {
                TxJsonRpcMessage::<RoleClient>::Notification(it) => {
                    if let ClientNotification::CancelledNotification(it) = &it.notification {
                        shared.give_up(it.params.request_id.as_ref());
                    }
                    matches!(it.notification, ClientNotification::InitializedNotification(_))
                }
                _ => false,
            };
            let work = Arc::clone(&shared).deliver(item);
            match waits {
                true => work.await,
                false => drop(tokio::spawn(work)),
            }
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<Message> {
        tokio::select! {
            biased;
            () = self.shared.ended.cancelled() => None,
            message = self.came.recv() => message,
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        if shared.agreed().session.is_some() {
            tokio::spawn(async move {
                let forget = shared.send("DELETE", Vec::new(), CancellationToken::new());
                // It forgets by itself otherwise.
                let _ = timeout(FORGET_WITHIN, forget).await;
            });
        }
        Ok(())
    }
}

impl Shared {
    async fn deliver(self: Arc<Self>, item: TxJsonRpcMessage<RoleClient>) {
        let id = match &item {
            TxJsonRpcMessage::<RoleClient>::Request(it) => Some(it.id.clone()),
            _ => None,
        };
        let cancelled = self.ended.child_token();
        if let Some(id) = &id {
            self.calls().insert(id.clone(), cancelled.clone());
        }
        let came = match serde_json::to_vec(&item) {
            Ok(body) => self.post(body, cancelled).await,
            Err(error) => Err(error.to_string()),
        };
        let came = came.and_then(|came| match &id {
            Some(id) if !came.iter().any(|it| answers(it, id)) => {
                Err("the server did not answer".to_owned())
            }
            _ => Ok(came),
        });
        let came = came.unwrap_or_else(|text| {
            tracing::debug!(url = self.url, text, "an MCP server was not reached");
            let error = ErrorData::internal_error(text, None);
            id.iter().map(|id| Message::error(error.clone(), Some(id.clone()))).collect()
        });
        if let Some(id) = &id {
            self.calls().remove(id);
        }
        for message in came {
            if self.tell.send(message).await.is_err() {
                return;
            }
        }
    }

    async fn post(
        &self,
        body: Vec<u8>,
        cancelled: CancellationToken,
    ) -> Result<Vec<Message>, String> {
        let had_session = self.agreed().session.is_some();
        let answer = self.send("POST", body, cancelled).await?;
        if answer.status == 404 && had_session {
            let _ = self.why.set("it does not know this session any more".to_owned());
            self.ended.cancel();
        }
        if answer.truncated {
            let mib = MAX_MESSAGE_BYTES >> 20;
            return Err(format!("the server sent a message of more than {mib} MiB"));
        }
        let messages = messages(&answer);
        if messages.is_empty() && !(200..300).contains(&answer.status) {
            return Err(format!("the server answered with status {}", answer.status));
        }
        self.agree(&answer, &messages);
        Ok(messages)
    }

    async fn send(
        &self,
        method: &str,
        body: Vec<u8>,
        cancelled: CancellationToken,
    ) -> Result<OutgoingAnswer, String> {
        let Agreed { session, version } = self.agreed().clone();
        let text = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let mut headers = vec![text("accept", "application/json, text/event-stream")];
        if !body.is_empty() {
            headers.push(text("content-type", "application/json"));
        }
        headers.extend(version.map(|it| text("mcp-protocol-version", &it)));
        headers.extend(session.map(|it| ("mcp-session-id".to_owned(), it)));
        let (method, url) = (method.to_owned(), self.url.clone());
        let request = OutgoingRequest { method, url, headers, body, follow: false };
        let caller = Caller { cancelled, ..Caller::of("mcp", Session::Local) };
        self.outgoing.send(request, &caller).await.map_err(|it| it.to_string())
    }

    /// Keeps what the first answer says, for all later requests.
    fn agree(&self, answer: &OutgoingAnswer, messages: &[Message]) {
        let version = messages.iter().find_map(|it| match it {
            Message::Response(it) => match &it.result {
                ServerResult::InitializeResult(it) => Some(it.protocol_version.to_string()),
                _ => None,
            },
            _ => None,
        });
        let Some(version) = version else { return };
        let session = header(answer, "mcp-session-id").filter(|it| it.len() <= MAX_SESSION_BYTES);
        *self.agreed() = Agreed { session: session.map(<[u8]>::to_vec), version: Some(version) };
    }

    fn give_up(&self, id: Option<&RequestId>) {
        if let Some(call) = id.and_then(|it| self.calls().remove(it)) {
            call.cancel();
        }
    }

    // A panic while one of them is locked leaves nothing half done.
    fn agreed(&self) -> MutexGuard<'_, Agreed> {
        self.agreed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<RequestId, CancellationToken>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answers(message: &Message, id: &RequestId) -> bool {
    match message {
        Message::Response(it) => it.id == *id,
        Message::Error(it) => it.id.as_ref() == Some(id),
        _ => false,
    }
}

fn header<'a>(answer: &'a OutgoingAnswer, name: &str) -> Option<&'a [u8]> {
    answer.headers.iter().find(|it| it.0 == name).map(|it| it.1.as_slice())
}

/// What is in an answer: one message, or a stream of them that has ended.
fn messages(answer: &OutgoingAnswer) -> Vec<Message> {
    let is_stream =
        header(answer, "content-type").is_some_and(|it| it.starts_with(b"text/event-stream"));
    if !is_stream {
        return serde_json::from_slice(&answer.body).into_iter().collect();
    }
    let text = String::from_utf8_lossy(&answer.body).replace("\r\n", "\n");
    let data = |event: &str| {
        let lines = event.lines().filter_map(|it| it.strip_prefix("data:"));
        lines.map(|it| it.strip_prefix(' ').unwrap_or(it)).collect::<Vec<_>>().join("\n")
    };
    let read = text.split("\n\n").take(MAX_MESSAGES).map(data);
    read.filter_map(|it| serde_json::from_str(&it).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: &str, body: &str, expect: usize) {
        let headers = vec![("content-type".to_owned(), kind.as_bytes().to_vec())];
        let answer = OutgoingAnswer {
            status: 200,
            headers,
            body: body.as_bytes().to_vec(),
            truncated: false,
        };
        assert_eq!(messages(&answer).len(), expect, "{kind}: {body:?}");
    }

    #[test]
    fn an_answer_is_one_message_or_a_stream_of_them() {
        let one = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        check("application/json", one, 1);
        check("application/json; charset=utf-8", "<html>", 0);
        check("application/json", "", 0);
        let stream = "text/event-stream; charset=utf-8";
        check(stream, &format!("event: message\nid: 1\ndata: {one}\n\n"), 1);
        check(stream, &format!(": a comment\r\n\r\ndata:{one}\r\n\r\ndata: {one}\r\n\r\n"), 2);
        let (head, tail) = one.split_at(one.find(',').unwrap() + 1);
        check(stream, &format!("data: {head}\ndata: {tail}\n\n"), 1);
        check(stream, "data: no JSON\n\ndata\n\n", 0);
        check(stream, &format!("data: {one}\n\n").repeat(MAX_MESSAGES + 5), MAX_MESSAGES);
    }
}
