//! What the work needs of the host, so that tests can put another one in its
//! place.

use hermitage_guest::{
    ToolError,
    model::{ChatRequest, ChatResponse, ModelError},
};

/// A model and a toolbox.
pub(crate) trait Host {
    /// Sends the conversation and waits for the model's next message.
    fn chat(&mut self, request: &ChatRequest) -> Result<ChatResponse, ModelError>;

    /// Calls a granted tool with a JSON object, and returns its JSON.
    fn call(&mut self, tool: &str, arguments: &str) -> Result<String, ToolError>;

    /// Says what is being done now.
    fn report(&mut self, text: &str);

    /// Keeps what a run that is stopped hard still returns.
    fn checkpoint(&mut self, summary: &str);
}
