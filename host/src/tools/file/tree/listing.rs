//! The names in a directory, a few at a time.

use std::{path::PathBuf, sync::Mutex};

use cap_std::fs::{Dir, ReadDir};
use rustix::{
    fs::{AtFlags, statat},
    io::Errno,
};
use tokio::sync::OwnedSemaphorePermit;

use super::{error::TreeError, scope::Scope, stat::NodeKind};
use crate::tools::file::write::is_temporary;

/// A listing under way. What is hidden is left out, and so is a name that is
/// no text.
#[derive(Debug)]
pub struct Listing {
    scope: Scope,
    real: PathBuf,
    dir: Dir,
    entries: Mutex<ReadDir>,
    _slot: OwnedSemaphorePermit,
}

impl Listing {
    pub(super) fn new(
        scope: &Scope,
        real: PathBuf,
        dir: Dir,
        slot: OwnedSemaphorePermit,
    ) -> Result<Self, TreeError> {
        let entries = Mutex::new(dir.entries()?);
        Ok(Self { scope: scope.clone(), real, dir, entries, _slot: slot })
    }

    /// Up to `max` names and what they stand for; none at the end.
    ///
    /// # Errors
    ///
    /// When the operating system fails.
    pub fn next(&self, max: usize) -> Result<Vec<(String, NodeKind)>, TreeError> {
        let mut entries = self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut found = Vec::new();
        while found.len() < max
            && let Some(entry) = entries.next()
        {
            if let Ok(name) = entry?.file_name().into_string() {
                found.extend(self.kind(&name)?.map(|kind| (name, kind)));
            }
        }
        Ok(found)
    }

    /// `None` for what is not listed, or gone meanwhile.
    fn kind(&self, name: &str) -> Result<Option<NodeKind>, TreeError> {
        if is_temporary(name) || self.scope.is_hidden(&self.real.join(name)) {
            return Ok(None);
        }
        let stat = match statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            stat => stat?,
        };
        let is_own = self.scope.shared.workspace.check_own(&stat).is_err();
        Ok((!is_own).then(|| NodeKind::of(&stat)))
    }
}
