//! The host's own files, and a home directory, as commands find them.

use std::{fs, os::unix::fs::symlink};

use super::*;
use crate::tools::closed::{HomeError, OwnFiles};

/// A workspace with files of the host in it, all of which hold a canary.
struct Own {
    outer: TempDir,
    workspace: PathBuf,
}

impl Own {
    fn new(files: &[&str]) -> Self {
        install_bubblewrap();
        let outer = tempfile::tempdir().unwrap();
        let workspace = outer.path().canonicalize().unwrap().join("w");
        fs::create_dir(&workspace).unwrap();
        let this = Self { outer, workspace };
        files.iter().for_each(|it| this.put(it));
        this
    }

    fn put(&self, path: &str) {
        let path = self.workspace.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "CANARY").unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.workspace.join(path)
    }

    fn open(
        &self,
        sandbox: SandboxChoice,
        own: impl FnOnce(&mut OwnFiles),
    ) -> Result<TerminalTools, TerminalError> {
        let mut files = OwnFiles::default();
        own(&mut files);
        let closed = Arc::new(files.below(&self.workspace, true).unwrap());
        block_on(TerminalTools::open(&self.workspace, roomy(sandbox), closed))
    }
}

fn run(tools: &TerminalTools, command: &str) -> Result<String, ToolError> {
    let call = Terminal { command: command.to_owned(), ..Terminal::default() };
    let ran = block_on(tools.session().run(&Caller::of("child", Session::Local), call));
    ran.map(|it| it.output)
}

#[test]
fn files_of_the_host_are_not_seen_or_there_is_no_terminal() {
    let it = Own::new(&["a/state/store.db", "a/state/store.db-wal", "c/x.toml", "c/y.toml"]);
    let own = |own: &mut OwnFiles| {
        own.family(it.path("a/state/store.db"));
        own.file(it.path("c/x.toml"));
        own.directory(it.path("conf/hermitage"));
        own.directory(it.path("a/state/deeper"));
    };
    let tools = it.open(SandboxChoice::Auto, own).unwrap();
    assert_eq!(tools.kind(), SandboxKind::Bubblewrap);
    for command in [
        "ls -A a/state; cat a/state/* c/x.toml",
        "echo x > a/state/store.db-wal; rm -rf a/state; mv a/state elsewhere",
        "mv a b; mkdir -p a/state; echo x > a/state/store.db",
        "echo x > c/x.toml; rm -f c/x.toml; mv c/y.toml c/x.toml; ln -f c/y.toml c/x.toml",
        "mv c d; mkdir c; echo x > c/x.toml",
        "mkdir -p conf/hermitage; echo x > conf/hermitage/config.toml",
        "mv conf old; mkdir -p conf/hermitage; echo x > conf/hermitage/config.toml",
        "rm -rf conf; ln -s /workspace/c conf",
    ] {
        let found = run(&tools, &format!("{command}; echo end")).unwrap();
        assert!(!found.contains("CANARY") && found.ends_with("end\n"), "{found}");
        for file in ["a/state/store.db", "a/state/store.db-wal", "c/x.toml"] {
            assert_eq!(fs::read_to_string(it.path(file)).unwrap(), "CANARY", "{command}: {file}");
        }
        let conf: Vec<_> = fs::read_dir(it.path("conf/hermitage")).unwrap().collect();
        assert!(conf.is_empty(), "{command}: {conf:?}");
    }
    assert_eq!(run(&tools, "echo new > a/new; echo new > c/y.toml; cat a/new").unwrap(), "new\n");
    let landlock = it.open(SandboxChoice::Landlock, own);
    assert!(matches!(landlock, Err(TerminalError::NothingHidden(_))));
    // Somebody outside moves it away: then nothing runs.
    fs::rename(it.path("a"), it.path("other")).unwrap();
    assert!(matches!(run(&tools, "cat other/state/*"), Err(ToolError::Failed(_))));
    fs::rename(it.path("other"), it.path("a")).unwrap();
    run(&tools, "true").unwrap();
}

#[test]
fn what_cannot_be_hidden_is_told() {
    let it = Own::new(&["store.db", "real/x.toml"]);
    symlink("real", it.path("alias")).unwrap();
    let beside = it.open(SandboxChoice::Auto, |own| own.family(it.path("store.db")));
    assert!(matches!(beside, Err(TerminalError::Reachable { .. })));
    let linked = it.open(SandboxChoice::Auto, |own| own.file(it.path("alias/x.toml")));
    assert!(matches!(linked, Err(TerminalError::Reachable { .. })));
    let absent = it.open(SandboxChoice::Auto, |own| own.file(it.path("real/no.toml")));
    assert!(matches!(absent, Err(TerminalError::Reachable { .. })));
    let outside = it.outer.path().join("store.db");
    assert!(it.open(SandboxChoice::Landlock, |own| own.family(outside)).is_ok());
}

