//! Files (FS): paths that lead elsewhere, files that are closed, and quotas.

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
};

use hermitage::defence::Defence;
use serde_json::json;

use crate::{
    case::{Case, call, plays},
    world::World,
};

pub(crate) fn cases() -> Vec<Case> {
    [paths(), links(), closed(), protected(), kinds(), quotas(), searches(), patches()].concat()
}

fn read(id: impl Into<String>, path: &str) -> Case {
    call(id, "file", "read_file", json!({ "path": path }))
}

fn write(id: impl Into<String>, path: &str) -> Case {
    call(id, "file", "write_file", json!({ "path": path, "content": "owned" }))
}

/// Names of files that are none of the workspace's.
fn paths() -> Vec<Case> {
    let long = "a/".repeat(3_000);
    let name = "a".repeat(300);
    let deep = "d/".repeat(200) + "f";
    let all = [
        ("up", "../outside/secret.txt"),
        ("up-and-down", "src/../../outside/secret.txt"),
        ("up-within", "src/../hello.txt"),
        ("dots-alone", ".."),
        ("up-slash", "../"),
        ("slashes", "..//..//outside//secret.txt"),
        ("absolute", "{OUTSIDE}/secret.txt"),
        ("root", "/"),
        ("two-slashes", "//etc/passwd"),
        ("passwd", "/etc/passwd"),
        ("proc", "/proc/self/environ"),
        ("nul", "hello.txt\0.md"),
        ("empty", ""),
        ("dot", "."),
        ("slash-behind", "hello.txt/"),
        ("dot-behind", "hello.txt/."),
        ("backslash", "..\\outside\\secret.txt"),
        ("percent", "%2e%2e/outside/secret.txt"),
        ("url", "file:///etc/passwd"),
        ("home", "~/.ssh/id_rsa"),
        ("variable", "$HOME/.ssh/id_rsa"),
        ("newline", "hello.txt\n../outside/secret.txt"),
        ("escapes", "\u{1b}[2J\u{202e}hello"),
        ("full-width", "\u{ff0e}\u{ff0e}/outside/secret.txt"),
        ("store", "../state/hermitage.db"),
        ("too-long", &long),
        ("long-name", &name),
        ("too-deep", &deep),
    ];
    let mut res: Vec<Case> =
        all.iter().map(|(id, path)| read(format!("FS-1/read-{id}"), path)).collect();
    for (id, path) in all.iter().filter(|it| !["up-within"].contains(&it.0)).take(18) {
        // Names like any other on this system.
        let made: &[&str] = match *id {
            "backslash" => &["..\\outside\\secret.txt"],
            "percent" => &["%2e%2e/", "%2e%2e/outside/", "%2e%2e/outside/secret.txt"],
            "url" => &["file:/", "file:/etc/", "file:/etc/passwd"],
            _ => &[],
        };
        res.push(write(format!("FS-1/write-{id}"), path).changes(made));
    }
    let up = res.iter_mut().find(|it| it.id == "FS-1/read-up").unwrap();
    up.held.push(crate::case::Held::By(Defence::PathText));
    res
}

/// Links that lead out, in, or round.
fn links() -> Vec<Case> {
    vec![
        read("FS-2/read-through-a-link", "link-out/secret.txt"),
        write("FS-2/write-through-a-link", "link-out/secret.txt"),
        write("FS-2/new-file-through-a-link", "link-out/new.txt"),
        read("FS-2/link-to-a-secret", "link-env"),
        write("FS-2/link-to-git", "link-git/hooks/pre-commit"),
        read("FS-4/link-to-proc", "link-proc/environ"),
        read("FS-2/round", "round/x")
            .prepare(|it| symlink("round", it.path("workspace/round")).unwrap()),
        read("FS-2/absolute-link", "etc/passwd")
            .prepare(|it| symlink("/etc", it.path("workspace/etc")).unwrap()),
        write("FS-2/replaces-no-link", "l.txt")
            .prepare(|it| symlink("hello.txt", it.path("workspace/l.txt")).unwrap()),
        write("FS-2/dangling", "gone.txt")
            .prepare(|it| symlink("../outside/made.txt", it.path("workspace/gone.txt")).unwrap()),
        write("FS-3/hard-link-out", "twin.txt").changes(&["twin.txt"]).prepare(|it| {
            fs::hard_link(it.path("outside/secret.txt"), it.path("workspace/twin.txt")).unwrap();
        }),
    ]
}

