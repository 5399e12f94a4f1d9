//! Somebody on the server who reads along, and says what others said once
//! more, changed or not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt as _;

use crate::{cluster, counter, counting, summaries};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_again_or_changed_on_the_way_changes_nothing() {
    let (nats, host, _home, _workers) = cluster(2);
    let ticks = Arc::new(AtomicUsize::new(0));
    let looks = Arc::new(AtomicUsize::new(0));
    let host = host.native(counter("tick", &ticks)).native(counter("look", &looks));
    let rogue = async_nats::connect(nats.url()).await.unwrap();
    let mut heard = rogue.subscribe("hermitage.>").await.unwrap();
    rogue.flush().await.unwrap();
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let rogue = tokio::spawn(async move {
        while let Some(message) = heard.next().await {
            // What it says itself comes back, too.
            let is_own = message.headers.is_some();
            let bytes = message.payload.to_vec();
            if is_own || !message.subject.starts_with("hermitage.child.") || bytes.len() < 60 {
                continue;
            }
            let mut changed = bytes.clone();
            *changed.last_mut().unwrap() ^= 1;
            let mut end = bytes.clone();
            end.truncate(bytes.len() - 1);
            for body in [bytes, changed, end] {
                let (subject, reply) = (message.subject.clone(), rogue.new_inbox());
                let mut headers = async_nats::HeaderMap::new();
                headers.insert("rogue", "yes");
                let _ = rogue
                    .publish_with_reply_and_headers(subject, reply, headers, body.into())
                    .await;
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let event = tokio::time::timeout(Duration::from_secs(100), host.run(&vec![counting(); 8]))
        .await
        .unwrap();
    rogue.abort();
    assert_eq!(summaries(&event), ["60"; 8]);
    assert_eq!(ticks.load(Ordering::SeqCst), 8 * 30, "each once");
    assert!(told.load(Ordering::SeqCst) > 8 * 30, "it said a lot");
}
