//! The engine: one configuration for every component, and the thread that
//! moves its clock.
//!
//! The pool has room for a fixed number of cells. An exhausted pool fails at
//! once instead of waiting, so `permits` stand in front of it.

use std::{num::NonZeroUsize, thread, time::Duration};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    Strategy, WasmBacktraceDetails,
};

use super::{SandboxConfig, SandboxError, room};

/// How often a running guest is looked at: bounds how late a stop or a spent
/// CPU budget takes effect.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Core instances of one component. Python guests have 38; the bound keeps
/// one component from draining the pool.
pub(super) const MAX_CORE_INSTANCES: u32 = 48;

/// Linear memories of one component (QuickJS guests have 3).
pub(super) const MAX_MEMORIES: u32 = 4;

/// Tables of one component.
pub(super) const MAX_TABLES: u32 = 8;

/// Stack of a guest. Deeper recursion is a trap.
const GUEST_STACK: usize = 512 << 10;

/// Stack of a fiber: the guest's, and what host functions use below it. A
/// host function that runs out of it aborts the process, so the gap is large
/// (at least 64 KiB is needed, measured with a guest that recurses and then
/// calls). Memory is only taken by what is touched.
const FIBER_STACK: usize = 2 << 20;

/// Bytes of a memory that stay mapped between two cells. With `pagemap_scan`
/// only pages that were written are reset, which is what makes this cheap;
/// without it the bytes would be zeroed each time.
const KEEP_MEMORY: usize = 1 << 20;

/// The same for a table.
const KEEP_TABLE: usize = 16 << 10;

/// Bound on a component's or core instance's own bookkeeping.
const MAX_INSTANCE_SIZE: usize = 1 << 20;

/// Frames in the backtrace of a trap, which goes to the log.
const MAX_FRAMES: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");

/// The engine that runs components. It takes machine code that [`compiler`]'s
/// engine made, since they differ in where memory comes from alone.
pub(super) fn engine(config: &SandboxConfig) -> Result<Engine, SandboxError> {
    let mut settings = settings();
    settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)?));
    let engine = Engine::new(&settings).map_err(SandboxError::Engine)?;
    start_ticker(&engine)?;
    Ok(engine)
}

/// The engine of a helper that compiles, and runs nothing: a pool would not
/// fit into its memory.
pub(super) fn compiler() -> wasmtime::Result<Engine> {
    let mut settings = settings();
    settings.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Engine::new(&settings)
}

/// What machine code depends on.
fn settings() -> Config {
    let mut res = Config::new();
    res.strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(FIBER_STACK)
        // Guests are synchronous WIT functions: async ones cost 30-40 % more
        // and are the least fuzzed part of the runtime.
        .concurrency_support(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(Some(MAX_FRAMES));
    turn_off_proposals(&mut res);
    res
}

/// Proposals that no guest tool chain here needs: code that can't be reached
/// has no bugs. (Tail calls stay: QuickJS is built with them.) Those that need a cargo feature of wasmtime (garbage
/// collection, threads, stack switching) are not compiled in at all.
fn turn_off_proposals(config: &mut Config) {
    config
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false);
}

fn pool(config: &SandboxConfig) -> Result<PoolingAllocationConfig, SandboxError> {
    let cells = config.max_live_cells.saturating_add(config.plugin_cells);
    let memories = room::memories(cells, MAX_MEMORIES, room::maps())?;
    let mut res = PoolingAllocationConfig::new();
    res.total_component_instances(cells)
        .total_core_instances(cells.saturating_mul(MAX_CORE_INSTANCES))
        .total_memories(memories)
        .total_tables(cells.saturating_mul(MAX_TABLES))
        .total_stacks(cells)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_memories_per_module(MAX_MEMORIES)
        .max_tables_per_module(MAX_TABLES)
        .max_memory_size(config.memory_bytes)
        .table_elements(config.table_elements)
        .max_component_instance_size(MAX_INSTANCE_SIZE)
        .max_core_instance_size(MAX_INSTANCE_SIZE)
        .linear_memory_keep_resident(KEEP_MEMORY)
        .table_keep_resident(KEEP_TABLE)
        .pagemap_scan(Enabled::Auto);
    Ok(res)
}

/// Moves the engine's epoch every [`TICK`] from a thread of its own, because
/// a spinning guest would starve a timer. Ends when the engine is gone.
fn start_ticker(engine: &Engine) -> Result<(), SandboxError> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::park_timeout(TICK);
        }
    };
    let thread = thread::Builder::new().name("hermitage-epoch".to_owned());
    thread.spawn(tick).map_err(SandboxError::Thread)?;
    Ok(())
}
