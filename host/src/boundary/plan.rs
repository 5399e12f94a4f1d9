//! The plan: for every import of a component the decision, and the rule that
//! made it (design: exact allow-list, deny by default, all refusals at once).

use std::fmt;

use super::{
    contract::{Contract, Match, PACKAGE, Purpose, VERSION},
    import::{Import, ImportKind, Item, ItemKind},
    policy::Policy,
};
use crate::{
    completion::sanitize::clean_line,
    defence::Defence,
    event::{BoundaryLine, BoundaryRecord},
    toolset::{Grant, HeldBy, ToolId},
};

/// Characters of one name or reason in a report.
const MAX_TEXT_CHARS: usize = 500;

/// WASI interfaces that are linked to an inert implementation, because other
/// tool chains import them unasked: no arguments, no environment, closed
/// stdin, output swallowed past a cap, coarse clocks, capped randomness.
pub const WASI_INERT: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
];

/// WASI interfaces that answer "no access": there are no preopened
/// directories, so there is nothing they could reach.
pub const WASI_STUBBED: &[&str] = &["wasi:filesystem/types", "wasi:filesystem/preopens"];

/// The newest patch of WASI 0.2 that the inert set implements. Real tool
/// chains import 0.2.0, 0.2.6 and 0.2.9.
const WASI_NEWEST_PATCH: u32 = 12;

/// Why `model#chat` is denied.
const NO_MODEL: &str =
    "no language model was chosen for this run: `model.default`, or a task's `model`, would";

/// What happens to one import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The real thing.
    Linked,
    /// A type: nothing to link.
    TypeOnly,
    /// Answers `denied` with this reason.
    Stubbed(String),
    /// The component does not run, for this reason.
    Refused(String),
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Name of the import.
    pub interface: String,
    /// Item of it; `None` when the import as a whole was decided.
    pub item: Option<String>,
    /// `function`, `resource`, `type` or what else it is.
    pub word: String,
    /// What happens.
    pub decision: Decision,
}

impl Line {
    /// For people and for events: names come from the component.
    fn shown(&self) -> String {
        clean_line(&self.to_string(), MAX_TEXT_CHARS)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.interface)?;
        self.item.iter().try_for_each(|it| write!(f, "#{it}"))
    }
}

/// The decisions for one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    lines: Vec<Line>,
    digest: blake3::Hash,
}

impl Plan {
    /// `by` stands for all that the lines were decided by.
    pub(super) fn new(lines: Vec<Line>, by: &blake3::Hash) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(by.as_bytes());
        for line in &lines {
            // Debug output quotes every text, so no two plans share it.
            hasher.update(format!("{line:?}\n").as_bytes());
        }
        Self { lines, digest: hasher.finalize() }
    }

    /// In the order of the component's imports.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Covers the policy, every decision and every reason, and nothing secret.
    pub fn digest(&self) -> blake3::Hash {
        self.digest
    }

    /// Why the component must not run; empty when it may.
    pub fn refusals(&self) -> Vec<BoundaryLine> {
        self.reasons(|it| match it {
            Decision::Refused(reason) => Some(reason),
            _ => None,
        })
    }

    /// What answers `denied`, and why.
    pub fn stubs(&self) -> Vec<BoundaryLine> {
        self.reasons(|it| match it {
            Decision::Stubbed(reason) => Some(reason),
            _ => None,
        })
    }

    /// What is linked to the real thing, resources left out.
    pub fn linked(&self) -> Vec<String> {
        let real = self.lines.iter().filter(|it| it.decision == Decision::Linked);
        real.filter(|it| it.word == "function").map(Line::shown).collect()
    }

    /// The plan as it stands in results and reports.
    /// `granted` is what the component may call.
    pub fn record(&self, component: &blake3::Hash, granted: &Grant) -> BoundaryRecord {
        BoundaryRecord {
            component: component.to_hex().to_string(),
            policy: self.digest.to_hex().to_string(),
            granted: granted.names().into_iter().map(Into::into).collect(),
            linked: self.linked(),
            stubbed: self.stubs(),
            refused: self.refusals(),
            plugins: Vec::new(),
        }
    }

    fn reasons(&self, pick: impl Fn(&Decision) -> Option<&String>) -> Vec<BoundaryLine> {
        let lines = self.lines.iter();
        lines
            .filter_map(|it| {
                let reason = clean_line(pick(&it.decision)?, MAX_TEXT_CHARS);
                Some(BoundaryLine { import: it.shown(), reason })
            })
            .collect()
    }
}

