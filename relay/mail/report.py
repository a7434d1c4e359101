"""Delivery reports: which address a mail system could not, or could not yet, deliver to, and which mail it was.

Reads RFC 3464 (in the multipart/report of RFC 6522, also its forms of RFC 6533), and the notices of programs that
write none: qmail, Exim, old sendmail and Postfix, and what Gmail and Exchange write for people, as far as their words
say it. Linear and bounded; whatever stands there, nothing is believed here: that is `attribution.reported`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from relay.mail.address import Address
from relay.mail.automatic_words import BOUNCE, DELAYED, every, has
from relay.mail.body import body
from relay.mail.encoded import printable
from relay.mail.labels import SUBJECT_LABELS, key
from relay.mail.message import Message, Part
from relay.mail.reading import parse

FAILED, IS_DELAYED = "failed", "delayed"

MAX_RECIPIENTS = 100
"""Recipients of one report that are read: a mail to more people is no letter."""

MAX_DIAGNOSTIC = 200
"""Characters of what a mail system said; more is of use to nobody but its operator."""

MAX_OCTETS = 64 * 1024
"""Octets of a status, a returned header or a text that are looked at. A hundred recipients need half of it."""

MAX_LINES = 400
"""Lines of a notice that are looked at; those of people's servers have fifty."""

