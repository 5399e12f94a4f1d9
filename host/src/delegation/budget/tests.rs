use std::time::{Duration, Instant};

use proptest::{collection::vec, prelude::*, sample::select};

use super::budget::{Budget, Kind, Limits, Narrow, Spent, Used};

const SECOND: Duration = Duration::from_secs(1);

const LIMITS: Limits = Limits {
    children: 3,
    model_calls: 10,
    tool_calls: 200,
    tokens: 1_000,
    wall_clock: Duration::from_secs(60),
};

fn error(res: Result<(), Spent>) -> String {
    res.unwrap_err().to_string()
}

#[test]
fn messages_name_the_limit_and_its_key() {
    let now = Instant::now();
    let tree = Budget::new(LIMITS, now);
    tree.spend(Kind::ToolCalls, 200).unwrap();
    tree.spend(Kind::Children, 1).unwrap();
    let narrow = Narrow { model_calls: Some(1), tokens: Some(0), ..Narrow::default() };
    let part = tree.narrowed(narrow, now);
    part.spend(Kind::ModelCalls, 1).unwrap();
    for (res, expected) in [
        (
            part.spend(Kind::ToolCalls, 1),
            "all 200 tool calls of the delegation are spent (`budget.tool_calls`)",
        ),
        (
            part.check(Kind::ModelCalls, 1),
            "the only model call of the delegation is spent (`budget.model_calls`)",
        ),
        (
            tree.spend(Kind::Children, 3),
            "2 of the 3 children of the delegation remain, and 3 are needed (`budget.children`)",
        ),
        (part.charge(Kind::Tokens, 1), "the delegation may have no tokens (`budget.tokens`)"),
        (
            tree.charge(Kind::Tokens, 1_000),
            "all 1000 tokens of the delegation are spent (`budget.tokens`)",
        ),
        (
            part.check_time(now + 60 * SECOND),
            "all 60 s of the delegation are spent (`budget.wall_clock_seconds`)",
        ),
    ] {
        assert_eq!(error(res), expected);
    }
}

#[test]
fn siblings_share_what_remains() {
    let now = Instant::now();
    let tree = Budget::new(LIMITS, now);
    let siblings = [(); 2].map(|()| tree.narrowed(Narrow::default(), now));
    siblings[0].spend(Kind::ModelCalls, 8).unwrap();
    assert_eq!(siblings[1].remaining(Kind::ModelCalls), 2);
    assert!(siblings[1].spend(Kind::ModelCalls, 3).is_err());
    assert_eq!(siblings[1].used(), Used::default());
    assert_eq!(tree.used().model_calls, 8);
}

#[test]
fn what_a_part_spent_stays_spent_when_it_is_gone() {
    let tree = Budget::new(LIMITS, Instant::now());
    let part = tree.narrowed(Narrow::default(), Instant::now());
    part.spend(Kind::Children, 2).unwrap();
    drop(part);
    assert_eq!(tree.remaining(Kind::Children), 1);
}

#[test]
fn a_charge_counts_above_the_limit_and_says_so() {
    let now = Instant::now();
    let tree = Budget::new(LIMITS, now);
    let part = tree.narrowed(Narrow::default(), now);
    assert_eq!(part.charge(Kind::Tokens, 1_000), Ok(()), "at the limit is not above it");
    assert!(part.check(Kind::Tokens, 1).is_err());
    for charged in [1, u64::MAX, u64::MAX] {
        assert!(part.charge(Kind::Tokens, charged).is_err());
    }
    assert_eq!((tree.used().tokens, part.used().tokens), (u64::MAX, u64::MAX));
    assert_eq!(part.remaining(Kind::Tokens), 0);
}

#[test]
fn a_sibling_learns_that_the_tree_is_over_its_limit() {
    let now = Instant::now();
    let tree = Budget::new(LIMITS, now);
    let siblings = [(); 2].map(|()| tree.narrowed(Narrow::default(), now));
    assert!(siblings[0].charge(Kind::Tokens, 2_000).is_err());
    assert!(siblings[1].check(Kind::Tokens, 1).is_err());
    assert!(siblings[1].charge(Kind::Tokens, 0).is_err());
    assert_eq!(siblings[1].used(), Used::default());
}

