//! A chat gateway: many conversations, one host. Every conversation delegates
//! in the background, and each completion comes back to the one that asked, as
//! a turn of its own when that conversation is idle.
//!
//! ```text
//! cargo run --release --example gateway
//! ```

mod common;

use std::{sync::Arc, time::Duration};

use hermitage::{
    BuildOnStderr, Config, Delivery, Host, Layers, NativeTool, Progress, Session, ToolSpec, Update,
    tool,
};
use serde_json::{Value, json};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinSet,
    time,
};

use crate::common::Result;

/// What a person writes, and what the model makes of it: there is none here,
/// so that this runs offline.
struct Message {
    text: &'static str,
    turn: Turn,
}

enum Turn {
    /// It calls `delegate_task` with this, and the turn is over.
    Delegate(Value),
    /// It talks for so long.
    Talk(Duration),
}

/// One conversation.
struct Chat {
    name: &'static str,
    session: Session,
    inbox: mpsc::Receiver<Message>,
    transcript: Vec<String>,
    /// Delegations whose completion is still to come.
    waiting: usize,
    /// For the table at the end.
    got: Vec<String>,
}

fn main() -> Result {
    // This program is its own helper: components are compiled in a process
    // apart.
    hermitage::run_if_helper();
    application()
}

#[tokio::main]
async fn application() -> Result {
    let home = tempfile::tempdir()?;
    // Four subagents at once, where three are the default.
    let mut config = Config::load(&Layers::default())?;
    config.delegation.max_async_children = 4;
    let host = Host::builder()
        .config(config)
        .store_at(home.path().join("hermitage.db"))
        .workspace(common::project(home.path())?)
        .library(common::bundled_agents(), Box::new(BuildOnStderr))
        .tool(track_parcel())
        .build()
        .await?;
    host.warm_up(&["todos", "steps", "links", "survey"]).await?;
    tokio::spawn(tell(host.subscribe()));

    println!("Three people write to the gateway.\n");
    let mut chats = JoinSet::new();
    for (name, key, messages) in conversations() {
        let (sender, inbox) = mpsc::channel(messages.len());
        for message in messages {
            sender.send(message).await?;
        }
        // The key is parsed once, here at the edge.
        let session = key.parse()?;
        let (transcript, got) = (Vec::new(), Vec::new());
        let chat = Chat { name, session, inbox, transcript, waiting: 0, got };
        chats.spawn(chat.serve(host.clone()));
    }
    let mut done = Vec::new();
    while let Some(chat) = chats.join_next().await {
        done.push(chat??);
    }
    done.sort_by_key(|it| it.name);
    table(&done);
    host.shutdown().await;
    Ok(())
}

impl Chat {
    /// One turn after the other, until there is nothing to come.
    async fn serve(mut self, host: Host) -> Result<Self> {
        let mut completions = host.completions(&self.session);
        let mut is_open = true;
        while is_open || self.waiting > 0 {
            // The conversation is idle. Completions are asked for here and
            // nowhere else, so none is ever spliced into a running turn.
            tokio::select! {
                message = self.inbox.recv(), if is_open => match message {
                    Some(message) => self.take(&host, message).await?,
                    None => is_open = false,
                },
                completion = completions.next() => self.complete(completion?).await?,
            }
        }
        Ok(self)
    }

    /// The turn of a person's message.
    async fn take(&mut self, host: &Host, message: Message) -> Result {
        self.log(format!("person: {}", message.text));
        match message.turn {
            Turn::Delegate(arguments) => {
                let parent = host.parent(&self.session);
                let answer = parent.call("delegate_task", &arguments.to_string()).await?;
                let answer: Value = serde_json::from_str(&answer)?;
                if answer.get("status").and_then(Value::as_str) == Some("dispatched") {
                    self.waiting += 1;
                    self.log("agent: I handed that over".to_owned());
                } else {
                    // Every slot was taken: it ran at once, and this is its result.
                    let summary = answer.pointer("/results/0/summary").and_then(Value::as_str);
                    let line = summary.and_then(|it| it.lines().next()).unwrap_or("no result");
                    self.log(format!("agent: I had that done at once: {line}"));
                    self.got.push(line.to_owned());
                }
            }
            Turn::Talk(length) => {
                self.log("agent: let me think … (its turn runs)".to_owned());
                time::sleep(length).await;
                self.log("agent: … well, it depends. (its turn is over)".to_owned());
            }
        }
        Ok(())
    }

    /// The turn of a completion.
    async fn complete(&mut self, delivery: Delivery) -> Result {
        // What the model reads; a person is told in a line.
        self.transcript.push(delivery.text());
        if let Some(event) = delivery.completion() {
            let line = event.results.iter().find_map(|it| it.summary.as_ref()?.lines().next());
            let got = format!("{}: {}", event.goal, line.unwrap_or(event.status.as_str()));
            self.log(format!("completion: {got}"));
            self.got.push(got);
        }
        // The transcript has it. A crash before this line would bring it again.
        delivery.ack().await?;
        self.waiting -= 1;
        Ok(())
    }

    fn log(&mut self, line: String) {
        println!("{:5}| {line}", self.name);
        self.transcript.push(line);
    }
}

/// Tells when subagents end, which is not when conversations hear of it.
async fn tell(mut updates: broadcast::Receiver<Update>) {
    while let Ok(update) = updates.recv().await {
        if let Progress::Ended { .. } = update.progress {
            println!("     * the subagent of {} ended", update.session);
        }
    }
}

fn conversations() -> [(&'static str, &'static str, Vec<Message>); 3] {
    let delegate = |text, goal: &str, agent: &str, toolset: &str, context: Value| {
        let turn = Turn::Delegate(json!({
            "goal": goal,
            "agent": agent,
            "toolsets": [toolset],
            "context": context.to_string(),
            "background": true,
        }));
        Message { text, turn }
    };
    let talk = |text, millis| Message { text, turn: Turn::Talk(Duration::from_millis(millis)) };
    let parcel = json!([{"tool": "track_parcel", "arguments": {"parcel": "A-1"}}]);
    let none = || json!([]);
    [
        (
            "Ann",
            "agent:main:telegram:dm:12345:678",
            vec![delegate("What is left to do?", "List markers", "todos", "file_read", none())],
        ),
        (
            "Ben",
            "agent:main:slack:channel:C042",
            vec![
                delegate("Where is my parcel?", "Track A-1", "steps", "track_parcel", parcel),
                talk("And what is the meaning of life?", 1_000),
            ],
        ),
        (
            "Cleo",
            "agent:main:discord:group:7:cleo",
            vec![
                delegate("Any dead links?", "Check links", "links", "file_read", none()),
                delegate("And what is there?", "Survey it", "survey", "file_read", none()),
            ],
        ),
    ]
}

/// A tool of the gateway that subagents may be granted.
fn track_parcel() -> Arc<dyn NativeTool> {
    let schema = json!({"type": "object", "properties": {"parcel": {"type": "string"}}});
    let spec = ToolSpec::new("track_parcel", "Tells where a parcel is.", schema.to_string());
    tool(spec, |_caller, _arguments| async {
        time::sleep(Duration::from_millis(300)).await;
        Ok("it is in Lyon".to_owned())
    })
}

fn table(chats: &[Chat]) {
    println!("\n{:33}  what it got", "session");
    for chat in chats {
        for got in &chat.got {
            println!("{:33}  {got}", chat.session.to_string());
        }
    }
    let turns: usize = chats.iter().map(|it| it.transcript.len()).sum();
    println!(
        "\n{turns} entries in {} transcripts; every completion once, in its own.",
        chats.len()
    );
}
