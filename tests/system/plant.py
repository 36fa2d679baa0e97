#!/usr/bin/env python3
"""`millrace init` makes a plant, its script runs it: who is there, what is said when a program ends, nothing is left."""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import harness
from harness import check

MILLRACE = harness.BIN / "millrace"
PORT_STEP = 10  # from one broker's ports of a plant, two, to the next one's


def rows_of(text):
    """Objects of a command's --json."""
    return [json.loads(line) for line in text.splitlines()]


class Plant:
    """A plant in a folder of its own, run by its script."""

    def __init__(self, brokers, agents):
        self.kept = tempfile.TemporaryDirectory(prefix="millrace-test-")  # pylint: disable=consider-using-with
        self.folder = pathlib.Path(self.kept.name) / "plant"
        port = harness.free_port(*(broker * PORT_STEP + i for broker in range(brokers) for i in range(2)))
        self.made = rows_of(harness.run(MILLRACE, "init", "--brokers", brokers, "--agents", agents, "--port", port, "--out",
                                        self.folder, "--json"))
        self.running = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running and self.running.poll() is None:
            self.end(signal.SIGTERM)
        self.kept.cleanup()

    def run(self, *names):
        """Starts the script, in a process group of its own as a terminal's shell would; returns the processes by name."""
        # pylint: disable-next=consider-using-with
        self.running = subprocess.Popen([self.folder / "run", *names], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, start_new_session=True)
        started = {}
        for line in self.running.stdout:
            match = re.match(r"run: (\S+): (broker|agent), process (\d+)", line)
            if match:
                started[match[1]] = int(match[3])
            if "all end at Ctrl-C" in line:
                return started
        raise harness.Failure("the script did not say what it started")

    def end(self, number, whole_group=False):
        """Tells the script to end, as Ctrl-C does when the whole group is told; its status and what else it said."""
        (os.killpg if whole_group else os.kill)(self.running.pid, number)
        said = self.running.communicate(timeout=harness.WAIT_S)[0]
        return self.running.returncode, said

    def who(self, *more):
        """What `millrace who` knows, asked with the plant's context; nothing while no broker answers."""
        done = subprocess.run([MILLRACE, "--context", self.folder / "contexts/admin.yaml", "who", "--json", *more],
                              stdout=subprocess.PIPE, text=True, timeout=harness.WAIT_S, check=False)
        return rows_of(done.stdout)

    def wait_until_there(self, *names, seconds=harness.WAIT_S):
        """Waits until who names just these as alive brokers and machines, but for the person who asks; the rows."""
        until = time.monotonic() + seconds
        there = set()
        while there != set(names):
            check(time.monotonic() < until, f"within {seconds} s only {sorted(there)} are there, not {sorted(names)}")
            rows = [row for row in self.who() if row["alive"] and row["part"] is None]
            rows = [row for row in rows if not row["machine"].startswith("admin")]
            there = {row["machine"] for row in rows}
        return rows


def gone(process):
    """Whether there is no such process."""
    return not pathlib.Path(f"/proc/{process}").exists()


def init_says_what_it_made():
    with Plant(1, 2) as plant:
        names = [(row["name"], row["kind"]) for row in plant.made]
        check(names == [("mr1", "broker"), ("agent1", "machine"), ("agent2", "machine"), ("admin", "person"), ("run", "script")], names)
        check(all(pathlib.Path(row["file"]).is_file() for row in plant.made), plant.made)
        said = harness.run(MILLRACE, "init", "--brokers", "2", "--out", plant.folder, status=1)
        check("is there already and stays as it is" in said, said)


def init_refuses_what_it_cannot_make():
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as folder:
        for words, status, reason in ((("--brokers", "10"), 1, "1 to 9 brokers, not 10"),
                                      (("--brokers", "0"), 2, "from 1 on"),
                                      (("--agents", "101"), 1, "1 to 100 agents, not 101"),
                                      (("--agents", "1", "--port", "65535"), 1, "at most port 65534"),
                                      (("--agents", "1", "--address", "*:7420"), 2, "--address is for one broker"),
                                      (("--port", "7520"), 2, "--port is for a plant")):
            said = harness.run(MILLRACE, "init", "--out", f"{folder}/x", *words, status=status)
            check(reason in said, said)
            check(not os.listdir(folder), f"{words}: left {os.listdir(folder)}")


