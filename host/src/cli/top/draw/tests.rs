use std::fmt::Write as _;

use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent},
};

use super::*;
use crate::{
    cli::top::look::Wish,
    delegation::Phase,
    event::{
        BoundaryLine, BoundaryRecord, ChildResult, Counts, ExitReason, Level, LogLine, Status,
        ToolTrace,
    },
    id::{ChildId, DelegationId, OsRandom},
    session::Session,
};

fn id(n: usize) -> DelegationId {
    format!("deleg_{n:032x}").parse().unwrap()
}

fn child(task_index: usize, goal: &str, status: Phase) -> ChildListing {
    let is_running = status == Phase::Running;
    ChildListing {
        task_index,
        child_id: ChildId::new(task_index, &OsRandom),
        goal: goal.to_owned(),
        agent: "react".to_owned(),
        status,
        activity: is_running.then(|| "read_file src/lib.rs".to_owned()),
        waits_for: is_running.then(|| "tool read_file".to_owned()),
        tool_calls: 3,
        api_calls: 2,
        tokens: Tokens { input: 48_312, output: 917 },
        cost_usd: Some(0.1842),
        elapsed_seconds: 61.0,
        quiet_seconds: is_running.then_some(2.0),
        stalled: false,
    }
}

fn unit(n: usize, status: Phase, children: Vec<ChildListing>) -> Listing {
    let goal = match children.as_slice() {
        [only] => only.goal.clone(),
        all => format!("{} parallel subagents", all.len()),
    };
    Listing {
        delegation_id: id(n),
        parent: None,
        session_key: Session::Local,
        goal,
        status,
        workspace: Some("/home/ada/engine".to_owned()),
        dispatched_at: 1_000.0,
        completed_at: status.ended().map(|_| 2_000.0),
        age_seconds: 75.0,
        counts: Counts::default(),
        children,
    }
}

fn result(task_index: usize, status: Status) -> ChildResult {
    ChildResult {
        task_index,
        child_id: ChildId::new(task_index, &OsRandom),
        goal: "Port the parser".to_owned(),
        agent: "react".to_owned(),
        status,
        summary: Some("Two of three parts are ported.\n\n\u{1b}[2J- lexer\n- parser".to_owned()),
        error: Some("the wall clock was spent".to_owned()),
        exit_reason: ExitReason::Timeout,
        truncated: true,
        full_summary: None,
        api_calls: 2,
        tokens: Tokens { input: 48_312, output: 917 },
        duration_seconds: 200.0,
        cost_usd: Some(0.1842),
        model: Some("sonnet".to_owned()),
        schema_valid: None,
        schema_errors: Vec::new(),
        tool_trace: vec![ToolTrace {
            tool: "read_file".into(),
            ok: true,
            args_bytes: 9,
            result_bytes: 10,
            ms: 4,
        }],
        tool_calls: 3,
        boundary: Some(std::sync::Arc::new(BoundaryRecord {
            component: "c".repeat(64),
            policy: "p".repeat(64),
            granted: vec!["read_file".into(), "search_files".into()],
            linked: vec!["hermitage:subagent/file@0.1.0#read-file".to_owned()],
            stubbed: vec![BoundaryLine {
                import: "hermitage:subagent/file@0.1.0#write-file".to_owned(),
                reason: "`write_file` is not in the grant (`file_read`)".to_owned(),
            }],
            refused: Vec::new(),
            plugins: Vec::new(),
        })),
        log: vec![LogLine { level: Level::Warn, text: "no licence".to_owned() }],
        log_dropped: 0,
    }
}

fn view(units: Vec<Listing>, results: Vec<ChildResult>) -> View {
    View::new(Seen { now: 2_260.0, ..Seen::new(units, results, true) })
}

/// What stands on a screen of that size, without blanks at the ends of lines.
fn shown(view: &mut View, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    let buffer = terminal.backend().buffer();
    let mut res = String::new();
    for y in 0..height {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        writeln!(res, "{}", line.trim_end()).unwrap();
    }
    res
}

fn press(view: &mut View, keys: &str) -> Option<Wish> {
    let code = |it| match it {
        '\n' => KeyCode::Enter,
        '\u{1b}' => KeyCode::Esc,
        it => KeyCode::Char(it),
    };
    keys.chars().fold(None, |_, it| view.press(KeyEvent::from(code(it))))
}

