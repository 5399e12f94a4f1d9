//! The agents of one host: those that the application handed over as bytes,
//! and behind them the library on disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hermitage_build::Progress;

use super::{Found, Library, PluginError};
use crate::sandbox::Binary;

/// The agents of one host.
#[derive(Default)]
pub struct Agents {
    installed: Mutex<BTreeMap<String, Binary>>,
    library: Option<Library>,
    /// Told while a component is built.
    progress: Option<Mutex<Box<dyn Progress + Send>>>,
}

/// Builds in silence, and asks nobody.
struct Quiet;

impl Progress for Quiet {
    fn say(&mut self, _: &str) {}

    fn confirm(&mut self, _: &str) -> bool {
        false
    }
}

impl Agents {
    /// No agents at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks on disk, too.
    pub fn with_library(self, library: Library, progress: Box<dyn Progress + Send>) -> Self {
        Self { library: Some(library), progress: Some(Mutex::new(progress)), ..self }
    }

    /// Takes a component under a name. It comes before the library's of that
    /// name, and replaces one that was installed before.
    pub fn install(&self, name: impl Into<String>, component: Binary) {
        self.installed().insert(name.into(), component);
    }

    /// Every name that can be asked for.
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.installed().keys().cloned().collect();
        names.extend(self.library.iter().flat_map(Library::names));
        names.into_iter().collect()
    }

    /// Whether there is something of that name, or at that path. Reads and
    /// builds nothing.
    pub fn check(&self, agent: &str) -> Result<(), PluginError> {
        if self.installed().contains_key(agent) {
            return Ok(());
        }
        match self.library.as_ref().map(|it| it.check(agent)) {
            None | Some(Err(PluginError::Unknown { .. })) => Err(self.unknown(agent)),
            Some(checked) => checked,
        }
    }

    /// Finds a component by name, or by path when the text looks like one.
    /// One that is source and stale is built meanwhile.
    pub async fn find(self: &Arc<Self>, agent: &str) -> Result<Found, PluginError> {
        if let Some(component) = self.installed().get(agent).cloned() {
            return Ok(Found { name: agent.to_owned(), component });
        }
        if self.library.is_none() {
            return Err(self.unknown(agent));
        }
        let (agents, name) = (Arc::clone(self), agent.to_owned());
        // Reading and building block.
        let found = tokio::task::spawn_blocking(move || agents.find_on_disk(&name)).await;
        found.unwrap_or_else(|_| Err(self.unknown(agent)))
    }

    /// Finds a component by name for a guest, for which nothing is built.
    pub async fn find_built(self: &Arc<Self>, agent: &str) -> Result<Found, PluginError> {
        if let Some(component) = self.installed().get(agent).cloned() {
            return Ok(Found { name: agent.to_owned(), component });
        }
        let (agents, name) = (Arc::clone(self), agent.to_owned());
        let look = move || match agents.library.as_ref().map(|it| it.find_built(&name)) {
            None | Some(Err(PluginError::Unknown { .. })) => Err(agents.unknown(&name)),
            Some(found) => found,
        };
        // Reading blocks.
        let found = tokio::task::spawn_blocking(look).await;
        found.unwrap_or_else(|_| Err(self.unknown(agent)))
    }

    fn find_on_disk(&self, agent: &str) -> Result<Found, PluginError> {
        let Some(library) = &self.library else {
            return Err(self.unknown(agent));
        };
        let found = match &self.progress {
            Some(progress) => {
                let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                library.find(agent, progress.as_mut())
            }
            None => library.find(agent, &mut Quiet),
        };
        match found {
            Err(PluginError::Unknown { .. }) => Err(self.unknown(agent)),
            found => found,
        }
    }

    fn unknown(&self, agent: &str) -> PluginError {
        PluginError::unknown(agent, self.names())
    }

    /// Held for a look only.
    fn installed(&self) -> MutexGuard<'_, BTreeMap<String, Binary>> {
        self.installed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_installed_agent_is_found_by_its_name() {
        let agents = Arc::new(Agents::new());
        agents.install("scout", Binary::new(*b"bytes"));
        let found = agents.find("scout").await.unwrap();
        assert_eq!((found.name.as_str(), found.component.bytes()), ("scout", &b"bytes"[..]));
        let err = agents.find("other").await.unwrap_err();
        assert_eq!(err.to_string(), "unknown agent `other`: known are `scout`");
    }
}
