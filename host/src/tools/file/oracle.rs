//! The file tools against a shadow of the workspace: every entry of it, looked
//! at by other means.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::Command,
};

use arbitrary::{Result, Unstructured};
use tempfile::TempDir;

use super::{FileConfig, FileTools, Patch, ReadFile, SearchFiles, WriteFile};
use crate::{
    noise,
    session::Session,
    setting::built_in,
    toolset::{Caller, Tool as _, ToolError},
};

/// Names in the workspace, and what else stands in paths.
const NAMES: &[&str] = &["a", "b", "c", "d", "a.txt", "l", "m", "ä"];
const STEPS: &[&str] = &["a", "b", "c", "d", "a.txt", "l", "m", "..", ".", "", "..", "workspace"];

/// Symbolic links that are followed: fewer than any system takes.
const MAX_LINKS: usize = 12;

/// An entry of the shadow.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Directory(u32),
    File(Vec<u8>),
    Link(String),
}

/// Paths below the directory around the workspace.
type Shadow = BTreeMap<String, Entry>;

/// The workspace's own name in the shadow.
const WORKSPACE: &str = "workspace";

/// What a path leads to.
#[derive(Debug, PartialEq)]
enum Found<'a> {
    File(&'a [u8]),
    Directory,
    Nothing,
    Outside,
}

/// What is read is what is there, nothing outside is read or written, and what
/// failed has changed nothing.
pub(crate) fn path(u: &mut Unstructured<'_>) -> Result<()> {
    let outer = made(tempfile::tempdir());
    made(plant(u, outer.path())?);
    let tools = tools(&outer);
    for _ in 0..u.int_in_range(1..=6)? {
        let before = made(shadow(outer.path()));
        let given = given(u)?;
        match u.int_in_range(0..=3)? {
            0 => writes(u, &tools, &outer, &before, &given)?,
            1 => searches(u, &tools, &before, &given)?,
            _ => reads(&tools, &before, &given),
        }
        let after = made(shadow(outer.path()));
        assert_eq!(outside(&before), outside(&after), "{given:?} changed what is outside");
    }
    Ok(())
}

fn tools(outer: &TempDir) -> FileTools {
    let config = FileConfig { secret_globs: Vec::new(), protected_globs: Vec::new(), ..built_in() };
    made(FileTools::open(&outer.path().join(WORKSPACE), config))
}

fn made<T, E: std::fmt::Display>(it: std::result::Result<T, E>) -> T {
    it.unwrap_or_else(|err| unreachable!("not made: {err}"))
}

fn caller() -> Caller {
    Caller::of("child", Session::Local)
}

/// Files, directories and links, in and beside the workspace.
fn plant(u: &mut Unstructured<'_>, outer: &Path) -> Result<io::Result<()>> {
    let root = outer.join(WORKSPACE);
    let plant = || -> io::Result<()> {
        fs::create_dir(&root)?;
        fs::write(outer.join("a"), "outside")?;
        fs::create_dir(outer.join("d"))?;
        fs::write(outer.join("d/a"), "outside too")
    };
    if let Err(err) = plant() {
        return Ok(Err(err));
    }
    for _ in 0..u.int_in_range(1..=10)? {
        let names = noise::list(u, 2, |u| noise::one_of(u, NAMES))?;
        let dir = names.iter().fold(root.clone(), |dir, it| dir.join(it));
        let place = dir.join(noise::one_of(u, NAMES)?);
        // What is in the way stays there, and links are planted through.
        let _ = fs::create_dir_all(&dir);
        if !dir.canonicalize().is_ok_and(|it| it.starts_with(&root)) {
            continue;
        }
        let _ = match u.int_in_range(0..=3)? {
            0 => fs::write(place, u.bytes(u.len().min(8))?),
            1 => fs::create_dir(place),
            _ => symlink(target(u, outer)?, place),
        };
    }
    Ok(Ok(()))
}

