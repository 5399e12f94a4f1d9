//! What the model is sent: the task, and a round for each of its messages.
//!
//! A conversation that outgrows the model is shortened from its oldest end.
//! The first two messages and the newest round stay, and a call never loses
//! its result.

use hermitage_guest::{
    ToolSpec,
    model::{Author, ChatRequest, ChatResponse, Message},
};

use crate::cut;

/// Bytes of one result: enough for a long file, and not all a model takes.
const RESULT_BYTES: usize = 24 * 1024;

/// Bytes that are left of an old result when there is no room for all.
const STUB_BYTES: usize = 200;

/// Bytes of each of the newest results, however many there are.
const LEAST_BYTES: usize = 1_000;

/// How often in a row a conversation is shortened. Each time a third goes, and
/// each costs a model call.
const TRIES: u32 = 4;

/// The system's message and the task.
const HEAD: usize = 2;

const LEFT_OUT: &str = "\n\n(Your first steps were left out of this conversation to make room.)";

#[derive(Debug)]
pub(crate) struct Conversation {
    request: ChatRequest,
    /// Bytes of the messages; learned when they were too many.
    limit: Option<usize>,
    /// How often in a row they were.
    tries: u32,
}

impl Conversation {
    pub(crate) fn new(system: &str, task: String) -> Self {
        let messages = vec![Message::system(system), Message::user(task)];
        let request = ChatRequest { messages, ..ChatRequest::default() };
        Self { request, limit: None, tries: 0 }
    }

    /// The next request, with what it offers and asks for.
    pub(crate) fn request(&mut self, tools: &[ToolSpec], schema: Option<&str>) -> &ChatRequest {
        self.shorten();
        self.request.tools = tools.to_vec();
        self.request.response_schema = schema.map(str::to_owned);
        &self.request
    }

    /// What the model said, with the results of its calls in their order.
    pub(crate) fn round(&mut self, response: ChatResponse, results: Vec<String>) {
        self.tries = 0;
        let ids: Vec<_> = response.tool_calls.iter().map(|it| it.id.clone()).collect();
        self.request.messages.push(Message::assistant(response));
        for (id, result) in ids.into_iter().zip(results) {
            self.request.messages.push(Message::tool(id, cut::middle(result, RESULT_BYTES)));
        }
    }

    pub(crate) fn ask(&mut self, text: &str) {
        self.request.messages.push(Message::user(text));
    }

    /// Shortens a conversation that the model did not take. Says whether it is
    /// worth another try.
    pub(crate) fn too_long(&mut self) -> bool {
        self.tries += 1;
        let bytes = self.bytes();
        self.limit = Some(bytes / 3 * 2);
        self.shorten();
        self.tries <= TRIES && self.bytes() < bytes
    }

    fn shorten(&mut self) {
        if let Some(limit) = self.limit {
            self.shorten_old_results(limit);
            self.drop_old_rounds(limit);
            self.shorten_new_results(limit);
        }
    }

    fn shorten_old_results(&mut self, limit: usize) {
        let (mut bytes, newest) = (self.bytes(), self.rounds().last().copied().unwrap_or(HEAD));
        for message in self.request.messages.iter_mut().take(newest) {
            // A stub and its mark are not shortened again.
            let is_long = message.author == Author::Tool && message.text.len() > 2 * STUB_BYTES;
            if bytes > limit && is_long {
                bytes -= message.text.len();
                message.text = cut::middle(std::mem::take(&mut message.text), STUB_BYTES);
                bytes += message.text.len();
            }
        }
    }

    fn drop_old_rounds(&mut self, limit: usize) {
        while self.bytes() > limit
            && let Some(second) = self.rounds().get(1).copied()
        {
            self.request.messages.drain(HEAD..second);
            if let Some(task) = self.request.messages.get_mut(HEAD - 1)
                && !task.text.ends_with(LEFT_OUT)
            {
                task.text.push_str(LEFT_OUT);
            }
        }
    }

    /// The newest ones get equal shares of the room that the rest leaves.
    fn shorten_new_results(&mut self, limit: usize) {
        let bytes = self.bytes();
        if bytes <= limit {
            return;
        }
        let results = |it: &&mut Message| it.author == Author::Tool;
        let lengths = self.request.messages.iter_mut().filter(results).map(|it| it.text.len());
        let (count, sum) = lengths.fold((0, 0), |(count, sum), it| (count + 1, sum + it));
        let room = limit.saturating_sub(bytes - sum);
        let share = (room / usize::max(count, 1)).max(LEAST_BYTES);
        for message in self.request.messages.iter_mut().filter(results) {
            message.text = cut::middle(std::mem::take(&mut message.text), share);
        }
    }

    /// Where each round begins.
    fn rounds(&self) -> Vec<usize> {
        let messages = self.request.messages.iter().enumerate().skip(HEAD);
        messages.filter(|(_, it)| it.author == Author::Assistant).map(|(at, _)| at).collect()
    }

    fn bytes(&self) -> usize {
        self.request.messages.iter().map(bytes).sum()
    }
}

fn bytes(message: &Message) -> usize {
    let calls = message.tool_calls.iter().map(|it| it.name.len() + it.arguments.len());
    message.text.len() + calls.sum::<usize>()
}

#[cfg(test)]
mod tests;
