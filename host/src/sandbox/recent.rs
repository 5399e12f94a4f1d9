//! The newest few of something that is dear to make.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A bounded map. Small, so that a scan is cheaper than hashing, and bounded,
/// because keys come from outside.
pub(super) struct Recent<K, V> {
    capacity: usize,
    entries: Mutex<VecDeque<(K, Arc<V>)>>,
}

impl<K: PartialEq, V> Recent<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::default() }
    }

    pub(super) fn get(&self, key: &K) -> Option<Arc<V>> {
        let entries = self.lock();
        entries.iter().find(|(it, _)| it == key).map(|(_, value)| Arc::clone(value))
    }

    /// The entry of a key, a new one when there is none. Lets go of the oldest
    /// when there is no room.
    pub(super) fn get_or_insert(&self, key: K, new: impl FnOnce() -> V) -> Arc<V> {
        let mut entries = self.lock();
        if let Some((_, value)) = entries.iter().find(|(it, _)| *it == key) {
            return Arc::clone(value);
        }
        if entries.len() >= self.capacity {
            entries.pop_front();
        }
        let value = Arc::new(new());
        entries.push_back((key, Arc::clone(&value)));
        value
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(K, Arc<V>)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_makes_room() {
        let recent = Recent::new(2);
        for key in [1, 2, 3] {
            recent.get_or_insert(key, || key * 10);
        }
        let found = [1, 2, 3].map(|key| recent.get(&key).map(|it| *it));
        assert_eq!(found, [None, Some(20), Some(30)]);
        assert_eq!(*recent.get_or_insert(3, || 0), 30);
    }
}
