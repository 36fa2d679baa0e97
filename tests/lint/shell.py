#!/usr/bin/env python3
"""shellcheck finds nothing in our shell scripts."""
import house


def main():
    tool = house.tool("shellcheck", "shellcheck")
    scripts = house.scripts()
    if scripts:
        house.run([tool, "--external-sources", "--source-path=SCRIPTDIR", *scripts])


if __name__ == "__main__":
    main()
