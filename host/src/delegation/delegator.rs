//! The delegator: from a request to a unit that is on its way.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use futures_util::future::join;
use tokio::sync::{broadcast, oneshot};

use super::{
    admission::{OnCapacity, Slots},
    budget::{self, Budget, Kind, Narrow},
    conduct::Unit,
    dispatcher::{Dispatcher, RunningUnit, Stop, Which},
    error::DelegateError,
    executor::Work,
    live::{Feed, Live, Update},
    request::{Request, Rules, TaskPlan, TaskRequest, WrittenBy},
    retry::Trouble,
    running::{Dispatched, Handle, Running},
};
use crate::{
    boundary::{HouseRules, Policy},
    clock::Clock,
    completion::Queue,
    defence::{Defence, Defences},
    event::Role,
    id::{ChildId, DelegationId, Random},
    plugin::{self, Agents, Found},
    provider::{Model, Models, UnknownModel},
    sandbox::{Binary, Sandbox},
    session::Session,
    store::{Store, StoreError},
    toolset::{Blocked, Grant, NativeTools, Tool, ToolHost, Withheld},
    unit::{Mode, TaskRecord, UnitRecord},
};

/// What a delegation may ask for. All counts are above zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Children of one batch that run at once; each takes memory and rate.
    pub max_concurrent_children: usize,
    /// Tasks in one batch: what one call can start.
    pub max_tasks_per_batch: usize,
    /// Depth at which nobody delegates any more.
    pub max_depth: u32,
    /// Units in the background at once.
    pub max_async_children: usize,
    /// Units that may wait for a slot.
    pub max_queued: usize,
    /// Units that ended and are still listed.
    pub retained_records: usize,
    /// Model calls of one child that asks for no other number.
    pub max_iterations: u32,
    /// Wall clock of one child, waiting included.
    pub child_timeout: Duration,
    /// From the request to stop to the stop.
    pub interrupt_grace: Duration,
    /// Names of toolsets and tools of a top-level call that asks for none.
    pub default_toolsets: Vec<String>,
    /// Tools that no child gets, besides those that are always blocked.
    pub blocked_tools: Vec<Tool>,
    /// All of them, but in tests.
    pub defences: Defences,
}

/// What a delegator is made of.
pub struct Parts {
    /// Where children run.
    pub sandbox: Arc<Sandbox>,
    /// Where their components are.
    pub agents: Arc<Agents>,
    /// Who does the work of the contract's tools.
    pub tools: Arc<dyn ToolHost>,
    /// What the parent holds of those.
    pub grant: Grant,
    /// What nobody holds, and why.
    pub withheld: Arc<Withheld>,
    /// The directory that files are in and commands run in, for people.
    pub workspace: Option<String>,
    /// The application's own tools.
    pub natives: NativeTools,
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
}

/// Turns requests into units.
#[derive(Clone)]
pub struct Delegator(Arc<Core>);

pub(super) struct Core {
    pub(super) parts: Parts,
    /// What holds for every child.
    pub(super) house: Arc<HouseRules>,
    dispatcher: Dispatcher,
    pub(super) feed: Feed,
    /// Whether an operation that prunes is on its way.
    pub(super) is_pruning: Arc<AtomicBool>,
    /// Whether the store takes writes.
    pub(super) trouble: Trouble,
    /// Where units live, whoever asks for them.
    runtime: tokio::runtime::Handle,
}

/// A request with everything decided and every component found. Nothing of
/// it is recorded.
pub struct Prepared {
    record: UnitRecord,
    works: Vec<Work>,
    budget: Budget,
    on_capacity: OnCapacity,
    failure_notices: bool,
}

impl Prepared {
    /// The tasks and their components, in the order of the request.
    pub fn works(&self) -> &[Work] {
        &self.works
    }

    /// What the host decided on its own and the caller should know.
    pub fn notes(&self) -> &[String] {
        &self.record.notes
    }

    pub(super) fn works_mut(&mut self) -> &mut [Work] {
        &mut self.works
    }
}

impl Delegator {
    /// Starts the dispatcher on the present runtime.
    pub fn start(parts: Parts) -> Self {
        let limits = &parts.limits;
        let (max_running, max_waiting) = (limits.max_async_children, limits.max_queued);
        let dispatcher = Dispatcher::start(Slots { max_running, max_waiting });
        let blocked = match limits.defences.has(Defence::Blocked) {
            true => Blocked::with(limits.blocked_tools.iter().copied()),
            false => Blocked::of_a_parent(),
        };
        let withheld = Arc::clone(&parts.withheld);
        let house = Arc::new(HouseRules::new(blocked, withheld, limits.defences));
        let (feed, is_pruning, trouble) = (Feed::new(), Arc::default(), Trouble::default());
        let runtime = tokio::runtime::Handle::current();
        Self(Arc::new(Core { parts, house, dispatcher, feed, is_pruning, trouble, runtime }))
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
        self.prepare_for(&self.0.top(session, &request), request).await
    }

