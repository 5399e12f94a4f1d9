//! Limits of the file tools.

use super::rules::{PROTECTED_GLOBS, SECRET_GLOBS};
use crate::{
    defence::Defences,
    setting::{bytes, count, kib, mib, settings, texts},
};

settings! {
    /// The tools `read_file`, `write_file`, `patch` and `search_files`.
    /// Children and the files they meet can both be hostile.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct FileConfig in "tools.file" {
        /// Text that one read returns.
        ///
        /// Bounds what reading a huge file takes of host memory and of a
        /// child's context.
        pub max_read_bytes as "max_read_kib": u64 = kib(256, 1..=65_536), project: Lower;

        /// Text of one line that a read returns; the rest of the line is cut.
        ///
        /// Bounds a file that is one endless line.
        pub max_line_bytes as "max_line_kib": u64 = kib(64, 1..=65_536), project: Lower;

        /// Size of a file after a write or a patch, and of a diff.
        ///
        /// Bounds how fast the disk fills, and a replacement that multiplies
        /// its text.
        pub max_write_bytes as "max_write_kib": u64 = kib(8192, 1..=1_048_576), project: Lower;

        /// Size of a file that can be patched.
        ///
        /// Patching happens in memory.
        pub max_patch_bytes as "max_patch_kib": u64 = kib(8192, 1..=1_048_576), project: Lower;

        /// Lines compared to find the places of all hunks of a diff; a long
        /// line counts as several.
        ///
        /// Bounds a diff that fits nearly everywhere: finding its place would
        /// take the square of its length. A million take milliseconds.
        // Below the floor an ordinary diff of a long file fails.
        pub max_diff_steps: u64 = count(100_000_000, 1_000..=1_000_000_000), project: Lower;

        /// Hits on one page of a search, whatever the caller asks for.
        ///
        /// Bounds what an answer takes of host memory.
        pub max_hits: u32 = count(1000, 1..=100_000), project: Lower;

        /// Paths and texts on one page of a search, which ends early at them.
        ///
        /// Bounds a page of long paths as `max_hits` bounds short ones.
        pub max_page_bytes as "max_page_kib": u64 = kib(256, 1..=65_536), project: Lower;

        /// Size of a file that is searched by content; larger ones are passed
        /// over.
        ///
        /// A search holds one file in memory at a time.
        pub max_search_file_bytes as "max_search_file_kib": u64 =
            kib(4096, 1..=1_048_576), project: Lower;

        /// Text of a matching line that a hit quotes; the rest is cut.
        ///
        /// Bounds a match in a file that is one endless line.
        // Below the floor a quoted line says nothing.
        pub max_hit_text_bytes: u64 = bytes(512, 16..=65_536), project: Lower;

        /// Length of a glob or a regular expression.
        ///
        /// Bounds the time to compile it.
        pub max_pattern_bytes: u64 = bytes(4096, 16..=65_536), project: Lower;

        /// Size of a compiled regular expression.
        ///
        /// Bounds a short text that stands for a huge automaton, such as
        /// `(a{1000}){1000}`.
        // Below the floor no ordinary expression compiles.
        pub max_regex_bytes as "max_regex_kib": u64 = kib(4096, 16..=65_536), project: Lower;

        /// Part of a `.gitignore` that is obeyed.
        ///
        /// Bounds the automaton that is built of it.
        // Obeying less of it shows files that were meant to be passed over, and
        // obeying more costs memory.
        pub max_gitignore_bytes as "max_gitignore_kib": u64 = kib(64, 1..=65_536), project: Never;

        /// Entries of one directory that is searched.
        ///
        /// Bounds the memory that sorting takes when a child floods a
        /// directory.
        pub max_dir_entries: u64 = count(100_000, 100..=10_000_000), project: Lower;

        /// Names in a path.
        ///
        /// Bounds the open directories of a search, and the walk down a tree
        /// that was nested on purpose.
        pub max_depth: u32 = count(64, 1..=1_000), project: Lower;

        /// Bytes by which files grow through these tools, all children of this
        /// host together; nothing is given back for what shrinks.
        ///
        /// Bounds how much of the disk children fill.
        pub max_written_bytes as "max_written_mib": u64 = mib(1024, 1..=1_048_576), project: Lower;

        /// Files and directories made through these tools, likewise.
        ///
        /// Bounds a flood of empty files, which takes no bytes.
        pub max_created_files: u64 = count(100_000, 1..=100_000_000), project: Lower;

        /// Files that are taken for secrets: no tool of this toolset reads
        /// them, writes them or searches in them; their names are listed.
        ///
        /// Lines of a `.gitignore` (`!` allows again, `**/` any depth, case
        /// makes no difference). What a child reads leaves the machine with the
        /// next model call.
        // A pattern with `!` opens what one before it closed: more is not always
        // narrower.
        pub secret_globs: Vec<String> = texts(&SECRET_GLOBS), project: Never;

        /// Files that are read and not written, likewise: editors, shells,
        /// agents and the next push obey them without asking. `.git` is closed
        /// in any case. What a build runs (`build.rs`, `Makefile`,
        /// `package.json`) stays open.
        pub protected_globs: Vec<String> = texts(&PROTECTED_GLOBS), project: Never;
    } besides {
        /// All of them, but in tests.
        pub defences: Defences = Defences::ALL;
    }
}
