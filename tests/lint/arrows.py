#!/usr/bin/env python3
"""Who may include whom: base <- proto <- bus <- agent <- cli, bus <- broker, sdk beside them; strangers in one place."""
import re

import house

# folder: the folders of ours whose headers it may include, besides <millrace/millrace.h>, which everybody may
ARROWS = {
    "base": {"base"},
    "base/io": {"base", "base/io"},
    "proto": {"base", "proto"},
    "bus": {"base", "proto", "bus"},
    "sdk": {"base", "proto", "sdk"},
    "agent": {"base", "base/io", "proto", "bus", "agent"},
    "broker": {"base", "base/io", "proto", "bus", "broker"},
    "cli": {"base", "base/io", "proto", "bus", "sdk", "agent", "cli"},
}
# header of a library: the places that may include it
STRANGERS = {
    r"ev\.h": ("base/io/",),
    r"zmq.*\.h": ("base/io/",),
    r"sodium.*": ("base/io/",),
    r"cyaml/.*": ("base/io/",),
    r"yaml\.h": ("base/io/",),
    r"xxhash\.h": ("base/io/",),
    r"raft.*\.h": ("broker/stream/",),
    r"microhttpd\.h": ("broker/http",),
    r"jansson\.h": ("broker/", "cli/"),
    r"expat\.h": ("cli/replay_model.c",),
    r"protobuf-c/.*": ("proto/", "sdk/"),
}
LIBC_ONLY = ("base", "proto", "bus", "sdk")
LIBC = re.compile(
    r"(arpa|asm|linux|net|netinet|sys)/\w+\.h|(assert|ctype|dirent|dlfcn|endian|errno|fcntl|float|ftw|grp|inttypes|langinfo|"
    r"limits|locale|math|netdb|poll|pthread|pwd|sched|semaphore|setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|"
    r"stdint|stdio|stdlib|stdnoreturn|string|strings|syslog|termios|time|unistd|wchar|wctype)\.h")
PUBLIC_PROGRAMS = ("sdk/examples/", "sdk/connectors/")  # they see the public header and their own files
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def quoted_problem(path, name):
    """What is wrong with including one of our own headers, or None."""
    if str(path).startswith(PUBLIC_PROGRAMS):
        if (house.ROOT / path.parent / name).exists() or name.startswith(str(path.parent) + "/"):
            return None
        return "examples and connectors see only <millrace/millrace.h> and their own files"
    generated = name.startswith("proto/") and name.endswith(".pb-c.h")
    if not generated and not (house.ROOT / name).exists():
        return "our headers are included by their path from the root"
    target = "proto" if generated else house.folder_of(house.pathlib.Path(name))
    if target not in ARROWS[house.folder_of(path)]:
        return f"{house.folder_of(path)} may include {', '.join(sorted(ARROWS[house.folder_of(path)]))}"
    return None


def angled_problem(path, name):
    """What is wrong with including a header that is not ours, or None."""
    if name == "millrace/millrace.h":
        return None
    for pattern, places in STRANGERS.items():
        if re.fullmatch(pattern, name):
            return None if str(path).startswith(places) else f"only in {' and '.join(places)}"
    folder = house.folder_of(path)
    if str(path).startswith("sdk/connectors/"):
        return None
    if folder in LIBC_ONLY and not LIBC.fullmatch(name):
        return f"{folder} needs libc only"
    return None


def main():
    problems = []
    for path in house.files(".c", ".h", ".cc", under=house.PRODUCT):
        for number, line in enumerate(house.lines(path), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            check = quoted_problem if match[1] == '"' else angled_problem
            problem = check(path, match[2])
            if problem:
                problems.append(f"{path}:{number}: {match[2]}: {problem}")
    house.finish(problems, "the arrows are drawn in docs/style.md")


if __name__ == "__main__":
    main()
