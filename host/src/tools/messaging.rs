//! `send_message`: a message to another session, which gets it as an event of
//! the queue that completions come by.
//!
//! Who sends is the caller's session and never taken from a call. The text
//! waits for its reader as long as it takes, and is told as data
//! (`completion::text`).

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OpenError, Opened, Opening, Toolset};
use crate::{
    completion::{
        Queue,
        queue::QueueError,
        sanitize::{clean, is_blank},
        text::{MESSAGE, Message},
    },
    id::Random,
    session::Session,
    toolset::{Caller, HeldBy, Output, Tool, ToolError, registry::Declaration, tool::texts},
};

/// Bytes of a message. What is longer belongs in a file, whose name the
/// message can tell; and what is queued is kept until somebody reads it.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// How the sender is named that has no session key.
const LOCAL: &str = "local";

/// Sends a message to another session, which gets it as a turn of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// Key of the session: `agent:<profile>:<platform>:<chat_type>:<chat_id>`.
    pub session_key: String,
    /// The message.
    pub text: String,
}

/// A message that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sent {
    /// Number of the event on the queue.
    pub event: i64,
}

impl Tool for SendMessage {
    const NAME: &'static str = "send_message";
    const HELD_BY: HeldBy = HeldBy::Parent;
    type Host = MessagingTool;
    type Output = Sent;

    fn bytes(&self) -> u64 {
        texts([Some(&self.session_key), Some(&self.text)])
    }

    fn subject(&self) -> &str {
        &self.session_key
    }

    async fn call(self, host: &MessagingTool, caller: &Caller) -> Result<Sent, ToolError> {
        Ok(Sent { event: host.call(caller, self).await? })
    }
}

impl Output for Sent {
    fn bytes(&self) -> u64 {
        0
    }
}

/// Messages to other sessions. Blocked for every child.
pub(super) struct Messaging;

impl Toolset for Messaging {
    const NAME: &'static str = "messaging";
    type Host = MessagingTool;
    const TOOLS: &'static [Declaration<MessagingTool>] = &[Declaration::of::<SendMessage>()];

    async fn open(opening: &Opening<'_>) -> Result<Opened<MessagingTool>, OpenError> {
        let (queue, random) = (opening.queue.clone(), Arc::clone(opening.random));
        Ok(Opened::Whole(MessagingTool::new(queue, random)))
    }
}

/// Sends messages by one queue. Clones share it.
#[derive(Clone)]
pub struct MessagingTool {
    queue: Queue,
    random: Arc<dyn Random>,
}

impl MessagingTool {
    /// Sends by that queue. Random bytes tell one message from the next.
    pub fn new(queue: Queue, random: Arc<dyn Random>) -> Self {
        Self { queue, random }
    }

    /// Queues a message, durable when this returns, and gives the number of
    /// its event.
    ///
    /// # Errors
    ///
    /// A key of no session, or of the caller's own, which would wake itself
    /// for ever; a text that is blank or too long; and a store that fails.
    pub async fn call(&self, caller: &Caller, call: SendMessage) -> Result<i64, ToolError> {
        let to = recipient(&call.session_key, &caller.session)?;
        let message = Message { from: sender(&caller.session), text: text(&call.text)? };
        let body = serde_json::json!({ "from": message.from, "text": message.text });
        let queued = self.queue.push(MESSAGE, &self.identity(), &to, &body).await;
        let event = queued.map_err(|error| not_sent(&error))?;
        let event = event.and_then(|it| i64::try_from(it.0).ok());
        event.ok_or_else(|| ToolError::Failed("the message was not sent: try again".to_owned()))
    }

    fn identity(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        format!("msg_{:032x}", u128::from_be_bytes(bytes))
    }
}

impl std::fmt::Debug for MessagingTool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessagingTool").field("queue", &self.queue).finish_non_exhaustive()
    }
}

fn recipient(key: &str, own: &Session) -> Result<Session, ToolError> {
    let problem = |problem: String| {
        ToolError::InvalidArguments(format!(
            "{problem}; `session_key` is `agent:PROFILE:PLATFORM:CHAT_TYPE:CHAT_ID`, with \
             `:THREAD_ID` where there is one"
        ))
    };
    match key.parse::<Session>() {
        Ok(Session::Local) => Err(problem("`session_key` is empty".to_owned())),
        Ok(session) if session == *own => {
            Err(problem("`session_key` is the session that sends".to_owned()))
        }
        Ok(session) => Ok(session),
        Err(error) => Err(problem(match error.meant() {
            Some(meant) => format!("{error}: is `{meant}` meant?"),
            None => error.to_string(),
        })),
    }
}

