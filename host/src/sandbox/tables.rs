// Written by `UPDATE_TABLES=1 cargo test --workspace --test tool_tables` from `wit/`.

//! Every function of the contract: those without a tool, and the tools as typed
//! imports, a table for each interface.

mod file;
mod terminal;
mod web;
mod delegation;
mod clarify;
mod memory;
mod messaging;
mod code_execution;

use super::{function::Entry, progress, toolbox, model};

pub(super) static CATALOGUE: &[&[Entry]] = &[
    progress::FUNCTIONS,
    toolbox::FUNCTIONS,
    model::FUNCTIONS,
    file::FUNCTIONS,
    terminal::FUNCTIONS,
    web::FUNCTIONS,
    delegation::FUNCTIONS,
    clarify::FUNCTIONS,
    memory::FUNCTIONS,
    messaging::FUNCTIONS,
    code_execution::FUNCTIONS,
];
