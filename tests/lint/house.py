"""What the lints share: which files are ours, and how a problem is reported."""
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PRODUCT = ("base", "proto", "bus", "sdk", "agent", "broker", "cli")
SKIPPED_DIRS = {"build", ".git", "__pycache__", ".cache"}


def files(*suffixes, under=(".",)):
    """Our files with one of the suffixes ("" = any), as sorted paths relative to the root."""
    found = []
    for top in under:
        for folder, dirs, names in os.walk(ROOT / top):
            dirs[:] = [d for d in dirs if d not in SKIPPED_DIRS]
            for name in names:
                path = pathlib.Path(folder, name)
                if name.endswith(suffixes) and path.is_file() and not path.is_symlink():
                    found.append(path.relative_to(ROOT))
    return sorted(set(found))


def text_files():
    """All our files that are text: no corpora, nothing binary."""
    result = []
    for path in files(""):
        if "corpus" in path.parts or b"\0" in (ROOT / path).read_bytes()[:4096]:
            continue
        result.append(path)
    return result


def lines(path):
    """The lines of a file, without line ends."""
    return (ROOT / path).read_text(encoding="utf-8", errors="replace").splitlines()


def scripts():
    """Our shell scripts, with or without a suffix."""
    shells = ("#!/bin/sh", "#!/usr/bin/env bash", "#!/bin/bash", "#!/usr/bin/env sh")
    return [p for p in text_files() if (lines(p) or [""])[0].startswith(shells) or p.suffix == ".sh"]


def folder_of(path):
    """The folder of the house a file lives in: base/io is one of its own."""
    if path.parts[:2] == ("base", "io"):
        return "base/io"
    return path.parts[0]


def tool(name, package):
    """The path of a tool, or the end of the lint with how to install it."""
    path = shutil.which(name)
    if not path:
        sys.exit(f"{name} is missing: apt-get install {package}, or ./deploy/install-deps.sh --test")
    return path


def run(command):
    """Runs a tool in the root; ends the lint with the tool's own words when it finds something."""
    done = subprocess.run([str(c) for c in command], cwd=ROOT, check=False)
    if done.returncode != 0:
        sys.exit(f"{pathlib.Path(command[0]).name} found the above")


def finish(problems, advice=""):
    """Ends the lint: prints each problem on a line and fails, or says nothing."""
    for problem in problems:
        print(problem)
    if problems:
        sys.exit(f"{len(problems)} problem(s)" + (f"; {advice}" if advice else ""))


def generated(target, text):
    """The problem that the file at target is not this text, if so; with --write the file is written instead."""
    path = ROOT / target
    if "--write" in sys.argv:
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        return [f"{target}: out of date; run {pathlib.Path(sys.argv[0]).resolve().relative_to(ROOT)} --write"]
    return []
