//! The tools of a plugin, as a registry takes them: each call is a visit of the
//! component, with what the plugin was approved for and its caller has.
//!
//! **Invariant:** a plugin has for one call what it was approved for, and of the
//! workspace no more than its caller itself may use. Both are known to the
//! host, and neither comes with the arguments.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use tokio::{sync::OnceCell, task::spawn_blocking};

use super::{
    describe::{Described, admit},
    manifest::Manifest,
    secrets::Secrets,
    settings::Personal,
};
use crate::{
    boundary::{Access, Asks, SettingAsk},
    completion::sanitize::clean_line,
    defence::{Defence, Defences},
    plain_file,
    sandbox::{AdmittedPlugin, Binary, Given, LogLine, PluginCall, Sandbox},
    tools::{
        Handles,
        file::{FileTools, ReadFile, Tree, WriteFile},
        web::Outgoing,
    },
    toolset::{
        Caller, Effect, Grant, NativeTool, Tool, ToolError, ToolSpec,
        native::{NativeFuture, PrepareFuture},
    },
};

/// Characters of one line of a plugin's log in the host's own.
const MAX_LOG_CHARS: usize = 1_000;

/// A plugin that somebody has agreed to.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// Its name, and that of its toolset.
    pub name: String,
    /// What it may use.
    pub asks: Asks,
    /// What is said of its tools, each by the plugin's own name for it.
    pub tools: Vec<ToolSpec>,
    /// BLAKE3 of its component's bytes.
    pub digest: blake3::Hash,
    /// Where its component is.
    pub component: Component,
}

/// Where the component of a plugin is.
#[derive(Clone, Debug)]
pub enum Component {
    /// At hand.
    Bytes(Binary),
    /// In the program, which has its digest; taken again when a child first
    /// holds one of its tools.
    Bundled(&'static [u8]),
    /// On disk; it is read, and its digest compared, when a child first holds
    /// one of its tools.
    File(PathBuf),
}

impl Plugin {
    /// Of what was described, and somebody agreed to.
    pub fn approved(manifest: &Manifest, described: &Described, component: Binary) -> Self {
        Self {
            name: manifest.name.clone(),
            asks: manifest.asks.clone(),
            tools: described.tools.clone(),
            digest: *component.digest(),
            component: Component::Bytes(component),
        }
    }

    /// Its tools, as a host runs them.
    pub fn into_tools(self, place: &Place) -> Vec<Arc<dyn NativeTool>> {
        let tools = self.tools.clone();
        let Personal { secrets, settings } =
            place.personal.get(&self.name).cloned().unwrap_or_default();
        let shared = Arc::new(Shared {
            secrets: Secrets::new(&self.name, secrets),
            settings: settings_of(&self.asks.settings, &settings),
            plugin: self,
            place: place.clone(),
            admitted: OnceCell::new(),
        });
        let tool = |spec| Arc::new(PluginTool { spec, shared: Arc::clone(&shared) }) as _;
        tools.into_iter().map(tool).collect()
    }
}

/// What plugins of one host run with.
#[derive(Clone)]
pub struct Place {
    /// Runs them.
    pub sandbox: Arc<Sandbox>,
    /// The workspace and the web client.
    pub handles: Handles,
    /// What the person set for each of them, by name.
    pub personal: Arc<BTreeMap<String, Personal>>,
    /// Bytes that are read of a component.
    pub max_bytes: u64,
    /// All of them, but in tests.
    pub defences: Defences,
}

/// What the tools of one plugin share.
struct Shared {
    plugin: Plugin,
    place: Place,
    secrets: Secrets,
    settings: Arc<BTreeMap<String, String>>,
    admitted: OnceCell<Arc<AdmittedPlugin>>,
}

struct PluginTool {
    spec: ToolSpec,
    shared: Arc<Shared>,
}

impl NativeTool for PluginTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn call(&self, caller: Caller, arguments: String) -> NativeFuture {
        let (shared, tool) = (Arc::clone(&self.shared), self.spec.name.clone());
        Box::pin(async move { shared.call(caller, tool, arguments).await })
    }

    fn prepare(&self) -> PrepareFuture {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            // Its first call says why.
            if let Err(err) = shared.admitted().await {
                tracing::warn!(plugin = shared.plugin.name, %err, "a plugin can't be run");
            }
        })
    }

    /// One that computes can be called again.
    fn effect(&self) -> Effect {
        let asks = &self.shared.plugin.asks;
        let writes = asks.workspace.as_ref().is_some_and(|it| it.access == Access::ReadWrite);
        if writes || asks.has_http() { Effect::Once } else { Effect::None }
    }

    fn digest(&self) -> Option<String> {
        Some(self.shared.plugin.digest.to_hex().to_string())
    }
}

impl Shared {
    async fn call(
        &self,
        caller: Caller,
        tool: String,
        arguments: String,
    ) -> Result<String, ToolError> {
        let plugin = self.admitted().await?;
        let files = self.files(&caller.grant).await?;
        let http = self.http().await;
        let settings = Arc::clone(&self.settings);
        let given = Given { files: files.tree.clone(), http: http.clone(), settings };
        let call = PluginCall { plugin, tool, arguments, given, caller };
        let called = self.place.sandbox.call(call).await;
        self.log(called.log.into_iter(), http.as_deref());
        let answer = called.answer.map_err(|it| files.noted(&self.plugin.name, it));
        match http {
            Some(http) => http.redact_answer(answer).await,
            None => answer,
        }
    }

