#!/usr/bin/env python3
"""millrace replay as a person meets it: pace, an end by a signal, what is wrong in a file, waiting for who confirms, large assets.
Small recordings made here; real ones are replayed by replay.py."""
# timeout: 240
import json
import os
import signal
import subprocess
import time

import harness
from harness import check

MILLRACE = harness.BIN / "millrace"
CLEAN = {**os.environ, "MILLRACE_CONTEXT": "", "MILLRACE_SOCKET": "", "NO_COLOR": "1"}
MAP = "time: {column: t, format: s}\ncolumns: [{column: x, unit: mm}]\n"
UNITS = ('<M><Device id="d" name="LATHE"><DataItem id="s" name="speed" category="SAMPLE" type="ROTARY_VELOCITY" '
         'units="REVOLUTION/MINUTE"/></Device></M>')
STAMP = "2026-03-01T12:00:00.0000001Z"


class Plant(harness.Plant):
    """A broker and a machine."""

    def __enter__(self):
        agent = self.agent("here", "demo/here")
        self.broker().start().wait("BROKER-START")
        agent.start().wait("AGENT-UPLINK-UP")
        self.write("map.yaml", MAP)
        self.write("units.xml", UNITS)
        return self

    def start(self, *words, output=subprocess.PIPE):
        """A command, with its output to be read."""
        command = [str(word) for word in (MILLRACE, words[0], "--socket", self.socket("here"), *words[1:])]
        # pylint: disable-next=consider-using-with,subprocess-popen-preexec-fn
        return subprocess.Popen(command, env=CLEAN, stdout=output, stderr=subprocess.PIPE, text=True,
                                preexec_fn=harness.end_with_the_test)

    def replay_csv(self, rows, *words):
        """Starts the replay of these rows."""
        path = self.write("data.csv", "t,x\n" + "".join(f"{t},{x}\n" for t, x in rows))
        return self.start("replay", path, "--map", self.folder / "map.yaml", *words)


def end(child, status=0):
    """Its output and what it said on stderr."""
    said, errors = child.communicate(timeout=60)
    check(child.returncode == status, f"exit {child.returncode}, expected {status}:\n{said}{errors}")
    return said, errors


def value_of(plant, topic):
    """The last value, its unit and its source time."""
    row = json.loads(end(plant.start("get", "--json", topic))[0])
    return row["value"], row["unit"], row["source"]


def a_recording_keeps_its_pace_scaled():
    """20 s recorded, ten times as fast: 2 s. A step back by an hour waits for nothing."""
    with Plant() as plant:
        begun = time.monotonic()
        rows = [(1000 + i, i) for i in range(11)] + [(1000 - 3600 + i, i) for i in range(11)]
        said = json.loads(end(plant.replay_csv(rows, "--speed", "10x", "--json"))[0])
        spent = time.monotonic() - begun
        check(1900 <= said["ms"] and spent < 60, f"{said['ms']} ms in all, {spent} s with its start")
        check(said["records"] == 22 and said["ended"] == "done", said)
        check(value_of(plant, "demo/here/x") == (10, "mm", "1969-12-31T23:16:50.000000Z"), value_of(plant, "demo/here/x"))


def a_signal_ends_it_and_it_says_where():
    """The second value is due in an hour."""
    with Plant() as plant:
        child = plant.replay_csv([(1000, 1), (4600, 2)], "--to", "./press")
        end(plant.start("sub", "--count", "1", "demo/here/press/x"))
        child.send_signal(signal.SIGINT)
        said, _ = end(child, 130)
        check("1 records of 1 tags" in said and "ended at line 3 of" in said and "1970-01-01T00:16:40" in said, said)


def what_is_wrong_is_told_and_the_rest_goes_on():
    """Exit code 1, with the lines."""
    with Plant() as plant:
        said, errors = end(plant.replay_csv([(1, 1), (2, "much"), ("noon", 3), (4, 4)], "--speed", "max", "--json"), 1)
        check("data.csv:3: column 'x': " in errors and "data.csv:4: 'noon' is no time" in errors, errors)
        check(json.loads(said)["wrong"] == 2 and json.loads(said)["records"] == 2, said)
        check(value_of(plant, "demo/here/x")[0] == 4, "the last row is missing")


def times_outside_are_left_out():
    """From on, to then."""
    with Plant() as plant:
        child = plant.replay_csv([(i, i) for i in range(1, 6)], "--speed", "max", "--json", "--from", "1970-01-01T00:00:02Z",
                                 "--to-time", "1970-01-01T00:00:04Z")
        said = json.loads(end(child)[0])
        check(said["records"] == 2 and said["outside"] == 3, said)
        check(value_of(plant, "demo/here/x")[0] == 3, "not the last one inside")


