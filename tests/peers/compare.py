"""Hermitage next to other ways to have a task done, in turn in one run: the
figure of each is the middle of several rounds.

    compare.py HERMITAGE [PYTHON]

HERMITAGE is the command line, built with optimisations; PYTHON one that has
hermes-agent. Without it that peer is left out, and said to be.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROUNDS, SECONDS, IN_FLIGHT = 5, 1.0, 256
HERE = os.path.dirname(os.path.abspath(__file__))


def hermitage(bench, figure):
    def measure():
        command = [sys.argv[1], "bench", bench, "--rounds", "1", "--json"]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        figures = {it["name"]: it for it in json.loads(said.stdout)["figures"]}
        cpu = figures.get(f"{bench}.cpu")
        return figures[figure]["value"], cpu and cpu["value"]

    return measure


def hermes():
    command = [sys.argv[2], os.path.join(HERE, "hermes.py"), str(SECONDS), str(IN_FLIGHT)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found = json.loads(said.stdout.splitlines()[-1])
    return found["rate"], found["cpu"]


def over_and_over(once):
    def measure():
        begun, cpu, count = time.monotonic(), spent(), 0
        while time.monotonic() - begun < SECONDS:
            once()
            count += 1
        return count / (time.monotonic() - begun), 1e6 * (spent() - cpu) / count

    return measure


def spent():
    """Processor time of this process, and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def process():
    status = os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1]
    assert status == 0, status


def thread():
    task = threading.Thread(target=lambda: None)
    task.start()
    task.join()


ways = {
    "Hermitage, store in memory": hermitage("spawn", "spawn.rate"),
    "Hermitage, store on disk": hermitage("durable", "durable.256"),
    "hermes-agent 0.19.0, on disk, no isolation": hermes if len(sys.argv) > 2 else None,
    "a process for each task, nothing kept": over_and_over(process),
    "a thread of Python for each task, nothing kept": over_and_over(thread),
}
found = {name: [] for name, way in ways.items() if way}
# The disk of the stores, and not a directory that is in memory alone.
disk = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~")
with tempfile.TemporaryDirectory(dir=disk) as place:
    os.environ["PEERS_DIR"] = place
    for _ in range(ROUNDS):
        for name, measured in found.items():
            measured.append(ways[name]())

print(f"{'':48}{'tasks a second':>16}{'CPU of each':>14}")
for name in ways:
    if name not in found:
        print(f"{name:48}SKIPPED: it can't be installed")
        continue
    rates, cpus = zip(*found[name])
    cpu = "" if None in cpus else f"{statistics.median(cpus):.0f} µs"
    print(f"{name:48}{statistics.median(rates):16.0f}{cpu:>14}")
