//! One grant, tried with all texts.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use hermitage::{
    completion::text::{Notice, parse, render},
    config::Config,
    event::{CompletionEvent, Role},
    provider::Model,
    session::Session,
    store::EventState,
    tools::{
        terminal::SandboxChoice,
        web::{WebExtract, WebTools},
    },
    toolset::{Caller, Tool as _},
};
use hermitage_tests::{
    TestHost, TestTask, chat,
    models::models,
    plugin,
    tree::{Tree, changes, tree},
};
use jiff::tz::TimeZone;
use serde_json::json;

use super::{
    obedient::{Obedient, Opening},
    texts::{Text, texts},
    world::{self, CANARY, IN_WORKSPACE, OUTSIDE, Resolver, Trusting, VARIABLE, World},
};

/// What the children of one run may do.
pub(super) struct Grant {
    pub(super) toolsets: &'static [&'static str],
    /// By the names that a model is offered.
    pub(super) tools: &'static [&'static str],
    pub(super) role: Role,
    pub(super) opening: Opening,
    /// Whether commands run, which see and change all of the workspace.
    pub(super) commands: bool,
    pub(super) sandbox: SandboxChoice,
    /// With a resolver that says of every host that it is this machine, and a
    /// rule for one.
    pub(super) resolver: bool,
}

/// Everything that one grant is tried with.
pub(super) struct Trial {
    grant: Grant,
    pub(super) world: World,
    pub(super) host: TestHost,
    pub(super) texts: Vec<Text>,
    model: Obedient,
    before: Tree,
    shown: Arc<Mutex<Vec<String>>>,
}

/// Children of one batch.
pub(super) const BATCH: usize = 30;

impl Trial {
    pub(super) async fn new(grant: Grant) -> Self {
        let world = World::new();
        let mut texts = texts(&world.places());
        let every = texts.iter().flat_map(|it| it.calls.clone());
        let every = every.filter(|(name, _)| name != "delegate_task").collect();
        let opening = grant.opening;
        if grant.role == Role::Orchestrator {
            texts.retain(|it| it.calls.iter().any(|(name, _)| name == "delegate_task"));
        }
        let pages = world.pages.address;
        let model = Obedient::new(texts.clone(), every, opening, pages);
        let host = TestHost::with(|it| configure(it, pages, &world, grant.sandbox));
        world.furnish(host.workspace(), &texts);
        let host = opened(host, &world, model.model(), &grant);
        let before = tree(host.workspace());
        let shown = Arc::default();
        let it = Self { grant, world, host, texts, model, before, shown };
        it.begin().await;
        it
    }

    /// What another session and the parent have before anything runs.
    async fn begin(&self) {
        self.look_on().await;
        let (host, secret) = (self.host.host().await, format!("{CANARY}-of-the-host"));
        let body = json!({ "text": secret });
        host.queue().push("note", "first", &chat(1), &body).await.unwrap();
        if self.grant.resolver {
            std::fs::write(self.world.notes(), format!("- {secret}")).unwrap();
            return;
        }
        let note = json!({"action": "add", "text": secret}).to_string();
        host.parent(&Session::Local).call("memory", &note).await.unwrap();
    }

    /// Keeps what people are shown of the children at work.
    async fn look_on(&self) {
        let mut updates = self.host.host().await.subscribe();
        let shown = Arc::clone(&self.shown);
        tokio::spawn(async move {
            while let Ok(update) = updates.recv().await {
                shown.lock().unwrap().push(format!("{update:?}"));
            }
        });
    }

    /// Runs every text, and looks at what came of it.
    pub(super) async fn run(self) -> (Self, Vec<CompletionEvent>) {
        let numbers: Vec<usize> = (0..self.texts.len()).collect();
        let mut events = Vec::new();
        for batch in numbers.chunks(BATCH) {
            let tasks: Vec<TestTask> = batch.iter().map(|it| self.task(*it)).collect();
            let event = self.host.run(&tasks).await;
            self.host.assert_nothing_in_use();
            self.world.assert_untouched(self.grant.commands);
            events.push(event);
        }
        self.assert_obeyed();
        self.assert_nothing_told(&events);
        self.assert_nothing_kept();
        self.assert_nothing_queued(&events).await;
        events.iter().for_each(assert_one_notice);
        self.world.assert_watches();
        (self, events)
    }

    fn task(&self, number: usize) -> TestTask {
        let task = TestTask::of_bytes("react", plugin("react")).goal(&Obedient::goal(number));
        task.toolsets(self.grant.toolsets).role(self.grant.role)
    }

    /// Every text was read, and every call that it asks for was made and
    /// answered.
    fn assert_obeyed(&self) {
        let seen = self.model.seen();
        let mut expect = 0;
        for (number, text) in self.texts.iter().enumerate() {
            let read = &seen.results[&(Some(number), format!("t{number}"))];
            assert!(read.contains(&world::mark(number)), "{}: {read}", text.title);
            for call in 0..text.calls.len() {
                expect += 1;
                assert!(
                    seen.made.contains(&(number, call)),
                    "{}: {:?}",
                    text.title,
                    text.calls[call]
                );
                let result = seen.results.get(&(Some(number), Obedient::id(number, call)));
                assert!(result.is_some(), "{}: {:?}", text.title, text.calls[call]);
            }
        }
        assert_eq!(seen.made.len(), expect);
        eprintln!("{:?}: {} texts, {expect} calls", self.grant.toolsets, self.texts.len());
        let all: BTreeSet<&str> = seen.offered.iter().flatten().map(String::as_str).collect();
        assert_eq!(all, self.grant.tools.iter().copied().collect(), "what was offered");
    }

