#!/usr/bin/env python3
"""Measures the real programs from end to end: app, agent, broker, agent, app, all on this machine, over CURVE.

    tests/bench/record.py [--seconds N] [--rounds N] [--build FOLDER] [--only WORD] [--json]

Keys, files, ports and sockets are made on the spot and gone afterwards. CPU is that of the window between the first and the
last message; a wall figure on a busy machine says little, CPU per message and ratios of alternating runs say more.
"""
import argparse
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "system"))
if __name__ == "__main__" and "--build" in sys.argv[1:-1]:
    os.environ["MILLRACE_BUILD"] = str(pathlib.Path(sys.argv[sys.argv.index("--build") + 1]).resolve())
os.environ.setdefault("MILLRACE_BUILD", str(SOURCE / "build/release"))

import harness  # noqa: E402  pylint: disable=wrong-import-position

BENCH = harness.BUILD / "tests/bench/bench_bus"
FOLDERS = ("base", "proto", "bus", "sdk", "agent", "broker", "cli", "deploy", "tests", "docs")
PROGRAMS = ("bin/millrace-agent", "bin/millrace-broker", "bin/millrace", "lib/libmillrace.so", "lib/libmillrace.a")
GRACE_S = 90  # for a run to end, beyond its seconds


def cpu_us(pid):
    """CPU time of all threads of a process so far."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text(encoding="ascii").split()[0])
    return total / 1000


def memory_kib(pid, field):
    """A field of /proc/PID/status, VmRSS or RssAnon or VmHWM."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise harness.Failure(f"no {field} of {pid}")


def line_of(child, seconds):
    """The next line an end prints."""
    ready, _, _ = select.select([child.stdout], [], [], seconds)
    harness.check(ready, f"{child.args[1]} prints nothing for {seconds} s")
    line = child.stdout.readline()
    harness.check(line, f"{child.args[1]} ends without a word")
    return line


class Bed:
    """A broker and its agents, each with its telemetry, up; a context manager."""

    def __init__(self, *agents):
        self.names = agents or ("one", "two")
        self.plant = harness.Plant()
        self.ends = []

    def __enter__(self):
        try:
            broker = self.plant.broker()
            agents = [self.plant.agent(name, f"bench/{name}") for name in self.names]
            for name in self.names:  # telemetry as in the default configuration
                text = (self.plant.folder / f"{name}.yaml").read_text(encoding="utf-8")
                self.plant.write(f"{name}.yaml", text.replace("telemetry: {interval: 1 s}\n", ""))
            broker.start().wait("BROKER-START")
            for agent in agents:
                agent.start().wait("AGENT-UPLINK-UP")
        except BaseException:
            self.__exit__()
            raise
        self.pids = {f"agent {number}": agent.child.pid for number, agent in enumerate(agents, 1)}
        self.pids["broker"] = broker.child.pid
        return self

    def __exit__(self, *_):
        for end in self.ends:
            if end.poll() is None:
                end.kill()
            end.wait()
            for pipe in (end.stdin, end.stdout):
                pipe.close()
        self.plant.__exit__()

    def end(self, *words):
        """Starts a publisher or a subscriber."""
        child = subprocess.Popen([str(w) for w in (BENCH, *words)], stdin=subprocess.PIPE,  # pylint: disable=consider-using-with
                                 stdout=subprocess.PIPE, text=True)
        self.ends.append(child)
        return child

    def run(self, kind, rate, seconds, pause_us=0, agent_of_subscriber="two"):
        """One run; the reports of both ends, CPU of all processes per message received, the most memory of each."""
        topic = f"bench/one/{kind}-{len(self.ends)}"
        subscriber = self.end("sub", self.plant.socket(agent_of_subscriber), topic, kind, pause_us)
        harness.check(line_of(subscriber, GRACE_S) == "READY\n", "the subscription comes into force")
        before = {name: cpu_us(pid) for name, pid in self.pids.items()}
        publisher = self.end("pub", self.plant.socket("one"), topic, kind, rate, seconds)
        pids = {**self.pids, "publisher": publisher.pid, "subscriber": subscriber.pid}
        published = json.loads(line_of(publisher, seconds + GRACE_S))
        got = json.loads(line_of(subscriber, GRACE_S))
        used = {name: cpu_us(pid) - before[name] for name, pid in self.pids.items()}
        used.update({"publisher": published["cpu_us"], "subscriber": got["cpu_us"]})
        peak = {name: memory_kib(pid, "VmHWM") for name, pid in pids.items() if name != "subscriber"}
        publisher.communicate("", timeout=GRACE_S)
        subscriber.wait(GRACE_S)
        got["cpu"] = {name: round(us / max(got["received"], 1), 3) for name, us in used.items()}
        got["cpu_all"] = round(sum(got["cpu"].values()), 3)
        got["rate"] = round(got["received"] / max(got["seconds"], 1e-9))
        got["peak_kib"] = peak
        got["blocked"] = published["blocked"]
        return got


