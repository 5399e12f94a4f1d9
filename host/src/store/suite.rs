//! What every implementation of the tables does.

mod journal;
mod random;

use std::path::Path;

use super::{memory::Memory, sample::*, sqlite::Sqlite, *};
use crate::{
    event::{ChildResult, Status},
    id::DelegationId,
    session::Session,
    unit::UnitRecord,
};

pub(super) fn sqlite(path: &Path) -> Sqlite {
    let path = sqlite::prepare(path).unwrap();
    Sqlite::find(&path).unwrap().set_up().unwrap().unsynchronised()
}

fn on_each(check: impl Fn(&mut dyn Tables)) {
    check(&mut Memory::default());
    let dir = tempfile::tempdir().unwrap();
    check(&mut sqlite(&dir.path().join("store.db")));
}

const MAX: u32 = 3;

fn claim(
    tables: &mut dyn Tables,
    session: Session,
    by: u8,
    now: f64,
) -> Option<(EventRow, ClaimToken)> {
    tables.claim(&all_of(session), host(by), now, now + 300.0, MAX).unwrap()
}

fn all() -> EventFilter {
    EventFilter { limit: 100, ..EventFilter::default() }
}

#[test]
fn a_unit_is_kept_as_it_was_dispatched() {
    on_each(|tables| {
        let record = unit(1, &[&[0]]);
        tables.insert_unit(&record, host(1)).unwrap();
        let row = UnitRow { record, owner: host(1), ended: None, results: Vec::new() };
        assert_eq!(tables.unit(delegation(1)).unwrap(), Some(row));
        assert_eq!(tables.unit(delegation(2)).unwrap(), None);
    });
}

#[test]
fn an_id_is_dispatched_once() {
    on_each(|tables| {
        tables.insert_unit(&unit(1, &[&[0]]), host(1)).unwrap();
        let err = tables.insert_unit(&local(1, &[&[0]]), host(2)).unwrap_err();
        assert_eq!(err, StoreError::Exists(delegation(1).to_string()));
        assert_eq!(tables.unit(delegation(1)).unwrap().unwrap().owner, host(1));
    });
}

#[test]
fn the_first_end_of_a_unit_stands() {
    on_each(|tables| {
        let record = unit(1, &[&[0]]);
        tables.insert_unit(&record, host(1)).unwrap();
        let end = finish(&record, 0, Status::Completed, 20.0);
        let id = tables.finish(&end).unwrap().unwrap();
        assert_eq!(tables.finish(&finish(&record, 0, Status::Error, 21.0)).unwrap(), None);
        let row = tables.unit(record.id).unwrap().unwrap();
        assert_eq!(row.ended, Some((Status::Completed, 20.0)));
        assert_eq!(row.results, end.event.results);
        let events = tables.events_of(record.id).unwrap();
        assert_eq!(events, [tables.event(id).unwrap().unwrap()]);
        assert_eq!(events[0].event.dedup, record.id.to_string());
        assert_eq!(events[0].event.body, EventBody::Completion(end.event));
    });
}

#[test]
fn what_was_not_dispatched_can_not_end() {
    on_each(|tables| {
        let record = unit(1, &[&[0]]);
        let missing = Err(StoreError::Missing(record.id.to_string()));
        assert_eq!(tables.finish(&finish(&record, 0, Status::Error, 1.0)), missing);
        assert!(!tables.child_ended(record.id, &result(0, Status::Failed)).unwrap());
        tables.insert_unit(&record, host(1)).unwrap();
        let end = Finish { group: 1, ..finish(&record, 0, Status::Error, 1.0) };
        assert_eq!(tables.finish(&end).unwrap(), None);
    });
}

