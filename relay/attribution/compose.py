"""Compose: from a parsed mail object to the records that will be filed.

The whole meaning of a mail in one pure function. What was decided, and why, is in the record: the route
and the evidence for the original, the verdict's reason, the source of the date, and every defect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from relay.attribution import tag as tags
from relay.attribution.copied import Copied, copied, staff_by, verdict
from relay.attribution.direction import direction, of_report, staff_on
from relay.attribution.directory import Directory
from relay.attribution.imported import came_at, digest
from relay.attribution.kind import ATTACHMENTS_NOT_KEPT, filed_parts
from relay.attribution.original import handed_in
from relay.attribution.party import parties
from relay.attribution.personal import hidden, shown
from relay.attribution.record import Direction, Record, Route, Verdict
from relay.attribution.recovered import NOT_RECOVERED, HandedIn, Original
from relay.attribution.reported import Told, told
from relay.attribution.withheld import withheld
from relay.mail.address import Address
from relay.mail.automatic import BOUNCE, automatic
from relay.mail.body import body
from relay.mail.container import opened
from relay.mail.envelope import Envelope, MailObject, VaultId
from relay.mail.message import PARSER, Message
from relay.mail.reference import base_subject, thread_ids

OLDEST = datetime(1980, 1, 1, tzinfo=UTC)
"""A Date before it is a clock that was never set: there was next to no mail to file."""

AHEAD = timedelta(days=1)
"""How far a Date may lie in the future before it counts as a defect: zones and clocks are set wrong."""

FINGERPRINT = 8 * 1024
"""Characters of the words that a fingerprint is made of; footers that lists add come later in a mail."""

WRITTEN_DATE = 200
"""Characters of a date as a forward writes it; the longest real ones have a hundred."""

UNKNOWN_TAG = "unknown-tag"
DATE_IN_FUTURE = "date-in-future"
DATE_TOO_OLD = "date-too-old"
UNPARSABLE = "unparsable"


def compose(vault_id: VaultId, mail: MailObject, message: Message, directory: Directory) -> tuple[Record, ...]:
    """The records of one mail object: one, or one for each original it carried (positions 0..n-1)."""
    if UNPARSABLE in message.defects:
        return (unparsed(vault_id, mail, message.defects, message),)
    message = opened(message)
    handed = handed_in(message, mail.envelope, directory)
    asked = _tags(message, mail.envelope, directory)
    said = copied(mail.envelope, directory)
    records = tuple(
        _record(vault_id, position, mail, handed, original, asked, said, directory, message.subject)
        for position, original in enumerate(handed.originals)
    )
    return withheld(records, message, directory)


def _record(
    vault_id: VaultId,
    position: int,
    mail: MailObject,
    handed: HandedIn,
    original: Original,
    asked: tuple[str, ...],
    said: Copied,
    directory: Directory,
    wrapper_subject: str,
) -> Record:
    message = original.message
    envelope = mail.envelope
    itself = original.route in (Route.BCC, Route.DIRECT, Route.REDIRECT)  # the mail object is the message
    unnamed = original.recipients
    if itself:
        unnamed = (*unnamed, *envelope.forward_paths, *said.received_by)
    everyone, party_defects = parties(message, directory, unnamed)
    author = shown(message.author[0].address, directory) if message.author else None
    author_name = hidden(message.author[0].display_name if message.author else original.author_name)
    subject = hidden(message.subject)
    content = body(message)
    words, quoted, markup, snippet = map(hidden, (content.text, content.quoted, content.html, content.snippet))
    at, date_source, date_defects = _date(message.originated_at, envelope.received_at, original.date_source)
    if date_source == "received":
        at = came_at(envelope)
    subject_base = base_subject(subject)
    handed_in_by = said.person(directory) or handed.handed_in_by
    decided = direction(author, everyone, directory, named=bool(author_name) or NOT_RECOVERED in original.defects)
    if original.route in (Route.BCC, Route.DIRECT):
        decided = verdict(decided, said, everyone, envelope, directory)
    kind = automatic(message, null_reverse_path=itself and envelope.reverse_path is None, own=directory.domains)
    size = len(mail.content) if original.size is None else original.size
    kept = not directory.attachments_up_to or size <= directory.attachments_up_to
    tells = told(message, kind, author, at, words, directory)
    if kind == BOUNCE or tells.reported:
        decided = of_report(decided)
    return Record(
        vault_id=vault_id,
        position=position,
        envelope=envelope,
        route=handed.route,
        handed_in_by=handed_in_by,
        outcome="filed",
        message_id=message.message_id,
        # A report is in the conversation of the mail that it is about, whatever its own subject.
        thread_ids=_thread_ids(tells, message),
        base_subject=subject_base if tells.subject is None else base_subject(hidden(tells.subject)),
        fingerprint=fingerprint(author, subject_base, words or quoted, _named(message, directory)),
        verdict=decided,
        automatic=kind,
        subject=subject,
        author=author,
        author_name=author_name,
        staff_id=staff_by(decided, said, directory) or staff_on(author, everyone, directory, handed_in_by),
        originated_at=at,
        date_source=date_source,
        size=size,
        snippet=snippet,
        parties=everyone,
        parts=filed_parts(message.parts, kept=kept),
        text=words,
        quoted=quoted,
        html=markup,
        note=hidden(handed.note),
        defects=_each_once(
            message.defects,
            original.defects,
            handed.defects,
            party_defects,
            date_defects,
            content.defects,
            said.defects,
            () if kept or not message.parts else (ATTACHMENTS_NOT_KEPT,),
            envelope.origin.defects if envelope.origin is not None else (),
            (UNKNOWN_TAG,) if any(tags.is_unknown(one) for one in asked) else (),
        ),
        parser=PARSER,
        tags=asked,
        subject_tags=_each_once(*(map(str, tags.in_subject(s)) for s in (wrapper_subject, message.subject))),
        evidence=original.evidence,
        written_date=original.date_text[:WRITTEN_DATE],
        told=tells,
        imported=digest(mail),
    )


def unparsed(vault_id: VaultId, mail: MailObject, defects: Sequence[str], message: Message | None = None) -> Record:
    """The record of a mail that could not be read: its envelope, its size, and a subject if one is legible."""
    envelope = mail.envelope
    subject = message.subject if message is not None and message.subject else legible_subject(mail.content)
    return Record(
        vault_id=vault_id,
        position=0,
        envelope=envelope,
        route=Route.BCC,
        handed_in_by=None,
        outcome="unparsed",
        message_id=None,
        thread_ids=(),
        base_subject="",
        fingerprint=sha256(mail.content).hexdigest(),
        verdict=Verdict(Direction.UNKNOWN, "unparsed"),
        automatic=None,
        subject=hidden(subject),
        author=None,
        author_name="",
        staff_id=None,
        originated_at=came_at(envelope),
        date_source="received",
        size=len(mail.content),
        snippet="",
        parties=(),
        parts=(),
        text="",
        quoted="",
        html="",
        note="",
        defects=_each_once(tuple(defects)),
        parser=PARSER,
        imported=digest(mail),
    )


def legible_subject(content: bytes) -> str:
    """The Subject line among the first octets, if it is plain ASCII; nothing is decoded, so nothing can fail."""
    for line in content[:65536].split(b"\n")[:1000]:
        if not line.strip():
            return ""
        if line[:8].lower() == b"subject:":
            text = line[8:200].strip()
            printable = text.isascii() and all(32 <= octet < 127 for octet in text)
            return text.decode("ascii") if printable else ""
    return ""


def fingerprint(author: Address | None, subject_base: str, words: str, recipients: Sequence[str] = ()) -> str:
    """sha256 over author, base subject, words and recipients: equal for two copies of one message, however wrapped."""
    folded = "".join(words[:FINGERPRINT].split())
    told = f"{author.key if author else ''}\n{subject_base}\n{folded}\n{' '.join(recipients)}"
    return sha256(told.encode("utf-8", "replace")).hexdigest()


def _thread_ids(tells: Told, message: Message) -> tuple[str, ...]:
    ids = thread_ids(message)
    if tells.subject is None or tells.about is None:
        return ids
    own = ids[:1] if message.message_id else ()
    return (*own, tells.about, *(one for one in ids[len(own) :] if one != tells.about))


def _named(message: Message, directory: Directory) -> tuple[str, ...]:
    """The recipients by which a message without a Message-ID differs from its like: one text to many, one by one.

    One that has a Message-ID needs none: copies of it may have lost a recipient on their way.
    """
    if message.message_id is not None:
        return ()
    named = (one.address for one in (*message.to, *message.cc))
    return tuple(sorted({address.key for address in named if not directory.is_capture(address)}))


def _date(written: datetime | None, received_at: datetime, source: str) -> tuple[datetime, str, tuple[str, ...]]:
    """(when the message was written, where that is known from, defects).

    A message is not younger than its receipt. A date up to a day ahead is a clock or a zone set wrong;
    one further ahead, or from before there was mail, is noted.
    """
    if written is None:
        return received_at, "received", ()
    if written <= received_at:
        if written >= OLDEST:
            return written, source, ()
        return received_at, "received", (DATE_TOO_OLD,)
    return received_at, "received", (DATE_IN_FUTURE,) if written - received_at > AHEAD else ()


def _tags(message: Message, envelope: Envelope, directory: Directory) -> tuple[str, ...]:
    """The tags of all capture addresses on the mail, envelope first, each once."""
    found: dict[str, None] = {}
    visible = (mailbox.address for mailbox in (*message.to, *message.cc, *message.bcc))
    for address in (*envelope.forward_paths, *visible):
        capture = directory.capture_address(address)
        if capture is not None and capture[1]:
            for tag in tags.read(capture[1]):
                found.setdefault(str(tag))
                if len(found) >= tags.MAX_TAGS:
                    return tuple(found)
    return tuple(found)


def _each_once(*lists: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))
