//! `hermitage token`: what a program shows the service over TCP.

use super::{
    Exit,
    args::{self, Global},
    error::CliError,
    output,
    setup::Setup,
};
use crate::{
    id::OsRandom,
    serve::{Token, TokenError},
};

/// The name of a token that nobody named.
pub(super) const USUAL: &str = "default";

pub(super) fn token(global: &Global, args: &args::Token) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    if args.remove {
        setup.tokens()?.remove(&args.name.parse()?)?;
        return Ok(Exit::Completed);
    }
    output::result(of(&setup, &args.name)?.expose())?;
    Ok(Exit::Completed)
}

/// The token of that name, made when there is none.
pub(super) fn of(setup: &Setup, name: &str) -> Result<Token, CliError> {
    let (tokens, name) = (setup.tokens()?, name.parse()?);
    match tokens.get(&name) {
        Err(TokenError::Unknown(_)) => Ok(tokens.make(&name, &OsRandom)?),
        token => Ok(token?),
    }
}
