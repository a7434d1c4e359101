"""Tags: what a capture address says beside "capture this".

Decides what `crm+deal-42@...`, `crm.lead-17@...` or `deal-ext-A17@...` ask for (contract, 'Capture
addresses with tags'). Reading only: which lead a tag means, and whether it may be applied, is decided
where leads are known. A tag that cannot be read stays a tag, so that it can be reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_TAGS = 20
"""Tags of one mail: recipients are bounded by the session, tags joined in one address by its length."""

_START = re.compile(r"(?:^|[+.\-])(?=(?:deal|lead|me)-)", re.IGNORECASE)
_SECRET = re.compile(r"(^|[+.\-])me-[^+.@]*", re.IGNORECASE)
_ID = re.compile(r"[1-9]\d{0,17}")


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag. `kind`: 'deal', 'lead' (`value` is our id), 'deal-ext', 'lead-ext' (an external id, as written),
    'me' (the token of a personal address: a secret, never shown), or 'unknown' (`value` is all of it).
    """

    kind: str
    value: str

    def __str__(self) -> str:
        return self.value if self.kind == "unknown" else f"{self.kind}-{self.value}"

    @property
    def shown(self) -> str:
        """The tag as it may be shown and logged."""
        return "me-..." if self.kind == "me" else str(self)


def read(text: str) -> tuple[Tag, ...]:
    """The tags in what stands beside the capture address, in order: any case, several joined by `+`, `.` or `-`."""
    if not text:
        return ()
    starts = [match.end() for match in _START.finditer(text)]
    if not starts:
        return (Tag("unknown", text),)
    tags = [Tag("unknown", text[: starts[0]].strip("+.-"))] if starts[0] > 0 else []
    for start, end in zip(starts, [*starts[1:], len(text) + 1], strict=True):
        tags.append(_one(text[start : end - 1]))
    return tuple(tag for tag in tags if tag.value)[:MAX_TAGS]


def _one(text: str) -> Tag:
    kind, _, value = text.partition("-")
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