#[test]
fn a_unit_of_several_groups_ends_with_the_last_of_them() {
    on_each(|tables| {
        let record = unit(1, &[&[0, 2], &[1]]);
        tables.insert_unit(&record, host(1)).unwrap();
        let first = tables.finish(&finish(&record, 1, Status::Interrupted, 20.0)).unwrap();
        assert!(first.is_some());
        assert_eq!(tables.finish(&finish(&record, 1, Status::Completed, 20.0)).unwrap(), None);
        assert_eq!(tables.unit(record.id).unwrap().unwrap().ended, None);
        let late = tables.child_ended(record.id, &result(1, Status::Completed)).unwrap();
        assert!(!late, "its group was told of");
        tables.finish(&finish(&record, 0, Status::Completed, 30.0)).unwrap().unwrap();
        let row = tables.unit(record.id).unwrap().unwrap();
        // As the rule for batches has it.
        assert_eq!(row.ended, Some((Status::Interrupted, 30.0)));
        let tasks: Vec<usize> = row.results.iter().map(|it| it.task_index).collect();
        assert_eq!(tasks, [0, 1, 2]);
        let dedups: Vec<String> =
            tables.events_of(record.id).unwrap().into_iter().map(|it| it.event.dedup).collect();
        assert_eq!(dedups, [format!("{}/1", record.id), format!("{}/0", record.id)]);
    });
}

#[test]
fn results_are_kept_as_children_end_and_the_first_one_stands() {
    on_each(|tables| {
        let record = unit(1, &[&[0, 1]]);
        tables.insert_unit(&record, host(1)).unwrap();
        assert!(tables.child_ended(record.id, &result(1, Status::Completed)).unwrap());
        assert!(!tables.child_ended(record.id, &result(1, Status::Error)).unwrap());
        let row = tables.unit(record.id).unwrap().unwrap();
        assert_eq!(row.results, [result(1, Status::Completed)]);
        tables.finish(&finish(&record, 0, Status::Failed, 20.0)).unwrap();
        assert!(!tables.child_ended(record.id, &result(0, Status::Completed)).unwrap());
        let row = tables.unit(record.id).unwrap().unwrap();
        assert_eq!(row.results, [result(0, Status::Failed), result(1, Status::Failed)]);
    });
}

#[test]
fn full_summaries_are_kept_apart_from_results() {
    on_each(|tables| {
        let record = unit(1, &[&[0, 1]]);
        let long = |task| {
            let full_summary = Some(format!("long {task}"));
            ChildResult { full_summary, ..result(task, Status::Completed) }
        };
        tables.insert_unit(&record, host(1)).unwrap();
        tables.child_ended(record.id, &long(0)).unwrap();
        assert_eq!(tables.full_summary(record.id, 0).unwrap().as_deref(), Some("long 0"));
        assert_eq!(tables.unit(record.id).unwrap().unwrap().results[0].full_summary, None);
        let mut end = finish(&record, 0, Status::Completed, 2.0);
        Arc::make_mut(&mut end.event).results = vec![result(0, Status::Completed), long(1)];
        let id = tables.finish(&end).unwrap().unwrap();
        assert_eq!(tables.full_summary(record.id, 0).unwrap().as_deref(), Some("long 0"));
        assert_eq!(tables.full_summary(record.id, 1).unwrap().as_deref(), Some("long 1"));
        let EventBody::Completion(event) = tables.event(id).unwrap().unwrap().event.body else {
            panic!("no completion");
        };
        assert!(event.results.iter().all(|it| it.full_summary.is_none()));
    });
}

#[test]
fn running_units_come_first_and_of_those_that_ended_the_newest() {
    on_each(|tables| {
        for n in 1..=5 {
            tables.insert_unit(&unit(n, &[&[0]]), host(1)).unwrap();
        }
        for (n, at) in [(2, 30.0), (4, 20.0), (5, 10.0)] {
            tables.finish(&finish(&unit(n, &[&[0]]), 0, Status::Completed, at)).unwrap();
        }
        let seen: Vec<DelegationId> =
            tables.units(2).unwrap().into_iter().map(|it| it.record.id).collect();
        assert_eq!(seen, [3, 1, 2, 4].map(delegation));
    });
}

