//! Models: what a child's chats are counted against, what they come to, and
//! answers with a schema.

use hermitage::{
    delegation::{Request, TaskRequest},
    event::{ChildResult, ExitReason, Status},
    provider::{ChatRequest, ProviderError},
    session::Session,
    toolset::ToolError,
};
use hermitage_tests::{
    TestHost, TestTask,
    models::{model, models, says},
};
use serde_json::json;

/// Answers with its own name and the length of the conversation.
fn counting(name: &'static str) -> hermitage::provider::Model {
    model(name, move |it: &ChatRequest| Ok(says(format!("{name} {}", it.messages.len()))))
}

fn host(change: impl FnOnce(&mut hermitage::config::Config)) -> TestHost {
    let models = models([counting("small"), counting("large")]);
    TestHost::with(change).built(move |it| it.models(models.clone()))
}

async fn run_with(host: &TestHost, change: impl FnOnce(&mut TaskRequest)) -> ChildResult {
    let mut request = host.request(&[TestTask::new("chats").context("3")]).await;
    change(&mut request.tasks[0]);
    run(host, request).await
}

async fn run(host: &TestHost, request: Request) -> ChildResult {
    let answer = host.host().await.delegate(&Session::Local, request).await.unwrap();
    let res = answer.finished().unwrap().results.remove(0);
    host.assert_nothing_in_use();
    res
}

#[tokio::test]
async fn calls_tokens_cost_and_model_are_in_the_result() {
    let res = run_with(&host(|_| ()), |_| ()).await;
    assert_eq!(res.summary.as_deref(), Some("small 1\nsmall 2\nsmall 3"));
    assert_eq!((res.api_calls, res.tokens.input, res.tokens.output), (3, 300, 30));
    assert_eq!(res.model.as_deref(), Some("canned-1"));
    let cost = res.cost_usd.unwrap();
    assert!((cost - 0.0009).abs() < 1e-9, "{cost}");
    assert_eq!((res.status, res.exit_reason), (Status::Completed, ExitReason::Completed));
}

#[tokio::test]
async fn each_task_has_the_model_that_it_names() {
    let res = run_with(&host(|_| ()), |it| it.model = Some("large".to_owned())).await;
    assert_eq!(res.summary.as_deref(), Some("large 1\nlarge 2\nlarge 3"));
}

#[tokio::test]
async fn a_model_that_is_not_configured_fails_the_call_and_lists_the_others() {
    let host = host(|_| ());
    let mut request = host.request(&[TestTask::new("chats")]).await;
    request.model = Some("huge".to_owned());
    let err = host.host().await.delegate(&Session::Local, request).await.unwrap_err();
    assert_eq!(err.to_string(), "unknown model `huge`: known are `large`, `small`");
}

#[tokio::test]
async fn iterations_bound_the_chats_and_what_was_returned_is_completed() {
    let res = run_with(&host(|_| ()), |it| it.max_iterations = Some(2)).await;
    assert_eq!((res.status, res.exit_reason), (Status::Completed, ExitReason::MaxIterations));
    assert_eq!((res.api_calls, res.truncated), (2, true));
    let summary = res.summary.unwrap();
    assert!(summary.ends_with("all 2 model calls are spent (`max_iterations`)\")"), "{summary}");
}

#[tokio::test]
async fn the_trees_model_calls_and_tokens_end_a_child_that_wants_more() {
    let calls = host(|it| it.budget.model_calls = 2);
    let res = run_with(&calls, |_| ()).await;
    assert_eq!((res.api_calls, res.exit_reason), (2, ExitReason::Budget));
    // Each answer takes 110; the one that goes over is still given.
    let tokens = host(|it| it.budget.tokens = 150);
    let res = run_with(&tokens, |_| ()).await;
    assert_eq!((res.tokens.input, res.exit_reason), (200, ExitReason::Budget));
    assert_eq!(res.status, Status::Completed);
}

#[tokio::test]
async fn what_a_provider_says_reaches_the_child_as_its_own_kind_of_error() {
    let check = async |err: ProviderError, expect: &str| {
        let models = models([model("broken", move |_| Err(err.clone()))]);
        let host = TestHost::new().built(move |it| it.models(models.clone()));
        let res = run_with(&host, |_| ()).await;
        let summary = res.summary.unwrap();
        assert!(summary.starts_with(expect.split_once('(').unwrap().0), "{summary}");
        let text = expect.split('"').nth(1).unwrap();
        let told = format!("model `broken` of provider `canned` gave no answer: {text}");
        assert!(summary.contains(&told), "{summary}");
        assert_eq!((res.status, res.cost_usd), (Status::Completed, None));
    };
    check(ProviderError::TooLong("9 of 8".to_owned()), "ModelError::TooLong(\"9 of 8\")").await;
    check(ProviderError::Invalid("no".to_owned()), "ModelError::InvalidRequest(\"no\")").await;
    check(ProviderError::Key("no key".to_owned()), "ModelError::Failed(\"no key\")").await;
}

