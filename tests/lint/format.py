#!/usr/bin/env python3
"""The sources are as clang-format 14 writes them (Debian 12's; other versions differ in details and are not asked)."""
import re
import subprocess
import sys

import house


def main():
    tool = house.tool("clang-format", "clang-format")
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    major = re.search(r"version (\d+)", version)
    if not major or major[1] != "14":
        print(f"skipped: needs clang-format 14, this is {version.strip()}")
        sys.exit(77)
    sources = house.files(".c", ".h", ".cc", under=house.PRODUCT + ("tests",))
    if sources:
        house.run([tool, "--dry-run", "--Werror", "--ferror-limit=1", *sources])


if __name__ == "__main__":
    main()
