"""What programs and absent people write, in each language: `automatic_words.txt`, read once.

The readers (`automatic`, `report`, `absence`) hold no word of any language. Lines of the table are
`role: phrase | phrase` under the code of a language; phrases are compared by their `key`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import get_data

from relay.mail.labels import BY_CODE, key

REPLY, AWAY, UNTIL, BACK, BOUNCE, DELAYED = "reply", "away", "until", "back", "bounce", "delayed"
UNTIL_AFTER, BACK_AFTER, TO = "until-after", "back-after", "to"
LEFT_SELF, LEFT_OTHER, PERSON, BETWEEN = "left-self", "left-other", "person", "between"
ROLES = (
    REPLY, AWAY, UNTIL, UNTIL_AFTER, TO, BACK, BACK_AFTER, BOUNCE, DELAYED, LEFT_SELF, LEFT_OTHER, PERSON, BETWEEN,
)  # fmt: skip

Words = Mapping[str, tuple[str, ...]]
"""Role -> phrases by their `key`, the longest first."""


def read_table(text: str) -> tuple[dict[str, Words], list[str]]:
    """(language code -> its words, what is wrong with the table, a sentence each)."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    problems: list[str] = []
    code = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            code = line.strip().strip("[]")
            if code not in BY_CODE or code in found:
                problems.append(f"line {number}: no such language, or a second time: {code!r}")
            found[code] = {}
            continue
        role, _, rest = line.partition(":")
        if not code or role not in ROLES or role in found[code]:
            problems.append(f"line {number}: no such role, or a second time: {role!r}")
            continue
        phrases = {key(phrase) for phrase in rest.split("|") if phrase.strip()}
        found[code][role] = tuple(sorted(phrases, key=lambda phrase: (-len(phrase), phrase)))
    return dict(found), problems


WORDS: Mapping[str, Words] = read_table(
    (get_data("relay.mail", "automatic_words.txt") or b"").decode("utf-8", "replace")
)[0]


def every(role: str) -> tuple[str, ...]:
    """The phrases of a role in all languages."""
    return tuple({phrase: None for words in WORDS.values() for phrase in words.get(role, ())})


def has(text: str, phrase: str, start: int = 0, end: int | None = None) -> int:
    """Where `phrase` stands in `text` as whole words (in scripts that divide words), -1 when it does not."""
    end = len(text) if end is None else end
    at = text.find(phrase, start, end)
    while at >= 0:
        if _free(text, at - 1, phrase[0]) and _free(text, at + len(phrase), phrase[-1]):
            return at
        at = text.find(phrase, at + 1, end)
    return -1


def _free(text: str, at: int, beside: str) -> bool:
    """Does no letter at `at` go on with the word whose end is `beside`?"""
    return not (0 <= at < len(text) and text[at].isalpha() and beside.isalpha() and beside < "\u2e80")
