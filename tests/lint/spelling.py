#!/usr/bin/env python3
"""codespell finds no misspelt word."""
import house

RIGHT_HERE = ("ans", "fo", "nd", "nmae")  # names, cut words and mistakes made on purpose


def main():
    tool = house.tool("codespell", "codespell")
    texts = [path for path in house.text_files() if path.name != "LICENSE"]
    house.run([tool, f"--ignore-words-list={','.join(RIGHT_HERE)}", *texts])


if __name__ == "__main__":
    main()
