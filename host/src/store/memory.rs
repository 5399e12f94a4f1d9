//! The tables in memory: what a store is, as plainly as it can be said.
//!
//! For hosts that keep nothing, and the model that the tests hold the
//! database against.

mod claims;
mod index;
mod journal;
mod keys;
mod rows;
mod units;

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use self::rows::Rows;
use super::{
    ClaimFilter, ClaimToken, Corrupt, EventBody, EventFilter, EventId, EventRow, EventState,
    Finish, Head, Interruption, KeptHead, Keyed, Leave, Line, NewEvent, Place, Recovered,
    RequestKey, Settled, StoreError, Tables, ToStop, UnitRow,
    words::{dedup, unit_of},
};
use crate::{
    event::{ASYNC_DELEGATION, ChildResult, Status},
    id::{DelegationId, HostId},
    session::Session,
    unit::UnitRecord,
};

/// The tables.
#[derive(Debug, Default)]
pub(super) struct Memory {
    units: Rows<DelegationId, Unit>,
    events: Rows<EventId, Event>,
    /// Full summaries, by unit and task.
    summaries: Rows<(DelegationId, usize), String>,
    interruptions: Rows<DelegationId, Interruption>,
    /// By session and key.
    keys: Rows<(String, String), keys::Key>,
    heads: Rows<DelegationId, KeptHead>,
    lines: Rows<Place, Line>,
    last: Last,
    /// Where the operation, and the transaction, began.
    savepoint: Mark,
    start: Last,
    /// What the next commits answer.
    #[cfg(test)]
    pub(super) broken: std::sync::Arc<std::sync::Mutex<Option<StoreError>>>,
}

/// The numbers that were given last.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    unit: u64,
    event: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    units: usize,
    events: usize,
    summaries: usize,
    interruptions: usize,
    keys: usize,
    heads: usize,
    lines: usize,
    last: Last,
}

#[derive(Clone, Debug)]
struct Unit {
    /// Ascending in the order of dispatch.
    place: u64,
    record: Arc<UnitRecord>,
    owner: HostId,
    groups_left: usize,
    ended: Option<(Status, f64)>,
    /// It has ended, and all its events are acknowledged.
    is_closed: bool,
    /// Results of tasks whose group has not ended.
    children: BTreeMap<usize, ChildResult>,
}

#[derive(Clone, Debug)]
struct Event {
    row: EventRow,
    /// `None` when a dead host left it to anybody.
    owner: Option<HostId>,
    unit: Option<DelegationId>,
    /// Outlives a claim: an event that is put back is where it was.
    not_before: f64,
    /// Claims so far: each has its own number.
    claims: u64,
    /// When the last one was made.
    claimed_at: f64,
}

impl Event {
    fn is_acked(&self) -> bool {
        self.row.state == EventState::Acked
    }

    /// The results that it tells of, when it ended a group.
    fn results(&self) -> &[ChildResult] {
        match &self.row.event.body {
            EventBody::Completion(event) if self.row.event.kind == ASYNC_DELEGATION => {
                &event.results
            }
            _ => &[],
        }
    }
}

impl Memory {
    fn events_of_unit(&self, id: DelegationId) -> impl Iterator<Item = &Event> {
        self.events.index().by_unit.of(&id).filter_map(|it| self.events.get(&it))
    }

    /// Of that identity, whatever their type.
    fn events_like(&self, dedup: &String) -> impl Iterator<Item = &Event> {
        self.events.index().by_dedup.of(dedup).filter_map(|it| self.events.get(&it))
    }

    fn was_queued(&self, kind: &str, dedup: &String) -> bool {
        self.events_like(dedup).any(|it| it.row.event.kind == kind)
    }

    fn is_repeated(&self, event: &NewEvent) -> bool {
        let is_same = |it: &NewEvent| it.kind == event.kind && it.session == event.session;
        self.events_like(&event.dedup).any(|it| is_same(&it.row.event))
    }

    /// Of that session, and neither acknowledged nor dead, in their order.
    fn waiting(&self, session: &Session) -> impl Iterator<Item = &Event> {
        self.events.index().waiting.of(session).filter_map(|it| self.events.get(&it))
    }