#[test]
fn an_event_is_queued_once() {
    on_each(|tables| {
        let event = other("watch_match", "a", chat());
        let id = tables.push(&event, host(1)).unwrap().unwrap();
        assert_eq!(tables.push(&event, host(2)).unwrap(), None);
        let (_, token) = claim(tables, chat(), 1, 10.0).unwrap();
        tables.ack(id, token).unwrap();
        assert_eq!(tables.push(&event, host(1)).unwrap(), None, "whatever became of it");
        let of_another = other("watch_match", "a", Session::Local);
        assert!(tables.push(&of_another, host(1)).unwrap().is_some(), "its own session's");
        assert!(tables.push(&other("process_ended", "a", chat()), host(1)).unwrap().is_some());
        let notice = failure(&unit(1, &[&[0, 1]]), 0);
        let id = tables.push(&notice, host(1)).unwrap().unwrap();
        assert_eq!(tables.event(id).unwrap().unwrap().event, notice);
        assert_eq!(tables.events_of(delegation(1)).unwrap().len(), 1);
    });
}

#[test]
fn events_are_claimed_in_their_order_and_by_one_consumer() {
    on_each(|tables| {
        for dedup in ["a", "b"] {
            tables.push(&other("watch_match", dedup, chat()), host(1)).unwrap();
        }
        tables.push(&other("watch_match", "c", Session::Local), host(1)).unwrap();
        let (row, token) = claim(tables, chat(), 2, 10.0).unwrap();
        assert_eq!((row.event.dedup.as_str(), row.attempts), ("a", 1));
        assert_eq!(row.state, EventState::Claimed { by: host(2), until: 310.0 });
        assert_eq!(tables.event(row.id).unwrap().unwrap(), row);
        assert_eq!(claim(tables, chat(), 1, 10.0).unwrap().0.event.dedup, "b");
        assert_eq!(claim(tables, chat(), 1, 10.0), None);
        assert_eq!(tables.ack(row.id, token).unwrap(), Some(Settled::Done));
        assert_eq!(tables.ack(row.id, token).unwrap(), None);
        assert_eq!(tables.event(row.id).unwrap().unwrap().state, EventState::Acked);
    });
}

#[test]
fn a_consumer_takes_events_of_its_types_alone() {
    on_each(|tables| {
        tables.push(&other("watch_match", "a", chat()), host(1)).unwrap();
        tables.push(&other("process_ended", "b", chat()), host(1)).unwrap();
        let mut filter = all_of(chat());
        let mut claim = |kinds: &[&str]| {
            filter.kinds = Some(kinds.iter().map(|it| (*it).to_owned()).collect());
            let res = tables.claim(&filter, host(1), 1.0, 2.0, MAX).unwrap();
            res.map(|(row, _)| row.event.dedup)
        };
        assert_eq!(claim(&[]), None);
        assert_eq!(claim(&["process_ended"]).as_deref(), Some("b"));
        assert_eq!(claim(&["x", "watch_match"]).as_deref(), Some("a"));
    });
}

#[test]
fn local_events_are_for_the_host_that_they_came_from() {
    on_each(|tables| {
        tables.push(&other("watch_match", "a", Session::Local), host(1)).unwrap();
        assert_eq!(tables.next_due(&all_of(Session::Local), host(2)).unwrap(), None);
        assert_eq!(claim(tables, Session::Local, 2, 10.0), None);
        tables.recover(host(1), 10.0, Leave::Nothing).unwrap();
        assert!(claim(tables, Session::Local, 2, 10.0).is_some(), "a dead host's are anybody's");
    });
}

#[test]
fn a_failed_attempt_is_made_again_until_the_last_one() {
    on_each(|tables| {
        let id = tables.push(&other("watch_match", "a", chat()), host(1)).unwrap().unwrap();
        for attempt in 1..=MAX {
            let now = f64::from(attempt) * 100.0;
            let (row, token) = claim(tables, chat(), 1, now).unwrap();
            assert_eq!(row.attempts, attempt);
            let res = tables.retry(id, token, now + 50.0, "it is full", MAX).unwrap();
            assert_eq!(res, Some(if attempt < MAX { Settled::Done } else { Settled::Dead }));
            assert_eq!(claim(tables, chat(), 1, now + 49.0), None);
            let due = (attempt < MAX).then_some(now + 50.0);
            assert_eq!(tables.next_due(&all_of(chat()), host(1)).unwrap(), due);
        }
        let row = tables.event(id).unwrap().unwrap();
        assert_eq!(row.state, EventState::Dead { reason: "it is full".to_owned() });
        assert!(tables.ack_by_hand(id).unwrap());
        assert!(!tables.ack_by_hand(id).unwrap());
        assert_eq!(tables.event(id).unwrap().unwrap().state, EventState::Acked);
    });
}

