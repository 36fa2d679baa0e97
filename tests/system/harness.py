"""Brokers and agents as real processes for the system tests: keys, files, start, stop, lines of their logs.

    import harness
    with harness.Plant() as plant:
        broker = plant.broker()
        agent = plant.agent("here", "demo/here")
        broker.start(); agent.start()
        agent.wait("AGENT-UPLINK-UP")
    with harness.Plant(*harness.THREE) as plant:        # three brokers, mr1, mr2, mr3, that are each other's peers
        brokers = plant.mesh()                          # {name: process}, started, all peers up
        agent = plant.agent("here", "demo/here", brokers=["mr2", "mr3"])
        brokers["mr2"].kill()
Every wait has a deadline and fails with the log so far. Whatever happens, all processes are gone and the folder is removed
at the end of the with block.
"""
import atexit
import ctypes
import os
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = pathlib.Path(os.environ.get("MILLRACE_SOURCE", pathlib.Path(__file__).resolve().parent.parent.parent))
BUILD = pathlib.Path(os.environ.get("MILLRACE_BUILD", SOURCE / "build/dev"))
BIN = BUILD / "bin"
PEER = BUILD / "tests/system/system_peer"
FAIL_OPEN = BUILD / "tests/system/system_fail_open.so"
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
THREE = ("127.0.0.1",) * 3  # hosts of a Plant with three brokers


def has_sanitizers():
    """Whether the build has sanitizers: all is slower then, and memory is theirs."""
    cache = BUILD / "CMakeCache.txt"
    return cache.exists() and bool(re.search("MILLRACE_SANITIZE:[A-Z]+=.", cache.read_text(encoding="utf-8")))


PATIENCE = 3 if has_sanitizers() else 1  # times what is promised of a build as it is shipped
MESH_S = 4.5 * PATIENCE  # for brokers that start together to meet: less than they wait after a refusal
WAIT_S = 20  # for what must happen: generous, sanitizers are slow


class Failure(Exception):
    """What a test found wrong."""


def check(condition, words):
    """Fails the test with these words unless the condition holds."""
    if not condition:
        raise Failure(words)