#[test]
fn no_command_runs_beside_another_name_of_a_file_of_the_host() {
    for sandbox in [SandboxChoice::Bubblewrap, SandboxChoice::Landlock] {
        let it = Own::new(&["deep/er/mine"]);
        let own = it.outer.path().join("own");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("key"), "CANARY").unwrap();
        fs::hard_link(own.join("key"), it.path("deep/er/innocent")).unwrap();
        let tools = it.open(sandbox, |files| files.directory(&own)).unwrap();
        let found = run(&tools, "cat deep/er/innocent; echo x > deep/er/innocent").unwrap_err();
        assert!(found.to_string().contains("has a hard link in the workspace"), "{found}");
        assert_eq!(fs::read_to_string(own.join("key")).unwrap(), "CANARY");
        // Names among themselves are no business of the workspace.
        fs::remove_file(it.path("deep/er/innocent")).unwrap();
        fs::hard_link(own.join("key"), own.join("key2")).unwrap();
        let tools = it.open(sandbox, |files| files.directory(&own)).unwrap();
        run(&tools, "true").unwrap();
    }
}

/// `HOME` is of the process, so the test runs itself with another one.
#[test]
fn of_a_home_directory_only_what_is_no_settings_is_written() {
    const VARIABLE: &str = "HERMITAGE_TEST_HOME";
    if let Ok(home) = std::env::var(VARIABLE) {
        return in_home(Path::new(&home));
    }
    install_bubblewrap();
    let home = tempfile::tempdir().unwrap();
    let home = home.path().canonicalize().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "tools::terminal::tests::hidden::of_a_home_directory_only_what_is_no_settings_is_written",
    ]);
    let output = command.env("HOME", &home).env(VARIABLE, &home).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn in_home(home: &Path) {
    for path in [".bashrc", ".ssh/config", ".config/git/config", "work/a.txt", "bin/ls", "top"] {
        let path = home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "mine").unwrap();
    }
    let mut own = OwnFiles::default();
    own.usual_directory(home.join(".config/hermitage"));
    for path in [home, home.parent().unwrap(), &home.join(".config")] {
        let refused = own.below(path, false).unwrap_err();
        assert!(matches!(refused, HomeError::Home { .. }), "{refused}");
    }
    let closed = Arc::new(own.below(home, true).unwrap());
    let open = |choice| block_on(TerminalTools::open(home, roomy(choice), Arc::clone(&closed)));
    assert!(matches!(open(SandboxChoice::Landlock), Err(TerminalError::NothingHidden(_))));
    let tools = open(SandboxChoice::Auto).unwrap();
    for path in [
        ".bashrc",
        ".zshrc",
        ".ssh/config",
        ".ssh/authorized_keys",
        ".config/git/config",
        ".config/hermitage/config.toml",
        ".local/bin/x",
        "bin/ls",
        "bin/new",
        "top",
        "new",
    ] {
        run(
            &tools,
            &format!(
                "mkdir -p $(dirname {path}); echo theirs > {path}; mv work/a.txt {path}; true"
            ),
        )
        .unwrap();
    }
    run(
        &tools,
        "mv .config old; rm -rf .ssh; mv bin work; ln -s work .vim; echo theirs > work/a.txt",
    )
    .unwrap();
    let mut names: Vec<_> = fs::read_dir(home).unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".bashrc", ".config", ".ssh", "bin", "top", "work"]);
    for path in [".bashrc", ".ssh/config", ".config/git/config", "bin/ls", "top"] {
        assert_eq!(fs::read_to_string(home.join(path)).unwrap(), "mine", "{path}");
    }
    assert!(!home.join(".config/hermitage/config.toml").exists());
    assert_eq!(fs::read_to_string(home.join("work/a.txt")).unwrap(), "theirs\n");
}

#[test]
fn a_workspace_that_holds_everything_is_refused() {
    for path in ["/", "/tmp"] {
        let config = roomy(SandboxChoice::Auto);
        let found = block_on(TerminalTools::open(Path::new(path), config, Arc::default()));
        assert!(matches!(found, Err(TerminalError::Reachable { .. })), "{path}");
    }
}
