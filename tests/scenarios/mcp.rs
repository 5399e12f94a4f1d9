//! Parents that speak MCP, over the real doors of the service and with real
//! subagents: what each of them is told, and how often.

use std::collections::BTreeSet;

use hermitage::store::{EventBody, EventState};
use hermitage_tests::{
    Gate, TestHost, TestTask,
    mcp::{Revision, TestParent},
    service::TestService,
};
use serde_json::{Value, json};

async fn gated() -> (TestHost, Gate, TestService) {
    let gate = Gate::new();
    let host = TestHost::new().gate(&gate);
    let service = TestService::on(&host).await;
    (host, gate, service)
}

/// What `delegate_task` is asked for gated children, with other arguments.
async fn asked(host: &TestHost, names: &[&str], more: Value) -> Value {
    let tasks: Vec<TestTask> = names.iter().map(|it| TestTask::gated(it)).collect();
    let mut asked = json!({"tasks": host.request(&tasks).await.tasks});
    let more = more.as_object().unwrap().clone();
    asked.as_object_mut().unwrap().extend(more);
    asked
}

/// What a model reads of a result.
fn texts(result: &Value) -> Vec<&str> {
    let content = result["content"].as_array().unwrap();
    content.iter().map(|it| it["text"].as_str().unwrap()).collect()
}

fn id(result: &Value) -> String {
    result["structuredContent"]["delegation_id"].as_str().unwrap().to_owned()
}

/// Of the completions that ride on a result.
fn unread(result: &Value) -> Vec<&str> {
    let unread = result["structuredContent"]["unread"].as_array();
    unread.into_iter().flatten().map(|it| it["delegation_id"].as_str().unwrap()).collect()
}

fn state(event: &EventState) -> &'static str {
    match event {
        EventState::Claimed { .. } => "claimed",
        EventState::Acked => "acknowledged",
        _ => "other",
    }
}

async fn states(host: &TestHost) -> Vec<&'static str> {
    host.events().await.iter().map(|it| state(&it.state)).collect()
}

#[tokio::test]
async fn a_call_is_told_how_far_it_is_and_what_came_of_it_once() {
    for revision in Revision::ALL {
        let (host, gate, service) = gated().await;
        let parent = TestParent::new(service.token("alice"), revision);
        let arguments = asked(&host, &["a", "b", "c"], json!({})).await;
        let params = json!({
            "name": "delegate_task", "arguments": arguments, "_meta": {"progressToken": "p"},
        });
        let calling = parent.clone();
        let call = tokio::spawn(async move { calling.messages("tools/call", params).await });
        for name in ["a", "b", "c"] {
            gate.entered(name).await;
            gate.open(name);
        }
        let mut messages = call.await.unwrap();
        let result = messages.pop().unwrap()["result"].take();
        // However many there are, each goes further than the one before.
        let mut before = -1.0;
        assert!(!messages.is_empty());
        for it in &messages {
            assert_eq!(it["method"], "notifications/progress", "{it}");
            assert_eq!(
                (&it["params"]["progressToken"], &it["params"]["total"]),
                (&json!("p"), &json!(3.0))
            );
            let (now, line) =
                (it["params"]["progress"].as_f64().unwrap(), &it["params"]["message"]);
            assert!(
                now > before && now <= 3.0 && line.as_str().unwrap().contains("/3 done"),
                "{it}"
            );
            before = now;
        }
        assert_eq!(result["isError"], false);
        let told = &result["structuredContent"];
        assert_eq!((&told["status"], &told["next"]), (&json!("completed"), &Value::Null));
        let children = told["children"].as_array().unwrap().iter();
        let children: Vec<_> = children.map(|it| (&it["goal"], &it["summary"])).collect();
        let passed = json!("Ok(\"passed\")");
        assert_eq!(
            children,
            [(&json!("a"), &passed), (&json!("b"), &passed), (&json!("c"), &passed)]
        );
        // One text, with all three in the order of the tasks.
        let [text] = texts(&result)[..] else { panic!("{result}") };
        let places: Vec<_> =
            ["1/3: a", "2/3: b", "3/3: c"].iter().map(|it| text.find(it)).collect();
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{text}");
        // It was told, and rides on nothing.
        assert_eq!(states(&host).await, ["other"]);
        assert_eq!(unread(&parent.call("list_delegations", json!({})).await), [""; 0]);
        assert_eq!(states(&host).await, ["acknowledged"]);
    }
}

