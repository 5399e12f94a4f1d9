//! `hermitage follow-up`: a new child that goes on where one has ended.

use std::path::Path;

use super::{
    Exit,
    args::{self, Global},
    background::{self, absolute},
    error::CliError,
    id::ChildNamed,
    on_demand, reach,
    setup::{Setup, block_on},
};
use crate::serve::wire;

pub(super) fn follow_up(global: &Global, args: &args::FollowUp) -> Result<Exit, CliError> {
    let named = ChildNamed::parse(&args.child)?;
    let setup = Setup::new(global, None)?;
    let ended = setup.config.delegation.retained_records;
    if let Some(other) = on_demand::other(global)? {
        return Err(CliError::host(anyhow::Error::msg(other.how)).hint(other.hint));
    }
    block_on(async {
        let store = setup.store().await?;
        let id = named.delegation.find(&store, ended).await?;
        let unit = reach::unit(&store, id).await?;
        let task_index = named.one_of(unit.record.tasks.len())?;
        let agent = args.agent.clone().map(absolute);
        let asked = wire::FollowUp { task_index, text: args.text.clone(), agent };
        let path = format!("/v1/delegations/{id}/follow-up");
        let workspace = unit.record.workspace.as_deref().unwrap_or(".");
        let taken = on_demand::ask(&setup, global, Path::new(workspace), &path, &asked).await?;
        background::tell(taken, args.json, args.quiet)
    })??;
    Ok(Exit::Completed)
}
