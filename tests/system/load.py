"""A plant under load whose apps keep histories: brokers, agents, the writers and readers of tests/history, the checker.

    with load.Load(*harness.THREE) as plant:
        plant.machine("press"); plant.machine("mill", brokers=["mr2"])
        plant.begin()
        reader = plant.reader("press")
        writer = plant.writer("mill", rate=1000)
        with plant.broken("kill"): …
        plant.finish()                                  # quiet, last values noted, apps ended, the checker's verdict

Histories of a run that was found wrong are kept in the folder that MILLRACE_KEEP names.
"""
import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import time

import harness
from harness import check

sys.path.insert(0, str(harness.SOURCE / "tests/history"))
import check as checker  # noqa: E402  pylint: disable=wrong-import-position
import history  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import

WRITER = harness.BUILD / "tests/history/history_writer"
READER = harness.BUILD / "tests/history/history_reader"
IS_LONG = bool(os.environ.get("MILLRACE_LONG"))
QUIET_S = checker.Options.told_s + 0.5  # at the end, so that all that was written has to have been told
FINDINGS_SHOWN = 20


def bearable(rate):
    """So many messages a second, or what a build with sanitizers can bear."""
    return rate // 10 if harness.has_sanitizers() else rate


def now_us():
    """The clock of the histories."""
    return time.monotonic_ns() // 1000


class App(harness.Process):
    """A writer or reader; gone with the plant."""

    def __init__(self, plant, program, machine, name, life, *more):
        path = plant.histories / f"{name}-{life}.history"
        super().__init__(program, "--socket", plant.socket(machine), "--name", name, "--history", path, *more, stdin=subprocess.PIPE)
        self.name, self.machine, self.rate = name, machine, 0
        plant.processes.append(self)

    def tell(self, command):
        """Gives it a command."""
        self.child.stdin.write(f"{command}\n".encode())

    def report(self):
        """Its counters since the last report: {name: number}."""
        self.tell("report")
        return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", self.wait("^report (.*)")[1])}

    def close(self):
        """Ends it as an app ends."""
        self.child.stdin.close()
        check(self.end() == 0, f"{self.name} ends badly:\n" + "\n".join(self.log))


