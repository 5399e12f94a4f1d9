//! `hermitage plugin`: work on components.

use hermitage_build::{Built, Stderr};

use super::{
    Exit,
    args::{Global, Plugin},
    error::CliError,
    output,
    setup::Setup,
};

pub(super) fn plugin(global: &Global, verb: Plugin) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    match verb {
        Plugin::Build { dirs } => {
            for dir in dirs {
                for built in setup.library.build(&dir, &mut Stderr)? {
                    output::result(&text(&built))?;
                }
            }
        }
    }
    Ok(Exit::Completed)
}

fn text(built: &Built) -> String {
    let state = if built.fresh { "up to date" } else { "built" };
    let mut res =
        format!("{}  {} bytes  {state}  {}", built.name, built.bytes, built.path.display());
    for import in &built.imports {
        res.push_str(&format!("\n    imports {import}"));
    }
    res
}
