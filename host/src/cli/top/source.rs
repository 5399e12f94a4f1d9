//! Where what is shown comes from.

use crate::{
    cli::{error::CliError, on_demand, seen, setup::Setup, stop},
    clock::{Clock as _, SystemClock},
    event::ChildResult,
    host::Listing,
    id::DelegationId,
    store::Store,
};

/// Delegations that ended, the newest of them.
const MAX_ENDED: usize = 200;

/// What there is to be seen.
#[derive(Debug)]
pub(super) struct Seen {
    /// Those that go on, and then those that ended; the newest first.
    pub(super) units: Vec<Listing>,
    /// Of the delegation that is opened.
    pub(super) results: Vec<ChildResult>,
    /// Whether it is known what children do at the moment.
    pub(super) is_live: bool,
    /// When that was.
    pub(super) now: f64,
}

/// A delegation, or one child of it by the place of its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) unit: DelegationId,
    pub(super) child: Option<usize>,
}

/// The store, and the service where one runs.
pub(super) struct Source<'a> {
    setup: &'a Setup,
    store: Store,
}

impl<'a> Source<'a> {
    pub(super) async fn open(setup: &'a Setup) -> Result<Self, CliError> {
        Ok(Self { setup, store: setup.store_to_read().await? })
    }

    /// What is there now, with the results of the delegation that is opened.
    pub(super) async fn read(&self, opened: Option<DelegationId>) -> Result<Seen, CliError> {
        let now = SystemClock.now();
        // A host that died since leaves units that only look as if they ran.
        // Where nothing can be written, they are shown as they are.
        let _ = self.store.recover(now, self.setup.leave()).await;
        let rows = self.store.read(|tables| tables.units(MAX_ENDED)).await?;
        let mut units: Vec<_> = rows.iter().map(|it| Listing::of_row(it, now)).collect();
        seen::by_the_service(self.setup, &mut units).await;
        let is_live = on_demand::running(self.setup).await.is_some();
        let opened = rows.into_iter().find(|it| Some(it.record.id) == opened);
        let results = opened.map(|it| it.results).unwrap_or_default();
        // The service has looked since: nothing takes longer than it is ago.
        let now = SystemClock.now();
        Ok(Seen { now, ..Seen::new(units, results, is_live) })
    }

    /// Asks it to stop. Says what came of that.
    pub(super) async fn stop(&self, target: Target) -> String {
        let asked = match target.child {
            Some(task) => stop::one(self.setup, target.unit, task, None).await,
            None => stop::whole(&self.store, target.unit, None).await,
        };
        asked.map_or_else(|err| err.text(), |()| "asked to stop".to_owned())
    }
}

impl Seen {
    pub(super) fn new(mut units: Vec<Listing>, results: Vec<ChildResult>, is_live: bool) -> Self {
        units.sort_by(|a, b| {
            let has_ended = |it: &Listing| it.completed_at.is_some();
            let newest = b.dispatched_at.total_cmp(&a.dispatched_at);
            has_ended(a).cmp(&has_ended(b)).then(newest)
        });
        Self { units, results, is_live, now: 0.0 }
    }
}
