//! The policy: what one child holds, and by which rules its imports are
//! decided.
//!
//! It is made once, where the request is checked ([`Policy::decide`]), and
//! goes shared and unchanged to the plan, the linker and the cell.
//!
//! **Invariant:** of what is blocked, a policy grants `delegate_task` at most,
//! and only to an orchestrator whose parent holds it. There is no other way to
//! a policy than the one that sees to it.

use std::sync::Arc;

use crate::{
    defence::Defences,
    event::Role,
    toolset::{Blocked, Grant, ToolId, Withheld, grant::grant},
};

/// What holds for every child of a host, whatever it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HouseRules {
    blocked: Blocked,
    withheld: Arc<Withheld>,
    defences: Defences,
    /// Of the other fields.
    digest: blake3::Hash,
}

impl HouseRules {
    /// `blocked` is what no child may hold, `withheld` what this host has
    /// not; of the defences there are all, but in tests.
    pub fn new(blocked: Blocked, withheld: Arc<Withheld>, defences: Defences) -> Self {
        let text = format!("{blocked:?} {withheld:?} {defences:?}");
        let digest = blake3::hash(text.as_bytes());
        Self { blocked, withheld, defences, digest }
    }

    /// The same for a component that works as a parent: nothing is blocked.
    #[must_use]
    pub fn of_a_parent(&self) -> Self {
        Self::new(Blocked::of_a_parent(), Arc::clone(&self.withheld), self.defences)
    }

    /// What no child may hold.
    pub fn blocked(&self) -> &Blocked {
        &self.blocked
    }

    /// What this host has not, for the reasons given.
    pub fn withheld(&self) -> &Withheld {
        &self.withheld
    }
}

impl Default for HouseRules {
    /// Of a host that has everything.
    fn default() -> Self {
        Self::new(Blocked::default(), Arc::default(), Defences::ALL)
    }
}

/// What a child is held to, besides its grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Those of every child.
    pub house: Arc<HouseRules>,
    /// What the child may do besides its own task.
    pub role: Role,
    /// A language model was chosen for it.
    pub model: bool,
    /// Refuse what would otherwise be stubbed.
    pub strict: bool,
}

impl Terms {
    /// For a child of that role that has no model, on a host that has
    /// everything; nothing is refused that can be stubbed.
    pub fn of(role: Role) -> Self {
        Self { house: Arc::default(), role, model: false, strict: false }
    }
}

/// What one child holds, and what a plan is made by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    grant: Arc<Grant>,
    terms: Terms,
    /// Of the other fields. Kept, since every child is looked up by it.
    digest: blake3::Hash,
}

impl Policy {
    /// Decides the grant ([`grant`]), and with it the policy. One among `made`
    /// that says the same is taken instead: the children of a batch share it.
    pub fn decide<'a>(
        requested: Option<&Grant>,
        parent: &Grant,
        terms: Terms,
        made: impl IntoIterator<Item = &'a Arc<Self>>,
    ) -> Arc<Self> {
        let grant = grant(requested, parent, &terms.house.blocked, terms.role);
        let mut made = made.into_iter();
        let same = made.find(|it| *it.grant == grant && it.terms == terms);
        same.map_or_else(|| Arc::new(Self::new(grant, terms)), Arc::clone)
    }

    fn new(grant: Grant, terms: Terms) -> Self {
        let Terms { house, role, model, strict } = &terms;
        let mut hasher = blake3::Hasher::new();
        hasher.update(house.digest.as_bytes());
        hasher.update(format!("{grant:?} {role:?} {model} {strict}").as_bytes());
        Self { digest: hasher.finalize(), grant: Arc::new(grant), terms }
    }

    /// For a child that gets these tools, less those that are always blocked,
    /// on the terms of [`Terms::of`].
    pub fn of(grant: &Grant, role: Role) -> Arc<Self> {
        Self::decide(None, grant, Terms::of(role), [])
    }

    /// The tools of this child.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The same, for its calls to carry.
    pub fn grant_shared(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// What the child may do besides its own task.
    pub fn role(&self) -> Role {
        self.terms.role
    }

    /// Whether a language model was chosen for it.
    pub fn has_model(&self) -> bool {
        self.terms.model
    }

    /// Whether components are refused that import what they are not granted.
    pub fn is_strict(&self) -> bool {
        self.terms.strict
    }

    /// Whether the tool is blocked for this child.
    pub fn blocks(&self, tool: ToolId) -> bool {
        self.terms.house.blocked.withholds(tool, self.terms.role)
    }

    /// What this host has not, for the reasons given.
    pub fn withheld(&self) -> &Withheld {
        &self.terms.house.withheld
    }

    /// All of them, but in tests.
    pub fn defences(&self) -> Defences {
        self.terms.house.defences
    }

    /// Covers every part of the policy.
    pub fn digest(&self) -> blake3::Hash {
        self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::bundled;

    fn tool(name: &str) -> ToolId {
        bundled().get(name).unwrap()
    }

    #[test]
    fn the_digest_covers_every_part() {
        let file: Grant = [tool("read_file"), tool("write_file")].into_iter().collect();
        let terms = || Terms::of(Role::Leaf);
        let with = |house: HouseRules| Terms { house: Arc::new(house), ..terms() };
        let mut withheld = Withheld::default();
        withheld.add(tool("terminal"), "no sandbox");
        let fewer = HouseRules::new(Blocked::default(), Arc::new(withheld), Defences::ALL);
        let blocked = Blocked::with([tool("terminal")]);
        let blocked = HouseRules::new(blocked, Arc::default(), Defences::ALL);
        let mut made = vec![Policy::of(&Grant::default(), Role::Leaf)];
        for terms in [
            terms(),
            Terms::of(Role::Orchestrator),
            Terms { model: true, ..terms() },
            Terms { strict: true, ..terms() },
            with(fewer),
            with(blocked),
            with(HouseRules::default().of_a_parent()),
        ] {
            made.push(Policy::decide(None, &file, terms, []));
        }
        for (idx, it) in made.iter().enumerate() {
            let rest = made.iter().skip(idx + 1);
            assert_eq!(rest.filter(|other| other.digest() == it.digest()).count(), 0, "{it:?}");
        }
    }

    #[test]
    fn who_is_held_to_the_same_shares_it() {
        let file: Grant = [tool("read_file")].into_iter().collect();
        let first = Policy::of(&file, Role::Leaf);
        let decide = |strict| {
            let terms = Terms { strict, ..Terms::of(Role::Leaf) };
            Policy::decide(Some(&file), &bundled().held(), terms, [&first])
        };
        assert!(Arc::ptr_eq(&decide(false), &first));
        assert_ne!(decide(true), first);
    }
}
