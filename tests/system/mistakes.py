#!/usr/bin/env python3
"""What people get wrong: files, keys, units, ports, options. Each mistake is refused with file, line, reason and remedy."""
import contextlib
import json
import os
import socket
import subprocess

import harness
from apps import App, cli
from harness import check

AGENT = harness.BIN / "millrace-agent"
BROKER = harness.BIN / "millrace-broker"
MILLRACE = harness.BIN / "millrace"
NOBODY = 65534


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
        expect(harness.run(program, "--config", "/nowhere/x.yaml", status=1), "no file /nowhere/x.yaml", "millrace init")


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
                ("peers: []", "peers: [mr2]", "x.yaml:3: peers[0]: no key is known for 'mr2': add its name, address and public key to"),
                ("peers: []", "peers: [mr1]", "x.yaml:3: peers[0]: 'mr1' is this broker itself: list only the others"),
                ("peers: []", "peers: [mr2]\ndirectory: none.yaml", "none.yaml", "no peer can be trusted without a directory"),
                ("peers: []", f"peers: [{', '.join(f'mr{i}' for i in range(2, 11))}]", "peers: 9 are too many: a cluster has at most 9"),
                (f"127.0.0.1:{plant.port}", f'127.0.0.1:{plant.port}", mesh: "mr1:7421', "listen.mesh: 'mr1:7421' is a name"),
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


class Tried(harness.Plant):
    """A plant with every kind of file, and for each the command that reads it."""

    def __init__(self):
        super().__init__()
        self.agent("here", "demo/here")
        self.broker()
        self.admit("anna", "person", "demo/anna", self.key("person", "anna", "anna.key"))
        (self.folder / "contexts").mkdir()
        self.write("contexts/c.yaml", "name: anna\nbrokers: [mr1]\nkey: ../anna.key\ndirectory: ../directory.yaml\n")
        agent = (AGENT, "--check", "--config", self.folder / "here.yaml")
        broker = (BROKER, "--check", "--config", self.folder / "broker.yaml")
        context = (MILLRACE, "--context", self.folder / "contexts/c.yaml", "get")
        self.commands = {"here.yaml": agent, "directory.yaml": agent, "broker.yaml": broker, "registry.yaml": broker,
                         "contexts/c.yaml": context, "here.key": agent, "broker.key": broker, "anna.key": context}

    def names(self, suffix):
        """All files that end so."""
        return [name for name in self.commands if name.endswith(suffix)]

    def text(self, name):
        """What is in a file."""
        return (self.folder / name).read_text(encoding="utf-8")

    @contextlib.contextmanager
    def instead(self, name, data):
        """While this lasts the file holds something else; data is text or bytes."""
        path = self.folder / name
        good = path.read_bytes()
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        yield
        path.write_bytes(good)

    @contextlib.contextmanager
    def away(self, name):
        """While this lasts the file is elsewhere; its place, and where it is."""
        path, elsewhere = self.folder / name, self.folder / "elsewhere"
        path.rename(elsewhere)
        yield path, elsewhere
        elsewhere.rename(path)

    def refused(self, name, *words, user=None):
        """The program that reads this file ends with status 1, and says these words in one line."""
        done = subprocess.run(self.commands[name], user=user, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60, check=False)
        check(done.returncode == 1, f"{name}: exit {done.returncode}: {done.stdout}")
        expect(done.stdout, *words)
        said = [line for line in done.stdout.splitlines() if not line.startswith("profiling:")]  # gcov's: not its user
        check(len(said) == 1, f"more than a line: {done.stdout}")


# promise: plain-refusal
def every_yaml_file():
    with Tried() as plant:
        for name in plant.names(".yaml"):
            good, file = plant.text(name), name.rpartition("/")[2]
            most = 64 << 20 if file == "registry.yaml" else 256 << 10  # a registry grows with the plant
            first, end = good.partition(":")[0], good.count("\n") + 1
            for text, *words in (
                    (good + "x: [1,\n", f"{file}:{end + 1}: not YAML", "look at indentation, quotes and tabs"),
                    (good + "\tx: 1\n", f"{file}:{end}: not YAML"),
                    (good + f"{first}: []\n", f"{file}:{end}: {first}: given twice; the first is in line 1"),
                    (good + "zzzz: 1\n", f"{file}:{end}: unknown key 'zzzz'; known here: "),
                    (good.replace(first, first + "s", 1), f"{file}:1: unknown key '{first}s'; did you mean '{first}'?"),
                    ("hello\n", f"{file}:1: ", "expected keys", "not 'hello'"),
                    ("- a\n", f"{file}:1: ", "expected keys"),
                    ("", f"{file}:1: key '{first}' is missing: add it"),
                    (b"# a\nname: \xff\n", f"{file}:2: not text in UTF-8", "save it as UTF-8"),
                    (b"na\0me: x\n", f"{file}:1: not text in UTF-8"),
                    (good + "x: &a 1\n", f"{file}:{end}: anchors and aliases", "write it out"),
                    (good + "---\n" + good, f"{file}:{end}: only one document per file"),
                    ("#" * (most + 1), f"{file} is larger than a configuration may be", "is it the right file?"),
            ):
                with plant.instead(name, text):
                    plant.refused(name, *words)


