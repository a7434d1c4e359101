"""Wording: do two texts say the same, after two mail clients have had them in hand?

Clients rewrap, drop blank lines, change quotes, bullets and blanks, write links as `text <url>`, put `[image: x]`
for a picture, cut a signature or the end, add a disclaimer. They never put one word in the place of another: that
is a person's correction, and another mail. So the texts are compared as words, by runs of three; where both have
the same words around a gap and something else in it, they differ, however long they are.

Linear in the texts, and bounded: what two mails say at the beginning tells them apart, or nothing does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

LENGTH = 16 * 1024
"""Characters of a text that are looked at."""

WORDS = 500
"""Words of it that are compared: a page and a half."""

RUN = 3
"""Words that make a run."""

SHARE = 0.8
"""Share of the shorter text's runs that the longer one must have. A cut signature or an added line costs a few
runs, a mail of its own shares next to none."""

SHORT = 8
"""Words below which a text ("OK, thanks") says too little to be compared by runs: it must be the same."""

_DROPPED = re.compile(
    r"<?(?:https?://|mailto:|tel:|cid:|www\.)[^\s<>\]]{0,2000}>?|\[(?:image|cid|bild|photo): ?[^\]\n]{0,200}\]"
)
_SCRIPTS_WITHOUT_BLANKS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_SCRIPTS_WITHOUT_BLANKS}]|[^\W_{_SCRIPTS_WITHOUT_BLANKS}]+")


@lru_cache(maxsize=256)
def words(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared: case, marks, links and pictures left out; signs of scripts that are
    written without blanks one by one.
    """
    plain = _DROPPED.sub(" ", text[:LENGTH]).casefold()
    found: list[str] = []
    for match in _WORD.finditer(plain):
        found.append(match[0])
        if len(found) == WORDS:
            break
    return tuple(found)


def is_short(text: str) -> bool:
    """Does the text say too little to tell two mails apart by?"""
    return len(words(text)) < SHORT


def alike(one: str, other: str) -> bool:
    """Do both say the same, as far as both go? Symmetric. Two empty texts do."""
    a, b = words(one), words(other)
    if min(len(a), len(b)) < SHORT:
        return a == b
    shorter, longer = sorted((set(_runs(a)), set(_runs(b))), key=len)
    return len(shorter & longer) >= SHARE * len(shorter) and not _corrected(a, b)


def _runs(found: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(found[at:] for at in range(RUN)), strict=False)


def _corrected(a: Sequence[str], b: Sequence[str]) -> bool:
    """Has one of them another word where the other has one, between the same two words before and behind?"""
    end = ("", "") if len(a) == len(b) else ()  # as long as one another, they have an end in common too
    ours, theirs = _gaps((*a, *end)), _gaps((*b, *end))
    return any(around in theirs and theirs[around].isdisjoint(within) for around, within in ours.items())


def _gaps(found: Sequence[str]) -> dict[tuple[object, ...], set[tuple[str, ...]]]:
    """(words around, width) -> the one or two words that stand between them, everywhere in the text.

    The beginning is a neighbour too. The end of a text is none, since it may have been cut.
    """
    padded = ("", "", *found)
    gaps: dict[tuple[object, ...], set[tuple[str, ...]]] = {}
    for width in (1, 2):
        for at in range(2, len(padded) - width - 1):
            around = (*padded[at - 2 : at], *padded[at + width : at + width + 2], width)
            gaps.setdefault(around, set()).add(tuple(padded[at : at + width]))
    return gaps