#[tokio::test]
async fn a_completion_that_nobody_waits_for_rides_once_and_is_acknowledged_by_a_later_call() {
    for revision in Revision::ALL {
        let (host, gate, service) = gated().await;
        let alice = service.token("alice");
        let parent = TestParent::new(alice.clone(), revision);
        let mut news = alice.stream("/v1/stream").await;
        let arguments = asked(&host, &["a"], json!({"background": true})).await;
        let begun = parent.call("delegate_task", arguments).await;
        assert_eq!(begun["structuredContent"]["status"], "running", "{begun}");
        let id = id(&begun);
        gate.open("a");
        news.until("completion").await;
        let result = parent.call("list_delegations", json!({})).await;
        assert_eq!(unread(&result), [id.as_str()]);
        let [_, text] = texts(&result)[..] else { panic!("{result}") };
        assert!(
            text.starts_with("While you worked, this came:\n\n") && text.contains(&id),
            "{text}"
        );
        // It is still this parent's, until it calls again: then it is over.
        assert_eq!(states(&host).await, ["claimed"]);
        assert_eq!(unread(&parent.call("list_delegations", json!({})).await), [""; 0]);
        assert_eq!(states(&host).await, ["acknowledged"]);
        // What it asks for by name it is told as often as it asks.
        let got = parent.call("get_delegation", json!({"delegation_id": id})).await;
        assert_eq!(got["structuredContent"]["status"], "completed");
    }
}

#[tokio::test]
async fn no_call_takes_longer_than_it_is_given() {
    let (host, gate, service) = gated().await;
    let parent = TestParent::new(service.token("alice"), Revision::Legacy);
    let result =
        parent.call("delegate_task", asked(&host, &["a"], json!({"wait_s": 1})).await).await;
    let told = &result["structuredContent"];
    assert_eq!((&told["status"], &result["isError"]), (&json!("running"), &json!(false)));
    assert!(told["next"].as_str().unwrap().contains("wait_delegation"));
    // Of all that run, when it names none.
    let waited = parent.call("wait_delegation", json!({"wait_s": 0})).await;
    assert_eq!(waited["structuredContent"]["delegations"][0]["status"], "running");
    gate.open("a");
    let asked = json!({"delegation_ids": [id(&result)]});
    let waited = parent.call("wait_delegation", asked).await;
    assert_eq!(waited["structuredContent"]["delegations"][0]["delegation_id"], id(&result));
    assert_eq!(waited["structuredContent"]["delegations"][0]["status"], "completed");
    assert_eq!(unread(&parent.call("list_delegations", json!({})).await), [""; 0]);
    let too_long = parent.call("wait_delegation", json!({"wait_s": 51})).await;
    assert_eq!(too_long["isError"], true);
    assert!(texts(&too_long)[0].contains("`wait_s`: 51 is above 50"), "{too_long}");
}

#[tokio::test]
async fn a_subagent_is_stopped_and_a_failure_is_no_error_of_the_protocol() {
    let (host, gate, service) = gated().await;
    let parent = TestParent::new(service.token("alice"), Revision::Modern);
    let arguments = asked(&host, &["a", "b"], json!({"background": true})).await;
    let id = id(&parent.call("delegate_task", arguments).await);
    gate.entered("a").await;
    let stop = json!({"delegation_id": id, "task_index": 0, "reason": "no need"});
    assert_eq!(
        parent.call("stop_delegation", stop).await["structuredContent"]["status"],
        "stopping"
    );
    let steer = json!({"delegation_id": id, "task_index": 1, "text": "look again"});
    let steered = parent.call("steer_delegation", steer).await;
    assert_eq!(steered["isError"], true, "it has no model: {steered}");
    gate.open("b");
    let waited = parent.call("wait_delegation", json!({"delegation_ids": [id]})).await;
    let children = &waited["structuredContent"]["delegations"][0]["children"];
    assert_eq!(children[0]["error"], "interrupted: no need", "{waited}");
    assert_eq!((&waited["isError"], &children[1]["status"]), (&json!(false), &json!("completed")));
    let unknown = parent.ask("tools/call", json!({"name": "nothing", "arguments": {}})).await;
    assert_eq!(unknown.unwrap_err()["code"], -32602);
}

