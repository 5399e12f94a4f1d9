//! What the integration tests share: [`TestHost`], a whole host on a
//! temporary workspace, and [`guest`], the components of `guests/`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use hermitage::{
    clock::Clock,
    config::Config,
    delegation::{Delegation, Executor, ExecutorConfig, Live, Work, request::TaskPlan},
    event::{ChildResult, CompletionEvent},
    id::OsRandom,
    sandbox::{Binary, Interrupt, Sandbox, Usage},
    session::Session,
    tools::{Tools, file::FileTools},
    toolset::{Blocked, Grant, ToolHost, grant},
};
use hermitage_build::{Install, Options, Stderr, build};
use tempfile::TempDir;

/// The root of the source checkout.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The component of one test guest, by the name of its file. All of them are
/// built the first time one is asked for.
pub fn guest(name: &str) -> Arc<[u8]> {
    static GUESTS: LazyLock<BTreeMap<String, Arc<[u8]>>> = LazyLock::new(build_guests);
    GUESTS.get(name).unwrap_or_else(|| panic!("no guest `{name}`")).clone()
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
    let bytes = |path: &Path| Arc::from(fs::read(path).unwrap());
    built.into_iter().map(|it| (it.name, bytes(&it.path))).collect()
}

/// A clock that stands still.
pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> f64 {
        1_763_719_200.0
    }
}

/// A host with its own sandbox and workspace. The limits are the defaults,
/// except that time is short.
pub struct TestHost {
    pub sandbox: Arc<Sandbox>,
    pub config: Config,
    executor: Executor,
    tools: Arc<dyn ToolHost>,
    workspace: TempDir,
    strict: bool,
}

/// What a child of a [`TestHost`] is asked to do.
#[derive(Clone, Debug)]
pub struct TestTask {
    agent: String,
    component: Binary,
    toolsets: Vec<String>,
}

impl TestTask {
    /// A task for a test guest, with the toolset `file_read`.
    pub fn new(guest_name: &str) -> Self {
        Self::of_bytes(guest_name, guest(guest_name))
    }

    /// A task for any component.
    pub fn of_bytes(agent: &str, component: Arc<[u8]>) -> Self {
        let toolsets = vec!["file_read".to_owned()];
        Self { agent: agent.to_owned(), component: Binary::new(component), toolsets }
    }

    pub fn toolsets(mut self, toolsets: &[&str]) -> Self {
        self.toolsets = toolsets.iter().map(|it| (*it).to_owned()).collect();
        self
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
        let mut config = Config::load(None).unwrap();
        config.sandbox.max_live_cells = 8;
        config.sandbox.cpu = Duration::from_millis(300);
        config.sandbox.cache_dir = Some(checkout().join("target/components/compiled"));
        config.delegation.interrupt_grace = Duration::from_millis(200);
        change(&mut config);
        let random = Arc::new(OsRandom);
        let sandbox = Arc::new(Sandbox::new(config.sandbox.clone(), random.clone()).unwrap());
        let executor_config = ExecutorConfig {
            max_concurrent_children: config.delegation.max_concurrent_children,
            grace: config.delegation.interrupt_grace,
            cpu: config.sandbox.cpu,
            host_calls: config.sandbox.host_calls,
        };
        let executor =
            Executor::new(sandbox.clone(), Arc::new(FixedClock), random, executor_config);
        let files = FileTools::open(workspace.path(), config.file.clone()).unwrap();
        let tools = Arc::new(Tools::new(files));
        Self { sandbox, config, executor, tools, workspace, strict: false }
    }

    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// With tools of the test's own.
    pub fn tools(mut self, tools: Arc<dyn ToolHost>) -> Self {
        self.tools = tools;
        self
    }

    pub fn workspace(&self) -> &Path {
        self.workspace.path()
    }

    /// Runs a batch that nobody interrupts.
    pub async fn run(&self, tasks: &[TestTask]) -> CompletionEvent {
        let (live, _progress) = Live::new(names(tasks));
        self.run_with(tasks, &live, &Interrupt::new()).await
    }

    pub async fn run_with(
        &self,
        tasks: &[TestTask],
        live: &Live,
        interrupt: &Interrupt,
    ) -> CompletionEvent {
        self.executor.run(self.delegation(tasks), live, interrupt).await
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
        assert_eq!(self.sandbox.usage(), nothing);
    }

    fn delegation(&self, tasks: &[TestTask]) -> Delegation {
        Delegation {
            id: self.executor.new_id(),
            session: Session::Local,
            works: tasks.iter().map(|it| self.work(it)).collect(),
            toolsets: None,
            context: None,
            depth: 1,
            blocked: Blocked::default(),
            strict: self.strict,
            timeout: self.config.delegation.child_timeout,
            tools: self.tools.clone(),
            notes: Vec::new(),
        }
    }

    fn work(&self, task: &TestTask) -> Work {
        let wanted = grant::expand(&task.toolsets).unwrap();
        let plan = TaskPlan {
            goal: format!("run {}", task.agent),
            context: None,
            agent: Some(task.agent.clone()),
            grant: grant::grant(Some(&wanted), &Grant::of_parent(), &Blocked::default()),
            max_iterations: self.config.delegation.max_iterations,
        };
        Work { task: plan, agent: task.agent.clone(), component: task.component.clone() }
    }
}

impl Default for TestHost {
    fn default() -> Self {
        Self::new()
    }
}

/// Goals and agents, for a live view.
pub fn names(tasks: &[TestTask]) -> Vec<(String, String)> {
    tasks.iter().map(|it| (format!("run {}", it.agent), it.agent.clone())).collect()
}
