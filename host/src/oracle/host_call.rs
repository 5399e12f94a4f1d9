//! Every function that the host gives to guests, called with any values.
//!
//! A whole host, with real files and no network, runs a component that does
//! what the bytes say, as a child that holds every tool, or as a parent.

use std::{
    cell::RefCell,
    fs, io,
    path::Path,
    sync::{
        Arc, Once,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arbitrary::{Result, Unstructured};
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::puppet::Puppet;
use crate::{
    Answer, Binary, ChildResult, CompletionEvent, Config, Host, Layers, Person, Request, Session,
    Usage, WrittenBy,
    provider::{Call, ChatFuture, ChatResponse, Finish, Model, Models, Provider, Usage as Tokens},
    setting::built_in,
    toolset::ToolError,
};

/// The threads on which nothing may panic.
const THREAD: &str = "oracle-host";

/// Tasks of one host: what it keeps of each must not add up.
const MAX_TASKS: u32 = 256;

/// What a host says when something in it broke.
const FAULTS: &[&str] = &["the host crashed", "panicked", "in the host", "can't be denied"];

/// What the workspace has before every task, and what stands beside it.
const FILES: &[(&str, &str)] = &[
    ("work/a.txt", "one\ntwo\n"),
    ("work/sub/b.txt", "b"),
    ("work/.env", "SECRET=1"),
    ("outside", "nobody's"),
];

/// The child ends in one of the ways that there are for children, nothing of
/// it is left, and nothing outside of its workspace has changed.
pub(crate) fn host_call(u: &mut Unstructured<'_>) -> Result<()> {
    thread_local! {
        static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
    }
    STAGE.with_borrow_mut(|stage| {
        if stage.as_ref().is_some_and(|it| MAX_TASKS <= it.tasks) {
            *stage = None;
        }
        let new = || match Stage::new() {
            Ok(it) => it,
            Err(err) => unreachable!("no host: {err}"),
        };
        stage.get_or_insert_with(new).play(u).map(drop)
    })
}

/// A host, and where it works.
struct Stage {
    puppet: Puppet,
    host: Host,
    runtime: Runtime,
    dir: TempDir,
    tasks: u32,
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

impl Stage {
    fn new() -> std::result::Result<Self, Fault> {
        count_panics();
        let dir = tempfile::tempdir()?;
        set(dir.path())?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(THREAD)
            .enable_all()
            .build()?;
        let puppet = Puppet::new()?;
        let mut config = Config::load(&Layers::default())?;
        config.sandbox.cpu = Duration::from_secs(5);
        config.sandbox.max_live_cells = 8;
        config.sandbox.guest_threads = 1;
        let mut models = Models::default();
        models.add(model());
        let host = Host::builder()
            .config(config)
            .ephemeral()
            .workspace(dir.path().join("work"))
            .memory(dir.path().join("notes"))
            .person(Arc::new(Nod))
            .models(models)
            .agent("puppet", Binary::new(puppet.component.clone()))
            .build();
        let host = runtime.block_on(host)?;
        Ok(Self { puppet, host, runtime, dir, tasks: 0 })
    }

    fn play(&mut self, u: &mut Unstructured<'_>) -> Result<CompletionEvent> {
        self.tasks += 1;
        let orders = self.puppet.orders(u)?;
        let tools = self.host.tools();
        // Commands are tried where their sandbox is.
        let all = tools.iter().filter(|it| it.toolset != "terminal").map(|it| it.name.to_string());
        let toolsets = if u.ratio(7, 8)? { all.collect() } else { vec!["read_file".to_owned()] };
        let request = Request {
            goal: Some(orders),
            agent: Some("puppet".to_owned()),
            toolsets: Some(toolsets),
            as_parent: u.ratio(1, 3)?,
            written_by: WrittenBy::Application,
            timeout: Some(Duration::from_secs(20)),
            ..Request::default()
        };
        let before = PANICS.load(Ordering::Relaxed);
        let asked = format!("{:?}", request.goal);
        let answer = self.runtime.block_on(self.host.delegate(&Session::Local, request));
        let event = match answer.map(Answer::finished) {
            Ok(Some(event)) => event,
            other => unreachable!("{asked} was not run: {other:?}"),
        };
        assert_eq!(PANICS.load(Ordering::Relaxed), before, "something panicked: {asked}");
        assert_eq!(event.results.len(), 1, "{asked}");
        event.results.iter().for_each(|it| is_an_end(it, &asked));
        let usage = self.runtime.block_on(async { self.host.usage() });
        let Usage { cells, component_instances, core_instances, memories, tables } = usage;
        let left =
            [cells as u64, component_instances, core_instances, memories as u64, tables as u64];
        assert_eq!(left, [0; 5], "something is left of {asked}");
        self.is_contained(&asked);
        set(self.dir.path()).unwrap_or_else(|err| unreachable!("no files: {err}"));
        Ok(event)
    }

    /// Of what is not in the workspace, the notes alone may have changed.
    fn is_contained(&self, asked: &str) {
        let dir = self.dir.path();
        let names: Vec<String> =
            entries(dir).into_iter().filter(|it| !it.starts_with("notes")).collect();
        assert_eq!(names, ["outside", "work"], "{asked}");
        for (name, text) in FILES.iter().filter(|it| ["work/.env", "outside"].contains(&it.0)) {
            assert_eq!(fs::read_to_string(dir.join(name)).ok().as_deref(), Some(*text), "{asked}");
        }
    }
}

fn is_an_end(result: &ChildResult, asked: &str) {
    let words = [&result.error, &result.summary].map(|it| it.as_deref().unwrap_or_default());
    for fault in FAULTS {
        assert!(!words.iter().any(|it| it.contains(fault)), "{asked}: {words:?}");
    }
}

/// The workspace as it was before the first task.
fn set(dir: &Path) -> io::Result<()> {
    let work = dir.join("work");
    fs::create_dir_all(&work)?;
    for name in entries(&work) {
        let path = work.join(name);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path)?
        } else {
            fs::remove_file(path)?
        }
    }
    fs::create_dir(work.join("sub"))?;
    for (name, text) in FILES {
        fs::write(dir.join(name), text)?;
    }
    std::os::unix::fs::symlink("../outside", work.join("link"))
}

/// Names in a directory.
fn entries(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<_> =
        entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Panics of a host that it outlived.
static PANICS: AtomicU64 = AtomicU64::new(0);

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current()
                .name()
                .is_some_and(|it| [THREAD, "hermitage-guest"].contains(&it))
            {
                PANICS.fetch_add(1, Ordering::Relaxed);
            }
            usual(info);
        }));
    });
}

