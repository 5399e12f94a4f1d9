//! What is planned against what can be linked, for components that import
//! anything.

use std::{fs, sync::LazyLock};

use arbitrary::{Result, Unstructured};
use wasmtime::{Engine, component::Component};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

pub(crate) use super::value::oracle::value;

use super::{Binary, SandboxConfig, admit::admit, compile::Loaded, engine};
use crate::{
    boundary::{self, Contract, Decision, Plan, Purpose, plan},
    noise,
    setting::built_in,
};

/// Packages beside the contract.
const OTHERS: &str = "
package wasi:cli@0.2.3 { interface environment { get-arguments: func() -> list<string>; } }
package wasi:random@0.2.0 { interface insecure { get-insecure-random-u64: func() -> u64; } }
package wasi:sockets@0.2.0 { interface network { resource network; connect: func(n: borrow<network>); } }
package evil:corp@1.0.0 { interface exfiltrate { send: func(it: string); } }
";

/// What a world may import besides.
const IMPORTS: &[&str] = &[
    "import wasi:cli/environment@0.2.3;",
    "import wasi:random/insecure@0.2.0;",
    "import wasi:sockets/network@0.2.0;",
    "import evil:corp/exfiltrate@1.0.0;",
    "import bare: func();",
];

/// Those that no policy allows.
const FOREIGN: [&str; 3] = ["import wasi:sockets", "import evil:", "import bare:"];

/// Texts of the contract, and what one that was changed has in their place.
const CHANGES: &[(&str, &str)] = &[
    ("string", "u32"),
    ("u32", "u64"),
    ("u64", "s64"),
    ("option<u32>", "u32"),
    ("option<string>", "string"),
    ("list<string>", "string"),
    ("bool", "u8"),
    ("f64", "f32"),
    ("denied", "denied-too"),
    ("read-file", "read-files"),
    ("result<_, tool-error>", "result<string, tool-error>"),
    (", tool-error>", ">"),
    ("first-line", "last-line"),
    ("@0.1.0", "@0.1.1"),
    ("@0.1.0", "@0.2.0"),
    ("hermitage:subagent@", "hermitage:subagents@"),
];

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let config = SandboxConfig { max_live_cells: 1, plugin_cells: 1, ..built_in() };
    engine::engine(&config).unwrap_or_else(|err| unreachable!("no engine: {err}"))
});

/// The contract, all of it in one text.
static CONTRACT: LazyLock<String> = LazyLock::new(|| {
    let dir = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/wit"));
    let texts =
        dir.into_iter().flatten().flatten().filter_map(|it| fs::read_to_string(it.path()).ok());
    let texts: String = texts.collect();
    let is_kept = |it: &&str| !it.starts_with("package ") && !it.trim_start().starts_with("///");
    let lines: Vec<&str> = texts.lines().filter(is_kept).collect();
    format!("package hermitage:subagent@0.1.0;\n{}\n{OTHERS}", lines.join("\n"))
});

/// What is planned without a refusal can be linked, and nothing else; what is
/// linked was granted.
pub(crate) fn linked(u: &mut Unstructured<'_>) -> Result<()> {
    let wit = wit(u)?;
    let Some(component) = component(&wit) else { return Ok(()) };
    let held = boundary::oracle::any(u)?;
    let policy = boundary::oracle::policy(u, None, &held)?;
    let compiled = Component::new(&ENGINE, &component);
    // What the engine does not take is never planned.
    let Ok(compiled) = compiled else { return Ok(()) };
    let loaded = Loaded::of(&ENGINE, *Binary::new(component).digest(), compiled);
    let decided = plan(loaded.imports(), Contract::current(), &policy);
    assert_eq!(plan(loaded.imports(), Contract::current(), &policy), decided);
    is_covered(&decided, loaded.imports());
    for line in decided.lines().iter().filter(|it| it.decision == Decision::Linked) {
        let item = line.item.as_deref().unwrap_or_default();
        if let Some(Purpose::Tool(tool)) = Contract::purpose(&line.interface, item) {
            assert!(policy.grant().contains(tool) && !policy.blocks(tool), "{line} is linked");
        }
    }
    let admitted = admit(&ENGINE, &loaded, &policy);
    let is_of_wasi = decided.lines().iter().any(|it| it.interface.starts_with("wasi:"));
    match admitted {
        Ok(admitted) => {
            assert!(
                decided.refusals().is_empty() && !FOREIGN.iter().any(|it| wit.contains(it)),
                "{wit}"
            );
            assert_eq!(admitted.record().linked, decided.linked());
        }
        // Types of WASI and of `run` are for the linker to compare.
        Err(record) => {
            let is_whole =
                record.refused.iter().all(|it| it.import == crate::event::BoundaryLine::WHOLE);
            assert!(!record.refused.is_empty());
            assert!(!is_whole || is_of_wasi || is_other_run(&wit), "{:?}\n{wit}", record.refused);
        }
    }
    Ok(())
}

/// Each import is decided, and none but those.
fn is_covered(plan: &Plan, imports: &[boundary::Import]) {
    assert!(imports.iter().all(|import| plan.lines().iter().any(|it| it.interface == import.name)
        || matches!(&import.kind, boundary::ImportKind::Interface(items) if items.is_empty())));
    assert!(plan.lines().iter().all(|line| imports.iter().any(|it| it.name == line.interface)));
}

/// The types that `run` is made of.
fn is_other_run(wit: &str) -> bool {
    let part = |of: &str| {
        let start = of.find("interface types").unwrap_or_default();
        let rest = of.get(start..).unwrap_or_default();
        rest.get(..rest.find("variant tool-error").unwrap_or(rest.len()))
            .unwrap_or_default()
            .to_owned()
    };
    part(wit) != part(&CONTRACT)
        || !wit.contains("export run: func(task: task) -> result<report, string>;")
}

/// The contract with some changes, imported in part.
fn wit(u: &mut Unstructured<'_>) -> Result<String> {
    let changes = if u.arbitrary()? { 0 } else { u.int_in_range(1..=2)? };
    let mut lines: Vec<String> = CONTRACT.lines().map(str::to_owned).collect();
    for _ in 0..changes {
        let (from, to) = noise::one_of(u, CHANGES)?;
        let places: Vec<usize> =
            lines.iter().enumerate().filter(|it| it.1.contains(from)).map(|it| it.0).collect();
        let place = u.choose_index(places.len().max(1))?;
        if let Some(line) = places.get(place).and_then(|it| lines.get_mut(*it)) {
            *line = line.replacen(from, to, 1);
        }
    }
    let is_left_out =
        |it: &str| it.contains(": func(") && it.trim_end().ends_with(';') && !it.contains("export");
    let mut kept = Vec::new();
    for line in lines {
        let is_import = line.starts_with("    import ");
        if (is_import || is_left_out(&line)) && u.ratio(1, 3)? {
            continue;
        }
        let is_world = line.starts_with("world subagent");
        kept.push(line);
        if is_world && u.ratio(1, 4)? {
            kept.push(noise::one_of(u, IMPORTS)?.to_owned());
        }
    }
    Ok(kept.join("\n"))
}

/// A component that imports all of such a world; `None` when it is none.
fn component(wit: &str) -> Option<Vec<u8>> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("contract.wit", wit).ok()?;
    let world = resolve.select_world(&[package], Some("subagent")).ok()?;
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).ok()?;
    ComponentEncoder::default().validate(true).module(&module).ok()?.encode().ok()
}
