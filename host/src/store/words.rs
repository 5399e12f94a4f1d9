//! What every implementation of the tables writes alike.

use super::EventBody;
use crate::id::{DelegationId, HostId};

/// Why an event died that nobody said anything about.
pub(super) const USED_UP: &str = "every attempt was used up";

/// The last error of an event whose consumer's host died.
pub(super) const HOST_GONE: &str = "the host of its consumer is gone";

/// The last error of an event whose consumer never settled it.
pub(super) fn lease_ended(holder: HostId) -> String {
    match holder {
        HostId::OUTSIDE => "its consumer did not settle it in time".to_owned(),
        _ => format!("its consumer on {holder} did not settle it in time"),
    }
}

/// Identity of the event that ends a group.
pub(super) fn dedup(id: DelegationId, group: usize, n_groups: usize) -> String {
    if n_groups > 1 { format!("{id}/{group}") } else { id.to_string() }
}

/// The unit that an event tells of.
pub(super) fn unit_of(body: &EventBody) -> Option<DelegationId> {
    match body {
        EventBody::Completion(event) => Some(event.delegation_id),
        EventBody::Failure(notice) => Some(notice.delegation_id),
        EventBody::Other(_) => None,
    }
}
