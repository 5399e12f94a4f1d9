//! Runs one case, and looks at it from outside: the host is another process,
//! perhaps of another user, and what it says of itself is the smaller part of
//! what is looked at.

use std::{
    collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration,
};

use hermitage_tests::{
    attack::{Answer, CANARY, Job, Opening, Order, Say},
    guest, plugin,
};
use tempfile::TempDir;

use crate::{
    attacked::{Attacked, Who},
    case::{Case, Component},
    judge::{attacks, judge, secrets, verdict},
    look::Look,
    world::{Seen, Servers, World, give},
};

/// How soon everything that a case used is given back.
const GIVEN_BACK: Duration = Duration::from_secs(3);

/// What is other than it should be; empty when an attack is contained.
pub(crate) type Complaints = Vec<String>;

/// What came of a case.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How it ended, in the words of the host, for the table.
    pub(crate) verdict: String,
    /// How those ended that attacked with it.
    pub(crate) others: Vec<String>,
    /// What the watcher saw besides.
    pub(crate) complaints: Complaints,
}

/// Watches hosts of one user, one after the other.
pub(crate) struct Watcher {
    who: Who,
    base: TempDir,
    servers: Servers,
    attacked: Option<Attacked>,
    started: u32,
}

/// What differs from one run of a case to another.
#[derive(Clone, Default)]
pub(crate) struct Variant {
    /// The kind of sandbox for commands.
    pub(crate) sandbox: Option<&'static str>,
    /// Keys that have another value than in the case.
    pub(crate) config: Vec<(&'static str, String)>,
    /// Defences that are taken away.
    pub(crate) without: Vec<String>,
}

impl Watcher {
    pub(crate) fn new(who: Who) -> Self {
        let base = tempfile::tempdir().unwrap();
        let home = base.path().join("home");
        for (path, text) in [
            (".ssh/id_rsa", format!("{CANARY}-key")),
            (".config/hermitage/config.toml", format!("# {CANARY}-configuration\n")),
            (".bashrc", "true\n".to_owned()),
        ] {
            let path = home.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        for name in ["compiled", "components"] {
            fs::create_dir(base.path().join(name)).unwrap();
        }
        give(base.path(), who.id());
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(base.path().join("compiled"), mode).unwrap();
        Self { who, base, servers: Servers::new(), attacked: None, started: 0 }
    }

    /// Runs a case once.
    pub(crate) fn watch(&mut self, case: &Case, variant: &Variant) -> Outcome {
        let outcome = self
            .run(case, variant)
            .unwrap_or_else(|it| Outcome { complaints: vec![it], ..Outcome::default() });
        let is_whole = variant.without.is_empty() && variant.config.is_empty();
        if !outcome.complaints.is_empty() || !is_whole {
            // What such a host is good for is not known.
            self.attacked = None;
        }
        outcome
    }

    fn run(&mut self, case: &Case, variant: &Variant) -> Result<Outcome, String> {
        let world = World::new(self.base.path(), &self.servers);
        (case.prepare)(&world);
        let cache = match case.swapped {
            true => world.path("cache"),
            false => self.base.path().join("compiled"),
        };
        let mut without: Vec<String> = case.beneath.iter().map(|it| format!("{it:?}")).collect();
        without.extend(variant.without.iter().cloned());
        let config = world.fill(&configuration(case, variant));
        let (script, dir) = (case.script.clone(), world.dir().to_owned());
        let honest = self.job(&world, "honest", &Component::Guest("honest"));
        let order = self.order(case, &world, honest.clone());
        let agents = case.also.iter().map(|it| ((*it).to_owned(), self.kept(it))).collect();
        world.give_to(self.who.id());
        let plugins = case.plugins;
        let opening = Opening { world: dir, cache, config, without, agents, script, plugins };
        if case.swapped {
            self.swap_code(&opening, &order, &honest)?;
        }
        let attacked = self.attacked();
        if let Answer::Refused(text) = attacked.ask(&Say::Open(opening))? {
            let verdict = world.blank(&format!("no host: {text}"));
            return Ok(Outcome { verdict, ..Outcome::default() });
        }
        let warm_up = Order { tasks: vec![honest], strict: false, interrupt: false };
        attacked.ask(&Say::Run(warm_up))?;
        let seen = Before::look(self, &world);
        let answer = self.attacked().ask(&Say::Run(order))?;
        let (ended, mut complaints) = match &answer {
            Answer::Refused(text) => (format!("rejected: {text}"), Vec::new()),
            Answer::Ended(end) => (verdict(&end.event["results"][0]), judge(case, end)),
            other => (format!("{other:?}"), Vec::new()),
        };
        complaints.extend(seen.complaints(self, &world, case));
        self.attacked().ask(&Say::Close)?;
        let others = match &answer {
            Answer::Ended(end) => attacks(end).iter().skip(1).map(verdict).collect(),
            _ => Vec::new(),
        };
        let kept: Vec<&str> = ended.lines().take(case.lines).collect();
        let verdict = world.blank(&kept.join("\n"));
        Ok(Outcome { verdict, others, complaints })
    }

    /// Has both compiled, and puts the code of the honest one into the file of
    /// the other one.
    fn swap_code(&mut self, opening: &Opening, order: &Order, honest: &Job) -> Result<(), String> {
        self.attacked().ask(&Say::Open(opening.clone()))?;
        self.attacked().ask(&Say::Run(order.clone()))?;
        self.attacked().ask(&Say::Close)?;
        let file = |job: &Job| {
            let digest = blake3::hash(&fs::read(&job.component).unwrap()).to_hex();
            let files = fs::read_dir(&opening.cache).unwrap().map(|it| it.unwrap().path());
            let mut own = files.filter(|it| it.to_string_lossy().contains(digest.as_str()));
            own.next().unwrap()
        };
        let code = fs::read(file(honest)).unwrap();
        fs::write(file(&order.tasks[0]), code).unwrap();
        Ok(())
    }

    fn order(&self, case: &Case, world: &World, honest: Job) -> Order {
        let attack = Job {
            toolsets: case.toolsets.clone(),
            goal: world.fill(&case.goal),
            context: case.context.as_deref().map(|it| world.fill(it)),
            orchestrator: case.orchestrator,
            schema: case.schema.clone(),
            ..self.job(world, "attack", &case.component)
        };
        let others = case.more.iter().enumerate().map(|(at, component)| Job {
            agent: format!("attack-{at}"),
            component: self.job(world, &format!("attack-{at}"), component).component,
            ..attack.clone()
        });
        let mut tasks: Vec<Job> = others.collect();
        tasks.insert(0, attack);
        tasks.extend((!case.alone).then_some(honest));
        Order { tasks, strict: case.strict, interrupt: case.interrupt }
    }

    /// The component of a test guest, or of a bundled agent, where the host
    /// can read it.
    fn kept(&self, name: &str) -> PathBuf {
        let path = self.base.path().join("components").join(format!("{name}.wasm"));
        if !path.exists() {
            let is_plugin = hermitage_tests::guest_names().iter().all(|it| it != name);
            let bytes = if is_plugin { plugin(name) } else { guest(name) };
            fs::write(&path, bytes).unwrap();
        }
        path
    }

    /// A task for a component.
    fn job(&self, world: &World, agent: &str, component: &Component) -> Job {
        let (agent, component) = match component {
            Component::Guest(name) | Component::Plugin(name) => (*name, self.kept(name)),
            Component::Bytes(bytes) => {
                let path = world.path(&format!("{agent}.wasm"));
                fs::write(&path, bytes).unwrap();
                (agent, path)
            }
        };
        Job {
            agent: agent.to_owned(),
            component,
            toolsets: vec!["file_read".to_owned()],
            goal: "do it".to_owned(),
            context: None,
            orchestrator: false,
            schema: None,
        }
    }

    fn attacked(&mut self) -> &mut Attacked {
        let (base, who) = (self.base.path(), self.who);
        self.attacked.get_or_insert_with(|| {
            self.started += 1;
            Attacked::start(base, who, self.started)
        })
    }
}

/// What was there before a case.
struct Before {
    seen: Seen,
    look: Look,
    logged: usize,
    connections: usize,
}

impl Before {
    fn look(watcher: &mut Watcher, world: &World) -> Self {
        let seen = world.look(watcher.base.path());
        let connections = watcher.servers.evil.requests().len();
        let attacked = watcher.attacked();
        let look = Look::at(attacked.process.id(), &attacked.temporary);
        let logged = fs::read(&attacked.log).unwrap().len();
        Self { seen, look, logged, connections }
    }

