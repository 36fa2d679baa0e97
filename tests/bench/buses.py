"""Buses side by side for tests/bench/compare: each is started for one run, with as many publishers and subscribers as the load
wants, every end a process of its own.

All buses are measured by the same program, tests/bench/ends/end.c, with a driver of a few lines around the bus's C library: one
call of it per message, callbacks that check number and hash. All publishers wait when the same number of messages is under way
to the slowest subscriber. What arrives between two points in time is counted, and the CPU time of all processes, servers and
ends, taken at these points. A run counts only if in the end every message has arrived, once, in order and undamaged.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import figures
import record
import harness

ENDS = harness.BUILD / "tests/bench"
LEVEL = "bench/one/compare"  # above the topics of all publishers; nobody else speaks there
BOARD_BYTES = 4096
WARM_S = 0.5  # under load before what is counted begins
GRACE_S = 60
STILL_ON_TIME = 0.95  # of the rate asked for; what is less was not that load
SYSTEM_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def find(program, path=None):
    """Where a server is, or None."""
    return shutil.which(program, path=path or SYSTEM_PATH)


def await_port(port):
    """Returns when a server takes connections there."""
    until = time.monotonic() + harness.WAIT_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.01)
    raise harness.Failure(f"nobody listens at port {port}")


def output(*command):
    """What a program says, whatever its exit status."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


class Server:
    """A bus that is one server; a context manager."""
    driver = ""  # the program of its ends
    program = ""  # of the server

    def __init__(self, load):
        self.load = load
        self.port = harness.free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-compare-"))
        self.child = None
        self.certificate = None

    def __enter__(self):
        try:
            with open(self.folder / "log", "wb") as log:
                # pylint: disable-next=consider-using-with,subprocess-popen-preexec-fn
                self.child = subprocess.Popen([str(w) for w in self.command()], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                              preexec_fn=harness.end_with_the_test)
            await_port(self.port)
        except BaseException:
            sys.stderr.write((self.folder / "log").read_text(encoding="utf-8", errors="replace"))
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.child:
            self.child.kill()
            self.child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self):
        """That starts it."""
        raise NotImplementedError

    def pids(self):
        """Of its processes."""
        return [self.child.pid]

    def certify(self):
        """A certificate of its own making; the options of the server's key and certificate."""
        self.certificate = self.folder / "certificate.pem"
        harness.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", self.folder / "key.pem", "-out", self.certificate)
        return self.certificate, self.folder / "key.pem"

    def address(self):
        """For the ends."""
        return f"127.0.0.1:{self.port}"

    def topic(self, publisher):
        """Of a publisher; None: the filter for those of all."""
        if publisher is None and self.load.publishers > 1:
            return f"{LEVEL}/#"
        return f"{LEVEL}/{publisher or 0}"

    def words(self, role, index):
        """Of the command line of an end, what is of this bus."""
        found = [ENDS / self.driver, role, "--address", self.address(), "--topic", self.topic(index if role == "pub" else None)]
        return found + (["--ca", self.certificate] if self.certificate else [])


class Nats(Server):
    """nats-server with its default configuration."""
    driver, program = "end_nats", "nats-server"

    def command(self):
        return [find(self.program), "-a", "127.0.0.1", "-p", self.port]

    def address(self):
        return f"nats://127.0.0.1:{self.port}"

    def topic(self, publisher):
        return super().topic(publisher).replace("/", ".").replace("#", ">")

    @classmethod
    def version(cls):
        """As it says itself."""
        return "nats " + re.search(r"v?(\d[\w.]*)", output(find(cls.program), "--version"))[1]


class NatsTls(Nats):
    """The same with TLS."""

    def command(self):
        certificate, key = self.certify()
        return super().command() + ["--tls", "--tlscert", certificate, "--tlskey", key]

    @classmethod
    def version(cls):
        return super().version() + " TLS"


class Mosquitto(Server):
    """mosquitto, QoS 0; it may queue as much as the window holds, and sends at once."""
    driver, program = "end_mosquitto", "mosquitto"

    def settings(self):
        """Its configuration file."""
        return (f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n"
                "persistence false\nuser root\n")

    def command(self):
        path = self.folder / "mosquitto.conf"
        path.write_text(self.settings(), encoding="utf-8")
        return [find(self.program), "-c", path]

    @classmethod
    def version(cls):
        """As it says itself."""
        return "mosquitto " + re.search(r"version (\d[\w.]*)", output(find(cls.program), "-h"))[1]


class MosquittoTls(Mosquitto):
    """The same with TLS."""

    def settings(self):
        certificate, key = self.certify()
        return super().settings() + f"certfile {certificate}\nkeyfile {key}\n"

    @classmethod
    def version(cls):
        return super().version() + " TLS"


class Zmq(Server):
    """The plainest broker libzmq allows: tests/bench/ends/zmq_broker.c."""
    driver, program = "end_zmq", None

    def command(self):
        return [ENDS / "zmq_broker", self.address()]

    def address(self):
        return f"tcp://127.0.0.1:{self.port}"

    @classmethod
    def version(cls):
        """Of the library."""
        return output(ENDS / cls.driver, "version").strip() + ", a plain ROUTER broker"


