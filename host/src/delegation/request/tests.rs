use super::*;
use crate::{
    defence::Defences,
    tools::bundled,
    toolset::{Blocked, Withheld},
};

fn rules() -> Rules {
    Rules {
        max_tasks_per_batch: 2,
        max_depth: 2,
        max_iterations: 25,
        child_timeout: Duration::from_secs(60),
        depth: 0,
        parent: bundled().held(),
        house: Arc::default(),
        has_model: false,
        strict: false,
        default_toolsets: Some(vec!["file_read".to_owned()]),
        tools: Arc::new(bundled().clone()),
        made: Arc::default(),
    }
}

fn request(goal: Option<&str>, tasks: &str) -> Result<Request, RequestError> {
    let goal = goal.map(str::to_owned);
    let tasks = TaskRequest::list_from_json(tasks)?;
    Ok(Request { goal, tasks, context: Some("shared".to_owned()), ..Request::default() })
}

#[test]
fn a_request_may_have_less_time_than_the_configuration_allows() {
    let check = |seconds: f64, expect: Result<(), &str>| {
        let timeout = Some(Duration::from_secs_f64(seconds));
        let request = Request { goal: Some("a".to_owned()), timeout, ..Request::default() };
        let res = request.resolve(&rules()).map(drop).map_err(|it| it.to_string());
        assert_eq!(res, expect.map_err(str::to_owned));
    };
    check(0.5, Ok(()));
    check(60.0, Ok(()));
    check(0.0, Err("the timeout is 0: a child needs some time"));
    let too_long = "a timeout of 60.5 s: at most 60 s are allowed \
        (`delegation.child_timeout_seconds`)";
    check(60.5, Err(too_long));
}

#[test]
fn the_application_alone_has_a_component_work_as_a_parent() {
    let request = |written_by| Request {
        goal: Some("a".to_owned()),
        as_parent: true,
        written_by,
        ..Request::default()
    };
    let by_default = request(WrittenBy::default()).resolve(&rules());
    assert_eq!(by_default, Err(RequestError::ParentOfAModel));
    assert!(request(WrittenBy::Application).resolve(&rules()).is_ok());
}

#[test]
fn a_component_that_is_given_by_path_gets_the_toolset_of_a_stranger() {
    let check = |agent: &str, toolsets: Option<&str>, expect: &[&str]| {
        let toolsets = toolsets.map(|it| vec![it.to_owned()]);
        let agent = Some(agent.to_owned());
        let goal = Some("a".to_owned());
        let parent = bundled().held();
        let written_by = WrittenBy::Application;
        let request = Request { goal, agent, toolsets, written_by, ..Request::default() };
        let default_toolsets = Some(vec!["web_search".to_owned()]);
        let request = request.with_less_for_strangers();
        let res = request.resolve(&Rules { parent, default_toolsets, ..rules() }).unwrap();
        assert_eq!(res.tasks[0].policy.grant().names(), expect);
    };
    check("./a.wasm", None, &["read_file", "search_files"]);
    check("a.wasm", None, &["read_file", "search_files"]);
    check("./a.wasm", Some("web_search"), &["web_search"]);
    check("a", None, &["web_search"]);
}

fn check_error(goal: Option<&str>, tasks: &str, expect: &str) {
    let res = request(goal, tasks).and_then(|it| it.resolve(&rules()));
    assert_eq!(res.unwrap_err().to_string(), expect, "{tasks}");
}

#[test]
fn one_wrong_task_fails_the_whole_call() {
    check_error(None, "[]", "nothing to do: provide either `goal` or `tasks`");
    for blank in ["  \n", "\u{200b}", "\u{2800}", "\u{1b}[31m"] {
        check_error(Some(blank), "[]", "the goal is blank: say what should be done");
        let tasks = serde_json::json!([{"goal": "a"}, {"goal": blank}]).to_string();
        check_error(None, &tasks, "Task 2 is missing a `goal`");
    }
    for second in ["{}", "7", "\"g\"", "null", "[]", r#"{"goal": " \t"}"#] {
        let tasks = format!(r#"[{{"goal": "a"}}, {second}]"#);
        check_error(None, &tasks, "Task 2 is missing a `goal`");
    }
    check_error(
        None,
        r#"[{"goal": "a", "gaol": "b"}]"#,
        "Task 1 is no task: unknown field `gaol`, expected one of `goal`, `context`, \
             `toolsets`, `agent`, `role`, `model`, `output_schema`, `max_iterations`, `group`",
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
        "unknown toolset or tool `files`: known are `file`, `file_read`, `terminal`, `web`",
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
        .map(|it| (it.asked.goal.as_str(), it.asked.context.as_deref(), it.policy.grant().names()))
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
    assert_eq!(res.tasks[0].policy.grant().names(), ["read_file"]);
    assert_eq!(res.notes, ["`memory` is blocked for children and was not granted"]);
}

#[test]
fn a_tool_that_the_caller_lacks_is_not_granted_and_the_caller_is_told() {
    let parent: Grant = [bundled().get("read_file").unwrap()].into_iter().collect();
    let res = request(Some("a"), "[]").unwrap().resolve(&Rules { parent, ..rules() }).unwrap();
    assert_eq!(res.tasks[0].policy.grant().names(), ["read_file"]);
    assert_eq!(res.notes, ["not granted, because the caller has none of it: search_files"]);
}

#[test]
fn whoever_asks_for_what_this_host_has_not_is_told_a_parent_too() {
    let mut withheld = Withheld::default();
    withheld.add_quietly(bundled().get("clarify").unwrap(), "there is nobody to ask");
    let parent = withheld.less(&bundled().held());
    let house = HouseRules::new(Blocked::default(), Arc::new(withheld), Defences::ALL);
    let rules = Rules { parent, house: Arc::new(house), ..rules() };
    let check = |as_parent, expect| {
        let toolsets = Some(vec!["clarify".to_owned()]);
        let request = Request {
            toolsets,
            as_parent,
            written_by: WrittenBy::Application,
            ..request(Some("a"), "[]").unwrap()
        };
        assert_eq!(request.resolve(&rules).unwrap().notes, [expect]);
    };
    check(true, "`clarify` was not granted: there is nobody to ask");
    check(false, "`clarify` is blocked for children and was not granted");
}
