//! The marks that families of models put around calls, and what stands
//! between them.

use hermitage_guest::model::ToolCall;
use serde_json::{Map, Value};

use super::{call, json, python, xml};
use crate::fence::{fences, unfenced};

/// A mark that begins a call, or several.
pub(super) struct Mark {
    pub(super) open: &'static str,
    close: &'static str,
    form: Form,
    /// No prose has it: a message with it that can't be read is no answer.
    pub(super) is_certain: bool,
}

/// What stands behind a mark.
enum Form {
    /// A call in any form, up to the closing mark.
    Bodies,
    /// A name, this, and an object.
    Named(&'static str),
    Functions,
    Invokes,
    /// Names, each with an object after it, or JSON.
    Mistral,
}

use Form::{Bodies, Functions, Invokes, Mistral, Named};

const fn mark(open: &'static str, close: &'static str, form: Form) -> Mark {
    Mark { open, close, form, is_certain: true }
}

const fn word(open: &'static str, close: &'static str) -> Mark {
    Mark { open, close, form: Bodies, is_certain: false }
}

/// Hermes, Qwen and GLM; Llama; DeepSeek; Kimi; Mistral; MiniMax; Granite and
/// Phi; LFM; Command; InternLM; gpt-oss; functionary.
pub(super) const MARKS: &[Mark] = &[
    mark("<tool_call>", "</tool_call>", Bodies),
    word("<tool_calls>", "</tool_calls>"),
    word("<tools>", "</tools>"),
    word("<function_call>", "</function_call>"),
    mark("<function=", "", Functions),
    mark("<invoke name=", "", Invokes),
    mark("<｜DSML｜invoke name=", "", Invokes),
    mark("<|python_tag|>", "<|eom_id|>", Bodies),
    mark("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", Named("<｜tool▁sep｜>")),
    mark("<|tool_call_begin|>", "<|tool_call_end|>", Named("<|tool_call_argument_begin|>")),
    mark("[TOOL_CALLS]", "", Mistral),
    mark("<|tool_call|>", "<|/tool_call|>", Bodies),
    mark("<|tool_call_start|>", "<|tool_call_end|>", Bodies),
    mark("<|START_ACTION|>", "<|END_ACTION|>", Bodies),
    mark("<|action_start|><|plugin|>", "<|action_end|>", Bodies),
    mark("<|channel|>commentary to=", "<|call|>", Named("<|message|>")),
    mark("<|start|>assistant to=", "<|call|>", Named("<|message|>")),
    mark("<|recipient|>", "<|stop|>", Named("<|content|>")),
];

/// Marks around all calls of a message. They are no part of what it says.
pub(super) const AROUND: &[&str] = &[
    "<｜tool▁calls▁begin｜>",
    "<|tool_calls_section_begin|>",
    "<function_calls>",
    "<minimax:tool_call>",
    "<seed:tool_call>",
    "<｜DSML｜function_calls>",
    "<|start|>assistant",
    "<|from|>assistant",
];

/// Tokens after calls and messages, which a server should have taken off.
const ENDS: &[&str] = &[
    "<|eom_id|>",
    "<|eot_id|>",
    "<|im_end|>",
    "<|/tool_call|>",
    "<|tool_calls_section_end|>",
    "<｜tool▁calls▁end｜>",
    "<｜end▁of▁sentence｜>",
    "</｜DSML｜function_calls>",
    "</function_calls>",
    "</minimax:tool_call>",
    "</seed:tool_call>",
    "</tool_call>",
    "</tools>",
    "</s>",
];

/// What begins the result of a call.
const RESULT: &str = "<tool_response>";

impl Mark {
    /// The calls of a text that begins with this mark, and of marks of other
    /// families right after them; and what stands after the last one.
    pub(super) fn read<'a>(&self, text: &'a str) -> Option<(Vec<ToolCall>, &'a str)> {
        let (mut calls, mut after) = self.family(text)?;
        while let Some((next, rest)) = Mark::next(after) {
            let (more, rest) = next.family(rest)?;
            calls.extend(more);
            after = rest;
        }
        Some((calls, after))
    }

    /// The mark that a text begins with, after any tokens, and the text from it.
    fn next(text: &str) -> Option<(&'static Mark, &str)> {
        let mut text = text.trim_start();
        while !text.starts_with(RESULT) {
            let found = MARKS.iter().filter(|it| text.starts_with(it.open));
            if let Some(mark) = found.max_by_key(|it| it.open.len()) {
                return Some((mark, text));
            }
            text = after_token(text)?.trim_start();
        }
        None
    }

