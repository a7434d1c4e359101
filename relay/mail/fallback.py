"""The standard library's reader, for the mail that our own one fails on.

Decides as little as possible: `email` with the compat32 policy builds the tree, then each field and each part is
read by itself, and what fails is left out. It shares no code with the reader it stands in for but the types, the
forms of an address and the scrubbing of text. Its results are worse (docs/parsing.md tells how), so the message
carries the defect `fallback-parser` and can be read again after a fix. If even this fails, the message is empty
with the defect `unparsable`. Never raises.

Never `policy.default`: it raises on received mail, takes 2 GB for half a megabyte of recipients, and recurses.
"""

from __future__ import annotations

import email
import email.header
import email.message
import email.policy
import email.utils
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from relay.mail.address import Address, Mailbox
from relay.mail.charset import codec, scrub
from relay.mail.header import Fields
from relay.mail.message import Message, Part
from relay.mail.parameter import file_name

FALLBACK = "fallback-parser"
UNPARSABLE = "unparsable"

MAX_OCTETS = 64 << 20
"""Larger content is not given to a reader that needs eight times its size in memory."""
MAX_FIELDS = 2_000
MAX_PARTS = 1_000
MAX_GROUPS = 1_000
"""Of a delivery report: one for each recipient."""
MAX_VALUE = 1 << 16
"""Characters of one field value: `email.utils` is slow, and recursive on comments."""

_T = TypeVar("_T")


def parse(content: bytes) -> Message:
    """Read one message by the standard library; defect `fallback-parser`, or `unparsable` and nothing else."""
    try:
        if len(content) > MAX_OCTETS:
            return Message(defects=(UNPARSABLE,))
        return _message(email.message_from_bytes(content, policy=email.policy.compat32))
    except Exception:  # noqa: BLE001 - the last reader there is; its failure is a result
        return Message(defects=(UNPARSABLE,))


def _guarded(read: Callable[[], _T], otherwise: _T) -> _T:
    """What `read` gives, or `otherwise` when it raises: one broken field must not cost the others."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - compat32 raises whatever its many codecs and parsers raise
        return otherwise


def _message(read: email.message.Message) -> Message:
    values: dict[str, list[str]] = {}
    pairs: list[tuple[str, str]] = []
    for name, raw in read.raw_items():
        if len(pairs) >= MAX_FIELDS:
            break
        key = scrub(str(name)).lower()
        value = _guarded(lambda raw=raw: _text(raw), "")  # type: ignore[misc]
        pairs.append((key, value))
        values.setdefault(key, []).append(value)

    def people(name: str) -> tuple[Mailbox, ...]:
        return _guarded(lambda: _mailboxes(values.get(name, [])), ())

    def ids(name: str) -> tuple[str, ...]:
        words = " ".join(values.get(name, [])).replace("<", " ").replace(">", " ").split()
        return tuple(dict.fromkeys(word for word in words[:1_000] if len(word) < 998))

    nothing: tuple[str | None, str | None, tuple[Part, ...]] = (None, None, ())
    text, html, parts = _guarded(lambda: _contents(read), nothing)
    senders = people("sender")
    return Message(
        message_id=next(iter(ids("message-id")), None),
        in_reply_to=ids("in-reply-to"),
        references=ids("references"),
        originated_at=_guarded(lambda: _date(values.get("date", [])), None),
        author=people("from"),
        sender=senders[0] if senders else None,
        reply_to=people("reply-to"),
        to=people("to"),
        cc=people("cc"),
        bcc=people("bcc"),
        subject=next(iter(values.get("subject", [])), ""),
        text=text,
        html=html,
        parts=parts,
        media_type=_guarded(lambda: scrub(read.get_content_type()), "text/plain"),
        fields=Fields.of(pairs),
        defects=(FALLBACK,),
    )


def _text(raw: Any) -> str:
    """A field value: encoded words decoded with charsets of our list only, unfolded."""
    value = str(raw)[:MAX_VALUE].encode("ascii", "surrogateescape").decode("utf-8", "replace")
    pieces: list[str] = []
    words: list[tuple[Any, str | None]] = _guarded(lambda: email.header.decode_header(value), [(value, None)])
    for piece, label in words:
        if isinstance(piece, str):
            pieces.append(piece)
        else:
            pieces.append(piece.decode(codec(label or "") or "utf-8", "replace"))
    return scrub(" ".join("".join(pieces).split()))


def _mailboxes(values: list[str]) -> tuple[Mailbox, ...]:
    found = []
    for name, written in email.utils.getaddresses(values):
        address = Address.read(written)
        if address is not None:
            found.append(Mailbox(scrub(name)[:500], address))
    return tuple(found)


def _date(values: list[str]) -> datetime | None:
    if not values:
        return None
    moment = email.utils.parsedate_to_datetime(values[0][:300])
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _contents(read: email.message.Message) -> tuple[str | None, str | None, tuple[Part, ...]]:
    texts: list[str] = []
    htmls: list[str] = []
    parts: list[Part] = []
    waiting = [read]
    while waiting and len(parts) + len(texts) + len(htmls) < MAX_PARTS:
        entity = waiting.pop()
        children = entity.get_payload()
        if isinstance(children, list) and entity.get_content_maintype() == "multipart":
            waiting += [child for child in reversed(children) if isinstance(child, email.message.Message)]
            continue
        _guarded(lambda entity=entity: _leaf(entity, texts, htmls, parts), None)  # type: ignore[misc]
    return "\n".join(texts) if texts else None, "\n".join(htmls) if htmls else None, tuple(parts)


def _leaf(entity: email.message.Message, texts: list[str], htmls: list[str], parts: list[Part]) -> None:
    kind = scrub(entity.get_content_type())
    payload = entity.get_payload(decode=True)
    if not isinstance(payload, bytes):
        attached: Any = entity.get_payload()
        # one for a message; a delivery report has one for each group of its fields (RFC 3464 §2.1), in order
        payload = b"".join(each.as_bytes() for each in attached[:MAX_GROUPS]) if isinstance(attached, list) else b""
    name = _guarded(lambda: file_name(_text(entity.get_filename() or "")), "")
    disposition = _guarded(lambda: entity.get_content_disposition() or "", "")
    if kind in ("text/plain", "text/html") and not name and disposition != "attachment":
        label = _guarded(lambda: entity.get_content_charset() or "", "")
        text = scrub(payload.decode(codec(label) or "utf-8", "replace")).replace("\r\n", "\n")
        (htmls if kind == "text/html" else texts).append(text)
        return
    content_id = _guarded(lambda: _text(entity.get("content-id", "")), "").strip("<>")
    parts.append(Part(len(parts), kind, name, content_id, disposition, payload))
