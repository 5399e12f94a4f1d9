//! Going on with what a host ran that was killed: its children run again from
//! their start, and are told what they were told before.

use std::{collections::HashMap, sync::Arc, time::Instant};

use super::{Asker, Core, Delegator, prepare::Prepared};
use crate::{
    delegation::{
        admission::OnCapacity,
        budget::{Budget, Kind, Used},
        error::DelegateError,
        executor::Work,
        journals::{self, Past},
        limits::Resume,
        origin::{Origin, Terms},
        request::{Request, Rules, TaskPlan},
    },
    event::CompletionEvent,
    id::{DelegationId, HostId},
    sandbox::Binary,
    store::{EventBody, KeptHead, StoreError, Tables, UnitRow},
    unit::Mode,
};

/// How often a unit is gone on with: what kills its hosts may be its own doing.
const MOST_RESUMED: usize = 50;

/// What a call of a child had become.
pub(super) enum GoneOn {
    /// A unit that had ended.
    Ended(Box<CompletionEvent>),
    /// One that is to be gone on with, or a new one.
    Prepared(Box<Prepared>),
}

/// All that is left of a unit.
pub(super) struct Left {
    pub(super) row: UnitRow,
    pub(super) head: KeptHead,
    pub(super) origin: Origin,
    pub(super) past: Past,
    used: Used,
}

impl Left {
    pub(super) fn read(
        tables: &mut dyn Tables,
        unit: DelegationId,
        host: Option<HostId>,
    ) -> Result<Option<Self>, StoreError> {
        let (Some(row), Some(head)) = (tables.unit(unit)?, tables.head(unit)?) else {
            return Ok(None);
        };
        let origin = Origin::read(&head.head)?;
        let tasks = 0..row.record.tasks.len();
        let entries: Result<_, _> =
            tasks.map(|task| journals::entries(tables, unit, task)).collect();
        let asked = host.map(|it| tables.asked_to_stop(it)).transpose()?.unwrap_or_default();
        let stop = asked.into_iter().find(|it| it.unit == unit).map(|it| it.reason);
        let past = Past {
            host,
            stop,
            results: row.results.clone(),
            entries: entries?,
            resumed: head.resumed.clone(),
        };
        let used = journals::used(tables, unit)?;
        Ok(Some(Self { row, head, origin, past, used }))
    }

    /// The request, as far as it decides what the children may do.
    pub(super) fn request(&self) -> Request {
        let Terms { strict, as_parent, written_by, failure_notices, timeout, budget } =
            self.origin.terms.clone();
        let tasks = self.origin.tasks.iter().map(|it| it.asked.clone()).collect();
        Request {
            tasks,
            strict,
            as_parent,
            written_by,
            failure_notices,
            timeout,
            budget,
            resume: Some(Resume::On),
            ..Request::default()
        }
    }

    /// The component of each task.
    fn components(&self) -> Result<Vec<Binary>, DelegateError> {
        let blobs = self.head.head.components.iter();
        let by_digest: HashMap<String, Binary> = blobs
            .map(|it| Binary::new(Arc::clone(it.bytes())))
            .map(|it| (it.digest().to_hex().to_string(), it))
            .collect();
        let component = |digest: &String| {
            by_digest
                .get(digest)
                .cloned()
                .ok_or_else(|| DelegateError::cant_go_on("a component of it is gone"))
        };
        self.origin.tasks.iter().map(|it| component(&it.component)).collect()
    }
}

impl Delegator {
    /// Goes on with what hosts ran that were killed, in the workspace of this
    /// one and as far as there is room. What can't be gone on with is reported
    /// as `unknown`. Returns how many units this host runs now.
    pub async fn go_on(&self) -> Result<usize, StoreError> {
        let parts = self.parts();
        let mut res = 0;
        if parts.limits.resume == Resume::Off || !parts.store.is_durable() {
            return Ok(res);
        }
        for (unit, dead) in parts.store.lost().await? {
            match self.go_on_one(unit, dead).await {
                Ok(is_ours) => res += usize::from(is_ours),
                // Another time, when there is room.
                Err(DelegateError::Rejected(_)) => break,
                Err(DelegateError::Store(err)) if !matches!(err, StoreError::Corrupt { .. }) => {
                    return Err(err);
                }
                Err(err) => self.give_up(unit, &err).await?,
            }
        }
        Ok(res)
    }