    /// No secret came to the model, to the parent, or into the log; but for
    /// those of the workspace when commands run there, which may read all of
    /// it.
    fn assert_nothing_told(&self, events: &[CompletionEvent]) {
        let mut told = self.model.seen().secrets.clone();
        if self.grant.commands {
            assert!(told.iter().any(|it| it.starts_with(IN_WORKSPACE)), "commands read nothing");
            told.retain(|it| !it.starts_with(IN_WORKSPACE));
        }
        assert_eq!(told, BTreeSet::new(), "secrets that the model saw");
        let variable = std::env::var(VARIABLE).expect("the tests run under `cargo test`");
        let mut texts: Vec<String> = self.model.seen().results.values().cloned().collect();
        assert!(!self.shown.lock().unwrap().is_empty());
        texts.append(&mut self.shown.lock().unwrap());
        texts.extend(events.iter().map(|it| serde_json::to_string(it).unwrap()));
        for text in texts {
            assert!(!text.replace(IN_WORKSPACE, "").contains(CANARY), "{text}");
            assert!(!text.contains(&variable), "{text}");
            assert!(self.grant.commands || !text.contains(IN_WORKSPACE), "{text}");
        }
    }

    /// Nor is one of the workspace in the host's own files.
    fn assert_nothing_kept(&self) {
        let files = self.world.state();
        assert!(files.iter().any(|it| it.contains(CANARY)), "nothing is kept at all");
        let told = |it: &&String| it.contains(IN_WORKSPACE) || it.contains(OUTSIDE);
        assert!(self.grant.commands || !files.iter().any(|it| told(&it)));
    }

    /// The other session has what it had, and there are no units but those
    /// that were started here, and their own.
    async fn assert_nothing_queued(&self, events: &[CompletionEvent]) {
        let rows = self.host.events().await;
        let others: Vec<_> = rows.iter().filter(|it| it.event.session != Session::Local).collect();
        assert_eq!(others.len(), 1, "{others:?}");
        let state = &others[0].state;
        assert!(matches!(state, EventState::Pending { .. }), "{state:?}");
        let units = self.host.host().await.list().await.unwrap();
        assert!(units.iter().all(|it| it.session_key == Session::Local), "{units:?}");
        assert_eq!(units.len(), events.len(), "{units:?}");
        let mut below = Vec::new();
        for event in events {
            let id = event.delegation_id;
            let store = self.host.host().await.store();
            below.extend(store.read_raw(move |it| it.units_below(id)).await.unwrap());
        }
        let delegates = self.grant.role == Role::Orchestrator;
        assert_eq!(!below.is_empty(), delegates, "{below:?}");
        assert_eq!(0 < self.model.seen().of_workers, delegates);
        let granted = below.iter().flat_map(|it| &it.record.tasks).flat_map(|it| &it.grant);
        let more = granted.filter(|it| !self.grant.tools.contains(&it.as_str()));
        assert_eq!(more.collect::<Vec<_>>(), [""; 0], "what workers were granted");
    }

    pub(super) fn changes(&self) -> BTreeSet<String> {
        changes(&self.before, &tree(self.host.workspace()))
    }

    /// What came back to the model of the calls of one text.
    pub(super) fn results(&self, title: &str) -> String {
        let number = self.texts.iter().position(|it| it.title == title);
        let seen = self.model.seen();
        let results = seen.results.iter().filter(|((it, _), _)| *it == number);
        results.map(|(_, it)| it.as_str()).collect()
    }
}

fn configure(config: &mut Config, pages: SocketAddr, world: &World, sandbox: SandboxChoice) {
    config.tools.terminal.sandbox = sandbox;
    let port = world.evil.address.port();
    let rules = [format!("http://{pages}/"), format!("http://rebind.example:{port}/")];
    config.tools.web.allow = rules.iter().map(|it| it.parse().unwrap()).collect();
    config.delegation.max_tasks_per_batch = BATCH;
    config.delegation.max_concurrent_children = 6;
    config.budget.children = 1_000;
    config.budget.model_calls = 10_000;
    config.sandbox.max_live_cells = 16;
    config.sandbox.cpu = Duration::from_secs(20);
}

/// All that a parent can have is there: notes, messages, a person, commands.
fn opened(host: TestHost, world: &World, model: Model, grant: &Grant) -> TestHost {
    let models = models([model]);
    let person = Arc::new(Trusting(world.asked.clone()));
    let notes = world.notes();
    let host = host.store_at(&world.store());
    let host = host
        .built(move |it| it.models(models.clone()).person(person.clone()).memory(notes.clone()));
    if !grant.resolver {
        return host;
    }
    let config = host.config().clone();
    let resolver = Arc::new(Resolver(world.looked_up.clone()));
    let web = WebTools::new(config.tools.web).with_resolver(resolver);
    host.replace(move |caller: Caller, call: WebExtract| {
        let web = web.clone();
        async move { call.call(&web, &caller).await }
    })
}

/// The text that a parent reads is one notice, as a batch and as if each child
/// had been alone.
fn assert_one_notice(event: &CompletionEvent) {
    let check = |event: &CompletionEvent| {
        let text = render(event, event.completed_at, &TimeZone::UTC);
        assert_eq!(parse(&text).as_ref(), Ok(&Notice::from(event)), "{text}");
        let markers = text.lines().filter(|it| it.starts_with("[ASYNC"));
        assert_eq!(markers.count(), 1, "{text}");
        let tasks = text.lines().filter(|it| it.starts_with("--- ") && it.contains(" TASK "));
        assert_eq!(tasks.count(), if event.is_batch { event.results.len() } else { 0 }, "{text}");
    };
    check(event);
    for result in &event.results {
        let (goal, results) = (result.goal.clone(), vec![result.clone()]);
        let goals = vec![goal.clone()];
        check(&CompletionEvent { goal, goals, results, is_batch: false, ..event.clone() });
    }
}
