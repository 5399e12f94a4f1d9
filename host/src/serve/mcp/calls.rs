//! The tools at work.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::BoxStream};
use rmcp::{
    RoleServer,
    model::{
        CallToolResponse, CallToolResult, CreateTaskResult, JsonObject, ProgressNotificationParam,
    },
    service::RequestContext,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{
    Parent, answer,
    api::ApiError,
    asked::{Delegate, Get, List, SteerIt, StopIt, Wait},
    task,
    told::{Item, Waits},
    tools::{self, Delegations, Done},
};
use crate::{
    completion::queue::FOREIGN_LOOK,
    host::Listing,
    id::{DelegationId, unguessable},
    serve::wire::{Delegation, Settle, Steer, Stop},
    session::Session,
    toolset::{ToolError, reading},
};

/// How long a call of a client that declared tasks waits for an end, so that
/// short work needs no task.
const TASK_GRACE: Duration = Duration::from_secs(2);

/// Completions on one result; more come with the next.
const MAX_RIDING: usize = 8;

/// Delegations that one call waits for.
const MAX_WAITED: usize = 64;

/// Between two words on how far it is.
const PROGRESS_PACE: Duration = Duration::from_secs(1);

/// Before news are asked for again that have just ended: the service is being
/// followed by another one.
const PAUSE: Duration = Duration::from_millis(200);

/// Why a delegation ends whose call was cancelled.
const CANCELLED: &str = "the parent cancelled its call";

pub(super) type Context = RequestContext<RoleServer>;

/// Why a tool did not do what it was asked: told to the model.
pub(super) struct Problem(String);

impl From<ApiError> for Problem {
    fn from(it: ApiError) -> Self {
        Self(it.text())
    }
}

impl From<ToolError> for Problem {
    fn from(it: ToolError) -> Self {
        Self(it.to_string())
    }
}

fn read<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, Problem> {
    Ok(reading::value(Value::Object(arguments))?)
}

impl Parent {
    /// `None` when there is no such tool.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: JsonObject,
        context: &Context,
    ) -> Option<CallToolResponse> {
        let called = match tool {
            tools::DELEGATE => self.delegate(arguments, context).await,
            tools::WAIT => self.wait(arguments, context).await.map(Into::into),
            tools::LIST => self.list(arguments).await.map(Into::into),
            tools::GET => self.get(arguments, context).await.map(Into::into),
            tools::STOP => self.stop(arguments).await.map(Into::into),
            tools::STEER => self.steer(arguments).await.map(Into::into),
            _ => return None,
        };
        Some(called.unwrap_or_else(|Problem(text)| answer::failed(text).into()))
    }

    async fn delegate(
        &self,
        arguments: JsonObject,
        context: &Context,
    ) -> Result<CallToolResponse, Problem> {
        let asked = Delegate::read(arguments)?;
        let as_task = context.client_capabilities().is_some_and(|it| it.supports_tasks());
        let (session, wait) = match as_task {
            true => (&self.identity.tasks, TASK_GRACE),
            false => (&self.identity.session, asked.wait()),
        };
        let key = asked.idempotency_key().unwrap_or_else(unguessable);
        let dispatch = asked.into_dispatch(session, self.identity.workspace.clone());
        let dispatched = self.api.dispatch(&dispatch, key).await?;
        let id = dispatched.delegation_id;
        let _waits = self.speaks_for(&[id]);
        let waited = self.until_one_ended(session, &[id], wait, context).await;
        let Waited::Looked(shown) = waited? else {
            let stop = Stop { reason: Some(CANCELLED.to_owned()), ..Stop::default() };
            self.api.stop(id, &stop).await?;
            return Ok(answer::failed(CANCELLED).into());
        };
        let Some(shown) = shown.into_iter().next() else { return Err(gone(id)) };
        if as_task && shown.delegation.status.ended().is_none() {
            let task = task::of(&shown.delegation);
            return Ok(CallToolResponse::Task(CreateTaskResult::new(task)));
        }
        self.tell(&shown.delegation, context).await;
        let mut result = answer::of(&shown);
        if let Some(Value::Object(facts)) = &mut result.structured_content
            && !dispatched.notes.is_empty()
        {
            facts.insert("notes".to_owned(), dispatched.notes.into());
        }
        Ok(result.into())
    }

    async fn wait(
        &self,
        arguments: JsonObject,
        context: &Context,
    ) -> Result<CallToolResult, Problem> {
        let asked: Wait = read(arguments)?;
        let wait = asked.wait()?;
        let mut ids = asked.delegation_ids;
        if ids.is_empty() {
            let running =
                self.listed(1).await?.into_iter().filter(|it| it.status.ended().is_none());
            ids = running.map(|it| it.delegation_id).collect();
        }
        ids.truncate(MAX_WAITED);
        if ids.is_empty() {
            let none = Delegations { delegations: Vec::new() };
            return Ok(answer::result(&none, "No delegation of yours runs."));
        }
        let _waits = self.speaks_for(&ids);
        let session = &self.identity.session;
        let waited = self.until_one_ended(session, &ids, wait, context).await?;
        let Waited::Looked(shown) = waited else {
            return Ok(answer::failed("the wait was cancelled"));
        };
        for it in &shown {
            self.tell(&it.delegation, context).await;
        }
        let texts: Vec<String> = shown.iter().map(answer::text).collect();
        let delegations = shown.iter().map(answer::Told::of).collect();
        Ok(answer::result(&Delegations { delegations }, texts.join("\n\n")))
    }

    async fn list(&self, arguments: JsonObject) -> Result<CallToolResult, Problem> {
        let asked: List = read(arguments)?;
        let listed = self.listed(asked.limit()?).await?;
        let line = |it: &Listing| {
            let (id, status) = (it.delegation_id, it.status.as_str());
            format!("{id} {status}, {}: {}", answer::status_line(it), answer::goal(&it.goal))
        };
        let lines: Vec<String> = listed.iter().map(line).collect();
        let text = if lines.is_empty() { "There are none.".to_owned() } else { lines.join("\n") };
        let delegations = listed.iter().map(|it| answer::Told::listed(it, &[])).collect();
        Ok(answer::result(&Delegations { delegations }, text))
    }

    async fn get(
        &self,
        arguments: JsonObject,
        context: &Context,
    ) -> Result<CallToolResult, Problem> {
        let Get { delegation_id } = read(arguments)?;
        let shown = self.show(delegation_id).await?;
        self.tell(&shown.delegation, context).await;
        Ok(answer::of(&shown))
    }

    async fn stop(&self, arguments: JsonObject) -> Result<CallToolResult, Problem> {
        let StopIt { delegation_id, task_index, reason } = read(arguments)?;
        self.show(delegation_id).await?;
        self.api.stop(delegation_id, &Stop { task_index, reason }).await?;
        let text = format!("{delegation_id} is being stopped; its completion tells what was done");
        Ok(done(delegation_id, "stopping", text))
    }

    async fn steer(&self, arguments: JsonObject) -> Result<CallToolResult, Problem> {
        let SteerIt { delegation_id, task_index, text } = read(arguments)?;
        self.show(delegation_id).await?;
        self.api.steer(delegation_id, &Steer { task_index, text }).await?;
        let text = "the subagent reads it with the next call of its model, if it makes another one";
        Ok(done(delegation_id, "queued", text))
    }

    /// One of this parent's own; others are as if they were not there.
    pub(super) async fn show(&self, id: DelegationId) -> Result<Delegation, ApiError> {
        let shown = self.api.show(id).await?;
        match self.identity.is_own(&shown.delegation.session_key) {
            true => Ok(shown),
            false => Err(ApiError::unknown(id)),
        }
    }

    /// This parent's own, newest first: those that run, and the newest that
    /// ended.
    pub(super) async fn listed(&self, limit: usize) -> Result<Vec<Listing>, ApiError> {
        let mut all = self.api.list(&self.identity.session, limit).await?.delegations;
        all.extend(self.api.list(&self.identity.tasks, limit).await?.delegations);
        all.sort_by(|one, other| other.dispatched_at.total_cmp(&one.dispatched_at));
        let mut ended = 0;
        all.retain(|it| {
            ended += usize::from(it.status.ended().is_some());
            it.status.ended().is_none() || ended <= limit
        });
        Ok(all)
    }

    /// A call is about to tell of these: until it has, they ride on no other.
    fn speaks_for(&self, ids: &[DelegationId]) -> Vec<Waits<'_>> {
        ids.iter().map(|id| self.told.waits(self.own(), *id)).collect()
    }

    /// The whole session, which no other parent has.
    fn own(&self) -> &Session {
        let [own, _] = &self.identity.keys;
        own
    }

    /// Waits until one of these has ended, at most for that long. A parent that
    /// has left waits no more, and its work goes on: only who says so cancels.
    /// Over HTTP a call that is cut off is no cancelled one: nobody can tell it
    /// from one whose connection was lost.
    async fn until_one_ended(
        &self,
        session: &str,
        ids: &[DelegationId],
        wait: Duration,
        context: &Context,
    ) -> Result<Waited, ApiError> {
        let (end, mut progress) = (Instant::now() + wait, Progress::new(context));
        // Before the first look: nothing falls between the two.
        let mut news = if wait.is_zero() { None } else { self.news(session).await };
        loop {
            let mut shown = Vec::with_capacity(ids.len());
            for id in ids {
                shown.push(self.show(*id).await?);
            }
            let has_ended = |it: &Delegation| it.delegation.status.ended().is_some();
            if shown.iter().any(has_ended) || Instant::now() >= end {
                return Ok(Waited::Looked(shown));
            }
            // Who takes no word does not keep the call from its end.
            tokio::select! {
                () = progress.tell(shown.iter().map(|it| &it.delegation)) => (),
                () = self.left.cancelled() => (),
                () = context.ct.cancelled() => (),
                () = sleep_until(end) => (),
            }
            tokio::select! {
                () = self.left.cancelled() => return Ok(Waited::Looked(shown)),
                () = context.ct.cancelled() => {
                    let is_gone = self.left.is_cancelled() || self.watchers.is_none();
                    return Ok(if is_gone { Waited::Looked(shown) } else { Waited::Cancelled });
                }
                more = rung(&mut news, end) => {
                    if !more {
                        news = self.news(session).await;
                    }
                }
            }
        }
    }

    async fn news(&self, session: &str) -> Option<BoxStream<'static, ()>> {
        self.api.news(session).await.inspect_err(|err| tracing::debug!(%err, "no news")).ok()
    }

    /// What has ended is told with this result: it is acknowledged when the
    /// parent calls again. Whoever is gone is told nothing.
    async fn tell(&self, listing: &Listing, context: &Context) {
        let id = listing.delegation_id;
        if listing.status.ended().is_some()
            && !context.ct.is_cancelled()
            && !self.told.remember(self.own(), Item::Delegation(id))
        {
            self.settle_one(Item::Delegation(id)).await;
        }
    }

    /// The parent calls again: it has what it was told before.
    pub(super) async fn settle(&self) {
        for item in self.told.take(self.own()) {
            self.settle_one(item).await;
        }
    }

    async fn settle_one(&self, item: Item) {
        let settled = match &item {
            Item::Delegation(id) => self.api.ack_of(*id).await,
            Item::Event(id, settle) => self.api.ack(*id, settle).await,
        };
        if let Err(err) = settled {
            // It is told once more, as what may have been told before.
            tracing::warn!(?item, err = err.text(), "what was told is not acknowledged");
        }
    }

    /// Puts completions onto a result that nobody waits for.
    pub(super) async fn with_unread(
        &self,
        result: CallToolResult,
        context: &Context,
    ) -> CallToolResult {
        if context.ct.is_cancelled() {
            return result;
        }
        let session = &self.identity.session;
        let claims = match self.api.claim(session, MAX_RIDING).await {
            Ok(claims) => claims.events,
            Err(err) => {
                tracing::warn!(err = err.text(), "completions are not read");
                Vec::new()
            }
        };
        let mut riding = Vec::new();
        for claim in claims {
            let of = claim.event.get("delegation_id").and_then(Value::as_str);
            let of: Option<DelegationId> = of.and_then(|it| it.parse().ok());
            let settle = Settle { claim: Some(claim.claim.clone()), reason: None };
            if of.is_some_and(|id| self.told.is_spoken_for(self.own(), id)) {
                let _ = self.api.release(claim.id, &settle).await;
                continue;
            }
            let item = Item::Event(claim.id, settle);
            if !self.told.remember(self.own(), item.clone()) {
                self.settle_one(item).await;
            }
            riding.push(claim);
        }
        answer::with_unread(result, &riding)
    }
}

