//! What is done with one open file, or with a handle of either kind.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, FsResult,
    bindings::filesystem::types::{
        Advice, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, MetadataHashValue,
        NewTimestamp,
    },
};

use super::{
    convert,
    descriptor::{Descriptor, Fd, file, on_directory, on_file},
    input::FileInput,
    output::FileOutput,
};
use crate::{
    sandbox::cell::Cell,
    tools::file::tree::{NodeStat, TreeError},
};

/// Bytes of one read: bounds what the host allocates for it.
const MAX_READ_BYTES: u64 = 64 << 10;

pub(super) async fn read_via_stream(
    cell: &mut Cell,
    (fd, offset): (Fd, u64),
) -> FsResult<Resource<DynInputStream>> {
    let file = file(cell, &fd)?;
    if !file.is_readable() {
        return Err(ErrorCode::BadDescriptor.into());
    }
    let stream: DynInputStream = Box::new(FileInput::new(cell.blocking(), file, offset)?);
    Ok(cell.table.push(stream)?)
}

pub(super) async fn write_via_stream(
    cell: &mut Cell,
    (fd, offset): (Fd, u64),
) -> FsResult<Resource<DynOutputStream>> {
    output(cell, &fd, Some(offset))
}

pub(super) async fn append_via_stream(
    cell: &mut Cell,
    (fd,): (Fd,),
) -> FsResult<Resource<DynOutputStream>> {
    output(cell, &fd, None)
}

fn output(cell: &mut Cell, fd: &Fd, at: Option<u64>) -> FsResult<Resource<DynOutputStream>> {
    let file = file(cell, fd)?;
    if !file.is_writable() {
        return Err(ErrorCode::BadDescriptor.into());
    }
    let stream: DynOutputStream = Box::new(FileOutput::new(cell.blocking(), file, at)?);
    Ok(cell.table.push(stream)?)
}

pub(super) async fn advise(cell: &mut Cell, (fd, _, _, _): (Fd, u64, u64, Advice)) -> FsResult<()> {
    file(cell, &fd).map(drop)
}

pub(super) async fn sync(cell: &mut Cell, (fd,): (Fd,)) -> FsResult<()> {
    match cell.table.get(&fd)? {
        Descriptor::File(file) if file.is_writable() => {
            on_file(cell, &fd, |file| file.sync()).await
        }
        // Nothing was written through it.
        Descriptor::File(_) | Descriptor::Directory(_) => Ok(()),
    }
}

pub(super) async fn get_flags(cell: &mut Cell, (fd,): (Fd,)) -> FsResult<DescriptorFlags> {
    let (readable, writable) = match cell.table.get(&fd)? {
        Descriptor::File(file) => (file.is_readable(), file.is_writable()),
        Descriptor::Directory(_) => {
            let is_writable = cell.given.files.as_ref().is_some_and(|it| it.is_writable());
            let mutable = DescriptorFlags::MUTATE_DIRECTORY;
            let flags = if is_writable { mutable } else { DescriptorFlags::empty() };
            return Ok(flags | DescriptorFlags::READ);
        }
    };
    let mut flags = DescriptorFlags::empty();
    for (is_set, flag) in [(readable, DescriptorFlags::READ), (writable, DescriptorFlags::WRITE)] {
        flags |= if is_set { flag } else { DescriptorFlags::empty() };
    }
    Ok(flags)
}

pub(super) async fn get_type(cell: &mut Cell, (fd,): (Fd,)) -> FsResult<DescriptorType> {
    Ok(match cell.table.get(&fd)? {
        Descriptor::File(_) => DescriptorType::RegularFile,
        Descriptor::Directory(_) => DescriptorType::Directory,
    })
}

pub(super) async fn set_size(cell: &mut Cell, (fd, size): (Fd, u64)) -> FsResult<()> {
    on_file(cell, &fd, move |file| file.set_size(size)).await
}

pub(super) async fn set_times(
    cell: &mut Cell,
    (fd, read, changed): (Fd, NewTimestamp, NewTimestamp),
) -> FsResult<()> {
    let (read, changed) = (convert::new_time(read)?, convert::new_time(changed)?);
    match cell.table.get(&fd)? {
        Descriptor::File(_) => on_file(cell, &fd, move |it| it.set_times(read, changed)).await,
        Descriptor::Directory(_) => {
            let set = (read, changed);
            on_directory(cell, &fd, move |tree, it| tree.set_times((it, "."), true, set)).await
        }
    }
}

pub(super) async fn read(
    cell: &mut Cell,
    (fd, length, offset): (Fd, u64, u64),
) -> FsResult<(Vec<u8>, bool)> {
    let max = length.min(MAX_READ_BYTES);
    let read = on_file(cell, &fd, move |file| file.read(offset, max)).await?;
    let is_end = read.is_empty() && max > 0;
    Ok((read, is_end))
}

pub(super) async fn write(
    cell: &mut Cell,
    (fd, content, offset): (Fd, Vec<u8>, u64),
) -> FsResult<u64> {
    on_file(cell, &fd, move |file| file.write(&content, offset).map(|()| content.len() as u64))
        .await
}

pub(super) async fn stat(cell: &mut Cell, (fd,): (Fd,)) -> FsResult<DescriptorStat> {
    Ok(convert::stat(&known(cell, &fd).await?))
}

pub(super) async fn metadata_hash(cell: &mut Cell, (fd,): (Fd,)) -> FsResult<MetadataHashValue> {
    Ok(convert::hash(&known(cell, &fd).await?))
}

/// Whether two handles are on the same thing. One that is gone is none.
pub(super) async fn is_same_object(
    cell: &mut Cell,
    (one, other): (Fd, Fd),
) -> wasmtime::Result<bool> {
    let one = identity(known(cell, &one).await)?;
    let other = identity(known(cell, &other).await)?;
    Ok(one.is_some() && one == other)
}

fn identity(stat: FsResult<NodeStat>) -> wasmtime::Result<Option<(u64, u64)>> {
    match stat {
        Ok(stat) => Ok(Some(stat.identity)),
        Err(error) => error.downcast().map(|_| None),
    }
}

async fn known(cell: &mut Cell, fd: &Fd) -> FsResult<NodeStat> {
    match cell.table.get(fd)? {
        Descriptor::File(file) => {
            let file = Arc::clone(file);
            Ok(cell.blocking().start(move || file.stat()).await?)
        }
        Descriptor::Directory(_) => {
            on_directory(cell, fd, |tree, it| tree.stat_directory(it)).await
        }
    }
}

/// The code of an error of one of the streams.
pub(super) fn error_code(
    cell: &Cell,
    (error,): (Resource<wasmtime::Error>,),
) -> wasmtime::Result<Option<ErrorCode>> {
    let error = cell.table.get(&error)?.downcast_ref::<TreeError>();
    Ok(error.copied().map(convert::code))
}
