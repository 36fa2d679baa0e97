#!/usr/bin/env python3
"""Strangers of every kind knock at the broker without pause while two machines talk through it: nobody gets in, nothing is
lost, and how much slower it was is printed."""
# promise: closed
import json
import os
import random
import subprocess
import threading
import time

import harness
from harness import check
from hostile import CURVE_GREETING, NULL_GREETING, PLAIN_GREETING, READY, attempt

BENCH = harness.BUILD / "tests/bench/bench_bus"
SECONDS, RATE = 6, 1000
LATE_MS = 250  # p99 beyond this is no longer "unaffected", on however busy a machine the test runs
HUGE_FRAME = CURVE_GREETING + b"\x06" + (1 << 40).to_bytes(8, "big")  # a command of 1 TiB, said its length


class Attacker(threading.Thread):
    """Attempts again and again until told to stop; counts them, and those after which a door was open."""

    def __init__(self, name, try_once):
        super().__init__(name=name, daemon=True)
        self.try_once = try_once
        self.is_over = threading.Event()
        self.attempts = self.admitted = 0

    def run(self):
        while not self.is_over.is_set():
            self.admitted += self.try_once()
            self.attempts += 1

    def stop(self):
        """Waits for the attempt under way."""
        self.is_over.set()
        self.join(harness.WAIT_S)
        check(not self.is_alive(), f"{self.name} does not end")


def says(plant, data):
    """An attempt by plain TCP; whether anything but a greeting and a refusal came back."""
    answer, is_closed = attempt(plant.port, data)
    return not is_closed or len(answer) > 64 + 200 or b"READY" in answer


def attackers(plant):
    """One of each kind."""
    plant.key("agent", "stranger", "stranger.key")
    dice = random.Random(int(os.environ.get("SEED", "1")))
    return [
        Attacker("unknown key", lambda: not plant.knock("knock", "stranger.key").startswith("refused")),
        Attacker("NULL", lambda: says(plant, NULL_GREETING + READY + b"\0\1x")),
        Attacker("PLAIN", lambda: says(plant, PLAIN_GREETING + READY + b"\0\1x")),
        Attacker("plaintext", lambda: says(plant, b"GET / HTTP/1.1\r\nHost: mr1\r\n\r\n")),
        Attacker("garbage", lambda: says(plant, dice.choice((b"", CURVE_GREETING)) + dice.randbytes(dice.randint(64, 3000)))),
        Attacker("oversize", lambda: says(plant, HUGE_FRAME + bytes(100000))),
    ]


def talk(plant, rate=RATE):
    """Messages of one machine to the other for some seconds, so many in each; what the receiving app counted."""
    topic = f"demo/one/{time.monotonic_ns()}"
    ends = []
    try:
        for words in (("sub", plant.socket("two"), topic, "raw", "0"), ("pub", plant.socket("one"), topic, "raw", str(rate), str(SECONDS))):
            # pylint: disable-next=consider-using-with
            ends.append(subprocess.Popen([BENCH, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            if len(ends) == 1:
                check(ends[0].stdout.readline() == "READY\n", "the subscription comes into force")
        report = json.loads(ends[0].stdout.readline())
        ends[1].communicate("", timeout=harness.WAIT_S)
        return report
    finally:
        for end in ends:
            end.kill()
            end.communicate()




def nobody_gets_in_and_nothing_is_lost():
    with harness.Plant() as plant:
        broker, agents = plant.broker(), [plant.agent(name, f"demo/{name}") for name in ("one", "two")]
        broker.start().wait("BROKER-START")
        for agent in agents:
            agent.start().wait("AGENT-UPLINK-UP")
        peace = talk(plant)
        besiegers = attackers(plant)
        for besieger in besiegers:
            besieger.start()
        try:
            siege = talk(plant)
        finally:
            for besieger in besiegers:
                besieger.stop()
        print("       attempts: " + ", ".join(f"{b.name} {b.attempts}" for b in besiegers))
        for name, report in (("peace", peace), ("siege", siege)):
            print(f"       {name}: {report['received']} of {report['published']} at {RATE}/s, {report['losses']} losses,"
                  f" p50 {report['p50_us'] / 1e3:.2f} ms, p99 {report['p99_us'] / 1e3:.2f} ms")
            check(report["received"] == report["published"], report)
            check(not (report["losses"] or report["disorder"] or report["damaged"]), report)
        check(all(b.attempts >= 3 for b in besiegers), "each kind was tried more than once")
        check(not any(b.admitted for b in besiegers), f"admitted: {[(b.name, b.admitted) for b in besiegers]}")
        check(siege["p99_us"] < LATE_MS * 1000, f"p99 {siege['p99_us']} µs")
        check(not broker.has_logged('BROKER-SESSION-UP (?!session="127.0.0.1: (one|two)")'), "nobody else has a session")
        check(not any(agent.has_logged("AGENT-UPLINK-LOST") for agent in agents), "no link broke")


if __name__ == "__main__":
    harness.main(nobody_gets_in_and_nothing_is_lost)
