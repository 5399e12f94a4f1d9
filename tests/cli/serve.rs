//! `serve`: the host that stays.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Stdio},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use hermitage_tests::checkout;
use serde_json::Value;

use crate::{
    background::{READ, endless, service},
    check,
    harness::{Cli, NOTHING_GOES_ON, PLACE, Ran},
    wait::Waiting,
};

fn socket(cli: &Cli) -> PathBuf {
    cli.path(PLACE).join("socket")
}

/// A service that a person has started.
pub(crate) struct Service {
    process: Child,
    stderr: BufReader<ChildStderr>,
    /// What it said until it listened.
    pub(crate) said: String,
}

impl Service {
    /// Listens at so many places.
    pub(crate) fn start(cli: &Cli, options: &[&str], places: usize) -> Self {
        let mut command = cli.command(&[&["serve"], options].concat());
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut said = String::new();
        while said.matches("note: listening at ").count() < places {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
        }
        Self { process, stderr, said }
    }

    /// Its exit code, and what else it said.
    pub(crate) fn end(mut self, signal: Signal) -> (Option<i32>, String) {
        let id = i32::try_from(self.process.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap().code(), rest)
    }
}

#[test]
fn killed_while_somebody_waits_it_is_followed_by_one_that_knows_it_all() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    cli.config(NOTHING_GOES_ON);
    let first = Service::start(&cli, &[], 1);
    endless(&cli, &[]);
    let waiting = Waiting::start(&cli);
    assert_eq!(first.end(Signal::KILL).0, None);
    let second = Service::start(&cli, &[], 1);
    check!(waiting.end().sorted(), @"
    exit: 1
    ----- stdout
    ✗ [1/2] never ends  (ignores_interruption, unknown, [TIME])
      why: the host that ran this child is gone, and nobody saw how it ended

    ✓ [2/2] read it  (honest, completed, [TIME])
      hello
    ----- stderr
    1 of 2 completed  ([TIME])
    ✗ [1/2] never ends  (ignores_interruption, unknown, [TIME])
    ✓ [2/2] read it  (honest, completed, [TIME])
    ");
    // Nobody is told again, and whoever asks is told the same.
    let events = cli.run(&["events", "--json"]).json();
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    assert_eq!(events[0]["state"], "acknowledged");
    assert_eq!(cli.run(&["wait", "latest"]).exit, Some(1));
    // It works on: with it, and not with a process of its own.
    let id = endless(&cli, &[]).stdout;
    assert_eq!(service(&cli).as_raw_nonzero().get().unsigned_abs(), second.process.id());
    assert_eq!(cli.run(&["stop", id.trim_end()]).exit, Some(0));
    assert_eq!(cli.run(&["wait", id.trim_end()]).exit, Some(130));
}

#[test]
fn a_signal_ends_it_when_what_it_runs_has_ended() {
    for signal in [Signal::TERM, Signal::INT] {
        let cli = Cli::new(&["honest", "ignores_interruption"]);
        cli.config("[delegation]\ninterrupt_grace_seconds = 1");
        let running = Service::start(&cli, &[], 1);
        endless(&cli, &[]);
        assert_eq!(running.end(signal), (Some(0), String::new()));
        // Nothing is left to settle.
        let ran = cli.run(&["wait", "latest"]);
        assert_eq!(ran.exit, Some(130), "{ran}");
        assert!(ran.stdout.contains("why: interrupted: the host is shutting down"), "{ran}");
        assert!(!socket(&cli).exists());
    }
}

#[test]
fn who_asks_twice_does_not_wait_for_the_grace() {
    let cli = Cli::new(&["deaf"]);
    cli.config(&format!("{NOTHING_GOES_ON}\ninterrupt_grace_seconds = 300"));
    let running = Service::start(&cli, &[], 1);
    let ran = cli.run(&["run", "never end", "--agent", "./deaf.wasm", "--background", "-q"]);
    assert_eq!(ran.exit, Some(0), "{ran}");
    until_it_runs(&cli);
    kill_process(service(&cli), Signal::TERM).unwrap();
    // It has heard of the first one.
    while socket(&cli).exists() {
        std::thread::yield_now();
    }
    assert_eq!(running.end(Signal::TERM).0, Some(0));
    // It had no time to say how its child ended.
    assert_eq!(cli.run(&["wait", "latest", "-q"]).exit, Some(1));
}

