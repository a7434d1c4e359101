"""Attached: the originals that a mail carries as parts, and what those carry in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from relay.attribution.directory import Directory
from relay.attribution.inline import find_inline
from relay.attribution.record import Route
from relay.attribution.recovered import MAX_NOTE, MAX_ORIGINALS, OTHER_PARTS, TOO_MANY, Original
from relay.mail import html
from relay.mail.body import is_stub
from relay.mail.message import Message, Part
from relay.mail.reading import parse


def note_of(message: Message) -> str:
    """The comment of who attached messages: all of the wrapper's text."""
    if message.html and (message.text is None or is_stub(message.text)):
        return html.to_text(message.html)[:MAX_NOTE]
    return (message.text or "").strip()[:MAX_NOTE]


def is_message(part: Part) -> bool:
    """Is the part a message: by its type, or an .eml file by its name and its first line?"""
    if part.is_message:
        return True
    if part.filename[-4:].lower() != ".eml":
        return False
    first = part.content[:1000].lstrip(b"\xef\xbb\xbf\r\n").partition(b"\n")[0]
    name, colon, _ = first.partition(b":")
    return bool(colon) and bool(name) and all(33 <= octet <= 126 for octet in name)  # RFC 5322 §2.2


def find_attached(message: Message, directory: Directory, depth: int) -> tuple[tuple[Original, ...], tuple[str, ...]]:
    """(the messages attached to a wrapper, internal wrappers opened in turn; defects)."""
    originals: list[Original] = []
    defects: dict[str, None] = {}
    for part in message.parts:
        if not is_message(part):
            if part.disposition == "attachment" and part.media_type not in _TECHNICAL:
                defects[OTHER_PARTS] = None
            continue
        for original in _opened(part, directory, depth):
            if len(originals) >= MAX_ORIGINALS:
                defects[TOO_MANY] = None
                break
            originals.append(original)
    return (tuple(originals), tuple(defects)) if originals else ((), ())


_TECHNICAL = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})


def _opened(part: Part, directory: Directory, depth: int) -> Iterator[Original]:
    """The message in a part; when it is a colleague's internal forward, what that one carries."""
    message = parse(part.content)
    if depth > 1 and message.media_type != "multipart/report" and _is_internal(message, directory):
        deeper, _ = find_attached(message, directory, depth - 1)
        if deeper:
            yield from deeper
            return
        inline = find_inline(message, directory, ours=True, alone=False)
        if inline is not None:
            yield replace(inline[0], size=len(part.content))
            return
    yield Original(message, Route.ATTACHED, "attached", size=len(part.content))


def _is_internal(message: Message, directory: Directory) -> bool:
    """From one of us to nobody but us."""
    everyone = (*message.author[:1], *message.to, *message.cc, *message.bcc)
    return bool(message.author) and all(
        directory.is_ours(one.address) or directory.is_capture(one.address) for one in everyone
    )
