//! `hermitage list`: the delegations of every host on the store, and what the
//! service sees of those that it runs.

use super::{
    Exit,
    args::{self, Global},
    columns::{Cell, titled},
    error::CliError,
    id::Abbreviation,
    lost,
    output::{self, say},
    paint::Paint,
    seen,
    setup::{self, Setup, block_on},
    when,
};
use crate::{
    clock::{Clock as _, SystemClock},
    completion::sanitize::clean_line,
    delegation::Phase,
    event::{Counts, LABEL_GOAL_CHARS, Status},
    host::{ChildListing, Listing},
};

/// The titles of the columns.
const TITLES: [&str; 7] = ["ID", "STARTED", "TIME", "STATUS", "AGENT", "WORKSPACE", "GOAL"];

/// Characters of a goal where nothing else bounds it.
const MAX_GOAL_CHARS: usize = 2_000;

/// Characters of the names of agents on one line.
const MAX_AGENTS_CHARS: usize = 24;

/// Agents and a directory have at most this part of a line each: what is left
/// is for the goal.
const SHARE: usize = 5;

/// Characters of a directory on one line.
const MAX_PLACE_CHARS: usize = 32;

pub(super) fn list(global: &Global, args: &args::List) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    let ended = setup.config.delegation.retained_records;
    let now = SystemClock.now();
    let listings = block_on(async {
        let store = setup.store_to_read().await?;
        let rows = store.read(move |tables| tables.units(ended)).await?;
        let mut listings: Vec<Listing> = rows.iter().map(|it| Listing::of_row(it, now)).collect();
        seen::by_the_service(&setup, &mut listings).await;
        if !args.json {
            lost::tell(&store).await;
        }
        Ok::<_, CliError>(listings)
    })??;
    if args.json {
        output::json(&listings)?;
    } else if listings.is_empty() {
        say("no delegations: `hermitage run` records them");
    } else {
        // The service has looked since: nothing takes longer than it is ago.
        output::result(&lines(&listings, SystemClock.now()).join("\n"))?;
    }
    Ok(Exit::Completed)
}

/// A line of titles, one for each, and one for each child of a batch that runs.
pub(super) fn lines(listings: &[Listing], now: f64) -> Vec<String> {
    let short = Abbreviation::of(listings.iter().map(|it| it.delegation_id));
    let paint = Paint::stdout();
    let width = output::width_of_result();
    let row = |it: &Listing| {
        let status = status(it);
        let coloured = match it.status {
            Phase::Running | Phase::Waiting => status.clone(),
            _ if it.counts.not_completed == 0 => paint.good(&status),
            _ => paint.bad(&status),
        };
        let nested = if it.parent.is_some() { "(of a child) " } else { "" };
        let goal = format!("{nested}{}", clean_line(&it.goal, MAX_GOAL_CHARS));
        vec![
            Cell::plain(short.text(it.delegation_id)),
            Cell::plain(when::ago(now - it.dispatched_at)),
            Cell::plain(when::span(it.age_seconds)),
            Cell { text: status, shown: coloured },
            Cell::plain(agents(it, width)),
            Cell::plain(it.workspace.as_deref().map(|it| place(it, width)).unwrap_or_default()),
            Cell::plain(goal),
        ]
    };
    let title = |it: &str| Cell { text: it.to_owned(), shown: paint.faint(it) };
    let rows: Vec<_> = listings.iter().map(row).collect();
    let mut rows = titled(TITLES.map(title).into(), &rows, width).into_iter();
    let head = rows.next();
    let children = |it: &Listing| {
        let total = it.children.len();
        // A single child is on the line above, but for what it does.
        let is_seen = it.children.iter().any(|it| it.waits_for.is_some());
        let is_shown = it.completed_at.is_none() && (total > 1 || is_seen);
        let lines = it.children.iter().filter(move |_| is_shown);
        lines.map(|child| child_line(child, total)).collect::<Vec<_>>()
    };
    let with_children = rows.zip(listings);
    let lines = with_children.flat_map(|(row, it)| [row].into_iter().chain(children(it)));
    head.into_iter().chain(lines).collect()
}

/// The word, and for a batch that is over how many of its tasks completed
/// where not all did.
pub(super) fn status(listing: &Listing) -> String {
    let counts = listing.completed_at.and_then(|_| told_apart(listing.counts));
    match counts {
        Some(counts) => format!("{} {counts}", listing.status.as_str()),
        None => listing.status.as_str().to_owned(),
    }
}

