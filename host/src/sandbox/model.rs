//! Interface `model`: chats with the model that was chosen for the child.

use super::{
    cell::Cell,
    convert::chat_response,
    function::{Entry, Function, Linkable},
    wit::contract::model::{ChatRequest, ChatResponse, ModelError},
};
use crate::toolset::ToolError;

pub(super) static FUNCTIONS: &[Entry] = &[Entry::of::<Chat>()];

struct Chat;

impl Function for Chat {
    const INTERFACE: &'static str = "hermitage:subagent/model@0.1.0";
    const NAME: &'static str = "chat";
    type Params = (ChatRequest,);
    type Results = (Result<ChatResponse, ModelError>,);

    fn refusal(error: ToolError) -> Option<Self::Results> {
        Some((Err(error.into()),))
    }
}

impl Linkable for Chat {
    async fn call(cell: &mut Cell, (request,): Self::Params) -> wasmtime::Result<Self::Results> {
        let response = cell.chat(request).await?.map(chat_response);
        Ok((response.map_err(Into::into),))
    }
}
