//! Works on a task with a model and the granted tools.
//!
//! The model decides and the host does: each message of the model either asks
//! for tools, whose results go back to it, or is the answer. Only this file
//! talks to the host; the modules below work for any [`host::Host`], so that
//! tests can follow a script.

mod answer;
mod arguments;
mod conversation;
mod cut;
mod diary;
mod fence;
mod fit;
mod host;
mod names;
mod prompt;
mod react;
mod repeats;
mod schema;
mod thoughts;
mod tools;
mod written;

#[cfg(test)]
mod fake;

use hermitage_guest::{
    Error, Report, Task, ToolError, agent,
    model::{self, ChatRequest, ChatResponse, ModelError},
    progress,
    toolbox::Toolbox,
};

use crate::{host::Host, tools::Tools};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let mut sandbox = Sandbox { toolbox: Toolbox::granted() };
    let tools = Tools::new(sandbox.toolbox.specs().to_vec());
    Ok(react::work(&mut sandbox, &task, tools))
}

/// The host around this component.
struct Sandbox {
    toolbox: Toolbox,
}

impl Host for Sandbox {
    fn chat(&mut self, request: &ChatRequest) -> Result<ChatResponse, ModelError> {
        model::chat(request)
    }

    fn call(&mut self, tool: &str, arguments: &str) -> Result<String, ToolError> {
        self.toolbox.call(tool, arguments)
    }

    fn report(&mut self, text: &str) {
        progress::report(text);
    }

    fn checkpoint(&mut self, summary: &str) {
        progress::checkpoint(summary);
    }
}
