//! Types of the contract in Rust, and how a value is converted: by the names
//! of types and fields.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use wit_parser::{Function, InterfaceId, Record, Resolve, Type, TypeDef, TypeDefKind, TypeId};

/// Which way the values of a type go.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// Into a type of the tool: a part of a parameter.
    In,
    /// Out of one: a part of an answer.
    Out,
}

/// A name and its type: a field, or a parameter.
pub(crate) type Field<'a> = (&'a str, Type);

/// The types of the contract.
pub(crate) struct Types<'a> {
    resolve: &'a Resolve,
    /// Records and enums that some tool needs converted.
    converted: HashSet<(TypeId, Way)>,
}

impl<'a> Types<'a> {
    pub(crate) fn new(resolve: &'a Resolve) -> Self {
        Self { resolve, converted: HashSet::new() }
    }

    /// The name of an interface of the contract.
    pub(crate) fn interface(&self, id: InterfaceId) -> &'a str {
        self.resolve.interfaces[id].name.as_deref().unwrap()
    }

    /// Where a function stands, as the linker knows it.
    pub(crate) fn place(&self, id: InterfaceId) -> String {
        self.resolve.id_of(id).unwrap()
    }

    pub(crate) fn functions(&self, id: InterfaceId) -> impl Iterator<Item = &'a Function> {
        self.resolve.interfaces[id].functions.values()
    }

    /// The parameters of a function.
    pub(crate) fn params(&self, function: &'a Function) -> Vec<Field<'a>> {
        function.params.iter().map(|it| (it.name.as_str(), it.ty)).collect()
    }

    /// The name and the fields of the record that is the only parameter.
    pub(crate) fn only_record(&self, function: &'a Function) -> Option<(&'a str, Vec<Field<'a>>)> {
        let [param] = function.params.as_slice() else {
            return None;
        };
        match &self.definition(&param.ty)?.1.kind {
            TypeDefKind::Record(it) => Some((self.name(&param.ty)?, fields(it))),
            _ => None,
        }
    }

    /// What a tool gives when it succeeds; `None` when that is nothing.
    pub(crate) fn answer(&self, function: &Function) -> Option<Type> {
        let result = function.result.as_ref().and_then(|it| self.definition(it));
        match result.map(|it| &it.1.kind) {
            Some(TypeDefKind::Result(it)) if self.is_tool_error(it.err.as_ref()) => it.ok,
            _ => panic!(
                "`{}` gives no `result<_, tool-error>`: a stub could not say that it is denied",
                function.name
            ),
        }
    }

    fn is_tool_error(&self, ty: Option<&Type>) -> bool {
        ty.and_then(|it| self.definition(it)).and_then(|it| it.1.name.as_deref())
            == Some("tool-error")
    }

    /// Marks a type, and all that it is made of, as one that is converted.
    pub(crate) fn need(&mut self, ty: &Type, way: Way) {
        let Some((id, definition)) = self.definition(ty) else {
            return;
        };
        match &definition.kind {
            TypeDefKind::Option(it) | TypeDefKind::List(it) => self.need(it, way),
            TypeDefKind::Record(it) => {
                self.converted.insert((id, way));
                fields(it).iter().for_each(|(_, it)| self.need(it, way));
            }
            TypeDefKind::Enum(_) => {
                self.converted.insert((id, way));
            }
            _ if self.is_plain(ty) => (),
            _ => panic!("{:?} can't be converted by names: do it by hand", definition.name),
        }
    }

    /// What is converted of the types that an interface defines.
    pub(crate) fn converted(&self, id: InterfaceId) -> Vec<(&'a str, &'a TypeDef, Way)> {
        let types = &self.resolve.interfaces[id].types;
        let ways = |(name, id): (&'a String, &'a TypeId)| {
            let needed = [Way::In, Way::Out].into_iter();
            let needed = needed.filter(|it| self.converted.contains(&(*id, *it)));
            needed.map(|way| (name.as_str(), &self.resolve.types[*id], way)).collect::<Vec<_>>()
        };
        types.iter().flat_map(ways).collect()
    }

    /// The type as the bindings have it, seen from the interface that names it.
    pub(crate) fn written(&self, ty: &Type) -> TokenStream {
        if let Some(name) = self.name(ty) {
            let name = camel(name);
            return quote!(wit::#name);
        }
        match self.definition(ty).map(|it| &it.1.kind) {
            None => primitive(ty),
            Some(TypeDefKind::Option(it)) => {
                let inner = self.written(it);
                quote!(Option<#inner>)
            }
            Some(TypeDefKind::List(it)) => {
                let inner = self.written(it);
                quote!(Vec<#inner>)
            }
            Some(TypeDefKind::Tuple(it)) => {
                let inner = it.types.iter().map(|it| self.written(it));
                quote!((#(#inner,)*))
            }
            Some(other) => panic!("no tool has a {other:?} yet"),
        }
    }

    /// A value of the type, converted.
    pub(crate) fn convert(&self, value: TokenStream, ty: &Type) -> TokenStream {
        if self.is_plain(ty) {
            return value;
        }
        match self.definition(ty).map(|it| &it.1.kind) {
            Some(TypeDefKind::Option(it)) => {
                let each = self.each(it);
                quote!(#value.map(#each))
            }
            Some(TypeDefKind::List(it)) => {
                let each = self.each(it);
                quote!(#value.into_iter().map(#each).collect())
            }
            _ => quote!(#value.into()),
        }
    }

    fn each(&self, ty: &Type) -> TokenStream {
        match self.convert(quote!(it), ty) {
            it if it.to_string() == quote!(it.into()).to_string() => quote!(Into::into),
            it => quote!(|it| #it),
        }
    }

    /// Whether both sides have the very same type.
    pub(crate) fn is_plain(&self, ty: &Type) -> bool {
        match self.definition(ty).map(|it| &it.1.kind) {
            None => true,
            Some(TypeDefKind::Option(it) | TypeDefKind::List(it)) => self.is_plain(it),
            Some(TypeDefKind::Tuple(it)) => it.types.iter().all(|it| self.is_plain(it)),
            Some(_) => false,
        }
    }

    /// The name of a type in the interface that uses it.
    fn name(&self, ty: &Type) -> Option<&'a str> {
        match ty {
            Type::Id(id) => self.resolve.types[*id].name.as_deref(),
            _ => None,
        }
    }

    /// What defines a type, in whatever interface; `None` for a primitive one.
    fn definition(&self, ty: &Type) -> Option<(TypeId, &'a TypeDef)> {
        let Type::Id(id) = ty else {
            return None;
        };
        match &self.resolve.types[*id] {
            TypeDef { kind: TypeDefKind::Type(it), .. } => self.definition(it),
            it => Some((*id, it)),
        }
    }
}

fn fields(record: &Record) -> Vec<Field<'_>> {
    record.fields.iter().map(|it| (it.name.as_str(), it.ty)).collect()
}

fn primitive(ty: &Type) -> TokenStream {
    let name = match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "i8",
        Type::S16 => "i16",
        Type::S32 => "i32",
        Type::S64 => "i64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "String",
        other => panic!("no tool has a {other:?} yet"),
    };
    let name = format_ident!("{name}");
    quote!(#name)
}

/// `read-file` as `read_file`; a word of Rust with a `_`, as the bindings
/// have it.
pub(crate) fn snake(name: &str) -> Ident {
    let name = name.replace('-', "_");
    syn::parse_str(&name).unwrap_or_else(|_| format_ident!("{name}_"))
}

/// `read-file` as `ReadFile`.
pub(crate) fn camel(name: &str) -> Ident {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    format_ident!("{}", name.split('-').map(capital).collect::<String>())
}