#[test]
fn a_lease_that_ends_is_a_failed_attempt() {
    on_each(|tables| {
        let id = tables.push(&other("watch_match", "a", chat()), host(1)).unwrap().unwrap();
        let (_, stale) = claim(tables, chat(), 1, 0.0).unwrap();
        assert_eq!(claim(tables, chat(), 2, 299.0), None);
        assert_eq!(tables.next_due(&all_of(chat()), host(2)).unwrap(), Some(300.0));
        let (row, token) = claim(tables, chat(), 2, 300.0).unwrap();
        let text =
            "its consumer on host_01010101010101010101010101010101 did not settle it in time";
        assert_eq!((row.attempts, row.last_error.as_deref()), (2, Some(text)));
        assert_eq!(tables.ack(id, stale).unwrap(), None);
        assert_eq!(tables.retry(id, stale, 0.0, "late", MAX).unwrap(), None);
        assert_eq!(tables.put_back(id, stale).unwrap(), None);
        assert_eq!(tables.ack(id, token).unwrap(), Some(Settled::Done));
    });
}

#[test]
fn a_lease_is_prolonged_by_who_holds_it_alone() {
    on_each(|tables| {
        let id = tables.push(&other("watch_match", "a", chat()), host(1)).unwrap().unwrap();
        let (_, token) = claim(tables, chat(), 1, 0.0).unwrap();
        assert!(tables.prolong(id, token, 500.0).unwrap());
        assert_eq!(claim(tables, chat(), 2, 499.0), None);
        assert_eq!(tables.next_due(&all_of(chat()), host(2)).unwrap(), Some(500.0));
        let (row, newer) = claim(tables, chat(), 2, 500.0).unwrap();
        assert_eq!(row.attempts, 2);
        assert!(!tables.prolong(id, token, 900.0).unwrap(), "it is another's");
        assert_eq!(tables.ack(id, newer).unwrap(), Some(Settled::Done));
        assert!(!tables.prolong(id, newer, 900.0).unwrap(), "it is settled");
    });
}

#[test]
fn an_event_whose_attempts_are_used_up_dies_and_the_next_one_is_handed_out() {
    on_each(|tables| {
        let id = tables.push(&other("watch_match", "a", chat()), host(1)).unwrap().unwrap();
        for attempt in 0..MAX {
            claim(tables, chat(), 1, f64::from(attempt) * 300.0).unwrap();
        }
        tables.push(&other("watch_match", "b", chat()), host(1)).unwrap();
        let (row, _) = claim(tables, chat(), 1, 900.0).unwrap();
        assert_eq!(row.event.dedup, "b");
        let dead = tables.event(id).unwrap().unwrap();
        assert!(matches!(dead.state, EventState::Dead { .. }), "{dead:?}");
        let listed = EventFilter { state: Some(StateFilter::Dead), ..all() };
        assert_eq!(tables.events(&listed).unwrap(), [dead]);
    });
}

#[test]
fn an_event_that_is_put_back_is_where_it_was() {
    on_each(|tables| {
        let id = tables.push(&other("watch_match", "a", chat()), host(1)).unwrap().unwrap();
        tables.push(&other("watch_match", "b", chat()), host(1)).unwrap();
        let before = tables.event(id).unwrap().unwrap();
        let (_, stale) = claim(tables, chat(), 1, 10.0).unwrap();
        assert_eq!(tables.put_back(id, stale).unwrap(), Some(Settled::Done));
        assert_eq!(tables.event(id).unwrap().unwrap(), before);
        let (row, token) = claim(tables, chat(), 1, 10.0).unwrap();
        assert_eq!((row.id, row.attempts), (id, 1));
        assert_ne!(token, stale);
        assert_eq!(tables.ack(id, stale).unwrap(), None);
    });
}

