//! Components that nobody thought of: random modules that call every import
//! of the contract with random values (HB-8, IB-9), random worlds (IB-9), and
//! damaged guests (CB-6, IB-11). The same ones every time.
//!
//! What becomes of one is not known, but for this: it is a typed end of its
//! own, and everything that the watcher looks at is as it should be.

use arbitrary::Unstructured;
use hermitage_tests::{Dice, checkout, guest};
use wasm_smith::Module;
use wit_component::{
    ComponentEncoder, DecodedWasm, StringEncoding, decode, dummy_module, embed_component_metadata,
};
use wit_parser::{ManglingAndAbi, Resolve, WorldId};

use crate::case::{Case, Component, case};

/// How many of each kind are made.
const MODULES: u64 = 160;
const WORLDS: u64 = 64;
const DAMAGED: u64 = 160;

/// Attackers of one delegation.
pub(crate) const BATCH: usize = 16;

/// Random bytes that a module or a world is made of.
const MATERIAL: usize = 3_000;

/// What a random module may execute before it traps; a loop of it is short.
const FUEL: u32 = 2_000;

/// How a generated component may end: never as a fault of the host.
pub(crate) const ENDS: [&str; 7] = [
    "completed/completed",
    "failed/completed",
    "failed/error",
    "failed/budget",
    "error/refused",
    "error/trap",
    "timeout/timeout",
];

pub(crate) fn cases() -> Vec<Case> {
    let families = [("modules", modules()), ("worlds", worlds()), ("damaged", damaged())];
    families.into_iter().flat_map(|(name, all)| batches(name, all)).collect()
}

fn batches(name: &str, all: Vec<Vec<u8>>) -> Vec<Case> {
    let of = |(at, batch): (usize, &[Vec<u8>])| {
        let mut more = batch.iter().cloned().map(Component::Bytes);
        let first = more.next().unwrap();
        Case { more: more.collect(), ..case(format!("generated/{name}-{at}"), first) }
            .toolsets(&["file_read", "web"])
            .config("sandbox.cpu_seconds", 1)
            .config("delegation.max_tasks_per_batch", BATCH + 1)
    };
    all.chunks(BATCH).enumerate().map(of).collect()
}

fn material(seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    (0..MATERIAL / 8).flat_map(|_| dice.draw().to_le_bytes()).collect()
}

/// Modules with the imports and exports of the world, and anything between.
fn modules() -> Vec<Vec<u8>> {
    let (resolve, world) = contract();
    let dummy = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    let made = |seed: u64| {
        let bytes = material(seed);
        let config = wasm_smith::Config {
            available_imports: Some(dummy.clone()),
            exports: Some(dummy.clone()),
            // What the engine does not take would be refused and never run.
            custom_page_sizes_enabled: false,
            exceptions_enabled: false,
            gc_enabled: false,
            memory64_enabled: false,
            reference_types_enabled: false,
            relaxed_simd_enabled: false,
            shared_everything_threads_enabled: false,
            threads_enabled: false,
            wide_arithmetic_enabled: false,
            max_memories: 1,
            max_memory32_bytes: 1 << 22,
            ..wasm_smith::Config::default()
        };
        let mut module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
        module.ensure_termination(FUEL).ok()?;
        component(module.to_bytes(), &resolve, world)
    };
    filled(MODULES, made)
}

/// The contract, as it lies beside the host.
fn contract() -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(checkout().join("host/wit")).unwrap();
    let world = resolve.select_world(&[package], Some("subagent")).unwrap();
    (resolve, world)
}

fn component(mut module: Vec<u8>, resolve: &Resolve, world: WorldId) -> Option<Vec<u8>> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).ok()?;
    ComponentEncoder::default().module(&module).ok()?.encode().ok()
}

/// Components of worlds that nobody has heard of.
fn worlds() -> Vec<Vec<u8>> {
    let made = |seed: u64| {
        let bytes = material(seed);
        let config = wit_smith::Config::default();
        let wit = wit_smith::smith(&config, &mut Unstructured::new(&bytes)).ok()?;
        let DecodedWasm::WitPackage(resolve, _) = decode(&wit).ok()? else { return None };
        let (world, _) = resolve.worlds.iter().next_back()?;
        let module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
        component(module, &resolve, world)
    };
    filled(WORLDS, made)
}

/// Good guests with bytes changed, moved, doubled and left out.
fn damaged() -> Vec<Vec<u8>> {
    let whole = ["honest", "plays", "spins", "imports_memory"].map(guest);
    (0..DAMAGED)
        .map(|seed| {
            let mut dice = Dice::new(seed);
            let mut bytes = whole[dice.place(whole.len())].to_vec();
            for _ in 0..=dice.below(3) {
                damage(&mut bytes, &mut dice);
            }
            bytes
        })
        .collect()
}

fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.place(bytes.len());
    let end = (at + dice.place(64)).min(bytes.len());
    match dice.below(5) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let twice = bytes[at..end].to_vec();
            bytes.splice(at..at, twice);
        }
        _ => bytes[at..end].reverse(),
    }
}

/// As many as were asked for: not every seed makes one.
fn filled(count: u64, made: impl Fn(u64) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let wanted = usize::try_from(count).unwrap();
    let found: Vec<_> = (0..count * 20).filter_map(made).take(wanted).collect();
    assert_eq!(found.len(), wanted, "the generator makes too few");
    found
}
