use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    boundary::Terms,
    event::Role,
    tools::bundled,
    toolset::{Blocked, Grant},
};

const FILE: &str = "hermitage:subagent/file@0.1.0";
const MEMORY: &str = "hermitage:subagent/memory@0.1.0";

fn policy(toolsets: &[&str], strict: bool) -> Arc<Policy> {
    policy_of(toolsets, Role::Leaf, strict)
}

fn policy_of(toolsets: &[&str], role: Role, strict: bool) -> Arc<Policy> {
    let wanted = bundled().expand(toolsets).unwrap();
    let terms = Terms { strict, ..Terms::of(role) };
    Policy::decide(Some(&wanted), &bundled().held(), terms, [])
}

/// Of a child that asks for all that its parent holds.
fn widest(role: Role) -> Arc<Policy> {
    Policy::decide(None, &bundled().held(), Terms { strict: true, ..Terms::of(role) }, [])
}

/// An item as the contract has it, so that a test names only what differs.
fn item(interface: &str, name: &str) -> Item {
    let functions = ["func(", "async func("];
    let table = include_str!("../contract.txt");
    let line =
        table.lines().find(|it| it.starts_with(interface) && it.split(' ').nth(2) == Some(name));
    let mut parts =
        line.unwrap_or_else(|| panic!("no `{interface}#{name}`")).splitn(4, ' ').skip(1);
    let (word, _, shape) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let kind = match word {
        Some("resource") => ItemKind::Resource,
        _ if functions.iter().any(|it| shape.starts_with(it)) => {
            ItemKind::Function(shape.to_owned())
        }
        _ => ItemKind::Type(shape.to_owned()),
    };
    Item { name: name.to_owned(), kind }
}

fn function(name: &str) -> Item {
    Item { name: name.to_owned(), kind: ItemKind::Function("func()".to_owned()) }
}

fn interface(name: &str, items: Vec<Item>) -> Import {
    Import { name: name.to_owned(), kind: ImportKind::Interface(items) }
}

fn other(name: &str, what: &str) -> Import {
    Import { name: name.to_owned(), kind: ImportKind::Other(what.to_owned()) }
}

/// One line for each decision: `import: decision`.
fn check(imports: &[Import], policy: &Policy, expect: &[&str]) {
    let plan = plan(imports, Contract::current(), policy);
    let lines: Vec<String> = plan
        .lines()
        .iter()
        .map(|line| match &line.decision {
            Decision::Linked => format!("{line}: linked"),
            Decision::TypeOnly => format!("{line}: type"),
            Decision::Stubbed(why) => format!("{line}: stubbed: {why}"),
            Decision::Refused(why) => format!("{line}: refused: {why}"),
        })
        .collect();
    assert_eq!(lines, expect);
}

#[test]
fn a_granted_tool_is_linked_and_its_neighbour_is_not() {
    let imports = [interface(FILE, vec![item(FILE, "read-file"), item(FILE, "write-file")])];
    check(
        &imports,
        &policy(&["file"], false),
        &[
            "hermitage:subagent/file@0.1.0#read-file: linked",
            "hermitage:subagent/file@0.1.0#write-file: linked",
        ],
    );
    check(
        &imports,
        &policy(&["file_read"], false),
        &[
            "hermitage:subagent/file@0.1.0#read-file: linked",
            "hermitage:subagent/file@0.1.0#write-file: stubbed: `write_file` is not in the grant \
             (read_file, search_files): toolset `file` would grant it",
        ],
    );
    check(
        &imports,
        &policy(&[], true),
        &[
            "hermitage:subagent/file@0.1.0#read-file: refused: `read_file` is not in the grant \
             (no tools): toolset `file_read` would grant it",
            "hermitage:subagent/file@0.1.0#write-file: refused: `write_file` is not in the grant \
             (no tools): toolset `file` would grant it",
        ],
    );
}

#[test]
fn what_every_child_has_is_linked_without_a_grant() {
    let toolbox = "hermitage:subagent/toolbox@0.1.0";
    let names = ["tool", "[method]tool.call", "granted"];
    check(
        &[interface(toolbox, names.iter().map(|it| item(toolbox, it)).collect())],
        &policy(&[], true),
        &[
            "hermitage:subagent/toolbox@0.1.0#tool: linked",
            "hermitage:subagent/toolbox@0.1.0#[method]tool.call: linked",
            "hermitage:subagent/toolbox@0.1.0#granted: linked",
        ],
    );
}

