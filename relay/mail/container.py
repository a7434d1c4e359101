"""Containers: parts of a mail that hold a message, or parts of this one, in a form of their own.

`opened` reads a mail as what it holds: TNEF (`winmail.dat`) and opaque S/MIME are wrapping, and what is
wrapped is the mail's. `message_in` tells which part is a message of its own: as it went through the mail
(message/rfc822, or a file with its octets), a file of Outlook (.msg), Apple Mail's .emlx. Both decide by the
octets; name and type only say how much proof it takes. Never raises, and costs nothing where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from relay.mail import signed
from relay.mail.message import Message, Part
from relay.mail.outlook import internet, msg, tnef
from relay.mail.outlook import message as outlook
from relay.mail.outlook.compound import Broken
from relay.mail.outlook.effort import Effort
from relay.mail.reading import parse, with_references

ATTACHED, FILE, OUTLOOK = "attached", "attached-file", "outlook"
"""How a message was found: by its type; a file whose octets are a message; a .msg file."""

MAX_DEPTH = 4
"""Wrappings in each other that are opened: signed by a person, then by a gateway."""

_NAMES = (".eml", ".emlx", ".email", ".mim", ".mime")
_NOT_WHOLE = frozenset(
    {"text/rfc822-headers", "message/delivery-status", "message/disposition-notification", "message/partial",
     "message/external-body", "message/feedback-report"}
)  # fmt: skip
_FIELD = re.compile(rb"([!-9;-~]{1,80})[ \t]*:")
_EMLX = re.compile(rb"[0-9]{1,10}[ \t]*\r?\n")
_HEADER = 1 << 16
"""Octets of a file in which its header must show what it is."""

_USUAL = frozenset({b"from", b"to", b"subject", b"date"})
_PROOF = frozenset({b"message-id", b"received", b"mime-version", b"return-path", b"delivered-to"})


def opened(message: Message, effort: Effort | None = None, depth: int = MAX_DEPTH) -> Message:
    """The message with what its wrappings hold in their place: bodies, and parts."""
    if not any(_is_wrapping(part) for part in message.parts):
        return message
    effort = effort or Effort()
    texts, htmls = [message.text], [message.html]
    parts: list[Part] = []
    defects = dict.fromkeys(message.defects)
    media_type = message.media_type
    for part in message.parts:
        wrapped = _tnef(part, message, effort) if tnef.is_tnef(part.content) else _signature(part, effort, depth)
        if wrapped is None:
            parts.append(part)
            continue
        if part.media_type == media_type:
            media_type = wrapped.media_type
        texts.append(wrapped.text)
        htmls.append(wrapped.html)
        parts += wrapped.parts
        defects |= dict.fromkeys(each for each in wrapped.defects if not each.startswith("missing-"))
    text, html = _joined(texts), _joined(htmls)
    numbered = [replace(part, position=number) for number, part in enumerate(parts)]
    return replace(
        message,
        text=text,
        html=html,
        parts=with_references(html, numbered),
        media_type=media_type,
        defects=tuple(defects),
    )


def _is_wrapping(part: Part) -> bool:
    return (
        part.media_type in signed.TYPES
        or part.content.startswith(tnef.SIGNATURE)
        or (part.media_type == "application/octet-stream" and part.filename[-4:].lower() == ".p7m")
    )


def _joined(texts: Sequence[str | None]) -> str | None:
    return "\n".join(said) if (said := [text for text in texts if text is not None]) else None


def _tnef(part: Part, around: Message, effort: Effort) -> Message | None:
    """What TNEF holds: its attachments; its text when the mail around it has none. None for no mail (a contact)."""
    as_it_is = Message(parts=(part,), media_type=part.media_type, defects=(outlook.DAMAGED,))
    try:
        note = tnef.read(part.content)
    except Broken:
        return as_it_is
    if not (note.attachments or internet.is_mail(note) or internet.has_body(note.properties)):
        return as_it_is if note.cut else None
    text = html = ""
    if not (around.text or "").strip() and not around.html:
        text, html = internet.bodies(note.properties, effort)
    found = internet.parts(note, effort)
    cut = note.cut or effort.exhausted
    return Message(text=text or None, html=html or None, parts=tuple(found), defects=(outlook.DAMAGED,) if cut else ())


def _signature(part: Part, effort: Effort, depth: int) -> Message | None:
    """What an opaque signature wraps, and the signature itself, or None for any other part."""
    if not _is_wrapping(part) or depth == 0:
        return None
    entity, defect = signed.content(part.content)
    if entity is None:
        return Message(parts=(part,), media_type=part.media_type, defects=(defect,))
    inner = opened(parse(entity), effort, depth - 1)
    return replace(inner, parts=(*inner.parts, replace(part, media_type="application/pkcs7-mime")))


def message_in(part: Part, effort: Effort) -> tuple[Message, str] | None:
    """(the message that a part is, with its wrappings opened; how it was found), or None for any other file."""
    content = part.content
    if msg.is_msg(content):
        found = outlook.read(content, effort)
        return None if found is None else (opened(found, effort), OUTLOOK)
    how = ATTACHED
    if not part.is_message:
        how = FILE
        if part.media_type in _NOT_WHOLE or part.media_type.startswith("multipart/"):
            return None
        name = part.filename.lower()
        length = _EMLX.match(content) if name.endswith(".emlx") else None
        if length is not None:
            content = content[length.end() : length.end() + int(length[0])]
        if not _is_mail(content, named=name.endswith(_NAMES) or "rfc822" in part.media_type):
            return None
    return opened(parse(content), effort), how


def _is_mail(content: bytes, *, named: bool) -> bool:
    """Do the octets begin with the header of a mail? A file that is `named` like one needs less proof."""
    head = content[:_HEADER].lstrip(b"\xef\xbb\xbf\r\n")
    if head[:5] == b"From " or head[:6] == b">From ":
        head = head.partition(b"\n")[2]
    if _FIELD.match(head) is None:
        return False
    names: set[bytes] = set()
    for line in head.split(b"\n"):
        if not line.strip():
            break
        if line[:1] in b" \t":
            continue
        field = _FIELD.match(line)
        if field is None:
            if not named:
                return False
            break
        names.add(field[1].lower())
    if named:
        return bool(names & _USUAL or names & _PROOF)
    return b"from" in names and b"date" in names and bool(names & _PROOF)
