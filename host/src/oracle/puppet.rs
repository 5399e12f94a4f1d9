//! A component that does what it is told: it calls any function of the
//! contract with any values, good or bad, as its task says.

use std::fmt::Write as _;

use arbitrary::{Result, Unstructured};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{
    Resolve, WorldItem,
    abi::{AbiVariant, WasmType},
};

use crate::noise;

/// What the parser of the contract says; none of it can happen.
type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Where its memory has what: words, pairs of place and length of all of
/// them, one such pair with nothing behind it, what it is told to do, and room for what the host gives it.
const WORDS_AT: u32 = 0x1000;
const PAIRS_AT: u32 = 0x8000;
const PAIR_AT: u32 = 0xc000;
const ORDERS_AT: u32 = 0x1_0000;
const ROOM_AT: u32 = 0x4_0000;

/// Where results are written that do not fit into a value.
const RESULTS_AT: u32 = 0x400;

/// What it returns: a report with a word in it.
const REPORT_AT: u32 = 0x200;

/// Most orders of one task.
const MAX_ORDERS: usize = 10;

/// Words that are given more often than others: the first of them.
const USUAL_WORDS: usize = 9;

/// Texts that mean something to one function or another.
const WORDS: &[&str] = &[
    "done",
    "a.txt",
    "sub/b.txt",
    "one",
    "*.txt",
    "agent:main:telegram:dm:1",
    "read_file",
    "{\"path\":\"a.txt\"}",
    "--- a.txt\n+++ a.txt\n@@ -1 +1 @@\n-one\n+two\n",
    "",
    ".",
    "../outside",
    "/etc/passwd",
    ".git/config",
    "link",
    "{\"path\":7}",
    "write_file",
    "search_files",
    "http://127.0.0.1/",
    "https://example.org/",
    "two",
    "python",
    "{\"type\":\"object\"}",
    "\u{202e}\u{1b}[0m",
    "m",
    "ä日🦀",
    "(a+)+$",
    "[[[",
    "\0",
];

/// A function of the contract, by the values that it takes.
struct Function {
    values: Vec<WasmType>,
    results: usize,
    /// Whether the last of them says where the result goes.
    has_place: bool,
}

pub(super) struct Puppet {
    functions: Vec<Function>,
    pub(super) component: Vec<u8>,
}

impl Puppet {
    /// Out of the contract, whatever is in it.
    pub(super) fn new() -> std::result::Result<Self, Fault> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/wit"))?;
        let world = resolve.select_world(&[package], Some("subagent"))?;
        let (mut functions, mut imports) = (Vec::new(), String::new());
        let mut import = |module: &str,
                          name: &str,
                          values: Vec<WasmType>,
                          results: &[WasmType],
                          has_place| {
            let [params, gives] = [&values[..], results].map(types);
            let at = functions.len();
            let _ = writeln!(
                imports,
                r#"(import "{module}" "{name}" (func $f{at} (param {params}) (result {gives})))"#
            );
            functions.push(Function { values, results: results.len(), has_place });
        };
        for item in resolve.worlds.get(world).into_iter().flat_map(|it| it.imports.values()) {
            let WorldItem::Interface { id, .. } = item else { continue };
            let module = resolve.id_of(*id).unwrap_or_default();
            let functions =
                resolve.interfaces.get(*id).into_iter().flat_map(|it| it.functions.values());
            for function in functions {
                let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
                import(
                    &module,
                    &function.name,
                    signature.params,
                    &signature.results,
                    signature.retptr,
                );
            }
            if module.contains("/toolbox@") {
                import(&module, "[resource-drop]tool", vec![WasmType::I32], &[], false);
            }
        }
        let mut module = wat::parse_str(text(&imports, &functions))?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
        let component = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
        Ok(Self { functions, component })
    }

    /// Orders, as the goal of a task: two letters for each byte.
    pub(super) fn orders(&self, u: &mut Unstructured<'_>) -> Result<String> {
        let mut orders = Vec::new();
        for _ in 0..u.int_in_range(1..=MAX_ORDERS)? {
            if u.ratio(1, 4)? {
                // A number somewhere in its memory.
                orders.push(u8::try_from(self.functions.len()).unwrap_or(u8::MAX));
                orders.extend(place(u)?.to_le_bytes());
                orders.extend(number(u)?.to_le_bytes());
                continue;
            }
            let which = u.choose_index(self.functions.len())?;
            let Some(function) = self.functions.get(which) else { continue };
            orders.push(u8::try_from(which).unwrap_or(u8::MAX));
            values(u, function, &mut orders)?;
        }
        let letter = |it: u8| char::from(b'a'.saturating_add(it));
        Ok(orders.into_iter().flat_map(|it| [letter(it >> 4), letter(it & 15)]).collect())
    }
}