/// Waits until the newest child has begun: one that has not would end at once.
fn until_it_runs(cli: &Cli) {
    let mut logs = cli.command(&["logs", "latest", "-f"]);
    let mut logs = logs.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(logs.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "info  | begun\n");
    logs.kill().unwrap();
    logs.wait().unwrap();
}

#[test]
fn one_that_is_about_to_end_is_followed_by_another() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    cli.config("[delegation]\ninterrupt_grace_seconds = 1");
    endless(&cli, &[]);
    let first = service(&cli);
    kill_process(first, Signal::TERM).unwrap();
    let ran = cli.run(&["run", "read it", "--agent", "./honest.wasm", "--background", "-q"]);
    assert_eq!(cli.run(&["wait", ran.stdout.trim_end()]).stdout, "hello\n", "{ran}");
    assert_ne!(service(&cli), first);
}

#[test]
fn one_that_does_not_answer_is_in_nobodys_way() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    // Nothing is recorded of what the child is told, which it asks for all the time.
    cli.config(&format!("{NOTHING_GOES_ON}\ninterrupt_grace_seconds = 1"));
    endless(&cli, &[]);
    // It has nothing to write now, and so holds no lock of the store.
    let waiting = Waiting::start(&cli);
    let process = service(&cli);
    kill_process(process, Signal::STOP).unwrap();
    assert_eq!(cli.run(&["list", "--json"]).json()[0]["status"], "running");
    assert_eq!(cli.run(&["show", "latest", "--json"]).json()["status"], "running");
    let asked = cli.run(&["stop", "latest"]);
    assert_eq!(asked.exit, Some(0), "{asked}");
    // It hears of it when it goes on.
    kill_process(process, Signal::CONT).unwrap();
    assert_eq!(waiting.end().exit, Some(130));
}

#[test]
fn a_command_whose_answer_is_lost_asks_again_and_begins_nothing_twice() {
    let cli = Cli::new(&["honest"]);
    let _service = Service::start(&cli, &[], 1);
    let socket = socket(&cli);
    let aside = socket.with_extension("aside");
    fs::rename(&socket, &aside).unwrap();
    let between = UnixListener::bind(&socket).unwrap();
    let run = ["run", "read it", "--agent", "./honest.wasm", "--background", "-q"];
    let command = cli.command(&run).stdout(Stdio::piped()).spawn().unwrap();
    loop {
        let mut caller = between.accept().unwrap().0;
        let Some((head, body)) = request(&mut caller) else { continue };
        if head.starts_with("GET /healthz") {
            caller.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            continue;
        }
        // The service takes it, and the command does not hear of it.
        assert!(head.starts_with("POST /v1/delegations "), "{head}");
        let mut service = UnixStream::connect(&aside).unwrap();
        service.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        let mut status = [0; 12];
        service.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 202");
        fs::rename(&aside, &socket).unwrap();
        break;
    }
    let ran = Ran::from(command.wait_with_output().unwrap());
    assert_eq!(ran.exit, Some(0), "{ran}");
    assert_eq!(cli.run(&["wait", ran.stdout.trim_end()]).stdout, "hello\n");
    assert_eq!(cli.run(&["list", "--json"]).json().as_array().unwrap().len(), 1);
}

/// Waits until a process that is no child of this one is gone.
fn gone(process: Pid) {
    while test_kill_process(process).is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn one_that_a_person_starts_takes_over_and_what_runs_goes_on_where_it_is() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    cli.config("[delegation]\ninterrupt_grace_seconds = 1");
    let id = endless(&cli, &[]).stdout;
    let first = service(&cli);
    let second = Service::start(&cli, &["--listen", "127.0.0.1:0"], 2);
    let note = format!(
        "note: 1 delegation goes on in process {}, the service until now\n",
        first.as_raw_nonzero()
    );
    assert!(second.said.starts_with(&note), "{}", second.said);
    assert_eq!(service(&cli).as_raw_nonzero().get().unsigned_abs(), second.process.id());
    // It is a host on the store like any other.
    let waiting = Waiting::start(&cli);
    assert_eq!(cli.run(&["show", "latest", "--json"]).json()["status"], "running");
    assert_eq!(cli.run(&["stop", id.trim_end(), "--reason", "no need"]).exit, Some(0));
    assert_eq!(waiting.end().exit, Some(130));
    gone(first);
    // And it took nothing from the one that followed it.
    let ran = cli.run(&[&READ[..], &["-q"]].concat());
    assert_eq!(cli.run(&["wait", ran.stdout.trim_end()]).stdout, "hello\n", "{ran}");
    assert_eq!(second.end(Signal::TERM).0, Some(0));
}

