#!/usr/bin/env python3
"""Strangers and liars at the broker's port: none is admitted, the broker lives, the agent beside them notices nothing."""
import os
import random
import socket
import time

import harness
from harness import check

CURVE_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + bytes(32)
NULL_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
PLAIN_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"PLAIN".ljust(20, b"\0") + bytes(32)
READY = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER"


def attempt(port, data, seconds=8):
    """Sends bytes; what came back until the broker hung up, and whether it did."""
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.settimeout(seconds)
        answer = b""
        try:
            peer.sendall(data)
            while chunk := peer.recv(4096):
                answer += chunk
        except socket.timeout:
            return answer, False
        except OSError:
            pass
        return answer, True


class Besieged(harness.Plant):
    """A plant in peace, to which something is done; afterwards it must be in peace still."""

    welcome = "here"  # who may have sessions, as a pattern

    def __enter__(self):
        self.good = self.agent("here", "demo/here")
        self.server = self.broker()
        self.server.start().wait("BROKER-START")
        self.good.start().wait("AGENT-UPLINK-UP")
        self.server.wait("BROKER-SESSION-UP .*here")
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self.check_peace()
        finally:
            super().__exit__(kind, error, trace)

    def check_peace(self):
        """The broker lives, nobody else has a session, the agent's link never broke, and a newcomer is served."""
        check(self.server.is_running(), "the broker lives")
        check(not self.server.has_logged(f'BROKER-SESSION-UP (?!session="127.0.0.1: ({self.welcome})")'), "nobody else has a session")
        check(not self.good.has_logged("AGENT-UPLINK-LOST"), "the agent beside it is unaffected")
        self.good.stop()
        self.good.start().wait("AGENT-UPLINK-UP", seconds=5)


# promise: closed
def unknown_key():
    with Besieged() as plant:
        plant.key("agent", "stranger", "stranger.key")
        said = plant.knock("knock", "stranger.key")
        check(said.startswith("refused"), f"an unknown key: {said}")
        plant.server.wait("BROKER-KEY-REFUSED")


# promise: closed
def null_and_plain_mechanisms():
    with Besieged() as plant:
        for greeting in (NULL_GREETING, PLAIN_GREETING):
            answer, is_closed = attempt(plant.port, greeting + READY + b"\0\1x")
            check(is_closed, "the connection is closed")
            check(len(answer) <= 64 and b"READY" not in answer, f"at most a greeting comes back: {answer!r}")


# promise: closed
def plaintext():
    with Besieged() as plant:
        for data in (b"GET / HTTP/1.1\r\nHost: mr1\r\n\r\n", b"\x01\x00\x02\x00x", b"SSH-2.0-x\r\n", b"\0" * 100):
            answer, is_closed = attempt(plant.port, data)
            check(is_closed and len(answer) <= 64, f"{data[:8]!r}: {answer!r}")


def garbage():
    seed = int(os.environ.get("SEED", time.time_ns() & 0xFFFFFFFF))
    dice = random.Random(seed)
    with Besieged() as plant:
        for _ in range(20):
            start = dice.choice((b"", CURVE_GREETING, CURVE_GREETING + b"\x04\xc8\x05HELLO\1\0"))
            answer, is_closed = attempt(plant.port, start + dice.randbytes(dice.randint(1, 3000)))
            check(is_closed and len(answer) <= 64 + 200, f"seed {seed}: {answer!r}")


def silence():
    with Besieged() as plant:
        peers = [socket.create_connection(("127.0.0.1", plant.port)) for _ in range(300)]
        plant.check_peace()
        for peer in peers:
            peer.close()


# promise: bounded-memory
def oversize_message_of_a_known_key():
    with Besieged() as plant:
        plant.admit("big", "machine", "demo/big", plant.key("agent", "big", "big.key"))
        plant.server.signal(harness.signal.SIGHUP)
        plant.server.wait("BROKER-RELOAD")
        said = plant.knock("oversize", "big.key")
        check(said.startswith("admitted\nclosed"), f"a message of 300 KiB: {said}")


