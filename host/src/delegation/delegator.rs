//! The delegator: from a request to a unit that is on its way.

mod nested;
mod policies;
mod prepare;
mod repeat;
mod replay;
mod resume;

use std::sync::Arc;

use tokio::sync::{broadcast, oneshot};

pub use self::{
    prepare::Prepared,
    replay::{Replay, Replayed},
};

use self::policies::Policies;

use super::{
    admission::Slots,
    budget::{self, Budget, Kind},
    conduct::{Conductor, Recorded, Unit},
    dispatcher::{Dispatcher, RunningUnit, Which},
    error::DelegateError,
    executor::{Bounds, Cells},
    feed::{Feed, Update},
    follow_up,
    hand::{ChildError, ChildHand, Stop},
    journals::{Calling, Journals},
    ledger::Books,
    limits::Limits,
    live::{ChildLog, Live},
    origin::Origin,
    peers::Peers,
    request::Request,
    retry::Trouble,
    running::{Dispatched, Handle, Running},
};
use crate::{
    boundary::{HouseRules, Policy},
    clock::Clock,
    completion::Queue,
    defence::Defence,
    id::{DelegationId, Random},
    plugin::Agents,
    provider::{Model, Models},
    sandbox::{Binary, Elsewhere, Sandbox},
    session::Session,
    store::{Store, StoreError},
    telemetry::{self, Span},
    toolset::{Blocked, Grant, Registry},
    unit::Mode,
};

/// What a delegator is made of.
pub struct Parts {
    /// Where components are admitted, and children run.
    pub sandbox: Arc<Sandbox>,
    /// Other hosts, when children run there instead.
    pub elsewhere: Option<Arc<dyn Elsewhere>>,
    /// Where their components are.
    pub agents: Arc<Agents>,
    /// The tools that there are, and who does their work.
    pub tools: Arc<Registry>,
    /// The directory that files are in and commands run in, for people.
    pub workspace: Option<String>,
    /// The models that tasks can choose from.
    pub models: Models,
    /// Where units are recorded.
    pub store: Store,
    /// Where their events go.
    pub queue: Queue,
    /// Tells the time of events.
    pub clock: Arc<dyn Clock>,
    /// Draws ids.
    pub random: Arc<dyn Random>,
    /// What a delegation may ask for.
    pub limits: Limits,
    /// What a tree of delegations may use.
    pub budget: budget::Limits,
}

/// Who asks. Made by the host alone: nothing of it ever comes from a guest.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) session: Session,
    /// The unit whose child asks.
    pub(super) parent: Option<DelegationId>,
    /// Of the one who asks; 0 at the top.
    pub(super) depth: u32,
    /// What it holds; what this host has, at the top.
    pub(super) policy: Option<Arc<Policy>>,
    /// What is left for the tree; a new one at the top.
    pub(super) budget: Option<Budget>,
    /// The component that asks: what does the tasks that name no other.
    pub(super) component: Option<(String, Binary)>,
    /// Its model, for tasks that name none where there is no default.
    pub(super) model: Option<Arc<Model>>,
    /// May give paths of agents, have source built, and name any model of a
    /// provider: never a guest or a model, since building runs the source's
    /// own programs, and every model is paid for.
    pub(super) builds: bool,
    /// What telemetry sees of it.
    pub(super) span: Span,
}

/// Turns requests into units.
#[derive(Clone)]
pub struct Delegator(Arc<Core>);

pub(super) struct Core {
    pub(super) parts: Parts,
    /// What a top-level caller holds.
    pub(super) held: Grant,
    /// What holds for every child.
    pub(super) house: Arc<HouseRules>,
    policies: Policies,
    dispatcher: Dispatcher,
    /// Those beside this one, and this one.
    peers: Peers,
    conductor: Arc<Conductor>,
    /// Whether the store takes what ends.
    trouble: Trouble,
    feed: Feed,
    /// Where units live, whoever asks for them.
    runtime: tokio::runtime::Handle,
}

