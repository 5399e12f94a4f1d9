//! `hermitage plugin new`: a small project that builds, with a test.

use std::{env, path::Path};

use anyhow::anyhow;
use hermitage_build::{NewError, Sdk, Template, create};

use crate::{
    cli::{
        Exit,
        args::plugin::{Language, New},
        error::CliError,
        output::{self, say},
        setup::checkout,
    },
    plugin::name::check_plugin,
};

pub(super) fn new(verb: &New) -> Result<Exit, CliError> {
    check_plugin(&verb.name).map_err(CliError::usage)?;
    let template = template(verb)?;
    let folder = Path::new(&verb.name);
    for path in create(folder, &verb.name, template, &sdk()).map_err(refused)? {
        output::result(&path.display().to_string())?;
    }
    let is_rust = matches!(template, Template::Rust | Template::Agent);
    if is_rust && checkout().is_none() {
        say(&format!(
            "note: until the SDK is published, `{}/Cargo.toml` needs the `path` of `guest-sdk` in a \
             checkout of Hermitage",
            verb.name
        ));
    }
    let next = match template {
        Template::Agent => format!("hermitage plugin build {}", verb.name),
        _ => format!("hermitage plugin test {}", verb.name),
    };
    say(&format!("hint: `{next}`; `{}/README.md` has the rest", verb.name));
    Ok(Exit::Completed)
}

fn template(verb: &New) -> Result<Template, CliError> {
    match (verb.lang, verb.agent) {
        (Language::Rust, true) => Ok(Template::Agent),
        (_, true) => Err(CliError::usage(anyhow!("an agent is written in Rust"))
            .hint("leave `--lang` out; any language can write a plugin")),
        (Language::Rust, false) => Ok(Template::Rust),
        (Language::C, false) => Ok(Template::C),
        (Language::Js, false) => Ok(Template::JavaScript),
        (Language::Python, false) => Ok(Template::Python),
    }
}

/// Who works on a checkout writes for its SDK, and everybody else for the one
/// of this version.
fn sdk() -> Sdk {
    checkout().map_or(Sdk::Registry, |it| Sdk::Path(it.join("guest-sdk")))
}

fn refused(error: NewError) -> CliError {
    match error {
        NewError::Exists { .. } => {
            let here = env::current_dir().unwrap_or_default();
            let hint = format!("take another name, or remove it from `{}`", here.display());
            CliError::usage(error).hint(hint)
        }
        error => CliError::host(error),
    }
}
