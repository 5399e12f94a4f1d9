//! The server between hosts: one connection, a stream of children that wait,
//! and a store of objects.
//!
//! What must not be lost is in the store of the host that was asked. The stream
//! only says that a child waits, and says so again when a worker does not
//! acknowledge it in time.

use std::{collections::HashMap, io::Cursor, time::Duration};

use async_nats::{
    Client, Subscriber,
    jetstream::{
        self,
        consumer::{AckPolicy, Consumer, pull},
        object_store::{self, ObjectStore},
        stream::{self, DiscardPolicy, RetentionPolicy, Stream},
    },
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::io::AsyncReadExt as _;

use super::{error::ClusterError, message::ChildKey, offer::Needs};
use crate::id::{HostId, unguessable};

/// The oldest server that keeps to what is asked of it: earlier ones leave out
/// fields that they do not know, filters and metadata among them.
const OLDEST_SERVER: (u64, u64, u64) = (2, 10, 25);

const WORK: &str = "HERMITAGE_WORK";
const COMPONENTS: &str = "HERMITAGE_COMPONENTS";
const BODIES: &str = "HERMITAGE_BODIES";

/// Where hosts say that they have a new kind of children.
pub(super) const KINDS: &str = "hermitage.kinds";

/// Children that wait in all: what is more is refused, and tried again.
const MOST_WAITING: i64 = 1_000_000;
/// How long a note is kept that nobody takes.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a body is kept that nobody fetches.
const BODY_AGE: Duration = Duration::from_secs(10 * 60);
/// How long a kind of children is kept of a host that is gone.
const KIND_AGE: Duration = Duration::from_secs(5 * 60);

/// Bytes of a message; longer ones go through the store of objects. Servers
/// take a MiB.
const MOST_INLINE: usize = 512 << 10;
/// Bytes of one that goes through there: bounds what is allocated for it.
const MOST_BODY: u64 = 64 << 20;

/// How long the server has for one answer.
const SERVER_ANSWERS: Duration = Duration::from_secs(5);

const INLINE: u8 = 0;
const STORED: u8 = 1;

/// The connection of one host.
#[derive(Clone)]
pub struct Bus {
    client: Client,
    jetstream: jetstream::Context,
    work: Stream,
    components: ObjectStore,
    bodies: ObjectStore,
}

fn stream_error(err: impl ToString) -> ClusterError {
    ClusterError::Stream(err.to_string())
}

/// Without user and password.
fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, host)) => {
            format!("{}…@{host}", before.split_once("://").map_or("", |it| it.0).to_owned() + "://")
        }
        None => url.to_owned(),
    }
}

impl Bus {
    /// Connects, and makes what is needed there. From then on a connection that
    /// breaks is made again.
    ///
    /// # Errors
    ///
    /// There is no server, it is too old, or has no JetStream.
    pub async fn connect(url: &str) -> Result<Self, ClusterError> {
        let options = async_nats::ConnectOptions::new()
            .name("hermitage")
            .request_timeout(Some(SERVER_ANSWERS))
            .connection_timeout(SERVER_ANSWERS);
        let client = options.connect(url).await.map_err(|err| {
            let why = std::error::Error::source(&err).map_or(err.to_string(), |it| it.to_string());
            ClusterError::Connect { url: shown(url), why }
        })?;
        let version = client.server_info().version;
        if !is_recent(&version) {
            return Err(ClusterError::Version { url: shown(url), version });
        }
        let mut jetstream = jetstream::new(client.clone());
        jetstream.set_timeout(SERVER_ANSWERS);
        let work = stream::Config {
            name: WORK.to_owned(),
            subjects: vec!["hermitage.work.>".to_owned()],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_messages: MOST_WAITING,
            max_age: LONGEST_WAIT,
            ..Default::default()
        };
        let work = jetstream.get_or_create_stream(work).await.map_err(stream_error)?;
        let components = bucket(&jetstream, COMPONENTS, Duration::ZERO).await?;
        let bodies = bucket(&jetstream, BODIES, BODY_AGE).await?;
        Ok(Self { client, jetstream, work, components, bodies })
    }