fn target(u: &mut Unstructured<'_>, outer: &Path) -> Result<String> {
    let steps = noise::list(u, 5, |u| noise::one_of(u, STEPS))?.join("/");
    Ok(match u.int_in_range(0..=9)? {
        0 => format!("/{steps}"),
        1 => outer.join("a").to_string_lossy().into_owned(),
        2 => "/proc/self/root".to_owned(),
        _ if steps.is_empty() => ".".to_owned(),
        _ => steps,
    })
}

fn given(u: &mut Unstructured<'_>) -> Result<String> {
    let steps = noise::list(u, 5, |u| noise::one_of(u, STEPS))?.join("/");
    Ok(match u.int_in_range(0..=9)? {
        0 => format!("/{steps}"),
        1 => format!("/workspace/{steps}"),
        2 => noise::text(u, STEPS)?,
        3 => format!("{steps}/"),
        4..=7 => steps.replace("..", "l"),
        _ => steps,
    })
}

/// All that lies below a directory. No link is followed.
fn shadow(of: &Path) -> io::Result<Shadow> {
    let (mut res, mut todo) = (Shadow::new(), vec![(String::new(), of.to_owned())]);
    while let Some((name, dir)) = todo.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let path = entry.path();
            let below = entry.file_name().to_string_lossy().into_owned();
            let below = if name.is_empty() { below } else { format!("{name}/{below}") };
            let metadata = fs::symlink_metadata(&path)?;
            let entry = if metadata.is_symlink() {
                Entry::Link(fs::read_link(&path)?.to_string_lossy().into_owned())
            } else if metadata.is_dir() {
                todo.push((below.clone(), path));
                Entry::Directory(metadata.permissions().mode())
            } else {
                Entry::File(fs::read(&path)?)
            };
            res.insert(below, entry);
        }
    }
    Ok(res)
}

fn outside(of: &Shadow) -> Vec<(&String, &Entry)> {
    of.iter().filter(|it| !it.0.starts_with("workspace/")).collect()
}

/// Where a path of the workspace leads, by the shadow alone. `None` where
/// systems differ: beyond so many links.
fn find<'a>(shadow: &'a Shadow, path: &str) -> Option<Found<'a>> {
    let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut at: Vec<String> = Vec::new();
    let mut links = 0;
    while let Some(step) = left.pop() {
        let here = shadow_name(&at);
        if !matches!(shadow.get(&here), Some(Entry::Directory(_))) {
            return Some(Found::Nothing);
        }
        match step.as_str() {
            "" | "." => continue,
            ".." if at.is_empty() => return Some(Found::Outside),
            ".." => drop(at.pop()),
            _ => {
                at.push(step);
                match shadow.get(&shadow_name(&at)) {
                    Some(Entry::Link(to)) => {
                        links += 1;
                        if MAX_LINKS < links {
                            return None;
                        }
                        at.pop();
                        if to.starts_with('/') {
                            return Some(Found::Outside);
                        }
                        left.extend(to.split('/').rev().map(str::to_owned));
                    }
                    Some(Entry::File(_)) if !left.is_empty() => return Some(Found::Nothing),
                    Some(_) => {}
                    None => return Some(Found::Nothing),
                }
            }
        }
    }
    Some(match shadow.get(&shadow_name(&at)) {
        Some(Entry::File(bytes)) => Found::File(bytes),
        Some(Entry::Directory(_)) => Found::Directory,
        _ => Found::Nothing,
    })
}

fn shadow_name(at: &[String]) -> String {
    [&[WORKSPACE.to_owned()], at].concat().join("/")
}

/// The path as it is below the workspace; `None` when no tool takes it.
fn taken(given: &str) -> Option<String> {
    let below = match given.strip_prefix("/workspace") {
        Some("") => ".",
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => given,
    };
    let is_bad = given.is_empty() || below.starts_with('/') || given.contains('\0');
    (!is_bad && !below.split('/').any(|it| it == "..")).then(|| below.to_owned())
}

