#!/usr/bin/env python3
"""Three brokers as processes: they find each other, agents of all meet, and any of them may go."""
# timeout: 180
import json
import signal
import time

import harness
from apps import App, cli
from harness import check

NAMES = ("one", "two", "three")
SOON_S = 3 * harness.PATIENCE  # within which an agent is elsewhere
AT_ONCE_S = 2 * harness.PATIENCE  # less than the 3 s after which a silent broker is held for dead
STOPPED_S = 2.5 * harness.PATIENCE  # a broker ends within 2 s


class Cluster(harness.Plant):
    """Three brokers that are up, and the machines one, two, three, each with an app. homes: by machine, the brokers it may
    go to; else all."""

    def __init__(self, homes=None):
        super().__init__(*harness.THREE)
        self.agents = {name: self.agent(name, f"demo/{name}", brokers=(homes or {}).get(name)) for name in NAMES}
        for name in NAMES:
            path = self.folder / f"{name}.yaml"
            path.write_text(path.read_text(encoding="utf-8").replace("{interval: 1 s}", "{enabled: false}"), encoding="utf-8")
        self.apps = {name: App(self, name, "app") for name in NAMES}
        self.brokers = {}

    def __enter__(self):
        self.brokers = self.mesh()
        for agent in self.agents.values():
            agent.start()
        for agent in self.agents.values():
            agent.wait("AGENT-UPLINK-UP")
        for app in self.apps.values():
            app.start().wait("^state agent=1 cluster=1 isolated_since=0")
        return self

    def home(self, name):
        """The broker that an agent is with."""
        return self.agents[name].lines(r"AGENT-UPLINK-UP broker=(\S+)")[-1][1]

    def subscribe(self):
        """Every app reads everything."""
        for app in self.apps.values():
            app.tell("sub demo/#")
        for app in self.apps.values():
            app.wait("^complete demo/#")

    def count(self, number, names=NAMES):
        """These machines write the number; all subscribers see it."""
        for name in names:
            self.apps[name].tell(f"write ./count {number}")
        for app in self.apps.values():
            app.wait_each(*(f"^data demo/{name}/count {number} Good (live|snapshot)" for name in names))

    def table(self, name):
        """What a machine shows as current: (topic, value, publisher, is it stale) each."""
        said = cli(self, name, "get", "--json", "demo/#").splitlines()  # with a word on stderr when a broker is missing
        rows = [json.loads(line) for line in said if line.startswith("{")]
        return sorted((row["topic"], row["value"], row["publisher"], row["stale"]) for row in rows)

    def wait_until_all_show(self, number, names=NAMES):
        """All machines show the same table, with this number of each of these, none stale."""
        expected = sorted((f"demo/{name}/count", number, f"{name}/app", False) for name in names)
        until = time.monotonic() + harness.WAIT_S
        while any((seen := self.table(name)) != expected for name in NAMES):
            check(time.monotonic() < until, f"{seen} is not {expected}")


# promise: value-agree
def agents_of_three_brokers_share_everything():
    with Cluster({"one": ["mr1"], "two": ["mr2"], "three": ["mr3"]}) as plant:
        plant.subscribe()
        plant.count(1)
        plant.count(2)
        plant.wait_until_all_show(2)
        plant.apps["one"].tell("serve ./echo")
        until = time.monotonic() + harness.WAIT_S
        while (answer := plant.apps["three"].ask("demo/one/echo", "hello")) != "ok hello":
            check(time.monotonic() < until, answer)
        for name, app in plant.apps.items():
            check(not app.has_logged("^loss"), f"{name} lost something: {app.log}")


def everybody_is_seen_from_everywhere():
    with Cluster({"one": ["mr1"], "two": ["mr2"], "three": ["mr3"]}) as plant:
        for name in NAMES:
            until = time.monotonic() + harness.WAIT_S
            while True:
                said = cli(plant, name, "who", "--json")
                if all(f'"{other}"' in said for other in NAMES):
                    break
                check(time.monotonic() < until, said)


# promise: value-agree
def killed_broker_has_its_agents_elsewhere_within_3_s():
    with Cluster() as plant:
        plant.subscribe()
        plant.count(1)
        dead = plant.home("one")
        moved = [name for name in NAMES if plant.home(name) == dead]
        plant.brokers[dead].kill()
        begun = time.monotonic()
        for name in moved:
            plant.agents[name].wait("AGENT-UPLINK-UP", seconds=SOON_S - (time.monotonic() - begun))
            check(plant.home(name) != dead, "it is with another broker")
        for name, broker in plant.brokers.items():
            if name != dead:
                broker.wait(f"BROKER-PEER-DOWN peer={dead}")
        plant.count(2)
        plant.wait_until_all_show(2)
        plant.brokers[dead].start().wait_each(*(f"BROKER-PEER-UP peer={name}" for name in plant.sites if name != dead))
        for name, broker in plant.brokers.items():
            if name != dead:
                broker.wait(f"BROKER-PEER-UP peer={dead}")
        plant.count(3)
        plant.wait_until_all_show(3)


