//! Whole runs with real components: what each behaviour of a guest ends as,
//! and that it never touches a sibling or keeps anything.

mod answers;
mod beside;
mod boundary;
mod bundled_plugins;
mod chat;
mod compile;
mod conformance;
mod control;
mod delegation;
mod files;
mod foreign;
mod groups;
mod hostile;
mod injection;
mod many;
mod mcp;
mod mcp_servers;
mod model;
mod plugins;
mod repeated;
mod requests;
mod restart;
mod review;
mod serve;
mod soak;
mod sockets;
mod stop;
mod tools;

#[test]
fn every_guest_has_a_test() {
    let sources = [
        include_str!("boundary.rs"),
        include_str!("chat.rs"),
        include_str!("conformance.rs"),
        include_str!("delegation.rs"),
        include_str!("foreign.rs"),
        include_str!("hostile.rs"),
        include_str!("many.rs"),
        include_str!("requests.rs"),
        include_str!("review.rs"),
        include_str!("stop.rs"),
        include_str!("tools.rs"),
        include_str!("../attack/boundary.rs"),
        include_str!("../attack/delegation.rs"),
        include_str!("../attack/limits.rs"),
        include_str!("../crash/resume.rs"),
        include_str!("../cli/control.rs"),
        include_str!("../cli/inspect.rs"),
        include_str!("../cli/run.rs"),
        include_str!("../cli/serve.rs"),
        include_str!("../cli/stop.rs"),
        include_str!("../cli/untrusted.rs"),
    ];
    let guests = hermitage_tests::guest_names();
    assert!(20 < guests.len(), "{guests:?}");
    for guest in guests {
        let quoted = format!("\"{guest}\"");
        assert!(sources.iter().any(|it| it.contains(&quoted)), "no test runs `{guest}`");
    }
}
