//! How many cells one process has room for. Memory is not what ends first: the
//! kernel lets a process have so many mappings, and without one left nothing
//! in it gets memory any more. So a pool is never as large as that.

use std::fs;

use super::SandboxError;

/// How many mappings a process may have.
const MAPS: &str = "/proc/sys/vm/max_map_count";

/// The kernel's default, where that can't be read.
const USUAL_MAPS: u32 = 65_530;

/// Left to everything else in the process.
const OTHER_MAPS: u32 = 4_000;

/// A stack, and the guard below it.
const OF_A_STACK: u32 = 2;

/// A memory that is in use: what the component brought, what it wrote to, what
/// it may grow into, and the guard behind (measured).
const OF_A_MEMORY: u32 = 4;

/// Each reserves more than 4 GiB of an address space of 128 TiB: so many fit
/// (measured), and a quarter more does not.
const MOST_MEMORIES: u32 = 20_000;

/// How many mappings this process may have.
pub(super) fn maps() -> u32 {
    let text = fs::read_to_string(MAPS).ok();
    text.and_then(|it| it.trim().parse().ok()).unwrap_or(USUAL_MAPS)
}

/// How many memories the pool of so many cells has: `most` for each, where there
/// is room, and at least one. Where there are fewer, a component of several
/// memories may find none left, and its child fails.
pub(super) fn memories(cells: u32, most: u32, maps: u32) -> Result<u32, SandboxError> {
    let rest = maps.saturating_sub(OTHER_MAPS);
    let fit = (rest / (OF_A_STACK + OF_A_MEMORY)).min(MOST_MEMORIES);
    if fit < cells {
        return Err(SandboxError::Room { cells, fit, maps });
    }
    let room = rest.saturating_sub(cells.saturating_mul(OF_A_STACK)) / OF_A_MEMORY;
    Ok(cells.saturating_mul(most).min(room).min(MOST_MEMORIES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cells: u32, maps: u32, expect: Result<u32, u32>) {
        let found = memories(cells, 4, maps).map_err(|err| match err {
            SandboxError::Room { fit, .. } => fit,
            other => panic!("{other}"),
        });
        assert_eq!(found, expect, "{cells} cells, {maps} mappings");
    }

    #[test]
    fn a_pool_leaves_mappings_to_the_rest_of_the_process() {
        check(80, USUAL_MAPS, Ok(320));
        check(2_000, USUAL_MAPS, Ok(8_000));
        check(10_016, USUAL_MAPS, Ok(10_374));
        check(10_255, USUAL_MAPS, Ok(10_255));
        check(10_256, USUAL_MAPS, Err(10_255));
        check(80, 1_000, Err(0));
        // The address space ends before the mappings do.
        check(20_000, u32::MAX, Ok(20_000));
        check(20_001, u32::MAX, Err(20_000));
    }
}
