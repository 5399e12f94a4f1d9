//! Components that were made to be dear: small files whose compiler would
//! take minutes, gigabytes, or all of its stack.

use std::fmt::Write as _;

/// One of them.
pub struct Bomb {
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

/// Every shape that once got past the bounds, as dear as its row says.
pub fn all() -> Vec<Bomb> {
    let bomb = |name, bytes| Bomb { name, bytes };
    let text = |name, text: String| Bomb { name, bytes: wat::parse_str(text).unwrap() };
    vec![
        bomb("types nested 100,000 deep", nested_types(100_000)),
        text("siblings of instances of nothing", hollow_siblings(7, 10)),
        text("calls with 1,000 parameters and results", wide_calls(4_000)),
        text("blocks with 1,000 parameters", wide_blocks(4_000)),
        text("branches to loops over many locals", branches(400, 5_000)),
        text("a table of 65,000 branches to a loop", branch_table(1, 65_000, 10)),
        text("many tables of branches", branch_table(30, 30_000, 10)),
        text("loops one after the other", loops(4, 45_000)),
        text("indirect calls", indirect_calls(200_000)),
        text("an element segment of a million functions", elements(1_000_000)),
    ]
}

/// One of [`all`].
pub fn find(name: &str) -> Bomb {
    all().into_iter().find(|it| it.name == name).unwrap()
}

/// An instance type in an instance type, and so on.
fn nested_types(depth: usize) -> Vec<u8> {
    let mut ty = vec![1];
    ty.extend([0x42, 1, 1].repeat(depth));
    ty.extend([0x42, 0]);
    let mut bytes = b"\0asm\x0d\0\x01\0\x07".to_vec();
    let mut len = ty.len();
    while len > 0x7f {
        bytes.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend(ty);
    bytes
}

/// Instances of components that hold nothing but the like: ten times as many
/// at each level, without nesting.
fn hollow_siblings(levels: usize, width: usize) -> String {
    let mut text = "(component $c0)".to_owned();
    for level in 1..=levels {
        let below = level - 1;
        let instances = "(instance (instantiate $d))".repeat(width);
        let alias = format!("(alias outer $root $c{below} (component $d))");
        write!(text, "(component $c{level} {alias} {instances})").unwrap();
    }
    format!("(component $root {text} (instance (instantiate $c{levels})))")
}

fn module(text: &str) -> String {
    format!("(component (core module {text}))")
}

/// A type with that many numbers in and out, and a function of it.
fn wide(width: usize) -> (String, String, String) {
    let numbers = "i32 ".repeat(width);
    let ty = format!("(type $wide (func (param {numbers}) (result {numbers})))");
    (ty, "i32.const 0 ".repeat(width), "drop ".repeat(width))
}

fn wide_calls(calls: usize) -> String {
    let (ty, zeros, drops) = wide(1_000);
    let body = format!("{zeros} {} {drops}", "call $f ".repeat(calls));
    module(&format!("{ty} (func $f (type $wide) unreachable) (func {body})"))
}

fn wide_blocks(blocks: usize) -> String {
    let (ty, zeros, drops) = wide(1_000);
    let body = format!("{zeros} {} {drops}", "block (type $wide) end ".repeat(blocks));
    module(&format!("{ty} (func {body})"))
}

fn locals(n: usize) -> String {
    format!("(local {})", "i32 ".repeat(n))
}

/// Makes every local another number.
fn count(n_locals: usize) -> String {
    let one = |it| format!("local.get {it} i32.const 1 i32.add local.set {it} ");
    (0..n_locals).map(one).collect()
}

fn branches(n_locals: usize, loops: usize) -> String {
    let one = "loop local.get 0 local.set 1 local.get 0 br_if 0 local.get 1 br_if 0 end ";
    module(&format!("(func {} {})", locals(n_locals), one.repeat(loops)))
}

fn branch_table(tables: usize, targets: usize, n_locals: usize) -> String {
    let targets = "0 ".repeat(targets);
    let set = count(n_locals);
    let one = format!("loop {set} local.get 0 br_table {targets} end ");
    module(&format!("(func {} {})", locals(n_locals), one.repeat(tables)))
}

fn loops(n_locals: usize, n: usize) -> String {
    let one = format!("loop {} local.get 0 br_if 0 end ", count(2));
    module(&format!("(func {} {})", locals(n_locals), one.repeat(n)))
}

fn indirect_calls(n: usize) -> String {
    let one = "local.get 0 call_indirect (type $t) ";
    let head = "(type $t (func)) (table 1 funcref)";
    module(&format!("{head} (func {} {})", locals(1), one.repeat(n)))
}

fn elements(n: usize) -> String {
    module(&format!("(func $f) (elem func {})", "$f ".repeat(n)))
}
