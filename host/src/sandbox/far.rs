//! The calls of a child that runs here for another host: all of them are made
//! there, where its tools and its model are, and where they are recorded.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    provider::{ChatRequest, ChatResponse},
    toolset::{ModelError, Tool, ToolError, ToolId},
};

/// A call on its way to the host that makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FarCall {
    /// How its arguments are written.
    pub form: FarForm,
    /// Canonical name; empty for a chat.
    pub tool: String,
    /// What it is about, for people. Untrusted text.
    pub subject: String,
    /// As JSON.
    pub arguments: String,
    /// Bytes of the texts in the arguments.
    pub bytes: u64,
}

/// How the arguments of a call, and its answer, are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FarForm {
    /// As the types of the tool are.
    Typed,
    /// As a model wrote the first and reads the second.
    Json,
    /// As a request to a model is, and what it answers.
    Chat,
}

/// What a call came to: its result as JSON, or as the tool's text.
pub type FarAnswer = Result<String, ModelError>;

/// Whoever makes the calls of one child.
pub trait Far: Send + Sync {
    /// Makes one call. The future is dropped when the child is stopped.
    fn call(&self, call: FarCall) -> BoxFuture<'static, FarAnswer>;
}

/// A call with the types of a tool.
pub(super) async fn typed<T: Tool>(far: &dyn Far, call: T) -> Result<T::Output, ToolError> {
    let call = FarCall {
        form: FarForm::Typed,
        tool: T::NAME.to_owned(),
        subject: call.subject().to_owned(),
        arguments: as_json(&call)?,
        bytes: call.bytes(),
    };
    read(&far.call(call).await.map_err(ToolError::from)?)
}

/// A call with JSON.
pub(super) async fn json(
    far: &dyn Far,
    tool: ToolId,
    arguments: String,
) -> Result<String, ToolError> {
    let call = FarCall {
        form: FarForm::Json,
        tool: tool.name().to_owned(),
        subject: String::new(),
        bytes: arguments.len() as u64,
        arguments,
    };
    far.call(call).await.map_err(ToolError::from)
}

/// A chat.
pub(super) async fn chat(far: &dyn Far, request: &ChatRequest) -> Result<ChatResponse, ModelError> {
    let arguments = as_json(request)?;
    let call = FarCall {
        form: FarForm::Chat,
        tool: String::new(),
        subject: String::new(),
        bytes: arguments.len() as u64,
        arguments,
    };
    Ok(read(&far.call(call).await?)?)
}

/// As it is written in a message or a journal.
pub(super) fn as_json<T: Serialize>(answer: &T) -> Result<String, ToolError> {
    serde_json::to_string(answer).map_err(|it| ToolError::Failed(it.to_string()))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ToolError> {
    let unread = |it| ToolError::Failed(format!("the answer can't be read: {it}"));
    serde_json::from_str(text).map_err(unread)
}
