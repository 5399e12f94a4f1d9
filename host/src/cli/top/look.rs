//! What a person looks at, and what a key does there.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::source::{Seen, Target};
use crate::{
    event::ChildResult,
    host::{ChildListing, Listing},
    id::DelegationId,
};

/// Rows that a page of keys passes.
const PAGE: isize = 10;

/// How near one looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Every delegation.
    All,
    /// One, with its children.
    Unit,
    /// One child, with what came of it.
    Child,
}

/// What a key asks for that is not of the view alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Quit,
    /// The same, by Ctrl-C.
    Interrupt,
    /// To read again.
    Look,
    Stop(Target),
}

/// What is shown, and where in it the person is.
pub(super) struct View {
    pub(super) seen: Seen,
    pub(super) place: Place,
    /// Which delegation, and where it stood when it was last seen: the list
    /// changes below a person who moves in it.
    selected: Option<DelegationId>,
    row: usize,
    /// Which child of it.
    child: usize,
    /// Lines of a child's text above the first one that is shown.
    pub(super) scroll: usize,
    /// What is to be stopped, until the person has said so twice.
    pub(super) question: Option<Target>,
    /// What came of the last wish.
    pub(super) said: Option<String>,
}

impl View {
    pub(super) fn new(seen: Seen) -> Self {
        let mut view = Self {
            seen: Seen::new(Vec::new(), Vec::new(), false),
            place: Place::All,
            selected: None,
            row: 0,
            child: 0,
            scroll: 0,
            question: None,
            said: None,
        };
        view.see(seen);
        view
    }

    /// Takes what was read. The person stays with what they look at.
    pub(super) fn see(&mut self, seen: Seen) {
        self.seen = seen;
        let units = &self.seen.units;
        let same = units.iter().position(|it| Some(it.delegation_id) == self.selected);
        if same.is_none() {
            self.place = Place::All;
        }
        self.select(same.unwrap_or(self.row));
    }

    pub(super) fn say(&mut self, words: String) {
        self.said = Some(words);
    }

    /// The delegation whose results are shown.
    pub(super) fn opened(&self) -> Option<DelegationId> {
        self.selected.filter(|_| self.place != Place::All)
    }

    pub(super) fn row(&self) -> usize {
        self.row
    }

    pub(super) fn unit(&self) -> Option<&Listing> {
        self.seen.units.get(self.row)
    }

    pub(super) fn child_row(&self) -> usize {
        self.child
    }

    pub(super) fn child(&self) -> Option<&ChildListing> {
        self.unit()?.children.get(self.child)
    }

    pub(super) fn result(&self) -> Option<&ChildResult> {
        self.seen.results.iter().find(|it| it.task_index == self.child)
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Option<Wish> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if has_control && key.code == KeyCode::Char('c') {
            return Some(Wish::Interrupt);
        }
        self.said = None;
        if let Some(target) = self.question.take() {
            return (key.code == KeyCode::Char('y')).then_some(Wish::Stop(target));
        }
        match key.code {
            KeyCode::Char('q') => return Some(Wish::Quit),
            KeyCode::Char('j') | KeyCode::Down => self.go(1),
            KeyCode::Char('k') | KeyCode::Up => self.go(-1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.go(PAGE),
            KeyCode::PageUp => self.go(-PAGE),
            KeyCode::Char('g') | KeyCode::Home => self.go(isize::MIN),
            KeyCode::Char('G') | KeyCode::End => self.go(isize::MAX),
            KeyCode::Char('l') | KeyCode::Enter | KeyCode::Right => return self.open(),
            KeyCode::Char('h') | KeyCode::Esc | KeyCode::Backspace | KeyCode::Left => self.leave(),
            KeyCode::Char('s') => self.ask_to_stop(),
            _ => (),
        }
        None
    }

    fn go(&mut self, rows: isize) {
        match self.place {
            Place::All => self.select(self.row.saturating_add_signed(rows)),
            Place::Unit => {
                let children = self.unit().map_or(0, |it| it.children.len());
                let last = children.saturating_sub(1);
                self.child = self.child.saturating_add_signed(rows).min(last);
            }
            // What is drawn knows how many lines there are.
            Place::Child => self.scroll = self.scroll.saturating_add_signed(rows),
        }
    }

    fn select(&mut self, row: usize) {
        self.row = row.min(self.seen.units.len().saturating_sub(1));
        self.selected = self.unit().map(|it| it.delegation_id);
    }

    fn open(&mut self) -> Option<Wish> {
        let (place, children) = (self.place, self.unit()?.children.len());
        self.place = match place {
            Place::All => Place::Unit,
            Place::Unit | Place::Child => Place::Child,
        };
        if place == Place::All {
            self.child = 0;
        }
        // A list of one is no choice.
        if place == Place::All && children == 1 {
            self.place = Place::Child;
        }
        if place != Place::Child {
            self.scroll = 0;
        }
        Some(Wish::Look)
    }

    fn leave(&mut self) {
        let is_batch = self.unit().is_some_and(|it| it.children.len() > 1);
        self.place = match self.place {
            Place::Child if is_batch => Place::Unit,
            _ => Place::All,
        };
    }

    /// One child of several, when that is looked at; otherwise all of it.
    fn ask_to_stop(&mut self) {
        let Some(unit) = self.unit() else { return };
        let is_of_several = self.place == Place::Child && unit.children.len() > 1;
        let child = self.child().filter(|_| is_of_several);
        let has_ended = match child {
            Some(child) => child.status.ended().is_some(),
            None => unit.completed_at.is_some(),
        };
        let child = child.map(|it| it.task_index);
        let target = Target { unit: unit.delegation_id, child };
        if has_ended {
            self.say("it has ended".to_owned());
        } else {
            self.question = Some(target);
        }
    }
}
