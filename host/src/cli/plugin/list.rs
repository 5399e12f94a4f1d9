//! `hermitage plugin list`: the tool plugins that there are.

use super::sheet::{Kind, Sheet};
use crate::{
    cli::{
        Exit,
        args::{Global, plugin::List},
        columns::{Cell, table},
        error::CliError,
        output::{self, plural},
        setup::Setup,
    },
    plugin::{Installed, bundled::tools},
};

pub(super) fn list(global: &Global, verb: &List) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    let sheets = sheets(&setup.installed()?)?;
    if verb.json {
        output::json(&sheets)?;
    } else {
        let rows: Vec<_> = sheets.iter().map(row).collect();
        output::result(&table(&rows, output::width_of_result()).join("\n"))?;
    }
    Ok(Exit::Completed)
}

/// Those that were added, of one that can't be used why; and those that the
/// program brings along.
fn sheets(installed: &Installed) -> Result<Vec<Sheet>, CliError> {
    let mut res = Vec::new();
    for name in installed.names()? {
        match installed.get(&name) {
            Ok(Some(it)) => res.push(Sheet::installed(&it)),
            // Taken out meanwhile.
            Ok(None) => (),
            Err(err) => res.push(Sheet::damaged(&name, CliError::from(err).text())),
        }
    }
    let bundled = tools::all().map(|it| Sheet::bundled(&it));
    res.extend(bundled.collect::<Result<Vec<_>, _>>().map_err(CliError::host)?);
    Ok(res)
}

fn row(sheet: &Sheet) -> Vec<Cell> {
    let (count, s) = plural(sheet.tools.len());
    let may = sheet.problem.clone().unwrap_or_else(|| sheet.may.join("; "));
    let version = sheet.version.clone().unwrap_or_default();
    let tools = if sheet.problem.is_some() { String::new() } else { format!("{count} tool{s}") };
    let kind = if sheet.kind == Kind::Bundled { "bundled" } else { "installed" };
    [sheet.name.clone(), version, kind.to_owned(), tools, may].map(Cell::plain).into()
}
