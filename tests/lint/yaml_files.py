#!/usr/bin/env python3
"""yamllint finds nothing in our YAML files."""
import house

RULES = """{extends: default, rules: {line-length: {max: 120}, document-start: disable, truthy: {check-keys: false},
braces: {max-spaces-inside: 1}, comments: {min-spaces-from-content: 1}}}"""


def main():
    tool = house.tool("yamllint", "yamllint")
    texts = house.files(".yaml", ".yml", ".clang-format", ".clang-tidy")
    if texts:
        house.run([tool, "--strict", "-d", RULES, *texts])


if __name__ == "__main__":
    main()
