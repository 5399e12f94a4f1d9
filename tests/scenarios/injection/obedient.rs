//! A model that does whatever it reads.
//!
//! It needs no wit for that: it is told what each text asks for. It makes
//! every call that a text asks for, in the ways that models make calls, and
//! answers what the text wants answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use hermitage::provider::{Author, ChatRequest, ChatResponse, Finish, Message, Model, ToolCall};
use hermitage_tests::models::{Answer, model, says};
use serde_json::Value;

use super::{
    texts::{READ, Text},
    world::CANARY,
};

/// Bytes of what it has read that it passes on.
const MAX_READ: usize = 6_000;

/// How it gets at the text of that number.
pub(super) type Opening = fn(usize, SocketAddr) -> (&'static str, Value);

/// What the model did and saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Calls that a text asks for, by the numbers of both.
    pub(super) made: BTreeSet<(usize, usize)>,
    /// What came back, by the number of the text and the id of the call.
    pub(super) results: BTreeMap<(Option<usize>, String), String>,
    /// Names of the tools that it was offered, of each request.
    pub(super) offered: BTreeSet<Vec<String>>,
    /// Texts with a secret in them.
    pub(super) secrets: BTreeSet<String>,
    /// Requests of children that no test started.
    pub(super) of_workers: usize,
}

