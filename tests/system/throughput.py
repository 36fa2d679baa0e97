#!/usr/bin/env python3
"""Messages at full speed from app to app, over two agents and a broker: in order, all there or announced as lost, in bounded
memory. No thresholds of speed: tests/bench/record.py measures."""
import pathlib
import sys

import harness
from harness import check

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import record  # noqa: E402  pylint: disable=wrong-import-position

SECONDS = 2
MEMORY_KIB = 512 * 1024  # what an agent, a broker or a publisher may grow to, under sanitizers too; without them, a tenth
SLOWER_US = 50  # spent in each callback


def check_memory(got):
    """No process grew beyond its bound."""
    for name, kib in got["peak_kib"].items():
        check(kib < MEMORY_KIB, f"{name} grew to {kib} KiB")


# promise: live-order, live-loss, bounded-memory
def raw_messages_arrive_in_order_or_are_announced():
    with record.Bed() as bed:
        got = bed.run("raw", 0, SECONDS)
        record.check_complete(got)
        check_memory(got)


def samples_of_a_tag_arrive_in_order_or_are_announced():
    with record.Bed() as bed:
        got = bed.run("tag", 0, SECONDS)
        record.check_complete(got)
        check_memory(got)


# promise: live-no-false
def at_a_thousand_a_second_nothing_is_lost():
    with record.Bed() as bed:
        got = bed.run("raw", 1000, SECONDS)
        record.check_complete(got)
        check(got["received"] == got["published"] and got["losses"] == 0, f"nothing is lost: {got}")


# promise: live-slow, live-loss
def what_a_slow_subscriber_misses_is_announced():
    with record.Bed() as bed:
        got = bed.run("raw", 0, SECONDS, pause_us=SLOWER_US)
        check(got["lost"] > 0, f"it cannot keep up: {got}")
        record.check_complete(got)
        check_memory(got)


if __name__ == "__main__":
    if not record.BENCH.exists():
        print("skipped: this build has no SDK")
        sys.exit(77)
    harness.main(
        raw_messages_arrive_in_order_or_are_announced,
        samples_of_a_tag_arrive_in_order_or_are_announced,
        at_a_thousand_a_second_nothing_is_lost,
        what_a_slow_subscriber_misses_is_announced,
    )
