//! Admission: a component whose imports were decided without a refusal, and
//! linked as they were decided.
//!
//! The only thing that a cell runs, and only [`admit`] makes one: so a plan
//! with a refusal, a plan of another component, or a policy that is not the
//! plan's can't get as far as a cell.

use std::sync::Arc;

use wasmtime::Engine;

use super::{cell::Cell, compile::Loaded, link::link_plan, wit::SubagentPre};
use crate::{
    boundary::{Contract, Policy, plan},
    completion::sanitize::clean_line,
    event::{BoundaryLine, BoundaryRecord},
    toolset::Grant,
};

/// Why a component is refused that imports nothing wrong.
const NO_RUN: &str = "it exports no function `run`, which starts an agent";

/// Characters of the linker's message, which may quote names of the file.
const MAX_MESSAGE_CHARS: usize = 500;

/// A component that may run, with what it may use.
pub struct Admitted {
    pub(super) pre: SubagentPre<Cell>,
    policy: Arc<Policy>,
    record: Arc<BoundaryRecord>,
}

impl Admitted {
    /// By which it was admitted.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// The tools of the child.
    pub fn grant(&self) -> &Grant {
        self.policy.grant()
    }

    /// What was decided.
    pub fn record(&self) -> &Arc<BoundaryRecord> {
        &self.record
    }
}

/// Plans and links. No code of the guest runs here. The error is the record
/// with its refusals.
pub(super) fn admit(
    engine: &Engine,
    component: &Loaded,
    policy: &Arc<Policy>,
) -> Result<Admitted, Arc<BoundaryRecord>> {
    let plan = plan(component.imports(), Contract::current(), policy);
    let mut record = plan.record(component.digest(), policy.grant());
    if !component.exports_run() {
        record.refused.push(whole(NO_RUN.to_owned()));
    }
    if !record.refused.is_empty() {
        return Err(Arc::new(record));
    }
    match link_plan(engine, &component.component, &plan) {
        Ok(pre) => Ok(Admitted { pre, policy: Arc::clone(policy), record: Arc::new(record) }),
        Err(err) => {
            let reason = clean_line(&err.root_cause().to_string(), MAX_MESSAGE_CHARS);
            record.refused.push(whole(format!("it is not of the world `subagent`: {reason}")));
            Err(Arc::new(record))
        }
    }
}

/// A refusal that no import is the reason of.
fn whole(reason: String) -> BoundaryLine {
    BoundaryLine { import: BoundaryLine::WHOLE.to_owned(), reason }
}
