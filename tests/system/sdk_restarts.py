#!/usr/bin/env python3
"""An app outlives its agents: one descriptor, callbacks in their place, memory within max_bytes, whatever the agent does."""
# promise: one-descriptor, callbacks-inside, bounded-memory
# timeout: 240
import re
import signal
import time

import harness
from apps import App
from harness import check

RESTARTS = 100
SETTLED = 20  # restarts after which nothing may grow any more
MIB = 1024 * 1024
MAX_BYTES = 8 * MIB
SLACK_BYTES = MIB  # stacks, and what malloc rounds up
FLOOD_MS = 5000


def anonymous_bytes(process):
    """Memory of a process that no file backs: heap and stacks."""
    with open(f"/proc/{process.child.pid}/status", encoding="ascii") as status:
        return 1024 * int(re.search(r"RssAnon:\s+(\d+)", status.read())[1])


def check_app(app, first):
    """Nothing that must stay has changed since the first probe."""
    now = app.probe()
    check(now["same_fd"] == 1, "mr_fd() gives another descriptor")
    check(now["misplaced"] == 0, f"{now['misplaced']} of {now['callbacks']} callbacks outside of mr_dispatch() or its thread")
    for name in ("descriptors", "threads"):
        check(now[name] == first[name], f"{first[name]} {name}, then {now[name]}")
    return now


def one_descriptor_over_100_restarts_of_the_agent():
    with harness.Plant() as plant:
        agent, broker, app = plant.agent("here", "demo/here"), plant.broker(), App(plant, "here", "app")
        broker.start().wait("BROKER-START")
        agent.start().wait("AGENT-START")
        app.start().wait("^state agent=1")
        for command in ("sub demo/here/count", "serve ./echo", "write ./count 0"):
            app.tell(command)
        app.wait("^data demo/here/count 0 Good live")
        first, memory = app.probe(), 0
        begun = time.monotonic()
        for restart in range(1, RESTARTS + 1):
            agent.kill()
            app.wait("^state agent=0")
            app.tell(f"write ./count {restart}")  # waits in the app
            agent.start().wait("AGENT-START")
            app.wait("^state agent=1")
            app.wait(f"^data demo/here/count {restart} Good live")
            app.tell("pub ./text hello")
            check(app.ask("./echo", "hello") == "ok hello", "request and answer")
            check_app(app, first)
            if restart == SETTLED:
                memory = anonymous_bytes(app)
        last, grown = check_app(app, first), anonymous_bytes(app) - memory
        print(f"       {RESTARTS} restarts in {time.monotonic() - begun:.1f} s, {last['callbacks']} callbacks,"
              f" {last['descriptors']} descriptors, memory {memory // 1024} KiB {grown // 1024:+} KiB")
        check(last["sessions"] > RESTARTS and last["answers"] == RESTARTS, last)
        check(grown <= 128 * 1024 or harness.has_sanitizers(), f"{grown} bytes more after {RESTARTS - SETTLED} restarts")
        agent.wait("AGENT-UPLINK-UP")
        check(app.close() == 0, "exit status")
        check(int(app.lines(r"^closed descriptors=(\d+)")[0][1]) < first["descriptors"], "the SDK's descriptors are closed")


def flood(app):
    """Publishes at full speed; how the calls went, and the most memory meanwhile."""
    most = 0
    app.tell(f"flood ./flood 1000 {FLOOD_MS}")
    while not app.has_logged("^flooded"):
        app.pump(0.02)
        most = max(most, anonymous_bytes(app))
    return {name: int(number) for name, number in re.findall(r"([\w-]+)=(\d+)", app.wait("^flooded (.*)")[1])}, most


def memory_stays_within_max_bytes_with_a_stopped_agent():
    with harness.Plant() as plant:
        agent = plant.agent("here", "demo/here", more="path: demo/here\n")
        app = App(plant, "here", "app", MAX_BYTES)
        agent.start().wait("AGENT-START")
        app.start().wait("^state agent=1")
        app.tell("sub demo/here/count")
        app.tell("write ./count 1")
        app.wait("^data demo/here/count 1 Good live")
        app.tell("flush 2000")
        app.wait("^flushed ok")
        first, before = app.probe(), anonymous_bytes(app)
        agent.signal(signal.SIGSTOP)
        calls, most = flood(app)
        queued = app.probe()
        print(f"       {calls}, {queued['queued']} of {queued['queued_max']} bytes queued, memory {before // 1024} KiB"
              f" +{(most - before) // 1024} KiB of {MAX_BYTES // 1024} KiB")
        check(calls["other"] == 0 and calls["would-block"] > 0 and calls["isolated"] > 0, f"first a full queue, then no agent: {calls}")
        check(most - before <= MAX_BYTES + SLACK_BYTES or harness.has_sanitizers(), f"{most - before} bytes more")
        check(MAX_BYTES // 2 < queued["queued"] <= queued["queued_max"] < MAX_BYTES, queued)
        agent.signal(signal.SIGCONT)
        app.wait("^state agent=1")
        app.tell("flush 20000")
        app.wait("^flushed ok")
        app.tell("write ./count 2")
        app.wait("^data demo/here/count 2 Good live")
        now = check_app(app, first)
        check(now["queued"] == 0 and now["sent"] >= calls["ok"], f"{calls['ok']} were taken, {now}")
        check(app.close() == 0, "exit status")


if __name__ == "__main__":
    harness.main(one_descriptor_over_100_restarts_of_the_agent, memory_stays_within_max_bytes_with_a_stopped_agent)
