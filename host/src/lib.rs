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
//! A host starts helper processes, and is its own [`helper`] when its `main`
//! calls [`run_if_helper`] first.
//!
//! The library installs no signal handler and no global subscriber, needs no
//! feature `cli`, and several hosts can live in one process.

pub mod boundary;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
pub mod completion;
pub mod config;
pub mod defence;
pub mod delegation;
pub mod event;
pub mod helper;
pub mod host;
pub mod http;
pub mod id;
mod plain_file;
pub mod plugin;
pub mod provider;
pub mod redact;
pub mod sandbox;
pub mod session;
pub mod store;
pub mod tools;
pub mod toolset;
pub mod unit;
mod visible;

pub use host::Host;

/// Makes the program of this process its own helper: to be called first in
/// `main`, before a runtime or any other thread. Returns at once, unless this
/// process was started as a [`helper`]: then it does that work, and ends.
pub fn run_if_helper() {
    let code = match helper::role() {
        Ok(None) => return,
        Ok(Some(helper::Role::Compile)) => sandbox::compile_as_helper(),
        Ok(Some(helper::Role::Launch)) => tools::terminal::launch_as_helper(),
        Err(_) => 1,
    };
    std::process::exit(code)
}

/// Keeps the memory of this process, with the keys in it, out of core dumps
/// and closed to other processes of its user: to be called early in `main`.
/// The command line does so. No debugger can be attached afterwards, and
/// programs that this one starts leave no dumps either.
pub fn forbid_dumps() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    // One byte is, to the kernel, none, even where a program takes the dumps.
    setrlimit(Resource::Core, Rlimit { current: Some(1), maximum: Some(1) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}