/// Decides every import. Never fails: what can't run is refused line by line,
/// so that an author sees all of it at once.
pub fn plan(imports: &[Import], contract: &Contract, policy: &Policy) -> Plan {
    let mut lines = Vec::new();
    for (idx, import) in imports.iter().enumerate() {
        let earlier = imports.iter().take(idx);
        match import_refusal(import, earlier, contract, policy) {
            Some(reason) => lines.push(whole(import, Decision::Refused(reason))),
            None => interface_lines(import, contract, policy, &mut lines),
        }
    }
    Plan::new(lines, &policy.digest())
}

pub(super) fn whole(import: &Import, decision: Decision) -> Line {
    let word = match &import.kind {
        ImportKind::Interface(_) => "interface",
        ImportKind::Other(what) => what,
    };
    Line { interface: import.name.clone(), item: None, word: word.to_owned(), decision }
}

/// Why the import as a whole is refused, whatever it holds.
fn import_refusal<'a>(
    import: &Import,
    earlier: impl Iterator<Item = &'a Import>,
    contract: &Contract,
    policy: &Policy,
) -> Option<String> {
    let name = import.name.as_str();
    if let Some(reason) = shape_refusal(import, earlier) {
        return Some(reason);
    }
    if contract.has(name) || !policy.defences().has(Defence::ExactNames) {
        return None;
    }
    match name.split_once('@') {
        Some((path, version)) if path.starts_with("wasi:") => wasi_refusal(path, version),
        Some((path, _)) if contract.has(&format!("{path}@{VERSION}")) => Some(format!(
            "this host speaks `{path}` in version `{VERSION}` exactly: build against that"
        )),
        _ if name.strip_prefix(PACKAGE).is_some_and(|it| it.starts_with('/')) => {
            Some("no interface of world `subagent`".to_owned())
        }
        _ => Some("unknown interface: nothing outside the contract is linked".to_owned()),
    }
}

/// Why what is no interface, or is there twice, is refused in any world.
pub(super) fn shape_refusal<'a>(
    import: &Import,
    mut earlier: impl Iterator<Item = &'a Import>,
) -> Option<String> {
    if let ImportKind::Other(what) = &import.kind {
        return Some(format!("{} can't be imported: only interfaces are", with_article(what)));
    }
    let same = earlier.find(|it| unversioned(&it.name) == unversioned(&import.name));
    same.map(|it| format!("imported twice, also as `{}`", it.name))
}

pub(super) fn unversioned(name: &str) -> &str {
    name.split_once('@').map_or(name, |(path, _)| path)
}

fn wasi_refusal(path: &str, version: &str) -> Option<String> {
    if !WASI_INERT.contains(&path) && !WASI_STUBBED.contains(&path) {
        return Some("not in the inert WASI set: a component reaches nothing but tools".to_owned());
    }
    wasi_version(version)
}

/// Why a version of WASI is refused.
pub(super) fn wasi_version(version: &str) -> Option<String> {
    let known = (0..=WASI_NEWEST_PATCH).any(|patch| version == format!("0.2.{patch}"));
    (!known).then(|| format!("WASI is known in versions `0.2.0` to `0.2.{WASI_NEWEST_PATCH}`"))
}

fn interface_lines(import: &Import, contract: &Contract, policy: &Policy, lines: &mut Vec<Line>) {
    let ImportKind::Interface(items) = &import.kind else {
        return;
    };
    let path = unversioned(&import.name);
    if let Some(reason) = powerless(&import.name, items, contract, policy) {
        lines.push(whole(import, stub_or_refuse(reason, policy)));
    }
    for item in items {
        let decision = if WASI_INERT.contains(&path) {
            wasi(item, || Decision::Linked)
        } else if WASI_STUBBED.contains(&path) {
            wasi(item, || stub_or_refuse("no directory is open".to_owned(), policy))
        } else {
            ours(&import.name, item, contract, policy)
        };
        let word = item.kind.word().to_owned();
        let interface = import.name.clone();
        lines.push(Line { interface, item: Some(item.name.clone()), word, decision });
    }
}

