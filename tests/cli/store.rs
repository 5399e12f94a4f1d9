//! What is kept: `list`, `show` and `events`, over several commands and after
//! one that was killed.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    os::unix::fs::FileExt as _,
    process::{Child, Stdio},
};

use rusqlite::Connection;
use serde_json::json;

use crate::{
    check,
    harness::{Cli, NOTHING_GOES_ON},
    serve::Service,
};

const RUN: [&str; 4] = ["run", "read it", "--agent", "./honest.wasm"];

/// A child that ends, and one that goes on until it is killed.
pub(crate) const ENDLESS: &str = r#"[
    {"goal": "never ends", "agent": "./ignores_interruption.wasm"},
    {"goal": "read it", "agent": "./honest.wasm"}
]"#;

/// Where the commands of a test keep things, when nobody says where.
const STORE: &str = "home/state/hermitage/hermitage.db";

/// Bytes of a page of it. The first has what is read when it is opened.
const PAGE: u64 = 4096;

/// The id of the only delegation.
fn only_id(cli: &Cli) -> String {
    let listed = cli.run(&["list", "--json"]).json();
    let ids: Vec<_> = listed.as_array().unwrap().iter().map(|it| &it["delegation_id"]).collect();
    let [id] = ids[..] else { panic!("{ids:?}") };
    id.as_str().unwrap().to_owned()
}