    pub(super) async fn prepare_for(
        &self,
        asker: &Asker,
        request: Request,
    ) -> Result<Prepared, DelegateError> {
        let request = request.with_less_for_strangers();
        let mut record = self.0.record(asker, &request);
        let Request { on_capacity, failure_notices, budget: narrow, .. } = request;
        let resolved = request.resolve(&self.0.rules(asker))?;
        let budget = self.0.budget(asker, narrow);
        budget.check(Kind::Children, resolved.tasks.len() as u64)?;
        self.0.check(asker, &resolved.tasks)?;
        let works = self.0.works(asker, resolved.tasks).await?;
        record.tasks = works.iter().map(task_record).collect();
        record.groups = resolved.groups;
        if record.mode == Mode::Foreground {
            record.join_groups();
        }
        record.notes = resolved.notes;
        Ok(Prepared { record, works, budget, on_capacity, failure_notices })
    }

    /// Starts what was prepared. When it returns, the unit is recorded, and a
    /// unit in the background goes on by itself.
    pub async fn dispatch(&self, prepared: Prepared) -> Result<Dispatched, DelegateError> {
        let core = Arc::clone(&self.0);
        let Prepared { mut record, works, budget, on_capacity, failure_notices } = prepared;
        record.dispatched_at = core.parts.clock.now();
        let children = works.iter().map(|it| (it.task.goal.clone(), it.agent.clone()));
        let live = Live::new(record.id, record.session.clone(), core.feed.clone(), children);
        let stop = Stop::default();
        let admitted =
            core.dispatcher.admit(record, Arc::clone(&live), stop.clone(), on_capacity).await?;
        // Here and not before: what was rejected costs nothing.
        budget.spend(Kind::Children, works.len() as u64)?;
        let record = Arc::clone(&admitted.record);
        let (recorded, is_recorded) = oneshot::channel();
        let (done, event) = oneshot::channel();
        let unit =
            Unit { works, budget, failure_notices, live: Arc::clone(&live), stop: stop.clone() };
        // A task of its own: whoever asked may stop waiting at any time.
        let runtime = core.runtime.clone();
        runtime.spawn(async move {
            let event = core.conduct(unit, admitted, recorded).await;
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
        is_recorded.await.unwrap_or(Err(StoreError::Closed))?;
        Ok(dispatched)
    }

    /// Asks one delegation to stop. Returns how many were asked: 0 or 1.
    pub async fn interrupt(&self, id: DelegationId, reason: Option<String>) -> usize {
        self.0.dispatcher.interrupt(Which::One(id), reason).await
    }

    /// Asks every delegation of a session to stop, and counts them.
    pub async fn interrupt_session(&self, session: &Session, reason: Option<String>) -> usize {
        self.0.dispatcher.interrupt(Which::Of(session.clone()), reason).await
    }

    /// Asks every delegation to stop, and counts them.
    pub async fn interrupt_all(&self, reason: Option<String>) -> usize {
        self.0.dispatcher.interrupt(Which::All, reason).await
    }

    /// Running children go on, new calls fail with "paused", until it is
    /// resumed.
    pub fn pause(&self, paused: bool) {
        self.0.dispatcher.pause(paused);
    }

    /// What runs and waits in this host now.
    pub async fn running(&self) -> Vec<RunningUnit> {
        self.0.dispatcher.running().await
    }

    /// News of every delegation from now on. A subscriber that is too slow is
    /// told how many it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Update> {
        self.0.feed.subscribe()
    }

    /// Admits nothing any more, asks everything to stop, and returns when the
    /// last end is recorded (SEMANTICS.md §6.10). The grace of the children
    /// bounds how long that takes.
    pub async fn close(&self, reason: Option<String>) {
        let closed = self.0.dispatcher.close();
        let interrupted = self.0.dispatcher.interrupt(Which::All, reason);
        join(closed, interrupted).await;
    }

    /// What this delegator is made of.
    pub fn parts(&self) -> &Parts {
        &self.0.parts
    }
}

impl Core {
    /// Whoever asks from outside.
    pub(super) fn top(&self, session: &Session, request: &Request) -> Asker {
        Asker {
            session: session.clone(),
            parent: None,
            depth: 0,
            policy: None,
            budget: None,
            component: None,
            model: None,
            builds: request.written_by == WrittenBy::Application,
        }
    }

