"""What mail clients write around a message they quote or forward, as data.

Clients write titles ("Forwarded message"), header labels ("From:", "Sent:") and attributions
("... wrote:") in the language of their user. The scanners (`block`, `forwarded`, `quote`) hold no
word of any language: to teach them one, add a `Language` here and a case to tests/mail. All words are
compared after `fold`: lower case, single spaces, no marks. English is complete; the other languages
of `LANGUAGES` come with the forward release, each as one more entry.
"""

from __future__ import annotations

from dataclasses import dataclass

FROM, TO, CC, BCC, DATE, SUBJECT, REPLY_TO, OTHER = "from", "to", "cc", "bcc", "date", "subject", "reply-to", "other"
"""The roles of a header label. OTHER is a label that belongs to a block and whose value we do not need."""


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language.

    `labels`: folded label -> role. `titles`: folded text of a line that announces a forwarded message
    and nothing else, rules (`-----`) and colon removed. `original`: the same for titles that clients
    write both for replies and for forwards. `closings`: the line under a forward. `months`: folded month
    name -> 1..12.
    """

    labels: dict[str, str]
    titles: frozenset[str]
    original: frozenset[str]
    closings: frozenset[str]
    months: dict[str, int]


ENGLISH = Language(
    labels={
        "from": FROM,
        "to": TO,
        "cc": CC,
        "bcc": BCC,
        "date": DATE,
        "sent": DATE,
        "sent on": DATE,
        "subject": SUBJECT,
        "reply-to": REPLY_TO,
        "reply to": REPLY_TO,
        "sender": OTHER,
        "importance": OTHER,
        "priority": OTHER,
        "sensitivity": OTHER,
        "attachments": OTHER,
        "attachment": OTHER,
        "resent-from": OTHER,
        "resent-to": OTHER,
        "resent-date": OTHER,
        "message-id": OTHER,
        "organization": OTHER,
        "organisation": OTHER,
        "categories": OTHER,
        "when": OTHER,
        "where": OTHER,
        "required attendees": OTHER,
        "optional attendees": OTHER,
        "newsgroups": OTHER,
    },
    titles=frozenset({"forwarded message", "begin forwarded message", "forwarded mail", "forwarded email"}),
    original=frozenset({"original message", "original mail", "original email", "original appointment"}),
    closings=frozenset({"end of forwarded message", "end forwarded message", "end of original message"}),
    months={
        name: number
        for number, names in enumerate(
            (
                ("january", "jan"),
                ("february", "feb"),
                ("march", "mar"),
                ("april", "apr"),
                ("may",),
                ("june", "jun"),
                ("july", "jul"),
                ("august", "aug"),
                ("september", "sep", "sept"),
                ("october", "oct"),
                ("november", "nov"),
                ("december", "dec"),
            ),
            start=1,
        )
        for name in names
    },
)

LANGUAGES: tuple[Language, ...] = (ENGLISH,)
"""In order of trial. Two languages may share labels; a block is read in the one that explains most of it."""

LABELS = frozenset[str]().union(*(language.labels for language in LANGUAGES))
LONGEST_LABEL = max(map(len, LABELS))
MONTHS = {name: number for language in LANGUAGES for name, number in language.months.items()}
TITLES = frozenset[str]().union(*(language.titles for language in LANGUAGES))
ORIGINAL_TITLES = frozenset[str]().union(*(language.original for language in LANGUAGES))
CLOSINGS = frozenset[str]().union(*(language.closings for language in LANGUAGES))

ATTRIBUTION_ENDS: tuple[str, ...] = (
    # How the line above a quotation ends, lower case, colon and the blanks around it removed.
    # Only for telling quotations from words: a wrong or missing one costs a line in the wrong column.
    "wrote", "writes", "said", "schrieb", "geschrieben", "a écrit", "escribió", "ha scritto", "schreef", "escreveu",
    "skrev", "skreiv", "kirjoitti", "napisał(a)", "napisał", "napisała", "pisze", "napsal(a)", "napsal", "napísal(a)",
    "napísal", "написал(а)", "написал", "написала", "пишет", "пише", "написав", "yazdı", "írta", "a scris",
    "je napisao/la",
    "napisao je", "je napisal", "kirjutas", "rakstīja", "parašė", "έγραψε", "schreef het volgende", "のメッセージ",
    "写道", "寫道", "님이 작성", "đã viết", "كتب", "כתב", "נכתב על ידי", "menulis", "ka shkruar",
)  # fmt: skip

FORWARD_PREFIXES = frozenset(
    {"fwd", "fw", "wg", "tr", "rv", "i", "enc", "pd", "vb", "vs", "vl", "doorst", "redir", "ynt", "ilt", "továbbítás",
     "továbbított", "trs", "videresend", "fs", "edasi", "προώθ", "прд", "отг", "转发", "轉寄", "轉發", "전달", "転送"}
)  # fmt: skip
"""Subject prefixes with which clients mark a forward, lower case, without colon."""

REPLY_PREFIXES = frozenset(
    {"re", "aw", "sv", "vs", "antw", "antwort", "odp", "ref", "res", "rif", "r", "ynt", "cvp", "bls", "rép", "atb",
     "vá",
     "σχετ", "απ", "отв", "на", "ha", "回复", "回覆", "答复", "答覆", "답장", "返信"}
)  # fmt: skip
"""Subject prefixes with which clients mark a reply. 'vs' is the Finnish reply and the Danish forward."""

# Word joiners, bidi marks and other characters that are drawn as nothing; clients put them around labels.
MARKS = dict.fromkeys(
    [0x00AD, 0x034F, 0x061C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)]
)


def fold(text: str) -> str:
    """The form in which words are compared: no marks, lower case, single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(text.translate(MARKS).casefold().split())
