//! From a core module to a component that fits the contract.
//!
//! Owns the check against `wit/`: what an agent may import, and what a plugin.
//! What is granted is none of its business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::{Resolve, UnresolvedPackageGroup, WorldId, WorldItem};

use crate::BuildError;

/// The contract, as the crate carries it.
const CONTRACT: [(&str, &str); 6] = [
    ("types.wit", include_str!("../wit/types.wit")),
    ("file.wit", include_str!("../wit/file.wit")),
    ("tools.wit", include_str!("../wit/tools.wit")),
    ("model.wit", include_str!("../wit/model.wit")),
    ("plugin.wit", include_str!("../wit/plugin.wit")),
    ("world.wit", include_str!("../wit/world.wit")),
];
/// The export that makes a component an agent. One that has it not is a
/// plugin, with its tools in an interface of the contract or as plain
/// functions.
const RUN: &str = "run";

/// The worlds of the contract.
const AGENT: &str = "subagent";
const PLUGIN: &str = "tool-plugin";

#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) bytes: Vec<u8>,
    /// `interface#function`, sorted.
    pub(crate) imports: Vec<String>,
}

/// Encodes and checks. `foreign` lets imports pass that no host gives.
pub(crate) fn encode(name: &str, core: &[u8], foreign: bool) -> Result<Component, BuildError> {
    if !has_component_type(core) {
        return Err(BuildError::NoComponentType { name: name.to_owned() });
    }
    let failed =
        |error| BuildError::Componentize { name: name.to_owned(), reason: format!("{error:#}") };
    let encoder = ComponentEncoder::default().validate(true).module(core);
    let bytes = encoder.and_then(|mut encoder| encoder.encode()).map_err(failed)?;
    check(name, bytes, foreign)
}

/// Checks a component, whoever made it.
pub(crate) fn check(name: &str, bytes: Vec<u8>, foreign: bool) -> Result<Component, BuildError> {
    let failed = |reason| BuildError::Componentize { name: name.to_owned(), reason };
    let world = World::decode(&bytes).map_err(failed)?;
    if world.exports.is_empty() {
        return Err(BuildError::NoExports { name: name.to_owned() });
    }
    let is_agent = world.exports.contains(RUN);
    let contract = World::contract(if is_agent { AGENT } else { PLUGIN }).map_err(failed)?;
    let is_known =
        |it: &Import<'_>| contract.has(it) || it.is_wasi() || (!is_agent && it.is_authors_types());
    let other = world.imports().filter(|import| !is_known(import));
    let other: Vec<String> = other.map(|import| import.to_string()).collect();
    if !other.is_empty() && !foreign {
        return Err(BuildError::ForeignImports { name: name.to_owned(), imports: other });
    }
    let imports = world.imports().map(|import| import.to_string()).collect();
    Ok(Component { bytes, imports })
}

/// A function, or an interface of which only types are wanted.
struct Import<'a> {
    interface: &'a str,
    function: Option<&'a str>,
}

impl Import<'_> {
    /// Types that the exports of a plugin share: nothing is called by them.
    fn is_authors_types(&self) -> bool {
        self.function.is_none() && !self.interface.starts_with("hermitage:")
    }

    /// Components of other tool chains bring them along, and the host has
    /// inert ones; they are reported with the rest.
    fn is_wasi(&self) -> bool {
        self.interface.starts_with("wasi:")
    }
}

impl fmt::Display for Import<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.interface)?;
        self.function.map_or(Ok(()), |function| write!(f, "#{function}"))
    }
}

fn has_component_type(core: &[u8]) -> bool {
    Parser::new(0).parse_all(core).any(|payload| match payload {
        Ok(Payload::CustomSection(section)) => section.name().starts_with("component-type"),
        _ => false,
    })
}

/// The names of a world, those of the contract or those of a component.
struct World {
    /// The functions of each imported interface.
    interfaces: BTreeMap<String, BTreeSet<String>>,
    /// Functions and interfaces.
    exports: BTreeSet<String>,
}

impl World {
    fn decode(component: &[u8]) -> Result<Self, String> {
        match wit_component::decode(component).map_err(|error| format!("{error:#}"))? {
            DecodedWasm::Component(resolve, world) => Self::new(&resolve, world),
            DecodedWasm::WitPackage(..) => Err("it is an interface without code".to_owned()),
        }
    }