def check_complete(got):
    """Every message arrived once, in order, or was announced as lost."""
    harness.check(got["disorder"] == 0, f"in order: {got}")
    harness.check(got["damaged"] == 0, f"as it was sent: {got}")
    harness.check(got["received"] <= got["published"], f"nothing twice: {got}")
    harness.check(got["received"] + got["lost"] >= got["published"], f"what is missing was announced: {got}")


def measure_runs(options):
    """Throughput and latency; a row per figure and round."""
    rows = []
    figures = [("throughput 100 B", "raw", 0), ("throughput typed", "tag", 0),
               ("latency at 1 k/s", "raw", 1000), ("latency at 10 k/s", "raw", 10000), ("same machine, 1 k/s", "raw", 1000)]
    with Bed() as bed:
        for number in range(options.rounds):
            for name, kind, rate in figures:
                if options.only and options.only not in name:
                    continue
                got = bed.run(kind, rate, options.seconds, agent_of_subscriber="one" if name.startswith("same") else "two")
                check_complete(got)
                rows.append({"figure": name, "round": number + 1, **got})
                if not options.json:
                    print_run(rows[-1])
    return rows


def print_run(row):
    """A run as two lines for people."""
    cpu = ", ".join(f"{name} {us:.2f}" for name, us in row["cpu"].items())
    print(f"{row['figure']:20} {row['rate']:9,} msg/s  p50 {row['p50_us']:.0f}  p99 {row['p99_us']:.0f}  p99.9 "
          f"{row['p999_us']:.0f} µs  CPU {row['cpu_all']:.2f} µs/msg ({cpu})")
    if row["received"] != row["published"]:
        print(f"{'':20} {row['published']:,} published, {row['received']:,} received, {row['lost']:,} announced lost")
    print(f"{'':20} most memory: " + ", ".join(f"{name} {kib:,} KiB" for name, kib in row["peak_kib"].items()), flush=True)


def measure_idle(seconds):
    """An agent with telemetry and nothing to do; its broker."""
    with Bed() as bed:
        time.sleep(2)  # what starting costs is no part of it
        before = {name: cpu_us(pid) for name, pid in bed.pids.items()}
        time.sleep(seconds)
        used = {name: cpu_us(pid) - before[name] for name, pid in bed.pids.items()}
        return {"agent_cpu_percent": round(used["agent 1"] / seconds / 1e4, 3),
                "broker_cpu_percent": round(used["broker"] / seconds / 1e4, 3),
                "agent_rss_anon_kib": memory_kib(bed.pids["agent 1"], "RssAnon"),
                "broker_rss_kib": memory_kib(bed.pids["broker"], "VmRSS")}


def stripped_size(path):
    """Bytes of a program without its debug information."""
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run(["strip", "-g", "-o", copy.name, path], check=True)
        return os.path.getsize(copy.name)


def sizes():
    """Bytes of what is shipped, without debug information."""
    return {name: stripped_size(harness.BUILD / name) for name in PROGRAMS if (harness.BUILD / name).exists()}


def lines():
    """Lines of the files git knows, per folder."""
    counts = {}
    for folder in FOLDERS:
        names = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z", folder], capture_output=True, check=True, text=True)
        sources = [SOURCE / n for n in names.stdout.split("\0") if n.endswith((".c", ".h", ".py", ".sh", ".md", ".proto"))]
        counts[folder] = sum(len(path.read_bytes().splitlines()) for path in sources if path.exists())
    return counts


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="of each run")
    parser.add_argument("--rounds", type=int, default=1, help="of all figures, one after the other")
    parser.add_argument("--idle", type=float, default=30, help="seconds of looking at an idle agent; 0: not")
    parser.add_argument("--build", help="the build folder, build/release otherwise")
    parser.add_argument("--only", help="figures with this word in their name, and nothing else")
    parser.add_argument("--json", action="store_true", help="all figures as one JSON document")
    options = parser.parse_args()
    found = {"runs": measure_runs(options)}
    if not options.only:
        if options.idle:
            found["idle"] = measure_idle(options.idle)
        found.update(sizes=sizes(), lines=lines())
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for title in ("idle", "sizes", "lines"):
        for name, value in found.get(title, {}).items():
            print(f"{title:6} {name:24} {value:>12,}")


if __name__ == "__main__":
    main()
