//! `hermitage stop`: asks a delegation to stop, through the store: whoever runs
//! it, be it a `run` in another terminal or an application, hears of it there.
//! A single child of several is stopped by the service that runs it.

use super::{
    Exit,
    args::{self, Global},
    error::CliError,
    id::ChildNamed,
    output, reach,
    setup::{Setup, block_on},
};
use crate::{
    id::DelegationId,
    serve::wire,
    store::{Store, ToStop},
};

pub(super) fn stop(global: &Global, args: &args::Stop) -> Result<Exit, CliError> {
    let named = ChildNamed::parse(&args.child)?;
    let setup = Setup::new(global, None)?;
    let ended = setup.config.delegation.retained_records;
    let reason = args.reason.as_deref();
    block_on(async {
        let store = setup.store().await?;
        let id = named.delegation.find(&store, ended).await?;
        let unit = reach::unit(&store, id).await?;
        let tasks = unit.record.tasks.len();
        let task = named.task.map(|_| named.one_of(tasks)).transpose()?;
        reach::goes_on(&unit)?;
        let asked = match task {
            Some(task) if tasks > 1 => {
                one(&setup, id, task, reason).await?;
                format!("{id}/{}", task.saturating_add(1))
            }
            _ => {
                whole(&store, id, reason).await?;
                id.to_string()
            }
        };
        output::result(&format!("asked {asked} to stop"))
    })??;
    Ok(Exit::Completed)
}

/// Asks all of it to stop.
pub(super) async fn whole(
    store: &Store,
    id: DelegationId,
    reason: Option<&str>,
) -> Result<(), CliError> {
    let (host, reason) = (store.host(), reason.map(str::to_owned));
    let ask = move |tables: &mut dyn crate::store::Tables| {
        tables.ask_to_stop(&ToStop::Unit(id), host, reason.as_deref())
    };
    match store.run(ask).await? {
        0 => reach::goes_on(&reach::unit(store, id).await?),
        _ => Ok(()),
    }
}

/// Asks one child of several to stop.
pub(super) async fn one(
    setup: &Setup,
    id: DelegationId,
    task: usize,
    reason: Option<&str>,
) -> Result<(), CliError> {
    let asked = wire::Stop { task_index: Some(task), reason: reason.map(str::to_owned) };
    let service = reach::service(setup).await?;
    let _: wire::Done = service.post(&format!("/v1/delegations/{id}/stop"), &asked).await?;
    Ok(())
}
