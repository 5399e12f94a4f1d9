//! Single children in the hands of whoever follows a task.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use hermitage::{
    delegation::{ChildError, Phase, Progress, WaitsFor},
    event::{ChildResult, ExitReason, Status, Tokens},
    id::{DelegationId, OsRandom},
    provider::{Author, ChatRequest, Message},
};
use hermitage_tests::{
    Gate, TestHost, TestTask, chat,
    models::{model, models, says},
};

fn gated(change: impl FnOnce(&mut hermitage::config::Config)) -> (TestHost, Gate) {
    let gate = Gate::new();
    (TestHost::with(change).gate(&gate), gate)
}

#[tokio::test]
async fn one_child_is_stopped_with_its_reason_and_its_siblings_go_on() {
    let (host, gate) = gated(|_| ());
    let id = host.dispatch(&chat(1), &["a", "b", "c"].map(TestTask::gated)).await;
    for name in ["a", "b", "c"] {
        gate.entered(name).await;
    }
    host.host().await.stop_child(id, 1, Some("two are enough")).await.unwrap();
    gate.open("a");
    gate.open("c");
    let event = host.next(&chat(1)).await;
    let ends: Vec<_> = event.results.iter().map(|it| (it.status, it.error.as_deref())).collect();
    let stopped = (Status::Interrupted, ends[1].1);
    assert_eq!(ends, [(Status::Completed, None), stopped, (Status::Completed, None)]);
    let error = stopped.1.unwrap();
    assert!(error.starts_with("interrupted: two are enough"), "{error}");
    assert_eq!(event.results[1].exit_reason, ExitReason::Interrupted);
    host.assert_nothing_in_use();
}

#[tokio::test]
async fn a_child_that_waits_for_its_place_is_stopped_without_one() {
    let (host, gate) = gated(|it| it.delegation.max_concurrent_children = 1);
    let mut updates = host.host().await.subscribe();
    let id = host.dispatch(&chat(1), &["first", "second"].map(TestTask::gated)).await;
    gate.entered("first").await;
    host.host().await.stop_child(id, 1, Some("not needed")).await.unwrap();
    // While the only place is taken.
    let ended = loop {
        if let Progress::ChildEnded(result) = updates.recv().await.unwrap().progress {
            break result;
        }
    };
    assert_eq!(ended.task_index, 1);
    assert_eq!(ended.error.as_deref(), Some("interrupted before it started: not needed"));
    gate.open("first");
    assert_eq!(host.next(&chat(1)).await.results[0].status, Status::Completed);
}

#[tokio::test]
async fn a_unit_whose_only_child_is_stopped_waits_for_no_slot() {
    let (host, gate) = gated(|it| {
        it.delegation.max_async_children = 1;
        it.delegation.async_callers = 1;
    });
    host.dispatch(&chat(1), &[TestTask::gated("first")]).await;
    gate.entered("first").await;
    let mut request = host.in_background(&[TestTask::gated("second")]).await;
    request.on_capacity = hermitage::delegation::OnCapacity::Queue;
    let waits = host.host().await.delegate(&chat(2), request).await.unwrap().delegation_id();
    host.host().await.stop_child(waits, 0, None).await.unwrap();
    let event = host.next(&chat(2)).await;
    assert_eq!(event.results[0].error.as_deref(), Some("interrupted before it started"));
    gate.open("first");
    host.next(&chat(1)).await;
}

#[tokio::test]
async fn whoever_stops_what_is_not_there_or_is_over_is_told() {
    let (host, gate) = gated(|_| ());
    let id = host.dispatch(&chat(1), &["a", "b"].map(TestTask::gated)).await;
    let stop = async |id: DelegationId, index: usize| {
        host.host().await.stop_child(id, index, None).await.unwrap_err()
    };
    let unknown = DelegationId::new(&OsRandom);
    assert_eq!(stop(unknown, 0).await, ChildError::Unknown(unknown));
    let no_task = ChildError::NoTask { id, task_index: 2, tasks: 2 };
    assert_eq!(no_task.to_string(), format!("`{id}` has no task 3: it has 2"));
    assert_eq!(stop(id, 2).await, no_task);
    let mut updates = host.host().await.subscribe();
    gate.entered("a").await;
    gate.open("a");
    while !matches!(updates.recv().await.unwrap().progress, Progress::ChildEnded(_)) {}
    // Its sibling runs.
    let ended = ChildError::Ended { id, task_index: 0 };
    assert_eq!(stop(id, 0).await, ended);
    gate.open("b");
    host.next(&chat(1)).await;
    assert_eq!(stop(id, 0).await, ended);
    assert_eq!(stop(id, 2).await, no_task);
}