    pub(super) async fn subscribe(&self, subject: String) -> Result<Subscriber, ClusterError> {
        self.client.subscribe(subject).await.map_err(stream_error)
    }

    pub(super) async fn publish(&self, subject: String, body: Vec<u8>) -> Result<(), ClusterError> {
        self.client.publish(subject, body.into()).await.map_err(stream_error)
    }

    /// Asks, and waits for the answer that long. `Ok(None)`: there is nobody.
    pub(super) async fn request(
        &self,
        subject: String,
        body: Vec<u8>,
        within: Duration,
    ) -> Result<Option<Bytes>, ClusterError> {
        let request = async_nats::Request::new().payload(body.into()).timeout(Some(within));
        match self.client.send_request(subject, request).await {
            Ok(message) => Ok(Some(message.payload)),
            Err(err) if err.kind() == async_nats::RequestErrorKind::NoResponders => Ok(None),
            Err(err) => Err(stream_error(err)),
        }
    }

    /// A body as it goes into a message.
    pub(super) async fn packed(&self, body: Vec<u8>) -> Result<Vec<u8>, ClusterError> {
        if body.len() <= MOST_INLINE {
            return Ok([&[INLINE][..], &body].concat());
        }
        let name = unguessable();
        let digest = *blake3::hash(&body).as_bytes();
        self.bodies.put(name.as_str(), &mut Cursor::new(body)).await.map_err(stream_error)?;
        Ok([&[STORED][..], &digest, name.as_bytes()].concat())
    }

    /// The body that a message stands for.
    pub(super) async fn unpacked(&self, packed: &[u8]) -> Option<Vec<u8>> {
        let (kind, rest) = packed.split_first()?;
        if *kind != STORED {
            return Some(rest.to_vec());
        }
        let (digest, name) = rest.split_at_checked(blake3::OUT_LEN)?;
        let name = std::str::from_utf8(name).ok()?;
        let body = fetched(&self.bodies, name, MOST_BODY).await?;
        // Fetched once.
        let _ = self.bodies.delete(name).await;
        (blake3::hash(&body).as_bytes() == digest).then_some(body)
    }

    /// Puts a component there, if it is not.
    pub(super) async fn put_component(
        &self,
        digest: &blake3::Hash,
        bytes: &[u8],
    ) -> Result<(), ClusterError> {
        let name = digest.to_hex();
        if self.components.info(name.as_str()).await.is_ok_and(|it| it.size == bytes.len()) {
            return Ok(());
        }
        let put = self.components.put(name.as_str(), &mut Cursor::new(bytes)).await;
        put.map(drop).map_err(stream_error)
    }

    /// The component of that digest, and no other.
    pub(super) async fn component(&self, digest: &str, max_bytes: usize) -> Option<Vec<u8>> {
        let bytes = fetched(&self.components, digest, max_bytes as u64).await?;
        (blake3::hash(&bytes).to_hex().as_str() == digest).then_some(bytes)
    }

    /// Makes a kind of children known, and gives its name.
    pub(super) async fn add_kind(
        &self,
        host: HostId,
        needs: &Needs,
        lease: Duration,
    ) -> Result<String, ClusterError> {
        let text = serde_json::to_string(needs).map_err(stream_error)?;
        let digest = blake3::hash(text.as_bytes()).to_hex();
        let kind = digest.get(..16).unwrap_or_default().to_owned();
        let config = pull::Config {
            durable_name: Some(format!("{host}-{kind}")),
            filter_subject: format!("hermitage.work.{host}.{kind}.>"),
            ack_policy: AckPolicy::Explicit,
            ack_wait: lease,
            max_ack_pending: -1,
            inactive_threshold: KIND_AGE,
            metadata: HashMap::from([
                ("hermitage-needs".to_owned(), text),
                ("hermitage-host".to_owned(), host.to_string()),
            ]),
            ..Default::default()
        };
        self.work.create_consumer(config).await.map_err(stream_error)?;
        self.publish(KINDS.to_owned(), Vec::new()).await?;
        Ok(kind)
    }

