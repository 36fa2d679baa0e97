#!/usr/bin/env python3
"""deploy/compose.yaml is built and run by a real engine: values arrive in the subscriber's container, and nothing stays."""
# timeout: 600
# once: it builds for itself
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import clean_debian
import sandbox

WORK = clean_debian.SOURCE / "build" / "compose"
BASE = "docker.io/library/debian:bookworm-slim"
PROJECT = "millrace-test"
SOCKET = "unix:///run/millrace-podman.sock"
SERVICES = ("broker", "agent", "subscriber")
KILLED = 137
WAIT_S = 60

# What an engine needs on a machine that neither runs systemd nor may raise limits.
ENGINE = f"""
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{WORK}/networks"
"""

# The network of the machine is needed while images are built, for packages.
OVERRIDE = {"version": "3.9", "services": {name: {"build": {"network": "host"}} for name in ("init", *SERVICES)}}


def podman(*arguments):
    """The output of a podman command."""
    command = ["podman", "--root", str(WORK / "root"), "--runroot", str(WORK / "runroot"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def compose(*arguments):
    """The output of docker-compose on our files; ends the test when it fails."""
    files = ["-f", clean_debian.SOURCE / "deploy" / "compose.yaml", "-f", WORK / "override.yaml", "-p", PROJECT]
    done = subprocess.run(["docker-compose", *files, *arguments], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        engine = (WORK / "engine.log").read_text("utf-8")
        sys.exit(f"{engine[-4000:]}\n{done.stdout[-4000:]}\ndocker-compose {' '.join(arguments)}: exit {done.returncode}")
    return done.stdout


class Service:
    """podman's service on SOCKET, for as long as the block lasts."""

    def __init__(self, is_offline):
        command = ["podman", "--root", str(WORK / "root"), "--runroot", str(WORK / "runroot"),
                   "system", "service", "--time=0", SOCKET]
        self.command = sandbox.offline(command) if is_offline else command
        self.process = None

    def __enter__(self):
        with (WORK / "engine.log").open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        path = pathlib.Path(SOCKET.removeprefix("unix://"))
        wait_for("the engine", path.exists)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


def wait_for(what, condition):
    """The condition's first true answer; ends the test when there is none in time."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.2)  # the engine tells nobody
    return sys.exit(f"{what}: not within {WAIT_S} s")


def received():
    """How often each topic stands in the subscriber's log."""
    count = {}
    for topic in re.findall(r"demo/\S+", compose("logs", "--no-color", "subscriber")):
        count[topic] = count.get(topic, 0) + 1
    return count


def has_snapshot_and_live():
    """The topics, once there are many and most came more than once."""
    count = received()
    again = [topic for topic, times in count.items() if times > 1]
    return count if len(again) >= 20 else None


def expect_values():
    """Values in the subscriber's log, and in the agent's container what a person would look at."""
    try:
        count = wait_for("values in the subscriber's container", has_snapshot_and_live)
    except SystemExit:
        print(compose("ps"), compose("logs", "--no-color", "--tail", "40"))
        raise
    print(f"subscriber: {len(count)} topics, {sum(count.values())} values")
    table = compose("exec", "-T", "agent", "millrace", "get")
    print(table)
    if table.count(" Good ") < 20:
        sys.exit("fewer than 20 Good values in the agent's container")
    compose("exec", "-T", "agent", "millrace", "check", "bus")


def expect_orderly_end():
    """SIGTERM is enough for every program."""
    compose("stop")
    for service in SERVICES:
        state = json.loads(podman("inspect", f"{PROJECT}_{service}_1"))[0]["State"]
        print(f"{service}: exit {state['ExitCode']}")
        if state["ExitCode"] == KILLED:
            sys.exit(f"{service} had to be killed")


def expect_nothing_left():
    """No container, volume, network, image, namespace or mount of ours."""
    compose("down", "--volumes", "--rmi", "all")
    podman("rmi", "--all", "--force")
    left = {what: podman(*command).split() for what, command in {
        "containers": ("ps", "--all", "--quiet"), "volumes": ("volume", "ls", "--quiet"),
        "images": ("images", "--all", "--quiet"), "networks": ("network", "ls", "--quiet")}.items()}
    left["networks"].remove("podman")  # the engine's own
    left["namespaces"] = [str(p) for p in pathlib.Path("/run/netns").glob("*")]
    left["mounts"] = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
                      if "/merged" in line or "/run/netns/" in line]
    if any(left.values()):
        sys.exit(f"left behind: {left}")


def control_groups():
    """The groups that podman keeps for all its containers, innermost first."""
    tops = [*pathlib.Path("/sys/fs/cgroup").glob("libpod_parent"), *pathlib.Path("/sys/fs/cgroup").glob("*/libpod_parent")]
    return [pathlib.Path(folder) for top in tops for folder, _, _ in os.walk(top, topdown=False)]


def prepare():
    """Files and mounts of the engine: whatever it writes ends up in WORK, or ends with our namespaces."""
    for folder in ("run", "tmp", "networks"):
        (WORK / folder).mkdir()
    (WORK / "containers.conf").write_text(ENGINE, encoding="utf-8")
    (WORK / "override.yaml").write_text(json.dumps(OVERRIDE), encoding="utf-8")
    sandbox.mount("tmpfs", WORK / "run")
    sandbox.overlay("/run", WORK / "run")
    sandbox.mount("tmpfs", "/dev/shm")
    os.environ |= {"CONTAINERS_CONF": str(WORK / "containers.conf"), "TMPDIR": str(WORK / "tmp"),
                   "DOCKER_HOST": SOCKET, "DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"}


def test():
    """The whole test, as first process of its namespaces."""
    prepare()
    podman("import", str(clean_debian.base_tar()), BASE)
    with Service(is_offline=False):
        compose("build")
    with Service(is_offline=True):
        compose("up", "--detach", "--no-build")
        expect_values()
        expect_orderly_end()
        compose("down")
        compose("up", "--detach", "--no-build")  # new containers, with the keys that are there
        expect_values()
        expect_nothing_left()


def main():
    if "MILLRACE_IN_CHROOT" in os.environ:
        print("a container engine needs a root of its own")
        sys.exit(sandbox.SKIPPED)
    sandbox.begin("docker-compose", "ip", "mmdebstrap", "podman", "runc", "unshare")
    if sandbox.is_inside():
        test()
        return
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    others = control_groups()
    try:
        clean_debian.base_tar()
        sys.exit(sandbox.enter())
    finally:
        for group in control_groups():
            if group not in others:
                group.rmdir()
        shutil.rmtree(WORK, ignore_errors=True)


if __name__ == "__main__":
    main()
