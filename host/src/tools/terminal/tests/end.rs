//! Commands that would go on, or take too much: each is ended, and nothing of
//! it is left.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use super::*;

/// A word in the command line of every process of one test, by which those
/// that are left are found. The host's own view, whatever the sandbox shows.
pub(super) fn marked(mark: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|it| fs::read(it.path().join("cmdline")).ok());
    lines
        .map(|it| String::from_utf8_lossy(&it).into_owned())
        .filter(|it| it.contains(mark))
        .collect()
}

/// A number of seconds that no other test sleeps for.
fn mark() -> String {
    format!("3{}", u32::from_le_bytes(std::array::from_fn(|_| rand_byte())))
}

fn rand_byte() -> u8 {
    let mut byte = [0];
    getrandom::fill(&mut byte).unwrap();
    byte[0]
}

fn limit_of(found: &Result<CommandResult, ToolError>) -> &str {
    match found {
        Err(ToolError::Failed(text)) => text,
        found => panic!("no limit was met: {found:?}"),
    }
}

#[test]
fn nothing_outlives_the_command() {
    each(
        |_| {},
        |it| {
            let sleep = format!("sleep {}", mark());
            let styles = [
                format!("{sleep} &"),
                format!("nohup {sleep} >/dev/null 2>&1 &"),
                format!("( ( {sleep} & ) & )"),
                format!("setsid {sleep} & setsid -f {sleep}; true"),
                format!("( setsid sh -c '{sleep} & {sleep}' & )"),
                format!("set -m; {sleep} & disown -a"),
                format!("trap '' HUP TERM INT; {sleep} & exit"),
                format!("exec 1>&- 2>&-; {sleep} &"),
                format!("bash -c 'trap \"\" TERM; {sleep} & exec {sleep}' &"),
                format!(
                    "perl -e 'use POSIX; fork and exit; setsid(); fork and exit; exec \"{sleep}\"'"
                ),
                format!("perl -e 'fork and exit; setpgrp(0, 0); exec \"{sleep}\"'"),
                format!("coproc {sleep}; true"),
                format!("{sleep} | {sleep} &"),
            ];
            for style in styles {
                let since = Instant::now();
                it.text(&style);
                // Whoever holds the output open does not hold the call.
                assert!(since.elapsed() < Duration::from_secs(20), "`{style}`");
                assert_eq!(
                    marked(&sleep.replace(' ', "\0")),
                    [""; 0],
                    "{}: `{style}`",
                    it.tools.kind()
                );
            }
        },
    );
}

#[test]
fn a_fork_bomb_is_ended() {
    each(
        |config| config.max_processes = 32,
        |it| {
            let since = Instant::now();
            let mark = mark();
            let bomb = format!("mark={mark}; bomb() {{ bomb | bomb & }}; bomb; sleep {mark}");
            let over = AtomicBool::new(false);
            let (found, peak) = std::thread::scope(|scope| {
                let (watched, mark) = (&over, &mark);
                let peak = scope.spawn(move || {
                    let mut peak = 0;
                    while !watched.load(Ordering::Relaxed) {
                        peak = peak.max(marked(mark).len());
                    }
                    peak
                });
                let found = it.run(&bomb);
                over.store(true, Ordering::Relaxed);
                (found, peak.join().unwrap())
            });
            // More are listed than there are at a time: some end while others
            // are looked at.
            assert!(peak <= 2 * 32, "{}: {peak} at a time", it.tools.kind());
            let text = limit_of(&found);
            assert!(
                text.contains("`processes`, with their threads, over 32"),
                "{}: {text}",
                it.tools.kind()
            );
            assert!(since.elapsed() < Duration::from_secs(20));
            assert_eq!(marked(&mark), [""; 0], "{}", it.tools.kind());
            let threads = "perl -e 'fork or sleep 1000 for 1..40; sleep 1000'";
            assert!(limit_of(&it.run(threads)).contains("`processes`"));
        },
    );
}

#[test]
fn memory_is_bounded_for_each_and_for_all() {
    each(
        |config| config.memory_bytes = 200 << 20,
        |it| {
            // One process is held by the kernel, and sees an error.
            let one = "perl -e 'my $x = \"x\" x (400 << 20); print \"through\"'";
            let found = it.run(one);
            assert!(!format!("{found:?}").contains("through"), "{found:?}");
            // Many are seen by the watcher.
            let many = "for i in 1 2 3 4 5 6; do perl -e 'my $x = \"x\" x (60 << 20); sleep 1000' & done; wait";
            assert!(limit_of(&it.run(many)).contains("`memory`, over 209,715,200"));
        },
    );
}

#[test]
fn cpu_time_is_bounded_for_all_together() {
    each(
        |config| config.cpu = Duration::from_millis(300),
        |it| {
            let spin = "while :; do :; done";
            let text = it.run(&format!("({spin}) & ({spin}) & {spin}"));
            assert!(limit_of(&text).contains("`cpu` time of 300ms"), "{text:?}");
        },
    );
}