fn reads(tools: &FileTools, shadow: &Shadow, given: &str) {
    let call = ReadFile { path: given.to_owned(), offset: None, limit: Some(0) };
    let counted = noise::wait(call.call(tools, &caller()));
    let call = ReadFile { path: given.to_owned(), offset: None, limit: None };
    let read = noise::wait(call.call(tools, &caller()));
    let Some(path) = taken(given) else {
        assert!(matches!(read, Err(ToolError::InvalidArguments(_))), "{given:?}: {read:?}");
        return;
    };
    match (find(shadow, &path), &read) {
        (Some(Found::File(bytes)), Ok(slice)) => {
            assert_eq!(slice.total_bytes, bytes.len() as u64, "{given:?}");
            let text = std::str::from_utf8(bytes)
                .ok()
                .filter(|it| it.is_ascii() && !it.contains(['\0', '\r']));
            assert!(
                text.is_none_or(|it| slice.binary || slice.text == it),
                "{given:?}: {slice:?} of {bytes:?}"
            );
        }
        // Some bytes are no text.
        (Some(Found::File(_)), Err(_)) => {
            let is_file = !given.ends_with('/') && !given.ends_with("/.");
            assert!(counted.is_ok() || !is_file, "{given:?}: {read:?}, {counted:?}");
        }
        (None, _) => {}
        (Some(found), read) => assert!(read.is_err(), "{given:?} is {found:?}: {read:?}"),
    }
}

fn writes(
    u: &mut Unstructured<'_>,
    tools: &FileTools,
    outer: &TempDir,
    before: &Shadow,
    given: &str,
) -> Result<()> {
    let content = noise::text(u, NAMES)?;
    let call = WriteFile { path: given.to_owned(), content: content.clone() };
    let written = noise::wait(call.call(tools, &caller()));
    let after = made(shadow(outer.path()));
    match written {
        Ok(_) => {
            let path = taken(given).unwrap_or_default();
            let found = find(&after, &path);
            let is_it = match found {
                // A file that is not in UTF-8 keeps its encoding.
                Some(Found::File(bytes)) => bytes == content.as_bytes() || !content.is_ascii(),
                _ => false,
            };
            assert!(is_it, "{given:?} was not written: {found:?}, not {content:?}");
            // One file, and directories on its way.
            let changed = after.iter().filter(|(name, it)| before.get(*name) != Some(it));
            let files = changed.filter(|it| !matches!(it.1, Entry::Directory(_))).count();
            assert!(files <= 1, "{given:?} changed {files} files");
            assert!(before.keys().all(|it| after.contains_key(it)), "{given:?} removed something");
        }
        Err(error) => {
            let is_file = |it: &(&String, &Entry)| !matches!(it.1, Entry::Directory(_));
            let [before, after] =
                [before, &after].map(|it| it.iter().filter(is_file).collect::<Vec<_>>());
            assert_eq!(before, after, "{given:?} failed and changed something: {error}");
        }
    }
    Ok(())
}

/// What is listed is there, by its name, and no link is followed out.
fn searches(
    u: &mut Unstructured<'_>,
    tools: &FileTools,
    shadow: &Shadow,
    given: &str,
) -> Result<()> {
    let path = if u.arbitrary()? { Some(given.to_owned()) } else { None };
    let call = SearchFiles { path, limit: Some(50), ..SearchFiles::default() };
    let Ok(page) = noise::wait(call.call(tools, &caller())) else { return Ok(()) };
    for hit in page.hits {
        // The path may go through links, and what is hit may be one.
        let dir = hit.path.rsplit_once('/').map_or(".", |it| it.0);
        let found = find(shadow, dir);
        assert!(
            matches!(found, Some(Found::Directory) | None),
            "{} is listed: {found:?}",
            hit.path
        );
    }
    Ok(())
}

/// Lines of a file, alike often enough that a place in it can be any of two.
const LINES: &[&str] = &["one", "two", "three", "four", "", "{", "}", "  x = 1;", "-", "+a", "@@"];