const BLOCKED: [(&str, &str); 5] = [
    ("delegation", "delegate-task"),
    ("clarify", "clarify"),
    ("memory", "memory"),
    ("messaging", "send-message"),
    ("code-execution", "execute-code"),
];

const LEAF: &str = "`delegate_task` is blocked for a leaf: role `orchestrator` would grant it, \
                    below `delegation.max_depth`";

#[test]
fn an_orchestrator_that_holds_it_may_delegate_and_use_nothing_else_that_is_blocked() {
    let imports = BLOCKED.map(|(name, function)| {
        let full = format!("hermitage:subagent/{name}@0.1.0");
        let item = item(&full, function);
        interface(&full, vec![item])
    });
    let policy = policy_of(&["memory", "clarify", "messaging"], Role::Orchestrator, true);
    // However the policy was put together.
    for policy in [policy, widest(Role::Orchestrator)] {
        let plan = plan(&imports, Contract::current(), &policy);
        assert_eq!(plan.linked(), ["hermitage:subagent/delegation@0.1.0#delegate-task"]);
        assert_eq!(plan.refusals().len(), 4);
        let blocked = Blocked::default();
        let blocked = policy.grant().iter().filter(|it| blocked.contains(*it)).count();
        assert_eq!(blocked, 1);
    }
    let leaf = widest(Role::Leaf);
    assert_eq!(plan(&imports, Contract::current(), &leaf).linked(), Vec::<String>::new());
}

#[test]
fn an_orchestrator_whose_parent_can_not_delegate_is_told_so() {
    let name = "hermitage:subagent/delegation@0.1.0";
    let policy = Policy::of(&Grant::default(), Role::Orchestrator);
    check(
        &[interface(name, vec![item(name, "delegate-task")])],
        &policy,
        &["hermitage:subagent/delegation@0.1.0#delegate-task: stubbed: `delegate_task` is not in \
           the grant (no tools): a parent that holds it would grant it"],
    );
}

#[test]
fn blocked_tools_are_stubbed_or_refused_whatever_was_asked_for() {
    let all = ["file", "memory", "delegation", "clarify", "messaging", "code_execution"];
    for (name, function) in BLOCKED {
        let full = format!("hermitage:subagent/{name}@0.1.0");
        let imports = [interface(&full, vec![item(&full, function)])];
        let tool = function.replace('-', "_");
        let why = match function {
            "delegate-task" => LEAF.to_owned(),
            _ => format!("`{tool}` is blocked for children: only the parent holds it"),
        };
        let stubbed = format!("{full}#{function}: stubbed: {why}");
        check(&imports, &policy(&all, false), &[&stubbed]);
        let refused = format!("{full}#{function}: refused: {why}");
        check(&imports, &policy(&all, true), &[&refused]);
    }
}

#[test]
fn a_blocked_interface_without_functions_is_seen_although_the_linker_takes_it() {
    let why = "`memory` is blocked for children: only the parent holds it";
    for items in [vec![], vec![item(MEMORY, "memory-change")]] {
        let n_types = items.len();
        let imports = [interface(MEMORY, items)];
        let types = vec!["hermitage:subagent/memory@0.1.0#memory-change: type"; n_types];
        for (strict, word) in [(false, "stubbed"), (true, "refused")] {
            let whole = format!("{MEMORY}: {word}: {why}");
            let expect: Vec<&str> = std::iter::once(whole.as_str()).chain(types.clone()).collect();
            check(&imports, &policy(&["file"], strict), &expect);
        }
    }
}

#[test]
fn only_the_exact_version_is_taken() {
    for version in [
        "0.1.9",
        "0.1.1",
        "0.2.0",
        "1.0.0",
        "0.0.1",
        "0.1.0-rc.1",
        "0.1.0+build.7",
        "0.1.0+evil",
        "0.1.4294967295+x",
        "0.1",
        "0.1.00",
        "0.1.0 ",
        "",
    ] {
        let name = format!("hermitage:subagent/file@{version}");
        check(
            &[interface(&name, vec![item(FILE, "read-file")])],
            &policy(&["file"], false),
            &[&format!(
                "{name}: refused: this host speaks `hermitage:subagent/file` in version `0.1.0` \
                 exactly: build against that"
            )],
        );
    }
}

