//! The host that was asked: has its children run by workers, and makes their
//! calls.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, future::BoxFuture};
use tokio::{sync::watch, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use super::{
    bus::Bus,
    child::{Child, Finish, TOLD_TOO_MUCH},
    error::ClusterError,
    holding::{Holding, SignedHolding},
    key::HostKey,
    message::{Answer, Ask, ChildKey, Stop, Tell, asks, greetings},
    offer::{ASK_FOR_OFFERS, Needs, OFFERS, OFTEN, Offer},
    seal::{Greeting, ID_BYTES, SEAL_BYTES, Session, SessionId, Way},
    settings::{ClusterConfig, PublicKey},
};
use crate::{
    id::{HostId, OsRandom, unguessable},
    journal::Start,
    sandbox::{Binary, Elsewhere, Ended, Job, Outcome, Sandbox, StopReason},
};

/// Workers that may lose one child, one after the other: what ends each of them
/// is perhaps the child.
const MOST_LOST: u32 = 5;

/// A worker that offered nothing for so long is not counted with.
const OFFER_STANDS: Duration = Duration::from_secs(10);

/// Sessions with workers: bounds what those that are trusted can have kept.
const MOST_SESSIONS: usize = 10_000;

/// Signed grants that are kept.
const MOST_SIGNED: usize = 1_000;

/// What is tried again when the server does not answer.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Gives children to workers.
pub struct Submitter {
    inner: Arc<Inner>,
    _tasks: [AbortOnDropHandle<()>; 3],
}

struct Inner {
    bus: Bus,
    key: HostKey,
    host: HostId,
    config: ClusterConfig,
    sandbox: Arc<Sandbox>,
    children: Mutex<HashMap<String, Arc<Child>>>,
    sessions: Mutex<HashMap<SessionId, Session>>,
    offers: watch::Sender<HashMap<String, (Instant, Offer)>>,
    /// It was told that messages are refused.
    has_refused: AtomicBool,
    kinds: tokio::sync::Mutex<HashMap<Needs, String>>,
    /// Components that are there.
    put: tokio::sync::Mutex<HashSet<blake3::Hash>>,
    /// Signed by what they say, so that a batch is signed once.
    signed: Mutex<HashMap<blake3::Hash, SignedHolding>>,
}

impl Submitter {
    /// Connects to the server of the configuration.
    ///
    /// # Errors
    ///
    /// It can't be reached, or nobody is trusted.
    pub async fn start(
        config: ClusterConfig,
        key: HostKey,
        sandbox: Arc<Sandbox>,
    ) -> Result<Self, ClusterError> {
        let url = config.server().ok_or(ClusterError::NoServer)?;
        trusted(&config)?;
        let bus = Bus::connect(url).await?;
        // Of its own: hosts of one process share a store, and its id.
        let host = HostId::new(&OsRandom);
        let greetings = bus.subscribe(greetings(host)).await?;
        let asks = bus.subscribe(format!("{}.*", asks(host))).await?;
        let heard = bus.subscribe(OFFERS.to_owned()).await?;
        bus.publish(ASK_FOR_OFFERS.to_owned(), Vec::new()).await?;
        let inner = Arc::new(Inner {
            bus,
            key,
            host,
            config,
            sandbox,
            children: Mutex::default(),
            sessions: Mutex::default(),
            offers: watch::Sender::default(),
            has_refused: AtomicBool::new(false),
            kinds: tokio::sync::Mutex::default(),
            put: tokio::sync::Mutex::default(),
            signed: Mutex::default(),
        });
        let spawn = |it: BoxFuture<'static, ()>| AbortOnDropHandle::new(tokio::spawn(it));
        let tasks = [
            spawn(Box::pin(Arc::clone(&inner).greet_all(greetings))),
            spawn(Box::pin(Arc::clone(&inner).answer_all(asks))),
            spawn(Box::pin(Arc::clone(&inner).hear_offers(heard))),
        ];
        Ok(Self { inner, _tasks: tasks })
    }
}

impl Elsewhere for Submitter {
    fn run<'a>(&'a self, job: Job, component: &'a Binary) -> BoxFuture<'a, Ended> {
        Box::pin(self.inner.run(job, component))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.inner.close())
    }
}

