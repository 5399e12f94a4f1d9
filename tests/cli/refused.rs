//! What can't be done: one line that says why, at most one that says how to
//! mend it, and the exit code.

use std::fmt::Write as _;

use crate::{
    check,
    harness::{Cli, Ran},
};

/// Runs each command line, and shows what it was told.
fn told(cli: &Cli, commands: &[&str]) -> String {
    let mut res = String::new();
    for command in commands {
        // `""` is an empty word.
        let args = command.split(' ').map(|it| it.trim_matches('"'));
        let ran = cli.run(&args.collect::<Vec<_>>());
        let lines: Vec<&str> = ran.stderr.lines().collect();
        let is_terse = match lines.as_slice() {
            [error] => error.starts_with("error: "),
            [error, hint] => error.starts_with("error: ") && hint.starts_with("hint: "),
            _ => false,
        };
        assert!(is_terse && ran.stdout.is_empty(), "{command}: {ran}");
        let exit = ran.exit.unwrap();
        writeln!(res, "{command}\n  {}\n  exit {exit}", lines.join("\n  ")).unwrap();
    }
    res
}

#[test]
fn an_error_is_json_too_where_json_was_asked_for() {
    let cli = Cli::new(&[]);
    cli.file("text.wasm", "just text");
    let commands = [
        "run go --agent ./text.wasm --json",
        "run go --agent ./none.wasm --json",
        "run --frob --json",
        "show deleg_none --json",
        "list --json --store /dev/null/store",
        "config show --json --config ./none.toml",
    ];
    for command in commands {
        let ran = cli.run(&command.split(' ').collect::<Vec<_>>());
        assert!(ran.stderr.starts_with("error: "), "{command}: {ran}");
        let error = &ran.json()["error"];
        assert_eq!(error["exit_code"].as_i64(), ran.exit.map(i64::from), "{command}: {ran}");
        let message = error["message"].as_str().unwrap();
        assert!(ran.stderr.contains(message), "{command}: {ran}");
    }
    // What stands behind `--` is a goal.
    let ran = cli.run(&["show", "deleg_none", "--", "--json"]);
    assert!(ran.exit == Some(2) && ran.stdout.is_empty(), "{ran}");
}