def nonsense_of_a_known_key():
    with Besieged() as plant:
        plant.admit("odd", "machine", "demo/odd", plant.key("agent", "odd", "odd.key"))
        plant.server.signal(harness.signal.SIGHUP)
        plant.server.wait("BROKER-RELOAD")
        said = plant.knock("nonsense", "odd.key")
        check(said.startswith("admitted\n") and "closed" in said, f"a frame that is none: {said}")


def knock_locally(path, data):
    """Sends bytes to the agent's socket; whether it hung up within the deadline."""
    with socket.socket(socket.AF_UNIX) as app:
        app.settimeout(8)
        app.connect(str(path))
        try:
            app.sendall(data)
            while app.recv(4096):
                pass
        except socket.timeout:
            return False
        except OSError:
            pass
        return True


def nonsense_on_the_local_socket():
    dice = random.Random(1)
    with Besieged() as plant:
        path = plant.socket("here")
        for data in (b"\xff" * 8, b"\0\0\0\0", b"\5\0\0\0hello", b"\x0c\0\0\0" + bytes(12), dice.randbytes(5000)):
            check(knock_locally(path, data), f"the agent hangs up on {data[:12]!r}")


# promise: bounded-memory
def more_apps_than_allowed():
    with Besieged() as plant:
        apps = []
        for _ in range(128):
            apps.append(socket.socket(socket.AF_UNIX))
            apps[-1].connect(str(plant.socket("here")))
        check(knock_locally(plant.socket("here"), b""), "the 129th connection is closed")
        for app in apps:
            app.close()


def more_sessions_of_a_person_than_allowed():
    with Besieged() as plant:
        plant.welcome = "here|anna(~[0-9]+)?"
        plant.admit("anna", "person", "demo/anna", plant.key("person", "anna", "anna.key"))
        plant.server.signal(harness.signal.SIGHUP)
        plant.server.wait("BROKER-RELOAD")
        agents = []
        for i in range(17):
            yaml = plant.agent_yaml("anna").read_text(encoding="utf-8")
            yaml = yaml.replace("anna-data", f"anna-data{i}").replace("anna.sock", f"anna{i}.sock")
            agents.append(plant.process(harness.BIN / "millrace-agent", "--config", plant.write(f"anna{i}.yaml", yaml)))
        for agent in agents[:16]:
            agent.start().wait("AGENT-UPLINK-UP")
        agents[16].start().wait("AGENT-UPLINK-FAILED .*'anna' has 16 sessions already")
        plant.server.wait("BROKER-REFUSED .*16 sessions")
        check(plant.server.has_logged('BROKER-SESSION-UP .*anna~16"'), "each session has an identity of its own")
        agents[0].stop()
        agents[16].wait("AGENT-UPLINK-UP")


# promise: closed
def listener_that_does_not_enforce_keeps_the_broker_from_starting():
    with harness.Plant() as plant:
        plant.broker()
        for mode, words in (("set", "does not enforce authentication"), ("lie", "self-check: a key that nobody knows was admitted")):
            env = {"LD_PRELOAD": str(harness.FAIL_OPEN), "FAIL_OPEN": mode, "ASAN_OPTIONS": "verify_asan_link_order=0"}
            said = harness.run(harness.BIN / "millrace-broker", "--config", plant.folder / "broker.yaml", status=1, env=env)
            check(words in said and "BROKER-START" not in said, f"{mode}: {said}")


if __name__ == "__main__":
    harness.main(
        unknown_key,
        null_and_plain_mechanisms,
        plaintext,
        garbage,
        silence,
        oversize_message_of_a_known_key,
        nonsense_of_a_known_key,
        nonsense_on_the_local_socket,
        more_apps_than_allowed,
        more_sessions_of_a_person_than_allowed,
        listener_that_does_not_enforce_keeps_the_broker_from_starting,
    )
