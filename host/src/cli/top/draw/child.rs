//! One child: what it does, or what came of it and what it could reach.

use ratatui::{
    Frame,
    layout::Rect,
    style::Stylize as _,
    text::{Line, Text},
    widgets::{Paragraph, Wrap},
};

use crate::{
    cli::{
        outcome::{log_line, took},
        top::{
            look::View,
            words::{doing, dollars, facts_line, line, status, status_of, tokens},
        },
    },
    completion::sanitize::clean,
    event::{BoundaryLine, BoundaryRecord, ChildResult},
    host::ChildListing,
};

/// Lines of a summary that are shown. Longer ones are read elsewhere.
const MAX_SUMMARY_LINES: usize = 2_000;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, view: &mut View) {
    let Some(child) = view.child() else { return };
    let paragraph = Paragraph::new(text(child, view.result())).wrap(Wrap { trim: false });
    let lines = paragraph.line_count(area.width);
    view.scroll = view.scroll.min(lines.saturating_sub(usize::from(area.height)));
    let scroll = u16::try_from(view.scroll).unwrap_or(u16::MAX);
    frame.render_widget(paragraph.scroll((scroll, 0)), area);
}

fn text(child: &ChildListing, result: Option<&ChildResult>) -> Text<'static> {
    let mut lines = head(child, result);
    if let Some(result) = result {
        lines.extend(outcome(result));
        lines.extend(result.boundary.as_deref().into_iter().flat_map(reach));
        lines.extend(calls(result));
        lines.extend(log(result));
    }
    Text::from(lines)
}

fn head(child: &ChildListing, result: Option<&ChildResult>) -> Vec<Line<'static>> {
    let number = child.task_index.saturating_add(1);
    let facts = [
        Some(line(&child.agent)),
        result.map(|it| format!("took {}", took(it.duration_seconds))),
        counted(child.tool_calls, "tool call"),
        counted(child.api_calls.into(), "model call"),
        tokens(child.tokens),
        child.cost_usd.map(dollars),
        result.and_then(|it| it.model.as_deref()).map(line),
    ];
    let mut res = vec![
        Line::from(format!("{number}. {}", line(&child.goal)).bold()),
        facts_line(status(status_of(child)), facts.into_iter().flatten()),
    ];
    res.extend(doing(child).map(|it| Line::from(it.dim())));
    res
}

fn counted(count: u64, word: &str) -> Option<String> {
    let ending = if count == 1 { "" } else { "s" };
    (count > 0).then(|| format!("{count} {word}{ending}"))
}

fn outcome(result: &ChildResult) -> Vec<Line<'static>> {
    let mut res = Vec::new();
    if let Some(error) = &result.error {
        res.extend([Line::default(), Line::from(format!("why: {}", line(error)).red())]);
    }
    if let Some(summary) = &result.summary {
        res.push(Line::default());
        let lines = clean(summary);
        let shown = lines.lines().take(MAX_SUMMARY_LINES);
        res.extend(shown.map(|it| Line::from(it.to_owned())));
    }
    if result.truncated {
        res.push(Line::from("(a part of the work, or cut)".dim()));
    }
    res
}

/// What the boundary decided, what was taken away first.
fn reach(record: &BoundaryRecord) -> Vec<Line<'static>> {
    let granted = match record.granted.as_slice() {
        [] => "no tool".to_owned(),
        tools => line(&tools.join(", ")),
    };
    let mut res = title("What it could reach");
    res.push(Line::from(format!("granted   {granted}")));
    res.extend(record.refused.iter().map(|it| decided("refused", it).red()));
    res.extend(record.stubbed.iter().map(|it| decided("stripped", it).yellow()));
    res.extend(record.linked.iter().map(|it| Line::from(format!("linked    {}", line(it)))));
    res
}

fn decided(word: &str, it: &BoundaryLine) -> Line<'static> {
    Line::from(format!("{word:<9} {}: {}", line(&it.import), line(&it.reason)))
}

fn calls(result: &ChildResult) -> Vec<Line<'static>> {
    let trace = &result.tool_trace;
    if trace.is_empty() {
        return Vec::new();
    }
    let mut res = title("Calls of tools");
    res.extend(trace.iter().map(|it| {
        let outcome = if it.ok { "ok" } else { "failed" };
        Line::from(format!("{:<24} {outcome:<7} {} ms", line(&it.tool), it.ms))
    }));
    let left = result.tool_calls.saturating_sub(trace.len() as u64);
    if left > 0 {
        res.push(Line::from(format!("and {left} more").dim()));
    }
    res
}

fn log(result: &ChildResult) -> Vec<Line<'static>> {
    if result.log.is_empty() {
        return Vec::new();
    }
    let mut res = title("Log");
    res.extend(result.log.iter().map(|it| Line::from(log_line(it))));
    res
}

fn title(words: &'static str) -> Vec<Line<'static>> {
    vec![Line::default(), Line::from(words.bold())]
}
