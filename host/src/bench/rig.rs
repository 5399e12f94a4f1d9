//! A host with a real component that does next to nothing.

use std::time::Instant;

use tokio::task::JoinSet;

use super::BenchError;
use crate::{
    completion::Deliveries,
    config::{Config, Layers},
    delegation::{Request, TaskRequest},
    event::{CompletionEvent, Status},
    host::{Builder, Host},
    sandbox::{Binary, Floor},
    session::Session,
};

/// What the component is called.
const AGENT: &str = "measured";

/// Its bytes: `host/benches/guest`.
pub(super) const COMPONENT: &[u8] = include_bytes!("../../agents/measured.wasm");

/// What it is asked to do.
#[derive(Clone, Copy)]
pub(super) enum Doing {
    /// Two calls of the host.
    Nothing,
    /// Compute for ever.
    Spin,
    /// Wait for a model.
    Chat,
    /// Read a file ten times over.
    Read,
}

/// What reads: an agent that the program brings along.
pub(super) const READER: &str = "steps";

/// What it reads, in the workspace.
pub(super) const FILE: &str = "read.txt";

/// How often.
const READS: usize = 10;

pub(super) struct Rig {
    pub(super) host: Host,
    pub(super) floor: Floor,
}

impl Rig {
    /// With the built-in configuration, but for what `change` changes.
    pub(super) async fn new(
        change: impl FnOnce(&mut Config),
        built: impl FnOnce(Builder) -> Builder,
    ) -> Result<Self, BenchError> {
        let mut config = Config::load(&Layers::default())?;
        change(&mut config);
        let component = Binary::new(COMPONENT);
        let builder = Host::builder().config(config).agent(AGENT, component.clone());
        let host = built(builder).build().await?;
        let loaded = host.sandbox().load(&component).await?;
        let floor = Floor::new(host.sandbox(), loaded)?;
        Ok(Self { host, floor })
    }
}

/// A conversation of its own for each number.
pub(super) fn session(number: usize) -> Result<Session, BenchError> {
    Ok(format!("agent:main:telegram:dm:{number}").parse()?)
}

/// So many children, which are told in one event.
pub(super) fn request(children: usize, doing: Doing) -> Request {
    let goal = "Do next to nothing";
    let context = match doing {
        Doing::Nothing => None,
        Doing::Spin => Some("spin".to_owned()),
        Doing::Chat => Some("chat".to_owned()),
        Doing::Read => {
            let step = format!(r#"{{"tool":"read_file","arguments":{{"path":"{FILE}"}}}}"#);
            Some(format!("[{}]", vec![step; READS].join(",")))
        }
    };
    let (agent, toolsets) = match doing {
        Doing::Read => (READER, vec!["file_read".to_owned()]),
        Doing::Nothing | Doing::Spin | Doing::Chat => (AGENT, Vec::new()),
    };
    let task = || TaskRequest { goal: goal.to_owned(), ..TaskRequest::default() };
    let tasks = match children {
        0 | 1 => Vec::new(),
        _ => std::iter::repeat_with(task).take(children).collect(),
    };
    Request {
        goal: tasks.is_empty().then(|| goal.to_owned()),
        tasks,
        context,
        toolsets: Some(toolsets),
        agent: Some(agent.to_owned()),
        ..Request::default()
    }
}

/// Delegates and waits for the end.
pub(super) async fn finished(host: &Host, request: Request) -> Result<CompletionEvent, BenchError> {
    let answer = host.delegate(&session(0)?, request).await?;
    answer.finished().ok_or_else(|| "a delegation went to the background".into())
}

/// What is asked of a host over and over.
#[derive(Clone, Copy)]
pub(super) struct Load {
    /// Number of the first session; each caller has its own.
    pub(super) first: usize,
    /// Callers, each with one delegation at a time.
    pub(super) in_flight: usize,
    /// Children of a delegation.
    pub(super) batch: usize,
    /// What each of them does.
    pub(super) doing: Doing,
}

impl Load {
    /// As many delegations as fit, in the background, each until its event is
    /// acknowledged. Returns how many children there were.
    pub(super) async fn run(self, host: &Host, end: Instant) -> Result<u64, BenchError> {
        let mut callers = JoinSet::new();
        for caller in 0..self.in_flight {
            let (host, batch) = (host.clone(), self.batch);
            let session = session(self.first.saturating_add(caller))?;
            callers.spawn(async move {
                let (mut count, mut completions) = (0, host.completions(&session));
                while Instant::now() < end {
                    let request = request(batch, self.doing);
                    acknowledged(&host, &session, request, &mut completions).await?;
                    count += batch as u64;
                }
                Ok(count)
            });
        }
        sum(callers).await
    }
}

/// One delegation, from the call to the acknowledged event.
async fn acknowledged(
    host: &Host,
    session: &Session,
    request: Request,
    completions: &mut Deliveries,
) -> Result<(), BenchError> {
    host.delegate(session, Request { background: true, ..request }).await?;
    let delivery = completions.next().await?;
    if delivery.completion().map(|it| it.status) != Some(Status::Completed) {
        return Err(format!("a child did not complete: {}", delivery.text()).into());
    }
    Ok(delivery.ack().await?)
}

/// What all of them did together.
pub(super) async fn sum(mut callers: JoinSet<Result<u64, BenchError>>) -> Result<u64, BenchError> {
    let mut sum: u64 = 0;
    while let Some(ended) = callers.join_next().await {
        sum = sum.saturating_add(ended??);
    }
    Ok(sum)
}