    fn contract(world: &str) -> Result<Self, String> {
        let mut sources = wit_parser::SourceMap::default();
        for (name, text) in CONTRACT {
            sources.push(name.as_ref(), text);
        }
        let group: UnresolvedPackageGroup =
            sources.parse().map_err(|(_, error)| error.to_string())?;
        let mut resolve = Resolve::default();
        let package = resolve.push_group(group).map_err(|error| error.to_string())?;
        let world = resolve.select_world(&[package], Some(world));
        Self::new(&resolve, world.map_err(|error| format!("{error:#}"))?)
    }

    fn new(resolve: &Resolve, world: WorldId) -> Result<Self, String> {
        let world = resolve.worlds.get(world).ok_or("it has no world")?;
        let mut interfaces = BTreeMap::new();
        for (key, item) in &world.imports {
            let functions = match item {
                WorldItem::Interface { id, .. } => {
                    let interface = resolve.interfaces.get(*id).ok_or("an interface is missing")?;
                    interface.functions.keys().cloned().collect()
                }
                WorldItem::Function(_) => BTreeSet::new(),
                // A name for a type of an interface that is imported too.
                WorldItem::Type { .. } => continue,
            };
            interfaces.insert(resolve.name_world_key(key), functions);
        }
        let exported = world.exports.iter().filter(|(_, it)| !matches!(it, WorldItem::Type { .. }));
        let exports = exported.map(|(key, _)| resolve.name_world_key(key)).collect();
        Ok(Self { interfaces, exports })
    }

    /// Sorted.
    fn imports(&self) -> impl Iterator<Item = Import<'_>> {
        self.interfaces.iter().flat_map(|(interface, functions)| {
            let alone = functions.is_empty().then_some(Import { interface, function: None });
            let each = functions.iter().map(|name| Import { interface, function: Some(name) });
            alone.into_iter().chain(each)
        })
    }

    fn has(&self, import: &Import<'_>) -> bool {
        self.interfaces.get(import.interface).is_some_and(|functions| {
            import.function.is_none_or(|function| functions.contains(function))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_has_the_imports_of_agents_and_of_plugins() {
        let (agent, plugin) = (World::contract(AGENT).unwrap(), World::contract(PLUGIN).unwrap());
        assert!(agent.exports.contains(RUN));
        assert!(plugin.exports.contains("hermitage:subagent/tools@0.1.0"));
        for (interface, function, expect) in [
            ("hermitage:subagent/types@0.1.0", None, (true, true)),
            ("hermitage:subagent/progress@0.1.0", Some("log"), (true, true)),
            ("hermitage:subagent/file@0.1.0", None, (true, false)),
            ("hermitage:subagent/file@0.1.0", Some("read-file"), (true, false)),
            ("hermitage:subagent/toolbox@0.1.0", Some("[method]tool.call"), (true, false)),
            ("hermitage:subagent/code-execution@0.1.0", Some("execute-code"), (true, false)),
            ("hermitage:subagent/http@0.1.0", Some("fetch"), (false, true)),
            ("hermitage:subagent/settings@0.1.0", Some("get"), (false, true)),
            ("hermitage:subagent/file@0.1.0", Some("delete-file"), (false, false)),
            ("hermitage:subagent/file@0.1.1", Some("read-file"), (false, false)),
            ("hermitage:subagent/file", Some("read-file"), (false, false)),
            ("evil:corp/exfiltrate@1.0.0", Some("send"), (false, false)),
        ] {
            let import = Import { interface, function };
            assert_eq!((agent.has(&import), plugin.has(&import)), expect, "{import}");
        }
    }

    #[test]
    fn a_module_that_says_nothing_is_no_component() {
        let empty = b"\0asm\x01\0\0\0";
        let error = encode("empty", empty, false).unwrap_err();
        assert!(matches!(&error, BuildError::NoComponentType { name } if name == "empty"));
        let garbage = encode("garbage", b"garbage", false).unwrap_err();
        assert!(matches!(garbage, BuildError::NoComponentType { .. }));
    }

    #[test]
    fn a_component_that_offers_nothing_is_refused() {
        let empty = b"\0asm\x0d\0\x01\0".to_vec();
        let error = check("empty", empty, false).unwrap_err();
        assert!(matches!(&error, BuildError::NoExports { .. }), "{error}");
    }
}
