#!/usr/bin/env python3
"""Peers that mean harm, one way after the other, beside the traffic of two machines: what that traffic and the broker suffer.

    tests/adversarial/run.py [--group strangers|known|sessions|floods|mesh] [--mode WORD] [--seconds N] [--build FOLDER] [--json]

For each mode: `adversary` (main.c) misbehaves for some seconds while 1,000 messages a second go from an app by its agent, the broker and
another agent to another app. README.md says what must hold; a row that breaks it says so, and the exit status is 1. --json prints
one object a line. SEED=N in the environment repeats the random bytes of a run. MILLRACE_LONG=1: 10 s each.
"""
# promise: closed
# promise: bounded-memory
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))
if __name__ == "__main__" and "--build" in sys.argv[1:-1]:
    os.environ["MILLRACE_BUILD"] = str(pathlib.Path(sys.argv[sys.argv.index("--build") + 1]).resolve())

import harness  # noqa: E402  pylint: disable=wrong-import-position

ADVERSARY = harness.BUILD / "tests/adversarial/adversary"
BENCH = harness.BUILD / "tests/bench/bench_bus"
SEED = os.environ.get("SEED", str(time.time_ns() % 1000000 + 1))
IS_LONG = bool(os.environ.get("MILLRACE_LONG"))
SECONDS = 10 if IS_LONG else 0.5
LEAST_S = {"idle": 5, "mute": 8}  # to see what the broker does about them by itself
AT_ONCE = 1 if IS_LONG else 6  # modes beside each other at the port for brokers, where they come a second time
RATE = 1000  # legitimate messages a second
LATE_MS = 250 * harness.PATIENCE  # p99
CALM_S = 10  # for memory and descriptors to come back
NAMED_S = 6 * harness.PATIENCE  # for the log to say who it was: silence is noticed after 3 s
NEWCOMER_S = 4 * harness.PATIENCE  # for an agent that came during a crowd to be in, after the crowd has left
CROWDS = ("idle", "greeting-only", "hello-only", "dribble", "fill")
HELD = 400  # connections of a crowd: more than a broker has places for those who have proved nothing
PEAK_MIB, AFTER_MIB, AFTER_FDS = 128, 8, 8  # above what there was before
KEEPS_MIB = {"topics-flood": 48, "denied-topics-flood": 48, "kept-flood": 128, "publishers-flood": 16}  # a machine's share of the tables
PEAK_FDS = 700
MIB = 1024 * 1024


def status_of(process):
    """Anonymous memory in bytes and open descriptors of a process."""
    folder = pathlib.Path(f"/proc/{process.child.pid}")
    match = re.search(r"RssAnon:\s+(\d+) kB", (folder / "status").read_text("ascii"))
    return int(match[1]) * 1024, len(os.listdir(folder / "fd"))


class Watch(threading.Thread):
    """Notes the most memory and descriptors a process has meanwhile."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process = process
        self.is_over = threading.Event()
        self.rss, self.fds = self.before = status_of(process)
        self.start()

    def run(self):
        while not self.is_over.wait(0.02):
            rss, fds = status_of(self.process)
            self.rss, self.fds = max(self.rss, rss), max(self.fds, fds)

    def stop(self):
        """The most there was: bytes, descriptors."""
        self.is_over.set()
        self.join()
        return self.rss, self.fds


class Traffic:
    """An app that reads and one that writes, for some seconds, at machines one and two."""

    def __init__(self, plant):
        self.plant = plant
        self.topic = f"demo/one/{time.monotonic_ns()}"
        self.ends = [self.end("sub", "two", "0")]
        harness.check(self.ends[0].stdout.readline() == "READY\n", "the subscription comes into force")

    def end(self, kind, machine, *more):
        """One end, started."""
        command = [BENCH, kind, self.plant.socket(machine), self.topic, "raw", *more]
        return subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, seconds):
        """What the reader reports in the end."""
        try:
            self.ends.append(self.end("pub", "one", RATE, seconds))
            watchdog = threading.Timer(seconds + 60, self.close)
            watchdog.start()
            line = self.ends[0].stdout.readline()
            watchdog.cancel()
            harness.check(line, "the reader reports")
            return json.loads(line)
        finally:
            self.close()

    def close(self):
        """Ends both."""
        for end in self.ends:
            end.kill()
            end.wait()


class Besieged(harness.Plant):
    """A broker, two machines whose apps talk, and a key for each mode; for the mesh two brokers, a machine at each."""

    def __init__(self, group, modes):
        super().__init__(*(["127.0.0.1"] * (2 if group == "mesh" else 1)))
        self.is_mesh = group == "mesh"
        for mode in modes:
            name = f"abuser-{mode['mode']}"
            public = self.key("agent", name, f"{name}.key")
            if mode["end"] != "refused":
                self.admit(name, "machine", "demo/abuser", public)
        homes = {"one": "mr1", "two": "mr2" if self.is_mesh else "mr1", "late": "mr1"}
        self.agents = {name: self.agent(name, f"demo/{name}", brokers=[home]) for name, home in homes.items()}
        self.brokers = self.mesh() if self.is_mesh else {"mr1": self.broker().start()}
        if not self.is_mesh:
            self.brokers["mr1"].wait("BROKER-START")
        for name in ("one", "two"):
            self.agents[name].start().wait("AGENT-UPLINK-UP")

    @property
    def victim(self):
        """The broker that is attacked."""
        return self.brokers["mr1"]

    def adversary(self, mode, seconds, topic):
        """Starts it. It yields to the others: real ones have machines of their own."""
        site = self.sites["mr1"]
        port = site.mesh_port if self.is_mesh else site.port
        key = self.folder / f"abuser-{mode['mode']}.key"
        held = HELD if mode["mode"] in CROWDS else 100
        command = ["nice", "-n", "10", ADVERSARY, mode["mode"], f"{site.host}:{port}", site.public, key, seconds, "one", topic, held,
                   1000, SEED]
        return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True,
                                preexec_fn=harness.end_with_the_test)  # pylint: disable=subprocess-popen-preexec-fn


def calm(process, rss, fds):
    """Waits for memory and descriptors to be below these again, a sanitizer's memory not; what they are then."""
    until = time.monotonic() + CALM_S
    while True:
        now = status_of(process)
        is_calm = (now[0] <= rss or harness.has_sanitizers()) and now[1] <= fds
        if is_calm or time.monotonic() >= until:
            return now
        time.sleep(0.05)


