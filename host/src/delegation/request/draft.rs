//! A request while it is decided, task by task.

use std::sync::Arc;

use super::{Request, RequestError, Resolved, Rules, TaskPlan, TaskRequest};
use crate::{
    boundary::{HouseRules, Policy, Terms},
    event::Role,
    toolset::{Grant, GrantError, Schema, ToolId},
    unit::Group,
};

/// A request on its way to being decided, task by task.
pub(super) struct Draft<'a> {
    rules: &'a Rules,
    /// What holds for these children.
    house: Arc<HouseRules>,
    as_parent: bool,
    strict: bool,
    resolved: Resolved,
}

impl<'a> Draft<'a> {
    pub(super) fn new(request: &Request, groups: Vec<Group>, rules: &'a Rules) -> Self {
        let (as_parent, strict) = (request.as_parent, request.strict || rules.strict);
        let house = match as_parent {
            true => Arc::new(rules.house.of_a_parent()),
            false => Arc::clone(&rules.house),
        };
        let resolved = Resolved { tasks: Vec::new(), groups, notes: Vec::new() };
        Self { rules, house, as_parent, strict, resolved }
    }

    /// With every task decided.
    pub(super) fn resolved(self) -> Resolved {
        self.resolved
    }

    /// Decides one more task.
    pub(super) fn add(&mut self, task: TaskRequest) -> Result<(), RequestError> {
        let max_iterations = task.max_iterations.unwrap_or(self.rules.max_iterations);
        if max_iterations == 0 {
            return Err(RequestError::NoIterations);
        }
        let requested = self.requested(task.toolsets.as_deref())?;
        let index = self.resolved.tasks.len();
        let schema = task.output_schema.as_ref().map(Schema::new).transpose();
        let output_schema = schema.map_err(|source| RequestError::Schema { index, source })?;
        let policy = self.policy(&task, requested.as_ref());
        self.note_blocked(requested.as_ref(), &policy);
        self.note_missing(requested.as_ref(), task.toolsets.is_none());
        self.resolved.tasks.push(TaskPlan {
            asked: Arc::new(task),
            policy,
            output_schema,
            max_iterations,
        });
        Ok(())
    }

    /// What a task asks for. A parent that asks for nothing gets all that
    /// there is.
    fn requested(&self, toolsets: Option<&[String]>) -> Result<Option<Grant>, GrantError> {
        let default = self.rules.default_toolsets.as_deref().filter(|_| !self.as_parent);
        let asked = toolsets.or(default);
        asked.map(|it| self.rules.tools.expand(it)).transpose()
    }

    /// What a child holds, and by which rules its imports are decided.
    fn policy(&mut self, task: &TaskRequest, requested: Option<&Grant>) -> Arc<Policy> {
        let terms = Terms {
            house: Arc::clone(&self.house),
            role: self.role(task),
            model: task.model.is_some() || self.rules.has_model,
            strict: self.strict,
        };
        // Tasks that are alike stand beside each other more often than not.
        let made = self.resolved.tasks.iter().rev().map(|it| &it.policy);
        let made = made.chain(self.rules.made.iter());
        Policy::decide(requested, &self.rules.parent, terms, made)
    }

    /// A parent is an orchestrator; one that could not delegate any deeper is
    /// a leaf (SEMANTICS.md §3).
    fn role(&mut self, task: &TaskRequest) -> Role {
        if self.as_parent {
            return Role::Orchestrator;
        }
        let role = task.role.unwrap_or_default();
        let (depth, max_depth) = (self.rules.child_depth(), self.rules.max_depth);
        if role == Role::Leaf || depth < max_depth {
            return role;
        }
        self.note(format!(
            "an orchestrator at depth {depth} can't delegate (`delegation.max_depth` is \
             {max_depth}), so it works as a leaf"
        ));
        Role::Leaf
    }

    fn note_blocked(&mut self, requested: Option<&Grant>, policy: &Policy) {
        for tool in requested.into_iter().flat_map(Grant::iter).filter(|it| policy.blocks(*it)) {
            self.note(format!("`{tool}` is blocked for children and was not granted"));
        }
    }

    /// What the caller has not itself: this host does not offer it, or the one
    /// above did not grant it (SEMANTICS.md §3).
    fn note_missing(&mut self, requested: Option<&Grant>, is_default: bool) {
        let (rules, house) = (self.rules, Arc::clone(&self.house));
        let is_missing =
            |it: &ToolId| !rules.parent.contains(*it) && !house.blocked().contains(*it);
        let missing = requested.into_iter().flat_map(Grant::iter).filter(is_missing);
        let (withheld, missing): (Vec<_>, Vec<_>) =
            missing.partition(|it| house.withheld().reason(*it).is_some());
        for tool in withheld {
            if let Some(reason) = house.withheld().reason(tool)
                && (!is_default || house.withheld().is_told(tool))
            {
                self.note(format!("`{tool}` was not granted: {reason}"));
            }
        }
        if !missing.is_empty() {
            let missing: Grant = missing.into_iter().collect();
            self.note(format!("not granted, because the caller has none of it: {missing}"));
        }
    }

    fn note(&mut self, note: String) {
        let notes = &mut self.resolved.notes;
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
}
