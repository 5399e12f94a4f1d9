//! `clarify`: asks the person a question, and waits for the answer.
//!
//! How a person is reached is the application's ([`Person`]); this decides
//! what is asked and what counts as an answer. A question is a model's text,
//! so it is cleaned and bounded; an answer is given by the person or not at
//! all, never made up here.

mod question;

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use self::question::Question;
use super::{OpenError, Opened, Opening, Toolset};
use crate::toolset::{
    Caller, HeldBy, Tool, ToolError, reading::optional, registry::Declaration, tool::texts,
};

/// Asks the person a question, and waits for the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clarify {
    /// The question, complete.
    pub question: String,
    /// Answers to choose from; any text is taken when empty.
    #[serde(default, deserialize_with = "optional")]
    pub choices: Vec<String>,
}

impl Tool for Clarify {
    const NAME: &'static str = "clarify";
    const HELD_BY: HeldBy = HeldBy::Parent;
    type Host = ClarifyTool;
    type Output = String;

    fn bytes(&self) -> u64 {
        texts(self.choices.iter().chain([&self.question]).map(Some))
    }

    fn subject(&self) -> &str {
        &self.question
    }

    async fn call(self, host: &ClarifyTool, caller: &Caller) -> Result<String, ToolError> {
        host.call(caller, self).await
    }
}

/// Questions to the person. Blocked for every child.
pub(super) struct Questions;

impl Toolset for Questions {
    const NAME: &'static str = "clarify";
    type Host = ClarifyTool;
    const TOOLS: &'static [Declaration<ClarifyTool>] = &[Declaration::of::<Clarify>()];

    async fn open(opening: &Opening<'_>) -> Result<Opened<ClarifyTool>, OpenError> {
        Ok(match opening.person {
            Some(person) => Opened::Whole(ClarifyTool::new(Arc::clone(person))),
            None => Opened::withheld_quietly("there is nobody to ask"),
        })
    }
}

/// Whoever can be asked: a terminal, a chat.
pub trait Person: Send + Sync {
    /// Shows a question, with its choices numbered from 1, and gives what the
    /// person wrote. Both are cleaned. The question is taken back when the
    /// future is dropped.
    ///
    /// # Errors
    ///
    /// [`ToolError::Denied`] when there is nobody to ask: it must neither wait
    /// for somebody who can't come nor answer for them.
    fn ask(
        &self,
        question: &str,
        choices: &[String],
    ) -> BoxFuture<'static, Result<String, ToolError>>;
}

/// Asks one person, one question at a time. Clones share the person.
#[derive(Clone)]
pub struct ClarifyTool {
    shared: Arc<Shared>,
}

struct Shared {
    person: Arc<dyn Person>,
    /// Held while a question is open: two at once have one answer.
    asking: Mutex<()>,
}

impl ClarifyTool {
    /// Asks that person.
    pub fn new(person: Arc<dyn Person>) -> Self {
        Self { shared: Arc::new(Shared { person, asking: Mutex::new(()) }) }
    }

    /// Asks, and gives the answer: the words of a choice when there are any.
    ///
    /// A number stands for the choice at that place, unless it is the words of
    /// a choice itself.
    ///
    /// # Errors
    ///
    /// A question that is blank or too long, choices that are too many or the
    /// same; nobody to ask; no fitting answer in three tries; and a caller
    /// that is cancelled.
    pub async fn call(&self, caller: &Caller, call: Clarify) -> Result<String, ToolError> {
        let question = Question::of(&call)?;
        let answer = async {
            let _asking = self.shared.asking.lock().await;
            question.ask(&*self.shared.person).await
        };
        tokio::select! {
            biased;
            () = caller.cancelled.cancelled() => Err(ToolError::Interrupted),
            answer = answer => answer,
        }
    }
}

impl fmt::Debug for ClarifyTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClarifyTool").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
