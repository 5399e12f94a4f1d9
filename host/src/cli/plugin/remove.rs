//! `hermitage plugin remove`.

use anyhow::anyhow;

use crate::cli::{
    Exit,
    args::{Global, plugin::Remove},
    error::CliError,
    output,
    setup::Setup,
};

pub(super) fn remove(global: &Global, verb: &Remove) -> Result<Exit, CliError> {
    let installed = Setup::new(global, None)?.installed()?;
    if !installed.remove(&verb.name)? {
        let error = anyhow!("no plugin `{}` is installed", verb.name);
        return Err(CliError::usage(error).hint("`hermitage plugin list` shows what there is"));
    }
    output::result(&format!("removed {}", verb.name))?;
    Ok(Exit::Completed)
}
