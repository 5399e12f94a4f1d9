//! What the model is told: by this agent, by the task, and on the way.

use hermitage_guest::{RejectedAnswer, Task};

/// What it is, how tools are used, what its answer must say.
pub(crate) const SYSTEM: &str = include_str!("prompt.md");

/// Before the last model call of a run.
pub(crate) const LAST: &str = "This is your last message: there are no tools any more. Give your \
    answer now, from what you have: what was done, found and changed, and what is left open.";

/// After the same call for the third time.
pub(crate) const STUCK: &str = "You are repeating yourself, so you have no tools in this message. \
    Give your answer now, from what you have, and say what is left open.";

/// After a message with neither text nor call.
pub(crate) const BLANK: &str = "Your message was empty. Go on with the task: call a tool if one \
    is needed and you have it, or else give your answer as text.";

/// After a call in the model's own marks that can't be read.
pub(crate) const UNREAD: &str = "Your message has a tool call in it that was written as text and \
    can't be read, so nothing was done. Make the call through the tool interface, with a JSON \
    object as its arguments; or, if no tool is needed or you have none, give your answer as text.";

/// After an answer that the provider cut off.
pub(crate) const SHORTER: &str = "Your answer was cut off: it was too long. Give it again from \
    its start, complete and shorter.";

/// After an answer that should have been JSON.
pub(crate) const JSON_ONLY: &str = "Your answer was not JSON. Give it again as one JSON value \
    that fits the schema of the task: no text around it, no code fence.";

/// In place of the result of a call that was just made.
pub(crate) const REPEATED: &str = "Not done again: this is the same call as the one before, and \
    it would bring the same result. Use what it returned, do something else, or give your answer.";

/// The first message: everything the task says.
pub(crate) fn task(task: &Task) -> String {
    let mut text = format!("# Task\n\n{}", task.goal.trim());
    if let Some(context) = task.context.as_deref().filter(|it| !it.trim().is_empty()) {
        let mark = "Handed over by whoever gave the task:";
        text.push_str(&format!("\n\n# Context\n\n{mark}\n\n{}", context.trim()));
    }
    if let Some(schema) = &task.output_schema {
        let mark = "The answer must be JSON alone that fits this JSON Schema:";
        text.push_str(&format!("\n\n# Form of the answer\n\n{mark}\n\n{}", schema.trim()));
    }
    if let Some(rejected) = &task.rejected {
        text.push_str(&second_try(rejected));
    }
    text
}

fn second_try(rejected: &RejectedAnswer) -> String {
    let errors: Vec<_> = rejected.errors.iter().map(|it| format!("- {it}")).collect();
    format!(
        "\n\n# Second try\n\nThis answer was given before, and it was rejected:\n\n{}\n\nWhat is \
         wrong with it:\n\n{}\n\nGive one that mends this. There is no third try.",
        rejected.answer.trim(),
        errors.join("\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn a_plain_task_is_its_goal() {
        assert_eq!(task(&fake::task(1)), "# Task\n\nCount the lines");
        let blank = Task { context: Some(" \n".to_owned()), ..fake::task(1) };
        assert_eq!(task(&blank), "# Task\n\nCount the lines");
    }

    #[test]
    fn everything_the_task_says_is_in_the_first_message() {
        let rejected = RejectedAnswer {
            answer: "{}\n".to_owned(),
            errors: vec!["$.lines: missing".to_owned(), "$: odd".to_owned()],
        };
        let full = Task {
            context: Some("It is in a.txt\n".to_owned()),
            output_schema: Some(r#"{"type":"object"}"#.to_owned()),
            rejected: Some(rejected),
            ..fake::task(1)
        };
        let expect = "# Task\n\nCount the lines\n\n\
            # Context\n\nHanded over by whoever gave the task:\n\nIt is in a.txt\n\n\
            # Form of the answer\n\n\
            The answer must be JSON alone that fits this JSON Schema:\n\n{\"type\":\"object\"}\n\n\
            # Second try\n\nThis answer was given before, and it was rejected:\n\n{}\n\n\
            What is wrong with it:\n\n- $.lines: missing\n- $: odd\n\n\
            Give one that mends this. There is no third try.";
        assert_eq!(task(&full), expect);
    }
}
