//! `clarify`: asks the person a question, and waits for the answer.
//!
//! How a person is reached is the application's ([`Person`]); this decides
//! what is asked and what counts as an answer. A question is a model's text,
//! so it is cleaned and bounded; an answer is given by the person or not at
//! all, never made up here.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{OpenError, Opened, Opening, Toolset};
use crate::{
    completion::sanitize::{clean, clean_line, is_blank},
    toolset::{
        Caller, HeldBy, Tool, ToolError, reading::optional, registry::Declaration, tool::texts,
    },
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
const MAX_ANSWER_CHARS: usize = 16_000;

/// Times that a person is asked until an answer fits.
const TRIES: usize = 3;

/// Characters of an answer that the next try repeats.
const QUOTED_CHARS: usize = 60;

/// Asks the person a question, and waits for the answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clarify {
    /// The question, complete.
    pub question: String,
    /// Answers to choose from; any text is taken when empty.
    #[serde(default, deserialize_with = "optional")]
    pub choices: Vec<String>,
}

impl Tool for Clarify {
    const NAME: &'static str = "clarify";
    const HELD_BY: HeldBy = HeldBy::Parent;
    type Host = ClarifyTool;
    type Output = String;

    fn bytes(&self) -> u64 {
        texts(self.choices.iter().chain([&self.question]).map(Some))
    }

    fn subject(&self) -> &str {
        &self.question
    }

    async fn call(self, host: &ClarifyTool, caller: &Caller) -> Result<String, ToolError> {
        host.call(caller, self).await
    }
}

/// Questions to the person. Blocked for every child.
pub(super) struct Questions;

impl Toolset for Questions {
    const NAME: &'static str = "clarify";
    type Host = ClarifyTool;
    const TOOLS: &'static [Declaration<ClarifyTool>] = &[Declaration::of::<Clarify>()];

    async fn open(opening: &Opening<'_>) -> Result<Opened<ClarifyTool>, OpenError> {
        Ok(match opening.person {
            Some(person) => Opened::Whole(ClarifyTool::new(Arc::clone(person))),
            None => Opened::withheld_quietly("there is nobody to ask"),
        })
    }
}

/// Whoever can be asked: a terminal, a chat.
pub trait Person: Send + Sync {
    /// Shows a question, with its choices numbered from 1, and gives what the
    /// person wrote. Both are cleaned. The question is taken back when the
    /// future is dropped.
    ///
    /// # Errors
    ///
    /// [`ToolError::Denied`] when there is nobody to ask: it must neither wait
    /// for somebody who can't come nor answer for them.
    fn ask(
        &self,
        question: &str,
        choices: &[String],
    ) -> BoxFuture<'static, Result<String, ToolError>>;
}

/// Asks one person, one question at a time. Clones share the person.
#[derive(Clone)]
pub struct ClarifyTool {
    shared: Arc<Shared>,
}

struct Shared {
    person: Arc<dyn Person>,
    /// Held while a question is open: two at once have one answer.
    asking: Mutex<()>,
}

impl ClarifyTool {
    /// Asks that person.
    pub fn new(person: Arc<dyn Person>) -> Self {
        Self { shared: Arc::new(Shared { person, asking: Mutex::new(()) }) }
    }

    /// Asks, and gives the answer: the words of a choice when there are any.
    ///
    /// A number stands for the choice at that place, unless it is the words of
    /// a choice itself.
    ///
    /// # Errors
    ///
    /// A question that is blank or too long, choices that are too many or the
    /// same; nobody to ask; no fitting answer in three tries; and a caller
    /// that is cancelled.
    pub async fn call(&self, caller: &Caller, call: Clarify) -> Result<String, ToolError> {
        let question = Question::of(&call)?;
        let answer = async {
            let _asking = self.shared.asking.lock().await;
            question.ask(&*self.shared.person).await
        };
        tokio::select! {
            biased;
            () = caller.cancelled.cancelled() => Err(ToolError::Interrupted),
            answer = answer => answer,
        }
    }
}

impl fmt::Debug for ClarifyTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClarifyTool").finish_non_exhaustive()
    }
}

/// What is asked, fit to be shown.
#[derive(Debug)]
struct Question {
    text: String,
    choices: Vec<String>,
}

impl Question {
    fn of(call: &Clarify) -> Result<Self, ToolError> {
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

    async fn ask(&self, person: &dyn Person) -> Result<String, ToolError> {
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

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        sync::Mutex as StdMutex,
        time::Duration,
    };

    use futures_util::FutureExt as _;

    use super::*;
    use crate::session::Session;

    /// Gives one answer after the other, then none, and keeps what it saw.
    #[derive(Default)]
    struct Scripted {
        answers: StdMutex<Vec<Result<String, ToolError>>>,
        seen: StdMutex<Vec<String>>,
    }

    impl Scripted {
        fn of(answers: &[&str]) -> Arc<Self> {
            let answers = answers.iter().rev().map(|it| Ok((*it).to_owned())).collect();
            Arc::new(Self { answers: StdMutex::new(answers), ..Self::default() })
        }
    }

    impl Person for Scripted {
        fn ask(
            &self,
            question: &str,
            choices: &[String],
        ) -> BoxFuture<'static, Result<String, ToolError>> {
            let mut seen = question.to_owned();
            choices.iter().for_each(|it| seen.push_str(&format!("|{it}")));
            self.seen.lock().unwrap().push(seen);
            match self.answers.lock().unwrap().pop() {
                Some(answer) => ready(answer).boxed(),
                None => pending().boxed(),
            }
        }
    }