    /// `false` for a unit of another workspace, or one that has ended.
    async fn go_on_one(&self, unit: DelegationId, dead: HostId) -> Result<bool, DelegateError> {
        let store = &self.parts().store;
        let left = store.read(move |tables| Left::read(tables, unit, Some(dead))).await?;
        let Some(left) = left.filter(|it| it.row.record.workspace == self.parts().workspace) else {
            return Ok(false);
        };
        let times = left.past.resumed.len();
        if MOST_RESUMED <= times {
            let why = format!("its hosts were killed {} times", times.saturating_add(1));
            return Err(DelegateError::cant_go_on(&why));
        }
        let request = left.request();
        let top = self.core().top(&left.row.record.session, &request);
        let rules = self.core().rules(&top);
        let mut prepared = self.core().again(&top, left, request, &rules)?;
        // Whoever waited for it is gone: its event goes to the session.
        prepared.record.mode = Mode::Background;
        self.dispatch(prepared).await?;
        tracing::info!(%unit, "goes on where its host was killed");
        Ok(true)
    }

    async fn give_up(&self, unit: DelegationId, why: &DelegateError) -> Result<(), StoreError> {
        tracing::error!(%unit, %why, "can't be gone on with, and is reported as `unknown`");
        let parts = self.parts();
        parts.store.give_up(unit, why.to_string(), parts.clock.now()).await?;
        if let Some(row) = parts.store.read(move |tables| tables.unit(unit)).await? {
            parts.queue.offered(&row.record.session);
        }
        Ok(())
    }

    /// What the call of a child had become in an earlier run of that child.
    pub(super) async fn gone_on_with(
        &self,
        asker: &Asker,
        unit: DelegationId,
        request: Request,
    ) -> Result<GoneOn, DelegateError> {
        let left = self.parts().store.read(move |tables| {
            let ended = tables.events_of(unit)?.into_iter().find_map(|it| match it.event.body {
                EventBody::Completion(event) => Some(event),
                EventBody::Failure(_) | EventBody::Other(_) => None,
            });
            Ok((ended, Left::read(tables, unit, None)?))
        });
        Ok(match left.await? {
            (Some(event), _) => GoneOn::Ended(Box::new(Arc::unwrap_or_clone(event))),
            (None, Some(left)) => {
                let request = Request { resume: Some(Resume::On), ..request };
                let rules = self.core().rules(asker);
                GoneOn::Prepared(Box::new(self.core().again(asker, left, request, &rules)?))
            }
            (None, None) => GoneOn::Prepared(Box::new(self.core().prepare(asker, request).await?)),
        })
    }
}

impl Core {
    /// A unit as it was prepared then, decided by what holds now.
    pub(super) fn again(
        &self,
        asker: &Asker,
        left: Left,
        request: Request,
        rules: &Rules,
    ) -> Result<Prepared, DelegateError> {
        let components = left.components()?;
        let (terms, timeout) = (self.terms(&request), request.timeout);
        let (failure_notices, narrow) = (request.failure_notices, request.budget);
        let resolved = request.resolve(rules)?;
        let works = self.works_again(asker, &left, resolved.tasks, components)?;
        let is_tree = asker.budget.is_none();
        let budget = match is_tree {
            true => self.budget_again(&left, narrow),
            false => self.budget(asker, narrow),
        };
        let Left { row, origin, past, .. } = left;
        let span = asker.span.clone();
        Ok(Prepared {
            record: row.record,
            works,
            budget,
            on_capacity: OnCapacity::Queue,
            failure_notices,
            timeout,
            key: None,
            terms,
            past: Some((past, origin)),
            span,
        })
    }

    fn works_again(
        &self,
        asker: &Asker,
        left: &Left,
        plans: Vec<TaskPlan>,
        components: Vec<Binary>,
    ) -> Result<Vec<Work>, DelegateError> {
        let recorded = &left.row.record.tasks;
        if plans.len() != recorded.len() || components.len() != recorded.len() {
            return Err(DelegateError::cant_go_on("its record does not fit its request"));
        }
        let mut works = Vec::with_capacity(recorded.len());
        for ((task, component), then) in plans.into_iter().zip(components).zip(recorded) {
            let grant = task.policy.grant();
            if grant.names() != then.grant {
                let why =
                    format!("its child had {}, and would have {grant} now", then.grant.join(", "));
                return Err(DelegateError::cant_go_on(&why));
            }
            let model = self.model(asker, task.asked.model.as_deref())?;
            let (child_id, agent) = (then.child_id, then.agent.clone());
            works.push(Work {
                child_id,
                task,
                agent,
                component,
                model,
                time_used: Default::default(),
            });
        }
        Ok(works)
    }

    /// That of a tree, where it was when its host was killed.
    fn budget_again(&self, left: &Left, narrow: crate::delegation::budget::Narrow) -> Budget {
        let now = Instant::now();
        let since = now.checked_sub(left.past.time_used()).unwrap_or(now);
        let tree = Budget::new(self.parts.budget, since);
        let budget = if narrow == Default::default() { tree } else { tree.narrowed(narrow, since) };
        let children = left.row.record.tasks.len() as u64;
        let used = left.used.most(Used { children, ..Used::default() });
        for kind in Kind::ALL {
            // What is spent by now stops the children with their next call.
            let _ = budget.charge(kind, used.of(kind));
        }
        budget
    }
}
