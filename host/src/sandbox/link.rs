//! Links a plan: an empty linker, and then exactly what the plan says, one
//! function at a time.

mod wasi;

use std::sync::Arc;

use wasmtime::{
    Engine, bail,
    component::{Component, InstancePre, Linker},
};

use super::{
    cell::Cell, function::Entry, http, progress, tables::CATALOGUE, toolbox, wit::SubagentPre,
};
use crate::boundary::{Decision, Line, Plan, contract::PACKAGE};

/// The functions of world `tool-plugin`.
static OF_PLUGINS: &[&[Entry]] = &[progress::FUNCTIONS, http::FUNCTIONS];

/// Builds the linker of an agent's plan, and checks the component against it.
/// No code of the guest runs here.
pub(super) fn link_plan(
    engine: &Engine,
    component: &Component,
    plan: &Plan,
) -> wasmtime::Result<SubagentPre<Cell>> {
    SubagentPre::new(linked(engine, component, plan, CATALOGUE)?)
}

/// The same for a plugin. What it exports is not looked at.
pub(super) fn link_plugin(
    engine: &Engine,
    component: &Component,
    plan: &Plan,
) -> wasmtime::Result<InstancePre<Cell>> {
    linked(engine, component, plan, OF_PLUGINS)
}

fn linked(
    engine: &Engine,
    component: &Component,
    plan: &Plan,
    catalogue: &[&[Entry]],
) -> wasmtime::Result<InstancePre<Cell>> {
    let mut linker = Linker::new(engine);
    for line in plan.lines().iter().filter(|it| it.interface.starts_with(PACKAGE)) {
        link_line(&mut linker, line, catalogue)?;
    }
    wasi::link(engine, component, plan, &mut linker)?;
    linker.instantiate_pre(component)
}

fn link_line(
    linker: &mut Linker<Cell>,
    line: &Line,
    catalogue: &[&[Entry]],
) -> wasmtime::Result<()> {
    if let Decision::Refused(why) = &line.decision {
        bail!("`{line}` is refused: {why}");
    }
    let Some(item) = &line.item else {
        return Ok(());
    };
    match &line.decision {
        Decision::TypeOnly | Decision::Refused(_) => Ok(()),
        Decision::Linked if line.word == "resource" => {
            toolbox::link_resource(&mut linker.instance(&line.interface)?, item)
        }
        Decision::Linked => {
            let link = entry(line, item, catalogue)?.link;
            link(&mut linker.instance(&line.interface)?)
        }
        Decision::Stubbed(why) => {
            let stub = entry(line, item, catalogue)?.stub;
            stub(&mut linker.instance(&line.interface)?, Arc::from(why.as_str()))
        }
    }
}

fn entry<'a>(line: &Line, item: &str, catalogue: &'a [&'a [Entry]]) -> wasmtime::Result<&'a Entry> {
    let mut all = catalogue.iter().copied().flatten();
    let found = all.find(|it| it.interface == line.interface && it.name == item);
    found.ok_or_else(|| wasmtime::format_err!("`{line}` is not in the catalogue"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::Contract;

    #[test]
    fn the_catalogue_holds_the_functions_of_the_contract() {
        let all = CATALOGUE.iter().copied().flatten();
        let mut catalogue: Vec<_> = all.map(|it| (it.interface, it.name)).collect();
        let mut contract: Vec<_> = Contract::current().functions().collect();
        catalogue.sort_unstable();
        contract.sort_unstable();
        assert_eq!(catalogue, contract);
    }
}
