//! A language model, chosen and paid for by the host.
//!
//! ```no_run
//! use hermitage_guest::model::{self, ChatRequest, Message};
//!
//! # fn f() -> Result<(), hermitage_guest::model::ModelError> {
//! let messages = vec![Message::system("Answer in one word."), Message::user("What is Rust?")];
//! let response = model::chat(&ChatRequest { messages, ..ChatRequest::default() })?;
//! # drop(response);
//! # Ok(())
//! # }
//! ```

pub use crate::bindings::hermitage::subagent::model::{
    Author, ChatRequest, ChatResponse, Finish, Message, ModelError, ToolCall, Usage, chat,
};

impl Message {
    /// What the agent's author tells the model.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Author::System, text.into())
    }

    /// What the task says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Author::User, text.into())
    }

    /// What the model answered, for the next request.
    ///
    /// Send it on as it is. The host then gives the provider its own message
    /// back, with what this type has no place for: reasoning, and signatures
    /// that some providers insist on. A message whose text or calls mean
    /// something else is sent without them.
    pub fn assistant(response: ChatResponse) -> Self {
        Self { tool_calls: response.tool_calls, ..Self::new(Author::Assistant, response.text) }
    }

    /// The result of a tool call: `call` is its [`ToolCall::id`].
    pub fn tool(call: impl Into<String>, result: impl Into<String>) -> Self {
        Self { answers: Some(call.into()), ..Self::new(Author::Tool, result.into()) }
    }

    fn new(author: Author, text: String) -> Self {
        Self { author, text, tool_calls: Vec::new(), answers: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_carry_what_their_author_needs() {
        let message = Message::tool("call-1", "42");
        assert_eq!((message.author, message.answers.as_deref()), (Author::Tool, Some("call-1")));
        let call = ToolCall { id: "1".into(), name: "n".into(), arguments: "{}".into() };
        let response = ChatResponse {
            text: "t".to_owned(),
            tool_calls: vec![call],
            finish: Finish::ToolCalls,
            usage: Usage { input_tokens: 1, output_tokens: 1 },
            model: "m".to_owned(),
        };
        let message = Message::assistant(response);
        assert_eq!((message.author, message.tool_calls.len()), (Author::Assistant, 1));
        assert_eq!(Message::user("u").text, "u");
        assert_eq!(Message::system("s").author, Author::System);
    }
}