impl Inner {
    async fn run(&self, job: Job, component: &Binary) -> Ended {
        let holding = Holding::of(&job.admitted, component.digest());
        let needs = Needs {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            depth: job.task.depth,
            toolsets: holding.toolsets(),
            labels: self.config.labels.clone(),
        };
        let calls = self.sandbox.remote_calls(&job);
        let start =
            job.journal.as_ref().map_or_else(|| Start::now(&OsRandom), |it| it.start().clone());
        let ready = tokio::select! {
            biased;
            ready = self.ready(&needs, component) => ready,
            () = job.interrupt.asked() => Err(Outcome::Stopped),
            what = job.spent.out() => {
                calls.stop(StopReason::Spent(what));
                Err(Outcome::Stopped)
            }
        };
        let kind = match ready {
            Ok(kind) => kind,
            Err(outcome) => {
                if job.interrupt.is_asked() {
                    calls.stop(StopReason::Interrupted);
                }
                return calls.end(&job, outcome, Duration::ZERO, Duration::ZERO).await;
            }
        };
        let key = ChildKey { host: self.host, run: unguessable() };
        let signed = self.signed(&holding);
        let about = (signed, start, self.config.lease);
        let child = Arc::new(Child::new(key, kind, job, calls, about));
        let run = child.key.run.clone();
        self.children().insert(run.clone(), Arc::clone(&child));
        let registered = Registered { inner: self, run };
        let finish = self.watch(&child).await;
        drop(registered);
        if !child.standing().has_started || matches!(finish.outcome, Outcome::HostFault(_)) {
            self.bus.take_back(&child.kind, &child.key).await;
        }
        let ran = child.standing().ran;
        child.calls.end(&child.job, finish.outcome, finish.cpu, ran).await
    }

    /// Waits until a worker fits, and has what it needs there.
    async fn ready(&self, needs: &Needs, component: &Binary) -> Result<String, Outcome> {
        self.until_one_fits(needs).await.map_err(Outcome::HostFault)?;
        let mut put = self.put.lock().await;
        while !put.contains(component.digest()) {
            match self.bus.put_component(component.digest(), component.bytes()).await {
                Ok(()) => drop(put.insert(*component.digest())),
                Err(err) => self.again(&err).await,
            }
        }
        drop(put);
        let mut kinds = self.kinds.lock().await;
        loop {
            if let Some(kind) = kinds.get(needs) {
                return Ok(kind.clone());
            }
            match self.bus.add_kind(self.host, needs, self.config.lease).await {
                Ok(kind) => drop(kinds.insert(needs.clone(), kind)),
                Err(err) => self.again(&err).await,
            }
        }
    }

    async fn again(&self, err: &ClusterError) {
        tracing::debug!(%err, "the server does not answer; tried again");
        sleep(TRY_AGAIN).await;
    }

