//! Calls the tool `terminal` and a usual one, and completes with both answers.

use hermitage_guest::terminal::Command;
use hermitage_guest::{Error, Report, Task, agent, file, terminal};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    let command = Command { command: "id".to_owned(), ..Command::default() };
    let result = terminal::terminal(&command).map(|result| result.output);
    let slice = file::read_file("hello.txt", None, None).map(|slice| slice.text);
    Ok(Report::completed(format!("terminal: {result:?}\nread_file: {slice:?}")))
}
