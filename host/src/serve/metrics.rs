//! Counters and gauges for Prometheus, in the OpenMetrics text form.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, header::CONTENT_TYPE},
    middleware::Next,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Inner, error::Refusal};
use crate::{
    delegation::{Phase, Progress, Update},
    host::Host,
    store::{EventFilter, StateFilter, StoreError},
};

/// The type of what is sent.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Names of what a value is of, and what it is of.
type Labels<const N: usize> = [(&'static str, String); N];

/// All of them.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Labels<3>, Counter>,
    seconds: Family<Labels<2>, Histogram, fn() -> Histogram>,
    dispatched: Counter,
    delegations_ended: Family<Labels<1>, Counter>,
    children_ended: Family<Labels<1>, Counter>,
    delegations: Family<Labels<1>, Gauge>,
    children: Family<Labels<1>, Gauge>,
    events: Family<Labels<1>, Gauge>,
    cells: Gauge,
    claims: Gauge,
    listeners: Gauge,
    connections: Gauge,
}

impl Metrics {
    /// Counts what that host tells from now on, and those beside it.
    pub(super) fn of(host: &Host) -> Arc<Self> {
        let metrics = Arc::new(Self::new());
        tokio::spawn(Arc::clone(&metrics).follow(host.subscribe()));
        metrics
    }

    fn new() -> Self {
        let mut it = Self {
            registry: Registry::with_prefix("hermitage"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            dispatched: Counter::default(),
            delegations_ended: Family::default(),
            children_ended: Family::default(),
            delegations: Family::default(),
            children: Family::default(),
            events: Family::default(),
            cells: Gauge::default(),
            claims: Gauge::default(),
            listeners: Gauge::default(),
            connections: Gauge::default(),
        };
        it.register();
        it
    }

    #[rustfmt::skip]
    fn register(&mut self) {
        let Self {
            registry: to, requests, seconds, dispatched, delegations_ended, children_ended,
            delegations, children, events, cells, claims, listeners, connections,
        } = self;
        to.register("http_requests", "Calls that were answered", requests.clone());
        to.register_with_unit("http_request_duration", "Until the head of the answer", Unit::Seconds, seconds.clone());
        to.register("delegations_dispatched", "Delegations that were recorded", dispatched.clone());
        to.register("delegations_ended", "Groups of tasks that ended", delegations_ended.clone());
        to.register("children_ended", "Children that ended", children_ended.clone());
        to.register("delegations", "Delegations now", delegations.clone());
        to.register("children", "Children now", children.clone());
        to.register("events", "Events of the queue now", events.clone());
        to.register("cells", "Cells that run in the service's own workspace", cells.clone());
        to.register("claims", "Events with consumers now", claims.clone());
        to.register("listeners", "Streams that are open", listeners.clone());
        to.register("connections", "Connections that are open", connections.clone());
    }

    async fn follow(self: Arc<Self>, mut updates: Receiver<Update>) {
        loop {
            match updates.recv().await {
                Ok(update) => self.count(&update.progress),
                // Counters of a host that is that busy are too low then.
                Err(RecvError::Lagged(_)) => (),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn count(&self, progress: &Progress) {
        let of = |it: &str| [("status", it.to_owned())];
        match progress {
            Progress::Dispatched { .. } => drop(self.dispatched.inc()),
            Progress::ChildEnded(it) => {
                self.children_ended.get_or_create(&of(it.status.as_str())).inc();
            }
            Progress::Ended { status, .. } => {
                self.delegations_ended.get_or_create(&of(status.as_str())).inc();
            }
            _ => (),
        }
    }

    /// Looks at what there is now.
    async fn look(&self, service: &Inner) -> Result<(), StoreError> {
        let running = service.hosts.running().await;
        let waiting = running.iter().filter(|it| it.waiting).count();
        set(&self.delegations, "waiting", waiting);
        set(&self.delegations, "running", running.len().saturating_sub(waiting));
        let phases: Vec<Phase> =
            running.iter().flat_map(|it| it.live.snapshot()).map(|it| it.phase).collect();
        let in_phase = |phase| phases.iter().filter(|it| **it == phase).count();
        set(&self.children, "waiting", in_phase(Phase::Waiting));
        set(&self.children, "running", in_phase(Phase::Running));
        let count = async |state| {
            let filter = EventFilter { state: Some(state), ..EventFilter::default() };
            service.hosts.store().read(move |tables| tables.count_events(&filter)).await
        };
        set(&self.events, "undelivered", count(StateFilter::Undelivered).await?);
        set(&self.events, "dead", count(StateFilter::Dead).await?);
        self.claims.set(number(count(StateFilter::Claimed).await?));
        self.cells.set(number(service.hosts.own().usage().cells));
        self.listeners.set(number(service.tail.listeners()));
        self.connections.set(number(service.connections.open()));
        Ok(())
    }
}

/// Of the methods that routes have; a caller can make up others.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        _ => "other",
    }
}

fn histogram() -> Histogram {
    // From half a millisecond to more than a minute, in which a long poll ends.
    Histogram::new(exponential_buckets(0.0005, 2.5, 14))
}

fn set(family: &Family<Labels<1>, Gauge>, state: &str, count: usize) {
    family.get_or_create(&[("state", state.to_owned())]).set(number(count));
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// `GET /metrics`.
pub(super) async fn show(State(service): State<Arc<Inner>>) -> Result<Response, Refusal> {
    service.metrics.look(&service).await?;
    let mut text = String::new();
    // A `String` takes everything.
    let _ = encode(&mut text, &service.metrics.registry);
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

/// Counts a call by its route, which no caller can make up.
pub(super) async fn measure(
    State(service): State<Arc<Inner>>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Response {
    let (method, begin) = (known(request.method()).to_owned(), Instant::now());
    let response = next.run(request).await;
    let route = [("method", method), ("route", path.as_str().to_owned())];
    let metrics = &service.metrics;
    metrics.seconds.get_or_create(&route).observe(begin.elapsed().as_secs_f64());
    let [method, route] = route;
    let answered = [method, route, ("status", response.status().as_str().to_owned())];
    metrics.requests.get_or_create(&answered).inc();
    response
}
