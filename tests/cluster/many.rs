//! Many children through three workers, which are killed, paused for longer
//! than their lease and started again while the server is, too: none is lost,
//! doubled, or told to somebody else.
//!
//! `HERMITAGE_CLUSTER_CHILDREN=20000` has so many of them.

use std::{
    collections::BTreeSet,
    env,
    time::{Duration, Instant},
};

use hermitage::event::Status;
use hermitage_tests::{Dice, TestTask, chat};
use rustix::process::Signal;

use crate::{
    process::{Home, Nats, Worker},
    submitter,
};

/// Children of one delegation.
const BATCH: usize = 50;

/// Sessions that ask for them.
const SESSIONS: u32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn none_of_many_children_is_lost_doubled_or_told_to_somebody_else() {
    let children: usize =
        env::var("HERMITAGE_CLUSTER_CHILDREN").map_or(600, |it| it.parse().unwrap());
    let units = children / BATCH;
    let mut nats = Nats::start();
    // Each start of a worker is by another key, of those that are trusted.
    let mut homes: Vec<Home> = (0..20 + children / 500).map(|_| Home::new()).collect();
    let keys: Vec<_> = homes.iter().map(Home::key).collect();
    let (host, home) = submitter(&nats, &keys);
    let trusted = home.key();
    let mut workers: Vec<Worker> =
        (0..3).map(|_| Worker::start(homes.pop().unwrap(), &nats, trusted, "")).collect();
    let started = Instant::now();
    let asking = async {
        let mut asked = Vec::new();
        for unit in 0..units {
            let session = chat(u32::try_from(unit).unwrap() % SESSIONS);
            let tasks: Vec<TestTask> = (0..BATCH)
                .map(|it| TestTask::new("honest").goal(&format!("{unit}/{it}")))
                .collect();
            // As many as there is room for: the next when one has ended.
            if unit >= 2 * SESSIONS as usize {
                let before = chat(u32::try_from(unit).unwrap() % SESSIONS);
                asked.push((before.clone(), host.next(&before).await));
            }
            host.dispatch(&session, &tasks).await;
        }
        let left = units - asked.len();
        for unit in units - left..units {
            let session = chat(u32::try_from(unit).unwrap() % SESSIONS);
            asked.push((session.clone(), host.next(&session).await));
        }
        asked
    };
    let mut asking = std::pin::pin!(asking);
    let mut dice =
        Dice::new(env::var("HERMITAGE_CLUSTER_SEED").map_or(7, |it| it.parse().unwrap()));
    let mut harm = 0;
    let events = loop {
        let pause = Duration::from_millis(300 + 100 * dice.below(5));
        tokio::select! {
            events = &mut asking => break events,
            () = tokio::time::sleep(pause) => (),
        }
        let one = dice.place(workers.len());
        match harm % 5 {
            0 | 3 if !homes.is_empty() => {
                workers.swap_remove(one).kill();
                workers.push(Worker::start(homes.pop().unwrap(), &nats, trusted, ""));
            }
            1 => workers[one].signal(Signal::STOP),
            2 => workers.iter().for_each(|it| it.signal(Signal::CONT)),
            // Twice in all.
            4 if harm < 10 => nats.restart(),
            _ => (),
        }
        harm += 1;
    };
    let took = started.elapsed();
    workers.iter().for_each(|it| it.signal(Signal::CONT));
    let mut told = BTreeSet::new();
    for (session, event) in &events {
        assert_eq!(event.session_key, *session);
        assert_eq!(event.results.len(), BATCH);
        for result in &event.results {
            assert_eq!(result.status, Status::Completed, "{result:?}");
            assert_eq!(result.summary.as_deref(), Some("hello"));
            let unit: usize = result.goal.split('/').next().unwrap().parse().unwrap();
            assert_eq!(chat(u32::try_from(unit).unwrap() % SESSIONS), *session);
            assert!(told.insert(result.goal.clone()), "{} twice", result.goal);
        }
    }
    assert_eq!(told.len(), units * BATCH);
    eprintln!(
        "{} children in {:.1} s ({:.0}/s), harmed {harm} times",
        told.len(),
        took.as_secs_f64(),
        told.len() as f64 / took.as_secs_f64(),
    );
}
