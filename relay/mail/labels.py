"""What mail clients write around a message they quote or forward: the words of each language, as data.

Clients write titles ("Forwarded message"), header labels ("From:", "Sent:"), attributions ("... wrote:"),
subject prefixes and dates in the language of their user. The scanners (`forward.block`, `forward.text`,
`quote`, `reference`) hold no word of any language: each has a table of its own, `languages/<code>.txt`, read
once when this module is imported. docs/forwards.md shows how to add one.

A table has lines `role: word | word | ...`; `#` starts a comment. Words are compared by their `key`: lower
case, one spelling of quotes and letters that are written in several ways, no marks. Two languages may share
a word; a block is read in the language that explains most of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pkgutil import get_data
from unicodedata import normalize

from relay.mail.languages import CODES

FROM, TO, CC, BCC, DATE, SUBJECT, REPLY_TO, OTHER = "from", "to", "cc", "bcc", "date", "subject", "reply-to", "other"
"""The roles of a header label. OTHER is a label that belongs to a block and whose value we do not need."""

LABEL_ROLES = (FROM, TO, CC, BCC, DATE, SUBJECT, REPLY_TO, OTHER)
WORD_ROLES = ("forwarded", "forwarded-by", "original", "closing", "wrote", "behalf", "forward", "reply", "am", "pm")
MONTH_ROLES = ("months", "months-jalali")
"""Twelve groups by `;`, each of them words by `|`."""

ORDERS = frozenset({"dmy", "mdy", "ymd", "unknown"})
"""Of 03/04/2021 in the language; 'unknown' where its countries differ."""

_SAME = str.maketrans({
    "’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "ʻ": "'", "“": '"', "”": '"', "״": '"', "׳": "'",
    "أ": "ا", "إ": "ا", "آ": "ا", "ى": "ی", "ي": "ی", "ك": "ک", "ـ": None, "ı": "i", "İ": "i",
    "ţ": "ț", "Ţ": "ț", "ş": "ș", "Ş": "ș", "\u2010": "-", "\u2011": "-", "–": "-",
} | dict.fromkeys(map(chr, range(0x064B, 0x0653))))  # fmt: skip
"""Letters and signs that clients and keyboards write in several ways; vowel signs of Arabic are left out."""

MARKS = dict.fromkeys(
    [0x00AD, 0x034F, 0x061C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)]
)
"""Word joiners, bidi marks and other characters that are drawn as nothing; clients put them around labels."""

_UNSEEN = MARKS | _SAME
_ODD = re.compile("[" + re.escape("".join(map(chr, _UNSEEN))) + "]")  # finds them several times faster than `translate`


def fold(text: str) -> str:
    """The form in which running text is compared: no marks, lower case, single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(text.translate(MARKS).casefold().split())


def key(text: str) -> str:
    """The form in which the words of the tables are compared: `fold`, and one spelling of what has several.

    Blanks between East Asian characters mean nothing (`主 题` is `主题`) and are left out.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    return _spaced(_spelled(text))


def _spelled(text: str) -> str:
    """The text in lower case and one spelling, blanks as they are."""
    return normalize("NFKC", _ODD.sub(_one_way, text).casefold())


def _one_way(odd: re.Match[str]) -> str:
    return _UNSEEN[ord(odd[0])] or ""


def _spaced(text: str) -> str:
    words = text.split()
    if len(words) == 1:
        return words[0]
    return ("" if not text.isascii() and max(text, default="") >= "\u2e80" else " ").join(words)


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language, by their `key`.

    `labels`: label -> role. `titles`: text of a line that announces a forwarded message and nothing else,
    rules (`-----`) and colon removed; `forwarded_by`: such a line that goes on with a person and a date;
    `original`: titles that clients write for replies and for forwards; `closings`: the line under a forward;
    `wrote`: verbs of attributions; `behalf`: what stands between who sent and who wrote; `forward`, `reply`:
    subject prefixes; `months`: name (by its `month_key`) -> 1..12, `jalali` those of the Persian calendar;
    `am`, `pm`; `zones`: name -> minutes east of UTC; `order`: of a date in figures.
    """

    code: str
    labels: Mapping[str, str] = field(default_factory=dict)
    titles: frozenset[str] = frozenset()
    forwarded_by: tuple[str, ...] = ()
    original: frozenset[str] = frozenset()
    closings: frozenset[str] = frozenset()
    wrote: frozenset[str] = frozenset()
    behalf: tuple[str, ...] = ()
    forward: frozenset[str] = frozenset()
    reply: frozenset[str] = frozenset()
    months: Mapping[str, int] = field(default_factory=dict)
    jalali: Mapping[str, int] = field(default_factory=dict)
    am: tuple[str, ...] = ()
    pm: tuple[str, ...] = ()
    zones: Mapping[str, int] = field(default_factory=dict)
    order: str = "dmy"