#[test]
fn what_is_asked_while_a_service_takes_over_is_done_once() {
    let cli = Cli::new(&["honest"]);
    for round in 0..3 {
        // One that runs on demand is there; it has nothing to do any more.
        assert_eq!(cli.run(&[&READ[..], &["-q"]].concat()).exit, Some(0));
        cli.run(&["wait", "latest"]);
        let first = service(&cli);
        let ask = || cli.command(&READ).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let asking: Vec<_> = (0..4).map(|_| ask().unwrap()).collect();
        let second = Service::start(&cli, &[], 1);
        for ran in asking.into_iter().map(|it| Ran::from(it.wait_with_output().unwrap())) {
            assert_eq!(ran.exit, Some(0), "{ran}");
            assert_eq!(cli.run(&["wait", ran.stdout.trim_end()]).stdout, "hello\n", "{ran}");
        }
        gone(first);
        let all = cli.run(&["list", "--json"]).json().as_array().unwrap().len();
        assert_eq!(all, (round + 1) * 5);
        assert_eq!(second.end(Signal::KILL).0, None);
    }
}

#[test]
fn there_is_one_service_whatever_the_environment_and_the_path_of_the_store() {
    let cli = Cli::new(&["honest"]);
    let service = Service::start(&cli, &["--store", "kept.db"], 1);
    std::os::unix::fs::symlink(cli.path("kept.db"), cli.path("link.db")).unwrap();
    for (store, runtime) in [("kept.db", None), ("link.db", Some("elsewhere"))] {
        let mut command = cli.command(&[&READ[..], &["-q", "--store", store]].concat());
        match runtime {
            Some(dir) => command.env("XDG_RUNTIME_DIR", cli.path(dir)),
            None => command.env_remove("XDG_RUNTIME_DIR"),
        };
        let ran = Ran::from(command.output().unwrap());
        assert_eq!((ran.exit, ran.stderr.as_str()), (Some(0), ""), "{ran}");
        let [running] = cli.services()[..] else { panic!("one service for all") };
        assert_eq!(running.as_raw_nonzero().get().unsigned_abs(), service.process.id());
    }
}

/// As if the service that runs were of another version.
fn of_another_version(cli: &Cli) {
    let lock = cli.path(PLACE).join("lock");
    let mut said: Value = serde_json::from_str(&fs::read_to_string(&lock).unwrap()).unwrap();
    said["version"] = "99.0.0".into();
    fs::write(lock, said.to_string()).unwrap();
}

#[test]
fn a_service_of_another_version_is_told_from_one_with_other_settings() {
    let cli = Cli::new(&["honest"]);
    let service = Service::start(&cli, &[], 1);
    of_another_version(&cli);
    let process = service.process.id().to_string();
    let version = env!("CARGO_PKG_VERSION");
    let told = |ran: Ran| ran.stderr.replace(&process, "[ID]").replace(version, "[VERSION]");
    let ran = cli.run(&READ);
    let (handle, expect) = (
        ran.stdout.clone(),
        "\
        note: the service that runs is of version 99.0.0, and this program of [VERSION]: this has \
        a process of its own\n\
        hint: restart it: `systemctl --user restart hermitage`, or `kill [ID]` and `hermitage \
        serve`\n",
    );
    let said = told(ran);
    assert!(said.starts_with(expect), "{said}");
    assert_eq!(cli.run(&["wait", handle.trim_end()]).stdout, "hello\n");
    let expect = "\
        error: the service that runs is of version 99.0.0, and this program of [VERSION]\n\
        hint: restart it: `systemctl --user restart hermitage`, or `kill [ID]` and `hermitage \
        serve`\n";
    assert_eq!(told(cli.run(&["follow-up", "latest", "again"])), expect);
}

