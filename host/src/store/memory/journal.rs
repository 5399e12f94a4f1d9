//! What units were started with, and what their children were told.

use super::{Memory, Unit, rows::Indexed};
use crate::{
    id::DelegationId,
    store::{KeptHead, Line, Place, StoreError},
};

impl Indexed for KeptHead {
    type Index = ();

    fn add_to(&self, _: &mut ()) {}

    fn remove_from(&self, _: &mut ()) {}
}

impl Indexed for Line {
    type Index = ();

    fn add_to(&self, _: &mut ()) {}

    fn remove_from(&self, _: &mut ()) {}
}

impl Memory {
    /// By itself, or by whoever asked for it.
    pub(super) fn is_resumable(&self, unit: &Unit) -> bool {
        let is_open = |id: DelegationId| {
            self.heads.get(&id).is_some()
                && self.units.get(&id).is_some_and(|it| it.ended.is_none())
        };
        is_open(unit.record.id) && unit.record.parent.is_none_or(is_open)
    }

    pub(super) fn lines_of(
        &self,
        unit: DelegationId,
        task: usize,
    ) -> Result<Vec<Line>, StoreError> {
        let of_task = Place { unit, task, line: 0 }..=Place { unit, task, line: u64::MAX };
        let line = |(at, (place, line)): (u64, (&Place, &Line))| {
            let row = || {
                format!(
                    "line {} of task {} of {unit}",
                    at.saturating_add(1),
                    task.saturating_add(1)
                )
            };
            let missing = || StoreError::Corrupt { row: row(), why: "it is missing".to_owned() };
            if place.line == at { Ok(line.clone()) } else { Err(missing()) }
        };
        (0..).zip(self.lines.range(of_task)).map(line).collect()
    }

    pub(super) fn last_lines_of(&self, unit: DelegationId) -> Vec<String> {
        let of_unit =
            Place { unit, task: 0, line: 0 }..=Place { unit, task: usize::MAX, line: u64::MAX };
        let lines: Vec<_> = self.lines.range(of_unit).collect();
        let last = lines.chunk_by(|(one, _), (next, _)| one.task == next.task);
        last.filter_map(|it| it.last().map(|(_, line)| line.text.clone())).collect()
    }

    pub(super) fn forget_lines(&mut self, unit: DelegationId) {
        let of_unit =
            Place { unit, task: 0, line: 0 }..=Place { unit, task: usize::MAX, line: u64::MAX };
        let places: Vec<Place> = self.lines.range(of_unit).map(|(place, _)| *place).collect();
        places.into_iter().for_each(|it| self.lines.set(it, None));
        self.heads.set(unit, None);
    }
}
