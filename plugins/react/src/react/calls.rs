//! The calls of one message: checked, done, and answered.

use std::ops::ControlFlow::{self, Break, Continue};

use hermitage_guest::{
    Report, ToolError,
    model::{ChatResponse, Finish, ToolCall},
};
use serde_json::Value;

use super::React;
use crate::{host::Host, prompt, repeats, tools};

impl<H: Host> React<'_, H> {
    /// Does the calls of a message, and adds both to the conversation.
    pub(super) fn act(&mut self, mut response: ChatResponse) -> ControlFlow<Report> {
        self.nudged.clear();
        self.diary.said(&response.text);
        let arguments: Vec<_> =
            response.tool_calls.iter_mut().map(|it| self.prepare(it, response.finish)).collect();
        let calls = response.tool_calls.iter().zip(&arguments);
        let counts = self.repeats.count(calls.map(|(call, it)| key(call, it)).collect());
        let mut results = Vec::new();
        for ((call, arguments), times) in response.tool_calls.iter().zip(arguments).zip(&counts) {
            results.push(match times {
                1 => self.call(call, arguments)?,
                _ => prompt::REPEATED.to_owned(),
            });
        }
        self.host.checkpoint(&self.diary.text("Stopped before the answer."));
        self.conversation.round(response, results);
        if counts.iter().any(|it| *it >= repeats::STUCK) {
            self.withheld = true;
            self.conversation.ask(prompt::STUCK);
        }
        Continue(())
    }

    /// Reads the arguments of a call, and leaves it as it can be sent back: an
    /// id of its own, and arguments that are an object.
    fn prepare(&mut self, call: &mut ToolCall, finish: Finish) -> Result<Value, String> {
        if call.id.trim().is_empty() {
            self.named += 1;
            // Some providers take nine letters and digits, and nothing else.
            call.id = format!("call{:05}", self.named);
        }
        let mut read = tools::read(&call.arguments);
        call.arguments = match &mut read {
            Ok(arguments) => {
                self.tools.without_nulls(&call.name, arguments);
                arguments.to_string()
            }
            Err(_) => "{}".to_owned(),
        };
        read.map_err(|why| match finish {
            Finish::Length => format!("{why}\nThe message was cut off: write less at once."),
            _ => why,
        })
    }

    /// Does a call, and returns what the model is to know of it.
    fn call(
        &mut self,
        call: &ToolCall,
        arguments: Result<Value, String>,
    ) -> ControlFlow<Report, String> {
        let subject = arguments.as_ref().map(tools::subject).unwrap_or_default();
        self.host.report(format!("{} {subject}", call.name).trim_end());
        let checked = arguments.and_then(|it| self.tools.check(&call.name, &it));
        let res = match checked {
            Ok(()) => self.host.call(&call.name, &call.arguments),
            Err(why) => Err(ToolError::InvalidArguments(why)),
        };
        let text = match res {
            Ok(text) => text,
            Err(ToolError::Denied(why)) => format!("denied: {why}"),
            Err(ToolError::InvalidArguments(why)) => format!("invalid arguments: {why}"),
            Err(ToolError::Failed(why)) => format!("failed: {why}"),
            Err(ToolError::Interrupted) => return Break(self.stopped("it was interrupted")),
            Err(ToolError::TimedOut) => return Break(self.stopped("it is out of time")),
            Err(ToolError::Exhausted(why)) => return Break(self.stopped(&why)),
        };
        self.diary.did(&call.name, &subject, &text);
        Continue(text)
    }
}

/// The same for the same call, however its JSON is written. What could not be
/// read is told apart by what is wrong with it.
fn key(call: &ToolCall, arguments: &Result<Value, String>) -> String {
    let arguments = arguments.as_ref().err().unwrap_or(&call.arguments);
    format!("{} {arguments}", call.name)
}

#[cfg(test)]
mod tests;
