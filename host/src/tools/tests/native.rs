//! Tools of the application beside those of the host.

use std::{ptr, sync::Arc};

use super::bundled;
use crate::{
    completion::sanitize::clean_line,
    session::Session,
    toolset::{
        Caller, NativeTool, ToolError, ToolSpec,
        native::{MAX_DESCRIPTION_CHARS, NativeError, tool},
        work::MAX_RESULT_BYTES,
    },
};

const OBJECT: &str = r#"{ "type": "object" }"#;

fn spec(name: &str, description: &str, parameters: &str) -> ToolSpec {
    let [name, description, parameters] = [name, description, parameters].map(str::to_owned);
    ToolSpec { name, description, parameters }
}

fn echo(spec: ToolSpec) -> Arc<dyn NativeTool> {
    tool(spec, |_, arguments| async move { Ok(arguments) })
}

fn check_error(spec: ToolSpec, expect: &str) {
    let mut tools = bundled().clone();
    tools.add(echo(self::spec("first", "Is there.", OBJECT))).unwrap();
    let err = tools.add(echo(spec)).unwrap_err().to_string();
    let (message, hint) = err.split_once("\nhint: ").unwrap();
    assert_eq!(message, expect);
    assert_ne!(hint, "");
}

#[test]
fn what_is_registered_is_checked() {
    let long = "x".repeat(65);
    for name in ["", "Ticket", "open-ticket", "_x", "1x", "tïcket", "a b", "a\n", &long] {
        let shown = clean_line(name, 64);
        check_error(spec(name, "d", OBJECT), &format!("`{shown}` is no name for a tool"));
    }
    for name in ["read_file", "file", "file_read", "delegation", "delegate_task"] {
        let expect = format!("`{name}` is a tool or toolset of the host");
        check_error(spec(name, "d", OBJECT), &expect);
    }
    check_error(spec("first", "d", OBJECT), "`first` is registered twice");
    check_error(spec("x", " \u{200b}\n", OBJECT), "`x` has no description");
    for parameters in ["", "{", "[]", "7", "null"] {
        let mut tools = bundled().clone();
        let res = tools.add(echo(spec("x", "d", parameters)));
        assert!(matches!(res, Err(NativeError::Parameters { .. })), "{parameters}");
    }
    for parameters in ["{}", r#"{"type":"array"}"#, r#"{"type":["object"]}"#] {
        check_error(
            spec("x", "d", parameters),
            "the parameters of `x` are no schema of an object: its `type` is not `object`",
        );
    }
}

#[test]
fn a_native_tool_is_granted_by_name_and_described() {
    let mut tools = bundled().clone();
    let description = format!("Opens\na \u{1b}[31mticket. {}", "x".repeat(2_000));
    let ticket = tools.add(echo(spec("ticket", &description, OBJECT))).unwrap();
    assert_eq!((ticket.name(), ticket.toolset()), ("ticket", "ticket"));
    let grant = tools.expand(&["ticket", "read_file"]).unwrap();
    assert_eq!(grant.names(), ["read_file", "ticket"]);
    assert!(!grant.is_within(&bundled().held()));
    assert!(grant.is_within(&tools.held()));
    let last = grant.iter().last().unwrap();
    let spec = last.spec();
    assert_eq!((last, spec.parameters.as_str()), (ticket, r#"{"type":"object"}"#));
    assert!(spec.description.starts_with("Opens a ticket. xxx"), "{}", spec.description);
    assert_eq!(spec.description.chars().count(), MAX_DESCRIPTION_CHARS);
    let err = tools.expand(&["tickets"]).unwrap_err().to_string();
    assert_eq!(
        err,
        "unknown toolset or tool `tickets`: known are `file`, `file_read`, `terminal`, `web`, `ticket`"
    );
}

#[test]
fn the_same_description_is_the_same_tool_in_every_registry() {
    let register = |description: &str, parameters: &str| {
        let spec = spec("twin", description, parameters);
        bundled().clone().add(echo(spec)).unwrap()
    };
    let (one, other) = (register("d", OBJECT), register(" d ", r#"{"type":"object"}"#));
    assert_eq!(one, other);
    assert!(ptr::eq(one.spec(), other.spec()));
    assert_ne!(register("another", OBJECT), one);
}

#[tokio::test]
async fn a_call_ends_in_the_tool_and_is_bounded() {
    let caller = || Caller::of("sa", Session::Local);
    let mut tools = bundled().clone();
    let echo = tools.add(echo(spec("echo", "d", OBJECT))).unwrap();
    let call = |arguments: String| tools.call_json(caller(), echo, arguments);
    assert_eq!(call("{}".to_owned()).await, Ok("{}".to_owned()));
    let long = call(format!(r#"{{"x":"{}"}}"#, "x".repeat(MAX_RESULT_BYTES))).await;
    assert!(matches!(long, Err(ToolError::Failed(_))), "{long:?}");
    let other = bundled().call_json(caller(), echo, String::new()).await;
    assert_eq!(other, Err(ToolError::Failed("no tool `echo`".to_owned())));
}
