//! A program that embeds a host, for the tests of how one ends: `embedder
//! leaves STORE` returns from `main` while a child computes, `embedder waits
//! STORE` says `ready` when two children of three are done, while a local unit
//! runs, and then waits to be killed.

use std::{env, future::pending, path::Path, time::Duration};

use hermitage::{
    delegation::{Progress, Request},
    session::Session,
};
use hermitage_tests::{Gate, TestHost, TestTask, chat};

fn main() {
    hermitage::run_if_helper();
    application();
}

#[tokio::main]
async fn application() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [mode, store] = args.as_slice() else { panic!("embedder leaves|waits STORE") };
    let host = TestHost::with(|it| {
        it.sandbox.cpu = Duration::from_secs(3600);
        // One after the other: what is told of the second is said of both.
        it.delegation.max_concurrent_children = 1;
    });
    let host = host.store_at(Path::new(store)).gate(&Gate::new());
    match mode.as_str() {
        "leaves" => leave(&host).await,
        _ => wait(&host).await,
    }
}

async fn leave(host: &TestHost) {
    let mut updates = host.host().await.subscribe();
    host.dispatch(&chat(1), &[TestTask::new("spins")]).await;
    while !matches!(updates.recv().await.unwrap().progress, Progress::Started { .. }) {}
}

async fn wait(host: &TestHost) {
    host.dispatch(&Session::Local, &[TestTask::gated("never")]).await;
    let tasks = [TestTask::new("honest"), TestTask::new("fails"), TestTask::gated("never")];
    let request = Request { failure_notices: true, ..host.in_background(&tasks).await };
    host.host().await.delegate(&chat(1), request).await.unwrap();
    let notice = host.host().await.completions(&chat(1)).next().await.unwrap();
    notice.ack().await.unwrap();
    println!("ready");
    pending().await
}
