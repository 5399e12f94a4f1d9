//! Keys of requests.

use super::Memory;
use crate::{
    id::DelegationId,
    session::Session,
    store::keys::{Keyed, RequestKey, oldest},
};

#[derive(Clone, Debug)]
pub(super) struct Key {
    /// Ascending in the order in which they came.
    place: u64,
    keyed: Keyed,
    created_at: f64,
}

impl Memory {
    pub(super) fn find_key(&self, session: &Session, key: &str, now: f64) -> Option<Keyed> {
        let found = self.keys.get(&(session.to_string(), key.to_owned()))?;
        (oldest(now) <= found.created_at).then(|| found.keyed.clone())
    }

    pub(super) fn add_key(
        &mut self,
        session: &Session,
        key: &RequestKey,
        unit: DelegationId,
        now: f64,
    ) {
        let newest = self.keys.values().map(|it| it.place).max().unwrap_or_default();
        let place = newest.saturating_add(1);
        let keyed = Keyed { unit, digest: key.digest.clone() };
        let row = Key { place, keyed, created_at: now };
        self.keys.set((session.to_string(), key.key.clone()), Some(row));
    }

    pub(super) fn forget_old_keys(&mut self, now: f64, most: usize) {
        let newest = self.keys.values().map(|it| it.place).max().unwrap_or_default();
        let last = newest.saturating_sub(u64::try_from(most).unwrap_or(u64::MAX));
        let is_old = |it: &&(String, String)| {
            let row = self.keys.get(it);
            row.is_some_and(|it| it.created_at < oldest(now) || it.place <= last)
        };
        let old: Vec<_> = self.keys.keys().filter(is_old).cloned().collect();
        old.into_iter().for_each(|it| self.keys.set(it, None));
    }
}