#[tokio::test]
async fn two_tokens_with_one_name_for_their_sessions_never_see_each_others() {
    for revision in Revision::ALL {
        let (host, gate, service) = gated().await;
        let of = |name: &str| TestParent::new(service.token(name), revision).session("same");
        let (alice, bob) = (of("alice"), of("bob"));
        gate.open("a");
        let told = alice.call("delegate_task", asked(&host, &["a"], json!({})).await).await;
        let theirs = id(&told);
        assert_eq!(told["structuredContent"]["status"], "completed");
        // Bob's call says nothing of what Alice has: it is hers until she calls.
        let list = bob.call("list_delegations", json!({})).await;
        assert_eq!(list["structuredContent"]["delegations"], json!([]));
        assert_eq!((unread(&list), states(&host).await), (vec![], vec!["other"]));
        assert_eq!(unread(&alice.call("list_delegations", json!({})).await), [""; 0]);
        assert_eq!(states(&host).await, ["acknowledged"]);
        // What is hers is as if it were not there.
        let nobodys = "deleg_00000000000000000000000000000000";
        for (tool, more) in [
            ("get_delegation", json!({})),
            ("stop_delegation", json!({})),
            ("steer_delegation", json!({"text": "x"})),
        ] {
            let ask = async |id: &str| {
                let mut arguments = more.clone();
                arguments["delegation_id"] = id.into();
                bob.call(tool, arguments).await.to_string().replace(id, "ID")
            };
            let (hers, none) = (ask(&theirs).await, ask(nobodys).await);
            assert!(hers.contains("there is no delegation `ID`"), "{tool}: {hers}");
            assert_eq!(hers, none, "{tool}");
        }
        let waited = bob.call("wait_delegation", json!({"delegation_ids": [theirs]})).await;
        assert_eq!(waited["isError"], true);
        let read =
            bob.ask("resources/read", json!({"uri": format!("delegation://{theirs}")})).await;
        assert!(read.unwrap_err()["message"].as_str().unwrap().contains("there is no resource"));
        assert_eq!(bob.ask("resources/list", json!({})).await.unwrap()["resources"], json!([]));
        // No name of a session leads to hers.
        let caller = service.token("eve");
        for forged in ["agent:main:http:token:alice:same", "alice:same", "same%0A", ""] {
            let eve = TestParent::new(caller.clone(), revision).session(forged);
            let refused = eve.request("tools/list", json!({})).send().await.unwrap();
            assert_eq!(refused.status(), 400, "{forged}");
        }
        let more = TestParent::new(caller, revision).session("same&token=alice");
        assert_eq!(more.request("tools/list", json!({})).send().await.unwrap().status(), 400);
    }
}

#[tokio::test]
async fn a_task_is_polled_until_it_has_its_result_and_is_cancelled() {
    let (host, gate, service) = gated().await;
    let of = |name: &str| TestParent::new(service.token(name), Revision::Modern).with_tasks();
    let (alice, bob) = (of("alice"), of("bob"));
    let task = async |name: &str| {
        let created = alice.call("delegate_task", asked(&host, &[name], json!({})).await).await;
        assert_eq!(
            (&created["resultType"], &created["status"]),
            (&json!("task"), &json!("working"))
        );
        created["taskId"].as_str().unwrap().to_owned()
    };
    let get = async |of: &TestParent, id: &str| of.ask("tasks/get", json!({"taskId": id})).await;
    let (first, second) = (task("a").await, task("b").await);
    let working = get(&alice, &first).await.unwrap();
    assert_eq!((&working["status"], &working["pollIntervalMs"]), (&json!("working"), &json!(2000)));
    assert_eq!(working["statusMessage"].as_str().unwrap().get(..8), Some("0/1 done"));
    // To another it is no task, nor to a client without them.
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let params = json!({"taskId": first, "inputResponses": {}});
        let refused = bob.ask(method, params.clone()).await.unwrap_err();
        assert_eq!(refused["code"], -32602, "{method}: {refused}");
        assert_eq!(refused["message"], format!("there is no task `{first}`"), "{method}");
        let without = TestParent::new(service.token("carol"), Revision::Modern);
        assert_eq!(without.ask(method, params).await.unwrap_err()["code"], -32021, "{method}");
    }
    let mut news = service.owner().stream("/v1/stream").await;
    alice.ask("tasks/cancel", json!({"taskId": second})).await.unwrap();
    news.until("completion").await;
    assert_eq!(get(&alice, &second).await.unwrap()["status"], "cancelled");
    gate.open("a");
    news.until("completion").await;
    for _ in 0..2 {
        let done = get(&alice, &first).await.unwrap();
        assert_eq!(done["status"], "completed", "{done}");
        assert_eq!(done["result"]["structuredContent"]["children"][0]["summary"], "Ok(\"passed\")");
    }
    // One that has ended stays what it is.
    alice.ask("tasks/cancel", json!({"taskId": first})).await.unwrap();
    assert_eq!(get(&alice, &first).await.unwrap()["status"], "completed");
    assert_eq!(states(&host).await, ["acknowledged", "acknowledged"]);
    // They ride on nothing, and what is short needs none.
    gate.open("c");
    let short = alice.call("delegate_task", asked(&host, &["c"], json!({})).await).await;
    assert_eq!(
        (&short["structuredContent"]["status"], unread(&short)),
        (&json!("completed"), vec![])
    );
}