#[test]
fn a_deadline_only_comes_nearer() {
    let now = Instant::now();
    let tree = Budget::new(LIMITS, now);
    let clock = |seconds| Narrow { wall_clock: Some(seconds * SECOND), ..Narrow::default() };
    let short = tree.narrowed(clock(5), now + 10 * SECOND);
    let long = tree.narrowed(clock(3_600), now + 10 * SECOND);
    assert_eq!(short.remaining_time(now + 12 * SECOND), 3 * SECOND);
    assert_eq!(long.remaining_time(now + 12 * SECOND), 48 * SECOND);
    assert_eq!(long.remaining_time(now + 3_600 * SECOND), Duration::ZERO);
    assert_eq!(short.check_time(now + 14 * SECOND), Ok(()));
    assert_eq!(
        short.check_time(now + 15 * SECOND),
        Err(Spent::WallClock { limit: 5 * SECOND }),
        "the limit of the level that set the deadline"
    );
}

#[test]
fn a_time_beyond_every_clock_is_no_overflow() {
    let now = Instant::now();
    let tree = Budget::new(Limits { wall_clock: Duration::MAX, ..LIMITS }, now);
    let forever = Narrow { wall_clock: Some(Duration::MAX), ..Narrow::default() };
    assert_eq!(tree.narrowed(forever, now).remaining_time(now), Duration::MAX);
    // A caller that looked at the clock before the tree did.
    let later = Budget::new(LIMITS, now + SECOND);
    assert_eq!(later.remaining_time(now), LIMITS.wall_clock + SECOND);
}

#[derive(Clone, Debug)]
enum Op {
    Narrow { limits: [Option<u64>; 4], seconds: Option<u64>, after: u64 },
    Spend { kind: Kind, n: u64 },
    Charge { kind: Kind, n: u64 },
}

/// Small ones, which meet limits, and those at the end of the range.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0_u64..12, 1 => Just(u64::MAX), 1 => u64::MAX - 3..u64::MAX]
}

fn op() -> impl Strategy<Value = Op> {
    let kind = || select(Kind::ALL.to_vec());
    let limits = prop::array::uniform4(prop::option::of(number()));
    let seconds = prop::option::of(0_u64..100);
    prop_oneof![
        2 => (limits, seconds, 0_u64..100)
            .prop_map(|(limits, seconds, after)| Op::Narrow { limits, seconds, after }),
        5 => (kind(), number()).prop_map(|(kind, n)| Op::Spend { kind, n }),
        2 => (kind(), number()).prop_map(|(kind, n)| Op::Charge { kind, n }),
    ]
}

/// A level in plain numbers, which can't overflow and clamps nothing.
struct ModelLevel {
    parent: Option<usize>,
    limits: [Option<u64>; 4],
    used: [u128; 4],
    deadline: u64,
}

struct Model(Vec<ModelLevel>);

impl Model {
    fn path(&self, level: usize) -> Vec<usize> {
        std::iter::successors(Some(level), |it| self.0[*it].parent).collect()
    }

    fn limit(&self, level: usize, kind: Kind) -> u64 {
        let path = self.path(level).into_iter();
        path.filter_map(|it| self.0[it].limits[kind as usize]).min().unwrap()
    }

    /// What a level has left, whatever those above it have.
    fn left(&self, level: usize, kind: Kind) -> u64 {
        let limit = u128::from(self.limit(level, kind));
        u64::try_from(limit.saturating_sub(self.0[level].used[kind as usize])).unwrap()
    }

    fn remaining(&self, level: usize, kind: Kind) -> u64 {
        self.path(level).into_iter().map(|it| self.left(it, kind)).min().unwrap()
    }

