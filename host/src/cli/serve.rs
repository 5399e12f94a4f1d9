//! `hermitage serve`: a host that stays, one of each user and store.
//!
//! It is reached over a socket by this user's commands, and over TCP by
//! whoever has a token (`crate::serve`). Asked to end, it takes nothing new and
//! gives its children their grace; killed, it is followed by a service, or by
//! any other command, that settles what it left.
//!
//! One that a person starts takes the place of one that was started on demand
//! (`takeover`). What that one runs goes on in it, as in any other host on the
//! store.

mod opener;
mod takeover;
mod unit;

use std::{env, net::SocketAddr, path::PathBuf, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, setsid};
use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinSet,
    time::{sleep, timeout},
};

use self::opener::Opener;
use super::{
    Exit,
    args::{self, Global},
    error::CliError,
    output::{self, say},
    place::{Alone, Entered, Holder, Place, PlaceError},
    setup::{Setup, block_on, directories},
    signals::Signals,
    token,
};
use crate::serve::{Listener, MAX_CONNECTIONS, Parts, Service};

/// Who had connected before the socket was taken away is served within that
/// time, or is being served.
const LAST_CALLS: Duration = Duration::from_millis(200);

pub(super) fn serve(global: &Global, args: &args::Serve) -> Result<Exit, CliError> {
    let setup = Setup::new(global, None)?;
    args.listen.map_or(Ok(()), is_of_this_machine)?;
    let workspace = args.workspace.canonicalize().map_err(|it| {
        CliError::usage(it).context(format!("`{}` can't be opened", args.workspace.display()))
    })?;
    if args.unit {
        return print_unit(global, args, &setup);
    }
    if args.on_demand {
        // Neither Ctrl-C in the terminal of its starter nor its end reaches
        // it. Where it fails, there is no terminal to leave.
        let _ = setsid();
    }
    let served = block_on(async {
        let place = setup.place()?;
        let this = Holder::this(args.on_demand, setup.digest());
        let alone = match args.on_demand {
            false => takeover::enter(&place, &this).await?,
            true => match place.enter(&this)? {
                Entered::Alone(alone) => alone,
                Entered::Taken(_) => return Ok(()),
            },
        };
        stay(global, args, &setup, workspace, Doorway { place, alone }).await
    })?;
    served.map(|()| Exit::Completed)
}

/// Where the socket is, in the hands of the one that may make it.
struct Doorway {
    place: Place,
    alone: Alone,
}

impl Doorway {
    fn open(&self) -> Result<Listener, CliError> {
        let failed = |source| PlaceError::Io { path: self.place.socket(), source };
        let listener = self.alone.listen().and_then(UnixListener::from_std).map_err(failed)?;
        Ok(Listener::Socket(listener))
    }

    fn close(&self) {
        self.alone.close();
    }
}

async fn stay(
    global: &Global,
    args: &args::Serve,
    setup: &Setup,
    workspace: PathBuf,
    doorway: Doorway,
) -> Result<(), CliError> {
    let mut signals = Signals::new()?;
    // What is in the way is told before anything is taken.
    let tcp = match args.listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    if tcp.is_some() {
        token::of(setup, token::USUAL)?;
    }
    take_all_descriptors();
    let opener = Box::new(Opener { global: global.clone() });
    let parts = Parts {
        opener,
        workspace,
        tokens: setup.tokens()?,
        max_connections: MAX_CONNECTIONS,
        gives_way: args.on_demand,
    };
    let service = Service::start(parts).await?;
    let mut doors = JoinSet::new();
    let socket = doorway.open()?;
    for listener in [Some(socket), tcp].into_iter().flatten() {
        if !args.on_demand {
            tell(&doorway.place, &listener);
        }
        open(&mut doors, &service, listener);
    }
    let idle = args.on_demand.then_some(setup.config.serve.idle_time);
    let is_asked_to_retire = tokio::select! {
        () = signals.next() => false,
        () = service.asked_to_retire() => true,
        left = until_unneeded(&service, &doorway, &mut doors, idle) => left.map(|()| false)?,
    };
    doorway.close();
    if is_asked_to_retire {
        drop(doorway);
        tokio::select! {
            () = async {
                sleep(LAST_CALLS).await;
                service.retire().await;
            } => (),
            () = signals.next() => (),
        }
    }
    tokio::select! {
        () = async {
            service.close().await;
            while doors.join_next().await.is_some() {}
        } => (),
        // Who asks twice does not want to wait.
        () = signals.next() => (),
    }
    if service.is_behind() {
        let error = anyhow::anyhow!("what some delegations came to could not be recorded");
        let hint = "make room for the store: the next service tells of them as `unknown`";
        return Err(CliError::host(error).exiting(Exit::NotCompleted).hint(hint));
    }
    Ok(())
}