/// What tells a batch in which some tasks did not complete from one in which
/// all did.
pub(super) fn told_apart(counts: Counts) -> Option<String> {
    let is_told = counts.total() > 1 && counts.not_completed > 0;
    is_told.then(|| format!("({} of {} completed)", counts.completed, counts.total()))
}

/// Each agent once.
fn agents(listing: &Listing, width: usize) -> String {
    let mut names: Vec<&str> = Vec::new();
    for child in &listing.children {
        if !names.contains(&child.agent.as_str()) {
            names.push(&child.agent);
        }
    }
    clean_line(&names.join(", "), MAX_AGENTS_CHARS.min(width / SHARE))
}

/// The end of a directory's path, which tells it from others.
fn place(dir: &str, width: usize) -> String {
    let home = setup::home().unwrap_or_default();
    let below_home = dir.strip_prefix(&home).filter(|_| !home.is_empty());
    let short = match below_home {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
        _ => dir.to_owned(),
    };
    let short = clean_line(&short, MAX_GOAL_CHARS);
    let most = MAX_PLACE_CHARS.min(width / SHARE);
    let too_many = short.chars().count().saturating_sub(most);
    match too_many {
        0 => short,
        n => format!("…{}", short.chars().skip(n.saturating_add(1)).collect::<String>()),
    }
}

pub(super) fn child_line(child: &ChildListing, total: usize) -> String {
    let ChildListing { status, agent, .. } = child;
    let (mark, status) = (mark(*status), status.as_str());
    let number = child.task_index.saturating_add(1);
    let goal = clean_line(&child.goal, LABEL_GOAL_CHARS);
    let agent = clean_line(agent, LABEL_GOAL_CHARS);
    let doing = doing(child).map(|it| format!("  {it}")).unwrap_or_default();
    format!("  {mark} [{number}/{total}] {status:<11}  {goal}  ({agent}){doing}")
}

/// What a child does now, where the host that runs it was asked.
fn doing(child: &ChildListing) -> Option<String> {
    let waits_for = child.waits_for.as_deref()?;
    let quiet = when::span(child.quiet_seconds.unwrap_or_default());
    let now = match child.stalled {
        true => format!("stalled for {quiet}, waits for {waits_for}"),
        false => child.activity.clone().unwrap_or_default(),
    };
    let now = clean_line(&now, MAX_GOAL_CHARS);
    let calls = match child.api_calls {
        0 => None,
        1 => Some("1 model call".to_owned()),
        n => Some(format!("{n} model calls")),
    };
    let tokens = child.tokens.input.saturating_add(child.tokens.output);
    let tokens = (0 < tokens).then(|| format!("{tokens} tokens"));
    let cost = child.cost_usd.map(|it| format!("${it:.2}"));
    let parts = [Some(now).filter(|it| !it.is_empty()), calls, tokens, cost];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn mark(status: Phase) -> char {
    match status {
        Phase::Ended(Status::Completed) => '✓',
        Phase::Waiting | Phase::Running => '·',
        Phase::Ended(_) => '✗',
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_running_child_is_shown_with_what_it_does_and_what_it_used() {
        let check = |more: Value, expect: &str| {
            let mut child = json!({
                "task_index": 1, "child_id": "sa-1-0a0a0a0a", "goal": "g", "agent": "a",
                "status": "running", "tool_calls": 0, "api_calls": 0,
            });
            child.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let child = serde_json::from_value(child).unwrap();
            assert_eq!(child_line(&child, 3), expect);
        };
        check(json!({}), "  · [2/3] running      g  (a)");
        check(json!({"status": "completed"}), "  ✓ [2/3] completed    g  (a)");
        check(json!({"status": "timeout"}), "  ✗ [2/3] timeout      g  (a)");
        check(
            json!({"waits_for": "tool terminal", "activity": "terminal make", "api_calls": 1}),
            "  · [2/3] running      g  (a)  terminal make, 1 model call",
        );
        check(
            json!({
                "waits_for": "model", "activity": "thinking", "api_calls": 4, "stalled": true,
                "quiet_seconds": 200.0, "tokens": {"input": 900, "output": 100},
                "cost_usd": 0.129,
            }),
            "  · [2/3] running      g  (a)  stalled for 3m, waits for model, \
             4 model calls, 1000 tokens, $0.13",
        );
    }
}
