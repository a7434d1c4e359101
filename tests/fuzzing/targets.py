"""What reads octets of strangers, each as a function that raises when something is wrong.

An input is a message; behind it, each after an octet 30, what DNS answers when it is asked. `SEEDS` are good ones, to
be damaged.
"""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_network

import dkim

from relay.attribution import admission
from relay.attribution.directory import Directory
from relay.mail import canonical, dmarc, heading, mailbox, path, spf, tag_list
from relay.mail import dkim as our_dkim
from relay.mail.address import Address, forms
from relay.mail.authres import read as read_results
from relay.mail.envelope import Client, Envelope, decode
from relay.mail.forward import text as forwards
from relay.mail.forward.structure import find_structured
from relay.mail.proof import Result
from relay.mail.public_key import read_key
from relay.mail.reading import parse
from relay.proof.gathering import Asked, Gatherer
from relay.proof.resolver import Answer, Resolver
from tests.signing import pem, record, rsa

SEPARATOR = b"\x1e"
LONGEST = 1.0
"""Seconds of processor time that any input of some kilobytes may take."""
NOW = datetime.now(UTC)  # the good inputs are signed now
WHO = Directory(
    domains=frozenset({"company.example"}),
    capture=frozenset({"crm@crm.example.org"}),
    staff={"bob@company.example": 7},
)
RULES = admission.Rules(
    upstreams=(admission.Upstream((ip_network("198.51.100.0/24"),), "mx.company.example"),),
    arc_sealers=frozenset({"company.example"}),
)


def records_of(kind: str, text: str) -> tuple[str, ...] | None:
    """What a resolver gives for such octets: any text for TXT, but an address where one was asked for."""
    if text == "?":
        return None
    name = "".join(character for character in text.lower() if character.isalnum() or character in ".-_")[:60].strip(".")
    known = {"A": "192.0.2.1", "AAAA": "2001:db8::1", "PTR": name or "a.example", "MX": f"10 {name or 'a.example'}"}
    return (known.get(kind, text),)


class Said(Resolver):
    """DNS as the input has it."""

    def __init__(self, records: tuple[str, ...]) -> None:
        super().__init__()
        self._records = records

    async def ask(self, domain: str, kind: str) -> Answer:
        if not self._records:
            return Answer()
        place = zlib.crc32(f"{domain}{kind}".encode(errors="replace")) % len(self._records)
        found = records_of(kind, self._records[place])
        return Answer(fault="timeout") if found is None else Answer(found)


def read_message(octets: bytes) -> None:
    """The parser: never raises; what it reads can be stored."""
    message = parse(octets)
    assert not {"fallback-parser", "unparsable"} & set(message.defects), message.defects
    text = json.dumps([message.fields[place] for place in range(min(50, len(message.fields)))])
    text.encode()


def find_forwards(octets: bytes) -> None:
    """The scanner of forwards: text and HTML."""
    text = octets.decode("utf-8", "replace")
    found = forwards.find(text)
    assert found is None or isinstance(found, forwards.Forwarded)
    find_structured(text)


def read_addresses(octets: bytes) -> None:
    """Addresses in commands and in fields: what is read reads the same again, and holds no control characters."""
    text = octets.decode("utf-8", "replace")
    if not path.has_control(text):  # a session refuses these before it reads the argument
        for utf8 in (False, True):
            found = path.rcpt_argument(f"TO:<{text}>", utf8=utf8)
            if isinstance(found, Address):
                assert not path.has_control(str(found)), found
                WHO.capture_address(found)
                envelope = Envelope(found, (found,), Client("192.0.2.1", "helo"), NOW, "network")
                assert decode(envelope.encode()) == envelope
        path.mail_argument(text)
    for one in (Address.read(text), *(each.address for each in mailbox.mailboxes((octets,)))):
        if one is not None:
            assert forms(one)
            assert not path.has_control(one.key), repr(one)


def read_proofs(octets: bytes) -> None:
    """The grammars of DKIM, ARC, SPF, DMARC and Authentication-Results, each alone."""
    text = octets.decode("latin-1")
    assert our_dkim.claim_of(octets) is None or isinstance(our_dkim.claim_of(octets), our_dkim.Claim)
    tag_list.tag_list(text)
    read_key(text)
    read_results(text)
    read_results(text, arc=True)
    dmarc.policy([text])
    dmarc.organisational(text)
    asking = spf.check_host("192.0.2.1", "company.example", text, text)
    count, found = 0, None
    try:
        _, kind = next(asking)
        while count < 100:
            count += 1
            _, kind = asking.send(records_of(kind, text))
    except StopIteration as end:
        found = end.value
    assert isinstance(found, Result)
    assert count < 100, "SPF asks without end"
    fields, start = canonical.split(octets, 1 << 18)
    for relaxed in (False, True):
        canonical.body_digest(octets, start, relaxed=relaxed)
        for field in fields[:5]:
            canonical.header(field[1], relaxed=relaxed)


