//! A worker that is cut off: what it and the server say to each other does not
//! arrive, and neither side is told so.

use std::{net::SocketAddr, time::Duration};

use hermitage::cluster::PublicKey;
use hermitage_tests::{Gate, TestHost, TestTask};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::{
    PASSED,
    process::{Home, Nats, Worker},
    submitter, summaries,
};

/// A line to the server that can be cut.
struct Line {
    address: SocketAddr,
    is_cut: watch::Sender<bool>,
}

impl Line {
    async fn to(port: u16) -> Self {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = door.local_addr().unwrap();
        let (is_cut, seen) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((one, _)) = door.accept().await {
                let Ok(other) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let (from_one, to_one) = one.into_split();
                let (from_other, to_other) = other.into_split();
                tokio::spawn(carry(from_one, to_other, seen.clone()));
                tokio::spawn(carry(from_other, to_one, seen.clone()));
            }
        });
        Self { address, is_cut }
    }
}

/// What is on its way while the line is cut arrives when it is whole again, as
/// with TCP.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut is_cut: watch::Receiver<bool>) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(len) = from.read(&mut bytes).await {
        if len == 0 || is_cut.wait_for(|it| !it).await.is_err() {
            return;
        }
        if to.write_all(&bytes[..len]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_cut_off_loses_its_child_and_is_told_so_when_it_is_back() {
    let nats = Nats::start();
    let mut homes = vec![Home::new(), Home::new()];
    let keys: Vec<PublicKey> = homes.iter().map(Home::key).collect();
    let (host, home): (TestHost, Home) = submitter(&nats, &keys);
    let line = Line::to(nats.port()).await;
    let url = format!("nats://{}", line.address);
    let cut = Worker::at(&url, homes.pop().unwrap(), home.key(), "");
    let gate = Gate::new();
    let host = host.gate(&gate);
    let mut running = host.start(&[TestTask::gated("one")]).await;
    gate.entered("one").await;
    line.is_cut.send_replace(true);
    let other = Worker::start(homes.pop().unwrap(), &nats, home.key(), "");
    other.until_it_says("goes on (attempt 2)");
    line.is_cut.send_replace(false);
    cut.until_it_says("was taken away");
    gate.open("one");
    let event = tokio::time::timeout(Duration::from_secs(60), running.wait()).await;
    let event = event.unwrap().unwrap();
    assert_eq!(summaries(&event), [PASSED]);
    assert_eq!(event.results[0].tool_calls, 1, "the call was made once");
    other.until_it_says("ended");
}
