//! `hermitage mcp`: the tools of a parent over stdio, as a thin bridge to the
//! service, which is started when there is none.
//!
//! The program that started it may end at any time: what it delegated goes on
//! in the service. A session of its own keeps two of them apart; one that
//! should outlive an editor is given a name.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, future::BoxFuture, stream::BoxStream};

use super::{
    Exit,
    args::{self, Global},
    client::{Client, ClientError},
    error::CliError,
    on_demand,
    setup::{Setup, block_on},
    signals::Signals,
};
use crate::{
    id::unguessable,
    serve::mcp::{Answer, Call, Identity, Parent, Reach, Unreachable},
    session::Session,
};

/// Parts of the session keys.
const PROFILE: &str = "main";
const PLATFORM: &str = "mcp";
const CHAT_TYPES: [&str; 2] = ["stdio", "stdio-tasks"];

/// How often a call is sent that finds the service gone: it may end at the very
/// moment, and the next one may be started by another command.
const ATTEMPTS: usize = 3;

/// How long a service that was found is taken to be there still, since a call
/// of a tool is several of the API. One that was stopped (`kill -STOP`) holds up
/// what is asked within that time alone.
const FRESH: Duration = Duration::from_secs(1);

pub(super) fn mcp(global: &Global, args: &args::Mcp) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    let workspace = args.workspace.canonicalize().map_err(|it| {
        CliError::usage(it).context(format!("`{}` can't be opened", args.workspace.display()))
    })?;
    let identity = identity(args.session.as_deref(), &workspace)?;
    let bridge = Bridge { setup, global: global.clone(), workspace, found: Mutex::default() };
    block_on(async {
        let mut signals = Signals::new()?;
        Parent::new(Arc::new(bridge), identity).over_stdio(signals.next()).await;
        Ok(Exit::Completed)
    })?
}

fn identity(name: Option<&str>, workspace: &std::path::Path) -> Result<Identity, CliError> {
    let name = name.map_or_else(unguessable, str::to_owned);
    let key = |chat_type| {
        Session::chat(PROFILE, PLATFORM, chat_type, &name, None).map_err(|it| {
            let hint = it.hint();
            CliError::usage(it).context(format!("`--session {name}` is no name")).hint(hint)
        })
    };
    let keys = [key(CHAT_TYPES[0])?, key(CHAT_TYPES[1])?];
    Ok(Identity {
        session: keys[0].to_string(),
        tasks: keys[1].to_string(),
        keys,
        workspace: Some(workspace.to_string_lossy().into_owned()),
    })
}

/// The way to the service: the one that runs, or a new one.
struct Bridge {
    setup: Setup,
    global: Global,
    workspace: PathBuf,
    /// The service that was found last, and when.
    found: Mutex<Option<(Client, Instant)>>,
}

impl Bridge {
    /// The service: as it was found, if that was just now.
    async fn service(&self) -> Result<Client, Unreachable> {
        if let Some((client, at)) = &*self.found()
            && at.elapsed() < FRESH
        {
            return Ok(client.clone());
        }
        let service = on_demand::service(&self.setup, &self.global, &self.workspace);
        let client = service.await.map_err(unreachable)?;
        *self.found() = Some((client.clone(), Instant::now()));
        Ok(client)
    }

    fn found(&self) -> MutexGuard<'_, Option<(Client, Instant)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, call: &Call) -> Result<Answer, Unreachable> {
        let mut attempts = 1..=ATTEMPTS;
        loop {
            let is_last = attempts.next().is_none();
            match self.service().await?.send(call).await {
                Ok(answer) => return Ok(answer),
                Err(ClientError::Gone(_)) if !is_last => *self.found() = None,
                Err(err) => return Err(unreachable(err.into())),
            }
        }
    }
}

fn unreachable(err: CliError) -> Unreachable {
    Unreachable { message: err.text(), hint: err.how() }
}

impl Reach for Bridge {
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Answer, Unreachable>> {
        Box::pin(async move { self.send(&call).await })
    }

    fn news(&self, path: String) -> BoxFuture<'_, Result<BoxStream<'static, ()>, Unreachable>> {
        Box::pin(async move {
            let client = self.service().await?;
            let bell = client.bell(&path).await.map_err(|it| unreachable(it.into()))?;
            Ok(bell.rings().boxed())
        })
    }
}