    fn family<'a>(&self, text: &'a str) -> Option<(Vec<ToolCall>, &'a str)> {
        let calls = match self.form {
            Functions => xml::functions(text),
            Invokes => xml::invokes(text),
            Mistral => self.all(text, mistral),
            Bodies => self.all(text, body),
            Named(between) => self.all(text, |it| named(it, between)),
        };
        let last = text.rsplit(self.open).next().unwrap_or_default();
        let after = match self.last() {
            "" => "",
            close => last.split_once(close).map_or("", |it| it.1),
        };
        calls.filter(|it| !it.is_empty()).map(|it| (it, after))
    }

    /// What stands after the last closing mark of a text that can't be read;
    /// nothing when none is closed.
    pub(super) fn after<'a>(&self, text: &'a str) -> &'a str {
        match self.last() {
            "" => "",
            close => text.rsplit_once(close).map_or("", |it| it.1),
        }
    }

    /// The last mark of a call.
    fn last(&self) -> &'static str {
        match self.form {
            Functions => "</function>",
            Invokes => "invoke>",
            _ => self.close,
        }
    }

    /// Models forget the closing mark, or write the opening one in its place.
    fn all(
        &self,
        text: &str,
        read: impl Fn(&str) -> Option<Vec<ToolCall>>,
    ) -> Option<Vec<ToolCall>> {
        let bodies = text.split(self.open).skip(1).map(|it| match self.close {
            "" => it.trim(),
            close => it.split_once(close).map_or(it, |(body, _)| body).trim(),
        });
        let calls: Option<Vec<_>> = bodies.filter(|it| !it.is_empty()).map(read).collect();
        calls.map(|it| it.concat())
    }
}

/// A call in any of the forms that have no marks of their own.
fn body(text: &str) -> Option<Vec<ToolCall>> {
    let text = without_ends(fences(text).first().map_or(text, |it| it.body));
    json::calls(text)
        .or_else(|| xml::functions(text))
        .or_else(|| xml::invokes(text))
        .or_else(|| json::named(text))
        .or_else(|| xml::pairs(text))
        .or_else(|| python::calls(text))
}

/// A name and its arguments. Some write what kind of a call it is before the
/// mark between them, and the name behind it.
fn named(text: &str, between: &str) -> Option<Vec<ToolCall>> {
    let (name, arguments) = text.split_once(between)?;
    let name = name.split("<|").next().unwrap_or_default();
    let name = name.split_whitespace().next().unwrap_or_default();
    let arguments = arguments.trim();
    let (name, arguments) = match name {
        "function" if !arguments.starts_with('{') => {
            arguments.split_once('\n').unwrap_or((arguments, ""))
        }
        _ => (name, arguments),
    };
    let arguments = match unfenced(without_ends(arguments)).trim() {
        "" => Map::new(),
        text => serde_json::from_str(text).ok()?,
    };
    let name = name.trim();
    json::is_name(name).then(|| vec![call(name, Value::Object(arguments).to_string())])
}

/// JSON, or a name, maybe an id, and an object.
fn mistral(text: &str) -> Option<Vec<ToolCall>> {
    let text = without_ends(text);
    json::calls(text).or_else(|| {
        let split = text.split_once("[ARGS]");
        let (name, arguments) = split.or_else(|| text.split_at_checked(text.find('{')?))?;
        let name = name.split("[CALL_ID]").next().unwrap_or_default().trim();
        json::named(&format!("{name} {}", arguments.trim()))
    })
}

/// Without tokens at the end of a text, and blanks around them.
pub(super) fn without_ends(text: &str) -> &str {
    let mut text = text.trim_end();
    while let Some(rest) = ENDS.iter().find_map(|it| text.strip_suffix(it)) {
        text = rest.trim_end();
    }
    text
}

/// Whether a text that begins after a call has nothing more to say: tokens and
/// closing marks at most. Some models make up the result of their call, which
/// is no answer.
pub(super) fn is_end(text: &str) -> bool {
    let (mut rest, made_up) = text.split_once(RESULT).unwrap_or((text, ""));
    let is_made_up = made_up.is_empty() || made_up.trim_end().ends_with("</tool_response>");
    while let Some(after) = after_token(rest) {
        rest = after;
    }
    rest.trim().is_empty() && is_made_up
}

fn after_token(text: &str) -> Option<&str> {
    let (token, after) = text.trim_start().strip_prefix('<')?.split_once('>')?;
    (!token.contains(char::is_whitespace)).then_some(after)
}
