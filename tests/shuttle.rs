//! The counters that threads share, compiled over locks whose schedule the
//! test decides, and run under many of them. The seeds are fixed: a schedule
//! that fails fails each time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use budget::{Budget, Kind, Limits, Narrow};
use shuttle::{Config, Runner, scheduler::RandomScheduler, thread};

#[expect(dead_code, unreachable_pub, reason = "what the host's other modules use of it")]
#[path = "../host/src/delegation/budget.rs"]
mod budget;

/// What the file finds as `super::budget_limits`.
mod budget_limits {
    #[expect(unreachable_pub, reason = "the file hands it on")]
    pub use hermitage::delegation::budget::Limits;
}

/// What the file finds as `super::sync`.
mod sync {
    pub(super) use shuttle::sync::{Arc, Mutex, MutexGuard, PoisonError};
}

/// Of each test; all of them take seconds.
const SCHEDULES: usize = 10_000;

const KIND: Kind = Kind::ToolCalls;

fn under_many_schedules(test: impl Fn() + Send + Sync + 'static) {
    Runner::new(RandomScheduler::new_from_seed(7, SCHEDULES), Config::new()).run(test);
}

fn tree(tool_calls: u64, tokens: u64) -> Budget {
    let wall_clock = Duration::from_secs(1);
    let limits = Limits { children: 0, model_calls: 0, tool_calls, tokens, wall_clock };
    Budget::new(limits, Instant::now())
}

fn part(of: &Budget, tool_calls: Option<u64>) -> Budget {
    of.narrowed(Narrow { tool_calls, ..Narrow::default() }, Instant::now())
}

/// Asks for each of `asked` and gives what was got and what was refused.
fn spend_all(budget: &Budget, asked: &[u64]) -> (u64, Vec<u64>) {
    let (got, refused): (Vec<u64>, _) =
        asked.iter().partition(|it| budget.spend(KIND, **it).is_ok());
    (got.iter().sum(), refused)
}

#[test]
fn spending_is_exact_at_every_level_and_never_above_a_limit() {
    under_many_schedules(|| {
        let tree = tree(5, 0);
        let limits = [Some(4), Some(2), None];
        // The third is below the first.
        let first = part(&tree, limits[0]);
        let parts = [first.clone(), part(&tree, limits[1]), part(&first, limits[2])];
        let asks: [&[u64]; 3] = [&[3, 1], &[2, 1], &[2, 1]];
        let spenders: Vec<_> = parts.iter().cloned().zip(asks).collect();
        let threads: Vec<_> = spenders
            .into_iter()
            .map(|(budget, asked)| thread::spawn(move || spend_all(&budget, asked)))
            .collect();
        for _ in 0..2 {
            assert!(tree.used().of(KIND) <= 5);
            assert!(parts[0].used().of(KIND) <= 4);
            assert!(parts[1].used().of(KIND) <= 2);
        }
        let results: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
        let got: Vec<u64> = results.iter().map(|it| it.0).collect();
        assert_eq!(parts[2].used().of(KIND), got[2]);
        assert_eq!(parts[1].used().of(KIND), got[1]);
        assert_eq!(parts[0].used().of(KIND), got[0] + got[2]);
        assert_eq!(tree.used().of(KIND), got.iter().sum::<u64>());
        // What remains only grows less, so what would fit at the end was
        // refused for something that nobody got.
        for (budget, (_, refused)) in parts.iter().zip(results) {
            assert!(refused.iter().all(|it| *it > budget.remaining(KIND)));
        }
    });
}

#[test]
fn what_a_level_above_refuses_takes_nothing_from_a_sibling() {
    under_many_schedules(|| {
        let tree = tree(3, 0);
        let part = part(&tree, None);
        // One remains above, where the part alone would have three.
        tree.spend(KIND, 2).unwrap();
        let greedy = [[3, 2], [2, 3]].map(|asked| {
            let part = part.clone();
            thread::spawn(move || spend_all(&part, &asked).0)
        });
        assert_eq!(spend_all(&part, &[1]).0, 1);
        assert_eq!(greedy.map(|it| it.join().unwrap()), [0, 0]);
        assert_eq!([&tree, &part].map(|it| it.used().of(KIND)), [3, 1]);
    });
}

#[test]
fn a_part_is_never_seen_with_more_than_the_tree() {
    under_many_schedules(|| {
        let tree = tree(3, 0);
        let parts = [part(&tree, None), part(&tree, Some(2))];
        let threads = parts.clone().map(|it| thread::spawn(move || spend_all(&it, &[2, 1])));
        for it in &parts {
            let used = it.used().of(KIND);
            assert!(it.remaining(KIND) + used <= 3);
        }
        // Narrowed while others spend.
        let late = part(&parts[1], Some(1));
        let (got, _) = spend_all(&late, &[1]);
        assert_eq!(late.used().of(KIND), got);
        threads.into_iter().for_each(|it| drop(it.join().unwrap()));
        assert!(tree.used().of(KIND) <= 3);
    });
}

#[test]
fn no_charge_is_lost_and_one_above_the_limit_says_so() {
    under_many_schedules(|| {
        let tree = tree(0, 5);
        let parts = Arc::new([part(&tree, None), part(&tree, None)]);
        let threads = [(0, 3), (1, 3), (0, 1)].map(|(idx, n)| {
            let parts = Arc::clone(&parts);
            thread::spawn(move || parts[idx].charge(Kind::Tokens, n).is_err())
        });
        let over = threads.map(|it| it.join().unwrap());
        // In some orders the last but one is over the limit already.
        assert!((1..=2).contains(&over.into_iter().filter(|it| *it).count()));
        assert_eq!(tree.used().tokens, 7);
        assert_eq!((parts[0].used().tokens, parts[1].used().tokens), (4, 3));
        assert!(parts.iter().all(|it| it.check(Kind::Tokens, 1).is_err()));
    });
}
