#!/usr/bin/env python3
"""The broker is killed: each machine goes on by itself and says so. It returns: all is as if written meanwhile in one place."""
# promise: autonomy, isolated
import re
import time

import harness
from apps import TwoMachines, cli
from harness import check

LAST = 100  # of the numbers written while there is no broker
OTHER = {"one": "two", "two": "one"}


def isolate(plant):
    """kill -9 of the broker, and both agents know it; when that was."""
    at = time.time()
    plant.server.kill()
    for agent in plant.agents.values():
        agent.wait("AGENT-UPLINK-LOST", seconds=4)
    return at


def bring_back(plant):
    """The broker runs again, and both agents have it within 3 s."""
    begun = time.monotonic()
    plant.server.start().wait("BROKER-START")
    for agent in plant.agents.values():
        agent.wait("AGENT-UPLINK-UP", seconds=begun + 3 - time.monotonic())
    return begun


def each_machine_goes_on_without_the_broker():
    with TwoMachines() as plant:
        isolate(plant)
        plant.count(2, LAST)
        for name, reader in plant.readers.items():
            check(plant.numbers(name, name)[-LAST + 1:] == list(range(2, LAST + 1)), f"{name}: not every number once and in order")
            check(reader.get("./count")[0] == str(LAST), "get")
            check(reader.ask("./echo", "do you hear me") == "ok do you hear me", "request and answer")
            begun = time.monotonic()
            check(reader.ask(f"demo/{OTHER[name]}/echo", "x").startswith("nobody serves"), "a request to the other machine")
            check(time.monotonic() - begun < 1, "and its refusal comes at once")
            check(reader.get(f"demo/{OTHER[name]}/count")[::2] == ("1", "stale"), "the other machine's value is stale")


def it_is_shown_since_when_a_machine_is_isolated():
    with TwoMachines() as plant:
        at = isolate(plant)
        since = 0
        for reader in plant.readers.values():
            since = int(reader.wait(r"^state agent=1 cluster=0 isolated_since=(\d+)")[1]) / 1e6
            check(at - 0.01 <= since <= at + 4, f"killed at {at}, isolated since {since}")
        shown = r"isolated since 20\d\d-\d\d-\d\dT[0-9:.]+Z: the agent has no"
        for words, status in ((("get", "demo/#"), 0), (("sub", "demo/#", "--count", "1"), 0), (("who",), 3), (("check", "bus"), 1)):
            said = cli(plant, "one", *words, status=status)
            check(re.search(shown, said), f"{words}: {said}")
        plant.readers["one"].get("./count")
        check(not plant.readers["one"].lines("isolated_since=0$")[2:], "and stays so")


def what_was_written_meanwhile_is_the_same_everywhere_after_the_return():
    with TwoMachines() as plant:
        isolate(plant)
        plant.count(2, LAST)
        plant.writers["two"].tell("write ./late 7")
        begun = bring_back(plant)
        for name, reader in plant.readers.items():
            reader.wait_each("^state agent=1 cluster=1 isolated_since=0",
                             f"^data demo/{OTHER[name]}/count {LAST} Good (live|snapshot)", seconds=3)
        plant.readers["one"].wait_each("^data demo/two/late 7 Good (live|snapshot)")
        print(f"       agents back and values equal after {time.monotonic() - begun:.2f} s")
        table = plant.table("one")
        check(table == plant.table("two"), f"{table}\n{plant.table('two')}")
        check([row[:2] for row in table] == [("demo/one/count", LAST), ("demo/two/count", LAST), ("demo/two/late", 7)], table)
        check(not any(row[4] for row in table), f"nothing is stale: {table}")


def what_was_missed_is_announced_before_anything_newer():
    with TwoMachines() as plant:
        known = {name: len(reader.log) for name, reader in plant.readers.items()}
        isolate(plant)
        plant.count(2, LAST)
        bring_back(plant)
        for name, reader in plant.readers.items():
            other = OTHER[name]
            newest = reader.wait(f"^data demo/{other}/count {LAST} Good").string
            news = reader.log[known[name]:]
            losses = [i for i, line in enumerate(news) if line.startswith("loss ")]
            check(losses and losses[0] < news.index(newest), "\n".join(news))
            counts = [int(news[i].split()[2]) for i in losses]
            check(all(count == 0 or count >= LAST - 1 for count in counts), f"unknown or an upper bound, not {counts}")
            plant.writers[other].tell(f"write ./count {LAST + 1}")
            reader.wait(f"^data demo/{other}/count {LAST + 1} Good live")
            n = len(reader.lines("^loss "))
            plant.writers[other].tell(f"write ./count {LAST + 2}")
            reader.wait(f"^data demo/{other}/count {LAST + 2} Good live")
            check(len(reader.lines("^loss ")) == n, "and nothing more is announced afterwards")


if __name__ == "__main__":
    harness.main(each_machine_goes_on_without_the_broker, it_is_shown_since_when_a_machine_is_isolated,
                 what_was_written_meanwhile_is_the_same_everywhere_after_the_return,
                 what_was_missed_is_announced_before_anything_newer)