class Load(harness.Plant):
    """Brokers at the hosts, machines with writers and readers of everything below demo/."""

    def __init__(self, *hosts):
        super().__init__(*hosts)
        self.histories = self.folder / "histories"
        self.histories.mkdir()
        self.note(f"millrace-history 1 script {os.path.basename(sys.argv[0])} {os.getpid()} {now_us()}")
        self.brokers, self.agents, self.writers, self.readers = {}, {}, {}, {}
        self.lives = {}  # number of a writer → how many processes of it there were
        self.dumps = 0

    def note(self, line):
        """Adds to the history of the script."""
        with (self.histories / "script.history").open("a", encoding="ascii") as script:
            script.write(f"{line}\n")

    # -- machines --
    def machine(self, name, brokers=None, wrap=()):
        """An agent that publishes nothing by itself; wrap: words before its command."""
        agent = self.agent(name, f"demo/{name}", brokers=brokers)
        path = self.folder / f"{name}.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("{interval: 1 s}", "{enabled: false}"), encoding="utf-8")
        agent.command[:0] = wrap
        self.agents[name] = agent
        return agent

    def begin(self, wrap=None):
        """Brokers and agents, started and together; wrap: {broker: words before its command}."""
        self.brokers = {name: self.broker(name=name) for name in self.sites}
        for name, broker in self.brokers.items():
            broker.command[:0] = (wrap or {}).get(name, ())
            broker.start()
        for name, broker in self.brokers.items():
            broker.wait("BROKER-START")
            broker.wait_each(*(f"BROKER-PEER-UP peer={other}" for other in self.sites if other != name))
        for agent in self.agents.values():
            agent.start()
        for agent in self.agents.values():
            agent.wait("AGENT-UPLINK-UP")
        self.note_homes()

    def home(self, name):
        """The broker an agent came to last."""
        return self.agents[name].lines(r"AGENT-UPLINK-UP.* broker=([\w.]+)")[-1][1]

    # -- apps --
    def writer(self, machine, rate, number=None, kept=False, topics=4, size=100):
        """A writer, started and connected; number: of one that ended, to begin its next life."""
        number = number or len(self.lives) + 1
        life = self.lives[number] = self.lives.get(number, 0) + 1
        words = ["--writer", number, "--life", life, "--base", f"demo/{machine}/w{number}", "--topics", topics, "--rate", rate,
                 "--bytes", size, *(["--kept"] if kept else [])]
        app = self.writers[number] = App(self, WRITER, machine, f"w{number}", life, *words)
        app.rate = rate
        app.start().wait("^state agent=1")
        return app

    def reader(self, machine, name=None, *options):
        """A reader of everything, in force; options: of reader.c."""
        name = name or f"r-{machine}"
        self.note(f"at {now_us()} {name} {machine}")
        self.readers[name] = App(self, READER, machine, name, 1, *options, "demo/#")
        self.readers[name].start().wait("^complete")
        return self.readers[name]

    def apps(self):
        """All that run."""
        return [app for app in (*self.writers.values(), *self.readers.values()) if app.child]

    def set_rates(self, share):
        """All writers write at this share of their rates."""
        for app in self.writers.values():
            if app.child:
                app.tell(f"rate {int(app.rate * share)}")

    # -- time and faults --
    def let_pass(self, seconds):
        """Lets the plant work for a while, reading what its processes log, so that none waits for a full pipe."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            running = [process for process in self.processes if process.child]
            ready = select.select([process.child.stderr for process in running], [], [], left)[0]
            for process in running:
                if process.child.stderr in ready and not process.pump(0):
                    raise harness.Failure(f"{process.command[0]} has ended:\n" + "\n".join(process.log[-20:]))

    def note_homes(self):
        """Where every machine is."""
        for name in self.agents:
            self.note(f"at {now_us()} {name} {self.home(name)}")

    @contextlib.contextmanager
    def broken(self, name, *targets):
        """Something is broken within: brokers, machines, or what is between two ("mr1+mr3")."""
        self.note_homes()
        self.note(f"f {now_us()} {name} {' '.join(targets)}".strip())
        yield
        self.note(f"h {now_us()} {name}")
        self.note_homes()

    def note_calm(self):
        """Nothing is broken, all has arrived or been told."""
        self.note(f"calm {now_us()}")

    def wait_all(self, processes, pattern, since, within_s):
        """When each process logged a line since then: {name: seconds}; processes: {name: (process, lines seen before)}."""
        took = {}
        while len(took) < len(processes):
            check(time.monotonic() - since < within_s,
                  f"{sorted(set(processes) - set(took))}: no {pattern} within {within_s} s\n"
                  + "\n".join(line for name in processes if name not in took for line in processes[name][0].log[-12:]))
            self.let_pass(0.005)
            for name, (process, seen) in processes.items():
                if name not in took and any(re.search(pattern, line) for line in process.log[seen:]):
                    took[name] = time.monotonic() - since
        return took

    # -- the end --
    def dump(self):
        """All readers note what they hold; the number of that dump."""
        self.dumps += 1
        for reader in self.readers.values():
            reader.tell(f"dump {self.dumps}")
        for reader in self.readers.values():
            reader.wait(f"^dumped {self.dumps}$")
        return self.dumps

    def finish(self, **options):
        """Quiet, last values, the end of all apps; what the checker says of it all. Its figures and the histories."""
        self.set_rates(0)
        self.let_pass(QUIET_S)
        options.setdefault("agree", self.dump())
        for app in self.apps():
            app.close()
        return self.verdict(**options)

    def verdict(self, **options):
        """What the checker finds in the histories so far; its figures."""
        findings, figures = checker.check(self.histories, checker.Options(**options))
        print("       checker: " + ", ".join(f"{name} {number:,}" for name, number in figures.items() if number), flush=True)
        if findings and os.environ.get("MILLRACE_KEEP"):
            shutil.copytree(self.histories, os.environ["MILLRACE_KEEP"], dirs_exist_ok=True)
        check(not findings, f"{len(findings)} findings:\n" + "\n".join(str(f) for f in findings[:FINDINGS_SHOWN]))
        check(figures["given"] > 0, "nothing was given to anybody")
        return figures


def spread(seconds):
    """A distribution in words."""
    ordered = sorted(seconds)
    if not ordered:
        return "none"
    return (f"{len(ordered)}: least {ordered[0]:.2f}, median {ordered[len(ordered) // 2]:.2f}, "
            f"p95 {ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]:.2f}, most {ordered[-1]:.2f} s")
