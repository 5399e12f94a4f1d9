//! What the person's own git obeys in a workspace is what it was before a
//! command ran.
//!
//! Git runs programs that files of a repository name, and a command can write
//! in the workspace whatever it likes. So before a command it is noted what
//! git obeys there ([`snapshot`]), and when nothing of the command is left it
//! is looked at again: what was changed is put back, what is new is reduced to
//! what does no harm or set aside ([`verdict`], [`mend`]), and the answer says
//! so. What a command wrote is never lost: it is beside, under a longer name.
//!
//! Every path is relative to the workspace and opened below one held handle,
//! without following a link: commands of other children may go on meanwhile.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

mod mend;
mod root;
mod snapshot;
mod tree;
mod verdict;

use mend::mend;
use root::Root;
use snapshot::Snapshot;
use tree::Tree;
use verdict::verdicts;

/// How often it is looked again whether all is well, when commands of others
/// write meanwhile. They are checked themselves when they end.
const MAX_ROUNDS: usize = 3;

/// Things that an answer tells.
const MAX_TOLD: usize = 20;

/// The guard of one workspace.
pub(super) struct Guard {
    root: Root,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tree: Tree,
    /// What git may obey.
    trusted: Snapshot,
    /// Repositories that commands made, and pointers to them: what they write
    /// there later is taken for new as well.
    made: BTreeSet<PathBuf>,
    /// Commands that have not been checked yet.
    running: usize,
}

/// Held by a command while it runs.
pub(super) struct Watch {
    guard: Arc<Guard>,
    ended: bool,
}

impl Guard {
    /// Of a workspace by its real path, which commands see as `shown`.
    pub(super) fn new(workspace: &Path, shown: PathBuf) -> io::Result<Self> {
        let root = Root::open(workspace, shown)?;
        Ok(Self { root, state: Mutex::default() })
    }

    /// Before a command. What changed since the last one is the person's
    /// doing, unless another command runs. Blocks.
    pub(super) fn begin(self: &Arc<Self>) -> Watch {
        let mut state = self.lock();
        if state.running == 0 {
            let State { tree, trusted, made, .. } = &mut *state;
            tree.refresh(&self.root);
            let now = Snapshot::trusted(&self.root, tree, trusted);
            // What the person has touched since is theirs.
            made.retain(|it| now.holds_the_same(it, trusted));
            *trusted = now;
        }
        state.running += 1;
        Watch { guard: Arc::clone(self), ended: false }
    }

    /// After a command. Gives what was done about it.
    fn end(&self) -> Vec<String> {
        let mut state = self.lock();
        state.running = state.running.saturating_sub(1);
        let State { tree, trusted, made, .. } = &mut *state;
        let mut told = Vec::new();
        for _ in 0..MAX_ROUNDS {
            told.extend(tree.refresh(&self.root));
            let now = Snapshot::after(&self.root, tree, trusted);
            told.extend(now.unseen());
            let verdicts = verdicts(trusted, &now, made, &self.root);
            if verdicts.is_empty() {
                made.extend(now.owners_beyond(trusted));
                *trusted = now;
                break;
            }
            for it in verdicts {
                told.push(mend(&self.root, &it));
            }
        }
        told.dedup();
        told.iter().for_each(|it| tracing::warn!("after a command: {it}"));
        if told.len() > MAX_TOLD {
            let more = told.len() - MAX_TOLD;
            told.truncate(MAX_TOLD);
            told.push(format!("and {more} more, which the host's log has"));
        }
        told
    }

    /// A panic while it is locked leaves a state that is looked at anew.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// When nothing of the command is left. Blocks.
    pub(super) fn end(mut self) -> Vec<String> {
        self.ended = true;
        self.guard.end()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ended {
            self.guard.end();
        }
    }
}
