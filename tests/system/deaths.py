#!/usr/bin/env python3
"""kill -9 of an app, an agent, a broker with its agents: values go stale in time at every reader, source times untouched."""
# promise: value-stale, presence
# timeout: 900
import time

import harness
import load
from harness import check

ROUNDS = 20 if load.IS_LONG else 3
RATE = 50
APP_S, AGENT_S, BROKER_S, BACK_S = (seconds * harness.PATIENCE for seconds in (1, 4, 8, 3))


def shown(plant, key, publisher, since_us, is_dead):
    """When each reader knew since a moment: was told of the death or birth of the publisher, and was given a value of this writer,
    stale or fresh: {reader: seconds}."""
    found = {}
    for sub in load.history.Histories(plant.histories).subscriptions:
        given = [g.first_us for g in sub.runs if g.key == key and bool(g.flags & load.history.STALE) == is_dead and g.first_us >= since_us]
        told = [at_us for at_us, who, is_birth in sub.lives if who == publisher and is_birth != is_dead and at_us >= since_us]
        if given and told:
            found[sub.reader] = (max(given[0], told[0]) - since_us) / 1e6
    return found


def wait_shown(plant, key, publisher, since_us, is_dead, within_s):
    """Waits until all readers know; how long it took the last one."""
    until = time.monotonic() + within_s + 1
    while time.monotonic() < until:
        plant.let_pass(0.1)
        took = shown(plant, key, publisher, since_us, is_dead)
        if set(took) == set(plant.readers):
            check(max(took.values()) <= within_s, f"{took}, at most {within_s} s are allowed")
            return max(took.values())
    missing = sorted(set(plant.readers) - set(took))
    raise harness.Failure(f"{missing} do not know of the {'death' if is_dead else 'life'} of {publisher} within {within_s} s")


class Bed(load.Load):
    """A machine at each broker; all have writers of kept values, all but the last one, which is to die, a reader."""

    def __enter__(self):
        for name in self.sites:
            self.machine(f"at-{name}", brokers=[name])
        self.begin()
        self.last = list(self.agents)[-1]
        for name in self.agents:
            if name != self.last:
                self.reader(name)
            self.writer(name, RATE, kept=True)
        return self

    def kill(self, word, target, *victims):
        """kill -9 of them all, who are at the target; since when."""
        self.note(f"f {load.now_us()} {word} {target}")
        since_us = load.now_us()
        for victim in victims:
            victim.signal(9)
        for victim in victims:
            victim.end()
        return since_us

    def mend(self, word):
        """Over."""
        self.note(f"h {load.now_us()} {word}")


def values_of_a_killed_app_are_stale():
    with Bed(*harness.THREE) as plant:
        plant.reader(plant.last)
        took = []
        number = len(plant.agents)  # the last machine's writer
        for life in range(1, ROUNDS + 1):
            plant.let_pass(0.5)
            since_us = plant.kill(f"app-{life}", plant.last, plant.writers[number])
            took.append(wait_shown(plant, (number, life), f"{plant.last}/w{number}", since_us, True, APP_S))
            plant.writer(plant.last, RATE, number=number, kept=True)
            plant.mend(f"app-{life}")
        print(f"       stale everywhere after the kill of an app: {load.spread(took)}")
        plant.finish()


def values_of_a_killed_agent_are_stale():
    with Bed(*harness.THREE) as plant:
        took, back = [], []
        agent, key = plant.agents[plant.last], (len(plant.agents), 1)
        for number in range(ROUNDS):
            plant.let_pass(0.5)
            since_us = plant.kill(f"agent-{number}", plant.last, agent)
            took.append(wait_shown(plant, key, plant.last, since_us, True, AGENT_S))
            since_us = load.now_us()
            agent.start()
            back.append(wait_shown(plant, key, plant.last, since_us, False, BACK_S))
            plant.mend(f"agent-{number}")
        print(f"       stale everywhere after the kill of an agent: {load.spread(took)}; fresh after its start: {load.spread(back)}")
        plant.finish()


def values_of_agents_that_die_with_their_broker_are_stale():
    with Bed(*harness.THREE) as plant:
        took, back = [], []
        site = max(plant.sites)
        agent, broker, key = plant.agents[plant.last], plant.brokers[site], (len(plant.agents), 1)
        for number in range(ROUNDS):
            plant.let_pass(0.5)
            since_us = plant.kill(f"both-{number}", site, broker, agent)
            took.append(wait_shown(plant, key, plant.last, since_us, True, BROKER_S))
            since_us = load.now_us()
            broker.start()
            agent.start()
            back.append(wait_shown(plant, key, plant.last, since_us, False, 2 * BACK_S))
            plant.mend(f"both-{number}")
        print(f"       stale everywhere after the kill of a broker and its agent: {load.spread(took)}; fresh after their start:"
              f" {load.spread(back)}")
        plant.finish()


if __name__ == "__main__":
    harness.main(values_of_a_killed_app_are_stale, values_of_a_killed_agent_are_stale,
                 values_of_agents_that_die_with_their_broker_are_stale)
