//! Links a plan: an empty linker, and then exactly what the plan says, one
//! function at a time.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;
use wasmtime::{
    Engine, StoreContextMut, bail,
    component::{Component, Linker, LinkerInstance},
};

use super::{
    bindings::{CATALOGUE, Entry, Function, Linkable, SubagentPre},
    cell::Cell,
    toolbox, wasi,
};
use crate::boundary::{Decision, Line, Plan, contract::PACKAGE};

/// A host function panicked: a fault of the host that ends this child only.
#[derive(Debug, thiserror::Error)]
#[error("the host function `{0}` panicked")]
pub(super) struct HostPanic(&'static str);

/// Links one function to the real thing. Everything a guest's call does on
/// the host begins here.
pub(super) fn link<T: Linkable>(instance: &mut LinkerInstance<'_, Cell>) -> wasmtime::Result<()> {
    instance.func_wrap_async(T::NAME, |mut cx: StoreContextMut<'_, Cell>, params: T::Params| {
        Box::new(async move {
            let cell = cx.data_mut();
            if let Some(refusal) = cell.admit()?.and_then(T::refusal) {
                return Ok(refusal);
            }
            let call = AssertUnwindSafe(T::call(cell, params)).catch_unwind();
            call.await.unwrap_or_else(|_| Err(HostPanic(T::NAME).into()))
        })
    })
}

/// Links one function to an answer that says `denied`. Holds no reference to
/// the real thing.
pub(super) fn stub<T: Function>(
    instance: &mut LinkerInstance<'_, Cell>,
    why: Arc<str>,
) -> wasmtime::Result<()> {
    instance.func_wrap(T::NAME, move |mut cx: StoreContextMut<'_, Cell>, _: T::Params| {
        let denied = crate::toolset::ToolError::Denied(why.to_string());
        let answer = cx.data_mut().admit()?.unwrap_or(denied);
        T::refusal(answer).ok_or_else(|| wasmtime::format_err!("`{}` can't be denied", T::NAME))
    })
}

/// Builds the linker of a plan, and checks the component against it. No code
/// of the guest runs here.
pub(super) fn link_plan(
    engine: &Engine,
    component: &Component,
    plan: &Plan,
) -> wasmtime::Result<SubagentPre<Cell>> {
    let mut linker = Linker::new(engine);
    for line in plan.lines().iter().filter(|it| it.interface.starts_with(PACKAGE)) {
        link_line(&mut linker, line)?;
    }
    wasi::link(engine, component, &mut linker)?;
    SubagentPre::new(linker.instantiate_pre(component)?)
}

fn link_line(linker: &mut Linker<Cell>, line: &Line) -> wasmtime::Result<()> {
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
            let link = entry(line, item)?.link;
            link(&mut linker.instance(&line.interface)?)
        }
        Decision::Stubbed(why) => {
            let stub = entry(line, item)?.stub;
            stub(&mut linker.instance(&line.interface)?, Arc::from(why.as_str()))
        }
    }
}

fn entry(line: &Line, item: &str) -> wasmtime::Result<&'static Entry> {
    let found = CATALOGUE.iter().find(|it| it.interface == line.interface && it.name == item);
    found.ok_or_else(|| wasmtime::format_err!("`{line}` is not in the catalogue"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::Contract;

    #[test]
    fn the_catalogue_holds_the_functions_of_the_contract() {
        let mut catalogue: Vec<_> = CATALOGUE.iter().map(|it| (it.interface, it.name)).collect();
        let mut contract: Vec<_> = Contract::current().functions().collect();
        catalogue.sort_unstable();
        contract.sort_unstable();
        assert_eq!(catalogue, contract);
    }
}
