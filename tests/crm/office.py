"""An office to look at: two colleagues, some leads with deals, and the mail of a few weeks, handed in as people do.

Everybody here is invented. Dates count back from `now`, so that a page shows "today" and "yesterday".
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

CAPTURE = "crm@crm.example.org"
BOB, MIA = "Bob Baker <bob@example.org>", "Mia Moreau <mia@example.org>"
ANNA, PETER = "Anna Lindqvist <anna@lindqvist.example>", "Peter Okafor <peter@okafor.example>"
JUDIT, LI, CARL = (
    "Judit Varga <judit@varga.example>",
    "Li Wei <li.wei@harbor.example>",
    "Carl Stone <carl@stone.example>",
)

STAFF = (("Bob Baker", "bob@example.org"), ("Mia Moreau", "mia@example.org"))
LEADS = (
    ("Anna Lindqvist", "Lindqvist AB", "customer", "Bob Baker", "anna@lindqvist.example", "New hall"),
    ("Peter Okafor", "Okafor Foods", "open", "Mia Moreau", "peter@okafor.example", "Cold store"),
    ("Judit Varga", "Varga & Fia", "open", "Bob Baker", "judit@varga.example", "Loading gates"),
    ("Li Wei", "Harbor Logistics", "open", "Mia Moreau", "li.wei@harbor.example", "Quay 4"),
    ("Sam Reed", "Reed Timber", "paused", "Bob Baker", "sam@reed.example", None),
)
SUBJECTS = (
    (
        "Plans for the foundation",
        "the plans for the foundation are enclosed. The soil report came back without surprises.",
    ),
    ("Dates for the visit", "would Tuesday at ten suit you? We would like to see the site before the offer."),
    ("Question about insulation", "which of the two panels did you have in mind: 80 or 120 millimetres?"),
    ("Minutes of our call", "here is what we agreed: delivery in week 32, two gates, and the crane on our account."),
    ("Invoice 2041", "the first part payment is due at the end of the month. Thank you for your trust."),
    ("Colour of the facade", "our architect would like it a shade lighter than the sample. Is that possible?"),
)


def picture(width: int = 160, height: int = 48) -> bytes:
    """A small PNG, as a logo in a signature is one."""
    rows = b"".join(b"\0" + bytes(v for x in range(width) for v in (30, 60 + x // 2, 120 + y)) for y in range(height))
    pieces = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in pieces
    )


def mail(
    author, to, subject, at, text, *, html="", images=(), files=(), message_id=None, answers=None, cc=None
) -> bytes:
    """`images`: content ids; `files`: (name, content, media type)."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = author, to, subject
    if cc:
        message["Cc"] = cc
    message["Date"] = format_datetime(at)
    message["Message-ID"] = (
        message_id or f"<{abs(hash((author, subject, at))):x}@{author.rpartition('@')[2].rstrip('>')}>"
    )
    if answers:
        message["In-Reply-To"] = message["References"] = answers
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
        part = message.get_payload()[1]
        for content_id in images:
            part.add_related(picture(), "image", "png", cid=f"<{content_id}>", filename="hall.png")
    for name, content, media in files:
        maintype, _, subtype = media.partition("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes()


def forward(author, original: bytes, at, note: str) -> bytes:
    """An original handed in later, forwarded as an attachment."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = (
        author,
        CAPTURE,
        f"Fwd: {message_from_bytes(original)['Subject']}",
    )
    message["Date"] = format_datetime(at)
    message.set_content(note)
    message.add_attachment(message_from_bytes(original, policy=SMTP))
    return message.as_bytes()


def mails(now: datetime) -> Iterator[tuple[str, bytes]]:
    """(the colleague who hands it in, the octets)."""
    hall = mail(
        ANNA, BOB, "A new hall", now - timedelta(days=9, hours=3),
        "Hello Bob,\n\nwe need a hall of 20 by 40 metres, with two gates. Can you do that?\n\nAnna\n",
        message_id="<hall@lindqvist.example>",
    )  # fmt: skip
    yield "bob@example.org", forward(BOB, hall, now - timedelta(days=9), "A new one, via the fair.\n")
    yield "bob@example.org", mail(
        BOB, ANNA, "Offer for the new hall", now - timedelta(days=6),
        "Dear Anna,\n\nthank you for the plans. The offer is enclosed; it holds until the end of the month.\n\nBob\n",
        html="<p>Dear Anna,</p><p>thank you for the plans. The offer is enclosed; it holds until the end of the month.</p>"
        '<p>It could look like this:</p><p><img src="cid:hall@example.org" alt="the hall"></p><p>Bob</p>'
        '<img src="https://tracker.example/open.gif" width="1">',
        images=["hall@example.org"], files=[("offer.pdf", b"%PDF-1.4\n% an offer\n", "application/pdf")],
        message_id="<offer@example.org>", answers="<hall@lindqvist.example>",
    )  # fmt: skip
    gates = mail(
        ANNA, BOB, "Re: Offer for the new hall", now - timedelta(days=2, hours=5),
        "Hi Bob,\n\nthe offer looks good. Two questions about the gates: shall we talk on Thursday?\n\nAnna\n\n"
        "On Monday Bob Baker <bob@example.org> wrote:\n> could you live with sliding gates?\n",
        message_id="<gates@lindqvist.example>", answers="<never-handed-in@example.org>",
    )  # fmt: skip
    yield "bob@example.org", forward(BOB, gates, now - timedelta(days=2, hours=4), "She asks for a call.\n")
    yield "bob@example.org", forward(
        BOB,
        mail(CARL, BOB, "Recommended by Anna", now - timedelta(days=1, hours=2),
             "Good morning,\n\nAnna Lindqvist gave me your name. We plan a workshop of 300 square metres.\n\nCarl Stone\n",
             message_id="<workshop@stone.example>"),
        now - timedelta(days=1), "No idea who he is.\n",
    )  # fmt: skip
    yield "mia@example.org", mail(
        MIA, "Rosa Keller <rosa@keller.example>", "Our brochure", now - timedelta(hours=30), "Dear Mrs Keller,\n\nas promised.\n\nMia\n",
        files=[("brochure.pdf", b"%PDF-1.4\n", "application/pdf")],
    )  # fmt: skip
    yield "mia@example.org", mail(MIA, BOB, "Lunch?", now - timedelta(hours=20), "At noon?\n")
    people = [(BOB, ANNA), (MIA, PETER), (BOB, JUDIT), (MIA, LI), (BOB, ANNA), (MIA, PETER), (BOB, JUDIT)]
    for number in range(36):
        ours, theirs = people[number % len(people)]
        subject, words = SUBJECTS[(number * 5) % len(SUBJECTS)]
        at = now - timedelta(hours=7 + number * 17)
        first = theirs.split()[0]
        if number % 3 == 1:
            original = mail(theirs, ours, f"Re: {subject}", at, f"Hello,\n\n{words}\n\n{first}\n")
            yield ours[ours.index("<") + 1 : -1], forward(ours, original, at + timedelta(minutes=20), "")
        else:
            files = [("drawing.pdf", b"%PDF-1.4\n" + bytes([number]), "application/pdf")] if number % 4 == 0 else []
            yield (
                ours[ours.index("<") + 1 : -1],
                mail(ours, theirs, subject, at, f"Dear {first},\n\n{words}\n", files=files),
            )


def furnish(relay, now: datetime | None = None) -> None:
    """Staff, leads with deals, and all the mail, sent to a running relay and filed."""
    now = now or datetime.now(UTC)
    for name, address in STAFF:
        relay.say("staff", "add", name, address)
    for number, (name, organization, status, owner, address, deal) in enumerate(LEADS, 1):
        relay.say("lead", "add", name, address, "--organization", organization, "--external-id", f"C-{1000 + number}")
        relay.sql(
            "UPDATE lead SET status = ?, owner_staff_id = (SELECT id FROM staff WHERE name = ?) WHERE id = ?",
            status, owner, number,
        )  # fmt: skip
        if deal:
            relay.sql(
                "INSERT INTO deal (lead_id, title, stage, opened_at) VALUES (?, ?, 'offer', ?)",
                number, deal, (now - timedelta(days=40)).strftime("%Y-%m-%d %H:%M:%S"),
            )  # fmt: skip
    ids = []
    for sender in ("bob@example.org", "mia@example.org"):
        ids += relay.send(*[octets for who, octets in mails(now) if who == sender], sender=sender)
    relay.filed(*ids)
