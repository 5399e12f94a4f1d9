//! What the integration tests share: [`TestHost`], a whole host on a
//! temporary workspace, [`guest`], the components of `guests/`, [`Gate`],
//! where children wait until the test lets them go, and what the crash
//! campaign and the hosts that it kills agree on.

pub mod attack;
pub mod bombs;
pub mod facts;
pub mod mcp;
pub mod models;
pub mod record;
pub mod server;
pub mod service;
pub mod shapes;
pub mod soak;
pub mod tree;

mod dice;
mod gate;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

pub use dice::Dice;
pub use gate::Gate;
use hermitage::{
    clock::Clock,
    config::{Config, Layers},
    delegation::{Dispatched, Request, Running, TaskRequest, WrittenBy},
    event::{ChildResult, CompletionEvent, Role},
    host::{Builder, Host},
    id::DelegationId,
    sandbox::{Binary, Usage},
    session::Session,
    store::{EventFilter, EventRow},
    tools,
    toolset::{NativeTool, Tool, ToolId, Work},
};

use hermitage_build::{Built, Install, Options, Stderr, build};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// The root of the source checkout.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The helper process of hosts in tests: the command line under test, in the
/// directory of the test's own program or the one above it.
pub fn helper() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let mut places = own.ancestors().skip(1).take(2).map(|it| it.join("hermitage-under-test"));
    places.find(|it| it.is_file()).expect("cargo builds it for every test of this package")
}

/// The component of one test guest, by the name of its file. All of them are
/// built the first time one is asked for.
pub fn guest(name: &str) -> Arc<[u8]> {
    static GUESTS: LazyLock<BTreeMap<String, Arc<[u8]>>> = LazyLock::new(build_guests);
    GUESTS.get(name).unwrap_or_else(|| panic!("no guest `{name}`")).clone()
}

/// The component of a bundled agent, by the name of its directory in
/// `plugins/`. Built the first time it is asked for.
pub fn plugin(name: &str) -> Arc<[u8]> {
    static PLUGINS: LazyLock<Mutex<BTreeMap<String, Arc<[u8]>>>> = LazyLock::new(Mutex::default);
    let mut plugins = PLUGINS.lock().unwrap();
    plugins.entry(name.to_owned()).or_insert_with(|| built(&format!("plugins/{name}"))).clone()
}

