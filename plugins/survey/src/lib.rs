//! Says what is in a workspace: languages by lines, the largest files, where
//! programs start, build files, licence and README.
//!
//! The work has three steps: list everything, read the few files that say
//! most, then ask for the lines of every other one. Only this file talks to
//! the host; the modules below are plain functions over names and texts.

mod findings;
mod landmark;
mod language;
mod licence;
mod manifest;
mod readme;
mod summary;
mod wording;

use hermitage_guest::{
    Error, Report, Task, ToolError, agent,
    file::{self, EntryKind, FileSlice, SearchHit, SearchQuery},
    progress,
};

use crate::{
    findings::{Findings, nearest_first},
    wording::plural,
};

/// Entries on a page of the listing: as many as hosts give by default.
const PAGE: u32 = 1_000;

/// Files whose lines are counted. Each is a call to the host, which allows
/// 100,000 in a run; the rest is for the listing. The paths also have to fit
/// into the memory of the sandbox.
const MOST_COUNTED: usize = 90_000;

/// Files between two signs of life. Each sign is a call to the host too.
const FILES_PER_PROGRESS: usize = 100;

/// A checkpoint writes the whole summary, so it comes less often.
const FILES_PER_CHECKPOINT: usize = 2_000;

/// Manifests that are read, and licences, the nearest first. What more of them
/// say would not be shown.
const MOST_READ: usize = 50;

/// Lines of a manifest that are read: a longer one is not written by people.
const MANIFEST_LINES: u32 = 2_000;

#[agent]
fn run(_task: Task) -> Result<Report, Error> {
    let mut findings = Findings::default();
    let ended = explore(&mut findings);
    let summary = summary::write(&findings);
    match ended {
        Ok(()) if findings.uncounted() == 0 => Ok(Report::completed(summary)),
        // Not failures: the host asks for what there is.
        Ok(()) | Err(ToolError::Interrupted | ToolError::TimedOut | ToolError::Exhausted(_)) => {
            Ok(Report::completed(format!("{}{summary}", summary::PARTIAL)).truncated())
        }
        Err(error) => Err(error.into()),
    }
}

fn explore(findings: &mut Findings) -> Result<(), ToolError> {
    let paths = list(findings)?;
    checkpoint(findings);
    read_landmarks(findings)?;
    count_lines(&paths, findings)
}

/// Takes in every entry, and returns the files whose lines are to be counted.
fn list(findings: &mut Findings) -> Result<Vec<String>, ToolError> {
    progress::report("listing files");
    let mut paths = Vec::new();
    let query = SearchQuery { limit: Some(PAGE), ..Default::default() };
    for (index, entry) in file::search(query).enumerate() {
        let SearchHit { path, kind, bytes, .. } = entry?;
        match kind {
            EntryKind::File => findings.add_file(&path, bytes),
            EntryKind::Directory => findings.directories += 1,
            EntryKind::Symlink => findings.symlinks += 1,
            EntryKind::Other => findings.specials += 1,
        }
        if kind == EntryKind::File && paths.len() < MOST_COUNTED {
            paths.push(path);
        }
        if index % FILES_PER_CHECKPOINT == 0 {
            progress::report(&plural(findings.files, "file"));
        }
    }
    Ok(paths)
}

fn read_landmarks(findings: &mut Findings) -> Result<(), ToolError> {
    for paths in [&mut findings.build, &mut findings.licences] {
        paths.sort_by(|a, b| nearest_first(a).cmp(&nearest_first(b)));
    }
    read_manifests(findings)?;
    read_licences(findings)?;
    read_introduction(findings)
}

fn read_manifests(findings: &mut Findings) -> Result<(), ToolError> {
    let manifests = findings.build.iter().filter(|path| manifest::is_known(path));
    for path in manifests.take(MOST_READ) {
        for what in manifest::entry_points(path, &text(path, MANIFEST_LINES)?) {
            findings.entry_points.push((path.clone(), what));
        }
    }
    Ok(())
}

fn read_licences(findings: &mut Findings) -> Result<(), ToolError> {
    for path in findings.licences.iter().take(MOST_READ) {
        if let Some(name) = licence::identify(&text(path, licence::LINES)?) {
            findings.identified.insert(path.clone(), name);
        }
    }
    Ok(())
}

/// Only the README at the top: one further down speaks for its own folder.
fn read_introduction(findings: &mut Findings) -> Result<(), ToolError> {
    if let Some(path) = findings.readmes.iter().find(|path| !path.contains('/')) {
        let introduction = readme::introduction(&text(path, readme::LINES)?);
        findings.introduction = Some((path.clone(), introduction));
    }
    Ok(())
}

fn count_lines(paths: &[String], findings: &mut Findings) -> Result<(), ToolError> {
    for (index, path) in paths.iter().enumerate() {
        if index % FILES_PER_PROGRESS == 0 {
            progress::report(&format!("reading {path}, file {} of {}", index + 1, paths.len()));
        }
        if index % FILES_PER_CHECKPOINT == FILES_PER_CHECKPOINT - 1 {
            checkpoint(findings);
        }
        // No text, only the counts.
        match read(path, 0)? {
            Ok(slice) if slice.binary => findings.binary += 1,
            Ok(slice) => findings.add_lines(path, slice.total_lines),
            Err(reason) => findings.add_unreadable(path, reason),
        }
    }
    Ok(())
}

/// The first lines of a file; empty for one that can't be read, which
/// [`count_lines`] will come across and report.
fn text(path: &str, lines: u32) -> Result<String, ToolError> {
    Ok(read(path, lines)?.map(|slice| slice.text).unwrap_or_default())
}

/// Keeps the two kinds of errors apart: the outer one ends the run, the inner
/// one is the reason why this one file can't be read.
fn read(path: &str, lines: u32) -> Result<Result<FileSlice, String>, ToolError> {
    match file::read_file(path, None, Some(lines)) {
        Ok(slice) => Ok(Ok(slice)),
        Err(
            ToolError::Denied(reason)
            | ToolError::InvalidArguments(reason)
            | ToolError::Failed(reason),
        ) => Ok(Err(reason)),
        Err(stop) => Err(stop),
    }
}

fn checkpoint(findings: &Findings) {
    progress::checkpoint(&format!("{}{}", summary::PARTIAL, summary::write(findings)));
}