/// As many as the system lets it have: each connection is one, and what is
/// usual is for programs that hold a handful.
fn take_all_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if let Err(err) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%err, "the limit on open files is not raised");
    }
}

/// Returns when nobody needed it for that long, and nobody can ask any more.
async fn until_unneeded(
    service: &Service,
    doorway: &Doorway,
    doors: &mut JoinSet<()>,
    idle: Option<Duration>,
) -> Result<(), CliError> {
    let Some(idle) = idle else { return std::future::pending().await };
    loop {
        service.until_idle(idle).await;
        doorway.close();
        // Somebody may have asked at this very moment.
        if timeout(LAST_CALLS.saturating_mul(2), service.until_idle(LAST_CALLS)).await.is_ok() {
            return Ok(());
        }
        open(doors, service, doorway.open()?);
    }
}

fn open(doors: &mut JoinSet<()>, service: &Service, listener: Listener) {
    let service = service.clone();
    doors.spawn(async move { service.serve(listener).await });
}

fn tell(place: &Place, listener: &Listener) {
    match listener {
        Listener::Socket(_) => say(&format!("note: listening at {}", place.socket().display())),
        Listener::Tcp(_, address) => {
            say(&format!("note: listening at http://{address}/"));
            say("hint: `hermitage token` prints the token for it");
        }
    }
}

/// Other machines are no part of what a token is made for: it would travel
/// in the clear.
fn is_of_this_machine(address: SocketAddr) -> Result<(), CliError> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    let error = anyhow::anyhow!("`--listen {address}` is no address of this machine alone");
    let hint = "take `127.0.0.1:PORT` or `[::1]:PORT`; from another machine it is reached with \
                `ssh -L PORT:127.0.0.1:PORT`";
    Err(CliError::usage(error).hint(hint))
}

async fn bind(address: SocketAddr) -> Result<Listener, CliError> {
    let failed = |it| CliError::host(it).context(format!("`{address}` can't be listened at"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    Listener::tcp(listener).map_err(failed)
}

fn print_unit(global: &Global, args: &args::Serve, setup: &Setup) -> Result<Exit, CliError> {
    let program = env::current_exe().map_err(CliError::host)?;
    let arguments = unit::arguments(global, args).map_err(CliError::host)?;
    let grace = setup.config.delegation.interrupt_grace;
    output::result(&unit::unit(&program, &arguments, &directories(), grace))?;
    say("hint: keep it as `~/.config/systemd/user/hermitage.service`, then \
         `systemctl --user enable --now hermitage`");
    Ok(Exit::Completed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_on_this_machine_alone() {
        let check = |address: &str| is_of_this_machine(address.parse().unwrap());
        for own in ["127.0.0.1:8765", "127.1.2.3:0", "[::1]:80"] {
            assert!(check(own).is_ok(), "{own}");
        }
        for other in ["0.0.0.0:80", "[::]:80", "192.168.1.7:80", "8.8.8.8:80"] {
            let error = check(other).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage);
            assert!(error.how().unwrap().contains("ssh -L"), "{other}");
        }
    }
}
