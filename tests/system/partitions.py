#!/usr/bin/env python3
"""Brokers that cannot reach each other: who is told, what is lost is announced, and afterwards all hold the same values."""
# promise: value-agree, mesh-degraded
# timeout: 900
import itertools
import subprocess
import sys

import harness
import load
import sandbox
from harness import check

ROUNDS = 10 if load.IS_LONG else 1
CUT_S = 8 if load.IS_LONG else 6
AGREE_S = 2
RATE, KEPT_RATE = load.bearable(2000), 200  # of each machine
SETTLED_S = 2.5
HOSTS = {"mr1": "10.213.78.1", "mr2": "10.213.78.2", "mr3": "10.213.78.3"}


def ip(words):
    """Runs ip."""
    subprocess.run(["ip", *words.split()], check=True)


def lay_cables():
    """A bridge with three networks on it, each of a broker and the agents beside it, named as the broker."""
    sandbox.mount("tmpfs", "/run")  # where ip keeps names of networks
    for words in ("link set lo up", "link add plant type bridge", "link set plant up"):
        ip(words)
    for name, host in HOSTS.items():
        for words in (f"netns add {name}", f"link add to-{name} type veth peer name cable netns {name}",
                      f"link set to-{name} master plant up", f"-n {name} addr add {host}/24 dev cable",
                      f"-n {name} link set lo up", f"-n {name} link set cable up"):
            ip(words)


class Wall:
    """What does not come through: frames of one broker's host that another drops unseen."""

    def __init__(self, *pairs):
        self.pairs = pairs  # (sender, receiver)

    def targets(self):
        """As the history of the script has them."""
        return ["+".join(pair) for pair in self.pairs]

    def switch(self, flag):
        """-A: from now on; -D: no more."""
        for sender, receiver in self.pairs:
            subprocess.run(["ip", "netns", "exec", receiver, "iptables", flag, "INPUT", "-s", HOSTS[sender], "-j", "DROP"], check=True)


def both_ways(*pairs):
    """A wall that is none in neither direction."""
    return Wall(*pairs, *((b, a) for a, b in pairs))


WALLS = {
    "symmetric": both_ways(("mr1", "mr3"), ("mr2", "mr3")),  # mr3 is alone
    "one way": Wall(("mr1", "mr3"), ("mr2", "mr3")),  # mr3 is heard and hears nobody
    "bridging": both_ways(("mr1", "mr3")),  # only mr2 reaches both
}


class Bed(load.Load):
    """A machine at each broker, in its network, that writes and reads."""

    def __enter__(self):
        wrap = {name: ("ip", "netns", "exec", name) for name in HOSTS}
        for name in HOSTS:
            self.machine(f"at-{name}", brokers=[name], wrap=wrap[name])
        self.begin(wrap)
        for name in self.agents:
            self.reader(name)
        for name in self.agents:
            self.writer(name, rate=RATE)
            self.writer(name, rate=KEPT_RATE, kept=True, topics=20)
        self.let_pass(1)
        return self

    def when_agreed(self, since_us):
        """How long after a moment each reader had all last values written before it, or newer ones: {reader: seconds}."""
        histories = load.history.Histories(self.histories)
        kept = [life for life in histories.lives.values() if life.is_kept]
        return {sub.reader: max((reached(sub, life, since_us) - since_us) / 1e6 for life in kept)
                for sub in histories.subscriptions}

    def check_told(self, kind, seen):
        """The apps at the cut brokers have been told that their broker lacks another one; seen: lines of them before."""
        for name in ("r-at-mr1", "r-at-mr3"):
            said = [line for line in self.readers[name].log[seen[name]:] if "degraded=1" in line]
            check(said, f"{kind}: {name} is not told that the plant is degraded")

    def check_whole(self, kind):
        """All apps have been told that the plant is whole again."""
        for name, reader in self.readers.items():
            said = reader.lines("^state agent=1 cluster=1 degraded=([01])")
            check(said[-1][1] == "0", f"{kind}: {name} still believes that the plant is degraded")


def reached(sub, life, since_us):
    """When a subscription was given the last of the writer's values as of a moment, or newer ones, of every topic."""
    newest, latest = life.newest_by_topic(since_us), since_us
    places = {number: (number - 1) % life.topics for number in newest.values()}
    for number, place in places.items():
        at_us = [given.last_us for given in sub.runs if given.key == life.key and given.last >= number
                 and any((n - 1) % life.topics == place for n in covered(given, number, life.topics))]
        check(at_us, f"{sub.name} never got {life.topic(number)} {number} of {life.name}")
        latest = max(latest, min(at_us))
    return latest


def covered(given, number, topics):
    """The first numbers of a row that are not below a number, as many as there are topics."""
    first = given.first + max(0, -(-(number - given.first) // given.step)) * given.step
    return itertools.islice(range(first, given.last + 1, given.step), topics)


def all_agree_soon_after_every_kind_of_partition():
    with Bed(*HOSTS.values()) as plant:
        took = {kind: [] for kind in WALLS}
        for number, kind in itertools.product(range(ROUNDS), WALLS):
            seen = {name: len(process.log) for name, process in (plant.brokers | plant.readers).items()}
            with plant.broken(f"{kind.replace(' ', '-')}-{number}", *WALLS[kind].targets()):
                WALLS[kind].switch("-A")
                plant.let_pass(CUT_S)
                lost = {name for name, broker in plant.brokers.items()
                        if any("BROKER-PEER-DOWN" in line for line in broker.log[seen[name]:])}
                check({"mr1", "mr3"} <= lost, f"{kind}: only {lost} noticed")
                plant.check_told(kind, seen)
                WALLS[kind].switch("-D")
                since_us = load.now_us()
                plant.let_pass(AGREE_S + 2)
            plant.note_calm()
            plant.check_whole(kind)
            agreed = plant.when_agreed(since_us)
            took[kind].append(max(agreed.values()))
            check(max(agreed.values()) <= AGREE_S, f"{kind}: agreed {agreed} s after the heal")
        for kind, seconds in took.items():
            print(f"       {kind}: all agree after {load.spread(seconds)}", flush=True)
        plant.finish()


if __name__ == "__main__":
    sandbox.begin("unshare", "ip", "iptables")
    if not sandbox.is_inside():
        sys.exit(sandbox.enter("--net"))
    lay_cables()
    harness.main(all_agree_soon_after_every_kind_of_partition)