#[test]
fn one_on_demand_of_another_version_gives_way_to_one_of_this() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    let id = endless(&cli, &[]).stdout;
    let first = service(&cli);
    of_another_version(&cli);
    let ran = cli.run(&[&READ[..], &["-q"]].concat());
    assert_eq!((ran.exit, ran.stderr.as_str()), (Some(0), ""), "{ran}");
    assert_eq!(cli.run(&["wait", ran.stdout.trim_end()]).stdout, "hello\n");
    assert_ne!(service(&cli), first);
    assert_eq!(cli.run(&["stop", id.trim_end()]).exit, Some(0));
    assert_eq!(cli.run(&["wait", id.trim_end()]).exit, Some(130));
    gone(first);
}

/// What a caller asks; nothing of one that only looks whether somebody is there.
fn request(caller: &mut UnixStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(caller);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return None;
        }
    }
    let length = head.split_once("content-length: ").map(|it| it.1.lines().next().unwrap());
    let mut body = vec![0; length.map_or(0, |it| it.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    Some((head, body))
}

#[test]
fn there_is_one_of_each_store() {
    let cli = Cli::new(&[]);
    let _first = Service::start(&cli, &[], 1);
    let second = cli.run(&["serve"]);
    let process = service(&cli).as_raw_nonzero().get().to_string();
    assert_eq!(second.exit, Some(1));
    let expect = "error: a service of this store runs already, process [ID]\n\
                  hint: end it first (`kill [ID]`), or name another store with `--store`\n";
    assert_eq!(second.stderr.replace(&process, "[ID]"), expect);
    // Nor does it leave because somebody asks it to.
    let mut stream = UnixStream::connect(socket(&cli)).unwrap();
    let ask = b"POST /v1/retire HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(ask).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 409"), "{answer}");
    let _other = Service::start(&cli, &["--store", "other.db"], 1);
    assert_eq!(cli.services().len(), 2);
}

#[test]
fn started_on_demand_it_ends_when_nobody_needs_it() {
    let cli = Cli::new(&["honest"]);
    cli.config("[serve]\nidle_seconds = 1");
    for _ in 0..2 {
        let ran = cli.run(&["run", "read it", "--agent", "./honest.wasm", "--background"]);
        assert_eq!(ran.exit, Some(0), "{ran}");
        let process = service(&cli);
        assert_eq!(cli.run(&["wait", "latest"]).stdout, "hello\n");
        while cli.services().contains(&process) {
            std::thread::yield_now();
        }
    }
    assert!(!socket(&cli).exists());
}

