//! The calls of one message: checked, done, and answered.

use std::ops::ControlFlow::{self, Break, Continue};

use hermitage_guest::{
    Report, ToolError,
    model::{ChatResponse, Finish, ToolCall},
};
use serde_json::Value;

use super::React;
use crate::{arguments, host::Host, prompt, repeats, tools};

/// A call as it is meant.
struct Meant {
    /// That of a granted tool, or else as it was written.
    name: String,
    /// An object, or what is wrong with it.
    arguments: Result<Value, String>,
}

impl<H: Host> React<'_, H> {
    /// Does the calls of a message, and adds both to the conversation: the
    /// message as it came, because its provider wants it so.
    pub(super) fn act(&mut self, mut response: ChatResponse, said: &str) -> ControlFlow<Report> {
        self.nudged.clear();
        self.diary.said(said);
        response.tool_calls.iter_mut().for_each(|it| self.name(it));
        let meant = response.tool_calls.iter().map(|it| self.meant(it, response.finish));
        let meant: Vec<Meant> = meant.collect();
        let counts = self.repeats.count(meant.iter().map(Meant::key).collect());
        let mut results = Vec::new();
        for (call, times) in meant.iter().zip(&counts) {
            results.push(match times {
                1 => self.call(call)?,
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

    /// Gives a call an id that has none: its result has to name it.
    fn name(&mut self, call: &mut ToolCall) {
        if call.id.trim().is_empty() {
            self.named += 1;
            // Some providers take nine letters and digits, and nothing else.
            call.id = format!("call{:05}", self.named);
        }
    }

    fn meant(&self, call: &ToolCall, finish: Finish) -> Meant {
        let name = self.tools.meant(&call.name).unwrap_or(&call.name).to_owned();
        let mut arguments = arguments::read(&call.arguments);
        if let Ok(arguments) = &mut arguments {
            self.tools.fit(&name, arguments);
        }
        let arguments = arguments.map_err(|why| match finish {
            Finish::Length => format!("{why}\nThe message was cut off: write less at once."),
            _ => why,
        });
        Meant { name, arguments }
    }

    /// Does a call, and returns what the model is to know of it.
    fn call(&mut self, call: &Meant) -> ControlFlow<Report, String> {
        let Meant { name, arguments } = call;
        let subject = arguments.as_ref().map(tools::subject).unwrap_or_default();
        self.host.report(format!("{name} {subject}").trim_end());
        let checked = arguments.clone().and_then(|it| self.tools.check(name, &it).map(|()| it));
        let res = match checked {
            Ok(arguments) => self.host.call(name, &arguments.to_string()),
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
        self.diary.did(name, &subject, &text);
        Continue(text)
    }
}

impl Meant {
    /// The same for the same call, however it is written. What could not be
    /// read is told apart by what is wrong with it.
    fn key(&self) -> String {
        let arguments = self.arguments.as_ref().map(Value::to_string);
        format!("{} {}", self.name, arguments.unwrap_or_else(Clone::clone))
    }
}

#[cfg(test)]
mod tests;
