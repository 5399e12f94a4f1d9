//! Reads the imports out of a compiled component.
//!
//! The list comes from the compiled type itself, so the planner and the
//! linker can't see two different things, and the list of root imports is
//! complete: nesting and re-export open no other way (measured).

use std::fmt::Write as _;

use wasmtime::{
    Engine,
    component::{
        Component, ResourceType,
        types::{ComponentExtern, ComponentFunc, ComponentInstance, ComponentItem, Type},
    },
};

use crate::boundary::{
    Contract, Import, ImportKind, Item, ItemKind,
    contract::{PACKAGE, VERSION},
};

/// Longest text of one type. A component can name types whose text grows
/// exponentially; past this the item is refused as unknown.
const MAX_SHAPE_BYTES: usize = 8 << 10;

/// Deepest nesting of one type: the reader is recursive.
const MAX_SHAPE_DEPTH: usize = 32;

/// Items of one interface. The largest of WASI has some 40; what is longer is
/// refused as a whole.
const MAX_ITEMS: usize = 256;

pub(super) fn imports(engine: &Engine, component: &Component) -> Vec<Import> {
    let ty = component.component_type();
    ty.imports(engine).map(|(name, it)| import(engine, name, &it)).collect()
}

/// Whether a component has a function that starts an agent. Its type is
/// compared when it is linked.
pub(super) fn exports_run(engine: &Engine, component: &Component) -> bool {
    let ty = component.component_type();
    let run = ty.get_export(engine, "run").map(|it| it.ty);
    matches!(run, Some(ComponentItem::ComponentFunc(_)))
}

/// Whether a component has the tools of the contract. Their types are compared
/// when it is linked.
pub(super) fn exports_tools(engine: &Engine, component: &Component) -> bool {
    let tools = format!("{PACKAGE}/tools@{VERSION}");
    component.component_type().get_export(engine, &tools).is_some()
}

fn import(engine: &Engine, name: &str, found: &ComponentExtern<'_>) -> Import {
    // Types are compared for interfaces of the contract only, and written out
    // for no other.
    let with_shapes = Contract::knows(name);
    let kind = match (&found.ty, annotation(found)) {
        (_, Some(annotation)) => ImportKind::Other(annotation.to_owned()),
        (ComponentItem::ComponentInstance(it), None) => {
            if it.exports(engine).nth(MAX_ITEMS).is_some() {
                ImportKind::Other(format!("interface of more than {MAX_ITEMS} items"))
            } else {
                ImportKind::Interface(items(engine, it, with_shapes))
            }
        }
        (other, None) => ImportKind::Other(word(other).to_owned()),
    };
    Import { name: name.to_owned(), kind }
}

/// Annotations play no part in linking; a component that carries one is not
/// what our tool chains make.
fn annotation(found: &ComponentExtern<'_>) -> Option<&'static str> {
    match (found.implements, found.external_id) {
        (Some(_), _) => Some("import with an `implements` annotation"),
        (_, Some(_)) => Some("import with an `external-id` annotation"),
        _ => None,
    }
}

fn word(item: &ComponentItem) -> &'static str {
    match item {
        ComponentItem::ComponentFunc(_) => "function",
        ComponentItem::CoreFunc(_) => "core function",
        ComponentItem::Module(_) => "core module",
        ComponentItem::Component(_) => "component",
        ComponentItem::ComponentInstance(_) => "instance",
        ComponentItem::Type(_) => "type",
        ComponentItem::Resource(_) => "resource",
    }
}

fn items(engine: &Engine, instance: &ComponentInstance, with_shapes: bool) -> Vec<Item> {
    let mut resources = Vec::new();
    let mut res = Vec::new();
    for (name, found) in instance.exports(engine) {
        if let ComponentItem::Resource(ty) = &found.ty {
            resources.push((*ty, name.to_owned()));
        }
        let kind = match annotation(&found) {
            Some(annotation) => ItemKind::Other(annotation.to_owned()),
            None if with_shapes => item_kind(&found.ty, &resources),
            None => bare_kind(&found.ty),
        };
        res.push(Item { name: name.to_owned(), kind });
    }
    res
}

fn item_kind(item: &ComponentItem, resources: &[(ResourceType, String)]) -> ItemKind {
    match item {
        ComponentItem::ComponentFunc(it) => {
            shape(resources, |out| out.function(it)).map_or_else(too_large, ItemKind::Function)
        }
        ComponentItem::Type(it) => {
            shape(resources, |out| out.ty(it, 0)).map_or_else(too_large, ItemKind::Type)
        }
        ComponentItem::Resource(_) => ItemKind::Resource,
        other => ItemKind::Other(word(other).to_owned()),
    }
}

/// Without a shape.
fn bare_kind(item: &ComponentItem) -> ItemKind {
    match item {
        ComponentItem::ComponentFunc(_) => ItemKind::Function(String::new()),
        ComponentItem::Type(_) => ItemKind::Type(String::new()),
        ComponentItem::Resource(_) => ItemKind::Resource,
        other => ItemKind::Other(word(other).to_owned()),
    }
}

fn too_large() -> ItemKind {
    ItemKind::Other("type that is too large or not supported".to_owned())
}

