//! The request: what a caller may ask for, and every rule it must satisfy
//! (semantics.md §2 and §3). Pure. One wrong task fails the whole call:
//! nothing is spawned, nothing silently cut.

use serde::Deserialize;

use super::{
    admission::OnCapacity,
    budget::Narrow,
    group::{Completion, groups},
};
use crate::{
    event::Role,
    toolset::{
        Blocked, Grant, GrantError, Tool,
        delegate::{DelegateTask, Subtask, TasksError, read_tasks},
        grant::{expand, grant},
    },
    unit::Group,
};

/// What a caller asks for. `tasks` wins over `goal`; the other fields are
/// defaults for every task that has none of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The single form.
    pub goal: Option<String>,
    /// The batch form.
    pub tasks: Vec<TaskRequest>,
    /// Background that the caller hands over.
    pub context: Option<String>,
    /// Toolsets or single tools; `None` takes the caller's defaults, an empty
    /// list takes none.
    pub toolsets: Option<Vec<String>>,
    /// Name or path of the component.
    pub agent: Option<String>,
    /// What each child may do besides its task.
    pub role: Option<Role>,
    /// Model calls of each child.
    pub max_iterations: Option<u32>,
    /// Return a handle at once instead of waiting.
    pub background: bool,
    /// What to do when every background slot is taken.
    pub on_capacity: OnCapacity,
    /// In how many events a batch in the background is told.
    pub completion: Completion,
    /// Tell at once of a child that fails while its siblings run.
    pub failure_notices: bool,
    /// Refuse components that import what they are not granted, instead of
    /// answering `denied`.
    pub strict: bool,
    /// A model wrote it: agents are named, not given by path, and none is
    /// built for it.
    pub of_a_model: bool,
    /// What the whole tree below this call may use, where it is less than
    /// the configuration allows.
    pub budget: Narrow,
}

/// One task of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRequest {
    /// The work.
    pub goal: String,
    /// See [`Request::context`].
    #[serde(default)]
    pub context: Option<String>,
    /// See [`Request::toolsets`].
    #[serde(default)]
    pub toolsets: Option<Vec<String>>,
    /// See [`Request::agent`].
    #[serde(default)]
    pub agent: Option<String>,
    /// See [`Request::role`].
    #[serde(default)]
    pub role: Option<Role>,
    /// See [`Request::max_iterations`].
    #[serde(default)]
    pub max_iterations: Option<u32>,
    /// Name of the group that this task is told of with, in an event of its
    /// own.
    #[serde(default)]
    pub group: Option<String>,
}

/// What requests are checked against.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Tasks of one call.
    pub max_tasks_per_batch: usize,
    /// Depth at which nobody delegates any more.
    pub max_depth: u32,
    /// Model calls of a child that asks for no number.
    pub max_iterations: u32,
    /// Depth of the caller; 0 at the top.
    pub depth: u32,
    /// What the caller holds.
    pub parent: Grant,
    /// What no child may hold.
    pub blocked: Blocked,
    /// Toolsets of a call that asks for none; the caller's own grant when
    /// absent, as it is for the children of children.
    pub default_toolsets: Option<Vec<String>>,
    /// Tools that the application added.
    pub natives: Vec<Tool>,
}

impl Rules {
    /// Depth of the children of this caller.
    pub fn child_depth(&self) -> u32 {
        self.depth.saturating_add(1)
    }
}

/// A task with everything decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskPlan {
    /// The work.
    pub goal: String,
    /// Background.
    pub context: Option<String>,
    /// Name or path of the component, if one was named.
    pub agent: Option<String>,
    /// What the child may do besides.
    pub role: Role,
    /// The tools, frozen.
    pub grant: Grant,
    /// Model calls.
    pub max_iterations: u32,
}

