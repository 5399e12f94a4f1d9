//! Values through real components: what JSON becomes is what wasmtime takes,
//! and what it gives becomes JSON again.

use arbtest::arbtest;
use wasmtime::{
    Engine, Store,
    component::{Component, Func, Linker, Val},
};

use super::{
    super::{
        PlainTool, oracle,
        shape::{Case, Field, Shape},
        tools,
    },
    component,
};
use crate::noise;

/// Gives back the list that it got, whatever is in it: a list is a place and
/// a length in any type.
const ECHO: &str = r#"(module
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 64))
    (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32)
        (result i32) (local $at i32)
        (local.set $at (i32.and
            (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
            (i32.sub (i32.const 0) (local.get $align))))
        (global.set $free (i32.add (local.get $at) (local.get $size)))
        (loop $grow
            (if (i32.gt_u (global.get $free) (i32.shl (memory.size) (i32.const 16)))
                (then (drop (memory.grow (i32.const 1))) (br $grow))))
        (local.get $at))
    (func (export "acme:test/api@1.0.0#call") (param $at i32) (param $len i32) (result i32)
        (i32.store (i32.const 16) (local.get $at))
        (i32.store (i32.const 20) (local.get $len))
        (i32.const 16)))"#;

/// A component with one function that gives back a list of that type.
pub(super) fn echo(types: &str, ty: &str) -> Vec<u8> {
    let wit = format!(
        "package acme:test@1.0.0;
         interface api {{ {types} call: func(it: list<{ty}>) -> list<{ty}>; }}
         world w {{ export api; }}"
    );
    component(&wit, Some(wat::parse_str(ECHO).unwrap()))
}

struct Echo {
    tool: PlainTool,
    store: Store<()>,
    call: Func,
}

impl Echo {
    fn new(component: &[u8]) -> Self {
        let engine = Engine::default();
        let component = Component::from_binary(&engine, component).unwrap();
        let tool = tools(&engine, &component).unwrap().remove(0);
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
        let interface = component.get_export_index(None, tool.interface.as_deref().unwrap());
        let call = component.get_export_index(interface.as_ref(), &tool.function).unwrap();
        let call = instance.get_func(&mut store, call).unwrap();
        Self { tool, store, call }
    }

    fn call(&mut self, params: &[Val]) -> Vec<Val> {
        let mut results = self.tool.results();
        self.call.call(&mut self.store, params, &mut results).unwrap();
        results
    }
}

/// The type in WIT, whose named types are declared before it.
fn declared(shape: &Shape, types: &mut Vec<String>) -> String {
    let part = |it: &Option<Box<Shape>>, types: &mut Vec<String>| {
        it.as_deref().map_or_else(|| "_".to_owned(), |it| declared(it, types))
    };
    let body = match shape {
        Shape::List(it) => return format!("list<{}>", declared(it, types)),
        Shape::Option(it) => return format!("option<{}>", declared(it, types)),
        Shape::Tuple(it) => {
            let parts: Vec<_> = it.iter().map(|it| declared(it, types)).collect();
            return format!("tuple<{}>", parts.join(", "));
        }
        Shape::Result { ok: None, error: None } => return "result".to_owned(),
        Shape::Result { ok, error: None } => return format!("result<{}>", part(ok, types)),
        Shape::Result { ok, error } => {
            return format!("result<{}, {}>", part(ok, types), part(error, types));
        }
        Shape::Record(fields) => {
            let field = |it: &Field| format!("%{}: {}", it.name.wit, declared(&it.shape, types));
            ("record", fields.iter().map(field).collect::<Vec<_>>())
        }
        Shape::Variant(cases) => {
            let case = |it: &Case| match &it.payload {
                Some(payload) => format!("%{}({})", it.name.wit, declared(payload, types)),
                None => format!("%{}", it.name.wit),
            };
            ("variant", cases.iter().map(case).collect())
        }
        Shape::Enum(names) => ("enum", names.iter().map(|it| format!("%{}", it.wit)).collect()),
        Shape::Flags(names) => ("flags", names.iter().map(|it| format!("%{}", it.wit)).collect()),
        plain => return plain.to_string(),
    };
    let name = format!("t{}", types.len());
    types.push(format!("{} {name} {{ {} }}", body.0, body.1.join(", ")));
    name
}

#[test]
fn a_component_takes_what_json_becomes_and_json_becomes_what_it_gives() {
    for seed in 1..=64_u64 {
        arbtest(|u| {
            let shape = oracle::shape(u, 4)?;
            let values = noise::list(u, 3, |u| oracle::value_of(u, &shape))?;
            check(&shape, values);
            Ok(())
        })
        .seed(seed << 32 | 256)
        .run();
    }
}

fn check(shape: &Shape, values: Vec<Val>) {
    let mut types = Vec::new();
    let ty = declared(shape, &mut types);
    let mut guest = Echo::new(&echo(&types.join("\n"), &ty));
    let list = [Val::List(values)];
    let json = guest.tool.answer(&list).unwrap();
    let params = guest.tool.arguments(&format!(r#"{{"it": {json}}}"#)).unwrap();
    assert_eq!(&params[..], &list[..]);
    let results = guest.call(&params);
    assert_eq!(&results[..], &list[..]);
}