    /// The requests that it asks for.
    async fn http(&self) -> Option<Arc<Outgoing>> {
        let asks = &self.plugin.asks;
        let web = self.place.handles.web.as_ref().filter(|_| asks.has_http())?;
        Some(Arc::new(self.secrets.outgoing(web, asks).await))
    }

    /// Compiled, decided and linked: once, and again after an error.
    async fn admitted(&self) -> Result<Arc<AdmittedPlugin>, ToolError> {
        let admitted = self.admitted.get_or_try_init(|| async {
            let component = self.component().await?;
            let admitted = admit(&self.place.sandbox, &self.plugin.asks, &component).await;
            admitted.map(|(it, _)| Arc::new(it)).map_err(|it| self.failed(&it.to_string()))
        });
        admitted.await.cloned()
    }

    /// The very bytes that were approved.
    async fn component(&self) -> Result<Binary, ToolError> {
        let binary = match &self.plugin.component {
            Component::Bytes(binary) => binary.clone(),
            Component::Bundled(bytes) => Binary::new(*bytes),
            Component::File(path) => {
                let (path, max_bytes) = (path.clone(), self.place.max_bytes);
                let read = move || plain_file::bytes(plain_file::open(&path)?, max_bytes);
                let read = spawn_blocking(read).await;
                let read = read.map_err(|_| self.failed("the host crashed"))?;
                Binary::new(read.map_err(|it| self.failed(&it.to_string()))?)
            }
        };
        if *binary.digest() != self.plugin.digest && self.place.defences.has(Defence::PluginDigest)
        {
            let name = &self.plugin.name;
            return Err(self.failed(&format!(
                "its component is not the one that was approved: `hermitage plugin check {name}` \
                 says more"
            )));
        }
        Ok(binary)
    }

    /// The part of the workspace that it was approved for, as far as its caller
    /// may use that itself.
    async fn files(&self, caller: &Grant) -> Result<Files, ToolError> {
        let Some(asked) = &self.plugin.asks.workspace else {
            return Ok(Files::default());
        };
        let checks = self.place.defences.has(Defence::CallersFiles);
        let reads = !checks || holds::<ReadFile>(caller);
        let writes = asked.access == Access::ReadWrite && (!checks || holds::<WriteFile>(caller));
        let missing = match asked.access {
            _ if !reads => Some(ReadFile::NAME),
            Access::ReadWrite if !writes => Some(WriteFile::NAME),
            _ => None,
        };
        let Some(files) = self.place.handles.files.clone().filter(|_| reads) else {
            return Ok(Files { tree: None, missing });
        };
        let tree = self.tree(files, asked.subtree.clone(), writes).await?;
        Ok(Files { tree: Some(tree), missing })
    }

    /// Opening it asks the file system, which blocks.
    async fn tree(
        &self,
        files: FileTools,
        subtree: String,
        writes: bool,
    ) -> Result<Arc<Tree>, ToolError> {
        let opened = spawn_blocking(move || files.tree(&subtree, writes)).await;
        opened.map_err(|_| self.failed("the host crashed"))?.map(Arc::new)
    }

    fn failed(&self, why: &str) -> ToolError {
        ToolError::Failed(format!("the plugin `{}` can't be run: {why}", self.plugin.name))
    }

    fn log(&self, lines: impl Iterator<Item = LogLine>, http: Option<&Outgoing>) {
        // Cleaning a full log for nobody would cost more than most calls.
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        for line in lines {
            let text = http.map_or(line.text.clone(), |it| it.redact(line.text.clone()));
            let text = clean_line(&text, MAX_LOG_CHARS);
            tracing::debug!(plugin = self.plugin.name, level = ?line.level, "{text}");
        }
    }
}

/// The files of one call.
#[derive(Default)]
struct Files {
    tree: Option<Arc<Tree>>,
    /// What the caller would have to hold for the rest of it.
    missing: Option<&'static str>,
}

impl Files {
    /// An error, with what the plugin could not have: it would otherwise be
    /// looked for in the workspace.
    fn noted(&self, plugin: &str, err: ToolError) -> ToolError {
        match (self.missing, err) {
            (Some(tool), ToolError::Failed(text)) => ToolError::Failed(format!(
                "{text}\nnote: the caller holds no `{tool}`, and so `{plugin}` has less of the \
                 workspace than it asks for"
            )),
            (_, err) => err,
        }
    }
}

fn holds<T: Tool>(grant: &Grant) -> bool {
    grant.iter().any(|it| it.name() == T::NAME)
}

/// What the person set of what is asked for, and what the manifest says where
/// nothing is set.
fn settings_of(
    asks: &[SettingAsk],
    personal: &BTreeMap<String, String>,
) -> Arc<BTreeMap<String, String>> {
    let text = |it: &SettingAsk| personal.get(&it.name).cloned().or_else(|| it.default.clone());
    let found = asks.iter().filter_map(|it| Some((it.name.clone(), text(it)?)));
    Arc::new(found.collect())
}
