#!/usr/bin/env python3
"""Last values survive: a broker and an agent are killed and restarted; files that are old, damaged or cannot be written."""
# promise: value-forward, value-stale
import ctypes
import os
import struct
import time

import harness
from apps import TwoMachines, cli
from harness import check

XXH = ctypes.CDLL("libxxhash.so.0").XXH3_64bits_withSeed
XXH.restype = ctypes.c_uint64
XXH.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64)
MAGIC = b"MRSAVED1"
SAVED_AT = 8  # offset of the time in the content (bus/table.h)
DAY_US = 24 * 3600 * 1000000


def content_of(path):
    """What a saved file holds; its sums are checked by this second reader of base/io/savefile.h."""
    data, at, content, total = path.read_bytes(), len(MAGIC), b"", 0
    check(data.startswith(MAGIC), f"{path}: begins with {data[:8]}")
    while True:
        length, = struct.unpack_from("<I", data, at)
        piece = data[at + 4:at + 4 + length]
        total = XXH(piece, length, XXH(data[at:at + 4], 4, total))
        check(struct.unpack_from("<Q", data, at + 4 + length)[0] == total, f"{path}: the sum at {at}")
        at += 4 + length + 8
        if not length:
            check(at == len(data), f"{path}: {len(data) - at} bytes behind the end")
            return content
        content += piece


def write_content(path, content):
    """Writes a saved file, in one piece."""
    total, data = 0, MAGIC
    for piece in (content, b""):
        length = struct.pack("<I", len(piece))
        total = XXH(piece, len(piece), XXH(length, 4, total))
        data += length + piece + struct.pack("<Q", total)
    path.write_bytes(data)


def wait_for(words, what, seconds=harness.WAIT_S):
    """Until what() is true."""
    until = time.monotonic() + seconds
    while not what():
        check(time.monotonic() < until, f"not within {seconds} s: {words}")
        time.sleep(0.02)  # nobody tells


def wait_saved(plant, station, text):
    """Until the station's file holds this text."""
    path = saved_file(plant, station)
    wait_for(f"{path} holds {text}", lambda: path.exists() and text in content_of(path))


def saved_file(plant, station):
    """Of a broker or an agent."""
    return plant.folder / f"{station}-data" / "lastvalues"


def restart(process, *patterns):
    """After it was killed or stopped."""
    process.start()
    process.wait_each(*patterns)


def a_killed_broker_shows_again_what_it_had():
    with TwoMachines() as plant:
        cli(plant, "one", "pub", "./oil/temp", "48.5", "--unit", "°C")
        wait_saved(plant, "broker", b"demo/one/oil/temp")
        plant.server.kill()
        plant.agents["one"].kill()
        restart(plant.server, "BROKER-VALUES-RESTORED", "BROKER-START")
        plant.agents["two"].wait("AGENT-UPLINK-UP", seconds=5)
        reader = plant.readers["two"]
        wait_for("the value of the machine that is gone", lambda: reader.get("demo/one/count")[::2] == ("1", "stale"))
        shown = cli(plant, "two", "get", "demo/one/oil/temp")
        check("48.5" in shown and "°C" in shown, f"with its unit: {shown}")
        check(reader.get("demo/two/count")[0] == "1", "and that of the machine that is here")


def what_was_cleared_does_not_come_back():
    with TwoMachines() as plant:
        for topic in ("./gone", "./kept"):
            cli(plant, "one", "pub", topic, "5", "--keep")
        wait_saved(plant, "one", b"demo/one/gone")
        plant.server.stop()
        cli(plant, "one", "pub", "./gone", "--clear")
        plant.agents["one"].kill()
        restart(plant.agents["one"], "AGENT-VALUES-RESTORED", "AGENT-START")
        shown = cli(plant, "one", "get", "demo/one/#")
        check("demo/one/kept" in shown and "demo/one/gone" not in shown, shown)
        restart(plant.server, "BROKER-START")
        for name in plant.agents:
            plant.agents[name].wait("AGENT-UPLINK-UP")
        reader = plant.readers["two"]
        wait_for("what was kept, at the other machine", lambda: reader.get("demo/one/kept")[::2] == ("5", "stale"))
        check(len(reader.get("demo/one/gone")) == 1, "what was cleared, at the other machine")


def stop_with_a_value(plant):
    """The broker has a value of machine one, and is stopped; machine one is gone. The file, and its content."""
    plant.agents["one"].stop()
    plant.server.stop()
    path = saved_file(plant, "broker")
    content = content_of(path)
    check(b"demo/one/count" in content, "saved at the end")
    return path, content


def a_table_that_is_too_old_is_not_merged():
    with TwoMachines() as plant:
        path, content = stop_with_a_value(plant)
        saved, = struct.unpack_from("<q", content, SAVED_AT)
        for days, says in ((5, "BROKER-VALUES-RESTORED"), (7, "BROKER-VALUES-NOT-RESTORED.*saved 7 days ago"),
                           (-1, "BROKER-VALUES-NOT-RESTORED.*clock")):
            earlier = struct.pack("<q", saved - days * DAY_US)
            write_content(path, content[:SAVED_AT] + earlier + content[SAVED_AT + 8:])
            restart(plant.server, says, "BROKER-START")
            plant.server.kill()


def a_damaged_table_is_set_aside():
    with TwoMachines() as plant:
        path, _ = stop_with_a_value(plant)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x10
        path.write_bytes(data)
        restart(plant.server, "BROKER-VALUES-DAMAGED", "BROKER-START")
        check(not path.exists() and path.with_name("lastvalues.bad").read_bytes() == data, "kept as lastvalues.bad")
        plant.agents["two"].wait("AGENT-UPLINK-UP")
        check(cli(plant, "two", "get", "demo/two/count"), "and goes on")
        plant.server.stop()
        check(b"demo/two/count" in content_of(path), "and saves again")


def an_agent_with_a_full_disk_goes_on():
    with TwoMachines() as plant:
        agent, folder = plant.agents["one"], plant.folder / "one-data"
        agent.stop()
        harness.run("mount", "-t", "tmpfs", "-o", "size=64k", "millrace-test", folder)
        try:
            agent.start().wait("AGENT-START")
            (folder / "filler").write_bytes(bytes(64 * 1024 - 3 * 4096))
            (folder / "more").write_bytes(b"x")
            cli(plant, "one", "pub", "./x", "1", "--keep")
            for _ in range(3):
                cli(plant, "one", "pub", "./x", "--clear")
            check(len(agent.lines("AGENT-VALUES-NOT-SAVED")) == 1, "warned once")
            (folder / "filler").unlink()
            cli(plant, "one", "pub", "./x", "--clear")
            agent.wait("AGENT-VALUES-SAVED-AGAIN")
            agent.stop()
        finally:
            harness.run("umount", "-l", folder)


if __name__ == "__main__":
    TESTS = [a_killed_broker_shows_again_what_it_had, what_was_cleared_does_not_come_back,
             a_table_that_is_too_old_is_not_merged, a_damaged_table_is_set_aside]
    if os.geteuid() == 0:
        TESTS.append(an_agent_with_a_full_disk_goes_on)
    else:
        print("not run: an_agent_with_a_full_disk_goes_on: it mounts a small disk, which needs root")
    harness.main(*TESTS)
