#!/usr/bin/env python3
"""What the scanners of forwards and quotations make of the worst 200 KB there are, in milliseconds.

    scripts/bench_forwards.py [--all]

Texts made to cost most: label after label, colon after colon, one long line, many titles, other scripts. Printed are
CPU times of `forward.text.find` (which mail is a forward) and `quote.split` (which words are quoted), the worst first.
"""

from __future__ import annotations

import argparse
import time
from functools import partial

from relay.mail import quote
from relay.mail.forward import text as forwarded

SIZE = 200_000
"""Characters of each text."""

UNITS = (
    "From: a@b.example\n", "a: b: c: d: ", "----- Forwarded message -----\n", "From: A <a@x> To: b@y ",
    "From: x\nTo: y\nDate: 1\nSubject: z\n", "To: a@b, c@d,\n a@b.example,\n", "On 1 at 9:31 someone <a@b.example>\n",
    "x 9:31 y@z.example:\n", "Lorem ipsum dolor: sit amet consectetur 12:30 elit.\n", "x" * 100, "件名：宛先：差出人：日付：",
    "件名：宛先：差出人：日付：\n", "Von: a\nAn: b\nDatum: c\n", "> " * 50 + "\n", "________\nFrom: a\n\n", "Von: ",
    "From: A <a@x.example> " + "ABCDEFG:" * 10 + "\n", "---- aaa ---- bbb ----\n", "من: ا\nإلى: ب\n", "To: a <b\n",
    "----- Forwarded by x -----\nAnna\n02/02/2010 09:00\nTo\n", "เขียนว่า 9:31 a@b.example:\n", " \t" * 10, "\xa0" * 10,
    "---- Forwarded message ----\nFrom a@b\nDate 1\nTo x@y\n", "\nX: a <a@b.example>\nY: 9:31\nZ: b <b@x.example>\n",
    "---- aaaaa ----\nX: a <a@b.example>\nY: 9:31\nS: x\n", "\nX: " + "(" * 150 + "a@b.example\n", "-" * 60 + "\n", "\u200f" * 10 + "a\n",
)  # fmt: skip
BEFORE = ("", "----- Forwarded message -----\nFrom: A <a@x.example>\nDate: 1 May 2020 09:31\n")
"""What stands above: nothing, or a block whose last value may go on."""


def milliseconds(function, text: str) -> float:
    best = 1e9
    for _ in range(3):
        start = time.process_time()
        function(text)
        best = min(best, time.process_time() - start)
    return 1000 * best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every text, not only the ten worst")
    options = parser.parse_args()
    rows = []
    for unit in UNITS:
        for before in BEFORE:
            text = (before + unit * (SIZE // len(unit) + 1))[:SIZE]
            rows.append(
                (
                    milliseconds(partial(forwarded.find, subject="x"), text),
                    milliseconds(quote.split, text),
                    before[:1] + unit[:40],
                )
            )
    rows.sort(key=lambda row: -max(row[:2]))
    print("   find   split  ms for 200 KB of")
    for find, split, name in rows if options.all else rows[:10]:
        print(f"{find:7.1f} {split:7.1f}  {name!r}")


if __name__ == "__main__":
    main()