    async fn until_one_fits(&self, needs: &Needs) -> Result<(), String> {
        let mut offers = self.offers.subscribe();
        let fits = async {
            loop {
                let has_one = offers.borrow_and_update().values().any(|(when, offer)| {
                    when.elapsed() < OFFER_STANDS && needs.misfit(offer).is_none()
                });
                if has_one || offers.changed().await.is_err() {
                    return;
                }
            }
        };
        match tokio::time::timeout(self.config.wait.max(OFTEN), fits).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.nobody_fits(needs)),
        }
    }

    /// For a person, with what each worker lacks.
    fn nobody_fits(&self, needs: &Needs) -> String {
        let offers = self.offers.borrow();
        let here = offers.values().filter(|it| it.0.elapsed() < OFFER_STANDS);
        let why: Vec<String> = here
            .filter_map(|(_, it)| Some(format!("`{}` {}", it.machine, needs.misfit(it)?)))
            .collect();
        match why.is_empty() {
            true => "no worker of a trusted host is there: start `hermitage worker`".to_owned(),
            false => format!("no worker fits this child: {}", why.join("; ")),
        }
    }

    fn signed(&self, holding: &Holding) -> SignedHolding {
        let text = serde_json::to_vec(holding).unwrap_or_default();
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if signed.len() >= MOST_SIGNED {
            signed.clear();
        }
        signed.entry(blake3::hash(&text)).or_insert_with(|| holding.signed(&self.key)).clone()
    }

    /// From the note that the child waits to its end.
    async fn watch(&self, child: &Arc<Child>) -> Finish {
        let job = &child.job;
        let lease = self.config.lease;
        let mut is_said = self.bus.say_waits(&child.kind, &child.key).await.is_ok();
        let mut said = Instant::now();
        let mut stopping: Option<Instant> = None;
        let mut at_once = false;
        loop {
            if let Some(finish) = child.take_end() {
                return finish;
            }
            let tick = if is_said { (lease / 2).min(Duration::from_secs(5)) } else { TRY_AGAIN };
            tokio::select! {
                biased;
                () = child.changed.notified() => continue,
                () = job.interrupt.asked(), if stopping.is_none() => {
                    stopping = Some(Instant::now());
                    self.stop(child, StopReason::Interrupted, false).await;
                }
                what = job.spent.out(), if stopping.is_none() => {
                    stopping = Some(Instant::now());
                    self.stop(child, StopReason::Spent(what), false).await;
                }
                () = job.interrupt.ended(), if stopping.is_some() && !at_once => {
                    at_once = true;
                    self.stop(child, StopReason::Interrupted, true).await;
                }
                () = sleep(tick) => {
                    let standing = child.standing();
                    let is_left = !standing.is_with_worker || standing.silent > lease;
                    if !is_said || is_left && said.elapsed() > lease {
                        is_said = self.say_again(child, is_said).await;
                        said = Instant::now();
                    }
                }
            }
            if let Some(finish) = self.overdue(child, stopping) {
                child.end(finish);
            }
        }
    }

    /// Says once more that a child waits, if nobody says so any more: notes can
    /// be lost, the child is not.
    async fn say_again(&self, child: &Child, was_said: bool) -> bool {
        if was_said && self.bus.is_said(&child.kind, &child.key).await.unwrap_or(true) {
            return true;
        }
        self.bus.say_waits(&child.kind, &child.key).await.is_ok()
    }

    /// How a child ends that its workers do not end.
    fn overdue(&self, child: &Child, stopping: Option<Instant>) -> Option<Finish> {
        let (job, lease) = (&child.job, self.config.lease);
        let standing = child.standing();
        let stopped = || Finish { outcome: Outcome::Stopped, cpu: Duration::ZERO };
        if let Some(since) = stopping {
            let is_over = since.elapsed() > job.grace.saturating_add(lease);
            return (!standing.has_started || is_over).then(stopped);
        }
        let used = job.time_used.saturating_add(standing.ran);
        if used > job.timeout.saturating_add(job.grace).saturating_add(lease) {
            child.calls.stop(StopReason::TimedOut(job.timeout));
            return Some(stopped());
        }
        let is_silent = standing.is_with_worker && standing.silent > lease;
        let fault = match standing.lost {
            lost if lost >= MOST_LOST => format!("{lost} workers were lost that ran this child"),
            _ if is_silent && !standing.can_go_on => TOLD_TOO_MUCH.to_owned(),
            _ => return None,
        };
        Some(Finish::fault(fault))
    }

    /// Asks a child to stop, wherever it is. Its worker hears of it with its
    /// next beat, too.
    async fn stop(&self, child: &Child, reason: StopReason, at_once: bool) {
        child.calls.stop(reason.clone());
        let stop = Stop { reason, at_once };
        let Some((session, attempt)) = child.stop(stop.clone()) else { return };
        let Some(session) = self.sessions().get(&session).cloned() else { return };
        let tell = Tell { run: child.key.run.clone(), attempt, stop };
        let body = serde_json::to_vec(&tell).unwrap_or_default();
        let sealed = session.sealed(Way::Tell, &body);
        let _ = self.bus.publish(told_at(&session.id), sealed).await;
    }

    async fn greet_all(self: Arc<Self>, mut greetings: async_nats::Subscriber) {
        while let Some(message) = greetings.next().await {
            let Some(reply) = message.reply else { continue };
            let answer = self.welcome(&message.payload).unwrap_or_default();
            let _ = self.bus.publish(reply.to_string(), answer).await;
        }
    }

    /// The answer to a greeting; none for whoever is not trusted.
    fn welcome(&self, greeting: &[u8]) -> Option<Vec<u8>> {
        let greeting: Greeting = serde_json::from_slice(greeting).ok()?;
        let (session, answer) =
            Session::welcome(&self.key, self.host, &greeting, &self.config.trusted).or_else(
                || {
                    tracing::warn!("a worker is refused that is not in `cluster.trusted`");
                    None
                },
            )?;
        let mut sessions = self.sessions();
        if sessions.len() < MOST_SESSIONS {
            sessions.insert(session.id, session);
        }
        serde_json::to_vec(&answer).ok()
    }

    async fn hear_offers(self: Arc<Self>, mut offers: async_nats::Subscriber) {
        while let Some(message) = offers.next().await {
            let Some((key, offer)) = Offer::read(&message.payload) else { continue };
            if self.config.trusted.contains(&key) {
                self.offers.send_modify(|all| {
                    all.retain(|_, it| it.0.elapsed() < OFFER_STANDS);
                    all.insert(offer.worker.clone(), (Instant::now(), offer));
                });
            }
        }
    }

    async fn answer_all(self: Arc<Self>, mut asks: async_nats::Subscriber) {
        while let Some(message) = asks.next().await {
            let Some(reply) = message.reply else { continue };
            let Some((id, sealed)) = message.payload.split_at_checked(ID_BYTES) else { continue };
            let Ok(id) = SessionId::try_from(id) else { continue };
            let subject = message.subject.to_string();
            let session = self.sessions().get(&id).cloned();
            let opened = session.and_then(|it| {
                let packed = it.open(Way::Ask(&subject), sealed)?.to_vec();
                Some((it, packed))
            });
            let Some((session, packed)) = opened else {
                if !self.has_refused.swap(true, Ordering::AcqRel) {
                    tracing::warn!(subject, "a message is refused that no worker has sealed");
                }
                // Whoever had a session with an earlier host greets this one.
                let _ = self.bus.publish(reply.to_string(), Vec::new()).await;
                continue;
            };
            let seal = sealed.get(..SEAL_BYTES).unwrap_or_default().to_vec();
            let inner = Arc::clone(&self);
            tokio::spawn(async move {
                let run = subject.rsplit_once('.').map_or("", |it| it.1);
                let Some(answer) = inner.answer(&session, run, &packed).await else { return };
                let body = serde_json::to_vec(&answer).unwrap_or_default();
                let Ok(packed) = inner.bus.packed(body).await else { return };
                let sealed = session.sealed(Way::Answer(&seal), &packed);
                let _ = inner.bus.publish(reply.to_string(), sealed).await;
            });
        }
    }

    async fn answer(&self, session: &Session, run: &str, packed: &[u8]) -> Option<Answer> {
        let child = self.children().get(run).cloned();
        let Some(child) = child else { return Some(Answer::Gone) };
        let body = self.bus.unpacked(packed).await?;
        let ask: Ask = serde_json::from_slice(&body).ok()?;
        Some(child.answer(session.id, ask).await)
    }

    async fn close(&self) {
        for kind in self.kinds.lock().await.values() {
            self.bus.remove_kind(self.host, kind).await;
        }
    }

    fn children(&self) -> MutexGuard<'_, HashMap<String, Arc<Child>>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A child that workers may ask about, until this is dropped.
struct Registered<'a> {
    inner: &'a Inner,
    run: String,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.inner.children().remove(&self.run);
    }
}

/// Where a worker is told something.
pub(super) fn told_at(session: &SessionId) -> String {
    let hex: String = session.iter().map(|it| format!("{it:02x}")).collect();
    format!("hermitage.worker.{hex}")
}

/// Whose keys are trusted: somebody's, or there is nobody to work with.
pub(super) fn trusted(config: &ClusterConfig) -> Result<Vec<PublicKey>, ClusterError> {
    match config.trusted.is_empty() {
        true => Err(ClusterError::NobodyTrusted),
        false => Ok(config.trusted.clone()),
    }
}
