//! What stands around a module: types, instances, lifted and lowered
//! functions, and calls from one component to another, whose values are
//! copied by code that the compiler writes.

use std::fmt::Write as _;

/// The kinds of parts.
pub(super) const PARTS: &[&str] = &[
    "component-types",
    "nested-types",
    "resources",
    "lifts",
    "lowers",
    "aliases",
    "instances",
    "components",
    "modules",
    "component-exports",
    "component-imports",
    "call-results",
    "call-tuple",
    "call-lists",
    "call-strings",
    "call-options",
];

/// So many of a part, each as wide as that.
pub(super) fn part(name: &str, times: usize, width: usize) -> String {
    let times = times.min(50_000);
    let each = |one: &dyn Fn(usize) -> String| (0..times).map(one).collect::<String>();
    match name {
        "component-types" => each(&|_| format!("(type {})", record(width.min(500), "u32"))),
        "nested-types" => nested_types(times.min(2_000)),
        "resources" => each(&|_| "(type (resource (rep i32)))".to_owned()),
        "lifts" => {
            of_an_instance(&each(&|_| "(func (canon lift (core func $i \"f\")))".to_owned()))
        }
        "lowers" => of_an_instance(&format!(
            "(func $l (canon lift (core func $i \"f\"))) {}",
            each(&|_| "(core func (canon lower (func $l)))".to_owned())
        )),
        "aliases" => {
            of_an_instance(&each(&|_| "(alias core export $i \"f\" (core func))".to_owned()))
        }
        "instances" => inner(&each(&|_| "(core instance (instantiate $n))".to_owned())),
        "components" => inner(&each(&|it| {
            format!("(component (core module (func)) (core module) (type (enum \"e{it}\")))")
        })),
        "modules" => each(&|it| format!("(core module (func (param {})))", "i32 ".repeat(it % 8))),
        "component-exports" => inner(&format!(
            "(core instance $i (instantiate $n)) (func $f (canon lift (core func $i \"f\"))) {}",
            each(&|it| format!("(export \"e{it}\" (func $f))"))
        )),
        "component-imports" => each(&|it| {
            format!("(import \"i{it}\" (func (param \"p\" {})))", tuple(width.min(200), "u32"))
        }),
        "call-results" => call(times, &results(width.min(90))),
        "call-tuple" => call(times, &tuple(width.min(500), "f64")),
        "call-lists" => call(times, &nested("list", width.min(90))),
        "call-options" => call(times, &nested("option", width.min(90))),
        "call-strings" => call(times, &tuple(width.min(200), "string")),
        _ => String::new(),
    }
}

fn record(fields: usize, ty: &str) -> String {
    let fields: String = (0..fields.max(1)).map(|it| format!("(field \"f{it}\" {ty})")).collect();
    format!("(record {fields})")
}

/// A result of a result, each with another type for the error.
fn results(depth: usize) -> String {
    let errors = ["u8", "s64", "f32", "string", "(list u16)"];
    let close: String = (0..depth).map(|it| format!(" (error {}))", errors[it % 5])).collect();
    format!("{}u8{close}", "(result ".repeat(depth))
}

fn tuple(n: usize, ty: &str) -> String {
    format!("(tuple {})", format!("{ty} ").repeat(n.max(1)))
}

fn nested(word: &str, depth: usize) -> String {
    format!("{}u8{}", format!("({word} ").repeat(depth), ")".repeat(depth))
}

fn nested_types(depth: usize) -> String {
    format!("{}{}", "(type (instance ".repeat(depth), "))".repeat(depth))
}

/// In an instance of a module with one function.
fn of_an_instance(text: &str) -> String {
    format!(
        "(component (core module $n (func (export \"f\"))) (core instance $i (instantiate $n)) {text})"
    )
}

fn inner(text: &str) -> String {
    format!("(component (core module $n (func (export \"f\"))) {text})")
}

/// A component that calls another one, through so many functions that take a
/// list of that type. Their types differ, so that no code is shared.
fn call(times: usize, ty: &str) -> String {
    let memory = "(memory (export \"m\") 1)
                  (func (export \"r\") (param i32 i32 i32 i32) (result i32) unreachable)";
    let options = "(memory (core memory $i \"m\")) (realloc (core func $i \"r\"))";
    let (mut lifted, mut imported, mut lowered) = (String::new(), String::new(), String::new());
    let (mut taken, mut given, mut with) = (String::new(), String::new(), String::new());
    for idx in 0..times.clamp(1, 500) {
        let ty = format!("(list (tuple {ty} (tuple {})))", "u8 ".repeat(1 + idx));
        let _ = write!(
            lifted,
            "(func (export \"f{idx}\") (param \"p\" {ty}) (canon lift (core func $i \"f\") {options}))"
        );
        let _ = write!(imported, "(import \"f{idx}\" (func $f{idx} (param \"p\" {ty})))");
        let _ = write!(lowered, "(core func $l{idx} (canon lower (func $f{idx}) {options}))");
        let _ = write!(taken, "(import \"\" \"f{idx}\" (func (param i32 i32)))");
        let _ = write!(given, "(export \"f{idx}\" (func $l{idx}))");
        let _ = write!(with, "(with \"f{idx}\" (func $called \"f{idx}\"))");
    }
    format!(
        "(component $callee (core module $n {memory} (func (export \"f\") (param i32 i32)))
           (core instance $i (instantiate $n)) {lifted})
         (component $caller {imported} (core module $n {memory})
           (core instance $i (instantiate $n)) {lowered} (core module $k {taken})
           (core instance (instantiate $k (with \"\" (instance {given})))))
         (instance $called (instantiate $callee)) (instance (instantiate $caller {with}))"
    )
}
