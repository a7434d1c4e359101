#!/usr/bin/env python3
"""What the worst that strangers send costs the readers of forwards, in milliseconds.

    scripts/bench_forwards.py [--all]

Texts of 200 KB made to cost most: label after label in every language, colon after colon, one long line, deep quotations,
many titles, marks that nobody sees. Printed are CPU times of `forward.text.find` (which mail is a forward), `quote.split`
(which words are quoted) and of everything that is done with a mail of one of us that has this text (reading, composing),
the worst first. Then HTML: tags, nested elements and quotations by the thousand, as much of it as 1 MB.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from relay.attribution.compose import compose
from relay.attribution.directory import Directory
from relay.mail import quote
from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.mail.forward import text as forwarded
from relay.mail.labels import LANGUAGES
from relay.mail.reading import parse

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
    "\u202b\u200fFrom\u200f: a@b.example\u202c\n", "\u200f" * 200, ">" * 2000 + " From: a@b\n", "From:\n\n", "From:\nTo:\n",
    "> From: a@b.example\n> To: c@d.example\n> \n", "| From | a@b.example |\n", "On Mon, wrote\n", "<a@b.example>\n", "@", ":\n",
    "From: A <a@b.example>\nDate: 1 May 2020 09:31\nTo: " + "b@c.example, " * 40 + "\n\n", "\n", "\r", "(" * 50, '"' * 51, "<" * 50,
)  # fmt: skip
BEFORE = ("", "----- Forwarded message -----\nFrom: A <a@x.example>\nDate: 1 May 2020 09:31\n")
"""What stands above: nothing, or a block whose last value may go on."""

PAGE = '<html><body><p>FYI</p><hr><div id="divRplyFwdMsg"><b>From:</b> A &lt;a@x.example&gt;<br><b>Sent:</b> 1 May 2020 09:31<br><b>To:</b> b@example.org<br><b>Subject:</b> x</div><div>{}</div></body></html>'
PAGES = {
    "100,000 tags": "<b>a</b>" * 50_000,
    "5,000 nested div": "<div>" * 5_000 + "a" + "</div>" * 5_000,
    "5,000 nested blockquote": '<blockquote type="cite">' * 5_000 + "a" + "</blockquote>" * 5_000,
    "5,000 header blocks": '<div id="divRplyFwdMsg"><b>From:</b> a@x.example</div>' * 5_000,
    "5,000 nested header blocks": '<div id="divRplyFwdMsg"><b>From:</b> a@x.example' * 5_000,
    "5,000 cite prefixes": '<div class="moz-cite-prefix">On 1 May 2020 09:31, a@x.example wrote:</div>' * 5_000,
    "100,000 open divs": "<div>" * 100_000,
    "50,000 open b and i": "<b><i>" * 25_000,
    "20,000 rows of tables": "<table>" + "<tr><td>From:</td><td>a@x.example</td></tr>" * 20_000 + "</table>",
    "1 MB of text": "Lorem ipsum dolor: sit amet 12:30 elit.<br>" * 25_000,
    "100,000 references": "&nbsp;&lt;" * 50_000,
    "50,000 open quotes": "<a href='" * 50_000,
}

DIRECTORY = Directory(frozenset({"example.org"}), frozenset({"crm@crm.example.org"}))


def texts() -> dict[str, str]:
    found = {(before[:1] + unit[:40]): (before, unit) for unit in UNITS for before in BEFORE}
    for language in LANGUAGES:
        labels = list(language.labels)
        found[f"labels of {language.code}"] = ("", "".join(f"{label}: a@b.example\n" for label in labels))
        found[f"labels of {language.code} in one line"] = ("", "".join(f"{label}: x " for label in labels))
        titles = sorted({*language.titles, *language.original, *language.forwarded_by, *language.wrote})
        found[f"titles of {language.code}"] = ("", "".join(f"----- {title} -----\n" for title in titles))
    return {name: (before + unit * (SIZE // len(unit) + 1))[:SIZE] for name, (before, unit) in found.items()}


def mail(text: str, kind: str = "plain") -> bytes:
    return (
        "From: bob@example.org\r\nTo: crm@crm.example.org\r\nSubject: Fwd: x\r\nDate: Sun, 1 Mar 2026 10:00:00 +0000\r\n"
        f"Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{text}"
    ).encode()


def filed(content: bytes) -> None:
    """Everything but the database."""
    now = datetime(2026, 3, 2, tzinfo=UTC)
    envelope = Envelope(
        Address("bob", "example.org"), (Address("crm", "crm.example.org"),), Client("::1"), now, "network"
    )
    compose(VaultId("0a1b2c3d", 1), MailObject(envelope, content), parse(content), DIRECTORY)


def milliseconds(function: Callable[[Any], object], content: object) -> float:
    best = 1e9
    for _ in range(3):
        start = time.process_time()
        function(content)
        best = min(best, time.process_time() - start)
        if best < 0.002:
            break
    return 1000 * best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every text, not only the twelve worst")
    options = parser.parse_args()
    rows = [
        (
            milliseconds(partial(forwarded.find, subject="x"), text),
            milliseconds(quote.split, text),
            milliseconds(filed, mail(text)),
            name,
        )
        for name, text in texts().items()
    ]
    rows.sort(key=lambda row: -max(row[:3]))
    print("   find   split   whole  ms for 200 KB of")
    for find, split, whole, name in rows if options.all else rows[:12]:
        print(f"{find:7.1f} {split:7.1f} {whole:7.1f}  {name!r}")
    print("\n  whole  ms for HTML with")
    pages = [(milliseconds(filed, mail(PAGE.format(page), "html")), name) for name, page in PAGES.items()]
    for whole, name in sorted(pages, reverse=True):
        print(f"{whole:7.1f}  {name}")


if __name__ == "__main__":
    main()