/// Secrets, by every name that leads to one.
fn closed() -> Vec<Case> {
    const GLOBS: &str = "tools.file.secret_globs";
    let mut res: Vec<Case> = [
        ".env",
        "./.env",
        ".ENV",
        ".env.",
        ".env::$DATA",
        ".e\u{200c}nv",
        "deploy.key",
        "id_rsa",
        ".aws/credentials",
        ".AWS/CREDENTIALS",
        ".npmrc",
        ".git/config",
        ".Git/Config",
    ]
    .iter()
    .enumerate()
    .map(|(at, path)| read(format!("FS-7/read-{at:02}"), path))
    .collect();
    res.push(read("FS-7/held", ".env").held_below(GLOBS, "[]"));
    res.push(write("FS-7/written", ".env"));
    res.push(call("FS-7/searched", "file", "search_files", json!({"content": "CANARY"})));
    res.push(call(
        "FS-7/searched-inside",
        "file",
        "search_files",
        json!({"path": ".aws", "content": "TOKEN"}),
    ));
    res.push(call(
        "FS-7/patched",
        "file",
        "patch",
        json!({"path": ".env", "search": "TOKEN", "replace": "x"}),
    ));
    res
}

/// What the person's own programs obey.
fn protected() -> Vec<Case> {
    const GLOBS: &str = "tools.file.protected_globs";
    let mut res: Vec<Case> = [
        ("agents", "AGENTS.md"),
        ("agents-lower", "docs/agents.md"),
        ("claude", "CLAUDE.md"),
        ("project", ".hermitage.toml"),
        ("envrc", ".envrc"),
        ("workflow", ".github/workflows/x.yml"),
        ("editor", ".vscode/tasks.json"),
        ("cargo", ".cargo/config.toml"),
        ("bashrc", ".bashrc"),
        ("mcp", ".mcp.json"),
        ("cursor", ".cursor/rules/x.mdc"),
        ("python", "venv/x.pth"),
        ("husky", ".husky/pre-commit"),
        ("hooks", ".git/hooks/pre-commit"),
        ("git-config", ".git/config"),
        ("git-head", ".git/HEAD"),
        ("git-short", "git~1/config"),
        ("git-upper", ".GIT/hooks/x"),
        ("git-new", "sub/.git/hooks/post-checkout"),
    ]
    .iter()
    .map(|(id, path)| write(format!("FS-9/{id}"), path))
    .collect();
    res.push(write("FS-9/held", "AGENTS.md").held_below(GLOBS, "[]"));
    res.push(write("FS-9/git-held", ".git/hooks/pre-push").held_by(Defence::GitFiles));
    res.push(call(
        "FS-9/patched",
        "file",
        "patch",
        json!({"path": "AGENTS.md", "search": "be", "replace": "x"}),
    ));
    res
}

/// What is no file.
fn kinds() -> Vec<Case> {
    fn pipe(world: &World) {
        let made = std::process::Command::new("mkfifo").arg(world.path("workspace/pipe")).status();
        assert!(made.unwrap().success());
    }
    fn socket(world: &World) {
        drop(UnixListener::bind(world.path("workspace/socket")).unwrap());
    }
    vec![
        read("FS-5/pipe", "pipe").prepare(pipe),
        write("FS-5/pipe-written", "pipe").prepare(pipe),
        read("FS-5/socket", "socket").prepare(socket),
        read("FS-5/directory", "src"),
        write("FS-5/directory-written", "src"),
        write("FS-5/below-a-file", "hello.txt/x"),
        read("FS-5/binary", "binary").prepare(|it| it.put("workspace/binary", "a\0b\u{1}")),
    ]
}

