//! What is drawn: the delegations, one of them, or one child.

mod child;
#[cfg(test)]
mod tests;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Margin, Rect},
    style::{Style, Stylize as _},
    text::{Line, Span, Text},
    widgets::{Paragraph, Row, Table, TableState, Wrap},
};

use super::{
    look::{Place, View},
    source::Seen,
    words::{doing, dollars, done, ended, facts_line, line, status, status_of, tokens},
};
use crate::{
    cli::when,
    event::Tokens,
    host::{ChildListing, Listing},
};

/// What is needed for a table with its columns and a few rows.
const MIN_WIDTH: u16 = 60;
const MIN_HEIGHT: u16 = 10;

/// Columns of a status with its sign.
const STATUS: Constraint = Constraint::Length(13);

/// Columns of a time with one unit, and of one that is ago.
const STARTED: Constraint = Constraint::Length(8);
const TIME: Constraint = Constraint::Length(4);

pub(super) fn draw(frame: &mut Frame<'_>, view: &mut View) {
    let area = frame.area();
    if area.width < MIN_WIDTH || area.height < MIN_HEIGHT {
        let words = format!("too small: {MIN_WIDTH} columns and {MIN_HEIGHT} lines are needed");
        return frame.render_widget(Paragraph::new(words).wrap(Wrap { trim: true }), area);
    }
    let parts = [Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)];
    let [head, body, foot] = Layout::vertical(parts).areas(area);
    let inner = body.inner(Margin { horizontal: 1, vertical: 0 });
    frame.render_widget(title(view), head);
    match view.place {
        Place::All => all(frame, inner, view),
        Place::Unit => unit(frame, inner, view),
        Place::Child => child::draw(frame, inner, view),
    }
    frame.render_widget(keys(view), foot);
}

fn title(view: &View) -> Line<'static> {
    let total = view.seen.units.len();
    let going = view.seen.units.iter().filter(|it| it.completed_at.is_none()).count();
    let source = if view.seen.is_live { "live" } else { "no service: from the store" };
    Line::from(vec![
        " Hermitage ".bold().reversed(),
        format!("  {going} going on, {} ended", total.saturating_sub(going)).into(),
        format!("  ({source})").dim(),
    ])
}

fn keys(view: &View) -> Line<'static> {
    if let Some(target) = view.question {
        let child = target.child.map(|it| format!("child {}", it.saturating_add(1)));
        let what = child.as_deref().unwrap_or("all of it");
        let words = format!(" Stop {what}? What is done is kept.  y stop   any other key: go on ");
        return Line::from(words.bold().reversed());
    }
    if let Some(said) = &view.said {
        return Line::from(format!(" {}", line(said)).bold());
    }
    let keys: &[(&str, &str)] = match view.place {
        Place::All => &[("j/k", "move"), ("enter", "details"), ("s", "stop"), ("q", "quit")],
        Place::Unit => {
            &[("j/k", "move"), ("enter", "child"), ("s", "stop"), ("esc", "back"), ("q", "quit")]
        }
        Place::Child => &[("j/k", "scroll"), ("s", "stop"), ("esc", "back"), ("q", "quit")],
    };
    let pairs = keys
        .iter()
        .flat_map(|(key, what)| [format!(" {key}").bold(), format!(" {what}  ").dim()].into_iter());
    Line::from(pairs.collect::<Vec<Span<'static>>>())
}

fn all(frame: &mut Frame<'_>, area: Rect, view: &View) {
    if view.seen.units.is_empty() {
        let words = Text::from(vec![
            Line::default(),
            Line::from("Nothing was delegated yet."),
            Line::from("`hermitage run --background GOAL` does, and it shows here.".dim()),
        ]);
        return frame.render_widget(words, area);
    }
    let Seen { units, now, .. } = &view.seen;
    let rows = units.iter().map(|it| unit_row(it, *now));
    let widest = units.iter().map(|it| done(it).width()).max().unwrap_or_default();
    let widest = u16::try_from(widest).unwrap_or(u16::MAX);
    let widths = [STATUS, STARTED, TIME, Constraint::Length(widest.max(4)), Constraint::Min(20)];
    let head = Row::new(["STATUS", "STARTED", "TIME", "DONE", "GOAL"]).dim();
    table(frame, area, Table::new(rows, widths).header(head), view.row());
}

