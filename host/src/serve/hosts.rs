//! The hosts of a service, one for each workspace.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use crate::{
    completion::Queue,
    delegation::RunningUnit,
    host::Host,
    store::{Store, StoreError},
};

/// Hosts at once. Each has its tools open, and a caller names workspaces.
const MAX_HOSTS: usize = 32;

/// Opens hosts. The service knows no configuration: whoever starts it does.
pub trait OpenHost: Send + Sync {
    /// A host on that workspace, which is absolute: beside the one that the
    /// service began with ([`Builder::beside`](crate::Builder::beside)), if it
    /// is another.
    fn open<'a>(
        &'a self,
        workspace: &'a Path,
        beside: Option<&'a Host>,
    ) -> BoxFuture<'a, Result<Host, OpenError>>;
}

/// Why a host can't be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OpenError {
    /// What is wrong, and with what.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl From<StoreError> for OpenError {
    fn from(it: StoreError) -> Self {
        Self { message: it.to_string(), hint: None }
    }
}

/// Hosts by their workspaces. Each of them lists, stops and steers what any of
/// them runs.
pub(super) struct Hosts {
    opener: Box<dyn OpenHost>,
    /// Where a delegation works that names no workspace, and the host there.
    workspace: PathBuf,
    own: Host,
    others: Mutex<BTreeMap<PathBuf, Arc<OnceCell<Host>>>>,
}

impl Hosts {
    /// Opens the one of the service's own workspace.
    pub(super) async fn open(
        opener: Box<dyn OpenHost>,
        workspace: PathBuf,
    ) -> Result<Self, OpenError> {
        let own = opener.open(&workspace, None).await?;
        Ok(Self { opener, workspace, own, others: Mutex::default() })
    }

    /// The one of the service's own workspace.
    pub(super) fn own(&self) -> &Host {
        &self.own
    }

    pub(super) fn store(&self) -> &Store {
        self.own.store()
    }

    /// Epoch seconds, by the clock of its events.
    pub(super) fn now(&self) -> f64 {
        self.own.clock().now()
    }

    pub(super) fn queue(&self) -> &Queue {
        self.own.queue()
    }

    /// Where a delegation works that names no workspace.
    pub(super) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// That of a workspace, opened when it is first asked for.
    pub(super) async fn at(&self, workspace: &Path) -> Result<Host, OpenError> {
        if workspace == self.workspace {
            return Ok(self.own.clone());
        }
        let place = self.place(workspace).await?;
        let opened = place.get_or_try_init(|| self.opener.open(workspace, Some(&self.own)));
        opened.await.cloned()
    }

    async fn place(&self, workspace: &Path) -> Result<Arc<OnceCell<Host>>, OpenError> {
        let running = self.running().await;
        let mut others = self.others();
        if others.len() >= MAX_HOSTS && !others.contains_key(workspace) {
            let works = |it: &PathBuf| running.iter().any(|unit| is_in(unit, it));
            // One that is about to be opened is opened once more at worst.
            let at_rest = others.keys().find(|it| !works(it)).cloned().ok_or_else(full)?;
            others.remove(&at_rest);
        }
        Ok(Arc::clone(others.entry(workspace.to_owned()).or_default()))
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Host> {
        let others = self.others();
        others.values().filter_map(|it| it.get()).chain([&self.own]).cloned().collect()
    }

    /// What runs in any of them.
    pub(super) async fn running(&self) -> Vec<RunningUnit> {
        self.own.delegator().running().await
    }

    fn others(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<OnceCell<Host>>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_in(unit: &RunningUnit, workspace: &Path) -> bool {
    unit.record.workspace.as_deref().map(Path::new) == Some(workspace)
}

fn full() -> OpenError {
    let message = format!("delegations run in {MAX_HOSTS} workspaces, which is all there may be");
    OpenError { message, hint: Some("wait until one of them has ended".to_owned()) }
}
