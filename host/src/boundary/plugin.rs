//! The plan of a tool plugin: what it asks for becomes real, what other tool
//! chains import unasked is inert, and everything else is refused.
//!
//! A plugin has no tools of others: whoever calls it could otherwise reach by
//! it what its own grant has not.

use super::{
    asks::Asks,
    contract::{Contract, Match, PACKAGE, VERSION},
    import::{Import, ImportKind, Item, ItemKind},
    plan::{
        Decision, Line, Plan, WASI_INERT, WASI_STUBBED, differs, shape_refusal, unversioned, wasi,
        wasi_version, whole, with_article,
    },
};
use crate::defence::{Defence, Defences};

/// WASI interfaces of files: real for who asks for the workspace.
const WASI_FILES: &[&str] = WASI_STUBBED;

/// WASI interfaces of HTTP: real for who asks for requests.
pub const WASI_HTTP: &[&str] = &["wasi:http/types", "wasi:http/outgoing-handler"];

/// WASI interfaces that interpreters import unasked and that answer "no
/// access": nothing is ever connected to by them.
pub const WASI_SOCKETS: &[&str] = &[
    "wasi:sockets/network",
    "wasi:sockets/instance-network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
    "wasi:sockets/ip-name-lookup",
];

/// The function of the contract that sends a request.
const FETCH: (&str, &str) = ("http", "fetch");

const NO_HTTP: &str = "no HTTP is asked for: a rule `[[http]]` of `plugin.toml` would";

/// Decides every import of a plugin. Never fails: what can't run is refused
/// line by line, so that an author sees all of it at once.
pub fn plan_plugin(imports: &[Import], asks: &Asks, defences: Defences) -> Plan {
    let decider = Decider { asks, defences };
    let mut lines = Vec::new();
    for (idx, import) in imports.iter().enumerate() {
        match decider.refusal(import, imports.iter().take(idx)) {
            Some(reason) => lines.push(whole(import, Decision::Refused(reason))),
            None => decider.items(import, &mut lines),
        }
    }
    let digest = blake3::hash(format!("{asks:?} {defences:?}").as_bytes());
    Plan::new(lines, &digest)
}

struct Decider<'a> {
    asks: &'a Asks,
    defences: Defences,
}