    fn complaints(&self, watcher: &mut Watcher, world: &World, case: &Case) -> Complaints {
        let mut found = Vec::new();
        let [outside, workspace] = self.seen.changes(&world.look(watcher.base.path()));
        if !outside.is_empty() {
            found.push(format!("changed outside of the workspace: {outside:?}"));
        }
        let expect: Vec<String> = case.changes.iter().map(|it| world.fill(it)).collect();
        if workspace.iter().ne(&expect) {
            found.push(format!("changed in the workspace: {workspace:?}, expected {expect:?}"));
        }
        let connections = watcher.servers.evil.requests().split_off(self.connections);
        if !connections.is_empty() {
            found.push(format!("connected to whom nobody may: {connections:?}"));
        }
        found.extend(secrets(case, "the store", &world.stored()));
        let attacked = watcher.attacked();
        let log = fs::read(&attacked.log).unwrap().split_off(self.logged);
        found.extend(secrets(case, "the log", &log));
        // A guest's own are quoted within a line.
        let log = String::from_utf8_lossy(&log);
        let panics = log.lines().filter(|it| it.starts_with("thread '")).count();
        if panics != usize::from(case.panics) {
            found.push(format!("the host panicked {panics} times"));
        }
        let (id, temporary) = (attacked.process.id(), attacked.temporary.clone());
        found.extend(self.look.back_within(GIVEN_BACK, || Look::at(id, &temporary)));
        found
    }
}

fn configuration(case: &Case, variant: &Variant) -> String {
    let fixed = [
        ("sandbox.max_live_cells", "8"),
        ("delegation.child_timeout_seconds", "20"),
        ("delegation.interrupt_grace_seconds", "1"),
        ("tools.web.allow", r#"["http://{PAGES}/"]"#),
        ("tools.terminal.sandbox", r#""auto""#),
    ];
    let mut values: BTreeMap<&str, String> =
        fixed.into_iter().map(|(key, value)| (key, value.to_owned())).collect();
    values.extend(case.config.iter().cloned());
    values.extend(variant.sandbox.map(|it| ("tools.terminal.sandbox", format!("{it:?}"))));
    values.extend(variant.config.iter().cloned());
    values.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}
