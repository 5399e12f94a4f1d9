//! The granted tools as objects: what a handle of `toolbox.tool` stands for.

use wasmtime::component::{LinkerInstance, Resource, ResourceType};

use super::cell::Cell;
use crate::toolset::Tool;

/// Behind one handle. Carries the tool's id, so that a call through an old
/// handle is checked against the grant as it is then.
#[expect(unreachable_pub, reason = "the generated bindings re-export it, inside a private module")]
pub struct GrantedTool {
    pub(super) tool: Tool,
}

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
