//! What a store is made to do, step by step, and what it said to each.

use std::sync::Arc;

use hermitage::{
    id::{HostId, Random},
    session::Session,
    store::{ClaimFilter, ClaimToken, EventBody, EventId, NewEvent, Store, StoreError, Tables},
    unit::UnitRecord,
};
use hermitage_tests::{
    Dice, chat,
    record::{self, Number, finish, id, result},
};

/// The type of events that are no unit's.
pub(crate) const OTHER: &str = "watch_match";

/// Before every lease ends.
pub(crate) const NOW: f64 = 2_000.0;

/// Events are tried so often.
const ATTEMPTS: u32 = 3;

/// One step of the work. Numbers are names: of an event, of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Push(u32),
    /// With two tasks, each a group of its own.
    Dispatch(u32),
    Child(u32),
    Finish(u32, usize),
    /// The first event of a conversation is claimed.
    Claim(u32),
    /// The last one that was claimed, and is not settled, is acknowledged.
    Ack,
    Retry,
    Prune,
    /// Several in one commit.
    Together(Vec<Step>),
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Done,
    /// Nothing was written, by the store's own word.
    NotDone(StoreError),
    /// It failed, and what is on the disk is not known.
    Failed(StoreError),
}

impl Said {
    fn of(res: Result<(), StoreError>) -> Self {
        match res {
            Ok(()) => Said::Done,
            Err(err @ (StoreError::Full(_) | StoreError::Unwritable(_) | StoreError::Busy(_))) => {
                Said::NotDone(err)
            }
            Err(err) => Said::Failed(err),
        }
    }
}

/// What a step did to an event or a unit, if it did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Queued(u32),
    Dispatched(u32),
    ChildKept(u32),
    Ended(u32, usize),
    /// Of an event with that identity.
    Acked(String),
    Pruned,
}

/// A step that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) effects: Vec<Effect>,
    pub(crate) said: Said,
}

/// A claim that is not settled.
#[derive(Clone, Debug)]
struct Claim {
    id: EventId,
    token: ClaimToken,
    key: String,
}

/// Works on one store after the other, as hosts do.
#[derive(Default)]
pub(crate) struct Worker {
    claims: Vec<Claim>,
}

impl Worker {
    pub(crate) async fn take(&mut self, store: &Store, step: &Step) -> Taken {
        let host = store.host();
        let settled = match step {
            Step::Ack | Step::Retry => self.claims.pop(),
            _ => None,
        };
        let effects = effects(step, settled.as_ref());
        let (op, claim) = (step.clone(), settled.clone());
        let res = store.write_raw(move |it| apply(it, &op, host, claim.as_ref())).await;
        let is_late = matches!(res, Ok(Came::Late));
        let res = res.map(|came| {
            if let Came::Claimed(claim) = came {
                self.claims.push(claim);
            }
        });
        Taken { effects: if is_late { Vec::new() } else { effects }, said: Said::of(res) }
    }

    /// Claims of a host that is gone prove nothing.
    pub(crate) fn forget_claims(&mut self) {
        self.claims.clear();
    }
}

fn effects(step: &Step, settled: Option<&Claim>) -> Vec<Effect> {
    match step {
        Step::Push(n) => vec![Effect::Queued(*n)],
        Step::Dispatch(n) => vec![Effect::Dispatched(*n)],
        Step::Child(n) => vec![Effect::ChildKept(*n)],
        Step::Finish(n, group) => vec![Effect::Ended(*n, *group)],
        Step::Ack => settled.map(|it| Effect::Acked(it.key.clone())).into_iter().collect(),
        Step::Claim(_) | Step::Retry => Vec::new(),
        Step::Prune => vec![Effect::Pruned],
        Step::Together(steps) => steps.iter().flat_map(|it| effects(it, None)).collect(),
    }
}

/// What an operation answered.
enum Came {
    Well,
    /// Another host had settled it.
    Late,
    Claimed(Claim),
}

