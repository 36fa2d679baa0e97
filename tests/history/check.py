"""Decides whether the histories of a run keep the promises of the live plane and of last values; knows no product code.

    python3 tests/history/check.py FOLDER [--calm] [--agree DUMP] [--told-s N] [--grace-s N] [--dead-s N] [--harm-s N] [--span-s N]

Prints a line per finding (rule, publisher, numbers, where) and the figures; exit 1 if there is a finding. README.md says what
each rule means.
"""
import argparse
import bisect
import dataclasses
import sys

import history
from history import BROKER, LINK, SLOW_READER

US = 1_000_000
IN_FLIGHT_US = US  # a message takes no longer while nothing is broken
PRINTED = 50  # findings: the first say what is wrong


@dataclasses.dataclass
class Options:
    """What is known about the run."""
    calm: bool = False  # nothing broke: no loss may be told
    agree: int = 0  # number of the dump in which all readers must hold the same; 0: none
    told_s: float = 3  # a loss has been told so long after the message at the latest
    grace_s: float = 15  # a loss of a link may be told so long after the fault was mended
    dead_s: float = 8  # and a value of a writer that ended so long ago is shown as stale
    harm_s: float = 3  # messages handed over so soon after a fault was mended may be missing
    span_s: float = 30  # two unknown losses this far apart at most may be the ends of one span


@dataclasses.dataclass
class Finding:
    """A promise that was not kept."""
    rule: str
    publisher: str
    numbers: str
    where: str
    words: str = ""

    def __str__(self):
        return f"{self.rule}: {self.publisher} {self.numbers} at {self.where}" + (f": {self.words}" if self.words else "")


@dataclasses.dataclass
class Stretch:
    """Between two live messages of one writer, or before the first or after the last: some are missing here."""
    key: tuple
    publisher: str
    after: int  # index of the run before, -1: none
    before: int  # index of the run behind, beyond all: none
    since_us: int
    until_us: int
    missing: int = 0  # never given
    not_live: int = 0  # given in a snapshot at best
    first: int = 0
    last: int = 0
    unharmed: str = ""  # numbers that nothing broken was in the way of

    def numbers(self):
        """For people."""
        return f"{self.first}..{self.last} ({self.missing})"


def ranges_of(bits):
    """(first, last) of every row of ones."""
    begin = bits.find(1)
    while begin >= 0:
        end = bits.find(0, begin)
        end = len(bits) if end < 0 else end
        yield begin, end - 1
        begin = bits.find(1, end)


def without(bits, others):
    """The ones of the first that are not in the second; both of one length."""
    return (int.from_bytes(bits, "little") & ~int.from_bytes(others, "little")).to_bytes(len(bits), "little")


def matches(pattern, topic):
    """Whether a filter matches a topic."""
    levels, wanted = topic.split("/"), pattern.split("/")
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place == len(levels) or level not in ("+", levels[place]):
            return False
    return len(levels) == len(wanted)


