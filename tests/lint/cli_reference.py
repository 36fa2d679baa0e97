#!/usr/bin/env python3
"""docs/cli.md and cli/completion.bash are what the table of commands says; the built program prints both.

usage: MILLRACE_BUILD=<folder> cli_reference.py [--write]    --write: bring them up to date
"""
import os
import pathlib
import subprocess
import sys

import house

TARGETS = {"docs/cli.md": "markdown", "cli/completion.bash": "bash"}


def main():
    program = pathlib.Path(os.environ.get("MILLRACE_BUILD", house.ROOT / "build/dev")) / "bin/millrace"
    if not program.exists():
        print(f"skipped: {program} is not built")
        sys.exit(77)
    problems = []
    for target, form in TARGETS.items():
        done = subprocess.run([program, "help", "--form", form], capture_output=True, text=True, check=True)
        problems += house.generated(target, done.stdout)
    house.finish(problems)


if __name__ == "__main__":
    main()