fn shape(
    resources: &[(ResourceType, String)],
    write: impl FnOnce(&mut Shape<'_>) -> Option<()>,
) -> Option<String> {
    let mut out = Shape { text: String::new(), resources };
    write(&mut out)?;
    Some(out.text)
}

/// Writes types structurally. `None` from any of its functions means: too
/// large, too deep, or a kind that the contract has no use for.
struct Shape<'a> {
    text: String,
    resources: &'a [(ResourceType, String)],
}

impl Shape<'_> {
    fn function(&mut self, function: &ComponentFunc) -> Option<()> {
        self.push(if function.async_() { "async func(" } else { "func(" })?;
        self.fields(function.params().map(|(name, ty)| (name, Some(ty))), 0)?;
        self.push(")")?;
        for result in function.results() {
            self.push(" -> ")?;
            self.ty(&result, 0)?;
        }
        Some(())
    }

    fn ty(&mut self, ty: &Type, depth: usize) -> Option<()> {
        if depth > MAX_SHAPE_DEPTH {
            return None;
        }
        let below = depth.saturating_add(1);
        match ty {
            Type::List(it) => self.generic("list", [Some(it.ty())], below),
            Type::Option(it) => self.generic("option", [Some(it.ty())], below),
            Type::Result(it) => self.generic("result", [it.ok(), it.err()], below),
            Type::Tuple(it) => self.generic("tuple", it.types().map(Some), below),
            Type::Record(it) => {
                self.braces("record", it.fields().map(|it| (it.name, Some(it.ty))), below)
            }
            Type::Variant(it) => {
                self.braces("variant", it.cases().map(|it| (it.name, it.ty)), below)
            }
            Type::Enum(it) => self.braces("enum", it.names().map(|it| (it, None)), below),
            Type::Flags(it) => self.braces("flags", it.names().map(|it| (it, None)), below),
            Type::Own(it) => self.resource("own", it),
            Type::Borrow(it) => self.resource("borrow", it),
            other => self.push(primitive(other)?),
        }
    }

    fn generic(
        &mut self,
        name: &str,
        types: impl IntoIterator<Item = Option<Type>>,
        depth: usize,
    ) -> Option<()> {
        self.push(name)?;
        self.push("<")?;
        for (idx, ty) in types.into_iter().enumerate() {
            self.push(if idx == 0 { "" } else { ", " })?;
            match ty {
                Some(ty) => self.ty(&ty, depth)?,
                None => self.push("_")?,
            }
        }
        self.push(">")
    }

    fn braces<'b>(
        &mut self,
        name: &str,
        fields: impl Iterator<Item = (&'b str, Option<Type>)>,
        depth: usize,
    ) -> Option<()> {
        self.push(name)?;
        self.push("{")?;
        self.fields(fields, depth)?;
        self.push("}")
    }

    fn fields<'b>(
        &mut self,
        fields: impl Iterator<Item = (&'b str, Option<Type>)>,
        depth: usize,
    ) -> Option<()> {
        for (idx, (name, ty)) in fields.enumerate() {
            self.push(if idx == 0 { "" } else { ", " })?;
            self.push(name)?;
            if let Some(ty) = ty {
                self.push(": ")?;
                self.ty(&ty, depth)?;
            }
        }
        Some(())
    }

    fn resource(&mut self, handle: &str, ty: &ResourceType) -> Option<()> {
        let (_, name) = self.resources.iter().find(|(known, _)| known == ty)?;
        write!(self.text, "{handle}<{name}>").ok()
    }

    fn push(&mut self, text: &str) -> Option<()> {
        let fits = self.text.len().saturating_add(text.len()) <= MAX_SHAPE_BYTES;
        fits.then(|| self.text.push_str(text))
    }
}

fn primitive(ty: &Type) -> Option<&'static str> {
    Some(match ty {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
    use wit_parser::{ManglingAndAbi, Resolve};

    use super::*;

    /// A component that imports all of a world, made from WIT alone.
    fn whole_world(name: &str) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit");
        let (package, _) = resolve.push_dir(wit).unwrap();
        let world = resolve.select_world(&[package], Some(name)).unwrap();
        let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
    }

    fn contract_lines(imports: &[Import]) -> String {
        let mut lines = Vec::new();
        for import in imports {
            let ImportKind::Interface(items) = &import.kind else {
                panic!("{import:?}");
            };
            for Item { name, kind } in items {
                let line = format!("{} {} {name} {}", import.name, kind.word(), kind.shape());
                lines.push(line.trim_end().to_owned());
            }
        }
        lines.sort();
        lines.join("\n") + "\n"
    }

    #[track_caller]
    fn check(world: &str, table: &str) {
        let engine = Engine::default();
        let component = Component::from_binary(&engine, &whole_world(world)).unwrap();
        let lines = contract_lines(&imports(&engine, &component));
        let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/boundary").join(table);
        if std::env::var_os("UPDATE_CONTRACT").is_some() {
            fs::write(&table, &lines).unwrap();
        }
        let committed = fs::read_to_string(&table).unwrap();
        assert_eq!(committed, lines, "hint: run the test again with UPDATE_CONTRACT=1");
    }

    #[test]
    fn the_contract_tables_are_what_the_wit_says() {
        check("subagent", "contract.txt");
        check("tool-plugin", "plugin.txt");
    }
}