fn sender(session: &Session) -> String {
    match session {
        Session::Local => LOCAL.to_owned(),
        chat => chat.to_string(),
    }
}

fn text(given: &str) -> Result<String, ToolError> {
    let problem = match given.len() {
        bytes if bytes > MAX_TEXT_BYTES => {
            format!("`text` has {bytes} bytes: a message has at most {MAX_TEXT_BYTES}")
        }
        _ if is_blank(given) => "`text` has nothing to read in it".to_owned(),
        _ => return Ok(clean(given).trim().to_owned()),
    };
    Err(ToolError::InvalidArguments(problem))
}

/// In words that name no file of this machine.
fn not_sent(error: &QueueError) -> ToolError {
    tracing::error!(%error, "a message was not queued");
    ToolError::Failed("the message was not sent: the store of this host failed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::SystemClock,
        completion::{
            QueueConfig,
            text::{Notice, parse, render_other},
        },
        id::OsRandom,
        store::{EventBody, EventFilter, Store},
    };

    const TO: &str = "agent:main:telegram:dm:12345:678";

    const ALL: EventFilter = EventFilter { session: None, state: None, limit: 10 };

    fn tool() -> (MessagingTool, Queue) {
        let store = Store::memory(&OsRandom);
        let queue = Queue::new(store, Arc::new(SystemClock), QueueConfig::default());
        (MessagingTool::new(queue.clone(), Arc::new(OsRandom)), queue)
    }

    async fn send(from: &str, to: &str, text: &str) -> (Result<i64, ToolError>, Queue) {
        let (tool, queue) = tool();
        let caller = Caller::of("parent", from.parse().unwrap());
        let call = SendMessage { session_key: to.to_owned(), text: text.to_owned() };
        (tool.call(&caller, call).await, queue)
    }

    #[tokio::test]
    async fn a_message_is_an_event_of_the_other_session() {
        for (from, sender) in [("", "local"), ("agent:main:cli:dm:1", "agent:main:cli:dm:1")] {
            let (res, queue) = send(from, TO, " Tests pass.\r\nShip it?\u{1b}[31m\n").await;
            let events = queue.list(ALL).await.unwrap();
            let [event] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!(res, Ok(i64::try_from(event.id.0).unwrap()));
            assert_eq!(
                (&*event.event.kind, event.event.session.to_string()),
                ("message", TO.into())
            );
            let EventBody::Other(json) = &event.event.body else { panic!("{events:?}") };
            let text = render_other(&event.event.kind, json);
            let message = Message { from: sender.into(), text: "Tests pass.\nShip it?".into() };
            assert_eq!(parse(&text), Ok(Notice::Message(message)));
        }
    }

    #[tokio::test]
    async fn the_same_message_twice_is_two_messages() {
        let (tool, queue) = tool();
        let caller = Caller::of("parent", Session::Local);
        let call = SendMessage { session_key: TO.to_owned(), text: "again".to_owned() };
        let first = tool.call(&caller, call.clone()).await.unwrap();
        assert!(first < tool.call(&caller, call).await.unwrap());
        assert_eq!(queue.list(ALL).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn what_is_no_message_is_refused() {
        let form = "; `session_key` is `agent:PROFILE:PLATFORM:CHAT_TYPE:CHAT_ID`, with \
                    `:THREAD_ID` where there is one";
        let huge = "x".repeat(10 << 20);
        for (to, text, expect) in [
            ("", "x", format!("`session_key` is empty{form}")),
            ("agent:a:b:c:d", "x", format!("`session_key` is the session that sends{form}")),
            (
                "telegram:\u{1b}1",
                "x",
                format!(
                    "`telegram:\\u{{1b}}1` is no session key: it does not begin with `agent:`{form}"
                ),
            ),
            (
                "agent:a:matrix:group:!room:server",
                "x",
                format!(
                    "`agent:a:matrix:group:!room:server` is no session key: its last two parts \
                     look like one id that was cut at its colon: is \
                     `agent:a:matrix:group:!room%3Aserver` meant?{form}"
                ),
            ),
            (TO, "\u{200b}\u{1b}[31m\n", "`text` has nothing to read in it".to_owned()),
            (TO, &huge, "`text` has 10485760 bytes: a message has at most 16384".to_owned()),
        ] {
            let (res, queue) = send("agent:a:b:c:d", to, text).await;
            assert_eq!(res, Err(ToolError::InvalidArguments(expect)));
            assert!(queue.list(ALL).await.unwrap().is_empty());
        }
    }
}
