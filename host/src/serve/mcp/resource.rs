//! Delegations as resources, `delegation://ID`: what a user's interface shows,
//! and follows.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture};
use rmcp::{
    Peer, RoleServer,
    model::{
        ErrorData, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
        ResourceContents, ResourceTemplate, ResourceUpdatedNotificationParam,
        SubscribeRequestMethod, SubscriptionFilter,
    },
    service::SubscriptionContext,
};
use serde_json::json;
use tokio::{task::AbortHandle, time::timeout};

use super::{Parent, answer, internal};
use crate::{completion::queue::FOREIGN_LOOK, host::Listing, id::DelegationId};

/// What a resource's address begins with.
const SCHEME: &str = "delegation://";

/// Those of a list that have ended.
const LISTED: usize = 50;

/// Subscriptions of one connection. Each has a place among the listeners of the
/// service.
const MAX_WATCHED: usize = 64;

/// Between two looks at a service that is about to be followed by another.
const PAUSE: Duration = Duration::from_millis(500);

/// Subscriptions of a connection that stays.
#[derive(Debug, Default)]
pub(super) struct Watchers(Mutex<HashMap<String, AbortHandle>>);

impl Watchers {
    fn all(&self) -> MutexGuard<'_, HashMap<String, AbortHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        self.all().values().for_each(AbortHandle::abort);
    }
}

pub(super) fn templates() -> ListResourceTemplatesResult {
    let template = ResourceTemplate::new(format!("{SCHEME}{{id}}"), "delegation")
        .with_description("A delegation: what its subagents do, and what came of them")
        .with_mime_type("application/json");
    ListResourceTemplatesResult::with_all_items(vec![template])
}

/// Updates of delegations alone: the list of tools never changes.
pub(super) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
    let uris = requested.resource_subscriptions.iter().flatten();
    let uris = uris.filter(|it| id(it).is_some()).take(MAX_WATCHED).cloned();
    SubscriptionFilter::builder().resource_subscriptions(uris).build()
}

fn id(uri: &str) -> Option<DelegationId> {
    uri.strip_prefix(SCHEME)?.parse().ok()
}

fn resource_of(listing: &Listing) -> Resource {
    let id = listing.delegation_id;
    Resource::new(format!("{SCHEME}{id}"), id.to_string())
        .with_title(answer::goal(&listing.goal))
        .with_description(format!("{}, {}", listing.status.as_str(), answer::status_line(listing)))
        .with_mime_type("application/json")
}

fn unknown(uri: &str) -> ErrorData {
    ErrorData::resource_not_found(format!("there is no resource `{uri}`"), None)
}

impl Parent {
    pub(super) async fn resources(&self) -> Result<ListResourcesResult, ErrorData> {
        let listed = self.listed(LISTED).await.map_err(|it| internal(&it))?;
        Ok(ListResourcesResult::with_all_items(listed.iter().map(resource_of).collect()))
    }

    pub(super) async fn resource(&self, uri: &str) -> Result<ReadResourceResult, ErrorData> {
        let id = id(uri).ok_or_else(|| unknown(uri))?;
        let shown = match self.show(id).await {
            Err(err) if err.is("not_found") => return Err(unknown(uri)),
            shown => shown.map_err(|it| internal(&it))?,
        };
        let text = json!(answer::Told::of(&shown)).to_string();
        let contents = ResourceContents::text(text, uri).with_mime_type("application/json");
        Ok(ReadResourceResult::new(vec![contents]))
    }

