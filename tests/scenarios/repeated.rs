//! Requests that are made once more with their key.

use std::sync::Arc;

use hermitage::{
    config::Config,
    delegation::{DelegateError, Request, RequestError},
    event::Status,
    id::DelegationId,
    session::Session,
};
use hermitage_tests::{Gate, TestHost, TestTask, chat};

/// One slot, so that whatever starts anew is refused.
fn host(gate: &Gate) -> TestHost {
    let one_slot = |it: &mut Config| {
        it.delegation.max_async_children = 1;
        it.delegation.async_callers = 1;
    };
    TestHost::with(one_slot).gate(gate)
}

async fn request(host: &TestHost, goal: &str, key: &str) -> Request {
    let request = host.in_background(&[TestTask::gated(goal)]).await;
    Request { idempotency_key: Some(key.to_owned()), ..request }
}

async fn ask(
    host: &TestHost,
    session: &Session,
    goal: &str,
    key: &str,
) -> Result<DelegationId, DelegateError> {
    let request = request(host, goal, key).await;
    Ok(host.host().await.delegate(session, request).await?.delegation_id())
}

#[tokio::test]
async fn a_request_that_is_repeated_gives_the_handle_of_the_first_and_runs_once() {
    let gate = Gate::new();
    let host = host(&gate);
    let first = ask(&host, &chat(1), "a", "key").await.unwrap();
    gate.entered("a").await;
    // At capacity, and while it runs.
    assert_eq!(ask(&host, &chat(1), "a", "key").await.unwrap(), first);
    let other = ask(&host, &chat(1), "b", "key").await.unwrap_err();
    let words = format!("the idempotency key `key` was used for another request, `{first}`");
    assert_eq!((other.to_string(), other.hint().is_some()), (words, true));
    let of_another = ask(&host, &chat(2), "a", "key").await;
    assert!(matches!(of_another, Err(DelegateError::Rejected(_))), "it is new: {of_another:?}");
    gate.open("a");
    assert_eq!(host.next(&chat(1)).await.delegation_id, first);
    // After its end, and after the other one was refused, which used no key.
    assert_eq!(ask(&host, &chat(1), "a", "key").await.unwrap(), first);
    assert_ne!(ask(&host, &chat(2), "a", "key").await.unwrap(), first);
    host.next(&chat(2)).await;
    assert_eq!((host.events().await.len(), host.host().await.list().await.unwrap().len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_runs() {
    let gate = Gate::new();
    let host = TestHost::with(|it| it.delegation.max_async_children = 50).gate(&gate);
    let host = Arc::new(host);
    let one = || {
        let host = Arc::clone(&host);
        tokio::spawn(async move { ask(&host, &chat(1), "a", "key").await.unwrap() })
    };
    let asked: Vec<_> = (0..20).map(|_| one()).collect();
    let mut ids = Vec::new();
    for it in asked {
        ids.push(it.await.unwrap());
    }
    assert!(ids.iter().all(|it| *it == ids[0]), "{ids:?}");
    gate.open("a");
    assert_eq!(host.next(&chat(1)).await.status, Status::Completed);
    assert_eq!(host.events().await.len(), 1);
    host.assert_nothing_in_use();
}

/// The next host knows the key, whatever became of the one before.
#[tokio::test]
async fn a_key_outlives_its_host() {
    let (gate, dir) = (Gate::new(), tempfile::tempdir().unwrap());
    let (file, workspace) = (dir.path().join("hermitage.db"), dir.path().join("workspace"));
    std::fs::create_dir(&workspace).unwrap();
    let open = || {
        let workspace = workspace.clone();
        host(&gate).store_at(&file).built(move |it| it.workspace(workspace.clone()))
    };
    let before = open();
    let first = ask(&before, &chat(1), "a", "key").await.unwrap();
    before.host().await.shutdown().await;
    drop(before);
    let after = open();
    assert_eq!(ask(&after, &chat(1), "a", "key").await.unwrap(), first);
    assert_eq!(after.next(&chat(1)).await.status, Status::Interrupted);
    assert_eq!(after.events().await.len(), 1);
}

#[tokio::test]
async fn what_is_listed_no_more_is_not_done_again() {
    let gate = Gate::new();
    let host = TestHost::with(|it| it.delegation.retained_records = 1).gate(&gate);
    ["a", "b", "c"].iter().for_each(|it| gate.open(it));
    let first = ask(&host, &chat(1), "a", "key").await.unwrap();
    for goal in ["b", "c"] {
        host.next(&chat(1)).await;
        host.dispatch(&chat(1), &[TestTask::gated(goal)]).await;
    }
    host.next(&chat(1)).await;
    // It was forgotten by a write that nobody waits for.
    let forgotten = loop {
        match ask(&host, &chat(1), "a", "key").await {
            Ok(again) => assert_eq!(again, first),
            Err(err) => break err,
        }
        host.dispatch(&chat(1), &[TestTask::gated("c")]).await;
        host.next(&chat(1)).await;
    };
    assert!(matches!(forgotten, DelegateError::Forgotten(id) if id == first), "{forgotten}");
}

#[tokio::test]
async fn a_key_is_a_short_visible_text_and_for_the_background() {
    let gate = Gate::new();
    let host = host(&gate);
    for wrong in ["", " ", "a\nb", &"a".repeat(256)] {
        let refused = ask(&host, &chat(1), "a", wrong).await.unwrap_err();
        let is_it = matches!(refused, DelegateError::Request(RequestError::BadKey { limit: 255 }));
        assert!(is_it, "{refused}");
    }
    let waits = Request { background: false, ..request(&host, "a", "key").await };
    let refused = host.host().await.delegate(&chat(1), waits).await.unwrap_err();
    let is_it = matches!(refused, DelegateError::Request(RequestError::KeyInForeground));
    assert!(is_it, "{refused}");
}