# promise: plain-refusal
def wrong_types():
    with Tried() as plant:
        for name, old, new, *words in (
                ("here.yaml", "brokers: [mr1]", "brokers: mr1", ":2: brokers: expected a list", "not 'mr1'"),
                ("here.yaml", "name: here", "name: [a]", ":1: name: expected a single value"),
                ("here.yaml", "name: here", "name:", ":1: name: must not be empty"),
                ("here.yaml", "interval: 1 s", "enabled: perhaps", ":6: telemetry.enabled: expected true or false"),
                ("here.yaml", "telemetry: {", "telemetry: often #", ":6: telemetry: expected keys with values", "not 'often'"),
                ("broker.yaml", "peers: []", "peers: x", ":3: peers: expected a list"),
                ("broker.yaml", "peers: []", "limits: {sessions: many}", ":3: limits.sessions: expected a whole number"),
                ("broker.yaml", "peers: []", "log: {level: loud}", ":3: unknown log.level 'loud'; known here: debug, info"),
                ("registry.yaml", "path: demo/here", "path: [x]", ":2: identities[0].path: expected a single value"),
                ("registry.yaml", "kind: machine, ", "", ":2: key 'kind' is missing: add it"),
                ("directory.yaml", "address:", "addrezs:", ":2: unknown key 'addrezs'; did you mean 'address'?"),
                ("contexts/c.yaml", "[mr1]", "[mr2]", ":2: brokers[0]: the directory has no broker 'mr2'; add it there"),
        ):
            check(old in plant.text(name), old)
            with plant.instead(name, plant.text(name).replace(old, new, 1)):
                plant.refused(name, name.rpartition("/")[2] + words[0], *words[1:])


# promise: plain-refusal
def files_that_cannot_be_read():
    with Tried() as plant:
        os.chmod(plant.folder, 0o755)
        for name in plant.names(".yaml"):
            with plant.away(name) as (path, _):
                plant.refused(name, f"there is no file {plant.folder}", path.name, "'millrace init' makes one")
                path.mkdir()
                plant.refused(name, f"{path.name} is a folder: name the file in it")
                path.rmdir()
        for name in ("here.yaml", "broker.yaml", "contexts/c.yaml"):
            path = plant.folder / name
            path.chmod(0)
            plant.refused(name, f"cannot open {path}", "chown or chmod", user=NOBODY if os.geteuid() == 0 else None)
            path.chmod(0o644)


# promise: key-secrecy, plain-refusal
def every_key():
    with Tried() as plant:
        os.chmod(plant.folder, 0o755)
        for name in plant.names(".key"):
            path, good = plant.folder / name, (plant.folder / name).read_bytes()
            for mode in (0o644, 0o640, 0o604):
                path.chmod(mode)
                plant.refused(name, f"{name} is readable by others: chmod 600 ")
            path.chmod(0o600)
            at = good.index(b"secret ") + 20
            for data, *words in (
                    (good[:at] + bytes([good[at] ^ 1]) + good[at + 1:], "damaged", "take it from the backup or make a new key"),
                    (good[:100], "damaged: its check does not fit"),
                    (b"", "not a key file: its first line must be", "'millrace init' makes one"),
                    (b"x" * 100000, "not a key file: too large"),
            ):
                with plant.instead(name, data):
                    plant.refused(name, f"{name}: ", *words)
            with plant.away(name) as (_, elsewhere):
                plant.refused(name, "there is no key ", name, "'millrace init' makes one")
                path.symlink_to(elsewhere)
                plant.refused(name, f"{name} is a symbolic link: name the file itself")
                path.unlink()
                os.mkfifo(path, 0o600)
                plant.refused(name, f"{name} is not a regular file: name the file")
                path.unlink()
            if os.geteuid() == 0:
                os.chown(path, NOBODY, -1)
                plant.refused(name, f"{name} belongs to another user: chown 0 ")
                os.chown(path, 0, -1)
            expect(harness.run(MILLRACE, "check", "config", path), "fingerprint")


