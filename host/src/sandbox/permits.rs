//! Permits for cells, some of them kept for each depth.
//!
//! A caller that waits for its children holds a cell while it waits. Were all
//! cells taken by such callers, nobody would ever get one again.
//!
//! **Invariant:** each depth has at least one permit that no other depth can
//! take. The deepest waits for nobody, so its permits come back; then those of
//! the depth above do, and so on.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reserves of all depths together take at most this part of the cells, as
/// long as that leaves each depth one: a pool that is mostly used at one depth
/// is not held back by the others.
const RESERVED_PART: u32 = 4;

/// How the cells are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Division {
    shared: u32,
    per_depth: u32,
}

impl Division {
    /// `None` when there are fewer cells than depths, or no depth.
    fn of(cells: u32, max_depth: u32) -> Option<Self> {
        let share = cells.checked_div(max_depth.saturating_mul(RESERVED_PART))?;
        let per_depth = share.max(1);
        let shared = cells.checked_sub(per_depth.checked_mul(max_depth)?)?;
        Some(Self { shared, per_depth })
    }
}

/// The permits of one sandbox.
#[derive(Debug)]
pub(super) struct Permits {
    shared: Arc<Semaphore>,
    has_shared: bool,
    /// The first is for depth 1.
    reserved: Vec<Arc<Semaphore>>,
    total: usize,
}

impl Permits {
    /// `None` when there are fewer cells than depths, or no depth.
    pub(super) fn new(cells: u32, max_depth: u32) -> Option<Self> {
        let Division { shared, per_depth } = Division::of(cells, max_depth)?;
        let reserved = (0..max_depth).map(|_| semaphore(per_depth)).collect();
        let has_shared = shared > 0;
        Some(Self { shared: semaphore(shared), has_shared, reserved, total: number(cells) })
    }

    /// Waits for a shared permit or one of that depth, whichever is first. It
    /// goes back to where it came from. A depth without a reserve takes shared
    /// ones: that of a parent, 0, which nobody waits for. `None` when there
    /// are none for it at all.
    pub(super) async fn acquire(&self, depth: u32) -> Option<OwnedSemaphorePermit> {
        let shared = Arc::clone(&self.shared).acquire_owned();
        let idx = depth.checked_sub(1).map(number);
        let Some(reserve) = idx.and_then(|it| self.reserved.get(it)) else {
            return if self.has_shared { shared.await.ok() } else { None };
        };
        let reserve = Arc::clone(reserve).acquire_owned();
        // Shared ones first, so that the reserve is there when it is needed.
        let permit = tokio::select! {
            biased;
            permit = shared => permit,
            permit = reserve => permit,
        };
        permit.ok()
    }

    /// Those that are taken.
    pub(super) fn in_use(&self) -> usize {
        let reserved: usize = self.reserved.iter().map(|it| it.available_permits()).sum();
        self.total.saturating_sub(self.shared.available_permits().saturating_add(reserved))
    }
}

fn semaphore(permits: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(number(permits)))
}

fn number(it: u32) -> usize {
    usize::try_from(it).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_cell_has_one_permit_and_every_depth_a_permit_of_its_own(
            cells in 0_u32..2_000,
            max_depth in 0_u32..20,
        ) {
            match Division::of(cells, max_depth) {
                Some(Division { shared, per_depth }) => {
                    prop_assert_eq!(shared + per_depth * max_depth, cells);
                    prop_assert!(per_depth >= 1);
                    prop_assert!(per_depth == 1 || per_depth * max_depth <= cells / 4);
                }
                None => prop_assert!(max_depth == 0 || cells < max_depth),
            }
        }
    }

    #[test]
    fn the_extremes_are_refused_or_divided() {
        assert_eq!(Division::of(u32::MAX, u32::MAX), Some(Division { shared: 0, per_depth: 1 }));
        assert_eq!(Division::of(u32::MAX - 1, u32::MAX), None);
        assert_eq!(Division::of(64, 2), Some(Division { shared: 48, per_depth: 8 }));
        assert_eq!(Division::of(1, 1), Some(Division { shared: 0, per_depth: 1 }));
    }

    /// Whoever gets a permit at once.
    fn take(permits: &Permits, depth: u32) -> Option<OwnedSemaphorePermit> {
        permits.acquire(depth).now_or_never().flatten()
    }

    #[test]
    fn a_depth_gets_a_permit_when_all_others_are_held_above_it() {
        let permits = Permits::new(8, 2).unwrap();
        let held: Vec<_> = std::iter::from_fn(|| take(&permits, 1)).collect();
        assert_eq!((held.len(), permits.in_use()), (7, 7));
        let deeper = take(&permits, 2).unwrap();
        assert_eq!(permits.in_use(), 8);
        assert!(take(&permits, 2).is_none());
        drop(deeper);
        assert!(take(&permits, 1).is_none());
        assert!(take(&permits, 2).is_some());
        drop(held);
        assert_eq!(permits.in_use(), 0);
    }

    #[test]
    fn a_parent_takes_shared_permits_and_does_not_wait_for_what_there_is_none_of() {
        let permits = Permits::new(8, 2).unwrap();
        for depth in [0, 3, u32::MAX] {
            let held: Vec<_> = std::iter::from_fn(|| take(&permits, depth)).collect();
            assert_eq!(held.len(), 6, "{depth}");
        }
        assert!(Permits::new(2, 2).unwrap().acquire(0).now_or_never().unwrap().is_none());
    }

    #[tokio::test]
    async fn a_permit_that_comes_back_wakes_whoever_waits_for_either_kind() {
        let permits = Arc::new(Permits::new(2, 2).unwrap());
        let (first, second) = (take(&permits, 1).unwrap(), take(&permits, 2).unwrap());
        let waiting = |depth| {
            let permits = Arc::clone(&permits);
            tokio::spawn(async move { permits.acquire(depth).await.is_some() })
        };
        let (one, two) = (waiting(1), waiting(2));
        tokio::task::yield_now().await;
        drop(second);
        assert!(two.await.unwrap());
        drop(first);
        assert!(one.await.unwrap());
        assert_eq!(permits.in_use(), 0);
    }

    /// Every task of a tree takes a permit, and keeps it while its children
    /// run.
    fn tree(
        permits: Arc<Permits>,
        depth: u32,
        fan: u32,
    ) -> futures_util::future::BoxFuture<'static, u32> {
        async move {
            let _permit = permits.acquire(depth).await.unwrap();
            tokio::task::yield_now().await;
            if number(depth) == permits.reserved.len() {
                return 1;
            }
            let children = (0..fan).map(|_| tree(Arc::clone(&permits), depth + 1, fan));
            1 + futures_util::future::join_all(children).await.into_iter().sum::<u32>()
        }
        .boxed()
    }

    #[tokio::test]
    async fn trees_of_any_depth_and_fan_out_end() {
        for (cells, max_depth, fan) in [(1, 1, 3), (2, 2, 9), (4, 4, 4), (5, 3, 7), (64, 5, 3)] {
            let permits = Arc::new(Permits::new(cells, max_depth).unwrap());
            let roots = (0..fan).map(|_| tree(Arc::clone(&permits), 1, fan));
            let runs: u32 = futures_util::future::join_all(roots).await.into_iter().sum();
            assert_eq!(runs, (1..=max_depth).map(|it| fan.pow(it)).sum::<u32>());
            assert_eq!(permits.in_use(), 0);
        }
    }
}
