//! `hermitage stop`: asks a delegation to stop, through the store: whoever runs
//! it, be it a `run` in another terminal or an application, hears of it there.

use super::{
    Exit,
    args::{self, Global},
    error::CliError,
    id::Named,
    output,
    setup::{Setup, block_on},
};
use crate::{
    id::DelegationId,
    store::{Store, ToStop, UnitRow},
};

pub(super) fn stop(global: &Global, args: &args::Stop) -> Result<Exit, CliError> {
    let named = Named::parse(&args.id)?;
    let setup = Setup::new(global, None)?;
    let ended = setup.config.delegation.retained_records;
    block_on(async {
        let store = setup.store().await?;
        let id = named.find(&store, ended).await?;
        running(&store, id).await?;
        whole(&store, id, args.reason.as_deref()).await?;
        output::result(&format!("asked {id} to stop"))
    })??;
    Ok(Exit::Completed)
}

/// A delegation that can still be asked for something.
async fn running(store: &Store, id: DelegationId) -> Result<UnitRow, CliError> {
    let unit = store.read(move |tables| tables.unit(id)).await?;
    let error = |text: String| CliError::host(anyhow::Error::msg(text));
    match unit {
        None => Err(CliError::usage(anyhow::anyhow!("there is no delegation `{id}`"))
            .hint("see `hermitage list`")),
        Some(UnitRow { ended: Some((status, _)), .. }) => {
            Err(error(format!("too late: {id} has ended ({})", status.as_str())))
        }
        Some(unit) => Ok(unit),
    }
}

async fn whole(store: &Store, id: DelegationId, reason: Option<&str>) -> Result<(), CliError> {
    let (host, reason) = (store.host(), reason.map(str::to_owned));
    let ask = move |tables: &mut dyn crate::store::Tables| {
        tables.ask_to_stop(&ToStop::Unit(id), host, reason.as_deref())
    };
    match store.run(ask).await? {
        0 => running(store, id).await.map(drop),
        _ => Ok(()),
    }
}
