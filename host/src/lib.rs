//! Hermitage runs AI subagents as sandboxed WebAssembly components.
//!
//! A parent delegates tasks; each is done by a child in a cell of its own,
//! with exactly the tools of its grant linked in one by one; and the
//! delegation ends with one event. `ARCHITECTURE.md` beside this crate's
//! sources is the map.
//!
//! Applications start with [`Host`]. The path of a delegation is the list of
//! modules, from the top: [`delegation`] checks the request, finds a place for
//! it and runs the children, [`plugin`] finds their components and [`tools`]
//! does the work of their tools, [`sandbox`] compiles, links and runs them,
//! [`boundary`] decides every import, [`toolset`] says what a tool and a grant
//! are, [`completion`] queues the [`event`] and writes its text, [`store`]
//! keeps it.
//!
//! The library installs no signal handler and no global subscriber, needs no
//! feature `cli`, and several hosts can live in one process.

pub mod boundary;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
pub mod completion;
pub mod config;
pub mod delegation;
pub mod event;
pub mod host;
pub mod http;
pub mod id;
pub mod plugin;
pub mod provider;
pub mod sandbox;
pub mod session;
pub mod store;
pub mod tools;
pub mod toolset;
pub mod unit;

pub use host::Host;
