#!/usr/bin/env python3
"""Limits that live at the edges of real processes: at them all goes on, above them one is told why, and zero is a mistake."""
import os
import pathlib
import re
import socket
import time

import harness
from apps import App, cli
from harness import check
from hostile import Besieged
from siege import talk

KIB = 1024
AGENT_FRAME, AGENT_MESSAGE = 128 * KIB, 192 * KIB  # as proto/limits.h: answered in words above the one, cut off above the other
MESH_FRAME, MESH_MESSAGE = 1024 * KIB, 1536 * KIB
APPS, FILTERS_PER_APP, FILTERS_PER_AGENT = 128, 256, 4096


def check_lengths(knock, frame, message):
    """What comes back for a frame of zeros of each length: why it is none, that it is too long, nothing."""
    words = f"a frame is longer than {frame // KIB} KiB"
    for length, expected in ((1, "head is not valid"), (frame, "head is not valid"), (frame + 1, words), (message, words)):
        said = knock(str(length))
        check(said.startswith("admitted\nanswer ") and expected in said, f"{length} bytes: {said}")
    said = knock(str(message + 1))
    check(said.startswith("admitted\nclosed"), f"{message + 1} bytes: {said}")


# promise: bounded-memory
def frames_of_an_agent():
    with Besieged() as plant:
        plant.admit("long", "machine", "demo/long", plant.key("agent", "long", "long.key"))
        plant.server.signal(harness.signal.SIGHUP)
        plant.server.wait("BROKER-RELOAD")
        check_lengths(lambda mode: plant.knock(mode, "long.key"), AGENT_FRAME, AGENT_MESSAGE)


# promise: bounded-memory
def frames_of_a_peer():
    with harness.Plant("127.0.0.1", "127.0.0.1") as plant:
        plant.broker().start().wait("BROKER-START")
        check_lengths(lambda mode: plant.knock(mode, "mr2.key", is_mesh=True), MESH_FRAME, MESH_MESSAGE)


def sessions_of_a_machine():
    names = [f"crowd{i}" for i in range(10)]  # one for each attempt: what they say is no protocol, which costs the next one a minute
    with Besieged() as plant:
        for name in names:
            plant.admit(name, "machine", f"demo/{name}", plant.key("agent", name, f"{name}.key"))
        plant.server.signal(harness.signal.SIGHUP)
        plant.server.wait("BROKER-RELOAD")
        for name in names:
            said = plant.knock("crowd", f"{name}.key")
            if f"'{name}' has 2 sessions already, which is the limit of a machine" in said:
                break
        else:
            raise harness.Failure(said)
        check("head is not valid" in said, f"the first ones are heard: {said}")


def sessions_of_a_broker():
    with harness.Plant() as plant:
        broker = plant.broker(more="limits: {sessions: 2}\n")
        agents = [plant.agent(name, f"demo/{name}") for name in ("one", "two", "three")]
        broker.start().wait("BROKER-START")
        for agent in agents[:2]:
            agent.start().wait("AGENT-UPLINK-UP")
        agents[2].start().wait("AGENT-UPLINK-FAILED .*this broker has 2 sessions already, which is its limit")
        broker.wait("BROKER-REFUSED .*2 sessions already")
        agents[0].stop()
        agents[2].wait("AGENT-UPLINK-UP")
        check(not agents[1].has_logged("AGENT-UPLINK-LOST"), "who was there first is unaffected")


def knock_in_crowds(port, n):
    """So many connections that say nothing."""
    crowd = [socket.socket() for _ in range(n)]
    for stranger in crowd:
        stranger.setblocking(False)
        stranger.connect_ex(("127.0.0.1", port))
    return crowd


