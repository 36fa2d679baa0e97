#!/usr/bin/env python3
"""No file is longer than 800 lines, each says in its first line what it is for, and lines end without blanks."""
import house

LIMIT = 800
ASK = 500


def opening_problem(path, text):
    """What is wrong with the beginning of a source or script, or None."""
    body = text[1:] if text and text[0].startswith("#!") else text
    first = " ".join(body[:2]) if body and body[0].strip() in ("/*", "/**", "/** @file", '"""') else (body or [""])[0]
    marks = {".c": "/*", ".h": "/*", ".cc": "/*", ".proto": "//"}
    wanted = (marks[path.suffix],) if path.suffix in marks else ("#", '"""')
    if not first.startswith(wanted) or len(first.strip('#/*" .')) < 10:
        return "begins without saying what it is for"
    return None


def main():
    problems = []
    long_ones = []
    for path in house.text_files():
        text = house.lines(path)
        is_code = path.suffix in (".c", ".h", ".cc", ".proto", ".py", ".sh", ".cmake") or path.name == "CMakeLists.txt"
        if not is_code and not (text and text[0].startswith("#!")):
            continue
        opening = opening_problem(path, text)
        if opening:
            problems.append(f"{path}:1: {opening}")
        if len(text) > LIMIT:
            problems.append(f"{path}: {len(text)} lines; what grows past its room gets its own room")
        elif len(text) > ASK:
            long_ones.append(f"{path}: {len(text)} lines, could it be two?")
        problems += [f"{path}:{n}: blank at the end of the line" for n, line in enumerate(text, 1) if line != line.rstrip()]
    for note in long_ones:
        print("note:", note)
    house.finish(problems)


if __name__ == "__main__":
    main()
