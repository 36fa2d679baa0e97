#!/usr/bin/env python3
"""Recorded machines replayed at full speed through the bus to a subscriber on another machine: every value once, in the file's
order, with its exact time, its status and its unit, and nothing lost. What is right is read from the files here, by other code.

The recordings are not part of the project. In ../shared/data beside it, or the folder that MILLRACE_DATA names, are looked for:
    mtconnect-okuma/okuma.shdr, devices.xml   demo/agent/okuma.txt and Devices.xml of github.com/mtconnect/cppagent
    umich-cnc-mill/experiment_18.csv          CNC mill, University of Michigan: data/ of github.com/ejhusom/cnc_milling_tool_wear
    steel-energy/Steel_industry_data.csv      UCI data set 851, archive.ics.uci.edu/dataset/851
Without them the test is skipped."""
# timeout: 240
import csv
import datetime
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree
import zoneinfo

import harness
from harness import check

DATA = harness.pathlib.Path(os.environ.get("MILLRACE_DATA", harness.SOURCE.parent / "shared/data"))
MAPS = harness.SOURCE / "docs/replay"
OKUMA, DEVICES = DATA / "mtconnect-okuma/okuma.shdr", DATA / "mtconnect-okuma/devices.xml"
MILL = DATA / "umich-cnc-mill/experiment_18.csv"
STEEL = DATA / "steel-energy/Steel_industry_data.csv"
MILLRACE = harness.BIN / "millrace"
CLEAN = {**os.environ, "MILLRACE_CONTEXT": "", "MILLRACE_SOCKET": "", "NO_COLOR": "1"}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MICROSECOND = datetime.timedelta(microseconds=1)
GOOD, NO_COMMUNICATION, CLEARED = "Good", "BadNoCommunication", "cleared"
SHOWN = {"MILLIMETER": "mm", "MILLIMETER_3D": "mm", "REVOLUTION/MINUTE": "1/min", "PERCENT": "%", "DEGREE": "°",
         "MILLIMETER/SECOND": "mm/s", "MILLIMETER/MINUTE": "mm/min", "mm/s2": "mm/s²", "kVarh": "kvarh"}


def microseconds(when):
    """Since 1970 UTC, exact."""
    return (when - EPOCH) // MICROSECOND


class Expected:
    """What a recording must give: by topic below the machine's path the (value, quality, source time in µs) in order."""

    def __init__(self):
        self.values = {}
        self.units = {}

    def add(self, topic, value, quality, us, unit=None):
        """One record."""
        self.values.setdefault(topic, []).append((value, quality, us))
        self.units[topic] = unit

    def count(self):
        """All records."""
        return sum(map(len, self.values.values()))


