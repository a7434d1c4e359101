"""Messages that a client introduces without labels: attributions, and the two lines of old Notes.

Decides who wrote and when from `On 28/10/2021 12:46, "John Doe" <john@a.example> wrote:` and its like in other
languages, and from a block of which only To, cc and Subject have labels. What is not certain stays empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from relay.mail.forward import block as blocks
from relay.mail.forward import block_line, written_date, written_mailbox
from relay.mail.labels import CC, DATE, FROM, LABELS, SUBJECT, TO, WROTE, key, language_of, role_of

DATED = re.compile(r"\d{4}|\d[/.-]\d|\d:\d\d")

_OPENERS = re.compile(
    r"^(?:on|am|le|el|il|em|op|den|dnia|w dniu|dne|dňa|la|pe|vào|בתאריך|في|在|於|于)\s+", re.IGNORECASE
)
"""Words that open an attribution before its date."""

_NUMBERED = re.compile(r", in message <[^<>]{1,200}>,")
"""GroupWise: On 1/2/2026 at 9:31 AM, in message <...>, Ann Lee <ann@a.example> wrote:"""


def read_attribution(head: str) -> tuple[written_mailbox.Written, str]:
    """(who wrote, the date as written) of an attribution on one line."""
    head = _NUMBERED.sub(" ", head.strip(" >:：-="))
    opened = _OPENERS.match(head)
    words = (head[opened.end() :] if opened is not None else head).replace("<mailto:", "<").split()
    address_at = next((k for k, word in enumerate(words) if "@" in word), None)
    if address_at is None:
        return written_mailbox.Written(), ""
    # The date ends with the last word before the address that has a digit, "AM" or a zone in it; when there is none
    # before the address, it stands behind it (Turkish, Chinese, Portuguese of some clients).
    dated = [k for k, word in enumerate(words[:address_at]) if _of_date(word)]
    if dated:
        cut = dated[-1] + 1
        date = " ".join(words[:cut]).rstrip(",")
        names = words[cut : address_at + 1]
    else:
        behind = [k for k, word in enumerate(words) if k > address_at and _of_date(word)]
        date = " ".join(words[address_at + 1 : behind[-1] + 1]).strip(",") if behind else ""
        names = words[: address_at + 1]
    while names and (key(names[0].strip(",")) in WROTE or not any(char.isalnum() for char in names[0])):
        names = names[1:]  # "schrieb Ann Lee <...>": the verb stands before the name
    if len(names) == 2 and names[0].isalpha() and names[0].islower() and "<" not in names[1]:
        names = names[1:]  # Tuta: "27 Oct 2021, 09:31 by ann@a.example:"
    name = " ".join(names).lstrip(",")
    if name.count('"') == 2:
        name = name[name.index('"') :]  # 12:46 пользователь "Ann Lee" <...>
    return written_mailbox.read(name), date


def _of_date(word: str) -> bool:
    bare = word.strip(".,;:()").lower()
    if "@" in bare or "<" in bare:
        return False
    return (
        any(char.isdigit() for char in bare) or bare in ("am", "pm", "a.m", "p.m", "uhr") or written_date.is_zone(bare)
    )


def read_notes(lines: Sequence[str], at: int) -> blocks.Block | None:
    """The block of older Notes: a sender, a date, and then the labels, which may stand behind them or alone.

    Ann Lee <ann@lead.example>                          Ann Lee
    02/02/2010 09:00 AM                                 02/02/2010 09:00 AM      To:  rep@our.example
                                                                                 cc:
    To                                                                      Subject:  Offer
    rep@our.example
    """
    sender: list[str] = []
    date = ""
    found: list[tuple[str, str]] = []
    end = at
    blanks = 0
    for i in range(at, min(len(lines), at + 40)):
        text = block_line.unquoted(lines[i])
        if not text:
            blanks += 1
            if found and blanks > 1:
                break
            continue
        inside = block_line.labels_inside(text)
        alone = key(text.rstrip(" :"))
        if inside and inside[0][2] not in [name for name, _ in found]:
            start, behind, name = inside[0]
            front = text[:start].strip()
            found.append((name, text[behind:].strip()))
        elif not inside and date and alone in LABELS and alone not in [name for name, _ in found]:
            found.append((alone, ""))
            front = ""
        elif found and blanks == 0 and not found[-1][1] and text:
            found[-1] = (found[-1][0], text)
            front = ""
        elif found:
            if date and sender:
                break
            front = text
        else:
            front = text
        blanks = 0
        end = i + 1
        if front and not date and DATED.search(front) and "@" not in front:
            date = front
        elif front and not date:
            sender.append(front)
        if len(sender) > 3:
            return None
    language = language_of([name for name, _ in found])
    if not sender or not date or language is None:
        return None
    values = {FROM: " ".join(sender), DATE: date}
    for name, value in found:
        role = role_of(name, language)
        if role in (TO, CC, SUBJECT):
            values.setdefault(role, value)
    if TO not in values or len(values) < 4:
        return None
    return blocks.Block(at, end, values, block_line.depth(lines[at]), language)
