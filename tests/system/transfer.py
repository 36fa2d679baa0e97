#!/usr/bin/env python3
"""Values above 64 KiB through real agents and a broker: whole, refused with a reason, or announced as lost; and what they cost a
tag and a request that share a slow link with them."""
# timeout: 300
import os
import pathlib
import statistics
import subprocess
import time

import harness
import throttle
from apps import CLEAN, MILLRACE
from harness import check

PROGRAM = harness.BUILD / "tests/system/system_loads"
MAX_BYTES = 48 * 2**20
LARGEST = 16 * 2**20
LINK_BITS_S = 10_000_000
LINK_DELAY_S = 0.010  # each way
SECONDS = 4
ROUNDS = 5 if os.environ.get("MILLRACE_LONG") else 1
WHICH = 1 if os.environ.get("MILLRACE_LONG") else 0  # p99, of a machine that does nothing else; else p50
COMMAND_US = 20_000  # a request may wait so much longer than on a link of its own
WAVEFORM, FILE = 80_000, 5_000_000
FILE_LEAST = 500_000  # bytes of a file that pass the link meanwhile, whatever else does


class Bed(harness.Plant):
    """A broker and two machines that publish nothing by themselves; machine one is reached by a link, if there is one."""

    def __init__(self, link=None):
        super().__init__()
        self.link = link(self.port) if link else None
        self.machines = {name: self.agent(name, f"demo/{name}") for name in ("one", "two")}
        for name in self.machines:
            text = (self.folder / f"{name}.yaml").read_text(encoding="utf-8").replace("{interval: 1 s}", "{enabled: false}")
            if name == "one" and self.link:
                text += "directory: far.yaml\n"
            self.write(f"{name}.yaml", text)
        if self.link:
            directory = (self.folder / "directory.yaml").read_text(encoding="utf-8")
            self.write("far.yaml", directory.replace(f":{self.port}", f":{self.link.port}"))
        self.server = self.broker()

    def __enter__(self):
        if self.link:
            self.link.__enter__()
        self.server.start().wait("BROKER-START")
        for agent in self.machines.values():
            agent.start().wait("AGENT-UPLINK-UP")
        return self

    def __exit__(self, *failure):
        super().__exit__(*failure)
        if self.link:
            self.link.__exit__(*failure)

    def load(self, machine, name, *words, max_bytes=MAX_BYTES):
        """An app of loads.c, started; one that reads, with its subscription in force."""
        app = harness.Process(PROGRAM, self.socket(machine), name, max_bytes, *words, stdin=subprocess.PIPE)
        self.processes.append(app)
        app.start()
        if words[0] in ("receive", "watch"):
            app.wait("^ready")
        return app


def end(*apps):
    """Ends apps as they end by themselves."""
    for app in apps:
        app.child.stdin.close()
    for app in apps:
        app.end()


def wait_until_carried(bed, amount, *apps):
    """Waits until so many bytes have passed the link; these apps must not end meanwhile."""
    until = time.monotonic() + harness.WAIT_S
    while bed.link.carried() < amount:
        check(time.monotonic() < until, f"{bed.link.carried()} bytes of {amount} have passed the link")
        check(all(app.pump(0.01) for app in apps), "an app has ended")


# promise: live-order
def a_file_of_5_mb_arrives_intact_beside_a_tag():
    with Bed() as bed:
        reader = bed.load("two", "reader", "receive", "demo/one/file")
        watcher = bed.load("two", "watcher", "watch", "demo/one/tag")
        tag = bed.load("one", "tag", "tag", "demo/one/tag", 1000, SECONDS)
        sender = bed.load("one", "sender", "send", "demo/one/file", 5_000_000, 3)
        for _ in range(3):
            sent = sender.wait("^sent (.*)")[1]
            check(reader.wait("^(value|loss) (.*)")[2] == f"5000000 {sent}", "the same bytes arrive")
        tag.wait("^written")
        watcher.child.stdin.close()
        count, p50, p99, most, lost = watcher.wait("^ages (.*)")[1].split()
        print(f"       tag beside 3 files of 5 MB on loopback: {count} of {1000 * SECONDS}, p50 {p50} us, p99 {p99} us, most {most} us")
        check(int(lost) == 0 and int(count) == 1000 * SECONDS, "every value of the tag came")
        end(reader, tag, sender)


# promise: bounded-memory
def values_up_to_16_mib_are_taken_and_no_larger_ones():
    with Bed() as bed:
        reader = bed.load("two", "reader", "receive", "demo/one/file")
        for size in (65_536, 65_537, LARGEST):
            sender = bed.load("one", "sender", "send", "demo/one/file", size, 1)
            sent = sender.wait("^sent (.*)")[1]
            check(reader.wait("^(value|loss) (.*)")[2] == f"{size} {sent}", f"{size} bytes arrive")
            end(sender)
        sender = bed.load("one", "sender", "send", "demo/one/file", LARGEST + 1, 1)
        why = sender.wait("^refused (.*)")[1]
        check(why.startswith("22 ") and str(LARGEST) in why, f"it says why: {why}")
        end(sender, reader)


# promise: live-loss
def what_a_small_reader_has_no_memory_for_is_announced():
    with Bed() as bed:
        reader = bed.load("two", "reader", "receive", "demo/one/file", max_bytes=2**20)
        sender = bed.load("one", "sender", "send", "demo/one/file", 5_000_000, 1)
        sender.wait("^sent")
        check(reader.wait("^(value|loss) (.*)")[0].startswith("loss 1 one/sender"), "a loss of one")
        end(reader, sender)


