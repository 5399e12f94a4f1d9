//! Who writes a plugin: a new project, and the tool chains that it needs.

use crate::{check, harness::Cli};

#[test]
fn a_new_project_is_written_once() {
    let cli = Cli::new(&[]);
    check!(cli.run(&["plugin", "new", "words", "--lang", "c"]), @"
    exit: 0
    ----- stdout
    words/plugin.c
    words/wit/world.wit
    words/plugin.toml
    words/tests.toml
    words/README.md
    words/.gitignore
    ----- stderr
    hint: `hermitage plugin test words`; `words/README.md` has the rest
    ");
    let again = cli.run(&["plugin", "new", "words", "--lang", "python"]);
    assert_eq!(again.exit, Some(2));
    assert!(again.stderr.starts_with("error: `words` is there already\nhint: "), "{again}");
    assert!(!cli.path("words/plugin.py").exists());
}

#[test]
fn a_project_that_can_not_be_is_refused_before_anything_is_written() {
    let cli = Cli::new(&[]);
    check!(cli.run(&["plugin", "new", "words", "--lang", "js", "--agent"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: an agent is written in Rust
    hint: leave `--lang` out; any language can write a plugin
    ");
    check!(cli.run(&["plugin", "new", "terminal"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: `terminal` is a tool or toolset of the host
    hint: the plugin needs another name, such as `my_terminal`
    ");
    for name in ["words", "terminal"] {
        assert!(!cli.path(name).exists(), "{name}");
    }
}

/// Nothing is installed that nobody asked for.
#[test]
fn a_missing_tool_chain_is_told_with_the_command_that_gets_it() {
    let cli = Cli::new(&[]);
    for (language, program, install) in [
        ("c", "clang with `wasm-ld` to build C", "apt-get install -y clang-19 lld-19"),
        ("js", "componentize-qjs to build JavaScript", "npm install --prefix "),
        ("python", "componentize-py to build Python", "python3 -m venv "),
    ] {
        cli.run(&["plugin", "new", language, "--lang", language]);
        let mut command = cli.command(&["plugin", "build", language]);
        let ran = command.env("PATH", "").output().unwrap();
        let stderr = String::from_utf8(ran.stderr).unwrap();
        let error = format!("error: `{language}` can't be built: there is no {program} with\n");
        assert!(stderr.starts_with(&error), "{stderr}");
        assert!(stderr.contains(&format!("hint: install it with `{install}")), "{stderr}");
        assert_eq!(ran.status.code(), Some(4));
    }
}

/// Of that very project, by clang 19: a machine without it has the tests, too.
const WORDS: &[u8] = include_bytes!("author/words.wasm");

#[test]
fn the_cases_of_a_plugin_are_called_and_told_one_by_one() {
    let cli = Cli::new(&[]);
    cli.run(&["plugin", "new", "words", "--lang", "c"]);
    cli.file("words/component.wasm", WORDS);
    check!(cli.run(&["plugin", "test", "words"]), @r#"
    exit: 0
    ----- stdout
    ok count {"text":"one two\nthree"}
    ok count {"text":""}
    2 tests, 0 failed
    ----- stderr
    "#);
    cli.file(
        "words/tests.toml",
        "imports = ['hermitage:subagent/http@0.1.0']
         [[case]]
         name = 'a word'
         tool = 'count'
         arguments = { text = 'a' }
         result = { words = 4 }
         [[case]]
         tool = 'count'
         arguments = { text = 5 }
         error = 'expected a text'",
    );
    check!(cli.run(&["plugin", "test", "words"]), @r#"
    exit: 1
    ----- stdout
    FAIL imports: it does not import `hermitage:subagent/http@0.1.0`
    FAIL a word: the result is `{"words":1,"lines":1}`, expected `{"words":4}`
    ok count {"text":5}
    3 tests, 2 failed
    ----- stderr
    "#);
}

#[test]
fn cases_that_are_none_are_told_with_their_place() {
    let cli = Cli::new(&[]);
    cli.run(&["plugin", "new", "words", "--lang", "c"]);
    cli.file("words/component.wasm", WORDS);
    for (text, expect) in [
        ("", "error: `words/tests.toml` has no case\nhint: "),
        ("[[case]]\ntoool = 'x'", "error: `words/tests.toml`: line 2: unknown field `toool`"),
        (
            "[settings]\nx = 'y'\n[[case]]\ntool = 'count'\nresult = 1",
            "error: `tests.toml` sets `x`",
        ),
    ] {
        cli.file("words/tests.toml", text);
        let ran = cli.run(&["plugin", "test", "words"]);
        assert!(ran.stderr.starts_with(expect), "{ran}");
        assert_eq!(ran.exit, Some(2));
    }
}
