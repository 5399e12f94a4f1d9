//! `memory`: notes that outlive the run, in a Markdown file that a person can
//! read and edit.
//!
//! The file is the person's: what is not a note stays, a damaged one is an
//! error and never replaced, and a change happens at once or not at all. A
//! lock beside the file keeps other hosts and tasks out from reading to
//! writing; an editor knows nothing of it, and the last one to save wins. What
//! is noted comes from a model and comes back into its prompt: it is cleaned,
//! bounded and can't pass for another note (`notes`).

mod notes;
mod settings;

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustix::fs::OFlags;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{task, time};

pub use self::settings::MemoryConfig;

use self::notes::{Document, canonical};
use super::{OpenError, Opened, Opening, Toolset};
use crate::{
    completion::sanitize::{clean_line, is_blank},
    plain_file,
    toolset::{
        Caller, HeldBy, Tool, ToolError,
        reading::{drop_empty, optional},
        registry::Declaration,
        tool::texts,
    },
};

/// How long a call waits for another one that changes the notes. A change
/// takes milliseconds: who holds the lock for longer is stuck.
const LOCK_WAIT: Duration = Duration::from_secs(3);

/// Between two looks at the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Characters of a note that an error quotes, and how many it quotes.
const QUOTED_CHARS: usize = 60;
const QUOTED_NOTES: usize = 5;

/// What happens to the notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum MemoryAction {
    /// Adds a note.
    Add,
    /// Replaces one.
    Replace,
    /// Removes one.
    Remove,
    /// Changes nothing.
    #[default]
    Read,
}

/// Keeps notes that outlive the run, and gives all of them back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// `add`, `replace`, `remove` or `read`.
    pub action: MemoryAction,
    /// The note to add, or the one to put in place of another.
    #[serde(default, deserialize_with = "optional")]
    pub text: Option<String>,
    /// A text that the note to replace or remove, and no other, contains.
    #[serde(default, deserialize_with = "optional")]
    pub old_text: Option<String>,
}

impl Tool for Memory {
    const NAME: &'static str = "memory";
    const HELD_BY: HeldBy = HeldBy::Parent;
    type Host = MemoryTool;
    type Output = Vec<String>;

    fn drop_empty(&mut self) {
        [&mut self.text, &mut self.old_text].into_iter().for_each(drop_empty);
    }

    fn bytes(&self) -> u64 {
        texts([self.text.as_ref(), self.old_text.as_ref()])
    }

    /// A note is nobody's business but the parent's.
    fn subject(&self) -> &str {
        ""
    }

    async fn call(self, host: &MemoryTool, caller: &Caller) -> Result<Vec<String>, ToolError> {
        host.call(caller, self).await
    }
}

/// Notes that outlive the run. Blocked for every child.
pub(super) struct Notes;

impl Toolset for Notes {
    const NAME: &'static str = "memory";
    type Host = MemoryTool;
    const TOOLS: &'static [Declaration<MemoryTool>] = &[Declaration::of::<Memory>()];

    /// Never in the workspace: children would write what the parent remembers.
    async fn open(opening: &Opening<'_>) -> Result<Opened<MemoryTool>, OpenError> {
        let config = &opening.config.memory;
        let of_config = Some(&*config.file).filter(|it| !it.as_os_str().is_empty());
        Ok(match opening.notes.or(of_config) {
            None => Opened::withheld_quietly("there is no file for notes"),
            Some(file) if is_below(file, opening.workspace) => {
                Opened::withheld("its file lies in the workspace")
            }
            Some(file) => {
                let config = MemoryConfig { file: file.to_owned(), ..config.clone() };
                Opened::Whole(MemoryTool::new(config))
            }
        })
    }
}

/// The file may not be there yet.
fn is_below(file: &Path, workspace: Option<&Path>) -> bool {
    let real = |it: &Path| it.canonicalize().ok();
    let beginning = file.ancestors().find_map(real);
    workspace.and_then(real).zip(beginning).is_some_and(|(dir, file)| file.starts_with(dir))
}

/// The notes of one file. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryTool {
    config: Arc<MemoryConfig>,
}