    pub(super) fn rules(&self, asker: &Asker) -> Rules {
        let limits = &self.parts.limits;
        let is_top = asker.depth == 0;
        Rules {
            max_tasks_per_batch: limits.max_tasks_per_batch,
            max_depth: limits.max_depth,
            max_iterations: limits.max_iterations,
            depth: asker.depth,
            parent: match &asker.policy {
                Some(held) if limits.defences.has(Defence::ParentsGrant) => held.grant().clone(),
                _ => self.parts.grant.clone(),
            },
            house: Arc::clone(&self.house),
            has_model: self.parts.models.default_name().is_some() || asker.model.is_some(),
            strict: asker.policy.as_ref().is_some_and(|it| it.is_strict()),
            default_toolsets: is_top.then(|| limits.default_toolsets.clone()),
            natives: self.parts.natives.tools(),
        }
    }

    /// What is left for the tree, or less.
    fn budget(&self, asker: &Asker, narrow: Narrow) -> Budget {
        let now = Instant::now();
        let tree = asker.budget.clone().unwrap_or_else(|| Budget::new(self.parts.budget, now));
        if narrow == Narrow::default() { tree } else { tree.narrowed(narrow, now) }
    }

    /// What is known of a unit before its tasks are.
    fn record(&self, asker: &Asker, request: &Request) -> UnitRecord {
        // A child needs the results inside its own turn (SEMANTICS.md §2).
        let is_background = request.background && asker.depth == 0;
        // A list of one is the single form.
        let only = match request.tasks.as_slice() {
            [only] => only.clone(),
            _ => TaskRequest::default(),
        };
        UnitRecord {
            id: DelegationId::new(&*self.parts.random),
            parent: asker.parent,
            session: asker.session.clone(),
            mode: if is_background { Mode::Background } else { Mode::Foreground },
            depth: asker.depth.saturating_add(u32::from(!request.as_parent)),
            role: if request.as_parent {
                Role::Orchestrator
            } else {
                only.role.or(request.role).unwrap_or(Role::Leaf)
            },
            context: only.context.or_else(|| request.context.clone()),
            toolsets: only.toolsets.or_else(|| request.toolsets.clone()),
            model: only.model.or_else(|| request.model.clone()),
            workspace: self.parts.workspace.clone(),
            dispatched_at: 0.0,
            tasks: Vec::new(),
            groups: Vec::new(),
            notes: Vec::new(),
        }
    }

    async fn works(&self, asker: &Asker, tasks: Vec<TaskPlan>) -> Result<Vec<Work>, DelegateError> {
        let total = tasks.len();
        let mut works = Vec::with_capacity(tasks.len());
        // Tasks of one agent share its bytes.
        let mut found_before: HashMap<String, Found> = HashMap::new();
        for (index, task) in tasks.into_iter().enumerate() {
            let child_id = ChildId::new(index, &*self.parts.random);
            let found = match (&task.agent, &asker.component) {
                (Some(agent), _) => match found_before.get(agent) {
                    Some(found) => found.clone(),
                    None => {
                        let found = self.find(asker, agent).await;
                        let found = found.map_err(|it| it.in_task(index, total))?;
                        found_before.insert(agent.clone(), found.clone());
                        found
                    }
                },
                (None, Some((name, component))) => {
                    Found { name: name.clone(), component: component.clone() }
                }
                (None, None) => {
                    let known = self.parts.agents.names();
                    return Err(DelegateError::NoAgent { known }.in_task(index, total));
                }
            };
            let model = self.model(asker, task.model.as_deref())?;
            let Found { name: agent, component } = found;
            let time_used = Duration::ZERO;
            works.push(Work { child_id, task, agent, component, model, time_used });
        }
        Ok(works)
    }

    /// The model of a task. One that can't be asked as it is configured says
    /// so when it is: most agents never ask.
    pub(super) fn model(
        &self,
        asker: &Asker,
        name: Option<&str>,
    ) -> Result<Option<Arc<Model>>, UnknownModel> {
        let models = &self.parts.models;
        let found = if asker.builds { models.find(name)? } else { models.find_named(name)? };
        Ok(found.or_else(|| asker.model.clone()))
    }

    /// Whether there is that agent for whoever asks.
    pub(super) fn check_agent(&self, asker: &Asker, agent: &str) -> Result<(), DelegateError> {
        if !asker.builds && plugin::is_path(agent) {
            return Err(DelegateError::Path(agent.to_owned()));
        }
        Ok(self.parts.agents.check(agent)?)
    }

    /// A guest names agents; paths, and with them builds, are the top-level
    /// caller's.
    async fn find(&self, asker: &Asker, agent: &str) -> Result<Found, DelegateError> {
        if !asker.builds {
            if plugin::is_path(agent) {
                return Err(DelegateError::Path(agent.to_owned()));
            }
            return Ok(self.parts.agents.find_built(agent).await?);
        }
        Ok(self.parts.agents.find(agent).await?)
    }
}

fn task_record(work: &Work) -> TaskRecord {
    TaskRecord {
        child_id: work.child_id,
        goal: work.task.goal.clone(),
        agent: work.agent.clone(),
        role: work.task.policy.role(),
        grant: work.task.policy.grant().names().into_iter().map(str::to_owned).collect(),
    }
}
