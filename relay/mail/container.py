"""Containers: which part of a mail is a message of its own, whatever its type and name say.

Three forms: a message as it went through the mail (message/rfc822, or a file with its octets), a file of
Outlook (.msg), and Apple Mail's .emlx. Decided by the octets; name and type only say how much proof it takes.
"""

from __future__ import annotations

import re

from relay.mail.message import Message, Part
from relay.mail.outlook import message as outlook
from relay.mail.outlook import msg
from relay.mail.outlook.effort import Effort
from relay.mail.reading import parse

ATTACHED, FILE, OUTLOOK = "attached", "attached-file", "outlook"
"""How it was found: by its type; a file whose octets are a message; a .msg file."""

_NAMES = (".eml", ".emlx", ".email", ".mht", ".mhtml", ".mim", ".mime")
_NOT_WHOLE = frozenset({"text/rfc822-headers", "message/delivery-status", "message/disposition-notification",
                        "message/partial", "message/external-body", "message/feedback-report"})  # fmt: skip
_FIELD = re.compile(rb"([!-9;-~]{1,80})[ \t]*:")
_EMLX = re.compile(rb"[0-9]{1,10}[ \t]*\r?\n")
_HEADER = 1 << 16
"""Octets of a file in which its header must show what it is."""

_PROOF = frozenset({b"message-id", b"received", b"mime-version", b"return-path", b"delivered-to"})


def message_in(part: Part, effort: Effort) -> tuple[Message, str] | None:
    """(the message that a part is, how it was found), or None for any other file. Never raises."""
    content = part.content
    if msg.is_msg(content):
        found = outlook.read(content, effort)
        return None if found is None else (found, OUTLOOK)
    if part.is_message:
        return parse(content), ATTACHED
    if part.media_type in _NOT_WHOLE or part.media_type.startswith("multipart/"):
        return None
    length = _EMLX.match(content) if part.filename[-5:].lower() == ".emlx" else None
    if length is not None:
        octets = int(length[0])
        return parse(content[length.end() : length.end() + octets]), FILE
    if _is_mail(content, named=part.filename.lower().endswith(_NAMES) or "rfc822" in part.media_type):
        return parse(content), FILE
    return None


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
        return bool(names & {b"from", b"to", b"subject", b"date"} or names & _PROOF)
    return b"from" in names and b"date" in names and bool(names & _PROOF)
