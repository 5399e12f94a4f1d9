//! The same call, again and again: what a model does when it is stuck.

use std::mem;

/// Calls in a row after which telling the model has not helped.
pub(crate) const STUCK: u32 = 3;

/// How often the newest calls were made in a row.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// The calls of the newest message, each as one text.
    message: Vec<String>,
    /// How often that message came in a row.
    messages: u32,
    /// How often its last call came in a row.
    calls: u32,
}

impl Repeats {
    /// Takes the calls of the next message, and says of each how often it was
    /// made in a row by now, itself included: as a call after a call, or as a
    /// part of a message that came before as it is.
    pub(crate) fn count(&mut self, message: Vec<String>) -> Vec<u32> {
        self.messages = if message == self.message { self.messages + 1 } else { 1 };
        let before = mem::replace(&mut self.message, message);
        let mut last = before.last();
        let mut counts = Vec::new();
        for call in &self.message {
            self.calls = if last == Some(call) { self.calls + 1 } else { 1 };
            counts.push(self.calls.max(self.messages));
            last = Some(call);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message is a word, each of its letters a call.
    #[track_caller]
    fn check(messages: &[&str], expect: &[&[u32]]) {
        let mut repeats = Repeats::default();
        let counts: Vec<_> = messages
            .iter()
            .map(|it| repeats.count(it.chars().map(String::from).collect()))
            .collect();
        assert_eq!(counts, expect);
    }

    #[test]
    fn a_call_after_the_same_call_is_counted() {
        check(&["a", "a", "a"], &[&[1], &[2], &[3]]);
        check(&["aaa"], &[&[1, 2, 3]]);
        check(&["ab", "b"], &[&[1, 1], &[2]]);
    }

    #[test]
    fn a_message_after_the_same_message_is_counted() {
        check(&["ab", "ab", "ab"], &[&[1, 1], &[2, 2], &[3, 3]]);
    }

    #[test]
    fn something_else_in_between_begins_anew() {
        check(&["a", "b", "a"], &[&[1], &[1], &[1]]);
        check(&["a", "ba", "a"], &[&[1], &[1, 1], &[2]]);
        check(&["a", "a", "b", "a"], &[&[1], &[2], &[1], &[1]]);
    }
}
