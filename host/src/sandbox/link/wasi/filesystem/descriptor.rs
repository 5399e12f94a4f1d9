//! The handle on a file or a directory, and what every function does with one.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{FsError, FsResult, bindings::filesystem::types::ErrorCode};

use super::convert;
use crate::{
    sandbox::cell::{CallsSpent, Cell},
    tools::file::tree::{Directory, OpenFile, Tree, TreeError},
};

/// Behind one `descriptor`.
pub(super) enum Descriptor {
    File(Arc<OpenFile>),
    Directory(Directory),
}

pub(super) type Fd = Resource<Descriptor>;

/// Counts a call. The inner error is what it answers instead of its work.
pub(super) fn begin(cell: &mut Cell) -> Result<Result<(), ErrorCode>, CallsSpent> {
    let refusal = cell.admit()?;
    Ok(refusal.map_or(Ok(()), |it| Err(convert::code(it.into()))))
}

/// The result of a function as WIT has it; an error that is no code ends the
/// guest.
pub(super) fn answer<T>(done: FsResult<T>) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    match done {
        Ok(it) => Ok((Ok(it),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// The open file of a handle.
pub(super) fn file(cell: &Cell, fd: &Fd) -> FsResult<Arc<OpenFile>> {
    match cell.table.get(fd)? {
        Descriptor::File(file) => Ok(Arc::clone(file)),
        Descriptor::Directory(_) => Err(ErrorCode::IsDirectory.into()),
    }
}

/// The directory of a handle.
pub(super) fn directory(cell: &Cell, fd: &Fd) -> FsResult<Directory> {
    match cell.table.get(fd)? {
        Descriptor::Directory(directory) => Ok(directory.clone()),
        Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
    }
}

/// Works with an open file where that may block.
pub(super) async fn on_file<T: Send + 'static>(
    cell: &mut Cell,
    fd: &Fd,
    work: impl FnOnce(&OpenFile) -> Result<T, TreeError> + Send + 'static,
) -> FsResult<T> {
    let file = file(cell, fd)?;
    Ok(cell.blocking().start(move || work(&file)).await?)
}

/// Works with a directory of the tree where that may block.
pub(super) async fn on_directory<T: Send + 'static>(
    cell: &mut Cell,
    fd: &Fd,
    work: impl FnOnce(&Tree, &Directory) -> Result<T, TreeError> + Send + 'static,
) -> FsResult<T> {
    let directory = directory(cell, fd)?;
    let tree = tree(cell)?;
    Ok(cell.blocking().start(move || work(&tree, &directory)).await?)
}

fn tree(cell: &Cell) -> FsResult<Arc<Tree>> {
    // Without one there are no handles at all.
    cell.given.files.clone().ok_or_else(|| ErrorCode::BadDescriptor.into())
}

impl From<TreeError> for FsError {
    fn from(error: TreeError) -> Self {
        convert::code(error).into()
    }
}
