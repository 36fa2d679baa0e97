#!/usr/bin/env python3
"""clang-tidy finds nothing in the product. What it has found clean it asks again only when the code or the rules change."""
# timeout: 900
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

import house

CLEAN = "lint-tidy-clean.txt"  # in the build folder: a hash for each source found clean


def sources_of(build):
    """(path, compile command as a list, its directory) of every source of the product in this build."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    for command in commands:
        path = pathlib.Path(command["file"])
        if path.is_relative_to(house.ROOT) and path.relative_to(house.ROOT).parts[0] in house.PRODUCT:
            yield path, shlex.split(command["command"]), command["directory"]


def fingerprint(tool, path, command, directory):
    """A hash of all clang-tidy would read: the preprocessed source, the rules and the tool."""
    keep = [a for a in command[1:] if not a.startswith("-M") and not a.endswith((".d", ".o")) and a not in ("-c", "-o")]
    done = subprocess.run(["clang", "-E", "-w", *keep], cwd=directory, capture_output=True, check=False)
    rules = (house.ROOT / ".clang-tidy").read_bytes()
    return hashlib.sha256(tool.encode() + rules + str(path).encode() + done.stdout + done.stderr).hexdigest()


def check(tool, build, path, command, directory, clean):
    """(fingerprint, what clang-tidy said or "")"""
    mark = fingerprint(tool, path, command, directory)
    if mark in clean:
        return mark, ""
    asked = [tool, "--quiet", "-p", str(build), str(path)]
    done = subprocess.run(asked, cwd=house.ROOT, capture_output=True, text=True, check=False)
    return mark, done.stdout if done.returncode != 0 else ""


def main():
    tool = house.tool("clang-tidy", "clang-tidy")
    house.tool("clang", "clang")
    build = pathlib.Path(os.environ.get("MILLRACE_BUILD") or sys.exit("set MILLRACE_BUILD to a build folder"))
    remembered = build / CLEAN
    clean = set(remembered.read_text(encoding="utf-8").split()) if remembered.exists() else set()
    unique = {path: (path, command, directory) for path, command, directory in sources_of(build)}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda s: check(tool, build, *s, clean), unique.values()))
    remembered.write_text("\n".join(mark for mark, said in results if not said) + "\n", encoding="utf-8")
    house.finish([said for _, said in results if said])


if __name__ == "__main__":
    main()
