"""Dispatches one task, and prints the delegation."""

import json, os, sys
from urllib.request import Request, urlopen

task = {"goal": "Survey this directory", "agent": "survey"}
headers = {
    "Authorization": "Bearer " + os.environ["HERMITAGE_TOKEN"],
    "Content-Type": "application/json",
}
url = sys.argv[1] + "/v1/delegations"
with urlopen(Request(url, json.dumps(task).encode(), headers)) as answer:
    print(json.load(answer)["delegation_id"])
