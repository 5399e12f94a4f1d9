"""Delegations of hermes-agent, whose children do nothing: dispatched, recorded,
run, told of by an event, claimed, acknowledged. Its own code does all of it
(`tools.async_delegation`); only what a child does is given to it.

Prints the delegations a second, and the processor time of each.
"""

import json
import os
import sys
import tempfile
import time

SECONDS, IN_FLIGHT = float(sys.argv[1]), int(sys.argv[2])
home = tempfile.TemporaryDirectory(dir=os.environ.get("PEERS_DIR"))
os.environ["HERMES_HOME"] = home.name

from tools.async_delegation import (  # noqa: E402
    claim_event_delivery,
    complete_event_delivery,
    dispatch_async_delegation,
    get_durable_delegation,
)
from tools.process_registry import process_registry  # noqa: E402

SUMMARY = {"status": "completed", "summary": "all of it", "api_calls": 0, "duration_seconds": 0.0}


def dispatch():
    told = dispatch_async_delegation(
        goal="Do next to nothing",
        context=None,
        toolsets=[],
        role="leaf",
        model=None,
        session_key="agent:main:telegram:dm:0",
        runner=lambda: dict(SUMMARY),
        max_async_children=4 * IN_FLIGHT,
    )
    assert told["status"] == "dispatched", told


def acknowledge():
    event = process_registry.completion_queue.get(timeout=30)
    claim = claim_event_delivery(event, "peer")
    assert claim, event
    complete_event_delivery(event, claim)
    return event


def rounds(seconds):
    """So many in flight at once; how many were acknowledged."""
    end, flying, done = time.monotonic() + seconds, 0, 0
    while flying or time.monotonic() < end:
        while flying < IN_FLIGHT and time.monotonic() < end:
            dispatch()
            flying += 1
        last = acknowledge()
        flying, done = flying - 1, done + 1
    kept = get_durable_delegation(last["delegation_id"])
    assert kept["delivery_state"] == "delivered", kept
    return done


rounds(0.3)
wall, cpu = time.monotonic(), time.process_time()
count = rounds(SECONDS)
wall, cpu = time.monotonic() - wall, time.process_time() - cpu
print(json.dumps({"rate": count / wall, "cpu": 1e6 * cpu / count}))