def broker_that_stops_sends_its_agents_elsewhere_at_once():
    with Cluster() as plant:
        plant.subscribe()
        plant.count(1)
        leaving = plant.home("one")
        plant.brokers[leaving].signal(signal.SIGTERM)
        plant.agents["one"].wait("AGENT-UPLINK-LOST .*the broker stops")
        begun = time.monotonic()
        plant.agents["one"].wait("AGENT-UPLINK-UP", seconds=AT_ONCE_S)
        check(plant.brokers[leaving].end() == 0, "its exit status")
        check(time.monotonic() - begun < STOPPED_S, "it ends within its 2 s")
        for name, broker in plant.brokers.items():
            if name != leaving:
                broker.wait(f"BROKER-PEER-DOWN peer={leaving} .*the broker stops")
        plant.count(2)
        plant.wait_until_all_show(2)


# promise: closed
def only_peers_come_in_at_the_mesh_port():
    with harness.Plant(*harness.THREE) as plant:
        agent = plant.agent("here", "demo/here")
        plant.key("broker", "mr9", "mr9.key")
        brokers = plant.mesh()
        for key, remedy in (("mr9.key", "if it is a broker"), ("here.key", "key of a machine or person")):
            check("admitted" not in plant.knock("knock", key, is_mesh=True), f"{key} was admitted to the mesh")
            brokers["mr1"].wait(f"BROKER-KEY-REFUSED .*listener=mesh .*remedy=.*{remedy}")
        check("admitted" not in plant.knock("knock", "mr2.key"), "a broker was admitted as an agent")
        brokers["mr1"].wait("BROKER-KEY-REFUSED .*listener=agents .*remedy=.*key of a broker")
        check("admitted" not in plant.knock("knock", "broker.key", is_mesh=True), "the broker's own key was admitted")
        check("admitted" in plant.knock("knock", "mr2.key", is_mesh=True), "a peer is admitted")
        agent.start().wait("AGENT-UPLINK-UP")


def peer_that_leaves_the_directory_is_cut_until_it_is_back():
    with harness.Plant(*harness.THREE) as plant:
        brokers = plant.mesh()
        whole = plant.sites
        plant.sites = {name: site for name, site in whole.items() if name != "mr3"}
        plant.write_directory()
        brokers["mr1"].signal(signal.SIGHUP)
        brokers["mr1"].wait("BROKER-REVOKED peer=broker/mr3#")
        brokers["mr1"].wait("BROKER-RELOAD identities=0 peers=1")
        brokers["mr3"].wait("BROKER-PEER-DOWN peer=mr1")
        plant.sites = whole
        plant.write_directory()
        brokers["mr1"].signal(signal.SIGHUP)
        brokers["mr1"].wait_each("BROKER-RELOAD identities=0 peers=2", "BROKER-PEER-UP peer=mr3")
        brokers["mr3"].signal(signal.SIGHUP)  # else it asks again within 10 s
        brokers["mr3"].wait("BROKER-PEER-UP peer=mr1")


def broker_with_an_older_data_folder_is_born_again_above():
    with harness.Plant(*harness.THREE) as plant:
        brokers = plant.mesh()
        births = int(brokers["mr1"].lines(r"BROKER-START .*births=(\d+)")[0][1])
        check(brokers["mr1"].stop() == 0, "exit status")
        birth = plant.folder / "broker-data/birth"
        birth.write_text("millrace-birth v1\nbirths 1\n", encoding="utf-8")
        brokers["mr1"].start().wait(f"BROKER-REBORN births={births + 1}")
        check(f"births {births + 1}\n" in birth.read_text(encoding="utf-8"), "the new count is on the disk")


if __name__ == "__main__":
    harness.main(
        agents_of_three_brokers_share_everything,
        everybody_is_seen_from_everywhere,
        killed_broker_has_its_agents_elsewhere_within_3_s,
        broker_that_stops_sends_its_agents_elsewhere_at_once,
        only_peers_come_in_at_the_mesh_port,
        peer_that_leaves_the_directory_is_cut_until_it_is_back,
        broker_with_an_older_data_folder_is_born_again_above,
    )
