//! The service over its real doors: who gets in, what is whose, and what
//! becomes of delegations and their events.

use hermitage::{
    Host,
    delegation::Progress,
    store::{EventBody, NewEvent},
};
use hermitage_tests::{
    Gate, TestHost, TestTask,
    service::{TestCaller, TestService},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const JSON: &str = "application/json";

async fn gated() -> (TestHost, Gate, TestService) {
    let gate = Gate::new();
    let host = TestHost::new().gate(&gate);
    let service = TestService::on(&host).await;
    (host, gate, service)
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_delegation_returns_a_handle_and_comes_back_as_one_event() {
    let (host, gate, service) = gated().await;
    let alice = service.token("alice");
    let id = alice.dispatch(&host, &["a", "b"].map(TestTask::gated)).await;
    gate.entered("a").await;
    gate.entered("b").await;
    let (_, list) = alice.get("/v1/delegations").await;
    let listed = &list["delegations"][0];
    assert_eq!((&listed["delegation_id"], &listed["status"]), (&json!(id), &json!("running")));
    assert_eq!(listed["session_key"], "agent:main:http:token:alice:default");
    let waiting = alice.clone();
    let claim = tokio::spawn(async move { waiting.get("/v1/events?wait_seconds=60").await });
    gate.open("a");
    gate.open("b");
    let (status, claimed) = claim.await.unwrap();
    assert_eq!(status, 200);
    let claim = &claimed["events"][0];
    assert_eq!(claim["event"]["delegation_id"], id.as_str());
    assert_eq!(claim["event"]["results"].as_array().unwrap().len(), 2);
    assert!(claim["text"].as_str().unwrap().contains(&id), "{claim}");
    // It is claimed: nobody else gets it, and nobody twice.
    assert_eq!(alice.get("/v1/events").await.1["events"], json!([]));
    let path = format!("/v1/events/{}/ack", claim["id"]);
    let acked = (200, json!({"status": "acknowledged"}));
    assert_eq!(alice.post(&path, &json!({"claim": claim["claim"]})).await, acked);
    assert_eq!(alice.post(&path, &json!({})).await, acked, "again changes nothing");
    assert_eq!(alice.get("/v1/events").await.1["events"], json!([]));
    let (_, shown) = alice.get(&format!("/v1/delegations/{id}")).await;
    assert_eq!(shown["delegation"]["status"], "completed");
    assert_eq!(shown["results"][1]["summary"], "Ok(\"passed\")");
    assert!(shown["texts"][0].as_str().unwrap().contains(&id));
}

#[tokio::test]
async fn a_claim_is_put_back_tried_again_and_prolonged() {
    let (host, gate, service) = gated().await;
    let owner = service.owner();
    let id = owner.dispatch(&host, &[TestTask::gated("a")]).await;
    gate.open("a");
    let claim = owner.get("/v1/events?wait_seconds=60").await.1["events"][0].clone();
    let settle = async |how: &str, body: Value| {
        owner.post(&format!("/v1/events/{}/{how}", claim["id"]), &body).await
    };
    assert_eq!(settle("prolong", json!({"claim": claim["claim"]})).await.0, 200);
    // One that has another's claim does not settle this one.
    assert_eq!(code(&settle("release", json!({"claim": "0"})).await), (409, "lost"));
    assert_eq!(settle("release", json!({})).await.1["status"], "released");
    assert_eq!(code(&settle("release", json!({})).await), (409, "lost"));
    let again = owner.get("/v1/events?max=5").await.1["events"][0].clone();
    assert_eq!(again["event"]["delegation_id"], id.as_str());
    assert_eq!(again["attempt"], 1, "a release is no failed attempt");
    // The claim of before is not this one, though it is of the same event.
    assert_ne!(again["claim"], claim["claim"]);
    assert_eq!(code(&settle("ack", json!({"claim": claim["claim"]})).await), (409, "lost"));
    assert_eq!(settle("retry", json!({"reason": "no model"})).await.1["status"], "failed");
    // It is to be offered after a pause, but it was applied after all.
    assert_eq!(owner.get("/v1/events").await.1["events"], json!([]));
    assert_eq!(settle("ack", json!({})).await.0, 200);
    assert_eq!(code(&settle("prolong", json!({})).await), (409, "lost"));
    assert_eq!(code(&owner.post("/v1/events/999/ack", &json!({})).await), (404, "not_found"));
}

#[tokio::test]
async fn a_claim_outlives_its_service_and_is_settled_at_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hermitage.db");
    let (gate, hosts) = (Gate::new(), [(); 2].map(|()| TestHost::new().store_at(&file)));
    let [first, second] = hosts.map(|it| it.gate(&gate));
    gate.open("a");
    let claim = {
        let service = TestService::on(&first).await;
        let alice = service.token("alice");
        alice.dispatch(&first, &[TestTask::gated("a")]).await;
        let claim = alice.get("/v1/events?wait_seconds=60").await.1["events"][0].clone();
        service.service.close().await;
        claim
    };
    drop(first);
    let service = TestService::on(&second).await;
    let alice = service.token("alice");
    // Its consumer applies it just now: nobody else gets it meanwhile.
    assert_eq!(alice.get("/v1/events").await.1["events"], json!([]));
    let settle = async |how: &str, claim: &Value| {
        alice
            .post(&format!("/v1/events/{}/{how}", claim["id"]), &json!({"claim": claim["claim"]}))
            .await
    };
    let others = json!({"id": claim["id"], "claim": "2"});
    assert_eq!(code(&settle("ack", &others).await), (409, "lost"));
    assert_eq!(settle("prolong", &claim).await.0, 200);
    assert_eq!(settle("ack", &claim).await, (200, json!({"status": "acknowledged"})));
    assert_eq!(alice.get("/v1/events").await.1["events"], json!([]));
}

#[tokio::test]
async fn an_event_that_is_no_json_comes_as_a_text() {
    let (host, _gate, service) = gated().await;
    let alice = service.token("alice");
    let event = NewEvent {
        kind: "watch_match".to_owned(),
        dedup: "1".to_owned(),
        session: "agent:main:http:token:alice:default".parse().unwrap(),
        body: EventBody::Other("{no json".to_owned()),
        created_at: 1.0,
    };
    let store = host.host().await.store();
    let owner = store.host();
    store.write_raw(move |tables| tables.push(&event, owner)).await.unwrap();
    let claim = alice.get("/v1/events").await.1["events"][0].clone();
    assert_eq!((&claim["type"], &claim["event"]), (&json!("watch_match"), &json!("{no json")));
}

#[tokio::test]
async fn a_token_sees_nothing_of_another() {
    let (host, gate, service) = gated().await;
    let (alice, bob) = (service.token("alice"), service.token("bob"));
    let id = alice.dispatch(&host, &[TestTask::gated("a")]).await;
    gate.entered("a").await;
    assert_eq!(bob.get("/v1/delegations").await.1["delegations"], json!([]));
    let nobody = "deleg_00000000000000000000000000000000";
    for (path, body) in
        [("", None), ("/stop", Some(json!({}))), ("/steer", Some(json!({"text": "x"})))]
    {
        let ask = async |of: &str| {
            let path = format!("/v1/delegations/{of}{path}");
            let (status, answer) = match &body {
                Some(body) => bob.post(&path, body).await,
                None => bob.get(&path).await,
            };
            (status, answer.to_string().replace(of, "ID"))
        };
        let (of_alice, of_nobody) = (ask(&id).await, ask(nobody).await);
        assert_eq!(of_alice.0, 404, "{path}: {}", of_alice.1);
        assert_eq!(of_alice, of_nobody, "what is not theirs is as if it were not there");
    }
    let mut news = bob.stream("/v1/stream?after=0").await;
    gate.open("a");
    let claim = alice.get("/v1/events?wait_seconds=60").await.1["events"][0].clone();
    for how in ["ack", "release", "retry", "prolong"] {
        let path = format!("/v1/events/{}/{how}", claim["id"]);
        assert_eq!(code(&bob.post(&path, &json!({})).await), (404, "not_found"));
    }
    assert_eq!(bob.get("/v1/events?session=alice").await.1["events"], json!([]));
    // The first thing that Bob hears of is his own.
    let own = bob.dispatch(&host, &[TestTask::gated("a")]).await;
    assert_eq!(news.next().await.unwrap().data["delegation_id"], own.as_str());
    // The owner sees everything.
    let all = service.owner().get("/v1/delegations").await.1["delegations"].clone();
    assert_eq!(all.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_gets_in_without_a_token_or_from_elsewhere() {
    let (_host, _gate, service) = gated().await;
    let (alice, stranger) = (service.token("alice"), service.stranger());
    let routes = ["/v1/delegations", "/v1/events", "/v1/stream", "/nowhere"];
    for route in routes {
        assert_eq!(code(&stranger.get(route).await), (401, "unauthorized"), "{route}");
    }
    assert_eq!(stranger.get("/healthz").await, (200, json!("ok\n")));
    assert_eq!(stranger.get("/openapi.json").await.1["openapi"], "3.1.0");
    let with = async |name: &str, value: &str, route: &str| {
        let call = alice.call(Method::GET, route).header(name, value).send().await.unwrap();
        call.status().as_u16()
    };
    let own = format!("http://{}", service.address);
    assert_eq!(with("origin", &own, "/v1/delegations").await, 200);
    for route in ["/v1/delegations", "/healthz", "/openapi.json"] {
        assert_eq!(with("origin", "http://evil.example", route).await, 403);
        assert_eq!(with("host", "evil.example", route).await, 403);
    }
    let wrong = stranger.call(Method::GET, "/v1/delegations").bearer_auth("hermitage_x");
    assert_eq!(wrong.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_token_that_is_taken_away_hears_and_gets_nothing_more() {
    let (host, gate, service) = gated().await;
    let alice = service.token("alice");
    alice.dispatch(&host, &[TestTask::gated("a")]).await;
    gate.entered("a").await;
    let mut news = alice.stream("/v1/stream").await;
    let waiting = alice.clone();
    let claim = tokio::spawn(async move { waiting.get("/v1/events?wait_seconds=60").await });
    // It waits, for sure: a claim that comes later is refused at the door.
    let owner = service.owner();
    while !owner.get("/metrics").await.1.as_str().unwrap().contains("connections 3") {}
    service.remove("alice");
    // A new one of that name does not help whoever had the old one.
    let second = service.token("alice");
    gate.open("a");
    assert_eq!(code(&claim.await.unwrap()), (401, "unauthorized"));
    assert_eq!(news.next().await, None);
    let claims = second.get("/v1/events?wait_seconds=60").await.1["events"].clone();
    assert_eq!(claims[0]["attempt"], 1, "it was put back: {claims}");
}

#[tokio::test]
async fn a_list_has_the_beginning_of_a_long_goal() {
    let (host, _gate, service) = gated().await;
    let alice = service.token("alice");
    let goal = "long ".repeat(10_000);
    let id = alice.dispatch(&host, &[TestTask::gated("a").goal(&goal)]).await;
    let list = alice.get("/v1/delegations").await.1;
    assert!(list.to_string().len() < 4_000, "{list}");
    let whole = alice.get(&format!("/v1/delegations/{id}")).await.1;
    let shown = whole["delegation"]["children"][0]["goal"].as_str().unwrap();
    assert_eq!(shown.trim_end(), goal.trim_end());
}

#[tokio::test]
async fn wrong_calls_are_told_what_is_wrong() {
    let (_host, _gate, service) = gated().await;
    let alice = service.token("alice");
    let check = async |answer: (u16, Value), status: u16, part: &str| {
        let text = answer.1["error"]["message"].as_str().unwrap_or_default();
        assert!(answer.0 == status && text.contains(part), "{part}: {answer:?}");
    };
    let dispatch = async |body: Value| alice.post("/v1/delegations", &body).await;
    check(dispatch(json!({})).await, 400, "goal").await;
    check(dispatch(json!({"goal": "x", "gaol": 1})).await, 400, "gaol").await;
    check(dispatch(json!({"tasks": [{"goal": 7}]})).await, 400, "tasks[0].goal").await;
    check(dispatch(json!({"goal": "x", "agent": "/etc/passwd"})).await, 400, "is a path").await;
    check(dispatch(json!({"goal": "x", "workspace": "/"})).await, 400, "workspace").await;
    check(dispatch(json!({"goal": "x", "session": "a b"})).await, 400, "session").await;
    check(alice.get("/v1/events?wait_seconds=61").await, 400, "wait_seconds").await;
    check(alice.get("/v1/events?max=0").await, 400, "max").await;
    check(alice.get("/v1/events?what=1").await, 400, "what").await;
    check(alice.get("/v1/delegations?limit=0").await, 400, "limit").await;
    check(alice.get("/v1/delegations/x").await, 404, "`x`").await;
    check(alice.get("/v2").await, 404, "route").await;
    let raw = async |body: String, kind: &str| {
        let call = alice.call(Method::POST, "/v1/delegations").header("content-type", kind);
        let response = call.body(body).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    check(raw("{".to_owned(), "application/json").await, 400, "body").await;
    check(raw("{} x".to_owned(), "application/json").await, 400, "body").await;
    check(raw("{}".to_owned(), "text/plain").await, 415, "JSON").await;
    let large = || " ".repeat((1 << 20) + 1);
    check(raw(large(), "application/json").await, 413, "bytes").await;
    // The owner's command line sends lists of tasks that are longer.
    let call = service.owner().call(Method::POST, "/v1/delegations").body(large());
    let response = call.header("content-type", "application/json").send().await.unwrap();
    assert_eq!(response.status(), 400);
    let answer = alice.call(Method::DELETE, "/v1/delegations").send().await.unwrap();
    assert_eq!(answer.status(), 405);
}

#[tokio::test]
async fn one_child_is_stopped_and_a_unit_and_neither_twice() {
    let (host, gate, service) = gated().await;
    let alice = service.token("alice");
    let id = alice.dispatch(&host, &["a", "b"].map(TestTask::gated)).await;
    gate.entered("a").await;
    gate.entered("b").await;
    let stop = async |body: Value| alice.post(&format!("/v1/delegations/{id}/stop"), &body).await;
    assert_eq!(code(&stop(json!({"task_index": 2})).await), (404, "not_found"));
    assert_eq!(stop(json!({"task_index": 0, "reason": "one is enough"})).await.0, 200);
    let steer = json!({"task_index": 1, "text": "hurry"});
    let steered = alice.post(&format!("/v1/delegations/{id}/steer"), &steer).await;
    assert_eq!(code(&steered), (409, "no_model"));
    assert_eq!(stop(json!({})).await, (200, json!({"status": "stopping"})));
    let event = &alice.get("/v1/events?wait_seconds=60").await.1["events"][0]["event"];
    let error = event["results"][0]["error"].as_str().unwrap();
    assert!(error.contains("one is enough"), "{error}");
    assert_eq!(event["results"][1]["status"], "interrupted");
    assert_eq!(code(&stop(json!({})).await), (409, "too_late"));
    assert_eq!(code(&stop(json!({"task_index": 0})).await), (409, "too_late"));
}

#[tokio::test]
async fn a_call_that_is_repeated_gives_the_first_handle() {
    let (host, _gate, service) = gated().await;
    let (alice, bob) = (service.token("alice"), service.token("bob"));
    let tasks = host.request(&[TestTask::gated("a")]).await.tasks;
    let dispatch = async |caller: &TestCaller, key: &str, context: &str| {
        let body = json!({"tasks": tasks, "context": context});
        let call = caller.call(Method::POST, "/v1/delegations").header("idempotency-key", key);
        let response = call.json(&body).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let first = dispatch(&alice, "one", "c").await;
    assert_eq!(first.0, 202, "{}", first.1);
    assert_eq!(dispatch(&alice, "one", "c").await, first);
    assert_eq!(dispatch(&alice, "\"one\"", "c").await, first, "in quotes as well");
    assert_ne!(dispatch(&alice, "two", "c").await.1["delegation_id"], first.1["delegation_id"]);
    let bobs = dispatch(&bob, "one", "c").await;
    assert_ne!(bobs.1["delegation_id"], first.1["delegation_id"], "it is another's key");
    // The task has a context of its own, so this is the same one.
    let mut other = json!({"tasks": tasks, "failure_notices": true});
    other["tasks"][0]["goal"] = json!("another");
    let call = alice.call(Method::POST, "/v1/delegations").header("idempotency-key", "one");
    let refused = call.json(&other).send().await.unwrap();
    assert_eq!(refused.status(), 409);
    assert_eq!(dispatch(&alice, " ", "c").await.0, 400);
}

#[tokio::test]
async fn an_ended_child_is_followed_up_and_its_log_is_read() {
    let (host, gate, service) = gated().await;
    let (alice, bob) = (service.token("alice"), service.token("bob"));
    let id = alice.dispatch(&host, &[TestTask::gated("a")]).await;
    gate.entered("a").await;
    let path = format!("/v1/delegations/{id}/follow-up");
    let words = json!({"text": "and in French"});
    assert_eq!(code(&alice.post(&path, &words).await), (409, "running"));
    gate.open("a");
    alice.get("/v1/events?wait_seconds=60").await;
    assert_eq!(bob.post(&path, &words).await.0, 404);
    assert_eq!(code(&alice.post(&path, &json!({"text": " "})).await), (400, "bad_request"));
    let (status, next) = alice.post(&path, &words).await;
    assert_eq!((status, &next["children"][0]["goal"]), (202, &json!("and in French")));
    assert_eq!(next["session_key"], "agent:main:http:token:alice:default");
    let log = format!("/v1/delegations/{id}/log");
    assert_eq!(alice.get(&log).await, (200, json!({"lines": [], "dropped": 0, "ended": true})));
    assert_eq!(code(&alice.get(&format!("{log}?task_index=1")).await), (404, "not_found"));
    assert_eq!(bob.get(&log).await.0, 404);
}

#[tokio::test]
async fn whoever_listens_hears_of_everything_and_goes_on_where_it_was() {
    let (host, gate, service) = gated().await;
    let alice = service.token("alice");
    let mut news = alice.stream("/v1/stream").await;
    let first = alice.dispatch(&host, &[TestTask::gated("a")]).await;
    gate.open("a");
    for name in ["dispatched", "started", "child_ended", "ended"] {
        assert_eq!(news.until(name).await.data["delegation_id"], first.as_str(), "{name}");
    }
    let told = news.until("completion").await;
    assert_eq!(told.data["event"]["delegation_id"], first.as_str());
    drop(news);
    // While nobody listens.
    let second = alice.dispatch(&host, &[TestTask::gated("a")]).await;
    ended(host.host().await, &second).await;
    let call = alice.call(Method::GET, "/v1/stream");
    let id = told.id.unwrap().to_string();
    let mut news = alice.listen(call.header("last-event-id", id)).await;
    let missed = news.next().await.unwrap();
    assert_eq!(missed.data["event"]["delegation_id"], second.as_str());
    assert!(missed.id > told.id);
    let mut all = alice.stream("/v1/stream?after=0").await;
    assert_eq!(all.next().await, Some(told));
    assert_eq!(all.next().await, Some(missed.clone()));
    // Whoever is cut off before anything happened knows where to go on, too.
    let mut begin = alice.call(Method::GET, "/v1/stream").send().await.unwrap();
    let text = String::from_utf8(begin.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(text.contains(&format!("id: {}\n", missed.id.unwrap())), "{text}");
    service.service.close().await;
    assert_eq!(all.next().await, None, "a stream ends with its service");
}

#[tokio::test(start_paused = true)]
async fn whoever_sends_nothing_or_half_a_head_is_given_up() {
    let (_host, _gate, service) = gated().await;
    for head in ["", "GET /healthz HTT", "GET /healthz HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // It ends: time passes by itself while nothing else happens.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{head}: {answer}");
    }
}

#[tokio::test]
async fn strangers_who_say_nothing_lock_nobody_out() {
    const PLACES: usize = 8;
    let host = TestHost::new().gate(&Gate::new());
    let service = TestService::with_connections(&host, PLACES).await;
    let (alice, bob) = (service.token("alice"), service.token("bob"));
    let mut news = alice.stream("/v1/stream").await;
    let mut silent = Vec::new();
    for head in ["", "GET /healthz HTT", "GET /v1/delegations HTTP/1.1\r\nhost: x\r\n\r\n"] {
        for _ in 0..PLACES {
            let mut stream = TcpStream::connect(service.address).await.unwrap();
            let _ = stream.write_all(head.as_bytes()).await;
            silent.push(stream);
        }
    }
    // At once, and not when a stranger's time for its head is over.
    assert_eq!(bob.get("/v1/delegations").await.0, 200);
    assert_eq!(service.owner().get("/v1/delegations").await.0, 200);
    // The oldest made room.
    let mut answer = Vec::new();
    let _ = silent[0].read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{answer:?}");
    let id = alice.dispatch(&host, &[TestTask::gated("a")]).await;
    assert_eq!(news.until("dispatched").await.data["delegation_id"], id.as_str());
}

#[tokio::test]
async fn one_tokens_work_takes_no_slot_of_another() {
    let gate = Gate::new();
    let host = TestHost::with(|it| it.delegation.max_async_children = 1).gate(&gate);
    let service = TestService::on(&host).await;
    let (alice, bob) = (service.token("alice"), service.token("bob"));
    alice.dispatch(&host, &[TestTask::gated("a")]).await;
    // Another session does not help, since it is the same caller's.
    let tasks = host.request(&[TestTask::gated("b")]).await.tasks;
    let ask = json!({"tasks": tasks, "session": "another"});
    let refused = alice.post("/v1/delegations", &ask).await;
    assert_eq!(code(&refused), (429, "capacity"));
    let (message, hint) = (&refused.1["error"]["message"], &refused.1["error"]["hint"]);
    assert!(message.as_str().unwrap().contains("1 background delegations of this caller"));
    assert!(hint.as_str().unwrap().contains("stop one"), "{hint}");
    bob.dispatch(&host, &[TestTask::gated("b")]).await;
    gate.entered("b").await;
}

#[tokio::test]
async fn a_body_that_is_too_large_or_not_plain_json_is_refused_before_it_is_read() {
    let (_host, _gate, service) = gated().await;
    let alice = service.token("alice");
    // Nothing of the body follows: the answer does not wait for it.
    let token = alice.bearer();
    let head = format!(
        "POST /v1/delegations HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 99999999\r\n\r\n",
        service.address
    );
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("too_large"), "{answer}");
    for (name, value) in
        [("content-encoding", "gzip"), ("content-type", "application/json; charset=latin1")]
    {
        let call = alice.call(Method::POST, "/v1/delegations").header(name, value);
        let call = if name == "content-type" { call } else { call.header("content-type", JSON) };
        let response = call.body("{}").send().await.unwrap();
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        assert_eq!((status.as_u16(), &body["error"]["code"]), (415, &json!("media_type")));
    }
}

#[tokio::test]
async fn a_method_that_a_route_has_not_is_refused_with_those_that_it_has() {
    let (_host, _gate, service) = gated().await;
    let alice = service.token("alice");
    for (method, path, allowed) in [
        ("TRACE", "/v1/delegations", "GET,HEAD,POST"),
        ("PATCH", "/v1/delegations/deleg_0/stop", "POST"),
        ("TRACE", "/healthz", "GET,HEAD"),
        ("BREW", "/", "GET,HEAD"),
        // It would hand events to nobody.
        ("HEAD", "/v1/events", "GET"),
        ("PUT", "/v1/events", "GET"),
    ] {
        let call = alice.call(method.parse().unwrap(), path);
        let response = call.send().await.unwrap();
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(response.headers()["allow"], allowed, "{method} {path}");
        let text = response.text().await.unwrap();
        assert_eq!(text.contains("\"code\":\"method\""), method != "HEAD", "{text}");
    }
}

#[tokio::test]
async fn a_service_whose_store_is_gone_says_that_it_is_not_well() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hermitage.db");
    let host = TestHost::new().store_at(&file);
    let service = TestService::on(&host).await;
    std::fs::remove_file(&file).unwrap();
    let (status, body) = service.stranger().get("/healthz").await;
    let message = body["error"]["message"].as_str().unwrap();
    assert!(status == 503 && message.contains("moved or replaced"), "{status}: {message}");
    assert!(!body.to_string().contains(dir.path().to_str().unwrap()), "{body}");
}

#[tokio::test]
async fn tools_and_numbers_are_told() {
    let (host, gate, service) = gated().await;
    let alice = service.token("alice");
    let tools = alice.get("/v1/tools").await.1["tools"].clone();
    let gate_tool = tools.as_array().unwrap().iter().find(|it| it["name"] == "gate").unwrap();
    assert_eq!(gate_tool["parameters"]["type"], "object");
    let numbers = async || alice.get("/metrics").await.1.as_str().unwrap().to_owned();
    assert!(numbers().await.ends_with("# EOF\n"));
    let id = alice.dispatch(&host, &[TestTask::gated("a")]).await;
    gate.entered("a").await;
    let now = numbers().await;
    for line in [
        "hermitage_delegations{state=\"running\"} 1",
        "hermitage_children{state=\"running\"} 1",
        "hermitage_http_requests_total{method=\"POST\",route=\"/v1/delegations\",status=\"202\"} 1",
    ] {
        assert!(now.contains(line), "{line}: {now}");
    }
    alice.get(&format!("/v1/delegations/{id}")).await;
    alice.get("/v1/nothing").await;
    gate.open("a");
    let claim = alice.get("/v1/events?wait_seconds=60").await.1["events"][0]["id"].clone();
    // Who counts hears of the end beside the consumer.
    while !numbers().await.contains("delegations_ended_total{") {}
    let now = numbers().await;
    for line in [
        "hermitage_delegations_ended_total{status=\"completed\"} 1",
        "hermitage_events{state=\"undelivered\"} 1",
        "hermitage_claims 1",
        "route=\"/v1/delegations/{id}\",status=\"200\"} 1",
    ] {
        assert!(now.contains(line), "{line}: {now}");
    }
    assert!(!now.contains("nothing") && !now.contains(&id), "no caller makes a label: {now}");
    alice.post(&format!("/v1/events/{claim}/ack"), &json!({})).await;
    assert!(numbers().await.contains("hermitage_events{state=\"undelivered\"} 0"));
}

#[tokio::test]
async fn every_route_is_described_and_what_is_described_is_there() {
    let (_host, _gate, service) = gated().await;
    let alice = service.token("alice");
    let (_, document) = alice.get("/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 10, "{paths:?}");
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let path = path.replace("{id}", "deleg_00000000000000000000000000000000");
            let call = alice.call(method.to_uppercase().parse().unwrap(), &path);
            let response = call.send().await.unwrap();
            let status = response.status().as_u16();
            assert!(operation["responses"].get(status.to_string()).is_some(), "{path}: {status}");
            if path != "/v1/stream" {
                let text = response.text().await.unwrap();
                assert!(!text.contains("no such route"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn the_page_is_shown_to_anybody_and_brings_everything_along() {
    let (_host, _gate, service) = gated().await;
    let stranger = service.stranger();
    let page = stranger.call(Method::GET, "/").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = page.text().await.unwrap();
    let named = text.split(['"', '\'']).filter(|it| it.starts_with('/') && it.contains('.'));
    let named: Vec<String> = named.map(str::to_owned).collect();
    assert!(named.len() > 1, "{named:?}");
    for path in named {
        assert_eq!(stranger.get(&path).await.0, 200, "{path}");
    }
}

/// Returns when that delegation has.
async fn ended(host: &Host, id: &str) {
    let mut updates = host.subscribe();
    let id = id.parse().unwrap();
    while host
        .store()
        .read_raw(move |tables| tables.unit(id))
        .await
        .unwrap()
        .unwrap()
        .ended
        .is_none()
    {
        while !matches!(updates.recv().await.unwrap().progress, Progress::Ended { .. }) {}
    }
}

/// Callers are of one kind, whichever door they use.
#[tokio::test]
async fn both_doors_have_the_same_routes() {
    let (_host, _gate, service) = gated().await;
    let callers: [TestCaller; 2] = [service.owner(), service.token("alice")];
    for caller in callers {
        assert_eq!(caller.get("/v1/delegations").await.1, json!({"delegations": []}));
        assert_eq!(caller.get("/healthz").await.1, "ok\n");
    }
    let from_a_page = service.owner().call(Method::GET, "/healthz").header("origin", "null");
    assert_eq!(from_a_page.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_service_gives_its_place_away_over_the_socket_alone_and_lets_what_runs_go_on() {
    let (host, gate, service) = gated().await;
    let (alice, owner) = (service.token("alice"), service.owner());
    let id = owner.dispatch(&host, &["a"].map(TestTask::gated)).await;
    gate.entered("a").await;
    assert_eq!(code(&alice.post("/v1/retire", &json!({})).await), (404, "not_found"));
    assert_eq!(owner.post("/v1/retire", &json!({})).await, (202, json!({"running": 1})));
    service.service.asked_to_retire().await;
    let mut stream = owner.stream("/v1/stream").await;
    let retired = service.service.clone();
    let retired = tokio::spawn(async move { retired.retire().await });
    // Whoever listens is let go, and what runs is not.
    while stream.next().await.is_some() {}
    assert!(!retired.is_finished());
    gate.open("a");
    retired.await.unwrap();
    let id = id.parse().unwrap();
    let unit = host.host().await.store().read_raw(move |tables| tables.unit(id)).await;
    assert_eq!(unit.unwrap().unwrap().ended.unwrap().0.as_str(), "completed");
}