impl Delegator {
    /// Starts the dispatcher on the present runtime.
    pub fn start(parts: Parts) -> Self {
        Self::among(Peers::default(), Feed::new(), parts)
    }

    /// Starts another one on the same store and queue. Each of them lists,
    /// stops, steers and tells of what all of them run.
    pub fn beside(&self, parts: Parts) -> Self {
        Self::among(self.0.peers.clone(), self.0.feed.clone(), parts)
    }

    fn among(peers: Peers, feed: Feed, parts: Parts) -> Self {
        telemetry::start();
        let limits = &parts.limits;
        let (max_running, max_waiting) = (limits.max_async_children, limits.max_queued);
        let callers = limits.async_callers;
        let dispatcher = Dispatcher::new(Slots { max_running, max_waiting, callers });
        peers.join(&dispatcher);
        let blocked = match limits.defences.has(Defence::Blocked) {
            true => Blocked::with(limits.blocked_tools.iter().copied()),
            false => Blocked::of_a_parent(),
        };
        let withheld = Arc::clone(parts.tools.withheld());
        let house = Arc::new(HouseRules::new(blocked, withheld, limits.defences));
        let held = parts.tools.held();
        let trouble = Trouble::default();
        let conductor = Arc::new(conductor(&parts, feed.clone(), trouble.clone()));
        let runtime = tokio::runtime::Handle::current();
        Self(Arc::new(Core {
            parts,
            held,
            house,
            policies: Policies::default(),
            dispatcher,
            peers,
            conductor,
            trouble,
            feed,
            runtime,
        }))
    }

    pub(super) fn of(core: &Arc<Core>) -> Self {
        Self(Arc::clone(core))
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.0
    }

    /// Checks the whole request of a top-level caller, and finds its
    /// components. Builds those that are source and stale.
    pub async fn prepare(
        &self,
        session: &Session,
        request: Request,
    ) -> Result<Prepared, DelegateError> {
        self.0.prepare(&self.0.top(session, &request), request).await
    }

    /// Starts what was prepared. When it returns, the unit is recorded, and a
    /// unit in the background goes on by itself.
    pub async fn dispatch(&self, prepared: Prepared) -> Result<Dispatched, DelegateError> {
        self.dispatch_for(prepared, None).await
    }

