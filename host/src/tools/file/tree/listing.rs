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

/// Names that are looked at for one answer: bounds how long a directory full of
/// hidden ones takes before a stop is noticed.
const MAX_LOOKED_AT: usize = 1_000;

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

    /// Up to `max` names and what they stand for, perhaps none; `None` at the
    /// end.
    ///
    /// # Errors
    ///
    /// When the operating system fails.
    pub fn next(&self, max: usize) -> Result<Option<Vec<(String, NodeKind)>>, TreeError> {
        let mut entries = self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (mut found, mut looked_at) = (Vec::new(), 0);
        for entry in entries.by_ref().take(MAX_LOOKED_AT) {
            looked_at += 1;
            if let Ok(name) = entry?.file_name().into_string() {
                found.extend(self.kind(&name)?.map(|kind| (name, kind)));
            }
            if found.len() >= max {
                break;
            }
        }
        Ok((looked_at > 0).then_some(found))
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