/// The names of all test guests.
pub fn guest_names() -> Vec<String> {
    let files = fs::read_dir(checkout().join("tests/guests/examples")).unwrap();
    let mut names: Vec<String> = files
        .map(|it| it.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn build_guests() -> BTreeMap<String, Arc<[u8]>> {
    let mut options = Options::new(checkout().join("target/components"), Install::Allowed);
    options.foreign_imports = true;
    let built = build(&checkout().join("tests/guests"), &options, &mut Stderr).unwrap();
    built.iter().map(|it| (it.name.clone(), bytes(it))).collect()
}

/// The component of a folder of the checkout that has one.
pub fn built(folder: &str) -> Arc<[u8]> {
    let options = Options::new(checkout().join("target/components"), Install::Allowed);
    let built = build(&checkout().join(folder), &options, &mut Stderr).unwrap();
    bytes(&built[0])
}

fn bytes(built: &Built) -> Arc<[u8]> {
    Arc::from(fs::read(&built.path).unwrap())
}

/// A conversation of its own for each number.
pub fn chat(number: u32) -> Session {
    format!("agent:main:telegram:dm:{number}").parse().unwrap()
}

/// A clock that stands still.
pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> f64 {
        1_763_719_200.0
    }
}

/// Every event that a scenario sees is one that another program can read.
fn assert_is_read_as_written(event: &CompletionEvent) {
    let mut written = event.clone();
    written.results.iter_mut().for_each(|it| it.full_summary = None);
    let read: CompletionEvent =
        serde_json::from_value(serde_json::to_value(event).unwrap()).unwrap();
    assert_eq!(read, written);
}

/// A host with its own workspace, whose store is in memory. The limits are
/// the defaults, except that time is short. It starts with its first use.
pub struct TestHost {
    /// First, because it goes before the files that it uses.
    host: OnceCell<Host>,
    config: Config,
    workspace: TempDir,
    change: Box<dyn Fn(Builder) -> Builder + Send + Sync>,
    strict: bool,
}

/// What a child of a [`TestHost`] is asked to do.
#[derive(Clone, Debug)]
pub struct TestTask {
    agent: String,
    component: Binary,
    toolsets: Vec<String>,
    goal: String,
    context: Option<String>,
    role: Role,
}

impl TestTask {
    /// A task for a test guest, with the toolset `file_read`.
    pub fn new(guest_name: &str) -> Self {
        Self::of_bytes(guest_name, guest(guest_name))
    }

    /// A task for a child that waits at the gate of that name, and then
    /// completes with `Ok("passed")`.
    pub fn gated(name: &str) -> Self {
        let context = format!("gate {}", Gate::arguments(name));
        Self::new("calls_native").toolsets(&["gate"]).goal(name).context(&context)
    }

    /// A task for any component.
    pub fn of_bytes(agent: &str, component: Arc<[u8]>) -> Self {
        Self {
            agent: agent.to_owned(),
            component: Binary::new(component),
            toolsets: vec!["file_read".to_owned()],
            goal: format!("run {agent}"),
            context: None,
            role: Role::Leaf,
        }
    }

    pub fn toolsets(mut self, toolsets: &[&str]) -> Self {
        self.toolsets = toolsets.iter().map(|it| (*it).to_owned()).collect();
        self
    }

    pub fn goal(self, goal: &str) -> Self {
        Self { goal: goal.to_owned(), ..self }
    }

    pub fn context(self, context: &str) -> Self {
        Self { context: Some(context.to_owned()), ..self }
    }

    pub fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }
}

