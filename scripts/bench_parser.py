#!/usr/bin/env python3
"""How fast our reader is beside the standard library's, in one run, interleaved.

    scripts/bench_parser.py [--rounds N] [--json]

Three generated messages (2 KB of text, 30 KB of alternatives in quoted-printable, 5 MB with an attachment) are read
by turns: by `relay.mail.reading.parse`, and by the standard library's tree (`email`, policy compat32) with the same
fields, bodies and parts decoded by our own functions, which is the best one can do with it. Printed are the medians of
CPU time, and their ratio: the ratio is what compares between machines. Then the memory that reading a 25 MB message
takes above the message itself.
"""

from __future__ import annotations

import argparse
import base64
import email
import email.policy
import json
import quopri
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from relay.mail import charset, date, mailbox
from relay.mail.encoded import to_text
from relay.mail.mime import read_value
from relay.mail.parameter import file_name
from relay.mail.reading import parse

SIZES = {"2 KB": 300, "30 KB": 60, "5 MB": 2}
"""Messages of each size, and how often one round reads them."""

WORDS = """offer contract please thanks regards Grüße aus Köln meeting tomorrow invoice attached delivery price
customer project naïve café the and of to in is that it for you with on"""


def words(size: int, rnd: random.Random) -> str:
    lines, length = [], 0
    while length < size:
        line = " ".join(rnd.choices(WORDS.split(), k=11))
        lines.append(line)
        length += len(line) + 2
    return "\r\n".join(lines)


def header(rnd: random.Random) -> bytes:
    hops = b"".join(
        b"Received: from out%d.mail.example (out%d.mail.example [198.51.100.%d])\r\n"
        b"\tby in.crm.example with ESMTPS id %08X;\r\n\tTue, 03 Feb 2026 10:11:1%d +0100\r\n"
        % (n, n, n, rnd.randrange(1 << 32), n)
        for n in range(3)
    )
    signature = base64.b64encode(rnd.randbytes(256))
    return (
        hops + b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=lead.example; s=k1;\r\n"
        b"\th=from:to:cc:subject:date:message-id; bh="
        + base64.b64encode(rnd.randbytes(32))
        + b";\r\n\tb="
        + signature
        + b"\r\nFrom: =?UTF-8?Q?Anna_M=C3=BCller?= <anna@lead.example>\r\n"
        b'To: Bob <bob@company.example>, "Carl, C." <carl@company.example>\r\nCc: dora@lead.example\r\n'
        b"Subject: =?UTF-8?B?QW5nZWJvdCBmw7xyIEvDtmxu?= again\r\nDate: Tue, 3 Feb 2026 10:11:12 +0100\r\n"
        b"Message-ID: <b1@lead.example>\r\nIn-Reply-To: <a2@company.example>\r\n"
        b"References: <a1@lead.example>\r\n <a2@company.example>\r\nMIME-Version: 1.0\r\n"
    )


def quoted_printable(text: str) -> bytes:
    return quopri.encodestring(text.replace("\r\n", "\n").encode()).replace(b"\n", b"\r\n")


