//! Units, from their record to their end, and until they are forgotten.

use std::sync::Arc;

use super::{Event, Memory, Unit};
use crate::{
    event::{ChildResult, CompletionEvent, Status, batch_status},
    id::{DelegationId, HostId},
    store::{EventBody, EventId, NewEvent, Recovered, ToStop, UnitRow, words::dedup},
    unit::UnitRecord,
};

impl Memory {
    /// The running units of other hosts that are meant.
    pub(super) fn meant(&self, what: &ToStop, by: HostId) -> impl Iterator<Item = &Unit> {
        let is_meant = move |it: &&Unit| match what {
            ToStop::Unit(id) => it.record.id == *id,
            ToStop::Of(session) => it.record.parent.is_none() && it.record.session == *session,
        };
        self.running().filter(move |it| it.owner != by).filter(is_meant)
    }

    pub(super) fn row(&self, unit: &Unit) -> UnitRow {
        let of_events = self.events_of_unit(unit.record.id).flat_map(Event::results);
        let mut results: Vec<ChildResult> =
            of_events.chain(unit.children.values()).cloned().collect();
        results.sort_by_key(|it| it.task_index);
        UnitRow {
            record: UnitRecord::clone(&unit.record),
            owner: unit.owner,
            ended: unit.ended,
            results,
        }
    }

    pub(super) fn keep_summaries(&mut self, id: DelegationId, results: &[ChildResult]) {
        for result in results {
            if let Some(text) = &result.full_summary {
                self.summaries.set((id, result.task_index), Some(text.clone()));
            }
        }
    }

    /// Queues the event of a group of a running unit.
    pub(super) fn end_group(
        &mut self,
        unit: &mut Unit,
        group: usize,
        event: &Arc<CompletionEvent>,
        acked: bool,
    ) -> Option<EventId> {
        let (status, at) = (event.status, event.completed_at);
        let (results, n_groups) = (&event.results, unit.record.groups.len());
        let new = NewEvent {
            kind: event.kind.to_owned(),
            dedup: dedup(unit.record.id, group, n_groups),
            session: event.session_key.clone(),
            created_at: at,
            body: EventBody::Completion(Arc::clone(event)),
        };
        let res = self.queue(new, unit.owner, acked)?;
        self.keep_summaries(unit.record.id, results);
        unit.groups_left = unit.groups_left.saturating_sub(1);
        unit.children.retain(|task, _| {
            n_groups != 1 && results.iter().all(|result| result.task_index != *task)
        });
        if unit.groups_left == 0 {
            let status = if n_groups == 1 { status } else { self.combined(unit.record.id) };
            unit.ended = Some((status, at));
            unit.is_closed = self.events_of_unit(unit.record.id).all(Event::is_acked);
            self.interruptions.set(unit.record.id, None);
        }
        Some(res)
    }

    pub(super) fn combined(&self, id: DelegationId) -> Status {
        let results = self.events_of_unit(id).flat_map(Event::results).cloned();
        batch_status(&results.collect::<Vec<_>>())
    }

    /// Reports what a dead host's unit had not reported yet.
    fn report_unknown(&mut self, unit: &mut Unit, why: Option<&str>, now: f64) -> usize {
        let acked = unit.record.parent.is_some();
        let kept: Vec<ChildResult> = unit.children.values().cloned().collect();
        let record = Arc::clone(&unit.record);
        let mut n_events = 0;
        for (idx, group) in record.groups.iter().enumerate() {
            let mut event = record.unknown(group, &kept, now);
            event.notes.extend(why.map(str::to_owned));
            let queued = self.end_group(unit, idx, &Arc::new(event), acked);
            n_events += usize::from(queued.is_some() && !acked);
        }
        n_events
    }

    /// Its host is gone, and nobody goes on with it.
    pub(super) fn report(
        &mut self,
        mut unit: Unit,
        why: Option<&str>,
        now: f64,
        res: &mut Recovered,
    ) {
        res.units.push(unit.record.id);
        res.events += self.report_unknown(&mut unit, why, now);
        self.set_unit(unit);
    }

    pub(super) fn set_unit(&mut self, unit: Unit) {
        self.units.set(unit.record.id, Some(unit));
    }

    /// That event was acknowledged.
    pub(super) fn close_unit_of(&mut self, event: EventId) {
        let Some(id) = self.events.get(&event).and_then(|it| it.unit) else { return };
        let is_closed = self.events_of_unit(id).all(Event::is_acked);
        let open = self.units.get(&id).filter(|it| it.ended.is_some() && !it.is_closed);
        if let Some(unit) = open.filter(|_| is_closed).cloned() {
            self.set_unit(Unit { is_closed, ..unit });
        }
    }

    pub(super) fn running(&self) -> impl DoubleEndedIterator<Item = &Unit> {
        self.units.index().running.values().filter_map(|it| self.units.get(it))
    }

    pub(super) fn ended_newest_first(&self) -> impl Iterator<Item = &Unit> {
        let ended = self.units.index().ended.iter().rev();
        ended.filter_map(|it| self.units.get(&it.2))
    }

    /// In the order of dispatch.
    pub(super) fn below(&self, id: DelegationId) -> impl Iterator<Item = &Unit> {
        self.units.index().below.of(&id).filter_map(|(_, it)| self.units.get(&it))
    }

    /// The unit, its events, and the units that its children asked for.
    pub(super) fn forget_unit(&mut self, id: DelegationId) -> usize {
        let below: Vec<DelegationId> = self.below(id).map(|it| it.record.id).collect();
        let n_below: usize = below.into_iter().map(|it| self.forget_unit(it)).sum();
        let events: Vec<EventId> = self.events_of_unit(id).map(|it| it.row.id).collect();
        let summaries = self.summaries.range((id, 0)..=(id, usize::MAX));
        let summaries: Vec<_> = summaries.map(|(key, _)| *key).collect();
        summaries.into_iter().for_each(|it| self.summaries.set(it, None));
        self.interruptions.set(id, None);
        self.forget_lines(id);
        self.units.set(id, None);
        1 + n_below + self.forget_events(events)
    }
}
