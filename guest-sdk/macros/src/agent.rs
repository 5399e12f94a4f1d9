//! `#[agent]`: parse, check, tokens.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, FnArg, ItemFn, ReturnType, Signature};

use crate::signature;

const SHAPE: &str = "an agent is `fn run(task: Task) -> Result<Report, Error>`";

/// The tokens of an agent, or those of every error together with the item, so
/// that the author's own code is still checked.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    match check(arguments, &item) {
        Ok(function) => tokens(&function),
        Err(error) => {
            let error = error.into_compile_error();
            quote! { #error #item }
        }
    }
}

fn check(arguments: TokenStream, item: &TokenStream) -> syn::Result<ItemFn> {
    let Ok(function) = syn::parse2::<ItemFn>(item.clone()) else {
        return Err(Error::new_spanned(item, format!("not a function: {SHAPE}")));
    };
    let mut errors = Vec::new();
    if !arguments.is_empty() {
        errors.push(Error::new_spanned(arguments, "`#[agent]` takes no arguments"));
    }
    signature::check_qualifiers("an agent", &function.sig, &mut errors);
    check_arguments(&function.sig, &mut errors);
    if let ReturnType::Default = function.sig.output {
        let message = format!("no return type: {SHAPE}");
        errors.push(Error::new_spanned(&function.sig, message));
    }
    signature::all(errors).map(|()| function)
}

fn check_arguments(signature: &Signature, errors: &mut Vec<Error>) {
    let mut typed = signature.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_)));
    if typed.next().is_none() {
        let message = format!("no argument: {SHAPE}");
        errors.push(Error::new_spanned(&signature.ident, message));
    }
    for extra in typed {
        let message = "one argument too many: the task is all an agent gets";
        errors.push(Error::new_spanned(extra, message));
    }
}

fn tokens(function: &ItemFn) -> TokenStream {
    let name = &function.sig.ident;
    quote! {
        #function

        const _: () = {
            struct Agent;

            impl ::hermitage_guest::rt::bindings::Guest for Agent {
                fn run(
                    task: ::hermitage_guest::Task,
                ) -> ::core::result::Result<::hermitage_guest::Report, ::std::string::String> {
                    ::hermitage_guest::rt::run(#name, task)
                }
            }

            // Elsewhere the symbol `run` would be exported to no one, and the
            // function would count as unused.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(
                ::hermitage_guest::Task,
            ) -> ::core::result::Result<::hermitage_guest::Report, ::std::string::String> =
                <Agent as ::hermitage_guest::rt::bindings::Guest>::run;
            #[cfg(target_arch = "wasm32")]
            ::hermitage_guest::rt::bindings::export!(
                Agent with_types_in ::hermitage_guest::rt::bindings
            );
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(item: TokenStream, expect: &[&str]) {
        check_with(TokenStream::new(), item, expect);
    }

    #[track_caller]
    fn check_with(arguments: TokenStream, item: TokenStream, expect: &[&str]) {
        let errors = match super::check(arguments, &item) {
            Ok(_) => Vec::new(),
            Err(error) => error.into_iter().map(|error| error.to_string()).collect(),
        };
        assert_eq!(errors, expect);
    }

    #[test]
    fn an_agent_has_no_errors() {
        check(quote! { fn run(task: Task) -> Result<Report, Error> { todo!() } }, &[]);
        check(quote! { pub(crate) fn f(_: Task) -> R { todo!() } }, &[]);
    }

    #[test]
    fn each_mistake_has_a_message() {
        let shape = |what: &str| format!("{what}: {SHAPE}");
        check(quote! { struct Agent; }, &[&shape("not a function")]);
        check(quote! { fn run() -> R {} }, &[&shape("no argument")]);
        check(quote! { fn run(_: Task) {} }, &[&shape("no return type")]);
        check(
            quote! { fn run(_: Task, _: u32) -> R {} },
            &["one argument too many: the task is all an agent gets"],
        );
        check(
            quote! { async fn run(_: Task) -> R {} },
            &["an agent can't be `async`: tools block until they answer"],
        );
        check(
            quote! { unsafe fn run(_: Task) -> R {} },
            &["an agent can't be `unsafe`: the host calls it"],
        );
        check(
            quote! { extern "C" fn run(_: Task) -> R {} },
            &["an agent can't be `extern`: the macro exports it"],
        );
        check(
            quote! { fn run<T>(_: T) -> R {} },
            &["an agent can't be generic: the host calls one function"],
        );
        check_with(
            quote! { name = "x" },
            quote! { fn run(_: Task) -> R {} },
            &["`#[agent]` takes no arguments"],
        );
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        check(
            quote! { async fn run<T>(&self) {} },
            &[
                "an agent can't be `async`: tools block until they answer",
                "an agent can't be generic: the host calls one function",
                "an agent has no `self`: it is a free function",
                &format!("no argument: {SHAPE}"),
                &format!("no return type: {SHAPE}"),
            ],
        );
    }

    #[test]
    fn a_wrong_item_is_kept_beside_its_errors() {
        let item = quote! { struct Agent; };
        let expanded = expand(TokenStream::new(), item).to_string();
        assert!(expanded.contains("compile_error"), "{expanded}");
        assert!(expanded.ends_with("struct Agent ;"), "{expanded}");
    }
}