/// A diff changes what it says, or nothing; and where git takes it, too, both
/// make the same of it.
pub(crate) fn diff(u: &mut Unstructured<'_>) -> Result<()> {
    let before = noise::list(u, 30, |u| noise::one_of(u, LINES))?;
    let (diff, after) = changed(u, &before)?;
    let whole = |lines: &[&str]| lines.iter().map(|it| format!("{it}\n")).collect::<String>();
    let [before, after] = [whole(&before), whole(&after)];
    if let Some(found) = applied(&before, &diff) {
        assert_eq!(found, after, "{before:?}\n{diff}");
    }
    let damaged = damaged(u, &diff)?;
    // What git reads otherwise, or leaves out, is no matter of where a hunk goes.
    if has_gits_form(&damaged)
        && counts_fit(&damaged)
        && let Some(found) = applied(&before, &damaged)
        && let Some(expect) = by_git(&before, &damaged)
    {
        assert_eq!(found, expect, "{before:?}\n{damaged}");
    }
    Ok(())
}

/// A diff of one change in each of some places, and what it makes of the lines.
fn changed<'a>(u: &mut Unstructured<'_>, before: &[&'a str]) -> Result<(String, Vec<&'a str>)> {
    let (mut diff, mut after) = ("--- a/a.txt\n+++ b/a.txt\n".to_owned(), Vec::new());
    let (mut at, mut left) = (0, u.int_in_range(1..=3)?);
    while left > 0 && at < before.len() {
        left -= 1;
        let start = u.int_in_range(at..=before.len() - 1)?;
        let removed = u.int_in_range(0..=3.min(before.len() - start))?;
        let added = noise::list(u, 3, |u| noise::one_of(u, LINES))?;
        let around = u.int_in_range(0..=3)?;
        let from = start.saturating_sub(around).max(at);
        let to = before.len().min(start + removed + around);
        let line = |sign: &str, it: &&str| format!("{sign}{it}\n");
        let part = |from: usize, to: usize| before.get(from..to).unwrap_or_default();
        let new = after.len() + from - at;
        after.extend(part(at, start));
        after.extend(&added);
        after.extend(part(start + removed, to));
        if removed == 0 && added.is_empty() {
            at = to;
            continue;
        }
        let (had, has) = (to - from, to - from - removed + added.len());
        // An empty range stands behind the line that it names.
        let place = |at: usize, count: usize| if count == 0 { at } else { at + 1 };
        diff.push_str(&format!("@@ -{},{had} +{},{has} @@\n", place(from, had), place(new, has)));
        diff.extend(part(from, start).iter().map(|it| line(" ", it)));
        diff.extend(part(start, start + removed).iter().map(|it| line("-", it)));
        diff.extend(added.iter().map(|it| line("+", it)));
        diff.extend(part(start + removed, to).iter().map(|it| line(" ", it)));
        at = to;
    }
    after.extend(before.get(at..).unwrap_or_default());
    Ok((diff, after))
}

fn damaged(u: &mut Unstructured<'_>, diff: &str) -> Result<String> {
    let mut lines: Vec<String> = diff.lines().map(str::to_owned).collect();
    for _ in 0..u.int_in_range(1..=3)? {
        let at = u.int_in_range(0..=lines.len().saturating_sub(1))?;
        match u.int_in_range(0..=3)? {
            0 if at < lines.len() => drop(lines.remove(at)),
            1 => lines.insert(
                at,
                noise::text(
                    u,
                    &[
                        "@@",
                        " one",
                        "-two",
                        "+x",
                        "\\ No newline at end of file",
                        "diff --git a/a.txt b/a.txt",
                    ],
                )?,
            ),
            2 => {
                if let Some(line) = lines.get_mut(at) {
                    *line = noise::text(u, LINES)?
                }
            }
            _ => {
                if let Some(line) = lines.get_mut(at) {
                    line.insert_str(0, noise::one_of(u, &[" ", "-", "+", "@"])?)
                }
            }
        }
    }
    Ok(counted(&lines))
}

/// With the numbers that its hunks have: git goes by them, and the tool by the
/// lines.
fn counted(lines: &[String]) -> String {
    let (mut res, mut more, mut less) = (String::new(), 0, 0);
    for (idx, line) in lines.iter().enumerate() {
        let Some(start) = from(line) else {
            res.push_str(&format!("{line}\n"));
            continue;
        };
        let hunk = lines.iter().skip(idx + 1).take_while(|it| from(it).is_none());
        let count = |signs: [char; 2]| hunk.clone().filter(|it| it.starts_with(signs)).count();
        let (had, has) = (count([' ', '-']), count([' ', '+']));
        // An empty range stands behind the line that it names.
        let before = if had == 0 { start } else { start.saturating_sub(1) };
        let to = (before + more).saturating_sub(less) + usize::from(has > 0);
        res.push_str(&format!("@@ -{start},{had} +{to},{has} @@\n"));
        (more, less) = (more + has, less + had);
    }
    res
}

