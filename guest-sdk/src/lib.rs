//! Write subagents and tools for the Hermitage host.
//!
//! An agent is one function, and so is a tool; `tool` has the second (feature
//! `tools`), and this page the first. The host calls it with a [`Task`] and takes a
//! [`Report`] back; in between the agent may use the tools it was granted.
//!
//! ```no_run
//! use hermitage_guest::{Error, Report, Task, agent, file, progress};
//!
//! #[agent]
//! fn run(task: Task) -> Result<Report, Error> {
//!     progress::report("reading the manual");
//!     let manual = file::read_file("README.md", None, Some(40))?;
//!     let summary = format!("{}: {} lines", task.goal, manual.total_lines);
//!     Ok(Report::completed(summary))
//! }
//! # fn main() {}
//! ```
//!
//! The crate that holds it is a `cdylib`:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//! ```
//!
//! # Tools
//!
//! There is one module for each toolset, and one function for each tool. A
//! component imports exactly the functions that it calls, so the host can say
//! what an agent may do before it runs. A tool that was not granted answers
//! [`ToolError::Denied`]. [`toolbox`] has the granted tools as objects, for
//! agents that let a model choose.
//!
//! # What a component has not
//!
//! Nothing of the machine but its tools. The standard library compiles, and:
//!
//! | of std | does | instead |
//! |---|---|---|
//! | `println!`, `eprintln!`, `dbg!` | nothing, without a word | [`progress::info`] for the log, [`Report`] for the result |
//! | `std::fs`, `std::net`, `std::process`, `std::thread` | an error of the kind `Unsupported` | [`mod@file`], [`web`], [`terminal`], [`delegation`] |
//! | `Instant::now`, `SystemTime::now`, `thread::sleep` | a panic, which ends the component | nothing: the host measures and limits time |
//! | `std::env::var`, `std::env::args` | nothing is set | the [`Task`] |
//! | random numbers | none; a `HashMap` has the same order in each run | |
//!
//! A panic is logged with its place, and ends the component as a trap. Crates
//! that want one of these (an async runtime, an HTTP client, `chrono` with
//! its clock) compile, and fail when they run.
//!
//! # Natively
//!
//! The crate compiles for every target, so that an agent's own logic can be
//! tested with `cargo test`. Calling a tool outside a host panics.

#[expect(
    unsafe_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::panic,
    clippy::unwrap_used,
    reason = "generated: written by `tests/sdk_bindings.rs` from `wit/`"
)]
#[doc(hidden)]
#[rustfmt::skip]
pub mod bindings;

pub mod clarify;
pub mod code_execution;
pub mod delegation;
pub mod file;
pub mod memory;
pub mod messaging;
pub mod model;
pub mod progress;
pub mod terminal;
pub mod toolbox;
pub mod web;

#[cfg(feature = "tools")]
pub mod tool;

mod error;
mod report;

#[cfg(target_arch = "wasm32")]
mod allocator;
#[doc(hidden)]
pub mod rt;

pub use hermitage_guest_macros::{agent, tool};

pub use crate::bindings::hermitage::subagent::types::{
    Outcome, RejectedAnswer, Report, Role, Task, ToolError, ToolSpec,
};
pub use crate::error::Error;
