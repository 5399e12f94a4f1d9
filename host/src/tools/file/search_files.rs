//! `search_files`: one page of entries by name, or of lines by content.
//!
//! Looks one hit past the page, so that `next` is there only when another
//! page is.

use std::path::Path;

use cap_std::fs::File;
use globset::{GlobBuilder, GlobMatcher};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    FileConfig, FileTools, Job, bytes,
    cursor::Cursor,
    grep::{Grep, MatchedLine},
    hit::{EntryKind, SearchHit},
    path::{Quoted, WorkspacePath},
    skipped::{Passed, Reason, Skipped},
    walk::{Found, Walk},
    workspace::Opened,
};
use crate::toolset::{
    Caller, Effect, Output, Tool, ToolError,
    reading::{drop_empty, optional},
    tool::texts,
};

/// Hits on a page when the caller does not say.
const DEFAULT_HITS: u32 = 100;

/// Finds files of the workspace by name, by content, or both; lists all
/// entries with neither. Files excluded by `.gitignore` are left out, unless
/// `path` leads to them; what could not be searched is told as `skipped`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchFiles {
    /// Directory to start from, or one file; the workspace when absent.
    #[serde(default, deserialize_with = "optional")]
    pub path: Option<String>,
    /// Glob over the file name, or over the path when it holds a `/`.
    #[serde(default, deserialize_with = "optional")]
    pub name: Option<String>,
    /// Regular expression over each line of text files.
    #[serde(default, deserialize_with = "optional")]
    pub content: Option<String>,
    /// The `next` of the page before.
    #[serde(default, deserialize_with = "optional")]
    pub cursor: Option<String>,
    /// Hits on a page.
    #[serde(default, deserialize_with = "optional")]
    pub limit: Option<u32>,
}

/// One page of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchPage {
    /// In the order of their paths.
    pub hits: Vec<SearchHit>,
    /// Where the next page starts, `None` on the last.
    pub next: Option<String>,
    /// What was not searched or not listed, by reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
}

impl Tool for SearchFiles {
    const NAME: &'static str = "search_files";
    const EFFECT: Effect = Effect::None;
    type Host = FileTools;
    type Output = SearchPage;

    fn drop_empty(&mut self) {
        let Self { path, name, content, cursor, limit: _ } = self;
        [path, name, content, cursor].into_iter().for_each(drop_empty);
    }

    fn bytes(&self) -> u64 {
        let Self { path, name, content, cursor, limit: _ } = self;
        texts([path, name, content, cursor].map(Option::as_ref))
    }

    fn subject(&self) -> &str {
        let Self { path, name, content, .. } = self;
        content.as_deref().or(name.as_deref()).or(path.as_deref()).unwrap_or(".")
    }

    /// What `.gitignore` files exclude is left out, but for the start and the
    /// directories above it. A secret is listed by name, and no search looks
    /// into it.
    ///
    /// Fails on a malformed path, pattern or cursor, on a start that does not
    /// exist or lies in `.git`, on a directory with too many entries, and when
    /// the caller is cancelled. What cannot be opened on the way is passed
    /// over.
    async fn call(self, files: &FileTools, caller: &Caller) -> Result<SearchPage, ToolError> {
        files.blocking(caller, move |job| search(job, &self)).await
    }
}

impl Output for SearchPage {
    fn bytes(&self) -> u64 {
        let hit = |it: &SearchHit| it.path.len() + it.text.as_ref().map_or(0, String::len);
        let paths = self.skipped.iter().flat_map(|it| &it.paths);
        let bytes =
            self.hits.iter().map(hit).sum::<usize>() + paths.map(String::len).sum::<usize>();
        bytes as u64
    }
}

pub(super) fn search(job: &Job, call: &SearchFiles) -> Result<SearchPage, ToolError> {
    let config = job.config();
    let start = WorkspacePath::parse(call.path.as_deref().unwrap_or("."), config)?;
    let mut query = Query::new(call, &start, config)?;
    let mut page = Page::new(call, config)?;
    let cursor = call.cursor.as_deref();
    let cursor =
        cursor.map(|it| Cursor::parse(it, &start, call.content.is_some(), config)).transpose()?;
    refuse_git(&start, start.as_path())?;
    let real = job.workspace().real(&start)?;
    refuse_git(&start, &real)?;
    job.shared.check_listed(&start, &real)?;
    match job.workspace().open_any(&start, &real)? {
        Opened::Directory(dir) => {
            let mut walk = Walk::new(job, &start, real, dir, cursor)?;
            while !page.more {
                let found = walk.next()?;
                page.pass(walk.take_passed());
                let Some(found) = found else { break };
                let (open, size) = (|| walk.open(&found), || walk.size(&found));
                query.look(job, &found, &mut page, open, size)?;
            }
        }
        Opened::File(file, metadata) => {
            if call.content.is_some() {
                job.shared.check_read(&start, &real)?;
            }
            let after = cursor.map_or(0, |it| it.line);
            let found = Found::new(start.normal().to_owned(), EntryKind::File, after);
            query.look(job, &found, &mut page, || Ok(file), || metadata.len())?;
        }
    }
    Ok(page.finish())
}

/// An empty page would look like an answer.
fn refuse_git(start: &WorkspacePath, real: &Path) -> Result<(), ToolError> {
    if real.iter().any(|it| it == ".git") {
        let start = Quoted(start.given());
        return Err(ToolError::Failed(format!(
            "{start} is git's own and never searched: read_file still reads its files"
        )));
    }
    Ok(())
}

