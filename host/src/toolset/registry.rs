//! The registry: the toolsets and tools that a host has, by name.
//!
//! Made when the host starts: of the toolsets that the program brings along,
//! then of the tools that the application adds; what is found at run time
//! enters by the same door. Everything that wants to know something of a tool
//! asks here, and whoever calls one gets its work here.

use std::{any::TypeId, collections::HashMap, fmt, sync::Arc};

use crate::completion::sanitize::clean_line;

use super::{
    call::{Caller, ToolError},
    declared::Declared,
    grant::{Grant, Withheld},
    id::{Effect, HeldBy, Identity, ToolId},
    native::{NativeError, NativeTool, checked, checked_of_plugin, full_name, is_plugin_name},
    spec::ToolSpec,
    taken::{Origin, Taken},
    tool::Tool,
    work::{AnyWork, Hosted, Native, Typed, Work, Written},
};

/// Characters of a name that is none, in an error.
const MAX_SHOWN_CHARS: usize = 64;

/// A named set of tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolset {
    /// As in a grant list.
    pub name: String,
    /// What it stands for.
    pub tools: Vec<ToolId>,
    /// Who brought it.
    pub origin: Origin,
}

impl Toolset {
    /// Whether a child can be granted it.
    pub fn is_offered(&self) -> bool {
        !self.tools.iter().any(|it| it.is_parents_own())
    }
}

/// A tool that the program brings along, in the list of a toolset that is
/// opened as an `H`.
pub struct Declaration<H> {
    /// What is known of it before anything is opened.
    pub declared: Declared,
    /// Has that host do its work.
    pub open: fn(&mut Registry, &Arc<H>),
}

impl<H: Send + Sync + 'static> Declaration<H> {
    /// Of that tool.
    pub const fn of<T: Tool<Host = H>>() -> Self {
        Self { declared: Declared::of::<T>(), open: Registry::open::<T> }
    }
}

/// Why a list of toolsets is no request for a grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// No tool or toolset has this name.
    #[error("unknown toolset or tool `{name}`: known are {known}")]
    Unknown {
        /// As it was asked for.
        name: String,
        /// The names that can be granted, separated by commas.
        known: String,
    },
}