    /// The same for the call of a child, which is told of it.
    async fn dispatch_for(
        &self,
        prepared: Prepared,
        calling: Option<Calling>,
    ) -> Result<Dispatched, DelegateError> {
        let core = &self.0;
        let Prepared {
            mut record,
            works,
            budget,
            on_capacity,
            failure_notices,
            timeout,
            key,
            terms,
            past,
            span,
        } = prepared;
        if let Some(key) = &key
            && let Some(before) = self.repeated(&record.session, key).await?
        {
            return Ok(before);
        }
        if past.is_none() {
            record.dispatched_at = core.parts.clock.now();
        }
        let children = works.iter().map(|it| (it.task.asked.goal.clone(), it.agent.clone()));
        let live = Live::new(
            record.id,
            record.session.clone(),
            core.feed.clone(),
            core.parts.limits.stall_after,
            children,
        );
        let stop = Stop::of(works.len());
        if let Some(reason) = past.as_ref().and_then(|it| it.0.stop.as_ref()) {
            stop.ask(reason.as_deref());
        }
        let hands = works.iter().zip(stop.children());
        hands.filter(|(work, _)| work.model.is_none()).for_each(|(_, it)| it.inbox.has_no_reader());
        let admitted =
            core.dispatcher.admit(record, Arc::clone(&live), stop.clone(), on_capacity)?;
        // Here and not before: what was rejected costs nothing.
        if past.is_none() {
            budget.spend(Kind::Children, works.len() as u64)?;
        }
        let (past, origin) = match past {
            Some((past, origin)) => (Some(past), Some(origin)),
            None => {
                let origin = |it| Origin::new(&works, it, &*core.parts.random);
                (None, terms.map(origin))
            }
        };
        let record = Arc::clone(&admitted.record);
        let (recorded, is_recorded) = oneshot::channel();
        let (done, event) = oneshot::channel();
        let (of, asked) = (Arc::clone(&record), self.clone());
        let unit = Unit {
            works,
            tools: Box::new(move |work, budget, spent, calling| {
                nested::tools(&asked.0, &of, work, budget, spent, calling)
            }),
            budget,
            failure_notices,
            timeout,
            key: key.clone(),
            live: Arc::clone(&live),
            stop: stop.clone(),
            span,
            origin,
            past,
            calling,
        };
        // A task of its own: whoever asked may stop waiting at any time.
        let conductor = Arc::clone(&core.conductor);
        core.runtime.spawn(async move {
            let event = conductor.conduct(unit, admitted, recorded).await;
            // A unit in the background has nobody waiting here.
            let _ = done.send(event);
        });
        let handle = Handle { record, live };
        let dispatched = match handle.record.mode {
            Mode::Background => Dispatched::Background(handle),
            // Made before anything is awaited: a caller that goes away now
            // stops its children, too.
            Mode::Foreground => Dispatched::Foreground(Running::new(handle, stop, event)),
        };
        let recorded = is_recorded.await.unwrap_or(Err(StoreError::Closed))?;
        match (recorded, key) {
            // Somebody else was faster with the same request.
            (Recorded::Before, Some(key)) => {
                let before = self.repeated(&dispatched.handle().record.session, &key).await?;
                Ok(before.ok_or(StoreError::Closed)?)
            }
            _ => Ok(dispatched),
        }
    }

    /// Asks one delegation to stop. Returns how many were asked: 0 or 1.
    pub async fn interrupt(&self, id: DelegationId, reason: Option<&str>) -> usize {
        self.0.peers.interrupt(&Which::One(id), reason)
    }

    /// Asks one child to stop; its siblings go on.
    pub async fn stop_child(
        &self,
        id: DelegationId,
        task_index: usize,
        reason: Option<&str>,
    ) -> Result<(), ChildError> {
        let child = self.child(id, task_index).await?;
        if child.ask(reason) { Ok(()) } else { Err(ChildError::Ended { id, task_index }) }
    }

    /// Tells one child something, which its model reads with its next call.
    pub async fn steer(
        &self,
        id: DelegationId,
        task_index: usize,
        text: &str,
    ) -> Result<(), ChildError> {
        let child = self.child(id, task_index).await?;
        child.inbox.push(text).map_err(|it| ChildError::not_taken(it, id, task_index))
    }

    /// Asks for what follows on a task that ended.
    pub async fn follow_up(
        &self,
        id: DelegationId,
        task_index: usize,
        words: &str,
    ) -> Result<Request, ChildError> {
        let found = self
            .0
            .parts
            .store
            .read(move |tables| Ok((tables.unit(id)?, tables.full_summary(id, task_index)?)));
        let (row, whole) = found.await?;
        let row = row.ok_or(ChildError::Unknown(id))?;
        follow_up::request(&row, task_index, whole.as_deref(), words)
    }

    /// What a child wrote into its log, so far or in all.
    pub async fn log(&self, id: DelegationId, task_index: usize) -> Result<ChildLog, ChildError> {
        let running = self.running().await;
        if let Some(live) = running.iter().find(|it| it.record.id == id).map(|it| &it.live)
            && let Some(log) = live.log(task_index)
        {
            return Ok(log);
        }
        let row = self.0.parts.store.read(move |tables| tables.unit(id)).await?;
        let row = row.ok_or(ChildError::Unknown(id))?;
        let tasks = row.record.tasks.len();
        let result = row.results.iter().find(|it| it.task_index == task_index);
        match result {
            Some(it) => Ok(ChildLog { lines: it.log.clone(), dropped: it.log_dropped }),
            None if tasks <= task_index => Err(ChildError::NoTask { id, task_index, tasks }),
            None => Err(ChildError::Elsewhere(id)),
        }
    }

