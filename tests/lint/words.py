#!/usr/bin/env python3
"""No file promises work for later, and none names the machine or the mirrors it was written on."""
import pathlib
import re

import house

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|TBD|WIP)\b|\b(stub|stubbed|stubs|placeholder|not (yet )?implemented)\b")
HERE = ("tests/lint/words.py", "LICENSE")
PLACES = ("/", "/build", "/home", "/mnt", "/opt", "/root", "/src", "/srv", "/tmp", "/usr", "/usr/src", "/var")


def mirrors():
    """The hosts this machine installs packages from: read from its configuration, so that none is named here."""
    hosts = set()
    sources = [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]
    for source in sources:
        if source.is_file():
            text = source.read_text(encoding="utf-8", errors="replace")
            hosts.update(re.findall(r"https?://(?:[^/@\s]*@)?([\w.-]+)", text))
    return hosts


def machine_paths():
    """Absolute paths that mean something on this machine only."""
    here = [str(p) for p in (house.ROOT, house.ROOT.parent) if str(p) not in PLACES]
    return [re.escape(path) + r"(?![\w.-])" for path in here] + [r"/home/\w+", r"/root/\w+"]


def main():
    checks = [(UNFINISHED, "unfinished work: do it or open an issue")]
    checks.append((re.compile(r"(?<![\w./-])(" + "|".join(machine_paths()) + ")"), "a path of one machine"))
    hosts = mirrors() - {"localhost"}
    if hosts:
        pattern = r"(?<![\w.-])(" + "|".join(re.escape(h) for h in sorted(hosts)) + r")(?![\w-])"
        checks.append((re.compile(pattern), "a package mirror: derive it from /etc/apt"))
    problems = []
    for path in house.text_files():
        if str(path) in HERE:
            continue
        for number, line in enumerate(house.lines(path), 1):
            for pattern, what in checks:
                match = pattern.search(line)
                if match:
                    problems.append(f"{path}:{number}: {match[0]}: {what}")
    house.finish(problems)


if __name__ == "__main__":
    main()
