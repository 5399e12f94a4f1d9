//! Links what a component imports of WASI, interface by interface from the
//! plan: the inert set, what a plugin was given ([`filesystem`]), and what
//! answers that there is no access ([`sockets`] among it).

mod filesystem;
mod sockets;

use wasmtime::{
    Engine, bail,
    component::{
        Component, HasData, Linker, LinkerInstance, ResourceTable, ResourceType, Val,
        types::{ComponentFunc, ComponentInstance, ComponentItem, Type},
    },
};
use wasmtime_wasi::{
    WasiCtxView, WasiView,
    cli::{WasiCli, WasiCliView as _},
    clocks::{WasiClocks, WasiClocksView as _},
    p2::bindings,
    random::WasiRandom,
};
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtxView, WasiHttpView, p2::bindings as http};
use wasmtime_wasi_io::bindings::wasi::io;

use self::sockets::Nothing;
use crate::{
    boundary::{Decision, Plan},
    sandbox::cell::Cell,
};

impl WasiView for Cell {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.count_wasi_call();
        let ctx = self.wasi.context(&self.record, self.journal.as_ref());
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl WasiHttpView for Cell {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.count_wasi_call();
        self.web()
    }
}

/// The crate's own marker for `wasi:io` is private.
struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

fn table(cell: &mut Cell) -> &mut ResourceTable {
    cell.count_wasi_call();
    &mut cell.table
}

type LinkInterface = fn(&mut Linker<Cell>) -> wasmtime::Result<()>;

/// How each interface of [`WASI_INERT`] is linked; a test compares the two.
const INERT: &[(&str, LinkInterface)] = &[
    ("wasi:cli/environment", |it| {
        bindings::cli::environment::add_to_linker::<_, WasiCli>(it, Cell::cli)
    }),
    ("wasi:cli/exit", |it| bindings::cli::exit::add_to_linker::<_, WasiCli>(it, Cell::cli)),
    ("wasi:cli/stdin", |it| bindings::cli::stdin::add_to_linker::<_, WasiCli>(it, Cell::cli)),
    ("wasi:cli/stdout", |it| bindings::cli::stdout::add_to_linker::<_, WasiCli>(it, Cell::cli)),
    ("wasi:cli/stderr", |it| bindings::cli::stderr::add_to_linker::<_, WasiCli>(it, Cell::cli)),
    ("wasi:cli/terminal-input", |it| {
        bindings::cli::terminal_input::add_to_linker::<_, WasiCli>(it, Cell::cli)
    }),
    ("wasi:cli/terminal-output", |it| {
        bindings::cli::terminal_output::add_to_linker::<_, WasiCli>(it, Cell::cli)
    }),
    ("wasi:cli/terminal-stdin", |it| {
        bindings::cli::terminal_stdin::add_to_linker::<_, WasiCli>(it, Cell::cli)
    }),
    ("wasi:cli/terminal-stdout", |it| {
        bindings::cli::terminal_stdout::add_to_linker::<_, WasiCli>(it, Cell::cli)
    }),
    ("wasi:cli/terminal-stderr", |it| {
        bindings::cli::terminal_stderr::add_to_linker::<_, WasiCli>(it, Cell::cli)
    }),
    ("wasi:clocks/monotonic-clock", |it| {
        bindings::clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(it, Cell::clocks)
    }),
    ("wasi:clocks/wall-clock", |it| {
        bindings::clocks::wall_clock::add_to_linker::<_, WasiClocks>(it, Cell::clocks)
    }),
    ("wasi:io/error", |it| io::error::add_to_linker::<_, Io>(it, table)),
    ("wasi:io/poll", |it| io::poll::add_to_linker::<_, Io>(it, table)),
    ("wasi:io/streams", |it| io::streams::add_to_linker::<_, Io>(it, table)),
    ("wasi:random/random", |it| {
        bindings::random::random::add_to_linker::<_, WasiRandom>(it, |cell| cell.ctx().ctx.random())
    }),
    ("wasi:random/insecure", |it| {
        bindings::random::insecure::add_to_linker::<_, WasiRandom>(it, |cell| {
            cell.ctx().ctx.random()
        })
    }),
    ("wasi:random/insecure-seed", |it| {
        bindings::random::insecure_seed::add_to_linker::<_, WasiRandom>(it, |cell| {
            cell.ctx().ctx.random()
        })
    }),
];