#[tokio::test]
async fn delegations_are_resources_whose_changes_are_told() {
    let (host, gate, service) = gated().await;
    let parent = TestParent::new(service.token("alice"), Revision::Modern);
    let arguments = asked(&host, &["a"], json!({"background": true})).await;
    let uri = format!("delegation://{}", id(&parent.call("delegate_task", arguments).await));
    gate.entered("a").await;
    let listed = parent.ask("resources/list", json!({})).await.unwrap();
    assert_eq!(listed["resources"][0]["uri"], uri.as_str());
    let wanted = json!({"notifications": {"resourceSubscriptions": [uri, "file:///etc/passwd"]}});
    let mut news = parent.listen("subscriptions/listen", wanted).await;
    let begun = news.next().await.unwrap().data;
    assert_eq!(begun["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(begun["params"]["notifications"]["resourceSubscriptions"], json!([uri]));
    gate.open("a");
    let read = async || {
        let read = parent.ask("resources/read", json!({"uri": uri})).await.unwrap();
        let text = read["contents"][0]["text"].as_str().unwrap().to_owned();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    while read().await["status"] != "completed" {
        let update = news.next().await.unwrap().data;
        assert_eq!(update["method"], "notifications/resources/updated", "{update}");
        assert_eq!(update["params"]["uri"], uri.as_str());
    }
    // Reading is no answer of a tool: its model has not been told.
    assert_eq!(unread(&parent.call("list_delegations", json!({})).await).len(), 1);
    for nothing in ["delegation://nothing", "file:///etc/passwd", "delegation://"] {
        assert!(parent.ask("resources/read", json!({"uri": nothing})).await.is_err(), "{nothing}");
    }
}

#[tokio::test]
async fn ten_thousand_tasks_are_refused_by_capacity() {
    let (host, _gate, service) = gated().await;
    let parent = TestParent::new(service.token("mallory"), Revision::Modern).with_tasks();
    let many = json!({"tasks": vec![json!({"goal": "x", "agent": "calls_native"}); 10_000]});
    let refused = parent.call("delegate_task", many).await;
    assert_eq!(refused["isError"], true);
    assert!(texts(&refused)[0].contains("10000"), "{refused}");
    let asked = asked(&host, &["a"; 10], json!({"background": true})).await;
    let mallory = service.token("mallory");
    let callers = (0..100).map(|caller| {
        // In as many sessions as there are callers.
        let parent = TestParent::new(mallory.clone(), Revision::Legacy);
        let (parent, asked) = (parent.session(&format!("s{caller}")), asked.clone());
        tokio::spawn(async move {
            let mut taken = 0;
            for _ in 0..10 {
                let result = parent.call("delegate_task", asked.clone()).await;
                if result["isError"] == false {
                    taken += 1;
                } else {
                    assert!(texts(&result)[0].contains("delegation.max_queued"), "{result}");
                }
            }
            taken
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut taken = 0;
    for it in callers {
        taken += it.await.unwrap();
    }
    let limits = &host.config().delegation;
    assert_eq!(taken, limits.max_async_children + limits.max_queued);
    // Nothing is kept of the others.
    let listed = service.owner().get("/v1/delegations?limit=1000").await.1;
    assert_eq!(listed["delegations"].as_array().unwrap().len(), taken);
}

#[tokio::test]
async fn a_key_makes_a_repeated_call_the_same_one_for_its_own_parent_alone() {
    let (host, _gate, service) = gated().await;
    let more = json!({"background": true, "idempotency_key": "mine"});
    let asked = asked(&host, &["a"], more).await;
    let mut ids = BTreeSet::new();
    for (name, session) in [("alice", "same"), ("alice", "other"), ("bob", "same")] {
        let parent = TestParent::new(service.token(name), Revision::Modern).session(session);
        let first = id(&parent.call("delegate_task", asked.clone()).await);
        assert_eq!(id(&parent.call("delegate_task", asked.clone()).await), first);
        ids.insert(first);
    }
    assert_eq!(ids.len(), 3, "each has its own: {ids:?}");
}

#[tokio::test]
async fn a_body_has_the_bounds_of_all_others() {
    let (_host, _gate, service) = gated().await;
    let parent = TestParent::new(service.token("alice"), Revision::Legacy);
    let goal = "x".repeat(1 << 20);
    let params = json!({"name": "delegate_task", "arguments": {"goal": goal}});
    let refused = parent.request("tools/call", params).send().await.unwrap();
    assert_eq!(refused.status(), 413);
    // As elsewhere, with a word for programs and one for people.
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["error"]["code"], "too_large", "{refused}");
}

#[tokio::test]
async fn what_a_model_writes_names_no_path() {
    let (host, _gate, service) = gated().await;
    for caller in [service.token("alice"), service.owner()] {
        let parent = TestParent::new(caller, Revision::Legacy);
        for agent in ["./honest.wasm", "/bin/sh", "../x", "~/a.wasm"] {
            let refused = parent.call("delegate_task", json!({"goal": "x", "agent": agent})).await;
            assert_eq!(refused["isError"], true, "{agent}: {refused}");
            assert!(texts(&refused)[0].contains(agent), "{agent}: {refused}");
        }
    }
    assert_eq!(states(&host).await, [""; 0], "nothing began");
}

#[tokio::test]
async fn a_connection_that_is_lost_ends_no_work_and_what_came_of_it_is_not_lost() {
    for revision in Revision::ALL {
        let (host, gate, service) = gated().await;
        let alice = service.token("alice");
        let mut news = alice.stream("/v1/stream").await;
        // This one and the call that waits.
        let listeners = async |count: usize| {
            let line = format!("\nhermitage_listeners {count}\n");
            while !alice.get("/metrics").await.1.as_str().unwrap().contains(&line) {}
        };
        let parent = TestParent::new(alice.clone(), revision);
        let params =
            json!({"name": "delegate_task", "arguments": asked(&host, &["a"], json!({})).await});
        tokio::select! {
            _ = parent.request("tools/call", params).send() => panic!("nobody has opened it"),
            () = async { gate.entered("a").await; listeners(2).await } => (),
        }
        listeners(1).await;
        gate.open("a");
        news.until("completion").await;
        let result = parent.call("list_delegations", json!({})).await;
        assert_eq!(unread(&result).len(), 1, "{result}");
    }
}

#[tokio::test]
async fn a_service_that_gives_way_cancels_no_call() {
    let (host, gate, service) = gated().await;
    let alice = service.token("alice");
    let mut news = alice.stream("/v1/stream").await;
    let parent = TestParent::new(alice, Revision::Modern);
    let params =
        json!({"name": "delegate_task", "arguments": asked(&host, &["a"], json!({})).await});
    let request = parent.request("tools/call", params);
    let call = tokio::spawn(async move { request.send().await });
    gate.entered("a").await;
    let retiring = tokio::spawn(async move { service.service.retire().await });
    let _ = call.await.unwrap();
    while news.next().await.is_some() {}
    gate.open("a");
    retiring.await.unwrap();
    let events = host.events().await;
    let EventBody::Completion(event) = &events[0].event.body else { panic!("{events:?}") };
    assert_eq!(event.results[0].error, None, "{event:?}");
}
