//! The configuration as a person meets it: where its layers are looked for,
//! what is shown of them, and what a repository's own file can't do.

use std::{fs, os::unix::fs::symlink};

use crate::{
    check,
    harness::{Cli, Ran},
};

const USER: &str = "home/config/hermitage/config.toml";
const PROJECT: &str = ".hermitage.toml";

#[test]
fn what_is_named_and_not_there_is_told_by_the_check() {
    let cli = Cli::new(&[]);
    let text = "[tools.terminal]\nread_only = [\"shared\"]\npath = [\"gone\"]\n";
    cli.file("own.toml", text);
    cli.file("shared/x", "");
    let ran = cli.run(&["config", "check", "own.toml"]);
    assert_eq!(ran.exit, Some(2), "{ran}");
    // The one that is there was found beside the file.
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{ran}");
    assert!(lines[0].starts_with("error: `tools.terminal.path`: there is no `/"), "{ran}");
    assert!(lines[0].ends_with("/gone`") && lines[1].starts_with("hint: make it"), "{ran}");
    cli.file("gone/x", "");
    assert_eq!(cli.run(&["config", "check", "own.toml"]).exit, Some(0));
}

#[test]
fn what_is_set_is_shown_with_what_set_it() {
    let cli = Cli::new(&[]);
    check!(cli.run(&["config", "show"]), @"
    exit: 0
    ----- stdout
    # nothing is set: `--all` shows the built-in values
    ----- stderr
    ");
    cli.file(USER, "[delegation]\nmax_depth = 1\n");
    cli.file("src/.hermitage.toml", "[delegation]\nblocked_tools = ['patch']\n");
    let mut command = cli.command(&["config", "show", "--workspace", "src"]);
    command.env("HERMITAGE_BUDGET__TOKENS", "5000");
    check!(Ran::from(command.output().unwrap()), @r#"
    exit: 0
    ----- stdout
    [delegation]
    max_depth = 1                         # user: /[DIR]/home/config/hermitage/config.toml
    blocked_tools = ["patch"]             # project: src/.hermitage.toml

    [budget]
    tokens = 5000                         # environment: `HERMITAGE_BUDGET__TOKENS`
    ----- stderr
    "#);
    let mut command = cli.command(&["config", "show", "--workspace", "src", "--json"]);
    command.env("HERMITAGE_BUDGET__TOKENS", "5000");
    let json = Ran::from(command.output().unwrap()).json();
    assert_eq!(json.as_array().unwrap().len(), 3);
    assert_eq!(json[2]["key"], "budget.tokens");
    assert_eq!((&json[2]["value"], &json[2]["layer"]), (&5000.into(), &"environment".into()));
}

#[test]
fn what_is_shown_of_everything_is_a_file_that_can_be_used() {
    let cli = Cli::new(&[]);
    let all = cli.run(&["config", "show", "--all"]).stdout;
    cli.file("all.toml", &all);
    let shown = cli.run(&["config", "show", "--config", "all.toml"]).stdout;
    let values = |it: &str| {
        let lines = it.lines().map(|it| it.split("  #").next().unwrap().trim_end().to_owned());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(values(&shown), values(&all));
}

#[test]
fn checking_tells_what_was_read_or_everything_that_is_wrong() {
    let cli = Cli::new(&[]);
    check!(cli.run(&["config", "check"]), @"
    exit: 0
    ----- stdout
    ok: nothing is set, so the built-in values hold
    ----- stderr
    ");
    cli.file(USER, "[delegation]\nmax_depth = 1\n");
    cli.file(PROJECT, "[budget]\ntokens = 9\n");
    check!(cli.run(&["config", "check"]), @"
    exit: 0
    ----- stdout
    ok: 1 key from /[DIR]/home/config/hermitage/config.toml, 1 key from .hermitage.toml
    ----- stderr
    ");
    cli.file("own.toml", "[budget]\ntokens = 20000001\nchildern = 3\n[sandbox]\nmemory_mib = 0\n");
    check!(cli.run(&["config", "check", "own.toml"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: own.toml:3: unknown key `budget.childern`
    hint: did you mean `budget.children`?
    error: own.toml:5: `sandbox.memory_mib` is 0: must be between 1 and 4096
    ");
    check!(cli.run(&["config", "check", "--project", "own.toml"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: own.toml:3: unknown key `budget.childern`
    hint: did you mean `budget.children`?
    error: own.toml:5: `sandbox.memory_mib` is 0: must be between 1 and 4096
    error: own.toml:2: `budget.tokens` is [SHORT], and [SHORT] without this file: a project may only lower it
    hint: a project file may narrow what you allow, never widen it: put it into your own file
    ");
    check!(cli.run(&["config", "check", "--project", "none.toml"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: there is no file `none.toml`
    ");
}

#[test]
fn the_schema_is_json() {
    let schema = Cli::new(&[]).run(&["config", "schema"]).json();
    assert_eq!(schema["properties"]["delegation"]["properties"]["max_depth"]["maximum"], 8);
}

#[test]
fn a_plan_has_only_what_the_directory_leaves() {
    let cli = Cli::new(&["honest"]);
    let granted = || cli.run(&["inspect", "./honest.wasm", "--json"]).json()["granted"].clone();
    assert_eq!(granted(), serde_json::json!(["read_file", "search_files"]));
    cli.file(PROJECT, "[delegation]\nblocked_tools = ['read_file']\n");
    assert_eq!(granted(), serde_json::json!(["search_files"]));
}

#[test]
fn a_hostile_repository_gets_nothing_by_its_file() {
    let cli = Cli::new(&["honest"]);
    let run = ["run", "go", "--agent", "./honest.wasm", "--ephemeral"];
    let refused = |text: &[u8]| {
        cli.file(PROJECT, text);
        let ran = cli.run(&run);
        assert_eq!((ran.exit, ran.stdout.as_str()), (Some(2), ""), "{ran}");
        ran.stderr.lines().next().unwrap().to_owned()
    };
    let marker = cli.path("ran");
    let command = format!("touch {}", marker.display());
    for (text, expected) in [
        (format!("[providers.openai]\napi_key_cmd = {command:?}"), "a project may not set it"),
        (
            "[providers.openai]\nbase_url = 'https://evil.example'".into(),
            "a project may not set it",
        ),
        ("[providers.x]\nkind = 'scripted'\ncassette = '/etc/passwd'".into(), "a project may not"),
        ("[sandbox]\nmemory_mib = 4096".into(), "a project may only lower it"),
        ("[delegation]\ndefault_toolsets = ['delegation']".into(), "a project may only give fewer"),
        ("[tools.terminal]\nnetwork = true".into(), "a project may only lower it"),
        ("[tools.terminal]\nsandbox = 'landlock'".into(), "a project may not set it"),
        ("[tools.web]\nallow = ['http://127.0.0.1']".into(), "a project may only leave some"),
        ("[tools.memory]\nfile = 'notes.md'".into(), "a project may not set it"),
        ("\u{1b}[2J = 1".into(), ".hermitage.toml:1: no valid TOML"),
        ("\"\\u001b[2J\" = 1".into(), "unknown key"),
    ] {
        let told = refused(text.as_bytes());
        assert!(told.starts_with("error: ") && told.contains(expected), "{told}");
        assert!(!told.contains('\u{1b}'), "{told}");
    }
    assert!(!marker.exists());
    check!(refused(b"model.default = '\xff'"), @"error: .hermitage.toml is not valid UTF-8");
    check!(refused(&vec![b'#'; 10 << 20]), @"error: .hermitage.toml is larger than 256 KiB");
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(refused(deep.as_bytes()).starts_with("error: .hermitage.toml:1: no valid TOML"));
}

#[test]
fn a_project_file_that_is_no_file_is_told_and_not_waited_for() {
    let no_file = "error: .hermitage.toml is not a regular file\n";
    let check = |make: &dyn Fn(&Cli)| {
        let cli = Cli::new(&[]);
        make(&cli);
        let ran = cli.run(&["quickstart", "--ephemeral"]);
        assert_eq!((ran.exit, ran.stderr.as_str()), (Some(2), no_file));
    };
    check(&|cli| fs::create_dir(cli.path(PROJECT)).unwrap());
    check(&|cli| symlink("/etc/passwd", cli.path(PROJECT)).unwrap());
    check(&|cli| {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, cli.path(PROJECT), FileType::Fifo, Mode::RUSR, 0).unwrap();
    });
}

#[test]
fn commands_without_a_workspace_do_not_look_for_a_project_file() {
    let cli = Cli::new(&[]);
    cli.file(PROJECT, "nonsense");
    let ran = cli.run(&["events"]);
    assert_eq!(ran.exit, Some(0), "{ran}");
}

#[test]
fn a_variable_that_nothing_reads_is_told() {
    let cli = Cli::new(&["honest"]);
    for args in [&["config", "check"][..], &["list"]] {
        let mut command = cli.command(args);
        let ran = Ran::from(command.env("HERMITAGE_STORE", "x.db").output().unwrap());
        assert_eq!(ran.exit, Some(0), "{ran}");
        let note = "note: unknown variable `HERMITAGE_STORE` in the environment\n";
        assert!(ran.stderr.starts_with(note), "{ran}");
    }
}
