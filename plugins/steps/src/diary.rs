//! What was done so far, as the text of the report.

/// Characters of one answer: a summary of a few long ones stays below the
/// 24,000 at which a host cuts it.
const ANSWER_CHARS: usize = 4_000;

pub(crate) struct Diary {
    /// One for each step that was done.
    entries: Vec<String>,
    all: usize,
    /// The first step that failed.
    failure: Option<String>,
}

impl Diary {
    /// Of so many steps.
    pub(crate) fn new(all: usize) -> Self {
        Self { entries: Vec::new(), all, failure: None }
    }

    pub(crate) fn answered(&mut self, tool: &str, answer: &str) {
        self.add(tool, &cut(answer));
    }

    pub(crate) fn refused(&mut self, tool: &str, how: &str, why: &str) {
        let outcome = format!("{how}: {}", cut(why));
        let failure = format!("step {} of {}, `{tool}`: {outcome}", self.next(), self.all);
        self.failure.get_or_insert(failure);
        self.add(tool, &outcome);
    }

    fn add(&mut self, tool: &str, outcome: &str) {
        self.entries.push(format!("{}. {tool}: {outcome}", self.next()));
    }

    /// Number of the step that comes next, from 1.
    pub(crate) fn next(&self) -> usize {
        self.entries.len() + 1
    }

    pub(crate) fn all(&self) -> usize {
        self.all
    }

    /// Which step failed first, and why.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    pub(crate) fn text(&self) -> String {
        if self.entries.is_empty() {
            return "Nothing to do: no step was listed.".to_owned();
        }
        self.entries.join("\n")
    }

    /// The text of a run that was stopped here.
    pub(crate) fn partial(&self) -> String {
        let head = format!("Stopped after step {} of {}.", self.entries.len(), self.all);
        if self.entries.is_empty() { head } else { format!("{head}\n\n{}", self.text()) }
    }
}

fn cut(text: &str) -> String {
    let text = text.trim();
    let count = text.chars().count();
    if count <= ANSWER_CHARS {
        return text.to_owned();
    }
    let kept: String = text.chars().take(ANSWER_CHARS).collect();
    format!("{kept}… ({} more characters)", count - ANSWER_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_failures_are_told_in_their_order() {
        let mut diary = Diary::new(3);
        diary.answered("read_file", "{\"text\":\"hello\"}\n");
        assert_eq!(diary.failure(), None);
        diary.refused("lookup", "failed", "no such ticket");
        diary.refused("now", "denied", "not granted");
        assert_eq!(diary.failure(), Some("step 2 of 3, `lookup`: failed: no such ticket"));
        assert_eq!(
            diary.text(),
            "1. read_file: {\"text\":\"hello\"}\n2. lookup: failed: no such ticket\n\
             3. now: denied: not granted"
        );
    }

    #[test]
    fn a_run_without_steps_says_so() {
        assert_eq!(Diary::new(0).text(), "Nothing to do: no step was listed.");
    }

    #[test]
    fn a_run_that_was_stopped_says_how_far_it_came() {
        let mut diary = Diary::new(3);
        assert_eq!(diary.partial(), "Stopped after step 0 of 3.");
        diary.answered("now", "noon");
        assert_eq!(diary.partial(), "Stopped after step 1 of 3.\n\n1. now: noon");
    }

    #[test]
    fn a_long_answer_is_cut_and_says_by_how_much() {
        let text = cut(&"é".repeat(ANSWER_CHARS + 5));
        assert!(text.ends_with("é… (5 more characters)"), "{text}");
    }
}