def a_plant_runs_until_ctrl_c():
    with Plant(1, 3) as plant:
        started = plant.run()
        check(list(started) == ["mr1", "agent1", "agent2", "agent3"], started)
        plant.wait_until_there("mr1", "agent1", "agent2", "agent3")
        values = harness.run(MILLRACE, "--socket", plant.folder / "agent2/agent.sock", "get", "demo/site/agent2/#")
        check("demo/site/agent2/mem/total" in values, values)
        status, said = plant.end(signal.SIGINT, whole_group=True)
        check(status == 0, f"exit {status}: {said}")
        check(all(gone(process) for process in started.values()), f"still there: {started}")
        plant.run()  # and again, on the same files
        plant.wait_until_there("mr1", "agent1", "agent2", "agent3")


def who_ended_by_itself_is_named():
    with Plant(1, 2) as plant:
        started = plant.run()
        plant.wait_until_there("mr1", "agent1", "agent2")
        os.kill(started["agent1"], signal.SIGKILL)
        line = next(line for line in plant.running.stdout if "agent1" in line)
        check("run: agent1 ended by itself with status 137" in line, line)
        plant.wait_until_there("mr1", "agent2")
        dead = next(row for row in plant.who("--dead") if row["machine"] == "agent1" and row["part"] is None)
        check(dead["alive"] is False and dead["why"] and dead["since"], dead)
        status, said = plant.end(signal.SIGTERM)
        check(status == 1, f"exit {status}: {said}")


def some_are_run_by_name():
    with Plant(1, 2) as plant:
        check(list(plant.run("mr1", "agent2")) == ["mr1", "agent2"], "others were started")
        plant.wait_until_there("mr1", "agent2")
        said = harness.run(plant.folder / "run", "agent3", status=2)
        check("no broker or agent 'agent3'" in said, said)


def three_brokers_know_four_machines():
    with Plant(3, 4) as plant:
        started = plant.run()
        everybody = ("mr1", "mr2", "mr3", "agent1", "agent2", "agent3", "agent4")
        check(sorted(started) == sorted(everybody), started)
        rows = plant.wait_until_there(*everybody)
        brokers = [row["machine"] for row in rows if row["kind"] == "broker"]
        check(sorted(brokers) == ["mr1", "mr2", "mr3"], brokers)
        check(all(row["broker"] in brokers for row in rows if row["kind"] == "machine"), rows)
        answering = next(row for row in rows if row["peers"])
        check(answering["peers"] == 2 and answering["peers_up"] == 2, answering)
        for row in rows:  # clocks are known to the broker a machine is with
            check((row["clock"] is not None) == (row["broker"] == answering["machine"]), row)
        os.kill(started["mr2"], signal.SIGKILL)  # its agents move, and it is held for dead
        plant.wait_until_there(*(name for name in everybody if name != "mr2"))
        again = harness.Process(plant.folder / "run", "mr2").start()
        plant.wait_until_there(*everybody)
        check(again.stop() == 0, "mr2, started again, did not end well")
        status, said = plant.end(signal.SIGINT, whole_group=True)
        check(status == 1 and "run: mr2 ended by itself with status 137" in said, f"exit {status}: {said}")
        check(all(gone(process) for process in started.values()), f"still there: {started}")


def dev_runs_several_brokers_in_a_folder_that_goes():
    with tempfile.TemporaryDirectory(prefix="millrace-test-") as folder:
        dev = harness.Process("sh", "-c", 'exec "$@" >&2', "sh", MILLRACE, "dev", "--brokers", "2", "--seconds", "600",
                              env={"TMPDIR": folder})  # what it says is read as a log is
        try:
            dev.start().wait("The bus is up")
            dev.signal(signal.SIGINT)
            check(dev.end() == 0, "\n".join(dev.log))
        finally:
            dev.discard()
        check(dev.has_logged(r"^mr2    \|") and dev.has_logged(r"^agent1 \|"), "\n".join(dev.log))
        check(not os.listdir(folder), os.listdir(folder))
    for words, reason in ((("--brokers", "10"), "1 to 9"), (("--brokers", "2", "--dir", "/x"), "--dir is for one broker")):
        said = harness.run(MILLRACE, "dev", *words, status=2)
        check(reason in said, said)


harness.main(init_says_what_it_made, init_refuses_what_it_cannot_make, a_plant_runs_until_ctrl_c, who_ended_by_itself_is_named,
             some_are_run_by_name, three_brokers_know_four_machines,
             dev_runs_several_brokers_in_a_folder_that_goes)
