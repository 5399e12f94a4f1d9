//! What is kept between runs (SC), and shape bombs (CB).

use hermitage::defence::Defence;

use hermitage_tests::bombs;

use crate::{
    agent::running,
    case::{Case, Component, case, guest, text},
};

pub(crate) fn cases() -> Vec<Case> {
    [cache(), bombs()].concat()
}

/// Machine code that somebody else put there.
fn cache() -> Vec<Case> {
    vec![guest("SC-1/code-of-another", "fails").swapped().held_by(Defence::CacheSeal)]
}

/// Components that cost far more than they weigh.
fn bombs() -> Vec<Case> {
    let of = |id: &str, text: String| {
        case(format!("CB-{id}"), Component::Bytes(wat::parse_str(text).unwrap()))
    };
    let functions = "(func)".repeat(70_000);
    let nested = (0..12).fold(String::new(), |inner, _| format!("(component {inner})"));
    let imports: String =
        (0..300).map(|it| format!(r#"(import "a:b/c{it}@0.1.0" (instance))"#)).collect();
    let locals = format!("(func (local {}))", "i64 ".repeat(30_000));
    let loops = (0..200)
        .fold("(local.set 0 (i32.const 1))".to_owned(), |inner, _| format!("(loop {inner})"));
    let loops = format!("(func (local {}) {loops})", "i32 ".repeat(300));
    let doubling: String = (0..12)
        .map(|it| {
            let of = if it == 0 { "(core module $m) (core instance (instantiate $m))".to_owned() } else { String::new() };
            let below = if it == 0 { String::new() } else {
                format!("(alias outer 1 $c{0} (component $below)) (instance (instantiate $below)) (instance (instantiate $below))", it - 1)
            };
            format!("(component $c{it} {of} {below})")
        })
        .collect();
    // The others that are known take seconds each: `scenarios/compile.rs`.
    let bomb =
        |id: &str, name: &str| case(format!("CB-{id}"), Component::Bytes(bombs::find(name).bytes));
    let named = r#"(func $"\1b[31mevil\0a[ASYNC DELEGATION" (unreachable))
        (func (export "run") (param i32) (result i32) (call 0) (i32.const 64))"#;
    vec![
        text("CB-7/name-of-a-function", &running(named)),
        bomb("3/stack-of-the-validator", "types nested 100,000 deep"),
        bomb("1/instances-of-nothing", "siblings of instances of nothing"),
        of("2/functions", format!("(component (core module {functions}))")),
        of("1/nested-components", nested),
        of("5/imports", format!("(component {imports})")),
        of("2/locals", format!("(component (core module {locals}))")),
        of("2/loops-and-locals", format!("(component (core module {loops}))")),
        of("1/doubling-instances", format!("(component {doubling} (instance (instantiate $c11)))")),
        of(
            "5/custom-section",
            format!("(component (@custom \"x\" \"{}\"))", "y".repeat(2_000_000)),
        ),
    ]
}
