//! Lists the granted tools by name and calls `read_file`, if it is there, by
//! JSON.

use hermitage_guest::{Error, Report, Task, agent, toolbox};

#[agent]
fn run(_: Task) -> Result<Report, Error> {
    let mut lines = Vec::new();
    for tool in toolbox::granted() {
        let name = tool.spec().name;
        if name == "read_file" {
            lines.push(format!("{name}: {:?}", tool.call(r#"{"path":"hello.txt"}"#)));
        } else {
            lines.push(name);
        }
    }
    Ok(Report::completed(lines.join("\n")))
}
