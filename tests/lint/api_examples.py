#!/usr/bin/env python3
"""api_examples.py - every piece of C in docs/api.md stands word for word in one of the examples, which are compiled."""
import re

import house

EXAMPLES = house.ROOT / "sdk/examples"


def main():
    text = (house.ROOT / "docs/api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```c\n(.*?)^```$", text, re.S | re.M)
    sources = [path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("*.c"))]
    problems = [
        f"docs/api.md: not in sdk/examples: {block.splitlines()[0].strip()} ..."
        for block in blocks
        if not any(block in source for source in sources)
    ]
    if not blocks:
        problems.append("docs/api.md: no C found, so nothing was checked")
    house.finish(problems, "quote an example word for word, so that what a reader copies has been compiled")


if __name__ == "__main__":
    main()