/// What happens to the notes, checked as far as that goes without them.
enum Change {
    Read,
    Add(String),
    /// The note that contains the first becomes the second, or goes.
    Replace(String, Option<String>),
}

impl MemoryTool {
    /// Opens nothing yet.
    pub fn new(config: MemoryConfig) -> Self {
        Self { config: Arc::new(config) }
    }

    /// Changes the notes, or does not, and gives all of them back.
    ///
    /// # Errors
    ///
    /// A text that is missing, blank or too long; an `old_text` that none or
    /// several of the notes contain; a full file; a file that is damaged, too
    /// large, no regular file or closed to this process, which stays as it is;
    /// a lock that nobody gives back; and a caller that is cancelled.
    pub async fn call(&self, caller: &Caller, call: Memory) -> Result<Vec<String>, ToolError> {
        let change = Change::of(call, &self.config)?;
        let lock = match &change {
            // A file is replaced as a whole: there is no half of one to read.
            Change::Read => None,
            Change::Add(_) | Change::Replace(..) => Some(self.lock(caller).await?),
        };
        let config = Arc::clone(&self.config);
        let work = task::spawn_blocking(move || {
            let _lock = lock;
            apply(&config, change)
        });
        work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the notes were not changed");
            Err(failed("can't be used: the tool stopped unexpectedly"))
        })
    }

    /// Waits for its turn.
    async fn lock(&self, caller: &Caller) -> Result<File, ToolError> {
        let turn = async {
            loop {
                let config = Arc::clone(&self.config);
                let tried = task::spawn_blocking(move || try_lock(&config.file)).await;
                match tried.map_err(io::Error::other).and_then(|it| it) {
                    Ok(Some(lock)) => return Ok(lock),
                    Ok(None) => time::sleep(LOCK_PAUSE).await,
                    Err(error) => return Err(unusable(&error)),
                }
            }
        };
        tokio::select! {
            biased;
            () = caller.cancelled.cancelled() => Err(ToolError::Interrupted),
            lock = time::timeout(LOCK_WAIT, turn) => lock.unwrap_or_else(|_| {
                let seconds = LOCK_WAIT.as_secs();
                Err(failed(&format!(
                    "are being changed by another program, for more than {seconds} s: try again"
                )))
            }),
        }
    }
}

impl Change {
    fn of(call: Memory, config: &MemoryConfig) -> Result<Self, ToolError> {
        let note = |text: Option<String>| text_of("text", text, config);
        let old = |text: Option<String>| text_of("old_text", text, config);
        Ok(match call.action {
            MemoryAction::Read => Change::Read,
            MemoryAction::Add => Change::Add(note(call.text)?),
            MemoryAction::Replace => Change::Replace(old(call.old_text)?, Some(note(call.text)?)),
            MemoryAction::Remove => Change::Replace(old(call.old_text)?, None),
        })
    }

    /// Whether anything is different now.
    fn make(&self, document: &mut Document, config: &MemoryConfig) -> Result<bool, ToolError> {
        match self {
            Change::Read => Ok(false),
            Change::Add(note) => add(document, note, config),
            Change::Replace(old, new) => replace(document, old, new.as_deref()),
        }
    }
}

/// An argument in the form that notes have. Its size is looked at first, so
/// that nothing is done with what is far too long.
fn text_of(name: &str, text: Option<String>, config: &MemoryConfig) -> Result<String, ToolError> {
    let text = text.unwrap_or_default();
    let max = config.max_note_bytes;
    if u64::try_from(text.len()).is_ok_and(|it| it > max) {
        let bytes = text.len();
        return Err(invalid(format!("`{name}` has {bytes} bytes: a note has at most {max}")));
    }
    match canonical(&text) {
        blank if is_blank(&blank) => {
            Err(invalid(format!("`{name}` is missing, or has nothing to read in it")))
        }
        text => Ok(text),
    }
}

