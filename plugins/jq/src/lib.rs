//! The tool `jq`: a filter of the language jq, over JSON text.
//!
//! It asks for nothing, and everything is in the arguments. Only this file is
//! a tool; the modules below are plain functions.

mod answer;
mod documents;
mod filter;
mod run;

use hermitage_guest::{ToolError, tool, tools};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{answer::Answer, run::Input};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Jq {
    /// What to do with each document, such as `.items[] | {name, size}`.
    filter: String,
    /// JSON text: one document, or several one after the other.
    json: String,
    /// Give the filter one array with all documents instead of each in turn.
    #[serde(default)]
    slurp: bool,
    /// Give the filter `null`, once; it takes documents by `input` and
    /// `inputs`.
    #[serde(default)]
    null_input: bool,
}

/// Filters JSON text as the command `jq` does, and returns the results as a
/// list. It reads no files: put the text into `json`.
#[tool]
fn jq(arguments: Jq) -> Result<Answer, ToolError> {
    let input = match (arguments.slurp, arguments.null_input) {
        (true, true) => return Err(ToolError::invalid("`slurp` and `null_input` are both set")),
        (true, false) => Input::Slurped,
        (false, true) => Input::Null,
        (false, false) => Input::Each,
    };
    run::run(&arguments.filter, &arguments.json, input)
}

tools![jq];
