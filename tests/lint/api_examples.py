#!/usr/bin/env python3
"""api_examples.py - every piece of C in README.md and docs/api.md stands word for word in an example, which is compiled."""
import re

import house

DOCUMENTS = ("README.md", "docs/api.md")
EXAMPLES = house.ROOT / "sdk/examples"


def main():
    sources = [path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("*.c"))]
    problems = []
    for name in DOCUMENTS:
        text = (house.ROOT / name).read_text(encoding="utf-8")
        blocks = re.findall(r"^```c\n(.*?)^```$", text, re.S | re.M)
        if not blocks:
            problems.append(f"{name}: no C found, so nothing was checked")
        problems += [
            f"{name}: not in sdk/examples: {block.splitlines()[0].strip()} ..."
            for block in blocks
            if not any(block in source for source in sources)
        ]
    house.finish(problems, "quote an example word for word, so that what a reader copies has been compiled")


if __name__ == "__main__":
    main()
