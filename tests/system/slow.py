#!/usr/bin/env python3
"""Slow subscribers cost nobody else anything: an app and a whole agent stopped under full load, an app that is always late."""
# promise: live-slow, bounded-memory
# once: sanitizers are slower than any subscriber
# timeout: 1200
import re
import signal
import statistics
import time

import harness
import load
from harness import check

RATE = 20000  # messages a second in all, each to four readers
ROUNDS = 5 if load.IS_LONG else 3
STOPPED_S = 30 if load.IS_LONG else 4
RUNNING_S = STOPPED_S // 2
SLOWER, LATER = 0.9, 2.0  # what others may suffer
# A queue that gets full holds its feeders up once, for a quarter of a second at most: too short to be seen in the p99 of half
# a minute. A shorter run looks at the median of many p99s instead.
WINDOW_S = STOPPED_S if load.IS_LONG else 0.5
FLOOR_US = 2000  # a p99 below this on a shared machine is noise
BOUND_KIB = (8 + 4) * 1024  # a session's queue, and what malloc rounds up


def anonymous_kib(process):
    """Memory of a process that no file backs."""
    with open(f"/proc/{process.child.pid}/status", encoding="ascii") as status:
        return int(re.search(r"RssAnon:\s+(\d+)", status.read())[1])


class Bed(load.Load):
    """Two machines that write and read, and two more: one with a reader to be stopped, one to be stopped whole."""

    def __enter__(self):
        for name in ("one", "two", "app", "agent"):
            self.machine(name)
        self.begin()
        self.good = [self.reader("one"), self.reader("two")]
        self.stopped = self.reader("app", "stopped")
        self.reader("agent", "behind")
        for name in ("one", "two"):
            self.writer(name, rate=RATE * 9 // 20)
            self.writer(name, rate=RATE // 20, kept=True)
        self.let_pass(1)
        return self

    def measure(self, seconds):
        """Messages a second, p99 and longest way to the readers nobody stopped, and the most memory of the broker."""
        for reader in self.good:
            reader.report()
        begun, windows, most = time.monotonic(), [], 0
        while time.monotonic() < begun + seconds:
            self.let_pass(min(WINDOW_S, seconds))
            windows.append([reader.report() for reader in self.good])
            most = max(most, anonymous_kib(self.brokers["mr1"]))
        took = time.monotonic() - begun
        rate = min(sum(window[i]["received"] for window in windows) for i in range(len(self.good))) / took
        p99 = statistics.median(max(report["p99_us"] for report in window) for window in windows)
        return rate, p99, max(report["max_us"] for window in windows for report in window), most

    def compare(self, what, victim):
        """Rounds with the victim running and stopped; the medians of the ratios must be within what others may suffer."""
        rates, p99s, before = [], [], anonymous_kib(self.brokers["mr1"])
        for number in range(ROUNDS):
            rate, p99, longest, _ = self.measure(RUNNING_S)
            with self.broken(f"{what}-{number}", what):
                victim.signal(signal.SIGSTOP)
                slow_rate, slow_p99, slow_longest, most = self.measure(STOPPED_S)
                victim.signal(signal.SIGCONT)
                self.let_pass(2)
            rates.append(slow_rate / rate)
            p99s.append(max(slow_p99, FLOOR_US) / max(p99, FLOOR_US))
            print(f"       {what} stopped {STOPPED_S} s: others {rate:,.0f} → {slow_rate:,.0f} msg/s, p99 {p99:.0f} → {slow_p99:.0f} µs,"
                  f" longest {longest / 1000:.0f} → {slow_longest / 1000:.0f} ms, broker {before} → {most} KiB", flush=True)
            check(most - before <= BOUND_KIB, f"the broker needs {most - before} KiB more")
        check(statistics.median(rates) >= SLOWER, f"throughput of the others: {rates}")
        check(statistics.median(p99s) <= LATER, f"p99 of the others: {p99s}")


def a_stopped_app_and_a_stopped_agent_cost_nobody_else_anything():
    with Bed() as plant:
        plant.compare("app", plant.stopped)
        plant.compare("agent", plant.agents["agent"])
        plant.finish()


def what_a_full_ring_drops_is_counted_exactly():
    with load.Load() as plant:
        plant.machine("one")
        plant.machine("two")
        plant.begin()
        plant.reader("two", "late", "--ring", 65536, "--calls", 20, "--pause-us", 500)
        for kept in (False, True):
            plant.writer("one", rate=RATE // 4, kept=kept)
        plant.let_pass(STOPPED_S)
        figures = plant.finish()
        check(figures["told exactly"] > RATE // 4, figures)
        check(figures["told exactly"] == figures["missing"], figures)


if __name__ == "__main__":
    harness.main(a_stopped_app_and_a_stopped_agent_cost_nobody_else_anything, what_a_full_ring_drops_is_counted_exactly)