fn unit_row(unit: &Listing, at: f64) -> Row<'static> {
    let nested = if unit.parent.is_some() { "↳ " } else { "" };
    let mut goal = vec![Line::from(format!("{nested}{}", line(&unit.goal)))];
    goal.extend(now(unit).map(|it| Line::from(it.dim())));
    let height = u16::try_from(goal.len()).unwrap_or(1);
    let cells = [
        Text::from(status(unit.status.as_str())),
        Text::from(when::ago(at - unit.dispatched_at)),
        Text::from(when::span(unit.age_seconds)),
        Text::from(done(unit)),
        Text::from(goal),
    ];
    Row::new(cells).height(height)
}

/// What the first child does that is at something.
fn now(unit: &Listing) -> Option<String> {
    let busy: Vec<(usize, String)> =
        unit.children.iter().filter_map(|it| Some((it.task_index, doing(it)?))).collect();
    let (task_index, first) = busy.first()?;
    Some(match (unit.children.len(), busy.len()) {
        (1, _) => first.clone(),
        (_, 1) => format!("{}. {first}", task_index.saturating_add(1)),
        (_, busy) => {
            let others = busy.saturating_sub(1);
            format!("{}. {first} (and {others} more)", task_index.saturating_add(1))
        }
    })
}

fn unit(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let Some(unit) = view.unit() else { return };
    let head = unit_head(unit);
    let height = u16::try_from(head.height()).unwrap_or(u16::MAX);
    let [above, below] =
        Layout::vertical([Constraint::Length(height), Constraint::Min(0)]).areas(area);
    frame.render_widget(head, above);
    let rows = unit.children.iter().map(child_row);
    let widths = [Constraint::Length(3), STATUS, TIME, Constraint::Length(12), Constraint::Min(20)];
    let head = Row::new(["  #", "STATUS", "TIME", "AGENT", "TASK"]).dim();
    table(frame, below, Table::new(rows, widths).header(head), view.child_row());
}

fn unit_head(unit: &Listing) -> Text<'static> {
    let children = &unit.children;
    let used = children.iter().fold(Tokens::default(), |sum, it| Tokens {
        input: sum.input.saturating_add(it.tokens.input),
        output: sum.output.saturating_add(it.tokens.output),
    });
    let costs: Vec<f64> = children.iter().filter_map(|it| it.cost_usd).collect();
    let facts = [
        Some(time(unit)),
        ended(unit),
        tokens(used),
        (!costs.is_empty()).then(|| dollars(costs.iter().sum())),
    ];
    let place = [Some(unit.delegation_id.to_string()), unit.workspace.as_deref().map(line)];
    let session = unit.session_key.to_string();
    let place = place.into_iter().chain([Some(line(&session)).filter(|it| !it.is_empty())]);
    Text::from(vec![
        Line::from(line(&unit.goal).bold()),
        facts_line(status(unit.status.as_str()), facts.into_iter().flatten()),
        Line::from(place.flatten().collect::<Vec<_>>().join("  ").dim()),
        Line::default(),
    ])
}

fn time(unit: &Listing) -> String {
    let age = when::span(unit.age_seconds);
    if unit.completed_at.is_some() { format!("took {age}") } else { format!("for {age}") }
}

fn child_row(child: &ChildListing) -> Row<'static> {
    let number = child.task_index.saturating_add(1);
    let spent = Some(child.elapsed_seconds).filter(|it| *it > 0.0).map(when::span);
    let spent = spent.unwrap_or_default();
    let mut task = vec![Line::from(line(&child.goal))];
    task.extend(doing(child).map(|it| Line::from(it.dim())));
    let height = u16::try_from(task.len()).unwrap_or(1);
    let cells = [
        Text::from(format!("{number:>3}")),
        Text::from(status(status_of(child))),
        Text::from(spent),
        Text::from(line(&child.agent)),
        Text::from(task),
    ];
    Row::new(cells).height(height)
}

fn table(frame: &mut Frame<'_>, area: Rect, table: Table<'_>, selected: usize) {
    let selected_style = Style::new().reversed();
    let table = table.row_highlight_style(selected_style).highlight_symbol("▸ ");
    let mut state = TableState::new().with_selected(selected);
    frame.render_stateful_widget(table, area, &mut state);
}
