//! `top`: on a terminal, and where there is none.

use std::{
    io::{Read as _, Write as _},
    os::fd::AsFd,
    process::{Child, Stdio},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

use crate::{
    background::endless,
    check,
    harness::{Cli, terminal},
};

const ENTERS: &str = "\u{1b}[?1049h";
const LEAVES: &str = "\u{1b}[?1049l";

/// What is done to a keyboard, or to the program.
type Types<'a> = &'a dyn Fn(&mut std::fs::File, &Child);

/// Types when it sees something: each text is waited for before the next is
/// sent. Gives what was shown, and the exit code.
fn typed(cli: &Cli, steps: &[(&str, Types<'_>)]) -> (String, Option<i32>) {
    let (mut keyboard, screen) = terminal();
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&screen, size).unwrap();
    let before = lines_are_edited(&screen);
    let mut command = cli.command(&["top"]);
    let end = || Stdio::from(screen.try_clone().unwrap());
    command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
    let mut child = command.spawn().unwrap();
    drop(command);
    let (mut shown, mut seen, mut piece) = (Vec::new(), 0, [0; 4096]);
    for (wanted, act) in steps {
        loop {
            let text = String::from_utf8_lossy(&shown[seen..]).into_owned();
            if let Some(at) = text.find(wanted) {
                seen += at + wanted.len();
                break;
            }
            let read = keyboard.read(&mut piece).unwrap();
            shown.extend_from_slice(&piece[..read]);
        }
        act(&mut keyboard, &child);
    }
    let exit = child.wait().unwrap().code();
    assert_eq!(lines_are_edited(&screen), before, "the terminal is not as it was");
    drop(screen);
    let _ = keyboard.read_to_end(&mut shown);
    (String::from_utf8(shown).unwrap(), exit)
}

fn lines_are_edited(terminal: &impl AsFd) -> bool {
    let modes = tcgetattr(terminal).unwrap().local_modes;
    modes.contains(LocalModes::ICANON | LocalModes::ECHO)
}

fn key(text: &'static str) -> impl Fn(&mut std::fs::File, &Child) {
    move |keyboard, _| keyboard.write_all(text.as_bytes()).unwrap()
}

#[test]
fn a_pipe_is_no_place_for_it() {
    check!(Cli::new(&[]).run(&["top"]), @"
    exit: 2
    ----- stdout

    ----- stderr
    error: `top` needs a terminal to draw on and to read keys from
    hint: `hermitage list` prints the same
    ");
}

#[test]
fn it_shows_what_ended_and_leaves_the_terminal_as_it_was() {
    let cli = Cli::new(&["honest", "fails"]);
    cli.run(&["run", "read it", "--agent", "./honest.wasm"]);
    cli.run(&["run", "break it", "--agent", "./fails.wasm"]);
    let steps: [(&str, Types<'_>); 4] = [
        ("break it", &key("j\r")),
        ("What", &key("\u{1b}")),
        ("GOAL", &key("s")),
        ("it has ended", &key("q")),
    ];
    let (shown, exit) = typed(&cli, &steps);
    assert_eq!(exit, Some(0), "{shown}");
    assert!(shown.contains("hello") && shown.contains("granted"), "{shown}");
    assert!(shown.find(ENTERS).unwrap() < shown.find(LEAVES).unwrap(), "{shown:?}");
}

#[test]
fn it_shows_what_a_service_runs_and_stops_it() {
    let cli = Cli::new(&["honest", "ignores_interruption"]);
    endless(&cli, &[]);
    let steps: [(&str, Types<'_>); 4] = [
        ("(live)", &key("\r")),
        ("AGENT", &key("s")),
        ("Stop all of it?", &key("y")),
        ("asked to stop", &key("q")),
    ];
    let (shown, exit) = typed(&cli, &steps);
    assert_eq!(exit, Some(0), "{shown}");
    let ended = cli.run(&["wait", "latest"]);
    assert_eq!(ended.exit, Some(130), "{ended}");
}

#[test]
fn ctrl_c_and_sigterm_leave_the_terminal_as_it_was() {
    let end = |_: &mut std::fs::File, child: &Child| {
        kill_process(Pid::from_child(child), Signal::TERM).unwrap();
    };
    let ways: [Types<'_>; 2] = [&key("\u{3}"), &end];
    for way in ways {
        let cli = Cli::new(&["honest"]);
        cli.run(&["run", "read it", "--agent", "./honest.wasm"]);
        let (shown, exit) = typed(&cli, &[("read it", way)]);
        assert_eq!(exit, Some(130), "{shown}");
        assert!(shown.trim_end().ends_with(LEAVES) || shown.contains(LEAVES), "{shown:?}");
    }
}
