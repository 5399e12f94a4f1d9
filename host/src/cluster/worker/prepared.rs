//! What children of one grant run with: made once, and kept for the next.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::Inner;
use crate::{
    cluster::{holding::SignedHolding, settings::PublicKey},
    sandbox::{Admitted, Binary},
    toolset::Registry,
};

/// Grants whose components are kept.
const KEPT: usize = 64;

/// How long a component may take, in all and each time that it is asked for,
/// and the pause between two times.
const FETCHED_WITHIN: Duration = Duration::from_secs(30);
const ONE_FETCH: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(300);

/// A component that was admitted here.
pub(super) struct Prepared {
    pub(super) registry: Arc<Registry>,
    pub(super) admitted: Arc<Admitted>,
}

impl Inner {
    /// What a child runs with. The error says why it can't run here.
    pub(super) async fn prepared(
        &self,
        holding: &SignedHolding,
        by: PublicKey,
    ) -> Result<Arc<Prepared>, String> {
        let name = holding.digest(by);
        if let Some(found) = self.kept().iter().find(|it| it.0 == name) {
            return Ok(Arc::clone(&found.1));
        }
        let opened = holding.opened(by).ok_or("its grant is not signed by the host it is of")?;
        let allowed = &self.offers.toolsets;
        let is_allowed = |it: &str| allowed.is_empty() || allowed.iter().any(|name| name == it);
        let (registry, policy) = opened.policy(is_allowed)?;
        let digest = &opened.component;
        let bytes = timeout(FETCHED_WITHIN, self.fetched(digest)).await.ok();
        let bytes = bytes.ok_or_else(|| format!("its component {digest} can't be had"))?;
        let loaded = self.sandbox.load(&Binary::new(bytes)).await.map_err(|it| it.to_string())?;
        let admitted = self.sandbox.admit(&loaded, &policy).map_err(|record| {
            let refused = record.refused.first();
            refused.map_or("it is refused".to_owned(), |it| format!("{}: {}", it.import, it.reason))
        })?;
        let prepared = Arc::new(Prepared { registry, admitted });
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((name, Arc::clone(&prepared)));
        Ok(prepared)
    }

    /// The component, however often it has to be asked for: the server may be
    /// on its way up again.
    async fn fetched(&self, digest: &str) -> Vec<u8> {
        let max_bytes = self.sandbox.max_component_bytes();
        loop {
            let fetch = timeout(ONE_FETCH, self.bus.component(digest, max_bytes));
            if let Ok(Some(bytes)) = fetch.await {
                return bytes;
            }
            sleep(ASK_AGAIN).await;
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<(String, Arc<Prepared>)>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
