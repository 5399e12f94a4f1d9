//! Tool plugins, called by real agents: what a call gives, what it leaves
//! behind, and how it ends.

use std::time::Duration;

use hermitage::{
    Binary,
    event::{ChildResult, Status},
    plugin::Manifest,
    toolset::ToolError,
};
use hermitage_tests::{TestHost, TestTask};

const CALC: &str = include_str!("plugin.wat");

fn binary(text: &str) -> Binary {
    Binary::new(wat::parse_str(text).unwrap())
}

/// A host with a plugin that asks for nothing.
fn host(name: &str, text: &str) -> TestHost {
    let (manifest, component) = (Manifest::of_nothing(name).unwrap(), binary(text));
    TestHost::new().built(move |it| it.vouched_plugin(manifest.clone(), component.clone()))
}

async fn call(host: &TestHost, toolsets: &[&str], call: &str) -> ChildResult {
    let task = TestTask::new("calls_native").toolsets(toolsets).context(call);
    let res = host.run(&[task]).await.results.remove(0);
    host.assert_nothing_in_use();
    res
}

#[tokio::test]
async fn an_agent_calls_a_function_of_a_component_that_knows_nothing_of_this_host() {
    let host = host("calc", CALC);
    let res = call(&host, &["calc"], r#"calc/add {"a": 4294967295, "b": 1}"#).await;
    assert_eq!(res.summary.as_deref(), Some(r#"Ok("0")"#), "{res:?}");
    let trace: Vec<_> = res.tool_trace.iter().map(|it| (it.tool.as_ref(), it.ok)).collect();
    assert_eq!(trace, [("calc/add", true)]);
    let boundary = res.boundary.unwrap();
    let tools = ["calc/add", "calc/count", "calc/recurse", "calc/shout", "calc/spin", "calc/trap"];
    assert_eq!(boundary.granted, tools);
    let plugins: Vec<_> =
        boundary.plugins.iter().map(|it| (&*it.plugin, it.component.clone())).collect();
    assert_eq!(plugins, [("calc", binary(CALC).digest().to_hex().to_string())]);
}

#[tokio::test]
async fn arguments_that_do_not_fit_name_their_place_and_reach_no_code() {
    let host = host("calc", CALC);
    for (arguments, expect) in [
        (r#"{"a": -1, "b": 1}"#, "$.a"),
        (r#"{"a": 1}"#, "b"),
        (r#"{"a": 1, "b": 2, "c": 3}"#, "c"),
    ] {
        let res = call(&host, &["calc"], &format!("calc/add {arguments}")).await;
        let summary = res.summary.unwrap_or_default();
        assert!(summary.contains("InvalidArguments") && summary.contains(expect), "{summary}");
    }
}

#[tokio::test]
async fn one_tool_is_granted_by_its_name_and_no_other_is_there() {
    let host = host("calc", CALC);
    let res = call(&host, &["calc/add"], r#"calc/add {"a": 1, "b": 2}"#).await;
    assert_eq!(res.summary.as_deref(), Some(r#"Ok("3")"#), "{res:?}");
    let res = call(&host, &["calc/add"], "calc/count {}").await;
    assert_ne!(res.status, Status::Completed, "{res:?}");
    let res = call(&host, &["file_read"], "calc/count {}").await;
    assert_ne!(res.status, Status::Completed, "{res:?}");
}

#[tokio::test]
async fn a_call_leaves_nothing_behind_for_the_next() {
    let host = host("calc", CALC);
    let parent = host.host().await.parent(&hermitage::Session::Local);
    for _ in 0..3 {
        assert_eq!(parent.call("calc__count", "{}").await, Ok("1".to_owned()));
    }
    host.assert_nothing_in_use();
}

#[tokio::test]
async fn a_call_that_breaks_off_is_an_error_of_the_tool_and_the_agent_goes_on() {
    let host = host("calc", CALC);
    for (tool, expect) in [
        ("spin", "processor time"),
        ("trap", "unreachable"),
        ("recurse", "call stack exhausted"),
        ("shout", "too many bytes in one host call"),
    ] {
        let res = call(&host, &["calc"], &format!("calc/{tool} {{}}")).await;
        let summary = res.summary.unwrap_or_default();
        assert!(summary.contains(expect), "{tool}: {summary}");
    }
}

#[tokio::test]
async fn a_call_ends_when_its_time_is_over_or_its_caller_is_gone() {
    let (manifest, component) = (Manifest::of_nothing("calc").unwrap(), binary(CALC));
    let host = TestHost::with(|config| {
        config.sandbox.cpu = Duration::from_secs(3_600);
        config.sandbox.call_timeout = Duration::from_secs(1);
    });
    let host = host.built(move |it| it.vouched_plugin(manifest.clone(), component.clone()));
    let parent = host.host().await.parent(&hermitage::Session::Local);
    let late = "no answer within 1 s (`sandbox.call_seconds`)".to_owned();
    assert_eq!(parent.call("calc/spin", "{}").await, Err(ToolError::Failed(late)));
    // Dropped before it is over.
    let spins = parent.call("calc/spin", "{}");
    tokio::select! {
        biased;
        res = spins => panic!("{res:?}"),
        () = async { while host.host().await.usage().component_instances == 0 {
            tokio::task::yield_now().await;
        } } => (),
    }
    while host.host().await.usage().component_instances > 0 {
        tokio::task::yield_now().await;
    }
}
