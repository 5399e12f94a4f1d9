//! A plugin whose tool chain imports sockets unasked.

use std::sync::Arc;

use hermitage::{
    boundary::Asks,
    sandbox::{Binary, Given, PluginCall},
    session::Session,
    toolset::Caller,
};
use hermitage_tests::{TestHost, TestTask};

const PROGRAM: &str = include_str!("sockets.wat");

#[tokio::test]
async fn a_network_is_there_and_leads_nowhere() {
    let host = TestHost::new();
    let sandbox = host.host().await.sandbox();
    let loaded = sandbox.load(&Binary::new(wat::parse_str(PROGRAM).unwrap())).await.unwrap();
    let plugin = Arc::new(sandbox.admit_plugin(&loaded, &Asks::default()).unwrap());
    let stubbed = &plugin.record().stubbed;
    assert!(stubbed.iter().all(|it| it.import.starts_with("wasi:sockets/")), "{stubbed:?}");
    assert_eq!(stubbed.len(), 3, "{stubbed:?}");
    let (tool, caller) = ("run".to_owned(), Caller::of("test", Session::Local));
    let (arguments, given) = ("{}".to_owned(), Given::default());
    let called = sandbox.call(PluginCall { plugin, tool, arguments, given, caller }).await;
    // `access-denied` is the code 1.
    assert_eq!(called.answer.as_deref(), Ok("111"));
}

#[tokio::test]
async fn an_agent_that_imports_them_is_refused() {
    let bytes: Arc<[u8]> = Arc::from(wat::parse_str(PROGRAM).unwrap());
    let res = TestHost::new().run_beside_honest(TestTask::of_bytes("foreign", bytes)).await;
    let boundary = res.boundary.unwrap();
    let sockets = boundary.refused.iter().filter(|it| it.import.starts_with("wasi:sockets/"));
    assert_eq!(sockets.count(), 5, "{boundary:?}");
}
