//! From a request to tasks with their policies, components and models, of
//! which nothing is recorded yet.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Asker, Core, repeat};
use crate::{
    defence::Defence,
    delegation::{
        admission::OnCapacity,
        budget::{Budget, Kind, Narrow},
        error::DelegateError,
        executor::Work,
        journals::Past,
        limits::Resume,
        origin::{Origin, Terms},
        request::{Request, Rules, TaskPlan, TaskRequest, WrittenBy},
    },
    event::Role,
    id::{ChildId, DelegationId},
    plugin::{self, Found},
    provider::{Model, UnknownModel},
    session::Session,
    store::RequestKey,
    telemetry::Span,
    unit::{Mode, TaskRecord, UnitRecord},
};

/// A request with everything decided and every component found. Nothing of
/// it is recorded.
pub struct Prepared {
    pub(super) record: UnitRecord,
    pub(super) works: Vec<Work>,
    pub(super) budget: Budget,
    pub(super) on_capacity: OnCapacity,
    pub(super) failure_notices: bool,
    /// Wall clock of each child; the configured one when absent.
    pub(in crate::delegation) timeout: Option<Duration>,
    pub(super) key: Option<RequestKey>,
    /// What holds for all of its tasks, where it can be gone on with.
    pub(super) terms: Option<Terms>,
    /// What another host had done of it, and with what.
    pub(super) past: Option<(Past, Origin)>,
    /// What telemetry sees of who asks.
    pub(super) span: Span,
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

    pub(in crate::delegation) fn works_mut(&mut self) -> &mut [Work] {
        &mut self.works
    }
}

impl Core {
    /// Everything that is known of a request before it starts.
    pub(in crate::delegation) async fn prepare(
        &self,
        asker: &Asker,
        request: Request,
    ) -> Result<Prepared, DelegateError> {
        let key = repeat::key(&request, self.parts.workspace.as_deref());
        let request = request.with_less_for_strangers();
        let mut record = self.record(asker, &request);
        let terms = self.terms(&request);
        let Request { on_capacity, failure_notices, timeout, budget: narrow, .. } = request;
        let resolved = request.resolve(&self.rules(asker))?;
        let budget = self.budget(asker, narrow);
        resolved.tasks.iter().for_each(|it| self.policies.keep(&it.policy));
        budget.check(Kind::Children, resolved.tasks.len() as u64)?;
        self.check(asker, &resolved.tasks)?;
        let works = self.works(asker, resolved.tasks).await?;
        record.tasks = works.iter().map(task_record).collect();
        record.groups = resolved.groups;
        if record.mode == Mode::Foreground {
            record.join_groups();
        }
        record.notes = resolved.notes;
        let span = asker.span.clone();
        let past = None;
        Ok(Prepared {
            record,
            works,
            budget,
            on_capacity,
            failure_notices,
            timeout,
            key,
            terms,
            past,
            span,
        })
    }

    /// What is kept of a request besides its tasks, where the store outlives the
    /// host.
    pub(super) fn terms(&self, request: &Request) -> Option<Terms> {
        let resume = request.resume.unwrap_or(self.parts.limits.resume);
        let is_kept = resume == Resume::On && self.parts.store.is_durable();
        is_kept.then_some(Terms {
            strict: request.strict,
            as_parent: request.as_parent,
            written_by: request.written_by,
            failure_notices: request.failure_notices,
            timeout: request.timeout,
            budget: request.budget,
        })
    }

    /// Whoever asks from outside.
    pub(in crate::delegation) fn top(&self, session: &Session, request: &Request) -> Asker {
        Asker {
            session: session.clone(),
            parent: None,
            depth: 0,
            policy: None,
            budget: None,
            component: None,
            model: None,
            builds: request.written_by == WrittenBy::Application,
            span: Span::of_caller(request.traceparent),
        }
    }