/// A person who agrees to everything.
struct Nod;

impl Person for Nod {
    fn ask(
        &self,
        _: &str,
        _: &[String],
    ) -> BoxFuture<'static, std::result::Result<String, ToolError>> {
        Box::pin(async { Ok("1".to_owned()) })
    }
}

/// A model that says the same to everybody.
struct Parrot;

impl Provider for Parrot {
    fn chat(&self, call: Call) -> ChatFuture {
        let answer = ChatResponse {
            text: call.request.messages.last().map(|it| it.text.clone()).unwrap_or_default(),
            tool_calls: Vec::new(),
            finish: Finish::Stop,
            usage: Tokens::default(),
            cost: None,
            model: call.model,
            original: None,
            extra: serde_json::Map::new(),
        };
        Box::pin(async { Ok(answer) })
    }
}

fn model() -> Model {
    Model {
        name: "m".to_owned(),
        id: "m".to_owned(),
        provider_name: "parrot".to_owned(),
        provider: Arc::new(Parrot),
        context_tokens: None,
        max_output_tokens: None,
        temperature: None,
        price: None,
        patience: built_in(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arbtest::arbtest;

    use super::*;

    /// Tools that do their work for a child or a parent, when they are asked
    /// well.
    const WORKING: [&str; 5] = ["clarify", "delegate_task", "memory", "read_file", "write_file"];

    #[test]
    fn a_puppet_gets_tools_to_work() {
        let mut stage = Stage::new().unwrap();
        let mut working = BTreeSet::new();
        for seed in 1..=600_u64 {
            arbtest(|u| {
                let event = stage.play(u)?;
                let traces = event.results.into_iter().flat_map(|it| it.tool_trace);
                working.extend(traces.filter(|it| it.ok).map(|it| it.tool.into_owned()));
                Ok(())
            })
            .seed(seed << 32 | 512)
            .run();
        }
        let idle = WORKING.into_iter().filter(|it| !working.contains(*it));
        assert_eq!(idle.collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
