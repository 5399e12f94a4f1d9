//! Children on other hosts, over NATS JetStream.
//!
//! The host that was asked keeps the truth: its store has the unit, its
//! journals and its event. What travels is a note that a child waits
//! (`bus`); a worker that takes it asks for the rest, and all calls of the
//! child are made by the host that was asked. So a worker has nothing that the
//! child does not have: no key of a provider, no tool, no file.
//!
//! **Invariant:** a child runs under one lease at a time, and the host that was
//! asked gives it. Whoever lost it is answered so, and changes nothing any more
//! (`child`).
//!
//! **Invariant:** nothing that comes from a server or another host is believed
//! but by the session that it was sealed with (`seal`), and a grant by the
//! signature of a host that is trusted (`holding`).

#[cfg(feature = "cluster")]
mod bus;
#[cfg(feature = "cluster")]
mod child;
#[cfg(feature = "cluster")]
mod error;
#[cfg(feature = "cluster")]
mod holding;
#[cfg(feature = "cluster")]
mod key;
#[cfg(feature = "cluster")]
mod message;
#[cfg(feature = "cluster")]
mod offer;
#[cfg(feature = "cluster")]
mod present;
#[cfg(feature = "cluster")]
mod seal;
mod settings;
#[cfg(feature = "cluster")]
mod submitter;
#[cfg(feature = "cluster")]
mod worker;

pub use self::settings::{ClusterConfig, PublicKey, WorkerConfig};
#[cfg(feature = "cluster")]
pub use self::{
    bus::Bus,
    error::ClusterError,
    key::HostKey,
    offer::Offer,
    present::offers,
    submitter::Submitter,
    worker::{Seen, Watcher, Worker},
};
