//! The work of a tool, whoever does it: the host of its toolset, or an
//! application in a way of its own.

use std::{any::Any, collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{
    call::{Caller, ToolError},
    id::Effect,
    native::NativeTool,
    reading::object,
    tool::{Output, Tool},
};

/// Longest result of a native tool: it is copied into the memory of a
/// component.
pub(crate) const MAX_RESULT_BYTES: usize = 1 << 20;

/// The work of one tool.
///
/// Its future runs on the host's own runtime, never on a guest's stack; a
/// panic in it ends as a failed call.
pub trait Work<T: Tool>: Send + Sync + 'static {
    /// Does one call.
    fn call(&self, caller: Caller, call: T) -> BoxFuture<'static, Result<T::Output, ToolError>>;
}

impl<T, F, Fut> Work<T> for F
where
    T: Tool,
    F: Fn(Caller, T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T::Output, ToolError>> + Send + 'static,
{
    fn call(&self, caller: Caller, call: T) -> BoxFuture<'static, Result<T::Output, ToolError>> {
        Box::pin(self(caller, call))
    }
}

/// By the host of its toolset.
pub(super) struct Hosted<T: Tool>(pub(super) Arc<T::Host>);

impl<T: Tool> Work<T> for Hosted<T> {
    fn call(&self, caller: Caller, call: T) -> BoxFuture<'static, Result<T::Output, ToolError>> {
        let host = Arc::clone(&self.0);
        Box::pin(async move { call.call(&host, &caller).await })
    }
}

/// What a tool gave back, as it stands in a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// As JSON, or the text of a tool that has no types.
    pub text: String,
    /// Bytes of the texts in it.
    pub bytes: u64,
}

impl Written {
    fn of(text: String) -> Self {
        Self { bytes: text.len() as u64, text }
    }
}

impl Output for Written {
    fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The work of any tool, with arguments and result as JSON.
pub(super) trait AnyWork: Send + Sync {
    /// Does one call.
    fn call_json(
        &self,
        caller: Caller,
        arguments: String,
    ) -> BoxFuture<'static, Result<String, ToolError>>;

    /// Does one call with arguments and result as they stand in a journal: as
    /// the types of the tool are written.
    fn call_written(
        &self,
        caller: Caller,
        arguments: String,
    ) -> BoxFuture<'static, Result<Written, ToolError>> {
        let call = self.call_json(caller, arguments);
        Box::pin(async move { Ok(Written::of(call.await?)) })
    }

    /// Makes it ready for calls.
    fn prepare(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    /// What a call may have done of which nobody saw the end.
    fn effect(&self) -> Effect;

    /// Digest of the code that does it, where that is not the program's own.
    fn digest(&self) -> Option<String> {
        None
    }

    /// For the typed road: a [`Typed`] where there is one.
    fn as_any(&self) -> &(dyn Any + Send + Sync);
}

/// Of a tool with types, whose JSON is read into them.
pub(super) struct Typed<T: Tool>(pub(super) Arc<dyn Work<T>>);

impl<T: Tool> AnyWork for Typed<T> {
    fn call_json(
        &self,
        caller: Caller,
        arguments: String,
    ) -> BoxFuture<'static, Result<String, ToolError>> {
        let work = Arc::clone(&self.0);
        Box::pin(async move {
            let mut call = T::from_json(&arguments)?;
            call.drop_empty();
            work.call(caller, call).await?.into_text()
        })
    }

    fn call_written(
        &self,
        caller: Caller,
        arguments: String,
    ) -> BoxFuture<'static, Result<Written, ToolError>> {
        let work = Arc::clone(&self.0);
        Box::pin(async move {
            let unread = |it: serde_json::Error| ToolError::InvalidArguments(it.to_string());
            let mut call: T = serde_json::from_str(&arguments).map_err(unread)?;
            call.drop_empty();
            let output = work.call(caller, call).await?;
            let bytes = output.bytes();
            let unwritten = |it: serde_json::Error| ToolError::Failed(it.to_string());
            let text = serde_json::to_string(&output).map_err(unwritten)?;
            Ok(Written { text, bytes })
        })
    }

    fn effect(&self) -> Effect {
        T::EFFECT
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

/// Of a tool of the application, with JSON alone.
pub(super) struct Native {
    pub(super) tool: Arc<dyn NativeTool>,
    /// Bytes of a result that goes into the memory of a component; a parent
    /// that is part of the application takes all.
    pub(super) max_bytes: usize,
}

impl Native {
    /// For children.
    pub(super) fn bounded(tool: Arc<dyn NativeTool>) -> Self {
        Self { tool, max_bytes: MAX_RESULT_BYTES }
    }

    /// For a parent alone.
    pub(super) fn whole(tool: Arc<dyn NativeTool>) -> Self {
        Self { tool, max_bytes: usize::MAX }
    }
}

impl AnyWork for Native {
    fn call_json(
        &self,
        caller: Caller,
        arguments: String,
    ) -> BoxFuture<'static, Result<String, ToolError>> {
        let (tool, max_bytes) = (Arc::clone(&self.tool), self.max_bytes);
        Box::pin(async move {
            // An object is promised; what is in it is the tool's to read.
            object::<BTreeMap<String, IgnoredAny>>(&arguments)?;
            bounded(tool.call(caller, arguments).await?, max_bytes)
        })
    }

    fn prepare(&self) -> BoxFuture<'static, ()> {
        self.tool.prepare()
    }

    fn effect(&self) -> Effect {
        self.tool.effect()
    }

    fn digest(&self) -> Option<String> {
        self.tool.digest()
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

fn bounded(text: String, max_bytes: usize) -> Result<String, ToolError> {
    let bytes = text.len();
    if bytes > max_bytes {
        let text = format!("{bytes} bytes of result: at most {max_bytes} are handed on");
        return Err(ToolError::Failed(text));
    }
    Ok(text)
}
