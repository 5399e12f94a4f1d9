//! The tool plugins that the program brings along, called by real agents.

use std::{fs::File, io::Write as _, time::Duration};

use hermitage::{Session, config::Config};
use hermitage_tests::{TestHost, TestTask};

/// With time for a compiler that was built without optimisation, on a slow
/// machine.
fn host() -> TestHost {
    let change = |config: &mut Config| {
        config.sandbox.cpu = Duration::from_secs(30);
        config.sandbox.compile_seconds *= 8;
    };
    TestHost::with(change).built(|it| it.bundled_plugins())
}

/// What the call gave, in the words of the agent that made it.
async fn call(host: &TestHost, toolsets: &[&str], call: &str) -> String {
    let task = TestTask::new("calls_native").toolsets(toolsets).context(call);
    let res = host.run(&[task]).await.results.remove(0);
    host.assert_nothing_in_use();
    res.summary.or(res.error).unwrap_or_default()
}

#[tokio::test]
async fn an_agent_filters_json() {
    let host = host();
    let filter = r#"jq {"filter": ".[] | select(. > 1)", "json": "[1, 2, 3]"}"#;
    assert_eq!(call(&host, &["jq"], filter).await, r#"Ok("{\"results\":[2,3]}")"#);
    let wrong = r#"jq {"filter": ".a | now", "json": "{}"}"#;
    assert_eq!(
        call(&host, &["jq"], wrong).await,
        r#"Err(ToolError::InvalidArguments("in the filter, line 1, column 6: `now` is not here: there is no clock\n.a | now\n     ^"))"#,
    );
}

#[tokio::test]
async fn an_agent_compares_texts() {
    let answer = call(&host(), &["diff"], r#"diff {"old": "a\nb\n", "new": "a\nc\n"}"#).await;
    assert_eq!(
        answer,
        r#"Ok("{\"same\":false,\"added\":1,\"removed\":1,\"diff\":\"--- old\\n+++ new\\n@@ -1,2 +1,2 @@\\n a\\n-b\\n+c\\n\"}")"#,
    );
}

/// It asked for the workspace, and has of it what its caller has.
#[tokio::test]
async fn a_table_of_the_workspace_is_read_with_the_rights_of_the_caller() {
    let host = host();
    std::fs::write(host.workspace().join("sales.csv"), "city,price\nRome,0.1\nOslo,1\nRome,0.2\n")
        .unwrap();
    let sums = r#"csv/aggregate {"path": "sales.csv", "group_by": ["city"], "values": [{"function": "sum", "column": "price"}]}"#;
    assert_eq!(
        call(&host, &["csv", "file_read"], sums).await,
        r#"Ok("{\"columns\":[\"city\",\"sum(price)\"],\"rows\":[[\"Oslo\",1],[\"Rome\",0.3]],\"groups\":2,\"matched\":3}")"#,
    );
    assert_eq!(
        call(&host, &["csv"], sums).await,
        r#"Err(ToolError::Denied("there are no files: who calls this tool needs `read_file`"))"#,
    );
    for (path, expect) in [
        ("none.csv", r#"Err(ToolError::InvalidArguments("`none.csv` does not exist"))"#),
        ("../etc/passwd", r#"Err(ToolError::Denied("`../etc/passwd` may not be read"))"#),
        (
            "/workspace/none.csv",
            r#"Err(ToolError::InvalidArguments("`/workspace/none.csv` does not exist"))"#,
        ),
    ] {
        let describe = format!(r#"csv/describe {{"path": "{path}"}}"#);
        assert_eq!(call(&host, &["csv", "file_read"], &describe).await, expect);
    }
}

/// Far larger than the memory that there is for it.
#[tokio::test]
async fn a_table_may_be_larger_than_the_memory_of_a_call() {
    const ROWS: u64 = 2_000_000;
    let host = TestHost::with(|config| {
        config.sandbox.cpu = Duration::from_secs(60);
        config.sandbox.memory_bytes = 4 << 20;
    });
    let host = host.built(|it| it.bundled_plugins());
    let mut file =
        std::io::BufWriter::new(File::create(host.workspace().join("large.csv")).unwrap());
    writeln!(file, "number,text").unwrap();
    for row in 0..ROWS {
        writeln!(file, "{row},the text of this row").unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
    let parent = host.host().await.parent(&Session::Local);
    let sum = r#"{"path": "large.csv", "values": [{"function": "sum", "column": "number"}]}"#;
    let expect = format!(
        r#"{{"columns":["sum(number)"],"rows":[[{}]],"groups":1,"matched":{ROWS}}}"#,
        ROWS * (ROWS - 1) / 2
    );
    assert_eq!(parent.call("csv/aggregate", sum).await, Ok(expect));
}

/// Nobody has them without asking.
#[tokio::test]
async fn nobody_holds_a_bundled_plugin_who_did_not_ask_for_it() {
    let host = host();
    let answer = call(&host, &["file_read"], r#"jq {"filter": ".", "json": "1"}"#).await;
    assert_eq!(answer, "no tool `jq`");
}
