//! `hermitage plugin`: work on components.

use hermitage_build::{Built, Stderr};

use super::{
    Exit,
    args::{Global, Plugin},
    error::CliError,
    setup::Setup,
};

pub(super) fn plugin(global: &Global, verb: Plugin) -> Result<Exit, CliError> {
    let setup = Setup::new(global)?;
    match verb {
        Plugin::Build { dirs } => {
            for dir in dirs {
                let built = setup.library.build(&dir, &mut Stderr)?;
                built.iter().for_each(print);
            }
        }
    }
    Ok(Exit::Completed)
}

fn print(built: &Built) {
    let state = if built.fresh { "up to date" } else { "built" };
    println!("{}  {} bytes  {state}  {}", built.name, built.bytes, built.path.display());
    for import in &built.imports {
        println!("    imports {import}");
    }
}
