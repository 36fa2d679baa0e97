#!/usr/bin/env python3
"""Brokers killed and stopped at random under load: agents are elsewhere in time, and nothing is lost without a word."""
# promise: live-loss, live-order, value-agree
# timeout: 1800
import random
import signal
import time

import harness
import load

KILLS = 100 if load.IS_LONG else 5
STOPS = 20 if load.IS_LONG else 3
RATE = load.bearable(20000)  # messages a second in all
ELSEWHERE_S = 3
SILENT_S = 3  # after which a session is over
SETTLED_S = 2.5  # after which all has been told


class Bed(load.Load):
    """Six machines that may go to any of three brokers; all write, every second one reads everything."""

    def __enter__(self):
        seed = random.randrange(1 << 32)
        print(f"       seed {seed}")
        self.rand = random.Random(seed)
        names = [f"m{number}" for number in range(6)]
        for name in names:
            self.machine(name)
        self.begin()
        for name in names[::2]:
            self.reader(name)
        for name in names:
            self.writer(name, rate=RATE // 7)
            self.writer(name, rate=RATE // 42, kept=True)
        self.let_pass(1)
        return self

    def victim(self):
        """A broker at random that has agents, and those agents."""
        at_home = {}
        for name in self.agents:
            at_home.setdefault(self.home(name), []).append(name)
        site = self.rand.choice(sorted(at_home))
        return site, {name: (self.agents[name], len(self.agents[name].log)) for name in at_home[site]}

    def wait_peers(self, site, seen):
        """Until a broker and all others have each other again; seen: lines of their logs before."""
        for name, broker in self.brokers.items():
            peers = [other for other in self.brokers if other != name] if name == site else [site]
            for peer in peers:
                self.wait_all({name: (broker, seen[name])}, f"BROKER-PEER-UP peer={peer}", time.monotonic(), harness.WAIT_S)

    def seen(self):
        """Lines of the brokers' logs so far."""
        return {name: len(broker.log) for name, broker in self.brokers.items()}

    def settle(self):
        """Until all of a fault has been told."""
        self.let_pass(SETTLED_S)
        self.note_calm()


def agents_of_killed_brokers_are_elsewhere_and_all_that_is_lost_is_told():
    with Bed(*harness.THREE) as plant:
        took = []
        for number in range(KILLS):
            site, agents = plant.victim()
            with plant.broken(f"kill-{number}", site):
                seen = plant.seen()
                since = time.monotonic()
                plant.brokers[site].kill()
                took += plant.wait_all(agents, "AGENT-UPLINK-UP", since, ELSEWHERE_S).values()
                plant.brokers[site].start()
                plant.wait_peers(site, seen)
            plant.settle()
        print(f"       {KILLS} kills of a broker, its agents elsewhere: {load.spread(took)}")
        plant.finish()


def brokers_that_stand_still_for_a_while_lose_nothing_without_a_word():
    with Bed(*harness.THREE) as plant:
        took = []
        for number in range(STOPS):
            site, agents = plant.victim()
            stopped_s = 10 ** plant.rand.uniform(-1, 1) if number else 6
            seen, is_over = plant.seen(), stopped_s > SILENT_S + 1
            with plant.broken(f"stop-{number}", site):
                since = time.monotonic()
                plant.brokers[site].signal(signal.SIGSTOP)
                if is_over:
                    took += plant.wait_all(agents, "AGENT-UPLINK-UP", since, SILENT_S + ELSEWHERE_S).values()
                plant.let_pass(max(since + stopped_s - time.monotonic(), 0))
                plant.brokers[site].signal(signal.SIGCONT)
                if is_over:
                    plant.wait_peers(site, seen)
            plant.settle()
        print(f"       {STOPS} brokers stopped for 0.1 to 10 s, agents elsewhere where it was long: {load.spread(took)}")
        plant.finish()


if __name__ == "__main__":
    harness.main(agents_of_killed_brokers_are_elsewhere_and_all_that_is_lost_is_told,
                 brokers_that_stand_still_for_a_while_lose_nothing_without_a_word)