/// A type that declares no tool of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the host has no tool `{0}` of that type, whose work could be replaced\n\
     hint: `hermitage::host_tools` has the types of those that there are"
)]
pub struct NotDeclared(pub &'static str);

#[derive(Clone)]
struct Entry {
    id: ToolId,
    origin: Origin,
    /// Of a tool that is declared.
    type_id: Option<TypeId>,
    /// `None` where nobody does it: declared alone, or withheld.
    work: Option<Arc<dyn AnyWork>>,
}

/// The toolsets and tools of one host.
#[derive(Clone, Default)]
pub struct Registry {
    toolsets: Vec<Toolset>,
    tools: HashMap<&'static str, Entry>,
    withheld: Arc<Withheld>,
}

impl Registry {
    /// Of the toolsets that a program brings along, by name, in the order of the
    /// list, which is the order of the catalogue. Several can hold one tool.
    /// Nothing is opened.
    pub fn of_declared(sets: &[(&str, Vec<Declared>)]) -> Self {
        let mut res = Self::default();
        for (name, tools) in sets {
            let tools = tools.iter().map(|it| res.declare(it, sets)).collect();
            let name = (*name).to_owned();
            res.toolsets.push(Toolset { name, tools, origin: Origin::Host });
        }
        res
    }

    fn declare(&mut self, tool: &Declared, sets: &[(&str, Vec<Declared>)]) -> ToolId {
        if let Some(found) = self.get(tool.name) {
            return found;
        }
        let holds = |it: &&(&str, Vec<Declared>)| it.1.iter().any(|it| it.name == tool.name);
        let smallest = sets.iter().filter(holds).min_by_key(|it| it.1.len());
        let id = ToolId::intern(Identity {
            place: self.tools.len(),
            spec: (tool.spec)(),
            toolset: smallest.map_or(tool.name, |it| it.0).to_owned(),
            held_by: tool.held_by,
            effect: tool.effect,
        });
        self.tools.insert(
            id.name(),
            Entry { id, origin: Origin::Host, type_id: Some(tool.type_id), work: None },
        );
        id
    }

    /// The tool of that name.
    pub fn get(&self, name: &str) -> Option<ToolId> {
        self.tools.get(name).map(|it| it.id)
    }

    /// The id of a tool with types.
    ///
    /// # Errors
    ///
    /// This host has it not.
    pub fn id<T: Tool>(&self) -> Result<ToolId, ToolError> {
        self.get(T::NAME).ok_or_else(|| nobody(T::NAME))
    }

    /// The toolset of that name.
    pub fn toolset(&self, name: &str) -> Option<&Toolset> {
        self.toolsets.iter().find(|it| it.name == name)
    }

    /// Every toolset, in the order of the catalogue.
    pub fn toolsets(&self) -> &[Toolset] {
        &self.toolsets
    }

    /// Every tool, in the order of the catalogue.
    pub fn tools(&self) -> Vec<ToolId> {
        let mut res: Vec<ToolId> = self.tools.values().map(|it| it.id).collect();
        res.sort_unstable();
        res
    }

    /// What a top-level caller holds: every tool that this host has, those
    /// that are the parent's own among them.
    pub fn held(&self) -> Grant {
        self.withheld.less(&self.tools().into_iter().collect())
    }

    /// What this host has not, and why.
    pub fn withheld(&self) -> &Arc<Withheld> {
        &self.withheld
    }

    /// The tools that a list of toolset and tool names stands for.
    pub fn expand<S: AsRef<str>>(&self, names: &[S]) -> Result<Grant, GrantError> {
        let tools =
            names.iter().map(|it| self.named(it.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Ok(tools.into_iter().flatten().collect())
    }

    fn named(&self, name: &str) -> Result<Vec<ToolId>, GrantError> {
        let tools = self.toolset(name).map(|it| it.tools.clone());
        let tools = tools.or_else(|| self.get(name).map(|it| vec![it]));
        tools.ok_or_else(|| {
            let offered = self.toolsets.iter().filter(|it| it.is_offered());
            let known: Vec<String> = offered.map(|it| format!("`{}`", it.name)).collect();
            GrantError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })
    }

    /// Has the host of its toolset do the work of a tool.
    fn open<T: Tool>(&mut self, host: &Arc<T::Host>) {
        self.set_work(T::NAME, Arc::new(Typed::<T>(Arc::new(Hosted(Arc::clone(host))))));
    }

    /// Has somebody else do the work of a tool, and offers it if it was
    /// withheld. The last who says so does it.
    ///
    /// # Errors
    ///
    /// No tool is declared by that type, whatever name it gives itself.
    pub fn replace<T: Tool>(&mut self, work: impl Work<T>) -> Result<(), NotDeclared> {
        let declared = self.tools.get(T::NAME).filter(|it| it.type_id == Some(TypeId::of::<T>()));
        let id = declared.map(|it| it.id).ok_or(NotDeclared(T::NAME))?;
        self.set_work(T::NAME, Arc::new(Typed::<T>(Arc::new(work))));
        Arc::make_mut(&mut self.withheld).remove(id);
        Ok(())
    }

    fn set_work(&mut self, name: &str, work: Arc<dyn AnyWork>) {
        if let Some(entry) = self.tools.get_mut(name) {
            entry.work = Some(work);
        }
    }

    /// Leaves a tool out, for a reason. `is_told`: also to those who did not
    /// name it, since they have less than was promised.
    pub fn withhold(&mut self, name: &str, reason: &str, is_told: bool) {
        let Some(id) = self.get(name) else {
            return;
        };
        let withheld = Arc::make_mut(&mut self.withheld);
        match is_told {
            true => withheld.add(id, reason),
            false => withheld.add_quietly(id, reason),
        }
    }

    /// Checks what a tool of the application says of itself, and takes it.
    ///
    /// # Errors
    ///
    /// What it says is wrong, or its name is another's.
    pub fn add(&mut self, tool: Arc<dyn NativeTool>) -> Result<ToolId, NativeError> {
        let spec = checked(tool.spec())?;
        let name = spec.name.clone();
        self.check_free(&name, Origin::Application)?;
        let id = self.enter(spec, &name, Origin::Application, Arc::new(Native::bounded(tool)));
        self.enter_toolset(name, vec![id], Origin::Application);
        Ok(id)
    }

    /// Checks what a plugin and its tools say of themselves, and takes all of
    /// them as a toolset of its name, or none.
    ///
    /// # Errors
    ///
    /// What one says is wrong, or a name is another's: neither the plugin nor a
    /// tool of it is named as a tool or toolset of the host.
    pub fn add_plugin(
        &mut self,
        name: &str,
        tools: Vec<Arc<dyn NativeTool>>,
    ) -> Result<(), NativeError> {
        self.add_foreign(name, tools, Origin::Plugin)
    }

    /// The same for the tools of a server that speaks MCP.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn add_server(
        &mut self,
        name: &str,
        tools: Vec<Arc<dyn NativeTool>>,
    ) -> Result<(), NativeError> {
        self.add_foreign(name, tools, Origin::Server)
    }

    fn add_foreign(
        &mut self,
        name: &str,
        tools: Vec<Arc<dyn NativeTool>>,
        origin: Origin,
    ) -> Result<(), NativeError> {
        let specs = tools.iter().map(|it| it.spec()).collect();
        let specs = self.check_foreign(name, specs, origin.clone())?;
        let entered = specs.into_iter().zip(tools).map(|(spec, tool)| {
            // A tool that is named as its plugin stands for it alone.
            let full = match origin {
                Origin::Server => format!("{name}/{}", spec.name),
                _ => full_name(name, &spec.name),
            };
            let spec = ToolSpec { name: full, ..spec };
            self.enter(spec, name, origin.clone(), Arc::new(Native::bounded(tool)))
        });
        let ids = entered.collect();
        self.enter_toolset(name.to_owned(), ids, origin);
        Ok(())
    }

    /// Takes a tool that another host has, for a child of it that runs here: its
    /// calls are made there. `None` when its name is another tool's.
    pub(crate) fn add_far(&mut self, spec: ToolSpec, toolset: &str) -> Option<ToolId> {
        if self.tools.contains_key(spec.name.as_str()) {
            return None;
        }
        let (toolset, held_by) = (toolset.to_owned(), HeldBy::Anyone);
        let (place, effect) = (Identity::LAST, Effect::default());
        let id = ToolId::intern(Identity { place, spec, toolset, held_by, effect });
        let origin = Origin::Application;
        self.tools.insert(id.name(), Entry { id, origin, type_id: None, work: None });
        Some(id)
    }

    /// What the tools of a plugin say of themselves, in the form that is kept,
    /// each by the name that the plugin itself has for it.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn check_plugin(
        &self,
        name: &str,
        specs: Vec<ToolSpec>,
    ) -> Result<Vec<ToolSpec>, NativeError> {
        self.check_foreign(name, specs, Origin::Plugin)
    }

    fn check_foreign(
        &self,
        name: &str,
        specs: Vec<ToolSpec>,
        comer: Origin,
    ) -> Result<Vec<ToolSpec>, NativeError> {
        if !is_plugin_name(name) {
            return Err(NativeError::PluginName(clean_line(name, MAX_SHOWN_CHARS)));
        }
        self.check_free(name, comer)?;
        let mut res: Vec<ToolSpec> = Vec::new();
        for spec in specs {
            let tool = spec.name.clone();
            let spec = checked_of_plugin(spec)?;
            // A model that reads of `x/read_file` takes it for the host's own.
            self.check_not_the_hosts(&tool)?;
            if res.iter().any(|it| it.name == spec.name) {
                return Err(NativeError::Twice { plugin: name.to_owned(), tool });
            }
            res.push(spec);
        }
        if res.is_empty() { Err(NativeError::NoTools(name.to_owned())) } else { Ok(res) }
    }

    fn check_free(&self, name: &str, comer: Origin) -> Result<(), NativeError> {
        let taken = |holder| Taken { name: name.to_owned(), holder, comer }.into();
        self.holder(name).map_or(Ok(()), |it| Err(taken(it)))
    }

    fn check_not_the_hosts(&self, name: &str) -> Result<(), NativeError> {
        match self.holder(name) {
            Some(Origin::Host) => Err(NativeError::HostsName(name.to_owned())),
            _ => Ok(()),
        }
    }

    /// The only door for a tool that is not declared: what it says of itself was
    /// checked, and its name is nobody else's.
    fn enter(
        &mut self,
        spec: ToolSpec,
        toolset: &str,
        origin: Origin,
        work: Arc<dyn AnyWork>,
    ) -> ToolId {
        let (toolset, held_by, effect) = (toolset.to_owned(), HeldBy::Anyone, work.effect());
        let place = Identity::LAST;
        let id = ToolId::intern(Identity { place, spec, toolset, held_by, effect });
        self.tools.insert(id.name(), Entry { id, origin, type_id: None, work: Some(work) });
        id
    }

    /// After those of the host, in the order of their names.
    fn enter_toolset(&mut self, name: String, tools: Vec<ToolId>, origin: Origin) {
        let is_before = |it: &Toolset| it.origin == Origin::Host || it.name < name;
        let place = self.toolsets.partition_point(is_before);
        self.toolsets.insert(place, Toolset { name, tools, origin });
    }

    /// Makes the tools of a grant ready, before a child that holds them starts.
    pub async fn prepare(&self, grant: &Grant) {
        for work in grant.iter().filter_map(|it| self.tools.get(it.name())?.work.as_ref()) {
            work.prepare().await;
        }
    }

    /// The toolsets of a grant whose work is done by code that is not the
    /// program's own, each with the digest of that code.
    pub fn digests(&self, grant: &Grant) -> Vec<(&'static str, String)> {
        let digest = |it: ToolId| {
            let work = self.tools.get(it.name())?.work.as_ref()?;
            Some((it.toolset(), work.digest()?))
        };
        let mut res: Vec<_> = grant.iter().filter_map(digest).collect();
        res.dedup();
        res
    }

    fn holder(&self, name: &str) -> Option<Origin> {
        let toolset = || self.toolset(name).map(|it| it.origin.clone());
        self.tools.get(name).map(|it| it.origin.clone()).or_else(toolset)
    }

    /// Puts a tool of the application in the place of one that is known, under
    /// its name and with its own words: for a parent, which alone holds it.
    pub(crate) fn stand_in(&mut self, spec: ToolSpec, tool: Arc<dyn NativeTool>) {
        let Some(entry) = self.tools.get_mut(spec.name.as_str()) else {
            return;
        };
        Arc::make_mut(&mut self.withheld).remove(entry.id);
        entry.id = entry.id.described(spec);
        entry.work = Some(Arc::new(Native::whole(tool)));
    }

    /// Leaves out what nobody opened, for that reason: whatever is held has
    /// somebody who does its work.
    pub(crate) fn withhold_the_rest(&mut self, reason: &str) {
        let idle = self.tools.values().filter(|it| it.work.is_none()).map(|it| it.id);
        let idle = idle.filter(|it| self.withheld.reason(*it).is_none());
        for name in idle.map(ToolId::name).collect::<Vec<_>>() {
            self.withhold(name, reason, true);
        }
    }

    /// Who does the work of a tool with types.
    ///
    /// # Errors
    ///
    /// Nobody does.
    pub fn work<T: Tool>(&self) -> Result<Arc<dyn Work<T>>, ToolError> {
        let work = self.tools.get(T::NAME).and_then(|it| it.work.as_deref());
        let typed = work.and_then(|it| it.as_any().downcast_ref::<Typed<T>>());
        typed.map(|it| Arc::clone(&it.0)).ok_or_else(|| nobody(T::NAME))
    }

    /// Calls a tool with a JSON object, and gives JSON, or a text as it stands.
    pub async fn call_json(
        &self,
        caller: Caller,
        tool: ToolId,
        arguments: String,
    ) -> Result<String, ToolError> {
        self.any_work(tool)?.call_json(caller, arguments).await
    }

    /// The same with arguments and result as they stand in a journal.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn call_written(
        &self,
        caller: Caller,
        tool: ToolId,
        arguments: String,
    ) -> Result<Written, ToolError> {
        self.any_work(tool)?.call_written(caller, arguments).await
    }

    fn any_work(&self, tool: ToolId) -> Result<&Arc<dyn AnyWork>, ToolError> {
        let entry = self.tools.get(tool.name()).filter(|it| it.id == tool);
        let entry = entry.ok_or_else(|| ToolError::Failed(format!("no tool `{tool}`")))?;
        entry.work.as_ref().ok_or_else(|| nobody(tool.name()))
    }
}

fn nobody(name: &str) -> ToolError {
    ToolError::Failed(format!("this host has no `{name}`"))
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("tools", &self.tools()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