# -- the files, read independently --
def read_steel():
    """Every row of the year; times are those of the works, in Korea."""
    columns = {"Usage_kWh": ("energy/active", "kWh"), "CO2(tCO2)": ("co2", "t"), "NSM": ("since-midnight", "s"),
               "Lagging_Current_Reactive_Power_kVarh": ("energy/reactive/lagging", "kVarh"),
               "Leading_Current_Reactive_Power_kVarh": ("energy/reactive/leading", "kVarh"),
               "Lagging_Current_Power_Factor": ("power-factor/lagging", "%"),
               "Leading_Current_Power_Factor": ("power-factor/leading", "%"), "Load_Type": ("load", None)}
    numbers = {"NSM": int, "Load_Type": str}
    made = Expected()
    with open(STEEL, encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            when = datetime.datetime.strptime(row["date"], "%d/%m/%Y %H:%M").replace(tzinfo=zoneinfo.ZoneInfo("Asia/Seoul"))
            for column, (topic, unit) in columns.items():
                made.add(topic, numbers.get(column, float)(row[column]), GOOD, microseconds(when), unit)
    return made


def mill_unit(column):
    """By the last word of the name."""
    kinds = {"Position": "mm", "Velocity": "mm/s", "Acceleration": "mm/s2", "CurrentFeedback": "A", "OutputCurrent": "A",
             "DCBusVoltage": "V", "OutputVoltage": "V", "OutputPower": "kW", "SystemInertia": "kg.m2"}
    return next((unit for kind, unit in kinds.items() if column.endswith(kind)), None)


def read_mill():
    """Every row, 100 ms after the one before it."""
    topics = {"M1_CURRENT_PROGRAM_NUMBER": "program/number", "M1_sequence_number": "program/line",
              "M1_CURRENT_FEEDRATE": "feedrate", "Machining_Process": "program/step"}
    start = microseconds(datetime.datetime(2018, 1, 1, tzinfo=datetime.timezone.utc))
    made = Expected()
    with open(MILL, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
        for number, row in enumerate(rows):
            for column, cell in zip(header[1:], row[1:]):
                value = cell if column in ("Machining_Process", "tool_condition") else float(cell)
                made.add(topics.get(column, column), value, GOOD, start + number * 100000, mill_unit(column))
    return made


def read_items():
    """The data items of the first device, by name and id."""
    root = xml.etree.ElementTree.parse(DEVICES).getroot()
    device = next(element for element in root.iter() if element.tag.endswith("}Device"))
    items = [element.attrib for element in device.iter() if element.tag.endswith("}DataItem")]
    return {**{item["id"]: item for item in items}, **{item["name"]: item for item in items if "name" in item}}


def shdr_value(item, text):
    """What the text of a key is by its data item."""
    if item.get("units", "").endswith("_3D"):
        return [float(number) for number in text.split()]
    if item.get("category") == "SAMPLE" or "units" in item:
        return float(text)
    return int(text) if item.get("type") in ("PART_COUNT", "LINE_NUMBER") else text


def shdr_time(text):
    """Exact to the microsecond: the seventh digit is cut off."""
    return microseconds(datetime.datetime.fromisoformat(text[:26] + "+00:00"))


def add_line(made, items, us, fields):
    """The values of a line, or the condition it tells."""
    first = items.get(fields[0], {})
    if first.get("category") == "CONDITION":
        level = {"NORMAL": GOOD, "WARNING": "Uncertain", "FAULT": "Bad"}[fields[1]]
        made.add(fields[0], "|".join(fields[1:]).rstrip("|"), level, us)
        return
    for key, text in zip(fields[::2], fields[1::2]):
        item = items.get(key, {})
        unit = item.get("nativeUnits", item.get("units"))
        if text == "UNAVAILABLE":
            made.add(key, None, NO_COMMUNICATION, us, unit)
        else:
            made.add(key, shdr_value(item, text), GOOD, us, unit)


def read_okuma():
    """Every line: values, conditions, and assets that come, and go one by one or all of a type."""
    items, made, assets = read_items(), Expected(), {}
    lines = iter(OKUMA.read_text(encoding="utf-8").splitlines())
    pairs = 0
    for line in lines:
        if line.startswith("*") or not line:
            continue
        stamp, *fields = line.split("|")
        us = shdr_time(stamp)
        pairs += len(fields) // 2
        if fields[0] == "@ASSET@":
            text = []
            while (more := next(lines)) != fields[3]:
                text.append(more)
            assets[fields[1]] = True
            made.add(f"assets/{fields[1]}", "\n".join(text), GOOD, us)
        elif fields[0].startswith("@REMOVE_"):
            for name in [fields[1]] if fields[0] == "@REMOVE_ASSET@" else list(assets):
                if assets.pop(name, False):
                    made.add(f"assets/{name}", None, CLEARED, us)
        else:
            add_line(made, items, us, fields)
    check(pairs == 25857, f"the recording has {pairs} pairs of key and value, not 25857")
    return made


# -- the bus --
class Plant(harness.Plant):
    """Brokers, a machine that replays at the first and one that subscribes at the last."""

    def __enter__(self):
        ends = {"mill": "mr1", "office": list(self.sites)[-1]}
        agents = [self.agent(name, f"demo/{name}", brokers=[broker]) for name, broker in ends.items()]
        if len(self.sites) > 1:
            self.mesh()
        else:
            self.broker().start().wait("BROKER-START")
        for agent in agents:
            agent.start().wait("AGENT-UPLINK-UP")
        return self

    def millrace(self, machine, *words, **how):
        """A command at the agent of a machine."""
        command = [str(word) for word in (MILLRACE, words[0], "--socket", self.socket(machine), *words[1:])]
        # pylint: disable-next=consider-using-with
        return subprocess.Popen(command, env=CLEAN, preexec_fn=harness.end_with_the_test, **how)


def subscribe(plant, output):
    """A subscriber on the other machine, who has its snapshot."""
    child = plant.millrace("office", "sub", "--json", "--confirm", "demo/mill/replay", "demo/mill/recorded/#", stdout=output)
    until = time.monotonic() + harness.WAIT_S
    while b"snapshot_end" not in harness.pathlib.Path(output.name).read_bytes():
        check(time.monotonic() < until and child.poll() is None, "the subscriber gets no snapshot")
        time.sleep(0.01)  # a file can only be looked at again
    return child


def received(path):
    """What the subscriber wrote: by topic as Expected.values, the units, and its losses."""
    values, units, losses = {}, {}, []
    for line in path.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        if "loss" in said:
            losses.append(said)
        elif "topic" in said and not said["stale"]:  # as the writer ends, its values come again, stale
            topic = said["topic"].removeprefix("demo/mill/recorded/")
            us = microseconds(datetime.datetime.fromisoformat(said["source"].replace("Z", "+00:00")))
            quality = CLEARED if said.get("cleared") else said["quality"].split(",")[0]
            values.setdefault(topic, []).append((said["value"], quality, us))
            units[topic] = said["unit"]
    return values, units, losses


def compare(path, expected):
    """The subscriber has exactly what the file says."""
    values, units, losses = received(path)
    check(not losses, f"{len(losses)} losses, the first: {losses[:1]}")
    check(set(values) == set(expected.values), f"topics: {sorted(set(values) ^ set(expected.values))[:10]}")
    for topic, wanted in expected.values.items():
        got = values[topic]
        wrong = next((i for i, pair in enumerate(zip(got, wanted)) if pair[0] != pair[1]), None)
        check(wrong is None, f"{topic}, number {wrong}: {got[wrong or 0]}, in the file {wanted[wrong or 0]}")
        check(len(got) == len(wanted), f"{topic}: {len(got)} values, in the file {len(wanted)}")
        unit = expected.units[topic]
        check(units[topic] == SHOWN.get(unit, unit), f"{topic}: unit {units[topic]}, in the file {unit}")


def replay(plant, expected, *words):
    """Replays at full speed and compares what came."""
    path = plant.folder / "received.json"
    with open(path, "wb") as output:
        subscriber = subscribe(plant, output)
        child = plant.millrace("mill", "replay", "--json", "--speed", "max", "--to", "./recorded", "--confirm", "./replay", *words,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said, errors = child.communicate(timeout=120)
        subscriber.send_signal(signal.SIGINT)
        check(subscriber.wait(harness.WAIT_S) == 0, "the subscriber failed")
    check(child.returncode == 0, f"replay: exit {child.returncode}\n{said}{errors}")
    summary = json.loads(said)
    check(summary["records"] == expected.count(), f"{summary['records']} records, in the file {expected.count()}")
    compare(path, expected)
    print(f"       {summary['records']} records in {summary['ms']} ms", flush=True)


def replay_all(*hosts):
    """The three recordings through these brokers."""
    for expected, words in ((read_okuma(), (OKUMA, "--units", DEVICES)),
                            (read_mill(), (MILL, "--map", MAPS / "mill.yaml")),
                            (read_steel(), (STEEL, "--map", MAPS / "steel.yaml"))):
        with Plant(*hosts) as plant:
            replay(plant, expected, *words)


def every_value_arrives_through_one_broker():
    """Both machines at one broker."""
    replay_all()


def every_value_arrives_through_three_brokers():
    """The one machine at the first, the other at the last."""
    replay_all(*harness.THREE)


if __name__ == "__main__":
    absent = [str(file) for file in (OKUMA, DEVICES, MILL, STEEL) if not file.exists()]
    if absent:
        print(__doc__)
        print(f"skipped: not there: {', '.join(absent)}; where to get them is said above, MILLRACE_DATA names their folder")
        sys.exit(77)
    harness.main(every_value_arrives_through_one_broker, every_value_arrives_through_three_brokers)
