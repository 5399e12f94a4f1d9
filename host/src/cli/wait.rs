//! `hermitage wait`: the completion of a delegation that runs elsewhere.
//!
//! It reads the store, as every host on it does, and asks no service: so it
//! gets the end of a delegation also when the process that ran it was killed,
//! which whoever looks first settles.

use std::collections::BTreeSet;

use super::{
    Exit,
    args::{self, Global},
    error::CliError,
    id::Named,
    lost,
    outcome::{self, Form},
    output::{self, say},
    paint::Paint,
    reach,
    setup::{Setup, block_on},
    signals::Signals,
};
use crate::{
    clock::{Clock as _, SystemClock},
    completion::{queue::FOREIGN_LOOK, sanitize::clean_line},
    event::CompletionEvent,
    id::DelegationId,
    session::Session,
    store::{EventBody, EventId, EventRow, EventState, News, Store, UnitRow},
};

/// Characters of a note: parts of it can come from a model.
const MAX_NOTE_CHARS: usize = 500;

pub(super) fn wait(global: &Global, args: &args::Wait) -> Result<Exit, CliError> {
    let named = Named::parse(&args.id)?;
    let setup = Setup::new(global, None)?;
    let ended = setup.config.delegation.retained_records;
    let form = Form { json: args.json, notice: args.notice, quiet: args.quiet, is_kept: true };
    block_on(async {
        let mut signals = Signals::new()?;
        let store = setup.store().await?;
        let id = named.find(&store, ended).await?;
        let waiting = Waiting::new(&store, &setup, global, id, form).until_ended();
        tokio::select! {
            biased;
            exit = waiting => exit,
            () = signals.next() => {
                say(&format!("note: {id} goes on"));
                say(&format!("hint: `hermitage wait {id}`, or `hermitage stop {id}`"));
                Ok(Exit::Interrupted)
            }
        }
    })?
}

/// What was told of one delegation so far.
struct Waiting<'a> {
    store: &'a Store,
    setup: &'a Setup,
    global: &'a Global,
    id: DelegationId,
    form: Form,
    tasks: BTreeSet<usize>,
    events: BTreeSet<EventId>,
    /// The worst of what was told.
    exit: Exit,
}

impl<'a> Waiting<'a> {
    fn new(
        store: &'a Store,
        setup: &'a Setup,
        global: &'a Global,
        id: DelegationId,
        form: Form,
    ) -> Self {
        let (tasks, events) = (BTreeSet::new(), BTreeSet::new());
        Self { store, setup, global, id, form, tasks, events, exit: Exit::Completed }
    }

    async fn until_ended(mut self) -> Result<Exit, CliError> {
        // Before the first look: nothing falls between the two.
        let (mut changes, mut ends) = (self.store.changes_elsewhere(), self.store.ends_elsewhere());
        loop {
            let id = self.id;
            let look = self.store.read(move |tables| Ok((tables.unit(id)?, tables.events_of(id)?)));
            let (Some(unit), events) = look.await? else { return Err(reach::nobody(id)) };
            self.tell_children(&unit);
            for row in events {
                self.tell_event(&row).await?;
            }
            if unit.ended.is_some() {
                return Ok(self.exit);
            }
            lost::go_on(self.setup, self.global, self.store, &unit).await?;
            news(&mut changes, &mut ends).await;
            self.store.recover(SystemClock.now(), self.setup.leave()).await?;
        }
    }

    /// The line of each child that ended since the last look, as `run` has it.
    fn tell_children(&mut self, unit: &UnitRow) {
        for result in &unit.results {
            if self.tasks.insert(result.task_index) && !self.form.quiet {
                let total = unit.record.tasks.len();
                say(&outcome::ended_line(result, total, output::width(), Paint::stderr()));
            }
        }
    }

    /// Prints it, and only then takes it: a command that is killed in between
    /// leaves it to the next one.
    async fn tell_event(&mut self, row: &EventRow) -> Result<(), CliError> {
        let EventBody::Completion(event) = &row.event.body else { return Ok(()) };
        if !self.events.insert(row.id) {
            return Ok(());
        }
        self.say_notes(event);
        outcome::tell(event, self.form)?;
        self.exit = worse(self.exit, outcome::exit_of(event));
        // That of another session is for its consumer, whoever looks at it here;
        // and so is one that a consumer is about to apply.
        if row.event.session == Session::Local && matches!(row.state, EventState::Pending { .. }) {
            let id = row.id;
            self.store.run(move |tables| tables.ack_by_hand(id)).await?;
        }
        Ok(())
    }

    fn say_notes(&self, event: &CompletionEvent) {
        if !self.form.quiet {
            let note = |it: &String| say(&clean_line(&format!("note: {it}"), MAX_NOTE_CHARS));
            event.notes.iter().for_each(note);
        }
    }
}

/// Returns when there may be something to see in a store.
pub(super) async fn news(changes: &mut News, ends: &mut News) {
    tokio::select! {
        () = ends.next() => (),
        () = changes.next_within(FOREIGN_LOOK) => (),
    }
}

/// Of a delegation that is told in several events: a stop is more than a
/// failure, and that more than a refusal.
fn worse(one: Exit, other: Exit) -> Exit {
    let rank = |it: Exit| match it {
        Exit::Completed => 0,
        Exit::Refused => 1,
        Exit::Interrupted => 3,
        Exit::NotCompleted | Exit::Usage | Exit::ToolChain => 2,
    };
    std::cmp::max_by_key(one, other, |it| rank(*it))
}
