//! Budgets of a tree of children: how many there may be, what all of them may
//! spend on calls and tokens, and until when.
//!
//! A [`Budget`] is one level of the tree. What is spent at a level counts at
//! every level above it too, so that children share what remains and no
//! nesting makes it more. It keeps the counts and decides; it starts and stops
//! nothing, and looks at no clock.
//!
//! **Invariant:** [`spend`](Budget::spend) counts at every level or at none,
//! and by it no level is above its limit at any instant. Each level has a lock
//! of its own, taken upwards from the child and held until the levels above
//! have answered: no refusal has to take anything back, and no two levels wait
//! for each other.

use std::{
    fmt,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

// Nothing else of the crate: `tests/shuttle.rs` compiles this file as well.
pub use super::budget_limits::Limits;
use super::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Children started, at every depth together.
    Children,
    /// Calls of a model.
    ModelCalls,
    /// Calls of tools.
    ToolCalls,
    /// Tokens of models, read and written.
    Tokens,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Children, Self::ModelCalls, Self::ToolCalls, Self::Tokens];

    /// The key of its limit in the configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Children => Limits::children.key,
            Self::ModelCalls => Limits::model_calls.key,
            Self::ToolCalls => Limits::tool_calls.key,
            Self::Tokens => Limits::tokens.key,
        }
    }

    /// Its limit.
    fn limit(self, limits: &Limits) -> u64 {
        match self {
            Self::Children => limits.children,
            Self::ModelCalls => limits.model_calls,
            Self::ToolCalls => limits.tool_calls,
            Self::Tokens => limits.tokens,
        }
    }

    /// The word for `n` of them.
    pub fn noun(self, n: u64) -> &'static str {
        match (self, n) {
            (Self::Children, 1) => "child",
            (Self::Children, _) => "children",
            (Self::ModelCalls, 1) => "model call",
            (Self::ModelCalls, _) => "model calls",
            (Self::ToolCalls, 1) => "tool call",
            (Self::ToolCalls, _) => "tool calls",
            (Self::Tokens, 1) => "token",
            (Self::Tokens, _) => "tokens",
        }
    }
}

/// Limits of a part of a tree. `None` leaves it at what remains above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrow {
    /// Children started in this part.
    pub children: Option<u64>,
    /// Its model calls.
    pub model_calls: Option<u64>,
    /// Its tool calls.
    pub tool_calls: Option<u64>,
    /// Its tokens.
    pub tokens: Option<u64>,
    /// From now on.
    pub wall_clock: Option<Duration>,
}

/// What has been spent. Tokens can be above their limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Children started.
    pub children: u64,
    /// Model calls.
    pub model_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Tokens, read and written.
    pub tokens: u64,
}

impl Used {
    /// How many of `kind`.
    pub fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Children => self.children,
            Kind::ModelCalls => self.model_calls,
            Kind::ToolCalls => self.tool_calls,
            Kind::Tokens => self.tokens,
        }
    }

    /// Of each kind the larger number.
    pub fn most(self, other: Self) -> Self {
        Self {
            children: self.children.max(other.children),
            model_calls: self.model_calls.max(other.model_calls),
            tool_calls: self.tool_calls.max(other.tool_calls),
            tokens: self.tokens.max(other.tokens),
        }
    }

    fn add(&mut self, kind: Kind, n: u64) {
        let count = match kind {
            Kind::Children => &mut self.children,
            Kind::ModelCalls => &mut self.model_calls,
            Kind::ToolCalls => &mut self.tool_calls,
            Kind::Tokens => &mut self.tokens,
        };
        *count = count.saturating_add(n);
    }
}

/// A limit that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// One of the counts: less remains than was asked for.
    Count {
        /// Which one.
        kind: Kind,
        /// Of the nearest level that refused.
        limit: u64,
        /// What remained there.
        remaining: u64,
        /// What was asked for.
        asked: u64,
    },
    /// The wall clock.
    WallClock {
        /// Of the level that set the deadline.
        limit: Duration,
    },
}

impl Spent {
    /// Whether nothing remains: less than what was asked for would not do.
    pub fn is_all(&self) -> bool {
        match self {
            Self::Count { remaining, .. } => *remaining == 0,
            Self::WallClock { .. } => true,
        }
    }

    /// The key of the limit in the configuration.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Count { kind, .. } => kind.key(),
            Self::WallClock { .. } => Limits::wall_clock.key,
        }
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Count { kind, limit, remaining: 0, .. } => match (limit, kind.noun(limit)) {
                (0, nouns) => write!(f, "the delegation may have no {nouns}"),
                (1, noun) => write!(f, "the only {noun} of the delegation is spent"),
                (_, nouns) => write!(f, "all {limit} {nouns} of the delegation are spent"),
            },
            Self::Count { kind, limit, remaining, asked } => {
                let nouns = kind.noun(limit);
                write!(f, "{remaining} of the {limit} {nouns} of the delegation remain")?;
                write!(f, ", and {asked} are needed")
            }
            Self::WallClock { limit } => {
                write!(f, "all {} s of the delegation are spent", limit.as_secs_f64())
            }
        }?;
        write!(f, " (`{}`)", self.key())
    }
}

