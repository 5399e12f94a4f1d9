//! What keys are to sessions.

use arbitrary::{Result, Unstructured};

use super::{Route, Session};
use crate::{noise, visible::is_visible};

/// What the escape is made of, and what ids of platforms have.
const WORDS: &[&str] = &[
    ":",
    "%",
    "%25",
    "%3A",
    "%253A",
    "25",
    "3A",
    "%3a",
    "2",
    "3",
    "A",
    "!",
    "#",
    "@",
    "$",
    "19",
    "agent",
    "main",
    "matrix",
    "teams",
    "whatsapp",
    "//",
    "@thread.",
    "@s.whatsapp.net",
];

/// What is written is read, sessions that differ are written differently, and
/// what was kept is found under its text.
pub(crate) fn session(u: &mut Unstructured<'_>) -> Result<()> {
    let [first, second] = [chat(u)?, chat(u)?];
    assert_eq!(first == second, first.to_string() == second.to_string(), "{first} {second}");
    for chat in [first, second] {
        is_read(&chat);
    }
    let key = noise::text(u, WORDS)?;
    for key in [format!("agent:{}", key.replace(' ', ":")), key] {
        if let Ok(recorded) = Session::recorded(&key) {
            assert_eq!(recorded.to_string(), key);
        }
        if let Ok(parsed) = key.parse::<Session>() {
            assert_eq!(parsed.to_string(), key);
            assert_eq!(Session::recorded(&key), Ok(parsed.clone()));
            is_read(&parsed);
        }
    }
    Ok(())
}

fn chat(u: &mut Unstructured<'_>) -> Result<Session> {
    let part = |u: &mut Unstructured<'_>| noise::text(u, WORDS);
    let [profile, platform, chat_type, chat_id] = [part(u)?, part(u)?, part(u)?, part(u)?];
    let sixth = noise::maybe(u, WORDS)?;
    Ok(Session::from(Route { profile, platform, chat_type, chat_id, sixth }))
}

/// The parts of a session, whoever made it, make it once more or are refused
/// for a reason that is seen in them.
fn is_read(session: &Session) {
    let Session::Chat(route) = session else { return };
    let Route { profile, platform, chat_type, chat_id, sixth } = &**route;
    let written = session.to_string();
    let made = Session::chat(profile, platform, chat_type, chat_id, sixth.as_deref());
    assert_eq!(made, written.parse());
    match made {
        Ok(made) => assert_eq!(&made, session),
        Err(_) => {
            let is_empty = [profile, platform, chat_type, chat_id].iter().any(|it| it.is_empty())
                || sixth.as_ref().is_some_and(String::is_empty);
            let is_long = super::MAX_KEY_BYTES < written.len();
            let is_seen = written.chars().all(is_visible) && !written.contains(' ');
            let is_doubtful = written.contains("%3a") || route.mended().is_some();
            assert!(is_empty || is_long || !is_seen || is_doubtful, "{written}");
        }
    }
}
