//! `hermitage workers`: who would run children of this host.

use serde::Serialize;

use super::{
    Exit,
    args::{self, Global},
    columns::{Cell, titled},
    error::CliError,
    output::{self, say},
    setup::{Setup, block_on},
};
use crate::{
    cluster::{Bus, ClusterError, Offer, PublicKey, offers},
    completion::sanitize::clean_line,
};

const TITLES: [&str; 7] =
    ["MACHINE", "RUNNING", "CELLS", "VERSION", "TRUSTED", "LABELS", "TOOLSETS"];

/// Characters of what a worker says of itself, a field each.
const MAX_CHARS: usize = 60;

/// A worker, as it is printed.
#[derive(Serialize)]
struct Line {
    key: PublicKey,
    /// Whether this host gives it children.
    trusted: bool,
    #[serde(flatten)]
    offer: Offer,
}

pub(super) fn workers(global: &Global, args: &args::Workers) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    let config = &setup.config.cluster;
    let url = config.server().ok_or(ClusterError::NoServer)?;
    let found = block_on(async { offers(&Bus::connect(url).await?).await })??;
    let line = |(key, offer)| Line { trusted: config.trusted.contains(&key), key, offer };
    let lines: Vec<Line> = found.into_iter().map(line).collect();
    if args.json {
        output::json(&lines)?;
    } else if lines.is_empty() {
        say("no workers: `hermitage worker` starts one");
    } else {
        output::result(&table(&lines).join("\n"))?;
    }
    Ok(Exit::Completed)
}

fn table(lines: &[Line]) -> Vec<String> {
    let cell = |it: &str| Cell::plain(clean_line(it, MAX_CHARS));
    let row = |Line { trusted, offer, .. }: &Line| {
        let toolsets =
            if offer.toolsets.is_empty() { "all".into() } else { offer.toolsets.join(" ") };
        vec![
            cell(&offer.machine),
            cell(&offer.running.to_string()),
            cell(&offer.cells.to_string()),
            cell(&offer.version),
            cell(if *trusted { "yes" } else { "no" }),
            cell(&offer.labels.join(" ")),
            cell(&toolsets),
        ]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    titled(TITLES.iter().map(|it| cell(it)).collect(), &rows, output::width_of_result())
}
