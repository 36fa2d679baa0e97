#!/usr/bin/env python3
"""The command line as a person meets it: a bus in one command, values, requests, what is refused, and in which words."""
# timeout: 240
import contextlib
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unicodedata

import harness
from harness import check

MILLRACE = harness.BIN / "millrace"
CLEAN = {"MILLRACE_CONTEXT": "", "MILLRACE_SOCKET": "", "NO_COLOR": "1"}


def cli(*words, status=0, given=None, env=None):
    """Runs a command to its end: its output and what it said on stderr. The exit status must be the one expected."""
    done = subprocess.run([str(MILLRACE), *map(str, words)], input=given, capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, **CLEAN, **(env or {})})
    check(done.returncode == status, f"millrace {' '.join(map(str, words))}: exit {done.returncode}, expected {status}:\n"
                                     f"{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


class Running:
    """A command that runs until it ends or is ended; its output is a file, so that nothing waits for a reader."""

    def __init__(self, folder, *words):
        output, name = tempfile.mkstemp(dir=folder)
        self.output = pathlib.Path(name)
        # pylint: disable-next=consider-using-with
        self.child = subprocess.Popen([str(MILLRACE), *map(str, words)], stdout=output, stderr=subprocess.STDOUT,
                                      env={**os.environ, **CLEAN})
        os.close(output)

    def said(self):
        """All it has written so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, words):
        """Waits until it has written these words."""
        until = time.monotonic() + harness.WAIT_S
        while words not in self.said():
            check(time.monotonic() < until and self.child.poll() is None, f"'{words}' does not come in:\n{self.said()}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(0.02)
        return self

    def end(self, number=None, status=0):
        """Sends a signal if one is given, and waits for the end."""
        if number:
            self.child.send_signal(number)
        code = self.child.wait(harness.WAIT_S)
        check(code == status, f"exit {code}, expected {status}:\n{self.said()}")
        return self.said()


class Bus:
    """`millrace dev` in a folder of its own."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-test-"))
        self.running = []
        self.dev = self.start("dev", "--dir", self.folder / "bus", "--address", f"127.0.0.1:{harness.free_port()}",
                              "--interval", "1s")
        self.way = ("--socket", self.folder / "bus/agent.sock")
        self.context = ("--context", self.folder / "bus/contexts/admin.yaml")
        self.dev.wait_for("The bus is up")
        return self

    def __exit__(self, *_):
        for running in reversed(self.running):
            if running.child.poll() is None:
                running.child.send_signal(signal.SIGTERM)
                running.child.wait(harness.WAIT_S)
        shutil.rmtree(self.folder)

    def start(self, *words):
        """A command that goes on beside the test."""
        self.running.append(Running(self.folder, *words))
        return self.running[-1]

    def cli(self, *words, **options):
        """A command on this bus."""
        return cli(*self.way, *words, **options)

    def wait_until_who_shows(self, name, there=True):
        """Waits until `millrace who` names it, or no longer does."""
        until = time.monotonic() + harness.WAIT_S
        while (name in (said := self.cli("who")[0])) != there:
            check(time.monotonic() < until, f"{name} {'does not show up' if there else 'stays'}:\n{said}")
            time.sleep(0.05)  # presence can only be asked for again