impl TestHost {
    /// With `hello.txt` in its workspace.
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    /// With another configuration.
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let workspace = tempfile::tempdir().unwrap();
        fs::write(workspace.path().join("hello.txt"), "hello").unwrap();
        let mut config = Config::load(&Layers::default()).unwrap();
        config.sandbox.max_live_cells = 8;
        config.sandbox.cpu = Duration::from_millis(300);
        config.sandbox.cache_dir = Some(checkout().join("target/components/compiled"));
        config.delegation.interrupt_grace = Duration::from_millis(200);
        change(&mut config);
        let change = Box::new(Builder::ephemeral);
        Self { config, workspace, change, strict: false, host: OnceCell::new() }
    }

    /// Built in another way.
    pub fn built(self, change: impl Fn(Builder) -> Builder + Send + Sync + 'static) -> Self {
        let before = self.change;
        Self { change: Box::new(move |it| change(before(it))), ..self }
    }

    pub fn strict(self) -> Self {
        Self { strict: true, ..self }
    }

    /// With the work of a tool done by the test.
    pub fn replace<T: Tool>(self, work: impl Work<T> + Clone) -> Self {
        self.built(move |it| it.replace(work.clone()))
    }

    /// With a tool of the application.
    pub fn native(self, tool: Arc<dyn NativeTool>) -> Self {
        self.built(move |it| it.tool(tool.clone()))
    }

    /// With its store in a file.
    pub fn store_at(self, file: &Path) -> Self {
        let file = file.to_owned();
        self.built(move |it| it.store_at(&file))
    }

    /// With its store in a file that goes with it.
    pub fn durable(self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        self.built(move |it| it.store_at(dir.path().join("hermitage.db")))
    }

    /// Beside another one, in one process.
    pub fn beside(self, other: &Host) -> Self {
        let other = other.clone();
        self.built(move |it| it.beside(&other))
    }

    /// With a gate for [`TestTask::gated`].
    pub fn gate(self, gate: &Gate) -> Self {
        self.native(gate.tool())
    }

    pub async fn host(&self) -> &Host {
        let build = || async {
            let builder = Host::builder()
                .config(self.config.clone())
                .helper(helper())
                .workspace(self.workspace.path())
                .clock(Arc::new(FixedClock));
            (self.change)(builder).build().await.unwrap()
        };
        self.host.get_or_init(build).await
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn workspace(&self) -> &Path {
        self.workspace.path()
    }

    /// Runs a batch that nobody interrupts.
    pub async fn run(&self, tasks: &[TestTask]) -> CompletionEvent {
        let event = self.start(tasks).await.wait().await.unwrap();
        assert_is_read_as_written(&event);
        event
    }

    /// Starts a batch in the foreground.
    pub async fn start(&self, tasks: &[TestTask]) -> Running {
        let (host, request) = (self.host().await, self.request(tasks).await);
        let prepared = host.prepare(&Session::Local, request).await.unwrap();
        match host.dispatch(prepared).await.unwrap() {
            Dispatched::Foreground(running) => running,
            Dispatched::Background(_) => panic!("nobody asked for the background"),
        }
    }

    /// What stands for these tasks in the background.
    pub async fn in_background(&self, tasks: &[TestTask]) -> Request {
        Request { background: true, ..self.request(tasks).await }
    }

    /// Dispatches a batch into the background.
    pub async fn dispatch(&self, session: &Session, tasks: &[TestTask]) -> DelegationId {
        let request = self.in_background(tasks).await;
        self.host().await.delegate(session, request).await.unwrap().delegation_id()
    }

    /// The next completion for a session, which is acknowledged.
    pub async fn next(&self, session: &Session) -> CompletionEvent {
        let delivery = self.host().await.completions(session).next().await.unwrap();
        let event = delivery.completion().unwrap().clone();
        delivery.ack().await.unwrap();
        event
    }

    /// Every event of the queue, whatever became of it.
    pub async fn events(&self) -> Vec<EventRow> {
        let all = EventFilter { limit: usize::MAX >> 1, ..EventFilter::default() };
        self.host().await.queue().list(all).await.unwrap()
    }

    /// What stands for these tasks. Their components are installed.
    pub async fn request(&self, tasks: &[TestTask]) -> Request {
        let host = self.host().await;
        for task in tasks {
            host.install(&task.agent, task.component.clone());
        }
        let tasks = tasks.iter().map(TestTask::request).collect();
        let written_by = WrittenBy::Application;
        Request { tasks, strict: self.strict, written_by, ..Request::default() }
    }

    /// Runs one guest beside an honest sibling. Whatever the guest does, the
    /// sibling finishes its work, and everything that both used is given back.
    pub async fn run_beside_honest(&self, task: TestTask) -> ChildResult {
        let mut event = self.run(&[task, TestTask::new("honest")]).await;
        self.assert_nothing_in_use();
        let honest = event.results.pop().unwrap();
        assert_eq!(honest.summary.as_deref(), Some("hello"), "{honest:?}");
        event.results.pop().unwrap()
    }

    pub fn assert_nothing_in_use(&self) {
        let nothing =
            Usage { cells: 0, component_instances: 0, core_instances: 0, memories: 0, tables: 0 };
        assert_eq!(self.host.get().unwrap().usage(), nothing);
    }
}

impl TestTask {
    fn request(&self) -> TaskRequest {
        TaskRequest {
            goal: self.goal.clone(),
            context: self.context.clone(),
            toolsets: Some(self.toolsets.clone()),
            agent: Some(self.agent.clone()),
            role: Some(self.role),
            ..TaskRequest::default()
        }
    }
}

impl Default for TestHost {
    fn default() -> Self {
        Self::new()
    }
}

/// A tool of the host by its name.
pub fn tool(name: &str) -> ToolId {
    tools::bundled().get(name).unwrap()
}
