//! Batches in the background: one unit and one slot, told of in one event, in
//! one for each task, or in one for each group; and early notices of failure.

use hermitage::{
    config::Config,
    delegation::{Completion, DelegateError, Progress, Request},
    event::{ASYNC_DELEGATION, ASYNC_DELEGATION_FAILURE, CompletionEvent, Status},
    host::Answer,
    id::DelegationId,
    store::{EventState, Tables},
};
use hermitage_tests::{Gate, TestHost, TestTask, chat};

fn one_slot(config: &mut Config) {
    config.delegation.max_async_children = 1;
    config.delegation.async_callers = 1;
}

/// A host with one slot.
fn gated() -> (TestHost, Gate) {
    let gate = Gate::new();
    (TestHost::with(one_slot).durable().gate(&gate), gate)
}

async fn dispatch(host: &TestHost, request: Request) -> DelegationId {
    host.host().await.delegate(&chat(1), request).await.unwrap().delegation_id()
}

/// Whether one more unit finds the slot free. It is stopped at once then.
async fn has_free_slot(host: &TestHost) -> bool {
    let request = host.in_background(&[TestTask::gated("never")]).await;
    match host.host().await.delegate(&chat(2), request).await {
        Ok(answer) => {
            host.host().await.interrupt(answer.delegation_id(), None).await;
            host.next(&chat(2)).await;
            true
        }
        Err(DelegateError::Rejected(_)) => false,
        Err(err) => panic!("{err}"),
    }
}

fn goals(event: &CompletionEvent) -> Vec<&str> {
    event.results.iter().map(|it| it.goal.as_str()).collect()
}

#[tokio::test]
async fn a_batch_is_one_unit_with_one_slot_and_one_event_in_the_order_of_its_tasks() {
    let (host, gate) = gated();
    let names = ["a", "b", "c"];
    let id = host.dispatch(&chat(1), &names.map(TestTask::gated)).await;
    for name in ["c", "a", "b"] {
        gate.entered(name).await;
        assert!(!has_free_slot(&host).await);
        assert_eq!(host.events().await.len(), 0);
        gate.open(name);
    }
    let event = host.next(&chat(1)).await;
    assert!(has_free_slot(&host).await);
    assert_eq!((event.delegation_id, event.is_batch, event.group.as_ref()), (id, true, None));
    assert_eq!(goals(&event), names);
    assert_eq!(event.goal, "3 parallel subagents: a; b; c");
    let of_unit = host.events().await.into_iter().filter(|it| it.event.session == chat(1));
    assert_eq!(of_unit.count(), 1);
}

#[tokio::test]
async fn each_task_can_have_an_event_of_its_own_and_the_slot_is_free_after_the_last() {
    let (host, gate) = gated();
    let request = Request {
        completion: Completion::Each,
        ..host.in_background(&["a", "b", "c"].map(TestTask::gated)).await
    };
    let id = dispatch(&host, request).await;
    for (name, group) in [("b", "task 2"), ("c", "task 3"), ("a", "task 1")] {
        assert!(!has_free_slot(&host).await);
        gate.open(name);
        let event = host.next(&chat(1)).await;
        assert_eq!((event.delegation_id, event.group.as_deref()), (id, Some(group)));
        assert_eq!((goals(&event), event.is_batch), (vec![name], false));
    }
    assert!(has_free_slot(&host).await);
    let listed = host.host().await.list().await.unwrap();
    let unit = listed.iter().find(|it| it.delegation_id == id).unwrap();
    assert_eq!((unit.status.as_str(), unit.children.len()), ("completed", 3));
}

#[tokio::test]
async fn each_group_has_one_event_as_soon_as_its_last_task_is_over() {
    let (host, gate) = gated();
    let mut request = host.in_background(&["a", "b", "c", "d"].map(TestTask::gated)).await;
    for (task, group) in request.tasks.iter_mut().zip([Some("front"), None, Some("front")]) {
        task.group = group.map(str::to_owned);
    }
    let id = dispatch(&host, request).await;
    gate.open("c");
    gate.open("b");
    gate.open("a");
    let front = host.next(&chat(1)).await;
    assert_eq!((front.group.as_deref(), goals(&front)), (Some("front"), vec!["a", "c"]));
    assert!(!has_free_slot(&host).await);
    gate.open("d");
    let rest = host.next(&chat(1)).await;
    assert_eq!((rest.group.as_deref(), goals(&rest)), (None, vec!["b", "d"]));
    assert!(has_free_slot(&host).await);

    let events = host.events().await;
    let mut identities: Vec<_> = events.iter().map(|it| it.event.dedup.as_str()).collect();
    identities.retain(|it| it.starts_with(&id.to_string()));
    identities.dedup();
    assert_eq!(identities.len(), 2, "{events:?}");
    assert!(events.iter().all(|it| it.state == EventState::Acked), "{events:?}");
}

