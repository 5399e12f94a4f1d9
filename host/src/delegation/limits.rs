//! What a delegation may ask for.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    defence::Defences,
    setting::{FromText, Wrong, count, flag, mib, seconds, settings, text, texts, word},
    store::Leave,
    tools::bundled,
    toolset::ToolId,
};

settings! {
    /// What a delegation may ask for.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Limits in "delegation" {
        /// Children of one batch that run at once; the others wait in the
        /// batch.
        ///
        /// Each running child takes its memory and a share of the processor and
        /// of the model provider's rate limit.
        pub max_concurrent_children: usize = count(3, 1..=1_000), project: Lower;

        /// Tasks in one batch; a longer one is refused as a whole.
        ///
        /// Bounds what a single call of a confused model can start.
        pub max_tasks_per_batch: usize = count(16, 1..=1_000), project: Lower;

        /// Units of one caller in the background at once; a batch is one unit.
        /// What happens to one more is up to its caller: rejected, run in the
        /// foreground, or queued. A caller is a chat or a token, with all of its
        /// sessions.
        ///
        /// Each runs up to `max_concurrent_children` at a time. Each process
        /// has places of its own: hosts that share a store do not share them.
        pub max_async_children: usize = count(3, 1..=1_000), project: Lower;

        /// Units of one caller that wait for a place in the background because
        /// it asked to queue; one more is rejected.
        ///
        /// Bounds the work that a caller in a loop piles up.
        pub max_queued: usize = count(16, 1..=10_000), project: Lower;

        /// Callers that there are places in the background for: all of them
        /// together have so many times `max_async_children`, and so many times
        /// `max_queued` to wait in. Where more come, a place that gets free goes
        /// to the one that has the fewest.
        ///
        /// Bounds what all callers together make a host run.
        pub async_callers: usize = count(4, 1..=1_000), project: Lower;

        /// Ended units that are kept to be listed; the oldest go first. Their
        /// completion events are delivered all the same.
        ///
        /// Bounds what a host that runs for months keeps in memory.
        // The store is the user's: fewer would forget the units of other projects.
        pub retained_records: usize = count(50, 1..=10_000), project: Never;

        /// How deep children may have children: 1 lets the top level delegate,
        /// and nobody else.
        ///
        /// The number of running children can grow with its power.
        pub max_depth: u32 = count(2, 1..=8), project: Lower;

        /// Model calls of one child, for tasks that ask for no other number.
        ///
        /// Bounds the cost of a child that goes in circles.
        pub max_iterations: u32 = count(25, 1..=10_000), project: Lower;

        /// Wall clock of one child, waiting included; then it is asked to
        /// return what it has.
        ///
        /// Bounds how long a stuck child holds its place.
        pub child_timeout as "child_timeout_seconds": Duration =
            seconds(600, 1..=86_400), project: Lower;

        /// How long a child that was asked to stop may take before it is
        /// stopped.
        ///
        /// Also bounds how long leaving the host takes.
        pub interrupt_grace as "interrupt_grace_seconds": Duration =
            seconds(5, 1..=300), project: Lower;

        /// A running child that gives no sign of life for so long (no call of
        /// a tool or of its model begins or ends, and it reports nothing) is
        /// shown as stalled, with what it waits for.
        ///
        /// Bounds how long a child that hangs looks like one that works.
        pub stall_after as "stall_seconds": Duration =
            seconds(180, 1..=86_400), project: Lower;

        /// A child that is stalled is asked to stop; its result says so.
        ///
        /// Bounds how long a child that hangs holds its place. Off, since a
        /// build or a slow model can be as quiet.
        pub stop_stalled: bool = flag(false), project: Higher;

        /// Whether children go on after their host was killed: `on` records what
        /// each is told by the host, in the store and before it acts on it, and
        /// has another host go on from there; `off` has them reported as
        /// `unknown`.
        ///
        /// Bounds nothing. Without it, what a killed host has done is lost.
        pub resume: Resume = text("on").one_of(Resume::words), project: Never;

        /// What is recorded of one child; one that is told more can't go on
        /// after its host was killed.
        ///
        /// Bounds what a child that reads in a loop makes of the store.
        pub journal_bytes as "journal_mib": usize = mib(16, 1..=4_096), project: Lower;

        /// Toolsets, or single tools, of a top-level call that asks for none.
        ///
        /// Names. Every name here is given to children that nobody thought
        /// about.
        pub default_toolsets: Vec<String> =
            texts(&["terminal", "file", "web"]).checked(can_be_granted).one_of(toolsets_and_tools),
            project: Tools;

        /// Tools that no child ever gets, besides the five that are always
        /// blocked (`delegate_task`, `clarify`, `memory`, `send_message`,
        /// `execute_code`).
        ///
        /// Names of tools. The list can be extended only.
        pub blocked_tools: Vec<ToolId> = texts(&[]).one_of(tools), project: Superset;
    } besides {
        /// All of them, but in tests.
        pub defences: Defences = Defences::ALL;
    }
}

/// Whether children go on after their host was killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// They do.
    #[default]
    On,
    /// They are reported as `unknown`.
    Off,
}

impl Resume {
    const ALL: [(&'static str, Self); 2] = [("on", Self::On), ("off", Self::Off)];

    fn words() -> Vec<&'static str> {
        Self::ALL.map(|it| it.0).to_vec()
    }

    /// What is left of what a killed host ran, for a host that goes on with it.
    pub fn leave(self) -> Leave {
        match self {
            Self::On => Leave::Resumable,
            Self::Off => Leave::Nothing,
        }
    }
}

impl FromText for Resume {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        word(text, &Self::ALL)
    }
}

impl FromText for ToolId {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        bundled().get(text).ok_or_else(|| Wrong::unknown(text, tools()))
    }
}

/// Checked as in a task, so that a task without toolsets can't fail by them.
fn can_be_granted(name: &str) -> Result<(), Wrong> {
    bundled().expand(&[name]).map(|_| ()).map_err(|_| Wrong::unknown(name, grantable()))
}

/// The names of toolsets, then of tools, that a child can be granted.
fn grantable() -> Vec<&'static str> {
    let toolsets = bundled().toolsets().iter().filter(|it| it.is_offered());
    let tools = bundled().tools().into_iter().filter(|it| !it.is_parents_own());
    with_tools(toolsets.map(|it| it.name.as_str()), tools)
}

fn toolsets_and_tools() -> Vec<&'static str> {
    let toolsets = bundled().toolsets().iter().map(|it| it.name.as_str());
    with_tools(toolsets, bundled().tools())
}

/// `terminal` is both, and named once.
fn with_tools(
    toolsets: impl Iterator<Item = &'static str>,
    tools: impl IntoIterator<Item = ToolId>,
) -> Vec<&'static str> {
    let tools = tools.into_iter().map(ToolId::name);
    toolsets.chain(tools.filter(|it| bundled().toolset(it).is_none())).collect()
}

fn tools() -> Vec<&'static str> {
    bundled().tools().into_iter().map(ToolId::name).collect()
}
