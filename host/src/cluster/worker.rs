//! A host that takes children only: it has a cell for a child, and nothing
//! else. It asks for what it runs, and has every call made by the host that
//! was asked.

mod link;
mod prepared;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    AckKind, Message,
    consumer::{Consumer, pull},
};
use futures_util::{StreamExt as _, future::join_all};
use tokio::time::{sleep, timeout};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use self::{
    link::{Link, Relay},
    prepared::Prepared,
};
use super::{
    bus::{Bus, KINDS, Kind},
    error::ClusterError,
    key::HostKey,
    message::{Answer, Ask, Assignment, ChildKey, Stop, Tell, greetings},
    offer::{ASK_FOR_OFFERS, OFFERS, OFTEN, Offer},
    seal::{Knock, SEAL_BYTES, Session, SessionId, Way},
    settings::{ClusterConfig, PublicKey, WorkerConfig},
    submitter::{told_at, trusted},
};
use crate::{
    id::{HostId, unguessable},
    journal::Journal,
    sandbox::{Ended, Interrupt, Job, Outcome, Reserved, Sandbox, Spent, StopReason, Task},
    session,
    telemetry::Span,
    toolset::{ChildTools, Schema},
};

/// Notes of one kind that are on their way at a time.
const PULLS: usize = 4;

/// How long one of them waits for a child.
const PULL: Duration = Duration::from_secs(15);

/// How long a child waits here for a cell, before another worker may have it.
const WAITS_FOR_A_CELL: Duration = Duration::from_secs(1);

/// How often it is looked for kinds of children that nobody told of.
const LOOK_FOR_KINDS: Duration = Duration::from_secs(10);

/// How long a host has to answer a greeting.
const GREETING: Duration = Duration::from_secs(3);

/// How often a note is taken whose host does not answer.
const MOST_DELIVERIES: i64 = 20;

/// What a worker tells a person.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A child starts.
    Started {
        /// Its id.
        child: String,
        /// Of which run of it this is.
        attempt: u64,
    },
    /// It has ended, or was taken away.
    Ended {
        /// Its id.
        child: String,
        /// How, in a word.
        how: &'static str,
        /// How long it ran here.
        ran: Duration,
    },
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { child, attempt: 1 } => write!(f, "{child} starts"),
            Self::Started { child, attempt } => write!(f, "{child} goes on (attempt {attempt})"),
            Self::Ended { child, how, ran } => {
                write!(f, "{child} {how} after {:.1} s", ran.as_secs_f64())
            }
        }
    }
}

/// Told what a worker does.
pub type Watcher = Box<dyn Fn(Seen) + Send + Sync>;

/// Runs children of other hosts.
pub struct Worker(Arc<Inner>);

struct Inner {
    bus: Bus,
    key: HostKey,
    id: String,
    trusted: Vec<PublicKey>,
    offers: WorkerConfig,
    sandbox: Arc<Sandbox>,
    max_depth: u32,
    sessions: tokio::sync::Mutex<HashMap<HostId, Session>>,
    tells: Mutex<HashMap<SessionId, AbortOnDropHandle<()>>>,
    running: Mutex<HashMap<(String, u64), Hand>>,
    prepared: Mutex<Vec<(String, Arc<Prepared>)>>,
    pulled: Mutex<HashSet<String>>,
    children: TaskTracker,
    serials: AtomicU64,
    /// It takes nothing new.
    closing: CancellationToken,
    watcher: Watcher,
}

/// What stops a child here.
#[derive(Clone, Default)]
struct Hand {
    interrupt: Interrupt,
    spent: Spent,
    /// It is another worker's, or nobody's: nothing more is said of it.
    is_lost: Arc<AtomicBool>,
}

impl Hand {
    fn stop(&self, stop: &Stop) {
        match &stop.reason {
            _ if stop.at_once => self.interrupt.at_once(),
            StopReason::Spent(what) => self.spent.spend_out(what.to_string()),
            StopReason::Interrupted | StopReason::TimedOut(_) => self.interrupt.ask(),
        }
    }

    fn lose(&self) {
        self.is_lost.store(true, Ordering::Release);
        self.interrupt.at_once();
    }
}

