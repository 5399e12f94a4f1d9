//! Components that our own tool chain did not make: damaged ones, ones of
//! other languages, and ones that were written to deceive.

use std::sync::Arc;

use hermitage::{
    event::{ChildResult, ExitReason, Status},
    sandbox::{Binary, LoadError},
};
use hermitage_tests::{TestHost, TestTask, guest};

async fn run_text(text: &str) -> ChildResult {
    let bytes: Arc<[u8]> = Arc::from(wat::parse_str(text).unwrap());
    TestHost::new().run_beside_honest(TestTask::of_bytes("foreign", bytes)).await
}

async fn load_error(bytes: &[u8]) -> LoadError {
    match TestHost::new().host().await.sandbox().load(&Binary::new(bytes)).await {
        Ok(_) => panic!("loaded"),
        Err(err) => err,
    }
}

#[tokio::test]
async fn a_component_that_was_cut_off_is_refused_at_any_length() {
    let whole = guest("honest");
    let host = TestHost::new();
    for len in (0..whole.len()).step_by(whole.len() / 40) {
        assert!(
            host.host().await.sandbox().load(&Binary::new(&whole[..len])).await.is_err(),
            "{len}"
        );
    }
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_before_it_is_read() {
    let host = TestHost::with(|it| it.sandbox.component_bytes = 1024);
    let err = host
        .host()
        .await
        .sandbox()
        .load(&Binary::new(guest("honest")))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(err.ends_with("components are at most 1024 bytes (`sandbox.component_mib`)"), "{err}");
}

#[tokio::test]
async fn a_core_module_and_a_text_are_told_apart() {
    assert_eq!(load_error(b"\0asm\x01\0\0\0").await.to_string(), "a core module, not a component");
    assert_eq!(
        load_error(b"(component)").await.to_string(),
        "not a WebAssembly component: the file does not begin with `\\0asm`"
    );
}

#[tokio::test]
async fn a_component_without_run_is_refused() {
    let res = run_text("(component)").await;
    assert_eq!((res.status, res.exit_reason), (Status::Error, ExitReason::Refused));
    assert_eq!(
        res.error.as_deref(),
        Some(
            "the component was refused: `component`: it exports no function `run`, which starts \
             an agent"
        )
    );
}

#[tokio::test]
async fn a_component_with_another_run_is_refused() {
    let text = r#"(component
        (core module $m (func (export "run") (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;
    let res = run_text(text).await;
    assert_eq!((res.status, res.exit_reason), (Status::Error, ExitReason::Refused));
    let expect = "the component was refused: `component`: it is not of the world `subagent`: \
                  expected 1-tuple, found 0-tuple";
    assert_eq!(res.error.as_deref(), Some(expect));
}

#[tokio::test]
async fn imports_in_any_other_shape_are_refused() {
    for text in [
        r#"(component (import "read-file" (func)))"#,
        r#"(component (import "m" (core module)))"#,
        r#"(component (import "hermitage:subagent/file@0.1.9" (instance)))"#,
        r#"(component (import "hermitage:subagent/file@0.1.0+evil" (instance)))"#,
        r#"(component (import "wasi:sockets/network@0.2.0" (instance)))"#,
        r#"(component (import "wasi:http/types@0.2.0" (instance)))"#,
        r#"(component (import "hermitage:subagent/types@7.7.7" (instance)))"#,
    ] {
        let res = run_text(text).await;
        assert_eq!((res.status, res.exit_reason), (Status::Error, ExitReason::Refused), "{text}");
        assert!(res.error.unwrap().starts_with("the component was refused: `"), "{text}");
    }
}

/// An agent in text that uses WASI as other tool chains do: it asks for the
/// environment and for preopened directories, writes to standard output, and
/// says in its summary how many it got.
const WASI_AGENT: &str = include_str!("wasi_agent.wat");

#[tokio::test]
async fn a_component_of_another_tool_chain_finds_an_inert_wasi() {
    let res = run_text(WASI_AGENT).await;
    assert_eq!(res.status, Status::Completed, "{res:?}");
    assert_eq!(res.summary.as_deref(), Some("0 variables, 0 directories"));
    let stubbed = &res.boundary.unwrap().stubbed;
    assert_eq!(stubbed[0].import, "wasi:filesystem/preopens@0.2.6#get-directories");
}

#[tokio::test]
async fn a_component_is_compiled_once_however_many_ask_for_it() {
    let host = TestHost::with(|it| it.sandbox.cache_dir = None);
    let binary = Binary::new(guest("honest"));
    let (one, two) = tokio::join!(
        host.host().await.sandbox().load(&binary),
        host.host().await.sandbox().load(&binary)
    );
    assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
}

#[tokio::test]
async fn names_from_a_component_are_clean_in_its_result() {
    let text = "(component (import \"url=<\\1b[31mRED\\0a\\e2\\80\\ae>\" (func)))";
    let res = run_text(text).await;
    let error = res.error.unwrap();
    assert!(error.contains("RED"), "{error}");
    assert!(!error.contains(['\u{1b}', '\n', '\u{202e}']), "{error:?}");
}

/// Writes to standard output without end: calls that no budget refuses.
const WASI_FLOOD: &str = include_str!("wasi_flood.wat");

#[tokio::test]
async fn calls_of_the_inert_wasi_are_counted_too() {
    let bytes: Arc<[u8]> = Arc::from(wat::parse_str(WASI_FLOOD).unwrap());
    let host = TestHost::with(|it| {
        it.sandbox.cpu = std::time::Duration::from_secs(60);
        it.sandbox.host_calls = 1_000;
    });
    let res = host.run_beside_honest(TestTask::of_bytes("foreign", bytes)).await;
    assert_eq!((res.status, res.exit_reason), (Status::Failed, ExitReason::Budget), "{res:?}");
}

#[tokio::test]
async fn a_handle_that_is_dropped_too_early_is_told_as_that() {
    let res = run_text(include_str!("wasi_drops_parent.wat")).await;
    assert_eq!((res.status, res.exit_reason), (Status::Error, ExitReason::Trap), "{res:?}");
    assert_eq!(res.error.as_deref(), Some("trapped: resource has children"));
}
