#!/usr/bin/env python3
"""On a clean Debian, deploy/quickstart shows this machine's values twice and leaves nothing behind; tests/run is green."""
# timeout: 3600
# once: it builds for itself
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import sys

import clean_debian
import sandbox

ROOT = clean_debian.SOURCE / "build" / "chroot"
CHECKOUT = pathlib.Path("srv/millrace")
SECONDS = 15
VALUES = 30
HEADER = ("TOPIC", "VALUE", "UNIT", "QUALITY", "AGE")
KERNEL = ("proc", "sys", "dev")
NO_PACKAGES = ("home", "opt", "root", "run", "srv", "tmp", "var/tmp")  # where packages put nothing
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
IN_CHROOT = "MILLRACE_IN_CHROOT"  # set for the suite in the chroot, so that it does not make another one


def unpack():
    """The clean system with what is committed here, and with this machine's way to names."""
    shutil.rmtree(ROOT, ignore_errors=True)
    (ROOT / CHECKOUT).mkdir(parents=True)
    subprocess.run(["tar", "-xf", clean_debian.base_tar(), "-C", ROOT], check=True)
    for name in ("resolv.conf", "hosts"):
        shutil.copy(pathlib.Path("/etc", name), ROOT / "etc" / name)
    archive = ["git", "-c", "safe.directory=*", "-C", clean_debian.SOURCE, "archive", "HEAD"]
    tar = subprocess.run(archive, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", ROOT / CHECKOUT], check=True, input=tar)


def mount_kernel():
    """/proc, /sys and /dev as a booted machine has them."""
    sandbox.mount("proc", ROOT / "proc")
    subprocess.run(["mount", "--rbind", "-o", "ro", "/sys", ROOT / "sys"], check=True)
    sandbox.mount("tmpfs", ROOT / "dev", "-o", "mode=755")
    sandbox.mount("tmpfs", ROOT / "dev/shm", "-o", "mode=1777")
    sandbox.mount("devpts", ROOT / "dev/pts", "-o", "newinstance,ptmxmode=666,mode=620")
    for name, (major, minor) in DEVICES.items():
        os.mknod(ROOT / "dev" / name, stat.S_IFCHR, os.makedev(major, minor))
        (ROOT / "dev" / name).chmod(0o666)
    for name, target in (("fd", "/proc/self/fd"), ("ptmx", "pts/ptmx")):
        (ROOT / "dev" / name).symlink_to(target)


def listing(*tops):
    """Every file below the given folders of the chroot, but for build/, with what shows that it changed."""
    found = {}
    for top in tops:
        for folder, folders, names in os.walk(ROOT / top):
            here = pathlib.Path(folder).relative_to(ROOT)
            folders[:] = [f for f in folders if str(here / f) not in KERNEL and here / f != CHECKOUT / "build"]
            for name in folders:
                found[here / name] = "folder"
            for name in names:
                state = (ROOT / here / name).lstat()
                found[here / name] = (stat.S_IFMT(state.st_mode), state.st_size, state.st_mtime_ns)
    return found


def expect_same(before, after, what):
    """Ends the test when files came, went or changed."""
    changed = sorted(str(p) for p in before.keys() | after.keys() if before.get(p) != after.get(p))
    if changed:
        sys.exit(f"{what} left behind or changed: {' '.join(changed[:20])}")


def expect_quiet(what):
    """Ends the test when processes live on."""
    left = sandbox.others()
    if left:
        sys.exit(f"{what} left running: {'; '.join(left)}")


def execute(command, is_offline, **extra):
    """Exit status and output of a command in the chroot's checkout; ends the test when it leaves a process."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", **extra}
    chroot = ["chroot", str(ROOT), "sh", "-c", f"cd /{CHECKOUT} && exec {command}"]
    done = subprocess.run(sandbox.offline(chroot) if is_offline else chroot, env=environment, check=False, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(f"$ {command}\n{done.stdout}", flush=True)
    expect_quiet(command)
    return done.returncode, done.stdout


def run(command, is_offline, **extra):
    """The output of a command that must succeed."""
    status, output = execute(command, is_offline, **extra)
    if status != 0:
        sys.exit(f"{command}: exit {status}")
    return output


def refuse(command, words, is_offline=True):
    """The command must fail, and say these words."""
    status, output = execute(command, is_offline)
    if status == 0 or words not in output:
        sys.exit(f"{command}: exit {status}, without saying '{words}'")


def good_values(output):
    """The topics of the table in the output whose values have a unit and are Good."""
    lines = output.splitlines()
    header = next((line for line in lines if tuple(line.split()) == HEADER), None)
    if header is None:
        sys.exit("no table of values in the output")
    starts = [header.index(word) for word in HEADER]
    found = set()
    for line in lines[lines.index(header) + 1:]:
        topic, value, unit, quality = (line[a:b].strip() for a, b in zip(starts, starts[1:]))
        if value and unit and quality == "Good":
            found.add(topic)
    return found


def quickstart(is_offline):
    """Runs it, and counts what it shows."""
    good = good_values(run(f"./deploy/quickstart --seconds {SECONDS}", is_offline))
    print(f"{len(good)} distinct values with unit and quality Good", flush=True)
    if len(good) < VALUES:
        sys.exit(f"fewer than {VALUES}: {' '.join(sorted(good))}")


def refuse_what_cannot_be():
    """Before anything is installed: another system, no right to install, no network."""
    release = ROOT / "etc/os-release"
    original = release.read_text("utf-8")
    release.write_text("ID=other\nVERSION_ID=1\n", "utf-8")
    refuse("./deploy/quickstart", "only Debian 12 and 13 are supported")
    release.write_text(original, "utf-8")
    refuse("setpriv --reuid 65534 --clear-groups ./deploy/quickstart", "needs root or sudo")
    refuse("./deploy/quickstart", "Is there a network")
    refuse("./deploy/quickstart --seconds 0", "a whole number from 1")


def refuse_port_in_use():
    """Once it is built: another program has the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refuse(f"./deploy/quickstart --seconds 5 --address {address}", "in use", is_offline=False)


def twice(what, action):
    """The first time with the network, for packages; the second time without, and then no file may change."""
    action(False)
    before = listing(".")
    action(True)
    expect_same(before, listing("."), what)


def test():
    """The whole test, as first process of its namespaces."""
    mount_kernel()
    before = listing(*NO_PACKAGES)
    refuse_what_cannot_be()
    twice("quickstart", quickstart)
    refuse_port_in_use()
    expect_same(before, listing(*NO_PACKAGES), "quickstart")
    twice("tests/run", lambda is_offline: run("./tests/run --quick", is_offline, **{IN_CHROOT: "1"}))
    if os.environ.get("MILLRACE_LONG"):
        run("./tests/run", True, **{IN_CHROOT: "1"})


def main():
    if IN_CHROOT in os.environ:
        print("this is the suite in the chroot")
        sys.exit(sandbox.SKIPPED)
    sandbox.begin("git", "ip", "mmdebstrap", "unshare")
    if sandbox.is_inside():
        test()
        return
    try:
        unpack()
        sys.exit(sandbox.enter())
    finally:
        shutil.rmtree(ROOT, ignore_errors=True)


if __name__ == "__main__":
    main()
