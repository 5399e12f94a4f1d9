//! The work: ask the model, do what it asks for, until it answers.

mod calls;

use std::ops::ControlFlow::{self, Break, Continue};

use hermitage_guest::{
    Report, Task,
    model::{ChatResponse, Finish, ModelError},
};

use crate::{
    answer,
    conversation::Conversation,
    diary::Diary,
    host::Host,
    prompt,
    repeats::Repeats,
    thoughts::spoken,
    tools::Tools,
    written::{self, Unread, Written},
};

/// A run, as far as it has come.
pub(crate) struct React<'a, H> {
    host: &'a mut H,
    task: &'a Task,
    tools: Tools,
    conversation: Conversation,
    repeats: Repeats,
    diary: Diary,
    /// Model calls.
    asked: u32,
    /// Calls that were given an id here.
    named: u32,
    /// The next message is to be the answer: there are no tools any more.
    withheld: bool,
    /// What the model was asked for once already.
    nudged: Vec<&'static str>,
}

/// Does the task and reports.
pub(crate) fn work(host: &mut impl Host, task: &Task, tools: Tools) -> Report {
    let conversation = Conversation::new(prompt::SYSTEM, prompt::task(task));
    let (repeats, diary) = (Repeats::default(), Diary::default());
    let mut react = React {
        host,
        task,
        tools,
        conversation,
        repeats,
        diary,
        asked: 0,
        named: 0,
        withheld: false,
        nudged: Vec::new(),
    };
    while react.asked < task.max_iterations {
        if let Break(report) = react.turn() {
            return report;
        }
    }
    react.stopped("its model calls are spent")
}

impl<H: Host> React<'_, H> {
    /// One message of the model, and what follows from it.
    fn turn(&mut self) -> ControlFlow<Report> {
        self.asked += 1;
        self.host.report(&format!("model call {} of {}", self.asked, self.task.max_iterations));
        if self.is_out_of_calls() {
            self.conversation.ask(prompt::LAST);
        }
        let offers = !self.withheld && !self.is_out_of_calls();
        let tools = if offers { self.tools.specs() } else { &[] };
        let has_tools = !tools.is_empty();
        let schema = self.task.output_schema.as_deref().filter(|_| !has_tools);
        match self.host.chat(self.conversation.request(tools, schema)) {
            Ok(response) => self.heard(response, has_tools),
            Err(error) => self.not_heard(error),
        }
    }

    /// Whether this message has no tools only because it is the last one.
    fn is_out_of_calls(&self) -> bool {
        let is_last = self.asked >= self.task.max_iterations;
        is_last && !self.withheld && !self.tools.specs().is_empty()
    }

    fn heard(&mut self, response: ChatResponse, has_tools: bool) -> ControlFlow<Report> {
        let said = spoken(&response.text).to_owned();
        if response.finish == Finish::Filtered {
            return Break(self.refused(&said));
        }
        if !response.tool_calls.is_empty() {
            return if has_tools { self.act(response, &said) } else { self.blank(&said) };
        }
        match written::calls(&said, |it| self.tools.meant(it).is_some()) {
            Ok(None) => self.conclude(response, &said),
            Ok(Some(Written { said, .. })) if !has_tools => self.blank(&said),
            Ok(Some(Written { said, calls })) => {
                // For whoever reads it next, the model made these calls.
                let response = ChatResponse { text: said.clone(), tool_calls: calls, ..response };
                self.act(response, &said)
            }
            Err(Unread(mark)) => self.unread(response, mark),
        }
    }

    /// What the model said in place of an answer, or what the provider left of
    /// one.
    fn refused(&mut self, said: &str) -> Report {
        match said.trim_end_matches('.') {
            "" => self.failed("The provider filtered the model's answer."),
            said => self.failed(&format!("The model refused, or its answer was filtered: {said}.")),
        }
    }

    /// A call that the model wrote as text, in its own marks, and that can't
    /// be read, is no answer.
    fn unread(&mut self, response: ChatResponse, mark: &str) -> ControlFlow<Report> {
        let is_cut = response.finish == Finish::Length;
        if self.can_nudge(prompt::UNREAD) {
            self.conversation.round(response, Vec::new());
            self.nudge(prompt::UNREAD);
            return Continue(());
        }
        let why = if is_cut { ", and was cut off" } else { "" };
        Break(self.failed(&format!(
            "The model wrote a tool call as text that can't be read (`{mark}`){why}."
        )))
    }

    fn not_heard(&mut self, error: ModelError) -> ControlFlow<Report> {
        match error {
            ModelError::TooLong(_) if self.conversation.too_long() => Continue(()),
            ModelError::TooLong(why) => {
                let text = "The conversation is too long for the model and can't be shortened";
                Break(self.failed(&format!("{text}: {why}")))
            }
            ModelError::Denied(why) => {
                Break(self.failed(&format!("There is no model for this run: {why}")))
            }
            ModelError::InvalidRequest(why) => {
                Break(self.failed(&format!("The model did not take the request: {why}")))
            }
            ModelError::Failed(why) => Break(self.failed(&format!("The model failed: {why}"))),
            ModelError::Interrupted => Break(self.stopped("it was interrupted")),
            ModelError::TimedOut => Break(self.stopped("it is out of time")),
            ModelError::Exhausted(why) => Break(self.stopped(&why)),
        }
    }

    /// A message with nothing to be done or to be told.
    fn blank(&mut self, said: &str) -> ControlFlow<Report> {
        self.diary.said(said);
        match self.nudge(prompt::BLANK) {
            true => Continue(()),
            false => Break(self.failed("The model gave no answer.")),
        }
    }

    /// A message without a call is the answer, unless it is worth asking
    /// again.
    fn conclude(&mut self, response: ChatResponse, said: &str) -> ControlFlow<Report> {
        if said.is_empty() {
            return self.blank(said);
        }
        self.diary.said(said);
        let is_cut = response.finish == Finish::Length;
        let json = answer::json(said).filter(|_| self.task.output_schema.is_some());
        let is_no_json = self.task.output_schema.is_some() && json.is_none();
        let report = Report::completed(json.unwrap_or(said));
        if is_cut && self.ask_again(response.clone(), prompt::SHORTER)
            || is_no_json && self.ask_again(response, prompt::JSON_ONLY)
        {
            return Continue(());
        }
        Break(if is_cut || self.is_out_of_calls() { report.truncated() } else { report })
    }

    /// Asks for the answer in another form.
    fn ask_again(&mut self, response: ChatResponse, prompt: &'static str) -> bool {
        let can = self.can_nudge(prompt);
        if can {
            self.withheld = true;
            self.conversation.round(response, Vec::new());
            self.nudge(prompt);
        }
        can
    }

    /// Says something to the model, once. Not when it can't answer any more.
    fn nudge(&mut self, prompt: &'static str) -> bool {
        let can = self.can_nudge(prompt);
        if can {
            self.nudged.push(prompt);
            self.conversation.ask(prompt);
        }
        can
    }

    fn can_nudge(&self, prompt: &'static str) -> bool {
        self.asked < self.task.max_iterations && !self.nudged.contains(&prompt)
    }

    /// The end of a run that the host ends: what there is, if there is
    /// anything.
    fn stopped(&self, why: &str) -> Report {
        let why = why.trim_end_matches('.');
        let text = self.diary.text(&format!("Stopped before the answer: {why}."));
        match self.diary.is_empty() {
            true => Report::failed(text).truncated(),
            false => Report::completed(text).truncated(),
        }
    }

    fn failed(&self, why: &str) -> Report {
        Report::failed(why).with_summary(self.diary.work())
    }
}

#[cfg(test)]
mod tests;
