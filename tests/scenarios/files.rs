//! An ordinary program of the C library, which knows nothing of this host, as
//! a plugin that was given a part of the workspace.
//!
//! `files/files.wasm` is `files/files.c` made by clang 19 with wasi-libc
//! (`--target=wasm32-wasi -Os -mexec-model=reactor -Wl,--strip-all`), its world
//! `files/files.wit` and the preview 1 adapter put to it by `wit-component`.

use std::{fs, path::Path, sync::Arc};

use hermitage::{
    boundary::{Access, Asks, WorkspaceAsk},
    sandbox::{AdmittedPlugin, Binary, Given, PluginCall},
    session::Session,
    tools::file::{FileConfig, FileTools},
    toolset::Caller,
};
use hermitage_tests::TestHost;

const PROGRAM: &[u8] = include_bytes!("files/files.wasm");

/// The program, and a workspace that it works in.
struct Fixture {
    host: TestHost,
    plugin: Arc<AdmittedPlugin>,
    tools: FileTools,
}

impl Fixture {
    async fn new() -> Self {
        let workspace = Some(WorkspaceAsk { access: Access::ReadWrite, subtree: String::new() });
        Self::with(Asks { workspace, ..Asks::default() }, |_| ()).await
    }

    async fn with(asks: Asks, change: impl FnOnce(&mut FileConfig)) -> Self {
        let host = TestHost::with(|it| it.sandbox.cpu = std::time::Duration::from_secs(10));
        let sandbox = host.host().await.sandbox();
        let loaded = sandbox.load(&Binary::new(PROGRAM)).await.unwrap();
        let plugin = Arc::new(sandbox.admit_plugin(&loaded, &asks).unwrap());
        let mut config = host.config().tools.file.clone();
        change(&mut config);
        let tools = FileTools::open(host.workspace(), config).unwrap();
        Self { host, plugin, tools }
    }

    fn path(&self) -> &Path {
        self.host.workspace()
    }

