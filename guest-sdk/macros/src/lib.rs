//! The attribute macros of `hermitage-guest`, which re-exports them.
//!
//! Owns the parsing and checking of what they are put on, and the tokens that
//! tie it to the host. Every error is reported at its place, all of them at
//! once. Nothing here knows the contract: the tokens call
//! `hermitage_guest::rt`.

mod agent;

use proc_macro::TokenStream;

/// Makes a function the agent of this component: the one that the host calls.
///
/// It has the shape `fn run(task: Task) -> Result<Report, Error>`; the first page of
/// `hermitage_guest` has an example.
///
/// The function's name is free. Its error may be anything that converts into
/// `hermitage_guest::Error`. A component has one agent.
#[proc_macro_attribute]
pub fn agent(arguments: TokenStream, item: TokenStream) -> TokenStream {
    agent::expand(arguments.into(), item.into()).into()
}
