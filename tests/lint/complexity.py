#!/usr/bin/env python3
"""Size and complexity of the product's functions, per folder; the whole tree's figures may not get worse than ratchet.txt.

usage: complexity.py [--tighten]    --tighten: write the present figures where they are better than the committed ones
"""
import math
import pathlib
import statistics
import subprocess
import sys

import house

RATCHET = house.ROOT / "tests/lint/ratchet.txt"


def functions():
    """(folder, lines, cyclomatic complexity, place and name) of every function of the product."""
    tool = house.tool("pmccabe", "pmccabe")
    sources = [str(p) for p in house.files(".c", under=house.PRODUCT)]
    if not sources:
        return []
    done = subprocess.run([tool, *sources], cwd=house.ROOT, capture_output=True, text=True, check=True)
    result = []
    for row in done.stdout.splitlines():
        modified, _, _, _, length, where = row.split("\t")
        folder = house.folder_of(pathlib.Path(where))
        result.append((folder, int(length), int(modified), where))
    return result


def figures(rows):
    """The measured figures of some functions, by the names ratchet.txt uses."""
    lengths = [row[1] for row in rows] or [0]
    count = max(len(rows), 1)
    return {
        "median_lines": statistics.median(lengths),
        "percent_over_60_lines": 100 * sum(n > 60 for n in lengths) / count,
        "percent_cyclomatic_over_10": 100 * sum(row[2] > 10 for row in rows) / count,
        "largest_lines": max(lengths),
    }


def read_ratchet():
    """{name: the worst allowed value}"""
    rows = [line.split() for line in RATCHET.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return {name: float(value) for name, value in rows}


def tighten(now, allowed):
    """Writes the better of present and allowed figures, percentages rounded up to halves."""
    kept = [line for line in RATCHET.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    for name, limit in allowed.items():
        present = math.ceil(now[name] * 2) / 2
        kept.append(f"{name} {min(present, limit):g}")
    RATCHET.write_text("\n".join(kept) + "\n", encoding="utf-8")


def main():
    rows = functions()
    print(f"{'folder':10} {'functions':>9} {'median':>7} {'> 60 lines':>11} {'cyclomatic > 10':>16} {'largest':>8}")
    for folder in sorted({row[0] for row in rows}) + ["all"]:
        chosen = [row for row in rows if folder in (row[0], "all")]
        f = figures(chosen)
        print(f"{folder:10} {len(chosen):9} {f['median_lines']:7g} {f['percent_over_60_lines']:10.1f}% "
              f"{f['percent_cyclomatic_over_10']:15.1f}% {f['largest_lines']:8}")
    now, allowed = figures(rows), read_ratchet()
    if "--tighten" in sys.argv:
        tighten(now, allowed)
        return
    worse = [f"{name} is {now[name]:g}, ratchet.txt allows {limit:g}" for name, limit in allowed.items() if now[name] > limit]
    if worse:
        for row in sorted(rows, key=lambda r: -r[1])[:8]:
            print(f"{row[3]}: {row[1]} lines")
        for row in sorted(rows, key=lambda r: -r[2])[:8]:
            print(f"{row[3]}: cyclomatic complexity {row[2]}")
    house.finish(worse)


if __name__ == "__main__":
    main()
