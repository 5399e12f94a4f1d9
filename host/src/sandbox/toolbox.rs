//! Interface `toolbox`: the granted tools as objects.

use wasmtime::component::{LinkerInstance, Resource, ResourceType};

use super::{
    cell::Cell,
    function::{Answer, Entry, Function, Linkable},
    wit::{GrantedTool, ToolSpec},
};
use crate::toolset::{ToolError, ToolId};

const INTERFACE: &str = "hermitage:subagent/toolbox@0.1.0";

pub(super) static FUNCTIONS: &[Entry] =
    &[Entry::of::<Granted>(), Entry::of::<Spec>(), Entry::of::<Call>()];

/// Defines the resource; dropping a handle frees its place in the table.
pub(super) fn link_resource(
    instance: &mut LinkerInstance<'_, Cell>,
    name: &str,
) -> wasmtime::Result<()> {
    instance.resource(name, ResourceType::host::<GrantedTool>(), |mut cx, rep| {
        cx.data_mut().table.delete(Resource::<GrantedTool>::new_own(rep))?;
        Ok(())
    })
}

struct Granted;

impl Function for Granted {
    const INTERFACE: &'static str = INTERFACE;
    const NAME: &'static str = "granted";
    type Params = ();
    type Results = (Vec<Resource<GrantedTool>>,);

    fn refusal(_: ToolError) -> Option<Self::Results> {
        Some((Vec::new(),))
    }
}

impl Linkable for Granted {
    async fn call(cell: &mut Cell, (): Self::Params) -> wasmtime::Result<Self::Results> {
        let tools: Vec<ToolId> = cell.grant().iter().collect();
        let handles = tools.into_iter().map(|tool| cell.table.push(GrantedTool { tool }));
        Ok((handles.collect::<Result<_, _>>()?,))
    }
}

struct Spec;

impl Function for Spec {
    const INTERFACE: &'static str = INTERFACE;
    const NAME: &'static str = "[method]tool.spec";
    type Params = (Resource<GrantedTool>,);
    type Results = (ToolSpec,);

    fn refusal(_: ToolError) -> Option<Self::Results> {
        None
    }
}

impl Linkable for Spec {
    async fn call(cell: &mut Cell, (handle,): Self::Params) -> wasmtime::Result<Self::Results> {
        Ok((cell.table.get(&handle)?.tool.spec().into(),))
    }
}

struct Call;

impl Function for Call {
    const INTERFACE: &'static str = INTERFACE;
    const NAME: &'static str = "[method]tool.call";
    type Params = (Resource<GrantedTool>, String);
    type Results = Answer<String>;

    fn refusal(error: ToolError) -> Option<Self::Results> {
        Some((Err(error.into()),))
    }
}

impl Linkable for Call {
    async fn call(
        cell: &mut Cell,
        (handle, arguments): Self::Params,
    ) -> wasmtime::Result<Self::Results> {
        let tool = cell.table.get(&handle)?.tool;
        Ok((cell.call_json(tool, arguments).await?.map_err(Into::into),))
    }
}