def seconds_of_cpu(process):
    fields = pathlib.Path(f"/proc/{process.child.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# promise: bounded-memory
def strangers_at_the_door():
    with harness.Plant() as plant:
        broker, agent = plant.broker(more="limits: {unauthenticated: 8}\n"), plant.agent("here", "demo/here")
        broker.start().wait("BROKER-START")
        crowd = knock_in_crowds(plant.port, 40)
        broker.wait("BROKER-FULL .*max_unauthenticated=8")
        began = time.monotonic()
        for stranger in crowd:
            stranger.close()
        agent.start().wait("AGENT-UPLINK-UP")
        check(time.monotonic() - began < 6, "there is room when they have left")


def a_broker_with_few_descriptors():
    with harness.Plant() as plant:
        plant.broker_yaml()
        agent = plant.agent("here", "demo/here")
        command = ("prlimit", "--nofile=128:128", harness.BIN / "millrace-broker", "--config", plant.folder / "broker.yaml")
        broker = plant.process(*command).start()
        broker.wait("BROKER-DESCRIPTORS limit=128 .*sessions=48 unauthenticated=8")
        broker.wait("BROKER-START")
        crowd = knock_in_crowds(plant.port, 200)
        broker.wait("BROKER-FULL")
        used = seconds_of_cpu(broker)
        crowd[0].settimeout(harness.WAIT_S)
        while crowd[0].recv(4096):  # until it is dropped, after 3 s
            pass
        check(seconds_of_cpu(broker) - used < 1, "without spinning")
        for stranger in crowd:
            stranger.close()
        agent.start().wait("AGENT-UPLINK-UP")
        said = harness.run("prlimit", "--nofile=64:64", *command[2:], status=1)
        check("64 file descriptors are not enough for a broker" in said, said)


# promise: bounded-memory
def apps_of_an_agent():
    with Besieged() as plant:
        apps = [App(plant, "here", f"app{i}").start() for i in range(APPS)]
        for app in apps:
            app.wait("^state agent=1")
        said = cli(plant, "here", "get", "demo/x", status=1)
        check(f"this agent has {APPS} apps already, which is its limit" in said, said)
        plant.good.wait(f"AGENT-APP-REFUSED .*{APPS} apps already")
        apps[0].close()
        App(plant, "here", "later").start().wait("^state agent=1")
        for app in apps[1:]:
            app.close()


# promise: bounded-memory
def filters_of_an_app_and_of_an_agent():
    with Besieged() as plant:
        apps = [App(plant, "here", f"app{i}").start() for i in range(FILTERS_PER_AGENT // FILTERS_PER_APP + 2)]
        *full, same, more = apps
        for number, app in enumerate(full):
            for i in range(FILTERS_PER_APP):
                app.tell(f"sub demo/{number}/{i}/#")
        for number, app in enumerate(full):
            app.wait_each(*(f"^complete demo/{number}/{i}/#" for i in range(FILTERS_PER_APP)))
        same.tell("sub demo/0/0/#")  # it costs no more: the agent asks its broker once
        same.wait("^complete demo/0/0/#")
        more.tell("sub demo/more")
        more.wait("^ended demo/more .*as many filters as its broker takes")
        full[0].tell("sub demo/more")
        check(full[0].end() != 0 and full[0].has_logged(f"a handle may have {FILTERS_PER_APP} filters"), full[0].log[-1])
        more.tell("sub demo/other")  # there is room again
        more.wait("^complete demo/other")


def apps_of_an_agent_that_says_how_many():
    with harness.Plant() as plant:
        agent = plant.agent("here", "demo/here", more="limits: {apps: 1, filters: 2}\n")
        plant.broker().start().wait("BROKER-START")
        agent.start().wait("AGENT-UPLINK-UP")
        app = App(plant, "here", "only").start()
        for i in range(3):
            app.tell(f"sub demo/{i}")
        app.wait_each("^complete demo/0", "^complete demo/1", "^ended demo/2 ")
        check("this agent has 1 apps already" in cli(plant, "here", "get", "demo/x", status=1), "it is told")


def records_of_a_session_in_a_second():
    with harness.Plant() as plant:
        broker = plant.broker(more="limits: {rate: 2000, bytes_rate: 1 MiB}\n")
        agents = [plant.agent(name, f"demo/{name}") for name in ("one", "two")]
        broker.start().wait("BROKER-START")
        for agent in agents:
            agent.start().wait("AGENT-UPLINK-UP")
        said = talk(plant, 4000)
        broker.wait("BROKER-RATE identity=one ")
        check(said["seconds"] > 7.5, f"what was said in 6 s takes longer: {said}")
        check(not said["lost"], "and waits meanwhile")
        check(not said["disorder"] and not said["damaged"], said)
        check(not any(agent.has_logged("AGENT-UPLINK-LOST") for agent in agents), "who waits is not cut")


def zero_is_a_mistake():
    with harness.Plant() as plant:
        for key in ("sessions", "unauthenticated", "filters", "topics", "slots", "rate", "credit", "bytes_rate"):
            zero = "0 B" if key in ("credit", "bytes_rate") else "0"
            plant.broker_yaml(more=f"limits: {{{key}: {zero}}}\n")
            said = harness.run(harness.BIN / "millrace-broker", "--config", plant.folder / "broker.yaml", status=1)
            check(re.search(rf"broker.yaml:\d+: limits.{key}: must be 1", said), said)
        plant.agent("here", "demo/here")
        for key in ("apps", "filters"):
            plant.agent_yaml("here", more=f"limits: {{{key}: 0}}\n")
            said = harness.run(harness.BIN / "millrace-agent", "--config", plant.folder / "here.yaml", status=1)
            check(re.search(rf"here.yaml:\d+: limits.{key}: must be 1", said), said)


if __name__ == "__main__":
    harness.main(
        frames_of_an_agent,
        frames_of_a_peer,
        sessions_of_a_machine,
        sessions_of_a_broker,
        strangers_at_the_door,
        a_broker_with_few_descriptors,
        records_of_a_session_in_a_second,
        apps_of_an_agent,
        filters_of_an_app_and_of_an_agent,
        apps_of_an_agent_that_says_how_many,
        zero_is_a_mistake,
    )
