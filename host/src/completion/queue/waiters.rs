//! Who waits for events of which session, and how they are woken.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::session::Session;

/// Sessions with somebody who waits; no other ones, so that it does not grow
/// with the sessions that ever were. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Waiters {
    sessions: Arc<Mutex<HashMap<Session, watch::Sender<()>>>>,
}

impl Waiters {
    /// From here on, no wake-up is missed.
    pub(super) fn subscribe(&self, session: &Session) -> Subscription {
        let mut sessions = self.lock();
        let sender = sessions.entry(session.clone()).or_insert_with(|| watch::Sender::new(()));
        let woken = Some(sender.subscribe());
        drop(sessions);
        Subscription { waiters: self.clone(), session: session.clone(), woken }
    }

    /// Wakes everybody who waits for events of that session.
    pub(super) fn wake(&self, session: &Session) {
        if let Some(sender) = self.lock().get(session) {
            sender.send_replace(());
        }
    }

    /// Wakes everybody who waits.
    pub(super) fn wake_all(&self) {
        self.lock().values().for_each(|it| it.send_replace(()));
    }

    /// Wakes them when the value is dropped: also when the future that holds
    /// it is, whose operation may be on its way to the store.
    pub(super) fn wake_at_end(&self, session: &Session) -> WakeAtEnd {
        WakeAtEnd { waiters: self.clone(), session: session.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Session, watch::Sender<()>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes those who wait for a session when it is dropped.
pub(super) struct WakeAtEnd {
    waiters: Waiters,
    session: Session,
}

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        self.waiters.wake(&self.session);
    }
}

/// One who waits.
pub(super) struct Subscription {
    waiters: Waiters,
    session: Session,
    /// `None` while it is dropped.
    woken: Option<watch::Receiver<()>>,
}

impl Subscription {
    /// To be called before looking: what happens from here on ends the next
    /// [`Subscription::woken`] at once.
    pub(super) fn mark_seen(&mut self) {
        self.woken.iter_mut().for_each(watch::Receiver::mark_unchanged);
    }

    /// Waits for a wake-up since the last mark. May be dropped at any point.
    pub(super) async fn woken(&mut self) {
        if let Some(woken) = &mut self.woken {
            // The sender is there for as long as this is.
            let _ = woken.changed().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut sessions = self.waiters.lock();
        // Within the lock, so that the last of several sees that it is.
        self.woken = None;
        if sessions.get(&self.session).is_some_and(|it| it.receiver_count() == 0) {
            sessions.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn chat(id: u32) -> Session {
        format!("agent:main:telegram:dm:{id}").parse().unwrap()
    }

    #[test]
    fn a_wake_up_between_looking_and_waiting_is_not_lost() {
        let waiters = Waiters::default();
        let mut waiting = waiters.subscribe(&chat(1));
        waiting.mark_seen();
        waiters.wake(&chat(1));
        assert!(waiting.woken().now_or_never().is_some());
        assert!(waiting.woken().now_or_never().is_none());
    }

    #[test]
    fn a_wake_up_is_for_all_of_one_session_and_no_other() {
        let waiters = Waiters::default();
        let mut all = [1, 1, 2].map(|it| waiters.subscribe(&chat(it)));
        waiters.wake(&chat(1));
        let woken = all.each_mut().map(|it| it.woken().now_or_never().is_some());
        assert_eq!(woken, [true, true, false]);
        drop(waiters.wake_at_end(&chat(2)));
        assert!(all[2].woken().now_or_never().is_some());
    }

    #[test]
    fn sessions_that_nobody_waits_for_are_forgotten() {
        let waiters = Waiters::default();
        let first = waiters.subscribe(&chat(0));
        for it in 0..100 {
            waiters.wake(&chat(it));
            waiters.subscribe(&chat(it));
        }
        assert_eq!(waiters.lock().len(), 1);
        drop(first);
        assert!(waiters.lock().is_empty());
    }
}