fn add(document: &mut Document, note: &str, config: &MemoryConfig) -> Result<bool, ToolError> {
    if document.notes().any(|it| it == note) {
        return Ok(false);
    }
    let max = config.max_notes;
    if u32::try_from(document.notes().count()).is_ok_and(|it| it < max) {
        document.add(note);
        return Ok(true);
    }
    Err(failed(&format!("are full: {max} of them, remove or replace one")))
}

fn replace(document: &mut Document, part: &str, new: Option<&str>) -> Result<bool, ToolError> {
    let old = only_one(document, part)?.to_owned();
    if new == Some(&*old) {
        return Ok(false);
    }
    if let Some(new) = new.filter(|new| document.notes().any(|it| it == *new)) {
        let note = clean_line(new, QUOTED_CHARS);
        return Err(invalid(format!("`{note}` is noted already: remove the other one")));
    }
    document.replace(&old, new);
    Ok(true)
}

/// The one note that contains a text. The same note written twice by a person
/// counts once.
fn only_one<'a>(document: &'a Document, part: &str) -> Result<&'a str, ToolError> {
    let mut found: Vec<&str> = document.notes().filter(|it| it.contains(part)).collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [only] => Ok(only),
        [] => Err(invalid("`old_text` is in none of the notes: `read` gives them".to_owned())),
        several => {
            let quote = |it: &&str| format!("`{}`", clean_line(it, QUOTED_CHARS));
            let quoted: Vec<String> = several.iter().take(QUOTED_NOTES).map(quote).collect();
            let (count, quoted) = (several.len(), quoted.join(", "));
            Err(invalid(format!("`old_text` is in {count} notes, {quoted}: give more of one")))
        }
    }
}

fn apply(config: &MemoryConfig, change: Change) -> Result<Vec<String>, ToolError> {
    let mut document = Document::parse(&load(config)?);
    if change.make(&mut document, config)? {
        let text = document.render();
        let max = config.max_bytes;
        if u64::try_from(text.len()).map_or(true, |it| it > max) {
            return Err(failed(&format!("are full: their file may have {max} bytes, remove some")));
        }
        save(&config.file, &text).map_err(|error| unusable(&error))?;
    }
    Ok(document.notes().map(String::from).collect())
}

/// The text of the file, nothing when there is none.
fn load(config: &MemoryConfig) -> Result<String, ToolError> {
    let file = match open(OpenOptions::new().read(true), &config.file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(unusable(&error)),
    };
    let (mut bytes, max) = (Vec::new(), config.max_bytes);
    let read = file.take(max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| unusable(&error))?;
    if u64::try_from(bytes.len()).map_or(true, |it| it > max) {
        return Err(failed(&format!("can't be read: their file has more than {max} bytes")));
    }
    let text = String::from_utf8(bytes).ok().filter(|it| !it.contains('\0'));
    text.ok_or_else(|| failed("can't be read: their file is no UTF-8 text, a person has to look"))
}

/// Replaces the file as a whole, for nobody else to read.
fn save(path: &Path, text: &str) -> io::Result<()> {
    let directory = directory(path);
    let mut file = tempfile::Builder::new().prefix(".notes-").tempfile_in(directory)?;
    file.as_file().set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    // Otherwise a crash could leave the name on an empty file.
    file.as_file().sync_all()?;
    file.persist(path).map_err(|it| it.error)?;
    File::open(directory)?.sync_all()
}

/// Locks the file beside the notes, which is never removed: a lock on the
/// notes would go with each replacement. `None` when another one has it.
fn try_lock(notes: &Path) -> io::Result<Option<File>> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory(notes))?;
    let mut name = notes.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = open(&mut options, &notes.with_file_name(name))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Opens a regular file, no link to one.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    plain_file::open_with(options, path, OFlags::NOFOLLOW)
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// In fixed words: the text of the operating system could name a path.
fn unusable(error: &io::Error) -> ToolError {
    tracing::warn!(%error, "the notes can't be used");
    failed("can't be used: their file, or its directory, is closed to this host or no plain file")
}

fn failed(problem: &str) -> ToolError {
    ToolError::Failed(format!("the notes {problem}"))
}

fn invalid(problem: String) -> ToolError {
    ToolError::InvalidArguments(problem)
}

#[cfg(test)]
mod tests;
