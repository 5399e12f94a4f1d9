//! Tool calls that a model wrote into its text instead of making them.
//!
//! Models do when the server in front of them does not know their family,
//! each in the form it was trained on. What stands between the marks of a
//! family is a call whatever it calls; a form that could be an answer, JSON
//! for example, counts when everything in it is a call of a granted tool.
//! Calls end a message: one in the middle of it, or in code, is quoted.

mod json;
mod marks;
pub(crate) mod python;
mod xml;

use hermitage_guest::model::ToolCall;
use marks::{AROUND, MARKS, Mark, is_end, without_ends};

use crate::fence::{fences, is_quoted, quotes};

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
    let text = out_of_fence(text);
    let Some((at, mark)) = first_mark(text) else { return Ok(None) };
    let (said, rest) = text.split_at_checked(at).unwrap_or((text, ""));
    let is_meant = stands_alone(said) && mark.is_certain;
    match mark.read(rest) {
        Some((calls, after)) => {
            let written = Written { said: before(said).to_owned(), calls };
            let is_call = is_end(after) && (is_meant || all_tools(&written));
            Ok(is_call.then_some(written))
        }
        None if is_meant && is_end(mark.after(rest)) => Err(Unread(mark.open)),
        None => Ok(None),
    }
}

/// The body of the block that a text is, if that begins with a mark. Some
/// models put their calls in one; in a block with words around it, they quote.
fn out_of_fence(text: &str) -> &str {
    let whole = without_ends(text.trim());
    let Some(opened) = whole.strip_prefix("```") else { return text };
    let is_language = |it: char| it.is_ascii_alphanumeric() || ['_', '-'].contains(&it);
    let body = opened.trim_matches('`').trim_start_matches(is_language).trim();
    let mut opens = MARKS.iter().map(|it| it.open).chain(AROUND.iter().copied());
    let Some(open) = opens.find(|it| body.starts_with(it)) else { return text };
    // What a call writes into a file may have blocks of its own.
    let is_one_call = body.matches(open).count() == 1 && whole.ends_with("```");
    let is_one_block = quotes(whole).first().is_some_and(|it| it.end == whole.len());
    if is_one_call || is_one_block { body } else { text }
}

/// The first mark of a family that is not in code. Of two that begin at one
/// place, the longer one.
fn first_mark(text: &str) -> Option<(usize, &'static Mark)> {
    let quotes = quotes(text);
    let is_quoted = |at: usize| {
        let next = quotes.partition_point(|it| it.end <= at);
        quotes.get(next).is_some_and(|it| it.contains(&at))
    };
    let found = MARKS.iter().filter_map(|mark| {
        let mut places = text.match_indices(mark.open).map(|it| it.0);
        Some((places.find(|it| !is_quoted(*it))?, mark))
    });
    found.min_by_key(|(at, mark)| (*at, usize::MAX - mark.open.len()))
}

/// Whether a mark after this begins its line, or follows another mark.
fn stands_alone(said: &str) -> bool {
    let begins_its_line = said.trim_end_matches([' ', '\t']).ends_with('\n');
    let is_around = before(said) != said.trim();
    said.trim().is_empty() || begins_its_line || is_around
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
    let is_meant = is_line && !is_quoted(text, said.len());
    is_meant.then(|| Written { said: said.trim().to_owned(), calls })
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