impl std::error::Error for Spent {}

/// One level of a tree and, through it, every level above. A clone is the same
/// level.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Level>);

/// As many above one another as delegation is deep, so that walking up by
/// recursion is safe.
#[derive(Debug)]
struct Level {
    /// None is above the same limit of `parent`.
    limits: Limits,
    /// When `limits.wall_clock` began to run.
    since: Instant,
    used: Mutex<Used>,
    parent: Option<Budget>,
}

impl Budget {
    /// The budget of a whole tree that starts `now`.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self::level(limits, now, None)
    }

    /// The budget of a part of this one. It is never wider: what is spent
    /// there is spent here too.
    pub fn narrowed(&self, limits: Narrow, now: Instant) -> Self {
        let narrower = |kind: Kind, limit: Option<u64>| {
            let above = kind.limit(&self.0.limits);
            limit.map_or(above, |it| it.min(above))
        };
        let (since, wall_clock) = self.narrower_clock(limits.wall_clock, now);
        let limits = Limits {
            children: narrower(Kind::Children, limits.children),
            model_calls: narrower(Kind::ModelCalls, limits.model_calls),
            tool_calls: narrower(Kind::ToolCalls, limits.tool_calls),
            tokens: narrower(Kind::Tokens, limits.tokens),
            wall_clock,
        };
        Self::level(limits, since, Some(self.clone()))
    }

    /// Takes `n` at every level up to the root or, when one of them has not
    /// that many, at none.
    pub fn spend(&self, kind: Kind, n: u64) -> Result<(), Spent> {
        let mut used = self.lock();
        self.has(kind, n, &used)?;
        if let Some(parent) = &self.0.parent {
            parent.spend(kind, n)?;
        }
        used.add(kind, n);
        Ok(())
    }

    /// Counts `n` that are spent already, as with tokens, whose number is
    /// known afterwards. An error says that a limit is exceeded now, here or
    /// above; to be just at it is none.
    pub fn charge(&self, kind: Kind, n: u64) -> Result<(), Spent> {
        let mut used = self.lock();
        used.add(kind, n);
        let above = self.0.parent.as_ref().map_or(Ok(()), |it| it.charge(kind, n));
        let limit = kind.limit(&self.0.limits);
        if used.of(kind) > limit {
            return Err(Spent::Count { kind, limit, remaining: 0, asked: n });
        }
        above
    }

    /// Whether `n` of `kind` remain: to be asked before something that is
    /// spent or charged later.
    pub fn check(&self, kind: Kind, n: u64) -> Result<(), Spent> {
        let used = self.lock();
        self.has(kind, n, &used)?;
        self.0.parent.as_ref().map_or(Ok(()), |it| it.check(kind, n))
    }

    /// The same budget with its clock at the start, for a tree that waited
    /// before it began. Only for one that nobody shares yet.
    pub fn begun(&self, now: Instant) -> Self {
        let Level { limits, parent, .. } = &*self.0;
        let used = Mutex::new(self.used());
        Self(Arc::new(Level { limits: *limits, since: now, used, parent: parent.clone() }))
    }

    /// Whether any time remains.
    pub fn check_time(&self, now: Instant) -> Result<(), Spent> {
        match self.remaining_time(now) {
            Duration::ZERO => Err(Spent::WallClock { limit: self.0.limits.wall_clock }),
            _ => Ok(()),
        }
    }

    /// What can still be spent here, which is the least of every level up to
    /// the root.
    pub fn remaining(&self, kind: Kind) -> u64 {
        let used = self.lock();
        let above = self.0.parent.as_ref().map_or(u64::MAX, |it| it.remaining(kind));
        self.left(kind, &used).min(above)
    }

    /// Wall clock until the deadline; zero from then on.
    pub fn remaining_time(&self, now: Instant) -> Duration {
        // The sum of start and length can be beyond what an instant holds.
        let Level { limits: Limits { wall_clock, .. }, since, .. } = &*self.0;
        wall_clock
            .saturating_add(since.saturating_duration_since(now))
            .saturating_sub(now.saturating_duration_since(*since))
    }

    /// What has been spent here and below.
    pub fn used(&self) -> Used {
        *self.lock()
    }

    fn level(limits: Limits, since: Instant, parent: Option<Self>) -> Self {
        Self(Arc::new(Level { limits, since, used: Mutex::new(Used::default()), parent }))
    }

    /// The earlier of two deadlines: this level's, or `limit` from `now` on.
    fn narrower_clock(&self, limit: Option<Duration>, now: Instant) -> (Instant, Duration) {
        match limit {
            Some(limit) if limit < self.remaining_time(now) => (now, limit),
            _ => (self.0.since, self.0.limits.wall_clock),
        }
    }

    fn has(&self, kind: Kind, asked: u64, used: &Used) -> Result<(), Spent> {
        let remaining = self.left(kind, used);
        if asked > remaining {
            return Err(Spent::Count { kind, limit: kind.limit(&self.0.limits), remaining, asked });
        }
        Ok(())
    }

    fn left(&self, kind: Kind, used: &Used) -> u64 {
        kind.limit(&self.0.limits).saturating_sub(used.of(kind))
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        // Nothing panics while it is held, and each change is one addition.
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
