#!/usr/bin/env python3
"""What people get wrong: files, keys, ports, options. Each mistake is refused with file, line, reason and remedy."""
import os
import socket

import harness
from harness import check

AGENT = harness.BIN / "millrace-agent"
BROKER = harness.BIN / "millrace-broker"


def expect(said, *words):
    """All words are in what was said."""
    for word in words:
        check(word in said, f"'{word}' is missing in: {said}")


# promise: plain-refusal
def options():
    for program in (AGENT, BROKER):
        expect(harness.run(program, "--help"), "usage:", "--config", "--check")
        expect(harness.run(program, "--version"), program.name + " 0.")
        expect(harness.run(program, "--conifg", "x", status=2), "unrecognized option '--conifg'", "usage:")
        expect(harness.run(program, "--config", status=2), "requires an argument", "usage:")
        expect(harness.run(program, "extra", status=2), "unexpected argument 'extra'", "usage:")
        expect(harness.run(program, "--config", "/nowhere/x.yaml", status=1), "/nowhere/x.yaml", "o such file")


def check_only():
    with harness.Plant() as plant:
        plant.agent("here", "demo/here")
        plant.broker()
        expect(harness.run(AGENT, "--check", "--config", plant.folder / "here.yaml"), "ok: agent 'here', 1 brokers")
        expect(harness.run(BROKER, "--check", "--config", plant.folder / "broker.yaml"), "ok: broker 'mr1'", "1 identities")
        check(not plant.socket("here").exists(), "nothing was started")


# promise: plain-refusal
def agent_files():
    with harness.Plant() as plant:
        plant.agent("here", "demo/here")
        good = plant.agent_yaml("here").read_text(encoding="utf-8")
        for old, new, *words in (
                ("brokers: [mr1]", "broker: [mr1]", "x.yaml:2: unknown key 'broker'; did you mean 'brokers'?"),
                ("brokers: [mr1]", "brokers: [mr1, mr9]", "x.yaml:2: brokers[1]: no key is known for 'mr9'", "directory.yaml"),
                ("name: here", "name: Here", "x.yaml:1: name: 'Here' is no name"),
                ("name: here", "name: there", "is the key of 'here', but the name of this agent is 'there'"),
                ("key: here.key", "key: none.key", "none.key", "millrace init"),
                ("mode: \"0600\"", "mode: rw", "x.yaml:5: socket.mode: 'rw' is no mode"),
                ("interval: 1 s", "interval: 1", "x.yaml:6: telemetry.interval"),
                ("interval: 1 s", "interval: 1 ms", "must be 1 s to 1 h"),
                ("key: here.key", "key: here.key\nspool: {max: much}", "x.yaml:4: spool.max"),
                ("key: here.key", "key: here.key\npath: demo//here", "x.yaml:4: path: 'demo//here' has an empty level"),
                ("key: here.key", "key: here.key\ninclude: none.yaml", "x.yaml:4: include: there is no file 'none.yaml'"),
                ("key: here.key", "key: here.key\npin_cpu: 4000", "there is no CPU 4000"),
        ):
            check(old in good, old)
            path = plant.write("x.yaml", good.replace(old, new))
            expect(harness.run(AGENT, "--config", path, status=1), *words)


def included_files_win():
    with harness.Plant() as plant:
        plant.agent("here", "demo/here", more="include: agent.d/*.yaml\n")
        (plant.folder / "agent.d").mkdir()
        plant.write("agent.d/10.yaml", "telemetry: {interval: 3 s}\n")
        expect(harness.run(AGENT, "--check", "--config", plant.folder / "here.yaml"), "ok:")
        plant.write("agent.d/20.yaml", "telemetry: {intervals: 3 s}\n")
        expect(harness.run(AGENT, "--check", "--config", plant.folder / "here.yaml", status=1), "agent.d/20.yaml:1: unknown key 'intervals'")


def directory_files():
    with harness.Plant() as plant:
        plant.agent("here", "demo/here")
        config, key = plant.folder / "here.yaml", plant.broker_public
        entry = f'{{name: mr1, address: "127.0.0.1:1", public: "{key}"}}'
        for text, *words in (
                (f"brokers: [{entry}, {entry}]\n", "directory.yaml:1: brokers[1].name: the same name is in line 1 already"),
                (f'brokers: [{entry.replace(key, "short")}]\n', "is no public key: 40 characters of Z85"),
                (f'brokers: [{entry.replace("127.0.0.1:1", "a b")}]\n', "'a b' is no address"),
                ("brokers: []\n", "must have 1 to 9 entries"),
        ):
            plant.write("directory.yaml", text)
            expect(harness.run(AGENT, "--config", config, status=1), *words)
        (plant.folder / "directory.yaml").unlink()
        expect(harness.run(AGENT, "--config", config, status=1), "directory.yaml", "no broker can be trusted without")


