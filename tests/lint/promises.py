#!/usr/bin/env python3
"""docs/promises.md links each promise of tests/promises.txt to the tests that prove it.

usage: promises.py [--write]    --write: bring docs/promises.md up to date
A test says what it proves in a comment above it: "promise: KEY", or several keys separated by commas; above no test, it
is the whole file that proves. A promise without a test is refused, unless its key ends with "*": what it needs is coming.
"""
import re

import house

TARGET = "docs/promises.md"
MARK = re.compile(r"(?:/\*|//|#)\s*promise:\s*([\w-]+(?:\s*,\s*[\w-]+)*)")
TEST = re.compile(r"^(?:(?:static )?(?:void|int|bool)|def) (\w+)\(")
HEAD = """# Promises and their proofs
What Millrace promises, and the tests that prove it. Made from `tests/promises.txt` and the tests' `promise:` comments by
`tests/lint/promises.py --write`; do not edit.

| promise | key | proved by |
|---|---|---|
"""


def promises():
    """{key: sentence} in the order of the file, and the keys of those that are coming"""
    rows = [line.split(None, 1) for line in house.lines("tests/promises.txt") if line.strip() and line[0] != "#"]
    return {row[0].rstrip("*"): row[1].strip() for row in rows}, {row[0][:-1] for row in rows if row[0].endswith("*")}


def name_below(path, text, index):
    """What to call the proof marked in this line: the sentence of the test below it, or the file alone."""
    match = TEST.match(text[index + 1]) if index + 1 < len(text) else None
    return f"{path}: {match[1].replace('_', ' ')}" if match else str(path)


def main():
    (known, coming), problems = promises(), []
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
                proof = name_below(path, text, index)
                if proof not in proofs[key]:
                    proofs[key].append(proof)
    problems += [f"tests/promises.txt: no test proves '{key}'" for key in known if not proofs[key] and key not in coming]
    problems += [f"tests/promises.txt: '{key}' has a test, it is not coming any more" for key in coming if proofs[key]]
    rows = [f"| {known[key]} | {key} | {'<br>'.join(proofs[key]) or 'coming'} |" for key in known]
    problems += house.generated(TARGET, HEAD + "\n".join(rows) + "\n")
    house.finish(problems)


if __name__ == "__main__":
    main()
