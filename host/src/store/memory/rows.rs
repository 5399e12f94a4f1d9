//! A map that remembers what it was.

use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Rows<K, V> {
    rows: BTreeMap<K, V>,
    /// What stood there before each change, oldest first.
    undo: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Rows<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), undo: Vec::new() }
    }
}

impl<K: Ord + Clone, V> Rows<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.rows.keys()
    }

    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values()
    }

    /// Puts a row in its place; `None` for none.
    pub(super) fn set(&mut self, key: K, row: Option<V>) {
        let before = self.put(key.clone(), row);
        self.undo.push((key, before));
    }

    fn put(&mut self, key: K, row: Option<V>) -> Option<V> {
        match row {
            Some(row) => self.rows.insert(key, row),
            None => self.rows.remove(&key),
        }
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