#[test]
fn events_are_listed_by_session_and_state_and_the_newest_alone() {
    on_each(|tables| {
        for (dedup, session) in [("a", chat()), ("b", Session::Local), ("c", chat())] {
            tables.push(&other("watch_match", dedup, session), host(1)).unwrap();
        }
        let (row, token) = claim(tables, chat(), 1, 10.0).unwrap();
        tables.ack(row.id, token).unwrap();
        let count = EventFilter { limit: 0, session: Some(chat()), ..all() };
        assert_eq!(tables.count_events(&count), Ok(2));
        assert_eq!(tables.count_events(&all()), Ok(3));
        let mut list = |filter: EventFilter| {
            let rows = tables.events(&filter).unwrap();
            rows.into_iter().map(|it| it.event.dedup).collect::<String>()
        };
        assert_eq!(list(all()), "abc");
        assert_eq!(list(EventFilter { limit: 2, ..all() }), "bc");
        assert_eq!(list(EventFilter::default()), "");
        assert_eq!(list(EventFilter { session: Some(chat()), ..all() }), "ac");
        assert_eq!(list(EventFilter { state: Some(StateFilter::Undelivered), ..all() }), "bc");
        assert_eq!(list(EventFilter { state: Some(StateFilter::Acked), ..all() }), "a");
    });
}

#[test]
fn events_are_read_on_from_a_place() {
    on_each(|tables| {
        for (dedup, session) in [("a", chat()), ("b", Session::Local), ("c", chat())] {
            tables.push(&other("watch_match", dedup, session), host(1)).unwrap();
        }
        let first = tables.events(&all()).unwrap().remove(0).id;
        let mut after = |place: u64, limit: usize| {
            let rows = tables.events_after(EventId(place), limit).unwrap();
            rows.into_iter().map(|it| it.event.dedup).collect::<String>()
        };
        assert_eq!(after(0, 10), "abc");
        assert_eq!(after(first.0, 10), "bc");
        assert_eq!(after(first.0, 1), "b");
        assert_eq!(after(u64::MAX, 10), "");
    });
}

#[test]
fn the_units_of_a_dead_host_are_reported_with_what_is_known() {
    on_each(|tables| {
        let record = unit(1, &[&[0, 1]]);
        tables.insert_unit(&record, host(1)).unwrap();
        tables.child_ended(record.id, &result(1, Status::Completed)).unwrap();
        tables.insert_unit(&unit(2, &[&[0]]), host(2)).unwrap();
        let res = tables.recover(host(1), 50.0, Leave::Nothing).unwrap();
        let units = vec![record.id];
        assert_eq!(res, Recovered { units, events: 1, ..Recovered::default() });
        let row = tables.unit(record.id).unwrap().unwrap();
        assert_eq!(row.ended, Some((Status::Unknown, 50.0)));
        let seen: Vec<Status> = row.results.iter().map(|it| it.status).collect();
        assert_eq!(seen, [Status::Unknown, Status::Completed]);
        assert!(claim(tables, chat(), 2, 60.0).is_some());
        assert_eq!(tables.unit(delegation(2)).unwrap().unwrap().ended, None);
        assert_eq!(tables.recover(host(1), 60.0, Leave::Nothing).unwrap(), Recovered::default());
    });
}

#[test]
fn only_groups_without_an_event_are_reported() {
    on_each(|tables| {
        let record = unit(1, &[&[0], &[1]]);
        tables.insert_unit(&record, host(1)).unwrap();
        tables.finish(&finish(&record, 0, Status::Completed, 20.0)).unwrap();
        assert_eq!(tables.recover(host(1), 50.0, Leave::Nothing).unwrap().events, 1);
        assert_eq!(tables.events_of(record.id).unwrap().len(), 2);
        let row = tables.unit(record.id).unwrap().unwrap();
        assert_eq!(row.ended, Some((Status::Unknown, 50.0)));
    });
}

#[test]
fn nobody_is_told_of_what_a_child_of_a_dead_host_asked_for() {
    on_each(|tables| {
        let record = UnitRecord { parent: Some(delegation(9)), ..unit(1, &[&[0]]) };
        tables.insert_unit(&record, host(1)).unwrap();
        let res = tables.recover(host(1), 50.0, Leave::Nothing).unwrap();
        assert_eq!((res.units.len(), res.events), (1, 0));
        let states: Vec<EventState> =
            tables.events_of(record.id).unwrap().into_iter().map(|it| it.state).collect();
        assert_eq!(states, [EventState::Acked]);
    });
}

