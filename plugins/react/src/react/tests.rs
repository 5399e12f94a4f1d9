use hermitage_guest::{Outcome, RejectedAnswer, ToolError, model::Author};

use super::*;
use crate::fake::{self, Fake, calls, says};

pub(super) type Chat = Result<ChatResponse, ModelError>;
pub(super) type Res = Result<String, ToolError>;

pub(super) const READ: (&str, &str) = ("read_file", r#"{"path":"a"}"#);
pub(super) const NOW: (&str, &str) = ("now", "{}");

pub(super) fn with<const C: usize, const R: usize>(
    task: &Task,
    chats: [Chat; C],
    results: [Res; R],
) -> (Fake, Report) {
    let mut fake = Fake::new(chats, results);
    let report = work(&mut fake, task, Tools::new(task.tools.clone()));
    assert_eq!(fake.requests.len(), C, "every message of the script was asked for");
    (fake, report)
}

pub(super) fn run<const C: usize, const R: usize>(
    chats: [Chat; C],
    results: [Res; R],
) -> (Fake, Report) {
    with(&fake::task(9), chats, results)
}

pub(super) fn ok(text: &str) -> Res {
    Ok(text.to_owned())
}

/// The text of the newest message in the newest request.
pub(super) fn told(fake: &Fake) -> &str {
    &fake.requests.last().unwrap().messages.last().unwrap().text
}

fn cut_off(text: &str) -> Chat {
    Ok(ChatResponse { finish: Finish::Length, ..says(text) })
}

fn with_schema(max_iterations: u32) -> Task {
    Task { output_schema: Some("{}".to_owned()), ..fake::task(max_iterations) }
}

#[test]
fn an_answer_is_the_report() {
    let (fake, report) = run([Ok(says(" It has 3 lines.\n"))], []);
    assert_eq!(report, Report::completed("It has 3 lines."));
    let request = &fake.requests[0];
    let authors: Vec<_> = request.messages.iter().map(|it| it.author).collect();
    assert_eq!(authors, [Author::System, Author::User]);
    assert_eq!(request.messages[0].text, prompt::SYSTEM);
    assert_eq!(request.tools, fake::specs());
}

#[test]
fn a_stop_before_anything_was_done_is_no_success() {
    let (_, report) = run([Err(ModelError::Interrupted)], []);
    let text = "Stopped before the answer: it was interrupted.";
    assert_eq!(report, Report::failed(text).truncated());
}

#[track_caller]
fn check_failure(error: ModelError, expect: &str) {
    let (_, report) = run([Err(error)], []);
    assert_eq!(report, Report::failed(expect));
}

#[test]
fn errors_of_the_model_are_failures() {
    let why = || "why".to_owned();
    check_failure(ModelError::Denied(why()), "There is no model for this run: why");
    check_failure(ModelError::InvalidRequest(why()), "The model did not take the request: why");
    check_failure(ModelError::Failed(why()), "The model failed: why");
    check_failure(
        ModelError::TooLong(why()),
        "The conversation is too long for the model and can't be shortened: why",
    );
}

#[test]
fn a_filtered_answer_is_a_failure() {
    let filtered = ChatResponse { finish: Finish::Filtered, ..says("Half of") };
    let (_, report) = run([Ok(filtered)], []);
    let why = "The model refused, or its answer was filtered: Half of.";
    assert_eq!(report, Report::failed(why));
    let filtered = ChatResponse { finish: Finish::Filtered, ..says(" ") };
    let (_, report) = run([Ok(filtered)], []);
    assert_eq!(report, Report::failed("The provider filtered the model's answer."));
}

#[test]
fn reasoning_is_no_part_of_the_report() {
    let (_, report) = run([Ok(says("2 + 1 is 3.\n</think>\n\nIt is 3."))], []);
    assert_eq!(report, Report::completed("It is 3."));
}

#[test]
fn the_last_message_has_no_tools_and_sums_up() {
    let chats = [Ok(calls(&[NOW])), Ok(says("As far as I came."))];
    let (fake, report) = with(&fake::task(2), chats, [ok("noon")]);
    assert_eq!(report, Report::completed("As far as I came.").truncated());
    assert_eq!(fake.requests[0].tools.len(), 2);
    assert_eq!((fake.requests[1].tools.len(), told(&fake)), (0, prompt::LAST));
}

#[test]
fn a_run_without_tools_is_whole_after_one_message() {
    let task = Task { tools: Vec::new(), ..fake::task(1) };
    let (fake, report) = with(&task, [Ok(says("Yes."))], []);
    assert_eq!(report, Report::completed("Yes."));
    assert_eq!(fake.requests[0].messages.len(), 2);
}

#[test]
fn a_call_in_the_last_message_is_no_answer() {
    let text = r#"{"name": "now", "arguments": {}}"#;
    for last in [calls(&[NOW]), says(text)] {
        let (fake, report) = with(&fake::task(1), [Ok(last)], []);
        assert_eq!(report, Report::failed("The model gave no answer."));
        assert_eq!(fake.calls, []);
    }
    let announced = ChatResponse { text: "I look.".to_owned(), ..calls(&[NOW]) };
    let (_, report) = with(&fake::task(1), [Ok(announced)], []);
    let failed = Report::failed("The model gave no answer.");
    assert_eq!(report, failed.with_summary("Said last: I look."));
}

#[test]
fn a_blank_message_is_asked_about_once() {
    let (fake, report) = run([Ok(says(" ")), Ok(says("Done."))], []);
    assert_eq!(report, Report::completed("Done."));
    assert_eq!((told(&fake), fake.requests[1].tools.len()), (prompt::BLANK, 2));
    let (_, report) = run([Ok(says("<think>so")), Ok(says(""))], []);
    assert_eq!(report, Report::failed("The model gave no answer."));
}

#[test]
fn an_answer_that_was_cut_off_is_asked_for_again_once() {
    let (fake, report) = run([cut_off("It ha"), Ok(says("3."))], []);
    assert_eq!(report, Report::completed("3."));
    assert_eq!(
        (told(&fake), fake.requests[1].messages[2].text.as_str()),
        (prompt::SHORTER, "It ha")
    );
    let (_, report) = run([cut_off("It ha"), cut_off("It has")], []);
    assert_eq!(report, Report::completed("It has").truncated());
}

#[test]
fn an_answer_to_a_schema_is_json_alone() {
    let chats = [Ok(says("```json\n{\"lines\": 3}\n```"))];
    let (_, report) = with(&with_schema(9), chats, []);
    assert_eq!(report, Report::completed("{\"lines\": 3}"));
}

#[test]
fn an_answer_that_is_no_json_is_asked_for_again_with_its_schema() {
    let (fake, report) = with(&with_schema(9), [Ok(says("Three.")), Ok(says("3"))], []);
    assert_eq!(report, Report::completed("3"));
    let schemas: Vec<_> = fake.requests.iter().map(|it| it.response_schema.as_deref()).collect();
    assert_eq!(schemas, [None, Some("{}")]);
    assert_eq!((told(&fake), fake.requests[1].tools.len()), (prompt::JSON_ONLY, 0));
    // A second one is the host's to judge.
    let (_, report) = with(&with_schema(9), [Ok(says("Three.")), Ok(says("Well, three."))], []);
    assert_eq!(report, Report::completed("Well, three."));
}

#[test]
fn a_second_try_knows_the_first_one() {
    let rejected = RejectedAnswer { answer: "[4]".to_owned(), errors: vec!["$: no".to_owned()] };
    let task = Task { rejected: Some(rejected), ..with_schema(1) };
    let (fake, report) = with(&task, [Ok(says("{}"))], []);
    assert_eq!(report.outcome, Outcome::Completed);
    assert!(fake.requests[0].messages[1].text.contains("[4]\n\nWhat is wrong with it:\n\n- $: no"));
    assert_eq!(fake.requests[0].response_schema.as_deref(), Some("{}"));
}

#[test]
fn a_conversation_that_is_too_long_is_shortened_and_sent_again() {
    let long = ok(&"x".repeat(9_000));
    let too_long = Err(ModelError::TooLong("8k".to_owned()));
    let chats = [Ok(calls(&[READ])), too_long, Ok(says("Done."))];
    let (fake, report) = run(chats, [long]);
    assert_eq!(report, Report::completed("Done."));
    let length = |at: usize| fake.requests[at].messages[3].text.len();
    assert!(length(1) == 9_000 && length(2) < 7_000, "{} {}", length(1), length(2));
}

#[test]
fn a_run_without_a_model_call_says_so() {
    let (_, report) = with(&fake::task(0), [], []);
    let text = "Stopped before the answer: its model calls are spent.";
    assert_eq!(report, Report::failed(text).truncated());
}
