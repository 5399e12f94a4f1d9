//! The declaration of a tool, and the id by which everything that does not
//! call it knows it.

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    fmt,
    hash::{Hash, Hasher},
    ptr,
    sync::{LazyLock, Mutex, PoisonError},
};

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    call::{Caller, ToolError},
    reading::object,
    spec::ToolSpec,
};
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

/// A tool that is known when the program is compiled.
///
/// It is implemented by the type of its arguments, so a call is a value of
/// that type, and an answer that is not of its own type does not compile.
/// The doc comment of the type is what a model reads of the tool, and those of
/// the fields what it reads of each argument.
///
/// A typed import and the JSON of the toolbox both end in [`Tool::call`].
pub trait Tool: DeserializeOwned + JsonSchema + Send + Sized + 'static {
    /// The canonical name, as in grants, events and schemas.
    const NAME: &'static str;
    /// Who may hold it.
    const HELD_BY: HeldBy = HeldBy::Anyone;
    /// What its toolset opened, to do the work with.
    type Host: Send + Sync + 'static;
    /// What it gives back.
    type Output: Output;

    /// Reads what a model wrote: a JSON object.
    ///
    /// # Errors
    ///
    /// [`ToolError::InvalidArguments`], which names the argument.
    fn from_json(arguments: &str) -> Result<Self, ToolError> {
        object(arguments)
    }

    /// Leaves out optional texts that are there and empty: components and
    /// models give what they have in every place.
    fn drop_empty(&mut self) {}

    /// Size of the texts in the arguments, in bytes, for limit and trace.
    fn bytes(&self) -> u64;

    /// What the call is about, in a few words, for a live display. Empty where
    /// it is nobody's business.
    fn subject(&self) -> &str;

    /// Does the work. Long work ends when `caller.cancelled` is set.
    fn call(
        self,
        host: &Self::Host,
        caller: &Caller,
    ) -> impl Future<Output = Result<Self::Output, ToolError>> + Send;
}

/// What a tool gives back, as a record and as the JSON of the toolbox.
pub trait Output: Serialize + Send + Sized + 'static {
    /// Size of the texts in it, in bytes, for the trace.
    fn bytes(&self) -> u64;

    /// What the toolbox answers: JSON, or a text as it stands.
    fn into_text(self) -> Result<String, ToolError> {
        serde_json::to_string(&self).map_err(|it| ToolError::Failed(it.to_string()))
    }
}

impl Output for String {
    fn bytes(&self) -> u64 {
        self.len() as u64
    }

    fn into_text(self) -> Result<String, ToolError> {
        Ok(self)
    }
}

impl<T: Output> Output for Vec<T> {
    fn bytes(&self) -> u64 {
        self.iter().map(T::bytes).sum()
    }
}

/// Size of some texts, in bytes.
pub fn texts<'a>(texts: impl IntoIterator<Item = Option<&'a String>>) -> u64 {
    texts.into_iter().flatten().map(|it| it.len() as u64).sum()
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
