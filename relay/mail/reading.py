"""Reading: from octets to a `Message`.

`parse(content)` never raises, whatever the octets are, takes time linear in them, and gives only text that
UTF-8, JSON and SQLite can hold. Here it is decided what is the body and what is a part; where entities
begin and end is `mime`'s, what fields mean is `mailbox`'s, `date`'s and their neighbours'.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from urllib.parse import unquote

from relay.mail import charset, date, flowed, inline, mailbox, mime, transfer
from relay.mail.encoded import from_octets, printable, to_text
from relay.mail.header import Fields
from relay.mail.message import Message, Part
from relay.mail.parameter import file_name

MAX_IDS = 1_000
"""Message-IDs of one field that are kept: the first, which opened the thread, and the last ones."""
MAX_ID = 998
"""Octets of a Message-ID: a line (RFC 5322 §2.1.1). A longer one identifies nothing."""
MAX_CIDS = 10_000
"""References to parts that are read from one HTML text."""


def parse(content: bytes) -> Message:
    """Read one message. Never raises; see the module's text.

    Should our own reader meet something nobody thought of, the standard library reads what it can (defect
    `fallback-parser`); should that fail too, the message is empty but for the defect `unparsable`.
    """
    try:
        return _message(mime.walk(content))
    except Exception:  # noqa: BLE001 - whatever a stranger's octets can do to us ends here
        # Cold on purpose: the standard library's reader is imported when it is needed, which is about never.
        from relay.mail import fallback  # noqa: PLC0415

        return fallback.parse(content)


def _message(tree: mime.Tree) -> Message:
    """What the fields and leaves of a tree say."""
    fields = Fields(tree.fields, tree.charset)
    hint = tree.charset
    defects = tree.defects
    octets = fields.octets
    author = mailbox.mailboxes(octets(b"from"), hint)
    senders = mailbox.mailboxes(octets(b"sender"), hint)
    message_ids = _ids(octets(b"message-id"), hint)
    originated_at = _date(octets(b"date"), hint, defects)
    if not author:
        defects["missing-author"] = None
    to, cc, bcc = (mailbox.mailboxes(octets(name), hint) for name in (b"to", b"cc", b"bcc"))
    if max(len(to), len(cc), len(bcc)) >= mailbox.MAX_MAILBOXES:
        defects["too-many-addresses"] = None
    text, html, parts = _contents(tree.leaves, defects)
    return Message(
        message_id=message_ids[0] if message_ids else None,
        in_reply_to=_ids(octets(b"in-reply-to"), hint),
        references=_ids(octets(b"references"), hint),
        originated_at=originated_at,
        author=author,
        sender=senders[0] if senders else None,
        reply_to=mailbox.mailboxes(octets(b"reply-to"), hint),
        to=to,
        cc=cc,
        bcc=bcc,
        subject=fields.first("subject") or "",
        text=text,
        html=html,
        parts=parts,
        media_type=tree.media_type,
        fields=fields,
        defects=tuple(defects),
    )


_ID = re.compile(r"<([^<>]++)>?")
_CID = re.compile(r"cid:([^\s\"'<>()\\]{1,300})", re.IGNORECASE)


def _ids(values: list[bytes], hint: str) -> tuple[str, ...]:
    """The Message-IDs of the fields with these values (RFC 5322 §3.6.4), without brackets, each once.

    Blanks inside an id come from folding and are dropped; ids without brackets are taken if they have an at.
    """
    if not values:
        return ()
    found: dict[str, None] = {}
    for value in values:
        text = from_octets(value[: 1 << 20], hint)
        if "<" in text:
            ids = _ID.findall(text)
        else:
            words = text.split()
            ids = words if len(words) == 1 else [word for word in words if "@" in word]
        for written in ids:
            plain = written.isprintable() and " " not in written
            one = written if plain else printable("".join(written.split()))
            if one and len(one) <= MAX_ID:
                found[one] = None
    if len(found) > MAX_IDS:
        every = tuple(found)
        return (every[0], *every[1 - MAX_IDS :])
    return tuple(found)


def _date(values: list[bytes], hint: str, defects: dict[str, None]) -> datetime | None:
    if not values:
        defects["missing-date"] = None
        return None
    for value in values[:10]:
        moment = date.read(to_text(value[:1000], hint))
        if moment is not None:
            return moment
    defects["unreadable-date"] = None
    return None


def _contents(leaves: list[mime.Leaf], defects: dict[str, None]) -> tuple[str | None, str | None, tuple[Part, ...]]:
    """(text, html, parts): body texts told from everything else."""
    texts: list[str] = []
    htmls: list[str] = []
    parts: list[Part] = []
    for leaf in leaves:
        name = ""
        if leaf.type_.parameters or leaf.disposition.parameters:
            name = file_name(_named(leaf))
        octets, defect = transfer.decode(leaf.octets, leaf.start, leaf.end, leaf.encoding)
        if defect:
            defects[defect] = None
        if _is_body(leaf, name):
            label = leaf.type_.get("charset")
            if leaf.media_type == "text/html":
                text, defect = charset.decode(octets, label or charset.in_html(octets))
                htmls.append(_with_line_feeds(text))
            else:
                octets, files = inline.take_out(octets)
                text, defect = charset.decode(octets, label)
                text = _with_line_feeds(text)
                if leaf.type_.get("format").strip().lower() == "flowed":
                    text = flowed.unwrapped(text, delete_space=leaf.type_.get("delsp").strip().lower() == "yes")
                texts.append(text)
                parts += [
                    Part(
                        len(parts) + n, "application/octet-stream", file_name(file.name), "", "attachment", file.content
                    )
                    for n, file in enumerate(files)
                ]
            if defect:
                defects[defect] = None
            continue
        disposition = leaf.disposition.word
        parts.append(
            Part(
                position=len(parts),
                media_type=leaf.media_type,
                filename=name,
                content_id=_content_id(leaf.content_id) if leaf.content_id else "",
                disposition=disposition if disposition in ("attachment", "inline", "") else "attachment",
                content=octets,
            )
        )
    html = "\n".join(htmls) if htmls else None
    return "\n".join(texts) if texts else None, html, with_references(html, parts)


def _named(leaf: mime.Leaf) -> str:
    """The file name that a leaf says: of its disposition, but for one that lost its letters to question marks."""
    name = leaf.disposition.get("filename")
    if name and "?" not in name:
        return name
    other = leaf.type_.get("name")
    return other if other and (not name or "?" not in other) else name


_NOT_WORDS = frozenset({"calendar", "vcard", "x-vcard", "directory", "rtf", "csv", "xml", "rfc822-headers"})
"""Subtypes of text that a program reads and not a person."""


def _is_body(leaf: mime.Leaf, name: str) -> bool:
    """Is the leaf text to read, and not a file? A name makes it one, but not the only text there is or a form of it."""
    if leaf.media_type not in ("text/plain", "text/html"):
        # Alone in its mail, a kind of text that we do not know is plain text (RFC 2046 §4.1.4).
        kind, _, subtype = leaf.media_type.partition("/")
        return kind == "text" and not leaf.within and not leaf.disposition.word and subtype not in _NOT_WORDS
    disposition = leaf.disposition.word
    if disposition and disposition != "inline":  # RFC 2183 §2.8: an unknown one is an attachment
        return False
    return not name or not leaf.within or (leaf.within == "alternative" and not disposition)


def _with_line_feeds(text: str) -> str:
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _content_id(value: bytes) -> str:
    """A Content-ID without its brackets (RFC 2392)."""
    return printable("".join(from_octets(value[:1000]).split())).strip("<>")[:MAX_ID]


def with_references(html: str | None, parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts, those marked whose Content-ID the HTML names in a `cid:` URL (RFC 2392: percent-encoded)."""
    if not html or not any(part.content_id for part in parts):
        return tuple(parts)
    named: set[str] = set()
    for url in _cids(html):
        named.add(url.lower())
        named.add(unquote(url).lower())
    return tuple(
        replace(part, referenced=True) if part.content_id and part.content_id.lower() in named else part
        for part in parts
    )


def _cids(html: str) -> Iterator[str]:
    """What stands behind each `cid:` of the HTML, up to `MAX_CIDS`."""
    lower = html.lower()
    if len(lower) != len(html):  # a letter whose small form is two: no place in one is the same place in the other
        yield from (found[1] for found in islice(_CID.finditer(html), MAX_CIDS))
        return
    at = lower.find("cid:")  # a tenth of the cost of looking for it in any case with a pattern
    for _ in range(MAX_CIDS):
        if at < 0:
            return
        found = _CID.match(html, at)
        if found is not None:
            yield found[1]
        at = lower.find("cid:", at + 4 if found is None else found.end())