def is_free(port):
    """Whether nobody has this TCP port of 127.0.0.1 at the moment."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_port(*further):
    """A TCP port of 127.0.0.1 that nobody has at the moment, nor will by chance: below those the system gives to connections.
    further: so far above it there are free ones too."""
    range_file = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
    least = int(range_file.read_text(encoding="ascii").split()[0]) if range_file.exists() else 32768
    for port in random.sample(range(least // 2, least - max(further, default=0)), 1000):
        if all(is_free(port + above) for above in (0, *further)):
            return port
    raise Failure("no free port")


def run(*command, status=0, env=None):
    """Runs a program to its end; its output (both streams). The exit status must be the one expected."""
    words = [str(c) for c in command]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
                          env={**os.environ, **(env or {})})
    check(done.returncode == status, f"{' '.join(words)}: exit {done.returncode}, expected {status}:\n{done.stdout}")
    return done.stdout


def end_with_the_test():
    """In a child before its program begins: it is killed when the test is, by a timeout for one."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A program that runs until it is stopped; its stderr is read as lines of a log."""

    def __init__(self, *command, env=None, stdin=None):
        self.command = [str(c) for c in command]
        self.stdin = stdin  # subprocess.PIPE: it is told something there
        self.env = {**os.environ, **(env or {})}
        self.child = None
        self.log = []
        self.read_to = 0  # lines a wait has seen

    def start(self):
        """Starts it; lines of an earlier run stay in the log."""
        check(self.child is None, f"{self.command[0]} runs already")
        # pylint: disable-next=consider-using-with,subprocess-popen-preexec-fn
        self.child = subprocess.Popen(self.command, stdin=self.stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      env=self.env, bufsize=0,
                                      preexec_fn=end_with_the_test)
        os.set_blocking(self.child.stderr.fileno(), False)
        self.rest = b""
        return self

    def pump(self, seconds):
        """Reads what it logs, at most this long; returns at the first new line. False: its stderr is closed."""
        ready, _, _ = select.select([self.child.stderr], [], [], max(seconds, 0))
        if not ready:
            return True
        data = os.read(self.child.stderr.fileno(), 65536)
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.log += [line.decode(errors="replace") for line in lines]
        return bool(data)

    def wait(self, pattern, seconds=WAIT_S):
        """Waits for a line, not seen by an earlier wait, that the pattern is found in; returns the match."""
        until = time.monotonic() + seconds
        while True:
            for number in range(self.read_to, len(self.log)):
                match = re.search(pattern, self.log[number])
                if match:
                    self.read_to = number + 1
                    return match
            left = until - time.monotonic()
            if left <= 0 or not self.pump(left):
                raise Failure(f"{self.command[0]}: no line with '{pattern}' within {seconds} s in:\n" + "\n".join(self.log))

    def wait_each(self, *patterns, seconds=WAIT_S):
        """Waits for a line for each pattern, in any order."""
        begin, end, until = self.read_to, self.read_to, time.monotonic() + seconds
        for pattern in patterns:
            self.read_to = begin
            self.wait(pattern, seconds=until - time.monotonic())
            end = max(end, self.read_to)
        self.read_to = end

    def lines(self, pattern):
        """Matches of all lines so far that have the pattern in them."""
        while self.child and select.select([self.child.stderr], [], [], 0)[0] and self.pump(0):
            pass
        return [match for match in (re.search(pattern, line) for line in self.log) if match]

    def has_logged(self, pattern):
        """Whether any line so far has the pattern in it."""
        return bool(self.lines(pattern))

    def signal(self, number):
        """Sends it a signal."""
        os.kill(self.child.pid, number)

    def is_running(self):
        """Whether it has not ended by itself."""
        return self.child is not None and self.child.poll() is None

    def end(self, seconds=WAIT_S):
        """Waits for its end, reading its log meanwhile; its exit status, negative for a signal."""
        until = time.monotonic() + seconds
        while self.pump(until - time.monotonic()) and time.monotonic() < until:
            pass
        try:
            status = self.child.wait(max(until - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.command[0]} does not end:\n" + "\n".join(self.log)) from None
        self.forget()
        return status

    def forget(self):
        """Closes what led to a child that has ended."""
        for pipe in (self.child.stdin, self.child.stderr):
            if pipe:
                pipe.close()
        self.child = None

    def stop(self, seconds=WAIT_S):
        """SIGTERM, then its exit status."""
        self.signal(signal.SIGTERM)
        return self.end(seconds)

    def kill(self):
        """kill -9."""
        self.signal(signal.SIGKILL)
        self.end()

    def discard(self):
        """At the end of a test: gone, whatever it says."""
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.forget()


class Site:
    """Where a broker is found, and by which key."""

    def __init__(self, name, host):
        self.name = name
        self.host = host
        self.file = "broker" if name == "mr1" else name  # of its files, without .yaml and .key
        self.port = free_port()  # for agents
        self.mesh_port = free_port()  # for its peers
        self.public = ""

    def entry(self):
        """Its line of directory.yaml."""
        return (f'  - {{name: {self.name}, address: "{self.host}:{self.port}", mesh: "{self.host}:{self.mesh_port}", '
                f'public: "{self.public}"}}\n')


class Plant:
    """A folder with brokers, one at each host, mr1 first, and any number of agents and persons."""

    def __init__(self, *hosts):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-test-"))
        self.sites = {f"mr{i}": Site(f"mr{i}", host) for i, host in enumerate(hosts or ("127.0.0.1",), 1)}
        self.identities = []
        self.processes = []
        atexit.register(self.close)  # also when a test ends before its with block began
        for site in self.sites.values():
            site.public = self.key("broker", site.name, f"{site.file}.key")
        self.write_directory()
        self.write_registry()

    @property
    def port(self):
        """Of mr1, for agents."""
        return self.sites["mr1"].port

    @property
    def broker_public(self):
        """The public key of mr1."""
        return self.sites["mr1"].public

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends what still runs and removes the folder."""
        for process in self.processes:
            process.discard()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name, text):
        """Writes a file of the plant; its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def key(self, kind, name, file):
        """Makes a key file; the public key as text."""
        return run(PEER, "key", kind, name, self.folder / file).strip()

    def write_directory(self, name="directory.yaml"):
        """Writes what self.sites says."""
        return self.write(name, "brokers:\n" + "".join(site.entry() for site in self.sites.values()))

    def write_registry(self):
        """Writes what self.identities says: (name, kind, path, public) each."""
        lines = [f'  - {{name: {n}, kind: {k}, path: {p}, public: "{key}"}}\n' for n, k, p, key in self.identities]
        return self.write("registry.yaml", "identities:" + ("\n" + "".join(lines) if lines else " []\n"))

    def admit(self, name, kind, path, public):
        """Adds an identity to the registry file; a running broker learns of it by SIGHUP."""
        self.identities.append((name, kind, path, public))
        self.write_registry()

    def forget(self, name):
        """Takes an identity out of the registry file."""
        self.identities = [i for i in self.identities if i[0] != name]
        self.write_registry()

    def process(self, *command, env=None):
        """A process that ends with the plant at the latest; not started yet."""
        self.processes.append(Process(*command, env=env))
        return self.processes[-1]

    def broker_yaml(self, name="mr1", more=""):
        """The broker's configuration file, written; all others are its peers."""
        site = self.sites[name]
        peers = [other for other in self.sites if other != name]
        mesh = f', mesh: "{site.host}:{site.mesh_port}"' if peers else ""
        key = "" if name == "mr1" else f"key: {site.file}.key\n"
        return self.write(f"{site.file}.yaml", f'name: {name}\ndata: {self.folder}/{site.file}-data\n'
                                               f'peers: [{", ".join(peers)}]\n'
                                               f'listen: {{agents: "{site.host}:{site.port}"{mesh}}}\n{key}{more}')

    def broker(self, more="", env=None, name="mr1"):
        """A broker, not started yet; more: further lines of its broker.yaml."""
        return self.process(BIN / "millrace-broker", "--config", self.broker_yaml(name, more), env=env)

    def mesh(self, more=""):
        """All brokers, started, each with all its peers: {name: process}."""
        brokers = {name: self.broker(more, name=name) for name in self.sites}
        for broker in brokers.values():
            broker.start()
        for broker in brokers.values():
            broker.wait("BROKER-START")
        for name, broker in brokers.items():
            others = [other for other in self.sites if other != name]
            broker.wait_each(*(f"BROKER-PEER-UP peer={other}" for other in others), seconds=MESH_S)
        return brokers

    def agent(self, name, path, admitted=True, more="", brokers=None):
        """An agent with a new key, not started yet; more: further lines of its agent.yaml; brokers: names, None = all."""
        public = self.key("agent", name, f"{name}.key")
        if admitted:
            self.admit(name, "machine", path, public)
        return self.process(BIN / "millrace-agent", "--config", self.agent_yaml(name, more, brokers))

    def agent_yaml(self, name, more="", brokers=None):
        """The agent's configuration file, written."""
        return self.write(f"{name}.yaml", f'name: {name}\nbrokers: [{", ".join(brokers or self.sites)}]\nkey: {name}.key\n'
                                          f'data: {self.folder}/{name}-data\n'
                                          f'socket: {{path: {self.socket(name)}, mode: "0600"}}\n'
                                          f'telemetry: {{interval: 1 s}}\n{more}')

    def socket(self, name):
        """The unix socket of the agent."""
        return self.folder / f"{name}.sock"

    def knock(self, mode, key_file, broker="mr1", is_mesh=False):
        """Connects with a key file by the C helper, to a broker's port for agents or to that for peers; what came of it."""
        site = self.sites[broker]
        port = site.mesh_port if is_mesh else site.port
        return run(PEER, mode, f"{site.host}:{port}", site.public, self.folder / key_file)


def main(*tests):
    """Runs the test functions one after the other; prints each name, ends with status 1 if one failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # and so clean up
    wanted = sys.argv[1:]
    failed = 0
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        begun = time.monotonic()
        try:
            test()
            print(f"ok     {test.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED {test.__name__}", flush=True)
            traceback.print_exc(file=sys.stdout)
    sys.exit(1 if failed else 0)
