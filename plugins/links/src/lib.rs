//! Checks the relative links and the anchors in the Markdown files of a
//! workspace.
//!
//! One listing tells what exists; then each Markdown file is read once and its
//! links are looked up. Only this file talks to the host; the modules below
//! are plain functions, and [`check::Workspace`] is what they ask of it.

mod check;
mod findings;
mod html;
mod markdown;
mod slug;
mod summary;
mod target;

use hermitage_guest::{
    Error, Report, Task, ToolError, agent,
    file::{self, EntryKind, SearchQuery},
    progress,
};

use crate::{
    check::{Checker, Workspace, is_markdown},
    summary::plural,
};

/// Entries on a page of the listing: as many as hosts give by default.
const PAGE: u32 = 1_000;

/// Paths that are remembered. They have to fit into the memory of the sandbox;
/// for the others the host is asked one by one.
const MOST_KNOWN: usize = 200_000;

/// Bytes of a Markdown file that are parsed. Larger ones are data, and a page
/// in memory is some times the size of its text.
const LARGEST: usize = 4 * 1024 * 1024;

/// Files between two signs of life. Each sign is a call to the host, and a run
/// has a budget of those.
const FILES_PER_PROGRESS: usize = 20;

/// A checkpoint writes the whole summary, so it comes less often.
const FILES_PER_CHECKPOINT: usize = 200;

#[agent]
fn run(_task: Task) -> Result<Report, Error> {
    let mut checker = Checker::new(Host);
    let ended = check_all(&mut checker);
    let summary = summary::write(&checker.findings);
    match ended {
        Ok(()) => Ok(Report::completed(summary)),
        // Not failures: the host asks for what there is.
        Err(error) if error.is_stop() => {
            Ok(Report::completed(format!("{}{summary}", summary::PARTIAL)).truncated())
        }
        Err(error) => Err(error.into()),
    }
}

fn check_all(checker: &mut Checker<Host>) -> Result<(), ToolError> {
    let paths = list(checker)?;
    for (index, path) in paths.iter().enumerate() {
        if index % FILES_PER_PROGRESS == 0 {
            progress::report(&format!("reading {path}, file {} of {}", index + 1, paths.len()));
        }
        if index % FILES_PER_CHECKPOINT == FILES_PER_CHECKPOINT - 1 {
            let summary = summary::write(&checker.findings);
            progress::checkpoint(&format!("{}{summary}", summary::PARTIAL));
        }
        checker.check_file(path)?;
    }
    Ok(())
}

/// Remembers what exists, and returns the Markdown files.
fn list(checker: &mut Checker<Host>) -> Result<Vec<String>, ToolError> {
    progress::report("listing files");
    let mut paths = Vec::new();
    for entry in file::search(SearchQuery { limit: Some(PAGE), ..Default::default() }) {
        let entry = entry?;
        if entry.kind == EntryKind::File && is_markdown(&entry.path) {
            paths.push(entry.path.clone());
        }
        if checker.known.len() < MOST_KNOWN {
            checker.known.insert(entry.path);
        }
    }
    progress::report(&plural(paths.len() as u64, "Markdown file"));
    Ok(paths)
}

/// The workspace as the host shows it.
struct Host;

impl Workspace for Host {
    /// Reads on until the end: one call returns as much as the host allows.
    fn text(&mut self, path: &str) -> Result<Result<String, String>, ToolError> {
        let mut text = String::new();
        let mut next = 1;
        loop {
            let slice = match file::read_file(path, Some(next), None) {
                Ok(slice) => slice,
                Err(error) => return reason(error).map(Err),
            };
            text.push_str(&slice.text);
            next += slice.lines;
            if text.len() > LARGEST {
                return Ok(Err(format!("larger than {LARGEST} bytes")));
            }
            if slice.lines == 0 || u64::from(next) > slice.total_lines {
                // The host cuts very long lines, and links with them.
                let is_whole = u64::try_from(text.len()) == Ok(slice.total_bytes);
                return Ok(if is_whole { Ok(text) } else { Err("a line is too long".to_owned()) });
            }
        }
    }

    /// Listings leave out what `.gitignore` excludes, but a link may lead
    /// there, to a generated page for example. The host searches what it is
    /// asked for by its path, so that a failure means: nothing to lead to.
    fn exists(&mut self, path: &str) -> Result<bool, ToolError> {
        let query =
            SearchQuery { path: Some(path.to_owned()), limit: Some(1), ..Default::default() };
        match file::search_files(&query) {
            Ok(_) => Ok(true),
            Err(error) => reason(error).map(|_| false),
        }
    }
}

/// Why one file can't be read, or the error that ends the run.
fn reason(error: ToolError) -> Result<String, ToolError> {
    match error {
        ToolError::Denied(reason)
        | ToolError::InvalidArguments(reason)
        | ToolError::Failed(reason) => Ok(reason),
        stop => Err(stop),
    }
}