    /// The hand on a child of this host or one beside it, or why there is none.
    async fn child(&self, id: DelegationId, task_index: usize) -> Result<ChildHand, ChildError> {
        let Some(unit) = self.0.peers.hand(id) else {
            return Err(self.gone(id, task_index).await);
        };
        let tasks = unit.children().len();
        let child = unit.child(task_index).ok_or(ChildError::NoTask { id, task_index, tasks });
        child.cloned()
    }

    /// Why nothing can be done to a child that none of these hosts runs.
    async fn gone(&self, id: DelegationId, task_index: usize) -> ChildError {
        let store = &self.0.parts.store;
        let row = match store.read(move |tables| tables.unit(id)).await {
            Ok(Some(row)) => row,
            Ok(None) => return ChildError::Unknown(id),
            Err(err) => return err.into(),
        };
        let tasks = row.record.tasks.len();
        if tasks <= task_index {
            ChildError::NoTask { id, task_index, tasks }
        } else if row.ended.is_none() && row.owner != store.host() {
            ChildError::Elsewhere(id)
        } else {
            ChildError::Ended { id, task_index }
        }
    }

    /// Asks every delegation of a session to stop, and counts them.
    pub async fn interrupt_session(&self, session: &Session, reason: Option<&str>) -> usize {
        self.0.peers.interrupt(&Which::Of(session.clone()), reason)
    }

    /// Asks every delegation of this one alone to stop, and counts them.
    pub async fn interrupt_all(&self, reason: Option<String>) -> usize {
        self.0.dispatcher.interrupt(&Which::All, reason.as_deref())
    }

    /// Running children go on, new calls fail with "paused", until it is
    /// resumed.
    pub fn pause(&self, paused: bool) {
        self.0.dispatcher.pause(paused);
    }

    /// What runs and waits now, here and beside this one.
    pub async fn running(&self) -> Vec<RunningUnit> {
        self.0.peers.running()
    }

    /// News of every delegation from now on. A subscriber that is too slow is
    /// told how many it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Update> {
        self.0.feed.subscribe()
    }

    /// Admits nothing any more, asks everything to stop, and returns when the
    /// last end is recorded (SEMANTICS.md §6.10) and what telemetry saw is sent.
    /// The grace of the children bounds how long that takes.
    pub async fn close(&self, reason: Option<String>) {
        let closed = self.0.dispatcher.close();
        self.0.dispatcher.interrupt(&Which::All, reason.as_deref());
        closed.await;
        if let Some(elsewhere) = &self.0.parts.elsewhere {
            elsewhere.close().await;
        }
        telemetry::flush().await;
    }

    /// Whether ends are in memory alone, since the store takes no writes.
    pub fn is_behind(&self) -> bool {
        self.0.trouble.lasts()
    }

    /// What this delegator is made of.
    pub fn parts(&self) -> &Parts {
        &self.0.parts
    }
}

/// Who conducts the units of a delegator made of these parts.
fn conductor(parts: &Parts, feed: Feed, trouble: Trouble) -> Conductor {
    let limits = &parts.limits;
    let bounds = Bounds {
        max_concurrent_children: limits.max_concurrent_children,
        timeout: limits.child_timeout,
        grace: limits.interrupt_grace,
        stop_stalled: limits.stop_stalled,
    };
    let books = Books {
        store: parts.store.clone(),
        queue: parts.queue.clone(),
        clock: Arc::clone(&parts.clock),
        trouble,
    };
    let cells = Cells { sandbox: Arc::clone(&parts.sandbox), elsewhere: parts.elsewhere.clone() };
    let registry = Arc::clone(&parts.tools);
    let journals = Journals { store: parts.store.clone(), max_bytes: limits.journal_bytes };
    Conductor::new(cells, registry, bounds, books, feed, journals, limits.retained_records)
}