    /// The kinds of children that there are, by name.
    pub(super) async fn kinds(&self) -> Result<Vec<Kind>, ClusterError> {
        let mut found = self.work.consumers();
        let mut res = Vec::new();
        while let Some(info) = found.next().await {
            let info = info.map_err(stream_error)?;
            let data = |key: &str| info.config.metadata.get(key);
            let host = data("hermitage-host").and_then(|it| it.parse().ok());
            let needs = data("hermitage-needs").and_then(|it| serde_json::from_str(it).ok());
            if let (Some(host), Some(needs)) = (host, needs) {
                res.push(Kind { name: info.name, host, needs });
            }
        }
        Ok(res)
    }

    pub(super) async fn waiting(&self, kind: &str) -> Result<Consumer<pull::Config>, ClusterError> {
        self.work.get_consumer(kind).await.map_err(stream_error)
    }

    /// Forgets a kind of children.
    pub(super) async fn remove_kind(&self, host: HostId, kind: &str) {
        let _ = self.work.delete_consumer(&format!("{host}-{kind}")).await;
    }

    /// Says that a child waits. It is written down when this returns.
    pub(super) async fn say_waits(&self, kind: &str, child: &ChildKey) -> Result<(), ClusterError> {
        let body = serde_json::to_vec(child).map_err(stream_error)?;
        let said = self.jetstream.publish(work_subject(kind, child), body.into()).await;
        said.map_err(stream_error)?.await.map(drop).map_err(stream_error)
    }

    /// Whether it is still said that the child waits.
    pub(super) async fn is_said(&self, kind: &str, child: &ChildKey) -> Result<bool, ClusterError> {
        use async_nats::jetstream::stream::LastRawMessageErrorKind::NoMessageFound;
        match self.work.get_last_raw_message_by_subject(&work_subject(kind, child)).await {
            Ok(_) => Ok(true),
            Err(err) if err.kind() == NoMessageFound => Ok(false),
            Err(err) => Err(stream_error(err)),
        }
    }

    /// Nobody waits for the child any more.
    pub(super) async fn take_back(&self, kind: &str, child: &ChildKey) {
        let _ = self.work.purge().filter(work_subject(kind, child)).await;
    }
}

/// Children of one host that need the same.
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) host: HostId,
    pub(super) needs: Needs,
}

fn work_subject(kind: &str, child: &ChildKey) -> String {
    format!("hermitage.work.{}.{kind}.{}", child.host, child.run)
}

async fn bucket(
    jetstream: &jetstream::Context,
    name: &str,
    max_age: Duration,
) -> Result<ObjectStore, ClusterError> {
    if let Ok(found) = jetstream.get_object_store(name).await {
        return Ok(found);
    }
    let config = object_store::Config { bucket: name.to_owned(), max_age, ..Default::default() };
    jetstream.create_object_store(config).await.map_err(stream_error)
}

async fn fetched(store: &ObjectStore, name: &str, max_bytes: u64) -> Option<Vec<u8>> {
    let object = store.get(name).await.ok()?;
    let mut bytes = Vec::new();
    object.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).await.ok()?;
    (bytes.len() as u64 <= max_bytes).then_some(bytes)
}

fn is_recent(version: &str) -> bool {
    let version = semver::Version::parse(version.trim_start_matches('v'));
    version.is_ok_and(|it| OLDEST_SERVER <= (it.major, it.minor, it.patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_told_from_recent_ones() {
        for (version, expect) in [
            ("2.10.25", true),
            ("2.15.1", true),
            ("v2.11.0-RC.1", true),
            ("2.10.24", false),
            ("2.9.10", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_recent(version), expect, "{version}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(shown("nats://me:secret@host:4222"), "nats://…@host:4222");
        assert_eq!(shown("nats://host"), "nats://host");
    }
}