class Millrace:
    """A broker and its agents in their default configuration, over CURVE; the ends are apps of the agents."""
    driver, program = "end_millrace", None

    def __init__(self, load):
        self.load = load
        self.names = ["one"] + ([] if load.agents == "one" else ["two"] if load.agents == "two" else
                                [f"sub{number}" for number in range(load.subscribers)])
        self.bed = record.Bed(*self.names)

    def __enter__(self):
        self.bed.__enter__()
        return self

    def __exit__(self, *words):
        self.bed.__exit__(*words)

    def pids(self):
        """Of the broker and the agents."""
        return list(self.bed.pids.values())

    def words(self, role, index):
        """Of the command line of an end, what is of this bus."""
        name = "one" if role == "pub" else self.names[1 + index] if self.load.agents == "each" else self.names[-1]
        topic = f"{LEVEL}/{index}"
        if role == "sub":
            topic = f"{LEVEL}/#" if self.load.publishers > 1 else f"{LEVEL}/0"
            topic += "/#" if self.load.shape.startswith("row:") else ""
        return [ENDS / self.driver, role, "--address", self.bed.plant.socket(name), "--topic", topic]

    @classmethod
    def version(cls):
        """As it says itself."""
        return "millrace " + re.search(r"(\d[\w.]*)", output(harness.BIN / "millrace-broker", "--version"))[1]


BUSES = {figures.MILLRACE: Millrace, figures.NATS: Nats, figures.NATS_TLS: NatsTls, figures.MOSQUITTO: Mosquitto,
         figures.MOSQUITTO_TLS: MosquittoTls, figures.ZMQ: Zmq}


@contextlib.contextmanager
def pinned(is_wanted):
    """All processes that begin in here share one CPU, if that is wanted."""
    before = os.sched_getaffinity(0)
    if is_wanted:
        os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Ends:
    """The publishers and subscribers of one run; a context manager."""

    def __init__(self, bus, load):
        self.children = []
        self.files = [os.memfd_create("board")]
        os.ftruncate(self.files[0], BOARD_BYTES)
        self.files += [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(load.publishers)]
        self.common = ["--shape", load.shape, "--rate", load.rate, "--window", load.window(), "--publishers", load.publishers,
                       "--subscribers", load.subscribers, "--board", self.files[0], "--bells", ",".join(map(str, self.files[1:]))]
        self.subscribers = [self.start(bus.words("sub", i), i) for i in range(load.subscribers)]
        self.publishers = [self.start(bus.words("pub", i), i) for i in range(load.publishers)]

    def start(self, words, index):
        """An end; returns when it is ready."""
        # pylint: disable-next=consider-using-with,subprocess-popen-preexec-fn
        child = subprocess.Popen([str(w) for w in (*words, "--index", index, *self.common)], stdin=subprocess.PIPE, text=True,
                                 stdout=subprocess.PIPE, pass_fds=self.files, preexec_fn=harness.end_with_the_test)
        self.children.append(child)
        try:
            harness.check(record.line_of(child, GRACE_S) == "READY\n", f"{child.args[0]} is ready")
        except BaseException:
            self.__exit__()
            raise
        return child

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.communicate()
        for file in self.files:
            os.close(file)
        self.files = []

    def go(self, from_ns, until_ns):
        """Publishers begin; subscribers know it first."""
        for child in self.subscribers + self.publishers:
            child.stdin.write(f"{from_ns} {until_ns}\n")
            child.stdin.flush()


def sleep_until(at_ns):
    """On the clock of the ends."""
    time.sleep(max(at_ns - time.monotonic_ns(), 0) / 1e9)


def cpu_at(pids, at_ns):
    """CPU time of all processes at a time to come: µs, and when it was really taken; on a busy machine that is later."""
    sleep_until(at_ns)
    return sum(record.cpu_us(pid) for pid in pids), time.monotonic_ns()


def check_complete(subscribers, published):
    """All that was published came to every subscriber, once, in order, undamaged."""
    for got in subscribers:
        harness.check(got["received"] == published and not got["disorder"] and not got["damaged"],
                      f"{published} published, but received: {got}")


def measure(name, load, seconds):
    """One run: {rate, cpu_us, p50_us, p99_us, …}."""
    with pinned(load.one_cpu), BUSES[name](load) as bus, Ends(bus, load) as ends:
        pids = bus.pids() + [child.pid for child in ends.children]
        from_ns = time.monotonic_ns() + int(WARM_S * 1e9)
        until_ns = from_ns + int(seconds * 1e9)
        ends.go(from_ns, until_ns)
        before, begun_ns = cpu_at(pids, from_ns)
        after, ended_ns = cpu_at(pids, until_ns)
        published = [json.loads(record.line_of(child, GRACE_S)) for child in ends.publishers]
        received = [json.loads(record.line_of(child, GRACE_S)) for child in ends.subscribers]
    check_complete(received, sum(p["published"] for p in published))
    used = (after - before) * (until_ns - from_ns) / (ended_ns - begun_ns)
    counted = sum(got["counted"] for got in received)
    harness.check(counted, "nothing arrived in time")
    rate = counted / seconds
    harness.check(rate >= load.rate * load.subscribers * STILL_ON_TIME, f"{rate:.0f} msg/s in place of {load.rate}")
    worst = {key: max(got[key] for got in received) for key in ("p50_us", "p99_us", "p999_us", "max_us")}
    return {"rate": rate, "cpu_us": used / counted, **worst}
