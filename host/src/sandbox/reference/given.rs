//! What the scripts expect of any host: a few functions, a module, and two
//! resources that can be watched.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use wasmtime::{
    Module, Result,
    component::{Linker, LinkerInstance, Resource, ResourceType},
};

struct Watched;
struct Other;

/// How often a watched one was dropped, and which one last.
#[derive(Default)]
struct Drops {
    count: AtomicU32,
    last: AtomicU32,
}

pub(super) fn link(linker: &mut Linker<()>) -> Result<()> {
    let module = Module::new(linker.engine(), wat::parse_str(MODULE)?)?;
    linker.root().func_wrap("host-return-two", |_, (): ()| Ok((2_u32,)))?;
    let mut host = linker.instance("host")?;
    host.func_wrap("return-three", |_, (): ()| Ok((3_u32,)))?;
    host.func_wrap("return-hi", |_, (): ()| Ok(("hi".to_owned(),)))?;
    host.instance("nested")?.func_wrap("return-four", |_, (): ()| Ok((4_u32,)))?;
    host.module("simple-module", &module)?;
    resources(&mut host)
}

const MODULE: &str = r#"(module
    (global (export "g") i32 (i32.const 100))
    (func (export "f") (result i32) (i32.const 101)))"#;

fn resources(host: &mut LinkerInstance<'_, ()>) -> Result<()> {
    let drops = Arc::new(Drops::default());
    let seen = Arc::clone(&drops);
    host.resource("resource1", ResourceType::host::<Watched>(), move |_, number| {
        seen.count.fetch_add(1, SeqCst);
        seen.last.store(number, SeqCst);
        Ok(())
    })?;
    host.resource("resource2", ResourceType::host::<Other>(), |_, _| Ok(()))?;
    // The same type by another name: the destructor of the first counts.
    host.resource("resource1-again", ResourceType::host::<Watched>(), |_, _| {
        panic!("the other one's is called")
    })?;

    let make = |_: wasmtime::StoreContextMut<'_, ()>, (number,): (u32,)| {
        Ok((Resource::<Watched>::new_own(number),))
    };
    host.func_wrap("[constructor]resource1", make)?;
    let seen = Arc::clone(&drops);
    host.func_wrap("[static]resource1.drops", move |_, (): ()| Ok((seen.count.load(SeqCst),)))?;
    let last = move |_: wasmtime::StoreContextMut<'_, ()>, (): ()| Ok((drops.last.load(SeqCst),));
    host.func_wrap("[static]resource1.last-drop", last)?;
    host.func_wrap("[static]resource1.assert", |_, (it, number): (Resource<Watched>, u32)| {
        assert_eq!(it.rep(), number);
        Ok(())
    })?;
    host.func_wrap("[method]resource1.simple", |_, (it, number): (Resource<Watched>, u32)| {
        assert_eq!((it.owned(), it.rep()), (false, number));
        Ok(())
    })?;
    type Two = (Resource<Watched>, Resource<Watched>);
    host.func_wrap("[method]resource1.take-borrow", |_, (one, other): Two| {
        assert_eq!((one.owned(), other.owned()), (false, false));
        Ok(())
    })?;
    host.func_wrap("[method]resource1.take-own", |_, (one, other): Two| {
        assert_eq!((one.owned(), other.owned()), (false, true));
        Ok(())
    })
}
