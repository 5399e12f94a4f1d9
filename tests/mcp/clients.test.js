// Parents in TypeScript's own SDKs, of the first and of the second generation,
// over stdio and over HTTP, in the older revisions and in that of 2026-07-28.
import assert from "node:assert/strict";
import { test } from "node:test";
import { env } from "node:process";
import { Client as New, StreamableHTTPClientTransport as NewHttp } from "@modelcontextprotocol/client";
import { StdioClientTransport as NewStdio } from "@modelcontextprotocol/client/stdio";
import { Client as Old } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as OldStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as OldHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const { HERMITAGE, SERVICE, TOKEN } = env;
const NAME = { name: "test", version: "1" };
const TOOLS = ["delegate_task", "wait_delegation", "list_delegations"];
TOOLS.push("get_delegation", "stop_delegation", "steer_delegation");
// Long enough to be told of while it runs.
const STEPS = Array(200).fill({ tool: "read_file", arguments: { path: "README.md" } });
const TASK = { goal: "Read it", agent: "steps", context: JSON.stringify(STEPS), toolsets: ["file_read"] };

const options = (era) => (era === "legacy" ? {} : { versionNegotiation: { mode: { pin: era } } });
const libraries = {
  sdk: { eras: ["legacy"], client: () => new Old(NAME), Stdio: OldStdio, Http: OldHttp, schema: [undefined] },
  client: { eras: ["legacy", "2026-07-28"], client: (era) => new New(NAME, options(era)), Stdio: NewStdio, Http: NewHttp, schema: [] },
};
const doors = {
  stdio: ({ Stdio }) => new Stdio({ command: HERMITAGE, args: ["mcp"], env, stderr: "inherit" }),
  http: ({ Http }, name) => {
    const url = new URL(`/mcp?session=${name}`, SERVICE);
    return new Http(url, { requestInit: { headers: { authorization: `Bearer ${TOKEN}` } } });
  },
};

for (const [library, it] of Object.entries(libraries)) {
  for (const [door, open] of Object.entries(doors)) {
    for (const era of it.eras) {
      test(`${library}, ${door}, ${era}`, async () => {
        const client = it.client(era);
        await client.connect(open(it, `js-${library}-${era}`));
        try {
          await delegates(client, it.schema);
        } finally {
          await client.close();
        }
      });
    }
  }
}

// The libraries check each result against the schema of its tool.
async function delegates(client, schema) {
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map((it) => it.name), TOOLS);
  const call = (name, args, options) => client.callTool({ name, arguments: args }, ...schema, options);
  const heard = [];
  const done = await call("delegate_task", { tasks: [TASK, TASK, TASK] }, { onprogress: (it) => heard.push(it) });
  const { children } = done.structuredContent;
  assert.deepEqual(children.map((it) => [it.task_index, it.status]), [0, 1, 2].map((it) => [it, "completed"]));
  assert.equal(done.content.length, 1);
  assert.ok(heard.length > 0 && heard.every((it) => it.total === 3));

  const begun = await call("delegate_task", { ...TASK, background: true });
  const id = begun.structuredContent.delegation_id;
  assert.equal(begun.structuredContent.status, "running");
  let told;
  while (!told) told = (await call("list_delegations", {})).structuredContent.unread;
  assert.deepEqual(told.map((it) => it.delegation_id), [id]);
  assert.equal((await call("list_delegations", {})).structuredContent.unread, undefined);

  const uri = `delegation://${id}`;
  const { resources } = await client.listResources();
  assert.ok(resources.some((it) => it.uri === uri));
  const { contents } = await client.readResource({ uri });
  assert.equal(JSON.parse(contents[0].text).delegation_id, id);
  const wrong = await call("delegate_task", { goal: "x", agent: "/bin/sh" });
  assert.equal(wrong.isError, true);
}
