//! What `hermitage bench` runs: as little as an agent does, which is two calls
//! of the host; or what its context names. A part of the program, as
//! `host/agents/measured.wasm`.

use hermitage_guest::model::{self, ChatRequest, Message};
use hermitage_guest::{Error, Report, Task, agent, progress};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    match task.context.as_deref() {
        Some("spin") => loop {
            std::hint::spin_loop();
        },
        Some("chat") => {
            let messages = vec![Message::user(task.goal)];
            let answer = model::chat(&ChatRequest { messages, ..ChatRequest::default() });
            Ok(answer.map_or_else(
                |error| Report::failed(format!("{error:?}")),
                |answer| Report::completed(answer.text),
            ))
        }
        _ => {
            progress::report("at work");
            progress::checkpoint("half of it");
            Ok(Report::completed("all of it"))
        }
    }
}