impl Decider<'_> {
    fn has_http(&self) -> bool {
        !self.asks.http.is_empty() || !self.defences.has(Defence::PluginAsks)
    }

    /// Why the import as a whole is refused, whatever it holds.
    fn refusal<'a>(
        &self,
        import: &Import,
        earlier: impl Iterator<Item = &'a Import>,
    ) -> Option<String> {
        if let Some(reason) = shape_refusal(import, earlier) {
            return Some(reason);
        }
        let name = import.name.as_str();
        if Contract::of_plugins().has(name) {
            return None;
        }
        match name.split_once('@') {
            Some((path, version)) if path.starts_with("wasi:") => self.wasi(path, version),
            Some((path, _)) if Contract::of_plugins().has(&format!("{path}@{VERSION}")) => {
                Some(format!(
                    "this host speaks `{path}` in version `{VERSION}` exactly: build against that"
                ))
            }
            _ if name.strip_prefix(PACKAGE).is_some_and(|it| it.starts_with('/')) => Some(
                "no interface of world `tool-plugin`: tools and models are for agents".to_owned(),
            ),
            _ if has_types_alone(import) => None,
            _ => Some("unknown interface: nothing outside the contract is linked".to_owned()),
        }
    }

    fn wasi(&self, path: &str, version: &str) -> Option<String> {
        let is_http = WASI_HTTP.contains(&path);
        if is_http && !self.has_http() {
            return Some(NO_HTTP.to_owned());
        }
        let mut known = [WASI_INERT, WASI_FILES, WASI_SOCKETS].into_iter().flatten();
        if !is_http && !known.any(|it| *it == path) {
            return Some("no interface of WASI that a plugin can have".to_owned());
        }
        wasi_version(version)
    }

    fn items(&self, import: &Import, lines: &mut Vec<Line>) {
        let ImportKind::Interface(items) = &import.kind else {
            return;
        };
        let path = unversioned(&import.name);
        for item in items {
            let decision = match path {
                _ if WASI_INERT.contains(&path) || WASI_HTTP.contains(&path) => {
                    wasi(item, || Decision::Linked)
                }
                _ if WASI_FILES.contains(&path) => wasi(item, || self.files()),
                _ if WASI_SOCKETS.contains(&path) => {
                    wasi(item, || Decision::Stubbed("a plugin has no sockets".to_owned()))
                }
                _ if path.starts_with(PACKAGE) => self.ours(&import.name, item),
                // Of a package of its author's: there is nothing to link.
                _ => Decision::TypeOnly,
            };
            let word = item.kind.word().to_owned();
            let interface = import.name.clone();
            lines.push(Line { interface, item: Some(item.name.clone()), word, decision });
        }
    }

    fn files(&self) -> Decision {
        match &self.asks.workspace {
            Some(_) => Decision::Linked,
            None => Decision::Stubbed(
                "no files are asked for: `[workspace]` of `plugin.toml` would".to_owned(),
            ),
        }
    }

    fn ours(&self, interface: &str, item: &Item) -> Decision {
        let mut found = Contract::of_plugins().compare(interface, &item.name, &item.kind);
        // The bindings of an author may name every type of an interface that both
        // worlds have; a type does nothing.
        if found == Match::Unknown && matches!(item.kind, ItemKind::Type(_)) {
            found = Contract::current().compare(interface, &item.name, &item.kind);
        }
        match found {
            Match::Unknown => {
                let what = with_article(item.kind.word());
                Decision::Refused(format!("the contract has not such {what}"))
            }
            Match::Differs(shape) => differs(&item.kind, shape),
            Match::Same => match &item.kind {
                ItemKind::Function(_) => self.function(interface, &item.name),
                ItemKind::Resource => Decision::Linked,
                ItemKind::Type(_) | ItemKind::Other(_) => Decision::TypeOnly,
            },
        }
    }

    fn function(&self, interface: &str, name: &str) -> Decision {
        let short = unversioned(interface).rsplit('/').next();
        match (short, name) {
            (Some(it), name) if (it, name) == FETCH && !self.has_http() => {
                Decision::Refused(NO_HTTP.to_owned())
            }
            _ => Decision::Linked,
        }
    }
}

