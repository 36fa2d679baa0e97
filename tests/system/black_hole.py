#!/usr/bin/env python3
"""The network between a machine and its broker swallows everything: both notice in time, and lose and count the same."""
# promise: autonomy, isolated, live-loss
import subprocess
import sys
import time

import harness
import sandbox
from apps import TwoMachines
from harness import check

HOST, MACHINE = "10.213.77.1", "10.213.77.2"
DETECTED_S, BACK_S = 4, 3
LAST = 100


def lay_cable():
    """A network of two: this one with the broker and agent two, and agent one's, named far."""
    sandbox.mount("tmpfs", "/run")  # where ip keeps names of networks
    for words in ("link set lo up", "netns add far", "link add near type veth peer name cable netns far",
                  f"addr add {HOST}/30 dev near", "link set near up", f"-n far addr add {MACHINE}/30 dev cable",
                  "-n far link set lo up", "-n far link set cable up"):
        subprocess.run(["ip", *words.split()], check=True)


def swallow(switch):
    """-A: from now on nothing comes through, in either direction, and nobody is told; -D: everything does."""
    for chain in ("INPUT", "OUTPUT"):
        subprocess.run(["ip", "netns", "exec", "far", "iptables", switch, chain, "-j", "DROP"], check=True)


def cut(plant):
    """Agent one and its broker lose each other; how long each of the two sides took to notice."""
    swallow("-A")
    begun = time.monotonic()
    plant.count(2, LAST, machines=("one",))
    plant.agents["one"].wait("AGENT-UPLINK-LOST", seconds=begun + DETECTED_S - time.monotonic())
    plant.readers["one"].wait(r"^state agent=1 cluster=0 isolated_since=[1-9]")
    here = time.monotonic() - begun
    plant.readers["two"].wait(r"^data demo/one/count 1 \S+ stale", seconds=begun + DETECTED_S - time.monotonic())
    return here, time.monotonic() - begun


def heal(plant):
    """The network is whole; how long until agent one has its broker."""
    swallow("-D")
    begun = time.monotonic()
    plant.agents["one"].wait("AGENT-UPLINK-UP", seconds=BACK_S)
    return time.monotonic() - begun


def black_hole_is_noticed_by_both_sides_and_healed():
    with TwoMachines(HOST, far=("ip", "netns", "exec", "far")) as plant:
        here, there = cut(plant)
        plant.count(LAST + 1, 2 * LAST, machines=("one",))
        check(plant.readers["one"].ask("./echo", "x") == "ok x", "a request on the machine")
        check(plant.numbers("one", "one")[-2 * LAST + 1:] == list(range(2, 2 * LAST + 1)), "its own reader misses nothing")
        check(not plant.agents["two"].has_logged("AGENT-UPLINK-LOST"), "the other machine has its broker")
        plant.agents["one"].wait("AGENT-UPLINK-FAILED")
        back = heal(plant)
        print(f"       noticed by the machine in {here:.2f} s, by the others in {there:.2f} s, back in {back:.2f} s")
        reader = plant.readers["two"]
        loss = reader.wait(r"^loss one ([1-9]\d*)", seconds=3)
        check(int(loss[1]) == 2 * LAST - 1, f"{loss[1]} are counted as lost, written were {2 * LAST - 1}")
        reader.wait(f"^data demo/one/count {2 * LAST} Good (live|snapshot)", seconds=3)
        plant.count(2, LAST, machines=("two",))
        plant.readers["one"].wait(f"^data demo/two/count {LAST} Good live")
        check(plant.table("one") == plant.table("two"), f"{plant.table('one')}\n{plant.table('two')}")


if __name__ == "__main__":
    sandbox.begin("unshare", "ip", "iptables")
    if not sandbox.is_inside():
        sys.exit(sandbox.enter("--net"))
    lay_cable()
    harness.main(black_hole_is_noticed_by_both_sides_and_healed)
