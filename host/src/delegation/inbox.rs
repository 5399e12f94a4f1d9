//! What whoever follows a child says to it, on its way to its model.
//!
//! The component knows nothing of it: the words are put into the conversation
//! that it sends to the model, as a message of the user at its end, and stay
//! at that place in every later call. So any agent can be steered, and what
//! the model answered to them is never without them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    completion::sanitize::{clean, is_blank},
    event::{Level, LogLine},
    provider::{Author, Message},
};

/// Texts that a child is told in its life, and bytes of them together. They
/// are sent with every call of the model from then on, and each call is paid
/// for.
const MAX_TEXTS: usize = 64;
const MAX_BYTES: usize = 64 << 10;

/// What stands before them: the model has to tell them from its task.
const MARK: &str = "[Said while you work, by whoever follows your task]\n";

/// Why a text was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// The child asks no model.
    NoReader,
    /// The child has ended.
    TooLate,
    /// What is wrong with the text.
    Text(String),
}

/// Who reads it.
#[derive(Debug, Default)]
enum Reader {
    #[default]
    Model,
    /// The child has no model.
    Nobody,
    /// The child has ended.
    Gone,
}

/// The way to one child's model.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Nobody has read these yet.
    waiting: Vec<String>,
    /// These stand before that message of the component's conversation.
    placed: Vec<(usize, String)>,
    /// So many of them are in the journal of the child.
    told: usize,
    bytes: usize,
    reader: Reader,
}

impl Inbox {
    /// The child has no model that would read anything.
    pub(super) fn has_no_reader(&self) {
        self.state().reader = Reader::Nobody;
    }

    /// Queues a text for the next call of the model.
    pub(super) fn push(&self, text: &str) -> Result<(), NotTaken> {
        let text = clean(text);
        if is_blank(&text) {
            return Err(NotTaken::Text("the text is empty".to_owned()));
        }
        let mut state = self.state();
        match state.reader {
            Reader::Model => (),
            Reader::Nobody => return Err(NotTaken::NoReader),
            Reader::Gone => return Err(NotTaken::TooLate),
        }
        let (texts, bytes) = (state.waiting.len() + state.placed.len(), state.bytes + text.len());
        if MAX_TEXTS <= texts || MAX_BYTES < bytes {
            let limit = format!("{MAX_TEXTS} texts of {} KiB together", MAX_BYTES >> 10);
            return Err(NotTaken::Text(format!("a child can be told {limit}")));
        }
        state.bytes = bytes;
        state.waiting.push(format!("{MARK}{text}"));
        Ok(())
    }

    /// Puts all of it into a conversation that is about to be sent.
    pub(super) fn join(&self, messages: &mut Vec<Message>) {
        let mut state = self.state();
        let end = messages.len();
        let waiting = std::mem::take(&mut state.waiting);
        state.placed.extend(waiting.into_iter().map(|text| (end, text)));
        // From the last one on, so that the places before stay what they are.
        for (place, text) in state.placed.iter().rev() {
            let place = between_turns(messages, (*place).min(end));
            messages.insert(place, said(text));
        }
    }

    /// What was put into a conversation since this was asked last.
    pub(super) fn heard(&self) -> Vec<String> {
        let mut state = self.state();
        let placed = state.placed.get(state.told..).unwrap_or_default();
        let heard = placed.iter().map(|it| it.1.clone()).collect();
        state.told = state.placed.len();
        heard
    }

    /// What the model was told before its host was killed, at the end of that
    /// many messages.
    pub(super) fn hear_again(&self, messages: usize, heard: Vec<String>) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_add(heard.iter().map(String::len).sum());
        state.placed.extend(heard.into_iter().map(|it| (messages, it)));
        state.told = state.placed.len();
    }

    /// Takes no more. Returns what nobody read, for the child's log.
    pub(super) fn close(&self) -> Vec<LogLine> {
        let mut state = self.state();
        state.reader = Reader::Gone;
        let unread = std::mem::take(&mut state.waiting).into_iter();
        let line = |text: String| {
            let text = text.strip_prefix(MARK).unwrap_or(&text);
            let text = format!("it was told too late to read it: {text}");
            LogLine { level: Level::Warn, text }
        };
        unread.map(line).collect()
    }

    /// Held for a few assignments only.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place at or after this one that does not part a call from its results: a
/// component may have cut its conversation since.
fn between_turns(messages: &[Message], place: usize) -> usize {
    let rest = messages.get(place..).unwrap_or_default();
    place + rest.iter().take_while(|it| it.author == Author::Tool).count()
}

fn said(text: &str) -> Message {
    Message {
        author: Author::User,
        text: text.to_owned(),
        tool_calls: Vec::new(),
        answers: None,
        original: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(author: Author, text: &str) -> Message {
        Message { author, ..said(text) }
    }

    fn conversation(texts: &str) -> Vec<Message> {
        let author = |it: &str| match it.get(..1) {
            Some("a") => Author::Assistant,
            Some("t") => Author::Tool,
            _ => Author::User,
        };
        texts.split(' ').map(|it| message(author(it), it)).collect()
    }

    fn joined(inbox: &Inbox, texts: &str) -> String {
        let mut messages = conversation(texts);
        inbox.join(&mut messages);
        let short = |it: &Message| it.text.replace(MARK, "*");
        messages.iter().map(short).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_was_said_keeps_its_place_in_every_later_call() {
        let inbox = Inbox::default();
        assert_eq!(joined(&inbox, "u1"), "u1");
        inbox.push("one").unwrap();
        inbox.push("two").unwrap();
        assert_eq!(joined(&inbox, "u1 a1 t1"), "u1 a1 t1 *one *two");
        inbox.push("three").unwrap();
        let all = "u1 a1 t1 *one *two a2 t2 *three";
        assert_eq!(joined(&inbox, "u1 a1 t1 a2 t2"), all);
        assert_eq!(joined(&inbox, "u1 a1 t1 a2 t2 a3"), format!("{all} a3"));
        // Another conversation, or one that was cut.
        assert_eq!(joined(&inbox, "u1"), "u1 *one *two *three");
        assert_eq!(joined(&inbox, "u1 u2 a1 t1 t2 a2"), "u1 u2 a1 t1 t2 *one *two *three a2");
    }

    #[test]
    fn what_nobody_read_is_told_and_nothing_more_is_taken() {
        let inbox = Inbox::default();
        inbox.push("in time").unwrap();
        joined(&inbox, "u1");
        inbox.push("late").unwrap();
        let unread: Vec<String> = inbox.close().into_iter().map(|it| it.text).collect();
        assert_eq!(unread, ["it was told too late to read it: late"]);
        assert_eq!(inbox.push("more"), Err(NotTaken::TooLate));
    }

    #[test]
    fn texts_are_bounded_and_cleaned() {
        let inbox = Inbox::default();
        assert!(matches!(inbox.push(" \u{200b}\n"), Err(NotTaken::Text(_))));
        assert!(matches!(inbox.push(&"a".repeat(MAX_BYTES + 1)), Err(NotTaken::Text(_))));
        for _ in 0..MAX_TEXTS {
            inbox.push("\u{1b}[31mred").unwrap();
        }
        assert!(matches!(inbox.push("more"), Err(NotTaken::Text(_))));
        assert!(!joined(&inbox, "u1").contains('\u{1b}'));
    }
}
