use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::*;
use crate::{
    session::Session,
    toolset::{declared::Declared, native},
};

/// Says a word.
#[derive(Debug, Deserialize, JsonSchema)]
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
    registry.replace(|_, it: Say| async move { Ok(it.word) });
    let said = Ok("hi".to_owned());
    assert_eq!((typed(&registry).await, json(&registry).await), (said.clone(), said));
}

#[test]
fn a_name_is_refused_when_it_enters_with_both_origins_named() {
    let mut registry = registry();
    registry.add(native("ticket")).unwrap();
    for (name, expect) in [
        ("say", "`say` is a tool or toolset of the host\nhint: the application can't take it"),
        ("words", "`words` is a tool or toolset of the host\nhint: the application can't take it"),
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
    registry.stand_in(native("say"));
    let held = registry.held();
    assert_eq!(held.names(), ["say"]);
    assert_eq!(held.iter().next().unwrap().spec().description, "d");
    assert_ne!(held.iter().next(), self::registry().get("say"));
    assert_eq!(json(&registry).await, Ok("native".to_owned()));
}