    fn spend(&mut self, level: usize, kind: Kind, asked: u64) -> Result<(), Spent> {
        if let Some(at) = self.path(level).into_iter().find(|it| self.left(*it, kind) < asked) {
            let (limit, remaining) = (self.limit(at, kind), self.left(at, kind));
            return Err(Spent::Count { kind, limit, remaining, asked });
        }
        self.count(level, kind, asked);
        Ok(())
    }

    fn charge(&mut self, level: usize, kind: Kind, asked: u64) -> Result<(), Spent> {
        self.count(level, kind, asked);
        let over = |it: &usize| {
            u128::from(self.limit(*it, kind)) < self.0[*it].used[kind as usize].min(u64::MAX.into())
        };
        match self.path(level).into_iter().find(over) {
            None => Ok(()),
            Some(at) => {
                Err(Spent::Count { kind, limit: self.limit(at, kind), remaining: 0, asked })
            }
        }
    }

    fn count(&mut self, level: usize, kind: Kind, n: u64) {
        for it in self.path(level) {
            self.0[it].used[kind as usize] += u128::from(n);
        }
    }

    fn narrow(&mut self, parent: usize, limits: [Option<u64>; 4], deadline: u64) {
        self.0.push(ModelLevel { parent: Some(parent), limits, used: [0; 4], deadline });
    }

    fn deadline(&self, level: usize) -> u64 {
        self.path(level).into_iter().map(|it| self.0[it].deadline).min().unwrap()
    }
}

fn limits(limits: [u64; 4], seconds: u64) -> Limits {
    let [children, model_calls, tool_calls, tokens] = limits;
    let wall_clock = Duration::from_secs(seconds);
    Limits { children, model_calls, tool_calls, tokens, wall_clock }
}

fn narrow(limits: [Option<u64>; 4], seconds: Option<u64>) -> Narrow {
    let [children, model_calls, tool_calls, tokens] = limits;
    let wall_clock = seconds.map(Duration::from_secs);
    Narrow { children, model_calls, tool_calls, tokens, wall_clock }
}

fn check_level(model: &Model, level: usize, budget: &Budget, start: Instant) {
    for kind in Kind::ALL {
        let used = model.0[level].used[kind as usize].min(u64::MAX.into());
        assert_eq!(u128::from(budget.used().of(kind)), used);
        assert_eq!(budget.remaining(kind), model.remaining(level, kind));
        assert_eq!(budget.check(kind, 1).is_ok(), budget.remaining(kind) > 0);
    }
    for after in [0, 1, 50, 99, 100, 1_000] {
        let remaining = budget.remaining_time(start + Duration::from_secs(after));
        let expected = model.deadline(level).saturating_sub(after);
        assert_eq!(remaining, Duration::from_secs(expected));
    }
}

fn root(limits: [u64; 4], seconds: u64) -> Model {
    let limits = limits.map(Some);
    Model(vec![ModelLevel { parent: None, limits, used: [0; 4], deadline: seconds }])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_tree_is_like_the_model(
        root_limits in prop::array::uniform4(prop_oneof![3 => 0_u64..40, 1 => number()]),
        seconds in 0_u64..300,
        ops in vec((any::<prop::sample::Index>(), op()), 0..40),
    ) {
        let start = Instant::now();
        let mut budgets = vec![Budget::new(limits(root_limits, seconds), start)];
        let mut model = root(root_limits, seconds);
        for (place, op) in ops {
            let level = place.index(budgets.len());
            match op {
                Op::Narrow { limits, seconds, after } => {
                    let now = start + Duration::from_secs(after);
                    budgets.push(budgets[level].narrowed(narrow(limits, seconds), now));
                    model.narrow(level, limits, seconds.map_or(u64::MAX, |it| after + it));
                }
                Op::Spend { kind, n } => {
                    prop_assert_eq!(budgets[level].spend(kind, n), model.spend(level, kind, n));
                }
                Op::Charge { kind, n } => {
                    prop_assert_eq!(budgets[level].charge(kind, n), model.charge(level, kind, n));
                }
            }
            for (level, budget) in budgets.iter().enumerate() {
                check_level(&model, level, budget, start);
            }
        }
    }
}
