//! Which functions that a component exports are tools, and under which names.

use std::collections::BTreeMap;

use wasmtime::{
    Engine,
    component::{
        Component,
        types::{ComponentFunc, ComponentInstance, ComponentItem, Type},
    },
};

use super::{
    PlainTool,
    name::{short, snake},
    shape::{Reader, Reason, Unsupported, told},
};

/// Functions of one component: whoever is granted its tools carries them all.
const MAX_TOOLS: usize = 128;

/// Interfaces whose functions are no tools: those of commands and servers of
/// WASI, and the host's own contract.
const NO_TOOLS: [&str; 2] = ["wasi:", "hermitage:subagent/"];

/// The parameters of the function in which components of QuickJS start up.
const QUICKJS_INIT: [&str; 4] = ["shim", "script", "entry-path", "disable-gc"];

/// What makes the first parameter of an agent's `run` the contract's task.
const TASK_FIELDS: [&str; 8] =
    ["goal", "context", "tools", "role", "depth", "max-iterations", "output-schema", "rejected"];

/// The functions that a component exports, itself or in its interfaces, as
/// tools, in its order.
pub(in crate::sandbox) fn tools(
    engine: &Engine,
    component: &Component,
) -> Result<Vec<PlainTool>, Unsupported> {
    let found = functions(engine, component);
    if let Some(last) = found.get(MAX_TOOLS) {
        return Err(Unsupported::new(&last.place(), Reason::Count { max: MAX_TOOLS }));
    }
    let names = names(&found)?;
    let mut reader = Reader::default();
    let tool = |(found, name): (Found, String)| {
        let refused = |reason| Unsupported::new(&found.place(), reason);
        if found.function.starts_with('[') {
            return Err(refused(Reason::OfResource));
        }
        let ty = reader.function(&found.ty).map_err(refused)?;
        Ok(PlainTool { name, interface: found.interface, function: found.function, ty })
    };
    found.into_iter().zip(names).map(tool).collect()
}

struct Found {
    interface: Option<String>,
    function: String,
    ty: ComponentFunc,
}

impl Found {
    fn place(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}#{}", self.function),
            None => self.function.clone(),
        }
    }
}

/// One more than are taken, at most.
fn functions(engine: &Engine, component: &Component) -> Vec<Found> {
    let ty = component.component_type();
    let mut res = Vec::new();
    for (name, found) in ty.exports(engine) {
        match found.ty {
            ComponentItem::ComponentFunc(ty)
                if !is_of_tool_chain(name, &ty) && !is_agent(name, &ty) =>
            {
                res.push(Found { interface: None, function: name.to_owned(), ty });
            }
            ComponentItem::ComponentInstance(it) if !has_no_tools(engine, name, &it) => {
                res.extend(of_interface(engine, name, &it));
            }
            _ => (),
        }
        if res.len() > MAX_TOOLS {
            break;
        }
    }
    res
}

fn of_interface(engine: &Engine, name: &str, instance: &ComponentInstance) -> Vec<Found> {
    let function = |(function, found): (&str, _)| match found {
        ComponentItem::ComponentFunc(ty) => {
            Some(Found { interface: Some(name.to_owned()), function: function.to_owned(), ty })
        }
        _ => None,
    };
    let exports = instance.exports(engine).map(|(name, found)| (name, found.ty));
    exports.filter_map(function).take(MAX_TOOLS.saturating_add(1)).collect()
}

/// Components of QuickJS start up in a function `init`.
fn is_of_tool_chain(name: &str, ty: &ComponentFunc) -> bool {
    name == "init" && ty.params().map(|it| it.0).eq(QUICKJS_INIT)
}

/// The function of an agent, by its parameter.
fn is_agent(name: &str, ty: &ComponentFunc) -> bool {
    let is_task = |(_, ty): (&str, Type)| match ty {
        Type::Record(it) => it.fields().map(|it| it.name).eq(TASK_FIELDS),
        _ => false,
    };
    name == "run" && ty.params().len() == 1 && ty.params().all(is_task)
}

/// Python components start up in an interface `exports`.
fn has_no_tools(engine: &Engine, name: &str, instance: &ComponentInstance) -> bool {
    let starts_up = || of_interface(engine, name, instance).iter().all(|it| it.function == "init");
    NO_TOOLS.iter().any(|it| name.starts_with(it)) || name == "exports" && starts_up()
}

/// A function has its own name; those of interfaces that have the same one
/// have their interface's in front.
fn names(found: &[Found]) -> Result<Vec<String>, Unsupported> {
    let mut times = BTreeMap::<&str, usize>::new();
    for it in found {
        let times = times.entry(&it.function).or_default();
        *times = times.saturating_add(1);
    }
    let name = |it: &Found| match &it.interface {
        Some(interface) if times.get(it.function.as_str()).is_some_and(|it| *it > 1) => {
            snake(&format!("{}-{}", short(interface), it.function))
        }
        _ => snake(&it.function),
    };
    let names: Vec<String> = found.iter().map(name).collect();
    let mut taken = BTreeMap::<&str, &Found>::new();
    for (name, it) in names.iter().zip(found) {
        if let Some(other) = taken.insert(name, it) {
            let reason = Reason::Name { name: told(name), other: told(&other.place()) };
            return Err(Unsupported::new(&it.place(), reason));
        }
    }
    Ok(names)
}
