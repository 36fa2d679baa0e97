#!/usr/bin/env python3
"""A slice of a plant's day at ten times its mean: memory and descriptors of every process stay flat, nothing is lost untold.

A plant of 200 machines writes 7,500 values a second in the mean and has three brokers (2,500 for each): the one broker here gets
25,000 a second, from three machines, of which two are read from as a whole. Each round brings a reader that comes and goes, values
too long for a record, requests, the kill and the start of the broker and of an agent; when it is long the broker says goodbye every
second time. Three rounds in the suite; MILLRACE_LONG=1: twelve of 50 s, ten minutes, in messages 100 minutes of such a plant.

Flat: the most memory (RssAnon) of the last third of the rounds is at most that of the middle third, a tenth of it and SLACK_KIB,
which is the queue of one session: on a busy machine one may fill for a moment in any third. Descriptors likewise and SLACK_FILES.
The first third is for tables to fill.
"""
# promise: bounded-memory, live-loss, live-order
# timeout: 1200
import os
import pathlib
import subprocess
import time

import harness
import load
from harness import check

RATE = load.bearable(25000)
ROUNDS, CALM_S = (12, 42) if load.IS_LONG else (3, 3)
MACHINES = ("press", "mill", "lathe")
SLACK_KIB, SLACK_FILES = 8192, 2
SAMPLE_S = 0.5
SETTLED_S = 2.5  # after which all has been told
BIG_BYTES, BIG_COUNT = 300000, 4
ASKS_PER_S = 20
SIDE_BYTES = 64 * 1024 * 1024
LOADS = harness.BUILD / "tests/system/system_loads"


def rss_anon_kib(pid):
    """Memory of a process that is its own."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    raise harness.Failure(f"no RssAnon of {pid}")


class Side(harness.Process):
    """tests/system/loads.c at a machine, for what the histories do not have."""

    def __init__(self, plant, machine, name, *words):
        super().__init__(LOADS, plant.socket(machine), name, SIDE_BYTES, *words, stdin=subprocess.PIPE)
        plant.processes.append(self)
        self.start()

    def close(self):
        """Ends it as an app ends."""
        self.child.stdin.close()
        check(self.end() == 0, "it ends badly:\n" + "\n".join(self.log))


class Soak(load.Load):
    """A broker and its machines; all write, the first two have readers of everything."""

    def __enter__(self):
        self.round = -1  # counts from 0; what is before is not judged
        self.samples = {}  # name of a process → (round, KiB, descriptors) each
        for name in MACHINES:
            self.machine(name)
        self.begin()
        for name in MACHINES[:2]:
            self.reader(name)
        for name in MACHINES:
            self.writer(name, rate=RATE * 6 // 7 // len(MACHINES))
            self.writer(name, rate=RATE // 7 // len(MACHINES), kept=True)
        return self

    # -- samples --
    def sample(self):
        """Notes memory and descriptors of all that are meant to live as long as the slice."""
        writers = {writer.name: writer for writer in self.writers.values()}
        for name, process in {**self.brokers, **self.agents, **writers, **self.readers}.items():
            if process.child:
                pid = process.child.pid
                files = len(os.listdir(f"/proc/{pid}/fd"))
                self.samples.setdefault(name, []).append((self.round, rss_anon_kib(pid), files))

    def let_pass(self, seconds):
        """As ever, with samples."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            super().let_pass(min(left, SAMPLE_S))
            if left >= SAMPLE_S:
                self.sample()

    def most(self, name, third):
        """The most memory and descriptors of a process in a third of the rounds."""
        rounds = range(third * ROUNDS // 3, (third + 1) * ROUNDS // 3)
        found = [sample[1:] for sample in self.samples[name] if sample[0] in rounds]
        return tuple(map(max, zip(*found)))

    def check_flat(self):
        """Prints all, and judges it."""
        print(f"       {'most KiB, descriptors':22} {'first third':>14} {'middle':>14} {'last':>14}")
        grown = []
        for name in self.samples:
            thirds = [self.most(name, third) for third in range(3)]
            print(f"       {name:22} " + " ".join(f"{kib:9,} {files:4}" for kib, files in thirds))
            (middle_kib, middle_files), (last_kib, last_files) = thirds[1:]
            if last_files > middle_files + SLACK_FILES:
                grown.append(f"{name} has {last_files} descriptors, had {middle_files}")
            if last_kib > middle_kib * 1.1 + SLACK_KIB and not harness.has_sanitizers():
                grown.append(f"{name} has {last_kib} KiB, had {middle_kib}")
        check(not grown, "; ".join(grown))

    # -- what happens --
    def work(self):
        """While nothing is broken: a reader comes and goes, long values arrive, requests are answered."""
        visitor = self.reader(MACHINES[2], f"visitor-{self.round}")
        del self.readers[visitor.name]  # it is not asked for last values at the end
        taker = Side(self, "mill", f"taker-{self.round}", "receive", "side/big")
        server = Side(self, "mill", f"server-{self.round}", "serve", "side/echo")
        taker.wait("^ready")
        sender = Side(self, "press", f"sender-{self.round}", "send", "side/big", BIG_BYTES, BIG_COUNT)
        asker = Side(self, "lathe", f"asker-{self.round}", "ask", "side/echo", ASKS_PER_S, CALM_S)
        self.let_pass(CALM_S)
        sender.wait("^done")
        answered = asker.wait(r"^ages (\d+) \d+ \d+ \d+ (\d+)")
        check(int(answered[1]) == ASKS_PER_S * CALM_S and answered[2] == "0", f"not all requests were answered: {answered[0]}")
        sent = [match[1] for match in sender.lines("^sent (.*)")]
        for value in sent:
            taker.wait(f"^value {BIG_BYTES} {value}$")
        check(len(sent) == BIG_COUNT, "\n".join(sender.log))
        for app in (visitor, sender, asker, taker, server):
            app.close()

    def restart(self, name, process, wanted, is_stopped=False):
        """A broker or agent goes, by a kill or stopped, and comes; until the wanted agents are up again."""
        with self.broken(f"{name}-{self.round}", name):
            agents = {agent: (self.agents[agent], len(self.agents[agent].log)) for agent in wanted}
            since = time.monotonic()
            if is_stopped:
                check(process.stop() == 0, f"{name} ends badly")
            else:
                process.kill()
            process.start()
            self.wait_all(agents, "AGENT-UPLINK-UP", since, harness.WAIT_S)
        self.let_pass(SETTLED_S)
        self.note_calm()

    def live(self):
        """All rounds."""
        for self.round in range(ROUNDS):
            self.work()
            self.restart("mr1", self.brokers["mr1"], MACHINES, is_stopped=load.IS_LONG and self.round % 2 == 1)
            name = MACHINES[self.round % len(MACHINES)]
            self.restart(name, self.agents[name], [name])


def a_day_passes_without_growth_and_without_untold_loss():
    with Soak() as plant:
        plant.live()
        plant.check_flat()
        plant.finish()


if __name__ == "__main__":
    harness.main(a_day_passes_without_growth_and_without_untold_loss)