/// How an interface is linked that is real for who asks for it. Versions are
/// compatible with one another within 0.2.
const REAL: &[(&str, LinkInterface)] = &[
    ("wasi:filesystem/types", |it| {
        filesystem::link_types(&mut it.instance("wasi:filesystem/types@0.2.12")?)
    }),
    ("wasi:filesystem/preopens", |it| {
        filesystem::link_preopens(&mut it.instance("wasi:filesystem/preopens@0.2.12")?)
    }),
    ("wasi:http/types", |it| {
        let options = http::LinkOptions::default();
        http::http::types::add_to_linker::<_, WasiHttp>(it, &(&options).into(), Cell::http)
    }),
    ("wasi:http/outgoing-handler", |it| {
        http::http::outgoing_handler::add_to_linker::<_, WasiHttp>(it, Cell::http)
    }),
];

/// Links what a component imports of `wasi:*`. The plan has already refused
/// every interface and version that nobody knows.
pub(super) fn link(
    engine: &Engine,
    component: &Component,
    plan: &Plan,
    linker: &mut Linker<Cell>,
) -> wasmtime::Result<()> {
    let ty = component.component_type();
    let mut seen = Vec::new();
    for (name, found) in ty.imports(engine) {
        let (Some((path, _)), ComponentItem::ComponentInstance(instance)) =
            (name.split_once('@'), &found.ty)
        else {
            continue;
        };
        let mut real = INERT.iter().chain(REAL);
        if !path.starts_with("wasi:") {
            // Those of the contract are linked line by line.
        } else if !is_stubbed(plan, name)
            && let Some((_, link)) = real.find(|it| it.0 == path)
        {
            link(linker)?;
        } else {
            stub(engine, instance, &mut linker.instance(name)?, &seen)?;
        }
        remember(engine, instance, &mut seen);
    }
    Ok(())
}

fn is_stubbed(plan: &Plan, interface: &str) -> bool {
    let mut lines = plan.lines().iter().filter(|it| it.interface == interface);
    lines.any(|it| matches!(it.decision, Decision::Stubbed(_)))
}

/// Resources are defined where they first appear; later interfaces only name
/// them again.
fn remember(engine: &Engine, instance: &ComponentInstance, seen: &mut Vec<ResourceType>) {
    for (_, item) in instance.exports(engine) {
        if let ComponentItem::Resource(ty) = item.ty
            && !seen.contains(&ty)
        {
            seen.push(ty);
        }
    }
}

/// Defines every function of an interface to answer "no access".
fn stub(
    engine: &Engine,
    instance: &ComponentInstance,
    linker: &mut LinkerInstance<'_, Cell>,
    seen: &[ResourceType],
) -> wasmtime::Result<()> {
    for (name, item) in instance.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(function) => stub_function(linker, name, &function)?,
            ComponentItem::Resource(ty) if !seen.contains(&ty) => {
                linker.resource(name, ResourceType::host::<Nothing>(), |_, _| Ok(()))?;
            }
            _ => (),
        }
    }
    Ok(())
}

/// The linker does not check the types of such a stub, so the number of
/// results is the guest's word: it is matched, not indexed.
fn stub_function(
    linker: &mut LinkerInstance<'_, Cell>,
    name: &str,
    function: &ComponentFunc,
) -> wasmtime::Result<()> {
    if sockets::link_network(linker, name)? {
        return Ok(());
    }
    let answer = no_access(function);
    let label = name.to_owned();
    linker.func_new(name, move |_, _, _, results| match (&answer, results) {
        (Some(answer), [result]) => {
            *result = answer.clone();
            Ok(())
        }
        _ => bail!("`{label}` can't be denied in its type"),
    })
}

/// What WASI calls it, for files and for sockets.
const NO_ACCESS: [&str; 2] = ["access", "access-denied"];

/// The value that says "no access" in the function's own result type.
fn no_access(function: &ComponentFunc) -> Option<Val> {
    match function.results().next()? {
        Type::Result(result) => {
            let Type::Enum(codes) = result.err()? else {
                return None;
            };
            let code = codes.names().find(|it| NO_ACCESS.contains(it))?;
            Some(Val::Result(Err(Some(Box::new(Val::Enum(code.to_owned()))))))
        }
        Type::List(_) => Some(Val::List(Vec::new())),
        Type::Option(_) => Some(Val::Option(None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::plan::WASI_INERT;

    #[test]
    fn what_the_plan_calls_inert_is_what_is_linked() {
        let linked: Vec<&str> = INERT.iter().map(|(name, _)| *name).collect();
        assert_eq!(linked, WASI_INERT);
    }
}