    fn caller() -> Caller {
        Caller::of("parent", Session::Local)
    }

    fn clarify(question: &str, choices: &[&str]) -> Clarify {
        let choices = choices.iter().map(|it| (*it).to_owned()).collect();
        Clarify { question: question.to_owned(), choices }
    }

    /// What comes of a question to a person who answers like that.
    fn check(choices: &[&str], answers: &[&str], expect: &str) {
        let tool = ClarifyTool::new(Scripted::of(answers));
        let res = tool.call(&caller(), clarify("Which?", choices)).now_or_never();
        let text = match res.expect("an answer") {
            Ok(answer) => answer,
            Err(error) => format!("! {error}"),
        };
        assert_eq!(text, expect, "{choices:?} {answers:?}");
    }

    #[test]
    fn an_answer_is_a_text_or_one_of_the_choices() {
        check(&[], &["  the left one\r\n"], "the left one");
        check(&[], &["", "\u{1b}[31m", "x"], "x");
        check(&["red", "green"], &["2"], "green");
        check(&["red", "green"], &[" Green "], "green");
        check(&["red", "Red"], &["Red"], "Red");
        // Numbers can be words.
        check(&["3", "2", "1"], &["1"], "1");
        check(&["10", "20"], &["2"], "20");
    }

    #[test]
    fn a_person_is_asked_again_and_not_for_ever() {
        check(&["red", "green"], &["blue", "1"], "red");
        check(&["red", "green"], &["", "0", "red"], "red");
        let none = "! no answer fitted in 3 tries: ask something else";
        check(&["red", "green"], &["0", "3", "-1", "1"], none);
        check(&["red"], &["99999999999999999999", "1.0", "re", "1"], none);
        check(&[], &["", " ", "\t", "x"], none);
    }

    #[test]
    fn the_second_try_says_what_was_wrong() {
        let person = Scripted::of(&["bl\u{1b}[31mue", "2"]);
        let tool = ClarifyTool::new(person.clone());
        tool.call(&caller(), clarify("Which?", &["red", "green"])).now_or_never().unwrap().unwrap();
        let again = "Which?\n(`blue` is no choice: give a number from 1 to 2, or the \
                     words)|red|green";
        assert_eq!(*person.seen.lock().unwrap(), ["Which?|red|green", again]);
    }

    #[test]
    fn what_is_shown_is_cleaned() {
        let person = Scripted::of(&["1"]);
        let tool = ClarifyTool::new(person.clone());
        let hostile =
            clarify("\u{1b}[2JDelete\u{202e} it?\u{7}\n", &["y\nes\u{1b}]0;x\u{7}", "no"]);
        assert_eq!(tool.call(&caller(), hostile).now_or_never().unwrap(), Ok("y es".to_owned()));
        assert_eq!(*person.seen.lock().unwrap(), ["Delete it?|y es|no"]);
    }

    #[test]
    fn questions_that_no_person_should_see_are_refused() {
        let check = |question: &str, choices: &[&str], expect: &str| {
            let person = Scripted::of(&["1"]);
            let tool = ClarifyTool::new(person.clone());
            let res = tool.call(&caller(), clarify(question, choices)).now_or_never().unwrap();
            assert_eq!(res.unwrap_err().to_string(), format!("invalid arguments: {expect}"));
            assert!(person.seen.lock().unwrap().is_empty());
        };
        check(" \u{200b}\n", &[], "`question` has nothing to read in it");
        let long = "`question` is longer than 4000 characters: ask in fewer words";
        check(&"é".repeat(4_001), &[], long);
        let many = "`choices` are more than 20, or too long: ask in fewer words";
        check("?", &["x"; 21], many);
        check(&"\u{1b}[m".repeat(50_000), &[], many);
        check("?", &["a", "\u{1b}[m"], "choice 2 of `choices` has nothing to read in it");
        check("?", &["a", "b", " a"], "choice 3 of `choices` is there twice");
        let long = "choice 1 of `choices` is longer than 200 characters";
        check("?", &[&"x".repeat(201)], long);
    }

    #[test]
    fn an_answer_has_an_end() {
        let long = "é".repeat(MAX_ANSWER_CHARS + 5);
        check(&[], &[&long], &"é".repeat(MAX_ANSWER_CHARS));
    }

    #[test]
    fn nobody_to_ask_is_no_answer() {
        let denied = ToolError::Denied("nobody is there".to_owned());
        let person = Scripted::of(&[]);
        person.answers.lock().unwrap().push(Err(denied.clone()));
        let tool = ClarifyTool::new(person);
        let res = tool.call(&caller(), clarify("?", &["yes"])).now_or_never();
        assert_eq!(res, Some(Err(denied)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_question_is_taken_back() {
        let person = Scripted::of(&[]);
        let tool = ClarifyTool::new(person.clone());
        let (first, second) = (caller(), caller());
        let cancel = async {
            first.cancelled.cancel();
            second.cancelled.cancel();
        };
        let calls = async {
            tokio::join!(
                tool.call(&first, clarify("first?", &[])),
                tool.call(&second, clarify("second?", &[])),
                cancel
            )
        };
        let ended = tokio::time::timeout(Duration::from_secs(1), calls).await;
        let interrupted = || Err(ToolError::Interrupted);
        assert_eq!(ended, Ok((interrupted(), interrupted(), ())));
        // One at a time: the second one was never shown.
        assert_eq!(*person.seen.lock().unwrap(), ["first?"]);
    }
}
