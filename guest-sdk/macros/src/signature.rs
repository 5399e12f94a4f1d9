//! What agents and tools have in common: functions that the host calls.

use syn::{Error, Signature};

/// `what` is the function in words, such as `an agent`.
pub(crate) fn check_qualifiers(what: &str, signature: &Signature, errors: &mut Vec<Error>) {
    if let Some(token) = &signature.asyncness {
        let message = format!("{what} can't be `async`: tools block until they answer");
        errors.push(Error::new_spanned(token, message));
    }
    if let Some(token) = &signature.unsafety {
        let message = format!("{what} can't be `unsafe`: the host calls it");
        errors.push(Error::new_spanned(token, message));
    }
    if let Some(token) = &signature.abi {
        let message = format!("{what} can't be `extern`: the macro exports it");
        errors.push(Error::new_spanned(token, message));
    }
    if !signature.generics.params.is_empty() {
        let message = format!("{what} can't be generic: the host calls one function");
        errors.push(Error::new_spanned(&signature.generics, message));
    }
    if let Some(receiver) = signature.receiver() {
        let message = format!("{what} has no `self`: it is a free function");
        errors.push(Error::new_spanned(receiver, message));
    }
}

/// All of them at once, or none.
pub(crate) fn all(errors: Vec<Error>) -> syn::Result<()> {
    let combine = |mut all: Error, next: Error| {
        all.combine(next);
        all
    };
    errors.into_iter().reduce(combine).map_or(Ok(()), Err)
}
