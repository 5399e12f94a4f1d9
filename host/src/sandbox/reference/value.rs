//! Values of a script as the engine takes and gives them.

use wasmtime::component::Val;
use wast::{WastArg, WastRet, component::WastVal};

pub(super) fn argument(it: &WastArg<'_>) -> Val {
    match it {
        WastArg::Component(it) => value(it),
        other => panic!("of a core module: {other:?}"),
    }
}

pub(super) fn result(it: &WastRet<'_>) -> Val {
    match it {
        WastRet::Component(it) => value(it),
        other => panic!("of a core module: {other:?}"),
    }
}

fn value(it: &WastVal<'_>) -> Val {
    match it {
        WastVal::Bool(it) => Val::Bool(*it),
        WastVal::U8(it) => Val::U8(*it),
        WastVal::S8(it) => Val::S8(*it),
        WastVal::U16(it) => Val::U16(*it),
        WastVal::S16(it) => Val::S16(*it),
        WastVal::U32(it) => Val::U32(*it),
        WastVal::S32(it) => Val::S32(*it),
        WastVal::U64(it) => Val::U64(*it),
        WastVal::S64(it) => Val::S64(*it),
        WastVal::F32(it) => Val::Float32(f32::from_bits(it.bits)),
        WastVal::F64(it) => Val::Float64(f64::from_bits(it.bits)),
        WastVal::Char(it) => Val::Char(*it),
        WastVal::String(it) => Val::String((*it).to_owned()),
        WastVal::List(items) => Val::List(values(items)),
        WastVal::Tuple(items) => Val::Tuple(values(items)),
        WastVal::Map(entries) => {
            Val::Map(entries.iter().map(|(key, it)| (value(key), value(it))).collect())
        }
        WastVal::Record(fields) => {
            Val::Record(fields.iter().map(|(name, it)| ((*name).to_owned(), value(it))).collect())
        }
        WastVal::Variant(case, payload) => Val::Variant((*case).to_owned(), boxed(payload)),
        WastVal::Enum(case) => Val::Enum((*case).to_owned()),
        WastVal::Option(it) => Val::Option(boxed(it)),
        WastVal::Result(Ok(it)) => Val::Result(Ok(boxed(it))),
        WastVal::Result(Err(it)) => Val::Result(Err(boxed(it))),
        WastVal::Flags(names) => Val::Flags(names.iter().map(|it| (*it).to_owned()).collect()),
    }
}

fn values(items: &[WastVal<'_>]) -> Vec<Val> {
    items.iter().map(value).collect()
}

fn boxed(it: &Option<Box<WastVal<'_>>>) -> Option<Box<Val>> {
    it.as_ref().map(|it| Box::new(value(it)))
}