#[test]
fn the_claims_of_a_dead_host_are_freed_whoever_owns_the_event() {
    on_each(|tables| {
        let id = tables.push(&other("watch_match", "a", chat()), host(1)).unwrap().unwrap();
        let (_, token) = claim(tables, chat(), 2, 10.0).unwrap();
        assert_eq!(tables.owners().unwrap(), [host(2)]);
        assert_eq!(tables.recover(host(2), 20.0, Leave::Nothing).unwrap().claims, 1);
        assert_eq!(tables.owners().unwrap(), []);
        assert_eq!(tables.ack(id, token).unwrap(), None);
        let (row, _) = claim(tables, chat(), 1, 20.0).unwrap();
        assert_eq!((row.attempts, row.id), (2, id), "the attempt stays counted");
    });
}

#[test]
fn a_claim_that_was_lent_outlives_its_host_and_ends_with_its_lease() {
    on_each(|tables| {
        let id = tables.push(&other("watch_match", "a", chat()), host(1)).unwrap().unwrap();
        let (_, token) = claim(tables, chat(), 2, 10.0).unwrap();
        assert_eq!(tables.lent(id).unwrap(), None);
        assert!(!tables.lend(id, ClaimToken(token.0 + 1)).unwrap());
        assert!(tables.lend(id, token).unwrap());
        assert_eq!(tables.owners().unwrap(), []);
        assert_eq!(tables.recover(host(2), 20.0, Leave::Nothing).unwrap().claims, 0);
        assert_eq!(claim(tables, chat(), 1, 20.0), None);
        let (row, lent) = tables.lent(id).unwrap().unwrap();
        assert_eq!((row.id, row.attempts, lent), (id, 1, token));
        let (row, next) = claim(tables, chat(), 1, 311.0).unwrap();
        let why = "its consumer did not settle it in time";
        assert_eq!((row.attempts, row.last_error.as_deref()), (2, Some(why)));
        assert_eq!(tables.lent(id).unwrap(), None);
        assert_eq!(tables.ack(id, token).unwrap(), None);
        assert_eq!(tables.ack(id, next).unwrap(), Some(Settled::Done));
    });
}

#[test]
fn owners_have_something_that_runs_or_waits() {
    on_each(|tables| {
        let record = local(1, &[&[0]]);
        tables.insert_unit(&record, host(1)).unwrap();
        tables.insert_unit(&unit(2, &[&[0]]), host(2)).unwrap();
        tables.push(&other("watch_match", "a", chat()), host(3)).unwrap();
        assert_eq!(tables.owners().unwrap(), [host(1), host(2)]);
        let id = tables.finish(&finish(&record, 0, Status::Completed, 1.0)).unwrap().unwrap();
        tables.finish(&finish(&unit(2, &[&[0]]), 0, Status::Completed, 1.0)).unwrap();
        assert_eq!(tables.owners().unwrap(), [host(1)], "its local event waits");
        tables.ack_by_hand(id).unwrap();
        assert_eq!(tables.owners().unwrap(), []);
    });
}

#[test]
fn what_ended_and_was_delivered_is_forgotten_but_for_the_newest() {
    on_each(|tables| {
        for n in 1..=4 {
            tables.insert_unit(&unit(n, &[&[0]]), host(1)).unwrap();
        }
        for n in 1..=3 {
            let at = f64::from(n);
            let end = finish(&unit(n, &[&[0]]), 0, Status::Completed, at);
            tables.finish(&Finish { acked: n != 2, ..end }).unwrap();
        }
        for dedup in ["a", "b", "c"] {
            let id = tables.push(&other("watch_match", dedup, chat()), host(1)).unwrap().unwrap();
            assert!(dedup == "c" || tables.ack_by_hand(id).unwrap());
        }
        // A unit and its event, and one other event.
        assert_eq!(tables.prune(1, 1).unwrap(), 3);
        assert_eq!(tables.prune(1, 1).unwrap(), 0);
        let left: Vec<DelegationId> =
            tables.units(10).unwrap().into_iter().map(|it| it.record.id).collect();
        assert_eq!(left, [4, 3, 2].map(delegation));
        let left: Vec<String> =
            tables.events(&all()).unwrap().into_iter().map(|it| it.event.dedup).collect();
        assert_eq!(left[2..], ["b", "c"]);
    });
}