/// A model whose first call waits for the test. It answers with what the
/// conversation it was sent looks like.
struct Listening {
    host: TestHost,
    begun: Option<Receiver<()>>,
    go: Sender<()>,
}

fn seen(request: &ChatRequest) -> String {
    let one = |it: &Message| match it.author {
        Author::User => format!("user: {}", it.text.replace('\n', " ")),
        _ => "…".to_owned(),
    };
    request.messages.iter().map(one).collect::<Vec<_>>().join(" | ")
}

impl Listening {
    fn new() -> Self {
        let (tell, begun) = channel();
        let (go, gone) = channel();
        let gone = Arc::new(Mutex::new(Some(gone)));
        let first = model("listening", move |it: &ChatRequest| {
            if let Some(gone) = gone.lock().unwrap().take() {
                tell.send(()).unwrap();
                gone.recv().unwrap();
            }
            Ok(says(seen(it)))
        });
        let models = models([first]);
        let host = TestHost::new().built(move |it| it.models(models.clone()));
        Self { host, begun: Some(begun), go }
    }

    /// Starts a child that asks so often, and returns when it waits for its
    /// first answer.
    async fn start(&mut self, times: &str) -> DelegationId {
        let task = TestTask::new("chats").goal("count").context(times);
        let id = self.host.dispatch(&chat(1), &[task]).await;
        let begun = self.begun.take().unwrap();
        tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
        id
    }

