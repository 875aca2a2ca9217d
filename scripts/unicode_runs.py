#!/usr/bin/env python3
"""Writes libyoutu/unicode_runs.inc: the classes of characters that tokenizers tell apart.

    python3 -m venv venv && venv/bin/pip install unicodedata2==16.0.0
    venv/bin/python scripts/unicode_runs.py > libyoutu/unicode_runs.inc

The version of Unicode must stay the one by which the published tokenizers were trained and are run elsewhere
(Oniguruma 6.9.10): a newer one moves characters between classes, and with them the tokens of a text.
"""
import sys

import unicodedata2 as unicodedata

VERSION = "16.0.0"
WHITE_SPACE = {*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B),
               0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
CLASSES = {"Lu": "UPPER", "Lt": "TITLE", "Ll": "LOWER", "Lm": "MODIFIER", "Lo": "LETTER", "Mn": "MARK",
           "Mc": "MARK", "Me": "MARK", "Nd": "DIGIT", "Nl": "NUMERAL", "No": "NUMBER", "Pc": "CONNECTOR"}
WIDTH = 110


def class_of(point):
    if point in WHITE_SPACE:
        return "SPACE"
    return CLASSES.get(unicodedata.category(chr(point)))


def length_of_run(points, start, step, taken):
    n = 1
    while start + n * step in points and start + n * step not in taken:
        n += 1
    return n


def runs_of(points):
    """(first, count, step) that together are the points; step 2 where two classes alternate, as the cases do."""
    members, taken = set(points), set()
    for point in points:
        if point in taken:
            continue
        step, n = 1, length_of_run(members, point, 1, taken)
        if n == 1:
            step, n = 2, length_of_run(members, point, 2, taken)
        taken.update(range(point, point + n * step, step))
        yield point, n, step if n > 1 else 1


def write(lines, out):
    line = "   "
    for entry in lines:
        if len(line) + 1 + len(entry) > WIDTH:
            print(line, file=out)
            line = "   "
        line += " " + entry
    print(line, file=out)


def main():
    if unicodedata.unidata_version != VERSION:
        sys.exit(f"unicodedata2 has Unicode {unicodedata.unidata_version}, expected {VERSION}")
    members = {}
    for point in range(0x110000):
        if (name := class_of(point)) is not None:
            members.setdefault(name, []).append(point)
    print(f"/* Unicode {VERSION}: {{first, count, step}} of each class. Written by scripts/unicode_runs.py. */")
    for name in ["SPACE", *dict.fromkeys(CLASSES.values())]:
        print(f"static const class_run runs_{name.lower()}[] = {{")
        write([f"{{0x{p:X}, {n}, {s}}}," for p, n, s in runs_of(members[name])], sys.stdout)
        print("};")


if __name__ == "__main__":
    main()
