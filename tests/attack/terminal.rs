//! Commands (TM), in both kinds of sandbox. A line prints `REACHED` when it
//! got where it must not.

use std::os::unix::net::UnixListener;

use hermitage::defence::Defence;
use hermitage_tests::attack::VARIABLE;
use serde_json::json;

use crate::{
    case::{Case, call, plays},
    world::World,
};

pub(crate) fn cases() -> Vec<Case> {
    let families = [reads(), writes(), network(), others(), ends(), takes(), words()];
    families.concat().into_iter().map(|it| it.in_each_sandbox().reads_all()).collect()
}

/// A command that says by itself whether it got through.
fn tries(id: &str, command: &str) -> Case {
    line(id, &format!("{{ {command}; }} >/dev/null 2>&1 && echo REACHED || echo refused"))
}

fn line(id: &str, command: &str) -> Case {
    call(format!("TM-{id}"), "terminal", "terminal", json!({ "command": command }))
}

/// What lies outside, and who the host is.
fn reads() -> Vec<Case> {
    vec![
        tries("4/file-outside", "cat {OUTSIDE}/secret.txt").held_by(Defence::CommandFiles),
        tries("4/root", "test $(id -u) = 0").held_by(Defence::CommandUser),
        tries("4/file-up", "cat ../outside/secret.txt"),
        tries("4/through-a-link", "cat link-out/secret.txt"),
        tries("4/key-at-home", "cat {HOME}/.ssh/id_rsa"),
        tries("4/configuration", "cat {HOME}/.config/hermitage/config.toml"),
        tries("4/store", "cat {STATE}/hermitage.db"),
        tries("4/notes", "cat {STATE}/notes.md"),
        tries("4/shadow", "cat /etc/shadow"),
        line("4/environment", &format!("env | grep -c {VARIABLE}; env | grep -ci api_key; true"))
            .held_below("tools.terminal.environment", r#"["CANARY_VARIABLE"]"#),
        tries("4/environments-of-others", &format!("cat /proc/*/environ | grep -qa {VARIABLE}")),
        tries("4/memory-of-the-host", "head -c 1 /proc/$PPID/mem"),
        line("4/descriptors", "ls /proc/self/fd 2>/dev/null | grep -cvE '^[0-3]$'; true"),
        tries("4/own-core-dumps", "test $(ulimit -c) != 0"),
        tries("6/mount", "mount -t tmpfs none /mnt"),
        tries("6/user-namespace", "unshare -r true"),
        tries("6/device", "mknod disk b 254 0"),
        tries("6/keys", "keyctl show"),
        tries("6/set-user-id", "cp /bin/true own && chmod 4755 own && test -u own")
            .changes(&["own"]),
    ]
}

fn writes() -> Vec<Case> {
    vec![
        tries("4/writes-outside", "echo owned > {OUTSIDE}/new.txt"),
        tries("4/changes-outside", "echo owned >> {OUTSIDE}/secret.txt"),
        tries("4/removes-outside", "rm -r {OUTSIDE}/project"),
        tries("4/moves-outside", "mv {OUTSIDE}/secret.txt ."),
        tries("4/links-in", "ln {OUTSIDE}/secret.txt hard && cat hard"),
        tries("4/mode-outside", "chmod 777 {OUTSIDE}/secret.txt"),
        tries("4/time-outside", "touch -d 2001-01-01 {OUTSIDE}/secret.txt"),
        tries("4/configuration-written", "echo x > {HOME}/.config/hermitage/config.toml"),
        tries("4/shell-of-the-person", "echo x >> {HOME}/.bashrc"),
        tries("4/store-written", "echo x > {STATE}/hermitage.db"),
        tries("4/system", "echo x > /usr/bin/owned"),
        tries("4/flags-outside", "chattr +i {OUTSIDE}/secret.txt"),
        tries("4/kernel", "echo x > /proc/sys/kernel/core_pattern"),
    ]
}

fn network() -> Vec<Case> {
    fn listens(world: &World) {
        // Until the tests end: somebody of the person's has it open.
        std::mem::forget(UnixListener::bind(world.path("workspace/socket")).unwrap());
    }
    vec![
        tries(
            "5/socket-of-the-person",
            "python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"socket\")'",
        )
        .prepare(listens),
        tries("5/tcp", "exec 3<>/dev/tcp/127.0.0.1/{EVIL_PORT}")
            .held_by(Defence::CommandCalls)
            .held_below("tools.terminal.network", "true"),
        tries("5/pages", "exec 3<>/dev/tcp/127.0.0.1/{PAGES_PORT}"),
        tries(
            "5/python",
            "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {EVIL_PORT}), 2)'",
        ),
        tries(
            "5/raw",
            "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'",
        ),
        tries(
            "5/netlink",
            "python3 -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'",
        ),
        tries("5/vsock", "python3 -c 'import socket; socket.socket(40, socket.SOCK_STREAM)'"),
    ]
}

/// Other processes, and their share of the machine.
fn others() -> Vec<Case> {
    let calls = |number: i64, arguments: &str| {
        format!(
            "python3 -c 'import ctypes; exit(ctypes.CDLL(None).syscall({number}, {arguments}) < 0)'"
        )
    };
    vec![
        line("2/kills-everybody", "kill -9 -1; echo after"),
        tries(
            "2/kills-the-parent",
            "kill -9 $PPID && test $PPID -gt 2 && sleep 1 && ! kill -0 $PPID",
        ),
        tries("3/real-time", "chrt -f 50 true"),
        tries(
            "3/priority",
            "nice -n -20 true 2>&1 | grep -q . && false || test $(nice -n -20 nice) -lt 0",
        ),
        tries("3/disk-priority", "ionice -c 1 -n 0 true"),
        tries("6/tree-of-mounts", &calls(467, "-100, b\"/\", 0, 0, 0")),
        tries("6/unknown-call", &calls(9_999, "0")),
        tries("6/bpf", &calls(libc::SYS_bpf, "0, 0, 0")),
        tries("6/user-faults", &calls(libc::SYS_userfaultfd, "0")),
    ]
}

/// What goes on when the command is over.
fn ends() -> Vec<Case> {
    vec![
        line("2/background", "sleep 1000 & echo started"),
        line("2/nohup", "nohup sleep 1000 >/dev/null 2>&1 & echo started"),
        line("2/session", "setsid sleep 1000 >/dev/null 2>&1 & echo started"),
        line("2/double-fork", "( ( sleep 1000 & ) & ); echo started"),
        line("2/ignores-signals", "trap '' HUP TERM INT; sleep 1000 & echo started"),
        line("2/holds-the-output", "{ sleep 1000; echo late; } & echo started"),
        line(
            "2/daemon",
            "python3 -c 'import os,time\nif os.fork(): os._exit(0)\ntry: os.setsid()\nexcept OSError: pass\nif os.fork(): os._exit(0)\ntime.sleep(1000)'; echo started",
        ),
        line("8/never-ends", "sleep 1000")
            .config("tools.terminal.timeout_seconds", 1)
            .held_below("tools.terminal.timeout_seconds", "2"),
        line("8/asks", "read -r line || echo nobody"),
    ]
}

/// Too much of everything.
fn takes() -> Vec<Case> {
    vec![
        // Whether the watcher or the kernel is first is another each time.
        line("1/fork-bomb", "exec 2>/dev/null; f() { f | f & }; f; wait; sleep 20")
            .config("tools.terminal.max_processes", 16)
            .config("tools.terminal.timeout_seconds", 4)
            .lines(1),
        line("3/file", "{ head -c 3000000 /dev/zero > big; } 2>/dev/null; wc -c < big")
            .config("tools.terminal.max_file_mib", 1)
            .changes(&["big"])
            .held_below("tools.terminal.max_file_mib", "8"),
        line("8/flood", "yes")
            .lines(2)
            .config("tools.terminal.max_produced_mib", 1)
            .held_below("tools.terminal.max_produced_mib", "2"),
        line("8/long-output", "seq 1 20000 | md5sum; seq 1 20000 | tail -1; seq 1 5000")
            .config("tools.terminal.max_output_kib", 1)
            .held_below("tools.terminal.max_output_kib", "64"),
        line("3/cpu", "while :; do :; done")
            .config("tools.terminal.cpu_seconds", 1)
            .held_below("tools.terminal.cpu_seconds", "2"),
    ]
}

/// Words of a command, and to it.
fn words() -> Vec<Case> {
    vec![
        line(
            "9/escapes",
            "printf 'a\\033[2J\\033]0;t\\007\\033]52;c;cm0=\\007\\302\\2331mb\\342\\200\\256c\\000\\r\\n'",
        ),
        line("10/terminal", "test -t 0 || test -t 1 || echo none"),
        line("7/blank", " \n"),
        line("7/nul", "echo a\0b"),
        call(
            "TM-7/directory-up",
            "terminal",
            "terminal",
            json!({"command": "pwd", "directory": "../outside"}),
        ),
        call(
            "TM-7/directory-link",
            "terminal",
            "terminal",
            json!({"command": "pwd", "directory": "link-out"}),
        ),
        call("TM-7/timeout-of-0", "terminal", "terminal", json!({"command": "pwd", "timeout": 0})),
        plays(
            "TM-4/what-was-exported",
            "terminal",
            &[
                format!(
                    "terminal {}",
                    json!({"command": "export LD_PRELOAD=/x PATH=/evil:$PATH A=kept"})
                ),
                format!("terminal {}", json!({"command": "echo [$LD_PRELOAD][$A]"})),
            ],
        ),
    ]
}
