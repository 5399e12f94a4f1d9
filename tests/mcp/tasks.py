"""The tasks extension for the official client: a task is polled until it has its
result, or is cancelled. The client has no more of it than the way to say so."""

import asyncio
from typing import Any, Literal

from mcp.client.extension import ClientExtension, ResultClaim
from mcp.types import CallToolResult
from mcp_types import Request, RequestParams, Result


class Created(Result):
    result_type: Literal["task"]
    task_id: str
    status: str
    poll_interval_ms: int


class Named(RequestParams):
    task_id: str


class Get(Request[Named, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class Cancel(Request[Named, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"
    name_param = "taskId"


class Got(Result):
    task_id: str
    status: str
    status_message: str | None = None
    result: dict[str, Any] | None = None


class Tasks(ClientExtension):
    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self, cancels=False):
        self.cancels, self.seen = cancels, []

    def claims(self):
        return [ResultClaim(result_type="task", model=Created, resolve=self.resolve)]

    async def resolve(self, created, context):
        params = Named(task_id=created.task_id)
        self.seen.append(created.status)
        if self.cancels:
            await context.session.send_request(Cancel(params=params), Result)
        while True:
            got = await context.session.send_request(Get(params=params), Got)
            if got.status != "working":
                self.seen.append(got.status)
                return CallToolResult.model_validate(got.result or {"content": [], "isError": True})
            await asyncio.sleep(created.poll_interval_ms / 1000)
