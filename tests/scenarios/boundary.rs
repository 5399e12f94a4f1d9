//! The import boundary with real components: what is linked, what answers
//! `denied`, and what is refused before any of it runs.

use std::sync::Arc;

use hermitage::{
    boundary::{HouseRules, Policy, Terms},
    defence::Defences,
    event::{Role, Status},
    sandbox::Binary,
    toolset::Blocked,
};
use hermitage_tests::{TestHost, TestTask, guest, tool};

const MEMORY: &str = "hermitage:subagent/memory@0.1.0#memory";

#[tokio::test]
async fn a_blocked_tool_answers_denied_and_the_rest_works() {
    let res = TestHost::new().run_beside_honest(TestTask::new("imports_memory")).await;
    assert_eq!(res.status, Status::Completed);
    let summary = res.summary.unwrap();
    assert!(summary.contains("`memory` is blocked for children"), "{summary}");
    assert!(summary.contains("read_file: Ok(\"hello\")"), "{summary}");
    let boundary = res.boundary.unwrap();
    assert_eq!(boundary.stubbed[0].import, MEMORY);
    assert_eq!(boundary.granted, ["read_file", "search_files"]);
    assert!(boundary.linked.contains(&"hermitage:subagent/file@0.1.0#read-file".to_owned()));
}

#[tokio::test]
async fn the_toolbox_holds_the_same_grant() {
    let run = async |toolsets: &[&str]| {
        let task = TestTask::new("uses_toolbox").toolsets(toolsets);
        TestHost::new().run(&[task]).await.results.remove(0).summary
    };
    let summary = run(&["file_read"]).await.unwrap();
    let lines: Vec<&str> = summary.lines().collect();
    assert_eq!(lines.len(), 2, "{summary}");
    assert!(lines[0].starts_with("read_file: Ok(") && lines[0].contains("hello"), "{summary}");
    assert_eq!(lines[1], "search_files");
    let summary = run(&["write_file"]).await.unwrap();
    assert_eq!(summary, "write_file");
}

#[tokio::test]
async fn a_child_is_told_its_task_and_nothing_else() {
    let res = TestHost::new().run(&[TestTask::new("echoes_task")]).await.results.remove(0);
    let summary = res.summary.unwrap();
    assert!(summary.contains("goal: \"run echoes_task\""), "{summary}");
    assert!(summary.contains("context: None"), "{summary}");
    assert!(summary.contains("tools: [\"read_file\", \"search_files\"]"), "{summary}");
    assert!(summary.contains("role: Role::Leaf"), "{summary}");
    assert!(summary.contains("depth: 1"), "{summary}");
    assert!(summary.contains("max_iterations: 25"), "{summary}");
}

#[tokio::test]
async fn two_plans_for_one_component_have_two_digests() {
    let digest = async |toolsets: &[&str]| {
        let task = TestTask::new("honest").toolsets(toolsets);
        TestHost::new().run(&[task]).await.results.remove(0).boundary.unwrap()
    };
    let (all, none) = (digest(&["file"]).await, digest(&[]).await);
    assert_eq!(all.component, none.component);
    assert_ne!(all.policy, none.policy);
}

#[tokio::test]
async fn the_policy_digest_covers_what_only_the_toolbox_holds() {
    // The imports of both are the same; what the toolbox holds is not.
    let policy = async |toolsets: &[&str]| {
        let task = TestTask::new("uses_toolbox").toolsets(toolsets);
        let res = TestHost::new().run(&[task]).await.results.remove(0);
        res.boundary.unwrap().policy.clone()
    };
    assert_ne!(policy(&["file_read"]).await, policy(&["file"]).await);
}

#[tokio::test]
async fn what_is_blocked_is_not_in_the_toolbox_however_the_policy_was_made() {
    let host = TestHost::new();
    let component =
        host.host().await.sandbox().load(&Binary::new(guest("uses_toolbox"))).await.unwrap();
    let grant = ["read_file", "search_files"].map(tool).into_iter().collect();
    let blocked = Blocked::with([tool("read_file")]);
    let house = HouseRules::new(blocked, Arc::default(), Defences::ALL);
    let terms = Terms { house: Arc::new(house), ..Terms::of(Role::Leaf) };
    let policy = Policy::decide(None, &grant, terms, []);
    let Ok(admitted) = host.host().await.sandbox().admit(&component, &policy) else {
        panic!("refused");
    };
    assert_eq!(admitted.grant().names(), ["search_files"]);
    assert_eq!(admitted.record().granted, ["search_files"]);
}
