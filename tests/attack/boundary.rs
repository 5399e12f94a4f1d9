//! The import boundary (IB): what a component may ask for, and by what name.

use hermitage::defence::Defence;

use crate::{
    agent::{Agent, importing},
    case::{Case, Component, call, case, guest, text},
};

/// Interfaces of the contract that stand for tools.
const TOOLS: [&str; 8] =
    ["file", "terminal", "web", "delegation", "clarify", "memory", "messaging", "code-execution"];

pub(crate) fn cases() -> Vec<Case> {
    let families =
        [blocked(), versions(), shapes(), types(), wasi(), nested(), alike(), exports(), files()];
    families.concat()
}

/// What is blocked, or not granted, is never more than a stub.
fn blocked() -> Vec<Case> {
    let mut res = vec![
        guest("IB-1/memory-is-blocked", "imports_memory").held_by(Defence::Blocked),
        guest("IB-1/memory-asked-for", "imports_memory").toolsets(&["memory", "file_read"]),
        guest("IB-1/memory-strict", "imports_memory").strict(),
        guest("IB-1/terminal-not-granted", "calls_terminal_stub").held_by(Defence::PlannedGrant),
        // What the plan links by mistake is refused when it is called.
        guest("IB-1/terminal-linked-by-mistake", "calls_terminal_stub")
            .beneath(Defence::PlannedGrant)
            .held_by(Defence::CheckedGrant),
        guest("IB-1/read-file-not-granted", "honest").toolsets(&[]),
        guest("IB-1/toolbox-holds-the-grant", "uses_toolbox").toolsets(&["file"]),
        guest("IB-1/toolbox-holds-nothing", "uses_toolbox").toolsets(&[]),
        guest("IB-1/unknown-interface", "imports_unknown"),
    ];
    for tool in TOOLS {
        let import = format!(r#"(import "hermitage:subagent/{tool}@0.1.0" (instance))"#);
        res.push(text(format!("IB-3/empty-{tool}"), &importing(&import)).toolsets(&[]));
        res.push(
            text(format!("IB-3/empty-{tool}-strict"), &importing(&import)).toolsets(&[]).strict(),
        );
    }
    res
}

/// Only the very version of the contract is known.
fn versions() -> Vec<Case> {
    const MUTATIONS: [(&str, &str); 10] = [
        ("patch", "@0.1.9"),
        ("older", "@0.0.1"),
        ("minor", "@0.2.0"),
        ("major", "@1.1.0"),
        ("huge", "@0.1.4294967296"),
        ("build", "@0.1.0+evil"),
        ("prerelease", "@0.1.0-rc.1"),
        ("none", ""),
        ("short", "@0.1"),
        ("zeros", "@0.1.00"),
    ];
    let mut res = Vec::new();
    for tool in ["file", "memory", "types"] {
        for (name, version) in MUTATIONS {
            let import = format!(r#"(import "hermitage:subagent/{tool}{version}" (instance))"#);
            let case = text(format!("IB-2/{tool}-{name}"), &importing(&import));
            let is_alike = ["patch", "build"].contains(&name) && tool == "memory";
            res.push(if is_alike { case.held_by(Defence::ExactNames) } else { case });
        }
    }
    let twice = r#"(import "hermitage:subagent/file@0.1.0" (instance))
        (import "hermitage:subagent/file@0.1.9" (instance))"#;
    res.push(text("IB-2/two-versions", &importing(twice)));
    res
}

/// Anything but an interface.
fn shapes() -> Vec<Case> {
    [
        ("function", r#"(import "read-file" (func))"#),
        ("function-of-the-contract", r#"(import "file" (func (param "path" string)))"#),
        ("core-module", r#"(import "m" (core module))"#),
        ("component", r#"(import "c" (component))"#),
        ("plain-instance", r#"(import "file" (instance))"#),
        ("type", r#"(import "t" (type (sub resource)))"#),
        ("equal-type", r#"(type $u (list u8)) (import "t" (type (eq $u)))"#),
        ("url", r#"(import "url=<https://evil.example/x>" (func))"#),
        ("locked", r#"(import "locked-dep=<a:b/c@0.1.0>" (component))"#),
        ("unlocked", r#"(import "unlocked-dep=<hermitage:subagent/file@*>" (component))"#),
        ("integrity", r#"(import "integrity=<sha256-AAAA>" (component))"#),
        ("method", r#"(import "t" (type $t (sub resource))) (import "[method]t.x" (func (param "self" (borrow $t))))"#),
        ("static", r#"(import "t" (type $t (sub resource))) (import "[static]t.x" (func))"#),
        ("escapes-in-the-name", "(import \"url=<\\1b[31mRED\\0a\\e2\\80\\ae>\" (func))"),
    ]
    .map(|(name, import)| text(format!("IB-4/{name}"), &importing(import)))
    .to_vec()
}

/// The very types of the contract.
fn types() -> Vec<Case> {
    let progress = |items: &str| {
        importing(&format!(r#"(import "hermitage:subagent/progress@0.1.0" (instance {items}))"#))
    };
    let all = [
        ("extra-function", r#"(export "evil" (func))"#),
        ("extra-type", r#"(export "evil" (type (sub resource)))"#),
        ("extra-instance", r#"(export "evil" (instance))"#),
        ("extra-component", r#"(export "evil" (component))"#),
        ("extra-module", r#"(export "evil" (core module))"#),
        ("parameter", r#"(export "report" (func (param "text" u32)))"#),
        ("parameter-name", r#"(export "report" (func (param "texts" string)))"#),
        ("no-parameter", r#"(export "report" (func))"#),
        ("result", r#"(export "report" (func (param "text" string) (result string)))"#),
        ("resource-for-a-type", r#"(export "level" (type (sub resource)))"#),
        ("enum", r#"(type $l (enum "debug")) (export "level" (type (eq $l)))"#),
        ("function-for-a-type", r#"(export "level" (func))"#),
    ];
    let mut res: Vec<Case> =
        all.iter().map(|(name, it)| text(format!("IB-5/{name}"), &progress(it))).collect();
    let deep = (0..40).fold("string".to_owned(), |inner, _| format!("(list {inner})"));
    let deep = format!(r#"(export "report" (func (param "text" {deep})))"#);
    res.push(text("IB-5/deep-type".to_owned(), &progress(&deep)));
    let many: String = (0..300).map(|it| format!(r#"(export "f{it}" (func))"#)).collect();
    res.push(text("IB-5/many-items".to_owned(), &progress(&many)));
    let result = res.iter_mut().find(|it| it.id == "IB-5/parameter");
    let held = result.map(|it| it.held.push(crate::case::Held::By(Defence::ExactTypes)));
    assert!(held.is_some());
    res
}

/// Nothing ambient.
fn wasi() -> Vec<Case> {
    const ABSENT: [&str; 30] = [
        "sockets/network",
        "sockets/instance-network",
        "sockets/ip-name-lookup",
        "sockets/tcp",
        "sockets/tcp-create-socket",
        "sockets/udp",
        "sockets/udp-create-socket",
        "http/types",
        "http/outgoing-handler",
        "http/incoming-handler",
        "http/proxy",
        "cli/run",
        "cli/stdio",
        "clocks/timezone",
        "filesystem/all",
        "keyvalue/store",
        "keyvalue/atomics",
        "keyvalue/batch",
        "blobstore/blobstore",
        "blobstore/container",
        "config/store",
        "config/runtime",
        "logging/logging",
        "messaging/producer",
        "messaging/consumer",
        "nn/graph",
        "nn/inference",
        "sql/readwrite",
        "threads/spawn",
        "webgpu/webgpu",
    ];
    const VERSIONS: [&str; 7] = [
        "@0.2.13",
        "@0.3.0",
        "@0.2.0-rc-2023-11-10",
        "@0.2.0+x",
        "@0.3.0-rc-2025-09-16",
        "@0.2",
        "",
    ];
    let import = |name: &str| importing(&format!(r#"(import "wasi:{name}" (instance))"#));
    let mut res = Vec::new();
    for name in ABSENT {
        let id = format!("IB-6/{}", name.replace('/', "-"));
        res.push(text(id, &import(&format!("{name}@0.2.0"))));
    }
    for version in VERSIONS {
        let id = format!("IB-6/version{}", version.replace('@', "-"));
        res.push(text(id, &import(&format!("cli/environment{version}"))));
    }
    res.push(text("SE-1/environment-of-wasi", include_str!("../scenarios/wasi_agent.wat")));
    for name in ["filesystem/preopens", "cli/environment", "clocks/monotonic-clock"] {
        let id = format!("IB-6/inert-{}", name.replace('/', "-"));
        res.push(text(id, &import(&format!("{name}@0.2.6"))));
    }
    res
}

/// A component inside brings nothing with it.
fn nested() -> Vec<Case> {
    let memory = r#""hermitage:subagent/memory@0.1.0""#;
    let shapes = [
        ("never-instantiated", format!("(component (import {memory} (instance)))")),
        ("given-nothing", format!("(component $c (import {memory} (instance))) (instance $e) (instance (instantiate $c (with {memory} (instance $e))))")),
        ("passed-on", format!("(import {memory} (instance $m)) (component $c (import {memory} (instance))) (instance (instantiate $c (with {memory} (instance $m))))")),
        ("renamed", format!("(import {memory} (instance $m)) (component $c (import \"x\" (instance))) (instance (instantiate $c (with \"x\" (instance $m))))")),
        ("virtualised", format!("(import \"hermitage:subagent/progress@0.1.0\" (instance $p)) (component $c (import {memory} (instance))) (instance (instantiate $c (with {memory} (instance $p))))")),
        ("outer-alias", "(component (alias outer 1 $task (type)))".to_owned()),
        ("deep", "(component (component (component (component (component (component (component)))))))".to_owned()),
        ("too-deep", "(component (component (component (component (component (component (component (component (component)))))))))".to_owned()),
        ("instantiated-import", "(import \"c\" (component $c)) (instance (instantiate $c))".to_owned()),
    ];
    shapes.map(|(name, it)| text(format!("IB-7/{name}"), &importing(&it))).to_vec()
}

/// Names that look or sound alike.
fn alike() -> Vec<Case> {
    let names = [
        ("upper", "hermitage:subagent/MEMORY@0.1.0"),
        ("upper-package", "hermitage:SUBAGENT/memory@0.1.0"),
        ("other-namespace", "hermitages:subagent/memory@0.1.0"),
        ("other-package", "hermitage:subagents/memory@0.1.0"),
        ("plural", "hermitage:subagent/memorys@0.1.0"),
        ("hyphen", "hermitage:subagent/code-execution-x@0.1.0"),
        ("nested-package", "hermitage:subagent:memory/memory@0.1.0"),
        ("nested-interface", "hermitage:subagent/memory/memory@0.1.0"),
        ("wasi-alike", "wasl:cli/environment@0.2.0"),
        ("wasi-namespace", "wasi:subagent/memory@0.1.0"),
        ("tools-of-plugins", "hermitage:subagent/http@0.1.0"),
        ("settings-of-plugins", "hermitage:subagent/settings@0.1.0"),
    ];
    let import = |name: &str| format!(r#"(import "{name}" (instance))"#);
    let alike = |(id, name): (&str, &str)| text(format!("IB-8/{id}"), &importing(&import(name)));
    let mut res: Vec<Case> = names.map(alike).to_vec();
    // What no text format takes: the bytes of a good name are changed.
    let good = wat::parse_str(importing(&import("hermitage:subagent/memory@0.1.0"))).unwrap();
    for (id, name) in [
        ("cyrillic", "hermitage:subagent/mem\u{43e}ry@0.1.0"),
        ("space", "hermitage:subagent/ memory@0.1.0"),
        ("nul", "hermitage:subagent/memory\0@0.1.0"),
        ("zero-width", "hermitage:subagent/mem\u{200b}ry@0.1.0"),
        ("trailing-hyphen", "hermitage:subagent/memor-@0.1.0"),
        ("underscore", "hermitage:subagent/mem_ry@0.1.0"),
    ] {
        res.push(case(format!("IB-8/{id}"), Component::Bytes(renamed(&good, name))));
    }
    res
}

/// The component with another name for the interface `memory`, of any length:
/// of the sections around it, the lengths are corrected.
fn renamed(component: &[u8], name: &str) -> Vec<u8> {
    const GOOD: &[u8] = b"hermitage:subagent/memory@0.1.0";
    let at = component.windows(GOOD.len()).position(|it| it == GOOD).unwrap();
    // An import section with a single import: its length, a count, a kind of
    // name, the length of the name, the name.
    let (length, size) = (at - 4, at - 1);
    let mut res = component.to_vec();
    res.splice(at..at + GOOD.len(), name.bytes());
    let more = name.len() as i64 - GOOD.len() as i64;
    for place in [length, size] {
        res[place] = u8::try_from(i64::from(res[place]) + more).unwrap();
    }
    res
}

/// The world's one export.
fn exports() -> Vec<Case> {
    let plain = |main: &str, lift: &str| {
        format!(
            r#"(component (core module $m (memory (export "memory") 1) {main})
            (core instance $i (instantiate $m)) {lift})"#
        )
    };
    let lift =
        |ty: &str| format!(r#"(func (export "run") {ty} (canon lift (core func $i "run")))"#);
    let number = r#"(func (export "run") (result i32) i32.const 0)"#;
    let agent = |export, exports| Agent { export, exports, ..Agent::default() }.text();
    vec![
        text("IB-10/none".to_owned(), "(component)"),
        text("IB-10/no-parameter", &plain(number, &lift("(result u32)"))),
        text(
            "IB-10/other-parameter".to_owned(),
            &plain(
                r#"(func (export "run") (param i32) (result i32) i32.const 0)"#,
                &lift(r#"(param "task" u32) (result u32)"#),
            ),
        ),
        text(
            "IB-10/instance".to_owned(),
            r#"(component (instance $i) (export "run" (instance $i)))"#,
        ),
        text(
            "IB-10/component".to_owned(),
            r#"(component (component $c) (export "run" (component $c)))"#,
        ),
        text(
            "IB-10/module".to_owned(),
            r#"(component (core module $m) (export "run" (core module $m)))"#,
        ),
        text("IB-10/other-name".to_owned(), &agent("runs", "")),
        text(
            "IB-10/shadows-the-host".to_owned(),
            &agent("", r#"(instance $i) (export "hermitage:subagent/file@0.1.0" (instance $i))"#),
        ),
        text(
            "IB-10/thousands".to_owned(),
            &agent(
                "",
                &(0..5_000)
                    .map(|it| format!(r#"(export "x{it}" (func $run))"#))
                    .collect::<String>(),
            ),
        ),
    ]
}

/// Files that are no component.
fn files() -> Vec<Case> {
    let whole = wat::parse_str(importing("")).unwrap();
    let bytes = |name: &str, bytes: Vec<u8>| case(format!("IB-11/{name}"), Component::Bytes(bytes));
    let mut res = vec![
        bytes("empty", Vec::new()),
        bytes("text", b"(component)".to_vec()),
        bytes("module", wat::parse_str("(module)").unwrap()),
        bytes("program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec()),
        bytes("script", b"#!/bin/sh\necho owned\n".to_vec()),
        bytes("packed", b"\x1f\x8b\x08\0\0\0\0\0".to_vec()),
        bytes("layer", b"\0asm\x0d\0\x02\0".to_vec()),
        bytes("version", b"\0asm\xff\0\x01\0".to_vec()),
        bytes("magic-alone", b"\0asm".to_vec()),
        bytes("section-without-end", [&whole[..8], &[1, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat()),
        bytes("section-unknown", [&whole[..8], &[99, 1, 0]].concat()),
        bytes(
            "length-too-long",
            [&whole[..8], &[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]].concat(),
        ),
        bytes("twice", [whole.clone(), whole.clone()].concat()),
        bytes("zeros-behind", [whole.clone(), vec![0; 64]].concat()),
        bytes("module-inside", [&whole[..8], &[1, 8], b"\0asm\x01\0\0\0".as_slice()].concat()),
        // Reads files of the workspace by another way in.
        call("IB-11/toolbox-by-name", "file_read", "write_file", r#"{"path":"x","content":"y"}"#),
    ];
    for part in 1..=8 {
        let length = whole.len() * part / 9;
        res.push(bytes(&format!("cut-{part}"), whole[..length].to_vec()));
    }
    res
}
