//! What of a message is said, and not thought.

use crate::fence;

/// Around thoughts that a server left in the text.
const THOUGHTS: &[(&str, &str)] = &[
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
];

/// Before what is said, after all that is thought.
const SAID: &str = "<|channel|>final<|message|>";

/// Tokens between two parts of a message.
const BEFORE: &[&str] = &["<|start|>assistant", "<|START_RESPONSE|>"];

/// Tokens at the end of a message that a server should have taken off.
const AFTER: &[&str] = &[
    "<|im_end|>",
    "<|eot_id|>",
    "<|end|>",
    "<|return|>",
    "<|endoftext|>",
    "<|END_RESPONSE|>",
    "<｜end▁of▁sentence｜>",
    "</s>",
];

/// What a message says, without the reasoning that some models write before
/// it. One that never ends its reasoning says nothing.
pub(crate) fn spoken(text: &str) -> &str {
    let mut text = bare(text);
    while let Some((open, close)) = THOUGHTS.iter().find(|(open, _)| text.starts_with(open)) {
        let thought = text.strip_prefix(open).unwrap_or_default();
        text = bare(thought.split_once(close).map_or("", |(_, rest)| rest));
    }
    if let Some((_, said)) = text.rsplit_once(SAID) {
        return bare(said);
    }
    // The template of the model wrote the opening mark, and the server kept
    // it for itself.
    let ended = THOUGHTS.iter().find_map(|(open, close)| {
        let (thought, said) = text.split_once(close)?;
        // A word among words is talked about.
        let is_word = thought.ends_with(' ') && said.starts_with(' ');
        let is_quoted = is_word || fence::is_quoted(text, thought.len());
        let is_end = !thought.contains(open) && !is_quoted;
        is_end.then_some(said)
    });
    ended.map_or(text, bare)
}

/// Without blanks and tokens around it.
fn bare(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(rest) = BEFORE.iter().find_map(|it| text.strip_prefix(it)) {
        text = rest.trim_start();
    }
    while let Some(rest) = AFTER.iter().find_map(|it| text.strip_suffix(it)) {
        text = rest.trim_end();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(spoken(text), expect, "{text}");
    }

    #[test]
    fn reasoning_is_no_part_of_the_answer() {
        check(" It is 3.\n", "It is 3.");
        check("<think>2 + 1</think>\n\nIt is 3.", "It is 3.");
        check("<think>\n\n</think>\n<think>2 + 1</think>It is 3.", "It is 3.");
        check("\n<think>2 + 1", "");
        check("[THINK]2 + 1[/THINK]It is 3.", "It is 3.");
        check("◁think▷2 + 1◁/think▷It is 3.", "It is 3.");
        check("<|START_THINKING|>2<|END_THINKING|><|START_RESPONSE|>3<|END_RESPONSE|>", "3");
    }

    #[test]
    fn reasoning_whose_beginning_was_kept_back_ends_at_its_mark() {
        check("2 + 1 is 3.\n</think>\n\nIt is 3.", "It is 3.");
        check("Hm.</think>It is `3`.", "It is `3`.");
        check("Hm.\n</think>", "");
    }

    #[test]
    fn the_marks_of_channels_are_taken_off() {
        let analysis = "<|channel|>analysis<|message|>2 + 1<|end|>";
        let said = "<|start|>assistant<|channel|>final<|message|>It is 3.<|return|>";
        check(&format!("{analysis}{said}"), "It is 3.");
        check(said, "It is 3.");
        check(analysis, "");
    }

    #[test]
    fn tokens_that_end_a_message_are_taken_off() {
        check("It is 3.<|im_end|>\n<|endoftext|>", "It is 3.");
        check("It is 3.</s>", "It is 3.");
    }

    #[test]
    fn marks_that_are_talked_about_stay() {
        for text in [
            "The tag `<think>` is known.",
            "The tag `</think>` ends it.",
            "The tag </think> ends it.",
            "It writes:\n```\nHm.\n</think>\n```\nand then goes on.",
            "Between <think> and </think> is reasoning.",
        ] {
            check(text, text);
        }
    }
}
