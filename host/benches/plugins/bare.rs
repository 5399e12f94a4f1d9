//! A component, instantiated and called by wasmtime alone: no limits, no
//! clock, and memories out of a pool.

use serde_json::{Map, Value};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, Func, Instance, InstancePre, Linker, ResourceTable, Type, Val},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView, p2};

/// The interface of a plugin of world `tool-plugin`.
const TOOLS: &str = "hermitage:subagent/tools@0.1.0";

pub(crate) struct Bare {
    engine: Engine,
    pre: InstancePre<State>,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Bare {
    pub(crate) fn new(component: &[u8]) -> Self {
        let mut config = Config::new();
        let mut pool = PoolingAllocationConfig::new();
        // One at a time; some components have many parts.
        pool.total_core_instances(64).total_memories(16).total_tables(16).total_stacks(4);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).unwrap();
        let component = Component::new(&engine, component).unwrap();
        let mut linker = Linker::new(&engine);
        p2::add_to_linker_sync(&mut linker).unwrap();
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let pre = linker.instantiate_pre(&component).unwrap();
        Self { engine, pre }
    }

    pub(crate) fn call(&self, tool: &str, arguments: &str) -> Vec<Val> {
        let state = State { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, state);
        let instance = self.pre.instantiate(&mut store).unwrap();
        let (function, arguments) = match instance.get_export_index(&mut store, None, TOOLS) {
            Some(tools) => {
                let call = instance.get_export_index(&mut store, Some(&tools), "call").unwrap();
                let texts = [tool, arguments].map(|it| Val::String(it.to_owned()));
                (instance.get_func(&mut store, call).unwrap(), texts.to_vec())
            }
            None => plain(&instance, &mut store, tool, arguments),
        };
        let mut results = vec![Val::Bool(false); function.ty(&store).results().len()];
        function.call(&mut store, &arguments, &mut results).unwrap();
        results
    }
}

/// A function of the component itself, and what it takes.
fn plain(
    instance: &Instance,
    store: &mut Store<State>,
    tool: &str,
    arguments: &str,
) -> (Func, Vec<Val>) {
    let name = tool.replace('_', "-");
    let function = instance.get_func(&mut *store, name.as_str()).unwrap();
    let arguments: Map<String, Value> = serde_json::from_str(arguments).unwrap();
    let ty = function.ty(&*store);
    let value = |(name, ty): (&str, Type)| {
        let value = arguments.get(&name.replace('-', "_")).unwrap();
        match ty {
            Type::String => Val::String(value.as_str().unwrap().to_owned()),
            Type::Bool => Val::Bool(value.as_bool().unwrap()),
            Type::U32 => Val::U32(value.as_u64().unwrap().try_into().unwrap()),
            Type::S32 => Val::S32(value.as_i64().unwrap().try_into().unwrap()),
            Type::Float64 => Val::Float64(value.as_f64().unwrap()),
            other => panic!("`{name}` is {other:?}: only plain types are measured here"),
        }
    };
    let values = ty.params().map(value).collect();
    (function, values)
}
