//! What is closed by its name: secrets, and files that others obey.

use std::time::SystemTime;

use super::*;

/// What no answer may hold.
const CANARY: &str = "canary-5e0d";

/// The rule and its key, as a refusal names them.
fn text(path: &str, rule: &str, key: &str) -> String {
    let why = match key {
        "secret_globs" => "no child reads or writes a secret",
        _ => "other programs obey this file, so say in the result what to change",
    };
    format!("`{path}` is closed by `{rule}` of `tools.file.{key}`: {why}")
}

fn denied<T>(path: &str, rule: &str, key: &str) -> Result<T, ToolError> {
    Err(ToolError::Denied(text(path, rule, key)))
}

fn content_of(path: Option<&str>) -> SearchFiles {
    let path = path.map(String::from);
    SearchFiles { path, content: Some("canary".to_owned()), ..SearchFiles::default() }
}

/// Tries every tool that sees or changes content.
fn check_secret(it: &Fixture, path: &str, rule: &str) {
    let key = "secret_globs";
    assert_eq!(it.read(whole(path)), denied(path, rule, key));
    assert_eq!(it.read(ReadFile { limit: Some(0), ..whole(path) }), denied(path, rule, key));
    assert_eq!(it.write(path, "x"), denied(path, rule, key));
    assert_eq!(it.patch(replacement(path, "canary", "x")), denied(path, rule, key));
    assert_eq!(it.search(content_of(Some(path))), denied(path, rule, key));
}

#[test]
fn a_secret_is_neither_read_nor_written_nor_searched() {
    let it = Fixture::with(guarded());
    let secrets = [
        (".env", ".env"),
        ("app/.env.production", ".env.*"),
        ("tls/server.pem", "*.pem"),
        ("home/.ssh/known_hosts", ".ssh/"),
        ("home/.aws/sso/cache/x", ".aws/"),
        (".ENV.Local", ".env.*"),
        ("ID_RSA", "id_rsa*"),
    ];
    for (path, _) in secrets {
        it.put(path, CANARY);
    }
    it.put("open.txt", CANARY).put(".env.example", CANARY);
    for (path, rule) in secrets {
        check_secret(&it, path, rule);
        assert_eq!(it.get(path), CANARY);
    }
    // No search gets as far as this one.
    it.put(".git/config", CANARY);
    let read = it.read(whole(".git/config"));
    assert_eq!(read, denied(".git/config", "**/.git/config", "secret_globs"));
    let hits = it.search(content_of(None)).unwrap().hits;
    let paths: Vec<&str> = hits.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, [".env.example", "open.txt"]);
    assert_eq!(it.read(whole(".env.example")).unwrap().text, CANARY);
}

#[test]
fn the_name_of_a_secret_is_no_secret() {
    let it = Fixture::with(guarded());
    it.put(".env", CANARY).put("a.pem", CANARY);
    let listed = it.search(SearchFiles::default()).unwrap().hits;
    assert_eq!(listed.iter().map(|it| it.path.as_str()).collect::<Vec<_>>(), [".env", "a.pem"]);
    let one = SearchFiles { path: Some(".env".to_owned()), ..SearchFiles::default() };
    assert_eq!(it.search(one).unwrap().hits.len(), 1);
}

#[test]
fn a_secret_with_another_name_is_one_all_the_same() {
    let it = Fixture::with(guarded());
    it.put("app/.env", CANARY).put("home/.ssh/config", CANARY);
    it.link("app/.env", "notes.txt").link("home/.ssh", "dir").link("app", "alias");
    it.link("notes.txt", "chain");
    let key = "secret_globs";
    for (path, rule) in [
        ("notes.txt", ".env"),
        ("chain", ".env"),
        ("alias/.env", ".env"),
        ("./app//.env", ".env"),
        ("dir/config", ".ssh/"),
    ] {
        assert_eq!(it.read(whole(path)), denied(path, rule, key));
        assert_eq!(it.search(content_of(Some(path))), denied(path, rule, key));
    }
    assert_eq!(it.write("dir/new", "x"), denied("dir/new", ".ssh/", key));
    assert_eq!(it.write("dir/d/new", "x"), denied("dir/d/new", ".ssh/", key));
    // From within, too.
    for start in ["dir", "alias", "home/.ssh"] {
        assert!(it.search(content_of(Some(start))).unwrap().hits.is_empty(), "{start}");
    }
    assert!(!it.path("home/.ssh/d").exists());
}

