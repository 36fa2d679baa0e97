#!/usr/bin/env python3
"""What one stopped subscriber costs the others: Millrace, and beside it nats-server.

    tests/bench/slow_subscriber.py [--nats] [--seconds N] [--rounds N] [--build FOLDER]

A publisher at full speed, 100 bytes a message, one subscriber that counts; then the same beside a second subscriber of the
same messages that is connected and stopped (SIGSTOP). Rounds with and without alternate; all are printed, then the medians.
Millrace runs as it is shipped: app, agent, broker, agent, app, over CURVE. nats-server (Debian's, `apt-get install
nats-server`) runs with its default configuration, in plain text, with clients of a few lines that do nothing but send and count.
"""
import argparse
import contextlib
import os
import pathlib
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

if "--build" in sys.argv[1:-1]:
    os.environ["MILLRACE_BUILD"] = str(pathlib.Path(sys.argv[sys.argv.index("--build") + 1]).resolve())

import record  # noqa: E402  pylint: disable=wrong-import-position
import harness  # noqa: E402  pylint: disable=wrong-import-position

SIZE = 100
SUBJECT = b"bench"
DRAINED_S = 0.2  # nothing came for so long: nothing more will
SETTLE_S = 1  # for the stopped one to be served again and end


# -- clients of nats-server: processes of their own, so that none waits for another --
def nats_connect(port):
    """A connection that has said hello."""
    link = socket.create_connection(("127.0.0.1", port))
    link.recv(4096)  # INFO
    link.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n')
    harness.check(b"PONG" in link.recv(4096), "nats-server says PONG")
    return link


def nats_publish(port, seconds):
    """Sends as fast as the server takes it."""
    link = nats_connect(port)
    message = b"PUB " + SUBJECT + b" %d\r\n" % SIZE + b"x" * SIZE + b"\r\n"
    chunk = message * (32768 // len(message))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        link.sendall(chunk)


def nats_subscribe(port):
    """Says READY; counts what comes until it is told to end; says how many and in how many seconds."""
    link = nats_connect(port)
    link.sendall(b"SUB " + SUBJECT + b" 1\r\nPING\r\n")
    harness.check(b"PONG" in link.recv(4096), "nats-server says PONG")
    print("READY", flush=True)
    each = len(b"MSG " + SUBJECT + b" 1 %d\r\n" % SIZE) + SIZE + 2
    count = begun = ended = 0
    while select.select([link], [], [], DRAINED_S)[0] or not select.select([sys.stdin], [], [], 0)[0]:
        if select.select([link], [], [], 0)[0]:
            count += len(link.recv(1 << 20))
            ended = time.monotonic()
            begun = begun or ended
    print(count // each, ended - begun, flush=True)


class Nats:
    """A nats-server with its default configuration; a context manager."""

    def __init__(self):
        self.version = harness.run("nats-server", "--version").strip()
        self.port = harness.free_port()
        self.folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.server = None
        self.stuck = None

    def __enter__(self):
        self.server = subprocess.Popen(["nats-server", "-a", "127.0.0.1", "-p", str(self.port), "-l",
                                        f"{self.folder.name}/log"], preexec_fn=harness.end_with_the_test)
        until = time.monotonic() + harness.WAIT_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                nats_connect(self.port).close()
                return self
        raise harness.Failure("nats-server does not answer")

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()
        self.folder.cleanup()

    def client(self, *words):
        """A client in a process of its own."""
        return subprocess.Popen([sys.executable, __file__, *(str(w) for w in words)], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True, preexec_fn=harness.end_with_the_test)

    @contextlib.contextmanager
    def stopped(self):
        """Beside a subscriber that reads nothing."""
        stuck = self.client("nats-subscribe", self.port)
        record.line_of(stuck, harness.WAIT_S)
        stuck.send_signal(signal.SIGSTOP)
        yield
        stuck.kill()
        stuck.communicate()

    def run(self, seconds):
        """Messages a second that the good subscriber got."""
        good = self.client("nats-subscribe", self.port)
        record.line_of(good, harness.WAIT_S)
        publisher = self.client("nats-publish", self.port, seconds)
        publisher.communicate(timeout=seconds + record.GRACE_S)
        count, took = good.communicate("end", timeout=record.GRACE_S)[0].split()
        return int(count) / max(float(took), 1e-9)


class Millrace:
    """A broker and two agents; the stopped subscriber shares the agent of the good one."""

    def __init__(self):
        self.version = harness.run(harness.BIN / "millrace-broker", "--version").strip().splitlines()[0]
        self.bed = record.Bed()

    def __enter__(self):
        self.bed.__enter__()
        return self

    def __exit__(self, *words):
        self.bed.__exit__(*words)

    @contextlib.contextmanager
    def stopped(self):
        """Beside a subscriber that reads nothing."""
        stuck = self.bed.end("sub", self.bed.plant.socket("two"), "bench/one/#", "raw", 0)
        record.line_of(stuck, harness.WAIT_S)
        stuck.send_signal(signal.SIGSTOP)
        yield
        stuck.kill()
        stuck.wait()

    def run(self, seconds):
        """Messages a second that the good subscriber got, every one of them checked."""
        got = self.bed.run("raw", 0, seconds)
        record.check_complete(got)
        return got["rate"]


def compare(bus, seconds, rounds):
    """Rates alone and beside a stopped subscriber."""
    alone, beside = [], []
    print(f"{bus.version}: {rounds} rounds of {seconds} s", flush=True)
    with bus:
        bus.run(1)  # warm
        for _ in range(rounds):
            alone.append(bus.run(seconds))
            with bus.stopped():
                beside.append(bus.run(seconds))
            time.sleep(SETTLE_S)
            print(f"  alone {alone[-1]:12,.0f} msg/s   beside a stopped subscriber {beside[-1]:12,.0f} msg/s", flush=True)
    ratio = statistics.median(b / a for a, b in zip(alone, beside))
    print(f"  median {statistics.median(alone):11,.0f} msg/s   beside a stopped subscriber {statistics.median(beside):12,.0f} msg/s"
          f"   ratio {ratio:.3f}" + (f", {1 / ratio:.1f}× slower" if ratio < 0.9 else ""), flush=True)


def main():
    """Measures and prints; or is one of the clients."""
    if sys.argv[1:2] == ["nats-publish"]:
        nats_publish(int(sys.argv[2]), float(sys.argv[3]))
        return
    if sys.argv[1:2] == ["nats-subscribe"]:
        nats_subscribe(int(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nats", action="store_true", help="nats-server too")
    parser.add_argument("--seconds", type=float, default=5, help="of each run; a nats-server cuts the stopped one off after 10")
    parser.add_argument("--rounds", type=int, default=5, help="with and without")
    parser.add_argument("--build", help="the build folder, build/release otherwise")
    options = parser.parse_args()
    if options.nats and not shutil.which("nats-server"):
        sys.exit("nats-server is missing: apt-get install nats-server, or ./deploy/install-deps.sh --bench")
    compare(Millrace(), options.seconds, options.rounds)
    if options.nats:
        compare(Nats(), options.seconds, options.rounds)


if __name__ == "__main__":
    main()
