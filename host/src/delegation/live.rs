//! What the children of a running delegation are doing now, for whoever
//! watches: a snapshot to look at, and news for the feed.

mod child;

use std::{convert::Infallible, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::child::{Channel, ChildView};
use super::{chat::ChatMeter, feed::Feed, seen::LiveChild};
use crate::{
    event::{LogLine, Status},
    id::DelegationId,
    sandbox::{Nobody, Observer},
    session::Session,
};

/// What a child wrote into its log. Untrusted text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChildLog {
    /// In their order.
    pub lines: Vec<LogLine>,
    /// Lines that found no room, once the child has ended.
    pub dropped: u64,
}

/// The live side of one delegation.
pub struct Live {
    children: Vec<Arc<ChildView>>,
}

impl Live {
    /// For children with these goals and agents, in the order of the tasks. One
    /// that gives no sign of life for `stall_after` is stalled.
    pub(super) fn new(
        id: DelegationId,
        session: Session,
        feed: Feed,
        stall_after: Duration,
        children: impl IntoIterator<Item = (String, String)>,
    ) -> Arc<Self> {
        let channel = Arc::new(Channel { id, session, feed });
        let view = |(task_index, (goal, agent))| {
            let channel = Arc::clone(&channel);
            Arc::new(ChildView::new(task_index, goal, agent, channel, stall_after))
        };
        let children = children.into_iter().enumerate().map(view).collect();
        Arc::new(Self { children })
    }

    /// Every child as it is now, in the order of the tasks.
    pub fn snapshot(&self) -> Vec<LiveChild> {
        self.children.iter().map(|it| it.snapshot()).collect()
    }

    /// The lines that children wrote into their logs since this was called the
    /// last time, each with the place of its task.
    pub fn take_log(&self) -> Vec<(usize, LogLine)> {
        let lines = |it: &Arc<ChildView>| {
            let task_index = it.task_index;
            it.take_log().into_iter().map(move |line| (task_index, line))
        };
        self.children.iter().flat_map(lines).collect()
    }

    /// What the child at that place wrote into its log so far.
    pub fn log(&self, task_index: usize) -> Option<ChildLog> {
        let lines = self.children.get(task_index)?.log();
        Some(ChildLog { lines, dropped: 0 })
    }

    /// The observer of the child at that place. One that nobody sees when the
    /// view was made for fewer children.
    pub(super) fn observer(&self, task_index: usize) -> Arc<dyn Observer> {
        match self.children.get(task_index) {
            Some(child) => Arc::clone(child) as Arc<dyn Observer>,
            None => Arc::new(Nobody),
        }
    }

    /// The books of the chats of the child at that place.
    pub(super) fn meter(&self, task_index: usize) -> Arc<ChatMeter> {
        self.children.get(task_index).map(|it| Arc::clone(&it.meter)).unwrap_or_default()
    }