impl Worker {
    /// Connects to the server of the configuration.
    ///
    /// # Errors
    ///
    /// It can't be reached, or nobody is trusted.
    pub async fn start(
        config: &ClusterConfig,
        offers: WorkerConfig,
        key: HostKey,
        (sandbox, max_depth): (Arc<Sandbox>, u32),
        watcher: Watcher,
    ) -> Result<Self, ClusterError> {
        let url = config.server().ok_or(ClusterError::NoServer)?;
        let trusted = trusted(config)?;
        let bus = Bus::connect(url).await?;
        let id = format!("worker_{}", unguessable());
        Ok(Self(Arc::new(Inner {
            bus,
            key,
            id,
            trusted,
            offers,
            sandbox,
            max_depth,
            sessions: tokio::sync::Mutex::default(),
            tells: Mutex::default(),
            running: Mutex::default(),
            prepared: Mutex::default(),
            pulled: Mutex::default(),
            children: TaskTracker::new(),
            serials: AtomicU64::new(1),
            closing: CancellationToken::new(),
            watcher,
        })))
    }

    /// What it is known by.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// What it offers now.
    pub fn offer(&self) -> Offer {
        self.0.offer()
    }

    /// Takes children until it is closed. The error is that the server refuses
    /// it; one that is away is waited for.
    ///
    /// # Errors
    ///
    /// The server refuses what a worker needs.
    pub async fn work(&self) -> Result<(), ClusterError> {
        let inner = &self.0;
        let mut asked = inner.bus.subscribe(ASK_FOR_OFFERS.to_owned()).await?;
        let mut told = inner.bus.subscribe(KINDS.to_owned()).await?;
        let (mut offer_at, mut look_at) = (Instant::now(), Instant::now());
        loop {
            let now = Instant::now();
            if offer_at <= now {
                offer_at = now + OFTEN;
                let offer = inner.offer().signed(&inner.key);
                let _ = inner.bus.publish(OFFERS.to_owned(), offer).await;
            }
            if look_at <= now {
                look_at = now + LOOK_FOR_KINDS;
                if let Err(err) = inner.look_for_kinds().await {
                    tracing::debug!(%err, "what waits is not known now");
                }
            }
            tokio::select! {
                () = inner.closing.cancelled() => break,
                Some(_) = asked.next() => offer_at = Instant::now(),
                Some(_) = told.next() => look_at = Instant::now(),
                () = sleep(offer_at.min(look_at).saturating_duration_since(now)) => (),
            }
        }
        inner.children.close();
        inner.children.wait().await;
        Ok(())
    }

    /// Takes nothing new. [`Self::work`] returns when the last child has ended.
    pub fn close(&self) {
        self.0.closing.cancel();
    }

    /// Children that run here.
    pub fn running(&self) -> usize {
        self.0.running().len()
    }
}

impl Inner {
    fn offer(&self) -> Offer {
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Offer {
            worker: self.id.clone(),
            machine: machine.trim().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cells: self.sandbox.max_cells(),
            running: u32::try_from(self.running().len()).unwrap_or(u32::MAX),
            max_depth: self.max_depth,
            toolsets: self.offers.toolsets.clone(),
            labels: self.offers.labels.clone(),
        }
    }

    /// Begins to take children of every kind that fits and whose host lives.
    async fn look_for_kinds(self: &Arc<Self>) -> Result<(), ClusterError> {
        let offer = self.offer();
        for kind in self.bus.kinds().await? {
            if kind.needs.misfit(&offer).is_some() || self.pulled().contains(&kind.name) {
                continue;
            }
            // Of one that does not trust this worker it would only keep them.
            if !self.lives(kind.host).await || self.session(kind.host).await.is_none() {
                continue;
            }
            let consumer = self.bus.waiting(&kind.name).await?;
            self.pulled().insert(kind.name.clone());
            let inner = Arc::clone(self);
            tokio::spawn(async move {
                join_all((0..PULLS).map(|_| inner.pull(&kind, consumer.clone()))).await;
                inner.pulled().remove(&kind.name);
                inner.forget_if_gone(kind.host).await;
            });
        }
        Ok(())
    }

    /// Every start of a host is another one: what was kept for it is of no more
    /// use.
    async fn forget_if_gone(&self, host: HostId) {
        let answer = self.bus.request(greetings(host), Vec::new(), GREETING).await;
        if !matches!(answer, Ok(None)) {
            return;
        }
        if let Some(session) = self.sessions.lock().await.remove(&host) {
            let mut tells = self.tells.lock().unwrap_or_else(PoisonError::into_inner);
            tells.remove(&session.id);
        }
    }