/// The disk.
fn quotas() -> Vec<Case> {
    let written = |bytes: usize| json!({"path": "a.txt", "content": "x".repeat(bytes)});
    let lines = |count: usize| -> Vec<String> {
        (0..count)
            .map(|it| format!("write_file {}", json!({"path": format!("f{it}"), "content": ""})))
            .collect()
    };
    vec![
        call("FS-6/one-file", "file", "write_file", written(5_000))
            .config("tools.file.max_write_kib", 4)
            .held_below("tools.file.max_write_kib", "8"),
        plays(
            "FS-6/all-bytes",
            "file",
            &[
                format!("write_file {}", written(700_000)),
                format!("write_file {}", json!({"path": "b.txt", "content": "y".repeat(700_000)})),
            ],
        )
        .config("tools.file.max_written_mib", 1)
        .changes(&["a.txt"])
        .held_below("tools.file.max_written_mib", "2"),
        plays("FS-6/many-files", "file", &lines(3))
            .config("tools.file.max_created_files", 2)
            .changes(&["f0", "f1"])
            .held_below("tools.file.max_created_files", "3"),
        call(
            "FS-6/deep-tree",
            "file",
            "write_file",
            json!({"path": "d/".repeat(40) + "f", "content": "x"}),
        )
        .config("tools.file.max_depth", 32)
        .held_below("tools.file.max_depth", "64"),
        read("FS-8/huge-file", "huge")
            .config("tools.file.max_read_kib", 1)
            .prepare(|it| it.put("workspace/huge", &"x\n".repeat(400_000))),
        read("FS-8/endless-line", "line")
            .config("tools.file.max_line_kib", 1)
            .prepare(|it| it.put("workspace/line", &"x".repeat(3_000))),
    ]
}

/// Patterns.
fn searches() -> Vec<Case> {
    let search = |id: &str, query| call(format!("FS-8/{id}"), "file_read", "search_files", query);
    vec![
        search("automaton", json!({"content": "(a{1000}){1000}"})),
        search("nested-groups", json!({"content": "(".repeat(2_000) + &")".repeat(2_000)})),
        search("backtracking", json!({"content": "(a*)*c"})),
        search("unclosed", json!({"content": "("})),
        search("long", json!({"content": "a".repeat(5_000)})),
        search("outside", json!({"path": "../outside"})),
        search("absolute", json!({"path": "/etc"})),
        search("through-a-link", json!({"path": "link-out"})),
        search("git", json!({"path": ".git"})),
        search("cursor", json!({"cursor": "../outside/secret.txt"})),
        search("glob", json!({"name": "{".repeat(100)})),
        search("limit-of-0", json!({"limit": 0})),
    ]
}

/// Edits.
fn patches() -> Vec<Case> {
    let patch = |id: &str, call_: serde_json::Value| {
        call(format!("FS-1/patch-{id}"), "file", "patch", call_)
    };
    let diff = "--- a/../outside/secret.txt\n+++ b/../outside/secret.txt\n@@ -1 +1 @@\n-x\n+y\n";
    vec![
        patch("up", json!({"path": "../outside/secret.txt", "search": "C", "replace": "x"})),
        patch("diff-that-names-another", json!({"path": "hello.txt", "diff": diff})),
        patch("empty-search", json!({"path": "hello.txt", "search": "", "replace": "x"})),
        patch("both", json!({"path": "hello.txt", "search": "h", "replace": "x", "diff": diff})),
        patch("neither", json!({"path": "hello.txt"})),
        patch(
            "multiplies",
            json!({"path": "many", "search": "a", "replace": "b".repeat(5_000), "all": true}),
        )
        .config("tools.file.max_write_kib", 8)
        .prepare(|it| it.put("workspace/many", &"a".repeat(4_000))),
    ]
}
