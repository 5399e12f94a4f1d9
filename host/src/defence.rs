//! The defences, and a switch for each that only tests have.
//!
//! A defence that nobody has ever seen missing may as well not be there: a
//! test takes one away and sees that its attacks then succeed. The switches
//! exist with the feature `switches` alone, which no build of the program and
//! no application has a reason for; without it [`Defences`] is empty, and every
//! question is answered `true` by the compiler. With it, too, a host has all of
//! them unless its builder says otherwise, and nothing that is configured,
//! given on the command line or found in the environment can say so.
//!
//! Limits that are numbers need no switch: a test raises them.

use serde::{Deserialize, Serialize};

/// Something that stands between an attack and what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Defence {
    /// An interface is imported by the very name and version of the contract.
    ExactNames,
    /// What is imported has the very type of the contract.
    ExactTypes,
    /// A tool that was not granted is a stub in the plan.
    PlannedGrant,
    /// Every call of a tool is compared with the grant once more.
    CheckedGrant,
    /// A child holds nothing that is blocked.
    Blocked,
    /// A child holds nothing that its parent has not.
    ParentsGrant,
    /// A guest names agents, and gives no path.
    AgentNames,
    /// Machine code from the cache carries the seal of this installation.
    CacheSeal,
    /// File tools write nothing below `.git`.
    GitFiles,
    /// A path is refused for a `..` or a `/` in front, before it is opened.
    PathText,
    /// A page is fetched when a rule allows it.
    WebRules,
    /// A page is fetched from public addresses.
    PublicAddresses,
    /// Where a redirect leads is decided as the first page was.
    Redirects,
    /// A command in rules of the kernel opens the files of its workspace.
    CommandFiles,
    /// A command makes the system calls that programs need.
    CommandCalls,
    /// A command of a host that is root is nobody's.
    CommandUser,
    /// Lines that look like a marker are told apart from one.
    Markers,
    /// Text of children is printable and nothing else.
    PlainText,
    /// A plugin imports what its manifest asks for.
    PluginAsks,
    /// A plugin works with the files that its caller may use itself.
    CallersFiles,
    /// The component of a plugin is the one that was approved.
    PluginDigest,
}

impl Defence {
    /// Every defence.
    pub const ALL: [Defence; 21] = [
        Defence::ExactNames,
        Defence::ExactTypes,
        Defence::PlannedGrant,
        Defence::CheckedGrant,
        Defence::Blocked,
        Defence::ParentsGrant,
        Defence::AgentNames,
        Defence::CacheSeal,
        Defence::GitFiles,
        Defence::PathText,
        Defence::WebRules,
        Defence::PublicAddresses,
        Defence::Redirects,
        Defence::CommandFiles,
        Defence::CommandCalls,
        Defence::CommandUser,
        Defence::Markers,
        Defence::PlainText,
        Defence::PluginAsks,
        Defence::CallersFiles,
        Defence::PluginDigest,
    ];
}

/// The defences of one host: all of them, but for what a test took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defences {
    #[cfg(feature = "switches")]
    missing: u64,
}

impl Defences {
    /// Nothing is missing.
    pub const ALL: Self = Self {
        #[cfg(feature = "switches")]
        missing: 0,
    };

    /// Whether this one is there.
    #[inline]
    pub(crate) const fn has(self, defence: Defence) -> bool {
        #[cfg(feature = "switches")]
        return self.missing & (1 << defence as u8) == 0;
        #[cfg(not(feature = "switches"))]
        {
            let _ = defence;
            true
        }
    }

    /// Takes one away.
    #[cfg(feature = "switches")]
    #[must_use]
    pub const fn without(self, defence: Defence) -> Self {
        Self { missing: self.missing | 1 << defence as u8 }
    }
}

/// The switches of what is done without a host: the text of an event.
#[cfg(feature = "switches")]
mod here {
    use std::cell::Cell;

    use super::{Defence, Defences};

    thread_local! {
        static HERE: Cell<Defences> = const { Cell::new(Defences::ALL) };
    }

    /// Does `work` on this thread with these defences in what needs no host.
    pub fn with<T>(defences: Defences, work: impl FnOnce() -> T) -> T {
        let before = HERE.replace(defences);
        let res = work();
        HERE.set(before);
        res
    }

    pub(crate) fn has(defence: Defence) -> bool {
        HERE.get().has(defence)
    }
}

#[cfg(feature = "switches")]
pub(crate) use here::has as has_here;
#[cfg(feature = "switches")]
pub use here::with;

/// Whether a function that knows no host has this defence.
#[cfg(not(feature = "switches"))]
#[inline]
pub(crate) const fn has_here(defence: Defence) -> bool {
    Defences::ALL.has(defence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_every_defence() {
        assert!(Defence::ALL.into_iter().all(|it| Defences::default().has(it)));
    }

    #[test]
    fn each_has_a_switch_of_its_own() {
        for (place, defence) in Defence::ALL.into_iter().enumerate() {
            assert_eq!(defence as usize, place, "{defence:?}");
        }
    }
}
