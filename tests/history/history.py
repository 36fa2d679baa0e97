"""Histories of a run, read back: what every writer published and what every subscription was given (README.md)."""
import bisect
import dataclasses
import pathlib

VERSION = "1"
KEEP, CLEAR, BACKFILL, SNAPSHOT, STALE = 1, 2, 4, 8, 16
SLOW_READER, LINK, BROKER = 1, 2, 3
ANYONE = "*"


class Malformed(Exception):
    """A line that no recorder writes."""


@dataclasses.dataclass
class Life:
    """One process of a writer. Message n, from 1, is on topic BASE/tK with K = (n - 1) % topics."""
    name: str
    writer: int = 0
    number: int = 0  # the how manyth life of this writer
    base: str = ""
    topics: int = 1
    is_kept: bool = False
    is_closed: bool = False  # it ended orderly
    last_us: int = 0
    runs: list = dataclasses.field(default_factory=list)  # (at_us, first, last) handed to the SDK
    refused: list = dataclasses.field(default_factory=list)  # (first, last) not taken

    @property
    def key(self):
        """Writer and life, as messages carry them."""
        return self.writer, self.number

    @property
    def last(self):
        """The highest number it handed over."""
        return self.runs[-1][2] if self.runs else 0

    def published(self):
        """A bytearray with a 1 at every number that the SDK took."""
        bits = bytearray(self.last + 1)
        for _, first, last in self.runs:
            bits[first:last + 1] = b"\1" * (last + 1 - first)
        for first, last in self.refused:
            bits[first:last + 1] = bytes(last + 1 - first)
        return bits

    def at_us(self, number):
        """When it handed a message over."""
        index = bisect.bisect_right(self.runs, number, key=lambda run: run[1])
        return self.runs[max(index - 1, 0)][0]

    def last_before(self, at_us):
        """The highest number handed over before a moment, 0 for none."""
        index = bisect.bisect_left(self.runs, (at_us,))
        return self.runs[index - 1][2] if index else 0

    def topic(self, number):
        """The topic of a message."""
        return f"{self.base}/t{(number - 1) % self.topics}"

    def newest_by_topic(self, before_us):
        """{topic: number} of what it published last on each topic before a moment, what was refused left out."""
        taken, newest = self.published(), {}
        number = self.last_before(before_us)
        while number > 0 and len(newest) < self.topics:
            if taken[number]:
                newest.setdefault(self.topic(number), number)
            number -= 1
        return newest


@dataclasses.dataclass
class Given:
    """Messages of one writer given one after the other: first, first + step … last."""
    index: int  # its place among the events of the subscription
    first_us: int
    last_us: int
    key: tuple
    publisher: str
    birth: int
    flags: int
    first_seq: int
    last_seq: int
    first: int
    last: int
    step: int

    @property
    def is_live(self):
        """Neither of a snapshot nor given again because it went stale or fresh."""
        return not self.flags & (SNAPSHOT | STALE)


@dataclasses.dataclass
class Loss:
    """An announcement."""
    index: int
    at_us: int
    publisher: str  # ANYONE: anybody's
    count: int  # 0: not known
    cause: int
    text: str

    def concerns(self, publisher):
        """Whether messages of this publisher may be meant: its own, its machine's, anybody's."""
        return self.publisher in (ANYONE, publisher, publisher.partition("/")[0])


@dataclasses.dataclass
class Subscription:
    """What one subscription of a reader was given, in order."""
    reader: str
    number: int
    filter: str
    asked_us: int
    complete_us: int = 0  # the first end of its snapshot
    last_us: int = 0
    runs: list = dataclasses.field(default_factory=list)
    losses: list = dataclasses.field(default_factory=list)
    wrong: list = dataclasses.field(default_factory=list)  # in words
    lives: list = dataclasses.field(default_factory=list)  # (at_us, publisher, is it a birth)

    @property
    def name(self):
        """For people."""
        return f"{self.reader}:{self.filter}"


@dataclasses.dataclass
class Fault:
    """Something was broken."""
    since_us: int
    until_us: int
    targets: list  # what it hit, "mr1+mr3": what is between the two; none: everything

    def hits(self, way, at_us, before_us, after_us):
        """Whether what went this way at a moment may have suffered."""
        return (self.since_us - before_us <= at_us <= self.until_us + after_us
                and (not self.targets or any(way.issuperset(target.split("+")) for target in self.targets)))


@dataclasses.dataclass
class Value:
    """What a reader held as last value of a topic by a publisher when it was asked."""
    at_us: int
    topic: str
    publisher: str
    flags: int
    key: tuple
    number: int