#[tokio::test]
async fn what_a_provider_said_is_in_the_error_of_a_child_that_leaves_it_out() {
    let check = async |model: hermitage::provider::Model, error: &str, summary: Option<&str>| {
        let models = models([model]);
        let host = TestHost::new().built(move |it| it.models(models.clone()));
        let res = run(&host, host.request(&[TestTask::new("says_sorry")]).await).await;
        assert_eq!((res.status, res.exit_reason), (Status::Failed, ExitReason::Error));
        assert_eq!((res.error.as_deref(), res.summary.as_deref()), (Some(error), summary));
    };
    let refusal = || ProviderError::Key("HTTP 401 Unauthorized: no such key".to_owned());
    check(
        model("broken", move |_| Err(refusal())),
        "sorry; the model failed: model `broken` of provider `canned` gave no answer: HTTP 401 \
         Unauthorized: no such key",
        None,
    )
    .await;
    check(model("fine", |_| Ok(says("half of it"))), "sorry", Some("half of it")).await;
}

#[tokio::test]
async fn without_a_model_a_chat_is_denied_and_the_record_says_what_would_grant_it() {
    let res = run_with(&TestHost::new(), |_| ()).await;
    let boundary = res.boundary.unwrap();
    assert_eq!(boundary.stubbed[0].import, "hermitage:subagent/model@0.1.0#chat");
    assert!(boundary.stubbed[0].reason.contains("`model.default`"), "{boundary:?}");
    assert_eq!(res.api_calls, 0);
}

/// The result of `answers_twice` with two answers and a schema.
async fn answer(first: &str, second: &str) -> ChildResult {
    let host = TestHost::new();
    let context = format!("{first}\n{second}");
    let mut request = host.request(&[TestTask::new("answers_twice").context(&context)]).await;
    request.tasks[0].output_schema = Some(json!({
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
    }));
    run(&host, request).await
}

#[tokio::test]
async fn an_answer_that_misses_its_schema_gets_one_more_try() {
    let res = answer(r#"{"n": 1}"#, "never asked").await;
    assert_eq!((res.status, res.schema_valid), (Status::Completed, Some(true)));
    let res = answer("one", r#"{"n": 1}"#).await;
    assert_eq!((res.status, res.schema_valid), (Status::Completed, Some(true)));
    assert_eq!(res.summary.as_deref(), Some(r#"{"n": 1}"#));
    assert_eq!(res.schema_errors, [""; 0]);
}

#[tokio::test]
async fn a_second_miss_fails_and_keeps_the_raw_text() {
    let res = answer("one", r#"{"n": "two"}"#).await;
    assert_eq!((res.status, res.schema_valid), (Status::Failed, Some(false)));
    assert_eq!(res.exit_reason, ExitReason::Error);
    assert_eq!(res.summary.as_deref(), Some(r#"{"n": "two"}"#));
    assert_eq!(res.schema_errors, [r#"$.n: "two" is not of type "integer""#]);
    let error = res.error.unwrap();
    assert_eq!(
        error,
        r#"the answer misses its output schema: $.n: "two" is not of type "integer""#
    );
}

#[tokio::test]
async fn an_answer_that_misses_its_schema_is_no_answer_when_a_budget_is_spent_either() {
    let spent = host(|it| it.budget.tokens = 105);
    let res = run_with(&spent, |it| {
        it.context = Some("1".to_owned());
        it.output_schema = Some(json!({"type": "object"}));
    });
    let res = res.await;
    assert_eq!((res.status, res.exit_reason), (Status::Failed, ExitReason::Budget));
    assert_eq!((res.api_calls, res.schema_valid), (1, Some(false)));
    assert_eq!(res.summary.as_deref(), Some("small 1"));
}

#[tokio::test]
async fn a_schema_that_can_not_be_used_fails_the_call() {
    let host = TestHost::new();
    let mut request = host.request(&[TestTask::new("answers_twice")]).await;
    request.tasks[0].output_schema = Some(json!({"$ref": "#"}));
    let err = host.host().await.delegate(&Session::Local, request).await.unwrap_err();
    assert!(err.to_string().starts_with("Task 1: `output_schema` can't be used"), "{err}");
    assert!(matches!(ToolError::from(err), ToolError::InvalidArguments(_)));
}

#[tokio::test]
async fn a_component_can_be_a_parent_and_holds_what_no_child_does() {
    let dir = tempfile::tempdir().unwrap();
    let notes = dir.path().join("memory.md");
    let host = TestHost::new().built(move |it| it.memory(&notes));
    let plan = json!([{"goal": "say hello", "agent": "honest", "toolsets": ["file_read"]}]);
    let task = TestTask::new("delegates").context(&plan.to_string());
    host.request(&[TestTask::new("honest")]).await;
    let mut request = host.request(&[task]).await;
    request.tasks[0].toolsets = None;
    request.as_parent = true;
    let res = run(&host, request).await;
    assert_eq!(res.summary.as_deref(), Some("0 completed completed: hello"), "{res:?}");
    let granted = res.boundary.unwrap().granted.clone();
    for own in ["delegate_task", "memory", "send_message"] {
        assert!(granted.iter().any(|it| it == own), "{own}: {granted:?}");
    }
}
