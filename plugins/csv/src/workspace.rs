//! Files of the workspace, as WASI gives them to a plugin that asked for it.

use std::io::{self, Read};

use hermitage_guest::ToolError;
use wasip2::filesystem::{
    preopens,
    types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags},
};

/// A file, read from its start to its end.
pub(crate) struct File {
    descriptor: Descriptor,
    offset: u64,
}

/// Opens a file by its path below the workspace.
pub(crate) fn open(path: &str) -> Result<File, ToolError> {
    let directories = preopens::get_directories();
    if directories.is_empty() {
        let why = "there are no files: who calls this tool needs `read_file`";
        return Err(ToolError::Denied(why.to_owned()));
    }
    // The longest name that the path begins with; a relative path is below all.
    let below = |name: &str| path.strip_prefix(name.trim_end_matches('/'));
    let candidates = directories.iter().filter_map(|(directory, name)| {
        let rest = below(name)?;
        rest.starts_with('/').then_some((directory, name.len(), rest.trim_start_matches('/')))
    });
    let found = candidates.max_by_key(|it| it.1).map(|(directory, _, rest)| (directory, rest));
    let relative = directories.first().map(|(directory, _)| (directory, path));
    let Some((directory, rest)) = found.or(relative.filter(|_| !path.starts_with('/'))) else {
        return Err(ToolError::invalid(format!("`{path}` is not in the workspace")));
    };
    let (follow, none) = (PathFlags::SYMLINK_FOLLOW, OpenFlags::empty());
    match directory.open_at(follow, rest, none, DescriptorFlags::READ) {
        Ok(descriptor) => Ok(File { descriptor, offset: 0 }),
        Err(code) => Err(refusal(path, code)),
    }
}

fn refusal(path: &str, code: ErrorCode) -> ToolError {
    match code {
        ErrorCode::NoEntry => ToolError::invalid(format!("`{path}` does not exist")),
        ErrorCode::IsDirectory => ToolError::invalid(format!("`{path}` is a directory")),
        ErrorCode::Access | ErrorCode::NotPermitted => {
            ToolError::Denied(format!("`{path}` may not be read"))
        }
        other => ToolError::failed(format!("`{path}` can't be opened: {}", other.name())),
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let failed = |code: ErrorCode| match code {
            ErrorCode::IsDirectory => io::Error::other("it is a directory"),
            other => io::Error::other(other.name()),
        };
        let (bytes, _) = self.descriptor.read(buffer.len() as u64, self.offset).map_err(failed)?;
        // A host gives no more than it was asked for.
        let count = bytes.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(bytes) {
            *to = from;
        }
        self.offset += count as u64;
        Ok(count)
    }
}
