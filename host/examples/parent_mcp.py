"""A parent over MCP: hands out two tasks, goes on with its own work, and gets
the one completion with the next result. Needs `pip install mcp`.

    python3 parent_mcp.py hermitage mcp                  # over stdio
    hermitage serve --listen 127.0.0.1:8420 &
    HERMITAGE_TOKEN=$(hermitage token) python3 parent_mcp.py http://127.0.0.1:8420/mcp
"""

import asyncio, os, sys

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

TASKS = [
    {"goal": "Survey this directory", "agent": "survey"},
    {"goal": "List what is marked as left to do", "agent": "todos"},
]


def server(command, *arguments):
    if not command.startswith("http"):  # The environment says where its state is.
        return StdioServerParameters(command=command, args=arguments, env=dict(os.environ))
    token = {"Authorization": "Bearer " + os.environ["HERMITAGE_TOKEN"]}
    return streamable_http_client(command, http_client=httpx2.AsyncClient(headers=token, timeout=90))


async def main():
    async with Client(server(*sys.argv[1:])) as hermitage:
        asked = await hermitage.call_tool("delegate_task", {"tasks": TASKS, "background": True})
        handle = asked.structured_content["delegation_id"]
        print("dispatched", handle)
        print("meanwhile:", sum(range(1_000_000)))  # The parent's own work.
        ended = {"delegations": []}
        while not any(it["status"] != "running" for it in ended["delegations"]):
            wait = {"delegation_ids": [handle]}  # Never longer than 45 s a call.
            waited = await hermitage.call_tool("wait_delegation", wait)
            ended = waited.structured_content
        print(waited.content[0].text)  # What a model would be shown.


asyncio.run(main())
