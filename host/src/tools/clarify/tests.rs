use std::{
    future::{pending, ready},
    sync::Mutex as StdMutex,
    time::Duration,
};

use futures_util::FutureExt as _;

use super::{question::MAX_ANSWER_CHARS, *};
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
    let hostile = clarify("\u{1b}[2JDelete\u{202e} it?\u{7}\n", &["y\nes\u{1b}]0;x\u{7}", "no"]);
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
