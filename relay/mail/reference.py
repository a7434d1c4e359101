"""References: Message-IDs, and the base subject of a thread.

Decides which messages a message names, and what its subject is without the prefixes that replies and
forwards put before it. It does not know which messages exist. Everything is linear and bounded.
"""

from __future__ import annotations

import re
from functools import lru_cache

from relay.mail.labels import BY_CODE, FORWARD_PREFIXES, REPLY_PREFIXES, key
from relay.mail.message import Message

MAX_THREAD_IDS = 100
"""Ids kept for threading. Long threads repeat old ids; the nearest say where a message belongs."""

MAX_ID_LENGTH = 998
"""A Message-ID is one line (RFC 5322 §2.1.1); longer ones are damage or malice."""

MAX_PREFIXES = 50
"""Prefixes taken off a subject. "Re: Re: Re: ..." beyond that is its own subject."""

# One blank at most at each place: subjects are folded first, so this cannot run away.
# Words of scripts with vowel signs hold characters that are no letters; two-word prefixes are real in Arabic.
_PREFIX = re.compile(
    r" ?([^\W\d_][^\s\d_:：()\[\]^*.!-/]{0,14}(?: [^\W\d_]{1,12})?)\.?"
    r" ?(?:\[\d{1,4}\]|\(\d{1,4}\)|\^\d{1,4}|\*\d{1,4}|\d{1,2})? ?[:：] ?"
)
_KNOWN = FORWARD_PREFIXES | REPLY_PREFIXES


def message_ids(value: str) -> tuple[str, ...]:
    """The Message-IDs in a field such as References (RFC 5322 §3.6.4), in order, each once.

    Without angle brackets. Ids that some clients write without brackets are taken too when the field
    has no bracket at all; comments and free text ("Your message of ...") are left out.
    """
    found: dict[str, None] = {}
    if "<" in value:
        for piece in value.split("<")[1:]:
            inside, closed, _ = piece.partition(">")
            if closed:
                found.setdefault("".join(inside.split()))
    else:
        for word in value.split():
            if "@" in word:
                found.setdefault(word.strip(";,\"'()"))
    return tuple(one for one in found if one and len(one) <= MAX_ID_LENGTH)


def thread_ids(message: Message) -> tuple[str, ...]:
    """Own Message-ID first, then In-Reply-To, then References from the nearest to the oldest, each once.

    At most `MAX_THREAD_IDS`: the own one and the nearest; of References also the root, which is what
    messages that lost the middle of a thread still have in common.
    """
    if not message.in_reply_to and not message.references:
        return (message.message_id,) if message.message_id else ()
    ids: dict[str, None] = {}
    if message.message_id:
        ids[message.message_id] = None
    for one in message.in_reply_to[:MAX_THREAD_IDS]:
        ids.setdefault(one)
    for one in reversed(message.references[-MAX_THREAD_IDS:]):
        ids.setdefault(one)
    kept = [one for one in ids if one and len(one) <= MAX_ID_LENGTH]
    if message.references and len(kept) >= MAX_THREAD_IDS:
        root = message.references[0]
        kept = kept[: MAX_THREAD_IDS - 1]
        if root not in kept and len(root) <= MAX_ID_LENGTH:
            kept.append(root)
    return tuple(kept)


@lru_cache(maxsize=16)  # the subject of one mail is asked about half a dozen times
def split_prefixes(subject: str) -> tuple[tuple[str, ...], str]:
    """(the reply and forward prefixes, lower case and outermost first, the subject without them).

    RFC 5256 §2.1, widened to the prefixes of other languages, to counters (`Re[2]:`, `Re^3:`), and to
    list tags (`[sales] Re: x`), which are taken off when something is left behind them. Also the
    trailing "(fwd)" of that section. Blanks are folded.
    """
    subject = " ".join(subject.split())
    prefixes: list[str] = []
    at = 0
    while len(prefixes) < MAX_PREFIXES:
        match = _PREFIX.match(subject, at)
        if match is not None and key(match.group(1)) in _KNOWN:
            prefixes.append(key(match.group(1)))
            at = match.end()
            continue
        blob = _list_tag(subject, at)
        if not blob:
            break
        again = _PREFIX.match(subject, blob)
        if again is None or key(again.group(1)) not in _KNOWN:
            break
        at = blob
    rest = subject[at:].strip()
    while rest[-5:].lower() == "(fwd)":
        prefixes.append("fwd")
        rest = rest[:-5].rstrip()
        if len(prefixes) >= MAX_PREFIXES:
            break
    return tuple(prefixes), rest


def _list_tag(subject: str, at: int) -> int:
    """Where `[tag]` at `at` ends, 0 when there is none. A tag is short and holds no bracket."""
    start = at
    while start < len(subject) and subject[start].isspace():
        start += 1
    if subject[start : start + 1] != "[":
        return 0
    end = subject.find("]", start + 1, start + 64)
    return 0 if end < 0 or "[" in subject[start + 1 : end] else end + 1


def base_subject(subject: str) -> str:
    """The subject that all messages of a thread share: no prefixes, no list tag, folded, lower case.

    A subject that is nothing but prefixes has the base subject ''.
    """
    rest = split_prefixes(subject)[1]
    tag = _list_tag(rest, 0)
    if tag and rest[tag:].strip():
        rest = rest[tag:]
    return " ".join(rest.split()).lower()


def is_forward_subject(subject: str, language: str = "") -> bool:
    """Does the outermost prefix say "forwarded" and nothing else? Evidence only, never proof.

    'VS:' is the Danish forward and the Finnish reply: `language`, the code of the one that the mail's client speaks,
    tells which. Where it is not known, such a prefix says neither.
    """
    prefixes = split_prefixes(subject)[0]
    if not prefixes or prefixes[0] not in FORWARD_PREFIXES:
        return False
    if prefixes[0] not in REPLY_PREFIXES:
        return True
    spoken = BY_CODE.get(language)
    return spoken is not None and prefixes[0] in spoken.forward and prefixes[0] not in spoken.reply


def is_reply_subject(subject: str, language: str = "") -> bool:
    """Does the outermost prefix say "reply", in some language at least ('vs' does in Finnish)?"""
    prefixes = split_prefixes(subject)[0]
    return bool(prefixes) and prefixes[0] in REPLY_PREFIXES and not is_forward_subject(subject, language)


def has_prefix(subject: str) -> bool:
    """Does the subject begin like one with a prefix ("Xy: Offer"), in a language that we may not know?"""
    return _PREFIX.match(" ".join(subject[:200].split())) is not None


def is_either_subject(subject: str, language: str = "") -> bool:
    """Does the outermost prefix say "forwarded" in one language and "reply" in another, and `language` neither?"""
    prefixes = split_prefixes(subject)[0]
    if not prefixes or prefixes[0] not in FORWARD_PREFIXES & REPLY_PREFIXES:
        return False
    spoken = BY_CODE.get(language)
    return spoken is None or prefixes[0] not in spoken.forward | spoken.reply