    /// Tells of every change of a delegation, until it has ended.
    pub(super) async fn watch(&self, uri: String, peer: Peer<RoleServer>) -> Result<(), ErrorData> {
        let Some(watchers) = &self.watchers else {
            return Err(ErrorData::method_not_found::<SubscribeRequestMethod>());
        };
        let id = id(&uri).ok_or_else(|| unknown(&uri))?;
        self.show(id).await.map_err(|_| unknown(&uri))?;
        let mut all = watchers.all();
        all.retain(|_, it| !it.is_finished());
        if all.len() >= MAX_WATCHED && !all.contains_key(&uri) {
            let message = format!("{MAX_WATCHED} resources are watched already");
            return Err(ErrorData::invalid_request(message, None));
        }
        let (parent, of) = (Self { watchers: None, ..self.clone() }, uri.clone());
        let watching = tokio::spawn(async move {
            let tell = |_| {
                let (peer, update) = (peer.clone(), ResourceUpdatedNotificationParam::new(&of));
                async move { peer.notify_resource_updated(update).await.is_ok() }.boxed()
            };
            parent.follow(vec![id], &tell).await;
        });
        if let Some(before) = all.insert(uri, watching.abort_handle()) {
            before.abort();
        }
        Ok(())
    }

    pub(super) fn unwatch(&self, uri: &str) {
        let before = self.watchers.as_ref().and_then(|it| it.all().remove(uri));
        if let Some(before) = before {
            before.abort();
        }
    }

    /// A subscription of the newest revision: a call that stays.
    pub(super) async fn listen_to(&self, context: SubscriptionContext) {
        let uris = context.accepted().resource_subscriptions.iter().flatten();
        let ids: Vec<DelegationId> = uris.filter_map(|it| id(it)).collect();
        let sink = context.sink().clone();
        let tell = |id| {
            let (sink, uri) = (sink.clone(), format!("{SCHEME}{id}"));
            async move { sink.notify_resource_updated(uri).await.is_ok() }.boxed()
        };
        tokio::select! {
            () = self.follow(ids, &tell) => context.cancelled().await,
            () = context.cancelled() => (),
        }
    }

    /// Follows delegations of this parent's until all have ended, or nobody
    /// takes the news.
    async fn follow(&self, ids: Vec<DelegationId>, tell: &Tell<'_>) {
        let mut known: HashMap<DelegationId, Option<String>> =
            ids.into_iter().map(|id| (id, None)).collect();
        while !known.is_empty() {
            let mut news = self.api.news(&self.identity.session).await.ok();
            loop {
                let Ok(ended) = self.look(&mut known, tell).await else { return };
                ended.iter().for_each(|id| drop(known.remove(id)));
                let Some(stream) = news.as_mut().filter(|_| !known.is_empty()) else { break };
                if let Ok(None) = timeout(FOREIGN_LOOK, stream.next()).await {
                    news = None;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Tells of what has changed since the last look; gives those that have
    /// ended, or are not there.
    async fn look(
        &self,
        known: &mut HashMap<DelegationId, Option<String>>,
        tell: &Tell<'_>,
    ) -> Result<Vec<DelegationId>, Left> {
        let mut ended = Vec::new();
        for (id, before) in known {
            let shown = match self.show(*id).await {
                Err(err) if err.is("not_found") => {
                    ended.push(*id);
                    continue;
                }
                // Its token was taken away.
                Err(err) if err.is("unauthorized") => return Err(Left),
                Err(_) => continue,
                Ok(shown) => shown,
            };
            let now = fingerprint(&shown.delegation);
            if before.replace(now.clone()).is_some_and(|it| it != now) && !tell(*id).await {
                return Err(Left);
            }
            if shown.delegation.status.ended().is_some() {
                ended.push(*id);
            }
        }
        Ok(ended)
    }
}

/// Tells whoever subscribed; `false` when nobody takes it any more.
type Tell<'a> = dyn Fn(DelegationId) -> BoxFuture<'static, bool> + Send + Sync + 'a;

/// Nobody takes the news any more.
struct Left;

/// What is worth telling: not how much time has passed.
fn fingerprint(listing: &Listing) -> String {
    let child = |it: &crate::host::ChildListing| {
        (it.status.as_str(), it.activity.clone(), it.stalled, it.tool_calls, it.api_calls)
    };
    let children: Vec<_> = listing.children.iter().map(child).collect();
    format!("{} {children:?}", listing.status.as_str())
}
