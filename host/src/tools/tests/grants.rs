//! The algebra of grants, on the tools that there are.

use proptest::prelude::*;

use super::{bundled, tool};
use crate::{
    event::Role,
    toolset::{Blocked, Grant, ToolId, Withheld, grant::grant},
};

fn check(requested: Option<&[&str]>, role: Role, expect: &[&str]) {
    let requested = requested.map(|it| bundled().expand(it).unwrap());
    let res = grant(requested.as_ref(), &bundled().held(), &Blocked::default(), role);
    assert_eq!(res.names(), expect);
}

#[test]
fn a_grant_is_the_request_within_the_parent_less_the_blocked() {
    let file = ["read_file", "write_file", "patch", "search_files"];
    let others = ["terminal", "web_search", "web_extract"];
    check(None, Role::Leaf, &[&file[..], &others].concat());
    check(Some(&[]), Role::Leaf, &[]);
    check(Some(&["file"]), Role::Leaf, &file);
    check(Some(&["file_read"]), Role::Leaf, &["read_file", "search_files"]);
    check(Some(&["patch", "patch"]), Role::Leaf, &["patch"]);
    let blocked = ["file_read", "memory", "delegation"];
    check(Some(&blocked), Role::Leaf, &["read_file", "search_files"]);
    check(Some(&["send_message"]), Role::Leaf, &[]);
}

#[test]
fn an_orchestrator_regains_delegation_and_nothing_else() {
    check(Some(&[]), Role::Orchestrator, &["delegate_task"]);
    check(Some(&["patch"]), Role::Orchestrator, &["patch", "delegate_task"]);
    let all = ["delegation", "clarify", "memory", "messaging", "code_execution"];
    check(Some(&all), Role::Orchestrator, &["delegate_task"]);
    let leaf: Grant = [tool("read_file")].into_iter().collect();
    let res = grant(None, &leaf, &Blocked::default(), Role::Orchestrator);
    assert_eq!(res, leaf);
}

#[test]
fn a_name_that_is_not_in_the_catalogue_is_an_error_that_lists_the_known() {
    for name in ["files", "", " file", "File", "file*", "mcp__x__memory", "memоry"] {
        let err = bundled().expand(&[name]).unwrap_err().to_string();
        let known = "`file`, `file_read`, `terminal`, `web`";
        assert_eq!(err, format!("unknown toolset or tool `{name}`: known are {known}"));
    }
}

#[test]
fn what_a_host_has_not_is_in_no_grant_and_has_a_reason() {
    let mut withheld = Withheld::default();
    withheld.add(tool("terminal"), "no sandbox");
    withheld.add_quietly(tool("web_search"), "no engine");
    let rest = withheld.less(&bundled().expand(&["terminal", "web"]).unwrap());
    assert_eq!(rest.names(), ["web_extract"]);
    let told = [tool("terminal"), tool("web_search"), tool("web_extract")];
    assert_eq!(told.map(|it| withheld.is_told(it)), [true, false, false]);
    assert_eq!(withheld.reason(tool("web_search")), Some("no engine"));
}

fn any_grant() -> impl Strategy<Value = Grant> {
    proptest::sample::subsequence(bundled().tools(), 0..=bundled().tools().len())
        .prop_map(|it| it.into_iter().collect())
}

fn any_role() -> impl Strategy<Value = Role> {
    proptest::sample::select(Role::ALL.to_vec())
}

proptest! {
    #[test]
    fn a_child_never_holds_more_than_its_parent_nor_anything_blocked(
        requested in proptest::option::of(any_grant()),
        parent in any_grant(),
        more in any_grant(),
        role in any_role(),
    ) {
        let blocked = Blocked::with(more.iter());
        let child = grant(requested.as_ref(), &parent, &blocked, role);
        prop_assert!(child.is_within(&parent));
        let regained: Vec<ToolId> = child.iter().filter(|it| blocked.contains(*it)).collect();
        let may_delegate = role == Role::Orchestrator && parent.contains(tool("delegate_task"));
        let expect = if may_delegate { vec![tool("delegate_task")] } else { vec![] };
        prop_assert_eq!(regained, expect);
        if let Some(requested) = &requested {
            let asked = requested.iter().chain([tool("delegate_task")]).collect();
            prop_assert!(child.is_within(&asked));
        }
    }

    #[test]
    fn a_grant_granted_again_is_the_same(
        requested in proptest::option::of(any_grant()),
        parent in any_grant(),
        more in any_grant(),
        role in any_role(),
    ) {
        let blocked = Blocked::with(more.iter());
        let child = grant(requested.as_ref(), &parent, &blocked, role);
        prop_assert_eq!(&grant(None, &child, &blocked, role), &child);
        prop_assert_eq!(&grant(Some(&child), &parent, &blocked, role), &child);
    }

    #[test]
    fn absent_is_what_the_parent_has_and_empty_is_none(
        parent in any_grant(),
        role in any_role(),
    ) {
        let blocked = Blocked::default();
        let inherited = grant(None, &parent, &blocked, role);
        prop_assert_eq!(inherited, grant(Some(&parent), &parent, &blocked, role));
        let none = grant(Some(&Grant::default()), &parent, &blocked, role);
        prop_assert!(none.iter().all(|it| it == tool("delegate_task")));
        prop_assert!(role == Role::Orchestrator || none == Grant::default());
    }

    #[test]
    fn a_wider_parent_never_narrows_a_child(
        requested in proptest::option::of(any_grant()),
        parent in any_grant(),
        more in any_grant(),
        role in any_role(),
    ) {
        let wider = parent.iter().chain(more.iter()).collect();
        let child = grant(requested.as_ref(), &parent, &Blocked::default(), role);
        let other = grant(requested.as_ref(), &wider, &Blocked::default(), role);
        prop_assert!(child.is_within(&other));
    }
}
