//! Sessions: who asked, and where a completion must go back to
//! (SEMANTICS.md §9).
//!
//! A key is parsed once, at the edge, and is a typed value inside the host:
//! it is captured when a delegation is dispatched and never read out of text
//! again. No key ever comes from a guest or a model.
//!
//! **Invariant:** `session.to_string().parse() == Ok(session)`, and sessions
//! that differ are written differently (`escape`).

mod escape;
#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::visible::is_visible;
use escape::{COLON, decode, encode};

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
    /// A conversation on some platform. Shared, since every record, event and
    /// call of a delegation names it.
    Chat(Arc<Route>),
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

impl Session {
    /// The session of a conversation, from a platform's own ids, which may
    /// hold colons (`!room:server` of Matrix, `19:…@thread.v2` of Teams).
    /// `sixth` is a thread in chats of type `dm` and `thread`, and may be a
    /// person in others.
    ///
    /// Fails when a part is empty or holds what nobody sees, when the key is
    /// too long, and when `chat_id` and `sixth` look like one id that was cut
    /// at its colon.
    pub fn chat(
        profile: &str,
        platform: &str,
        chat_type: &str,
        chat_id: &str,
        sixth: Option<&str>,
    ) -> Result<Self, SessionKeyError> {
        let [profile, platform, chat_type, chat_id] =
            [profile, platform, chat_type, chat_id].map(str::to_owned);
        let sixth = sixth.map(str::to_owned);
        let route = Route { profile, platform, chat_type, chat_id, sixth };
        Session::from(route).to_string().parse()
    }

    /// The session of the whole chat: that of every thread or person in it, and
    /// of all sessions that a caller with a token names.
    pub fn whole_chat(&self) -> Self {
        match self {
            Session::Local => Session::Local,
            Session::Chat(route) => Route { sixth: None, ..Route::clone(route) }.into(),
        }
    }

    /// Reads a key that this program wrote, be it years ago: before a colon
    /// inside a part had an escape, an id with one was cut there, and such a
    /// key stays what it was.
    pub fn recorded(key: &str) -> Result<Self, SessionKeyError> {
        Ok(read(key)?.map_or(Session::Local, Session::from))
    }
}

impl From<Route> for Session {
    fn from(route: Route) -> Self {
        Session::Chat(Arc::new(route))
    }
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

    /// The same with chat and sixth part as one id, when they look like one
    /// that was cut at its colon: nobody can tell then which was meant.
    fn mended(&self) -> Option<Self> {
        let sixth = self.sixth.as_deref()?;
        let chat_id = format!("{}:{sixth}", self.chat_id);
        let is_cut = is_cut(&self.platform, &self.chat_id, sixth);
        is_cut.then(|| Self { chat_id, sixth: None, ..self.clone() })
    }
}

/// Whether both look like the halves of one id, as some platforms have them.
fn is_cut(platform: &str, chat_id: &str, sixth: &str) -> bool {
    const SIGILS: [char; 4] = ['!', '#', '@', '$'];
    let is = |name: &str| platform.eq_ignore_ascii_case(name);
    // A room `!id:server`, an alias `#name:server`, a person `@name:server`.
    // Whole ones hold a colon; threads and persons begin with a sigil, too.
    if chat_id.starts_with('!') || is("matrix") && chat_id.starts_with(SIGILS) {
        return !chat_id.contains(':') && !sixth.starts_with(SIGILS);
    }
    // `19:…@thread.v2`, `8:orgid:…`; `123:4@s.whatsapp.net`; `https://…`.
    let is_number = chat_id.bytes().all(|it| it.is_ascii_digit());
    let is_of_teams = (is("teams") || is("msteams")) && chat_id.len() <= 2;
    is_number && (is_of_teams || sixth.contains("@thread.") || sixth.ends_with("@s.whatsapp.net"))
        || sixth.starts_with("//")
}

/// Why a text is no session key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is no session key: {why}")]
pub struct SessionKeyError {
    /// The text, cut when long.
    key: String,
    why: &'static str,
    /// What it may have been meant as.
    meant: Option<String>,
}

impl SessionKeyError {
    fn new(key: &str, why: &'static str) -> Self {
        let key = key.chars().take(80).flat_map(char::escape_default).collect();
        Self { key, why, meant: None }
    }

    /// The key that may have been meant.
    pub fn meant(&self) -> Option<&str> {
        self.meant.as_deref()
    }

    /// How to mend it.
    pub fn hint(&self) -> String {
        match &self.meant {
            Some(meant) => format!("a colon inside a part is written `{COLON}`: `{meant}`"),
            None => format!(
                "give `agent:PROFILE:PLATFORM:CHAT_TYPE:CHAT_ID[:THREAD_ID]`, with `{COLON}` for a \
                 colon inside a part, or nothing for a local caller"
            ),
        }
    }
}

impl FromStr for Session {
    type Err = SessionKeyError;

    fn from_str(key: &str) -> Result<Self, SessionKeyError> {
        let error = |why, meant| Err(SessionKeyError { meant, ..SessionKeyError::new(key, why) });
        let Some(route) = read(key)? else {
            return Ok(Session::Local);
        };
        if key.contains("%3a") {
            let meant = key.replace("%3a", COLON);
            return error("it could mean a colon: that is written `%3A`", Some(meant));
        }
        if let Some(mended) = route.mended() {
            let why = "its last two parts look like one id that was cut at its colon";
            return error(why, Some(Session::from(mended).to_string()));
        }
        Ok(route.into())
    }
}

/// The parts of a key, whatever they mean; `None` of the empty one.
fn read(key: &str) -> Result<Option<Route>, SessionKeyError> {
    if key.is_empty() {
        return Ok(None);
    }
    let error = |why| Err(SessionKeyError::new(key, why));
    if key.len() > MAX_KEY_BYTES {
        return error("it is too long");
    }
    let mut parts = key.split(':');
    if parts.next() != Some(SCHEME) {
        return error("it does not begin with `agent:`");
    }
    let parts: Vec<String> = parts.map(decode).collect();
    if !parts.iter().all(|it| is_part(it)) {
        return error("a part is empty, or has spaces or characters that nobody sees");
    }
    match route(&parts) {
        Some(route) => Ok(Some(route)),
        None => error("it has not five or six parts; a colon inside a part is written `%3A`"),
    }
}

fn is_part(part: &str) -> bool {
    !part.is_empty() && part.chars().all(is_visible)
}

/// The parts behind the scheme.
fn route(parts: &[String]) -> Option<Route> {
    let (first, rest) = parts.split_first_chunk()?;
    let [profile, platform, chat_type, chat_id] = first.clone();
    let sixth = match rest {
        [] => None,
        [only] => Some(only.clone()),
        _ => return None,
    };
    Some(Route { profile, platform, chat_type, chat_id, sixth })
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Session::Chat(route) = self else {
            return Ok(());
        };
        let Route { profile, platform, chat_type, chat_id, sixth } = &**route;
        let mut parts = [profile, platform, chat_type, chat_id].into_iter().chain(sixth);
        f.write_str(SCHEME)?;
        parts.try_for_each(|it| write!(f, ":{}", encode(it)))
    }
}

impl Serialize for Session {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Session {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What was written is read, also what would not be written today.
        Self::recorded(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
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
mod tests;
