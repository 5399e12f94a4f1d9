//! The language model of one child: what it may ask, and the trait of whoever
//! answers.
//!
//! Beside the tools, because a call of it is one: counted, cancelled and paid
//! for in the same way.

use std::{future::Future, pin::Pin};

use serde::{Deserialize, Serialize};

use super::call::{Caller, ToolError};
use crate::provider::{ChatRequest, ChatResponse};

/// Why a model gave no answer; the WIT variant `model-error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ModelError {
    /// The conversation is longer than the model takes.
    #[error("the conversation is too long: {0}")]
    TooLong(String),
    /// The cases that a model shares with every tool.
    #[error(transparent)]
    Tool(#[from] ToolError),
}

impl ModelError {
    /// Why, in a word: its case in WIT.
    pub fn word(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too-long",
            Self::Tool(it) => it.word(),
        }
    }
}

impl From<ModelError> for ToolError {
    /// For whoever knows no conversation.
    fn from(it: ModelError) -> Self {
        match it {
            ModelError::Tool(it) => it,
            ModelError::TooLong(it) => Self::Failed(it),
        }
    }
}

/// Result of a model, boxed because models differ.
pub type ModelFuture = Pin<Box<dyn Future<Output = Result<ChatResponse, ModelError>> + Send>>;

/// Whoever answers the chats of one child. Like a tool, its future runs on the
/// host's own runtime.
pub trait ModelHost: Send + Sync {
    /// Does one chat.
    fn chat(&self, caller: Caller, request: ChatRequest) -> ModelFuture;

    /// What the model was told since this was asked last, by whoever follows
    /// the child, at the end of the conversation that was sent.
    fn heard(&self) -> Vec<String> {
        Vec::new()
    }

    /// A chat was answered before its host was killed: counts it, and does
    /// nothing else. `heard` is what the model was told with it.
    fn answered(
        &self,
        request: &ChatRequest,
        answer: &Result<ChatResponse, ModelError>,
        heard: Vec<String>,
    ) {
        let _ = (request, answer, heard);
    }
}