#[test]
fn what_children_asked_for_is_kept_with_the_unit_above() {
    on_each(|tables| {
        let below = |n, parent| UnitRecord { parent: Some(delegation(parent)), ..unit(n, &[&[0]]) };
        for (n, record) in [(1, unit(1, &[&[0]])), (2, below(2, 1)), (3, below(3, 2))] {
            tables.insert_unit(&record, host(1)).unwrap();
            let end = finish(&record, 0, Status::Completed, f64::from(n));
            tables.finish(&Finish { acked: true, ..end }).unwrap();
        }
        let ids = |rows: Vec<UnitRow>| rows.into_iter().map(|it| it.record.id).collect::<Vec<_>>();
        assert_eq!(ids(tables.units(10).unwrap()), [delegation(1)]);
        assert_eq!(ids(tables.units_below(delegation(1)).unwrap()), [delegation(2)]);
        assert_eq!(tables.prune(1, 0).unwrap(), 0);
        assert_eq!(tables.prune(0, 0).unwrap(), 6);
        assert_eq!(tables.unit(delegation(3)).unwrap(), None);
    });
}

#[test]
fn what_died_is_kept_for_a_person() {
    on_each(|tables| {
        let record = unit(1, &[&[0]]);
        tables.insert_unit(&record, host(1)).unwrap();
        let id = tables.finish(&finish(&record, 0, Status::Completed, 1.0)).unwrap().unwrap();
        let (_, token) = claim(tables, chat(), 1, 2.0).unwrap();
        assert_eq!(tables.retry(id, token, 3.0, "no", 1).unwrap(), Some(Settled::Dead));
        assert_eq!(tables.prune(0, 0).unwrap(), 0);
        tables.ack_by_hand(id).unwrap();
        assert_eq!(tables.prune(0, 0).unwrap(), 2);
    });
}

#[test]
fn hosts_ask_each_other_to_stop_what_runs() {
    on_each(|tables| {
        for (n, by) in [(1, 1), (2, 1), (3, 2)] {
            tables.insert_unit(&unit(n, &[&[0]]), host(by)).unwrap();
        }
        let below = UnitRecord { parent: Some(delegation(1)), ..unit(4, &[&[0]]) };
        tables.insert_unit(&below, host(1)).unwrap();
        let end = finish(&unit(2, &[&[0]]), 0, Status::Completed, 1.0);
        tables.finish(&end).unwrap();
        let one = |n| ToStop::Unit(delegation(n));
        assert_eq!(tables.ask_to_stop(&one(1), host(1), None), Ok(0), "it can do that itself");
        assert_eq!(tables.ask_to_stop(&one(2), host(2), None), Ok(0), "it has ended");
        assert_eq!(tables.ask_to_stop(&one(1), host(2), Some("enough")), Ok(1));
        assert_eq!(tables.ask_to_stop(&ToStop::Of(chat()), host(3), Some("all")), Ok(2));
        assert_eq!(tables.ask_to_stop(&ToStop::Of(Session::Local), host(3), None), Ok(0));
        let asked =
            |n, reason: &str| Interruption { unit: delegation(n), reason: Some(reason.to_owned()) };
        assert_eq!(tables.asked_to_stop(host(1)), Ok(vec![asked(1, "enough")]));
        assert_eq!(tables.asked_to_stop(host(2)), Ok(vec![asked(3, "all")]));
        tables.heard(&[delegation(2)]).unwrap();
        assert_eq!(tables.asked_to_stop(host(1)).unwrap().len(), 1, "that was another one");
        tables.heard(&[delegation(1)]).unwrap();
        tables.recover(host(2), 9.0, Leave::Nothing).unwrap();
        for n in [1, 2] {
            assert_eq!(tables.asked_to_stop(host(n)), Ok(Vec::new()));
        }
    });
}