fn batch() -> Listing {
    let stalled = ChildListing {
        stalled: true,
        waits_for: Some("model".to_owned()),
        quiet_seconds: Some(194.0),
        ..child(2, "Check the relative links", Phase::Running)
    };
    let children = vec![
        child(0, "Find out why the build fails", Phase::Running),
        child(1, "List what is left to do", Phase::Ended(Status::Completed)),
        stalled,
        child(3, "Summarise the changelog", Phase::Waiting),
        child(4, "Count the licences", Phase::Ended(Status::Failed)),
    ];
    unit(1, Phase::Running, children)
}

fn failed() -> Listing {
    let status = Phase::Ended(Status::Timeout);
    unit(2, status, vec![child(0, "Port the \u{1b}[31mparser", status)])
}

#[test]
fn empty() {
    insta::assert_snapshot!(shown(&mut view(Vec::new(), Vec::new()), 80, 24));
}

#[test]
fn running() {
    insta::assert_snapshot!(shown(&mut view(vec![failed(), batch()], Vec::new()), 80, 24));
}

#[test]
fn children_of_one() {
    let mut view = view(vec![failed(), batch()], Vec::new());
    assert_eq!(press(&mut view, "\n"), Some(Wish::Look));
    assert_eq!(view.opened(), Some(id(1)));
    insta::assert_snapshot!(shown(&mut view, 80, 24));
}

#[test]
fn failed_child() {
    let mut view = view(vec![failed(), batch()], vec![result(0, Status::Timeout)]);
    press(&mut view, "j\n");
    insta::assert_snapshot!(shown(&mut view, 80, 30));
    // It is scrolled as far as there is text, and no further.
    press(&mut view, "GGG");
    let end = shown(&mut view, 80, 12);
    assert!(end.contains("warn  | no licence") && !end.contains("took"), "{end}");
    press(&mut view, "g");
    assert!(shown(&mut view, 80, 12).contains("took"));
}

#[test]
fn a_hundred_children() {
    let status = |it: usize| match it % 3 {
        0 => Phase::Ended(Status::Completed),
        1 => Phase::Ended(Status::Failed),
        _ => Phase::Waiting,
    };
    let children = (0..100).map(|it| child(it, &format!("Review module {it}"), status(it)));
    let mut view = view(vec![unit(1, Phase::Running, children.collect())], Vec::new());
    press(&mut view, "\nG");
    insta::assert_snapshot!(shown(&mut view, 80, 24));
    press(&mut view, "gj");
    let top = shown(&mut view, 80, 24);
    assert!(top.contains(" 1 ✓ completed") && !top.contains("100 ✓"), "{top}");
}

#[test]
fn too_small() {
    let mut view = view(vec![batch()], Vec::new());
    insta::assert_snapshot!(shown(&mut view, 40, 5), @r"
    too small: 60 columns and 10 lines are
    needed
    ");
}

#[test]
fn a_stop_is_asked_for_twice() {
    let mut view = view(vec![batch(), failed()], Vec::new());
    let stop = Wish::Stop(crate::cli::top::source::Target { unit: id(1), child: None });
    assert_eq!(press(&mut view, "s"), None);
    assert!(shown(&mut view, 80, 24).contains("Stop all of it?"));
    assert_eq!(press(&mut view, "q"), None, "any other key lets it go on");
    assert_eq!(press(&mut view, "sy"), Some(stop));
    assert_eq!(press(&mut view, "jsy"), None, "one that ended is not stopped");
    // A child of several is stopped alone, where it is looked at.
    press(&mut view, "k\n\n");
    let stop = Wish::Stop(crate::cli::top::source::Target { unit: id(1), child: Some(0) });
    assert_eq!(press(&mut view, "s"), None);
    assert!(shown(&mut view, 80, 24).contains("Stop child 1?"));
    assert_eq!(press(&mut view, "y"), Some(stop));
    assert_eq!(press(&mut view, "q"), Some(Wish::Quit));
}

#[test]
fn a_person_stays_with_what_they_look_at() {
    let mut view = view(vec![batch(), failed()], Vec::new());
    press(&mut view, "j");
    let newer = Listing { dispatched_at: 2_000.0, ..unit(3, Phase::Running, vec![]) };
    view.see(Seen::new(vec![newer, batch(), failed()], Vec::new(), true));
    assert_eq!(view.unit().unwrap().delegation_id, id(2));
    press(&mut view, "\n");
    assert_eq!(view.opened(), Some(id(2)));
    view.see(Seen::new(vec![batch()], Vec::new(), true));
    assert_eq!((view.place, view.unit().unwrap().delegation_id), (Place::All, id(1)));
    view.see(Seen::new(Vec::new(), Vec::new(), true));
    for key in "jkG\nsq".chars() {
        press(&mut view, &key.to_string());
        shown(&mut view, 80, 24);
    }
}
