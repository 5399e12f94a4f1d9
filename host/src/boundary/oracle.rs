//! What holds of grants and of policies, whoever asks for what.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};

use super::{HouseRules, Policy, Terms};
use crate::{
    defence::Defences,
    event::Role,
    noise,
    tools::bundled,
    toolset::{Blocked, Grant, ToolId, Withheld, grant::grant as decide},
};

/// A child holds no more than its parent, and nothing that is blocked but for
/// an orchestrator's delegation; what was decided is decided again.
pub(crate) fn grant(u: &mut Unstructured<'_>) -> Result<()> {
    let requested = if u.arbitrary()? { Some(any(u)?) } else { None };
    let [parent, more] = [any(u)?, any(u)?];
    let role = noise::one_of(u, &Role::ALL)?;
    let blocked = Blocked::with(more.iter());
    let child = decide(requested.as_ref(), &parent, &blocked, role);
    let delegation: Vec<ToolId> = bundled().get("delegate_task").into_iter().collect();
    assert!(child.is_within(&parent), "{child} of {parent}");
    if let Some(requested) = &requested {
        let asked = requested.iter().chain(delegation.clone()).collect();
        assert!(child.is_within(&asked), "{child} was not asked for");
    }
    let regained: Vec<ToolId> = child.iter().filter(|it| blocked.contains(*it)).collect();
    let may_delegate =
        role == Role::Orchestrator && delegation.iter().all(|it| parent.contains(*it));
    let expect = if may_delegate { delegation.clone() } else { Vec::new() };
    assert_eq!(regained, expect, "what is blocked");
    assert_eq!(decide(None, &child, &blocked, role), child);
    assert_eq!(decide(Some(&child), &parent, &blocked, role), child);

    let free = Blocked::default();
    let inherited = decide(None, &parent, &free, role);
    assert_eq!(inherited, decide(Some(&parent), &parent, &free, role));
    let none = decide(Some(&Grant::default()), &parent, &free, role);
    assert!(none.iter().all(|it| delegation.contains(&it)), "{none} of nothing");
    assert!(role == Role::Orchestrator || none == Grant::default());
    let wider = parent.iter().chain(more.iter()).collect();
    let of_wider = decide(requested.as_ref(), &wider, &free, role);
    assert!(decide(requested.as_ref(), &parent, &free, role).is_within(&of_wider));
    let policy = policy(u, requested.as_ref(), &parent)?;
    is_held_to(&policy, &parent);
    names(u)
}

/// Any tools.
pub(crate) fn any(u: &mut Unstructured<'_>) -> Result<Grant> {
    let mut tools = Vec::new();
    for tool in bundled().tools() {
        if u.arbitrary()? {
            tools.push(tool);
        }
    }
    Ok(tools.into_iter().collect())
}

/// Any policy.
pub(crate) fn policy(
    u: &mut Unstructured<'_>,
    requested: Option<&Grant>,
    parent: &Grant,
) -> Result<Arc<Policy>> {
    let mut withheld = Withheld::default();
    any(u)?.iter().for_each(|it| withheld.add(it, "not here"));
    let withheld = if u.arbitrary()? { Arc::new(withheld) } else { Arc::default() };
    let house = HouseRules::new(Blocked::with(any(u)?.iter()), withheld, Defences::ALL);
    let house = if u.ratio(1, 4)? { house.of_a_parent() } else { house };
    let role = noise::one_of(u, &Role::ALL)?;
    let terms =
        Terms { house: Arc::new(house), role, model: u.arbitrary()?, strict: u.arbitrary()? };
    Ok(Policy::decide(requested, parent, terms, []))
}

fn is_held_to(policy: &Policy, parent: &Grant) {
    assert!(policy.grant().iter().all(|it| !policy.blocks(it)), "{}", policy.grant());
    assert!(policy.grant().is_within(parent), "{}", policy.grant());
}

/// A list of names is a grant of all of them, or an error that names one.
fn names(u: &mut Unstructured<'_>) -> Result<()> {
    const NAMES: &[&str] =
        &["file", "file_read", "web", "terminal", "memory", "patch", "File", "file "];
    let name = |u: &mut Unstructured<'_>| {
        if u.ratio(7, 8)? {
            noise::one_of(u, NAMES).map(str::to_owned)
        } else {
            noise::text(u, NAMES)
        }
    };
    let all = noise::list(u, 4, name)?;
    let each: Vec<_> = all.iter().map(|it| bundled().expand(&[it])).collect();
    match bundled().expand(&all) {
        Ok(grant) => {
            let parts = each.into_iter().flatten();
            let parts: Vec<Grant> = parts.inspect(|it| assert!(it.is_within(&grant))).collect();
            assert_eq!(parts.iter().flat_map(Grant::iter).collect::<Grant>(), grant);
        }
        Err(_) => assert!(each.iter().any(std::result::Result::is_err), "{all:?}"),
    }
    Ok(())
}
