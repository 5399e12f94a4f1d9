//! Hosts of one process on one store, each with its own workspace.

use hermitage::{
    delegation::{ChildError, Progress},
    event::Status,
    host::Host,
};
use hermitage_tests::{Gate, TestHost, TestTask, chat, helper};

async fn two() -> (TestHost, TestHost, Gate) {
    let gate = Gate::new();
    let first = TestHost::new().gate(&gate).durable();
    let second = TestHost::new().gate(&gate).beside(first.host().await);
    (first, second, gate)
}

#[tokio::test]
async fn each_lists_steers_and_stops_what_the_other_runs() {
    let (first, second, gate) = two().await;
    let mut updates = first.host().await.subscribe();
    let id = second.dispatch(&chat(1), &["a", "b"].map(TestTask::gated)).await;
    gate.entered("a").await;
    gate.entered("b").await;
    let first_news = updates.recv().await.unwrap();
    assert_eq!(first_news.progress, Progress::Dispatched { count: 2 });
    let seen = first.host().await.list().await.unwrap().remove(0);
    assert_eq!(seen.delegation_id, id);
    assert!(seen.children[0].quiet_seconds.is_some(), "it looks at the child: {seen:?}");
    let steered = first.host().await.steer(id, 0, "faster").await;
    assert_eq!(steered, Err(ChildError::NoModel { id, task_index: 0 }), "it has the hand on it");
    first.host().await.stop_child(id, 0, Some("one is enough")).await.unwrap();
    assert!(first.host().await.interrupt(id, None).await);
    // Whoever waits at the first one is woken by what the second one ends.
    let event = first.next(&chat(1)).await;
    let error = event.results[0].error.as_deref().unwrap();
    assert!(error.contains("one is enough"), "{error}");
    assert_eq!(event.results.len(), 2);
}

#[tokio::test]
async fn a_session_is_stopped_in_both_and_everything_in_one_alone() {
    let (first, second, gate) = two().await;
    for (host, name) in [(&first, "a"), (&second, "b")] {
        host.dispatch(&chat(1), &[TestTask::gated(name)]).await;
        gate.entered(name).await;
    }
    assert_eq!(first.host().await.interrupt_all("enough").await, 1);
    assert_eq!(first.next(&chat(1)).await.status, Status::Interrupted);
    first.host().await.shutdown().await;
    assert_eq!(first.host().await.interrupt_session(&chat(1), "enough").await, 1);
    assert_eq!(second.next(&chat(1)).await.status, Status::Interrupted);
}

/// Another process asks for a stop by the store, of which both hear.
#[tokio::test]
async fn what_is_asked_of_one_host_is_not_forgotten_by_another_on_its_store() {
    let (first, _second, gate) = two().await;
    // Not beside it, but on the same open store: it does not know the units.
    let open = first.host().await.store().clone();
    let same = open.clone();
    let stranger = TestHost::new().built(move |it| it.store(same.clone()));
    stranger.host().await;
    let other: Host = Host::builder()
        .config(first.config().clone())
        .helper(helper())
        .store_at(open.path().unwrap())
        .build()
        .await
        .unwrap();
    for round in 0..20 {
        let name = format!("task {round}");
        let id = first.dispatch(&chat(1), &[TestTask::gated(&name)]).await;
        gate.entered(&name).await;
        assert!(other.interrupt(id, Some("elsewhere")).await);
        assert_eq!(first.next(&chat(1)).await.status, Status::Interrupted);
        assert!(!other.interrupt(id, None).await, "it is over");
    }
    let own = first.host().await.store().host();
    let left = other.store().read_raw(move |it| it.asked_to_stop(own)).await;
    assert_eq!(left, Ok(Vec::new()));
}
