//! What is closed by its name: secrets, and files that others obey.

use std::time::SystemTime;

use super::*;
use crate::tools::closed::OwnFiles;

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

/// The tools of a workspace with files of the host in and beside it.
fn owned(it: &Fixture, own: impl FnOnce(&mut OwnFiles)) -> FileTools {
    let mut files = OwnFiles::default();
    own(&mut files);
    let closed = files.below(&it.path(""), true).unwrap();
    FileTools::open_closed(&it.path(""), roomy(), Arc::new(closed)).unwrap()
}

/// Tries every tool on a path.
fn check_own(tools: FileTools, outer: TempDir, path: &str) -> TempDir {
    let it = Fixture { outer, tools };
    let text = format!("`{path}` is the host's own: take another file");
    let start = SearchFiles { path: Some(path.to_owned()), ..SearchFiles::default() };
    assert_eq!(it.read(whole(path)), failed(&text));
    assert_eq!(it.write(path, "x"), failed(&text));
    assert_eq!(it.patch(replacement(path, "a", "x")), failed(&text));
    assert_eq!(it.search(content_of(Some(path))), failed(&text));
    assert_eq!(it.search(start), failed(&text));
    it.outer
}

#[test]
fn files_of_the_host_are_not_there() {
    let it = Fixture::new();
    for path in ["state/store.db", "state/store.db-wal", "notes.md", "home/conf/x/config.toml"] {
        it.put(path, CANARY);
    }
    it.put("open.txt", CANARY).link("home/conf", "alias");
    let (store, notes) = (it.path("state/store.db"), it.path("notes.md"));
    let conf = it.path("alias/x");
    let tools = owned(&it, |own| {
        own.family(store);
        own.file(notes);
        own.directory(conf);
        own.directory("/elsewhere");
    });
    let it = Fixture { tools, ..it };
    let hits = it.search(content_of(None)).unwrap().hits;
    assert_eq!(hits.iter().map(|it| it.path.as_str()).collect::<Vec<_>>(), ["open.txt"]);
    let listed = it.search(SearchFiles::default()).unwrap().hits;
    assert!(!listed.iter().any(|it| it.path.contains("store.db") || it.path.contains("conf/x")));
    let Fixture { mut outer, tools } = it;
    for path in [
        "state/store.db",
        "state/store.db-wal",
        "notes.md",
        "home/conf/x/config.toml",
        "alias/x/config.toml",
    ] {
        outer = check_own(tools.clone(), outer, path);
    }
    let it = Fixture { outer, tools };
    for path in ["state/store.db.hosts/x.lock", "HOME/Conf/X/new", "home/conf/x/new/er"] {
        let text = format!("`{path}` is the host's own: take another file");
        assert_eq!(it.write(path, "x"), failed(&text));
    }
    assert_eq!(it.get("home/conf/x/config.toml"), CANARY);
}

#[test]
fn a_file_of_the_host_is_known_by_what_it_is() {
    let it = Fixture::new();
    it.put("own/config.toml", CANARY);
    fs::create_dir(it.outer.path().join("own")).unwrap();
    fs::write(it.outer.path().join("own/key"), CANARY).unwrap();
    fs::hard_link(it.outer.path().join("own/key"), it.path("innocent.txt")).unwrap();
    fs::hard_link(it.path("own/config.toml"), it.path("other.toml")).unwrap();
    it.put("twin.txt", "mine");
    fs::hard_link(it.path("twin.txt"), it.path("twin2.txt")).unwrap();
    let (inner, outer) = (it.path("own"), it.outer.path().join("own"));
    let tools = owned(&it, |own| {
        own.directory(inner);
        own.directory(outer);
    });
    // It is moved away, and keeps what it is.
    fs::rename(it.path("own"), it.path("renamed")).unwrap();
    let Fixture { mut outer, .. } = it;
    for path in ["innocent.txt", "other.toml", "renamed/config.toml"] {
        let it = Fixture { outer, tools: tools.clone() };
        let text = format!("`{path}` is the host's own: take another file");
        assert_eq!(it.read(whole(path)), failed(&text));
        assert_eq!(it.write(path, "x"), failed(&text));
        assert_eq!(it.patch(replacement(path, "canary", "x")), failed(&text));
        assert_eq!(it.search(content_of(None)).unwrap().hits, []);
        outer = it.outer;
    }
    let it = Fixture { outer, tools };
    assert_eq!(it.read(whole("twin.txt")).unwrap().text, "mine");
    it.write("twin2.txt", "x").unwrap();
}

fn closed_by_git<T>(path: &str, why: &str) -> Result<T, ToolError> {
    Err(ToolError::Denied(format!("`{path}` {why}")))
}

#[test]
fn no_directory_becomes_a_repository() {
    let why = "would be a part of a git repository (`HEAD`, `objects` and `refs` in one \
               directory): write elsewhere";
    let orders = [
        ["docs/config", "docs/objects/x", "docs/refs/x", "docs/HEAD"],
        ["docs/HEAD", "docs/config", "docs/refs/x", "docs/objects/x"],
        ["docs/HEAD", "docs/objects/x", "docs/config", "docs/refs/a/b"],
        ["HEAD", "config", "objects/x", "refs/x"],
        ["docs/config", "docs/objects/x", "docs/refs/x", "docs/head"],
    ];
    for order in orders {
        let it = Fixture::with(guarded());
        let [parts @ .., last] = order;
        for path in parts {
            it.write(path, "x").unwrap();
        }
        assert_eq!(it.write(last, "ref: refs/heads/x"), closed_by_git(last, why));
    }
    let it = Fixture::with(guarded());
    it.write("docs/HEAD", "ref: refs/heads/x").unwrap();
    assert_eq!(it.write("docs/commondir", "../x"), closed_by_git("docs/commondir", why));
    it.write("docs/objects/x", "x").unwrap();
    it.link("docs", "alias");
    assert_eq!(it.write("alias/refs/x", "x"), closed_by_git("alias/refs/x", why));
}

#[test]
fn a_repository_with_any_name_is_closed() {
    let it = Fixture::with(guarded());
    for path in ["x.git/HEAD", "x.git/objects/a", "x.git/refs/a", "x.git/config"] {
        it.put(path, "mine");
    }
    for path in ["x.git/config", "x.git/hooks/post-checkout", "x.git/new", "x.git/a/b/c"] {
        let written = it.write(path, "x").unwrap_err();
        assert!(written.to_string().contains("a part of a git repository"), "{path}: {written}");
    }
    let patched = it.patch(replacement("x.git/config", "mine", "x")).unwrap_err();
    assert!(patched.to_string().contains("a part of a git repository"), "{patched}");
    assert_eq!(it.read(whole("x.git/config")).unwrap().text, "mine");
}

#[test]
fn what_a_configuration_of_git_names_is_closed() {
    let it = Fixture::with(guarded());
    it.put(
        "sub/.git/config",
        "[include]\npath = ../git.cfg\n[core]\nhooksPath = .githooks\n\
         [filter \"x\"]\nclean = sh clean.sh tools/z.py\n",
    );
    it.put("sub/clean.sh", "mine");
    let why = "is run or obeyed by git, as a repository here is configured: say in the result \
               what to change";
    for path in ["sub/git.cfg", "sub/.githooks/pre-commit", "sub/tools/z.py", "sub/clean.sh"] {
        assert_eq!(it.write(path, "x"), closed_by_git(path, why));
    }
    for path in ["git.cfg", "sub/tools/other.py", "sub/sh", "sub/githooks/x"] {
        it.write(path, "x").unwrap();
    }
}