# promise: plain-refusal
def broker_files():
    with harness.Plant() as plant:
        plant.broker()
        good = (plant.folder / "broker.yaml").read_text(encoding="utf-8")
        for old, new, *words in (
                ("peers: []", "peers: [mr2]", "x.yaml:3: peers: this version runs one broker by itself"),
                ("name: mr1", "nmae: mr1", "unknown key 'nmae'; did you mean 'name'?"),
                (f"127.0.0.1:{plant.port}", "mr1.plant.example:7420", "listen.agents: 'mr1.plant.example:7420' is a name"),
                (f"127.0.0.1:{plant.port}", "7420", "x.yaml:4: listen.agents"),
                ("peers: []", "peers: []\nlimits: {sessions: 0}", "x.yaml:4: limits.sessions: must be 1 to 10000, not 0"),
                ("peers: []", "peers: []\nkey: none.key", "none.key", "millrace init"),
                ("peers: []", "peers: []\nregistry: none.yaml", "none.yaml"),
        ):
            check(old in good, old)
            expect(harness.run(BROKER, "--config", plant.write("x.yaml", good.replace(old, new)), status=1), *words)


# promise: plain-refusal
def registry_files():
    with harness.Plant() as plant:
        plant.broker()
        config = plant.folder / "broker.yaml"
        a, b = (f'  - {{name: {n}, kind: machine, path: demo/{n}, public: "{plant.key("agent", n, n + ".key")}"}}\n' for n in "ab")
        for text, *words in (
                (a + a.replace("name: a", "name: c"), "registry.yaml:3: identities[1].public: 'a' and 'c' have the same public key; the first is in line 2"),
                (a + b.replace("name: b", "name: a"), "registry.yaml:3: identities[1].name: 'a' and 'a' have the same name; the first is in line 2"),
                (a.replace("machine", "robot"), "registry.yaml:2", "robot"),
                (a.replace("demo/a", "demo/+"), "registry.yaml:2: identities[0].path: 'demo/+' contains a wildcard"),
                (a.replace("demo/a", "$sys/a"), "belongs to the bus"),
                (a.replace("name: a", "name: a/b"), "'a/b' is no name"),
        ):
            plant.write("registry.yaml", "identities:\n" + text)
            expect(harness.run(BROKER, "--config", config, status=1), *words)


# promise: key-secrecy, plain-refusal
def keys_that_others_may_read():
    with harness.Plant() as plant:
        plant.agent("here", "demo/here")
        plant.broker()
        os.chmod(plant.folder / "here.key", 0o644)
        os.chmod(plant.folder / "broker.key", 0o640)
        expect(harness.run(AGENT, "--config", plant.folder / "here.yaml", status=1), "here.key", "chmod")
        expect(harness.run(BROKER, "--config", plant.folder / "broker.yaml", status=1), "broker.key", "chmod")


# promise: plain-refusal
def keys_of_another_kind():
    with harness.Plant() as plant:
        plant.agent("here", "demo/here")
        broker = plant.broker("key: here.key\n")
        expect(harness.run(*broker.command, status=1), "is no broker's key")
        yaml = plant.agent_yaml("here").read_text(encoding="utf-8").replace("here.key", "broker.key")
        expect(harness.run(AGENT, "--config", plant.write("x.yaml", yaml), status=1), "is a broker's key")


# promise: plain-refusal
def port_in_use():
    with harness.Plant() as plant, socket.socket() as other:
        broker = plant.broker()
        other.bind(("127.0.0.1", plant.port))
        other.listen()
        expect(harness.run(*broker.command, status=1), f"port in use: 127.0.0.1:{plant.port}", "ss -ltnp")


def socket_in_use():
    with harness.Plant() as plant:
        agent = plant.agent("here", "demo/here")
        agent.start().wait("AGENT-START")
        expect(harness.run(*agent.command, status=1), "is in use by another agent")
        check(plant.socket("here").exists(), "the first agent keeps its socket")


def data_folder_that_cannot_be():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        plant.write("here-data", "a file where a folder should be")
        broker.start()
        agent.start().wait("AGENT-IDENTITY-NOT-SAVED")
        agent.wait("AGENT-UPLINK-UP")


if __name__ == "__main__":
    harness.main(options, check_only, agent_files, included_files_win, directory_files, broker_files, registry_files,
                 keys_that_others_may_read, keys_of_another_kind, port_in_use, socket_in_use, data_folder_that_cannot_be)