def a_reader_killed_in_the_middle_disturbs_nobody():
    with Bed(lambda port: throttle.Link(port, LINK_BITS_S)) as bed:
        doomed = bed.load("two", "doomed", "receive", "demo/one/file")
        reader = bed.load("two", "reader", "receive", "demo/one/file")
        sender = bed.load("one", "sender", "send", "demo/one/file", 2_000_000, 2)
        sender.wait("^begins")
        wait_until_carried(bed, 500_000, sender)
        check(not doomed.lines("^value") and not sender.lines("^sent"), "it is on its way")
        doomed.kill()
        for _ in range(2):
            sent = sender.wait("^sent (.*)")[1]
            check(reader.wait("^(value|loss) (.*)")[2] == f"2000000 {sent}", "the same bytes arrive")
        end(reader, sender)


# promise: live-loss
def a_sender_killed_in_the_middle_is_announced():
    with Bed(lambda port: throttle.Link(port, LINK_BITS_S)) as bed:
        reader = bed.load("two", "reader", "receive", "demo/one/file")
        sender = bed.load("one", "sender", "send", "demo/one/file", 2_000_000, 2)
        sent = sender.wait("^sent (.*)")[1]
        sender.wait("^begins")
        bed.load("one", "small", "send", "demo/one/file", 10, 1).wait("^sent")
        sender.kill()  # the first value was accepted, the second is on its way
        reader.wait_each(f"^value 2000000 {sent}", "^loss 1 one/sender")  # the word of a loss overtakes what is on its way
        check(len(reader.lines("^value 2000000")) == 1 and len(reader.lines("^loss")) == 1, "one came and one is lost")
        end(reader)


def measure(bed, sizes, bare_bytes=0):
    """Ages of a tag at 1 kHz and of requests, beside senders of values of these sizes: ((p50, p99), (p50, p99)), in us; and the
    bytes that passed the link. bare_bytes: so many of them when there are no senders."""
    before = bed.link.carried()
    watcher = bed.load("two", "watcher", "watch", "demo/one/tag")
    served = bed.load("two", "served", "serve", "demo/two/echo")
    reader = bed.load("two", "reader", "receive", "demo/one/large/+")
    senders = [bed.load("one", f"sender{i}", "send", f"demo/one/large/{i}", size, 100_000) for i, size in enumerate(sizes)]
    tag = bed.load("one", "tag", "tag", "demo/one/tag", 1000, SECONDS)
    asker = bed.load("one", "asker", "ask", "demo/two/echo", 50, SECONDS)
    tag.wait("^written", seconds=60)
    asked = asker.wait("^ages (.*)", seconds=60)[1].split()
    watcher.child.stdin.close()
    watched = watcher.wait("^ages (.*)")[1].split()
    carried = bed.link.carried() - before
    came = [int(m[1]) for m in reader.lines(r"^value (\d+)")]
    check(not reader.lines("^loss"), "no long value is lost")
    check(watched[4] == "0" and asked[4] == "0", "nothing else is lost")
    print(f"       beside {sizes or 'nothing'}: tag p50 {watched[1]} p99 {watched[2]} us, request p50 {asked[1]} p99 {asked[2]} us, "
          f"{len(came)} long values of {sum(came)} bytes, {carried} bytes on the link")
    check(WAVEFORM not in sizes or WAVEFORM in came, "values of 80 kB arrive meanwhile")
    if FILE in sizes:
        part = carried - bare_bytes - sum(size for size in came if size != FILE)
        check(part >= FILE_LEAST, f"only {part} bytes of a file have passed the link")
    for app in (reader, served, tag, asker, *senders):
        app.discard()
    return [int(n) for n in watched[1:3]], [int(n) for n in asked[1:3]], carried


# promise: live-slow
def a_tag_and_a_request_wait_little_behind_long_values_on_a_slow_link():
    with Bed(lambda port: throttle.Link(port, LINK_BITS_S, LINK_DELAY_S)) as bed:
        loads = {"waveforms": (WAVEFORM,), "files": (FILE,), "both": (WAVEFORM, FILE)}
        for name, sizes in loads.items():
            ratios, waits = [], []
            for _ in range(ROUNDS):
                bare_tag, bare_request, bare_bytes = measure(bed, ())
                tag, request, _ = measure(bed, sizes, bare_bytes)
                ratios.append(tag[WHICH] / bare_tag[WHICH])
                waits.append(request[WHICH] - bare_request[WHICH])
            check(statistics.median(ratios) <= 2, f"{name}: the tag's age is {ratios} times that without them")
            check(statistics.median(waits) <= COMMAND_US, f"{name}: a request waits {waits} us longer")


def the_command_line_publishes_a_file():
    with Bed() as bed:
        reader = bed.load("two", "reader", "receive", "demo/one/file")
        file = pathlib.Path(bed.folder) / "big.bin"
        file.write_bytes(bytes(i * 7 % 251 for i in range(300_000)))
        harness.run(MILLRACE, "--socket", bed.socket("one"), "pub", "demo/one/file", "--file", file, env=CLEAN)
        check(reader.wait("^(value|loss) (.*)")[0].startswith("value 300000 "), "it arrives")
        end(reader)
        file.write_bytes(bytes(LARGEST + 1))
        said = harness.run(MILLRACE, "--socket", bed.socket("one"), "pub", "demo/one/file", "--file", file, env=CLEAN, status=1)
        check("16777216" in said, f"it says why: {said}")


if __name__ == "__main__":
    harness.main(
        a_file_of_5_mb_arrives_intact_beside_a_tag,
        values_up_to_16_mib_are_taken_and_no_larger_ones,
        what_a_small_reader_has_no_memory_for_is_announced,
        a_reader_killed_in_the_middle_disturbs_nobody,
        a_sender_killed_in_the_middle_is_announced,
        the_command_line_publishes_a_file,
        a_tag_and_a_request_wait_little_behind_long_values_on_a_slow_link,
    )
