//! Plain exported functions of any component as tools: JSON to component
//! values and back, and the schema of it, all from the types of the functions.
//!
//! [`tools`] reads the functions out of a compiled component. A
//! [`PlainTool`] then says what a model reads of one, makes the parameters of
//! a call out of the JSON of a model, and text out of its result. It calls
//! nothing, and what it does runs on the host's runtime, never on a guest's
//! stack.
//!
//! **Invariant:** nothing is lost between JSON and component values: a value
//! that is written and read again is the same one, to the bit but for the
//! payload of a NaN.

mod docs;
mod expected;
mod export;
mod input;
mod name;
#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;
mod output;
mod schema;
mod shape;
mod signature;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use wasmtime::component::Val;

use self::shape::{Function, Shape};
use crate::toolset::{ToolError, ToolSpec};

pub(super) use self::{
    docs::{Docs, read as read_docs},
    export::tools,
};

/// The cases of the contract's `tool-error`, and whether a text comes with
/// each.
const TOOL_ERROR: [(&str, bool); 6] = [
    ("denied", true),
    ("invalid-arguments", true),
    ("failed", true),
    ("interrupted", false),
    ("timed-out", false),
    ("exhausted", true),
];

/// One exported function, as a tool.
#[derive(Clone, Debug)]
pub(super) struct PlainTool {
    /// In snake case, and no other tool's of this component.
    pub(super) name: String,
    /// The exported interface it is in, as it is called in the component, with
    /// its version; `None` for a function of the component itself.
    pub(super) interface: Option<String>,
    /// Its name as it is called there.
    pub(super) function: String,
    ty: Function,
}

impl PlainTool {
    /// What a model reads of it: what its component says of it, or its types
    /// alone.
    pub(super) fn spec(&self, docs: &Docs) -> ToolSpec {
        let said = docs.of(self.interface.as_deref(), &self.function);
        let description = said.map_or_else(|| self.signature(), str::to_owned);
        ToolSpec::new(&*self.name, description, schema::arguments(&self.ty.params).to_string())
    }

    /// The parameters of a call.
    ///
    /// # Errors
    ///
    /// [`ToolError::InvalidArguments`], with the path of what does not fit.
    pub(super) fn arguments(&self, json: &str) -> Result<Vec<Val>, ToolError> {
        input::arguments(&self.ty.params, json).map_err(ToolError::InvalidArguments)
    }

    /// Room for the results of a call.
    pub(super) fn results(&self) -> Vec<Val> {
        self.ty.result.iter().map(|_| Val::Bool(false)).collect()
    }

    /// What a call gave: a text as it stands, everything else as JSON. Of a
    /// `result` it is what is in it, and the error is the tool's.
    ///
    /// # Errors
    ///
    /// What the function gave as its error; and a result that is too long.
    pub(super) fn answer(&self, results: &[Val]) -> Result<String, ToolError> {
        match (&self.ty.result, results) {
            (None, []) => Ok(output::NOTHING.to_owned()),
            (Some(Shape::Result { ok, error }), [Val::Result(found)]) => match found {
                Ok(found) => text(ok.as_deref(), found.as_deref()),
                Err(found) => Err(self.error(error.as_deref(), found.as_deref())),
            },
            (Some(shape), [found]) => text(Some(shape), Some(found)),
            _ => Err(output::Problem::Unfit.into()),
        }
    }

    fn error(&self, shape: Option<&Shape>, found: Option<&Val>) -> ToolError {
        let Some((shape, found)) = shape.zip(found) else {
            return ToolError::Failed(format!("`{}` failed without a reason", self.name));
        };
        if shape.has_cases(&TOOL_ERROR)
            && let Some(error) = tool_error(found)
        {
            return error;
        }
        text(Some(shape), Some(found)).map_or_else(|it| it, ToolError::Failed)
    }

    fn signature(&self) -> String {
        let mut res = match &self.interface {
            Some(interface) => format!("`{}` of `{interface}`: ", self.function),
            None => format!("`{}`: ", self.function),
        };
        // Writing to a text does not fail.
        let _ = write!(res, "{}", self.ty);
        res
    }
}

fn text(shape: Option<&Shape>, found: Option<&Val>) -> Result<String, ToolError> {
    Ok(output::text(shape, found)?)
}

/// Case by case.
fn tool_error(found: &Val) -> Option<ToolError> {
    let Val::Variant(case, payload) = found else {
        return None;
    };
    let text = match payload.as_deref() {
        Some(Val::String(text)) => text.clone(),
        _ => String::new(),
    };
    Some(match case.as_str() {
        "denied" => ToolError::Denied(text),
        "invalid-arguments" => ToolError::InvalidArguments(text),
        "failed" => ToolError::Failed(text),
        "interrupted" => ToolError::Interrupted,
        "timed-out" => ToolError::TimedOut,
        "exhausted" => ToolError::Exhausted(text),
        _ => return None,
    })
}