class Histories:
    """All histories of a folder."""

    def __init__(self, folder):
        self.lives = {}  # (writer, life) → Life
        self.subscriptions = []
        self.dumps = {}  # number of the dump → {reader: [Value]}
        self.faults = []
        self.places = {}  # machine or app → [(at_us, where it was then)]
        self.calm_us = []  # moments at which everything was at rest and told
        for path in sorted(pathlib.Path(folder).glob("*.history")):
            self.read(path)

    def read(self, path):
        """Adds one file. A line cut off by the kill of its app is left out."""
        text = path.read_text(encoding="utf-8")
        lines = text[:text.rfind("\n") + 1].splitlines()
        if not lines:
            return
        magic, version, role, name = lines[0].split()[:4]
        if magic != "millrace-history" or version != VERSION:
            raise Malformed(f"{path}: not a history of version {VERSION}")
        reader = {"writer": self.read_writer, "reader": self.read_reader, "script": self.read_script}[role]
        try:
            reader(name, [line.split(" ") for line in lines[1:]])
        except (ValueError, IndexError, KeyError) as error:
            raise Malformed(f"{path}: {error}") from error

    def read_writer(self, name, lines):
        """What a writer.c wrote."""
        life = Life(name)
        for kind, at_us, *words in lines:
            life.last_us = int(at_us)
            if kind == "w":
                life.writer, life.number, life.topics = (int(word) for word in words[:3])
                life.is_kept, life.base = words[3] == "kept", words[4]
                if life.key in self.lives:
                    raise ValueError(f"a second history of writer {life.writer}, life {life.number}")
                self.lives[life.key] = life
            elif kind == "p":
                life.runs.append((int(at_us), int(words[0]), int(words[1])))
            elif kind == "x":
                life.refused.append((int(words[0]), int(words[1])))
            elif kind == "z":
                life.is_closed = True

    def read_reader(self, name, lines):
        """What a reader.c wrote."""
        subs, held = {}, {}
        at_us = 0
        for index, (kind, stamp, *words) in enumerate(lines):
            at_us = int(stamp)
            if kind == "s":
                subs[int(words[0])] = Subscription(name, int(words[0]), words[1], at_us)
            elif kind == "v":
                held.setdefault(int(words[0]), []).append(
                    Value(at_us, words[2], words[3], int(words[4]), (int(words[5]), int(words[6])), int(words[7])))
            elif kind == "V":
                self.dumps.setdefault(int(words[0]), {})[name] = held.pop(int(words[0]), [])
            elif kind == "d":
                numbers = [int(word) for word in words[5:]]
                subs[int(words[1])].runs.append(
                    Given(index, at_us, int(words[0]), (int(words[2]), int(words[3])), words[4], *numbers))
                at_us = int(words[0])
            elif kind in "lcbme?":
                self.read_notice(subs[int(words[0])], index, at_us, kind, words[1:])
        for sub in subs.values():
            sub.last_us = at_us
            self.subscriptions.append(sub)

    @staticmethod
    def read_notice(sub, index, at_us, kind, words):
        """A line of a reader that is no message."""
        if kind == "l":
            sub.losses.append(Loss(index, at_us, words[0], int(words[1]), int(words[2]), " ".join(words[3:])))
        elif kind == "c":
            sub.complete_us = sub.complete_us or at_us
        elif kind in "bm":
            sub.lives.append((at_us, words[0], kind == "b"))
        else:
            sub.wrong.append(" ".join(words))

    def read_script(self, _, lines):
        """What the test itself did."""
        broken = {}
        for kind, at_us, *words in lines:
            if kind == "f":
                broken[words[0]] = Fault(int(at_us), 1 << 62, words[1:])
                self.faults.append(broken[words[0]])
            elif kind == "h":
                broken[words[0]].until_us = int(at_us)
            elif kind == "calm":
                self.calm_us.append(int(at_us))
            elif kind == "at":
                self.places.setdefault(words[0], []).append((int(at_us), words[1]))

    def where(self, who, at_us):
        """Where a machine or app was at a moment: what was noted last before and first behind it."""
        noted = self.places.get(who, [])
        index = bisect.bisect_right(noted, (at_us,))
        return {place for _, place in noted[max(index - 1, 0):index + 1]}

    def way(self, publisher, reader, at_us):
        """Machines and brokers between a publisher and a reader at a moment."""
        machines = {publisher.partition("/")[0], *self.where(reader, at_us)}
        return machines.union(*(self.where(machine, at_us) for machine in machines))
