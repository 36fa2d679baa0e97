"""Runs a test in namespaces of its own: when it ends, however it ends, its processes and mounts end with it."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys

SKIPPED = 77
INSIDE = "MILLRACE_SANDBOX"


def begin(*tools):
    """Ends the test when it cannot run: skipped without root, failed with root but without the tools."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # and so clean up
    if os.geteuid() != 0:
        print("needs root for namespaces, mounts and package installation")
        sys.exit(SKIPPED)
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        sys.exit(f"missing: {' '.join(missing)}; ./deploy/install-deps.sh --test installs them")


def is_inside():
    """Whether this is the process that enter() started."""
    return INSIDE in os.environ


def enter(*more):
    """Runs this script again as first process of new mount, process and IPC namespaces, on the machine's network unless
    more says --net."""
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc", "--uts", *more]
    return subprocess.run([*command, sys.executable, *sys.argv], env=os.environ | {INSIDE: "1"}, check=False).returncode


def offline(command):
    """The command in a network of its own that has nothing but loopback."""
    return ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "offline", *command]


def mount(kind, target, *options):
    """Mounts a new file system of a kind that needs no device."""
    pathlib.Path(target).mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", kind, *options, kind, target], check=True)


def others():
    """Command lines of the processes that live in this process namespace besides its first one."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if folder.name != "1" and ") Z " not in (folder / "stat").read_text("utf-8"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except FileNotFoundError:
            continue # it ended meanwhile
    return found


def overlay(target, scratch):
    """Lets everything below target be read as it is, and written into scratch instead."""
    upper, work = pathlib.Path(scratch, "upper"), pathlib.Path(scratch, "work")
    for folder in (upper, work):
        folder.mkdir(parents=True)
    options = f"lowerdir={target},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", target], check=True)