/// Why an interface that is imported without any function is not granted. It
/// reaches nothing, and the linker takes it with nothing defined; naming a
/// tool's interface is reported, and refused when strict, all the same.
fn powerless(name: &str, items: &[Item], contract: &Contract, policy: &Policy) -> Option<String> {
    if items.iter().any(|it| matches!(it.kind, ItemKind::Function(_))) {
        return None;
    }
    let mut functions = contract.functions().filter(|(interface, _)| *interface == name);
    functions.find_map(|(interface, function)| denial(interface, function, policy))
}

pub(super) fn wasi(item: &Item, function: impl FnOnce() -> Decision) -> Decision {
    match &item.kind {
        ItemKind::Function(_) => function(),
        ItemKind::Resource => Decision::Linked,
        ItemKind::Type(_) => Decision::TypeOnly,
        ItemKind::Other(what) => {
            Decision::Refused(format!("{} in an interface", with_article(what)))
        }
    }
}

fn ours(interface: &str, item: &Item, contract: &Contract, policy: &Policy) -> Decision {
    match contract.compare(interface, &item.name, &item.kind) {
        Match::Unknown => {
            Decision::Refused(format!("the contract has no such {}", item.kind.word()))
        }
        Match::Differs(shape) if policy.defences().has(Defence::ExactTypes) => {
            differs(&item.kind, shape)
        }
        Match::Same | Match::Differs(_) => match &item.kind {
            ItemKind::Function(_) => function(interface, &item.name, policy),
            ItemKind::Resource => Decision::Linked,
            ItemKind::Type(_) | ItemKind::Other(_) => Decision::TypeOnly,
        },
    }
}

/// Refuses an item whose type is not that of the contract.
pub(super) fn differs(kind: &ItemKind, shape: &str) -> Decision {
    Decision::Refused(format!("its type is `{}`, the contract says `{shape}`", type_of(kind)))
}

/// `an instance`, `a function`.
pub(super) fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// The type of an item, or for one that has none, such as a resource, the word
/// for what it is.
fn type_of(kind: &ItemKind) -> &str {
    Some(kind.shape()).filter(|it| !it.is_empty()).unwrap_or(kind.word())
}

fn function(interface: &str, name: &str, policy: &Policy) -> Decision {
    match denial(interface, name, policy) {
        Some(reason) => stub_or_refuse(reason, policy),
        None => Decision::Linked,
    }
}

fn stub_or_refuse(reason: String, policy: &Policy) -> Decision {
    if policy.is_strict() { Decision::Refused(reason) } else { Decision::Stubbed(reason) }
}

/// Why a function of the contract is not linked: names the tool, the rule,
/// and what would grant it.
fn denial(interface: &str, name: &str, policy: &Policy) -> Option<String> {
    match Contract::purpose(interface, name) {
        Some(Purpose::Always) => None,
        Some(Purpose::Model) => (!policy.has_model()).then(|| NO_MODEL.to_owned()),
        Some(Purpose::Tool(tool)) => tool_denial(tool, policy),
        None => Some(format!("`{name}` is no tool of this host")),
    }
}

fn tool_denial(tool: ToolId, policy: &Policy) -> Option<String> {
    if policy.blocks(tool) {
        return Some(blocked_text(tool));
    }
    if let Some(reason) = policy.withheld().reason(tool) {
        return Some(format!("this host has no `{tool}`: {reason}"));
    }
    let is_granted = policy.grant().contains(tool) || !policy.defences().has(Defence::PlannedGrant);
    (!is_granted).then(|| {
        let what = match tool.held_by() {
            HeldBy::Orchestrator => "a parent that holds it".to_owned(),
            HeldBy::Anyone | HeldBy::Parent => format!("toolset `{}`", tool.toolset()),
        };
        format!("`{tool}` is not in the grant ({}): {what} would grant it", policy.grant())
    })
}

fn blocked_text(tool: ToolId) -> String {
    match tool.held_by() {
        HeldBy::Orchestrator => format!(
            "`{tool}` is blocked for a leaf: role `orchestrator` would grant it, below \
             `delegation.max_depth`"
        ),
        HeldBy::Anyone | HeldBy::Parent => {
            format!("`{tool}` is blocked for children: only the parent holds it")
        }
    }
}

#[cfg(test)]
mod tests;
