//! Who calls, and what is theirs.

use std::path::{Path, PathBuf};

use super::{
    error::{Refusal, shown},
    tokens::{Holder, Tokens},
};
use crate::{
    delegation::WrittenBy,
    session::{Route, Session, SessionKeyError},
};

/// The session of a caller with a token that names none.
const DEFAULT_SESSION: &str = "default";

/// Bytes of a name that a caller gives a session. Bounds what it makes up with
/// every call, which the store then has for as long as the events.
const MAX_NAME_BYTES: usize = 128;

/// Parts of the session keys of callers with a token.
const PROFILE: &str = "main";
const PLATFORM: &str = "http";
const CHAT_TYPE: &str = "token";

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// The user whose service it is, over the socket: may do what the command
    /// line may.
    Owner,
    /// Somebody with a token.
    Token(Holder),
}

impl Caller {
    /// The session that a call is about, by the name that it gives.
    ///
    /// **Invariant:** that of a token has the token's name in it, which no
    /// caller writes.
    pub(super) fn session(&self, named: Option<&str>) -> Result<Session, Refusal> {
        match self {
            Caller::Owner => named
                .unwrap_or_default()
                .parse()
                .map_err(|it: SessionKeyError| Refusal::bad("session", &it).hint(it.hint())),
            Caller::Token(holder) => {
                let session = checked(named.unwrap_or(DEFAULT_SESSION))?;
                let name = holder.name.as_str();
                let session = Session::chat(PROFILE, PLATFORM, CHAT_TYPE, name, Some(session));
                session.map_err(|it| Refusal::bad("session", it))
            }
        }
    }

    /// Whether a session is theirs to see.
    pub(super) fn sees(&self, session: &Session) -> bool {
        match (self, session) {
            (Caller::Owner, _) => true,
            (Caller::Token(_), Session::Local) => false,
            (Caller::Token(holder), Session::Chat(route)) => is_of(route, holder.name.as_str()),
        }
    }

    /// Whether they may still come in: a token may have been taken away since
    /// they did.
    pub(super) fn is_let_in(&self, tokens: &Tokens) -> bool {
        match self {
            Caller::Owner => true,
            Caller::Token(holder) => tokens.is_held(holder),
        }
    }

    /// Whose words a request of theirs is: an application may pass on those of
    /// a model.
    pub(super) fn written_by(&self, said: Option<WrittenBy>) -> WrittenBy {
        match self {
            Caller::Owner => said.unwrap_or(WrittenBy::Application),
            Caller::Token(_) => WrittenBy::Model,
        }
    }

    /// Where a delegation works, by the directory that the call gives.
    pub(super) fn workspace(&self, named: Option<&str>, own: &Path) -> Result<PathBuf, Refusal> {
        let Some(named) = named else { return Ok(own.to_owned()) };
        let named = Path::new(named);
        if *self != Caller::Owner && named != own {
            let what = "with a token, delegations work in the service's own workspace";
            return Err(Refusal::bad("workspace", what).hint("leave `workspace` out"));
        }
        if !named.is_absolute() {
            let what = format!("`{}` is no absolute path", named.display());
            return Err(Refusal::bad("workspace", what).hint("give the whole path"));
        }
        // One directory has one host, by whatever path it is reached.
        named.canonicalize().map_err(|err| {
            Refusal::bad("workspace", format!("`{}` can't be opened: {err}", named.display()))
        })
    }
}

/// A name that a caller may give a session.
fn checked(name: &str) -> Result<&str, Refusal> {
    let is_char = |it: u8| it.is_ascii_alphanumeric() || b"-_.".contains(&it);
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_char) {
        return Ok(name);
    }
    let what = format!("`{}` is no name of a session", shown(name));
    let hint = format!("give 1 to {MAX_NAME_BYTES} of `a-z`, `A-Z`, `0-9`, `-`, `_` and `.`");
    Err(Refusal::bad("session", what).hint(hint))
}

fn is_of(route: &Route, name: &str) -> bool {
    let parts = [route.profile(), route.platform(), route.chat_type(), route.chat_id()];
    parts == [PROFILE, PLATFORM, CHAT_TYPE, name]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str) -> Caller {
        Caller::Token(Holder::named(name))
    }

    #[test]
    fn a_token_has_sessions_of_its_own_alone() {
        let (alice, bob) = (token("alice"), token("bob"));
        let session = alice.session(Some("work")).unwrap();
        assert_eq!(session.to_string(), "agent:main:http:token:alice:work");
        assert_eq!(alice.session(None).unwrap().to_string(), "agent:main:http:token:alice:default");
        assert!(alice.sees(&session) && Caller::Owner.sees(&session) && !bob.sees(&session));
        for key in ["", "agent:main:telegram:dm:1", "agent:other:http:token:alice:work"] {
            let session = key.parse().unwrap();
            assert!(Caller::Owner.sees(&session) && !alice.sees(&session), "{key}");
        }
    }

    #[test]
    fn no_name_leads_out_of_a_tokens_sessions() {
        let alice = token("alice");
        let longest = "x".repeat(MAX_NAME_BYTES);
        for name in ["a", "work-2.x_Y", "..", "0", &longest] {
            let session = alice.session(Some(name)).unwrap();
            assert!(alice.sees(&session) && !token("bob").sees(&session), "{name}: {session}");
        }
        let too_long = "x".repeat(MAX_NAME_BYTES + 1);
        for name in [
            "",
            " ",
            "a b",
            "\u{200b}",
            "a\nb",
            "a:b",
            "%3A",
            "agent:main:http:token:bob:work",
            "ä",
            "…",
            "//x",
            &too_long,
        ] {
            let refused = format!("{:?}", alice.session(Some(name)).unwrap_err());
            assert!(refused.contains("give 1 to 128 of"), "{name:?}: {refused}");
        }
    }

    #[test]
    fn a_token_works_in_the_services_workspace_alone() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().canonicalize().unwrap();
        let named = own.to_str().unwrap();
        assert_eq!(token("alice").workspace(Some(named), &own).unwrap(), own);
        assert_eq!(token("alice").workspace(None, &own).unwrap(), own);
        assert!(token("alice").workspace(Some("/"), &own).is_err());
        assert_eq!(Caller::Owner.workspace(Some("/"), &own).unwrap(), Path::new("/"));
        for bad in ["", "x", "/nowhere/at/all"] {
            assert!(Caller::Owner.workspace(Some(bad), &own).is_err(), "{bad}");
        }
    }
}
