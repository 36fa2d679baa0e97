#!/usr/bin/env python3
"""docs/events.md lists every event the programs log, as the log_event() calls say.

usage: events.py [--write]    --write: bring docs/events.md up to date
"""
import re

import house

TARGET = "docs/events.md"
CALL = re.compile(r'\blog_event\(\s*([A-Z]+)\s*,\s*"([A-Z0-9-]+)"\s*,\s*((?:(?:"(?:[^"\\]|\\.)*"|PRI\w+)\s*)+)')
ANY_CALL = re.compile(r"\blog_event\(")
HEAD = """# Events
Every line the programs log has a fixed id, so that it can be searched, counted and alarmed on. Made from the sources by
`tests/lint/events.py --write`; do not edit.

| id | level | fields | logged in |
|---|---|---|---|
"""


def collect():
    """({id: (levels, fields in order, files)}, problems)"""
    events, problems = {}, []
    for path in house.files(".c", under=house.PRODUCT):
        text = (house.ROOT / path).read_text(encoding="utf-8")
        found = CALL.findall(text)
        if len(found) != len(ANY_CALL.findall(text)):
            problems.append(f"{path}: a log_event() whose level, id or format is not a literal, or whose id is not capitals")
        for level, name, formats in found:
            levels, fields, files = events.setdefault(name, ([], [], []))
            for known, new in ((levels, [level]), (fields, re.findall(r"(\w+)=", formats)), (files, [str(path)])):
                known += [x for x in new if x not in known]
    problems += [f"{name}: logged as {' and as '.join(e[0])}; one id has one level" for name, e in events.items() if len(e[0]) > 1]
    return events, problems


def main():
    events, problems = collect()
    rows = []
    for name, (levels, fields, files) in sorted(events.items()):
        rows.append(f"| {name} | {levels[0]} | {' '.join(f'`{f}`' for f in fields)} | {', '.join(files)} |")
    problems += house.generated(TARGET, HEAD + "\n".join(rows) + "\n")
    house.finish(problems)


if __name__ == "__main__":
    main()