def width(text):
    """Columns a terminal needs for it."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def values_of_this_machine():
    with Bus() as bus:
        table = bus.cli("get")[0].splitlines()
        check(table[0].split() == ["TOPIC", "VALUE", "UNIT", "QUALITY", "AGE"], table[0])
        check(len(table) > 30, f"only {len(table)} lines")
        check(all(" Good " in line for line in table[1:]), "\n".join(table))
        rows = [json.loads(line) for line in bus.cli("get", "--json")[0].splitlines()]
        check(len(rows) + 1 == len(table), "the table and JSON differ")
        keys = {"topic", "value", "unit", "quality", "status", "source", "agent", "broker", "publisher", "stale", "seq"}
        check(all(keys <= row.keys() for row in rows), rows[0])
        check(all(row["publisher"] == "here" and row["stale"] is False for row in rows), rows)
        check([row["topic"] for row in rows] == sorted(row["topic"] for row in rows), "not in order")
        bus.cli("get", "demo/here/nothing/#", status=3)


def publish_and_subscribe():
    with Bus() as bus:
        sub = bus.start(*bus.way, "sub", "demo/here/oil/#", "--json")
        sub.wait_for("snapshot_end")
        bus.cli("pub", "./oil/temp", "48.25", "--unit", "°C", "--source", "2026-03-01T12:00:00Z")
        bus.cli("pub", "./oil/text", "-", "--keep", "--quality", "BadSensorFailure", given="zwölf\n")
        sub.wait_for("oil/text")
        rows = [json.loads(line) for line in sub.end(signal.SIGINT).splitlines()]
        temp = next(row for row in rows if row.get("topic") == "demo/here/oil/temp")
        check((temp["value"], temp["unit"], temp["source"]) == (48.25, "°C", "2026-03-01T12:00:00.000000Z"), temp)
        text = next(row for row in rows if row.get("topic") == "demo/here/oil/text")
        check((text["value"], text["quality"]) == ("zwölf", "BadSensorFailure"), text)
        said = bus.cli("get", "demo/here/oil/temp")[0]
        check("48.25" in said and "°C" in said and "stale" in said, said)
        bus.cli("pub", "./oil/text", "--clear")
        bus.cli("get", "demo/here/oil/text", status=3)
        said = bus.cli("sub", "demo/here/oil/temp", "--count", "1")[0]
        check("(last value)" in said, said)
        said = bus.cli("sub", "demo/here/oil/temp", "--no-snapshot", "--seconds", "1")[0]
        check(said == "", said)
        check(bus.cli("sub", "demo/here/oil/temp", "--raw", "--count", "1")[0] == "48.25\n", "raw")


def chinese_names_are_aligned():
    with Bus() as bus:
        bus.cli("pub", "./车间/温度", "21.5", "--unit", "°C")
        bus.cli("pub", "./车间/x", "7", "--keep")
        lines = bus.cli("get", "demo/here/车间/#")[0].splitlines()
        check(len(lines) == 3, lines)
        starts = {width(line[:line.index(value)]) for line, value in zip(lines, ("VALUE", "7", "21.5"))}
        check(len(starts) == 1, "\n".join(lines))


def requests():
    with Bus() as bus:
        said = bus.cli("req", "./echo", "hello", status=3)[1]
        check(said.startswith("millrace: no responder: nobody serves './echo'") and str(bus.way[1]) in said, said)
        serve = bus.start(*bus.way, "serve", "./echo", "--exec", "cat", "--count", "3")
        bus.wait_until_who_shows("here/millrace-serve")
        check(bus.cli("req", "./echo", "hello")[0] == "hello\n", "echo")
        check(bus.cli("req", "./echo", "-", given="x" * 60000)[0] == "x" * 60000 + "\n", "long echo")
        check(bus.cli("req", "./echo")[0] == "\n", "empty echo")
        serve.end()
        slow = bus.start(*bus.way, "serve", "./slow", "--exec", "sleep 5")
        bad = bus.start(*bus.way, "serve", "./bad", "--exec", "echo oops >&2; exit 3", "--count", "1")
        until = time.monotonic() + harness.WAIT_S
        while (answer := subprocess.run([MILLRACE, *bus.way, "req", "./bad"], capture_output=True, text=True,
                                        check=False)).returncode == 3:
            check(time.monotonic() < until, "nobody serves ./bad")
        check(answer.stdout == "error: oops\n", answer.stdout)
        bad.end()
        bus.cli("req", "./slow", "--wait", "300ms", status=4)
        slow.end(signal.SIGTERM)


def who_is_there():
    with Bus() as bus:
        said = bus.cli("who")[0]
        check(said.split()[:2] == ["NAME", "KIND"] and "here/millrace-dev" in said and " mr1" in said, said)
        rows = [json.loads(line) for line in bus.cli("who", "--json")[0].splitlines()]
        here = next(row for row in rows if row["machine"] == "here" and row["part"] is None)
        check(here["alive"] is True and here["broker"] == "mr1" and here["clock_error_us"] > 0, here)
        broker = next(row for row in rows if row["kind"] == "broker")
        check(broker["machine"] == "mr1" and broker["alive"] is True and broker["peers"] == 0, broker)
        sub = bus.start(*bus.way, "sub", "#").wait_for("demo/here")
        bus.wait_until_who_shows("here/millrace-sub")
        sub.end(signal.SIGINT)
        bus.wait_until_who_shows("here/millrace-sub", there=False)
        dead = [json.loads(line) for line in bus.cli("who", "--dead", "--json")[0].splitlines()]
        dead = next(row for row in dead if row["part"] == "millrace-sub")
        check(dead["alive"] is False and dead["why"] and dead["since"], dead)


def refusals_say_why_and_where():
    with Bus() as bus:
        for words in (("pub", "$sys/x", "1"), ("pub", "$sys/x", "1", "--unit", "m"), ("sub", "$audit/#")):
            said = bus.cli(*words, status=1)[1]
            check(said.startswith("millrace: denied: '$") and f"(socket {bus.way[1]})" in said, said)
        check("did you mean 'get'?" in cli("gte", status=2)[1], "command")
        check("did you mean '--wait'?" in cli("get", "--wiat", "1s", status=2)[1], "option")
        check("has an empty level" in cli("pub", "a//b", "1", status=2)[1], "topic")
        said = cli("get", status=1, env={"MILLRACE_SOCKET": str(bus.folder / "none.sock")})[1]
        check("millrace dev" in said and f"(socket {bus.folder}/none.sock)" in said, said)
        said = bus.cli("pub", "./oil/temp", "1", "--unit", "zorkmid")[1]
        check("'zorkmid' is no unit that is known" in said, said)
        said = cli("dev", "--dir", bus.folder / "bus", status=1)[1]
        check("an agent answers already" in said, said)


def checks_find_what_is_wrong():
    with Bus() as bus:
        said = bus.cli("check", "bus")[0]
        check("BAD" not in said and "published and read back" in said and "$sys/who: answered" in said, said)
        rows = [json.loads(line) for line in bus.cli("check", "bus", "--json")[0].splitlines()]
        check({row["result"] for row in rows} == {"ok"}, rows)
        made = bus.folder / "bus"
        files = [*made.glob("*.yaml"), *made.glob("*.key"), *made.glob("contexts/*.yaml")]
        said = cli("check", "config", *files)[0]
        check(said.count("ok  ") == len(files) == 8, said)
        os.chmod(made / "admin.key", 0o644)
        (made / "agent-bad.yaml").write_text("name: here\nbroker: [mr1]\n", encoding="utf-8")
        said = cli("check", "config", made / "admin.key", made / "agent-bad.yaml", status=1)[0]
        check("chmod" in said and "agent-bad.yaml:2" in said and "did you mean 'brokers'?" in said, said)
        said = cli("check", "bus", "--socket", bus.folder / "none.sock", status=1)[0]
        check("BAD" in said and "no agent listens there" in said, said)


def context_with_an_agent_of_its_own():
    with Bus() as bus, tempfile.TemporaryDirectory(prefix="millrace-test-") as run:
        env = {"XDG_RUNTIME_DIR": run}
        said = cli(*bus.context, "get", "demo/here/mem/#", env=env)[0]
        check("demo/here/mem/total" in said, said)
        said = cli(*bus.context, "pub", "./note", "hi", "--keep", env=env)
        row = json.loads(bus.cli("get", "demo/people/admin/note", "--json")[0])
        check((row["value"], row["publisher"]) == ("hi", "admin/millrace-pub"), row)
        check(not os.listdir(run), "a folder is left behind")
        said = cli("--context", "nowhere", "get", status=1, env=env)[1]
        check("context nowhere" in said, said)
        os.makedirs(f"{run}/config/millrace/contexts")
        for name in ("admin.key", "directory.yaml"):
            shutil.copy(bus.folder / "bus" / name, f"{run}/config/millrace/{name}")
        shutil.copy(bus.folder / "bus/contexts/admin.yaml", f"{run}/config/millrace/contexts/plant.yaml")
        env = {"XDG_CONFIG_HOME": f"{run}/config", "MILLRACE_CONTEXT": "plant"}
        check("demo/here/mem/total" in cli("get", "demo/here/mem/#", env=env)[0], "a context by name")


def a_lost_broker_is_told():
    with Bus() as bus:
        sub = bus.start(*bus.way, "sub", "demo/here/load/1")
        sub.wait_for("load/1")
        children = pathlib.Path(f"/proc/{bus.dev.child.pid}/task/{bus.dev.child.pid}/children").read_text(encoding="ascii")
        broker = next(int(pid) for pid in children.split()
                      if pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="ascii").startswith("millrace-broke"))
        os.kill(broker, signal.SIGKILL)
        said = bus.dev.end(status=1)
        check("millrace-broker was ended by signal 9" in said, said)
        sub.wait_for("millrace: the agent is gone").end(signal.SIGINT)


def a_killed_dev_takes_its_children_along():
    with Bus() as bus:
        task = pathlib.Path(f"/proc/{bus.dev.child.pid}/task/{bus.dev.child.pid}")
        children = task.joinpath("children").read_text(encoding="ascii").split()
        check(len(children) == 2, children)
        bus.dev.end(signal.SIGKILL, status=-signal.SIGKILL)
        until = time.monotonic() + harness.WAIT_S
        while any(is_running(child) for child in children):
            check(time.monotonic() < until, f"still there: {children}")


def is_running(process):
    """Whether the process is there and not only unreaped."""
    try:
        status = pathlib.Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return False
    return "\nState:\tZ" not in status


def init_never_overwrites():
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as folder:
        said = cli("init", "--out", f"{folder}/x", "--name", "press-07", "--path", "acme/line3/press-07")[0]
        check("Next:" in said and "millrace-broker --config" in said, said)
        for name in ("broker.key", "agent.key", "admin.key"):
            mode = stat.S_IMODE(os.stat(f"{folder}/x/{name}").st_mode)
            check(mode == 0o600, f"{name}: {mode:o}")
        before = pathlib.Path(f"{folder}/x/agent.key").read_bytes()
        said = cli("init", "--out", f"{folder}/x", status=1)[1]
        check("is there already" in said, said)
        check(pathlib.Path(f"{folder}/x/agent.key").read_bytes() == before, "the key was replaced")
        cli("init", "--out", f"{folder}/y", "--name", "Press", status=1)
        check(not os.path.exists(f"{folder}/y"), "something was made")


def dev_ends_by_itself_and_starts_again():
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as folder:
        words = ("dev", "--dir", f"{folder}/bus", "--seconds", "3")
        said = cli(*words, "--address", f"127.0.0.1:{harness.free_port()}")[0]
        check("The bus is up" in said and "broker |" in said and "agent  |" in said, said)
        check("The bus is up" in cli(*words)[0], "the second time")


harness.main(values_of_this_machine, publish_and_subscribe, chinese_names_are_aligned, requests, who_is_there,
             refusals_say_why_and_where, checks_find_what_is_wrong, context_with_an_agent_of_its_own,
             a_lost_broker_is_told, a_killed_dev_takes_its_children_along, init_never_overwrites, dev_ends_by_itself_and_starts_again)