def admit(octets: bytes) -> None:
    """The whole way of a stranger's mail: facts gathered from it and from DNS, then the rules."""
    content, *records = octets.split(SEPARATOR)
    seen = heading.read(content)
    who = Address("bob", "company.example")
    resolver = Said(tuple(record.decode("latin-1") for record in records[:8]))
    for client, authserv_id in (("192.0.2.1", ""), ("198.51.100.7", "mx.company.example")):
        asked = Asked(client, "helo.example", who, content, seen, bool(authserv_id), authserv_id)
        proof = _loop().run_until_complete(Gatherer(resolver, 5.0).gather(asked, NOW))
        for party, owners in ((False, ()), (None, ()), (False, (7,))):
            facts = admission.Facts(client, seen, proof, who, owners=owners, party=party)
            decision = admission.admit(facts, admission.Known(WHO), RULES, NOW)
            if decision.refusal is not None:
                assert decision.refusal.code // 100 in (4, 5)
                assert "bob" not in decision.refusal.text
            passed = [each for each in proof.signatures if each.result is Result.PASS and each.aligned]
            assert decision.reason != "dkim" or passed, (decision, proof)
            assert decision.reason != "spf" or (proof.spf.result is Result.PASS and proof.spf.aligned), (
                decision,
                proof,
            )
            assert decision.reason != "arc" or proof.arc.result is Result.PASS, (decision, proof)
            assert decision.admitted is False or len(seen.authors) == 1, seen


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


TARGETS: dict[str, Callable[[bytes], None]] = {
    "parser": read_message,
    "forwards": find_forwards,
    "addresses": read_addresses,
    "proofs": read_proofs,
    "admission": admit,
}


def wrong(target: Callable[[bytes], None], octets: bytes) -> str:
    """What is wrong with how `octets` are taken, '' if nothing is."""
    began = time.process_time()
    try:
        target(octets)
    except Exception as error:  # noqa: BLE001  any at all is a find
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
        return f"{type(error).__name__} at {where}: {str(error)[:200]}"
    took = time.process_time() - began
    return f"took {took:.1f} s" if took > LONGEST else ""


# -- good inputs ---------------------------------------------------------------------------------------

MAIL = (
    b"From: Bob <bob@company.example>\r\nTo: anna@lead.example\r\nSubject: hello\r\n"
    b"Date: Tue, 3 Feb 2026 10:11:12 +0000\r\nMessage-ID: <1@company.example>\r\n\r\nHello  \r\n\r\nAnna\r\n\r\n"
)
FORWARD = (
    "See below.\n\n---------- Forwarded message ---------\nFrom: Anna <anna@lead.example>\nDate: Tue, 3 Feb 2026 at 10:11\n"
    "Subject: Offer\nTo: Bob <bob@company.example>\n\nHello\n\nAm 3. Februar 2026 um 10:11 schrieb Anna:\n> yes\n\n"
    "-----Original Message-----\nFrom: a@b.example\nSent: Tuesday, February 3, 2026 10:11 AM\nTo: c\nSubject: d\n\ne\n"
)
WORDS = (
    b"v=DKIM1; k=rsa; p=",
    b"v=spf1 include:a.example a mx/24 ip4:192.0.2.0/24 exists:%{ir}.%{d2} redirect=b.example -all",
    b"v=DMARC1; p=reject; sp=none; adkim=s; aspf=r; pct=50",
    b'mx.company.example 1; dkim=pass (good) header.d=company.example header.s=s; spf=fail smtp.mailfrom="a b"@x',
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=company.example; s=s; h=from:to; t=1770113472; bh=YQ==; b=YQ==",
    b"i=1; a=rsa-sha256; cv=none; d=company.example; s=s; t=1; b=YQ==",
    b'"quoted\\"@"@xn--mller-kva.example', b"<@a,@b:c@d>", b"=?utf-8?Q?a=40b?= <a@b>", b"%{", b"redirect=", b"include:",
    b"\r\nFrom: x@y\r\n", b"\r\n ", b"; l=0", b"\xff", b"\xc2\x85", b"?",
)  # fmt: skip


def _signed() -> tuple[bytes, bytes]:
    """A message signed as DKIM and ARC have it, and the record of its key."""
    private = pem(rsa())
    signature = dkim.sign(MAIL, b"s", b"company.example", private, canonicalize=(b"relaxed", b"relaxed"))
    results = b"Authentication-Results: company.example; dkim=pass header.d=company.example; spf=pass\r\n"
    sealed = dkim.arc_sign(results + MAIL, b"s", b"company.example", private, b"company.example")
    return b"".join(sealed) + results + signature + MAIL, record(rsa()).encode()


def seeds(name: str) -> Iterator[bytes]:
    """Good inputs for a target."""
    message, key = _signed()
    yield MAIL
    if name == "forwards":
        yield FORWARD.encode()
        yield b"<div class=gmail_quote><div>" + FORWARD.replace("\n", "<br>").encode() + b"</div></div>"
    elif name == "addresses":
        yield from (b"bob@company.example", "Bob <böb@müller.example>, x:y@z;".encode(), b'"a b"@[192.0.2.1]')
    elif name == "proofs":
        yield from (*WORDS, key)
    elif name == "admission":
        yield SEPARATOR.join((message, key))
        yield SEPARATOR.join((message, key, *WORDS[1:3], b"?"))
    else:
        yield message
