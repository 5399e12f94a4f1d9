//! A host: what an application embeds.
//!
//! Everything is durable by default: units and events are in the store before
//! a call returns, and what a host that was killed left behind is reported by
//! the next one.

mod answer;
mod builder;
mod error;
mod given;
mod listing;
mod models;
mod offer;
mod own;
mod parent;
mod tool_listing;

use std::sync::Arc;

use tokio::sync::broadcast;

#[cfg(feature = "cli")]
pub(crate) use self::offer::{check_server, look_at_server, terminal_in};
#[cfg(feature = "cli")]
pub(crate) use self::own::cluster_key;
pub use self::{
    answer::{Answer, Reply},
    builder::{Builder, default_store},
    error::BuildError,
    listing::{ChildListing, Listing},
    models::models,
    parent::Parent,
    tool_listing::ToolListing,
};
use crate::{
    clock::Clock,
    completion::{Deliveries, Queue},
    delegation::{
        ChildError, ChildLog, DelegateError, Delegator, Dispatched, NotLoaded, Prepared, Replay,
        Replayed, Request, Update,
    },
    id::DelegationId,
    plugin::{Agents, PluginError},
    sandbox::{Binary, Sandbox, Usage},
    session::Session,
    store::{ClaimFilter, Interruption, Recovered, Store, StoreError, ToStop},
    toolset::Registry,
    unit::UnitRecord,
};

/// A running host. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    delegator: Delegator,
    /// The tools of parents: those of children, and what the application does
    /// itself.
    of_parents: Registry,
    recovered: Recovered,
}

impl Host {
    /// Starts from the defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Delegates for a session. In the background it returns as soon as the
    /// unit is recorded; in the foreground with its results. Dropping the
    /// future stops children in the foreground, and none in the background.
    pub async fn delegate(
        &self,
        session: &Session,
        request: Request,
    ) -> Result<Answer, DelegateError> {
        let prepared = self.prepare(session, request).await?;
        match self.dispatch(prepared).await? {
            Dispatched::Background(handle) => Ok(Answer::dispatched(&handle.record)),
            Dispatched::Foreground(mut running) => match running.wait().await {
                Some(event) => Ok(Answer::Finished(Box::new(event))),
                None => Err(StoreError::Closed.into()),
            },
        }
    }

    /// The first half of [`Host::delegate`]: checks everything, finds every
    /// component, starts nothing.
    pub async fn prepare(
        &self,
        session: &Session,
        request: Request,
    ) -> Result<Prepared, DelegateError> {
        self.0.delegator.prepare(session, request).await
    }

    /// Whether a request can be taken, as far as that can be told while no
    /// component is read or built.
    pub fn check(&self, session: &Session, request: &Request) -> Result<(), DelegateError> {
        self.0.delegator.check(session, request)
    }

    /// Compiles the components of a request, so that one which is none is known
    /// before any child starts. The error has the place of its task, from 0.
    pub async fn load(&self, prepared: &mut Prepared) -> Result<(), (usize, NotLoaded)> {
        self.0.delegator.load(prepared).await
    }

    /// The second half: what comes back can be watched while it runs.
    pub async fn dispatch(&self, prepared: Prepared) -> Result<Dispatched, DelegateError> {
        self.0.delegator.dispatch(prepared).await
    }

    /// The events for a session, one after the other, as they come. Each is
    /// to be acknowledged when it was applied; until then it is not over. To
    /// keep a completion out of a running turn, ask for the next one when the
    /// session is idle.
    pub fn completions(&self, session: &Session) -> Deliveries {
        let filter = ClaimFilter::of(session.clone());
        self.queue().deliveries(filter)
    }

    /// The queue that all sessions and producers share.
    pub fn queue(&self) -> &Queue {
        &self.0.delegator.parts().queue
    }

