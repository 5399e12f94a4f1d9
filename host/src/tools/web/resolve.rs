//! Names of hosts to addresses.

use std::{io, net::IpAddr, pin::Pin};

use reqwest::dns::{Name, Resolving};

/// The addresses of a host, as they were said: nothing is checked yet.
pub type ResolveFuture = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Whoever knows the addresses of a host. Asked once for each page and
/// redirect, and only for hosts that a rule allows.
pub trait Resolve: Send + Sync {
    /// Looks a host up.
    fn resolve(&self, host: &str) -> ResolveFuture;
}

/// The system's resolver.
pub(super) struct System;

impl Resolve for System {
    fn resolve(&self, host: &str) -> ResolveFuture {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|it| it.ip()).collect())
        })
    }
}

/// A client that is given all its addresses has nobody to ask: a name that
/// was not looked up and checked before can't be connected to.
pub(super) struct Nobody;

impl reqwest::dns::Resolve for Nobody {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Err("the host was not looked up before".into()) })
    }
}
