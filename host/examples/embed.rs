//! An application that embeds the host: it brings tools of its own, installs
//! one that a stranger wrote, delegates a batch in the background, goes on
//! working, and gets one completion.
//!
//! ```text
//! cargo run --release --example embed
//! ```

mod common;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hermitage::{
    Binary, BuildOnStderr, Deliveries, Delivery, Host, Manifest, NativeTool, Parent, Progress,
    Session, ToolError, ToolSpec, Update, tool,
};
use serde_json::{Value, json};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time,
};

use crate::common::Result;

fn main() -> Result {
    // This program is its own helper: components are compiled in a process
    // apart.
    hermitage::run_if_helper();
    application()
}

#[tokio::main]
async fn application() -> Result {
    let (manifest, component) = prices()?;
    println!("A stranger's plugin `{}` asks for this:", manifest.name);
    for wish in manifest.asks.words() {
        println!("  {wish}");
    }

    let home = tempfile::tempdir()?;
    let host = Host::builder()
        .store_at(home.path().join("hermitage.db"))
        .workspace(common::project(home.path())?)
        .library(common::bundled_agents(), Box::new(BuildOnStderr))
        .tool(lookup_ticket())
        .parent_tool(memory())
        .vouched_plugin(manifest, component)
        .build()
        .await?;
    host.warm_up(&["survey", "steps"]).await?;

    // Who asks is the application's word. No model can name another session.
    let session = Session::Local;
    let parent = host.parent(&session);
    println!("\nThe application holds these tools:");
    for tool in parent.tools() {
        println!("  {}", tool.name);
    }

    // Subscribed before anything starts, so that nothing is missed.
    let (updates, mut completions) = (host.subscribe(), host.completions(&session));
    println!("\nIts model delegates three tasks in the background, and is told at once:");
    println!("  {}", parent.call("delegate_task", &batch().to_string()).await?);

    println!("\nThe application goes on with its own work:");
    let completion = work_until_completed(&parent, updates, &mut completions).await?;

    println!("\nThe one completion of the three, as the text of a new turn:\n");
    println!("{}", completion.text());
    tell_what_children_had(&completion);

    // Only now does it count. Before this, a crash would bring it again.
    completion.ack().await?;
    println!("\nAcknowledged: nobody gets this completion again.");
    host.shutdown().await;
    Ok(())
}

/// What a model would write.
fn batch() -> Value {
    // The agent `steps` does what its context lists, so that this runs without
    // a model.
    let look_up = json!([
        {"tool": "lookup_ticket", "arguments": {"number": 7}},
        {"tool": "search_files", "arguments": {"content": "water"}},
        {"tool": "prices/with_tax", "arguments": {"cents": 1000}},
    ]);
    let remember = json!([{"tool": "memory", "arguments": {"note": "the child was here"}}]);
    json!({
        "background": true,
        "tasks": [
            {"goal": "Survey the project", "agent": "survey", "toolsets": ["file_read"]},
            {
                "goal": "Find what ticket 7 is about",
                "agent": "steps",
                "toolsets": ["lookup_ticket", "search_files", "prices"],
                "context": look_up.to_string(),
            },
            {
                "goal": "Write into the parent's memory",
                "agent": "steps",
                "toolsets": ["lookup_ticket", "memory"],
                "context": remember.to_string(),
            },
        ],
    })
}

/// What came with the plugin. Without `[[http]]` or `[workspace]` it asks for
/// nothing.
const MANIFEST: &str = r#"
name = "prices"
version = "1.0.0"
description = "Calculates prices"

[tools.with_tax]
description = "Gives a price in cents with the tax of twenty percent."
"#;

/// A plugin that knows nothing of this host: a component with a plain function.
/// An application reads it from a file.
fn prices() -> Result<(Manifest, Binary)> {
    let component = wat::parse_str(
        r#"(component
            (core module $code
                (func (export "with-tax") (param i32) (result i32)
                    (i32.div_u (i32.mul (local.get 0) (i32.const 120)) (i32.const 100))))
            (core instance $it (instantiate $code))
            (func (export "with-tax") (param "cents" u32) (result u32)
                (canon lift (core func $it "with-tax"))))"#,
    )?;
    Ok((Manifest::parse("plugin.toml", MANIFEST)?, Binary::new(component)))
}

/// A tool of the application that children may be granted.
fn lookup_ticket() -> Arc<dyn NativeTool> {
    let spec = ToolSpec::new(
        "lookup_ticket",
        "Gives the title of a ticket by its number.",
        json!({"type": "object", "properties": {"number": {"type": "integer"}}}).to_string(),
    );
    tool(spec, |_caller, arguments| async move {
        let arguments = read(&arguments)?;
        let number = arguments.get("number").and_then(Value::as_u64);
        let number = number.ok_or_else(|| invalid("`number` is no number"))?;
        // As long as a ticket system may take.
        time::sleep(Duration::from_millis(400)).await;
        Ok(format!("ticket {number}: the water is cold"))
    })
}

/// A tool that the parent alone holds: no child ever gets it.
fn memory() -> Arc<dyn NativeTool> {
    let spec = ToolSpec::new(
        "memory",
        "Remembers a note.",
        json!({"type": "object", "properties": {"note": {"type": "string"}}}).to_string(),
    );
    let notes = Arc::new(Mutex::new(Vec::new()));
    tool(spec, move |_caller, arguments| {
        let notes = Arc::clone(&notes);
        async move {
            let note = read(&arguments)?;
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.push(note);
            Ok(format!("{} in memory", notes.len()))
        }
    })
}

fn read(arguments: &str) -> std::result::Result<Value, ToolError> {
    serde_json::from_str(arguments).map_err(|it| invalid(&it.to_string()))
}

fn invalid(why: &str) -> ToolError {
    ToolError::InvalidArguments(why.to_owned())
}

/// The application's own loop: work, news and the completion, whatever comes.
async fn work_until_completed(
    parent: &Parent,
    mut updates: broadcast::Receiver<Update>,
    completions: &mut Deliveries,
) -> Result<Delivery> {
    let mut work = time::interval(Duration::from_millis(150));
    loop {
        tokio::select! {
            completion = completions.next() => return Ok(completion?),
            update = updates.recv() => tell(update),
            _ = work.tick() => {
                let answer = parent.call("memory", r#"{"note": "working"}"#).await?;
                println!("  the application works ({answer})");
            }
        }
    }
}

fn tell(update: std::result::Result<Update, RecvError>) {
    let Ok(Update { progress, .. }) = update else {
        return;
    };
    match progress {
        Progress::Started { task_index } => println!("  task {} started", task_index + 1),
        Progress::ChildEnded(result) => {
            let (number, status) = (result.task_index + 1, result.status.as_str());
            println!("  task {number} ended: {status}");
        }
        // What else there is to tell a display makes long lines here.
        _ => (),
    }
}

/// The grant is part of every result.
fn tell_what_children_had(completion: &Delivery) {
    println!("\nWhat each child could call:");
    for result in completion.completion().iter().flat_map(|it| &it.results) {
        let granted = result.boundary.iter().flat_map(|it| &it.granted);
        let granted: Vec<_> = granted.map(AsRef::as_ref).collect();
        println!("  task {}: {}", result.task_index + 1, granted.join(", "));
    }
    println!("`memory` is in none of them, although task 3 asked for it: it is the parent's.");
}
