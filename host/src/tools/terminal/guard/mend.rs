//! Does what was found to be done.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    root::Root,
    snapshot::Entry,
    verdict::{Sentence, Verdict},
};

/// Does it, and gives the words for it.
pub(super) fn mend(root: &Root, verdict: &Verdict) -> String {
    let Verdict { path, what } = verdict;
    let shown = path.display();
    let done = match carry_out(root, path, what) {
        // A command can close a directory to the one who owns it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            root.open_way(path);
            carry_out(root, path, what)
        }
        other => other,
    };
    let aside = |it: &Option<PathBuf>| match it {
        Some(it) => format!("; what the command wrote is `{}`", it.display()),
        None => String::new(),
    };
    match (&done, what) {
        (Ok(it), Sentence::SetAside) => {
            let it = it.as_deref().unwrap_or(path).display();
            format!("git would obey `{shown}`, which is now `{it}`")
        }
        (Ok(_), Sentence::Remove) => {
            format!("git would wait at `{shown}`, a pipe, which was removed")
        }
        (Ok(it), Sentence::Reduce(_)) => {
            format!("`{shown}` was reduced to what runs nothing{}", aside(it))
        }
        (Ok(it), Sentence::Restore(_)) => format!("`{shown}` was put back{}", aside(it)),
        (Err(error), _) => {
            tracing::error!(path = %shown, %error, "what git obeys was not put right");
            format!("`{shown}` could not be put right: git must not be used there")
        }
    }
}

/// Gives where that is which was there.
fn carry_out(root: &Root, path: &Path, what: &Sentence) -> io::Result<Option<PathBuf>> {
    match what {
        Sentence::SetAside => root.set_aside(path).map(Some),
        Sentence::Remove => root.remove(path).map(|()| None),
        Sentence::Reduce(text) => {
            root.stat(path).and_then(|it| root.put(path, text.as_bytes(), &it))
        }
        Sentence::Restore(entry) => restore(root, path, entry),
    }
}

fn restore(root: &Root, path: &Path, entry: &Entry) -> io::Result<Option<PathBuf>> {
    match entry {
        Entry::File(content) => {
            root.make_way(path)?;
            root.put(path, content.bytes.as_deref().unwrap_or_default(), &content.stat)
        }
        Entry::Link(target) => {
            root.make_way(path)?;
            let aside = match root.set_aside(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                other => Some(other?),
            };
            root.put_link(path, target)?;
            Ok(aside)
        }
        Entry::Other => root.set_aside(path).map(Some),
    }
}
