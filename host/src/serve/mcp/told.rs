//! What a parent was told with its last results, until it calls again.
//!
//! A completion that nobody waits for rides on the next result of any tool, and
//! is acknowledged when a later call shows that the parent is still there. A
//! parent that never calls again leaves it in the queue: its lease ends.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{id::DelegationId, serve::wire::Settle, session::Session};

/// Completions that are remembered for all parents. Bounds what parents keep in
/// memory that never call again; beyond it they are acknowledged at once.
const MAX_REMEMBERED: usize = 4_096;

/// Something that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// All that a delegation told, by its results.
    Delegation(DelegationId),
    /// An event that was claimed.
    Event(u64, Settle),
}

/// What all parents of a service were told, by their whole sessions: the names
/// that two tokens give theirs may be the same.
#[derive(Debug, Default)]
pub(in crate::serve) struct Told(Mutex<HashMap<Session, Heard>>);

/// What one parent was told, and what it waits for.
#[derive(Debug, Default)]
struct Heard {
    items: Vec<Item>,
    waited: HashMap<DelegationId, usize>,
}

impl Told {
    /// Remembers it; `false` when there is no room.
    pub(super) fn remember(&self, session: &Session, item: Item) -> bool {
        let mut heard = self.heard();
        if heard.values().map(|it| it.items.len()).sum::<usize>() >= MAX_REMEMBERED {
            return false;
        }
        let of = heard.entry(session.clone()).or_default();
        if !of.items.contains(&item) {
            of.items.push(item);
        }
        true
    }

    /// What a parent was told before the call that asks, once.
    pub(super) fn take(&self, session: &Session) -> Vec<Item> {
        let mut heard = self.heard();
        let res = heard.get_mut(session).map(|it| std::mem::take(&mut it.items));
        heard.retain(|_, it| !it.items.is_empty() || !it.waited.is_empty());
        res.unwrap_or_default()
    }

    /// What all of them were told.
    pub(in crate::serve) fn sessions(&self) -> Vec<Session> {
        self.heard().keys().cloned().collect()
    }

    /// Whether a call of that parent is about to tell of a delegation, or has
    /// told: then it does not ride on another result.
    pub(super) fn is_spoken_for(&self, session: &Session, id: DelegationId) -> bool {
        let told = Item::Delegation(id);
        let heard = self.heard();
        heard.get(session).is_some_and(|it| it.waited.contains_key(&id) || it.items.contains(&told))
    }

    /// A call of that parent waits for it, until the guard is dropped.
    pub(super) fn waits<'a>(&'a self, session: &'a Session, id: DelegationId) -> Waits<'a> {
        let mut heard = self.heard();
        let count = heard.entry(session.clone()).or_default().waited.entry(id).or_default();
        *count = count.saturating_add(1);
        Waits { told: self, session, id }
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<Session, Heard>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that waits.
pub(super) struct Waits<'a> {
    told: &'a Told,
    session: &'a Session,
    id: DelegationId,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut heard = self.told.heard();
        let Some(of) = heard.get_mut(self.session) else { return };
        if let Some(count) = of.waited.get_mut(&self.id) {
            *count = count.saturating_sub(1);
        }
        of.waited.retain(|_, count| *count > 0);
        if of.items.is_empty() && of.waited.is_empty() {
            heard.remove(self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::OsRandom;

    fn id() -> DelegationId {
        DelegationId::new(&OsRandom)
    }

    fn session(name: &str) -> Session {
        format!("agent:main:mcp:stdio:{name}").parse().unwrap()
    }

    #[test]
    fn what_was_told_is_taken_once_and_by_its_own_parent_alone() {
        let (told, id, a, b) = (Told::default(), id(), &session("a"), &session("b"));
        assert!(told.remember(a, Item::Delegation(id)));
        assert!(told.remember(a, Item::Delegation(id)), "it is the same");
        assert!(told.is_spoken_for(a, id) && !told.is_spoken_for(b, id));
        assert_eq!(told.take(b), []);
        assert_eq!(told.take(a), [Item::Delegation(id)]);
        assert_eq!(told.take(a), []);
        assert!(told.sessions().is_empty(), "nothing is left of either");
    }

    #[test]
    fn what_is_waited_for_is_spoken_for_until_the_last_has_left() {
        let (told, id, a, b) = (Told::default(), id(), &session("a"), &session("b"));
        let (one, two) = (told.waits(a, id), told.waits(a, id));
        drop(one);
        assert!(told.is_spoken_for(a, id) && !told.is_spoken_for(b, id));
        drop(two);
        assert!(!told.is_spoken_for(a, id) && told.sessions().is_empty());
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let told = Told::default();
        let (a, event) = (&session("a"), |id| Item::Event(id, Settle::default()));
        let other = |it| session(&format!("s{it}"));
        assert!((0..MAX_REMEMBERED as u64).all(|it| told.remember(&other(it), event(it))));
        assert!(!told.remember(a, event(9)));
        told.take(&other(0));
        assert!(told.remember(a, event(9)));
    }
}
