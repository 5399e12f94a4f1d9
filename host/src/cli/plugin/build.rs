//! `hermitage plugin build`: source folders into components.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use hermitage_build::{Built, Stderr};

use crate::cli::{
    Exit,
    args::{Global, plugin::Build},
    error::CliError,
    output,
    setup::Setup,
};

pub(super) fn build(global: &Global, verb: Build) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    for dir in verb.dirs {
        for mut built in setup.library.build(&dir, &mut Stderr)? {
            if let Some(out) = &verb.out {
                built.path = copied(&built, out)?;
            }
            output::result(&text(&built))?;
        }
    }
    Ok(Exit::Completed)
}

/// Under the name by which it is asked for. Whole or not at all: what stands
/// there may be in use.
fn copied(built: &Built, out: &Path) -> Result<PathBuf, CliError> {
    let to = out.join(format!("{}.wasm", built.name));
    let copy = || -> io::Result<()> {
        fs::create_dir_all(out)?;
        let file = tempfile::NamedTempFile::new_in(out)?;
        fs::copy(&built.path, file.path())?;
        file.persist(&to)?;
        Ok(())
    };
    copy()
        .map_err(|it| CliError::host(it).context(format!("`{}` can't be written", to.display())))?;
    Ok(to)
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