#[test]
fn what_is_no_component_is_refused() {
    let cli = Cli::new(&["honest"]);
    cli.file("text.wasm", "just text");
    cli.file("core.wasm", wat::parse_str("(module)").unwrap());
    let whole = hermitage_tests::guest("honest");
    cli.file("cut.wasm", &whole[..whole.len() / 2]);
    let commands = [
        "run go --agent ./text.wasm",
        "run go --agent ./core.wasm",
        "run go --agent ./cut.wasm",
        "inspect ./text.wasm",
    ];
    check!(told(&cli, &commands), @r"
    run go --agent ./text.wasm
      error: `./text.wasm` is refused: not a WebAssembly component: the file does not begin with `\0asm`
      hint: make a component with `hermitage plugin build FOLDER`
      exit 3
    run go --agent ./core.wasm
      error: `./core.wasm` is refused: a core module, not a component
      hint: make a component with `hermitage plugin build FOLDER`
      exit 3
    run go --agent ./cut.wasm
      error: `./cut.wasm` is refused: damaged at byte [N]: unexpected end-of-file
      hint: get the file again, or build it again
      exit 3
    inspect ./text.wasm
      error: `./text.wasm` is refused: not a WebAssembly component: the file does not begin with `\0asm`
      hint: make a component with `hermitage plugin build FOLDER`
      exit 3
    ");
}

#[test]
fn an_agent_that_is_not_there_is_told_with_what_is() {
    let cli = Cli::new(&[]);
    cli.file("empty/notes.txt", "");
    cli.file("tasks.json", r#"[{"goal": "a", "agent": "survey"}, {"goal": "b"}]"#);
    let commands = [
        "run go",
        "run --tasks tasks.json",
        "run go --agent ./none.wasm",
        "run go --agent ./empty",
        "run go --agent servey",
        "inspect ./none.wasm",
        "plugin build none",
    ];
    check!(told(&cli, &commands), @"
    run go
      error: `react` asks a language model, and none is configured
      hint: set `model.default` in the configuration, or try `--model openai/MODEL` with `OPENAI_API_KEY`; or name another agent with `--agent`; `hermitage doctor` shows what there is
      exit 2
    run --tasks tasks.json
      error: `react` asks a language model, and none is configured
      hint: set `model.default` in the configuration, or try `--model openai/MODEL` with `OPENAI_API_KEY`; or name another agent with `--agent`; `hermitage doctor` shows what there is
      exit 2
    run go --agent ./none.wasm
      error: no component at `./none.wasm`
      exit 2
    run go --agent ./empty
      error: `empty` can't be built: `./empty` has no source that can be built
      hint: give a folder with a `Cargo.toml`, or with a folder `wit` and beside it a source in C, JavaScript or Python; `hermitage plugin new` makes one
      exit 2
    run go --agent servey
      error: unknown agent `servey`: known are `links`, `orchestrator`, `react`, `steps`, `survey`, `todos`
      hint: name a component by its path, or add its directory with `--plugin-path`
      exit 2
    inspect ./none.wasm
      error: no component at `./none.wasm`
      exit 2
    plugin build none
      error: `none` can't be built: there is no folder `none`: No such file or directory (os error 2)
      hint: give a folder with a `Cargo.toml`, or with a folder `wit` and beside it a source in C, JavaScript or Python; `hermitage plugin new` makes one
      exit 2
    ");
}

#[test]
fn a_request_that_says_too_little_or_nonsense_starts_nothing() {
    let cli = Cli::new(&["honest"]);
    cli.file("broken.json", "[{");
    cli.file("object.json", "{}");
    cli.file("blank.json", r#"[{"goal": "go"}, {"goal": " "}]"#);
    cli.file("typo.json", r#"[{"goal": "go", "agnet": "./honest.wasm"}]"#);
    let commands = [
        "run --agent ./honest.wasm",
        "run --agent ./honest.wasm \"\"",
        "run --agent ./honest.wasm --tasks none.json",
        "run --agent ./honest.wasm --tasks broken.json",
        "run --agent ./honest.wasm --tasks object.json",
        "run --agent ./honest.wasm --tasks blank.json",
        "run --agent ./honest.wasm --tasks typo.json",
        "run go --agent ./honest.wasm --toolsets files",
        "run go --agent ./honest.wasm --workspace none",
        "run go --agent ./honest.wasm --workspace hello.txt",
        "quickstart none",
    ];
    check!(told(&cli, &commands), @r#"
    run --agent ./honest.wasm
      error: nothing to do: provide either `goal` or `tasks`
      hint: give a goal, or a list of tasks with `--tasks FILE`
      exit 2
    run --agent ./honest.wasm ""
      error: the goal is blank: say what should be done
      exit 2
    run --agent ./honest.wasm --tasks none.json
      error: `none.json` can't be read: No such file or directory (os error 2)
      exit 2
    run --agent ./honest.wasm --tasks broken.json
      error: `broken.json`: no list of tasks: EOF while parsing an object at line 1 column 2
      hint: tasks are a JSON list of objects: `[{"goal": "…", "agent": "…"}, …]`
      exit 2
    run --agent ./honest.wasm --tasks object.json
      error: `object.json`: no list of tasks: a list of objects is needed
      hint: tasks are a JSON list of objects: `[{"goal": "…", "agent": "…"}, …]`
      exit 2
    run --agent ./honest.wasm --tasks blank.json
      error: `blank.json`: Task 2 is missing a `goal`
      exit 2
    run --agent ./honest.wasm --tasks typo.json
      error: `typo.json`: Task 1 is no task: unknown field `agnet`, expected one of `goal`, `context`, `toolsets`, `agent`, `role`, `model`, `output_schema`, `max_iterations`, `group`
      exit 2
    run go --agent ./honest.wasm --toolsets files
      error: unknown toolset or tool `files`: known are `file`, `file_read`, `terminal`, `web`, `csv`, `diff`, `github`, `jq`
      exit 2
    run go --agent ./honest.wasm --workspace none
      error: cannot open the workspace `none`: No such file or directory (os error 2)
      exit 2
    run go --agent ./honest.wasm --workspace hello.txt
      error: cannot open the workspace `hello.txt`: Not a directory (os error 20)
      exit 2
    quickstart none
      error: cannot open the workspace `none`: No such file or directory (os error 2)
      exit 2
    "#);
}

#[test]
fn an_option_out_of_range_or_unknown_is_named() {
    let commands = [
        "run go --agent survey --timeout 0",
        "run go --agent survey --timeout -1",
        "run go --agent survey --timeout 99999999",
        "run go --agent survey --timeout soon",
        "run go --agent survey --toolset file",
        "run go --nonsense",
        "inspect",
        "inspect survey --role boss",
        "nonsense",
    ];
    check!(told(&Cli::new(&[]), &commands), @"
    run go --agent survey --timeout 0
      error: `--timeout`: `delegation.child_timeout_seconds` is 0: must be between 1 and 86400
      exit 2
    run go --agent survey --timeout -1
      error: `--timeout`: `delegation.child_timeout_seconds` is -1: must be between 1 and 86400
      exit 2
    run go --agent survey --timeout [SHORT]
      error: `--timeout`: `delegation.child_timeout_seconds` is [SHORT]: must be between 1 and 86400
      exit 2
    run go --agent survey --timeout soon
      error: invalid value 'soon' for '--timeout <S>': it is no whole number
      hint: see `--help`
      exit 2
    run go --agent survey --toolset file
      error: unexpected argument '--toolset' found
      hint: a similar argument exists: '--toolsets'
      exit 2
    run go --nonsense
      error: unexpected argument '--nonsense' found
      hint: see `--help`; a text that begins with `-` stands behind `--`
      exit 2
    inspect
      error: the following required arguments were not provided: <COMPONENT>
      hint: see `--help`
      exit 2
    inspect survey --role boss
      error: invalid value 'boss' for '--role <ROLE>' [possible values: leaf, orchestrator]
      hint: see `--help`
      exit 2
    nonsense
      error: unrecognized subcommand 'nonsense'
      hint: see `--help`
      exit 2
    ");
}

#[test]
fn a_configuration_that_is_wrong_is_told_with_its_key() {
    let cli = Cli::new(&[]);
    cli.file("unknown.toml", "[sandbox]\nmemory_mb = 1\n");
    cli.file("zero.toml", "[sandbox]\nmemory_mib = 0\n");
    cli.file("syntax.toml", "[sandbox\n");
    let commands = [
        "quickstart --config unknown.toml",
        "quickstart --config zero.toml",
        "quickstart --config syntax.toml",
        "quickstart --config none.toml",
    ];
    check!(told(&cli, &commands), @"
    quickstart --config unknown.toml
      error: unknown.toml:2: unknown key `sandbox.memory_mb`
      hint: did you mean `sandbox.memory_mib`?
      exit 2
    quickstart --config zero.toml
      error: zero.toml:2: `sandbox.memory_mib` is 0: must be between 1 and 4096
      exit 2
    quickstart --config syntax.toml
      error: syntax.toml:1: no valid TOML: unclosed table, expected `]`
      exit 2
    quickstart --config none.toml
      error: cannot read the configuration file `none.toml`: No such file or directory (os error 2)
      exit 2
    ");
}

#[test]
fn a_missing_tool_chain_has_an_exit_code_of_its_own() {
    let cli = Cli::new(&[]);
    cli.file("agent/Cargo.toml", "[package]\nname = \"agent\"\n");
    let mut command = cli.command(&["plugin", "build", "agent"]);
    command.env("PATH", "").env("HERMITAGE_INSTALL", "0").env("HERMITAGE_WASM_TOOLCHAIN", "rustup");
    check!(Ran::from(command.output().unwrap()), @"
    exit: 4
    ----- stdout

    ----- stderr
    error: `agent` can't be built: there is no tool chain for WebAssembly
    hint: run `rustup target add wasm32-unknown-unknown`, or as root on Debian `apt-get install rustc-web cargo-web rust-web-src lld-22`
    ");
}

#[test]
fn a_home_directory_is_no_workspace_unless_that_is_allowed() {
    let cli = Cli::new(&["honest"]);
    cli.file("home/hello.txt", "hello");
    let run = |more: &[&str]| {
        let agent =
            ["run", "x", "--agent", "./honest.wasm", "--ephemeral", "--workspace", "../home"];
        cli.run(&[&agent, more].concat())
    };
    check!(run(&[]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: the workspace `/[DIR]/home` holds your home directory, where shells, editors and agents look for what they obey
    hint: take a directory for the work alone; or allow this with `--allow-home` or `workspace.allow_home` in your own configuration, and names with a dot stay closed
    ");
    assert_eq!(run(&["--allow-home"]).exit, Some(0), "{}", run(&["--allow-home"]));
    // A project can't allow it for itself.
    cli.file("home/.hermitage.toml", "[workspace]\nallow_home = true\n");
    let ran = run(&[]);
    assert!(ran.stderr.contains("`workspace.allow_home`"), "{ran}");
    assert_eq!(ran.exit, Some(2), "{ran}");
}

#[test]
fn what_a_person_wrote_is_looked_at_before_what_is_set_up_and_both_before_a_build() {
    let cli = Cli::new(&["honest"]);
    // Building it would fail, and take its time.
    cli.file("source/Cargo.toml", "no manifest at all");
    cli.file("core.wasm", wat::parse_str("(module)").unwrap());
    cli.file(
        "missing.json",
        r#"[{"goal": "a", "agent": "./source"}, {"goal": "b", "agent": "nobody"}]"#,
    );
    cli.file(
        "toolset.json",
        r#"[{"goal": "a", "agent": "./source"}, {"goal": "b", "toolsets": ["files"]}]"#,
    );
    cli.file(
        "model.json",
        r#"[{"goal": "a", "agent": "./source"}, {"goal": "b", "model": "huge"}]"#,
    );
    cli.file(
        "core.json",
        r#"[{"goal": "a", "agent": "./honest.wasm"}, {"goal": "b", "agent": "./core.wasm"}]"#,
    );
    let commands = [
        "run",
        "run \"\"",
        "run think --toolsets files",
        "run think --workspace none",
        "run think --max-iterations 0",
        "run think --model huge",
        "run --tasks missing.json",
        "run --tasks toolset.json",
        "run --tasks model.json",
        "run --tasks core.json",
    ];
    check!(told(&cli, &commands), @r#"
    run
      error: nothing to do: provide either `goal` or `tasks`
      hint: give a goal, or a list of tasks with `--tasks FILE`
      exit 2
    run ""
      error: the goal is blank: say what should be done
      exit 2
    run think --toolsets files
      error: unknown toolset or tool `files`: known are `file`, `file_read`, `terminal`, `web`, `csv`, `diff`, `github`, `jq`
      exit 2
    run think --workspace none
      error: cannot open the workspace `none`: No such file or directory (os error 2)
      exit 2
    run think --max-iterations 0
      error: `max_iterations` is 0: a child needs at least one model call
      exit 2
    run think --model huge
      error: unknown model `huge`: none is configured
      hint: name one of them, or PROVIDER/MODEL; `[models]` in the configuration adds more
      exit 2
    run --tasks missing.json
      error: task 2: unknown agent `nobody`: known are `links`, `orchestrator`, `react`, `steps`, `survey`, `todos`
      hint: name a component by its path, or add its directory with `--plugin-path`
      exit 2
    run --tasks toolset.json
      error: task 2: unknown toolset or tool `files`: known are `file`, `file_read`, `terminal`, `web`, `csv`, `diff`, `github`, `jq`
      exit 2
    run --tasks model.json
      error: task 2: unknown model `huge`: none is configured
      hint: name one of them, or PROVIDER/MODEL; `[models]` in the configuration adds more
      exit 2
    run --tasks core.json
      error: task 2: `./core.wasm` is refused: a core module, not a component
      hint: make a component with `hermitage plugin build FOLDER`
      exit 3
    "#);
}

#[test]
fn compiling_takes_of_the_time_that_a_child_has() {
    let cli = Cli::new(&[]);
    cli.file("bomb.wasm", hermitage_tests::bombs::find("loops one after the other").bytes);
    cli.config("[sandbox]\ncompile_seconds = 3600");
    let began = std::time::Instant::now();
    check!(told(&cli, &["run go --timeout 1 --agent ./bomb.wasm"]), @"
    run go --timeout 1 --agent ./bomb.wasm
      error: `./bomb.wasm`: it is not compiled within 1 s
      hint: `--timeout` gives it more
      exit 1
    ");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn a_component_that_needs_more_than_a_child_gets_is_told_the_key() {
    let cli = Cli::new(&[]);
    let of = |what: &str| {
        let text = format!("(component (core module $m {what}) (core instance (instantiate $m)))");
        wat::parse_str(text).unwrap()
    };
    cli.file("memory.wasm", of("(memory 2000)"));
    cli.file("table.wasm", of("(table 30000 funcref)"));
    check!(told(&cli, &["inspect ./memory.wasm", "run go --agent ./table.wasm"]), @"
    inspect ./memory.wasm
      error: `./memory.wasm` is refused: it begins with more memory or longer tables than a child gets (`sandbox.memory_mib`)
      exit 3
    run go --agent ./table.wasm
      error: `./table.wasm` is refused: it begins with more memory or longer tables than a child gets (`sandbox.table_elements`)
      exit 3
    ");
}