#[test]
fn what_others_obey_is_read_and_not_written() {
    let key = "protected_globs";
    for (path, rule) in [
        ("AGENTS.md", "AGENTS.md"),
        ("docs/claude.md", "CLAUDE.md"),
        (".github/workflows/ci.yml", "**/.github/workflows/"),
        (".vscode/tasks.json", ".vscode/"),
        (".cargo/config.toml", "**/.cargo/config*"),
        (".envrc", ".envrc"),
        (".hermitage.toml", ".hermitage.toml"),
        ("x.pth", "*.pth"),
    ] {
        let it = Fixture::with(guarded());
        assert_eq!(it.write(path, "x"), denied(path, rule, key));
        assert_eq!(it.tree(), [""; 0], "{path}");
        it.put(path, "mine\n");
        assert_eq!(it.write(path, "x"), denied(path, rule, key));
        assert_eq!(it.patch(replacement(path, "mine", "x")), denied(path, rule, key));
        assert_eq!(it.read(whole(path)).unwrap().text, "mine\n");
    }
    let it = Fixture::with(guarded());
    for path in ["Makefile", "build.rs", "package.json", ".github/CODEOWNERS"] {
        it.write(path, "x").unwrap();
    }
}

#[test]
fn a_link_does_not_lead_to_what_is_protected() {
    let it = Fixture::with(guarded());
    it.put(".github/workflows/ci.yml", "mine").put(".git/hooks/x", "mine");
    it.link(".github", "gh").link(".github/workflows", "flows").link(".git/hooks", "hooks");
    let hooks = fs::File::open(it.path(".git/hooks")).unwrap();
    hooks.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let before = it.tree();
    let key = "protected_globs";
    for path in ["gh/workflows/ci.yml", "flows/ci.yml", "flows/new.yml", "flows/a/b.yml"] {
        assert_eq!(it.write(path, "x"), denied(path, "**/.github/workflows/", key));
    }
    for path in ["hooks/x", "hooks/new", "hooks/a/b", "git~1/hooks/x", ".git./hooks/x"] {
        assert_eq!(
            it.write(path, "x"),
            failed(&format!("`{path}` belongs to git: write outside `.git`"))
        );
    }
    assert_eq!(it.tree(), before);
    // Not for a moment, either: somebody may look just then.
    let touched = hooks.metadata().unwrap().modified().unwrap();
    assert_eq!(touched, SystemTime::UNIX_EPOCH);
}

#[test]
fn a_person_may_open_what_is_closed() {
    let it = Fixture::new();
    it.put(".env", "x").put("AGENTS.md", "x");
    assert_eq!(it.read(whole(".env")).unwrap().text, "x");
    it.write(".env", "y").unwrap();
    it.write("AGENTS.md", "y").unwrap();
    // But for git.
    assert!(it.write(".git/config", "y").is_err());
}

#[test]
fn several_files_of_the_host_are_closed() {
    let it = Fixture::new();
    it.put("state/store.db", "").put("notes.md", "");
    let (store, notes) = (it.path("state/store.db"), it.path("notes.md"));
    let closed = [store.as_path(), notes.as_path(), Path::new("/elsewhere")];
    let tools = FileTools::open_closed(&it.path(""), ROOMY, closed).unwrap();
    for path in ["state/store.db", "state/store.db-wal", "notes.md", "notes.md.lock"] {
        let call = WriteFile { path: path.to_owned(), content: "x".to_owned() };
        let text = format!("`{path}` is the host's own: write another file");
        assert_eq!(block_on(tools.write_file(&caller(), call)), failed(&text));
    }
    assert_eq!(it.tree(), ["notes.md", "state", "state/store.db"]);
}
