"""Parents in Python, of the official SDK and of fastmcp: over stdio and over
HTTP, in the older revisions and in that of 2026-07-28."""

import asyncio, json, os, sys
from contextlib import asynccontextmanager

import httpx2
from fastmcp import Client as FastClient
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tasks import Tasks

hermitage, service = sys.argv[1:]
# Long enough to be told of while it runs.
STEPS = [{"tool": "read_file", "arguments": {"path": "README.md"}}] * 200
TASK = {"goal": "Read it", "agent": "steps", "context": json.dumps(STEPS)}
TASK["toolsets"] = ["file_read"]
BEARER = {"Authorization": "Bearer " + os.environ["TOKEN"]}
TOOLS = ["delegate_task", "wait_delegation", "list_delegations"]
TOOLS += ["get_delegation", "stop_delegation", "steer_delegation"]


@asynccontextmanager
async def official(door, mode, session, extensions=()):
    if door == "stdio":
        stdio = StdioServerParameters(command=hermitage, args=["mcp"], env=dict(os.environ))
        async with Client(stdio_client(stdio), mode=mode, extensions=extensions) as client:
            yield client, client.protocol_version
    else:
        async with httpx2.AsyncClient(headers=BEARER, timeout=60) as http:
            transport = streamable_http_client(f"{service}/mcp?session={session}", http_client=http)
            async with Client(transport, mode=mode, extensions=extensions) as client:
                yield client, client.protocol_version


@asynccontextmanager
async def fastmcp(door, mode, session):
    if door == "stdio":
        transport = StdioTransport(command=hermitage, args=["mcp"], env=dict(os.environ))
    else:
        transport = StreamableHttpTransport(f"{service}/mcp?session={session}", headers=BEARER)
    async with FastClient(transport, mode=mode) as client:
        yield client, None


def texts(result):
    return [it.text for it in result.content]


def facts(result):
    return result.structured_content


async def run(library, door, mode):
    session = f"py-{library.__name__}-{mode}"
    heard = []

    async def progress(done, total, message):
        heard.append((done, total, message))

    async with library(door, mode, session) as (client, revision):
        if revision is not None:
            assert (revision == "2026-07-28") == (mode != "legacy"), revision
        listed = await client.list_tools()
        tools = getattr(listed, "tools", listed)
        assert [it.name for it in tools] == TOOLS
        # The libraries check each result against the schema of its tool.
        hear = {"progress_callback" if library is official else "progress_handler": progress}
        done = await client.call_tool("delegate_task", {"tasks": [TASK] * 3}, **hear)
        children = facts(done)["children"]
        assert [it["status"] for it in children] == ["completed"] * 3, done
        assert [it["task_index"] for it in children] == [0, 1, 2]
        assert len(texts(done)) == 1 and heard, (texts(done), heard)

        begun = await client.call_tool("delegate_task", {**TASK, "background": True})
        handle = facts(begun)["delegation_id"]
        # One that has ended before the answer is told with it.
        told = [handle] if facts(begun)["status"] == "completed" else []
        while not told:
            listed = await client.call_tool("list_delegations", {})
            told = [it["delegation_id"] for it in facts(listed).get("unread", [])]
        assert told == [handle], told
        again = await client.call_tool("list_delegations", {})
        assert "unread" not in facts(again) and len(texts(again)) == 1

        resources = await client.list_resources()
        resources = getattr(resources, "resources", resources)
        assert f"delegation://{handle}" in [str(it.uri) for it in resources]
        read = await client.read_resource(f"delegation://{handle}")
        read = getattr(read, "contents", read)
        assert handle in read[0].text
    print(f"ok: {library.__name__}, {door}, {mode}", flush=True)


async def tasks(door):
    # Longer than the grace of those that need no task.
    slow = {"tasks": [{**TASK, "context": json.dumps(STEPS * 4)}] * 16}
    for cancels, ends in ((False, "completed"), (True, "cancelled")):
        declared = Tasks(cancels)
        async with official(door, "2026-07-28", "py-tasks", [declared]) as (client, _):
            done = await client.call_tool("delegate_task", slow)
            assert declared.seen == ["working", ends], (declared.seen, done)
            assert cancels or facts(done)["status"] == "completed", done
    print(f"ok: official, {door}, tasks", flush=True)


async def main():
    for library in (official, fastmcp):
        for door in ("stdio", "http"):
            for mode in ("legacy", "2026-07-28"):
                await run(library, door, mode)
    for door in ("stdio", "http"):
        await tasks(door)


asyncio.run(main())
