"""A clean Debian of this machine's release, made from this machine's own package sources, for tests that start from nothing."""
import os
import pathlib
import platform
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["MILLRACE_SOURCE"])
CACHE = SOURCE / "build" / "clean-debian"

# What the images of Debian leave out, and what keeps apt from filling its layers with caches.
NO_DOCUMENTS = ["path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*"]
NO_CACHES = ['Dir::Cache::pkgcache ""', 'Dir::Cache::srcpkgcache ""', 'Acquire::Languages "none"']
PASSED_ON = ("Acquire::Check-Date", "Acquire::Check-Valid-Until", "Acquire::http::Proxy", "Acquire::https::Proxy")


def release():
    """The code name of this machine's release."""
    return platform.freedesktop_os_release()["VERSION_CODENAME"]


def own_sources():
    """The Debian sources of this machine, a line each, without those of other people."""
    form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", form, "Identifier: Packages", "Origin: Debian"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    if not found:
        sys.exit("apt knows no Debian sources here: apt-get update first")
    return sorted(set(found))


def own_settings():
    """How this machine reaches its sources: proxies, and whether old snapshots are fine."""
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    return [line.rstrip(";") for line in dump.splitlines() if line.split(" ")[0] in PASSED_ON]


def base_tar():
    """The tar of a minimal system as its own image has it; made when it is not there yet, about 40 s."""
    tar = CACHE / "base.tar"
    if tar.exists():
        return tar
    CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = CACHE / f"unfinished.{os.getpid()}.tar"
    options = [f"--aptopt={option}" for option in [*NO_CACHES, *own_settings()]]
    options += [f"--dpkgopt={option}" for option in NO_DOCUMENTS]
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--include=ca-certificates", *options]
    try:
        sources = "\n".join(own_sources()) + "\n"
        subprocess.run([*command, release(), unfinished, "-"], check=True, input=sources, text=True)
        unfinished.rename(tar)
    finally:
        unfinished.unlink(missing_ok=True)
    return tar
