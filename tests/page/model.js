// A language model that answers when a test says so, behind the API that most
// services speak.
import { createServer } from "node:http";

const PATIENCE_MS = 20_000;

export async function startModel() {
  const held = [];
  const waiting = [];
  const match = () => {
    for (const it of [...waiting]) {
      const at = held.findIndex(({ body }) => body.includes(it.words));
      if (at < 0) continue;
      waiting.splice(waiting.indexOf(it), 1);
      it.take(held.splice(at, 1)[0]);
    }
  };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (it) => (body += it));
    request.on("end", () => {
      held.push(new Asked(body, response));
      match();
    });
  });
  await new Promise((go) => server.listen(0, "127.0.0.1", go));
  return {
    url: `http://127.0.0.1:${server.address().port}/v1`,
    // The next request with these words in it.
    asked: (words) =>
      new Promise((take, fail) => {
        const late = setTimeout(() => fail(new Error(`nobody asks: ${words}`)), PATIENCE_MS);
        waiting.push({ words, take: (it) => (clearTimeout(late), take(it)) });
        match();
      }),
    stop: () => (server.closeAllConnections(), server.close()),
  };
}

class Asked {
  constructor(body, response) {
    this.body = body;
    this.response = response;
  }
  says = (content) => this.#answers({ content }, "stop");
  calls = (name, args) => {
    const call = { id: "call_1", type: "function", function: { name, arguments: JSON.stringify(args) } };
    this.#answers({ content: null, tool_calls: [call] }, "tool_calls");
  };
  refuses = (message) => this.#sends(400, { error: { message } });

  #answers(message, finish_reason) {
    const choices = [{ index: 0, message: { role: "assistant", ...message }, finish_reason }];
    this.#sends(200, { id: "1", model: "m-1", choices, usage: { prompt_tokens: 40_000, completion_tokens: 1_500 } });
  }
  #sends(status, json) {
    this.response.writeHead(status, { "content-type": "application/json" });
    this.response.end(JSON.stringify(json));
  }
}
