// Written by `UPDATE_TABLES=1 cargo test --workspace --test tool_tables` from `wit/`.

//! The tools of interface `file` as typed imports.

use crate::{
    sandbox::{convert, function::Entry, typed::TypedTool, wit::contract::file as wit},
    tools::file as tools,
};

pub(super) static FUNCTIONS: &[Entry] = &[
    Entry::of::<tools::ReadFile>(),
    Entry::of::<tools::WriteFile>(),
    Entry::of::<tools::Patch>(),
    Entry::of::<tools::SearchFiles>(),
];

impl TypedTool for tools::ReadFile {
    const INTERFACE: &'static str = "hermitage:subagent/file@0.1.0";
    const FUNCTION: &'static str = "read-file";
    type Params = (String, Option<u32>, Option<u32>);
    type Answer = wit::FileSlice;

    fn arguments(params: Self::Params) -> Self {
        let (path, offset, limit) = params;
        Self { path, offset, limit }
    }

    fn answer(output: Self::Output) -> Self::Answer {
        output.into()
    }
}

impl TypedTool for tools::WriteFile {
    const INTERFACE: &'static str = "hermitage:subagent/file@0.1.0";
    const FUNCTION: &'static str = "write-file";
    type Params = (String, String);
    type Answer = wit::Written;

    fn arguments(params: Self::Params) -> Self {
        let (path, content) = params;
        Self { path, content }
    }

    fn answer(output: Self::Output) -> Self::Answer {
        output.into()
    }
}

impl TypedTool for tools::Patch {
    const INTERFACE: &'static str = "hermitage:subagent/file@0.1.0";
    const FUNCTION: &'static str = "patch";
    type Params = (String, wit::Edit);
    type Answer = wit::Patched;

    fn arguments(params: Self::Params) -> Self {
        convert::patch(params)
    }

    fn answer(output: Self::Output) -> Self::Answer {
        output.into()
    }
}

impl TypedTool for tools::SearchFiles {
    const INTERFACE: &'static str = "hermitage:subagent/file@0.1.0";
    const FUNCTION: &'static str = "search-files";
    type Params = (wit::SearchQuery,);
    type Answer = wit::SearchPage;

    fn arguments(params: Self::Params) -> Self {
        let (wit::SearchQuery { path, name, content, cursor, limit },) = params;
        Self {
            path,
            name,
            content,
            cursor,
            limit,
        }
    }

    fn answer(output: Self::Output) -> Self::Answer {
        output.into()
    }
}

impl From<tools::FileSlice> for wit::FileSlice {
    fn from(it: tools::FileSlice) -> Self {
        let tools::FileSlice {
            text,
            first_line,
            lines,
            total_lines,
            total_bytes,
            truncated,
            binary,
            encoding,
        } = it;
        Self {
            text,
            first_line,
            lines,
            total_lines,
            total_bytes,
            truncated,
            binary,
            encoding,
        }
    }
}

impl From<tools::Written> for wit::Written {
    fn from(it: tools::Written) -> Self {
        let tools::Written { bytes, created } = it;
        Self { bytes, created }
    }
}

impl From<tools::Patched> for wit::Patched {
    fn from(it: tools::Patched) -> Self {
        let tools::Patched { changes, bytes } = it;
        Self { changes, bytes }
    }
}

impl From<tools::EntryKind> for wit::EntryKind {
    fn from(it: tools::EntryKind) -> Self {
        match it {
            tools::EntryKind::File => Self::File,
            tools::EntryKind::Directory => Self::Directory,
            tools::EntryKind::Symlink => Self::Symlink,
            tools::EntryKind::Other => Self::Other,
        }
    }
}

impl From<tools::SearchHit> for wit::SearchHit {
    fn from(it: tools::SearchHit) -> Self {
        let tools::SearchHit { path, kind, bytes, line, text } = it;
        Self {
            path,
            kind: kind.into(),
            bytes,
            line,
            text,
        }
    }
}

impl From<tools::Skipped> for wit::Skipped {
    fn from(it: tools::Skipped) -> Self {
        let tools::Skipped { reason, count, paths } = it;
        Self { reason, count, paths }
    }
}

impl From<tools::SearchPage> for wit::SearchPage {
    fn from(it: tools::SearchPage) -> Self {
        let tools::SearchPage { hits, next, skipped } = it;
        Self {
            hits: hits.into_iter().map(Into::into).collect(),
            next,
            skipped: skipped.into_iter().map(Into::into).collect(),
        }
    }
}