_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_RETURNED_TYPES = (
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
    "message/rfc822",
    "message/global",
)
_DAEMONS = frozenset({"mailer-daemon", "mail-daemon", "mailerdaemon", "mailer_daemon"})
_EXCHANGE = "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e"
"""The local part by which every Exchange server signs its notices."""
_BOUNCES, _DELAYS = every(BOUNCE), every(DELAYED)

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.:/-])([45])\d\d(?=[ -])")
_ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"'@]{1,64}@[A-Za-z0-9\u0080-\U0010ffff.-]{1,255}")
_ALONE = re.compile(
    r"(?:RFC822;|smtp:|to:|\* |- )?\s{0,4}<?([^\s<>@]{1,64}@[^\s<>@:;,()]{1,255})>?"
    r"(?:\s?\(([^()\s@]{1,64}@[^()\s@]{1,255})\))?\s?:?",
    re.IGNORECASE,
)
_NAMED = re.compile(r"(?:[^<>()@]{1,100}\s)?[<(]([^\s<>()@]{1,64}@[^\s<>()@]{1,255})[>)]\s?:?")
_RETURNED = (
    "below this line is a copy of the message", "this is a copy of", "original message", "returned message",
    "unsent message follows", "original headers", "message headers follow", "message header follows",
    "text of your message", "ursprüngliche nachricht", "original message headers",
)  # fmt: skip
_FAILURES = (
    "permanent fatal error", "permanent error", "failed permanently", "could not be delivered", "couldn't be delivered",
    "wasn't delivered", "was not delivered", "unable to deliver", "wasn't able to deliver", "address(es) failed",
    "delivery has failed", "delivery failed", "delivery to the following recipient", "undeliverable",
    "address not found", "i'm afraid i wasn't able", "does not exist", "user unknown", "unknown user", "no such user",
    "konnte nicht zugestellt werden", "konnte nicht übermittelt werden", "nicht zustellbar", "n'a pas pu être remis",
    "n'a pas été remis", "no se pudo entregar", "no se ha podido entregar", "non è stato possibile recapitare",
    "impossibile recapitare", "kon niet worden bezorgd", "não pôde ser entregue", "kunde inte levereras",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipient:
    """What became of a mail at one address.

    `final`: where delivery was tried; `original`: as the sender had written it, None when not said. `action`: of
    RFC 3464 §2.3.3 in lower case, '' unknown. `status`: 'x.y.z' (RFC 3463), '' unknown. `diagnostic`: one line.
    """

    final: Address | None
    original: Address | None = None
    action: str = ""
    status: str = ""
    diagnostic: str = ""

    @property
    def permanent(self) -> bool:
        """Will every mail to the address fail as this one did, as far as the report says?

        A failure that ends with 4.x.x had no luck for some days. 5.2.3, 5.3.4 and 5.6.x are about that one mail:
        too large, or not readable (RFC 3463).
        """
        if self.action not in ("", FAILED) or self.status[:1] in ("2", "4"):
            return False
        if self.status in ("5.2.3", "5.3.4") or self.status.startswith("5.6."):
            return False
        return self.action == FAILED or self.status[:1] == "5"


@dataclass(frozen=True, slots=True)
class Report:
    """What a delivery report says: of whom, and about which message. Message-IDs without angle brackets.

    `message_id`: of the message that it is about, None when it does not say. The rest is of the header that the
    report returns, None where it returns none; `subject` then as its words tell it, '' where they do not.
    """

    recipients: tuple[Recipient, ...] = ()
    message_id: str | None = None
    author: Address | None = None
    originated_at: datetime | None = None
    subject: str = ""


def read(message: Message) -> Report | None:
    """The report that a message is, None when it is none or says nothing of an address. Never raises."""
    statuses = [part for part in message.parts if part.media_type in _STATUS_TYPES]
    recipients = tuple(_bounded(each for part in statuses for each in _recipients(part)))
    returned = _returned_part(message)
    if not recipients:
        if statuses and message.media_type != "multipart/report" and not is_notice(message):
            return None
        recipients, copy = _notice(message)
        returned = returned or copy
    if not recipients:
        return None
    about = returned.message_id if returned is not None else None
    if about is None and message.in_reply_to:
        about = message.in_reply_to[0]
    if returned is None:
        return Report(recipients, about, subject=_told_subject(message))
    author = returned.author[0].address if returned.author else None
    return Report(recipients, about, author, returned.originated_at, returned.subject[:998])


def from_daemon(message: Message) -> bool:
    """Is the author a mail system? `postmaster` may be a person: another sign must say so too."""
    return any(is_mail_system(one.address) or one.address.local_part.lower() == "postmaster" for one in message.author)


def is_mail_system(address: Address) -> bool:
    """Does no person write from it: `MAILER-DAEMON`, Exchange's own address?"""
    local = address.local_part.lower()
    return local in _DAEMONS or local.startswith(_EXCHANGE)


def is_notice(message: Message) -> bool:
    """Is it a mail system's own notice, by its author and, where that may be a person, by its subject?"""
    if not message.author:
        return False
    if any(is_mail_system(one.address) for one in message.author):
        return True
    return from_daemon(message) and key(message.subject[:200]).startswith(_BOUNCES)


def says_delayed(message: Message) -> bool:
    """Does a notice in words say that delivery goes on being tried, and nothing of a failure?"""
    words = key(f"{message.subject[:200]} . {_text(message)[:4000]}")
    if any(has(words, phrase) >= 0 for phrase in _FAILURES if phrase != "could not be delivered"):
        return False
    return any(has(words, phrase) >= 0 for phrase in _DELAYS)


# -- RFC 3464


def _recipients(part: Part) -> Iterator[Recipient]:
    """The recipients of a message/delivery-status: groups of fields, the first of which is about all of them (§2.1)."""
    text = part.content[:MAX_OCTETS].decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    for group in text.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in group.split("\n"):
            if line[:1] in (" ", "\t") and name:
                if len(fields[name]) < 4 * MAX_DIAGNOSTIC:
                    fields[name] += " " + line.strip()
                continue
            name, colon, value = line.partition(":")
            name = name.strip().lower() if colon else ""
            if name:
                fields.setdefault(name, value.strip())
        final, original = (_typed(fields.get(name, "")) for name in ("final-recipient", "original-recipient"))
        if final is None and original is None:
            continue
        status = _STATUS.search(fields.get("status", "")[:100]) or _STATUS.search(fields.get("diagnostic-code", ""))
        yield Recipient(
            final,
            original if original is not None and (final is None or original.key != final.key) else None,
            _action(fields.get("action", "")),
            status[0] if status else "",
            _one_line(fields.get("diagnostic-code", "").partition(";")[2] or fields.get("diagnostic-code", "")),
        )


def _action(value: str) -> str:
    words = re.split(r"[\s(;]", value.strip()[:40].lower(), maxsplit=1)
    return words[0] if words[0] in (FAILED, IS_DELAYED, "delivered", "relayed", "expanded") else ""


def _typed(value: str) -> Address | None:
    """The address behind `rfc822;` (RFC 3464 §2.3.2), in the forms that are met: with brackets, xtext of RFC 3461."""
    kind, semicolon, address = value[:1000].partition(";")
    if not semicolon:
        address = kind
    elif kind.strip().lower() not in ("rfc822", "utf-8", "smtp", "internet"):
        return None
    found = Address.read(address)
    if found is None and "+40" in address:
        found = Address.read(address.replace("+40", "@"))
    return found


def _returned_part(message: Message) -> Message | None:
    """The header of the message that a report returns."""
    for part in message.parts:
        if part.media_type in _RETURNED_TYPES:
            return _parsed(part.content[:MAX_OCTETS])
    return None


def _parsed(octets: bytes) -> Message:
    return parse(octets.lstrip(b"\r\n") + b"\r\n\r\n")


# -- notices in words


def _text(message: Message) -> str:
    if message.text and message.text.strip():
        return message.text[:MAX_OCTETS]
    return body(message).whole[:MAX_OCTETS] if message.html and len(message.html) <= 8 * MAX_OCTETS else ""


def _notice(message: Message) -> tuple[tuple[Recipient, ...], Message | None]:
    """(the recipients that a notice in words names as failed or delayed, the header that it returns)."""
    text = _text(message)
    lines = text.split("\n")[:MAX_LINES]
    failed_field = (message.first("x-failed-recipients") or "")[:MAX_OCTETS]
    listed = [one for text in failed_field.split(",")[:MAX_RECIPIENTS] if (one := Address.read(text)) is not None]
    end = next((at for at, line in enumerate(lines) if at and _is_copy_line(line)), len(lines))
    returned = _parsed("\n".join(_unquoted(lines[end + 1 :])).encode()) if end < len(lines) else None
    if returned is not None and not (returned.message_id or returned.author):
        returned = None
    words = key(" ".join(lines[:end]))
    failed = bool(listed) or any(phrase in words for phrase in _FAILURES)
    delayed = says_delayed(message)
    if not failed and not delayed:
        return (), returned
    action = IS_DELAYED if delayed else FAILED
    named = {one.key: Recipient(one, action=action) for one in listed}
    ours = {one.address.key for one in (*message.to, *message.cc, *message.author)}
    current = ""
    for line in lines[:end]:
        stripped = line.strip(" \t*>\u00a0")
        found = _named_in(stripped)
        if found is not None and found.key not in ours and (found.key in named or not listed):
            current = found.key
            if current not in named and len(named) < MAX_RECIPIENTS:
                named[current] = Recipient(found, action=action)
        known = named.get(current)
        if known is not None and (_STATUS.search(line) or _REPLY.search(line)) and not known.diagnostic:
            named[current] = replace(known, status=_status_in(line), diagnostic=_one_line(stripped))
    if len(named) == 1:  # Gmail and Exchange give the reason far below, in a box of its own
        [(only, known)] = named.items()
        if not known.diagnostic:
            line = next((line for line in lines if _STATUS.search(line) and not _is_copy_line(line)), "")
            named[only] = replace(known, status=_status_in(line), diagnostic=_one_line(line))
    return tuple(named.values()), returned


def _status_in(line: str) -> str:
    enhanced = _STATUS.search(line)
    if enhanced is not None:
        return enhanced[0]
    reply = _REPLY.search(line)
    return f"{reply[1]}.0.0" if reply is not None else ""


def _named_in(line: str) -> Address | None:
    """The address that a line of a notice is about: alone on it, or in a sentence that says that it failed."""
    if "@" not in line or len(line) > 1000:
        return None
    alone = _ALONE.fullmatch(line) or _NAMED.fullmatch(line)
    if alone is not None:
        return Address.read(alone[1].removeprefix("mailto:"))
    if line.startswith("<") and ">:" in line[:400]:  # Postfix, qmail: the reason stands behind it
        return Address.read(line[: line.index(">:") + 1])
    if any(phrase in key(line) for phrase in _FAILURES):
        found = _ADDRESS.search(line)
        return None if found is None else Address.read(found[0].rstrip("."))
    return None


def _is_copy_line(line: str) -> bool:
    """Does the returned message begin below this line?"""
    stripped = line.strip(" \t-_=*#:")
    return (line.lstrip()[:2] in ("--", "__", "==", "**") or line.rstrip().endswith(":")) and (
        0 < len(stripped) < 120 and any(phrase in key(stripped) for phrase in _RETURNED)
    )


def _told_subject(message: Message) -> str:
    """The subject of the mail that a notice without its header is about: on a line `Subject:`, or behind its own
    `Undeliverable:`.
    """
    for line in _text(message).split("\n")[:MAX_LINES]:
        label, colon, value = line[:1998].partition(":")
        if colon and value.strip() and len(label) < 60 and key(label.strip(" \t*>")) in SUBJECT_LABELS:
            return value.strip()[:998]
    head, colon, rest = message.subject[:998].replace("：", ":").partition(":")
    return rest.strip() if colon and key(head) in _BOUNCES else ""


def _unquoted(lines: list[str]) -> list[str]:
    """The lines of a returned header: blank ones before it left out, what follows its end too."""
    start = next((at for at, line in enumerate(lines) if line.strip()), len(lines))
    kept = []
    for line in lines[start:]:
        if not line.strip():
            break
        kept.append(line.removeprefix("> "))
    return kept


def _bounded(recipients: Iterator[Recipient]) -> Iterator[Recipient]:
    for count, each in enumerate(recipients):
        if count >= MAX_RECIPIENTS:
            return
        yield each


def _one_line(text: str) -> str:
    """One line without control characters, cut at a word."""
    line = " ".join(printable(text[: 8 * MAX_DIAGNOSTIC]).split())
    line = "".join(char for char in line if char.isprintable())
    return line if len(line) <= MAX_DIAGNOSTIC else line[:MAX_DIAGNOSTIC].rsplit(" ", 1)[0] + "…"
