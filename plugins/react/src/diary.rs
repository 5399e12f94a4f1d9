//! What was done so far, for a run that is stopped before its answer.

use crate::cut;

/// Lines that are kept, the newest ones: a summary below the 24,000
/// characters at which a host cuts it.
const LINES: usize = 50;

/// Characters of what one call returned.
const RESULT_CHARS: usize = 300;

/// Bytes of what the model said last.
const SAID_BYTES: usize = 4_000;

#[derive(Debug, Default)]
pub(crate) struct Diary {
    /// The newest of the model's words beside its calls.
    said: String,
    /// One for each of the newest calls.
    lines: Vec<String>,
    /// All calls.
    calls: usize,
}

impl Diary {
    pub(crate) fn said(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.said = cut::middle(text.trim().to_owned(), SAID_BYTES);
        }
    }

    /// `subject` is empty or what the call was about.
    pub(crate) fn did(&mut self, tool: &str, subject: &str, result: &str) {
        self.calls += 1;
        let space = if subject.is_empty() { "" } else { " " };
        let result = cut::line(result, RESULT_CHARS);
        self.lines.push(format!("{}. {tool}{space}{subject}: {result}", self.calls));
        if self.lines.len() > LINES {
            self.lines.remove(0);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.said.is_empty() && self.calls == 0
    }

    /// All of it after `why` it is no answer.
    pub(crate) fn text(&self, why: &str) -> String {
        match self.is_empty() {
            true => why.to_owned(),
            false => format!("{why}\n\n{}", self.work()),
        }
    }

    /// All of it; empty when nothing was done.
    pub(crate) fn work(&self) -> String {
        let mut parts = Vec::new();
        if !self.said.is_empty() {
            parts.push(format!("Said last: {}", self.said));
        }
        if !self.lines.is_empty() {
            let missing = self.calls - self.lines.len();
            let head = match missing {
                0 => "Done until then:".to_owned(),
                _ => format!("Done until then, without the first {missing} calls:"),
            };
            parts.push(format!("{head}\n\n{}", self.lines.join("\n")));
        }
        parts.join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_calls_are_told_after_the_reason() {
        let mut diary = Diary::default();
        assert!(diary.is_empty());
        assert_eq!((diary.text("Stopped."), diary.work()), ("Stopped.".to_owned(), String::new()));
        diary.said("I read it.");
        diary.said(" ");
        diary.did("read_file", "a.txt", "{\"text\":\n\"x\"}");
        diary.did("now", "", "noon");
        assert!(!diary.is_empty());
        let expect = "Stopped.\n\nSaid last: I read it.\n\nDone until then:\n\n\
            1. read_file a.txt: {\"text\": \"x\"}\n2. now: noon";
        assert_eq!(diary.text("Stopped."), expect);
    }

    #[test]
    fn a_long_diary_is_bounded_and_says_what_is_missing() {
        let mut diary = Diary::default();
        diary.said(&"x".repeat(100_000));
        for _ in 0..LINES + 2 {
            diary.did("t", "", &"y".repeat(100_000));
        }
        let text = diary.text("Stopped.");
        assert!(text.contains("without the first 2 calls:\n\n3. t: y"), "{text}");
        assert!(text.chars().count() < 24_000, "{}", text.chars().count());
    }
}
