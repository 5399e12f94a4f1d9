//! Asks the model and completes with its answer or its error.

use hermitage_guest::model::{self, ChatRequest, Message};
use hermitage_guest::{Error, Report, Task, agent};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let messages = vec![Message::user(task.goal)];
    let answer = model::chat(&ChatRequest { messages, ..ChatRequest::default() });
    Ok(Report::completed(format!("model: {:?}", answer.map(|answer| answer.text))))
}
