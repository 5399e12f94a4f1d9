//! `hermitage plugin show`: what a plugin or an agent can do.

use std::path::Path;

use hermitage_build::Stderr;

use super::{
    look::{describe_now, refused},
    sheet::{Kind, Sheet},
    source::Offer,
};
use crate::{
    boundary::{Import, ImportKind, ItemKind},
    cli::{
        Exit,
        args::{Global, plugin::Show},
        can::can,
        error::CliError,
        output,
        setup::{Setup, block_on},
    },
    plugin::{Approval, DescribeError, bundled::tools, is_path},
    sandbox::Binary,
};

pub(super) fn show(global: &Global, verb: &Show) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    let sheet = sheet(&setup, &verb.plugin)?;
    if verb.json {
        output::json(&sheet)?;
    } else {
        output::result(&sheet.text())?;
    }
    Ok(Exit::Completed)
}

fn sheet(setup: &Setup, plugin: &str) -> Result<Sheet, CliError> {
    if is_path(plugin) || Path::new(plugin).is_dir() && !setup.library.names().contains(plugin) {
        return offered(setup, Offer::at(setup, Path::new(plugin), None, None)?);
    }
    match (setup.installed()?.get(plugin)?, tools::find(plugin)) {
        (Some(it), _) => Ok(Sheet::installed(&it)),
        (None, Some(it)) => Sheet::bundled(&it).map_err(CliError::host),
        (None, None) => agent(setup, plugin, &setup.library.find(plugin, &mut Stderr)?.component),
    }
}

fn offered(setup: &Setup, offer: Offer) -> Result<Sheet, CliError> {
    let Offer { manifest, text, component } = &offer;
    match describe_now(&*setup.sandbox()?, manifest, component)? {
        Ok(described) => {
            let tools = described.tools.clone();
            let approval = Approval::of(manifest, text.as_deref(), tools, component, 0.0);
            let sheet = Sheet::of(Kind::Offered, manifest, &approval);
            Ok(Sheet { imports: described.imports, ..sheet })
        }
        Err(DescribeError::Agent) => agent(setup, &manifest.name, component),
        Err(err) => Err(refused(manifest, err)),
    }
}

/// What an agent could do if it were granted all that it knows.
fn agent(setup: &Setup, name: &str, component: &Binary) -> Result<Sheet, CliError> {
    let sandbox = setup.sandbox()?;
    let loaded = block_on(sandbox.load(component))?.map_err(|it| CliError::refused(name, it))?;
    let imports: Vec<String> = loaded.imports().iter().flat_map(functions).collect();
    Ok(Sheet {
        kind: Kind::Agent,
        component: Some(component.digest().to_hex().to_string()),
        may: can(&imports).into_iter().map(str::to_owned).collect(),
        imports,
        problem: None,
        ..Sheet::damaged(name, String::new())
    })
}

/// As `interface#function`; of what has none, its name.
fn functions(import: &Import) -> Vec<String> {
    let ImportKind::Interface(items) = &import.kind else { return vec![import.name.clone()] };
    let functions = items.iter().filter(|it| matches!(it.kind, ItemKind::Function(_)));
    functions.map(|it| format!("{}#{}", import.name, it.name)).collect()
}