/// What an entry must be like to be a hit.
struct Query {
    name: Option<NameGlob>,
    grep: Option<Grep>,
    /// Bytes of a path that lead to the start of the search.
    start: usize,
}

struct NameGlob {
    matcher: GlobMatcher,
    /// Over the path from the start, not over the last name.
    by_path: bool,
}

impl Query {
    fn new(
        call: &SearchFiles,
        start: &WorkspacePath,
        config: &FileConfig,
    ) -> Result<Self, ToolError> {
        for (argument, pattern) in [("name", &call.name), ("content", &call.content)] {
            let max = config.max_pattern_bytes;
            if pattern.as_ref().is_some_and(|it| bytes(it.len()) > max) {
                let problem =
                    format!("`{argument}` is longer than {max} bytes: give a shorter one");
                return Err(ToolError::InvalidArguments(problem));
            }
        }
        Ok(Self {
            name: call.name.as_deref().map(NameGlob::new).transpose()?,
            grep: call.content.as_deref().map(|it| Grep::new(it, config)).transpose()?,
            start: start.normal().len(),
        })
    }

    /// Adds what is wanted of an entry to the page. `open` and `size` are of
    /// that entry, and only called when they are needed.
    fn look(
        &mut self,
        job: &Job,
        found: &Found,
        page: &mut Page,
        open: impl FnOnce() -> Result<File, Reason>,
        size: impl FnOnce() -> u64,
    ) -> Result<(), ToolError> {
        if self.name.as_ref().is_some_and(|it| !it.matches(found, self.start)) {
            return Ok(());
        }
        let Some(grep) = &mut self.grep else {
            page.add(entry_hit(found, size));
            return Ok(());
        };
        if found.kind != EntryKind::File {
            return Ok(());
        }
        let add =
            |line: MatchedLine| line.number <= found.after_line || page.add(line_hit(found, line));
        let reason = match open() {
            Ok(file) => grep.search(job, file, add)?,
            Err(reason) => Some(reason),
        };
        if let Some(reason) = reason {
            page.passed.add(reason, &found.path);
        }
        Ok(())
    }
}

impl NameGlob {
    fn new(pattern: &str) -> Result<Self, ToolError> {
        let problem = |it| ToolError::InvalidArguments(format!("`name` cannot be used: {it}"));
        if pattern.starts_with('/') {
            return Err(problem("it starts with `/`, but paths are relative to `path`".to_owned()));
        }
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        let matcher = glob.map_err(|error| problem(error.kind().to_string()))?.compile_matcher();
        Ok(Self { matcher, by_path: pattern.contains('/') })
    }

    fn matches(&self, found: &Found, start: usize) -> bool {
        let below = found.path.get(start..).unwrap_or_default().trim_start_matches('/');
        // A start that is a file has no path below itself.
        let by_path = self.by_path && !below.is_empty();
        self.matcher.is_match(if by_path { below } else { found.name() })
    }
}

fn entry_hit(found: &Found, size: impl FnOnce() -> u64) -> SearchHit {
    let is_file = found.kind == EntryKind::File;
    SearchHit {
        path: found.path.clone(),
        kind: found.kind,
        bytes: if is_file { size() } else { 0 },
        line: None,
        text: None,
    }
}

fn line_hit(found: &Found, line: MatchedLine) -> SearchHit {
    SearchHit {
        path: found.path.clone(),
        kind: found.kind,
        bytes: line.file_bytes,
        line: Some(line.number),
        text: Some(line.text),
    }
}

/// The hits so far, up to one too many.
struct Page {
    hits: Vec<SearchHit>,
    room: u32,
    room_bytes: u64,
    /// There was a hit that did not fit.
    more: bool,
    /// What was passed over up to the last hit, and after it: the next page
    /// begins there and passes it over again.
    settled: Passed,
    passed: Passed,
}

impl Page {
    fn new(call: &SearchFiles, config: &FileConfig) -> Result<Self, ToolError> {
        let limit = call.limit.unwrap_or(DEFAULT_HITS);
        if limit == 0 {
            let problem = "`limit` is 0: a page has at least one hit";
            return Err(ToolError::InvalidArguments(problem.to_owned()));
        }
        let room = limit.min(config.max_hits).max(1);
        let (room_bytes, more) = (config.max_page_bytes, false);
        let (settled, passed) = (Passed::default(), Passed::default());
        Ok(Self { hits: Vec::new(), room, room_bytes, more, settled, passed })
    }

    fn pass(&mut self, passed: Passed) {
        self.passed.append(passed);
    }

    /// Returns whether the page takes more. The first hit fits whatever the
    /// limits, or the next page would be this one again.
    fn add(&mut self, hit: SearchHit) -> bool {
        let size = bytes(hit.path.len() + hit.text.as_ref().map_or(0, String::len));
        if self.room == 0 || (size > self.room_bytes && !self.hits.is_empty()) {
            self.more = true;
            return false;
        }
        self.room -= 1;
        self.room_bytes = self.room_bytes.saturating_sub(size);
        self.hits.push(hit);
        self.settled.append(std::mem::take(&mut self.passed));
        true
    }

    fn finish(mut self) -> SearchPage {
        let next = self.hits.last().filter(|_| self.more).map(Cursor::after);
        if next.is_none() {
            self.settled.append(self.passed);
        }
        SearchPage { hits: self.hits, next, skipped: self.settled.finish() }
    }
}
