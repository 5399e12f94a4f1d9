//! Delegations whose host was killed, in workspaces that nobody has asked for
//! yet: a host is opened there, which goes on with them.

use std::{path::Path, sync::Weak, time::Duration};

use super::{Inner, hosts::Hosts};
use crate::store::News;

/// How often it is looked for them, whether or not a host is seen to end.
const LOOK: Duration = Duration::from_secs(30);

/// Opens hosts for them, for as long as the service lives.
pub(super) async fn keep_opening(service: Weak<Inner>, mut ends: News) {
    loop {
        let Some(inner) = service.upgrade() else { return };
        open(&inner.hosts).await;
        drop(inner);
        ends.next_within(LOOK).await;
    }
}

async fn open(hosts: &Hosts) {
    let lost = match hosts.own().lost().await {
        Ok(it) => it,
        Err(err) => {
            tracing::warn!(%err, "it can't be looked for delegations whose host was killed");
            return;
        }
    };
    for unit in lost {
        let Some(workspace) = &unit.workspace else { continue };
        let Err(err) = hosts.at(Path::new(workspace)).await else { continue };
        tracing::warn!(%err, unit = %unit.id, "it is not gone on with");
        if !Path::new(workspace).is_dir() {
            let why = format!("it can't be gone on with: {err}");
            if let Err(err) = hosts.store().give_up(unit.id, why, hosts.now()).await {
                tracing::warn!(%err, unit = %unit.id, "its end is not recorded");
            }
            hosts.queue().offered(&unit.session);
        }
    }
}
