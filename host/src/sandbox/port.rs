//! The way from a guest's stack to the host's own runtime.

use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio_util::task::TaskTracker;

use super::far::{self, Far};
use crate::{
    provider::{ChatRequest, ChatResponse},
    telemetry::Work,
    toolset::{Caller, Meter, ModelError, ModelHost, Registry, Tool, ToolError, ToolId, Written},
};

/// Where tools work. The tracker knows of every call until it has really ended.
#[derive(Clone)]
pub(super) struct ToolPort {
    pub(super) registry: Arc<Registry>,
    pub(super) meter: Arc<dyn Meter>,
    /// `None`: no plan links a chat.
    pub(super) model: Option<Arc<dyn ModelHost>>,
    pub(super) caller: Caller,
    /// Whoever does all of it, of a child of another host.
    pub(super) far: Option<Arc<dyn Far>>,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) tracker: TaskTracker,
}

impl ToolPort {
    pub(super) fn work<T: Tool>(
        &self,
        mut call: T,
    ) -> impl Future<Output = Result<T::Output, ToolError>> + Send + 'static {
        let (registry, meter) = (Arc::clone(&self.registry), Arc::clone(&self.meter));
        let (caller, far) = (self.caller.clone(), self.far.clone());
        traced(caller, T::NAME, move |caller| async move {
            if let Some(far) = far {
                return far::typed(&*far, call).await;
            }
            meter.pay()?;
            call.drop_empty();
            registry.work::<T>()?.call(caller, call).await
        })
    }

    pub(super) fn work_json(
        &self,
        tool: ToolId,
        arguments: String,
    ) -> impl Future<Output = Result<String, ToolError>> + Send + 'static {
        let (registry, meter) = (Arc::clone(&self.registry), Arc::clone(&self.meter));
        let (caller, far) = (self.caller.clone(), self.far.clone());
        traced(caller, tool.name(), move |caller| async move {
            if let Some(far) = far {
                return far::json(&*far, tool, arguments).await;
            }
            meter.pay()?;
            registry.call_json(caller, tool, arguments).await
        })
    }

    /// The same with arguments and result as they stand in a journal.
    pub(super) fn work_written(
        &self,
        tool: ToolId,
        arguments: String,
    ) -> impl Future<Output = Result<Written, ToolError>> + Send + 'static {
        let (registry, meter) = (Arc::clone(&self.registry), Arc::clone(&self.meter));
        traced(self.caller.clone(), tool.name(), move |caller| async move {
            meter.pay()?;
            registry.call_written(caller, tool, arguments).await
        })
    }

    pub(super) fn chat(
        &self,
        request: ChatRequest,
    ) -> impl Future<Output = Result<ChatResponse, ModelError>> + Send + 'static {
        let (model, caller, far) = (self.model.clone(), self.caller.clone(), self.far.clone());
        async move {
            if let Some(far) = far {
                return far::chat(&*far, &request).await;
            }
            let denied = || ToolError::Denied("this run has no model".to_owned());
            let model = model.ok_or_else(denied)?;
            model.chat(caller, request).await
        }
    }

    /// Does work on the host's runtime.
    pub(super) fn spawn<T: Send + 'static, E: From<ToolError> + Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send + 'static {
        let task = self.tracker.spawn_on(work, &self.runtime);
        task.map(|joined| {
            joined.unwrap_or_else(|err| {
                tracing::error!(%err, "a tool did not return");
                Err(ToolError::Failed("the tool crashed in the host".to_owned()).into())
            })
        })
    }
}

/// Work of a tool, with a span that begins and ends on the host's runtime. What
/// the tool itself starts is below it.
async fn traced<T, F>(
    caller: Caller,
    name: &'static str,
    work: impl FnOnce(Caller) -> F,
) -> Result<T, ToolError>
where
    F: Future<Output = Result<T, ToolError>>,
{
    let span = caller.span.start(Work::Tool { name });
    let res = work(Caller { span: span.clone(), ..caller }).await;
    span.end(res.as_ref().err().map(ToolError::word));
    res
}