#[test]
fn without_a_place_for_a_service_none_is_started() {
    let cli = Cli::new(&["honest"]);
    cli.file(PLACE, "in the way");
    let ran = cli.run(&["run", "read it", "--agent", "./honest.wasm", "--background"]);
    check!(ran, @"
    exit: 1
    ----- stdout

    ----- stderr
    error: there is no place for a service: `/[DIR]/home/state/hermitage/hermitage.db.service` can't be used: File exists (os error 17)
    hint: the service keeps its socket and its lock there: make room for them, or name another store with `--store`
    ");
}

#[test]
fn its_socket_and_its_tokens_are_the_users_alone() {
    let cli = Cli::new(&[]);
    let service = Service::start(&cli, &["--listen", "127.0.0.1:0"], 2);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = cli.path(PLACE);
    assert_eq!(mode(&dir), 0o700);
    for entry in fs::read_dir(&dir).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    let token = cli.run(&["token"]).stdout;
    let file = cli.path("home/state/hermitage/tokens/default");
    assert_eq!((fs::read_to_string(&file).unwrap(), mode(&file)), (token.clone(), 0o600));
    let (_, address) = service.said.split_once("http://").unwrap();
    let address = address.split('/').next().unwrap();
    let status = |path: &str, token: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        let bearer = format!("Authorization: Bearer {}\r\n\r\n", token.trim_end());
        write!(stream, "{head}{bearer}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status("/healthz", ""), "200");
    assert_eq!(status("/v1/delegations", &token), "200");
    assert_eq!(status("/v1/delegations", "hermitage_guess"), "401");
    // Another one has sessions of its own, and is taken away alone.
    let other = cli.run(&["token", "ci"]).stdout;
    assert_ne!(other, token);
    assert_eq!(status("/v1/delegations", &other), "200");
    assert_eq!(cli.run(&["token", "default", "--remove"]).exit, Some(0));
    assert_eq!(status("/v1/delegations", &token), "401");
    assert_eq!(status("/v1/delegations", &other), "200");
}

/// A user who owns nothing.
const NOBODY: libc::uid_t = 65_534;

#[test]
fn another_user_of_the_machine_gets_no_answer() {
    let cli = Cli::new(&[]);
    let _service = Service::start(&cli, &[], 1);
    let socket = socket(&cli);
    let ask = |socket: &Path| {
        let mut stream = UnixStream::connect(socket).ok()?;
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut begin = [0; 15];
        Some(stream.read_exact(&mut begin).is_ok())
    };
    assert_eq!(ask(&socket), Some(true));
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } != 0 {
        // Nobody else can be played, and the mode of the directory is tested above.
        return;
    }
    let as_nobody = |socket: &Path| {
        let socket = socket.to_owned();
        let ask = std::thread::spawn(move || {
            // SAFETY: the rights of this thread alone, which ends with this.
            let became = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
            assert_eq!(became, 0);
            ask(&socket)
        });
        ask.join().unwrap()
    };
    assert_eq!(as_nobody(&socket), None, "the directory is closed to them");
    // Somebody opens all of it by mistake.
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    open(&socket);
    let above = socket.ancestors().skip(1).take_while(|it| it.starts_with(cli.root()));
    above.for_each(open);
    assert_eq!(as_nobody(&socket), Some(false));
    assert_eq!(ask(&socket), Some(true));
}

#[test]
fn an_address_of_other_machines_is_refused() {
    let cli = Cli::new(&[]);
    check!(cli.run(&["serve", "--listen", "0.0.0.0:8765"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: `--listen 0.0.0.0:8765` is no address of this machine alone
    hint: take `127.0.0.1:PORT` or `[::1]:PORT`; from another machine it is reached with `ssh -L PORT:127.0.0.1:PORT`
    ");
    check!(cli.run(&["token", "My Laptop"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: `My Laptop` is no name of a token: it takes up to 32 of `a-z`, `0-9`, `-` and `_`, and begins with a letter or a digit
    ");
}

#[test]
fn an_address_is_numbers_or_localhost() {
    let cli = Cli::new(&[]);
    let service = Service::start(&cli, &["--listen", "localhost:0"], 2);
    assert!(service.said.contains("note: listening at http://127.0.0.1:"), "{}", service.said);
    check!(cli.run(&["serve", "--listen", "8765"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: invalid value '8765' for '--listen <ADDR>': it takes an address of this machine and a port, such as `127.0.0.1:8765`
    hint: see `--help`
    ");
}

#[test]
fn a_unit_for_systemd_is_printed() {
    let cli = Cli::new(&[]);
    let mut ran = cli.run(&["serve", "--unit", "--listen", "127.0.0.1:8765"]);
    let program = env!("CARGO_BIN_EXE_hermitage-under-test");
    let cache = checkout().join("target/components/cache");
    ran.stdout = ran.stdout.replace(program, "/opt/hermitage");
    ran.stdout = ran.stdout.replace(cache.to_str().unwrap(), "/cache");
    check!(ran, @"
    exit: 0
    ----- stdout
    [Unit]
    Description=Hermitage: subagents in the background
    # It is started again however often it fails.
    StartLimitIntervalSec=0

    [Service]
    ExecStart=/opt/hermitage serve --listen 127.0.0.1:8765 --workspace /[DIR]/work
    Environment=XDG_CONFIG_HOME=/[DIR]/home/config
    Environment=XDG_DATA_HOME=/[DIR]/home/data
    Environment=XDG_STATE_HOME=/[DIR]/home/state
    Environment=XDG_CACHE_HOME=/cache
    Restart=on-failure
    RestartSec=1
    # What is wrong with its arguments or its configuration stays wrong.
    RestartPreventExitStatus=2
    # It asks its children itself to return what they have.
    KillMode=mixed
    TimeoutStopSec=35

    [Install]
    WantedBy=default.target
    ----- stderr
    hint: keep it as `~/.config/systemd/user/hermitage.service`, then `systemctl --user enable --now hermitage`
    ");
    check!(cli.run(&["serve", "--unit", "--workspace", "none"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: `none` can't be opened: No such file or directory (os error 2)
    ");
}
