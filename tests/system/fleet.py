#!/usr/bin/env python3
"""What idle agents cost their broker, and how soon all of them are back after its restart.

    tests/system/fleet.py                           # a slice; MILLRACE_LONG=1: 1,000 for memory, 5,000 that come back
    tests/system/fleet.py --json [--sessions N]     # {"sessions": N, "kib_per_session": X, "up_s": S, "back_s": S, …}

The agents are tests/bench/bench_fleet: hub, uplink and back-off of the real one, a key each, over CURVE. One process has all of
them where it may have four descriptors for each, else several have. back_s counts from the broker's death by kill -9: its
start, with the registry to be read, is in it.

Memory is the growth of RssAnon: kib_per_session once all are up and at rest, kib_worn_in after WORN_IN_S more. What lies between
is libzmq's: the queue between its I/O thread and the loop has two chunks of 256 messages (16 KiB) for each direction, which become
real with the first 512 pings. Its chunks, buffers and the pipe to the ZAP handler are all but 8 KiB of the rest, too.
"""
# promise: bounded-memory
# timeout: 900
import argparse
import json
import os
import pathlib
import resource
import select
import subprocess
import sys
import time

import harness
from harness import check

BENCH = harness.BUILD / "tests/bench/bench_fleet"
IS_LONG = bool(os.environ.get("MILLRACE_LONG"))
KIB_PER_SESSION, KIB_WORN_IN = 50, 115
WORN_IN_S = 330
BACK_S = 10
FILES_EACH, FILES_SPARE = 4, 64
REST_S = 4  # pings went both ways, what the handshakes needed is free again
TO_STDERR = ("sh", "-c", 'exec "$@" >&2', "sh")  # where the harness reads
FEW_FILES = ("sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh")  # as a careless shell has it: the broker takes more by itself


def rss_anon_kib(pid):
    """Memory of a process that is its own."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise harness.Failure(f"no RssAnon of {pid}")


def cpu_s(pid):
    """CPU time of all threads of a process so far."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


