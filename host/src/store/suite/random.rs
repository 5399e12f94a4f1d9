//! Random operations give the same answers in memory and in the database,
//! which is closed and opened in between.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Insert { unit: u8, host: u8 },
    Child { unit: u8, task: usize, status: usize },
    Finish { unit: u8, group: usize, status: usize, acked: bool },
    Push { kind: usize, dedup: u8, is_chat: bool, host: u8 },
    Failure { unit: u8, host: u8 },
    Claim { is_chat: bool, kind: Option<usize>, host: u8, overtake: bool },
    Settle { claim: usize, how: u8 },
    Lend { claim: usize },
    AckByHand { event: u64 },
    Revive { event: u64 },
    AskToStop { unit: u8, host: u8 },
    Heard { unit: u8 },
    Key { unit: u8, is_chat: bool },
    ForgetKeys { most: usize },
    Recover { host: u8 },
    Prune { keep: usize, keep_events: usize },
    Pass { seconds: u16 },
    Reopen,
    Undone(Box<Op>),
}

const KINDS: [&str; 2] = ["watch_match", "process_ended"];

fn op() -> impl Strategy<Value = Op> {
    let (unit, host, status) = (0..4_u8, 0..3_u8, 0..Status::ALL.len());
    let op = prop_oneof![
        3 => (unit.clone(), host.clone()).prop_map(|(unit, host)| Op::Insert { unit, host }),
        3 => (unit.clone(), 0..3_usize, status.clone())
            .prop_map(|(unit, task, status)| Op::Child { unit, task, status }),
        3 => (unit.clone(), 0..3_usize, status, any::<bool>())
            .prop_map(|(unit, group, status, acked)| Op::Finish { unit, group, status, acked }),
        3 => (0..2_usize, 0..9_u8, any::<bool>(), host.clone())
            .prop_map(|(kind, dedup, is_chat, host)| Op::Push { kind, dedup, is_chat, host }),
        1 => (unit.clone(), host.clone()).prop_map(|(unit, host)| Op::Failure { unit, host }),
        6 => (any::<bool>(), proptest::option::weighted(0.2, 0..2_usize), host.clone(),
            any::<bool>()).prop_map(|(is_chat, kind, host, overtake)| {
                Op::Claim { is_chat, kind, host, overtake }
            }),
        6 => (0..4_usize, 0..3_u8).prop_map(|(claim, how)| Op::Settle { claim, how }),
        2 => (0..4_usize).prop_map(|claim| Op::Lend { claim }),
        1 => (1..9_u64).prop_map(|event| Op::AckByHand { event }),
        1 => (1..9_u64).prop_map(|event| Op::Revive { event }),
        1 => (unit.clone(), host.clone()).prop_map(|(unit, host)| Op::AskToStop { unit, host }),
        1 => unit.clone().prop_map(|unit| Op::Heard { unit }),
        1 => (unit, any::<bool>()).prop_map(|(unit, is_chat)| Op::Key { unit, is_chat }),
        1 => (0..3_usize).prop_map(|most| Op::ForgetKeys { most }),
        1 => host.prop_map(|host| Op::Recover { host }),
        1 => (0..3_usize, 0..3_usize)
            .prop_map(|(keep, keep_events)| Op::Prune { keep, keep_events }),
        2 => (1..400_u16).prop_map(|seconds| Op::Pass { seconds }),
        1 => Just(Op::Reopen),
    ];
    let undone = op.clone().prop_map(|it| Op::Undone(Box::new(it)));
    prop_oneof![9 => op, 1 => undone]
}

fn record(n: u8) -> UnitRecord {
    match n {
        0 => unit(0, &[&[0]]),
        1 => local(1, &[&[0, 1]]),
        2 => unit(2, &[&[0, 2], &[1]]),
        _ => UnitRecord { parent: Some(delegation(0)), ..local(n, &[&[0], &[1]]) },
    }
}

fn session(is_chat: bool) -> Session {
    if is_chat { chat() } else { Session::Local }
}

#[derive(Default)]
struct World {
    now: f64,
    /// The newest claims; also those that are settled.
    claims: Vec<(EventId, ClaimToken)>,
}

