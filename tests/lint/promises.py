#!/usr/bin/env python3
"""docs/promises.md links each promise of tests/promises.txt to the tests that prove it.

usage: promises.py [--write]    --write: bring docs/promises.md up to date
A test says what it proves in a comment beside it: "promise: KEY", or several keys separated by commas.
"""
import re

import house

TARGET = "docs/promises.md"
MARK = re.compile(r"(?:/\*|//|#)\s*promise:\s*([\w-]+(?:\s*,\s*[\w-]+)*)")
C_TEST = re.compile(r"^(?:static )?(?:void|int|bool) (\w+)\(")
HEAD = """# Promises and their proofs
What Millrace promises, and the tests that prove it. Made from `tests/promises.txt` and the tests' `promise:` comments by
`tests/lint/promises.py --write`; do not edit.

| promise | key | proved by |
|---|---|---|
"""


def promises():
    """{key: sentence}, in the order of the file"""
    rows = [line.split(None, 1) for line in house.lines("tests/promises.txt") if line.strip() and line[0] != "#"]
    return {row[0]: row[1].strip() for row in rows}


def name_near(path, text, index):
    """What to call the proof marked in this line: the next C test's sentence, or the file alone."""
    if path.suffix == ".c":
        for line in text[index:index + 6]:
            match = C_TEST.match(line)
            if match:
                return f"{path}: {match[1].replace('_', ' ')}"
    return str(path)


def main():
    known, problems = promises(), []
    proofs = {key: [] for key in known}
    for path in house.files(".c", ".sh", ".py", under=("tests",)):
        if path.parts[:2] == ("tests", "lint"):
            continue
        text = house.lines(path)
        for index, line in enumerate(text):
            match = MARK.search(line)
            for key in re.split(r"\s*,\s*", match[1]) if match else []:
                if key not in known:
                    problems.append(f"{path}:{index + 1}: no promise '{key}' in tests/promises.txt")
                    continue
                proof = name_near(path, text, index)
                if proof not in proofs[key]:
                    proofs[key].append(proof)
    rows = [f"| {known[key]} | {key} | {'<br>'.join(proofs[key]) or 'no test yet'} |" for key in known]
    problems += house.generated(TARGET, HEAD + "\n".join(rows) + "\n")
    house.finish(problems)


if __name__ == "__main__":
    main()
