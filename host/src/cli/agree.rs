//! A person agrees to what was shown to them.

use anyhow::anyhow;

use super::{error::CliError, person::TerminalPerson, screen::Screen, setup::block_on};
use crate::{tools::clarify::Person as _, toolset::ToolError};

/// Asks the person at the terminal for a yes; without it, an error that ends
/// with what was not done.
pub(super) fn agree(question: &str, otherwise: &'static str) -> Result<(), CliError> {
    let person = TerminalPerson::new(Screen::new());
    match block_on(person.ask(&format!("{question} [y/N]"), &[]))? {
        Ok(answer) if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) => Ok(()),
        Err(ToolError::Denied(_)) => {
            let error = anyhow!("nobody can be asked to agree: there is no terminal");
            Err(CliError::usage(error).hint("`--yes` agrees to all of the above"))
        }
        Ok(_) | Err(_) => Err(CliError::host(anyhow!(otherwise))),
    }
}
