//! How much memory a child takes that waits for a model, and how many can wait
//! in one process. Each side is measured in a process of its own: memory that
//! was used once is not given back.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time::sleep};

use super::{
    Aim, BenchError, Course, Measured,
    figures::Pairs,
    part::{self, Part},
    rig::{self, Doing, Rig},
};
use crate::{
    config::{Config, Layers},
    delegation::Request,
    event::Status,
    provider::{
        Call, ChatFuture, ChatResponse, Finish, Model, Models, Patience, Provider, ProviderError,
        Usage,
    },
};

/// Children that wait at once.
pub(super) const CHILDREN: usize = 10_000;

/// Children of one delegation.
const BATCH: usize = 1_000;

/// How often it is looked whether all of them wait.
const LOOK: Duration = Duration::from_millis(10);

/// How long they have for it.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn run(course: &Course<'_>) -> Result<Vec<Measured>, BenchError> {
    let mut memory = Pairs::default();
    for _ in course.rounds("density") {
        let ours = part::run(course.program, Part::Children).await?;
        memory.push(ours, part::run(course.program, Part::BareChildren).await?);
    }
    Ok(vec![
        memory.measured("density.memory", "KiB").aiming(Aim::AtMost(40.0)),
        // All of them finished, or there was an error.
        Measured::alone("density.children", CHILDREN as f64, "").aiming(Aim::AtLeast(10_000.0)),
    ])
}

/// KiB that each of the children takes while it waits; then all of them are
/// answered, and must end well.
pub(super) async fn children() -> Result<f64, BenchError> {
    let gate = Arc::new(Gate { waiting: AtomicUsize::new(0), answers: Semaphore::new(0) });
    let patience = Config::load(&Layers::default())?.patience;
    let models = models(Arc::clone(&gate), patience);
    let rig = Rig::new(change, |it| it.ephemeral().models(models)).await?;
    let session = rig::session(0)?;
    let before = resident()?;
    for _ in 0..CHILDREN / BATCH {
        let request = Request { background: true, ..rig::request(BATCH, Doing::Chat) };
        rig.host.delegate(&session, request).await?;
    }
    until(|| gate.waiting.load(Ordering::Relaxed) == CHILDREN).await?;
    let each = each(before)?;
    gate.answers.add_permits(CHILDREN);
    let mut completions = rig.host.completions(&session);
    for _ in 0..CHILDREN / BATCH {
        let delivery = completions.next().await?;
        if delivery.completion().map(|it| it.status) != Some(Status::Completed) {
            return Err(format!("a child did not complete: {}", delivery.text()).into());
        }
        delivery.ack().await?;
    }
    rig.host.shutdown().await;
    Ok(each)
}

/// The same of the component alone.
pub(super) async fn bare_children() -> Result<f64, BenchError> {
    let rig = Rig::new(change, |it| it.ephemeral()).await?;
    let before = resident()?;
    let waiting = rig.floor.wait(CHILDREN);
    until(|| waiting.count() == CHILDREN).await?;
    let each = each(before)?;
    waiting.end().await?;
    Ok(each)
}

/// Nothing is to be rejected, and no child to wait for a cell.
fn change(config: &mut Config) {
    config.sandbox.max_live_cells = u32::try_from(CHILDREN).unwrap_or(u32::MAX);
    // The first depth has not all cells.
    config.delegation.max_depth = 1;
    config.delegation.max_async_children = CHILDREN / BATCH;
    config.delegation.max_concurrent_children = BATCH;
    config.delegation.max_tasks_per_batch = BATCH;
    config.budget.children = BATCH as u64;
    config.budget.model_calls = BATCH as u64;
}

async fn until(mut all: impl FnMut() -> bool) -> Result<(), BenchError> {
    let looks = async {
        while !all() {
            sleep(LOOK).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, looks).await;
    waited.map_err(|_| "not all children came to wait: see the log".into())
}

/// KiB that each child added.
fn each(before: u64) -> Result<f64, BenchError> {
    Ok(resident()?.saturating_sub(before) as f64 / 1024.0 / CHILDREN as f64)
}

/// Bytes of this process that are in memory.
fn resident() -> Result<u64, BenchError> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = pages.split(' ').nth(1).ok_or("no second field in `statm`")?.parse()?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}

/// A model that answers when it is told to.
struct Gate {
    waiting: AtomicUsize,
    answers: Semaphore,
}

/// For chats: each holds the gate.
struct AtGate(Arc<Gate>);

impl Provider for AtGate {
    fn chat(&self, call: Call) -> ChatFuture {
        let gate = Arc::clone(&self.0);
        Box::pin(async move {
            gate.waiting.fetch_add(1, Ordering::Relaxed);
            let pass = gate.answers.acquire().await.map_err(|_| ProviderError::Cancelled)?;
            pass.forget();
            Ok(ChatResponse {
                text: "all of it".to_owned(),
                tool_calls: Vec::new(),
                finish: Finish::Stop,
                usage: Usage { input_tokens: 1, output_tokens: 1 },
                cost: None,
                model: call.model,
                original: None,
                extra: serde_json::Map::new(),
            })
        })
    }
}

fn models(gate: Arc<Gate>, patience: Patience) -> Models {
    let mut models = Models::default();
    models.add(Model {
        name: "gate".to_owned(),
        id: "gate".to_owned(),
        provider_name: "gate".to_owned(),
        provider: Arc::new(AtGate(gate)),
        context_tokens: None,
        max_output_tokens: None,
        temperature: None,
        price: None,
        patience,
    });
    models
}
