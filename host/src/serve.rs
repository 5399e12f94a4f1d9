//! The service: a host that stays, and is reached over HTTP.
//!
//! One for each user and store. Its owner reaches it over a Unix socket, and
//! programs with a token over TCP; both speak the same API (`routes`). It holds
//! no state of its own that would be missed: what was dispatched and what ended
//! is in the store before an answer is sent, so a service that is killed is
//! followed by one that settles what it left.
//!
//! A host works in one workspace, so a service opens one for each that it is
//! asked for. All of them share one store and one queue.
//!
//! **Invariant:** a caller with a token names no session but its own, and sees
//! nothing of another's: not that it exists.

mod body;
mod caller;
mod connections;
mod delegations;
mod error;
mod events;
mod guard;
mod health;
mod hosts;
mod lost;
pub mod mcp;
mod metrics;
mod openapi;
#[cfg(any(test, feature = "oracles"))]
pub(crate) mod oracle;
mod page;
mod places;
mod retire;
mod routes;
mod stream;
mod tail;
mod tokens;
mod tools;
pub mod wire;

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use self::{
    connections::{Door, Listener, MAX_CONNECTIONS},
    hosts::{OpenError, OpenHost},
    tokens::{Token, TokenError, TokenName, Tokens},
};

use self::{
    connections::Connections, health::Health, hosts::Hosts, metrics::Metrics, stream::Listeners,
    tail::Tail,
};

/// Between two looks at whether something still runs in a service that has
/// given way.
const RETIRED_LOOK: Duration = Duration::from_secs(1);

/// What a service is made of.
pub struct Parts {
    /// Opens a host for a workspace.
    pub opener: Box<dyn OpenHost>,
    /// Where a delegation works that names no workspace; the only one for
    /// callers with a token.
    pub workspace: PathBuf,
    /// Who may call over TCP.
    pub tokens: Tokens,
    /// Connections at each door ([`MAX_CONNECTIONS`]): when there are more,
    /// the oldest that has shown no token makes room.
    pub max_connections: usize,
    /// Whether it gives way to another service of its owner's that asks for its
    /// place ([`Service::asked_to_retire`]).
    pub gives_way: bool,
}

/// A running service. Clones are the same one.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    hosts: Hosts,
    tokens: Tokens,
    told: Arc<mcp::Told>,
    calls: Arc<Semaphore>,
    tail: Tail,
    listeners: Listeners,
    connections: Connections,
    metrics: Arc<Metrics>,
    health: Health,
    gives_way: bool,
    retiring: CancellationToken,
    closing: CancellationToken,
}

impl Service {
    /// Opens the host of its own workspace, which settles what dead hosts left
    /// behind, and follows the queue.
    ///
    /// # Errors
    ///
    /// That host can't be opened, or the store can't be read.
    pub async fn start(parts: Parts) -> Result<Self, OpenError> {
        let hosts = Hosts::open(parts.opener, parts.workspace).await?;
        let tail = Tail::start(hosts.own()).await?;
        let metrics = Metrics::of(hosts.own());
        let ends = hosts.store().ends_elsewhere();
        let service = Self(Arc::new(Inner {
            hosts,
            tokens: parts.tokens,
            told: Arc::default(),
            calls: Arc::new(Semaphore::new(mcp::MAX_CALLS_OVER_HTTP)),
            tail,
            listeners: Listeners::default(),
            connections: Connections::new(parts.max_connections),
            metrics,
            health: Health::default(),
            gives_way: parts.gives_way,
            retiring: CancellationToken::new(),
            closing: CancellationToken::new(),
        }));
        tokio::spawn(lost::keep_opening(Arc::downgrade(&service.0), ends));
        Ok(service)
    }

    /// Takes connections until the service is closed, and ends with the last
    /// of them.
    pub async fn serve(&self, listener: Listener) {
        let routes = routes::behind(&self.0, listener.door());
        self.0.connections.serve(listener, routes, &self.0.closing).await;
    }

    /// Returns when nobody was connected and nothing ran for that long.
    pub async fn until_idle(&self, idle: Duration) {
        loop {
            self.0.connections.unused_for(idle).await;
            if self.0.hosts.running().await.is_empty() {
                return;
            }
            // What runs ends, and its parent may come for it: begin anew.
            self.0.connections.used();
        }
    }

    /// Whether what ended is in memory alone ([`Host::is_behind`](crate::Host::is_behind)).
    pub fn is_behind(&self) -> bool {
        self.0.hosts.all().iter().any(|it| it.is_behind())
    }

    /// Returns when another service wants its place.
    pub async fn asked_to_retire(&self) {
        self.0.retiring.cancelled().await;
    }

    /// Lets its callers go, as [`Service::close`] does, and what runs go on to
    /// its end, for which it waits.
    pub async fn retire(&self) {
        mcp::settle_all(&self.0).await;
        self.0.closing.cancel();
        self.until_idle(RETIRED_LOOK).await;
    }

    /// Takes nothing new, asks everything that runs to stop, and returns when
    /// the last end is on disk: within the grace of the children. Connections
    /// end when their answers are sent, and streams at once.
    pub async fn close(&self) {
        let hosts = self.0.hosts.all();
        join_all(hosts.iter().map(|it| it.shutdown())).await;
        mcp::settle_all(&self.0).await;
        self.0.closing.cancel();
    }
}