    /// Runs a child that asks so often, and tells it something in its first
    /// call.
    async fn run(mut self, times: &str, words: &[&str]) -> ChildResult {
        let id = self.start(times).await;
        for text in words {
            self.host.host().await.steer(id, 0, text).await.unwrap();
        }
        self.go.send(()).unwrap();
        self.host.next(&chat(1)).await.results.remove(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_steered_reads_it_with_its_next_call_and_every_later_one() {
    let res = Listening::new().run("3", &["only src", "in French"]).await;
    let mark = "user: [Said while you work, by whoever follows your task]";
    let steered = format!("user: count | … | {mark} only src | {mark} in French");
    let expect = ["user: count", steered.as_str(), &format!("{steered} | …")].join("\n");
    assert_eq!(res.summary.as_deref(), Some(expect.as_str()));
    assert_eq!(res.log, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_child_was_told_too_late_is_in_its_log() {
    let res = Listening::new().run("1", &["only src"]).await;
    assert_eq!(res.summary.as_deref(), Some("user: count"));
    let log: Vec<&str> = res.log.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(log, ["it was told too late to read it: only src"]);
}

#[tokio::test]
async fn a_child_without_a_model_and_one_that_has_ended_are_not_steered() {
    let (host, gate) = gated(|_| ());
    let id = host.dispatch(&chat(1), &[TestTask::gated("a")]).await;
    gate.entered("a").await;
    let steer = async || host.host().await.steer(id, 0, "faster").await.unwrap_err();
    assert_eq!(steer().await, ChildError::NoModel { id, task_index: 0 });
    gate.open("a");
    host.next(&chat(1)).await;
    assert_eq!(steer().await, ChildError::Ended { id, task_index: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_shows_what_each_child_does_and_what_it_used() {
    let mut listening = Listening::new();
    let mut updates = listening.host.host().await.subscribe();
    let id = listening.start("2").await;
    let seen = listening.host.host().await.list().await.unwrap().remove(0);
    let child = &seen.children[0];
    assert_eq!((seen.delegation_id, child.status), (id, Phase::Running));
    assert_eq!(child.waits_for.as_deref(), Some("model"));
    assert_eq!((child.api_calls, child.tokens, child.cost_usd), (1, Tokens::default(), None));
    assert!(!child.stalled && child.quiet_seconds.is_some());
    listening.go.send(()).unwrap();
    listening.host.next(&chat(1)).await;
    let ended = listening.host.host().await.list().await.unwrap().remove(0).children.remove(0);
    let used = Tokens { input: 200, output: 20 };
    assert_eq!((ended.api_calls, ended.tokens, ended.waits_for), (2, used, None));
    assert!(ended.cost_usd.is_some());
    // The same was told as it came.
    let mut told = Vec::new();
    while let Ok(update) = updates.try_recv() {
        if let Progress::Activity(child) = update.progress {
            told.push(child.waits_for);
        }
    }
    assert!(told.contains(&WaitsFor::Model), "{told:?}");
}

/// A host on which a child is stalled after a moment.
fn impatient(stop_stalled: bool) -> (TestHost, Gate) {
    gated(|it| {
        it.delegation.stall_after = Duration::from_millis(30);
        it.delegation.stop_stalled = stop_stalled;
    })
}

#[tokio::test]
async fn a_child_without_a_sign_of_life_is_shown_as_stalled_with_what_it_waits_for() {
    let (host, gate) = impatient(false);
    let mut updates = host.host().await.subscribe();
    host.dispatch(&chat(1), &[TestTask::gated("a")]).await;
    let waits_for = loop {
        if let Progress::Stalled { task_index: 0, waits_for, .. } =
            updates.recv().await.unwrap().progress
        {
            break waits_for;
        }
    };
    assert_eq!(waits_for, WaitsFor::Tool("gate"));
    let child = host.host().await.list().await.unwrap().remove(0).children.remove(0);
    assert_eq!((child.stalled, child.waits_for.as_deref()), (true, Some("tool gate")));
    gate.open("a");
    assert_eq!(host.next(&chat(1)).await.results[0].status, Status::Completed);
    let child = host.host().await.list().await.unwrap().remove(0).children.remove(0);
    assert!(!child.stalled, "it is over");
}

#[tokio::test]
async fn a_child_that_is_stalled_is_stopped_where_that_is_wanted() {
    let (host, _gate) = impatient(true);
    let tasks = [TestTask::gated("a"), TestTask::new("honest")];
    host.dispatch(&chat(1), &tasks).await;
    let event = host.next(&chat(1)).await;
    let (stalled, honest) = (&event.results[0], &event.results[1]);
    assert_eq!((stalled.status, honest.status), (Status::Interrupted, Status::Completed));
    let error = stalled.error.as_deref().unwrap();
    assert!(error.starts_with("interrupted: stalled: no sign of life for"), "{error}");
    assert!(error.contains("while it waits for `gate`"), "{error}");
}

#[tokio::test]
async fn a_follow_up_is_a_new_child_with_the_task_the_report_and_the_new_words() {
    let (host, gate) = gated(|_| ());
    let echo = TestTask::new("echoes_task").goal("count the files").context("only src");
    let id = host.dispatch(&chat(1), &[echo]).await;
    let first = host.next(&chat(1)).await.results.remove(0);
    let owner = host.host().await;
    let request = owner.follow_up(id, 0, "and the \u{1b}[31mdirectories").await.unwrap();
    let second = owner.delegate(&chat(1), request).await.unwrap().delegation_id();
    let event = host.next(&chat(1)).await;
    assert_eq!((event.delegation_id, event.goal.as_str()), (second, "and the directories"));
    let result = &event.results[0];
    let granted = |it: &ChildResult| it.boundary.as_ref().unwrap().granted.clone();
    assert_eq!((result.agent.as_str(), granted(result)), ("echoes_task", granted(&first)));
    let told = result.summary.as_deref().unwrap();
    for part in ["Its task:", "count the files", "only src", "How it ended: completed"] {
        assert!(told.contains(part), "`{part}` is not in: {told}");
    }
    // Its own, and in the report of the first.
    assert_eq!(told.matches("max_iterations: 25").count(), 2, "{told}");
    // One that runs is steered instead.
    let id = host.dispatch(&chat(1), &[TestTask::gated("a")]).await;
    gate.entered("a").await;
    let running = owner.follow_up(id, 0, "more").await.unwrap_err();
    assert_eq!(running, ChildError::Running { id, task_index: 0 });
    assert!(running.to_string().ends_with("tell it with `steer` while it does"), "{running}");
    assert!(matches!(owner.follow_up(id, 1, "more").await, Err(ChildError::NoTask { .. })));
    gate.open("a");
    host.next(&chat(1)).await;
}

#[tokio::test]
async fn the_log_of_a_child_is_read_after_its_end_too() {
    let host = TestHost::new();
    let id = host.dispatch(&chat(1), &[TestTask::new("floods_log")]).await;
    let result = host.next(&chat(1)).await.results.remove(0);
    assert!(!result.log.is_empty());
    let log = host.host().await.log(id, 0).await.unwrap();
    assert_eq!((log.lines, log.dropped), (result.log, result.log_dropped));
    let no_task = ChildError::NoTask { id, task_index: 1, tasks: 1 };
    assert_eq!(host.host().await.log(id, 1).await, Err(no_task));
}

#[tokio::test]
async fn a_request_with_less_time_ends_its_children_earlier() {
    let (host, gate) = gated(|_| ());
    let mut request = host.in_background(&[TestTask::gated("a")]).await;
    request.timeout = Some(Duration::from_millis(50));
    host.host().await.delegate(&chat(1), request).await.unwrap();
    let result = host.next(&chat(1)).await.results.remove(0);
    assert_eq!((result.status, result.exit_reason), (Status::Timeout, ExitReason::Timeout));
    drop(gate);
}
