//! A map that remembers what it was, and keeps an index of what is in it.

use std::{collections::BTreeMap, ops::RangeBounds};

/// What is kept in rows, and found otherwise than by its key.
pub(super) trait Indexed {
    /// `()` for none.
    type Index: Default;

    fn add_to(&self, index: &mut Self::Index);

    fn remove_from(&self, index: &mut Self::Index);
}

#[derive(Debug)]
pub(super) struct Rows<K, V: Indexed> {
    rows: BTreeMap<K, V>,
    index: V::Index,
    /// What stood there before each change, oldest first.
    undo: Vec<(K, Option<V>)>,
}

impl<K, V: Indexed> Default for Rows<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), index: V::Index::default(), undo: Vec::new() }
    }
}

impl<K: Ord + Clone, V: Indexed> Rows<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(super) fn index(&self) -> &V::Index {
        &self.index
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.rows.keys()
    }

    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values()
    }

    pub(super) fn range(&self, keys: impl RangeBounds<K>) -> impl Iterator<Item = (&K, &V)> {
        self.rows.range(keys)
    }

    /// Puts a row in its place; `None` for none.
    pub(super) fn set(&mut self, key: K, row: Option<V>) {
        let before = self.put(key.clone(), row);
        self.undo.push((key, before));
    }

    fn put(&mut self, key: K, row: Option<V>) -> Option<V> {
        let before = self.rows.remove(&key);
        if let Some(before) = &before {
            before.remove_from(&mut self.index);
        }
        if let Some(row) = row {
            row.add_to(&mut self.index);
            self.rows.insert(key, row);
        }
        before
    }

    /// A place to come back to.
    pub(super) fn mark(&self) -> usize {
        self.undo.len()
    }

    pub(super) fn undo_to(&mut self, mark: usize) {
        while mark < self.undo.len() {
            if let Some((key, before)) = self.undo.pop() {
                self.put(key, before);
            }
        }
    }

    /// There is no way back any more.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }
}
