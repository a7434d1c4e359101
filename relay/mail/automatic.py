"""Automatic mail: whether a program, not a person, wrote a message.

Decides from header and media types (RFC 3834, RFC 6522, RFC 2919, RFC 2369, RFC 5546) and what programs do that
know none of them (docs/automatic.md), and only the clear cases: mail wrongly called automatic would not count as
contact. Who is who it does not know, but for our own domains: mail through a list of ours is a person's.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from relay.mail import report
from relay.mail.automatic_words import AWAY, REPLY, every
from relay.mail.labels import fold, key
from relay.mail.message import Message, Part

AUTO_REPLY, BOUNCE, LIST, BULK, CALENDAR = "auto-reply", "bounce", "list", "bulk", "calendar"

_AUTOREPLY_FIELDS = (
    "x-autoreply", "x-autorespond", "x-autoreply-from", "x-autoresponder", "x-autoresponse", "x-mail-autoreply",
    "x-vacation",
)  # fmt: skip
_SIGNS = frozenset(
    name.encode()
    for name in (
        *_AUTOREPLY_FIELDS, "auto-submitted", "precedence", "x-failed-recipients", "x-auto-response-suppress",
        "list-id", "list-post", "list-unsubscribe", "x-ms-exchange-generated-message-source",
        "x-ms-exchange-inbox-rules-loop",
    )
)  # fmt: skip
"""All fields that are asked for below. A person's mail seldom has any."""

_REPLIES = every(REPLY)
_AWAY = every(AWAY)
_SURE = frozenset(_REPLIES) - frozenset(_AWAY) - {"auto"}
"""Words that, with a colon behind them, no person begins a subject with ('Automatic reply:')."""

_METHOD = re.compile(rb"(?:^|\n)METHOD:[ \t]*([A-Za-z]{1,20})")
_ITIP = frozenset({b"REQUEST", b"REPLY", b"CANCEL", b"COUNTER", b"DECLINECOUNTER", b"ADD", b"REFRESH"})
"""Methods of RFC 5546 that one calendar says to another; PUBLISH is a file for anybody."""

_HEAD = 4096
"""Octets of a calendar in which METHOD stands: it is a property of the whole, before the first event."""


def automatic(message: Message, *, null_reverse_path: bool = False, own: Collection[str] = ()) -> str | None:
    """'auto-reply', 'bounce', 'list', 'bulk', 'calendar', or None for mail that a person wrote.

    'auto-reply' is also what mail systems say without a failure: receipts, a delivery that is delayed or done.
    `null_reverse_path`: the message itself came with `<>` (RFC 5321 §4.5.5). Alone it proves nothing, since relays
    hand in copies with it too; together with another sign it does. `own`: our domains; their lists do not count.
    """
    if message.media_type == "multipart/report":
        return _report(message)
    if any(_is_itip(part, message) for part in message.parts):
        return CALENDAR
    first = message.first
    signs = message.has_any(_SIGNS)
    if (signs and first("x-failed-recipients") is not None) or (null_reverse_path and report.from_daemon(message)):
        return AUTO_REPLY if report.says_delayed(message) else BOUNCE
    if report.is_notice(message):
        return AUTO_REPLY if report.says_delayed(message) else BOUNCE
    if not signs:
        says_so = _is_sure_reply(message.subject) or (null_reverse_path and _is_reply(message.subject))
        return AUTO_REPLY if says_so else None
    submitted = _word(first("auto-submitted"))
    precedence = _word(first("precedence"))
    if submitted == "auto-replied" or precedence in ("auto_reply", "auto-reply"):
        return AUTO_REPLY
    if any(first(name) is not None for name in _AUTOREPLY_FIELDS) or _by_a_rule(message):
        return AUTO_REPLY
    suppress = fold(first("x-auto-response-suppress") or "")
    suppressed = any(word.strip() in ("all", "oof", "autoreply") for word in suppress.split(",")) if suppress else False
    marked = suppressed or null_reverse_path or submitted.startswith("auto-") or precedence in ("bulk", "junk")
    if _is_sure_reply(message.subject) or ((marked or _in_a_rules_loop(message)) and _is_reply(message.subject)):
        return AUTO_REPLY
    through_ours = bool(own) and _is_own_list(message, own)
    listed = first("list-id") is not None or first("list-post") is not None
    if (listed or precedence == "list") and not through_ours:
        return LIST
    if precedence in ("bulk", "junk") and message.in_reply_to and not listed:
        return AUTO_REPLY  # vacation(1) and its kin: no mailing answers anything
    if precedence in ("bulk", "junk") or submitted.startswith("auto-") or suppressed:
        return BULK
    # A mailing says how to leave it. So does a person's answer that was sent with a tool of the mailing kind.
    if first("list-unsubscribe") is not None and not through_ours and not message.in_reply_to:
        return BULK
    return None


def _report(message: Message) -> str:
    """A multipart/report (RFC 6522): a bounce, unless it is a receipt, a complaint or tells of no failure."""
    kinds = {part.media_type for part in message.parts}
    content_type = (message.first("content-type") or "").lower()
    if "message/disposition-notification" in kinds or "disposition-notification" in content_type:  # RFC 8098
        return AUTO_REPLY
    if "message/feedback-report" in kinds or "feedback-report" in content_type:  # RFC 5965
        return BULK
    found = report.read(message)
    if found is not None and any(each.action for each in found.recipients):
        return BOUNCE if any(each.action == report.FAILED for each in found.recipients) else AUTO_REPLY
    return BOUNCE


def _is_itip(part: Part, message: Message) -> bool:
    """Is it what one calendar says to another (RFC 5546), not a calendar file someone attached?"""
    if part.media_type not in ("text/calendar", "application/ics"):
        return False
    if (part.disposition == "attachment" or part.media_type == "application/ics") and (message.text or message.html):
        return False
    method = _METHOD.search(part.content[:_HEAD].upper())
    return method is not None and method[1] in _ITIP


def _word(value: str | None) -> str:
    """The first word of a field, without what RFC 3834 §5 allows behind it (a comment, parameters)."""
    return re.split(r"[;(\s]", value.strip()[:100].lower(), maxsplit=1)[0] if value else ""


def _by_a_rule(message: Message) -> bool:
    """Did a rule of an Exchange mailbox write it? (A redirect by a rule is told otherwise: `redirected`.)"""
    return "mailbox rules agent" in fold(message.first("x-ms-exchange-generated-message-source") or "")


def _in_a_rules_loop(message: Message) -> bool:
    """Exchange's guard against loops of rules. Mail that a rule sends on has it too, so it is half a sign."""
    return message.first("x-ms-exchange-inbox-rules-loop") is not None


def _is_own_list(message: Message, own: Collection[str]) -> bool:
    """Is the list that it came through of one of our domains (RFC 2919, RFC 2369)?"""
    told = f"{message.first('list-id') or ''} {message.first('list-post') or ''}"[-2000:].lower()
    return any(re.search(rf"[.@]{re.escape(domain)}(?![\w.-])", told) for domain in own if domain in told)


def _is_reply(subject: str) -> bool:
    return key(subject[:200]).startswith((*_REPLIES, *_AWAY))


def _is_sure_reply(subject: str) -> bool:
    """Does the subject say so by itself? 'AUTO: Ann Lee is out of the office' is what Lotus Notes writes."""
    head, colon, rest = subject[:200].replace("：", ":").partition(":")
    if not colon or len(head) > 60:
        return False
    folded = key(head)
    return folded in _SURE or (folded == "auto" and any(phrase in key(rest) for phrase in _AWAY))
