//! Interface `progress`: a sign of life, the log, and partial results.

use super::{
    cell::Cell,
    function::{Entry, Function, Linkable},
    wit::contract::progress::Level,
};
use crate::toolset::ToolError;

const INTERFACE: &str = "hermitage:subagent/progress@0.1.0";

pub(super) static FUNCTIONS: &[Entry] =
    &[Entry::of::<Report>(), Entry::of::<Log>(), Entry::of::<Checkpoint>()];

struct Report;

impl Function for Report {
    const INTERFACE: &'static str = INTERFACE;
    const NAME: &'static str = "report";
    type Params = (String,);
    type Results = ();

    fn refusal(_: ToolError) -> Option<()> {
        Some(())
    }
}

impl Linkable for Report {
    async fn call(cell: &mut Cell, (text,): Self::Params) -> wasmtime::Result<()> {
        cell.record.activity(&text);
        Ok(())
    }
}

struct Log;

impl Function for Log {
    const INTERFACE: &'static str = INTERFACE;
    const NAME: &'static str = "log";
    type Params = (Level, String);
    type Results = ();

    fn refusal(_: ToolError) -> Option<()> {
        Some(())
    }
}

impl Linkable for Log {
    async fn call(cell: &mut Cell, (level, text): Self::Params) -> wasmtime::Result<()> {
        cell.record.log(level.into(), text);
        Ok(())
    }
}

struct Checkpoint;

impl Function for Checkpoint {
    const INTERFACE: &'static str = INTERFACE;
    const NAME: &'static str = "checkpoint";
    type Params = (String,);
    type Results = ();

    /// A child that was asked to stop may still say what it has.
    fn refusal(_: ToolError) -> Option<()> {
        None
    }
}

impl Linkable for Checkpoint {
    async fn call(cell: &mut Cell, (summary,): Self::Params) -> wasmtime::Result<()> {
        cell.record.checkpoint(summary);
        Ok(())
    }
}
