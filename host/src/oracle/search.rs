//! The search for bytes that break an oracle, on any Rust.

use std::{env, fs};

use arbtest::{arbitrary::Unstructured, arbtest};

use super::ORACLES;

/// What `arbtest` itself asks for: milliseconds to search with new seeds, and
/// one seed as a search printed it.
const SEARCHES: [&str; 2] = ["ARBTEST_BUDGET_MS", "ARBTEST_SEED"];

/// Fixed seeds of a usual run.
const SEEDS: u64 = 64;

/// Most bytes of one input.
const MAX_BYTES: u32 = 8 << 10;

/// Asks an oracle about many inputs: those of fixed seeds, unless a search is
/// asked for.
pub(super) fn search(name: &str) {
    let oracle = ORACLES.iter().find(|it| it.0 == name).unwrap().1;
    let mut asked = 0_u64;
    let ask = |u: &mut Unstructured<'_>| {
        asked += 1;
        // Too few bytes are no failure.
        let _ = oracle(u);
        Ok(())
    };
    if SEARCHES.iter().any(|it| env::var_os(it).is_some()) {
        arbtest(ask).size_max(MAX_BYTES).run();
        println!("{name}: {asked} inputs");
        return;
    }
    let mut ask = ask;
    for seed in 1..=SEEDS {
        // The high half is what the bytes are made of, the low one their number.
        let bytes = 16 << (seed % 9);
        arbtest(&mut ask).seed((seed * 0x9e37_79b9) << 32 | bytes).run();
    }
}

#[test]
fn every_oracle_has_a_fuzz_target() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let names = manifest.split("[[bin]]").skip(1).filter_map(|it| it.split('"').nth(1));
    let oracles: Vec<_> = ORACLES.iter().map(|it| it.0).collect();
    assert_eq!(names.collect::<Vec<_>>(), oracles);
}
