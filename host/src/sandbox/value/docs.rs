//! What the functions of a component are for, in the words of whoever wrote
//! its WIT.
//!
//! A component has no place for doc comments but a custom section,
//! `package-docs`, in which tools of WIT keep those of one package as JSON.
//! `hermitage plugin build` puts it there; most tool chains leave it out.
//!
//! [`read`] looks into a stranger's bytes, and so a helper calls it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload};

use super::name::short;

/// Bytes of the section: what is longer is left alone.
const MAX_SECTION_BYTES: usize = 1 << 20;

/// Functions that are told of: more are no tools.
const MAX_FUNCTIONS: usize = 256;

/// Bytes of one text: more than a description may have.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// Bytes of all names and texts, which are a message of the helper.
const MAX_BYTES: usize = 192 << 10;

/// Of the functions of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) struct Docs(Vec<Doc>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Doc {
    /// Its own name, without that of the package.
    interface: Option<String>,
    function: String,
    text: String,
}

impl Docs {
    /// Of a function, by the name of its interface in the component.
    pub(super) fn of(&self, interface: Option<&str>, function: &str) -> Option<&str> {
        let interface = interface.map(short);
        let is_it = |it: &&Doc| it.interface.as_deref() == interface && it.function == function;
        self.0.iter().find(is_it).map(|it| &*it.text)
    }
}

/// Those that a component carries. A section that can't be read is none: the
/// component is as good without it.
pub(in crate::sandbox) fn read(component: &[u8]) -> Docs {
    section(component).and_then(package).map(Package::docs).unwrap_or_default()
}

/// Of the component itself, and not of one inside of it.
fn section(component: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.ok()? {
            Payload::Version { .. } => depth = depth.saturating_add(1),
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(it) if depth == 1 && it.name() == "package-docs" => {
                return Some(it.data()).filter(|it| it.len() <= MAX_SECTION_BYTES);
            }
            _ => (),
        }
    }
    None
}

/// A version, and JSON. The second version has more in it, and the first is
/// read in the same way.
fn package(section: &[u8]) -> Option<Package> {
    match section.split_first()? {
        (0 | 1, json) => serde_json::from_slice(json).ok(),
        _ => None,
    }
}

type Named<T> = BTreeMap<String, T>;

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    worlds: Named<World>,
    #[serde(default)]
    interfaces: Named<Interface>,
}

/// Where something is imported and exported under one name, the exported one
/// is in a map of its own.
#[derive(Deserialize)]
struct World {
    #[serde(default)]
    interface_exports: Named<Interface>,
    #[serde(default)]
    interfaces: Named<Interface>,
    #[serde(default)]
    func_exports: Named<Function>,
    #[serde(default)]
    funcs: Named<Function>,
}

#[derive(Deserialize)]
struct Interface {
    #[serde(default)]
    funcs: Named<Function>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Function {
    Text(Option<String>),
    Record { docs: Option<String> },
}

impl Package {
    fn docs(self) -> Docs {
        let mut res = Kept { docs: Vec::new(), bytes: 0 };
        self.interfaces.into_iter().for_each(|it| res.interface(it));
        for world in self.worlds.into_values() {
            let interfaces = world.interface_exports.into_iter().chain(world.interfaces);
            interfaces.for_each(|it| res.interface(it));
            res.functions(None, world.func_exports.into_iter().chain(world.funcs));
        }
        Docs(res.docs)
    }
}

struct Kept {
    docs: Vec<Doc>,
    bytes: usize,
}

impl Kept {
    fn interface(&mut self, (name, interface): (String, Interface)) {
        self.functions(Some(&name), interface.funcs.into_iter());
    }

    fn functions(
        &mut self,
        interface: Option<&str>,
        functions: impl Iterator<Item = (String, Function)>,
    ) {
        for (function, docs) in functions {
            let (Function::Text(docs) | Function::Record { docs }) = docs;
            let Some(mut text) = docs else { continue };
            text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
            let interface = interface.map(str::to_owned);
            let names = interface.as_ref().map_or(0, String::len).saturating_add(function.len());
            self.bytes = self.bytes.saturating_add(names).saturating_add(text.len());
            if self.bytes > MAX_BYTES || self.docs.len() == MAX_FUNCTIONS {
                return;
            }
            self.docs.push(Doc { interface, function, text });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with that section, and one inside of it that has another.
    fn component(section: &[u8]) -> Vec<u8> {
        let data: String = section.iter().map(|it| format!("\\{it:02x}")).collect();
        wat::parse_str(format!(
            "(component
                (component (@custom \"package-docs\" \"\\01{{}}\"))
                (core module (@custom \"package-docs\" \"\\01{{}}\"))
                (@custom \"package-docs\" \"{data}\"))"
        ))
        .unwrap()
    }

    fn of_json(json: &str) -> Docs {
        read(&component(format!("\u{1}{json}").as_bytes()))
    }

    #[test]
    fn both_versions_are_read_for_interfaces_and_worlds() {
        let docs = of_json(
            r#"{"docs": "all", "interfaces": {"ops": {"funcs": {"add": {"docs": "Adds."}, "sub": "Subtracts.", "mul": {"stability": "x"}}}},
                "worlds": {"w": {"funcs": {"shout": {"docs": "Shouts in."}, "sing": {"docs": "Sings."}},
                    "func_exports": {"shout": {"docs": "Shouts."}},
                    "interfaces": {"inner": {"funcs": {"run": {"docs": "Runs."}}}}}}}"#,
        );
        assert_eq!(docs.of(Some("acme:ops/ops@1.0.0"), "add"), Some("Adds."));
        assert_eq!(docs.of(Some("acme:ops/ops@1.0.0"), "sub"), Some("Subtracts."));
        assert_eq!(docs.of(Some("acme:ops/ops@1.0.0"), "mul"), None);
        assert_eq!(docs.of(Some("inner"), "run"), Some("Runs."));
        assert_eq!(docs.of(None, "shout"), Some("Shouts."));
        assert_eq!(docs.of(None, "sing"), Some("Sings."));
        assert_eq!(docs.of(None, "add"), None);
    }

    #[test]
    fn what_can_t_be_read_is_none() {
        for json in ["", "{", "[]", r#"{"worlds": 5}"#] {
            assert_eq!(of_json(json), Docs::default(), "{json}");
        }
        assert_eq!(read(&component(b"\x02{}")), Docs::default());
        assert_eq!(read(&component(b"")), Docs::default());
        assert_eq!(read(b"no component"), Docs::default());
    }

    #[test]
    fn what_is_told_is_bounded() {
        let text = "é".repeat(3_000);
        let funcs: Vec<String> = (0..1_000).map(|it| format!(r#""f{it}": "{it}{text}""#)).collect();
        let json =
            |n: usize| format!(r#"{{"worlds":{{"w":{{"funcs":{{{}}}}}}}}}"#, funcs[..n].join(","));
        let docs = of_json(&json(100));
        assert_eq!(docs.0.len(), MAX_BYTES / (MAX_TEXT_BYTES + 3));
        assert!(docs.0.iter().all(|it| it.text.len() <= MAX_TEXT_BYTES));
        assert_eq!(of_json(&json(1_000)), Docs::default(), "a section that is too long");
        let short: Vec<String> = (0..1_000).map(|it| format!(r#""f{it}": "x""#)).collect();
        let docs = of_json(&format!(r#"{{"worlds":{{"w":{{"funcs":{{{}}}}}}}}}"#, short.join(",")));
        assert_eq!(docs.0.len(), MAX_FUNCTIONS);
    }
}
