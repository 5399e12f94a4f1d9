"""A parent over HTTP: hands out three tasks, goes on with its own work, and
takes the one completion when it comes. Only Python's standard library.

    hermitage serve --listen 127.0.0.1:8420 &
    HERMITAGE_TOKEN=$(hermitage token) python3 parent.py http://127.0.0.1:8420
"""

import json, os, sys, uuid
from urllib.error import HTTPError
from urllib.request import Request, urlopen

BASE = sys.argv[1].rstrip("/") + "/v1"
TOKEN = "Bearer " + os.environ["HERMITAGE_TOKEN"]
HEADERS = {"Authorization": TOKEN, "Content-Type": "application/json"}

def call(path, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(BASE + path, data, HEADERS | headers), timeout=90) as answer:
            return json.load(answer)
    except HTTPError as refused:
        sys.exit(refused.read().decode())


# The same key makes the same delegation, however often this is sent.
tasks = [
    {"goal": "Survey this directory", "agent": "survey"},
    {"goal": "List what is marked as left to do", "agent": "todos"},
    {"goal": "Check the links", "agent": "links"},
]
key = {"Idempotency-Key": str(uuid.uuid4())}
handle = call("/delegations", {"tasks": tasks, "session": "example"}, **key)
print("dispatched", handle["delegation_id"])

print("meanwhile:", sum(range(1_000_000)))  # The parent's own work.
while True:  # Each call waits on the server until there is something.
    for claim in call("/events?session=example&wait_seconds=30")["events"]:
        print(claim["text"])  # Applied: this is what a model would be shown.
        call(f"/events/{claim['id']}/ack", {})
        if claim["event"]["delegation_id"] == handle["delegation_id"]:
            sys.exit(claim["event"]["status"] != "completed")
