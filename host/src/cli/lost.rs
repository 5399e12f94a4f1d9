//! Delegations whose host was killed, for commands that wait for their end.

use std::path::Path;

use super::{
    args::Global,
    error::CliError,
    on_demand,
    output::{plural, say},
    setup::Setup,
};
use crate::{
    clock::{Clock as _, SystemClock},
    store::{Leave, Store, UnitRow},
};

/// Has a service go on with one, and starts that where none runs.
pub(super) async fn go_on(
    setup: &Setup,
    global: &Global,
    store: &Store,
    unit: &UnitRow,
) -> Result<(), CliError> {
    let is_left = unit.ended.is_none() && setup.leave() == Leave::Resumable;
    let Some(workspace) = unit.record.workspace.as_deref().filter(|_| is_left) else {
        return Ok(());
    };
    let id = unit.record.id;
    if store.lost().await?.iter().all(|it| it.0 != id) {
        return Ok(());
    }
    if !Path::new(workspace).is_dir() {
        let why = format!("it can't be gone on with: its workspace `{workspace}` is gone");
        return Ok(store.give_up(id, why, SystemClock.now()).await?);
    }
    on_demand::service(setup, global, Path::new(workspace)).await.map(drop)
}

/// Says that some wait for a host.
pub(super) async fn tell(store: &Store) {
    // Of a store that can't be asked, the command itself tells.
    let count = store.lost().await.map_or(0, |it| it.len());
    if count > 0 {
        let (count, s) = plural(count);
        say(&format!("note: {count} earlier delegation{s} can go on: the host is gone"));
        say("hint: `hermitage wait` has a service do that, or start `hermitage serve`");
    }
}
