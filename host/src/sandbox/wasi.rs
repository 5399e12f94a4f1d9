//! The inert WASI set: what components of other tool chains import unasked.
//!
//! Nothing of it reaches anything: no arguments, no environment, no files,
//! closed stdin; output goes into the child's log and past its cap nowhere;
//! clocks are coarse, randomness is capped. It is linked interface by interface
//! from the plan, and so are the files of a plugin and sockets that can't be
//! made (`link/wasi`).

pub(super) mod http;
mod random;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use self::random::SeededRandom;

use super::record::{Level, Record};
use crate::journal::Journal;

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

impl InertWasi {
    pub(super) fn context(
        &mut self,
        record: &Arc<Record>,
        journal: Option<&Arc<Journal>>,
    ) -> &mut WasiCtx {
        self.0.get_or_insert_with(|| context(record, journal))
    }
}

fn context(record: &Arc<Record>, journal: Option<&Arc<Journal>>) -> WasiCtx {
    let stream = |level| LogStream { record: Arc::clone(record), level };
    let clock = CoarseClock::new(journal.cloned());
    let mut builder = WasiCtx::builder();
    builder
        .stdout(stream(Level::Info))
        .stderr(stream(Level::Warn))
        .wall_clock(clock.clone())
        .monotonic_clock(clock)
        .max_random_size(MAX_RANDOM_BYTES)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    if let Some(journal) = journal {
        let seed = &journal.start().seed;
        let [one, other] = ["random", "insecure"].map(|it| SeededRandom::new(seed, it));
        let mut seed = SeededRandom::new(seed, "insecure-seed");
        builder.secure_random(one).insecure_random(other).insecure_random_seed(seed.number());
    }
    builder.build()
}

/// Whatever a child is told of the time, its journal has it.
#[derive(Clone)]
struct CoarseClock {
    since: Instant,
    journal: Option<Arc<Journal>>,
}

impl CoarseClock {
    fn new(journal: Option<Arc<Journal>>) -> Self {
        Self { since: Instant::now(), journal }
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
        match &self.journal {
            Some(it) => {
                let ms = it.start().wall_clock_ms.saturating_add(it.reading());
                Duration::from_millis(ms)
            }
            None => coarse(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
        }
    }
}

impl HostMonotonicClock for CoarseClock {
    fn resolution(&self) -> u64 {
        nanos(CLOCK_STEP)
    }

    fn now(&self) -> u64 {
        nanos(match &self.journal {
            Some(it) => Duration::from_millis(it.reading()),
            None => coarse(self.since.elapsed()),
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_coarse() {
        assert_eq!(coarse(Duration::from_micros(1_999)), Duration::from_millis(1));
        assert_eq!(HostMonotonicClock::now(&CoarseClock::new(None)) % nanos(CLOCK_STEP), 0);
    }
}
