//! Tool calls that a model wrote into its text instead of making them.
//!
//! Models do when the server in front of them does not know their family,
//! each in the form it was trained on. What stands between the marks of a
//! family is a call whatever it calls; a form that could be an answer, JSON
//! for example, counts when everything in it is a call of a granted tool.

mod json;
mod marks;
pub(crate) mod python;
mod xml;

use hermitage_guest::model::ToolCall;
use marks::{AROUND, MARKS, Mark, without_ends};

use crate::fence::{fences, is_quoted};

/// A message with calls in it.
#[derive(Debug)]
pub(crate) struct Written {
    /// What stands before the first of them.
    pub(crate) said: String,
    /// Without ids: the model gave none.
    pub(crate) calls: Vec<ToolCall>,
}

/// A message that is neither calls that can be read nor an answer: it has
/// this mark in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unread(pub(crate) &'static str);

/// The calls in `text`; nothing when it is an answer.
pub(crate) fn calls(text: &str, is_tool: impl Fn(&str) -> bool) -> Result<Option<Written>, Unread> {
    let all_tools = |it: &Written| it.calls.iter().all(|it| is_tool(&it.name));
    let mut loose = [alone, fenced, actions, recipients].into_iter().filter_map(|it| it(text));
    if let Some(written) = loose.find(all_tools) {
        return Ok(Some(written));
    }
    let Some((at, mark)) = first_mark(text) else { return Ok(None) };
    let (said, rest) = text.split_at_checked(at).unwrap_or((text, ""));
    let is_meant = stands_alone(text, at) && mark.is_certain;
    match mark.read(rest) {
        Some((calls, after)) => {
            let written = Written { said: before(said).to_owned(), calls };
            let is_whole = is_meant && without_ends(after).trim().is_empty();
            Ok(Some(written).filter(|it| is_whole || all_tools(it)))
        }
        None if is_meant => Err(Unread(mark.open)),
        None => Ok(None),
    }
}

/// The first mark of a family. Of two that begin at one place, the longer one.
fn first_mark(text: &str) -> Option<(usize, &'static Mark)> {
    let found = MARKS.iter().filter_map(|it| Some((text.find(it.open)?, it)));
    found.min_by_key(|(at, mark)| (*at, usize::MAX - mark.open.len()))
}

/// Whether a mark begins its line, or follows another mark, and is not in code.
fn stands_alone(text: &str, at: usize) -> bool {
    let said = text.get(..at).unwrap_or_default();
    let begins_its_line = said.trim_end_matches([' ', '\t']).ends_with('\n');
    let is_around = before(said) != said.trim();
    (said.trim().is_empty() || begins_its_line || is_around) && !is_quoted(text, at)
}

/// What is said before the marks around calls.
fn before(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(rest) = AROUND.iter().find_map(|it| text.strip_suffix(it)) {
        text = rest.trim_end();
    }
    text
}

/// JSON, Python, or a name with an object, and nothing else.
fn alone(text: &str) -> Option<Written> {
    let text = text.trim();
    let bare = without_ends(text.strip_prefix("functools").unwrap_or(text));
    let calls = json::calls(bare).or_else(|| json::named(bare)).or_else(|| python::calls(bare));
    Some(Written { said: String::new(), calls: calls? })
}

/// In fences, at the end of the text and in all fences there are: others are
/// quotations.
fn fenced(text: &str) -> Option<Written> {
    let fences = fences(text);
    let (first, last) = (fences.first()?, fences.last()?);
    if !without_ends(last.after).trim().is_empty() {
        return None;
    }
    // Those are read as their family writes them.
    if MARKS.iter().any(|it| first.before.contains(it.open)) {
        return None;
    }
    let calls = fences.iter().map(|it| match it.language {
        "tool_code" | "python" => python::calls(it.body),
        _ => json::calls(it.body),
    });
    let calls: Option<Vec<_>> = calls.collect();
    Some(Written { said: first.before.trim().to_owned(), calls: calls?.concat() })
}

/// `Action: NAME` and `Action Input: {…}`, the last lines of a text.
fn actions(text: &str) -> Option<Written> {
    let (said, rest) = text.split_once("Action:")?;
    let (name, arguments) = rest.split_once("Action Input:")?;
    let arguments = arguments.split("Observation:").next().unwrap_or_default();
    let calls = json::named(&format!("{} {}", name.trim(), arguments.trim()))?;
    let is_line = said.is_empty() || said.ends_with('\n');
    is_line.then(|| Written { said: said.trim().to_owned(), calls })
}

/// `>>>NAME`, with an object in the lines below; `>>>all` is what is said.
fn recipients(text: &str) -> Option<Written> {
    let text = text.trim();
    let (mut said, mut calls) = (String::new(), Vec::new());
    for part in format!("\n{text}").split("\n>>>").skip(1) {
        let (name, body) = part.split_once('\n')?;
        match name.trim() {
            "all" => body.trim().clone_into(&mut said),
            name => calls.append(&mut json::named(&format!("{name} {}", without_ends(body)))?),
        }
    }
    let is_whole = text.starts_with(">>>") && !calls.is_empty();
    is_whole.then_some(Written { said, calls })
}

fn call(name: &str, arguments: String) -> ToolCall {
    ToolCall { id: String::new(), name: name.to_owned(), arguments }
}

#[cfg(test)]
mod tests;
