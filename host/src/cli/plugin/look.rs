//! What a component is that somebody offers: its tools, and whether its
//! imports are what its manifest asks for. Nothing of it is installed.

use super::source::Offer;
use crate::{
    cli::{
        Exit,
        error::CliError,
        setup::{Setup, block_on},
    },
    clock::{Clock as _, SystemClock},
    event::BoundaryLine,
    plugin::{Approval, DescribeError, Described, Manifest, describe},
    sandbox::{Binary, Sandbox},
};

/// Looks into what is offered: what a person would agree to now.
pub(super) fn look(setup: &Setup, offer: &Offer) -> Result<Approval, CliError> {
    let Offer { manifest, text, component } = offer;
    let sandbox = setup.sandbox()?;
    let described =
        describe_now(&sandbox, manifest, component)?.map_err(|it| refused(manifest, it))?;
    check_words(manifest, &described)?;
    let now = SystemClock.now();
    Ok(Approval::of(manifest, text.as_deref(), described.tools, component, now))
}

/// Words for a tool that is not there are a slip of their author.
fn check_words(manifest: &Manifest, described: &Described) -> Result<(), CliError> {
    let is_there = |name: &str| described.tools.iter().any(|it| it.name == name);
    let Some(stray) = manifest.tools.keys().find(|it| !is_there(it)) else { return Ok(()) };
    let names = described.tools.iter().map(|it| format!("`{}`", it.name));
    let names = names.collect::<Vec<_>>().join(", ");
    let error =
        anyhow::anyhow!("`[tools.{stray}]` of `{}` is about none of its tools", manifest.name);
    Err(CliError::usage(error).hint(format!("its tools are {names}")))
}

/// Compiles it on this machine.
pub(super) fn describe_now(
    sandbox: &Sandbox,
    manifest: &Manifest,
    component: &Binary,
) -> Result<Result<Described, DescribeError>, CliError> {
    block_on(describe(sandbox, manifest, component))
}

/// Why it is not taken, with both lists where they are the reason.
pub(super) fn refused(manifest: &Manifest, error: DescribeError) -> CliError {
    let name = &manifest.name;
    match error {
        DescribeError::Load(err) => CliError::refused(name, err),
        DescribeError::Agent => {
            let error = anyhow::anyhow!("`{name}` is an agent and no tool plugin");
            CliError::usage(error).exiting(Exit::Refused).hint(
                "`hermitage run GOAL --agent PATH` runs it; in `hermitage/plugins` of the data \
                 directory, as NAME.wasm, it is found by its name",
            )
        }
        DescribeError::Refused(it) => {
            let refused = it.boundary.refused.iter();
            let refused = refused.map(|it| format!("refused: {}: {}", it.import, it.reason));
            let imports = it.imports.iter().map(|it| format!("imports: {it}"));
            let asks = it.asks.words().into_iter().map(|it| format!("asks for: {it}"));
            let is_whole = it.boundary.refused.iter().all(|it| it.import == BoundaryLine::WHOLE);
            let (what, hint) = match is_whole {
                true => ("can't be a plugin", "plain functions, and types without resources, can"),
                false => (
                    "imports more than its manifest asks for",
                    "what a component needs, its `plugin.toml` has to ask for",
                ),
            };
            CliError::usage(anyhow::anyhow!("`{name}` {what}"))
                .exiting(Exit::Refused)
                .more(refused.chain(imports).chain(asks))
                .hint(hint)
        }
        error => {
            let error = CliError::usage(error).exiting(Exit::Refused);
            error.context(format!("`{name}` is refused"))
        }
    }
}
