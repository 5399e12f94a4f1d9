//! A plugin or an agent as a person reads of it, and as JSON.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    cli::when::date,
    completion::sanitize::clean_line,
    plugin::{
        Approval, Manifest,
        bundled::tools::{BundledError, BundledPlugin},
        installed::InstalledPlugin,
    },
    toolset::{ToolSpec, native::full_name},
};

/// Characters of one line: parts of it come from a stranger.
const MAX_LINE_CHARS: usize = 1_500;

/// Characters of the arguments of a tool.
const MAX_ARGUMENTS_CHARS: usize = 200;

/// How it got here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Kind {
    /// A tool plugin that a person has added.
    Installed,
    /// A tool plugin that the program brings along.
    Bundled,
    /// A tool plugin that is not added.
    Offered,
    /// A component that does tasks.
    Agent,
}

/// What is told of one. `schema/plugin.json` describes it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct Sheet {
    /// By which it is granted, or run.
    pub(super) name: String,
    /// How it got here.
    pub(super) kind: Kind,
    /// Its author's; absent where there is no manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    /// In its author's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    /// BLAKE3 of the component, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) component: Option<String>,
    /// What it may do, one sentence each; of an agent what it can do as far as
    /// it is granted.
    pub(super) may: Vec<String>,
    /// Its tools.
    pub(super) tools: Vec<ToolSheet>,
    /// The interfaces that it imports, where it was looked into.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) imports: Vec<String>,
    /// When a person agreed to it, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) approved_at: Option<f64>,
    /// Why it can't be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
}

/// One tool of a plugin.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::cli) struct ToolSheet {
    /// By which it is granted and called.
    pub(super) name: String,
    /// As a model reads it.
    pub(super) description: String,
    /// JSON Schema of its arguments.
    pub(super) parameters: Value,
}

impl Sheet {
    /// Of what a person agreed to, or is asked to agree to.
    pub(super) fn of(kind: Kind, manifest: &Manifest, approval: &Approval) -> Self {
        Self {
            name: approval.name.clone(),
            kind,
            version: approval.manifest.map(|_| approval.version.to_string()),
            description: manifest.description.clone(),
            component: Some(approval.digest.to_hex().to_string()),
            may: approval.asks.clone(),
            tools: approval.tools.iter().map(|it| ToolSheet::of(&approval.name, it)).collect(),
            imports: Vec::new(),
            approved_at: (kind == Kind::Installed).then_some(approval.approved_at),
            problem: None,
        }
    }

    /// Of one that was added.
    pub(super) fn installed(it: &InstalledPlugin) -> Self {
        Self::of(Kind::Installed, &it.manifest, &it.approval)
    }

    /// Of one that the program brings along.
    pub(super) fn bundled(it: &BundledPlugin) -> Result<Self, BundledError> {
        let (manifest, plugin) = (it.manifest()?, it.plugin()?);
        Ok(Self {
            kind: Kind::Bundled,
            version: Some(manifest.version.to_string()),
            description: manifest.description.clone(),
            component: Some(plugin.digest.to_hex().to_string()),
            may: manifest.asks.words(),
            tools: plugin.tools.iter().map(|tool| ToolSheet::of(it.name, tool)).collect(),
            problem: None,
            ..Self::damaged(it.name, String::new())
        })
    }

    /// Of one that can't be used.
    pub(super) fn damaged(name: &str, problem: String) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Installed,
            version: None,
            description: String::new(),
            component: None,
            may: Vec::new(),
            tools: Vec::new(),
            imports: Vec::new(),
            approved_at: None,
            problem: Some(problem),
        }
    }

    /// `github 0.1.0: Issues, files and search of GitHub`.
    pub(super) fn title(&self) -> String {
        let version = self.version.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
        let colon = if self.description.is_empty() { "" } else { ": " };
        line("", &format!("{}{version}{colon}{}", self.name, self.description))
    }

    /// All that a person has to know before they agree.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![self.title()];
        lines.extend(self.component.iter().map(|it| line("", &format!("blake3:{it}"))));
        lines.extend(self.approved_at.map(|it| format!("approved {}", date(it))));
        let mut part = |heading: &str, items: Vec<String>| {
            if !items.is_empty() {
                lines.push(String::new());
                lines.push(heading.to_owned());
                lines.extend(items.iter().map(|it| line("  ", it)));
            }
        };
        match self.kind {
            Kind::Agent => part("What it can do, as far as it is granted:", self.may.clone()),
            _ => part("What it may do:", self.may.clone()),
        }
        part("Its tools, in its own words:", self.tools.iter().map(ToolSheet::line).collect());
        part("What it imports:", self.imports.clone());
        part("Why it can't be used:", self.problem.iter().cloned().collect());
        lines.join("\n")
    }
}

impl ToolSheet {
    fn of(plugin: &str, tool: &ToolSpec) -> Self {
        Self {
            name: full_name(plugin, &tool.name),
            description: tool.description.clone(),
            parameters: serde_json::from_str(&tool.parameters).unwrap_or_default(),
        }
    }

    /// `github/create_issue(repo, title, body?): Opens an issue`.
    fn line(&self) -> String {
        format!("{}({}): {}", self.name, arguments(&self.parameters), self.description)
    }
}

/// The names of the arguments; those that may be left out with a `?`.
pub(in crate::cli) fn arguments(schema: &Value) -> String {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |it: &str| required.is_some_and(|all| all.iter().any(|name| name == it));
    let properties = schema.get("properties").and_then(Value::as_object);
    let name = |it: &String| format!("{it}{}", if is_required(it) { "" } else { "?" });
    let names: Vec<String> = properties.into_iter().flat_map(|it| it.keys().map(name)).collect();
    clean_line(&names.join(", "), MAX_ARGUMENTS_CHARS)
}

/// One line that nothing in it can break.
pub(in crate::cli) fn line(indent: &str, text: &str) -> String {
    format!("{indent}{}", clean_line(text, MAX_LINE_CHARS))
}