def end_attack(adversary, seconds):
    """What an adversary reports, whose time is over."""
    said, _ = adversary.communicate(timeout=seconds + 30)
    harness.check(adversary.returncode == 0, f"the adversary ends with {adversary.returncode}")
    return json.loads(said)


def await_newcomer(newcomer):
    """Seconds until it has its session."""
    left = time.monotonic()
    newcomer.wait("AGENT-UPLINK-UP", seconds=30)
    newcomer.stop()
    return round(time.monotonic() - left, 3)


def besiege(plant, modes, seconds):
    """Traffic with an adversary of each mode beside it, none for peace; a row of the table."""
    watch, traffic = Watch(plant.victim), Traffic(plant)
    newcomer = plant.agents["late"] if any(mode["mode"] in CROWDS for mode in modes) and not plant.is_mesh else None
    adversaries = [plant.adversary(mode, seconds + 0.5, traffic.topic) for mode in modes]
    try:
        if newcomer:
            newcomer.start()
        row = traffic.run(seconds)
        row["attacks"] = [end_attack(adversary, seconds) for adversary in adversaries]
        if newcomer:
            row["newcomer_s"] = await_newcomer(newcomer)
    finally:
        for adversary in adversaries:
            adversary.kill()
            adversary.wait()
        peak = watch.stop()
    keeps = max([AFTER_MIB, *(KEEPS_MIB.get(mode["mode"], 0) for mode in modes)]) * MIB
    after = calm(plant.victim, watch.before[0] + keeps, watch.before[1] + AFTER_FDS)
    return row | {"mode": ", ".join(mode["mode"] for mode in modes) or "peace", "keeps": keeps,
                  "rss": (watch.before[0], peak[0], after[0]), "fds": (watch.before[1], peak[1], after[1])}


def problems_of_attack(mode, said, is_mesh):
    """What of an attack's own report is not as it must be."""
    found = []
    if said["attempts"] == 0:
        found.append("it did nothing")
    if said["survived"]:
        found.append(f"{said['survived']} not ended by the broker")
    if (mode["end"] == "refused" or is_mesh) and said["admitted"]:
        found.append(f"{said['admitted']} admitted")
    if (mode["end"] == "named" or mode["mode"] in LEAST_S) and not is_mesh and said["cut"] == 0:
        found.append("never ended by the broker")
    return [f"{mode['mode']}: {problem}" for problem in found]


