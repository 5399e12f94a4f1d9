//! Many hostile guests at once. What each of them ends as stands in the table
//! of `../attack`.

use std::time::Duration;

use hermitage::event::Status::Completed;
use hermitage_tests::{TestHost, TestTask};

#[tokio::test]
async fn a_hundred_hostile_guests_leave_nothing_behind() {
    let host = TestHost::with(|it| {
        it.sandbox.cpu = Duration::from_millis(50);
        it.sandbox.host_calls = 100;
        it.delegation.max_concurrent_children = 16;
        it.delegation.max_tasks_per_batch = 100;
    });
    let names = ["traps", "panics", "recurses", "loops_on_host_calls", "spins", "honest", "fails"];
    let tasks: Vec<_> = (0..100).map(|it| TestTask::new(names[it % names.len()])).collect();
    let event = host.run(&tasks).await;
    host.assert_nothing_in_use();
    let indices: Vec<_> = event.results.iter().map(|it| it.task_index).collect();
    assert_eq!(indices, (0..100).collect::<Vec<_>>());
    let honest = event.results.iter().filter(|it| it.agent == "honest");
    assert!(honest.clone().all(|it| it.status == Completed));
    assert_eq!(honest.count(), 14);
}
