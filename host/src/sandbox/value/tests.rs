//! Tools of real components, which are made of WIT alone.

mod echo;
mod laws;
mod table;

use wasmtime::{Engine, component::Component};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use super::*;

/// A component of a world; its module is one that does nothing, or that one.
fn component(wit: &str, module: Option<Vec<u8>>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let nothing = || dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    let mut module = module.unwrap_or_else(nothing);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

fn tools_of(wit: &str) -> Result<Vec<PlainTool>, String> {
    let engine = Engine::default();
    let component = Component::from_binary(&engine, &component(wit, None)).unwrap();
    tools(&engine, &component).map_err(|it| it.to_string())
}

fn world(body: &str) -> String {
    format!("package acme:test@1.0.0; {body}")
}

fn names(body: &str) -> Vec<String> {
    tools_of(&world(body)).unwrap().into_iter().map(|it| it.name).collect()
}

/// The tool of a world that exports one function.
fn tool(types: &str, function: &str) -> PlainTool {
    let wit =
        format!("interface api {{ {types} call: func{function}; }} world w {{ export api; }}");
    tools_of(&world(&wit)).unwrap().remove(0)
}

fn refusal(types: &str, function: &str) -> String {
    let wit =
        format!("interface api {{ {types} call: func{function}; }} world w {{ export api; }}");
    tools_of(&world(&wit)).unwrap_err()
}

#[test]
fn functions_have_their_own_names_and_those_of_interfaces_a_longer_one_where_they_must() {
    assert_eq!(
        names("world w { export add: func(); export resize-image: func(); }"),
        ["add", "resize_image"]
    );
    assert_eq!(
        names(
            "interface issues { create: func(); list-all: func(); }
             interface pulls { create: func(); }
             world w { export create: func(); export issues; export pulls; }"
        ),
        ["create", "issues_create", "list_all", "pulls_create"]
    );
    let place = tool("", "()");
    assert_eq!(
        (place.interface.as_deref(), &*place.function),
        (Some("acme:test/api@1.0.0"), "call")
    );
    let twice = "interface a { b-c: func(); x: func(); } interface a-b { c: func(); x: func(); }
                 interface e { a-x: func(); } world w { export a; export e; export a-b; }";
    assert_eq!(
        tools_of(&world(twice)).unwrap_err(),
        "the function `acme:test/e@1.0.0#a-x` can't be a tool: `acme:test/a@1.0.0#x` would be the tool `a_x`, too"
    );
}

#[test]
fn what_starts_a_component_is_no_tool() {
    assert_eq!(
        names(
            "interface add { go: func(); }
             world w {
                 export init: func(shim: string, script: string, entry-path: option<string>,
                     disable-gc: bool) -> result<_, string>;
                 export exports: interface { record symbols { n: u32 } init: func(symbols: symbols); }
                 export add;
             }"
        ),
        ["go"]
    );
    assert_eq!(names("world w { export init: func(); }"), ["init"]);
}

#[test]
fn what_json_has_no_form_for_is_refused_with_its_place() {
    let said = |place: &str, what: &str| {
        format!(
            "the function `acme:test/api@1.0.0#call` can't be a tool: {place} is {what}, which \
             JSON has no form for"
        )
    };
    assert_eq!(refusal("resource db;", "(it: db)"), said("`it`", "a resource"));
    assert_eq!(refusal("resource db;", "(it: borrow<db>)"), said("`it`", "a resource"));
    let types = "resource db; record job { db: option<list<tuple<u8, db>>> }
                 variant ask { one(job), none }";
    assert_eq!(refusal(types, "(ask: ask)"), said("`ask.one.db[][1]`", "a resource"));
    assert_eq!(
        refusal(types, "() -> result<u8, job>"),
        said("`its result.error.db[][1]`", "a resource")
    );
    let deep = format!("(it: {}u8{})", "list<".repeat(40), ">".repeat(40));
    assert!(refusal("", &deep).contains("nests deeper than 32 types"), "{}", refusal("", &deep));
}

#[test]
fn arguments_are_read_by_their_names_and_what_does_not_fit_by_its_path() {
    let types = "record item { item-name: string, size: option<u8> }";
    let tool = tool(types, "(items: list<item>, at-most: u64)");
    let read =
        tool.arguments(r#"{"items": [{"item_name": "a"}], "at_most": "18446744073709551615"}"#);
    let item = Val::Record(vec![
        ("item-name".to_owned(), Val::String("a".to_owned())),
        ("size".to_owned(), Val::Option(None)),
    ]);
    assert_eq!(read, Ok(vec![Val::List(vec![item]), Val::U64(u64::MAX)]));
    let check = |json: &str, expect: &str| {
        assert_eq!(tool.arguments(json), Err(ToolError::InvalidArguments(expect.to_owned())));
    };
    check("[]", "$: expected an object with each argument by its name");
    check("{", "no JSON: EOF while parsing an object at line 1 column 1");
    check(
        r#"{"items": []}"#,
        "$.at_most: missing; expected a whole number from 0 to 18446744073709551615",
    );
    check(
        r#"{"items": [{"item_name": "a"}, {"item_name": 5}], "at_most": 1}"#,
        "$.items[1].item_name: expected a text, found 5",
    );
    check(
        r#"{"items": [{"item_name": "a", "size": 256}], "at_most": 1}"#,
        "$.items[0].size: expected a whole number from 0 to 255, found 256",
    );
    check(r#"{"items": [], "at-most": 1}"#, "$.at-most: unknown; there is `items`, `at_most`");
}

#[test]
fn the_error_of_a_result_is_the_error_of_the_tool() {
    let text = |it: &str| Val::String(it.to_owned());
    let ok = |it: Val| [Val::Result(Ok(Some(Box::new(it))))];
    let error = |it: Val| [Val::Result(Err(Some(Box::new(it))))];
    let plain = tool("", "() -> result<u32, string>");
    assert_eq!(plain.answer(&ok(Val::U32(7))), Ok("7".to_owned()));
    assert_eq!(plain.answer(&error(text("no"))), Err(ToolError::Failed("no".to_owned())));
    let bare = tool("", "() -> result");
    assert_eq!(bare.answer(&[Val::Result(Ok(None))]), Ok("null".to_owned()));
    assert_eq!(
        bare.answer(&[Val::Result(Err(None))]),
        Err(ToolError::Failed("`call` failed without a reason".to_owned()))
    );
    let types = "enum why { too-far, gone }";
    let other = tool(types, "() -> result<string, why>");
    assert_eq!(
        other.answer(&error(Val::Enum("too-far".to_owned()))),
        Err(ToolError::Failed("\"too_far\"".to_owned()))
    );
    assert_eq!(other.answer(&ok(text("a \"b\""))), Ok("a \"b\"".to_owned()));
    assert_eq!(tool("", "()").answer(&[]), Ok("null".to_owned()));
    assert_eq!(tool("", "() -> string").answer(&[text("a")]), Ok("a".to_owned()));
    assert_eq!(
        tool("", "() -> list<string>").answer(&[Val::List(vec![text("a\n")])]),
        Ok(r#"["a\n"]"#.to_owned())
    );
}

#[test]
fn the_error_of_the_contract_is_taken_case_by_case() {
    let types = "variant tool-error { denied(string), invalid-arguments(string), failed(string),
                 interrupted, timed-out, exhausted(string) }";
    let tool = tool(types, "() -> result<string, tool-error>");
    let why = || "why".to_owned();
    let cases = [
        ("denied", Some(why()), ToolError::Denied(why())),
        ("invalid-arguments", Some(why()), ToolError::InvalidArguments(why())),
        ("failed", Some(why()), ToolError::Failed(why())),
        ("interrupted", None, ToolError::Interrupted),
        ("timed-out", None, ToolError::TimedOut),
        ("exhausted", Some(why()), ToolError::Exhausted(why())),
    ];
    for (case, text, expect) in cases {
        let payload = text.map(|it| Box::new(Val::String(it)));
        let value = Val::Variant(case.to_owned(), payload);
        assert_eq!(tool.answer(&[Val::Result(Err(Some(value.into())))]), Err(expect));
    }
}

#[test]
fn a_result_is_as_long_as_a_component_takes() {
    let tool = tool("", "() -> list<string>");
    let long = Val::List(vec![Val::String("x".repeat(600_000)); 2]);
    let said = "the result is longer than 1048576 bytes: ask for less of it";
    assert_eq!(tool.answer(&[long]), Err(ToolError::Failed(said.to_owned())));
}

#[test]
fn a_tool_says_what_it_takes_and_gives() {
    let types = "record size { width: u32, height: option<u32> }";
    let spec =
        tool(types, "(image: list<u8>, to: size) -> result<string, string>").spec(&Docs::default());
    assert_eq!(
        spec.description,
        "`call` of `acme:test/api@1.0.0`: func(image: list<u8>, to: record{width: u32, height: \
         option<u32>}) -> result<string, string>"
    );
    let expect = serde_json::json!({
        "type": "object",
        "properties": {
            "image": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
            "to": {
                "type": "object",
                "properties": {
                    "width": {"type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32},
                    "height": {"type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32},
                },
                "required": ["width"],
                "additionalProperties": false,
            },
        },
        "required": ["image", "to"],
        "additionalProperties": false,
    });
    assert_eq!(spec.parameters.parse::<serde_json::Value>().unwrap(), expect);
}

#[test]
fn short_json_does_not_become_many_values() {
    let fields: Vec<String> = (0..200).map(|it| format!("n{it}: option<u8>")).collect();
    let types = format!("record wide {{ {} }}", fields.join(", "));
    let tool = tool(&types, "(it: list<wide>)");
    let of = |n: usize| tool.arguments(&format!(r#"{{"it": [{}]}}"#, vec!["{}"; n].join(",")));
    assert!(of(2_000).is_ok());
    let said = "$.it[2608].n78: more than 524288 values in one call";
    assert_eq!(of(4_000), Err(ToolError::InvalidArguments(said.to_owned())));
    let long = format!(r#"{{"it": [{}]}}"#, " ".repeat(1 << 20));
    let said = "1048586 bytes of arguments: at most 1048576";
    assert_eq!(tool.arguments(&long), Err(ToolError::InvalidArguments(said.to_owned())));
    let deep = format!(r#"{{"it": {}}}"#, "[".repeat(100_000));
    let refused = tool.arguments(&deep).unwrap_err().to_string();
    assert!(refused.contains("no JSON: recursion limit exceeded"), "{refused}");
}

#[test]
fn types_that_grow_when_they_are_written_out_and_too_many_functions_are_refused() {
    let double = |it: usize| format!("type t{it} = tuple<t{0}, t{0}>;", it - 1);
    let types = (1..15).map(double).collect::<String>();
    let refused = refusal(&format!("type t0 = u8; {types}"), "(it: t14)");
    assert!(refused.contains("the types of its component are more than 16384"), "{refused}");
    let functions: String = (0..129).map(|it| format!("export n{it}: func();")).collect();
    let refused = tools_of(&world(&format!("world w {{ {functions} }}"))).unwrap_err();
    assert!(refused.ends_with("its component exports more than 128 functions"), "{refused}");
}
