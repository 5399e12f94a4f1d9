//! `run` with the bundled agent that asks a language model. The model plays a
//! cassette; everything else is the real thing.

use std::{fs, io::ErrorKind, net::TcpListener};

use serde_json::{Value, json};

use crate::{
    check,
    harness::{Cli, Ran},
};

/// The only result of a run as JSON.
fn result(ran: &Ran) -> Value {
    ran.json()["results"][0].clone()
}

/// The values of these fields.
fn fields(of: &Value, names: &[&str]) -> Value {
    names.iter().map(|it| of[*it].clone()).collect()
}

#[test]
fn a_child_reads_writes_and_answers() {
    let cli = Cli::taped("copies.json");
    let ran = cli.run(&["run", "copy it", "--model", "dear", "--json"]);
    let res = result(&ran);
    assert_eq!(ran.exit, Some(0), "{ran}");
    let copy = fs::read_to_string(cli.path("out/copy.txt")).unwrap();
    assert!(copy.contains(r#""text":"hello""#), "{copy}");
    assert_eq!(res["summary"], "`out/copy.txt` has what I read.");
    assert_eq!(fields(&res, &["agent", "api_calls", "model"]), json!(["react", 3, "dear-1"]));
    assert_eq!(res["tokens"], json!({"input": 6000, "output": 60}));
    let cost = res["cost_usd"].as_f64().unwrap();
    assert!((cost - 0.0066).abs() < 1e-9, "{cost}");
    assert!(res["duration_seconds"].as_f64().is_some(), "{res}");
    let of_each = |name: &str| {
        res["tool_trace"].as_array().unwrap().iter().map(|it| &it[name]).collect::<Vec<_>>()
    };
    assert_eq!(of_each("tool"), ["read_file", "write_file"]);
    assert_eq!((of_each("ok"), &res["tool_calls"]), (vec![&json!(true); 2], &json!(2)));
    let arguments =
        [json!({"path": "hello.txt"}), json!({"path": "out/copy.txt", "content": copy})];
    assert_eq!(of_each("args_bytes"), arguments.map(|it| it.to_string().len()));
    let written = json!({"bytes": copy.len(), "created": true});
    assert_eq!(of_each("result_bytes"), [copy.len() - "from ".len(), written.to_string().len()]);
    assert!(of_each("ms").iter().all(|it| it.is_u64()), "{res}");
}

#[test]
fn a_model_is_told_in_the_text_and_nothing_but_the_event_is_on_standard_output() {
    let cli = Cli::taped("copies.json");
    check!(cli.run(&["run", "copy it", "--toolsets", "file"]), @"
    exit: 0
    ----- stdout
    `out/copy.txt` has what I read.
    ----- stderr
    ✓ [1/1] copy it  (react, completed, [TIME])
    ");
}

#[test]
fn without_a_model_nothing_starts() {
    let cli = Cli::new(&[]);
    check!(cli.run(&["run", "think"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: `react` asks a language model, and none is configured
    hint: set `model.default` in the configuration, or try `--model openai/MODEL` with `OPENAI_API_KEY`; or name another agent with `--agent`; `hermitage doctor` shows what there is
    ");
    assert_eq!(cli.run(&["list", "--json"]).json(), json!([]));
}

#[test]
fn a_model_that_can_not_be_had_is_told_before_anything_starts() {
    let cli = Cli::taped("copies.json");
    // Whatever has to be built first is not what is looked at.
    cli.run(&["inspect", "react"]);
    check!(cli.run(&["run", "think", "--model", "nope"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: unknown model `nope`: known are `dear`, `plain`
    hint: name one of them, or PROVIDER/MODEL; `[models]` in the configuration adds more
    ");
    check!(cli.run(&["run", "think", "--model", "openai/x"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: the model `openai/x` needs the key of `openai`
    hint: set `OPENAI_API_KEY`, which holds it
    ");
    cli.config("model.default = 'tape/x'\n[providers.tape]\nkind = 'scripted'\ncassette = 'gone'");
    check!(cli.run(&["run", "think"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: cannot read the cassette `/[DIR]/home/config/hermitage/gone`: No such file or directory (os error 2)
    hint: mend `[providers.tape]`, or choose another with `--model`
    ");
    assert_eq!(cli.run(&["list", "--json"]).json(), json!([]));
}

#[test]
fn a_batch_is_one_event_and_each_child_has_its_own_model() {
    let cli = Cli::taped("batch.json");
    cli.file("tasks.json", r#"[{"goal": "look twice", "model": "dear"}, {"goal": "say it"}]"#);
    let ran = cli.run(&["run", "--tasks", "tasks.json", "--json"]);
    assert_eq!(ran.exit, Some(0), "{ran}");
    let event = ran.json();
    let of_each = |name: &str| {
        let results = event["results"].as_array().unwrap();
        results.iter().map(|it| it[name].clone()).collect::<Value>()
    };
    assert_eq!(of_each("summary"), json!(["slow", "quick"]));
    assert_eq!(of_each("model"), json!(["dear-1", "plain-1"]));
    assert_eq!(of_each("api_calls"), json!([2, 1]));
    assert_eq!(event["is_batch"], true);
    check!(cli.run(&["events"]), @"
    exit: 0
    ----- stdout
    1  acknowledged      [TIME] ago  local  deleg_[ID]  completed    2 parallel subagents: look twice; say it
    ----- stderr
    ");
}

/// The exit code and the result of a task whose answer is to have an `n`.
fn answer(goal: &str) -> (Option<i32>, Value) {
    let cli = Cli::taped("answers.json");
    let schema = json!({"properties": {"n": {"type": "integer"}}, "required": ["n"]});
    cli.file("schema.json", schema.to_string());
    let ran = cli.run(&["run", goal, "--output-schema", "schema.json", "--json"]);
    (ran.exit, result(&ran))
}

#[test]
fn an_answer_that_misses_its_schema_is_mended_once() {
    let (exit, res) = answer("mend it");
    assert_eq!(exit, Some(0), "{res}");
    let expect = json!(["completed", r#"{"n": 2}"#, true, 2]);
    assert_eq!(fields(&res, &["status", "summary", "schema_valid", "api_calls"]), expect);
}

#[test]
fn a_second_miss_fails_and_its_text_is_kept() {
    let (exit, res) = answer("never mind");
    assert_eq!(exit, Some(1), "{res}");
    let expect = json!(["failed", r#"{"n":"three"}"#, false, 2]);
    assert_eq!(fields(&res, &["status", "summary", "schema_valid", "api_calls"]), expect);
    assert_eq!(res["schema_errors"], json!([r#"$.n: "three" is not of type "integer""#]));
}

#[test]
fn the_last_model_call_is_for_the_answer() {
    let cli = Cli::taped("endless.json");
    for (calls, tools) in [(1, 0), (3, 2)] {
        let ran = cli.run(&["run", "go on", "--json", "--max-iterations", &calls.to_string()]);
        let res = result(&ran);
        assert_eq!(ran.exit, Some(0), "{ran}");
        let names = ["status", "exit_reason", "truncated", "summary", "api_calls"];
        let expect = json!(["completed", "max_iterations", true, "All I could do.", calls]);
        assert_eq!(fields(&res, &names), expect);
        // The same call a second time is not done again.
        assert_eq!(res["tool_calls"], json!(tools.min(1)));
    }
}

/// What a child heard whose last command connects to a server of this test,
/// and whether that was reached.
fn connects(network: bool) -> (String, bool) {
    let cli = Cli::taped("commands.json");
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    cli.file("port", format!("{}\n", server.local_addr().unwrap().port()));
    let variable = ("HERMITAGE_TOOLS__TERMINAL__NETWORK", network.to_string());
    let mut command = cli.command(&["run", "work", "--toolsets", "terminal", "--json"]);
    let ran = Ran::from(command.env(variable.0, variable.1).output().unwrap());
    let res = result(&ran);
    assert_eq!(ran.exit, Some(0), "{ran}");
    // The second command began where the first one had gone to.
    assert_eq!(fs::read_to_string(cli.path("deep/answer.txt")).unwrap(), "42\n", "{ran}");
    assert_eq!(fields(&res, &["api_calls", "tool_calls"]), json!([4, 3]), "{ran}");
    let accepted = server.accept();
    let is_reached = accepted.as_ref().map_or_else(|err| err.kind(), |_| ErrorKind::Other);
    (res["summary"].as_str().unwrap().to_owned(), is_reached != ErrorKind::WouldBlock)
}

#[test]
fn commands_run_in_the_sandbox_and_what_they_say_reaches_the_model() {
    let (heard, is_reached) = connects(false);
    assert!(heard.contains(r#""exit_code":1"#) && !is_reached, "{heard}");
    let (heard, is_reached) = connects(true);
    assert!(heard.contains("connected") && is_reached, "{heard}");
}

#[test]
fn a_project_chooses_no_provider() {
    let cli = Cli::taped("copies.json");
    for (text, key) in [
        ("[providers.tape]\nbase_url = 'http://127.0.0.1:9'", "providers.tape.base_url"),
        ("[providers.tape]\ncassette = 'mine.json'", "providers.tape.cassette"),
        ("[providers.mine]\nkind = 'openai'", "providers.mine.kind"),
        ("[models.mine]\nprovider = 'tape'\nid = 'x'", "models.mine"),
        ("model.default = 'openai/x'", "model.default"),
    ] {
        cli.file(".hermitage.toml", text);
        let ran = cli.run(&["run", "copy it"]);
        assert_eq!((ran.exit, ran.stdout.as_str()), (Some(2), ""), "{ran}");
        let first = ran.stderr.lines().next().unwrap();
        assert!(first.starts_with("error: ") && first.contains(key), "{ran}");
    }
    assert!(!cli.path("out").exists());
}

#[test]
fn the_recording_of_the_bundled_agent_plays() {
    let cli = Cli::new(&[]);
    cli.file("project/README.md", "# Hello\n\nIt greets.\nPolitely.\nEnd.\n");
    let workspace = cli.path("project");
    let demo = ["run", "Look around", "--config", "plugins/react/demo.toml", "--workspace"];
    let mut command = cli.command(&demo);
    command.arg(&workspace).current_dir(hermitage_tests::checkout());
    check!(Ran::from(command.output().unwrap()), @"
    exit: 0
    ----- stdout
    I am a recording: no model was asked. What I did was real.

    - I tried to write a file. I was granted `read_file` and `search_files`, so there was no `write_file` to call.
    - I read the beginning of `README.md`, which has 5 lines:

    # Hello

    It greets.
    Politely.
    ----- stderr
    ✓ [1/1] Look around  (react, completed, [TIME])
    ");
    assert!(!cli.path("project/i-was-here.txt").exists());
}
