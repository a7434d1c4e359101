#!/usr/bin/env python3
"""What it costs to prove who sent a mail, and how long a large one holds up the others.

    scripts/bench_proof.py [--rounds N] [--json]

Messages of 4 KB, 1 MB and 25 MB, signed with RSA 2048, relaxed/relaxed, are judged with all that belongs to it (header,
signature, SPF, DMARC), by turns with dkimpy's `verify`, which judges the signature alone. DNS answers at once, so this
is our own time. Then a 25 MB message is proved while another coroutine of the same loop wants its turn each
millisecond: printed is how late it came, beside what it is late with nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import dkim
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from relay.mail import heading
from relay.mail.address import Address
from relay.mail.proof import Proof, Result
from relay.proof.gathering import Asked, Gatherer
from relay.proof.resolver import Answer, Resolver

SIZES = {"4 KB": (4 << 10, 200), "1 MB": (1 << 20, 10), "25 MB": (25 << 20, 1)}
"""Octets of the body, and how often one round judges it."""

KEY = generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
ZONE = {
    ("s1._domainkey.rep.example", "TXT"): f"v=DKIM1; p={PUBLIC}",
    ("rep.example", "TXT"): "v=spf1 ip4:192.0.2.0/24 -all",
    ("_dmarc.rep.example", "TXT"): "v=DMARC1; p=reject",
}


class Ready(Resolver):
    """A resolver that knows everything."""

    async def ask(self, domain: str, kind: str) -> Answer:
        text = ZONE.get((domain, kind))
        return Answer((text,)) if text else Answer()


def message(size: int, rnd: random.Random) -> bytes:
    """Half of it text with blanks, as people write, half base64, as attachments are."""
    text = b"".join(b"Dear Bob,  the offer of today %06d stands.\t \r\n" % n for n in range(size // 2 // 48))
    attached = base64.encodebytes(rnd.randbytes((size - len(text)) * 3 // 4)).replace(b"\n", b"\r\n")
    head = (
        b"From: Ann <ann@rep.example>\r\nTo: bob@lead.example\r\nSubject: The offer\r\n"
        b"Date: Mon, 02 Feb 2026 02:00:00 +0000\r\nMessage-ID: <1@rep.example>\r\n"
    )
    whole = head + b"\r\n" + text + attached
    return dkim.sign(whole, b"s1", b"rep.example", PEM, canonicalize=(b"relaxed", b"relaxed")) + whole


def prove(content: bytes) -> Proof:
    return asyncio.run(proving(content))


async def proving(content: bytes) -> Proof:
    asked = Asked("192.0.2.25", "mx", Address("ann", "rep.example"), content, heading.read(content))
    found = await Gatherer(Ready(), 60.0).gather(asked, datetime.now(UTC))
    assert found.signatures[0].result is Result.PASS
    return found


def verify(content: bytes) -> None:
    assert dkim.verify(content, dnsfunc=lambda *_, **__: ZONE["s1._domainkey.rep.example", "TXT"].encode())


def seconds(judge: Callable[[bytes], object], content: bytes, times: int) -> float:
    """CPU time of one judgement."""
    began = time.process_time()
    for _ in range(times):
        judge(content)
    return (time.process_time() - began) / times


async def lateness(content: bytes | None) -> list[float]:
    """How late a coroutine comes that wants its turn each millisecond: beside that message, or alone for a second."""
    late: list[float] = []
    work = asyncio.ensure_future(asyncio.sleep(1) if content is None else proving(content))
    while not work.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append(time.perf_counter() - began - 0.001)
    await work
    return sorted(late)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rnd = random.Random(1)
    found: dict[str, dict[str, float]] = {}
    for name, (size, times) in SIZES.items():
        content = message(size, rnd)
        prove(content)
        both = [(seconds(prove, content, times), seconds(verify, content, times)) for _ in range(options.rounds)]
        ours, theirs = (statistics.median(each) * 1000 for each in zip(*both, strict=True))
        found[name] = {"ours_ms": round(ours, 3), "dkimpy_ms": round(theirs, 3)}
    alone = asyncio.run(lateness(None))
    beside = asyncio.run(lateness(content))
    for name, late in (("alone", alone), ("beside 25 MB", beside)):
        found[name] = {
            "p50_ms": round(late[len(late) // 2] * 1000, 2),
            "p99_ms": round(late[len(late) * 99 // 100] * 1000, 2),
            "worst_ms": round(late[-1] * 1000, 2),
        }
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for name, figures in found.items():
        print(f"{name:>14}  " + "  ".join(f"{key.replace('_ms', '')} {value:.2f} ms" for key, value in figures.items()))


if __name__ == "__main__":
    main()