#[test]
fn one_interface_under_two_versions_is_refused() {
    let inert = "wasi:io/error";
    check(
        &[interface("wasi:io/error@0.2.0", vec![]), interface("wasi:io/error@0.2.6", vec![])],
        &policy(&["file"], false),
        &[&format!("{inert}@0.2.6: refused: imported twice, also as `{inert}@0.2.0`")],
    );
}

#[test]
fn names_that_look_like_ours_are_unknown() {
    for name in [
        "hermitage:subagent/File@0.1.0",
        "hermitage:subagent/file-@0.1.0",
        "hermitage:subagent/fіle@0.1.0",
        "hermitage:subagent/http@0.1.0",
        "hermitage:subagent/settings@0.1.0",
        "hermitage:subagent/file/../memory@0.1.0",
    ] {
        check(
            &[interface(name, vec![function("read-file")])],
            &policy(&["file"], false),
            &[&format!("{name}: refused: no interface of world `subagent`")],
        );
    }
    for name in ["hermitage:subagents/file@0.1.0", "evil:corp/exfiltrate@1.0.0", "file", "inl", ""]
    {
        check(
            &[interface(name, vec![function("read-file")])],
            &policy(&["file"], false),
            &[&format!(
                "{name}: refused: unknown interface: nothing outside the contract is linked"
            )],
        );
    }
    check(
        &[interface("hermitage:subagent/file", vec![item(FILE, "read-file")])],
        &policy(&["file"], false),
        &["hermitage:subagent/file: refused: no interface of world `subagent`"],
    );
}

#[test]
fn root_imports_that_are_no_interface_are_refused() {
    for what in
        ["a function", "a core module", "an instance", "a component", "a type", "a resource"]
    {
        let noun = what.split_once(' ').unwrap().1;
        check(
            &[other("run-this", noun)],
            &policy(&["file"], false),
            &[&format!("run-this: refused: {what} can't be imported: only interfaces are")],
        );
    }
}

#[test]
fn an_item_that_the_contract_does_not_have_is_refused() {
    let delete =
        Item { name: "delete-file".to_owned(), kind: ItemKind::Function("func()".to_owned()) };
    let resource = Item { name: "handle".to_owned(), kind: ItemKind::Resource };
    let instance = Item { name: "nested".to_owned(), kind: ItemKind::Other("instance".to_owned()) };
    check(
        &[interface(FILE, vec![item(FILE, "read-file"), delete, resource, instance])],
        &policy(&["file"], false),
        &[
            "hermitage:subagent/file@0.1.0#read-file: linked",
            "hermitage:subagent/file@0.1.0#delete-file: refused: the contract has no such function",
            "hermitage:subagent/file@0.1.0#handle: refused: the contract has no such resource",
            "hermitage:subagent/file@0.1.0#nested: refused: the contract has no such instance",
        ],
    );
}

#[test]
fn a_changed_type_is_refused_with_both_types() {
    let progress = "hermitage:subagent/progress@0.1.0";
    let changed = |kind| Item { name: "report".to_owned(), kind };
    let report = "hermitage:subagent/progress@0.1.0#report";
    for (kind, word) in [
        (
            ItemKind::Function("func(text: string) -> string".to_owned()),
            "func(text: string) -> string",
        ),
        (ItemKind::Function("func(message: string)".to_owned()), "func(message: string)"),
        (ItemKind::Function("async func(text: string)".to_owned()), "async func(text: string)"),
        (ItemKind::Resource, "resource"),
    ] {
        check(
            &[interface(progress, vec![changed(kind)])],
            &policy(&[], false),
            &[&format!(
                "{report}: refused: its type is `{word}`, the contract says `func(text: string)`"
            )],
        );
    }
}

