//! `hermitage steer`: tells a child something while it works.

use super::{
    Exit,
    args::{self, Global},
    error::CliError,
    id::ChildNamed,
    output, reach,
    setup::{Setup, block_on},
};
use crate::serve::wire;

pub(super) fn steer(global: &Global, args: &args::Steer) -> Result<Exit, CliError> {
    let named = ChildNamed::parse(&args.child)?;
    let setup = Setup::new(global, None)?;
    let ended = setup.config.delegation.retained_records;
    block_on(async {
        let store = setup.store().await?;
        let id = named.delegation.find(&store, ended).await?;
        let unit = reach::unit(&store, id).await?;
        let task_index = named.one_of(unit.record.tasks.len())?;
        let number = task_index.saturating_add(1);
        reach::goes_on(&unit).map_err(|it| {
            let how = format!("`hermitage follow-up {id}/{number} TEXT`");
            it.hint(format!("{how} has a new child go on where it has ended"))
        })?;
        let asked = wire::Steer { task_index, text: args.text.clone() };
        let service = reach::service(&setup).await?;
        let _: wire::Done = service.post(&format!("/v1/delegations/{id}/steer"), &asked).await?;
        let when = "its model reads it with its next call, if it makes another one";
        output::result(&format!("told {id}/{number}: {when}"))
    })??;
    Ok(Exit::Completed)
}
