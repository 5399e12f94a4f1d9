//! `#[tool]`: parse, check, tokens.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, Ident, ItemFn, Lit, Meta, ReturnType, Signature, Type,
    spanned::Spanned as _,
};

use crate::signature;

const SHAPE: &str = "a tool is `fn search(arguments: Search) -> Result<Found, ToolError>`";
const NO_FEATURE: &str = "`#[tool]` needs the feature `tools`: \
                          `hermitage-guest = { …, features = [\"tools\"] }`";

/// What the tokens need to know of a function.
struct Tool {
    function: ItemFn,
    description: String,
    /// None when it takes none.
    arguments: Option<Type>,
}

/// The tokens of a tool, or those of every error together with the item, so
/// that the author's own code is still checked.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !cfg!(feature = "tools") {
        let error = Error::new_spanned(&item, NO_FEATURE).into_compile_error();
        return quote! { #error #item };
    }
    match check(arguments, &item) {
        Ok(tool) => tokens(&tool),
        Err(error) => {
            let error = error.into_compile_error();
            quote! { #error #item }
        }
    }
}

fn check(arguments: TokenStream, item: &TokenStream) -> syn::Result<Tool> {
    let Ok(function) = syn::parse2::<ItemFn>(item.clone()) else {
        return Err(Error::new_spanned(item, format!("not a function: {SHAPE}")));
    };
    let mut errors = Vec::new();
    if !arguments.is_empty() {
        errors.push(Error::new_spanned(arguments, "`#[tool]` takes no arguments"));
    }
    check_name(&function.sig.ident, &mut errors);
    let description = description(&function.attrs);
    if description.is_empty() {
        let message = "no doc comment: a model reads it to know what the tool does";
        errors.push(Error::new_spanned(&function.sig, message));
    }
    signature::check_qualifiers("a tool", &function.sig, &mut errors);
    let arguments = argument(&function.sig, &mut errors);
    if let ReturnType::Default = function.sig.output {
        let message = format!("no return type: {SHAPE}");
        errors.push(Error::new_spanned(&function.sig, message));
    }
    signature::all(errors).map(|()| Tool { function, description, arguments })
}

/// The host takes no other names: `__` stands between a plugin and its tool
/// where a model's provider takes no slash.
fn check_name(ident: &Ident, errors: &mut Vec<Error>) {
    let name = ident.to_string();
    let snake = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
        && !name.contains("__")
        && !name.ends_with('_');
    if !snake {
        let message = format!("`{name}` is no name for a tool: it is in snake case, without `__`");
        errors.push(Error::new_spanned(ident, message));
    }
}

fn argument(signature: &Signature, errors: &mut Vec<Error>) -> Option<Type> {
    let mut typed = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    let first = typed.next();
    for extra in typed {
        let message = "one argument too many: what a tool takes are the fields of one struct";
        errors.push(Error::new_spanned(extra, message));
    }
    first.map(|first| (*first.ty).clone())
}

/// The lines of a paragraph are one line: a model has its own margins.
fn description(attributes: &[Attribute]) -> String {
    let mut paragraphs = vec![String::new()];
    for line in attributes.iter().filter_map(doc).collect::<Vec<_>>().join("\n").lines() {
        match (line.trim(), paragraphs.last_mut()) {
            ("", Some(last)) if last.is_empty() => {}
            ("", _) | (_, None) => paragraphs.push(String::new()),
            (line, Some(last)) => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line);
            }
        }
    }
    paragraphs.join("\n\n").trim_end().to_owned()
}

fn doc(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

fn tokens(tool: &Tool) -> TokenStream {
    let Tool { function, description, arguments } = tool;
    let (visibility, ident, name) =
        (&function.vis, &function.sig.ident, function.sig.ident.to_string());
    let (binding, arguments, call) = match arguments {
        Some(arguments) => {
            (quote! { arguments }, quote! { #arguments }, quote! { #ident(arguments) })
        }
        None => {
            (quote! { _ }, quote! { ::hermitage_guest::tool::NoArguments }, quote! { #ident() })
        }
    };
    // A result that is none is told where it is written.
    let result = match &function.sig.output {
        ReturnType::Type(_, result) => result.span(),
        ReturnType::Default => ident.span(),
    };
    let answer = quote_spanned! { result=> ::hermitage_guest::rt::tool::answer(#call) };
    quote! {
        #function

        // A type of the function's name, which has no value: so a path to the
        // function is a path to this as well.
        #[doc(hidden)]
        #[expect(non_camel_case_types, reason = "the name of the function")]
        #visibility enum #ident {}

        impl ::hermitage_guest::tool::Tool for #ident {
            const NAME: &'static ::core::primitive::str = #name;
            const DESCRIPTION: &'static ::core::primitive::str = #description;
            type Arguments = #arguments;

            fn answer(
                #binding: #arguments,
            ) -> ::core::result::Result<::std::string::String, ::hermitage_guest::ToolError> {
                #answer
            }
        }
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
    fn a_tool_has_no_errors() {
        check(quote! { #[doc = " Says it."] fn say(a: A) -> Result<B, E> {} }, &[]);
        check(quote! { #[doc = " Says it."] pub fn say2_it() -> R {} }, &[]);
    }

    #[test]
    fn each_mistake_has_a_message() {
        let shape = |what: &str| format!("{what}: {SHAPE}");
        check(quote! { struct Say; }, &[&shape("not a function")]);
        check(quote! { #[doc = "x"] fn say(_: A) {} }, &[&shape("no return type")]);
        check(
            quote! { fn say(_: A) -> R {} },
            &["no doc comment: a model reads it to know what the tool does"],
        );
        check(
            quote! { #[doc = "x"] fn say(_: A, _: B) -> R {} },
            &["one argument too many: what a tool takes are the fields of one struct"],
        );
        for name in [quote! { sayIt }, quote! { say__it }, quote! { _say }, quote! { say_ }] {
            let message =
                format!("`{name}` is no name for a tool: it is in snake case, without `__`");
            check(quote! { #[doc = "x"] fn #name(_: A) -> R {} }, &[&message]);
        }
        check_with(
            quote! { name = "x" },
            quote! { #[doc = "x"] fn say(_: A) -> R {} },
            &["`#[tool]` takes no arguments"],
        );
    }

    #[test]
    fn a_description_is_paragraphs_of_one_line() {
        for (docs, expect) in [
            (quote! { #[doc = " Finds"] #[doc = " words."] }, "Finds words."),
            (quote! { #[doc = " One."] #[doc = ""] #[doc = ""] #[doc = " Two."] }, "One.\n\nTwo."),
            (quote! { #[doc = ""] #[doc = " One."] #[doc = ""] }, "One."),
            (quote! { #[doc = "\n One\n two.\n"] #[cfg(x)] }, "One two."),
            (quote! { #[cfg(x)] }, ""),
        ] {
            let function: ItemFn = syn::parse2(quote! { #docs fn f() {} }).unwrap();
            assert_eq!(description(&function.attrs), expect);
        }
    }
}
