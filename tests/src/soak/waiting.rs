//! A hundred thousand events that nobody has taken yet.

use std::time::{Duration, Instant};

use hermitage::{
    host::Host,
    store::{ClaimFilter, EventFilter, StateFilter},
};

use crate::{
    chat,
    record::{finish, unit},
};

/// Units of one commit.
const AT_ONCE: u32 = 500;

/// Looks of each kind.
const LOOKS: usize = 50;

/// Of one in this many, the event is another conversation's.
const OTHERS: u32 = 10;

/// What each look took.
#[derive(Debug)]
pub struct Report {
    pub filled: Duration,
    pub looks: Vec<(&'static str, Vec<Duration>)>,
}

/// Ends so many units, without running anything of them, and looks at what
/// waits.
pub async fn run(host: &Host, count: u32) -> Report {
    let start = Instant::now();
    for begin in (0..count).step_by(AT_ONCE as usize) {
        let numbers = begin..(begin + AT_ONCE).min(count);
        fill(host, numbers).await;
    }
    let filled = start.elapsed();
    let mut looks = Vec::new();
    looks.push(("list", timed(async || assert!(!host.list().await.unwrap().is_empty())).await));
    let undelivered =
        EventFilter { session: Some(chat(1)), state: Some(StateFilter::Undelivered), limit: 50 };
    let events = async || {
        assert!(!host.queue().list(undelivered.clone()).await.unwrap().is_empty());
    };
    looks.push(("events of a conversation", timed(events).await));
    let all = EventFilter { limit: 50, ..EventFilter::default() };
    let events = async || assert!(!host.queue().list(all.clone()).await.unwrap().is_empty());
    looks.push(("events", timed(events).await));
    for (name, session) in [("claim, of most", 1), ("claim, of few", 2)] {
        looks.push((name, claims(host, session).await));
    }
    let nobody = chat(3);
    let none = async || {
        assert_eq!(host.queue().drain(ClaimFilter::of(nobody.clone()), 1).await.unwrap().len(), 0)
    };
    looks.push(("claim, of none", timed(none).await));
    Report { filled, looks }
}

async fn fill(host: &Host, numbers: std::ops::Range<u32>) {
    let (owner, now) = (host.store().host(), host.clock().now());
    let op = move |tables: &mut dyn hermitage::store::Tables| {
        for n in numbers {
            let session = if n % OTHERS == 0 { chat(2) } else { chat(1) };
            let unit = unit(n, 1, session);
            tables.insert_unit(&unit, owner)?;
            tables.finish(&finish(&unit, 0, now))?;
        }
        Ok(())
    };
    host.store().write_raw(op).await.unwrap();
}

async fn timed(look: impl AsyncFn()) -> Vec<Duration> {
    let mut res = Vec::with_capacity(LOOKS);
    for _ in 0..LOOKS {
        let start = Instant::now();
        look().await;
        res.push(start.elapsed());
    }
    res
}

/// The claim alone is timed; each event is acknowledged.
async fn claims(host: &Host, session: u32) -> Vec<Duration> {
    let (mut deliveries, mut res) = (host.completions(&chat(session)), Vec::new());
    for _ in 0..LOOKS {
        let start = Instant::now();
        let delivery = deliveries.next().await.unwrap();
        res.push(start.elapsed());
        delivery.ack().await.unwrap();
    }
    res
}