    fn queue(&mut self, mut event: NewEvent, owner: HostId, acked: bool) -> Option<EventId> {
        if self.is_repeated(&event) {
            return None;
        }
        without_full_summaries(&mut event.body);
        self.last.event += 1;
        let id = EventId(self.last.event);
        let not_before = 0.0;
        let state = if acked { EventState::Acked } else { EventState::Pending { not_before } };
        let unit = unit_of(&event.body);
        let row = EventRow { id, state, attempts: 0, last_error: None, event };
        let event = Event { row, owner: Some(owner), unit, not_before, claims: 0, claimed_at: 0.0 };
        self.events.set(id, Some(event));
        if let Some(unit) =
            unit.and_then(|it| self.units.get(&it)).filter(|it| it.is_closed && !acked)
        {
            self.set_unit(Unit { is_closed: false, ..unit.clone() });
        }
        Some(id)
    }

    fn forget_events(&mut self, ids: Vec<EventId>) -> usize {
        let res = ids.len();
        ids.into_iter().for_each(|it| self.events.set(it, None));
        res
    }
}

fn without_full_summaries(body: &mut EventBody) {
    match body {
        EventBody::Completion(event) => {
            if event.results.iter().any(|it| it.full_summary.is_some()) {
                let results = Arc::make_mut(event).results.iter_mut();
                results.for_each(|it| it.full_summary = None);
            }
        }
        EventBody::Failure(notice) => notice.result.full_summary = None,
        EventBody::Other(_) => (),
    }
}