/// A request with everything decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// In the order of the request. Never empty.
    pub tasks: Vec<TaskPlan>,
    /// Every task is in exactly one. Never empty.
    pub groups: Vec<Group>,
    /// What the caller should know: tools that were asked for and are
    /// blocked, a role that the depth does not allow.
    pub notes: Vec<String>,
}

/// Why a request is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Neither a goal nor tasks.
    #[error("nothing to do: provide either `goal` or `tasks`")]
    Nothing,
    /// `goal` is there and blank.
    #[error("the goal is blank: say what should be done")]
    BlankGoal,
    /// The list of tasks is none, or one of them is wrong.
    #[error(transparent)]
    Tasks(#[from] TasksError),
    /// More tasks than one call takes.
    #[error("{found} tasks: at most {limit} in one call (`delegation.max_tasks_per_batch`)")]
    TooMany {
        /// Tasks in the request.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The caller is too deep to delegate.
    #[error("depth {depth} can't delegate: `delegation.max_depth` is {max_depth}")]
    TooDeep {
        /// Depth of the caller.
        depth: u32,
        /// The limit.
        max_depth: u32,
    },
    /// Groups make no sense where every task has an event of its own.
    #[error("task {0} has a `group`, and `completion` is `each`")]
    GroupAndEach(usize),
    /// The name of a group is blank or too long.
    #[error("task {index} has a `group` that is no name: 1 to {limit} characters")]
    BadGroup {
        /// Place in the list.
        index: usize,
        /// The limit.
        limit: usize,
    },
    /// A budget of nothing.
    #[error("`max_iterations` is 0: a child needs at least one model call")]
    NoIterations,
    /// A toolset that does not exist.
    #[error(transparent)]
    Grant(#[from] GrantError),
}

impl TaskRequest {
    /// Reads a list of tasks from JSON text. `[]` is an empty list, which
    /// counts as absent.
    pub fn list_from_json(text: &str) -> Result<Vec<Self>, RequestError> {
        let no_list = |it: serde_json::Error| TasksError::NoList(it.to_string());
        Ok(read_tasks(serde_json::from_str(text).map_err(no_list)?)?)
    }
}

impl From<Subtask> for TaskRequest {
    fn from(it: Subtask) -> Self {
        let Subtask { goal, context, toolsets, agent, role, max_iterations } = it;
        Self { goal, context, toolsets, agent, role, max_iterations, group: None }
    }
}

impl From<DelegateTask> for Request {
    fn from(it: DelegateTask) -> Self {
        Self {
            goal: it.goal,
            tasks: it.tasks.into_iter().map(Into::into).collect(),
            context: it.context,
            toolsets: it.toolsets,
            agent: it.agent,
            role: it.role,
            max_iterations: it.max_iterations,
            background: it.background.unwrap_or(false),
            ..Self::default()
        }
    }
}

impl Request {
    /// Checks everything and decides every grant.
    pub fn resolve(self, rules: &Rules) -> Result<Resolved, RequestError> {
        if rules.depth >= rules.max_depth {
            let (depth, max_depth) = (rules.depth, rules.max_depth);
            return Err(RequestError::TooDeep { depth, max_depth });
        }
        let completion = self.completion;
        let tasks = self.tasks()?;
        let (found, limit) = (tasks.len(), rules.max_tasks_per_batch);
        if found > limit {
            return Err(RequestError::TooMany { found, limit });
        }
        let groups = groups(completion, tasks.iter().map(|it| it.group.as_deref()))?;
        let mut res = Resolved { tasks: Vec::new(), groups, notes: Vec::new() };
        for task in tasks {
            res.add(task, rules)?;
        }
        Ok(res)
    }

    /// The tasks, with the request's defaults filled in.
    fn tasks(self) -> Result<Vec<TaskRequest>, RequestError> {
        let mut tasks = self.tasks;
        if tasks.is_empty() {
            match self.goal {
                Some(goal) if goal.trim().is_empty() => return Err(RequestError::BlankGoal),
                Some(goal) => tasks.push(TaskRequest { goal, ..TaskRequest::default() }),
                None => return Err(RequestError::Nothing),
            }
        }
        for (index, task) in tasks.iter_mut().enumerate() {
            if task.goal.trim().is_empty() {
                return Err(TasksError::MissingGoal(index).into());
            }
            task.context = task.context.take().or_else(|| self.context.clone());
            task.toolsets = task.toolsets.take().or_else(|| self.toolsets.clone());
            task.agent = task.agent.take().or_else(|| self.agent.clone());
            task.role = task.role.or(self.role);
            task.max_iterations = task.max_iterations.or(self.max_iterations);
        }
        Ok(tasks)
    }
}

impl Resolved {
    fn add(&mut self, task: TaskRequest, rules: &Rules) -> Result<(), RequestError> {
        let max_iterations = task.max_iterations.unwrap_or(rules.max_iterations);
        if max_iterations == 0 {
            return Err(RequestError::NoIterations);
        }
        let asked = task.toolsets.as_ref().or(rules.default_toolsets.as_ref());
        let requested = asked.map(|it| expand(it, &rules.natives)).transpose()?;
        let role = self.role(&task, rules);
        self.note_blocked(requested.as_ref(), role, rules);
        self.note_missing(requested.as_ref(), rules);
        self.tasks.push(TaskPlan {
            grant: grant(requested.as_ref(), &rules.parent, &rules.blocked, role),
            role,
            goal: task.goal,
            context: task.context,
            agent: task.agent,
            max_iterations,
        });
        Ok(())
    }

    /// An orchestrator that could not delegate any deeper is a leaf
    /// (semantics.md §3).
    fn role(&mut self, task: &TaskRequest, rules: &Rules) -> Role {
        let role = task.role.unwrap_or_default();
        let (depth, max_depth) = (rules.child_depth(), rules.max_depth);
        if role == Role::Leaf || depth < max_depth {
            return role;
        }
        self.note(format!(
            "an orchestrator at depth {depth} can't delegate (`delegation.max_depth` is \
             {max_depth}), so it works as a leaf"
        ));
        Role::Leaf
    }

    fn note_blocked(&mut self, requested: Option<&Grant>, role: Role, rules: &Rules) {
        let regained = |it: &Tool| *it == Tool::DelegateTask && role == Role::Orchestrator;
        let blocked = |it: &Tool| rules.blocked.contains(*it) && !regained(it);
        for tool in requested.into_iter().flat_map(Grant::iter).filter(blocked) {
            self.note(format!("`{tool}` is blocked for children and was not granted"));
        }
    }

    /// What the caller has not itself: this host does not offer it, or the one
    /// above did not grant it (semantics.md §3).
    fn note_missing(&mut self, requested: Option<&Grant>, rules: &Rules) {
        let is_missing = |it: &Tool| !rules.parent.contains(*it) && !rules.blocked.contains(*it);
        let missing: Grant =
            requested.into_iter().flat_map(Grant::iter).filter(is_missing).collect();
        if missing != Grant::default() {
            self.note(format!("not granted, because the caller has none of it: {missing}"));
        }
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            max_tasks_per_batch: 2,
            max_depth: 2,
            max_iterations: 25,
            depth: 0,
            parent: Grant::of_parent(),
            blocked: Blocked::default(),
            default_toolsets: Some(vec!["file_read".to_owned()]),
            natives: Vec::new(),
        }
    }

    fn request(goal: Option<&str>, tasks: &str) -> Result<Request, RequestError> {
        let goal = goal.map(str::to_owned);
        let tasks = TaskRequest::list_from_json(tasks)?;
        Ok(Request { goal, tasks, context: Some("shared".to_owned()), ..Request::default() })
    }

    fn check_error(goal: Option<&str>, tasks: &str, expect: &str) {
        let res = request(goal, tasks).and_then(|it| it.resolve(&rules()));
        assert_eq!(res.unwrap_err().to_string(), expect, "{tasks}");
    }

    #[test]
    fn one_wrong_task_fails_the_whole_call() {
        check_error(None, "[]", "nothing to do: provide either `goal` or `tasks`");
        check_error(Some("  \n"), "[]", "the goal is blank: say what should be done");
        for second in ["{}", "7", "\"g\"", "null", "[]", r#"{"goal": 7}"#, r#"{"goal": " \t"}"#] {
            let tasks = format!(r#"[{{"goal": "a"}}, {second}]"#);
            check_error(None, &tasks, "Task 1 is missing a `goal`");
        }
        check_error(
            None,
            r#"[{"goal": "a", "gaol": "b"}]"#,
            "Task 0 is no task: unknown field `gaol`, expected one of `goal`, `context`, \
             `toolsets`, `agent`, `role`, `max_iterations`, `group`",
        );
        check_error(
            None,
            r#"[{"goal": "a"}, {"goal": "b"}, {"goal": "c"}]"#,
            "3 tasks: at most 2 in one call (`delegation.max_tasks_per_batch`)",
        );
        check_error(
            None,
            r#"[{"goal": "a", "max_iterations": 0}]"#,
            "`max_iterations` is 0: a child needs at least one model call",
        );
        check_error(
            None,
            r#"[{"goal": "a", "toolsets": ["files"]}]"#,
            "unknown toolset or tool `files`: known are `file`, `file_read`",
        );
    }

    #[test]
    fn text_that_is_no_list_of_tasks_says_what_is_needed() {
        check_error(None, "{", "no list of tasks: EOF while parsing an object at line 1 column 1");
        check_error(None, r#"{"goal": "a"}"#, "no list of tasks: a list of objects is needed");
    }

    #[test]
    fn a_caller_that_is_too_deep_is_told_both_numbers() {
        let rules = Rules { depth: 2, ..rules() };
        let err = request(Some("a"), "[]").unwrap().resolve(&rules).unwrap_err();
        assert_eq!(err.to_string(), "depth 2 can't delegate: `delegation.max_depth` is 2");
    }

    #[test]
    fn tasks_win_over_the_goal_and_take_the_defaults_they_lack() {
        let tasks = r#"[{"goal": "a", "context": "own", "toolsets": []}, {"goal": "b"}]"#;
        let res = request(Some("ignored"), tasks).unwrap().resolve(&rules()).unwrap();
        let seen: Vec<_> = res
            .tasks
            .iter()
            .map(|it| (it.goal.as_str(), it.context.as_deref(), it.grant.names()))
            .collect();
        assert_eq!(
            seen,
            [("a", Some("own"), vec![]), ("b", Some("shared"), vec!["read_file", "search_files"])]
        );
        assert_eq!(res.tasks.iter().map(|it| it.max_iterations).collect::<Vec<_>>(), [25, 25]);
    }

    #[test]
    fn a_blocked_tool_is_not_granted_and_the_caller_is_told() {
        let mut request = request(Some("a"), "[]").unwrap();
        request.toolsets = Some(vec!["memory".to_owned(), "read_file".to_owned()]);
        let res = request.resolve(&rules()).unwrap();
        assert_eq!(res.tasks[0].grant.names(), ["read_file"]);
        assert_eq!(res.notes, ["`memory` is blocked for children and was not granted"]);
    }

    #[test]
    fn a_tool_that_the_caller_lacks_is_not_granted_and_the_caller_is_told() {
        let parent: Grant = [Tool::ReadFile].into_iter().collect();
        let res = request(Some("a"), "[]").unwrap().resolve(&Rules { parent, ..rules() }).unwrap();
        assert_eq!(res.tasks[0].grant.names(), ["read_file"]);
        assert_eq!(res.notes, ["not granted, because the caller has none of it: search_files"]);
    }
}