/// The first number of a hunk's header.
fn from(line: &str) -> Option<usize> {
    let places: Vec<&str> = line.split([' ', ',']).collect();
    match places.as_slice() {
        ["@@", from, _, _, _, "@@"] => from.strip_prefix('-')?.parse().ok(),
        _ => None,
    }
}

fn applied(before: &str, diff: &str) -> Option<String> {
    let outer = made(tempfile::tempdir());
    let file = outer.path().join("workspace/a.txt");
    made(fs::create_dir(outer.path().join(WORKSPACE)));
    made(fs::write(&file, before));
    let call = Patch {
        path: "a.txt".to_owned(),
        search: None,
        replace: None,
        all: false,
        diff: Some(diff.to_owned()),
    };
    let patched = noise::wait(call.call(&tools(&outer), &caller()));
    let after = made(fs::read_to_string(&file));
    assert!(patched.is_ok() || after == before, "{patched:?} and changed all the same\n{diff}");
    patched.is_ok().then_some(after)
}

/// Whether every hunk has as many lines as its numbers say. What stands behind
/// those is nothing to git, and part of the hunk to the tool: models count
/// badly.
fn counts_fit(diff: &str) -> bool {
    let mut left = (0, 0);
    for line in diff.lines() {
        let numbers = line.strip_prefix("@@ -").and_then(|it| it.split_once(" @@"));
        if let Some((numbers, _)) = numbers {
            let (old, new) = numbers.split_once(" +").unwrap_or_default();
            let count = |it: &str| it.split_once(',').map_or(Ok(1), |it| it.1.parse::<i64>());
            match (left, count(old), count(new)) {
                ((0, 0), Ok(old), Ok(new)) => left = (old, new),
                _ => return false,
            }
            continue;
        }
        match line.as_bytes().first() {
            Some(b'-') => left.0 -= 1,
            Some(b'+') => left.1 -= 1,
            Some(b' ') | None => left = (left.0 - 1, left.1 - 1),
            Some(_) => (),
        }
        if line.starts_with("--- ") || line.starts_with("+++ ") {
            left = (0, 0);
        }
    }
    left == (0, 0)
}

/// Two lines of a header, and then hunks that say where they go, of nothing but
/// lines with their signs. Lines get the ends that the file has, and so none of
/// their own.
fn has_gits_form(diff: &str) -> bool {
    let is_line = |it: &str| {
        it.starts_with([' ', '+', '-']) && !it.starts_with("--- ") && !it.starts_with("+++ ")
    };
    let mut lines = diff.lines();
    [lines.next(), lines.next()] == [Some("--- a/a.txt"), Some("+++ b/a.txt")]
        && !diff.contains('\r')
        && lines.all(|it| from(it).is_some() || is_line(it))
}

/// What git makes of it, when it takes it, and each hunk at its line: which of
/// several places is meant otherwise is for each to say.
fn by_git(before: &str, diff: &str) -> Option<String> {
    let dir = made(tempfile::tempdir());
    let file = dir.path().join("a.txt");
    made(fs::write(&file, before));
    made(fs::write(dir.path().join("diff"), diff));
    let mut git = Command::new("git");
    git.args(["apply", "-v", "--unidiff-zero", "--whitespace=nowarn", "diff"]);
    git.env("GIT_CEILING_DIRECTORIES", dir.path()).env("LC_ALL", "C").current_dir(dir.path());
    let output = git.output().ok().filter(|it| it.status.success())?;
    let is_exact = !String::from_utf8_lossy(&output.stderr).contains("(offset ");
    is_exact.then(|| fs::read_to_string(&file).ok()).flatten()
}
