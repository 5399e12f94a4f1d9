//! The algebra of grants, on the tools that there are.

use super::{bundled, tool};
use crate::{
    event::Role,
    toolset::{Blocked, Grant, Withheld, grant::grant},
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
