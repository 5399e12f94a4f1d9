//! `wasi:filesystem` over the part of the workspace that a plugin was given.
//!
//! Ordinary programs know files, and no tools. What they do with them is done
//! by a [`Tree`](crate::tools::file::Tree), under the rules of the file tools,
//! and no path reaches the operating system but through it. Here is only the
//! shape that WASI gives to it: handles, flags, streams and error codes.
//!
//! Links are not made (`link-at`, `symlink-at`); advice is taken and changes
//! nothing.

use wasmtime::{
    StoreContextMut,
    component::{LinkerInstance, Resource, ResourceType},
};

mod convert;
mod descriptor;
mod entries;
mod files;
mod input;
mod names;
mod output;
mod preopens;

#[cfg(test)]
mod tests;

use self::{
    descriptor::{Descriptor, answer, begin},
    entries::Entries,
};
use crate::sandbox::cell::Cell;

type Link = fn(&mut LinkerInstance<'_, Cell>) -> wasmtime::Result<()>;

/// A function whose error is a code, by its name in WIT.
macro_rules! functions {
    ($($name:literal => $function:path,)*) => {
        &[$(|linker| {
            linker.func_wrap_async($name, |mut cx: StoreContextMut<'_, Cell>, params| {
                Box::new(async move {
                    let cell = cx.data_mut();
                    let done = match begin(cell)? {
                        Ok(()) => $function(cell, params).await,
                        Err(code) => Err(code.into()),
                    };
                    answer(done)
                })
            })
        }),*]
    };
}

/// All of `wasi:filesystem/types` that can fail.
const FUNCTIONS: &[Link] = functions! {
    "[method]descriptor.read-via-stream" => files::read_via_stream,
    "[method]descriptor.write-via-stream" => files::write_via_stream,
    "[method]descriptor.append-via-stream" => files::append_via_stream,
    "[method]descriptor.advise" => files::advise,
    "[method]descriptor.sync-data" => files::sync,
    "[method]descriptor.sync" => files::sync,
    "[method]descriptor.get-flags" => files::get_flags,
    "[method]descriptor.get-type" => files::get_type,
    "[method]descriptor.set-size" => files::set_size,
    "[method]descriptor.set-times" => files::set_times,
    "[method]descriptor.read" => files::read,
    "[method]descriptor.write" => files::write,
    "[method]descriptor.stat" => files::stat,
    "[method]descriptor.metadata-hash" => files::metadata_hash,
    "[method]descriptor.read-directory" => names::read_directory,
    "[method]descriptor.create-directory-at" => names::create_directory_at,
    "[method]descriptor.stat-at" => names::stat_at,
    "[method]descriptor.set-times-at" => names::set_times_at,
    "[method]descriptor.link-at" => names::link_at,
    "[method]descriptor.open-at" => names::open_at,
    "[method]descriptor.readlink-at" => names::readlink_at,
    "[method]descriptor.remove-directory-at" => names::remove_directory_at,
    "[method]descriptor.rename-at" => names::rename_at,
    "[method]descriptor.symlink-at" => names::symlink_at,
    "[method]descriptor.unlink-file-at" => names::unlink_file_at,
    "[method]descriptor.metadata-hash-at" => names::metadata_hash_at,
    "[method]directory-entry-stream.read-directory-entry" => entries::read_directory_entry,
};

/// Links `wasi:filesystem/types`.
pub(super) fn link_types(linker: &mut LinkerInstance<'_, Cell>) -> wasmtime::Result<()> {
    linker.resource("descriptor", ResourceType::host::<Descriptor>(), |mut cx, rep| {
        cx.data_mut().table.delete(Resource::<Descriptor>::new_own(rep))?;
        Ok(())
    })?;
    linker.resource("directory-entry-stream", ResourceType::host::<Entries>(), |mut cx, rep| {
        cx.data_mut().table.delete(Resource::<Entries>::new_own(rep))?;
        Ok(())
    })?;
    linker.func_wrap_async(
        "[method]descriptor.is-same-object",
        |mut cx: StoreContextMut<'_, Cell>, params| {
            Box::new(async move {
                let cell = cx.data_mut();
                cell.count_wasi_call();
                Ok((files::is_same_object(cell, params).await?,))
            })
        },
    )?;
    linker.func_wrap("filesystem-error-code", |mut cx: StoreContextMut<'_, Cell>, params| {
        let cell = cx.data_mut();
        cell.count_wasi_call();
        Ok((files::error_code(cell, params)?,))
    })?;
    FUNCTIONS.iter().try_for_each(|link| link(linker))
}

/// Links `wasi:filesystem/preopens`.
pub(super) fn link_preopens(linker: &mut LinkerInstance<'_, Cell>) -> wasmtime::Result<()> {
    linker.func_wrap_async("get-directories", |mut cx: StoreContextMut<'_, Cell>, (): ()| {
        Box::new(async move {
            let cell = cx.data_mut();
            cell.count_wasi_call();
            Ok((preopens::get_directories(cell).await?,))
        })
    })
}
