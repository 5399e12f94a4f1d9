//! Hermitage runs AI subagents as sandboxed WebAssembly components.
//!
//! A parent delegates tasks; each is done by a child in a cell of its own,
//! with exactly the tools of its grant linked in one by one; and the
//! delegation ends with one event on a durable queue.
//!
//! ```no_run
//! use hermitage::{Binary, Host, Request, Session};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     hermitage::run_if_helper(); // first: components are compiled in a process apart
//!     application()
//! }
//!
//! #[tokio::main]
//! async fn application() -> Result<(), Box<dyn std::error::Error>> {
//!     let scout = Binary::new(std::fs::read("scout.wasm")?);
//!     let host = Host::builder().workspace(".").agent("scout", scout).build().await?;
//!
//!     let session: Session = "agent:main:telegram:dm:12345:678".parse()?;
//!     let request = Request {
//!         goal: Some("Find what is left to do".to_owned()),
//!         agent: Some("scout".to_owned()),
//!         toolsets: Some(vec!["file_read".to_owned()]),
//!         background: true,
//!         ..Request::default()
//!     };
//!     host.delegate(&session, request).await?; // recorded, and on its way
//!
//!     // A new turn of that conversation, when it is idle.
//!     let delivery = host.completions(&session).next().await?;
//!     println!("{}", delivery.text());
//!     delivery.ack().await?; // from now on it counts
//!     host.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! # What an application needs
//!
//! | for | there is |
//! |---|---|
//! | a host | [`Host`], [`Builder`], [`Config`] and its [`Layers`], [`Library`], [`OwnFiles`] |
//! | a request | [`Request`], [`TaskRequest`], [`WrittenBy`], [`OnCapacity`], [`Completion`], [`Session`] |
//! | its answer | [`Answer`], or [`Dispatched`], [`Running`] and [`Update`] to watch it |
//! | its end | [`Deliveries`], [`Delivery`], [`CompletionEvent`], [`ChildResult`] |
//! | tools of strangers | [`Plugin`], and [`Manifest`] with [`Builder::vouched_plugin`] for a component that the application itself vouches for |
//! | a look at all of it | [`Listing`], [`Queue`], [`Store`] |
//! | tools of its own | [`NativeTool`], made by [`tool`] of a [`ToolSpec`]; [`Builder::replace`], for the work of a [`Tool`] of [`host_tools`]; [`Parent`], for a model that is the parent |
//!
//! A request is taken for a model's unless [`Request::written_by`] says
//! otherwise, and the session is always the application's word.
//!
//! The library installs no signal handler and no global subscriber, needs no
//! feature `cli`, and several hosts can live in one process. Its stable part
//! is what this page lists. The modules can be named, for the command line
//! and the tests; they are not documented here and change in any release.
//! `ARCHITECTURE.md` beside the sources is their map, and `SEMANTICS.md` says
//! to the letter what a delegation is.

#![cfg_attr(
    not(feature = "cli"),
    expect(dead_code, reason = "what the command line alone looks at in a store and a component")
)]

// Features that tests alone need are asked for by the package `tests`.
#[cfg(all(test, not(feature = "switches")))]
compile_error!("the tests are those of the whole workspace: `cargo test --workspace`");

#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
#[doc(hidden)]
pub mod boundary;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod clock;
#[doc(hidden)]
pub mod cluster;
pub mod completion;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod defence;
#[doc(hidden)]
pub mod delegation;
#[doc(hidden)]
pub mod event;
#[doc(hidden)]
pub mod helper;
#[doc(hidden)]
pub mod host;
#[doc(hidden)]
pub mod http;
#[doc(hidden)]
pub mod id;
#[doc(hidden)]
pub mod journal;
#[doc(hidden)]
pub mod mcp;
#[cfg(any(test, feature = "oracles"))]
mod noise;
#[cfg(any(test, feature = "oracles"))]
#[doc(hidden)]
pub mod oracle;
mod plain_file;
#[doc(hidden)]
pub mod plugin;
#[doc(hidden)]
pub mod provider;
#[cfg(test)]
mod published;
#[doc(hidden)]
pub mod redact;
#[doc(hidden)]
pub mod sandbox;
#[doc(hidden)]
pub mod secret;
#[cfg(feature = "serve")]
pub mod serve;
#[doc(hidden)]
pub mod session;
#[doc(hidden)]
pub mod setting;
mod slip;
#[doc(hidden)]
pub mod store;
pub mod telemetry;
#[doc(hidden)]
pub mod tools;
#[doc(hidden)]
pub mod toolset;
#[doc(hidden)]
pub mod unit;
mod visible;

pub use clock::Clock;
pub use completion::{Deliveries, Delivery, Queue};
pub use config::{Config, ConfigError, Layer, Layers, Source};
pub use delegation::{
    Completion, DelegateError, Dispatched, LiveChild, OnCapacity, Phase, Prepared, Progress,
    Rejection, Request, RequestError, Running, TaskRequest, Update, WaitsFor, WrittenBy,
};
pub use event::{BoundaryRecord, ChildResult, CompletionEvent, ExitReason, Role, Status};
pub use host::{
    Answer, BuildError, Builder, ChildListing, Host, Listing, Parent, Reply, ToolListing,
};
pub use id::{DelegationId, Random};
pub use plugin::{BuildOnStderr, Library, Manifest, Plugin, PluginError};
pub use sandbox::{Binary, Usage};
pub use session::{Route, Session};
pub use store::{EventFilter, EventRow, Store, StoreError};
pub use tools::{clarify::Person, closed::OwnFiles};
pub use toolset::{Caller, NativeTool, Tool, ToolError, ToolSpec, Work, native::tool};

/// The host's own tools, each by the type of its arguments, and what they give
/// back: for [`Builder::replace`].
pub mod host_tools {
    pub use crate::tools::{
        clarify::Clarify,
        code_execution::ExecuteCode,
        delegation::{DelegateTask, Delegated, SubtaskResult},
        file::{
            EntryKind, FileSlice, Patch, Patched, ReadFile, SearchFiles, SearchHit, SearchPage,
            Skipped, WriteFile, Written,
        },
        memory::{Memory, MemoryAction},
        messaging::{SendMessage, Sent},
        terminal::{CommandResult, Terminal},
        web::{WebExtract, WebHit, WebPage, WebSearch},
    };
}

/// Makes the program of this process its own helper: to be called first in
/// `main`, before a runtime or any other thread. Returns at once, unless this
/// process was started as a helper: then it does that work, and ends.
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