    async fn lives(&self, host: HostId) -> bool {
        let answer = self.bus.request(greetings(host), Vec::new(), GREETING).await;
        answer.is_ok_and(|it| it.is_some())
    }

    /// Takes children of one kind, one at a time, while their host lives.
    async fn pull(self: &Arc<Self>, kind: &Kind, consumer: Consumer<pull::Config>) {
        let depth = kind.needs.depth;
        while !self.closing.is_cancelled() {
            // Not held meanwhile: others may have children, too.
            if self.sandbox.reserve(depth).await.is_none() {
                return;
            }
            let next = async {
                let mut batch = consumer.batch().max_messages(1).expires(PULL).messages().await?;
                batch.next().await.transpose()
            };
            let message = tokio::select! {
                next = next => next,
                () = self.closing.cancelled() => return,
            };
            match message {
                Ok(Some(message)) => self.take(message, depth).await,
                Ok(None) if self.lives(kind.host).await => (),
                Ok(None) => return,
                Err(err) => {
                    tracing::debug!(%err, "no child can be taken now");
                    return sleep(OFTEN).await;
                }
            }
        }
    }

    async fn take(self: &Arc<Self>, message: Message, depth: u32) {
        let reserved = timeout(WAITS_FOR_A_CELL, self.sandbox.reserve(depth)).await;
        let Ok(Some(reserved)) = reserved else {
            let _ = message.ack_with(AckKind::Nak(None)).await;
            return;
        };
        let inner = Arc::clone(self);
        self.children.spawn(async move { inner.run(message, reserved).await });
    }

    /// One child, from the note that it waits.
    async fn run(self: &Arc<Self>, message: Message, reserved: Reserved) {
        let Some(key) = child_key(&message.payload) else {
            let _ = message.ack_with(AckKind::Term).await;
            return;
        };
        let start = Ask::start(self.serial());
        let answer = match self.session(key.host).await {
            Some(session) => self.ask(&session, &key, &start, GREETING).await,
            None => None,
        };
        match answer {
            Some(Answer::Assigned(assignment)) => {
                self.assigned(message, reserved, key, *assignment).await;
            }
            Some(Answer::Gone) => drop(message.ack().await),
            Some(_) => {
                let pause = Duration::from_millis(500);
                let _ = message.ack_with(AckKind::Nak(Some(pause))).await;
            }
            None => {
                let is_old = message.info().is_ok_and(|it| it.delivered > MOST_DELIVERIES);
                let kind = match is_old {
                    // Its host says it again, if it lives.
                    true => AckKind::Term,
                    false => AckKind::Nak(Some(GREETING)),
                };
                let _ = message.ack_with(kind).await;
            }
        }
    }