class Judge:
    """One subscription and one life of a writer at a time."""

    def __init__(self, histories, options):
        self.histories = histories
        self.options = options
        self.findings = []
        self.figures = {"published": 0, "expected": 0, "given": 0, "missing": 0, "told exactly": 0, "told as a bound": 0,
                        "told as unknown": 0, "in spans": 0, "losses": 0}
        self.highest = {}  # (writer, life) → the highest number anybody was given
        self.publishers = {}  # (writer, life) → its name, as shown

    def find(self, *words):
        """Notes a finding."""
        self.findings.append(Finding(*words))

    def run(self):
        """All rules; self."""
        for sub in self.histories.subscriptions:
            for given in sub.runs:
                self.highest[given.key] = max(self.highest.get(given.key, 0), given.last)
                self.publishers.setdefault(given.key, given.publisher)
        taken = {key: life.published() for key, life in self.histories.lives.items()}
        self.figures["published"] = sum(sum(bits) for bits in taken.values())
        for sub in self.histories.subscriptions:
            self.check_subscription(sub, taken)
        if self.options.agree:
            self.check_values()
        return self

    # -- what was given --
    def check_subscription(self, sub, taken):
        """All rules for what one subscription was given."""
        for words in sub.wrong:
            self.find("damaged", "?", words, sub.name)
        by_key = {}
        for given in sub.runs:
            by_key.setdefault(given.key, []).append(given)
        for key in by_key:
            if key not in self.histories.lives:
                self.find("phantom", f"writer {key}", "all", sub.name, "no such writer")
        self.check_order(sub)
        stretches = []
        for key, life in sorted(self.histories.lives.items()):
            runs = by_key.get(key, [])
            self.check_phantom(sub, life, taken[key], runs)
            if life.is_kept:
                self.check_backwards(sub, life, runs)
            stretches += self.stretches(sub, life, taken[key], runs)
        self.check_losses(sub, stretches)

    def check_phantom(self, sub, life, taken, runs):
        """Given is only what the SDK took."""
        for given in runs:
            self.figures["given"] += (given.last - given.first) // given.step + 1
            row = taken[given.first:given.last + 1:given.step]
            if given.last >= len(taken) or 0 in row:
                self.find("phantom", given.publisher, f"{given.first}..{given.last}", sub.name, "never published")
            if not life.is_kept and not given.is_live:
                self.find("phantom", given.publisher, f"{given.first}..{given.last}", sub.name, "a last value that was not kept")

    def check_order(self, sub):
        """Live messages of a publisher in the order they were published, each once."""
        last, seen = {}, {}
        for given in sub.runs:
            if not given.is_live:
                continue
            number, version = last.get(given.key[0], ((0, 0), (0, 0)))
            now = (given.key[1], given.first)
            if now <= number:
                rule = "duplicate" if self.was_given(seen.get(given.key, []), given) else "disorder"
                self.find(rule, given.publisher, f"{given.first}..{given.last} after {number[1]}", sub.name)
            if (given.birth, given.first_seq) <= version:
                self.find("version", given.publisher, f"{given.birth:#x}/{given.first_seq} after {version}", sub.name)
            last[given.key[0]] = (max(number, (given.key[1], given.last)), max(version, (given.birth, given.last_seq)))
            seen.setdefault(given.key, []).append(given)

    @staticmethod
    def was_given(earlier, given):
        """Whether any of these numbers was there before."""
        numbers = set(range(given.first, given.last + 1, given.step))
        return any(not numbers.isdisjoint(range(e.first, e.last + 1, e.step)) for e in earlier)

    def check_backwards(self, sub, life, runs):
        """No last value goes back; the same one comes again only in a snapshot, or because it went stale or fresh."""
        last = {}
        for given in runs:
            numbers = range(given.first, given.last + 1, given.step)
            for number in numbers[:life.topics]:
                before = last.get((number - 1) % life.topics, 0)
                if number < before or (number == before and given.is_live):
                    self.find("backwards", given.publisher, f"{number} after {before}", sub.name, life.topic(number))
            for number in numbers[-life.topics:]:
                place = (number - 1) % life.topics
                last[place] = max(last.get(place, 0), number)

    # -- what was not --
    def expected(self, sub, life, taken):
        """A bytearray with a 1 at every number that this subscription must be given or be told of."""
        bits = bytearray(taken)
        begin = life.last_before(sub.complete_us) if sub.complete_us else life.last
        end = life.last_before(sub.last_us - int(self.options.told_s * US))
        if not life.is_closed:  # killed, or still running: what nobody was given may never have left it
            end = min(end, self.highest.get(life.key, 0))
        bits[:begin + 1] = bytes(begin + 1)
        bits[end + 1:] = bytes(max(len(bits) - end - 1, 0))
        for place in range(life.topics):
            if not matches(sub.filter, f"{life.base}/t{place}"):
                bits[place + 1::life.topics] = bytes(len(bits[place + 1::life.topics]))
        return bits

    def stretches(self, sub, life, taken, runs):
        """Where messages of this life are missing."""
        bits = self.expected(sub, life, taken)
        self.figures["expected"] += sum(bits)
        got, got_live = bytearray(len(bits)), bytearray(len(bits))
        for given in runs:
            if given.last < len(bits):
                row = b"\1" * ((given.last - given.first) // given.step + 1)
                got[given.first:given.last + 1:given.step] = row
                if given.is_live:
                    got_live[given.first:given.last + 1:given.step] = row
        live = sorted((given for given in runs if given.is_live), key=lambda given: given.first)
        found = {}
        for first, last in ranges_of(without(bits, got)):
            stretch = self.stretch_of(sub, life, live, first, found)
            stretch.missing += last - first + 1
            stretch.first = min(stretch.first or first, first)
            stretch.last = max(stretch.last, last)
            if not self.is_harmed(sub, stretch.publisher, life.at_us(first)) or not self.is_harmed(sub, stretch.publisher, life.at_us(last)):
                stretch.unharmed = stretch.unharmed or f"{first}..{last}"
        for first, last in ranges_of(without(bits, got_live)):
            self.stretch_of(sub, life, live, first, found).not_live += last - first + 1
        return list(found.values())

    def is_harmed(self, sub, publisher, at_us):
        """Whether something was broken on the way of a message. Where nobody noted who was where, nobody knows."""
        if not self.histories.places:
            return True
        way = self.histories.way(publisher, sub.reader, at_us)
        harm_us = int(self.options.harm_s * US)
        return any(fault.hits(way, at_us, IN_FLIGHT_US, harm_us) for fault in self.histories.faults)

    def stretch_of(self, sub, life, live, number, found):
        """The stretch in which a number should have been."""
        behind = bisect.bisect_right([given.first for given in live], number)
        after = live[behind - 1] if behind else None
        before = after if after and after.last > number else live[behind] if behind < len(live) else None
        place = (after.index if after else -1, before.index if before else 1 << 62)
        if place not in found:
            found[place] = Stretch(life.key, self.publishers.get(life.key, f"?/{life.name}"), *place,
                                   after.last_us if after else sub.asked_us, before.first_us if before else sub.last_us)
        return found[place]

    # -- what was said --
    def check_losses(self, sub, stretches):
        """Missing is what was announced, announced is what is missing."""
        self.figures["losses"] += len(sub.losses)
        used = {}
        for stretch in stretches:
            told = [loss for loss in sub.losses if stretch.after < loss.index < stretch.before and loss.concerns(stretch.publisher)]
            for loss in told:
                used.setdefault(loss.index, []).append(stretch)
            if stretch.missing:
                self.check_told(sub, stretch, told)
            if stretch.unharmed and not any(loss.cause == SLOW_READER for loss in told):
                self.find("collateral", stretch.publisher, stretch.unharmed, sub.name, "nothing was broken on its way")
        for loss in sub.losses:
            self.check_loss(sub, loss, used.get(loss.index, []))
        self.check_exact(sub, used)

    def check_told(self, sub, stretch, told):
        """What is missing has been told, and not as less than it is."""
        self.figures["missing"] += stretch.missing
        if any(loss.count == 0 for loss in told):
            self.figures["told as unknown"] += stretch.missing
        elif told:
            counted = sum(loss.count for loss in told)
            kind = "told exactly" if all(loss.cause == SLOW_READER for loss in told) else "told as a bound"
            self.figures[kind] += stretch.missing
            if counted < stretch.missing:
                self.find("undercounted", stretch.publisher, stretch.numbers(), sub.name, f"told were {counted}")
        elif self.is_in_span(sub, stretch):
            self.figures["in spans"] += stretch.missing
        else:
            self.find("untold", stretch.publisher, stretch.numbers(), sub.name,
                      f"between {stretch.since_us / US:.3f} and {stretch.until_us / US:.3f}")

    def is_in_span(self, sub, stretch):
        """Whether an unknown loss of everybody's opened before and another closes behind, with no calm between."""
        ends = [loss for loss in sub.losses if loss.publisher == history.ANYONE and loss.count == 0]
        opened = [loss for loss in ends if loss.index <= stretch.after]
        closed = [loss for loss in ends if loss.index >= stretch.before]
        if not opened or not closed:
            return False
        since_us, until_us = opened[-1].at_us, closed[0].at_us
        is_calm = any(since_us < at_us < until_us for at_us in self.histories.calm_us)
        return not is_calm and until_us - since_us <= self.options.span_s * US

    def check_loss(self, sub, loss, stretches):
        """Nothing is announced while nothing broke, and no queue was full where all has arrived."""
        numbers = f"count {loss.count}, cause {loss.cause} ({loss.text})"
        where = f"{sub.name} {loss.at_us / US:.3f}"
        if self.options.calm:
            self.find("false-loss", loss.publisher, numbers, where, "nothing broke")
        elif loss.cause in (LINK, BROKER) and not self.is_after_fault(loss.at_us):
            self.find("false-loss", loss.publisher, numbers, where, "nothing had broken then")
        elif loss.cause == SLOW_READER and loss.count and not stretches and loss.at_us > sub.complete_us > 0:
            self.find("false-loss", loss.publisher, numbers, where, "all has arrived")

    def is_after_fault(self, at_us):
        """Whether something was broken then, or shortly before. Without a history of the script nobody knows."""
        grace_us = int(self.options.grace_s * US)
        return not self.histories.faults or any(
            fault.since_us <= at_us <= fault.until_us + grace_us for fault in self.histories.faults)

    def check_exact(self, sub, used):
        """What a ring counted is exactly what is missing there; a number given later as last value may be counted."""
        by_index = {loss.index: loss for loss in sub.losses}
        groups = {}
        for index, stretches in used.items():
            for stretch in stretches:
                groups.setdefault((stretch.key, stretch.after, stretch.before), (stretch, []))[1].append(by_index[index])
        for stretch, losses in groups.values():
            is_claimed = all(loss.cause == SLOW_READER and loss.count and loss.publisher == stretch.publisher for loss in losses)
            counted = sum(loss.count for loss in losses)
            if is_claimed and stretch.after >= 0 and not stretch.missing <= counted <= stretch.not_live:
                self.find("inexact", stretch.publisher, stretch.numbers(), sub.name, f"told were {counted}")

    # -- last values --
    def check_values(self):
        """At the end all hold the same, the newest, fresh or stale as its writer is."""
        held = self.histories.dumps.get(self.options.agree, {})
        if not held:
            self.find("no-dump", "?", str(self.options.agree), "all readers")
        by_topic = {}
        for reader, values in held.items():
            for value in values:
                by_topic.setdefault((value.topic, value.publisher), {})[reader] = value
        for (topic, publisher), values in sorted(by_topic.items()):
            self.check_same(topic, publisher, values, held)
            for reader, value in values.items():
                self.check_stale(reader, value)
        for life in self.histories.lives.values():
            self.check_newest(life, by_topic, held)

    def check_same(self, topic, publisher, values, held):
        """Every reader whose filter matches has it, in the same version."""
        readers = {sub.reader for sub in self.histories.subscriptions if sub.reader in held and matches(sub.filter, topic)}
        versions = {reader: (*values[reader].key, values[reader].number) for reader in values}
        kept = any(self.histories.lives[value.key].is_kept for value in values.values() if value.key in self.histories.lives)
        if kept and (len(set(versions.values())) > 1 or readers - set(versions)):
            self.find("disagree", publisher, str(versions), topic, f"not at {sorted(readers - set(versions))}")

    def check_newest(self, life, by_topic, held):
        """What was written last is what is held, unless a later life has written since."""
        at_us = min((value.at_us for values in held.values() for value in values), default=0)
        is_latest = not any(key[0] == life.writer and key[1] > life.number for key in self.histories.lives)
        if not life.is_kept or not is_latest or life.last_us < at_us and not life.is_closed:
            return
        for topic, number in life.newest_by_topic(at_us).items():
            values = {reader: value for (t, _), found in by_topic.items() if t == topic for reader, value in found.items()}
            if not values:
                self.find("not-newest", life.name, str(number), topic, "held by nobody")
            for reader, value in values.items():
                if value.key[0] == life.writer and (value.key[1], value.number) != (life.number, number):
                    self.find("not-newest", value.publisher, f"{value.number} instead of {number}", f"{reader} {topic}")

    def check_stale(self, reader, value):
        """Stale when its writer's session has ended, fresh while it lives."""
        life = self.histories.lives.get(value.key)
        if life is None or not life.is_kept:
            return
        is_stale = bool(value.flags & history.STALE)
        if life.last_us > value.at_us and is_stale:
            self.find("stale", value.publisher, str(value.number), f"{reader} {value.topic}", "its writer lives")
        elif life.last_us < value.at_us - self.options.dead_s * US and not is_stale:
            self.find("fresh", value.publisher, str(value.number), f"{reader} {value.topic}", "its writer is gone")


def check(folder, options=None):
    """The findings and figures of a folder of histories."""
    judge = Judge(history.Histories(folder), options or Options()).run()
    return judge.findings, judge.figures


def main():
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--calm", action="store_true", help="nothing broke: no loss may be announced")
    parser.add_argument("--agree", type=int, default=0, metavar="DUMP", help="all readers hold the same in this dump")
    for name, default in (("told", 3), ("grace", 15), ("dead", 8), ("harm", 3), ("span", 30)):
        parser.add_argument(f"--{name}-s", type=float, default=default, help="see Options in check.py")
    asked = parser.parse_args()
    findings, figures = check(asked.folder, Options(**{k: v for k, v in vars(asked).items() if k != "folder"}))
    for finding in findings[:PRINTED]:
        print(finding)
    if len(findings) > PRINTED:
        print(f"… and {len(findings) - PRINTED} more")
    print(", ".join(f"{name} {number:,}" for name, number in figures.items()))
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
