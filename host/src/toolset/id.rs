//! The id by which everything that does not call a tool knows it.

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    fmt,
    hash::{Hash, Hasher},
    ptr,
    sync::{LazyLock, Mutex, PoisonError},
};

use super::spec::ToolSpec;
use crate::event::Role;

/// Who may hold a tool (SEMANTICS.md §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeldBy {
    /// Whoever is granted it.
    Anyone,
    /// The parent alone: no child is granted it, whatever the configuration
    /// says.
    Parent,
    /// The parent, and an orchestrator whose parent holds it.
    Orchestrator,
}

/// What a call may have done of which nobody saw the end, and so what a child
/// that goes on after its host was killed is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Nothing that anybody would notice: it is made again.
    None,
    /// Something that must not be done twice: the child is told that nobody
    /// knows.
    #[default]
    Once,
    /// It started what goes on by itself, and is gone on with.
    GoesOn,
}

/// What is known of a tool by name, whoever brings it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Place in the catalogue; tools from elsewhere come after it.
    pub(super) place: usize,
    pub(super) spec: ToolSpec,
    /// The smallest toolset that holds it.
    pub(super) toolset: String,
    pub(super) held_by: HeldBy,
    pub(super) effect: Effect,
}

impl Identity {
    /// Place of a tool that is in no catalogue.
    pub(super) const LAST: usize = usize::MAX;
}

/// A tool in a grant: a small copy, compared by where it lies.
///
/// What is interned stays for the life of the process, which is bounded by
/// what a program brings along and an application registers; the same
/// description is kept once, in however many registries it is.
#[derive(Clone, Copy)]
pub struct ToolId(&'static Identity);

impl ToolId {
    pub(super) fn intern(identity: Identity) -> Self {
        static INTERNED: LazyLock<Mutex<BTreeSet<&'static Identity>>> =
            LazyLock::new(Mutex::default);
        // A panic while the lock is held leaves nothing half done.
        let mut interned = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = interned.get(&identity) {
            return Self(found);
        }
        let identity: &'static Identity = Box::leak(Box::new(identity));
        interned.insert(identity);
        Self(identity)
    }

    /// The same tool in other words: not equal to it.
    pub(super) fn described(self, spec: ToolSpec) -> Self {
        Self::intern(Identity { spec, ..self.0.clone() })
    }

    /// The canonical name, as in grants, events and schemas.
    pub fn name(self) -> &'static str {
        &self.0.spec.name
    }

    /// What a model reads of it.
    pub fn spec(self) -> &'static ToolSpec {
        &self.0.spec
    }

    /// Name of the smallest toolset that holds it.
    pub fn toolset(self) -> &'static str {
        &self.0.toolset
    }

    /// Who may hold it.
    pub fn held_by(self) -> HeldBy {
        self.0.held_by
    }

    /// What a call may have done of which nobody saw the end.
    pub fn effect(self) -> Effect {
        self.0.effect
    }

    /// Whether it is the parent's own: no child is granted it, but for an
    /// orchestrator the one that it regains.
    pub fn is_parents_own(self) -> bool {
        self.held_by() != HeldBy::Anyone
    }

    /// Whether a child of that role regains it, as far as its parent holds it.
    pub fn is_regained_by(self, role: Role) -> bool {
        self.held_by() == HeldBy::Orchestrator && role == Role::Orchestrator
    }
}

impl PartialEq for ToolId {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0, other.0)
    }
}

impl Eq for ToolId {}

impl Hash for ToolId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(self.0, state);
    }
}

/// In the order of the catalogue, then by name.
impl Ord for ToolId {
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other { Ordering::Equal } else { self.0.cmp(other.0) }
    }
}

impl PartialOrd for ToolId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ToolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tells apart tools of one name: the digest of a policy is taken of it.
impl fmt::Debug for ToolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ToolSpec { name, description, parameters } = self.spec();
        match self.0.place {
            Identity::LAST => write!(f, "{name}({description:?}, {parameters:?})"),
            _ => f.write_str(name),
        }
    }
}