#[test]
fn files_are_bounded() {
    each(
        |config| config.max_file_bytes = 1 << 20,
        |it| {
            it.text("head -c 5000000 /dev/zero > big; head -c 5000000 /dev/zero > \"$TMPDIR/big\"");
            assert_eq!(fs::metadata(it.path("big")).unwrap().len(), 1 << 20);
            assert_eq!(
                it.text("{ truncate -s 5000000 sparse; } 2>/dev/null; stat -c %s sparse"),
                "0\n"
            );
            let found = it
                .text("ulimit -f unlimited 2>/dev/null; ulimit -Hn 99999 2>/dev/null; ulimit -Hn");
            assert_eq!(found, "1024\n");
        },
    );
}

#[test]
fn too_much_output_ends_the_command() {
    each(
        |config| config.max_produced_bytes = 1 << 20,
        |it| {
            let found = it.run("echo first; yes");
            let text = limit_of(&found);
            assert!(text.contains("more `output` than 1,048,576 bytes"), "{text}");
            assert!(text.contains(":\nfirst\ny\n") && text.contains("left out"), "{text}");
            assert!(text.len() < 70 << 10);
        },
    );
}

#[test]
fn time_is_bounded() {
    each(
        |config| {
            // For the shell to begin in, on a machine that is busy.
            config.timeout = Duration::from_millis(700);
            config.max_timeout = Duration::from_millis(900);
        },
        |it| {
            let mark = mark();
            let run = |timeout| {
                let command = format!("echo before; trap '' TERM INT; sleep {mark}; echo after");
                it.call(Terminal { command, directory: None, timeout })
            };
            for (timeout, limit) in [(None, "700ms"), (Some(1), "900ms"), (Some(u32::MAX), "900ms")]
            {
                let expected = format!(
                    "the command was ended: it took longer than its `timeout` of {limit}; \
                     its output until then:\nbefore\n"
                );
                assert_eq!(run(timeout), Err(ToolError::Failed(expected)));
                assert_eq!(marked(&mark), [""; 0]);
            }
            let found = it.execute("sh", "echo before; sleep 1000");
            assert!(limit_of(&found).ends_with("before\n"));
        },
    );
}

/// Waits until the command is at work: it says so in a pipe of the workspace,
/// which opens when both sides do.
async fn at_work(it: &Fixture) {
    let path = it.path("ready");
    let read = tokio::task::spawn_blocking(move || fs::read_to_string(path));
    assert_eq!(read.await.unwrap().unwrap(), "yes\n");
}

fn waiting(it: &Fixture, mark: &str) -> Terminal {
    let path = it.path("ready");
    let _ = fs::remove_file(&path);
    let (fifo, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
    rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, mode, 0).unwrap();
    let command = format!("(setsid sleep {mark} || sleep {mark}) & echo yes > ready; sleep {mark}");
    Terminal { command, ..Terminal::default() }
}

#[test]
fn a_cancelled_command_is_ended() {
    each(
        |_| {},
        |it| {
            let mark = mark();
            let call = waiting(it, &mark);
            let caller = Caller { cancelled: CancellationToken::new(), ..it.caller.clone() };
            let found = block_on(async {
                let cancel = async {
                    at_work(it).await;
                    caller.cancelled.cancel();
                };
                tokio::join!(it.session.run(&caller, call), cancel).0
            });
            assert_eq!(found, Err(ToolError::Interrupted));
            assert_eq!(marked(&mark), [""; 0], "{}", it.tools.kind());
            // Nothing starts any more, not even the wait for another command.
            let call = Terminal { command: "touch late".to_owned(), ..Terminal::default() };
            assert_eq!(block_on(it.session.run(&caller, call)), Err(ToolError::Interrupted));
            assert!(!it.path("late").exists());
        },
    );
}

#[test]
fn a_dropped_call_ends_its_command() {
    each(
        |_| {},
        |it| {
            let mark = mark();
            let call = waiting(it, &mark);
            block_on(async {
                tokio::select! {
                    found = it.session.run(&it.caller, call) => panic!("it ended: {found:?}"),
                    () = at_work(it) => {}
                }
            });
            // The pipe that the command held open for itself closes with it.
            let since = Instant::now();
            while !marked(&mark).is_empty() {
                assert!(
                    since.elapsed() < Duration::from_secs(10),
                    "{}: it goes on",
                    it.tools.kind()
                );
                std::thread::yield_now();
            }
            assert_eq!(it.text("echo usable"), "usable\n");
        },
    );
}

/// Prints what the cheapest command costs; the bound is for a machine that is
/// busy with other tests.
#[test]
fn a_command_takes_milliseconds() {
    each(
        |_| {},
        |it| {
            let mut times: Vec<Duration> = (0..20)
                .map(|_| {
                    let since = Instant::now();
                    it.text("true");
                    since.elapsed()
                })
                .collect();
            times.sort();
            println!("{}: `true` takes {:?} (of 20: {:?})", it.tools.kind(), times[10], times[19]);
            assert!(times[0] < Duration::from_secs(1));
        },
    );
}
