//! The time that a part of a run took: on the wall, and of all processors.

use std::time::{Duration, Instant};

/// Processor time of this process so far, all of its threads together.
#[expect(unsafe_code, reason = "a system call that no crate in use makes")]
pub(super) fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, which is there.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// When something began, by both clocks.
pub(super) struct Begun {
    wall: Instant,
    cpu: Duration,
}

/// What so many repetitions took.
#[derive(Clone, Copy)]
pub(super) struct Took {
    /// Of all of them, on the wall.
    pub(super) wall: Duration,
    cpu: Duration,
    pub(super) count: u64,
}

impl Begun {
    pub(super) fn now() -> Self {
        Self { wall: Instant::now(), cpu: cpu() }
    }

    pub(super) fn took(&self, count: u64) -> Took {
        Took { wall: self.wall.elapsed(), cpu: cpu().saturating_sub(self.cpu), count }
    }
}

impl Took {
    /// Microseconds of processor time that one took.
    pub(super) fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.count as f64
    }

    /// How many there were in a second.
    pub(super) fn rate(&self) -> f64 {
        self.count as f64 / self.wall.as_secs_f64()
    }
}
