#!/usr/bin/env python3
"""Writes text_width_tables.h from the Unicode data of this Python: ./text_width_tables.py > text_width_tables.h"""
import unicodedata

LAST = 0x10FFFF


def is_zero(code, category):
    """Combining marks and format characters but the soft hyphen; the vowels and finals of Hangul syllable blocks."""
    return (category in ("Mn", "Me", "Cf") and code != 0xAD) or 0x1160 <= code <= 0x11FF


def is_wide(code, category):
    """East Asian Wide and Fullwidth; Python says Fullwidth of unassigned code points too."""
    return category not in ("Mn", "Me", "Cn") and unicodedata.east_asian_width(chr(code)) in "WF"


def ranges(predicate):
    """Ranges where predicate holds, joined over unassigned code points, which keeps the table small."""
    found, first, last = [], None, None
    for code in range(0x20, LAST + 1):
        category = unicodedata.category(chr(code))
        if predicate(code, category):
            first, last = (code if first is None else first), code
        elif category != "Cn" and first is not None:
            found.append((first, last))
            first = None
    return found


def write(name, found):
    print(f"static const struct range {name}[] = {{")
    line = "   "
    for first, last in found:
        item = f" {{0x{first:x}, 0x{last:x}}},"
        if len(line + item) > 120:
            print(line)
            line = "   "
        line += item
    print(line + "\n};")


print("/* text_width_tables.h - data of text_width.c, made by text_width_tables.py from Unicode "
      f"{unicodedata.unidata_version}. */")
print("#ifndef BASE_TEXT_WIDTH_TABLES_H\n#define BASE_TEXT_WIDTH_TABLES_H\n#include <stdint.h>\n")
print("/* Code points, both ends included. */\nstruct range {\n    uint32_t first, last;\n};\n")
print("/* clang-format off */")
write("zero_width", ranges(is_zero))
print()
write("wide", ranges(is_wide))
print("\n#endif")
