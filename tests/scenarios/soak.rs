//! A moment of what the program `soak` does at length.

use std::{collections::BTreeSet, time::Duration};

use hermitage_tests::{
    TestHost,
    soak::{
        load,
        mix::{self, Kind},
        waiting,
    },
};

#[tokio::test]
async fn delegations_of_every_kind_end_as_they_should_and_leave_nothing() {
    let report = mix::run(&mix::host(), 400, 3, |_, _| ()).await;
    let kinds: BTreeSet<Kind> = report.counts.keys().map(|it| it.0).collect();
    assert_eq!(kinds.len(), 5, "{:?}", report.counts);
}

#[tokio::test]
async fn what_there_is_no_room_for_is_rejected_and_the_rest_completes() {
    let report = load::run(&load::host(), Duration::from_secs(1)).await;
    assert!(report.accepted < report.rejected.len(), "{report:?}");
    assert_eq!(report.completed, report.accepted);
}

#[tokio::test]
async fn many_events_that_wait_are_in_nobody_s_way() {
    for host in [TestHost::new(), TestHost::new().durable()] {
        waiting::run(host.host().await, 1_000).await;
    }
}
