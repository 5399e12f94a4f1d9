//! Counts the words of the files that its task names.

use hermitage_guest::{Error, Report, Task, agent, file, progress};

#[agent]
fn run(task: Task) -> Result<Report, Error> {
    let mut summary = Vec::new();
    for path in task.goal.split_whitespace() {
        progress::report(&format!("reading {path}"));
        let text = file::read_file(path, None, None)?.text;
        summary.push(format!("{path}: {} words", words(&text)));
    }
    Ok(Report::completed(summary.join("\n")))
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted() {
        assert_eq!(words("one two\nthree"), 3);
    }
}
