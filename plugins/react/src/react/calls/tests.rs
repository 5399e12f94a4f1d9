use hermitage_guest::model::{ChatResponse, ModelError};

use super::*;
use crate::{
    fake::{calls, says},
    react::tests::{NOW, READ, ok, run, told},
};

#[test]
fn results_go_back_to_the_model() {
    let (fake, report) = run(
        [Ok(calls(&[READ, NOW])), Ok(says("Done."))],
        [ok("3 lines"), Err(ToolError::Failed("no clock".to_owned()))],
    );
    assert_eq!(report, Report::completed("Done."));
    assert_eq!(fake.calls, [READ, NOW].map(|(name, it)| (name.to_owned(), it.to_owned())));
    let messages = &fake.requests[1].messages;
    assert_eq!(messages[2].tool_calls.len(), 2);
    let results: Vec<_> =
        messages[3..].iter().map(|it| (it.answers.as_deref(), it.text.as_str())).collect();
    assert_eq!(results, [(Some("0"), "3 lines"), (Some("1"), "failed: no clock")]);
    assert_eq!(fake.reports, ["model call 1 of 9", "read_file a", "now", "model call 2 of 9"]);
    assert_eq!(
        fake.checkpoints,
        ["Stopped before the answer.\n\nDone until then:\n\n\
            1. read_file a: 3 lines\n2. now: failed: no clock"]
    );
}

#[track_caller]
fn check_fed_back(call: (&str, &str), expect: &str) {
    let (fake, report) = run([Ok(calls(&[call])), Ok(says("Done."))], []);
    assert_eq!(report, Report::completed("Done."));
    assert_eq!(told(&fake), expect);
    // The model's message goes back as it came, whatever it was.
    let sent = &fake.requests[1].messages[2].tool_calls[0];
    assert_eq!((sent.name.as_str(), sent.arguments.as_str()), call);
}