/// A batch of which the second child has ended, and the first never does.
pub(crate) fn endless(cli: &Cli) -> Child {
    cli.file("endless.json", ENDLESS);
    let mut command = cli.command(&["run", "--tasks", "endless.json"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("✓ [2/2] read it"), "{line}");
    // Its end stays open for what else the command says.
    child.stderr = Some(stderr.into_inner());
    child
}

pub(crate) fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_ran_is_listed_and_shown_and_its_event_is_acknowledged() {
    let cli = Cli::new(&["honest"]);
    check!(cli.run(&["list"]), @"
    exit: 0
    ----- stdout

    ----- stderr
    no delegations: `hermitage run` records them
    ");
    check!(cli.run(&["events"]), @"
    exit: 0
    ----- stdout

    ----- stderr
    no such events
    ");
    let ran = cli.run(&RUN);
    assert_eq!(ran.exit, Some(0), "{ran}");
    check!(cli.run(&["list"]).squeezed(), @"
    exit: 0
    ----- stdout
    ID  STARTED  TIME  STATUS  AGENT  WORKSPACE  GOAL
    [SHORT]  [TIME] ago  [TIME]  completed  honest  /[DIR]/work  read it
    ----- stderr
    ");
    check!(cli.run(&["events"]), @"
    exit: 0
    ----- stdout
    1  acknowledged      [TIME] ago  local  deleg_[ID]  completed    read it
    ----- stderr
    ");
    let id = only_id(&cli);
    check!(cli.run(&["show", &id]), @"
    exit: 0
    ----- stdout
    delegation  deleg_[ID]
    goal        read it
    workspace   /[DIR]/work
    toolsets    file_read
    asked       [DATE] ([TIME] ago)
    status      completed, after [TIME]

    ✓ [1/1] read it  (honest, completed, [TIME])
      hello
    ----- stderr
    ");
    let shown = cli.run(&["show", &id, "--json"]).json();
    assert_eq!(shown["events"][0]["results"][0]["summary"], "hello", "{shown}");
    check!(cli.run(&["events", "--ack", "1"]), @"
    exit: 0
    ----- stdout
    1 was acknowledged before
    ----- stderr
    ");
    let events = cli.run(&["events", "--json"]).json();
    assert_eq!(events[0]["state"], "acknowledged", "{events}");
    assert_eq!(events[0]["event"]["delegation_id"], *id, "{events}");
}

/// The exit code, the text, its JSON, and what is kept say the same.
#[test]
fn a_batch_in_which_some_failed_is_told_apart_everywhere() {
    let check = |agents: [&str; 2], exit: i32, completed: u64| {
        let cli = Cli::new(&["honest", "says_failed"]);
        let task = |it: &str| json!({"goal": it, "agent": format!("./{it}.wasm")});
        cli.file("tasks.json", json!(agents.map(task)).to_string());
        let counts = json!({"completed": completed, "not_completed": 2 - completed});
        let ran = cli.run(&["run", "--tasks", "tasks.json"]);
        assert_eq!(ran.exit, Some(exit), "{ran}");
        assert!(ran.stderr.contains(&format!("{completed} of 2 completed")), "{ran}");
        let told = format!("   Tasks: {completed} completed, {} not   API calls: 0", 2 - completed);
        assert_eq!(cli.run(&["list", "--json"]).json()[0]["counts"], counts);
        assert_eq!(cli.run(&["events", "--json"]).json()[0]["event"]["counts"], counts);
        let id = only_id(&cli);
        let shown = cli.run(&["show", &id, "--json"]).json();
        assert_eq!([&shown["counts"], &shown["events"][0]["counts"]], [&counts, &counts]);
        assert!(cli.run(&["show", &id, "--notice"]).stdout.contains(&told));
        for verb in ["list", "events"] {
            let mark = format!("({completed} of 2 completed)");
            assert_eq!(cli.run(&[verb]).stdout.contains(&mark), completed < 2, "{verb}");
        }
        let ran = cli.run(&["run", "--tasks", "tasks.json", "--json"]);
        assert_eq!((ran.exit, &ran.json()["counts"]), (Some(exit), &counts), "{ran}");
    };
    check(["honest", "honest"], 0, 2);
    check(["honest", "says_failed"], 1, 1);
    check(["says_failed", "says_failed"], 1, 0);
}

#[test]
fn an_ephemeral_run_leaves_nothing_and_a_store_can_be_named() {
    let cli = Cli::new(&["honest"]);
    let ran = cli.run(&[&RUN[..], &["--ephemeral"]].concat());
    assert_eq!(ran.exit, Some(0), "{ran}");
    assert!(!cli.path("home/state").exists());

    let ran = cli.run(&[&RUN[..], &["--store", "own.db"]].concat());
    assert_eq!(ran.exit, Some(0), "{ran}");
    assert!(!cli.path("home/state").exists());
    let listed = cli.run(&["list", "--json", "--store", "own.db"]).json();
    assert_eq!(listed[0]["goal"], "read it", "{listed}");
}

#[test]
fn commands_that_run_at_once_share_a_store() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    let (one, two) = (endless(&cli), endless(&cli));
    let listed = cli.run(&["list"]).squeezed();
    check!(listed, @"
    exit: 0
    ----- stdout
    ID  STARTED  TIME  STATUS  AGENT  WORKSPACE  GOAL
    [SHORT]  [TIME] ago  [TIME]  running  ignores_interruption, h…  /[DIR]/work  2 parallel subagents: never ends; rea…
      · [1/2] running  never ends  (ignores_interruption)
      ✓ [2/2] completed  read it  (honest)
    [SHORT]  [TIME] ago  [TIME]  running  ignores_interruption, h…  /[DIR]/work  2 parallel subagents: never ends; rea…
      · [1/2] running  never ends  (ignores_interruption)
      ✓ [2/2] completed  read it  (honest)
    ----- stderr
    ");
    check!(cli.run(&["events"]), @"
    exit: 0
    ----- stdout

    ----- stderr
    no such events
    ");
    kill(one);
    kill(two);
}

#[test]
fn a_run_that_was_killed_is_reported_by_the_next_command() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    cli.config(NOTHING_GOES_ON);
    kill(endless(&cli));
    let ran = cli.run(&RUN);
    assert_eq!(ran.exit, Some(0), "{ran}");
    check!(&ran.stderr, @"
    note: 1 earlier delegation ended with a host that is gone
    hint: see `hermitage events --pending`
    ✓ [1/1] read it  (honest, completed, [TIME])
    ");
    check!(cli.run(&["events", "--pending"]), @"
    exit: 0
    ----- stdout
    1  pending           [TIME] ago  local  deleg_[ID]  unknown      2 parallel subagents: never ends; read it  (1 of 2 completed)
    ----- stderr
    ");
    let events = cli.run(&["events", "--pending", "--json"]).json();
    let id = events[0]["event"]["delegation_id"].as_str().unwrap();
    check!(cli.run(&["show", id]), @"
    exit: 0
    ----- stdout
    delegation  deleg_[ID]
    goal        2 parallel subagents: never ends; read it
    workspace   /[DIR]/work
    asked       [DATE] ([TIME] ago)
    status      unknown (1 of 2 completed), after [TIME]

    ✗ [1/2] never ends  (ignores_interruption, unknown, [TIME])
      why: the host that ran this child is gone, and nobody saw how it ended

    ✓ [2/2] read it  (honest, completed, [TIME])
      hello
    ----- stderr
    ");
    check!(cli.run(&["events", "--ack", id]), @"
    exit: 0
    ----- stdout
    acknowledged deleg_[ID]
    ----- stderr
    ");
    check!(cli.run(&["events", "--ack", id]), @"
    exit: 0
    ----- stdout
    deleg_[ID] was acknowledged before
    ----- stderr
    ");
    check!(cli.run(&["events", "--pending"]), @"
    exit: 0
    ----- stdout

    ----- stderr
    no such events
    ");
}

#[test]
fn what_is_not_there_is_said_in_one_line() {
    let cli = Cli::new(&[]);
    check!(cli.run(&["show", "deleg_1"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: there is no delegation `deleg_1`
    hint: see `hermitage list`
    ");
    check!(cli.run(&["show", &format!("deleg_{:032}", 1)]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: there is no delegation `deleg_[ID]`
    hint: see `hermitage list`
    ");
    check!(cli.run(&["events", "--ack", "7"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: there is no event `7`
    hint: see `hermitage events`
    ");
    check!(cli.run(&["events", "--session", "bob"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: `bob` is no session key: it does not begin with `agent:`
    hint: give `agent:PROFILE:PLATFORM:CHAT_TYPE:CHAT_ID[:THREAD_ID]`, with `%3A` for a colon inside a part, or nothing for a local caller
    ");
}

#[test]
fn a_store_that_was_damaged_while_a_service_has_it_is_named_with_what_to_do() {
    let cli = Cli::new(&["honest"]);
    cli.run(&RUN);
    let _service = Service::start(&cli, &[], 1);
    let file = File::options().write(true).open(cli.path(STORE)).unwrap();
    let rest = file.metadata().unwrap().len() - PAGE;
    file.write_all_at(&vec![0xff; rest.try_into().unwrap()], PAGE).unwrap();
    let ran = cli.run(&["wait", "latest"]);
    check!(ran, @"
    exit: 1
    ----- stdout

    ----- stderr
    error: the store is damaged: `/[DIR]/home/state/hermitage/hermitage.db`: database disk image is malformed
    hint: end what uses it, move it aside together with its `-wal` and `-shm`, and start again with a new one; `sqlite3 FILE .recover` reads what is left in it
    ");
}

#[test]
fn a_store_that_is_none_or_newer_is_refused_and_left_alone() {
    let cli = Cli::new(&["honest"]);
    cli.file("text.db", "this is no database at all");
    check!(cli.run(&[&RUN[..], &["--store", "text.db"]].concat()), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: the store `text.db` can't be opened: it is no database, or a damaged one
    hint: name another file with `--store`
    ");
    assert_eq!(std::fs::read(cli.path("text.db")).unwrap(), b"this is no database at all");

    cli.run(&["list"]);
    let db = Connection::open(cli.path(STORE)).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    check!(cli.run(&["list"]), @"
    exit: 1
    ----- stdout

    ----- stderr
    error: the store `/[DIR]/home/state/hermitage/hermitage.db` was made by a newer version of this program: it has the format 99, and this one knows 4
    hint: use the newer version of this program, or another file with `--store`
    ");
}

/// Runs a script in mounts of its own, where `$state` is a small file system
/// and `$hermitage` the program.
fn in_own_mounts(cli: &Cli, script: &str) -> String {
    let state = cli.path("home/state");
    std::fs::create_dir_all(&state).unwrap();
    let plain = cli.command(&[""; 0]);
    let mount = "mount -t tmpfs -o size=2m,mode=700 tmpfs \"$state\" || exit 9\n";
    let mut command = std::process::Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &format!("{mount}{script}")]);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("state", &state).env("hermitage", plain.get_program());
    let output = command.current_dir(cli.path("")).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_full_disk_is_named_and_what_is_there_can_be_read() {
    let cli = Cli::new(&["honest"]);
    let script = r#"
        exec 2>&1
        "$hermitage" run 'read it' --agent ./honest.wasm > run.txt 2>&1 || cat run.txt
        dd if=/dev/zero of="$state/filler" bs=1k 2> dd.txt
        for verb in list events doctor; do echo "$verb:"; "$hermitage" $verb; done
        echo run:; "$hermitage" run 'read it' --agent ./honest.wasm
        rm "$state/filler"; echo again:; "$hermitage" list
    "#;
    let said = in_own_mounts(&cli, script);
    let part = |from: &str, to: &str| {
        let rest = said.split_once(from).unwrap_or_else(|| panic!("{said}")).1;
        rest.split_once(to).map_or(rest, |it| it.0).to_owned()
    };
    let full = "no room is left for `";
    for (from, to) in [("list:\n", "events:\n"), ("events:\n", "doctor:\n")] {
        let said = part(from, to);
        assert!(said.contains("read it") && said.contains("completed"), "{said}");
        assert!(said.contains("note: shown as it is: ") && said.contains(full), "{said}");
    }
    let doctor = part("doctor:\n", "run:\n");
    let line = doctor.lines().find(|it| it.contains(" store ")).unwrap_or_default();
    assert!(line.contains(full), "{doctor}");
    assert!(part("run:\n", "again:\n").contains(full), "{said}");
    let again = part("again:\n", "\0");
    assert!(again.contains("completed") && !again.contains("note:"), "{again}");
}

#[test]
fn a_store_in_a_directory_that_takes_no_writes_can_be_read() {
    let cli = Cli::new(&["honest"]);
    let script = r#"
        exec 2>&1
        "$hermitage" run 'read it' --agent ./honest.wasm > run.txt 2>&1 || cat run.txt
        mount -o remount,ro "$state"
        "$hermitage" list; "$hermitage" events --ack 1
    "#;
    let said = in_own_mounts(&cli, script);
    assert!(said.contains("note: shown as it is: ") && said.contains("read it"), "{said}");
    assert!(said.contains("hermitage.db` can't be opened: `"), "{said}");
    assert!(said.contains("can't be written to: its file system takes no writes"), "{said}");
}

#[test]
fn a_dead_event_is_brought_back_and_a_list_says_when_there_is_more() {
    let cli = Cli::new(&["honest"]);
    for _ in 0..3 {
        cli.run(&RUN);
    }
    let db = Connection::open(cli.path(STORE)).unwrap();
    db.execute_batch("UPDATE event SET state = 3, attempts = 8, last_error = 'no' WHERE id < 3")
        .unwrap();
    drop(db);
    check!(cli.run(&["events", "--limit", "2"]), @r"
    exit: 0
    ----- stdout
    2  dead              [TIME] ago  local  deleg_[ID]  completed    read it  (attempt 8: no)
    3  acknowledged      [TIME] ago  local  deleg_[ID]  completed    read it
    ----- stderr
    note: the newest 2 of 3: `--limit 3` shows all
    ");
    check!(cli.run(&["events", "--retry", "1"]), @r"
    exit: 0
    ----- stdout
    1 is offered again
    ----- stderr
    ");
    check!(cli.run(&["events", "--retry", "3"]), @r"
    exit: 2
    ----- stdout

    ----- stderr
    error: 3 is not dead
    hint: see `hermitage events --dead`
    ");
    check!(cli.run(&["events", "--pending"]), @r"
    exit: 0
    ----- stdout
    1  pending           [TIME] ago  local  deleg_[ID]  completed    read it  (attempt 0: no)
    ----- stderr
    ");
    check!(cli.run(&[&RUN[..], &["--store", ":memory:"]].concat()), @r"
    exit: 1
    ----- stdout

    ----- stderr
    error: the store `:memory:` can't be opened: it is no file: a host that keeps nothing is made another way
    hint: `--ephemeral` keeps nothing; or name a file with `--store`
    ");
}
