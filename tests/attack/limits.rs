//! What a guest takes (RT), hands over (HB), and does when it is to stop
//! (AS).

use crate::{
    agent::{Agent, running},
    case::{Case, Component, call, case, guest, text},
};

pub(crate) fn cases() -> Vec<Case> {
    [time(), room(), calls(), words(), pointers(), arguments(), stops()].concat()
}

const CPU: &str = "sandbox.cpu_seconds";

/// Computing for ever, in every place that is a guest's.
fn time() -> Vec<Case> {
    const FOR_EVER: &str = "(loop $again (br $again)) (unreachable)";
    let spins = |main: &str| running(main);
    let run = |body: &str| format!(r#"(func (export "run") (param i32) (result i32) {body})"#);
    let cases = vec![
        guest("RT-1/run", "spins").held_below(CPU, "60"),
        guest("RT-1/start", "spins_in_start"),
        guest("RT-1/keeps-its-checkpoint", "checkpoint_then_hangs"),
        text("RT-1/realloc", &Agent { realloc: FOR_EVER, ..Agent::default() }.text()),
        text(
            "RT-1/post-return",
            &Agent {
                main: &format!(
                    r#"{} (func (export "post") (param i32) {FOR_EVER})"#,
                    crate::agent::RAN
                ),
                options: r#"(post-return (core func $main "post"))"#,
                ..Agent::default()
            }
            .text(),
        ),
        text(
            "RT-2/fill",
            &spins(&run(
                "(loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br $again)) (unreachable)",
            )),
        ),
        text(
            "RT-2/copy",
            &spins(&run(
                "(loop $again (memory.copy (i32.const 0) (i32.const 32768) (i32.const 32768)) (br $again)) (unreachable)",
            )),
        ),
        text(
            "RT-2/grow-and-forget",
            &spins(&run(
                "(loop $again (drop (memory.grow (i32.const 0))) (br $again)) (unreachable)",
            )),
        ),
        text(
            "RT-2/divisions",
            &spins(&format!(
                "(global $x (mut i64) (i64.const 7)) {}",
                run(
                    "(loop $again (global.set $x (i64.div_u (i64.const -1) (i64.or (global.get $x) (i64.const 1)))) (br $again)) (unreachable)"
                )
            )),
        ),
    ];
    cases.into_iter().map(|it| it.config(CPU, 1)).collect()
}

/// Memory, tables, stack.
fn room() -> Vec<Case> {
    const MEMORY: &str = "sandbox.memory_mib";
    let run = |body: &str| format!(r#"(func (export "run") (param i32) (result i32) {body})"#);
    let table = format!(
        r#"(table $t 1 funcref) {}"#,
        run("(if (i32.eq (table.grow $t (ref.null func) (i32.const 1000000)) (i32.const -1)) (then (unreachable)))
             (i32.const 64)")
    );
    vec![
        guest("RT-4/takes-and-copes", "grows_memory").config(MEMORY, 8).lines(1),
        guest("RT-4/takes-and-falls", "exhausts_memory").config(MEMORY, 8),
        text("RT-4/table", &running(&table)),
        text(
            "RT-4/starts-with-too-much",
            &running(&format!("(memory $big 1000) {}", crate::agent::RAN)),
        )
        .config(MEMORY, 8)
        .held_below(MEMORY, "128"),
        text(
            "RT-4/many-memories",
            &running(&format!("{} {}", "(memory 1)".repeat(60), crate::agent::RAN)),
        ),
        text(
            "RT-4/table-at-the-start",
            &running(&format!("(table 1000000 funcref) {}", crate::agent::RAN)),
        ),
        text("RT-4/64-bit-memory", &running(&format!("(memory i64 1) {}", crate::agent::RAN))),
        text(
            "RT-8/relaxed-simd",
            &running(&format!(
                r#"(func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0))) {}"#,
                crate::agent::RAN
            )),
        ),
        text("TN-3/shared-memory", &running(&format!("(memory 1 1 shared) {}", crate::agent::RAN))),
        guest("RT-5/recursion", "recurses"),
        guest("RT-5/recursion-and-a-call", "recurses_then_calls").config(CPU, 60),
    ]
}

/// Calls of the host.
fn calls() -> Vec<Case> {
    const CALLS: &str = "sandbox.host_calls";
    vec![
        guest("RT-3/searches", "loops_on_host_calls").config(CALLS, 300).held_below(CALLS, "3000"),
        guest("RT-3/progress", "loops_on_progress").config(CALLS, 300).held_below(CALLS, "30000"),
        guest("RT-3/tools-of-the-tree", "loops_on_host_calls")
            .alone()
            .config("budget.tool_calls", 50)
            .held_below("budget.tool_calls", "100000")
            .config(CPU, 2),
        guest("HB-3/handles", "floods_handles")
            .config("sandbox.handles", 64)
            .config(CALLS, 2_000)
            .held_below("sandbox.handles", "100000"),
        guest("SE-3/log", "floods_log").config(CPU, 60),
        guest("HB-1/report-of-10-mb", "returns_10mb").held_below("sandbox.host_call_kib", "65536"),
        guest("HB-9/report-of-2-mb", "returns_2mb").held_below("sandbox.result_kib", "4096"),
        guest("RT-7/trap", "traps"),
        guest("RT-7/panic", "panics"),
        guest("RT-7/error", "fails"),
        guest("RT-7/says-failed", "says_failed"),
        guest("RT-7/blank", "blank"),
    ]
}

/// Texts that are none.
fn words() -> Vec<Case> {
    let returns = |data: &str, length: u32| {
        running(&format!(
            r#"(data (i32.const 1024) "{data}")
            (func (export "run") (param i32) (result i32)
              (i32.store (i32.const 80) (i32.const 1024))
              (i32.store (i32.const 84) (i32.const {length}))
              (i32.const 64))"#
        ))
    };
    vec![
        text("HB-5/no-utf-8", &returns("a\\ff\\feb", 4)),
        text("HB-5/surrogate", &returns("\\ed\\a0\\80", 3)),
        text("HB-5/overlong", &returns("\\c0\\af", 2)),
        text("HB-5/nul", &returns("a\\00b", 3)),
        text("HB-5/cut-character", &returns("\\e2\\82", 2)),
        text("HB-5/white-space", &returns("\\c2\\a0\\e2\\80\\8b", 5)),
        text("EV-7/escapes", &returns("a\\1b[2J\\1b]0;t\\07\\c2\\9b31mb", 17)),
        text("EV-7/bidi", &returns("a\\e2\\80\\aeb\\e2\\81\\a6c", 9)),
        text("EV-7/carriage-return", &returns("good\\0dbad!", 9)),
    ]
}

/// Addresses that lead nowhere.
fn pointers() -> Vec<Case> {
    let returns = |at: &str, text: &str, length: &str, outcome: &str| {
        running(&format!(
            r#"(func (export "run") (param i32) (result i32)
              (i32.store8 (i32.const 64) (i32.const {outcome}))
              (i32.store (i32.const 80) (i32.const {text}))
              (i32.store (i32.const 84) (i32.const {length}))
              (i32.const {at}))"#
        ))
    };
    let realloc = |body: &str| Agent { realloc: body, ..Agent::default() }.text();
    vec![
        text("HB-1/4-gib-of-text", &returns("64", "0", "-1", "0")),
        text("HB-1/2-gib-of-text", &returns("64", "0", "0x7fffffff", "0")),
        text("HB-1/text-at-the-end", &returns("64", "65530", "100", "0")),
        text("HB-6/result-outside", &returns("-8", "0", "0", "0")),
        text("HB-6/result-misaligned", &returns("65", "0", "0", "0")),
        text("HB-8/neither-ok-nor-error", &returns("64", "0", "0", "9")),
        text("HB-6/realloc-outside", &realloc("(i32.const -8)")),
        text("HB-6/realloc-misaligned", &realloc("(i32.const 4097)")),
        text("HB-6/realloc-on-top", &realloc("(i32.const 4096)")),
        text("HB-6/realloc-traps", &realloc("(unreachable)")),
        case(
            "HB-8/bool-of-7",
            Component::Bytes(
                wat::parse_str(running(
                    r#"(data (i32.const 1024) "ran")
            (func (export "run") (param i32) (result i32)
              (i32.store (i32.const 80) (i32.const 1024))
              (i32.store (i32.const 84) (i32.const 3))
              (i32.store8 (i32.const 88) (i32.const 7))
              (i32.const 64))"#,
                ))
                .unwrap(),
            ),
        ),
        case(
            "HB-8/outcome-of-200",
            Component::Bytes(
                wat::parse_str(running(
                    r#"(func (export "run") (param i32) (result i32)
              (i32.store8 (i32.const 68) (i32.const 200))
              (i32.const 64))"#,
                ))
                .unwrap(),
            ),
        ),
    ]
}

/// Arguments of tools that are no such thing.
fn arguments() -> Vec<Case> {
    let read =
        |name: &str, json: &str| call(format!("HB-7/{name}"), "file_read", "read_file", json);
    let deep = format!(r#"{{"path":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    vec![
        read("empty", ""),
        read("no-object", r#""hello.txt""#),
        read("list", r#"["hello.txt"]"#),
        read("null", "null"),
        read("number-for-text", r#"{"path":7}"#),
        read("twice", r#"{"path":"hello.txt","path":"../outside/secret.txt"}"#),
        read("unknown", r#"{"path":"hello.txt","session_key":"agent:main:telegram:dm:1"}"#),
        read("huge-number", r#"{"path":"hello.txt","offset":1e400}"#),
        read("negative", r#"{"path":"hello.txt","offset":-1}"#),
        read("fraction", r#"{"path":"hello.txt","offset":1.5}"#),
        read("over-32-bits", r#"{"path":"hello.txt","offset":4294967296}"#),
        read("zero", r#"{"path":"hello.txt","offset":0}"#),
        read("behind-the-end", r#"{"path":"hello.txt","offset":4000000000}"#),
        read("unended", r#"{"path":"hello.txt""#),
        read("behind", r#"{"path":"hello.txt"} {"path":"x"}"#),
        read("surrogate", r#"{"path":"\ud800"}"#),
        read("deep", &deep),
        read("two-megabytes", &format!(r#"{{"path":"{}"}}"#, "x".repeat(2 << 20)))
            .held_below("sandbox.argument_kib", "3072"),
        read("upper-case", r#"{"PATH":"hello.txt"}"#),
    ]
}

/// Being asked to stop, and a host that is broken.
fn stops() -> Vec<Case> {
    const TIMEOUT: &str = "delegation.child_timeout_seconds";
    vec![
        guest("AS-4/spins", "spins").interrupted().config(CPU, 60),
        guest("AS-4/ignores-it", "ignores_interruption").interrupted().config(CPU, 60),
        guest("AS-1/stops-when-asked", "waits_politely").interrupted().config(CPU, 60),
        guest("AS-3/too-long", "waits_politely")
            .config(TIMEOUT, 1)
            .config(CPU, 60)
            .config("sandbox.host_calls", 10_000_000)
            .config("budget.tool_calls", 10_000_000)
            .held_below(TIMEOUT, "2"),
        call("AS-2/tool-panics", "panics", "panics", "{}").panics(),
    ]
}
