//! The room that compiled components take on disk: bounded, and given up by
//! those that were used the longest time ago.
//!
//! The time of use is the file's time of modification, by the clock of the
//! kernel: it needs no list that several processes would have to agree on. A
//! file that is removed while another process reads it is read to its end.

use std::{
    fs::{self, DirEntry, File},
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};

use super::{DRAFT, SUFFIX};

/// How much older than the newest file a draft is when whoever wrote it must
/// be gone.
const DRAFT_AGE: Duration = Duration::from_secs(60 * 60);

/// Notes that a file was used. Where that fails it only goes earlier.
pub(super) fn touch(file: &File) {
    let now = || Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now(), last_modification: now() };
    if let Err(err) = futimens(file, &times) {
        tracing::debug!(%err, "a cached component can't be marked as used");
    }
}

/// Removes what was used the longest time ago until the rest fits. `newest`,
/// the file that was just written, stays, however large it is.
pub(super) fn make(dir: &Path, max_bytes: u64, newest: &str) -> io::Result<()> {
    let mut files: Vec<Kept> = fs::read_dir(dir)?.filter_map(|it| Kept::of(&it.ok()?)).collect();
    files.sort_unstable_by(|one, two| (one.used, &one.name).cmp(&(two.used, &two.name)));
    let written = files.iter().find(|it| it.name == newest).map(|it| it.used);
    let mut bytes = files.iter().fold(0, |sum: u64, it| sum.saturating_add(it.bytes));
    for file in &files {
        let is_left_over = file.is_draft() && written.is_some_and(|it| file.is_older_than(it));
        let is_too_much = bytes > max_bytes && !file.is_draft() && file.name != newest;
        if is_left_over || is_too_much {
            remove(&dir.join(&file.name))?;
            bytes = bytes.saturating_sub(file.bytes);
        }
    }
    Ok(())
}

/// Another process may have been faster.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
        _ => Ok(()),
    }
}

/// A file of compiled code, or the draft of one.
struct Kept {
    used: SystemTime,
    name: String,
    bytes: u64,
}

impl Kept {
    /// Nothing else in the directory is counted, or touched.
    fn of(entry: &DirEntry) -> Option<Self> {
        let name = entry.file_name().into_string().ok()?;
        if !name.ends_with(SUFFIX) && !name.starts_with(DRAFT) {
            return None;
        }
        // Of a link itself, and not of what it leads to.
        let metadata = entry.metadata().ok().filter(|it| !it.is_dir())?;
        Some(Self { used: metadata.modified().ok()?, name, bytes: metadata.len() })
    }

    fn is_draft(&self) -> bool {
        self.name.starts_with(DRAFT)
    }

    fn is_older_than(&self, newest: SystemTime) -> bool {
        newest.duration_since(self.used).is_ok_and(|it| it > DRAFT_AGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with files of so many bytes, each used a day after the one
    /// before.
    fn dir(files: &[(&str, usize)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (day, (name, bytes)) in (1..).zip(files) {
            fs::write(dir.path().join(name), vec![0; *bytes]).unwrap();
            use_at(dir.path(), name, day);
        }
        dir
    }

    fn use_at(dir: &Path, name: &str, day: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(day * 24 * 60 * 60);
        File::options().write(true).open(dir.join(name)).unwrap().set_modified(time).unwrap();
    }

    fn names(dir: &Path) -> Vec<String> {
        let name = |it: io::Result<DirEntry>| it.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(dir).unwrap().map(name).collect();
        names.sort();
        names
    }

    fn check(files: &[(&str, usize)], max_bytes: u64, expect: &[&str]) {
        let dir = dir(files);
        let newest = files.last().unwrap().0;
        make(dir.path(), max_bytes, newest).unwrap();
        assert_eq!(names(dir.path()), expect, "{max_bytes} bytes for {files:?}");
        make(dir.path(), max_bytes, newest).unwrap();
        assert_eq!(names(dir.path()), expect, "once more");
    }

    #[test]
    fn what_was_used_the_longest_time_ago_goes_until_the_rest_fits() {
        let files = [("c.cwasm", 40), ("a.cwasm", 40), ("b.cwasm", 40)];
        check(&files, 120, &["a.cwasm", "b.cwasm", "c.cwasm"]);
        check(&files, 119, &["a.cwasm", "b.cwasm"]);
        check(&files, 80, &["a.cwasm", "b.cwasm"]);
        check(&files, 79, &["b.cwasm"]);
    }

    #[test]
    fn what_was_just_written_stays_however_large_it_is() {
        check(&[("a.cwasm", 1), ("b.cwasm", 500)], 10, &["b.cwasm"]);
        let dir = dir(&[("a.cwasm", 8), ("b.cwasm", 8)]);
        make(dir.path(), 8, "a.cwasm").unwrap();
        assert_eq!(names(dir.path()), ["a.cwasm"], "although it is the older one");
    }

    #[test]
    fn the_key_and_what_is_not_of_the_cache_is_neither_counted_nor_removed() {
        check(
            &[("key", 500), ("notes.txt", 500), ("a.cwasm", 8), ("b.cwasm", 8)],
            16,
            &["a.cwasm", "b.cwasm", "key", "notes.txt"],
        );
    }

    #[test]
    fn drafts_go_when_whoever_wrote_them_is_gone() {
        let dir = dir(&[(".old.cwasm.1", 8), (".new.cwasm.2", 8), ("a.cwasm", 8)]);
        use_at(dir.path(), ".new.cwasm.2", 3);
        make(dir.path(), 8, "a.cwasm").unwrap();
        assert_eq!(names(dir.path()), [".new.cwasm.2", "a.cwasm"]);
    }

    #[test]
    fn a_file_that_another_process_reads_is_read_to_its_end() {
        use std::io::Read as _;
        let dir = dir(&[("a.cwasm", 300), ("b.cwasm", 8)]);
        let mut open = File::open(dir.path().join("a.cwasm")).unwrap();
        make(dir.path(), 8, "b.cwasm").unwrap();
        assert_eq!(names(dir.path()), ["b.cwasm"]);
        let mut bytes = Vec::new();
        assert_eq!(open.read_to_end(&mut bytes).unwrap(), 300);
    }

    #[test]
    fn using_a_file_makes_it_the_last_to_go() {
        let dir = dir(&[("a.cwasm", 8), ("b.cwasm", 8), ("c.cwasm", 8)]);
        touch(&File::open(dir.path().join("a.cwasm")).unwrap());
        make(dir.path(), 16, "c.cwasm").unwrap();
        assert_eq!(names(dir.path()), ["a.cwasm", "c.cwasm"]);
    }
}
