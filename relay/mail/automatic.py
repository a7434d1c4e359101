"""Automatic mail: whether a program, not a person, wrote a message.

Decides from the header (RFC 3834, RFC 3462, RFC 2919, RFC 2369) and the media types alone, and only the
clear cases: mail wrongly called automatic would not count as contact. It does not know who is who.
"""

from __future__ import annotations

from relay.mail.labels import fold
from relay.mail.message import Message

AUTO_REPLY, BOUNCE, LIST, BULK, CALENDAR = "auto-reply", "bounce", "list", "bulk", "calendar"

_AUTOREPLY_FIELDS = ("x-autoreply", "x-autorespond", "x-autoreply-from")
_DAEMONS = frozenset({"mailer-daemon", "postmaster", "mail-daemon", "mailerdaemon"})
_REPLY_SUBJECTS = (
    "automatic reply", "auto reply", "auto-reply", "autoreply", "auto:", "out of office", "out of the office",
    "automatische antwort", "abwesenheit", "réponse automatique", "respuesta automática", "risposta automatica",
    "resposta automática", "automatisch antwoord", "automatiskt svar", "autosvar", "automaattinen vastaus",
    "odpowiedź automatyczna", "automatická odpověď", "автоматический ответ", "自動応答", "自动回复",
)  # fmt: skip


def automatic(message: Message, *, null_reverse_path: bool = False) -> str | None:
    """'auto-reply', 'bounce', 'list', 'bulk', 'calendar', or None for mail that a person wrote.

    `null_reverse_path`: the message itself came with `<>` (RFC 5321 §4.5.5). Alone it proves nothing,
    since relays hand in copies with it too; together with another sign it does.
    """
    if message.media_type == "multipart/report":
        return _report(message)
    if any(part.media_type == "text/calendar" and _has_method(part.content) for part in message.parts):
        return CALENDAR
    first = message.first
    if first("x-failed-recipients") is not None or (null_reverse_path and _from_daemon(message)):
        return BOUNCE
    submitted = fold(first("auto-submitted") or "").partition(";")[0].strip()
    precedence = fold(first("precedence") or "")
    if submitted == "auto-replied" or precedence == "auto_reply":
        return AUTO_REPLY
    if any(first(name) is not None for name in _AUTOREPLY_FIELDS):
        return AUTO_REPLY
    suppress = fold(first("x-auto-response-suppress") or "")
    suppressed = any(word.strip() in ("all", "oof", "autoreply") for word in suppress.split(",")) if suppress else False
    if (suppressed or null_reverse_path or submitted.startswith("auto-")) and _reply_subject(message.subject):
        return AUTO_REPLY
    if first("list-id") is not None or first("list-post") is not None or precedence == "list":
        return LIST
    if (
        precedence in ("bulk", "junk")
        or submitted.startswith("auto-")
        or suppressed
        or first("list-unsubscribe") is not None
    ):
        return BULK
    return None


def _report(message: Message) -> str:
    """A multipart/report (RFC 3462): a bounce, unless it is a read receipt or a complaint."""
    kinds = {part.media_type for part in message.parts}
    content_type = (message.first("content-type") or "").lower()
    if "message/disposition-notification" in kinds or "disposition-notification" in content_type:  # RFC 8098
        return AUTO_REPLY
    if "message/feedback-report" in kinds or "feedback-report" in content_type:  # RFC 5965
        return BULK
    return BOUNCE


def _has_method(content: bytes) -> bool:
    """Is it an iTIP message (RFC 5546), not a calendar file someone attached? METHOD stands near the top."""
    return b"METHOD:" in content[:4096].upper()


def _from_daemon(message: Message) -> bool:
    return any(mailbox.address.local_part.lower() in _DAEMONS for mailbox in message.author)


def _reply_subject(subject: str) -> bool:
    return fold(subject[:200]).startswith(_REPLY_SUBJECTS)
