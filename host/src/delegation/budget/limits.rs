//! What a whole tree of children may spend.

use std::time::Duration;

use crate::setting::{count, seconds, settings};

settings! {
    /// What one call of the top level may spend in all: its children, their
    /// children, and so on. A child inherits what remains, so that nesting
    /// makes nothing more. An ordinary batch ends far below each of these.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Limits in "budget" {
        /// Children started, at every depth together.
        ///
        /// at least `delegation.max_tasks_per_batch`. Bounds children that
        /// delegate what they were asked to do.
        pub children: u64 = count(100, 1..=10_000), project: Lower;

        /// Model calls of all children. A full batch of children that use all
        /// of their iterations makes 400.
        ///
        /// Bounds the cost of many children that go in circles.
        pub model_calls: u64 = count(1000, 1..=1_000_000), project: Lower;

        /// Tool calls of all children, which may need none of a model.
        ///
        /// Bounds the work that children make for the host and, with tools that
        /// go out, for others.
        // The ceiling is that of one child's host calls.
        pub tool_calls: u64 = count(100_000, 1..=1_000_000_000), project: Lower;

        /// Tokens of all model calls, read and written: the 400 calls of a full
        /// batch may have 50000 each. Counted after a call, so that the last
        /// one may go over.
        ///
        /// Bounds the money that one call costs.
        // More than the ceiling is money that nobody meant to spend.
        pub tokens: u64 = count(20_000_000, 1..=10_000_000_000), project: Lower;

        /// From the call to the end of its last child. A full batch whose
        /// children all run into their timeout, three at a time, takes 3600.
        ///
        /// Bounds a tree in which every child is in time and yet nothing ends.
        // Up to a week.
        pub wall_clock as "wall_clock_seconds": Duration =
            seconds(7200, 1..=604_800), project: Lower;
    }
}
