//! `hermitage plugin add`: shows a person what a stranger's tools may do, and
//! keeps what they agree to.

use super::{
    check::how_to_set,
    look::look,
    sheet::{Kind, Sheet, line},
    source::Offer,
};
use crate::{
    boundary::SecretAsk,
    cli::{
        Exit,
        agree::agree,
        args::{Global, plugin::Add},
        error::CliError,
        output::{self, plural, say},
        setup::Setup,
    },
    plugin::{
        Approval, Manifest,
        bundled::tools,
        installed::{Added, Draft, InstalledError},
    },
};

pub(super) fn add(global: &Global, verb: &Add) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    let installed = setup.installed()?;
    let offer = Offer::at(&setup, &verb.path, verb.manifest.as_deref(), verb.name.as_deref())?;
    let name = &offer.manifest.name;
    if tools::find(name).is_some() {
        let error = anyhow::anyhow!("`{name}` is a plugin that the program brings along");
        let hint = format!("`--name my_{name}` gives this one another name");
        return Err(CliError::usage(error).hint(hint));
    }
    let approval = look(&setup, &offer)?;
    let before = match installed.get(&approval.name) {
        Ok(before) => before.map(|it| it.approval),
        // What is left of it is written anew.
        Err(InstalledError::Damaged { .. }) => None,
        Err(err) => return Err(err.into()),
    };
    if before.as_ref().is_some_and(|it| it.is_same(&approval)) {
        return unchanged(&approval);
    }
    let sheet = Sheet::of(Kind::Offered, &offer.manifest, &approval);
    show(&sheet, &approval, before.as_ref());
    if !verb.yes {
        agree(&format!("Add `{}`?", approval.name), "nothing was added")?;
    }
    let draft =
        Draft { approval: &approval, manifest: offer.text.as_deref(), component: &offer.component };
    match installed.add(draft, before.as_ref())? {
        Added::New => told(&setup, &offer.manifest, &approval),
        // Another process was faster.
        Added::Same => unchanged(&approval),
    }
}

/// Everything of one that is new; of one that was there, what differs, too.
fn show(sheet: &Sheet, approval: &Approval, before: Option<&Approval>) {
    sheet.text().lines().for_each(say);
    if let Some(before) = before {
        say("");
        say("It is not what you agreed to before:");
        approval.changes(before).iter().for_each(|it| say(&line("  ", it)));
    }
    say("");
}

/// What is left to be done by hand, too.
fn told(setup: &Setup, manifest: &Manifest, approval: &Approval) -> Result<Exit, CliError> {
    let (count, s) = plural(approval.tools.len());
    let name = &approval.name;
    output::result(&line("", &format!("added {name} {}, with {count} tool{s}", approval.version)))?;
    say(&format!("hint: `hermitage run GOAL --toolsets {name}` grants them to an agent"));
    let set = setup.config.plugins.get(name).map(|it| &it.secrets);
    let is_unset = |it: &&SecretAsk| set.is_none_or(|set| !set.contains_key(&it.name));
    for ask in manifest.asks.secrets.iter().filter(is_unset) {
        say(&format!("hint: for its secret `{}`, {}", ask.name, how_to_set(name, &ask.name)));
    }
    Ok(Exit::Completed)
}

fn unchanged(approval: &Approval) -> Result<Exit, CliError> {
    let Approval { name, version, .. } = approval;
    output::result(&line("", &format!("{name} {version} is already installed, nothing changed")))?;
    Ok(Exit::Completed)
}
