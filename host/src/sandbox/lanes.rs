//! The threads that guests run on, apart from the host's: guests that spin
//! would delay its timers by hundreds of milliseconds.
//!
//! There are two lanes, with as many threads each. A guest runs in the quick
//! one. When a tick of the clock finds that it has computed for long, it goes
//! on in the slow one, whose threads give way to every other, until it waits
//! for something. So a guest that asks and waits is not behind those that spin.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustix::process::setpriority_process;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinError,
};
use tokio_util::task::AbortOnDropHandle;

use super::{SandboxError, limits::CpuMeter};

/// How many polls a lane makes between looks at its timers. Guests that spin
/// yield once a tick; with tokio's default a timer would be hundreds of
/// milliseconds late.
const EVENT_INTERVAL: u32 = 4;

/// How many polls a thread makes between looks at what other threads handed
/// it, which is all that is not its own. With tokio's default a child would
/// wait for 61 ticks of one that spins.
const QUEUE_INTERVAL: u32 = 1;

/// How long a guest computes at a time before it is slow. Less than a tick: one
/// that began just before it is none that spins.
const LONG: Duration = Duration::from_millis(5);

/// What the slow lane is nicer by: of a core that both want, the quick one has
/// nine tenths.
const NICE: i32 = 10;

/// Threads, and who may start a guest on them.
pub(super) struct Lanes {
    runtimes: Vec<Runtime>,
    handles: LaneHandles,
}

/// Where guests are started.
#[derive(Clone)]
pub(super) struct LaneHandles {
    quick: Handle,
    slow: Handle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Quick,
    Slow,
}

impl Lanes {
    pub(super) fn start(threads: usize) -> Result<Self, SandboxError> {
        let quick = lane("hermitage-guest", threads, || ())?;
        let slow = lane("hermitage-slow", threads, give_way)?;
        let handles = LaneHandles { quick: quick.handle().clone(), slow: slow.handle().clone() };
        Ok(Self { runtimes: vec![quick, slow], handles })
    }

    pub(super) fn handles(&self) -> &LaneHandles {
        &self.handles
    }
}

/// Of the thread that calls it. It may be refused where the limit on nice
/// values is: then the lanes have the same share.
fn give_way() {
    let _ = setpriority_process(None, NICE);
}

fn lane(name: &str, threads: usize, start: fn()) -> Result<Runtime, SandboxError> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .on_thread_start(start)
        .event_interval(EVENT_INTERVAL)
        .global_queue_interval(QUEUE_INTERVAL)
        .enable_time()
        .build()
        .map_err(SandboxError::Thread)
}

impl Drop for Lanes {
    /// A runtime must not be dropped inside another one in the ordinary way:
    /// that would block.
    fn drop(&mut self) {
        for runtime in self.runtimes.drain(..) {
            runtime.shutdown_background();
        }
    }
}

impl LaneHandles {
    /// The quick lane.
    #[cfg(feature = "bench")]
    pub(super) fn quick(&self) -> &Handle {
        &self.quick
    }

    /// Starts a guest, whose polls are charged to a meter. Dropping what it
    /// returns aborts it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        meter: Arc<CpuMeter>,
        guest: impl Future<Output = T> + Send + 'static,
    ) -> Running<T> {
        let leg = Leg::new(Box::pin(guest), Arc::clone(&meter), Lane::Quick);
        Running { leg: self.start(leg), lanes: self.clone(), meter, is_aborted: false }
    }

    fn start<T: Send + 'static>(&self, leg: Leg<T>) -> AbortOnDropHandle<Step<T>> {
        let lane = match leg.lane {
            Lane::Quick => &self.quick,
            Lane::Slow => &self.slow,
        };
        AbortOnDropHandle::new(lane.spawn(leg))
    }
}

type Guest<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The part of a run in one lane.
struct Leg<T> {
    /// `None` when it is over.
    guest: Option<Guest<T>>,
    meter: Arc<CpuMeter>,
    lane: Lane,
    /// What it had computed when it last waited for something.
    since: Duration,
}

enum Step<T> {
    Ended(T),
    Moves(Guest<T>, Lane),
}

impl<T> Leg<T> {
    fn new(guest: Guest<T>, meter: Arc<CpuMeter>, lane: Lane) -> Self {
        let since = meter.used();
        Self { guest: Some(guest), meter, lane, since }
    }