# promise: plain-refusal
def keys_of_another_kind():
    with Tried() as plant:
        for name, old, new, *words in (
                ("here.yaml", "here.key", "broker.key", "broker.key: is a broker's key: an agent needs one of its own"),
                ("here.yaml", "here.key", "anna.key", "is the key of 'anna', but the name of this agent is 'here': mend one"),
                ("broker.yaml", "peers: []", "key: here.key", "here.key: is no broker's key: name the one that is"),
                ("contexts/c.yaml", "anna.key", "broker.key", "broker.key: is a broker's key"),
        ):
            with plant.instead(name, plant.text(name).replace(old, new)):
                plant.refused(name, *words)


# promise: plain-refusal
def spellings_of_units():
    with harness.Plant() as plant:
        agent = plant.agent("here", "demo/here", more="path: demo/here\n")
        agent.start().wait("AGENT-START")
        reader = App(plant, "here", "reader").start()
        reader.tell("sub demo/#")
        reader.wait("^complete")
        for unit in ("°C", "rpm", "mm", "DEGREE", "1/min"):
            check(cli(plant, "here", "pub", "./known", "1", "--unit", unit) == "", f"{unit}: a warning")
        for value in ("1", "2", "3"):
            said = cli(plant, "here", "pub", "./odd", value, "--unit", "zorkmid")
            expect(said, "'zorkmid' is no unit that is known; it is published as it is")
            check(said.count("\n") == 1, f"exactly one warning: {said}")
            reader.wait(f"^data demo/here/odd {value} Good live")
        warnings = [match.string for match in agent.lines("AGENT-UNIT-UNKNOWN")]
        check(len(warnings) == 1 and "zorkmid" in warnings[0], warnings)
        row = json.loads(cli(plant, "here", "get", "--json", "demo/here/odd").splitlines()[-1])  # before it: isolated since
        check((row["value"], row["unit"]) == (3, "zorkmid"), row)


# promise: plain-refusal
def port_in_use():
    with harness.Plant() as plant, socket.socket() as other:
        broker = plant.broker()
        other.bind(("127.0.0.1", plant.port))
        other.listen()
        expect(harness.run(*broker.command, status=1), f"port in use: 127.0.0.1:{plant.port}", "ss -ltnp")


def mesh_port_in_use():
    with harness.Plant(*harness.THREE) as plant, socket.socket() as other:
        broker = plant.broker()
        other.bind(("127.0.0.1", plant.sites["mr1"].mesh_port))
        other.listen()
        expect(harness.run(*broker.command, status=1), "listen.mesh: ", f"port in use: 127.0.0.1:{plant.sites['mr1'].mesh_port}")


# promise: plain-refusal
def peer_with_another_key():
    with harness.Plant(*harness.THREE) as plant:
        plant.sites["mr3"].public = plant.key("broker", "other", "other.key")
        plant.write_directory("wrong.yaml")
        brokers = {name: plant.broker("directory: wrong.yaml\n" if name != "mr1" else "", name=name) for name in plant.sites}
        expect(harness.run(*brokers["mr3"].command, status=1), "wrong.yaml: has another public key for 'mr3' than ", "mr3.key")
        brokers["mr3"] = plant.broker(name="mr3")
        for broker in brokers.values():
            broker.start()
        brokers["mr2"].wait("BROKER-PEER-DOWN peer=mr3 reason=.*whose key is pinned|"
                            "BROKER-PEER-DOWN peer=mr3 reason=.*the key that is pinned")
        brokers["mr2"].wait("BROKER-KEY-REFUSED .*listener=mesh .*remedy=.*name it in 'peers' and its public key in the directory")
        brokers["mr3"].wait("BROKER-PEER-DOWN peer=mr2 reason=.*does not admit our key ")


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
                 every_yaml_file, wrong_types, files_that_cannot_be_read, every_key, keys_of_another_kind,
                 spellings_of_units, port_in_use, mesh_port_in_use, peer_with_another_key, socket_in_use, data_folder_that_cannot_be)
