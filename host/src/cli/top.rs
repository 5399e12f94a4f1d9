//! `hermitage top`: what runs, in a terminal, until its person has seen enough.
//!
//! It reads the store, so it needs no service. Where one runs, it asks that
//! one, and shows what each child does at the moment.

mod display;
mod draw;
mod look;
mod source;
mod words;

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use ratatui::crossterm::event::Event;
use tokio::time::{MissedTickBehavior, interval};

use self::{
    display::{Display, keys},
    draw::draw,
    look::{View, Wish},
    source::Source,
};
use super::{
    Exit,
    args::Global,
    error::CliError,
    setup::{Setup, block_on},
    signals::Signals,
};

/// How old what is shown may be. A person does not see a shorter time, and a
/// read of the store takes a few milliseconds.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn top(global: &Global) -> Result<Exit, CliError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let error = anyhow::anyhow!("`top` needs a terminal to draw on and to read keys from");
        return Err(CliError::usage(error).hint("`hermitage list` prints the same"));
    }
    let setup = Setup::new(global, None)?;
    block_on(watch(&setup))?
}

async fn watch(setup: &Setup) -> Result<Exit, CliError> {
    let source = Source::open(setup).await?;
    let mut signals = Signals::new()?;
    let mut view = View::new(source.read(None).await?);
    // What can go wrong before is told on a screen that stays.
    let mut display = Display::open()?;
    let mut keys = keys();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        display.draw(|frame| draw(frame, &mut view))?;
        let wish = tokio::select! {
            event = keys.recv() => match event {
                Some(Event::Key(key)) => view.press(key),
                // It is drawn anew, in the size that the terminal has now.
                Some(_) => None,
                None => Some(Wish::Quit),
            },
            _ = looks.tick() => Some(Wish::Look),
            () = signals.next() => return Ok(Exit::Interrupted),
        };
        match wish {
            Some(Wish::Quit) => return Ok(Exit::Completed),
            Some(Wish::Interrupt) => return Ok(Exit::Interrupted),
            Some(Wish::Stop(target)) => view.say(source.stop(target).await),
            Some(Wish::Look) => match source.read(view.opened()).await {
                Ok(seen) => view.see(seen),
                Err(err) => view.say(err.text()),
            },
            None => (),
        }
    }
}
