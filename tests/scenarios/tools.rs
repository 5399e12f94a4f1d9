//! Tools from inside a component: the effect on the workspace, and the trace.

use std::fs;

use hermitage::event::Status;
use hermitage_tests::{TestHost, TestTask};

#[tokio::test]
async fn a_child_with_the_file_toolset_writes_and_patches() {
    let host = TestHost::new();
    let task = TestTask::new("writes_files").toolsets(&["file"]);
    let res = host.run(&[task]).await.results.remove(0);
    assert_eq!(res.status, Status::Completed, "{res:?}");
    let written = fs::read_to_string(host.workspace().join("made/by/guest.txt")).unwrap();
    assert_eq!(written, "one\n2\n3\n");
    let trace: Vec<_> = res.tool_trace.iter().map(|it| (it.tool.as_ref(), it.ok)).collect();
    assert_eq!(trace, [("write_file", true), ("patch", true), ("patch", true)]);
}

#[tokio::test]
async fn a_child_with_read_only_tools_writes_nothing() {
    let host = TestHost::new();
    let res = host.run_beside_honest(TestTask::new("writes_files")).await;
    assert_eq!(res.status, Status::Failed);
    let error = res.error.unwrap();
    assert!(error.contains("`write_file` is not in the grant"), "{error}");
    assert!(!host.workspace().join("made").exists());
    assert_eq!(res.tool_calls, 0);
}

#[tokio::test]
async fn a_child_never_writes_to_the_store_of_its_host() {
    let host = TestHost::new();
    let store = host.workspace().join("app.db");
    let host = host.store_at(&store);
    let write = async |path: &str| {
        let context = format!(r#"write_file {{"path":"{path}","content":"forged"}}"#);
        let task = TestTask::new("calls_native").toolsets(&["file"]).context(&context);
        host.run(&[task]).await.results.remove(0).summary.unwrap()
    };
    for path in ["app.db", "app.db-wal", "./app.db-shm", "app.db.hosts/host_0.lock"] {
        let answer = write(path).await;
        assert!(answer.contains("is the host's own: take another file"), "{answer}");
    }
    assert!(write("other.db").await.starts_with("Ok("), "another file is another file");
}
