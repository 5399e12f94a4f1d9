use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::{
    session::Session,
    toolset::{declared::Declared, native},
};

/// Says a word.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Say {
    /// Which.
    word: String,
}

impl Tool for Say {
    const NAME: &'static str = "say";
    type Host = String;
    type Output = String;

    fn bytes(&self) -> u64 {
        self.word.len() as u64
    }

    fn subject(&self) -> &str {
        &self.word
    }

    async fn call(self, host: &String, _: &Caller) -> Result<String, ToolError> {
        Ok(format!("{host}: {}", self.word))
    }
}

fn registry() -> Registry {
    Registry::of_declared(&[("words", vec![Declared::of::<Say>()])])
}

fn caller() -> Caller {
    Caller::of("sa", Session::Local)
}

fn native(name: &str) -> Arc<dyn NativeTool> {
    let spec = ToolSpec::new(name, "d", r#"{"type":"object"}"#);
    native::tool(spec, |_, _| async { Ok("native".to_owned()) })
}

async fn typed(registry: &Registry) -> Result<String, ToolError> {
    registry.work::<Say>()?.call(caller(), Say { word: "hi".to_owned() }).await
}

async fn json(registry: &Registry) -> Result<String, ToolError> {
    let (say, arguments) = (registry.get("say").unwrap(), r#"{"word":"hi"}"#.to_owned());
    registry.call_json(caller(), say, arguments).await
}

#[tokio::test]
async fn both_roads_end_in_the_same_work() {
    let mut registry = registry();
    let nobody = Err(ToolError::Failed("this host has no `say`".to_owned()));
    assert_eq!((typed(&registry).await, json(&registry).await), (nobody.clone(), nobody));
    registry.open::<Say>(&Arc::new("host".to_owned()));
    let said = Ok("host: hi".to_owned());
    assert_eq!((typed(&registry).await, json(&registry).await), (said.clone(), said));
    registry.replace(|_, it: Say| async move { Ok(it.word) }).unwrap();
    let said = Ok("hi".to_owned());
    assert_eq!((typed(&registry).await, json(&registry).await), (said.clone(), said));
}

#[test]
fn a_name_is_refused_when_it_enters_with_both_origins_named() {
    let mut registry = registry();
    registry.add(native("ticket")).unwrap();
    for (name, expect) in [
        ("say", "`say` is a tool or toolset of the host\nhint: the application needs another name"),
        (
            "words",
            "`words` is a tool or toolset of the host\nhint: the application needs another name",
        ),
        ("ticket", "`ticket` is registered twice\nhint: both are of the application"),
    ] {
        let err = registry.add(native(name)).unwrap_err().to_string();
        assert!(err.starts_with(expect), "{err}");
    }
}

#[test]
fn what_enters_stands_after_what_is_declared_and_by_name() {
    let mut registry = registry();
    for name in ["b", "c", "a"] {
        registry.add(native(name)).unwrap();
    }
    let names: Vec<_> = registry.tools().into_iter().map(ToolId::name).collect();
    assert_eq!(names, ["say", "a", "b", "c"]);
    let toolsets: Vec<_> = registry.toolsets().iter().map(|it| it.name.as_str()).collect();
    assert_eq!(toolsets, ["words", "a", "b", "c"]);
}

#[tokio::test]
async fn a_tool_that_stands_in_has_the_name_and_place_and_its_own_words() {
    let mut registry = registry();
    registry.withhold("say", "no mouth", true);
    assert_eq!(registry.held(), Grant::default());
    let said = native("say");
    registry.stand_in(said.spec(), said);
    let held = registry.held();
    assert_eq!(held.names(), ["say"]);
    assert_eq!(held.iter().next().unwrap().spec().description, "d");
    assert_ne!(held.iter().next(), self::registry().get("say"));
    assert_eq!(json(&registry).await, Ok("native".to_owned()));
}

/// Says that it is another tool.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Impostor {}

impl Tool for Impostor {
    const NAME: &'static str = "say";
    type Host = ();
    type Output = String;

    fn bytes(&self) -> u64 {
        0
    }

    fn subject(&self) -> &str {
        ""
    }

    async fn call(self, (): &(), _: &Caller) -> Result<String, ToolError> {
        Ok("impostor".to_owned())
    }
}

#[test]
fn the_work_of_a_tool_is_replaced_by_its_type_and_not_by_its_name() {
    let mut registry = registry();
    let res = registry.replace(|_, _: Impostor| async { Ok(String::new()) });
    assert_eq!(res, Err(NotDeclared("say")));
    assert!(registry.work::<Say>().is_err());
    let none = Registry::default().replace(|_, it: Say| async move { Ok(it.word) });
    assert_eq!(none, Err(NotDeclared("say")));
}

#[test]
fn what_nobody_opened_is_not_held() {
    let mut registry = registry();
    registry.withhold_the_rest("nobody");
    assert_eq!(registry.held(), Grant::default());
    assert_eq!(registry.withheld().reason(registry.get("say").unwrap()), Some("nobody"));
}

#[tokio::test]
async fn a_result_has_a_bound_for_children_and_none_for_a_parent() {
    let long = || {
        let spec = ToolSpec::new("long", "d", r#"{"type":"object"}"#);
        native::tool(spec, |_, _| async { Ok("x".repeat(2 << 20)) })
    };
    let mut registry = registry();
    let id = registry.add(long()).unwrap();
    let call = |it: &Registry| it.get("long").unwrap();
    let res = registry.call_json(caller(), id, "{}".to_owned()).await;
    assert!(matches!(res, Err(ToolError::Failed(_))), "{res:?}");
    registry.stand_in(long().spec(), long());
    let res = registry.call_json(caller(), call(&registry), "{}".to_owned()).await;
    assert_eq!(res.unwrap().len(), 2 << 20);
}

fn plugin(registry: &mut Registry, name: &str, tools: &[&str]) -> Result<(), NativeError> {
    registry.add_plugin(name, tools.iter().map(|it| native(it)).collect())
}

#[test]
fn the_tools_of_a_plugin_are_a_toolset_of_its_name() {
    let mut registry = registry();
    plugin(&mut registry, "tracker", &["open", "close"]).unwrap();
    plugin(&mut registry, "jq", &["jq"]).unwrap();
    let names = |list: &[&str]| registry.expand(list).unwrap().names();
    assert_eq!(names(&["tracker"]), ["tracker/close", "tracker/open"]);
    assert_eq!(names(&["tracker/open", "jq"]), ["jq", "tracker/open"]);
    assert!(registry.expand(&["open"]).is_err());
    assert_eq!(registry.get("tracker/open").unwrap().toolset(), "tracker");
}

#[test]
fn a_plugin_is_taken_as_a_whole_or_refused_with_its_reason() {
    let mut registry = registry();
    registry.add(native("ticket")).unwrap();
    plugin(&mut registry, "jq", &["jq"]).unwrap();
    let no_plugin = |it: &str| format!("`{it}` is no name for a plugin or a tool of one");
    let hosts = |it: &str| {
        format!("`{it}` is a tool or toolset of the host: no plugin can have a tool of that name")
    };
    let taken = |it: &str, holder: &str| {
        format!("`{it}` is a tool or toolset of {holder}: no plugin can have that name")
    };
    for (name, tools, expect) in [
        ("say", &["a"][..], taken("say", "the host")),
        ("words", &["a"], taken("words", "the host")),
        ("ticket", &["a"], taken("ticket", "the application")),
        ("jq", &["a"], taken("jq", "a plugin")),
        ("evil", &["fine", "say"], hosts("say")),
        ("evil", &["words"], hosts("words")),
        ("evil", &[], "the plugin `evil` has no tools".to_owned()),
        ("evil", &["a", "a"], "the plugin `evil` has two tools `a`".to_owned()),
        ("Evil", &["a"], no_plugin("Evil")),
        ("e__vil", &["a"], no_plugin("e__vil")),
        ("all", &["a"], no_plugin("all")),
        ("evil", &["a__b"], no_plugin("a__b")),
        ("evil", &["a/b"], no_plugin("a/b")),
        ("evil", &["a\u{202e}b"], no_plugin("ab")),
        (&"e".repeat(25), &["a"], no_plugin(&"e".repeat(25))),
        ("evil", &[&"a".repeat(39)], no_plugin(&"a".repeat(39))),
    ] {
        let before = registry.toolsets().len();
        let err = plugin(&mut registry, name, tools).unwrap_err().to_string();
        assert_eq!(err.lines().next(), Some(expect.as_str()), "{name} {tools:?}");
        assert_eq!(registry.toolsets().len(), before);
        assert_eq!(registry.get("evil/fine"), None);
    }
    plugin(&mut registry, "other", &["jq"]).unwrap();
}
