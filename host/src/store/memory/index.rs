//! What is found otherwise than by its key: every look for an event or a unit
//! that is a step of each delegation. With a hundred thousand of them, a scan
//! would be the dearest of all steps.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
};

use super::{Event, Interruption, Unit, keys::Key, rows::Indexed};
use crate::{id::DelegationId, session::Session, store::EventId};

/// Ids below a key; no key is kept without one.
#[derive(Debug)]
pub(super) struct Groups<K, I>(HashMap<K, BTreeSet<I>>);

impl<K, I> Default for Groups<K, I> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq + Clone, I: Ord + Copy> Groups<K, I> {
    fn add(&mut self, key: &K, id: I) {
        match self.0.get_mut(key) {
            Some(ids) => {
                ids.insert(id);
            }
            None => {
                self.0.insert(key.clone(), BTreeSet::from([id]));
            }
        }
    }

    fn remove(&mut self, key: &K, id: I) {
        if let Some(ids) = self.0.get_mut(key) {
            ids.remove(&id);
            if ids.is_empty() {
                self.0.remove(key);
            }
        }
    }

    /// In ascending order.
    pub(super) fn of(&self, key: &K) -> impl Iterator<Item = I> + use<'_, K, I> {
        self.0.get(key).into_iter().flatten().copied()
    }
}

#[derive(Debug, Default)]
pub(super) struct EventIndex {
    /// Identities repeat between types and sessions at most.
    pub(super) by_dedup: Groups<String, EventId>,
    pub(super) by_unit: Groups<DelegationId, EventId>,
    /// Neither acknowledged nor dead.
    pub(super) waiting: Groups<Session, EventId>,
    /// Acknowledged, and of no unit.
    pub(super) others_acked: BTreeSet<EventId>,
}

impl Indexed for Event {
    type Index = EventIndex;

    fn add_to(&self, index: &mut EventIndex) {
        let id = self.row.id;
        index.by_dedup.add(&self.row.event.dedup, id);
        if let Some(unit) = &self.unit {
            index.by_unit.add(unit, id);
        } else if self.is_acked() {
            index.others_acked.insert(id);
        }
        if self.due().is_some() {
            index.waiting.add(&self.row.event.session, id);
        }
    }

    fn remove_from(&self, index: &mut EventIndex) {
        let id = self.row.id;
        index.by_dedup.remove(&self.row.event.dedup, id);
        if let Some(unit) = &self.unit {
            index.by_unit.remove(unit, id);
        } else if self.is_acked() {
            index.others_acked.remove(&id);
        }
        if self.due().is_some() {
            index.waiting.remove(&self.row.event.session, id);
        }
    }
}

/// Where a unit that ended stands among the others: by its end, and then by
/// its dispatch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EndedAt(f64, u64, pub(super) DelegationId);

impl Eq for EndedAt {}

impl PartialOrd for EndedAt {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EndedAt {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1)).then(self.2.cmp(&other.2))
    }
}

#[derive(Debug, Default)]
pub(super) struct UnitIndex {
    /// In the order of dispatch.
    pub(super) running: BTreeMap<u64, DelegationId>,
    /// Those that a session asked for.
    pub(super) ended: BTreeSet<EndedAt>,
    /// Of these, the ones whose events are all acknowledged.
    pub(super) closed: BTreeSet<EndedAt>,
    /// In the order of dispatch.
    pub(super) below: Groups<DelegationId, (u64, DelegationId)>,
}

impl Unit {
    fn ended_at(&self) -> Option<EndedAt> {
        let (_, at) = self.ended.filter(|_| self.record.parent.is_none())?;
        Some(EndedAt(at, self.place, self.record.id))
    }
}

impl Indexed for Unit {
    type Index = UnitIndex;

    fn add_to(&self, index: &mut UnitIndex) {
        let id = self.record.id;
        if self.ended.is_none() {
            index.running.insert(self.place, id);
        }
        if let Some(at) = self.ended_at() {
            index.ended.insert(at);
            if self.is_closed {
                index.closed.insert(at);
            }
        }
        if let Some(parent) = &self.record.parent {
            index.below.add(parent, (self.place, id));
        }
    }

    fn remove_from(&self, index: &mut UnitIndex) {
        let id = self.record.id;
        index.running.remove(&self.place);
        if let Some(at) = self.ended_at() {
            index.ended.remove(&at);
            index.closed.remove(&at);
        }
        if let Some(parent) = &self.record.parent {
            index.below.remove(parent, (self.place, id));
        }
    }
}

macro_rules! without_index {
    ($($row:ty),+) => {$(
        impl Indexed for $row {
            type Index = ();

            fn add_to(&self, (): &mut ()) {}

            fn remove_from(&self, (): &mut ()) {}
        }
    )+};
}

without_index!(String, Interruption, Key);