#[test]
fn what_is_wrong_with_a_call_is_fed_back_before_it_is_made() {
    check_fed_back(
        ("memory", "{}"),
        "invalid arguments: there is no tool `memory`: granted are `read_file`, `now`",
    );
    check_fed_back(
        ("now", "[1]"),
        "invalid arguments: the arguments must be a JSON object, this is array",
    );
    check_fed_back(("read_file", "{}"), "invalid arguments: $.path: missing");
    check_fed_back(
        ("read_file", r#"{"path": 1}"#),
        "invalid arguments: $.path: must be string, is number",
    );
}

#[track_caller]
fn check_error(error: ToolError, expect: &str) {
    let (fake, _) = run([Ok(calls(&[NOW])), Ok(says("Done."))], [Err(error)]);
    assert_eq!(told(&fake), expect);
}

#[test]
fn errors_of_a_tool_are_fed_back() {
    check_error(ToolError::Denied("why".to_owned()), "denied: why");
    check_error(ToolError::InvalidArguments("why".to_owned()), "invalid arguments: why");
    check_error(ToolError::Failed("why".to_owned()), "failed: why");
}

#[test]
fn a_stop_ends_the_run_with_what_there_is() {
    let done = "Done until then:\n\n1. read_file a: 3 lines";
    for (stop, why) in [
        (ToolError::Interrupted, "it was interrupted"),
        (ToolError::TimedOut, "it is out of time"),
        (ToolError::Exhausted("no calls left".to_owned()), "no calls left"),
    ] {
        let (_, report) = run([Ok(calls(&[READ, NOW]))], [ok("3 lines"), Err(stop)]);
        let text = format!("Stopped before the answer: {why}.\n\n{done}");
        assert_eq!(report, Report::completed(text).truncated());
    }
    let stop = ModelError::Exhausted("no tokens left".to_owned());
    let (_, report) = run([Ok(calls(&[READ])), Err(stop)], [ok("3 lines")]);
    let text = format!("Stopped before the answer: no tokens left.\n\n{done}");
    assert_eq!(report, Report::completed(text).truncated());
}

#[test]
fn the_same_call_is_done_once_and_at_the_third_time_tools_are_withheld() {
    let spaced = ("read_file", "{ \"path\": \"a\" }");
    let chats = [Ok(calls(&[READ])), Ok(calls(&[spaced])), Ok(calls(&[READ])), Ok(says("Done."))];
    let (fake, report) = run(chats, [ok("3 lines")]);
    assert_eq!(report, Report::completed("Done."));
    assert_eq!(fake.calls.len(), 1);
    assert_eq!(fake.requests[2].messages.last().unwrap().text, prompt::REPEATED);
    let tools: Vec<_> = fake.requests.iter().map(|it| it.tools.len()).collect();
    assert_eq!((tools.as_slice(), told(&fake)), (&[2, 2, 2, 0][..], prompt::STUCK));
}

#[test]
fn another_broken_call_is_not_the_same_call() {
    let chats = [Ok(calls(&[("now", "{")])), Ok(calls(&[("now", "[")])), Ok(says("Done."))];
    let (fake, _) = run(chats, []);
    assert!(told(&fake).starts_with("invalid arguments: "), "{}", told(&fake));
}

#[test]
fn calls_in_the_text_are_made_and_become_calls() {
    let text = "I read it.\n<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>";
    let (fake, report) = run([Ok(says(text)), Ok(says("Noon."))], [ok("noon")]);
    assert_eq!(report, Report::completed("Noon."));
    let message = &fake.requests[1].messages[2];
    assert_eq!(message.text, "I read it.");
    assert_eq!(message.tool_calls[0].id, "call00001");
    assert_eq!(fake.requests[1].messages[3].answers.as_deref(), Some("call00001"));
}

#[test]
fn a_call_is_done_as_it_is_meant_and_goes_back_as_it_came() {
    let call = ("functions.read_file", "```json\n{ \"path\": \"a\", \"limit\": \"5\" }\n```");
    let said = "\n<think>hm</think> I look.\n";
    let message = ChatResponse { text: said.to_owned(), ..calls(&[call]) };
    let (fake, report) = run([Ok(message.clone()), Ok(says("Done."))], [ok("3 lines")]);
    assert_eq!(report, Report::completed("Done."));
    let done = [("read_file".to_owned(), r#"{"limit":5,"path":"a"}"#.to_owned())];
    assert_eq!(fake.calls, done);
    assert!(fake.checkpoints[0].contains("Said last: I look.\n"), "{}", fake.checkpoints[0]);
    let sent = &fake.requests[1].messages[2];
    assert_eq!((&sent.text, &sent.tool_calls[0].arguments), (&message.text, &call.1.to_owned()));
}

#[test]
fn a_call_in_marks_that_cant_be_read_is_asked_about_and_never_the_answer() {
    let text = "<|python_tag|>read_file(open('a'))";
    let (fake, report) = run([Ok(says(text)), Ok(says("Done."))], []);
    assert_eq!(report, Report::completed("Done."));
    assert_eq!((told(&fake), fake.requests[1].messages[2].text.as_str()), (prompt::UNREAD, text));
    let (_, report) = run([Ok(says(text)), Ok(says(text))], []);
    let why = "The model wrote a tool call as text that can't be read (`<|python_tag|>`).";
    assert_eq!(report, Report::failed(why));
}

#[test]
fn a_call_in_marks_of_a_tool_that_was_not_granted_is_told_so() {
    let text = "<tool_call>{\"name\": \"memory\", \"arguments\": {}}</tool_call>";
    let (fake, _) = run([Ok(says(text)), Ok(says("Done."))], []);
    let expect = "invalid arguments: there is no tool `memory`: granted are `read_file`, `now`";
    assert_eq!(told(&fake), expect);
}

#[test]
fn a_call_that_was_cut_off_is_told_so() {
    let call = calls(&[("now", "{\"a\": \"")]);
    let (fake, _) = run([Ok(ChatResponse { finish: Finish::Length, ..call }), Ok(says("No."))], []);
    assert!(told(&fake).ends_with("The message was cut off: write less at once."));
}
