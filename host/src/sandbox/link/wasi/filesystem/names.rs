//! What is done with the names in a directory.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    FsResult,
    bindings::filesystem::types::{
        DescriptorFlags, DescriptorStat, ErrorCode, MetadataHashValue, NewTimestamp, OpenFlags,
        PathFlags,
    },
};

use super::{
    convert,
    descriptor::{Descriptor, Fd, directory, on_directory},
    entries::Entries,
};
use crate::{
    sandbox::cell::Cell,
    tools::file::tree::{Directory, Node, Tree},
};

pub(super) async fn read_directory(cell: &mut Cell, (fd,): (Fd,)) -> FsResult<Resource<Entries>> {
    let listing = on_directory(cell, &fd, |tree, it| tree.list(it)).await?;
    Ok(cell.table.push(Entries::of(listing))?)
}

pub(super) async fn create_directory_at(cell: &mut Cell, (fd, path): (Fd, String)) -> FsResult<()> {
    on_directory(cell, &fd, move |tree, it| tree.create_directory(it, &path)).await
}

pub(super) async fn stat_at(
    cell: &mut Cell,
    (fd, flags, path): (Fd, PathFlags, String),
) -> FsResult<DescriptorStat> {
    let follow = convert::follows(flags);
    let stat = on_directory(cell, &fd, move |tree, it| tree.stat(it, &path, follow)).await?;
    Ok(convert::stat(&stat))
}

pub(super) async fn set_times_at(
    cell: &mut Cell,
    (fd, flags, path, read, changed): (Fd, PathFlags, String, NewTimestamp, NewTimestamp),
) -> FsResult<()> {
    let (follow, read) = (convert::follows(flags), convert::new_time(read)?);
    let set = (read, convert::new_time(changed)?);
    on_directory(cell, &fd, move |tree, it| tree.set_times((it, &path), follow, set)).await
}

pub(super) async fn open_at(
    cell: &mut Cell,
    (fd, path_flags, path, open_flags, flags): (Fd, PathFlags, String, OpenFlags, DescriptorFlags),
) -> FsResult<Fd> {
    let how = convert::how(path_flags, open_flags, flags);
    let node = on_directory(cell, &fd, move |tree, it| tree.open(it, &path, how)).await?;
    let descriptor = match node {
        Node::File(file) => Descriptor::File(Arc::new(file)),
        Node::Directory(directory) => Descriptor::Directory(directory),
    };
    Ok(cell.table.push(descriptor)?)
}

pub(super) async fn readlink_at(cell: &mut Cell, (fd, path): (Fd, String)) -> FsResult<String> {
    on_directory(cell, &fd, move |tree, it| tree.read_link(it, &path)).await
}

pub(super) async fn remove_directory_at(cell: &mut Cell, (fd, path): (Fd, String)) -> FsResult<()> {
    on_directory(cell, &fd, move |tree, it| tree.remove_directory(it, &path)).await
}

pub(super) async fn rename_at(
    cell: &mut Cell,
    (fd, path, new_fd, new_path): (Fd, String, Fd, String),
) -> FsResult<()> {
    let to = directory(cell, &new_fd)?;
    let to = move |tree: &Tree, it: &Directory| tree.rename((it, &path), (&to, &new_path));
    on_directory(cell, &fd, to).await
}

pub(super) async fn unlink_file_at(cell: &mut Cell, (fd, path): (Fd, String)) -> FsResult<()> {
    on_directory(cell, &fd, move |tree, it| tree.unlink(it, &path)).await
}

pub(super) async fn metadata_hash_at(
    cell: &mut Cell,
    (fd, flags, path): (Fd, PathFlags, String),
) -> FsResult<MetadataHashValue> {
    let follow = convert::follows(flags);
    let stat = on_directory(cell, &fd, move |tree, it| tree.stat(it, &path, follow)).await?;
    Ok(convert::hash(&stat))
}

/// A file with two names could be changed under the one that no rule closes.
pub(super) async fn link_at(_: &mut Cell, _: (Fd, PathFlags, String, Fd, String)) -> FsResult<()> {
    Err(ErrorCode::NotPermitted.into())
}

/// Whoever follows a link of a program is not this host alone.
pub(super) async fn symlink_at(_: &mut Cell, _: (Fd, String, String)) -> FsResult<()> {
    Err(ErrorCode::NotPermitted.into())
}