    async fn assigned(
        self: &Arc<Self>,
        message: Message,
        reserved: Reserved,
        key: ChildKey,
        assignment: Assignment,
    ) {
        let Some(session) = self.session(key.host).await else { return };
        let (attempt, lease) = (assignment.attempt, assignment.lease);
        let child = assignment.child.clone();
        let hand = Hand::default();
        let place = (key.run.clone(), attempt);
        self.running().insert(place.clone(), hand.clone());
        (self.watcher)(Seen::Started { child: child.clone(), attempt });
        let (since, relay) = (Instant::now(), Arc::new(Relay::default()));
        let readings = assignment.readings.clone();
        let journal =
            Arc::new(Journal::relayed(assignment.start.clone(), readings, assignment.time_used));
        let link = Arc::new(Link {
            inner: Arc::clone(self),
            session,
            key,
            attempt,
            lease,
            hand: hand.clone(),
            relay: Arc::clone(&relay),
            journal: Arc::clone(&journal),
            calls: Default::default(),
            heard: Mutex::new(since),
        });
        let beats = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&link).beat(message.clone())));
        let ended = match self.job(assignment, &link, hand.clone(), relay, journal).await {
            Ok(job) => self.sandbox.run_in(reserved, job).await,
            Err(why) => Ended::before_it_ran(Outcome::HostFault(why), None),
        };
        let how = match link.ended(ended).await {
            Some(true) => {
                let _ = message.ack().await;
                "ended"
            }
            Some(false) => "was taken away",
            None => "could not be handed over",
        };
        drop(beats);
        self.running().remove(&place);
        (self.watcher)(Seen::Ended { child, how, ran: since.elapsed() });
    }

    async fn job(
        &self,
        it: Assignment,
        link: &Arc<Link>,
        hand: Hand,
        relay: Arc<Relay>,
        journal: Arc<Journal>,
    ) -> Result<Job, String> {
        let prepared = self.prepared(&it.holding, link.session.peer).await?;
        let schema = it.output_schema.map(|it| Schema::new(&it.into())).transpose();
        Ok(Job {
            admitted: Arc::clone(&prepared.admitted),
            tools: ChildTools::of(Arc::clone(&prepared.registry)),
            model: None,
            session: session::Session::Local,
            child: it.child.into(),
            task: Task {
                asked: it.asked,
                depth: it.depth,
                max_iterations: it.max_iterations,
                output_schema: schema.map_err(|it| it.to_string())?,
                rejected: it.rejected,
            },
            timeout: it.timeout,
            time_used: it.time_used,
            cpu_used: it.cpu_used,
            grace: it.grace,
            observer: relay,
            interrupt: hand.interrupt,
            spent: hand.spent,
            span: Span::none(),
            journal: Some(journal),
            far: Some(Arc::new(Arc::clone(link))),
        })
    }

    /// The session with a host, which is greeted when there is none.
    async fn session(self: &Arc<Self>, host: HostId) -> Option<Session> {
        let mut sessions = self.sessions.lock().await;
        if let Some(session) = sessions.get(&host) {
            return Some(session.clone());
        }
        let (knock, greeting) = Knock::new(&self.key, host)?;
        let greeting = serde_json::to_vec(&greeting).ok()?;
        let answer = self.bus.request(greetings(host), greeting, GREETING).await.ok()??;
        let answer = serde_json::from_slice(&answer).ok();
        let Some(session) = answer.and_then(|it| knock.answered(&it, &self.trusted)) else {
            tracing::warn!(%host, "no session: one of the two does not trust the other");
            return None;
        };
        self.hear(&session).await;
        sessions.insert(host, session.clone());
        Some(session)
    }

    /// Does what a host tells it.
    async fn hear(self: &Arc<Self>, session: &Session) {
        let Ok(mut told) = self.bus.subscribe(told_at(&session.id)).await else { return };
        let (inner, of) = (Arc::downgrade(self), session.clone());
        let task = tokio::spawn(async move {
            while let Some(message) = told.next().await {
                let Some(inner) = inner.upgrade() else { return };
                let body = of.open(Way::Tell, &message.payload);
                let tell = body.and_then(|it| serde_json::from_slice::<Tell>(it).ok());
                let Some(Tell { run, attempt, stop }) = tell else { continue };
                if let Some(hand) = inner.running().get(&(run, attempt)) {
                    hand.stop(&stop);
                }
            }
        });
        let mut tells = self.tells.lock().unwrap_or_else(PoisonError::into_inner);
        tells.insert(session.id, AbortOnDropHandle::new(task));
    }

    /// Asks about a child. `None`: there was no answer that can be believed.
    async fn ask(
        &self,
        session: &Session,
        child: &ChildKey,
        ask: &Ask,
        within: Duration,
    ) -> Option<Answer> {
        let subject = child.subject();
        let packed = self.bus.packed(serde_json::to_vec(ask).ok()?).await.ok()?;
        let sealed = session.sealed(Way::Ask(&subject), &packed);
        let seal = sealed.get(..SEAL_BYTES)?.to_vec();
        let message = [&session.id[..], &sealed].concat();
        let answer = self.bus.request(subject, message, within).await.ok()??;
        let Some(packed) = session.open(Way::Answer(&seal), &answer) else {
            // The host knows nothing of the session, or somebody else answered.
            if answer.is_empty() {
                self.sessions.lock().await.remove(&child.host);
            }
            return None;
        };
        serde_json::from_slice(&self.bus.unpacked(packed).await?).ok()
    }

    fn serial(&self) -> u64 {
        self.serials.fetch_add(1, Ordering::AcqRel)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<(String, u64), Hand>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pulled(&self) -> MutexGuard<'_, HashSet<String>> {
        self.pulled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a note says. It may be anybody's: a subject is made of it.
fn child_key(payload: &[u8]) -> Option<ChildKey> {
    let key: ChildKey = serde_json::from_slice(payload).ok()?;
    let is_hex = key.run.len() == 32 && key.run.bytes().all(|it| it.is_ascii_hexdigit());
    is_hex.then_some(key)
}