    pub(in crate::delegation) fn rules(&self, asker: &Asker) -> Rules {
        let limits = &self.parts.limits;
        let is_top = asker.depth == 0;
        Rules {
            max_tasks_per_batch: limits.max_tasks_per_batch,
            max_depth: limits.max_depth,
            max_iterations: limits.max_iterations,
            child_timeout: limits.child_timeout,
            depth: asker.depth,
            parent: match &asker.policy {
                Some(held) if limits.defences.has(Defence::ParentsGrant) => held.grant().clone(),
                _ => self.held.clone(),
            },
            house: Arc::clone(&self.house),
            has_model: self.parts.models.default_name().is_some() || asker.model.is_some(),
            strict: asker.policy.as_ref().is_some_and(|it| it.is_strict()),
            default_toolsets: is_top.then(|| limits.default_toolsets.clone()),
            tools: Arc::clone(&self.parts.tools),
            made: self.policies.latest(),
        }
    }

    /// What is left for the tree, or less.
    pub(super) fn budget(&self, asker: &Asker, narrow: Narrow) -> Budget {
        let now = Instant::now();
        let tree = asker.budget.clone().unwrap_or_else(|| Budget::new(self.parts.budget, now));
        if narrow == Narrow::default() { tree } else { tree.narrowed(narrow, now) }
    }

    /// What is known of a unit before its tasks are.
    fn record(&self, asker: &Asker, request: &Request) -> UnitRecord {
        // A child needs the results inside its own turn (SEMANTICS.md §2).
        let is_background = request.background && asker.depth == 0;
        let none = TaskRequest::default();
        // A list of one is the single form.
        let only = match request.tasks.as_slice() {
            [only] => only,
            _ => &none,
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
            context: only.context.as_ref().or(request.context.as_ref()).cloned(),
            toolsets: only.toolsets.as_ref().or(request.toolsets.as_ref()).cloned(),
            model: only.model.as_ref().or(request.model.as_ref()).cloned(),
            workspace: self.parts.workspace.clone(),
            dispatched_at: 0.0,
            tasks: Vec::new(),
            groups: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Everything that can be wrong with tasks before a component is read, so
    /// that none is built for a call that is refused in the end.
    pub(in crate::delegation) fn check(
        &self,
        asker: &Asker,
        tasks: &[TaskPlan],
    ) -> Result<(), DelegateError> {
        for (index, task) in tasks.iter().enumerate() {
            let checked = self.check_task(asker, task);
            checked.map_err(|it| it.in_task(index, tasks.len()))?;
        }
        Ok(())
    }

    fn check_task(&self, asker: &Asker, task: &TaskPlan) -> Result<(), DelegateError> {
        match (&task.asked.agent, &asker.component) {
            (Some(agent), _) => self.check_agent(asker, agent)?,
            (None, Some(_)) => {}
            (None, None) => {
                return Err(DelegateError::NoAgent { known: self.parts.agents.names() });
            }
        }
        self.model(asker, task.asked.model.as_deref())?;
        Ok(())
    }

    async fn works(&self, asker: &Asker, tasks: Vec<TaskPlan>) -> Result<Vec<Work>, DelegateError> {
        let total = tasks.len();
        let mut works = Vec::with_capacity(tasks.len());
        // Tasks of one agent share its bytes.
        let mut found_before: HashMap<String, Found> = HashMap::new();
        for (index, task) in tasks.into_iter().enumerate() {
            let child_id = ChildId::new(index, &*self.parts.random);
            let found = match (&task.asked.agent, &asker.component) {
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
            let model = self.model(asker, task.asked.model.as_deref())?;
            let Found { name: agent, component } = found;
            let time_used = Duration::ZERO;
            works.push(Work { child_id, task, agent, component, model, time_used });
        }
        Ok(works)
    }

    /// The model of a task. One that can't be asked as it is configured says
    /// so when it is: most agents never ask.
    pub(in crate::delegation) fn model(
        &self,
        asker: &Asker,
        name: Option<&str>,
    ) -> Result<Option<Arc<Model>>, UnknownModel> {
        let models = &self.parts.models;
        let found = if asker.builds { models.find(name)? } else { models.find_named(name)? };
        Ok(found.or_else(|| asker.model.clone()))
    }

    /// Whether there is that agent for whoever asks.
    pub(in crate::delegation) fn check_agent(
        &self,
        asker: &Asker,
        agent: &str,
    ) -> Result<(), DelegateError> {
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
        goal: work.task.asked.goal.clone(),
        agent: work.agent.clone(),
        role: work.task.policy.role(),
        grant: work.task.policy.grant().names().into_iter().map(str::to_owned).collect(),
    }
}