impl Tables for Memory {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.units.keep();
        self.events.keep();
        self.summaries.keep();
        self.interruptions.keep();
        self.keys.keep();
        self.heads.keep();
        self.lines.keep();
        self.start = self.last;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        #[cfg(test)]
        if let Some(err) = self.broken.lock().unwrap().clone() {
            return Err(err);
        }
        self.begin()
    }

    fn rollback(&mut self) {
        self.savepoint = Mark { last: self.start, ..Mark::default() };
        let _ = self.release(false);
    }

    fn savepoint(&mut self) -> Result<(), StoreError> {
        self.savepoint = Mark {
            units: self.units.mark(),
            events: self.events.mark(),
            summaries: self.summaries.mark(),
            interruptions: self.interruptions.mark(),
            keys: self.keys.mark(),
            heads: self.heads.mark(),
            lines: self.lines.mark(),
            last: self.last,
        };
        Ok(())
    }

    fn release(&mut self, keep: bool) -> Result<(), StoreError> {
        let Mark { units, events, summaries, interruptions, keys, heads, lines, last } =
            self.savepoint;
        if !keep {
            self.units.undo_to(units);
            self.events.undo_to(events);
            self.summaries.undo_to(summaries);
            self.interruptions.undo_to(interruptions);
            self.keys.undo_to(keys);
            self.heads.undo_to(heads);
            self.lines.undo_to(lines);
            self.last = last;
        }
        Ok(())
    }

    fn insert_unit(&mut self, unit: &UnitRecord, owner: HostId) -> Result<(), StoreError> {
        if self.units.get(&unit.id).is_some() {
            return Err(StoreError::Exists(unit.id.to_string()));
        }
        self.last.unit += 1;
        self.set_unit(Unit {
            place: self.last.unit,
            record: Arc::new(unit.clone()),
            owner,
            groups_left: unit.groups.len(),
            ended: None,
            is_closed: false,
            children: BTreeMap::new(),
        });
        Ok(())
    }

    fn child_ended(&mut self, id: DelegationId, result: &ChildResult) -> Result<bool, StoreError> {
        let Some(mut unit) = self.units.get(&id).cloned() else {
            return Ok(false);
        };
        let task = result.task_index;
        let groups = &unit.record.groups;
        let has_event = |group| self.was_queued(ASYNC_DELEGATION, &dedup(id, group, groups.len()));
        let is_late = unit.ended.is_some()
            || unit.children.contains_key(&task)
            || groups.iter().position(|it| it.tasks.contains(&task)).is_some_and(has_event);
        if is_late {
            return Ok(false);
        }
        self.keep_summaries(id, std::slice::from_ref(result));
        unit.children.insert(task, ChildResult { full_summary: None, ..result.clone() });
        self.set_unit(unit);
        Ok(true)
    }

    fn finish(&mut self, finish: &Finish) -> Result<Option<EventId>, StoreError> {
        let missing = || StoreError::Missing(finish.id.to_string());
        let mut unit = self.units.get(&finish.id).cloned().ok_or_else(missing)?;
        if unit.ended.is_some() || unit.record.groups.len() <= finish.group {
            return Ok(None);
        }
        let res = self.end_group(&mut unit, finish.group, &finish.event, finish.acked);
        if res.is_some() {
            self.set_unit(unit);
        }
        Ok(res)
    }

    fn unit(&mut self, id: DelegationId) -> Result<Option<UnitRow>, StoreError> {
        Ok(self.units.get(&id).map(|it| self.row(it)))
    }

    fn full_summary(
        &mut self,
        id: DelegationId,
        task_index: usize,
    ) -> Result<Option<String>, StoreError> {
        Ok(self.summaries.get(&(id, task_index)).cloned())
    }

    fn units(&mut self, ended: usize) -> Result<Vec<UnitRow>, StoreError> {
        let ended = self.ended_newest_first().take(ended);
        Ok(self.running().rev().chain(ended).map(|it| self.row(it)).collect())
    }

    fn units_below(&mut self, parent: DelegationId) -> Result<Vec<UnitRow>, StoreError> {
        Ok(self.below(parent).map(|it| self.row(it)).collect())
    }

    fn prune(&mut self, keep: usize, keep_events: usize) -> Result<usize, StoreError> {
        let closed = &self.units.index().closed;
        let n_old = closed.len().saturating_sub(keep);
        let old: Vec<DelegationId> = closed.iter().take(n_old).map(|it| it.2).collect();
        let n_units: usize = old.into_iter().map(|it| self.forget_unit(it)).sum();
        let others = &self.events.index().others_acked;
        let n_old = others.len().saturating_sub(keep_events);
        let others: Vec<EventId> = others.iter().take(n_old).copied().collect();
        Ok(n_units + self.forget_events(others))
    }

    fn push(&mut self, event: &NewEvent, owner: HostId) -> Result<Option<EventId>, StoreError> {
        Ok(self.queue(event.clone(), owner, false))
    }

    fn claim(
        &mut self,
        filter: &ClaimFilter,
        by: HostId,
        now: f64,
        until: f64,
        max_attempts: u32,
    ) -> Result<Option<(EventRow, ClaimToken)>, StoreError> {
        Ok(self.claim_first(filter, by, now, until, max_attempts))
    }

    fn ack(&mut self, id: EventId, token: ClaimToken) -> Result<Option<Settled>, StoreError> {
        let settled = self.settle(id, token, |event| {
            event.row.state = EventState::Acked;
            Settled::Done
        });
        self.close_unit_of(id);
        Ok(settled)
    }

    fn retry(
        &mut self,
        id: EventId,
        token: ClaimToken,
        not_before: f64,
        error: &str,
        max_attempts: u32,
    ) -> Result<Option<Settled>, StoreError> {
        Ok(self.settle(id, token, |event| {
            event.row.last_error = Some(error.to_owned());
            event.offer_again(not_before, max_attempts)
        }))
    }

    fn put_back(&mut self, id: EventId, token: ClaimToken) -> Result<Option<Settled>, StoreError> {
        Ok(self.settle(id, token, |event| {
            event.row.attempts = event.row.attempts.saturating_sub(1);
            event.row.state = EventState::Pending { not_before: event.not_before };
            Settled::Done
        }))
    }

    fn prolong(&mut self, id: EventId, token: ClaimToken, until: f64) -> Result<bool, StoreError> {
        let prolonged = self.settle(id, token, |event| {
            if let EventState::Claimed { until: end, .. } = &mut event.row.state {
                *end = until;
            }
            Settled::Done
        });
        Ok(prolonged.is_some())
    }

    fn lend(&mut self, id: EventId, token: ClaimToken) -> Result<bool, StoreError> {
        let lent = self.settle(id, token, |event| {
            if let EventState::Claimed { by, .. } = &mut event.row.state {
                *by = HostId::OUTSIDE;
            }
            Settled::Done
        });
        Ok(lent.is_some())
    }

    fn lent(&mut self, id: EventId) -> Result<Option<(EventRow, ClaimToken)>, StoreError> {
        let lent = self.events.get(&id).filter(|it| it.claimed_by() == Some(HostId::OUTSIDE));
        Ok(lent.map(|it| (it.row.clone(), ClaimToken(it.claims))))
    }

    fn ack_by_hand(&mut self, id: EventId) -> Result<bool, StoreError> {
        let Some(mut event) = self.events.get(&id).filter(|it| !it.is_acked()).cloned() else {
            return Ok(false);
        };
        event.row.state = EventState::Acked;
        self.events.set(id, Some(event));
        self.close_unit_of(id);
        Ok(true)
    }

    fn revive(&mut self, id: EventId) -> Result<bool, StoreError> {
        let is_dead = |it: &&Event| matches!(it.row.state, EventState::Dead { .. });
        let Some(mut event) = self.events.get(&id).filter(is_dead).cloned() else {
            return Ok(false);
        };
        event.not_before = 0.0;
        event.row.attempts = 0;
        event.row.state = EventState::Pending { not_before: 0.0 };
        self.events.set(id, Some(event));
        Ok(true)
    }

    fn next_due(&mut self, filter: &ClaimFilter, by: HostId) -> Result<Option<f64>, StoreError> {
        let mine = || self.waiting(&filter.session).filter(|it| it.is_for(filter, by));
        let head = mine().find(|it| it.is_pending() && !filter.overtake).map(|it| it.row.id);
        // What stands behind the head comes when that one does.
        let before = mine().filter(|it| head.is_none_or(|head| it.row.id <= head));
        Ok(before.filter_map(Event::due).min_by(f64::total_cmp))
    }

    fn event(&mut self, id: EventId) -> Result<Option<EventRow>, StoreError> {
        Ok(self.events.get(&id).map(|it| it.row.clone()))
    }

    fn events_of(&mut self, id: DelegationId) -> Result<Vec<EventRow>, StoreError> {
        Ok(self.events_of_unit(id).map(|it| it.row.clone()).collect())
    }

    fn events(&mut self, filter: &EventFilter) -> Result<Vec<EventRow>, StoreError> {
        let newest = self.events.values().rev().filter(|it| it.is_listed(filter));
        let mut res: Vec<EventRow> = newest.take(filter.limit).map(|it| it.row.clone()).collect();
        res.reverse();
        Ok(res)
    }

    fn events_after(&mut self, after: EventId, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        let behind = self.events.range((Bound::Excluded(after), Bound::Unbounded));
        Ok(behind.take(limit).map(|(_, it)| it.row.clone()).collect())
    }

    fn count_events(&mut self, filter: &EventFilter) -> Result<usize, StoreError> {
        Ok(self.events.values().filter(|it| it.is_listed(filter)).count())
    }

    fn ask_to_stop(
        &mut self,
        what: &ToStop,
        by: HostId,
        reason: Option<&str>,
    ) -> Result<usize, StoreError> {
        let meant: Vec<DelegationId> = self.meant(what, by).map(|it| it.record.id).collect();
        for unit in &meant {
            let reason = reason.map(str::to_owned);
            if self.interruptions.get(unit).is_none() {
                self.interruptions.set(*unit, Some(Interruption { unit: *unit, reason }));
            }
        }
        Ok(meant.len())
    }

    fn asked_to_stop(&mut self, host: HostId) -> Result<Vec<Interruption>, StoreError> {
        let is_of =
            |it: &&Interruption| self.units.get(&it.unit).is_some_and(|unit| unit.owner == host);
        Ok(self.interruptions.values().filter(is_of).cloned().collect())
    }

    fn heard(&mut self, units: &[DelegationId]) -> Result<(), StoreError> {
        units.iter().for_each(|it| self.interruptions.set(*it, None));
        Ok(())
    }

    fn keyed(
        &mut self,
        session: &Session,
        key: &str,
        now: f64,
    ) -> Result<Option<Keyed>, StoreError> {
        Ok(self.find_key(session, key, now))
    }

    fn keep_key(
        &mut self,
        session: &Session,
        key: &RequestKey,
        unit: DelegationId,
        now: f64,
    ) -> Result<Option<Keyed>, StoreError> {
        let before = self.find_key(session, &key.key, now);
        if before.is_none() {
            self.add_key(session, key, unit, now);
        }
        Ok(before)
    }

    fn forget_keys(&mut self, now: f64, most: usize) -> Result<(), StoreError> {
        self.forget_old_keys(now, most);
        Ok(())
    }

    fn write_nothing(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn changed_elsewhere(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn owners(&mut self) -> Result<Vec<HostId>, StoreError> {
        let running = self.running().map(|it| it.owner);
        let of_events = self.events.values().flat_map(|it| {
            let is_local = it.row.event.session == Session::Local && !it.is_acked();
            let by = it.claimed_by().filter(|it| *it != HostId::OUTSIDE);
            [by, it.owner.filter(|_| is_local)]
        });
        let mut res: Vec<HostId> = running.chain(of_events.flatten()).collect();
        res.sort_unstable();
        res.dedup();
        Ok(res)
    }

    fn recover(&mut self, dead: HostId, now: f64, leave: Leave) -> Result<Recovered, StoreError> {
        let mut res = Recovered::default();
        let left: Vec<Unit> = self.running().filter(|it| it.owner == dead).cloned().collect();
        for unit in left {
            if leave == Leave::Nothing || !self.is_resumable(&unit) {
                self.report(unit, None, now, &mut res);
            }
        }
        res.claims = self.free_claims(dead);
        Ok(res)
    }

    fn give_up(&mut self, id: DelegationId, why: &str, now: f64) -> Result<Recovered, StoreError> {
        let mut res = Recovered::default();
        let unit = self.running().find(|it| it.record.id == id).cloned();
        if let Some(unit) = unit {
            self.report(unit, Some(why), now, &mut res);
        }
        Ok(res)
    }

    fn keep_head(&mut self, unit: DelegationId, head: &Head) -> Result<(), StoreError> {
        self.heads.set(unit, Some(KeptHead { head: head.clone(), resumed: Vec::new() }));
        Ok(())
    }

    fn head(&mut self, unit: DelegationId) -> Result<Option<KeptHead>, StoreError> {
        Ok(self.heads.get(&unit).cloned())
    }

    fn add_line(&mut self, place: Place, line: &Line) -> Result<(), StoreError> {
        if self.lines.get(&place).is_some() {
            return Err(StoreError::Io("a line of a journal is taken".to_owned()));
        }
        self.lines.set(place, Some(line.clone()));
        Ok(())
    }

    fn lines(&mut self, unit: DelegationId, task: usize) -> Result<Vec<Line>, StoreError> {
        self.lines_of(unit, task)
    }

    fn last_lines(&mut self, unit: DelegationId) -> Result<Vec<String>, StoreError> {
        Ok(self.last_lines_of(unit))
    }

    fn forget_journal(&mut self, unit: DelegationId) -> Result<(), StoreError> {
        self.forget_lines(unit);
        Ok(())
    }

    fn resumable(&mut self, dead: HostId) -> Result<Vec<DelegationId>, StoreError> {
        let is_meant = |it: &&Unit| it.owner == dead && it.record.parent.is_none();
        let found = self.running().filter(is_meant).filter(|it| self.is_resumable(it));
        Ok(found.map(|it| it.record.id).collect())
    }

    fn take_over(&mut self, unit: DelegationId, by: HostId, now: f64) -> Result<bool, StoreError> {
        let Some(found) = self.running().find(|it| it.record.id == unit).cloned() else {
            return Ok(false);
        };
        self.set_unit(Unit { owner: by, ..found });
        if let Some(mut head) = self.heads.get(&unit).cloned() {
            head.resumed.push(now);
            self.heads.set(unit, Some(head));
        }
        Ok(true)
    }

    fn set_aside(&mut self) -> Result<Vec<Corrupt>, StoreError> {
        Ok(Vec::new())
    }
}