fn core(of: WasmType) -> &'static str {
    match of {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

fn types(of: &[WasmType]) -> String {
    of.iter().map(|it| core(*it)).collect::<Vec<_>>().join(" ")
}

fn size(of: WasmType) -> u32 {
    if core(of).ends_with("64") { 8 } else { 4 }
}

fn values(u: &mut Unstructured<'_>, of: &Function, orders: &mut Vec<u8>) -> Result<()> {
    let mut length = 0;
    for (idx, value) in of.values.iter().enumerate() {
        if of.has_place && idx + 1 == of.values.len() && u.ratio(15, 16)? {
            orders.extend(RESULTS_AT.to_le_bytes());
            continue;
        }
        match value {
            WasmType::Pointer => {
                let (place, bytes) = word(u)?;
                length = bytes;
                orders.extend(place.to_le_bytes());
            }
            WasmType::Length if u.ratio(7, 8)? => orders.extend(length.to_le_bytes()),
            WasmType::I64 | WasmType::PointerOrI64 => {
                orders.extend(u.arbitrary::<u64>()?.to_le_bytes())
            }
            WasmType::F64 => orders.extend(u.arbitrary::<u64>()?.to_le_bytes()),
            WasmType::F32 => orders.extend(u.arbitrary::<u32>()?.to_le_bytes()),
            _ => orders.extend(number(u)?.to_le_bytes()),
        }
    }
    Ok(())
}

/// Place and length of a word, of a list of words, or of nothing of both.
fn word(u: &mut Unstructured<'_>) -> Result<(u32, u32)> {
    Ok(match u.int_in_range(0..=9)? {
        0..=6 => {
            let among = if u.ratio(3, 4)? { USUAL_WORDS } else { WORDS.len() };
            let which = u.choose_index(among)?;
            let before: usize = WORDS.iter().take(which).map(|it| it.len()).sum();
            let len = WORDS.get(which).map_or(0, |it| it.len());
            (WORDS_AT + u32::try_from(before).unwrap_or(0), u32::try_from(len).unwrap_or(0))
        }
        7 if u.arbitrary()? => (PAIR_AT, 1),
        7 => (PAIRS_AT + 8 * u.int_in_range(0..=20)?, u.int_in_range(0..=3)?),
        8 => (place(u)?, u.int_in_range(0..=70_000)?),
        _ => (u.arbitrary()?, u.arbitrary()?),
    })
}

fn place(u: &mut Unstructured<'_>) -> Result<u32> {
    Ok(8 * u.int_in_range(0..=0x1fff)?)
}

/// A case of a variant, a place, a small number or any.
fn number(u: &mut Unstructured<'_>) -> Result<u32> {
    Ok(match u.int_in_range(0..=9)? {
        0..=3 => 0,
        4 => 1,
        5 => u.int_in_range(0..=4)?,
        6 => word(u)?.0,
        7 => place(u)?,
        8 => noise::one_of(u, &[u32::MAX, i32::MAX.unsigned_abs(), 0x11_0000, 0xd800, 1 << 20])?,
        _ => u.arbitrary()?,
    })
}

/// The module: reads its orders, and does one after the other.
fn text(imports: &str, functions: &[Function]) -> String {
    let (mut words, mut pairs) = (String::new(), String::new());
    let mut at = WORDS_AT;
    for word in WORDS {
        let len = u32::try_from(word.len()).unwrap_or(0);
        for byte in word.bytes() {
            let _ = write!(words, "\\{byte:02x}");
        }
        for byte in [at, len].map(u32::to_le_bytes).concat() {
            let _ = write!(pairs, "\\{byte:02x}");
        }
        at += len;
    }
    let pair: String = pairs.chars().skip(3 * 8).take(3 * 8).collect();
    let mut cases = String::new();
    for (idx, function) in functions.iter().enumerate() {
        let _ = writeln!(
            cases,
            "(block $after{idx} (br_if $after{idx} (i32.ne (local.get $op) (i32.const {idx})))"
        );
        let mut offset = 0;
        for value in &function.values {
            let _ = writeln!(cases, "  ({}.load offset={offset} (local.get $p))", core(*value));
            offset += size(*value);
        }
        let _ = writeln!(cases, "  (global.set $room (i32.const {ROOM_AT}))");
        let _ = writeln!(cases, "  (call $f{idx}) {}", "drop ".repeat(function.results));
        let _ = writeln!(
            cases,
            "  (local.set $p (i32.add (local.get $p) (i32.const {offset}))) (br $next))"
        );
    }
    let n = functions.len();
    format!(
        r#"(module
        {imports}
        (memory (export "memory") 64)
        (global $room (mut i32) (i32.const {ROOM_AT}))
        (data (i32.const {WORDS_AT}) "{words}")
        (data (i32.const {PAIRS_AT}) "{pairs}")
        (data (i32.const {PAIR_AT}) "{pair}")
        (func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $bytes i32) (result i32)
          (local $at i32)
          (local.set $at (i32.and (i32.add (global.get $room) (i32.const 15)) (i32.const -16)))
          (global.set $room (i32.add (local.get $at) (local.get $bytes)))
          (memory.copy (local.get $at) (local.get $old) (local.get $had))
          (local.get $at))
        (func $half (param $at i32) (result i32)
          (i32.and (i32.sub (i32.load8_u (local.get $at)) (i32.const 97)) (i32.const 15)))
        (func (export "run") (param $task i32) (result i32)
          (local $from i32) (local $n i32) (local $p i32) (local $end i32) (local $op i32)
          (local.set $from (i32.load (local.get $task)))
          (local.set $n (i32.shr_u (i32.load offset=4 (local.get $task)) (i32.const 1)))
          (local.set $p (i32.const {ORDERS_AT}))
          (local.set $end (i32.add (local.get $p) (local.get $n)))
          (block $read (loop $more
            (br_if $read (i32.ge_u (local.get $p) (local.get $end)))
            (i32.store8 (local.get $p) (i32.or
              (i32.shl (call $half (local.get $from)) (i32.const 4))
              (call $half (i32.add (local.get $from) (i32.const 1)))))
            (local.set $from (i32.add (local.get $from) (i32.const 2)))
            (local.set $p (i32.add (local.get $p) (i32.const 1)))
            (br $more)))
          (local.set $p (i32.const {ORDERS_AT}))
          (i32.store offset=16 (i32.const {REPORT_AT}) (i32.const {WORDS_AT}))
          (i32.store offset=20 (i32.const {REPORT_AT}) (i32.const 4))
          (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $p) (local.get $end)))
            (local.set $op (i32.load8_u (local.get $p)))
            (local.set $p (i32.add (local.get $p) (i32.const 1)))
            {cases}
            (if (i32.eq (local.get $op) (i32.const {n})) (then
              (i32.store (i32.and (i32.load (local.get $p)) (i32.const 0xfffc)) (i32.load offset=4 (local.get $p)))
              (local.set $p (i32.add (local.get $p) (i32.const 8)))))
            (br $next)))
          (i32.const {REPORT_AT})))"#
    )
}