/// Whether nothing can be called by it: a component whose exports share types
/// imports the interface that holds them.
fn has_types_alone(import: &Import) -> bool {
    match &import.kind {
        ImportKind::Interface(items) => items.iter().all(|it| matches!(it.kind, ItemKind::Type(_))),
        ImportKind::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::{Access, WorkspaceAsk};

    fn import(name: &str, function: &str) -> Import {
        let kind = ItemKind::Function(shape(name, function));
        let item = Item { name: function.to_owned(), kind };
        Import { name: name.to_owned(), kind: ImportKind::Interface(vec![item]) }
    }

    /// As the contract has it, so that a test names only what differs.
    fn shape(interface: &str, function: &str) -> String {
        let start = format!("{interface} function {function} ");
        let line = include_str!("plugin.txt").lines().find_map(|it| it.strip_prefix(&start));
        line.unwrap_or("func()").to_owned()
    }

    fn asks_for_http() -> Asks {
        let rule = "GET https://api.example.org/".parse().unwrap();
        Asks { http: vec![rule], ..Asks::default() }
    }

    fn asks_for_files() -> Asks {
        let workspace = WorkspaceAsk { access: Access::Read, subtree: String::new() };
        Asks { workspace: Some(workspace), ..Asks::default() }
    }

    #[track_caller]
    fn check(asks: &Asks, name: &str, function: &str, expect: &str) {
        let plan = plan_plugin(&[import(name, function)], asks, Defences::ALL);
        let word = match plan.lines().first().map(|it| &it.decision) {
            Some(Decision::Linked) => "linked".to_owned(),
            Some(Decision::Stubbed(_)) => "stubbed".to_owned(),
            Some(Decision::Refused(why)) => why.clone(),
            other => format!("{other:?}"),
        };
        assert_eq!(word, expect, "{name}#{function}");
    }

    #[test]
    fn what_is_asked_for_is_linked_and_nothing_else_is() {
        let nothing = Asks::default();
        check(&nothing, "hermitage:subagent/progress@0.1.0", "log", "linked");
        check(&nothing, "hermitage:subagent/settings@0.1.0", "get", "linked");
        check(&nothing, "hermitage:subagent/http@0.1.0", "fetch", NO_HTTP);
        check(&asks_for_http(), "hermitage:subagent/http@0.1.0", "fetch", "linked");
        check(&nothing, "wasi:http/outgoing-handler@0.2.3", "handle", NO_HTTP);
        check(&asks_for_http(), "wasi:http/outgoing-handler@0.2.3", "handle", "linked");
        check(&nothing, "wasi:filesystem/preopens@0.2.0", "get-directories", "stubbed");
        check(&asks_for_files(), "wasi:filesystem/preopens@0.2.0", "get-directories", "linked");
        check(
            &asks_for_http(),
            "wasi:sockets/tcp@0.2.0",
            "[method]tcp-socket.start-bind",
            "stubbed",
        );
        check(&nothing, "wasi:clocks/wall-clock@0.2.9", "now", "linked");
    }

    /// Of the contract of agents alone, in an interface of both.
    #[test]
    fn a_type_of_the_contract_is_taken_whether_it_is_used_or_not() {
        let role = |shape: &str| {
            let kind = ItemKind::Type(shape.to_owned());
            let item = Item { name: "role".to_owned(), kind };
            let kind = ImportKind::Interface(vec![item]);
            let import = Import { name: "hermitage:subagent/types@0.1.0".to_owned(), kind };
            plan_plugin(&[import], &Asks::default(), Defences::ALL).refusals().len()
        };
        assert_eq!(role("enum{leaf, orchestrator}"), 0);
        assert_eq!(role("enum{leaf, orchestrator, root}"), 1);
    }

    #[test]
    fn tools_of_others_and_strange_names_are_refused_whatever_is_asked_for() {
        for asks in [Asks::default(), asks_for_http(), asks_for_files()] {
            let ours = "no interface of world `tool-plugin`: tools and models are for agents";
            check(&asks, "hermitage:subagent/file@0.1.0", "read-file", ours);
            check(&asks, "hermitage:subagent/toolbox@0.1.0", "granted", ours);
            check(&asks, "hermitage:subagent/delegation@0.1.0", "delegate-task", ours);
            check(
                &asks,
                "hermitage:subagent/settings@0.1.1",
                "get",
                "this host speaks `hermitage:subagent/settings` in version `0.1.0` exactly: build \
                 against that",
            );
            check(
                &asks,
                "wasi:keyvalue/store@0.2.0",
                "open",
                "no interface of WASI that a plugin can have",
            );
            check(
                &asks,
                "evil:corp/exfiltrate@1.0.0",
                "send",
                "unknown interface: nothing outside the contract is linked",
            );
            let version = "WASI is known in versions `0.2.0` to `0.2.12`";
            check(&asks, "wasi:clocks/wall-clock@0.3.0", "now", version);
        }
    }

    #[test]
    fn types_of_its_own_package_are_no_wish_and_a_resource_is() {
        let import = |kinds: &[ItemKind]| {
            let items = kinds.iter().map(|kind| Item { name: "x".to_owned(), kind: kind.clone() });
            let kind = ImportKind::Interface(items.collect());
            Import { name: "acme:depot/types@1.2.3".to_owned(), kind }
        };
        let refusals = |kinds: &[ItemKind]| {
            plan_plugin(&[import(kinds)], &Asks::default(), Defences::ALL).refusals().len()
        };
        let ty = ItemKind::Type(String::new());
        assert_eq!(refusals(std::slice::from_ref(&ty)), 0);
        assert_eq!(refusals(&[]), 0);
        assert_eq!(refusals(&[ty.clone(), ItemKind::Resource]), 1);
        assert_eq!(refusals(&[ty, ItemKind::Function(String::new())]), 1);
    }

    #[test]
    fn the_gate_is_what_refuses() {
        let fetch = [import("hermitage:subagent/http@0.1.0", "fetch")];
        let without = |defences| plan_plugin(&fetch, &Asks::default(), defences).refusals().len();
        assert_eq!(without(Defences::ALL), 1);
        assert_eq!(without(Defences::ALL.without(Defence::PluginAsks)), 0);
    }
}
