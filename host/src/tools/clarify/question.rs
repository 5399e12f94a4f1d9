//! What a person is asked, and what counts as an answer.

use super::{Clarify, Person};
use crate::{
    completion::sanitize::{clean, clean_line, is_blank},
    toolset::ToolError,
};

/// Characters of a question, which has to be read at once.
const MAX_QUESTION_CHARS: usize = 4_000;

/// Choices of a question. More are a list to be searched.
const MAX_CHOICES: usize = 20;

/// Characters of a choice, which stands on one line.
const MAX_CHOICE_CHARS: usize = 200;

/// Bytes of question and choices before they are cleaned. Bounds the work for
/// a text that is nothing but escape sequences.
const MAX_BYTES: u64 = 64 * 1024;

/// Characters of an answer that are taken. What a person pastes has an end.
pub(super) const MAX_ANSWER_CHARS: usize = 16_000;

/// Times that a person is asked until an answer fits.
const TRIES: usize = 3;

/// Characters of an answer that the next try repeats.
const QUOTED_CHARS: usize = 60;

/// What is asked, fit to be shown.
#[derive(Debug)]
pub(super) struct Question {
    text: String,
    choices: Vec<String>,
}

impl Question {
    pub(super) fn of(call: &Clarify) -> Result<Self, ToolError> {
        let texts = call.choices.iter().chain([&call.question]);
        let bytes = texts.map(|it| it.len() as u64).fold(0, u64::saturating_add);
        if bytes > MAX_BYTES || call.choices.len() > MAX_CHOICES {
            return Err(invalid(&format!(
                "`choices` are more than {MAX_CHOICES}, or too long: ask in fewer words"
            )));
        }
        let text = clean(&call.question).trim().to_owned();
        if is_blank(&text) {
            return Err(invalid("`question` has nothing to read in it"));
        }
        if text.chars().count() > MAX_QUESTION_CHARS {
            return Err(invalid(&format!(
                "`question` is longer than {MAX_QUESTION_CHARS} characters: ask in fewer words"
            )));
        }
        Ok(Self { text, choices: choices(&call.choices)? })
    }

    pub(super) async fn ask(&self, person: &dyn Person) -> Result<String, ToolError> {
        let mut shown = self.text.clone();
        for _ in 0..TRIES {
            let given = person.ask(&shown, &self.choices).await?;
            let given = bounded(&given);
            if let Some(answer) = self.answer(&given) {
                return Ok(answer);
            }
            shown = format!("{}\n({})", self.text, self.problem(&given));
        }
        let problem = format!("no answer fitted in {TRIES} tries: ask something else");
        Err(ToolError::Failed(problem))
    }

    /// The answer that the person meant.
    fn answer(&self, given: &str) -> Option<String> {
        if self.choices.is_empty() {
            return Some(given.to_owned()).filter(|it| !is_blank(it));
        }
        let is_same = |it: &&String| it.to_lowercase() == given.to_lowercase();
        let by_words = self.choices.iter().find(|it| *it == given);
        let by_words = by_words.or_else(|| self.choices.iter().find(is_same));
        let by_number = || self.choices.get(given.parse::<usize>().ok()?.checked_sub(1)?);
        by_words.or_else(by_number).cloned()
    }

    fn problem(&self, given: &str) -> String {
        match (is_blank(given), self.choices.len()) {
            (true, 0) => "an answer has at least one letter".to_owned(),
            (_, count) => {
                let given = clean_line(given, QUOTED_CHARS);
                format!("`{given}` is no choice: give a number from 1 to {count}, or the words")
            }
        }
    }
}

/// Each on one line, none of them blank or there twice.
fn choices(given: &[String]) -> Result<Vec<String>, ToolError> {
    let mut choices: Vec<String> = Vec::new();
    for (choice, number) in given.iter().zip(1..) {
        // One more than fits shows that it does not.
        let choice = clean_line(choice, MAX_CHOICE_CHARS + 1);
        let problem = match choice.chars().count() {
            _ if is_blank(&choice) => "has nothing to read in it".to_owned(),
            long if long > MAX_CHOICE_CHARS => {
                format!("is longer than {MAX_CHOICE_CHARS} characters")
            }
            _ if choices.contains(&choice) => "is there twice".to_owned(),
            _ => {
                choices.push(choice);
                continue;
            }
        };
        return Err(invalid(&format!("choice {number} of `choices` {problem}")));
    }
    Ok(choices)
}

/// An answer, cleaned and with an end.
fn bounded(given: &str) -> String {
    let given: String = given.chars().take(MAX_ANSWER_CHARS).collect();
    clean(&given).trim().to_owned()
}

fn invalid(problem: &str) -> ToolError {
    ToolError::InvalidArguments(problem.to_owned())
}
