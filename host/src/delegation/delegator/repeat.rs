//! Requests that are made once more: their callers did not hear the answer,
//! and get that of the first.

use std::sync::Arc;

use super::Delegator;
use crate::{
    delegation::{
        error::DelegateError,
        live::Live,
        request::Request,
        running::{Dispatched, Handle},
    },
    session::Session,
    store::RequestKey,
};

/// The key of a request, with what it stands for: all that was asked, and
/// where. What one version writes of that need not be what another does, and
/// then a repetition is refused and nothing done twice.
pub(super) fn key(request: &Request, workspace: Option<&str>) -> Option<RequestKey> {
    let key = request.idempotency_key.clone()?;
    // A call that is made again is another piece of work to who traces it.
    let request = Request { traceparent: None, ..request.clone() };
    let digest = blake3::hash(format!("{workspace:?} {request:?}").as_bytes());
    Some(RequestKey { key, digest: digest.to_hex().to_string() })
}

impl Delegator {
    /// What a request became that was made before with that key.
    pub(super) async fn repeated(
        &self,
        session: &Session,
        key: &RequestKey,
    ) -> Result<Option<Dispatched>, DelegateError> {
        let parts = self.parts();
        let (session, name, now) = (session.clone(), key.key.clone(), parts.clock.now());
        let found = parts.store.read(move |tables| {
            let Some(keyed) = tables.keyed(&session, &name, now)? else { return Ok(None) };
            let row = tables.unit(keyed.unit)?;
            Ok(Some((keyed, row)))
        });
        let Some((keyed, row)) = found.await? else { return Ok(None) };
        let id = keyed.unit;
        if keyed.digest != key.digest {
            return Err(DelegateError::KeyUsed { key: key.key.clone(), id });
        }
        let record = Arc::new(row.ok_or(DelegateError::Forgotten(id))?.record);
        let running = self.running().await.into_iter().find(|it| it.record.id == id);
        // One that does not run here is seen without its children.
        let unseen = || {
            let stall_after = parts.limits.stall_after;
            Live::new(id, record.session.clone(), self.core().feed.clone(), stall_after, [])
        };
        let live = running.map_or_else(unseen, |it| it.live);
        Ok(Some(Dispatched::Background(Handle { record, live })))
    }
}
