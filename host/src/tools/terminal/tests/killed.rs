//! Hosts that are killed while their commands run: nothing of those is left.
//!
//! `HERMITAGE_CRASH_ROUNDS` is the number of hosts for each signal.

use std::{
    fs, io::Read as _, os::unix::fs::PermissionsExt as _, path::Path, process::Stdio, thread,
};

use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::tools::terminal::scratch;

/// Of the host that is to be killed: the mark of its commands.
const MARK: &str = "HERMITAGE_TEST_MARK";

/// Hosts that are killed by each signal, unless it is said otherwise.
const ROUNDS: u32 = 4;

/// How long what was killed may take to be gone, on a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// Not a test: a host that runs commands in both sandboxes until it is killed.
#[test]
fn host_until_it_is_killed() {
    let Ok(mark) = std::env::var(MARK) else { return };
    let fixtures = [SandboxChoice::Bubblewrap, SandboxChoice::Landlock].map(|sandbox| {
        let mut config = roomy(sandbox);
        config.environment = vec![MARK.to_owned()];
        Fixture::with(config)
    });
    println!("\nready");
    let lines = [
        format!("sleep {mark} & setsid sleep {mark} & sleep 0.05; exit"),
        format!("true {mark}"),
        format!("trap '' TERM INT HUP; setsid -f sleep {mark}; sleep {mark}"),
    ];
    thread::scope(|scope| {
        for (it, line) in fixtures.iter().flat_map(|it| lines.iter().map(move |line| (it, line))) {
            scope.spawn(move || {
                let session = it.tools.session();
                loop {
                    let call = Terminal { command: line.clone(), ..Terminal::default() };
                    block_on(session.run(&it.caller, call)).unwrap();
                }
            });
        }
    });
}

/// One host, from its start to the end of all that it started.
fn kill_one(signal: Signal, moment: Duration) {
    let mark = format!("4{}", u32::from_le_bytes(random()));
    let tmp = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = "tools::terminal::tests::killed::host_until_it_is_killed";
    command.args(["--exact", name, "--nocapture"]).env(MARK, &mark).env("TMPDIR", tmp.path());
    let mut host = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    wait_until_ready(&mut host);
    thread::sleep(moment);
    let launchers = children_of(host.id());
    kill_process(Pid::from_child(&host), signal).unwrap();
    host.wait().unwrap();
    let since = Instant::now();
    let left = || -> Vec<String> {
        let there = |it: &String| Path::new("/proc").join(it).exists();
        let launchers = launchers.iter().filter(|it| there(it) && is_launcher(it)).cloned();
        super::end::marked(&mark).into_iter().chain(launchers).collect()
    };
    while !left().is_empty() {
        assert!(since.elapsed() < GONE_WITHIN, "{signal:?} after {moment:?} left {:?}", left());
        thread::yield_now();
    }
    places_are_closed_and_swept(tmp.path());
}

/// A shell starts what runs in its background deaf to interrupts, and these
/// tests hand that on.
fn ends(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|it| it.strip_prefix("SigIgn:")).unwrap();
    let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
    ignored & (1 << (signal.as_raw() - 1)) == 0
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn wait_until_ready(host: &mut std::process::Child) {
    let mut said = Vec::new();
    let output = host.stdout.as_mut().unwrap();
    while !said.ends_with(b"\nready") {
        let mut byte = [0];
        assert_eq!(output.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
    }
}

fn children_of(host: u32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{host}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|it| fs::read_to_string(it.path().join("children")).ok());
    lists.flat_map(|it| it.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// A number may be another's by now, and one that ended waits for whoever
/// looks after orphans here.
fn is_launcher(id: &str) -> bool {
    fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|it| it.contains("helper"))
}

fn places_are_closed_and_swept(tmp: &Path) {
    let places = || {
        let all = fs::read_dir(tmp).unwrap().map(|it| it.unwrap());
        let is_place =
            |it: &fs::DirEntry| it.file_name().to_string_lossy().starts_with("hermitage-terminal-");
        all.filter(is_place).collect::<Vec<_>>()
    };
    for it in places() {
        assert_eq!(it.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
    let since = Instant::now();
    while !places().is_empty() {
        // Another test that starts a program holds a lock for a moment.
        assert!(since.elapsed() < GONE_WITHIN, "{:?} are left", places());
        scratch::sweep(tmp);
    }
}

#[test]
fn nothing_is_left_of_the_commands_of_a_killed_host() {
    install_bubblewrap();
    let rounds = std::env::var("HERMITAGE_CRASH_ROUNDS").ok().and_then(|it| it.parse().ok());
    for round in 0..rounds.unwrap_or(ROUNDS) {
        for signal in [Signal::KILL, Signal::TERM, Signal::INT].into_iter().filter(|it| ends(*it)) {
            let moment = u16::from_le_bytes(random()) % 120;
            println!("round {round}: {signal:?} after {moment} ms");
            kill_one(signal, Duration::from_millis(moment.into()));
        }
    }
}
