//! The inert WASI set: what components of other tool chains import unasked.
//!
//! Nothing of it reaches anything: no arguments, no environment, no files,
//! closed stdin; output goes into the child's log and past its cap nowhere;
//! clocks are coarse, randomness is capped. Linked interface by interface
//! from the plan; sockets and http are never linked.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::{
    Engine, bail,
    component::{
        Component, HasData, Linker, LinkerInstance, ResourceTable, ResourceType, Val,
        types::{ComponentFunc, ComponentInstance, ComponentItem, Type},
    },
};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView, async_trait,
    cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView as _},
    clocks::{WasiClocks, WasiClocksView as _},
    p2::{OutputStream, Pollable, StreamResult, bindings},
    random::WasiRandom,
};
use wasmtime_wasi_io::bindings::wasi::io;

use super::{
    cell::Cell,
    record::{Level, Record},
};
use crate::boundary::plan::WASI_STUBBED;

/// Bytes of one request for randomness: bounds what the host allocates.
const MAX_RANDOM_BYTES: u64 = 4 << 10;

/// Steps of both clocks. Finer ones would help a guest that times the host's
/// caches.
const CLOCK_STEP: Duration = Duration::from_millis(1);

/// Bytes that one write to an output stream may carry.
const MAX_WRITE_BYTES: usize = 64 << 10;

/// WASI state of one cell, made when it is first used: most guests never do.
#[derive(Default)]
pub(super) struct InertWasi(Option<WasiCtx>);

impl WasiView for Cell {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.count_wasi_call();
        let ctx = self.wasi.0.get_or_insert_with(|| context(&self.record));
        WasiCtxView { ctx, table: &mut self.table }
    }
}

fn context(record: &Arc<Record>) -> WasiCtx {
    let stream = |level| LogStream { record: Arc::clone(record), level };
    WasiCtx::builder()
        .stdout(stream(Level::Info))
        .stderr(stream(Level::Warn))
        .wall_clock(CoarseClock::new())
        .monotonic_clock(CoarseClock::new())
        .max_random_size(MAX_RANDOM_BYTES)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

struct CoarseClock(Instant);

impl CoarseClock {
    fn new() -> Self {
        Self(Instant::now())
    }
}

fn coarse(time: Duration) -> Duration {
    let steps = time.as_millis() / CLOCK_STEP.as_millis();
    Duration::from_millis(u64::try_from(steps).unwrap_or(u64::MAX))
}

impl HostWallClock for CoarseClock {
    fn resolution(&self) -> Duration {
        CLOCK_STEP
    }

    fn now(&self) -> Duration {
        coarse(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

impl HostMonotonicClock for CoarseClock {
    fn resolution(&self) -> u64 {
        nanos(CLOCK_STEP)
    }

    fn now(&self) -> u64 {
        nanos(coarse(self.0.elapsed()))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Standard output and error: lines of the child's log.
#[derive(Clone)]
struct LogStream {
    record: Arc<Record>,
    level: Level,
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches('\n');
        if !text.is_empty() {
            self.record.log(self.level, text.to_owned());
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE_BYTES)
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

/// Links what a component imports of `wasi:*`. The plan has already refused
/// every interface and version that is not in the two lists.
pub(super) fn link(
    engine: &Engine,
    component: &Component,
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
        if let Some((_, link)) = INERT.iter().find(|(known, _)| *known == path) {
            link(linker)?;
        } else if WASI_STUBBED.contains(&path) {
            stub(engine, instance, &mut linker.instance(name)?, &seen)?;
        }
        remember(engine, instance, &mut seen);
    }
    Ok(())
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

/// A resource that no guest ever gets hold of.
struct Never;

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
                linker.resource(name, ResourceType::host::<Never>(), |_, _| Ok(()))?;
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

/// The value that says "no access" in the function's own result type.
fn no_access(function: &ComponentFunc) -> Option<Val> {
    match function.results().next()? {
        Type::Result(result) => {
            let Type::Enum(codes) = result.err()? else {
                return None;
            };
            let code = codes.names().find(|it| *it == "access")?;
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

    #[test]
    fn clocks_are_coarse() {
        assert_eq!(coarse(Duration::from_micros(1_999)), Duration::from_millis(1));
        assert_eq!(HostMonotonicClock::now(&CoarseClock::new()) % nanos(CLOCK_STEP), 0);
    }
}