    /// Tells the feed what the child at that place does, until this is
    /// dropped. Says why, in words, when it stalls.
    pub(super) async fn follow(&self, task_index: usize, on_stall: impl Fn(&str)) -> Infallible {
        match self.children.get(task_index) {
            Some(child) => child.follow(on_stall).await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn ended(&self, task_index: usize, status: Status) {
        if let Some(child) = self.children.get(task_index) {
            child.end(status);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        delegation::{
            feed::Progress,
            seen::{Phase, WaitsFor},
        },
        event::Level,
        id::OsRandom,
    };

    /// A child, its view, and what is told of it.
    struct Watched {
        live: Arc<Live>,
        child: Arc<dyn Observer>,
        updates: tokio::sync::broadcast::Receiver<crate::delegation::Update>,
    }

    fn watched(stall_after: Duration) -> Watched {
        let feed = Feed::new();
        let updates = feed.subscribe();
        let children = [("count".to_owned(), "survey".to_owned())];
        let id = DelegationId::new(&OsRandom);
        let live = Live::new(id, Session::Local, feed, stall_after, children);
        let child = live.observer(0);
        Watched { live, child, updates }
    }

    impl Watched {
        fn seen(&self) -> LiveChild {
            self.live.snapshot().remove(0)
        }

        /// What is told next, while the child is followed.
        async fn told(&mut self) -> Progress {
            tokio::select! {
                told = self.updates.recv() => told.unwrap().progress,
                never = self.live.follow(0, |_| ()) => match never {},
            }
        }
    }

    fn line(text: &str) -> LogLine {
        LogLine { level: Level::Info, text: text.to_owned() }
    }

    const NEVER: Duration = Duration::from_secs(1_000_000);

    #[test]
    fn a_snapshot_shows_the_newest_activity_as_one_clean_line() {
        let mut it = watched(NEVER);
        assert_eq!(it.seen().phase, Phase::Waiting);
        it.child.started();
        it.child.activity("reading\nsrc\u{1b}[31m/lib.rs");
        let seen = it.seen();
        assert_eq!((seen.phase, seen.activity.as_str()), (Phase::Running, "reading src/lib.rs"));
        assert_eq!(seen.waits_for, WaitsFor::GuestCode);
        it.child.tool_started("read_file", "a.rs");
        let seen = it.seen();
        assert_eq!((seen.activity.as_str(), seen.tool_calls), ("read_file a.rs", 1));
        assert_eq!(seen.waits_for.to_string(), "tool read_file");
        it.child.tool_ended();
        it.child.model_started();
        assert_eq!(it.seen().waits_for.to_string(), "model");
        it.child.model_ended();
        assert_eq!(it.seen().waits_for.to_string(), "guest code");
        assert_eq!(it.updates.try_recv().unwrap().progress, Progress::Started { task_index: 0 });
    }

    #[test]
    fn a_log_is_read_as_a_whole_and_as_it_comes() {
        let it = watched(NEVER);
        it.child.logged(&line("one"));
        assert_eq!(it.live.take_log(), [(0, line("one"))]);
        it.child.logged(&line("two"));
        assert_eq!(it.live.take_log(), [(0, line("two"))]);
        assert_eq!(it.live.take_log(), []);
        let whole = ChildLog { lines: vec![line("one"), line("two")], dropped: 0 };
        assert_eq!(it.live.log(0), Some(whole));
        assert_eq!(it.live.log(1), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_child_that_reports_in_a_loop_is_told_of_now_and_then() {
        let mut it = watched(NEVER);
        it.child.started();
        assert_eq!(it.told().await, Progress::Started { task_index: 0 });
        for n in 0..1_000 {
            it.child.activity(&format!("step {n}"));
            it.child.logged(&line(&n.to_string()));
        }
        let Progress::Logged { lines, .. } = it.told().await else { panic!("no lines") };
        assert_eq!(lines.len(), 1_000);
        let Progress::Activity(seen) = it.told().await else { panic!("no activity") };
        assert_eq!(seen.activity, "step 999");
        assert!(it.updates.is_empty());
        it.child.logged(&line("last"));
        it.live.ended(0, Status::Completed);
        let Progress::Logged { lines, .. } = it.told().await else { panic!("no line") };
        assert_eq!(lines[..], [line("last")]);
    }

    #[tokio::test]
    async fn a_child_without_a_sign_of_life_is_stalled_until_it_gives_one() {
        let mut it = watched(Duration::from_millis(20));
        assert!(!it.seen().stalled, "it waits for its place");
        it.child.started();
        it.child.tool_started("terminal", "sleep");
        let stalled = async |it: &mut Watched| loop {
            if let Progress::Stalled { waits_for, quiet, .. } = it.told().await {
                assert!(Duration::from_millis(20) <= quiet);
                return waits_for;
            }
        };
        assert_eq!(stalled(&mut it).await, WaitsFor::Tool("terminal"));
        assert!(it.seen().stalled);
        it.child.tool_ended();
        it.child.model_started();
        assert_eq!(stalled(&mut it).await, WaitsFor::Model);
        it.child.model_ended();
        // Its own children are watched one by one.
        it.child.tool_started("delegate_task", "");
        let again = tokio::time::timeout(Duration::from_millis(100), stalled(&mut it)).await;
        assert!(again.is_err() && !it.seen().stalled);
    }
}
