//! Chats as often as its context says, and completes with the answers, one a
//! line; an error ends it, as a part of them.

use hermitage_guest::model::{self, ChatRequest, Message};
use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let times: u32 = task.context.as_deref().unwrap_or("1").parse().map_err(Error::new)?;
    let mut messages = vec![Message::user(task.goal)];
    let mut lines = Vec::new();
    for _ in 0..times {
        match model::chat(&ChatRequest { messages: messages.clone(), ..ChatRequest::default() }) {
            Ok(answer) => {
                lines.push(answer.text.clone());
                messages.push(Message::assistant(answer));
            }
            Err(error) => {
                lines.push(format!("{error:?}"));
                return Ok(Report::completed(lines.join("\n")).truncated());
            }
        }
    }
    Ok(Report::completed(lines.join("\n")))
}