fn apply(
    tables: &mut dyn Tables,
    step: &Step,
    host: HostId,
    settled: Option<&Claim>,
) -> Result<Came, StoreError> {
    match step {
        Step::Push(n) => drop(tables.push(&event(*n), host)?),
        Step::Dispatch(n) => tables.insert_unit(&unit(*n), host)?,
        Step::Child(n) if !tables.child_ended(id(*n), &result(0))? => return Ok(Came::Late),
        Step::Child(_) => (),
        Step::Finish(n, group) if tables.finish(&finish(&unit(*n), *group, NOW))?.is_none() => {
            return Ok(Came::Late);
        }
        Step::Finish(..) => (),
        Step::Claim(n) => {
            let filter = ClaimFilter::of(session(*n));
            let found = tables.claim(&filter, host, NOW, NOW + 1e6, ATTEMPTS)?;
            return Ok(found.map_or(Came::Well, |(row, token)| {
                let key = key(&row.event.kind, &row.event.dedup);
                Came::Claimed(Claim { id: row.id, token, key })
            }));
        }
        Step::Ack | Step::Retry => {
            let Some(claim) = settled else { return Ok(Came::Well) };
            let res = match step {
                Step::Ack => tables.ack(claim.id, claim.token)?,
                _ => tables.retry(claim.id, claim.token, NOW, "busy", ATTEMPTS)?,
            };
            assert!(res.is_some(), "the claim of `{}` is this host's", claim.key);
        }
        Step::Prune => drop(tables.prune(1, 1)?),
        Step::Together(steps) => {
            for step in steps {
                apply(tables, step, host, None)?;
            }
        }
    }
    Ok(Came::Well)
}

/// Some work: in an order that makes sense, and otherwise as the dice fall.
pub(crate) fn some(dice: &mut Dice, steps: usize) -> Vec<Step> {
    let (mut events, mut units, mut open) = (0, 0, Vec::new());
    let mut res = Vec::with_capacity(steps);
    while res.len() < steps {
        let step = match dice.roll(12) {
            0..=2 => {
                events += 1;
                Step::Push(events)
            }
            3 => {
                events += 3;
                Step::Together(vec![
                    Step::Push(events - 2),
                    Step::Push(events - 1),
                    Step::Push(events),
                ])
            }
            4 | 5 => {
                units += 1;
                open.push((units, 0));
                Step::Dispatch(units)
            }
            6 | 7 if !open.is_empty() => {
                let at = dice.place(open.len());
                let (unit, group) = open[at];
                match group {
                    0 => open[at].1 = 1,
                    _ => drop(open.swap_remove(at)),
                }
                Step::Finish(unit, group)
            }
            6 | 7 => continue,
            8 => match open.iter().find(|it| it.1 == 0) {
                Some((unit, _)) => Step::Child(*unit),
                None => continue,
            },
            9 => Step::Claim(dice.roll(2)),
            10 if dice.roll(5) == 0 => Step::Retry,
            10 => Step::Ack,
            _ if dice.roll(6) == 0 => Step::Prune,
            _ => Step::Claim(dice.roll(2)),
        };
        res.push(step);
    }
    res
}

/// Of two, by turns.
pub(crate) fn session(n: u32) -> Session {
    chat(n % 2)
}

pub(crate) fn key(kind: &str, dedup: &str) -> String {
    format!("{kind}:{dedup}")
}

/// Every ninth is larger than a page, and so is what is written of it.
pub(crate) fn event(n: u32) -> NewEvent {
    let text = if n.is_multiple_of(9) { "large ".repeat(6_000) } else { format!("event {n}") };
    NewEvent {
        kind: OTHER.to_owned(),
        dedup: n.to_string(),
        session: session(n),
        body: EventBody::Other(serde_json::json!({ "text": text }).to_string()),
        created_at: 5.0,
    }
}

pub(crate) fn unit(n: u32) -> UnitRecord {
    record::unit(n, 2, session(n))
}

/// A host of its own for each number.
pub(crate) fn random(n: u32) -> Arc<dyn Random> {
    Arc::new(Number(n.wrapping_add(1_000)))
}