def it_waits_for_who_confirms():
    """The end comes with the subscriber, not before."""
    with Plant() as plant:
        child = plant.replay_csv([(i, i) for i in range(1, 6)], "--speed", "max", "--confirm", "./replay")
        line = child.stderr.readline()
        check("waiting for a subscriber that confirms" in line, line)
        subscriber = plant.start("sub", "demo/here/x", "--confirm", "demo/here/replay")
        end(child)
        subscriber.send_signal(signal.SIGINT)
        end(subscriber)


def a_subscriber_that_stops_stops_the_replay_and_loses_nothing():
    """It is off its processor for longer than the replay needs."""
    rows, way = 100000, ("--speed", "max", "--confirm", "./replay")
    with Plant() as plant, open(plant.folder / "received", "w+", encoding="utf-8") as output:
        subscriber = plant.start("sub", "--json", "--confirm", "demo/here/replay", "demo/here/x", output=output)
        end(plant.replay_csv([(1, 1)], *way))
        subscriber.send_signal(signal.SIGSTOP)
        child = plant.replay_csv([(i, i) for i in range(rows)], *way)
        try:
            child.wait(1)
            raise harness.Failure("it ended before the subscriber had anything")
        except subprocess.TimeoutExpired:
            subscriber.send_signal(signal.SIGCONT)
        end(child)
        subscriber.send_signal(signal.SIGINT)
        end(subscriber)
        output.seek(0)
        lines = [json.loads(line) for line in output]
        check(not [line for line in lines if "loss" in line], [line for line in lines if "loss" in line])
        values = [line["value"] for line in lines if "topic" in line and not line["stale"]]
        check(values == [1, *range(rows)], f"{len(values)} values")


def large_assets_are_transfers_and_removed_ones_are_cleared():
    """100 kB arrive whole at a subscriber; a small one is a last value until it is removed."""
    text = "<T>" + "x" * 100000 + "</T>"
    shdr = (f"{STAMP}|speed|1500\n{STAMP}|@ASSET@|big|Tool|{text}\n{STAMP}|@ASSET@|one|Tool|<T/>\n{STAMP}|@ASSET@|two|Tool|<U/>\n"
            f"{STAMP}|@REMOVE_ASSET@|one\n")
    with Plant() as plant:
        path = plant.write("data.shdr", shdr)
        subscriber = plant.start("sub", "--json", "--count", "4", "demo/here/assets/#")
        check("snapshot_end" in subscriber.stdout.readline(), "the subscriber gets no snapshot")
        end(plant.start("replay", path, "--units", plant.folder / "units.xml", "--speed", "max", "--to", "./"))
        rows = [json.loads(line) for line in end(subscriber)[0].splitlines()]
        values = [(row["topic"], row["value"]) for row in rows if "topic" in row]
        check(("demo/here/assets/big", text) in values, [topic for topic, _ in values])
        check(value_of(plant, "demo/here/assets/two")[0] == "<U/>", "an asset that is there has no value")
        check(value_of(plant, "demo/here/speed") == (1500, "1/min", "2026-03-01T12:00:00.000000Z"), "speed")
        end(plant.start("get", "--json", "demo/here/assets/one"), 3)


def mistakes_on_the_command_line_are_told():
    """Before anything is published."""
    with Plant() as plant:
        for words, told in ((("x.csv",), "give one"), (("x.csv", "--map", "m", "--units", "u"), "give one"),
                            (("x.csv", "--map", "m", "--device", "d"), "--device goes with --units"),
                            (("x.csv", "--map", "m", "--speed", "fast"), "--speed is max, or a factor"),
                            (("x.csv", "--map", "m", "--from", "noon"), "--from is a time"),
                            (("x.csv", "--map", "m", "--to", "a//b"), "has an empty level")):
            check(told in end(plant.start("replay", *words), 2)[1], words)
        check("No such file" in end(plant.start("replay", "none.csv", "--map", plant.folder / "map.yaml"), 1)[1], "file")


if __name__ == "__main__":
    harness.main(a_recording_keeps_its_pace_scaled, a_signal_ends_it_and_it_says_where,
                 what_is_wrong_is_told_and_the_rest_goes_on, times_outside_are_left_out, it_waits_for_who_confirms,
                 a_subscriber_that_stops_stops_the_replay_and_loses_nothing,
                 large_assets_are_transfers_and_removed_ones_are_cleared, mistakes_on_the_command_line_are_told)