#[test]
fn every_signature_of_the_contract_is_compared() {
    for (name, function) in Contract::current().functions() {
        let mut changed = item(name, function);
        let ItemKind::Function(shape) = &mut changed.kind else {
            panic!("{name}#{function}");
        };
        shape.push_str(" -> bool");
        let plan =
            plan(&[interface(name, vec![changed])], Contract::current(), &policy(&["file"], false));
        assert_eq!(plan.refusals().len(), 1, "{name}#{function}");
    }
}

/// Every interface of WASI 0.2, so that one which nobody thought of is seen.
const WASI: &[&str] = &[
    "wasi:cli/command",
    "wasi:cli/run",
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
    "wasi:clocks/timezone",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/types",
    "wasi:http/incoming-handler",
    "wasi:http/outgoing-handler",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
    "wasi:sockets/types",
    "wasi:keyvalue/store",
    "wasi:config/store",
    "wasi:logging/logging",
    "wasi:nn/inference",
];

#[test]
fn each_wasi_interface_alone_is_inert_stubbed_or_refused() {
    for path in WASI {
        for version in ["0.2.0", "0.2.6", "0.2.12"] {
            let name = format!("{path}@{version}");
            let expect = if WASI_INERT.contains(path) {
                format!("{name}#f: linked")
            } else if WASI_STUBBED.contains(path) {
                format!("{name}#f: stubbed: no directory is open")
            } else {
                format!(
                    "{name}: refused: not in the inert WASI set: a component reaches nothing but tools"
                )
            };
            let imports = [interface(&name, vec![function("f")])];
            check(&imports, &policy(&["file"], false), &[&expect]);
        }
    }
}

#[test]
fn wasi_in_any_other_version_is_refused() {
    for version in
        ["0.2.13", "0.2.100", "0.2.0-rc-2023-11-10", "0.2.6+build", "0.3.0", "0.2", "0.2.06", "1"]
    {
        let name = format!("wasi:io/error@{version}");
        check(
            &[interface(&name, vec![])],
            &policy(&["file"], false),
            &[&format!("{name}: refused: WASI is known in versions `0.2.0` to `0.2.12`")],
        );
    }
}

#[test]
fn every_refusal_is_told_at_once() {
    let imports = [
        interface("evil:corp/exfiltrate@1.0.0", vec![function("send")]),
        interface("wasi:sockets/tcp@0.2.0", vec![function("connect")]),
        interface(FILE, vec![function("delete-all")]),
    ];
    let plan = plan(&imports, Contract::current(), &policy(&["file"], false));
    assert_eq!(plan.refusals().len(), 3);
}

#[test]
fn the_digest_covers_decisions_and_reasons() {
    let imports = [interface(FILE, vec![item(FILE, "read-file"), item(FILE, "write-file")])];
    let digest = |policy: &Policy| plan(&imports, Contract::current(), policy).digest();
    let all = digest(&policy(&["file"], false));
    assert_ne!(all, digest(&policy(&["file"], true)));
    assert_ne!(all, digest(&policy(&["file_read"], false)));
    let orchestrator = Policy::of(&bundled().expand(&["file"]).unwrap(), Role::Orchestrator);
    assert_ne!(all, digest(&orchestrator));
    // Same decisions, another reason.
    assert_ne!(digest(&policy(&["file_read"], false)), digest(&policy(&["read_file"], false)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// One changed, added or removed character anywhere in a name.
    #[test]
    fn a_name_that_is_not_to_the_letter_is_never_linked(
        idx in 0_usize..100,
        place in 0_usize..60,
        replaced in 0_usize..2,
        inserted in "[a-z0-9@:/.+ \\-]?|[A-Z]|\u{430}|\u{0}",
    ) {
        let functions: Vec<_> = Contract::current().functions().collect();
        let (name, function) = functions[idx % functions.len()];
        let chars: Vec<char> = name.chars().collect();
        let place = place % chars.len();
        let (before, after) = (&chars[..place], &chars[(place + replaced).min(chars.len())..]);
        let mutated: String =
            before.iter().copied().chain(inserted.chars()).chain(after.iter().copied()).collect();
        prop_assume!(mutated != name);
        let imports = [interface(&mutated, vec![item(name, function)])];
        let plan = plan(&imports, Contract::current(), &policy(&["file"], false));
        prop_assert!(plan.linked().is_empty(), "{}", mutated);
        prop_assert_eq!(plan.refusals().len(), 1);
    }
}
