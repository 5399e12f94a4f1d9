//! The place of a service, for one that a person starts: free, or taken over
//! from one that was started on demand, which leaves it at once.
//!
//! A command that needs a service may be quicker than the person's. Then that
//! one is asked as well.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::super::{
    client::{Client, ClientError},
    error::CliError,
    output::say,
    place::{Alone, Entered, Holder, Place},
};

/// How long one may take to leave that is about to start, or about to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at whether it has left.
const LOOK: Duration = Duration::from_millis(10);

/// Before it is told that there is something to wait for.
const QUIET: Duration = Duration::from_secs(1);

/// Becomes the only service of the store.
pub(super) async fn enter(place: &Place, this: &Holder) -> Result<Alone, CliError> {
    let begin = Instant::now();
    let (mut seen, mut asked, mut is_told) = (None, None, false);
    loop {
        let holder = match place.enter(this)? {
            Entered::Alone(alone) => return Ok(alone),
            Entered::Taken(holder) => holder,
        };
        // For a moment the lock has the words of whoever held it before.
        let stays = holder == seen && holder.as_ref().is_some_and(|it| !it.on_demand);
        if stays || begin.elapsed() > PATIENCE {
            return Err(taken(holder));
        }
        let leaves = holder.as_ref().filter(|it| it.on_demand).map(|it| it.process);
        seen = holder;
        if let Some(process) = leaves {
            if asked != leaves && is_leaving(place).await? {
                asked = leaves;
            }
            if !is_told && begin.elapsed() > QUIET {
                is_told = true;
                say(&format!(
                    "note: waiting for the service on demand, process {process}, to leave"
                ));
            }
        }
        sleep(LOOK).await;
    }
}

/// Asks the one that is there. `false` when there is none, or none yet.
async fn is_leaving(place: &Place) -> Result<bool, CliError> {
    let Some(found) = place.found() else { return Ok(false) };
    let process = found.holder.process;
    match Client::of(found)?.retire().await {
        Ok(it) => {
            say_what_goes_on(it.running, process);
            Ok(true)
        }
        Err(ClientError::Gone(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn say_what_goes_on(running: usize, process: u32) {
    let delegations = match running {
        0 => return,
        1 => "1 delegation goes".to_owned(),
        more => format!("{more} delegations go"),
    };
    say(&format!("note: {delegations} on in process {process}, the service until now"));
}

fn taken(holder: Option<Holder>) -> CliError {
    let process = holder.map(|it| it.process);
    let named = process.map(|it| format!(", process {it}")).unwrap_or_default();
    let error = CliError::host(anyhow::anyhow!("a service of this store runs already{named}"));
    let how = process.map(|it| format!(" (`kill {it}`)")).unwrap_or_default();
    error.hint(format!("end it first{how}, or name another store with `--store`"))
}