    fn put(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// What the program says to each line.
    async fn run(&self, given: Given, script: &str) -> String {
        let (tool, caller) = ("run".to_owned(), Caller::of("test", Session::Local));
        let arguments = serde_json::json!({ "script": script }).to_string();
        let plugin = Arc::clone(&self.plugin);
        let call = PluginCall { plugin, tool, arguments, given, caller };
        let called = self.host.host().await.sandbox().call(call).await;
        called.answer.unwrap()
    }

    /// The same with a part of the workspace.
    async fn check(&self, subtree: &str, writable: bool, lines: &[(&str, &str)]) {
        let files = Some(Arc::new(self.tools.tree(subtree, writable).unwrap()));
        let script: Vec<&str> = lines.iter().map(|it| it.0).collect();
        let said = self.run(Given { files, ..Given::default() }, &script.join("\n")).await;
        let said: Vec<&str> = said.trim_end().split('\n').collect();
        let expect: Vec<&str> = lines.iter().map(|it| it.1).collect();
        assert_eq!(said, expect, "{script:#?}");
    }
}

#[tokio::test]
async fn an_ordinary_program_works_with_files_as_it_does_anywhere() {
    let it = Fixture::new().await;
    it.put("data/a.csv", "1,2");
    it.check(
        "",
        true,
        &[
            ("read hello.txt", "ok hello"),
            ("read /hello.txt", "ok hello"),
            ("read ./data/../hello.txt", "ok hello"),
            ("read /workspace/data/a.csv", "ok 1,2"),
            ("list .", "ok data hello.txt"),
            ("stat data/a.csv", "ok file 3"),
            ("stat data", "ok directory"),
            ("mkdir out", "ok"),
            ("write out/x one", "ok"),
            ("append out/x ,two", "ok"),
            ("read out/x", "ok one,two"),
            ("mv out/x out/y", "ok"),
            ("truncate out/y 3", "ok"),
            ("read out/y", "ok one"),
            ("read out/x", "No such file or directory"),
            ("rmdir out", "Directory not empty"),
            ("rm out/y", "ok"),
            ("rmdir out", "ok"),
            ("list /", "ok data hello.txt"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_large_file_comes_whole_through_streams() {
    let it = Fixture::new().await;
    let text = "0123456789abcdef".repeat(20_000);
    it.put("large", &text);
    it.check(
        "",
        true,
        &[("write new 0123456789abcdef 20000", "ok"), ("stat new", "ok file 320000")],
    )
    .await;
    assert_eq!(fs::read_to_string(it.path().join("new")).unwrap(), text);
    it.check("", false, &[("read large", &format!("ok {text}"))]).await;
}

#[tokio::test]
async fn a_part_of_the_workspace_is_all_that_there_is() {
    let it = Fixture::new().await;
    it.put("data/a.csv", "1,2");
    let lines = [
        ("read a.csv", "ok 1,2"),
        ("read data/a.csv", "ok 1,2"),
        ("read /workspace/data/a.csv", "ok 1,2"),
        ("list /", "ok a.csv"),
        ("read ../hello.txt", "Operation not permitted"),
        ("read /workspace/hello.txt", "No such file or directory"),
        ("read /etc/passwd", "No such file or directory"),
    ];
    it.check("data", false, &lines).await;
}

#[tokio::test]
async fn what_is_closed_to_the_file_tools_is_closed_to_a_program() {
    let it = Fixture::new().await;
    it.put(".env", "key");
    it.put(".git/config", "[core]");
    it.put("AGENTS.md", "rules");
    std::os::unix::fs::symlink("/etc/passwd", it.path().join("out")).unwrap();
    std::os::unix::fs::symlink(".env", it.path().join("innocent")).unwrap();
    let lines = [
        ("read .env", "Permission denied"),
        ("read innocent", "Permission denied"),
        ("write .env x", "Permission denied"),
        ("read .git/config", "Permission denied"),
        ("write .git/hooks x", "Permission denied"),
        ("mkdir .git/hooks", "Permission denied"),
        ("read AGENTS.md", "ok rules"),
        ("write AGENTS.md x", "Permission denied"),
        ("rm AGENTS.md", "Permission denied"),
        ("mv hello.txt .envrc", "Permission denied"),
        ("read out", "Operation not permitted"),
        ("read ../x", "Operation not permitted"),
        ("link hello.txt twin", "Operation not permitted"),
        ("symlink hello.txt alias", "Operation not permitted"),
        ("list .", "ok .env AGENTS.md hello.txt innocent out"),
    ];
    it.check("", true, &lines).await;
    assert_eq!(fs::read_to_string(it.path().join("AGENTS.md")).unwrap(), "rules");
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let it = Fixture::new().await;
    let no = "Read-only file system";
    let lines = [
        ("read hello.txt", "ok hello"),
        ("write hello.txt x", no),
        ("append hello.txt x", no),
        ("write new x", no),
        ("truncate hello.txt 0", no),
        ("mkdir d", no),
        ("rm hello.txt", no),
        ("mv hello.txt x", no),
        ("read hello.txt", "ok hello"),
    ];
    it.check("", false, &lines).await;
}

#[tokio::test]
async fn what_a_program_writes_has_an_end() {
    let workspace = Some(WorkspaceAsk { access: Access::ReadWrite, subtree: String::new() });
    let asks = Asks { workspace, ..Asks::default() };
    let it = Fixture::with(asks, |it| {
        (it.max_written_bytes, it.max_write_bytes, it.max_created_files) = (10_000, 8_000, 2);
    })
    .await;
    let lines = [
        ("write a 0123456789 800", "ok"),
        ("append a x", "File too large"),
        ("write b 0123456789 200", "ok"),
        ("append b x", "Quota exceeded"),
        ("write c x", "Quota exceeded"),
        ("mkdir d", "Quota exceeded"),
        ("stat a", "ok file 8000"),
        ("stat b", "ok file 2000"),
    ];
    it.check("", true, &lines).await;
}

#[tokio::test]
async fn who_was_given_no_files_finds_none() {
    // What the C library says without any directory.
    let nothing = "Capabilities insufficient";
    let asked = Fixture::new().await;
    let unasked = Fixture::with(Asks::default(), |_| ()).await;
    for it in [asked, unasked] {
        let said = it.run(Given::default(), "read hello.txt\nread /etc/passwd\nlist .").await;
        assert_eq!(said.lines().collect::<Vec<_>>(), [nothing; 3]);
    }
}
