"""Tags: what a capture address says beside "capture this".

And what a subject says: `[D-42]`, `[D-ext-A17]`.

Decides what `crm+deal-42@...`, `crm.lead-17@...` or `deal-ext-A17@...` ask for (contract, 'Capture
addresses with tags'), and which address `out+rep=example.org@...` names. Reading only: which lead a tag means,
and whether it may be applied, is decided where leads are known; what `out` and `in` prove is decided by
`relay.attribution.copied`. A tag that cannot be read stays a tag, so that it can be reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.mail.address import Address, addr_spec

MAX_TAGS = 20
"""Tags of one mail: recipients are bounded by the session, tags joined in one address by its length."""

# A local part may hold anything, `=` too (SRS), so `out` and `in` reach to the first domain at the end or before a `+`.
# Texts are bounded by the length of a path, so looking for it from each start costs nothing.
_WHOSE = r"(?:out|in)[+.\-][^@]+?=[a-z0-9\-]+(?:\.[a-z0-9\-]+)+(?=\+|$)"
_NEXT = re.compile(rf"(?:^|[+.\-])(?:(?P<whose>{_WHOSE})|(?=(?:deal|lead|me)-))", re.IGNORECASE)
_ALONE = re.compile(rf"(?:deal|lead|me)-|(?:out|in)\+|{_WHOSE}", re.IGNORECASE)
_SECRET = re.compile(r"(^|[+.\-])me-(?:\.\.\.|[^+.@]*)", re.IGNORECASE)  # also of what is shown already
_ID = re.compile(r"[1-9]\d{0,17}")
_TOKEN = re.compile(r"\[D-(ext-[^\[\]\s]{1,100}|[1-9]\d{0,17})\]", re.IGNORECASE | re.ASCII)

WAITING = ("deal", "lead", "deal-ext", "lead-ext", "unknown")
"""Kinds of tags that are kept with the message and looked up: the rest speaks of the copy, or is a secret."""

SUBJECT = 2000
"""Characters of a subject that are looked through for tokens."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag. `kind`: 'deal', 'lead' (`value` is our id), 'deal-ext', 'lead-ext' (an external id, as written),
    'me' (the token of a personal address: a secret, never shown), 'out', 'in' (`value` is an address of ours with
    `=` for its @: who sent or received what a mail server copied), or 'unknown' (`value` is all of it).
    """

    kind: str
    value: str

    def __str__(self) -> str:
        if self.kind == "unknown":
            return self.value
        return f"{self.kind}+{self.value}" if self.kind in ("out", "in") else f"{self.kind}-{self.value}"

    @property
    def whose(self) -> Address | None:
        """The address that an 'out' or 'in' tag names, None for any other tag."""
        return addr_spec("@".join(self.value.rsplit("=", 1))) if self.kind in ("out", "in") else None

    @property
    def shown(self) -> str:
        """The tag as it may be shown and logged."""
        return "me-..." if self.kind == "me" else str(self)


def read(text: str) -> tuple[Tag, ...]:
    """The tags in what stands beside the capture address, in order: any case, several joined by `+`, `.` or `-`."""
    if not text:
        return ()
    tags: list[Tag] = []
    open_since = 0  # where a tag began whose end is not known yet
    for found in _NEXT.finditer(text):
        tags.append(_one(text[open_since : found.start()]))
        open_since = found.end()
        if found["whose"]:
            tags.append(_whose(found["whose"]))
    tags.append(_one(text[open_since:]))
    return tuple(tag for tag in tags if tag.value)[:MAX_TAGS]


def in_subject(subject: str) -> tuple[Tag, ...]:
    """The tokens in a subject, in order, each once. Brackets with anything else in them are nobody's business."""
    found: dict[Tag, None] = {}
    for token in _TOKEN.finditer(subject[:SUBJECT]):
        text = token[1]
        found[Tag("deal-ext", text[4:]) if text[:4].lower() == "ext-" else Tag("deal", text)] = None
    return tuple(found)[:MAX_TAGS]


def stands_alone(local_part: str) -> bool:
    """Does a local part begin as a tag does, so that `TAG@host` is a capture address?

    `out` and `in` are words of every day: with `.` or `-` they must be whole tags (`in.box@` is none).
    """
    return _ALONE.match(local_part) is not None


def _whose(text: str) -> Tag:
    kind = "out" if text[0] in "oO" else "in"
    tag = Tag(kind, text[len(kind) + 1 :])
    return tag if tag.whose is not None else Tag("unknown", text)


def _one(text: str) -> Tag:
    """What stands between two tags, or begins as one of deal, lead, me."""
    kind, dash, value = text.partition("-")
    if not dash or kind.lower() not in ("deal", "lead", "me"):
        return Tag("unknown", text.strip("+.-"))
    kind = kind.lower()
    if kind == "me":
        return Tag("me", value) if value else Tag("unknown", text)
    if value[:4].lower() == "ext-" and len(value) > 4:
        return Tag(f"{kind}-ext", value[4:])
    return Tag(kind, value) if _ID.fullmatch(value) else Tag("unknown", text)


def is_unknown(text: str) -> bool:
    """Is the written form of a tag one that says nothing we know?"""
    return any(tag.kind == "unknown" for tag in read(text))


def without_secret(capture_address: str) -> str:
    """A capture address as it may be kept and shown: the token of a personal address becomes `me-...`."""
    local, at, domain = capture_address.rpartition("@")
    return _SECRET.sub(r"\1me-...", local) + at + domain
