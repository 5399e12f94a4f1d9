//! The table of one interface: its tools as typed imports, and what is
//! converted for them.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{Function, InterfaceId, TypeDef, TypeDefKind};

use crate::{
    BY_HAND,
    types::{Field, Types, Way, camel, snake},
};

/// Tells the types what a tool needs converted.
pub(crate) fn need(types: &mut Types<'_>, function: &Function) {
    let name = function.name.as_str();
    if !BY_HAND.arguments.contains(&name) {
        let params = match types.only_record(function) {
            Some((_, fields)) => fields,
            None => types.params(function),
        };
        params.iter().for_each(|(_, it)| types.need(it, Way::In));
    }
    if !BY_HAND.answers.contains(&name)
        && let Some(it) = types.answer(function)
    {
        types.need(&it, Way::Out);
    }
}

pub(crate) fn table(types: &Types<'_>, id: InterfaceId) -> TokenStream {
    let doc = format!(" The tools of interface `{}` as typed imports.", types.interface(id));
    let tools: Vec<Ident> = types.functions(id).map(|it| camel(&it.name)).collect();
    let rows = types.functions(id).map(|it| row(types, id, it));
    let conversions = types.converted(id).into_iter().map(|it| conversion(types, it));
    let body = quote!(#(#rows)* #(#conversions)*);
    let imports = imports(&snake(types.interface(id)), &body.to_string());
    quote! {
        #![doc = #doc]

        #imports

        pub(super) static FUNCTIONS: &[Entry] = &[#(Entry::of::<tools::#tools>()),*];

        #body
    }
}

fn imports(interface: &Ident, body: &str) -> TokenStream {
    let wit = body.contains("wit ::").then(|| quote!(wit::contract::#interface as wit,));
    let convert = body.contains("convert ::").then(|| quote!(convert,));
    quote! {
        use crate::{
            sandbox::{#convert function::Entry, typed::TypedTool, #wit},
            tools::#interface as tools,
        };
    }
}

fn row(types: &Types<'_>, id: InterfaceId, function: &Function) -> TokenStream {
    let (interface, name, tool) = (types.place(id), &function.name, camel(&function.name));
    let params = function.params.iter().map(|it| types.written(&it.ty));
    let arguments = arguments(types, function);
    let (written, answer) = answer(types, function);
    quote! {
        impl TypedTool for tools::#tool {
            const INTERFACE: &'static str = #interface;
            const FUNCTION: &'static str = #name;
            type Params = (#(#params,)*);
            type Answer = #written;
            #arguments
            #answer
        }
    }
}

fn arguments(types: &Types<'_>, function: &Function) -> TokenStream {
    let params = function.params.iter().map(|it| snake(&it.name));
    let params = quote!((#(#params,)*));
    if BY_HAND.arguments.contains(&function.name.as_str()) {
        let convert = snake(&function.name);
        return quote! {
            fn arguments(params: Self::Params) -> Self {
                convert::#convert(params)
            }
        };
    }
    let (take_apart, fields) = match types.only_record(function) {
        Some((record, fields)) => {
            let (record, names) = (camel(record), fields.iter().map(|it| snake(it.0)));
            (quote!(let (wit::#record { #(#names),* },) = params;), fields)
        }
        None => (quote!(let #params = params;), types.params(function)),
    };
    let fields = fields.iter().map(|it| field(types, it));
    quote! {
        fn arguments(params: Self::Params) -> Self {
            #take_apart
            Self { #(#fields),* }
        }
    }
}

/// A field as it is written where a value is made.
fn field(types: &Types<'_>, (name, ty): &Field<'_>) -> TokenStream {
    let name = snake(name);
    match types.is_plain(ty) {
        true => quote!(#name),
        false => {
            let value = types.convert(quote!(#name), ty);
            quote!(#name: #value)
        }
    }
}

/// The type of the answer, and the function that makes it of the output.
fn answer(types: &Types<'_>, function: &Function) -> (TokenStream, TokenStream) {
    let Some(ty) = types.answer(function) else {
        return (
            quote!(()),
            quote!(
                fn answer(_: Self::Output) -> Self::Answer {}
            ),
        );
    };
    let value = match BY_HAND.answers.contains(&function.name.as_str()) {
        true => {
            let convert = snake(&format!("{}-answer", function.name));
            quote!(convert::#convert(output))
        }
        false => types.convert(quote!(output), &ty),
    };
    let answer = quote! {
        fn answer(output: Self::Output) -> Self::Answer {
            #value
        }
    };
    (types.written(&ty), answer)
}

/// `From` one side to the other, field by field or case by case.
fn conversion(types: &Types<'_>, (name, definition, way): (&str, &TypeDef, Way)) -> TokenStream {
    let name = camel(name);
    let (from, to) = match way {
        Way::In => (quote!(wit::#name), quote!(tools::#name)),
        Way::Out => (quote!(tools::#name), quote!(wit::#name)),
    };
    let body = match &definition.kind {
        TypeDefKind::Record(it) => {
            let names = it.fields.iter().map(|it| snake(&it.name));
            let fields = it.fields.iter().map(|it| field(types, &(it.name.as_str(), it.ty)));
            quote! {
                let #from { #(#names),* } = it;
                Self { #(#fields),* }
            }
        }
        TypeDefKind::Enum(it) => {
            let cases: Vec<Ident> = it.cases.iter().map(|it| camel(&it.name)).collect();
            quote! {
                match it {
                    #(#from::#cases => Self::#cases,)*
                }
            }
        }
        other => unreachable!("no {other:?} is needed"),
    };
    quote! {
        impl From<#from> for #to {
            fn from(it: #from) -> Self {
                #body
            }
        }
    }
}
