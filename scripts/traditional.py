#!/usr/bin/env python3
"""Writes cli/clinic/traditional.inc: the simplified form of every traditional character that has one of its own.

    python3 scripts/traditional.py >cli/clinic/traditional.inc

Needs ICU's uconv (Debian: icu-devtools), whose Hant-Hans transliteration is the source. Only what stays one
character of no more bytes of UTF-8 is taken, so that a text never grows.
"""
import subprocess

FIRST, LAST = 0x3400, 0x9FFF
PER_LINE = 6

points = range(FIRST, LAST + 1)
lines = "".join(f"{chr(p)}\n" for p in points)
simplified = subprocess.run(["uconv", "-f", "utf-8", "-t", "utf-8", "-x", "Hant-Hans"], input=lines.encode(),
                            stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
pairs = [(p, ord(s)) for p, s in zip(points, simplified) if len(s) == 1 and ord(s) != p and ord(s) < 0x10000]
print("/* Made by scripts/traditional.py; in the order of the first. */")
for i in range(0, len(pairs), PER_LINE):
    print("    " + " ".join(f"{{0x{t:04X}, 0x{s:04X}}}," for t, s in pairs[i:i + PER_LINE]))
