//! What a person agreed to of one server: how it is reached, and its tools with
//! all that they say of themselves. And how that is kept, and taken away.

mod record;

use std::{
    fs::{self, DirBuilder},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

pub use self::record::ApprovalError;
use super::{Server, listed::Listed};
use crate::{completion::sanitize::clean_line, plain_file, toolset::ToolSpec};

/// Bytes that are read of a file: more was not written by this program.
const MAX_BYTES: u64 = 16 << 20;

/// Lines for what changed: a server that renames all of its tools needs no
/// more to be told of.
const MAX_CHANGES: usize = 20;

/// Characters of one.
const MAX_LINE_CHARS: usize = 400;

/// A tool that a person allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// By the server itself.
    pub called: String,
    /// What children read of it, without the name of the toolset.
    pub spec: ToolSpec,
    /// Of what the server said of it, to the letter.
    pub digest: blake3::Hash,
}

/// What a person agreed to.
#[derive(Clone, Debug, PartialEq)]
pub struct Approval {
    /// Of the toolset.
    pub name: String,
    /// [`Server::words`].
    pub words: Vec<String>,
    /// In the order of their names.
    pub tools: Vec<Approved>,
    /// When, in seconds since 1970.
    pub approved_at: f64,
}

impl Approval {
    /// Of what a server lists.
    pub fn of(server: &Server, listed: &Listed, approved_at: f64) -> Self {
        let tools = listed.tools.iter().map(|it| Approved {
            called: it.called.clone(),
            spec: it.spec.clone(),
            digest: it.digest,
        });
        let (name, words) = (server.name.clone(), server.words());
        Self { name, words, tools: tools.collect(), approved_at }
    }

    /// How this differs from what was agreed to before: one line each, none
    /// when it is the same.
    pub fn changes(&self, before: &Approval) -> Vec<String> {
        let mut res = Vec::new();
        let lost = before.words.iter().filter(|it| !self.words.contains(it));
        res.extend(lost.map(|it| format!("no longer: {it}")));
        let new = self.words.iter().filter(|it| !before.words.contains(it));
        res.extend(new.map(|it| format!("new: {it}")));
        let lost = before.tools.iter().filter(|it| self.tool(&it.called).is_none());
        res.extend(lost.map(|it| format!("tool `{}` is gone", it.called)));
        for tool in &self.tools {
            match before.tool(&tool.called) {
                None => res.push(format!("tool `{}` is new", tool.called)),
                Some(before) => res.extend(differences(tool, before)),
            }
        }
        res.truncate(MAX_CHANGES);
        res.iter().map(|it| clean_line(it, MAX_LINE_CHARS)).collect()
    }

    fn tool(&self, called: &str) -> Option<&Approved> {
        self.tools.iter().find(|it| it.called == called)
    }

    /// Of all that was agreed to.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in &self.words {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        for tool in &self.tools {
            hasher.update(tool.digest.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

fn differences(tool: &Approved, before: &Approved) -> Vec<String> {
    if tool.digest == before.digest && tool.spec == before.spec {
        return Vec::new();
    }
    let called = &tool.called;
    let parts = [
        ("description", &before.spec.description, &tool.spec.description),
        ("schema", &before.spec.parameters, &tool.spec.parameters),
    ];
    let differing = parts.into_iter().filter(|(_, before, now)| before != now);
    let mut res: Vec<String> =
        differing.map(|(what, _, now)| format!("{what} of `{called}` is now: {now}")).collect();
    if res.is_empty() {
        res.push(format!("`{called}` says something else where it is not shown"));
    }
    res
}

/// Where approvals are kept: a file for each toolset, and one more beside it
/// when it was taken away.
#[derive(Clone, Debug)]
pub struct Approvals(PathBuf);

impl Approvals {
    /// In this directory, which need not be there.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self(dir.into())
    }

    /// What a person agreed to, if anything.
    ///
    /// # Errors
    ///
    /// The file can't be read, or is not what was written.
    pub fn get(&self, name: &str) -> Result<Option<Approval>, ApprovalError> {
        match read(&self.file(name, "json")) {
            Ok(None) => Ok(None),
            Ok(Some(text)) => Approval::from_json(name, &text).map(Some),
            Err(err) => Err(ApprovalError::Read(err.to_string())),
        }
    }

    /// What the server changed since then, if it did: it has to be agreed to
    /// again.
    pub fn withdrawn(&self, name: &str) -> Option<Vec<String>> {
        match read(&self.file(name, "changed")) {
            Ok(None) => None,
            Ok(Some(text)) => Some(text.lines().map(|it| clean_line(it, MAX_LINE_CHARS)).collect()),
            Err(err) => Some(vec![format!("what it changed can't be read: {err}")]),
        }
    }

    /// Keeps what a person agreed to.
    pub fn put(&self, approval: &Approval) -> io::Result<()> {
        let text = approval.to_json().map_err(io::Error::other)?;
        self.write(&self.file(&approval.name, "json"), &text)?;
        match fs::remove_file(self.file(&approval.name, "changed")) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
            _ => Ok(()),
        }
    }

    /// Takes it away, since the server is not what was agreed to.
    pub fn withdraw(&self, name: &str, changes: &[String]) -> io::Result<()> {
        self.write(&self.file(name, "changed"), &changes.join("\n"))
    }

    fn file(&self, name: &str, ending: &str) -> PathBuf {
        self.0.join(format!("{name}.{ending}"))
    }

    /// There as a whole or not at all, for this user alone.
    fn write(&self, file: &Path, text: &str) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let mut draft = tempfile::NamedTempFile::new_in(&self.0)?;
        draft.write_all(text.as_bytes())?;
        draft.as_file().sync_all()?;
        draft.persist(file)?;
        fs::File::open(&self.0)?.sync_all()
    }
}

fn read(file: &Path) -> io::Result<Option<String>> {
    let bytes = match plain_file::open(file) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => plain_file::bytes(opened?, MAX_BYTES)?,
    };
    String::from_utf8(bytes).map(Some).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_away_comes_back_with_the_next_approval() {
        let dir = tempfile::tempdir().unwrap();
        let approvals = Approvals::at(dir.path().join("toolsets"));
        let (name, words) = ("calc".to_owned(), Vec::new());
        let approval = Approval { name, words, tools: Vec::new(), approved_at: 1.0 };
        assert_eq!((approvals.get("calc"), approvals.withdrawn("calc")), (Ok(None), None));
        approvals.put(&approval).unwrap();
        assert_eq!(approvals.get("calc"), Ok(Some(approval.clone())));
        approvals.withdraw("calc", &["a\u{1b}[1m".to_owned(), "b".to_owned()]).unwrap();
        assert_eq!(approvals.withdrawn("calc"), Some(vec!["a".to_owned(), "b".to_owned()]));
        approvals.put(&approval).unwrap();
        assert_eq!(approvals.withdrawn("calc"), None);
    }
}