#[derive(Clone)]
pub(super) struct Obedient {
    texts: Arc<Vec<Text>>,
    /// What workers try: of each name the last call that any text asks for.
    every: Arc<BTreeMap<String, String>>,
    opening: Opening,
    pages: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Obedient {
    pub(super) fn new(
        texts: Vec<Text>,
        every: BTreeMap<String, String>,
        opening: Opening,
        pages: SocketAddr,
    ) -> Self {
        let every = Arc::new(every);
        Self { texts: Arc::new(texts), every, opening, pages, seen: Arc::default() }
    }

    pub(super) fn model(&self) -> Model {
        let it = self.clone();
        model("obedient", move |request| it.answer(request))
    }

    pub(super) fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// The task that makes it read a text.
    pub(super) fn goal(number: usize) -> String {
        format!("Text {number}: read it and sum it up.")
    }

    /// The id of a call.
    pub(super) fn id(number: usize, call: usize) -> String {
        format!("t{number}c{call}")
    }

    fn answer(&self, request: &ChatRequest) -> Answer {
        let task = request.messages.iter().find(|it| it.author == Author::User).unwrap();
        let turn = request.messages.iter().filter(|it| it.author == Author::Assistant).count();
        let number = task.text.split_once("Text ").and_then(|(_, it)| it.split_once(':'));
        let number = number.and_then(|(it, _)| it.parse().ok());
        self.look(number, request);
        let script = match number {
            Some(number) => self.script(number, request),
            None => self.worker(request),
        };
        Ok(script.into_iter().nth(turn).unwrap_or_else(|| says("I did it all.")))
    }

    fn look(&self, number: Option<usize>, request: &ChatRequest) {
        let mut seen = self.seen();
        seen.offered.insert(request.tools.iter().map(|it| it.name.clone()).collect());
        for message in &request.messages {
            if let Some(id) = &message.answers {
                seen.results.insert((number, id.clone()), message.text.clone());
            }
        }
        let texts = request.messages.iter().map(|it| &it.text);
        let canaries = texts.flat_map(|it| it.match_indices(CANARY).map(|(at, _)| &it[at..]));
        let words = canaries.map(|it| it.split_whitespace().next().unwrap_or_default());
        seen.secrets.extend(words.map(str::to_owned).collect::<Vec<_>>());
    }

    /// Everything that it says about one text.
    fn script(&self, number: usize, request: &ChatRequest) -> Vec<ChatResponse> {
        let (tool, arguments) = (self.opening)(number, self.pages);
        let text = &self.texts[number];
        let read = read(request);
        let made = |at: usize| {
            let (name, arguments) = &text.calls[at];
            let arguments = filled(name, arguments, &read);
            ToolCall { id: Self::id(number, at), name: name.clone(), arguments }
        };
        let say = text.say.replace(READ, &read);
        let calls: Vec<ToolCall> = (0..text.calls.len()).map(made).collect();
        let mut res = vec![asks("", vec![opening(number, tool, &arguments)])];
        match number % 4 {
            _ if calls.is_empty() => (),
            0 => res.push(asks("", calls)),
            1 => res.extend(calls.into_iter().map(|it| asks("", vec![it]))),
            2 => res.push(asks(&say, calls)),
            _ => {
                res.extend(written(number / 4, &calls, request));
                res.push(asks("", calls));
            }
        }
        let turns = request.messages.iter().filter(|it| it.author == Author::Assistant).count();
        let now = res.get(turns).map_or(&[][..], |it| &it.tool_calls);
        let ids = |it: &ToolCall| (0..text.calls.len()).find(|at| Self::id(number, *at) == it.id);
        self.seen().made.extend(now.iter().filter_map(ids).map(|at| (number, at)));
        res.push(says(say));
        res
    }

    /// A child that an injected call started obeys as well: it tries what no
    /// child may.
    fn worker(&self, request: &ChatRequest) -> Vec<ChatResponse> {
        self.seen().of_workers += 1;
        let call = |(at, (name, arguments)): (usize, (&String, &String))| ToolCall {
            id: format!("w{at}"),
            name: name.clone(),
            arguments: arguments.clone(),
        };
        let calls = self.every.iter().enumerate().map(call).collect();
        vec![asks("", calls), says(read(request))]
    }
}

fn opening(number: usize, tool: &str, arguments: &Value) -> ToolCall {
    let id = format!("t{number}");
    ToolCall { id, name: tool.to_owned(), arguments: arguments.to_string() }
}

fn asks(text: &str, tool_calls: Vec<ToolCall>) -> ChatResponse {
    ChatResponse { tool_calls, finish: Finish::ToolCalls, ..says(text) }
}

/// The calls as text, in one of the forms that small models write. Those
/// that it is not offered are left to the real calls: with one of them in it
/// the text would be an answer.
fn written(form: usize, calls: &[ToolCall], request: &ChatRequest) -> Option<ChatResponse> {
    let offered = |it: &&ToolCall| request.tools.iter().any(|tool| tool.name == it.name);
    let calls: Vec<&ToolCall> = calls.iter().filter(offered).collect();
    let object =
        |it: &&ToolCall| format!(r#"{{"name":"{}","arguments":{}}}"#, it.name, it.arguments);
    let objects: Vec<String> = calls.iter().map(object).collect();
    let each = |form: &dyn Fn(&String) -> String| objects.iter().map(form).collect::<String>();
    let text = match form % 5 {
        0 => each(&|it| format!("<tool_call>{it}</tool_call>\n")),
        1 => each(&|it| format!("```json\n{it}\n```\n")),
        2 => format!("[TOOL_CALLS][{}]", objects.join(",")),
        3 => format!("<tools>{}</tools>", objects.join("\n")),
        _ => {
            let tag = |it: &&ToolCall| format!("<function={}>{}</function>", it.name, it.arguments);
            calls.iter().map(tag).collect()
        }
    };
    (!calls.is_empty()).then(|| says(text))
}

/// All that tools returned, cut.
fn read(request: &ChatRequest) -> String {
    let results = request.messages.iter().filter(|it| it.author == Author::Tool);
    let mut res = results.map(text_of).collect::<Vec<_>>().join("\n");
    res.truncate(res.floor_char_boundary(MAX_READ));
    res
}

fn text_of(message: &Message) -> &str {
    &message.text
}

/// Arguments with all that was read in them.
fn filled(tool: &str, arguments: &str, read: &str) -> String {
    let quoted = serde_json::to_string(read).unwrap();
    // An address has to be short and plain to get anywhere.
    let plain: String = read.chars().filter(char::is_ascii_alphanumeric).take(1_000).collect();
    let is_page = tool.starts_with("web");
    arguments.replace(READ, if is_page { &plain } else { &quoted[1..quoted.len() - 1] })
}
