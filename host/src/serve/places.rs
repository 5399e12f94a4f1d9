//! The places at one door: who has one, and who makes room.
//!
//! Anybody on the machine can connect to a port and say nothing, so a place is
//! lent: whoever has not shown a token gives it up, the oldest first, when all
//! are taken and somebody else comes.
//!
//! **Invariant:** a caller who has shown a token keeps its place, whoever comes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// The places of one door.
pub(super) struct Places(Arc<Mutex<State>>);

struct State {
    max: usize,
    next: u64,
    /// In the order in which they came.
    strangers: BTreeMap<u64, CancellationToken>,
    known: BTreeSet<u64>,
}

impl State {
    fn is_full(&self) -> bool {
        self.strangers.len().saturating_add(self.known.len()) >= self.max
    }
}

impl Places {
    pub(super) fn new(max: usize) -> Self {
        let (strangers, known) = (BTreeMap::new(), BTreeSet::new());
        Self(Arc::new(Mutex::new(State { max, next: 0, strangers, known })))
    }

    /// A place for one more; that of the oldest stranger, when all are taken.
    /// `None` when none of those who have one is a stranger.
    pub(super) fn take(&self) -> Option<Place> {
        let mut state = lock(&self.0);
        if state.is_full() {
            state.strangers.pop_first()?.1.cancel();
        }
        let (number, lost) = (state.next, CancellationToken::new());
        state.next += 1;
        state.strangers.insert(number, lost.clone());
        let seat = Seat { number, lost, of: Arc::clone(&self.0) };
        Some(Place(Arc::new(seat)))
    }
}

/// One connection's place. Dropping the last of its clones gives it back.
#[derive(Clone)]
pub(super) struct Place(Arc<Seat>);

struct Seat {
    number: u64,
    lost: CancellationToken,
    of: Arc<Mutex<State>>,
}

impl Place {
    /// Its caller has shown a token, or something that is none (any more).
    pub(super) fn is_known(&self, is_known: bool) {
        let Seat { number, lost, of } = &*self.0;
        let mut state = lock(of);
        if is_known && state.strangers.remove(number).is_some() {
            state.known.insert(*number);
        } else if !is_known && state.known.remove(number) {
            state.strangers.insert(*number, lost.clone());
        }
    }

    /// Returns when the place is another's.
    pub(super) async fn lost(&self) {
        self.0.lost.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = lock(&self.of);
        state.strangers.remove(&self.number);
        state.known.remove(&self.number);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_lost(place: &Place) -> bool {
        place.0.lost.is_cancelled()
    }

    #[test]
    fn the_oldest_stranger_makes_room_and_nobody_else() {
        let places = Places::new(3);
        let [first, second, third] = [(); 3].map(|()| places.take().unwrap());
        first.is_known(true);
        let fourth = places.take().unwrap();
        assert!(has_lost(&second) && !has_lost(&first) && !has_lost(&third));
        drop(second);
        third.is_known(true);
        fourth.is_known(true);
        assert!(places.take().is_none(), "nobody is a stranger");
        assert!(![&first, &third, &fourth].into_iter().any(has_lost));
    }

    #[test]
    fn a_place_that_is_left_is_free() {
        let places = Places::new(1);
        let first = places.take().unwrap();
        first.is_known(true);
        assert!(places.take().is_none());
        drop(first);
        let second = places.take().unwrap();
        assert!(!has_lost(&second));
    }

    #[test]
    fn a_token_that_was_taken_away_keeps_no_place() {
        let places = Places::new(1);
        let first = places.take().unwrap();
        first.is_known(true);
        first.is_known(false);
        assert!(places.take().is_some() && has_lost(&first));
        first.is_known(true);
        assert!(places.take().is_some(), "a lost place does not come back");
    }
}
