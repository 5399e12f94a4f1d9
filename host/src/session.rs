//! Sessions: who asked, and where a completion must go back to
//! (semantics.md §9).
//!
//! A key is parsed once, at the edge, and is a typed value inside the host:
//! it is captured when a delegation is dispatched and never read out of text
//! again. No key ever comes from a guest or a model.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::visible::is_visible;

/// Longest key that is taken. Keys are index columns of the store.
const MAX_KEY_BYTES: usize = 512;

/// What every key but the empty one begins with.
const SCHEME: &str = "agent";

/// Who asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Session {
    /// The caller in this process; its key is empty.
    #[default]
    Local,
    /// A conversation on some platform.
    Chat(Route),
}

/// Where a conversation is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    profile: String,
    platform: String,
    chat_type: String,
    chat_id: String,
    sixth: Option<String>,
}

impl Route {
    /// The agent's profile, for example `main`.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// For example `telegram`.
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// `dm`, `group`, `channel`, `thread` or what else the platform has.
    pub fn chat_type(&self) -> &str {
        &self.chat_type
    }

    /// The platform's id of the chat.
    pub fn chat_id(&self) -> &str {
        &self.chat_id
    }

    /// The thread, which only chats of type `dm` and `thread` have.
    pub fn thread_id(&self) -> Option<&str> {
        self.sixth.as_deref().filter(|_| self.has_threads())
    }

    /// The person in a chat of many, where the key names one.
    pub fn user_id(&self) -> Option<&str> {
        self.sixth.as_deref().filter(|_| !self.has_threads())
    }

    fn has_threads(&self) -> bool {
        matches!(self.chat_type.as_str(), "dm" | "thread")
    }
}

/// Why a text is no session key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is no session key: {why}")]
pub struct SessionKeyError {
    /// The text, cut when long.
    key: String,
    why: &'static str,
}

impl SessionKeyError {
    /// How to mend it.
    pub fn hint(&self) -> &'static str {
        "give `agent:PROFILE:PLATFORM:CHAT_TYPE:CHAT_ID[:THREAD_ID]`, or nothing for a local caller"
    }
}

impl FromStr for Session {
    type Err = SessionKeyError;

    fn from_str(key: &str) -> Result<Self, SessionKeyError> {
        if key.is_empty() {
            return Ok(Session::Local);
        }
        let error = |why| {
            let key = key.chars().take(80).flat_map(char::escape_default).collect();
            SessionKeyError { key, why }
        };
        if key.len() > MAX_KEY_BYTES {
            return Err(error("it is too long"));
        }
        let parts: Vec<&str> = key.split(':').collect();
        let (scheme, rest) = parts.split_first().ok_or_else(|| error("it is empty"))?;
        if *scheme != SCHEME {
            return Err(error("it does not begin with `agent:`"));
        }
        if !parts.iter().copied().all(is_part) {
            return Err(error("a part is empty, or has spaces or characters that nobody sees"));
        }
        route(rest).map(Session::Chat).ok_or_else(|| error("it has not five or six parts"))
    }
}

fn is_part(part: &str) -> bool {
    !part.is_empty() && part.chars().all(is_visible)
}

/// The parts behind the scheme.
fn route(parts: &[&str]) -> Option<Route> {
    let ([profile, platform, chat_type, chat_id], rest) = parts.split_first_chunk()?;
    let sixth = match rest {
        [] => None,
        [only] => Some((*only).to_owned()),
        _ => return None,
    };
    Some(Route {
        profile: (*profile).to_owned(),
        platform: (*platform).to_owned(),
        chat_type: (*chat_type).to_owned(),
        chat_id: (*chat_id).to_owned(),
        sixth,
    })
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Session::Chat(Route { profile, platform, chat_type, chat_id, sixth }) = self else {
            return Ok(());
        };
        write!(f, "{SCHEME}:{profile}:{platform}:{chat_type}:{chat_id}")?;
        sixth.iter().try_for_each(|it| write!(f, ":{it}"))
    }
}

impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Session {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Session {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Session".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^(agent:.+)?$"})
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_telegram_key_is_taken_apart() {
        let session: Session = "agent:main:telegram:dm:12345:678".parse().unwrap();
        let Session::Chat(route) = session else {
            panic!("local");
        };
        let seen = (route.profile(), route.platform(), route.chat_type(), route.chat_id());
        assert_eq!(seen, ("main", "telegram", "dm", "12345"));
        assert_eq!((route.thread_id(), route.user_id()), (Some("678"), None));
    }

    #[test]
    fn part_six_is_a_thread_or_a_person() {
        let check = |key: &str, thread: Option<&str>, user: Option<&str>| {
            let Session::Chat(route) = key.parse().unwrap() else {
                panic!("local");
            };
            assert_eq!((route.thread_id(), route.user_id()), (thread, user), "{key}");
        };
        check("agent:main:slack:thread:C1:9", Some("9"), None);
        check("agent:main:slack:group:C1:U7", None, Some("U7"));
        check("agent:main:slack:channel:C1", None, None);
    }

    #[test]
    fn an_empty_key_is_the_local_caller() {
        assert_eq!("".parse(), Ok(Session::Local));
        assert_eq!(Session::Local.to_string(), "");
    }

    #[test]
    fn what_is_no_key_is_an_error_that_says_why() {
        let check = |key: &str, why: &str| {
            let err = key.parse::<Session>().unwrap_err().to_string();
            assert!(err.ends_with(why), "{err}");
        };
        check("telegram:dm:1", "it does not begin with `agent:`");
        check("Agent:main:telegram:dm:1", "it does not begin with `agent:`");
        for key in ["agent", "agent:main:telegram:dm", "agent:a:b:c:d:e:f"] {
            check(key, "it has not five or six parts");
        }
        for key in [
            "agent::telegram:dm:1",
            "agent:main:telegram:dm:1:",
            "agent:main:te le:dm:1",
            "agent:a:b:c:\n",
            "agent:a:b:c:1\u{200b}",
            "agent:a:b:c:\u{2800}",
            "agent:a:b:c:\u{3164}",
        ] {
            check(key, "a part is empty, or has spaces or characters that nobody sees");
        }
        check(&format!("agent:a:b:c:{}", "x".repeat(600)), "it is too long");
    }

    proptest! {
        #[test]
        fn a_key_is_printed_as_it_was_parsed(key in "(agent:)?[a-z0-9:_-]{0,40}") {
            if let Ok(session) = key.parse::<Session>() {
                prop_assert_eq!(session.to_string(), key);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(key in any::<String>()) {
            let _ = key.parse::<Session>();
        }
    }
}
