//! The attribute macros of `hermitage-guest`, which re-exports them.
//!
//! Owns the parsing and checking of what they are put on, and the tokens that
//! tie it to the host. Every error is reported at its place, all of them at
//! once. Nothing here knows the contract: the tokens call
//! `hermitage_guest::rt`.

mod agent;
mod signature;
mod tool;

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

/// Makes a function a tool of this plugin. Feature `tools`.
///
/// It has the shape `fn search(arguments: Search) -> Result<Found, ToolError>`;
/// `hermitage_guest::tool` has an example.
///
/// - Its name is the name of the tool, in snake case.
/// - Its doc comment is what a model reads to know when to call it.
/// - Its argument is a struct that derives `serde::Deserialize` and
///   `schemars::JsonSchema`: a model reads the schema, with the doc comments
///   of the fields in it. A tool without arguments has none.
/// - Its result is anything that is `serde::Serialize`.
/// - Its error is anything that converts into `hermitage_guest::ToolError`.
///
/// `hermitage_guest::tools!` names the tools of a plugin, once. The function
/// itself stays as it is, and can be called in tests.
#[proc_macro_attribute]
pub fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    tool::expand(arguments.into(), item.into()).into()
}