impl World {
    /// The answer, as text: what differs shows.
    fn apply(&self, op: &Op, tables: &mut dyn Tables) -> String {
        match *op {
            Op::Insert { unit, host: by } => {
                format!("{:?}", tables.insert_unit(&record(unit), host(by)))
            }
            Op::Child { unit, task, status } => {
                let full_summary = (status == 0).then(|| format!("full {}", self.now));
                let result = ChildResult { full_summary, ..result(task, Status::ALL[status]) };
                format!("{:?}", tables.child_ended(delegation(unit), &result))
            }
            Op::Finish { unit, group, status, acked } => {
                let unit = record(unit);
                let group = group.min(unit.groups.len() - 1);
                let end = finish(&unit, group, Status::ALL[status], self.now);
                format!("{:?}", tables.finish(&Finish { acked, ..end }))
            }
            Op::Push { kind, dedup, is_chat, host: by } => {
                let event = other(KINDS[kind], &dedup.to_string(), session(is_chat));
                format!("{:?}", tables.push(&event, host(by)))
            }
            Op::Failure { unit, host: by } => {
                format!("{:?}", tables.push(&failure(&record(unit), 0), host(by)))
            }
            Op::Claim { .. } => format!("{:?}", self.claim(op, tables)),
            Op::Settle { claim, how } => match self.claims.iter().rev().nth(claim) {
                None => String::new(),
                Some((id, token)) => format!(
                    "{:?}",
                    match how {
                        0 => tables.ack(*id, *token),
                        1 => tables.retry(*id, *token, self.now + 60.0, "no", MAX),
                        _ => tables.put_back(*id, *token),
                    }
                ),
            },
            Op::Lend { claim } => match self.claims.iter().rev().nth(claim) {
                None => String::new(),
                Some((id, token)) => format!("{:?}", tables.lend(*id, *token)),
            },
            Op::AckByHand { event } => format!("{:?}", tables.ack_by_hand(EventId(event))),
            Op::Revive { event } => format!("{:?}", tables.revive(EventId(event))),
            Op::AskToStop { unit, host: by } => {
                let what = ToStop::Unit(delegation(unit));
                format!("{:?}", tables.ask_to_stop(&what, host(by), Some("enough")))
            }
            Op::Key { unit, is_chat } => {
                let it = key(&(unit % 2).to_string(), &unit.to_string());
                let kept = tables.keep_key(&session(is_chat), &it, delegation(unit), self.now);
                format!("{kept:?}")
            }
            Op::ForgetKeys { most } => format!("{:?}", tables.forget_keys(self.now, most)),
            Op::Heard { unit } => format!("{:?}", tables.heard(&[delegation(unit)])),
            Op::Recover { host: dead } => {
                format!("{:?}", tables.recover(host(dead), self.now, Leave::Nothing))
            }
            Op::Prune { keep, keep_events } => format!("{:?}", tables.prune(keep, keep_events)),
            Op::Pass { .. } | Op::Reopen => String::new(),
            Op::Undone(ref op) => self.apply(op, tables),
        }
    }

    fn claim(&self, op: &Op, tables: &mut dyn Tables) -> Option<(EventRow, ClaimToken)> {
        let Op::Claim { is_chat, kind, host: by, overtake } = *op else {
            return None;
        };
        let kinds = kind.map(|it| vec![KINDS[it].to_owned()]);
        let filter = ClaimFilter { session: session(is_chat), kinds, overtake };
        tables.claim(&filter, host(by), self.now, self.now + 300.0, MAX).unwrap()
    }
}

/// As the writer does it.
fn in_transaction<T>(tables: &mut dyn Tables, keep: bool, op: impl Fn(&mut dyn Tables) -> T) -> T {
    tables.begin().unwrap();
    tables.savepoint().unwrap();
    let res = op(tables);
    tables.release(keep).unwrap();
    tables.commit().unwrap();
    res
}

/// All that can be seen.
fn see(tables: &mut dyn Tables) -> String {
    let mut res = vec![
        format!("{:#?}", tables.units(2).unwrap()),
        format!("{:#?}", tables.units_below(delegation(0)).unwrap()),
        format!("{:#?}", tables.events(&all()).unwrap()),
        format!("{:?}", tables.owners().unwrap()),
    ];
    for n in 0..4 {
        res.push(format!("{:#?}", tables.unit(delegation(n)).unwrap()));
        let events = tables.events_of(delegation(n)).unwrap();
        res.push(format!("{:?}", events.into_iter().map(|it| it.id).collect::<Vec<_>>()));
        res.extend((0..3).map(|it| format!("{:?}", tables.full_summary(delegation(n), it))));
    }
    for is_chat in [true, false] {
        let known = |it: &mut dyn Tables, key| it.keyed(&session(is_chat), key, 2_000.0);
        res.push(format!("{:?} {:?}", known(tables, "0"), known(tables, "1")));
    }
    res.extend((1..9).map(|it| format!("{:?}", tables.lent(EventId(it)).unwrap())));
    for by in 0..3 {
        let asked = tables.asked_to_stop(host(by)).unwrap();
        // In memory they are in the order of their ids.
        let mut units: Vec<String> = asked.iter().map(|it| it.unit.to_string()).collect();
        units.sort();
        res.push(format!("{units:?}"));
    }
    for (is_chat, by, overtake) in
        [(true, 0, false), (false, 0, false), (false, 1, false), (true, 0, true)]
    {
        let filter = ClaimFilter { overtake, ..all_of(session(is_chat)) };
        res.push(format!("{:?}", tables.next_due(&filter, host(by)).unwrap()));
    }
    res.join("\n")
}

fn check(ops: &[Op]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let (mut memory, mut database) = (Memory::default(), sqlite(&path));
    let mut world = World { now: 2_000.0, ..World::default() };
    for op in ops {
        if let Op::Pass { seconds } = op {
            world.now += f64::from(*seconds);
        }
        if let Op::Reopen = op {
            drop(database);
            database = sqlite(&path);
        }
        let keep = !matches!(op, Op::Undone(_));
        let apply = |tables: &mut dyn Tables| match op {
            Op::Claim { .. } => {
                let res = world.claim(op, tables);
                let claim = res.as_ref().map(|(row, token)| (row.id, *token));
                (format!("{res:?}"), claim)
            }
            op => (world.apply(op, tables), None),
        };
        let (expect, claim) = in_transaction(&mut memory, keep, apply);
        let (answer, _) = in_transaction(&mut database, keep, apply);
        assert_eq!(answer, expect, "{op:?}");
        world.claims.extend(claim);
        assert_eq!(see(&mut database), see(&mut memory), "after {op:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_database_answers_like_the_model(ops in proptest::collection::vec(op(), 1..80)) {
        check(&ops);
    }
}