    /// Where it goes on, after a poll that did not end it.
    fn next_lane(&mut self) -> Lane {
        let used = self.meter.used();
        if !self.meter.take_yield() {
            self.since = used;
            return Lane::Quick;
        }
        match used.saturating_sub(self.since) < LONG {
            true => self.lane,
            false => Lane::Slow,
        }
    }
}

impl<T> Future for Leg<T> {
    type Output = Step<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Step<T>> {
        let this = &mut *self;
        let Some(mut guest) = this.guest.take() else {
            return Poll::Pending;
        };
        let polled = {
            let _polling = this.meter.enter();
            guest.as_mut().poll(cx)
        };
        if let Poll::Ready(ended) = polled {
            return Poll::Ready(Step::Ended(ended));
        }
        let next = this.next_lane();
        if next != this.lane {
            return Poll::Ready(Step::Moves(guest, next));
        }
        this.guest = Some(guest);
        Poll::Pending
    }
}

/// A guest that runs, in whichever lane.
pub(super) struct Running<T> {
    leg: AbortOnDropHandle<Step<T>>,
    lanes: LaneHandles,
    meter: Arc<CpuMeter>,
    is_aborted: bool,
}

impl<T> Running<T> {
    /// Takes effect at the next tick of the clock. It has ended when this is
    /// ready, and not before.
    pub(super) fn abort(&mut self) {
        self.is_aborted = true;
        self.leg.abort();
    }
}

impl<T: Send + 'static> Future for Running<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match std::task::ready!(Pin::new(&mut this.leg).poll(cx))? {
                Step::Ended(ended) => return Poll::Ready(Ok(ended)),
                Step::Moves(guest, lane) => {
                    let meter = Arc::clone(&this.meter);
                    this.leg = this.lanes.start(Leg::new(guest, meter, lane));
                    if this.is_aborted {
                        this.leg.abort();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, thread};

    use tokio::sync::oneshot;

    use super::*;

    /// What a guest does that a tick finds computing, after so long.
    async fn compute(meter: &CpuMeter, long: Duration) {
        let end = meter.used() + long;
        while meter.used() < end {
            std::hint::spin_loop();
        }
        let mut is_done = false;
        poll_fn(|cx| {
            if is_done {
                return Poll::Ready(());
            }
            is_done = true;
            meter.note_yield();
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn place() -> String {
        thread::current().name().unwrap().to_owned()
    }

    #[tokio::test]
    async fn who_computes_goes_on_in_the_slow_lane_until_it_waits() {
        let lanes = Lanes::start(1).unwrap();
        let (answer, wait) = oneshot::channel();
        let (asked, ask) = oneshot::channel();
        let meter = CpuMeter::new();
        let run = lanes.handles().run(Arc::clone(&meter), async move {
            let mut places = vec![place()];
            for long in [Duration::ZERO, LONG, Duration::ZERO] {
                compute(&meter, long).await;
                places.push(place());
            }
            asked.send(()).unwrap();
            wait.await.unwrap();
            places.push(place());
            places
        });
        let answered = async {
            ask.await.unwrap();
            answer.send(()).unwrap();
        };
        let (places, ()) = tokio::join!(run, answered);
        let (quick, slow) = ("hermitage-guest", "hermitage-slow");
        assert_eq!(places.unwrap(), [quick, quick, slow, slow, quick]);
    }

    #[tokio::test]
    async fn one_that_is_aborted_has_ended_when_that_is_told() {
        let lanes = Lanes::start(1).unwrap();
        let (alive, mut ended) = oneshot::channel::<()>();
        let meter = CpuMeter::new();
        let mut run = lanes.handles().run(Arc::clone(&meter), async move {
            let _alive = alive;
            loop {
                compute(&meter, LONG).await;
            }
        });
        run.abort();
        assert!((&mut run).await.unwrap_err().is_cancelled());
        assert_eq!(ended.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }

    #[tokio::test]
    async fn the_slow_lane_gives_way() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let lanes = Lanes::start(1).unwrap();
        let LaneHandles { quick, slow } = lanes.handles().clone();
        let [quick, slow] = [quick.spawn(async move { nice() }), slow.spawn(async move { nice() })];
        let (quick, slow) = (quick.await.unwrap(), slow.await.unwrap());
        assert_eq!(slow, (quick + NICE).min(19));
    }
}
