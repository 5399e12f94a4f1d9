//! How fast it is, and how far from the least that the parts allow: each
//! figure stands beside its floor, measured in turn in the same run.
//!
//! A figure alone is one of the machine, and of what else that does. What it
//! has of its floor is one of the host: other load hits both.

mod boundary;
mod clock;
mod cold;
mod compile;
mod density;
mod durable;
mod fairness;
mod figures;
mod hosts;
mod kill;
mod measured;
mod part;
mod record;
mod rig;
mod spawn;

use std::{num::NonZeroUsize, path::Path};

pub use self::{
    measured::{Aim, Measured},
    part::Part,
};

/// Why a bench gave no figures.
pub type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// One thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bench {
    /// A child from its dispatch to its acknowledged event, with the store in
    /// memory, alone and in batches.
    Spawn,
    /// The same with the store on disk.
    Durable,
    /// Children with ten calls, recorded and not.
    Record,
    /// What the second of these does, by two host processes.
    Hosts,
    /// Children that wait for a model.
    Density,
    /// A fresh process, from its start to the result of one child.
    Cold,
    /// From the bytes of a component to one that can be run.
    Compile,
    /// A child that spins, until it is gone.
    Kill,
    /// An honest child among many that spin.
    Fairness,
    /// A grant that no child had before, and the check of each call.
    Boundary,
}

impl Bench {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 10] = [
        Self::Spawn,
        Self::Durable,
        Self::Record,
        Self::Hosts,
        Self::Density,
        Self::Cold,
        Self::Compile,
        Self::Kill,
        Self::Fairness,
        Self::Boundary,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spawn => "spawn",
            Self::Durable => "durable",
            Self::Record => "record",
            Self::Hosts => "hosts",
            Self::Density => "density",
            Self::Cold => "cold",
            Self::Compile => "compile",
            Self::Kill => "kill",
            Self::Fairness => "fairness",
            Self::Boundary => "boundary",
        }
    }

    /// Measures. Takes some seconds for each of the rounds.
    ///
    /// # Errors
    ///
    /// What was to be measured did not work.
    pub async fn run(self, course: &Course<'_>) -> Result<Vec<Measured>, BenchError> {
        match self {
            Self::Spawn => spawn::run(course).await,
            Self::Durable => durable::run(course).await,
            Self::Record => record::run(course).await,
            Self::Hosts => hosts::run(course).await,
            Self::Density => density::run(course).await,
            Self::Cold => cold::run(course).await,
            Self::Compile => compile::run(course).await,
            Self::Kill => kill::run(course).await,
            Self::Fairness => fairness::run(course).await,
            Self::Boundary => boundary::run(course).await,
        }
    }
}

impl Part {
    /// Does it, and gives the number that is to be printed.
    ///
    /// # Errors
    ///
    /// What was to be measured did not work.
    pub async fn measure(self, dir: &Path) -> Result<f64, BenchError> {
        match self {
            Self::Children => density::children().await,
            Self::BareChildren => density::bare_children().await,
            Self::Host(first) => hosts::host(dir, first).await,
        }
    }
}

/// How benches go.
pub struct Course<'a> {
    /// How often both sides are measured. A figure is the middle of so many.
    pub rounds: NonZeroUsize,
    /// Where databases are made and removed: on the disk that counts.
    pub dir: &'a Path,
    /// The command line of this program, for what has to be a process.
    pub program: &'a Path,
    /// Told what is measured now.
    pub told: &'a (dyn Fn(&str) + Sync),
}

impl Course<'_> {
    /// Which rounds there are, each told as it begins.
    fn rounds(&self, what: &str) -> impl Iterator<Item = usize> {
        let count = self.rounds.get();
        (0..count).inspect(move |it| {
            (self.told)(&format!("{what}: round {} of {count}", it.saturating_add(1)));
        })
    }
}