def problems_of_row(row):
    """What the traffic suffered, and what the broker did not give back."""
    found = []
    if row["received"] != row["published"] or row["disorder"] or row["damaged"]:
        found.append(f"{row['published'] - row['received']} messages lost, {row['disorder']} out of order, {row['damaged']} damaged")
    if row["p99_us"] >= LATE_MS * 1000:
        found.append(f"p99 is {row['p99_us'] / 1000:.0f} ms")
    if row.get("newcomer_s", 0) > NEWCOMER_S:
        found.append(f"a newcomer is in {row['newcomer_s']:.1f} s after the crowd left")
    (rss, rss_peak, rss_after), (fds, fds_peak, fds_after) = row["rss"], row["fds"]
    if not harness.has_sanitizers():
        if rss_peak - rss > PEAK_MIB * MIB + row["keeps"]:
            found.append(f"memory grows by {(rss_peak - rss) / MIB:.0f} MiB")
        if rss_after - rss > row["keeps"]:
            found.append(f"{(rss_after - rss) / MIB:.0f} MiB not given back")
    if fds_peak - fds > PEAK_FDS:
        found.append(f"{fds_peak - fds} descriptors")
    if fds_after - fds > AFTER_FDS:
        found.append(f"{fds_after - fds} descriptors not given back")
    return found


def check_peace(plant, modes):
    """After all modes of a group: whoever had to be named is, and nobody else has lost his session."""
    broken = [f"'{name}' lost its link" for name in ("one", "two") if plant.agents[name].has_logged("AGENT-UPLINK-(LOST|FAILED)")]
    if not plant.victim.is_running():
        broken.append("the broker does not run any more")
    until = time.monotonic() + NAMED_S
    for mode in [] if plant.is_mesh else modes:
        pattern = rf"(WARN|ERROR).*\babuser-{mode['mode']}\b"
        while mode["end"] == "named" and not plant.victim.has_logged(pattern):
            if time.monotonic() >= until:
                broken.append(f"the log does not name 'abuser-{mode['mode']}'")
                break
            plant.victim.pump(0.1)
    return broken


HEAD = (f"{'mode':22} {'attempts':>9} {'admitted':>8} {'ended':>7} {'received / sent':>17} {'told':>5} {'p50 ms':>7} {'p99 ms':>7} "
        f"{'MiB before peak after':>22} {'fds':>14}")


def line_of(row):
    """A row as text."""
    attempts, admitted, cut, refused = (sum(said[key] for said in row["attacks"]) for key in ("attempts", "admitted", "cut", "refused"))
    mib = " ".join(f"{value / MIB:6.1f}" for value in row["rss"])
    name = f"{row['mode']}\n{'':22}" if len(row["mode"]) > 22 else f"{row['mode']:22}"
    return (f"{name} {attempts:9} {admitted:8} {cut + refused:7} "
            f"{row['received']:8} /{row['published']:7} {row['losses']:5} {row['p50_us'] / 1000:7.2f} {row['p99_us'] / 1000:7.2f} "
            f"{mib:>22} {'/'.join(str(n) for n in row['fds']):>14}")


def run_group(group, modes, options):
    """All modes of a group; how many problems there were."""
    n = 0

    def tell(row, found):
        nonlocal n
        n += len(found)
        if options.json:
            print(json.dumps(row | {"group": group, "problems": found}), flush=True)
            return
        print(line_of(row) if "p99_us" in row else row["mode"], *(f"\n    FAILED: {problem}" for problem in found), flush=True)

    with Besieged(group, modes) as plant:
        at_once = AT_ONCE if plant.is_mesh else 1
        for some in [[], *(modes[i:i + at_once] for i in range(0, len(modes), at_once))]:
            seconds = options.seconds or max([SECONDS, *(LEAST_S.get(mode["mode"], 0) for mode in some)])
            row = besiege(plant, some, seconds)
            found = problems_of_row(row)
            for mode, said in zip(some, row["attacks"]):
                found += problems_of_attack(mode, said, plant.is_mesh)
            tell(row, found)
        tell({"mode": f"after {group}"}, check_peace(plant, modes))
    return n


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", help="only this one")
    parser.add_argument("--mode", help="only modes with this word in their name")
    parser.add_argument("--seconds", type=float, help="of each mode, instead of 0.5")
    parser.add_argument("--build", help="folder of the build")
    parser.add_argument("--json", action="store_true", help="one object a line")
    options = parser.parse_args()
    modes = [json.loads(line) for line in harness.run(ADVERSARY, "list").splitlines()]
    groups = {}
    for mode in modes:
        groups.setdefault(mode["group"], []).append(mode)
    a_known_key = [mode | {"end": "named"} for mode in modes if mode["mode"] in ("handshake-storm", "reconnect-storm")]
    groups["mesh"] = groups["strangers"] + a_known_key  # whose keys are an agent's: none there
    problems = 0
    if not options.json:
        print(f"seed {SEED}\n{HEAD}")
    for group, of_group in groups.items():
        chosen = [mode for mode in of_group if not options.mode or options.mode in mode["mode"]]
        if chosen and options.group in (None, group):
            problems += run_group(group, chosen, options)
    if problems:
        sys.exit(f"{problems} problems; again with SEED={SEED}")


if __name__ == "__main__":
    main()
