"""Apps for the system tests: tests/system/app.c, told what to do by commands, telling what happens by lines.

    app = App(plant, "here", "reader").start()
    app.tell("sub demo/#")
    app.wait("complete demo/#")

And two machines on which such apps write and read.
"""
import json
import re
import subprocess

import harness

PROGRAM = harness.BUILD / "tests/system/system_app"
MILLRACE = harness.BIN / "millrace"
MAX_BYTES = 32 * 1024 * 1024
CLEAN = {"MILLRACE_CONTEXT": "", "MILLRACE_SOCKET": "", "NO_COLOR": "1"}


class App(harness.Process):
    """An app at the agent of a machine of the plant; gone with the plant."""

    def __init__(self, plant, machine, name, max_bytes=MAX_BYTES):
        super().__init__(PROGRAM, plant.socket(machine), name, max_bytes, stdin=subprocess.PIPE)
        plant.processes.append(self)

    def tell(self, command):
        """Gives it a command."""
        self.child.stdin.write(f"{command}\n".encode())

    def get(self, topic):
        """What it gets as last value: (value, quality, live or stale, publisher), or (why none,)."""
        self.tell(f"get {topic}")
        said = self.wait(r"^value \S+ (.*)|^no value: (.*)")
        return tuple(said[1].split()) if said[1] else (said[2],)

    def ask(self, topic, text):
        """The words of the answer, or of the failure."""
        self.tell(f"ask {topic} {text}")
        return self.wait("^answer (.*)")[1]

    def probe(self):
        """Its counters: {name: number}."""
        self.tell("probe")
        return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", self.wait("^probe (.*)")[1])}

    def close(self):
        """Ends it as an app ends; its exit status."""
        self.child.stdin.close()
        return self.end()


def cli(plant, machine, *words, status=0):
    """Runs `millrace` at the agent of a machine; its output, both streams."""
    return harness.run(MILLRACE, "--socket", plant.socket(machine), *words, status=status, env=CLEAN)


class TwoMachines(harness.Plant):
    """A broker and the machines one and two, each with a writer, whose tag ./count begins at 1 and who serves ./echo, and a
    reader of everything. far: words before the command of agent one, who is reached by another network."""

    def __init__(self, host="127.0.0.1", far=()):
        super().__init__(host)
        self.agents = {name: self.quiet_agent(name) for name in ("one", "two")}
        self.agents["one"].command[:0] = far
        self.server = self.broker()
        self.writers = {name: App(self, name, "writer") for name in self.agents}
        self.readers = {name: App(self, name, "reader") for name in self.agents}

    def quiet_agent(self, name):
        """An agent that publishes nothing by itself."""
        agent = self.agent(name, f"demo/{name}")
        text = (self.folder / f"{name}.yaml").read_text(encoding="utf-8")
        self.write(f"{name}.yaml", text.replace("{interval: 1 s}", "{enabled: false}"))
        return agent

    def __enter__(self):
        self.server.start().wait("BROKER-START")
        for agent in self.agents.values():
            agent.start().wait("AGENT-UPLINK-UP")
        for writer in self.writers.values():
            writer.start().wait("^state agent=1 cluster=1 isolated_since=0")
            writer.tell("serve ./echo")
            writer.tell("write ./count 1")
        for reader in self.readers.values():
            reader.start().wait("^state agent=1 cluster=1 isolated_since=0")
            reader.tell("sub demo/#")
            reader.wait_each("^complete demo/#", *(f"^data demo/{name}/count 1 Good (live|snapshot)" for name in self.agents))
        return self

    def count(self, first, last, machines=("one", "two")):
        """The writers write these numbers, and their own machine's readers get them."""
        for number in range(first, last + 1):
            for name in machines:
                self.writers[name].tell(f"write ./count {number}")
        for name in machines:
            self.readers[name].wait(f"^data demo/{name}/count {last} Good live")

    def numbers(self, reader, writer):
        """The counts of a machine's writer that came live to a reader, in their order."""
        return [int(match[1]) for match in self.readers[reader].lines(rf"^data demo/{writer}/count (\d+) Good live")]

    def table(self, name):
        """What a machine shows as current: (topic, value, publisher, seq, is it stale) each."""
        rows = [json.loads(line) for line in cli(self, name, "get", "--json", "demo/#").splitlines()]
        return [(row["topic"], row["value"], row["publisher"], row["seq"], row["stale"]) for row in rows]
