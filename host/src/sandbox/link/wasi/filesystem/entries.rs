//! A listing as WASI hands it out: one entry for each call.

use std::{collections::VecDeque, sync::Arc};

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{FsResult, bindings::filesystem::types::DirectoryEntry};

use super::convert;
use crate::{
    sandbox::cell::Cell,
    tools::file::tree::{Listing, NodeKind},
};

/// Entries that are read ahead: bounds what one listing holds in memory.
const BATCH: usize = 64;

/// Behind one `directory-entry-stream`.
pub(super) struct Entries {
    listing: Arc<Listing>,
    ahead: VecDeque<(String, NodeKind)>,
}

impl Entries {
    pub(super) fn of(listing: Listing) -> Self {
        Self { listing: Arc::new(listing), ahead: VecDeque::new() }
    }
}

pub(super) async fn read_directory_entry(
    cell: &mut Cell,
    (handle,): (Resource<Entries>,),
) -> FsResult<Option<DirectoryEntry>> {
    let blocking = cell.blocking();
    let entries = cell.table.get_mut(&handle)?;
    while entries.ahead.is_empty() {
        let listing = Arc::clone(&entries.listing);
        match blocking.start(move || listing.next(BATCH)).await? {
            Some(more) => entries.ahead = more.into(),
            None => return Ok(None),
        }
    }
    let next = entries.ahead.pop_front();
    Ok(next.map(|(name, kind)| DirectoryEntry { type_: convert::kind(kind), name }))
}
