//! The declaration of a tool.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    call::{Caller, ToolError},
    id::{Effect, HeldBy},
    reading::object,
};

/// A tool that is known when the program is compiled.
///
/// It is implemented by the type of its arguments, so a call is a value of
/// that type, and an answer that is not of its own type does not compile.
/// The doc comment of the type is what a model reads of the tool, and those of
/// the fields what it reads of each argument.
///
/// A typed import and the JSON of the toolbox both end in [`Tool::call`].
pub trait Tool: Serialize + DeserializeOwned + JsonSchema + Send + Sized + 'static {
    /// The canonical name, as in grants, events and schemas.
    const NAME: &'static str;
    /// Who may hold it.
    const HELD_BY: HeldBy = HeldBy::Anyone;
    /// What a call may have done of which nobody saw the end.
    const EFFECT: Effect = Effect::Once;
    /// What its toolset opened, to do the work with.
    type Host: Send + Sync + 'static;
    /// What it gives back.
    type Output: Output;

    /// Reads what a model wrote: a JSON object.
    ///
    /// # Errors
    ///
    /// [`ToolError::InvalidArguments`], which names the argument.
    fn from_json(arguments: &str) -> Result<Self, ToolError> {
        object(arguments)
    }

    /// Leaves out optional texts that are there and empty: components and
    /// models give what they have in every place.
    fn drop_empty(&mut self) {}

    /// Size of the texts in the arguments, in bytes, for limit and trace.
    fn bytes(&self) -> u64;

    /// What the call is about, in a few words, for a live display. Empty where
    /// it is nobody's business.
    fn subject(&self) -> &str;

    /// Does the work. Long work ends when `caller.cancelled` is set.
    fn call(
        self,
        host: &Self::Host,
        caller: &Caller,
    ) -> impl Future<Output = Result<Self::Output, ToolError>> + Send;
}

/// What a tool gives back, as a record and as the JSON of the toolbox.
pub trait Output: Serialize + DeserializeOwned + Send + Sized + 'static {
    /// Size of the texts in it, in bytes, for the trace.
    fn bytes(&self) -> u64;

    /// What the toolbox answers: JSON, or a text as it stands.
    fn into_text(self) -> Result<String, ToolError> {
        serde_json::to_string(&self).map_err(|it| ToolError::Failed(it.to_string()))
    }
}

impl Output for String {
    fn bytes(&self) -> u64 {
        self.len() as u64
    }

    fn into_text(self) -> Result<String, ToolError> {
        Ok(self)
    }
}

impl<T: Output> Output for Vec<T> {
    fn bytes(&self) -> u64 {
        self.iter().map(T::bytes).sum()
    }
}

/// Size of some texts, in bytes.
pub fn texts<'a>(texts: impl IntoIterator<Item = Option<&'a String>>) -> u64 {
    texts.into_iter().flatten().map(|it| it.len() as u64).sum()
}