def read_table(code: str, text: str) -> tuple[Language, list[str]]:
    """(the language that a table describes, what is wrong with the table, a sentence each).

    Lines that say nothing we know are left out, so that one mistake costs one line.
    """
    labels: dict[str, str] = {}
    words: dict[str, dict[str, None]] = {role: {} for role in WORD_ROLES}
    months: dict[str, dict[str, int]] = {role: {} for role in MONTH_ROLES}
    zones: dict[str, int] = {}
    order = "dmy"
    problems: list[str] = []
    for number, line in enumerate(_spelled(text).split("\n"), start=1):  # all words at once: a tenth of the time
        if not line.strip() or line.startswith("#"):
            continue
        role, colon, rest = line.partition(":")
        role = role.strip()
        where = f"{code}.txt line {number}"
        if not colon:
            problems.append(f"{where}: no colon behind the role: {line[:40]!r}")
        elif role in MONTH_ROLES:
            groups = rest.split(";")
            if len(groups) != 12:
                problems.append(f"{where}: {role} has {len(groups)} groups by ';', not 12")
                continue
            for month, group in enumerate(groups, start=1):
                for word in _words(group):
                    name = _month(word)
                    if months[role].setdefault(name, month) != month:
                        problems.append(f"{where}: {word!r} is two months")
        elif role == "zones":
            for word in _words(rest):
                name, offset = word[:-6].rstrip(), word[-6:]
                minutes = _minutes(offset)
                if minutes is None or not name:
                    problems.append(f"{where}: a zone is written 'NAME +01:00', not {word!r}")
                else:
                    zones[name] = minutes
        elif role == "numeric":
            order = rest.strip()
            if order not in ORDERS:
                problems.append(f"{where}: numeric is one of {', '.join(sorted(ORDERS))}, not {order!r}")
                order = "unknown"
        elif role in LABEL_ROLES:
            for word in _words(rest):
                name = word.rstrip(":")
                if labels.setdefault(name, role) != role:
                    problems.append(f"{where}: {word!r} is {labels[name]!r} above and {role!r} here")
        elif role in words:
            words[role].update((word.rstrip(":"), None) for word in _words(rest))
        else:
            problems.append(f"{where}: no such role: {role!r}")
    language = Language(
        code=code,
        labels=labels,
        titles=frozenset(words["forwarded"]),
        forwarded_by=tuple(words["forwarded-by"]),
        original=frozenset(words["original"]),
        closings=frozenset(words["closing"]),
        wrote=frozenset(words["wrote"]),
        behalf=tuple(sorted(words["behalf"], key=len, reverse=True)),
        forward=frozenset(word.rstrip(".") for word in words["forward"]),
        reply=frozenset(word.rstrip(".") for word in words["reply"]),
        months=months["months"],
        jalali=months["months-jalali"],
        am=_longest_first(words["am"]),
        pm=_longest_first(words["pm"]),
        zones=zones,
        order=order,
    )
    if FROM not in labels.values() or len(set(labels.values())) < 4:
        problems.append(f"{code}.txt: a language needs labels for from, to, date and subject")
    return language, problems


def _words(text: str) -> list[str]:
    return [_spaced(word) for word in text.split("|") if word and not word.isspace()]


def _longest_first(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({word.replace(".", "").strip() for word in words}, key=len, reverse=True))


def _minutes(offset: str) -> int | None:
    """Minutes east of UTC of `+01:00`, None when it is written in another way."""
    if len(offset) != 6 or offset[0] not in "+-" or offset[3] != ":" or not (offset[1:3] + offset[4:]).isdigit():
        return None
    minutes = int(offset[1:3]) * 60 + int(offset[4:])
    return -minutes if offset[0] == "-" else minutes


