use super::*;

const TOOLS: [&str; 2] = ["read_file", "now"];

fn found(text: &str) -> Option<Written> {
    calls(text, |name| TOOLS.contains(&name))
}

/// Each call as its name and arguments.
#[track_caller]
fn check(text: &str, said: &str, expect: &[(&str, &str)]) {
    let Some(written) = found(text) else {
        panic!("no call in {text}");
    };
    let calls: Vec<_> =
        written.calls.iter().map(|it| (it.name.as_str(), it.arguments.as_str())).collect();
    assert_eq!((written.said.as_str(), calls.as_slice()), (said, expect), "{text}");
}

const READ: (&str, &str) = ("read_file", r#"{"path":"a"}"#);
const NOW: (&str, &str) = ("now", "{}");

/// The call of [`READ`], as it stands in the texts below.
const CALL: &str = r#"{"name": "read_file", "arguments": {"path": "a"}}"#;

#[test]
fn a_message_that_is_json_alone_is_a_call() {
    check(CALL, "", &[READ]);
    check(&format!("\n  {CALL}\n"), "", &[READ]);
    check(r#"{"name": "read_file", "parameters": {"path": "a"}}"#, "", &[READ]);
    check(r#"{"arguments": {}, "name": "now"}"#, "", &[NOW]);
    check(r#"{"name": "read_file", "arguments": "{\"path\":\"a\"}"}"#, "", &[READ]);
    check(r#"{"id": "1", "name": "now", "arguments": {}}"#, "", &[NOW]);
    check(r#"{"type": "function", "name": "now", "parameters": {}}"#, "", &[NOW]);
    check(&format!(r#"{{"type": "function", "function": {CALL}}}"#), "", &[READ]);
    check(&format!(r#"{{"function": {CALL}}}"#), "", &[READ]);
    check(&format!(r#"{{"tool_calls": [{CALL}]}}"#), "", &[READ]);
}

#[test]
fn lists_and_sequences_are_several_calls() {
    let now = r#"{"name": "now", "arguments": {}}"#;
    check(&format!("[{CALL}]"), "", &[READ]);
    check(&format!("[{CALL}, {now}]"), "", &[READ, NOW]);
    check(&format!("{CALL}\n{now}"), "", &[READ, NOW]);
    check(&format!("{CALL}{now}"), "", &[READ, NOW]);
}

#[test]
fn tokens_of_the_model_are_taken_off() {
    check(&format!("[TOOL_CALLS] [{CALL}]"), "", &[READ]);
    check(&format!("<|python_tag|>{CALL}<|eom_id|>"), "", &[READ]);
    check(&format!("functools[{CALL}]"), "", &[READ]);
    check(&format!("<|tool_call|>[{CALL}]<|/tool_call|>"), "", &[READ]);
    check(&format!("{CALL}\n</tool_call>"), "", &[READ]);
    check(&format!("{CALL}<|im_end|>"), "", &[READ]);
}

#[test]
fn tags_hold_calls_and_may_be_left_open() {
    check(&format!("<tool_call>\n{CALL}\n</tool_call>"), "", &[READ]);
    check(&format!("I read it.\n<tool_call>{CALL}</tool_call>"), "I read it.", &[READ]);
    check(&format!("<tool_call>{CALL}"), "", &[READ]);
    check(&format!("<tool_call>{CALL}<tool_call>"), "", &[READ]);
    check(
        &format!("<tool_call>{CALL}</tool_call>\n<tool_call>{CALL}</tool_call>"),
        "",
        &[READ, READ],
    );
    check(&format!("<tool_call>{CALL}{CALL}</tool_call>"), "", &[READ, READ]);
    check(&format!("<tool_call>```json\n{CALL}\n```</tool_call>"), "", &[READ]);
    check(&format!("```xml\n<tool_call>{CALL}</tool_call>\n```"), "```xml", &[READ]);
    check(&format!("<tools>{CALL}</tools>"), "", &[READ]);
    check(&format!("<tools>[{CALL}]</tools>"), "", &[READ]);
    check(&format!("<tool_calls>[{CALL}]</tool_calls>"), "", &[READ]);
    check(&format!("<function_call>{CALL}</function_call>"), "", &[READ]);
}

#[test]
fn functions_are_named_by_their_tag() {
    check("<function=read_file>{\"path\": \"a\"}</function>", "", &[READ]);
    check("Now.\n<function=now>{}</function>", "Now.", &[NOW]);
    check("<function=now>{}", "", &[NOW]);
    check("<function=now>{}</function>\n<function=now>{}</function>", "", &[NOW, NOW]);
}

#[test]
fn fences_at_the_end_hold_calls() {
    check(&format!("```json\n{CALL}\n```"), "", &[READ]);
    check(&format!("```\n{CALL}\n```\n"), "", &[READ]);
    check(&format!("```tool_call\n{CALL}\n```"), "", &[READ]);
    check(&format!("I will read it:\n\n```json\n{CALL}\n```"), "I will read it:", &[READ]);
    check(&format!("```json\n[{CALL}]\n```"), "", &[READ]);
    check(&format!("```json\n{CALL}"), "", &[READ]);
    check(&format!("```json\n{CALL}\n```\n```json\n{CALL}\n```"), "", &[READ, READ]);
}

#[track_caller]
fn check_answer(text: &str) {
    assert!(found(text).is_none(), "{text}");
}

#[test]
fn an_answer_stays_an_answer() {
    check_answer("");
    check_answer("The file has 3 lines.");
    check_answer("I used read_file with {\"path\": \"a\"}.");
    check_answer(&format!("The call was {CALL}, and it failed."));
    check_answer(&format!("It wrote\n```json\n{CALL}\n```\nand then it stopped."));
    check_answer(&format!("```sh\nls\n```\n```json\n{CALL}\n```"));
    check_answer("Models write `<tool_call>` and `</tool_call>` around calls.");
    check_answer("<tools> is an element of the configuration.");
    check_answer("The form is <function=NAME>{…}</function>.");
    check_answer("Package:\n```json\n{\"name\": \"now\", \"version\": \"1\"}\n```");
}

#[test]
fn json_that_is_no_call_stays_an_answer() {
    check_answer("{}");
    check_answer("[]");
    check_answer("[1, 2]");
    check_answer("\"now\"");
    check_answer(r#"{"name": "now"}"#);
    check_answer(r#"{"name": "now", "arguments": null}"#);
    check_answer(r#"{"name": "now", "arguments": [1]}"#);
    check_answer(r#"{"name": 1, "arguments": {}}"#);
    check_answer(r#"{"name": "now", "description": "Tells it", "parameters": {}}"#);
    check_answer(r#"{"lines": 3, "name": "now", "arguments": {}}"#);
    check_answer(&format!("[{CALL}, {{\"lines\": 3}}]"));
    check_answer(&CALL.replace('}', ""));
}

#[test]
fn a_tool_that_was_not_granted_makes_no_call() {
    let other = r#"{"name": "memory", "arguments": {}}"#;
    check_answer(other);
    check_answer(&format!("[{CALL}, {other}]"));
    check_answer(&format!("<tool_call>{other}</tool_call>"));
    check_answer("<function=memory>{}</function>");
    check_answer(&format!("```json\n{other}\n```"));
}

#[test]
fn a_deep_value_is_no_call_and_no_overflow() {
    check_answer(&"[".repeat(100_000));
    check_answer(&format!("<tool_call>{}</tool_call>", "{\"function\":".repeat(100_000)));
}
