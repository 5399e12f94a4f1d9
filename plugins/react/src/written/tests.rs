use super::*;

const TOOLS: [&str; 2] = ["read_file", "now"];

fn found(text: &str) -> Result<Option<Written>, Unread> {
    calls(text, |name| TOOLS.contains(&name.trim_start_matches("functions.")))
}

/// Each call as its name and arguments.
#[track_caller]
fn check(text: &str, said: &str, expect: &[(&str, &str)]) {
    let Ok(Some(written)) = found(text) else {
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
    check(&format!("```xml\n<tool_call>{CALL}</tool_call>\n```"), "", &[READ]);
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
    assert!(matches!(found(text), Ok(None)), "{text}");
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
    check_answer(&format!("<tools>{other}</tools>"));
    check_answer(&format!("```json\n{other}\n```"));
    check_answer("memory(a=1)");
    check_answer("memory {}");
    check_answer("Action: memory\nAction Input: {}");
}

#[test]
fn marks_of_a_family_make_a_call_of_any_tool() {
    let memory = [("memory", "{}")];
    check(r#"<tool_call>{"name": "memory", "arguments": {}}</tool_call>"#, "", &memory);
    check("I look.\n<function=memory>{}</function>", "I look.", &memory);
    // Talked about.
    check_answer("It wrote\n<tool_call>memory</tool_call>\nand stopped.");
    check_answer("It wrote `<tool_call>memory</tool_call>`.");
    check_answer("It wrote <tool_call>memory</tool_call>");
}

#[test]
fn a_deep_value_is_no_call_and_no_overflow() {
    check_answer(&"[".repeat(100_000));
    check_unread(&format!("<tool_call>{}</tool_call>", "{\"function\":".repeat(100_000)));
}

#[test]
fn elements_hold_a_name_and_parameters() {
    let element = "<function=read_file>\n<parameter=path>\na\n</parameter>\n</function>";
    check(element, "", &[READ]);
    check(&format!("I look.\n<tool_call>\n{element}\n</tool_call>"), "I look.", &[READ]);
    check(&format!("<seed:tool_call>{element}</seed:tool_call>"), "", &[READ]);
    check("<tool_call>\n<function=now>\n</function>\n</tool_call>", "", &[NOW]);
    let text = "<function=read_file><parameter=path>a\nb</parameter>\n<parameter=limit>5";
    check(text, "", &[("read_file", r#"{"limit":"5","path":"a\nb"}"#)]);
    let invoke = "<invoke name=\"read_file\">\n<parameter name=\"path\">a</parameter>\n</invoke>";
    check(&format!("<function_calls>\n{invoke}\n</function_calls>"), "", &[READ]);
    check(&format!("Yes.\n<minimax:tool_call>{invoke}</minimax:tool_call>"), "Yes.", &[READ]);
    let sealed = "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"read_file\">\n\
        <｜DSML｜parameter name=\"path\" string=\"true\">a</｜DSML｜parameter>\n\
        </｜DSML｜invoke>\n</｜DSML｜function_calls>";
    check(sealed, "", &[READ]);
    let pairs = "read_file\n<arg_key>path</arg_key>\n<arg_value>a</arg_value>\n";
    check(&format!("<tool_call>{pairs}</tool_call>"), "", &[READ]);
    check("<tool_call>now\n</tool_call>", "", &[NOW]);
    check("<tool_call>read_file\n{\"path\": \"a\"}</tool_call>", "", &[READ]);
}

#[test]
fn tokens_hold_a_name_and_an_object() {
    let path = r#"{"path": "a"}"#;
    let (begin, end) =
        ("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>", "<｜tool▁call▁end｜><｜tool▁calls▁end｜>");
    let old = format!("function<｜tool▁sep｜>read_file\n```json\n{path}\n```");
    check(&format!("I look.{begin}{old}{end}"), "I look.", &[READ]);
    check(&format!("{begin}read_file<｜tool▁sep｜>{path}{end}"), "", &[READ]);
    let next = "<｜tool▁call▁end｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}";
    check(&format!("{begin}read_file<｜tool▁sep｜>{path}{next}{end}"), "", &[READ, NOW]);
    let kimi = format!("functions.read_file:0<|tool_call_argument_begin|>{path}<|tool_call_end|>");
    let kimi =
        format!("<|tool_calls_section_begin|><|tool_call_begin|>{kimi}<|tool_calls_section_end|>");
    check(&kimi, "", &[("functions.read_file:0", READ.1)]);
    for name in [
        "[TOOL_CALLS]read_file",
        "[TOOL_CALLS] read_file[ARGS]",
        "[TOOL_CALLS]read_file[CALL_ID]abc[ARGS]",
    ] {
        check(&format!("{name}{path}"), "", &[READ]);
    }
    check(&format!("[TOOL_CALLS]read_file{path}[TOOL_CALLS]now{{}}</s>"), "", &[READ, NOW]);
    let channel =
        format!("commentary to=functions.read_file <|constrain|>json<|message|>{path}<|call|>");
    check(
        &format!("<|start|>assistant<|channel|>{channel}"),
        "",
        &[("functions.read_file", READ.1)],
    );
    check(
        &format!("<|from|>assistant\n<|recipient|>read_file\n<|content|>{path}<|stop|>"),
        "",
        &[READ],
    );
    check(&format!(">>>all\nI look.\n>>>read_file\n{path}"), "I look.", &[READ]);
    let action =
        r#"[{"tool_call_id": "0", "tool_name": "read_file", "parameters": {"path": "a"}}]"#;
    check(&format!("<|START_ACTION|>{action}<|END_ACTION|>"), "", &[READ]);
    check(&format!("Action: ```json\n{action}\n```"), "Action:", &[READ]);
    check(&format!("<|action_start|><|plugin|>\n{CALL}<|action_end|>"), "", &[READ]);
}

#[test]
fn programs_of_one_call_are_calls() {
    check("read_file(path=\"a\")", "", &[READ]);
    check("[read_file(path='a'), now()]", "", &[READ, NOW]);
    check("<|python_tag|>read_file.call(path=\"a\")<|eom_id|>", "", &[READ]);
    check("<|tool_call_start|>[now()]<|tool_call_end|>", "", &[NOW]);
    check("I look.\n```tool_code\nread_file(path=\"a\")\n```", "I look.", &[READ]);
    check(
        "Thought: I look.\nAction: read_file\nAction Input: {\"path\": \"a\"}",
        "Thought: I look.",
        &[READ],
    );
    check("read_file\n{\"path\": \"a\"}", "", &[READ]);
    check_answer("```python\nread_file(path=\"a\")\nprint(1)\n```");
    check_answer(">>> now()\n12");
}

#[track_caller]
fn check_unread(text: &str) {
    assert!(found(text).is_err(), "{text}");
}

#[test]
fn marks_with_something_else_behind_them_are_no_answer() {
    check_unread("<tool_call>{\"name\": \"now\", \"arguments\": </tool_call>");
    check_unread("I look.\n<tool_call>{\"name\": \"now\"");
    check_unread("[TOOL_CALLS] what now?");
    check_unread("<|python_tag|>print(open('a').read())");
    check_unread("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{cut");
    check_answer("Quoted: `<|python_tag|>print(1)`.");
    check_answer("```\n<tool_call>{cut\n```\nis what it wrote.");
}

/// Calls as families write them, each of a granted tool.
const FORMS: [&str; 6] = [
    "<tool_call>\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"a\"}}\n</tool_call>",
    "<function=read_file>{\"path\": \"a\"}</function>",
    "<function=read_file>\n<parameter=path>\na\n</parameter>\n</function>",
    "<function_calls>\n<invoke name=\"read_file\">\n<parameter name=\"path\">a</parameter>\n\
     </invoke>\n</function_calls>",
    "<|tool_call_begin|>read_file<|tool_call_argument_begin|>{\"path\": \"a\"}<|tool_call_end|>",
    "<tools>{\"name\": \"read_file\", \"arguments\": {\"path\": \"a\"}}</tools>",
];

#[test]
fn a_call_that_is_quoted_is_part_of_the_answer() {
    const AROUND: [(&str, &str); 14] = [
        ("Here is how Qwen writes a call:\n\n```\n", "\n```\n\nI recommend it. Nothing is broken."),
        ("Here is how Qwen writes a call:\n\n```xml\n", "\n```"),
        ("Here is how Qwen writes a call:\n\n```xml\n", ""),
        ("````\n```\n", "\n```\n````\nis how."),
        ("~~~\n", "\n~~~"),
        ("```\n", "\n```\nis how Qwen writes a call."),
        ("The README says: ", " and then it goes on. My final answer: 42."),
        ("The README says:\n\n", "\n\nMy final answer: 42."),
        ("The README says: \"", "\"."),
        ("Models write `", "` in their text."),
        ("Models write `", "`"),
        ("Models write ``", "``"),
        ("", "\nis how Qwen writes a call."),
        ("", " ends with </tool_call> or </function>"),
    ];
    for form in FORMS {
        for (before, after) in AROUND {
            check_answer(&format!("{before}{form}{after}"));
        }
    }
    check_answer("It wrote\n<tool_call>{cut</tool_call>\nand then it stopped.");
    check_answer("```\nAction: now\nAction Input: {}\nObservation: 12\n```\nNothing is broken.");
}

#[test]
fn a_call_that_ends_a_message_is_meant() {
    for form in FORMS {
        check(form, "", &[READ]);
        check(&format!("I look:\n\n{form}\n\n"), "I look:", &[READ]);
        check(&format!("I look: {form}<|im_end|>"), "I look:", &[READ]);
        check(&format!("```xml\n{form}\n```\n"), "", &[READ]);
        check(&format!("```\n{form}\n```<|im_end|>"), "", &[READ]);
        check(&format!("```\n{form}"), "", &[READ]);
        check(&format!("The `a` is\n```\nb\n```\n{form}"), "The `a` is\n```\nb\n```", &[READ]);
        for end in
            ["</tool_calls>", "<|endoftext|>", "<end_of_turn>\n", " </s> <｜end▁of▁sentence｜>"]
        {
            check(&format!("{form}{end}"), "", &[READ]);
        }
        for other in FORMS {
            check(&format!("{form}\n{other}"), "", &[READ, READ]);
        }
        let quoted = format!("No `{}` now.", form.replace('\n', " "));
        check(&format!("{quoted}\n{form}"), &quoted, &[READ]);
        let made_up = "\n<tool_response>\n1\n</tool_response>";
        check(&format!("{form}{made_up}"), "", &[READ]);
    }
    let fence = r#"{"path":"```\nb\n```"}"#;
    check(&format!("```\n<function=read_file>{fence}</function>\n```"), "", &[(READ.0, fence)]);
    let file =
        "```\n<function=read_file><parameter=path>\n```sh\nb\n```\n</parameter></function>\n```";
    check(file, "", &[(READ.0, r#"{"path":"```sh\nb\n```"}"#)]);
    check_answer(&format!("```\n{0}\n```\nand again\n```\n{0}\n```", FORMS[0]));
}
