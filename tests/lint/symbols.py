#!/usr/bin/env python3
"""Both libraries show only mr_* symbols, each of them declared in the public header."""
import os
import pathlib
import re
import subprocess
import sys

import house


def shown(library, *options):
    """The global symbols a library defines."""
    command = ["nm", "--defined-only", "--format=posix", *options, str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[0].split("@")[0] for row in rows if len(row) >= 2 and row[1] != "A"}  # A: the version's own name


def main():
    build = os.environ.get("MILLRACE_BUILD") or sys.exit("set MILLRACE_BUILD to a build folder")
    header = (house.ROOT / "sdk/include/millrace/millrace.h").read_text(encoding="utf-8")
    declared = set(re.findall(r"\b(mr_\w+)\s*\(", header))
    problems = []
    for name, option in (("libmillrace.so", "-D"), ("libmillrace.a", "-g")):
        library = pathlib.Path(build, "lib", name)
        if not library.exists():
            problems.append(f"{library.name}: not built")
            continue
        symbols = shown(library, option)
        if not symbols:
            problems.append(f"{name}: shows no symbol at all")
        for symbol in sorted(symbols - declared):
            problems.append(f"{name}: shows {symbol}, which millrace.h does not declare")
    house.finish(problems, "hide it: only MR_API and MR_MUST declarations of millrace.h are visible")


if __name__ == "__main__":
    main()