def message(size: int) -> bytes:
    """A message of about `size` octets, the same in every run."""
    rnd = random.Random(size)
    if size < 5_000:
        return (
            header(rnd)
            + b"Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            + words(size - 1_300, rnd).encode()
            + b"\r\n"
        )
    rows = "".join(
        f'<tr><td style="padding:8px;font-family:Arial"><a href="https://shop.example/p/{n}?q=1">{words(120, rnd)}</a></td></tr>\r\n'
        for n in range(75)
    )
    kind = b"Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/"
    alternative = (
        b'Content-Type: multipart/alternative; boundary="000000000000a1b2c3"\r\n\r\n--000000000000a1b2c3\r\n'
        + kind
        + b"plain; charset=UTF-8\r\n\r\n"
        + quoted_printable(words(5_000, rnd))
        + b"\r\n--000000000000a1b2c3\r\n"
        + kind
        + b"html; charset=UTF-8\r\n\r\n"
        + quoted_printable(f"<html><body><table>{rows}</table></body></html>")
        + b"\r\n--000000000000a1b2c3--\r\n"
    )
    if size < 100_000:
        return header(rnd) + alternative
    attachment = base64.encodebytes(rnd.randbytes((size - 30_000) * 73 // 100)).replace(b"\n", b"\r\n")
    return (
        header(rnd)
        + b'Content-Type: multipart/mixed; boundary="000000000000d4e5f6"\r\n\r\n--000000000000d4e5f6\r\n'
        + alternative
        + b'--000000000000d4e5f6\r\nContent-Type: application/pdf; name="offer.pdf"\r\n'
        b'Content-Disposition: attachment; filename="offer.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + attachment
        + b"--000000000000d4e5f6--\r\n"
    )


def by_standard_library(content: bytes) -> dict[str, object]:
    """The same facts from the tree of `email`, policy compat32."""
    tree = email.message_from_bytes(content, policy=email.policy.compat32)
    fields: dict[str, list[bytes]] = {}
    for name, value in tree.raw_items():
        fields.setdefault(name.lower(), []).append(str(value).encode("ascii", "surrogateescape"))
    found: dict[str, object] = {
        name: mailbox.mailboxes(fields.get(name, [])) for name in ("from", "sender", "reply-to", "to", "cc", "bcc")
    }
    for name in ("subject", "message-id", "in-reply-to", "references"):
        found[name] = [to_text(value) for value in fields.get(name, [])]
    found["date"] = [date.read(to_text(value)) for value in fields.get("date", [])]
    texts, parts = [], []
    for entity in tree.walk():
        if entity.is_multipart():
            continue
        payload = entity.get_payload(decode=True)
        kind = read_value(str(entity.get("content-type", "")).encode("ascii", "surrogateescape"))
        disposition = read_value(str(entity.get("content-disposition", "")).encode("ascii", "surrogateescape"))
        assert isinstance(payload, bytes)
        if kind.word in ("text/plain", "text/html") and disposition.word != "attachment":
            texts.append(charset.decode(payload, kind.get("charset"))[0].replace("\r\n", "\n"))
        else:
            parts.append((kind.word, file_name(disposition.get("filename") or kind.get("name")), payload))
    return {**found, "texts": texts, "parts": parts}


def cpu_time(read: Callable[[bytes], object], content: bytes, times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        read(content)
    return (time.process_time() - start) / times


def peak_of_25_mb() -> float:
    """Megabytes that reading a 25 MB message takes above the message, in a process of its own."""
    program = (
        "import resource, sys; from relay.mail.reading import parse\n"
        "content = sys.stdin.buffer.read(); parse(content[:3000])\n"
        "open('/proc/self/clear_refs', 'w').write('5')\n"
        "peak = lambda: next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM')) / 1024\n"
        "before = peak(); message = parse(content); assert message.parts; print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=message(25 << 20), capture_output=True, check=True)
    return float(done.stdout)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=9, help="rounds per size; medians are printed (default 9)")
    arguments.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    given = arguments.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    result: dict[str, dict[str, float]] = {}
    for (name, times), size in zip(SIZES.items(), (2_100, 30_000, 5 << 20), strict=True):
        content = message(size)
        ours, theirs = [], []
        parse(content), by_standard_library(content)
        for _ in range(given.rounds):
            ours.append(cpu_time(parse, content, times))
            theirs.append(cpu_time(by_standard_library, content, max(times // 3, 1)))
        mine, other = statistics.median(ours), statistics.median(theirs)
        ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
        result[name] = {"octets": len(content), "ours_per_s": 1 / mine, "stdlib_per_s": 1 / other, "ratio": ratio}
        if not given.json:
            print(
                f"{name:>6} ({len(content):>8} octets)  ours {1 / mine:9.1f}/s {len(content) / mine / 1e6:7.1f} MB/s   "
                f"standard library {1 / other:8.1f}/s   {ratio:5.1f} times"
            )
    memory = peak_of_25_mb()
    if given.json:
        print(json.dumps({"speed": result, "memory_mb": memory}))
    else:
        print(f"  25 MB: {memory:.0f} MB above the message itself")


if __name__ == "__main__":
    main()