def month_key(word: str) -> str:
    """The form in which month names are compared: no points (`ต.ค.`, `okt.`), words apart (`c hwevrer`)."""
    return _month(key(word))


def _month(word: str) -> str:
    return " ".join(word.replace(".", "").replace("-", " ").replace("'", " ").split())


def table(code: str) -> str:
    """The text of the table of a language."""
    return (get_data("relay.mail.languages", f"{code}.txt") or b"").decode("utf-8", "replace")


LANGUAGES: tuple[Language, ...] = tuple(read_table(code, table(code))[0] for code in CODES)
ENGLISH = LANGUAGES[0]
BY_CODE = {language.code: language for language in LANGUAGES}


def _codes_of(words: Iterable[tuple[str, Language]]) -> dict[str, tuple[Language, ...]]:
    """Each word with the languages that have it."""
    found: dict[str, list[Language]] = {}
    for word, language in words:
        found.setdefault(word, []).append(language)
    return {word: tuple(languages) for word, languages in found.items()}


LABELS = _codes_of((label, language) for language in LANGUAGES for label in language.labels)
LONGEST_LABEL = max(map(len, LABELS))
TITLES = _codes_of((title, language) for language in LANGUAGES for title in language.titles)
ORIGINAL_TITLES = _codes_of((title, language) for language in LANGUAGES for title in language.original)
FORWARDED_BY = _codes_of((phrase, language) for language in LANGUAGES for phrase in language.forwarded_by)
CLOSINGS = frozenset[str]().union(*(language.closings for language in LANGUAGES))
WROTE = frozenset[str]().union(*(language.wrote for language in LANGUAGES))
ADDRESS_LABELS = frozenset(
    label for language in LANGUAGES for label, role in language.labels.items() if role in (TO, CC, BCC)
)
FROM_LABELS = frozenset(label for language in LANGUAGES for label, role in language.labels.items() if role == FROM)
SUBJECT_LABELS = frozenset(name for language in LANGUAGES for name, role in language.labels.items() if role == SUBJECT)
FORWARD_PREFIXES = frozenset[str]().union(*(language.forward for language in LANGUAGES))
REPLY_PREFIXES = frozenset[str]().union(*(language.reply for language in LANGUAGES))


def _agreed(tables: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The names that mean one number in every language that has them ('lis' is two months)."""
    found: dict[str, int] = {}
    for table in tables:
        for name, number in table.items():
            found[name] = number if found.get(name, number) == number else 0
    return {name: number for name, number in found.items() if number}


MONTHS = _agreed(language.months for language in LANGUAGES)
ZONES = {name: minutes for language in LANGUAGES for name, minutes in language.zones.items()}


def language_of(labels: Iterable[str], titled: tuple[Language, ...] = ()) -> Language | None:
    """The language that explains most of these labels; that of the title above them when several do equally.

    Many clients translate some labels only (Gmail writes `Od:`, then `Date:`, `Subject:`, `To:`): what a
    language does not explain counts as English, if its own word is there for the sender.
    """
    return _language_of(tuple(labels), frozenset(language.code for language in titled))


@lru_cache(maxsize=512)  # clients are few, and each writes the same labels into every mail
def _language_of(names: tuple[str, ...], titled: frozenset[str]) -> Language | None:
    own: dict[str, int] = {}
    senders: set[str] = set()
    for name in names:
        for language in LABELS.get(name, ()):
            own[language.code] = own.get(language.code, 0) + 1
            if language.labels[name] == FROM:
                senders.add(language.code)
    english = [name for name in names if name in ENGLISH.labels]
    best: Language | None = None
    best_score = (0, 0, 0)
    for code, count in own.items():
        language = BY_CODE[code]
        explained = count
        if code in senders:
            explained += sum(name not in language.labels for name in english)
        score = (explained, count, int(code in titled))
        if score > best_score:
            best, best_score = language, score
    return best


def role_of(label: str, language: Language) -> str | None:
    """The role of a label in a block of that language, English standing in for what it does not translate."""
    return language.labels.get(label) or ENGLISH.labels.get(label)
