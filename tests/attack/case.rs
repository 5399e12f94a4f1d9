//! A case is data: who attacks, with what, and what holds it. How it ends
//! stands in `outcomes.txt`.

use std::fmt::Display;

use hermitage::defence::Defence;
use hermitage_tests::attack::Turn;
use serde_json::Value;

use crate::world::World;

/// Who attacks.
#[derive(Clone, Debug)]
pub(crate) enum Component {
    /// One of `tests/guests`.
    Guest(&'static str),
    /// A bundled agent.
    Plugin(&'static str),
    /// Bytes that some tool made, or somebody wrote.
    Bytes(Vec<u8>),
}

/// What makes an outcome what it is: without it the case must fail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Held {
    /// A defence of the code, which has a switch.
    By(Defence),
    /// A limit: its key, and a value under which the attack succeeds.
    Below(&'static str, &'static str),
}

/// Which sandboxes of the terminal a case is run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sandboxes {
    /// No command is run.
    Any,
    /// Both kinds.
    Each,
}

/// One attack.
#[derive(Clone)]
pub(crate) struct Case {
    /// The row of the threat model, and a name.
    pub(crate) id: String,
    pub(crate) component: Component,
    /// Others that attack with it.
    pub(crate) more: Vec<Component>,
    pub(crate) toolsets: Vec<String>,
    pub(crate) goal: String,
    pub(crate) context: Option<String>,
    pub(crate) orchestrator: bool,
    pub(crate) strict: bool,
    pub(crate) interrupt: bool,
    pub(crate) schema: Option<Value>,
    /// Keys and values of the configuration.
    pub(crate) config: Vec<(&'static str, String)>,
    /// What the model says.
    pub(crate) script: Vec<Turn>,
    /// Test guests that it can name, too.
    pub(crate) also: Vec<&'static str>,
    /// Its machine code in the cache is that of the guest `honest`.
    pub(crate) swapped: bool,
    /// What else is put into the world.
    pub(crate) prepare: fn(&World),
    /// What changed in the workspace.
    pub(crate) changes: Vec<String>,
    /// Secrets of the workspace may be told: commands read all of it.
    pub(crate) reads_all: bool,
    /// No honest sibling, which would share its budget.
    pub(crate) alone: bool,
    /// Lines of its outcome that are the same each time.
    pub(crate) lines: usize,
    /// The application's own code panics.
    pub(crate) panics: bool,
    /// The host has tool plugins.
    pub(crate) plugins: bool,
    pub(crate) held: Vec<Held>,
    /// Defences that stand in front of the one that is meant, and are taken
    /// away for this case.
    pub(crate) beneath: Vec<Defence>,
    pub(crate) sandboxes: Sandboxes,
}

/// An attack by a child that may read files.
pub(crate) fn case(id: impl Into<String>, component: Component) -> Case {
    Case {
        id: id.into(),
        component,
        more: Vec::new(),
        toolsets: vec!["file_read".to_owned()],
        goal: "do it".to_owned(),
        context: None,
        orchestrator: false,
        strict: false,
        interrupt: false,
        schema: None,
        config: Vec::new(),
        script: Vec::new(),
        also: Vec::new(),
        swapped: false,
        prepare: |_| (),
        changes: Vec::new(),
        reads_all: false,
        alone: false,
        lines: usize::MAX,
        panics: false,
        plugins: false,
        held: Vec::new(),
        beneath: Vec::new(),
        sandboxes: Sandboxes::Any,
    }
}

/// By a test guest.
pub(crate) fn guest(id: impl Into<String>, name: &'static str) -> Case {
    case(id, Component::Guest(name))
}

/// By a component in text.
pub(crate) fn text(id: impl Into<String>, text: &str) -> Case {
    let id = id.into();
    let bytes = wat::parse_str(text).unwrap_or_else(|it| panic!("{id}: {it}\n{text}"));
    case(id, Component::Bytes(bytes))
}

/// By a child that makes one call.
pub(crate) fn call(
    id: impl Into<String>,
    toolset: &str,
    tool: &str,
    arguments: impl Display,
) -> Case {
    plays(id, toolset, &[format!("{tool} {arguments}")])
}

/// By a child that makes several calls.
pub(crate) fn plays(id: impl Into<String>, toolset: &str, lines: &[String]) -> Case {
    case(id, Component::Guest("plays")).toolsets(&[toolset]).context(&lines.join("\n"))
}

impl Case {
    pub(crate) fn toolsets(self, toolsets: &[&str]) -> Self {
        Self { toolsets: toolsets.iter().map(|it| (*it).to_owned()).collect(), ..self }
    }

    pub(crate) fn goal(self, goal: &str) -> Self {
        Self { goal: goal.to_owned(), ..self }
    }

    pub(crate) fn context(self, context: &str) -> Self {
        Self { context: Some(context.to_owned()), ..self }
    }

    pub(crate) fn orchestrator(self) -> Self {
        Self { orchestrator: true, ..self }
    }

    pub(crate) fn strict(self) -> Self {
        Self { strict: true, ..self }
    }

    pub(crate) fn interrupted(self) -> Self {
        Self { interrupt: true, ..self }
    }

    pub(crate) fn schema(self, schema: Value) -> Self {
        Self { schema: Some(schema), ..self }
    }

    pub(crate) fn config(mut self, key: &'static str, value: impl Display) -> Self {
        self.config.push((key, value.to_string()));
        self
    }

    pub(crate) fn model(self, script: Vec<Turn>) -> Self {
        Self { script, ..self }
    }

    pub(crate) fn also(mut self, guest: &'static str) -> Self {
        self.also.push(guest);
        self
    }

    pub(crate) fn swapped(self) -> Self {
        Self { swapped: true, ..self }
    }

    pub(crate) fn prepare(self, prepare: fn(&World)) -> Self {
        Self { prepare, ..self }
    }

    pub(crate) fn changes(self, paths: &[&str]) -> Self {
        Self { changes: paths.iter().map(|it| (*it).to_owned()).collect(), ..self }
    }

    pub(crate) fn reads_all(self) -> Self {
        Self { reads_all: true, ..self }
    }

    pub(crate) fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    pub(crate) fn lines(self, lines: usize) -> Self {
        Self { lines, ..self }
    }

    pub(crate) fn panics(self) -> Self {
        Self { panics: true, ..self }
    }

    pub(crate) fn held_by(mut self, defence: Defence) -> Self {
        self.held.push(Held::By(defence));
        self
    }

    /// The value of that key in the case is what holds it, and under this one
    /// it would not end so.
    pub(crate) fn held_below(mut self, key: &'static str, value: &'static str) -> Self {
        self.held.push(Held::Below(key, value));
        self
    }

    pub(crate) fn beneath(mut self, defence: Defence) -> Self {
        self.beneath.push(defence);
        self
    }

    pub(crate) fn in_each_sandbox(self) -> Self {
        Self { sandboxes: Sandboxes::Each, ..self }
    }
}
