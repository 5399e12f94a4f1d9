//! A delegation that still runs, and the service that may run it.

use super::{client::Client, error::CliError, on_demand, setup::Setup};
use crate::{
    id::DelegationId,
    store::{Store, UnitRow},
};

/// That it can still be asked for something.
pub(super) fn goes_on(unit: &UnitRow) -> Result<(), CliError> {
    let Some((status, _)) = unit.ended else { return Ok(()) };
    let (id, status) = (unit.record.id, status.as_str());
    let error = anyhow::anyhow!("too late: {id} has ended ({status})");
    Err(CliError::host(error).hint(format!("`hermitage show {id}` tells what came of it")))
}

/// One that is or was.
pub(super) async fn unit(store: &Store, id: DelegationId) -> Result<UnitRow, CliError> {
    let unit = store.read(move |tables| tables.unit(id)).await?;
    unit.ok_or_else(|| nobody(id))
}

/// There is none of that id.
pub(super) fn nobody(id: DelegationId) -> CliError {
    CliError::usage(anyhow::anyhow!("there is no delegation `{id}`")).hint("see `hermitage list`")
}

/// The service, which alone reaches single children while they run.
pub(super) async fn service(setup: &Setup) -> Result<Client, CliError> {
    on_demand::running(setup).await.ok_or_else(|| {
        let error = anyhow::anyhow!("no service runs, and single children are reached through one");
        CliError::host(error).hint("`hermitage run --background` has a service run them")
    })
}