#[tokio::test]
async fn a_caller_that_waits_has_the_results_of_all_groups_as_one_answer() {
    let (host, gate) = gated();
    let tasks = [TestTask::gated("a"), TestTask::new("traps"), TestTask::gated("b")];
    let each = Request { completion: Completion::Each, ..host.request(&tasks).await };
    let mut named = host.request(&tasks).await;
    named.tasks[0].group = Some("front".to_owned());
    named.tasks[1].group = Some("back".to_owned());
    gate.open("a");
    gate.open("b");
    for request in [each, named] {
        let answer = host.host().await.delegate(&chat(1), request).await.unwrap();
        let Answer::Finished(event) = answer else { panic!("{answer:?}") };
        assert_eq!(goals(&event), ["a", "run traps", "b"]);
        assert_eq!((event.group.as_ref(), event.is_batch), (None, true));
        let statuses: Vec<_> = event.results.iter().map(|it| it.status).collect();
        assert_eq!(statuses, [Status::Completed, Status::Error, Status::Completed]);
    }
    let events = host.events().await;
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|it| it.state == EventState::Acked), "{events:?}");
}

#[tokio::test]
async fn every_group_of_an_interrupted_batch_has_its_event() {
    let (host, gate) = gated();
    let request = Request {
        completion: Completion::Each,
        ..host.in_background(&["a", "b", "c", "d", "e"].map(TestTask::gated)).await
    };
    let id = dispatch(&host, request).await;
    gate.open("b");
    assert_eq!(host.next(&chat(1)).await.status, Status::Completed);
    host.host().await.interrupt(id, None).await;
    let mut groups = Vec::new();
    for _ in 0..4 {
        let event = host.next(&chat(1)).await;
        assert_eq!(event.status, Status::Interrupted);
        groups.push(event.group.unwrap());
    }
    groups.sort();
    assert_eq!(groups, ["task 1", "task 3", "task 4", "task 5"]);
}

#[tokio::test]
async fn an_early_notice_of_failure_comes_before_the_final_event_and_never_replaces_it() {
    let (host, gate) = gated();
    let tasks = [TestTask::new("traps"), TestTask::gated("a"), TestTask::new("honest")];
    let request = Request { failure_notices: true, ..host.in_background(&tasks).await };
    let id = dispatch(&host, request).await;
    let notice = host.host().await.completions(&chat(1)).next().await.unwrap();
    let failed = notice.failure().unwrap();
    assert_eq!((failed.delegation_id, failed.result.status), (id, Status::Error));
    assert_eq!((failed.count, failed.result.task_index), (3, 0));
    assert_eq!(notice.event().kind, ASYNC_DELEGATION_FAILURE);
    notice.ack().await.unwrap();

    gate.open("a");
    let event = host.next(&chat(1)).await;
    let statuses: Vec<_> = event.results.iter().map(|it| it.status).collect();
    assert_eq!(statuses, [Status::Error, Status::Completed, Status::Completed]);
    let events = host.events().await;
    let kinds: Vec<_> = events.iter().map(|it| it.event.kind.as_str()).collect();
    assert_eq!(kinds, [ASYNC_DELEGATION_FAILURE, ASYNC_DELEGATION]);
    assert_ne!(events[0].event.dedup, events[1].event.dedup);
}

#[tokio::test]
async fn the_last_child_to_fail_is_told_of_in_the_final_event_alone() {
    let (host, _) = gated();
    for tasks in [vec![TestTask::new("traps")], vec![TestTask::new("honest"), TestTask::gated("a")]]
    {
        let is_batch = tasks.len() > 1;
        let request = Request { failure_notices: true, ..host.in_background(&tasks).await };
        let mut updates = host.host().await.subscribe();
        let id = dispatch(&host, request).await;
        if is_batch {
            while !matches!(updates.recv().await.unwrap().progress, Progress::ChildEnded(_)) {}
            host.host().await.interrupt(id, None).await;
        }
        assert_ne!(host.next(&chat(1)).await.status, Status::Completed);
    }
    let events = host.events().await;
    assert!(events.iter().all(|it| it.event.kind == ASYNC_DELEGATION), "{events:?}");
}

#[tokio::test]
async fn a_batch_with_more_to_tell_than_an_event_holds_has_its_event_all_the_same() {
    let host = TestHost::with(|it| {
        it.delegation.max_tasks_per_batch = 400;
        it.budget.children = 400;
    });
    let host = host.durable();
    let wordy = TestTask::new("echoes_task").context(&"word ".repeat(6_000));
    let mut updates = host.host().await.subscribe();
    host.dispatch(&chat(1), &vec![wordy; 400]).await;
    let is_over = |it: &Progress| matches!(it, Progress::Ended { .. });
    while !is_over(&updates.recv().await.unwrap().progress) {}
    assert_eq!(host.events().await.len(), 1);
    let event = host.next(&chat(1)).await;
    assert_eq!((event.status, event.results.len()), (Status::Completed, 400));
    assert!(event.results.iter().all(|it| it.truncated));
    let id = event.delegation_id;
    let read = move |it: &mut dyn Tables| it.full_summary(id, 399);
    let whole = host.host().await.store().read_raw(read).await.unwrap().unwrap();
    assert!(whole.len() > 30_000, "{}", whole.len());
}
