// A small server that speaks the service's API, with units that never end by
// themselves.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";

const PAGE = new URL("../../host/src/serve/page/", import.meta.url);
const FILES = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/service.js": ["service.js", "text/javascript; charset=utf-8"],
  "/views.js": ["views.js", "text/javascript; charset=utf-8"],
  "/words.js": ["words.js", "text/javascript; charset=utf-8"],
  "/nodes.js": ["nodes.js", "text/javascript; charset=utf-8"],
  "/icon.svg": ["icon.svg", "image/svg+xml"],
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

export const TOKEN = "right";

// Starts on a free port. `units` are `{ delegation, results, texts }` by id.
export async function serve(units = new Map()) {
  const calls = [];
  const streams = new Set();
  const resumed = [];
  const server = createServer((asked, answer) => {
    const url = new URL(asked.url, "http://localhost");
    if (FILES[url.pathname]) {
      const [name, type] = FILES[url.pathname];
      answer.writeHead(200, { "content-type": type, "content-security-policy": POLICY });
      return answer.end(readFileSync(new URL(name, PAGE)));
    }
    const json = (status, body) => {
      answer.writeHead(status, { "content-type": "application/json" });
      answer.end(JSON.stringify(body));
    };
    if (asked.headers.authorization !== `Bearer ${TOKEN}`) return json(401, { error: { code: "unauthorized", message: "no such token" } });
    if (url.pathname === "/v1/stream") {
      answer.writeHead(200, { "content-type": "text/event-stream" });
      answer.write(": hello\n\n");
      resumed.push(asked.headers["last-event-id"] ?? null);
      streams.add(answer);
      return asked.on("close", () => streams.delete(answer));
    }
    const [, id, what] = url.pathname.match(/^\/v1\/delegations(?:\/([^/]+))?(?:\/([^/]+))?$/) ?? [];
    if (!id) return json(200, { delegations: [...units.values()].map((it) => it.delegation) });
    const unit = units.get(id);
    if (!unit) return json(404, { error: { code: "not-found", message: `there is no delegation \`${id}\`` } });
    if (what === "log") return json(200, { lines: unit.lines ?? [], dropped: 0 });
    if (!what) return json(200, unit);
    let body = "";
    asked.on("data", (it) => (body += it));
    asked.on("end", () => {
      calls.push([what, id, JSON.parse(body)]);
      if (unit.refuses) return json(409, { error: { code: "too-late", message: "the child has ended" } });
      json(200, { status: what === "stop" ? "stopping" : "queued" });
    });
  });
  await new Promise((go) => server.listen(0, "127.0.0.1", go));
  const address = `http://127.0.0.1:${server.address().port}/`;
  const send = (text) => streams.forEach((it) => it.write(text));
  const tell = (kind, data) => send(`event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`);
  const drop = () => streams.forEach((it) => it.destroy());
  const close = () => (server.closeAllConnections(), new Promise((go) => server.close(go)));
  return { address, units, calls, resumed, streams, send, tell, drop, close };
}

const now = () => Date.now() / 1_000;
export const id = (n) => `deleg_${String(n).padStart(32, "0")}`;

export function unit(n, more, children, results = [], texts = []) {
  const seconds = more.age_seconds ?? 61;
  const has = (status) => children.filter((it) => it.status === status).length;
  const going = has("running") + has("waiting") + has("stalled");
  const delegation = {
    delegation_id: id(n), session_key: "", goal: children.length > 1 ? `${children.length} parallel subagents` : children[0].goal,
    status: "running", workspace: "/home/ada/src/engine", dispatched_at: now() - seconds, age_seconds: seconds,
    counts: { completed: has("completed"), not_completed: children.length - has("completed") - going }, children, ...more,
  };
  if (delegation.status !== "running") delegation.completed_at ??= now() - 300;
  return [delegation.delegation_id, { delegation, results, texts }];
}

export const child = (task_index, goal, more = {}) => ({
  task_index, goal, agent: "react", status: "running", activity: "read_file src/main.rs", tool_calls: 3, api_calls: 2, quiet_seconds: 1, tokens: { input: 0, output: 0 },
  elapsed_seconds: 42, stalled: false, ...more,
});

export const result = (task_index, goal, more = {}) => ({
  task_index, child_id: `sa-${task_index}-5622da0b`, goal, agent: "react", status: "completed", summary: "Done.", exit_reason: "completed", truncated: false,
  api_calls: 7, tokens: { input: 48_312, output: 2_917 }, duration_seconds: 41.7, cost_usd: 0.1842, model: "claude-sonnet", tool_calls: 3,
  tool_trace: [
    { tool: "search_files", ok: true, args_bytes: 12, result_bytes: 1_904, ms: 5 },
    { tool: "read_file", ok: true, args_bytes: 11, result_bytes: 8_210, ms: 1 },
    { tool: "write_file", ok: false, args_bytes: 410, result_bytes: 0, ms: 0 },
  ],
  boundary: {
    component: "3aebed35f9f6bb623c8f293a41c5cf0ca9590b0caa368f1cc416161282d86886",
    policy: "ee98c2d586cb5568b360953ae8f8a91c06859e7642363f30c8568070ba3d3d62",
    granted: ["read_file", "search_files"],
    linked: ["hermitage:subagent/progress@0.1.0#report", "hermitage:subagent/model@0.1.0#chat", "hermitage:subagent/file@0.1.0#read-file", "hermitage:subagent/file@0.1.0#search-files"],
    stubbed: [
      { import: "hermitage:subagent/delegation@0.1.0#delegate-task", reason: "`delegate_task` is blocked for a leaf: role `orchestrator` would grant it, below `delegation.max_depth`" },
      { import: "hermitage:subagent/file@0.1.0#write-file", reason: "`write_file` is not in the grant (`file_read`): toolset `file` would grant it" },
    ],
    refused: [],
  },
  log: [{ level: "info", text: "reading 14 files" }, { level: "warn", text: "no licence found" }],
  ...more,
});
