//! What hosts of the crash campaign were told, in the order in which it was
//! true: one file that all of them append to.
//!
//! A fact is written after whoever asked has its answer, so that every fact
//! is a promise of the store. A line that a kill cut short was no fact yet.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
    str::FromStr,
};

use hermitage::session::Session;

/// What tells a whole line from a cut one.
const END: &str = " .";

/// Who the events are for. The first is the caller in the process.
pub fn sessions() -> Vec<Session> {
    let keys = ["", "agent:main:telegram:dm:1:2", "agent:main:discord:channel:3"];
    keys.iter().map(|it| it.parse().unwrap()).collect()
}

/// A session in a fact, or in a goal.
pub fn name_of(session: &Session) -> String {
    if *session == Session::Local { "local".to_owned() } else { session.to_string() }
}

/// Something that a host was told, or that happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A unit in the background is recorded; it ends with so many events.
    Dispatched { id: String, events: usize },
    /// A unit in the foreground is recorded.
    Waits { id: String },
    /// It gave its results to its caller.
    Answered { id: String },
    /// An event of another producer is queued.
    Pushed { key: String },
    /// A consumer has an event. `to` is its session, `of` the one that the
    /// producer wrote into the event.
    Delivered { key: String, to: String, of: String },
    /// The application has its effect.
    Applied { key: String },
    /// The application had its effect before.
    Repeated { key: String },
    /// The event is acknowledged.
    Acked { key: String },
    /// The store failed: the host stops working.
    Failed,
    /// The process is gone, and was seen to be.
    Gone,
}

/// A line: who says what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub host: String,
    pub fact: Fact,
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Dispatched { id, events } => write!(f, "dispatched {id} {events}"),
            Fact::Waits { id } => write!(f, "waits {id}"),
            Fact::Answered { id } => write!(f, "answered {id}"),
            Fact::Pushed { key } => write!(f, "pushed {key}"),
            Fact::Delivered { key, to, of } => write!(f, "delivered {key} {to} {of}"),
            Fact::Applied { key } => write!(f, "applied {key}"),
            Fact::Repeated { key } => write!(f, "repeated {key}"),
            Fact::Acked { key } => write!(f, "acked {key}"),
            Fact::Failed => f.write_str("failed"),
            Fact::Gone => f.write_str("gone"),
        }
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split(' ').collect();
        let own = |it: &&str| (*it).to_owned();
        let count = |it: &str| it.parse().map_err(|_| line.to_owned());
        let [host, rest @ ..] = words.as_slice() else { return Err(line.to_owned()) };
        let fact = match rest {
            ["dispatched", id, events] => Fact::Dispatched { id: own(id), events: count(events)? },
            ["waits", id] => Fact::Waits { id: own(id) },
            ["answered", id] => Fact::Answered { id: own(id) },
            ["pushed", key] => Fact::Pushed { key: own(key) },
            ["delivered", key, to, of] => {
                Fact::Delivered { key: own(key), to: own(to), of: own(of) }
            }
            ["applied", key] => Fact::Applied { key: own(key) },
            ["repeated", key] => Fact::Repeated { key: own(key) },
            ["acked", key] => Fact::Acked { key: own(key) },
            ["failed"] => Fact::Failed,
            ["gone"] => Fact::Gone,
            _ => return Err(line.to_owned()),
        };
        Ok(Line { host: own(host), fact })
    }
}

/// Where one host writes.
pub struct Facts {
    file: File,
    host: String,
}

impl Facts {
    pub fn open(path: &Path, host: &str) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        Self { file, host: host.to_owned() }
    }

    /// In one write, behind whatever a killed host left.
    pub fn add(&self, fact: &Fact) {
        let line = format!("\n{} {fact}{END}", self.host);
        (&self.file).write_all(line.as_bytes()).unwrap();
    }
}

/// Everything that was written.
pub fn read(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap();
    let whole = text.lines().filter_map(|it| it.strip_suffix(END));
    whole.map(|it| it.parse().unwrap()).collect()
}