#[test]
fn what_was_asked_of_a_unit_is_forgotten_with_its_end() {
    on_each(|tables| {
        for (n, groups) in [(1, &[&[0_usize][..]][..]), (2, &[&[0], &[1]])] {
            let unit = unit(n, groups);
            tables.insert_unit(&unit, host(1)).unwrap();
            tables.ask_to_stop(&ToStop::Unit(unit.id), host(2), None).unwrap();
            for group in 0..groups.len() {
                assert_eq!(tables.asked_to_stop(host(1)).unwrap().len(), 1, "it runs");
                tables.finish(&finish(&unit, group, Status::Completed, 1.0)).unwrap();
            }
            assert_eq!(tables.asked_to_stop(host(1)), Ok(Vec::new()));
        }
    });
}

#[test]
fn what_is_undone_was_not() {
    on_each(|tables| {
        tables.begin().unwrap();
        tables.savepoint().unwrap();
        tables.insert_unit(&unit(1, &[&[0]]), host(1)).unwrap();
        tables.release(true).unwrap();
        tables.savepoint().unwrap();
        tables.insert_unit(&unit(2, &[&[0]]), host(1)).unwrap();
        tables.finish(&finish(&unit(1, &[&[0]]), 0, Status::Completed, 1.0)).unwrap();
        tables.release(false).unwrap();
        tables.commit().unwrap();
        assert_eq!(tables.unit(delegation(1)).unwrap().unwrap().ended, None);
        assert_eq!(tables.unit(delegation(2)).unwrap(), None);
        tables.begin().unwrap();
        tables.insert_unit(&unit(3, &[&[0]]), host(1)).unwrap();
        tables.rollback();
        assert_eq!(tables.unit(delegation(3)).unwrap(), None);
        assert_eq!(tables.events(&all()).unwrap(), []);
    });
}

fn key(key: &str, digest: &str) -> RequestKey {
    RequestKey { key: key.to_owned(), digest: digest.to_owned() }
}

#[test]
fn a_key_stands_for_the_first_request_that_had_it() {
    on_each(|tables| {
        let mut keep = |session: &Session, it: &RequestKey, n, now| {
            tables.keep_key(session, it, delegation(n), now).unwrap()
        };
        assert_eq!(keep(&chat(), &key("a", "one"), 1, 100.0), None);
        let first = Keyed { unit: delegation(1), digest: "one".to_owned() };
        assert_eq!(keep(&chat(), &key("a", "one"), 2, 101.0), Some(first.clone()));
        assert_eq!(keep(&chat(), &key("a", "two"), 2, 101.0), Some(first.clone()));
        // Another session's and another key.
        assert_eq!(keep(&Session::Local, &key("a", "one"), 3, 101.0), None);
        assert_eq!(keep(&chat(), &key("b", "one"), 4, 101.0), None);
        let later = 100.0 + KEY_LIFE.as_secs_f64();
        assert_eq!(tables.keyed(&chat(), "a", later), Ok(Some(first)));
        assert_eq!(tables.keyed(&chat(), "a", later + 0.5), Ok(None));
        assert_eq!(
            tables.keep_key(&chat(), &key("a", "new"), delegation(5), later + 0.5),
            Ok(None)
        );
        assert_eq!(tables.keyed(&chat(), "a", later + 0.5).unwrap().unwrap().digest, "new");
    });
}

#[test]
fn keys_that_are_too_many_or_too_old_are_forgotten() {
    on_each(|tables| {
        for (n, now) in [(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0)] {
            let it = key(&n.to_string(), "one");
            assert_eq!(tables.keep_key(&chat(), &it, delegation(1), now), Ok(None));
        }
        let check = |tables: &mut dyn Tables, expect: &[bool]| {
            let known = (0..4).map(|n| tables.keyed(&chat(), &n.to_string(), 1.0).unwrap());
            assert_eq!(known.map(|it| it.is_some()).collect::<Vec<_>>(), expect);
        };
        tables.forget_keys(4.0, 3).unwrap();
        check(tables, &[false, true, true, true]);
        tables.forget_keys(3.5 + KEY_LIFE.as_secs_f64(), 3).unwrap();
        check(tables, &[false, false, false, true]);
    });
}