enum Waited {
    Looked(Vec<Delegation>),
    Cancelled,
}

/// Waits for news until then, and looks all the same from time to time;
/// `false` when the news have ended.
async fn rung(news: &mut Option<BoxStream<'static, ()>>, end: Instant) -> bool {
    let look = end.min(Instant::now() + FOREIGN_LOOK);
    match news {
        Some(stream) => !matches!(timeout_at(look, stream.next()).await, Ok(None)),
        None => {
            sleep(PAUSE).await;
            false
        }
    }
}

fn done(id: DelegationId, status: &str, text: impl Into<String>) -> CallToolResult {
    let facts = Done { delegation_id: id.to_string(), status: status.to_owned() };
    answer::result(&facts, text)
}

fn gone(id: DelegationId) -> Problem {
    ApiError::unknown(id).into()
}

/// The words on how far it is, for clients that ask for them.
struct Progress<'a> {
    context: &'a Context,
    last: String,
    at: Option<Instant>,
    ended: usize,
    words: u32,
}

impl<'a> Progress<'a> {
    fn new(context: &'a Context) -> Self {
        Self { context, last: String::new(), at: None, ended: 0, words: 0 }
    }

    async fn tell(&mut self, listings: impl Iterator<Item = &Listing>) {
        let Some(token) = self.context.meta.get_progress_token() else { return };
        let (mut ended, mut total, mut lines) = (0, 0, Vec::new());
        for it in listings {
            ended += it.children.iter().filter(|it| it.status.ended().is_some()).count();
            total += it.children.len();
            lines.push(answer::status_line(it));
        }
        let line = lines.join("; ");
        let is_due = ended > self.ended || self.at.is_none_or(|it| it.elapsed() >= PROGRESS_PACE);
        if !is_due || line == self.last {
            return;
        }
        self.words = if ended > self.ended { 0 } else { self.words.saturating_add(1) };
        (self.last, self.at, self.ended) = (line.clone(), Some(Instant::now()), ended);
        // It has to grow with every word, and is whole when a child has ended.
        let part = 1.0 - 1.0 / (f64::from(self.words) + 1.0);
        let done = ended as f64 + part;
        let word = ProgressNotificationParam::new(token, done).with_total(total as f64);
        let _ = self.context.peer.notify_progress(word.with_message(line)).await;
    }
}