def shares(sessions):
    """How many sessions each process of the fleet has."""
    most = (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - FILES_SPARE) // FILES_EACH
    n = -(-sessions // most)
    return [sessions // n + (i < sessions % n) for i in range(n)]


class Fleet:
    """So many agents at the broker of a plant, whose registry has nobody else."""

    def __init__(self, plant, sessions):
        self.parts = []
        files = []
        for number, share in enumerate(shares(sessions)):
            files.append(plant.folder / f"fleet{number}.yaml")
            part = harness.Process(*TO_STDERR, BENCH, "--sessions", share, "--broker", f"127.0.0.1:{plant.port}", "--server-key",
                                   plant.broker_public, "--registry", files[-1], "--name", f"fleet{number}", stdin=subprocess.PIPE)
            plant.processes.append(part)
            self.parts.append(part.start())
        for part in self.parts:
            part.wait('"event": "registry"')
        plant.write("registry.yaml", "identities:\n" + "".join(file.read_text(encoding="ascii").split("\n", 1)[1] for file in files))

    def go(self):
        """All dial."""
        for part in self.parts:
            part.child.stdin.write(b"go\n")

    def events(self):
        """The last event of each part."""
        return [json.loads(part.lines("^{")[-1].string) for part in self.parts]

    def wait_until_up(self, since_ns, broker, seconds):
        """Waits until all have come since then; when the last one had, in seconds from then, and the parts' words."""
        until = time.monotonic() + seconds
        while True:
            events = self.events()
            if all(event["event"] in ("up", "back") and event["at_ns"] > since_ns for event in events):
                return (max(event["at_ns"] for event in events) - since_ns) / 1e9, events
            check(time.monotonic() < until, f"not all are up within {seconds} s: {events}")
            check(broker.is_running(), "the broker ended:\n" + "\n".join(broker.log))
            readers = [process.child.stderr for process in (broker, *self.parts)]
            if broker.child.stderr in select.select(readers, [], [], 1)[0]:
                broker.pump(0)

    def end(self):
        """All leave."""
        for part in self.parts:
            part.child.stdin.close()
        for part in self.parts:
            check(part.end() == 0, "the fleet ends badly:\n" + "\n".join(part.log[-5:]))


def rest(broker, seconds):
    """Lets time pass, and the broker log."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        broker.pump(until - time.monotonic())


def measure(sessions, has_restart=True, worn_in_s=0):
    """A broker gets so many sessions and, killed and started again, gets them back; the figures."""
    patience_s = 60 * harness.PATIENCE
    with harness.Plant() as plant:
        fleet = Fleet(plant, sessions)
        broker = plant.broker()
        broker.command[:0] = FEW_FILES
        broker.start().wait("BROKER-START")
        before_kib = rss_anon_kib(broker.child.pid)
        begun_ns = time.monotonic_ns()
        fleet.go()
        up_s, _ = fleet.wait_until_up(begun_ns, broker, patience_s)
        rest(broker, REST_S)
        found = {"sessions": sessions, "kib_per_session": round((rss_anon_kib(broker.child.pid) - before_kib) / sessions, 1),
                 "up_s": round(up_s, 2), "processes": len(fleet.parts)}
        if worn_in_s:
            rest(broker, worn_in_s)
            found["kib_worn_in"] = round((rss_anon_kib(broker.child.pid) - before_kib) / sessions, 1)
        if has_restart:
            killed_ns = time.monotonic_ns()
            broker.kill()
            broker.start().wait("BROKER-START")
            found["started_s"] = round((time.monotonic_ns() - killed_ns) / 1e9, 2)
            back_s, events = fleet.wait_until_up(killed_ns, broker, patience_s)
            found["back_s"] = round(back_s, 2)
            found["back_p50_s"] = round(max(event["p50_s"] for event in events), 2)
            found["back_p99_s"] = round(max(event["p99_s"] for event in events), 2)
            found["broker_cpu_s"] = round(cpu_s(broker.child.pid), 2)
            rest(broker, 1)
            check(all(event["event"] == "back" for event in fleet.events()), f"some left again: {fleet.events()}")
        fleet.end()
        check(broker.stop() == 0, "the broker ends badly")
        return found


def check_memory(found):
    """What a session costs, unless the memory is a sanitizer's."""
    if not harness.has_sanitizers():
        check(found["kib_per_session"] <= KIB_PER_SESSION, f"a session costs more than {KIB_PER_SESSION} KiB: {found}")
        check(found.get("kib_worn_in", 0) <= KIB_WORN_IN, f"a session comes to more than {KIB_WORN_IN} KiB: {found}")


def idle_sessions_cost_little_and_come_back_soon():
    found = measure(100 if harness.has_sanitizers() else 400)
    print(json.dumps(found), flush=True)
    check_memory(found)
    check(found["back_s"] <= BACK_S * harness.PATIENCE, f"not back within {BACK_S} s: {found}")


def a_thousand_idle_sessions_cost_little():
    found = measure(1000, has_restart=False, worn_in_s=WORN_IN_S)
    print(json.dumps(found), flush=True)
    check_memory(found)


def five_thousand_come_back_soon():
    found = measure(5000)
    print(json.dumps(found), flush=True)
    check(found["back_s"] <= BACK_S * harness.PATIENCE, f"not back within {BACK_S} s: {found}")


def main():
    """Figures as JSON, or the tests."""
    if "--json" not in sys.argv[1:]:
        harness.main(idle_sessions_cost_little_and_come_back_soon,
                     *((a_thousand_idle_sessions_cost_little, five_thousand_come_back_soon) if IS_LONG else ()))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="measure, print an object and judge nothing")
    parser.add_argument("--sessions", type=int, default=1000)
    print(json.dumps(measure(parser.parse_args().sessions)))


if __name__ == "__main__":
    main()