    /// News of every delegation from now on, for a display. A subscriber that
    /// is too slow is told how many it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Update> {
        self.0.delegator.subscribe()
    }

    /// What runs, of every host on this store, and the newest that ended.
    pub async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let parts = self.0.delegator.parts();
        let ended = parts.limits.retained_records;
        let rows = parts.store.read(move |tables| tables.units(ended)).await?;
        let running = self.0.delegator.running().await;
        Ok(Listing::all(rows, running, parts.clock.now()))
    }

    /// Asks one delegation to stop: its children may still return what they
    /// have, until the grace is over. One that another host on this store runs
    /// is stopped by that one, within moments. `false` when it does not run.
    /// The results of its children say why.
    pub async fn interrupt(&self, id: DelegationId, reason: Option<&str>) -> bool {
        match self.0.delegator.interrupt(id, reason).await {
            0 => self.0.ask_elsewhere(ToStop::Unit(id), reason).await > 0,
            _ => true,
        }
    }

    /// Asks one child of a delegation of this host to stop, as
    /// [`Host::interrupt`] asks all of them: it has its grace, its result says
    /// why, and its siblings go on. `task_index` is the place of its task,
    /// from 0.
    pub async fn stop_child(
        &self,
        id: DelegationId,
        task_index: usize,
        reason: Option<&str>,
    ) -> Result<(), ChildError> {
        self.0.delegator.stop_child(id, task_index, reason).await
    }

    /// Tells one child of a delegation of this host something while it works,
    /// by the place of its task from 0: its model reads it with its next call,
    /// and in every one after that. A child that ends without another call has
    /// not read it, which the log in its result says.
    pub async fn steer(
        &self,
        id: DelegationId,
        task_index: usize,
        text: &str,
    ) -> Result<(), ChildError> {
        self.0.delegator.steer(id, task_index, text).await
    }

    /// Asks for what follows on a task that ended, by its place from 0: a new
    /// child with its agent, tools, role and model, which is told the task, the
    /// report and the new words. In the background, until it is changed; then
    /// it is delegated like any other ([`Host::delegate`]). Refused while the
    /// child runs, since that can be steered.
    pub async fn follow_up(
        &self,
        id: DelegationId,
        task_index: usize,
        words: &str,
    ) -> Result<Request, ChildError> {
        self.0.delegator.follow_up(id, task_index, words).await
    }

    /// What a child wrote into its log: so far, of a child of this host, and
    /// in all of one that ended. `task_index` is the place of its task, from 0.
    pub async fn log(&self, id: DelegationId, task_index: usize) -> Result<ChildLog, ChildError> {
        self.0.delegator.log(id, task_index).await
    }

    /// Runs a child again, by the place of its task from 0: with everything that
    /// it was told, and without anything being done. The record of that is kept
    /// where `delegation.resume` is `on`, as long as the delegation is listed.
    pub async fn replay(
        &self,
        id: DelegationId,
        task_index: usize,
        replay: Replay,
    ) -> Result<Replayed, DelegateError> {
        self.0.delegator.replay(id, task_index, replay).await
    }

    /// Asks every delegation of a session to stop, also those that other hosts
    /// on this store run. Returns how many there were.
    pub async fn interrupt_session(&self, session: &Session, reason: &str) -> usize {
        let here = self.0.delegator.interrupt_session(session, Some(reason)).await;
        let elsewhere = self.0.ask_elsewhere(ToStop::Of(session.clone()), Some(reason)).await;
        here.saturating_add(elsewhere)
    }

    /// Asks every delegation of this host to stop. Returns how many there
    /// were.
    pub async fn interrupt_all(&self, reason: &str) -> usize {
        self.0.delegator.interrupt_all(Some(reason.to_owned())).await
    }

    /// New calls fail with "paused"; what runs goes on.
    pub fn pause(&self) {
        self.0.delegator.pause(true);
    }

    /// Takes calls again.
    pub fn resume(&self) {
        self.0.delegator.pause(false);
    }

    /// Takes no calls any more, asks everything to stop, and returns when the
    /// last end is on disk: within the grace of the children. A long child
    /// never keeps the process alive.
    pub async fn shutdown(&self) {
        self.0.delegator.close(Some("the host is shutting down".to_owned())).await;
    }

    /// The tools of a parent that is part of the application: all that there
    /// are, `delegate_task` among them.
    pub fn parent(&self, session: &Session) -> Parent {
        Parent::new(self.clone(), session.clone())
    }

    /// What a host before this one left behind, as it was settled at the
    /// start.
    pub fn recovered(&self) -> &Recovered {
        &self.0.recovered
    }

    /// Delegations whose host was killed, and that can be gone on with: a host
    /// that is built on their workspace does, unless it leaves them
    /// ([`Builder::leaves_the_lost`]).
    pub async fn lost(&self) -> Result<Vec<UnitRecord>, StoreError> {
        let store = self.store();
        let lost = store.lost().await?;
        let rows = store.read(move |tables| {
            lost.into_iter().map(|(unit, _)| tables.unit(unit)).collect::<Result<Vec<_>, _>>()
        });
        Ok(rows.await?.into_iter().flatten().map(|it| it.record).collect())
    }

    /// The tools that there are, and who brings each; those as well that this
    /// host has not, with the reason.
    pub fn tools(&self) -> Vec<ToolListing> {
        tool_listing::all(&self.0.delegator.parts().tools)
    }

    /// The agents, to add to them.
    pub fn agents(&self) -> &Arc<Agents> {
        &self.0.delegator.parts().agents
    }

    /// Takes a component under a name.
    pub fn install(&self, name: impl Into<String>, component: Binary) {
        self.agents().install(name, component);
    }

    /// Finds agents and compiles them, so that the first child of each starts
    /// at once. One that the sandbox refuses is left to its first child, whose
    /// result says why.
    pub async fn warm_up(&self, agents: &[&str]) -> Result<(), PluginError> {
        for agent in agents {
            let found = self.agents().find(agent).await?;
            let _ = self.sandbox().load(&found.component).await;
        }
        Ok(())
    }

    /// The sandbox that the children run in.
    pub fn sandbox(&self) -> &Arc<Sandbox> {
        &self.0.delegator.parts().sandbox
    }

    /// What is in use now.
    pub fn usage(&self) -> Usage {
        self.sandbox().usage()
    }

    /// Whether ends of delegations are in memory alone, since the store takes no
    /// writes: they are lost with this process, and told as `unknown` then.
    pub fn is_behind(&self) -> bool {
        self.0.delegator.is_behind()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.delegator.parts().store
    }

    /// The clock of its events.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.delegator.parts().clock
    }

    pub(crate) fn delegator(&self) -> &Delegator {
        &self.0.delegator
    }

    fn of_parents(&self) -> &Registry {
        &self.0.of_parents
    }
}

impl Inner {
    /// Leaves word for the other hosts on the store. Returns how many units
    /// are meant.
    async fn ask_elsewhere(&self, what: ToStop, reason: Option<&str>) -> usize {
        let store = &self.delegator.parts().store;
        let (host, reason) = (store.host(), reason.map(str::to_owned));
        let ask = store.run(move |tables| tables.ask_to_stop(&what, host, reason.as_deref()));
        ask.await.unwrap_or_else(|err| {
            tracing::warn!(%err, "other hosts were not asked to stop");
            0
        })
    }

    /// Stops what hosts of other processes asked this one to stop.
    async fn hear(&self) -> Result<(), StoreError> {
        let store = &self.delegator.parts().store;
        let host = store.host();
        let asked = store.read(move |tables| tables.asked_to_stop(host)).await?;
        if asked.is_empty() {
            return Ok(());
        }
        let mut heard = Vec::new();
        for Interruption { unit, reason } in asked {
            // Another host on this store may run it, and is asked, too.
            if self.delegator.interrupt(unit, reason.as_deref()).await > 0 {
                heard.push(unit);
            }
        }
        store.run(move |tables| tables.heard(&heard)).await
    }
}
