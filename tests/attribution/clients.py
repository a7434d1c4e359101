"""Forwards as clients write them, built from the tables of the languages: a shape is a client, its words are data."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from relay.mail.labels import CODES, table

NOTE = "FYI"
BODY = "Dear Rep,\n\nwhat does it cost?"
SENDER = "Anna Lee <anna@lead.example>"
TO = '"Rep, Our" <rep@our.example>'
CC = "Bob Ray <bob@lead.example>"
SUBJECT = "Our question: 2 offers"


def words(code: str, role: str) -> list[str]:
    """The words of a role as the table spells them."""
    for line in table(code).splitlines():
        name, colon, rest = line.partition(":")
        if colon and name == role:
            return [word.strip() for word in rest.split("|")]
    return []


@dataclass(frozen=True)
class Words:
    """One word of a language for each role, and the date of the message in it."""

    code: str
    sender: str
    to: str
    cc: str
    sent: str
    subject: str
    title: str
    original: str
    wrote: str
    date: str


def months(code: str) -> list[list[str]]:
    for line in table(code).splitlines():
        if line.startswith("months:"):
            return [[word.strip() for word in group.split("|")] for group in line[7:].split(";")]
    return []


def dates(code: str) -> list[tuple[str, int]]:
    """(a date of 27 <month> 2021, 09:31, as the language writes it; the month), every name of every month."""
    named = [(f"27 {word} 2021, 09:31", number) for number, group in enumerate(months(code), 1) for word in group]
    return named or [("2021年10月27日 09:31", 10)]


def variants(code: str) -> Iterator[tuple[Words, int]]:
    """(words, month) such that every word of the table stands in one of them at least."""
    columns = [words(code, role) for role in ("from", "to", "cc", "date", "subject", "forwarded")]
    columns += [words(code, "original") or ["Original Message"], words(code, "wrote") or ["wrote"]]
    days = dates(code)
    count = max(*(len(column) for column in columns), len(days))
    rows = zip(*(islice(cycle(column), count) for column in columns), islice(cycle(days), count), strict=True)
    for *row, (date, month) in rows:
        yield Words(code, *row, date), month


def lines(w: Words, colon: str = ": ") -> list[str]:
    return [
        f"{w.sender}{colon}{SENDER}",
        f"{w.sent}{colon}{w.date}",
        f"{w.to}{colon}{TO}",
        f"{w.cc}{colon}{CC}",
        f"{w.subject}{colon}{SUBJECT}",
    ]


def outlook_web(w: Words) -> str:
    return "\n".join([NOTE, "", "_" * 32, *lines(w), "", BODY])


def outlook_classic(w: Words) -> str:
    block = lines(w)
    block[0] = f"{w.sender}: Anna Lee [mailto:anna@lead.example] "
    return "\n".join([NOTE, "", f"-----{w.original}-----", *block, "", BODY])


def outlook_new(w: Words) -> str:
    return "\n".join([NOTE, "", *lines(w), "", BODY])


def gmail(w: Words) -> str:
    block = [f"{w.sender}: {SENDER}", f"Date: {w.date}", f"Subject: {SUBJECT}", f"To: {TO}", f"Cc: {CC}"]
    return "\n".join([NOTE, "", "---------- Forwarded message ---------", *block, "", "", BODY])


def apple(w: Words) -> str:
    one, two, three, four, five = lines(w)
    block = [f"{w.title}:", "", one, five, two, three, four, "", *BODY.split("\n")]
    return "\n".join([NOTE, "", *(f"> {line}".rstrip() for line in block)])


def thunderbird(w: Words) -> str:
    one, two, three, four, five = lines(w, ": \t")
    return "\n".join([NOTE, "", f"-------- {w.title} --------", five, two, one, three, four, "", "", BODY])


def french_colon(w: Words) -> str:
    return "\n".join([NOTE, "", f"---------- {w.title} ---------", *lines(w, "\xa0: "), "", BODY])


def wide_colon(w: Words) -> str:
    return "\n".join([NOTE, "", f"---------- {w.title} ---------", *lines(w, "："), "", BODY])


def bold(w: Words) -> str:
    block = [f"*{line.replace(': ', ':* ', 1)}" for line in lines(w)]
    return "\n".join([NOTE, "", f"---------- {w.title} ---------", *block, "", BODY])


def right_to_left(w: Words) -> str:
    block = ["\u200f" + line.replace(": ", ":\u200f \u202a", 1) + "\u202c" for line in lines(w)]
    return "\n".join([NOTE, "", f"\u200f---------- {w.title} ---------\u200f", *block, "", BODY])


def below_labels(w: Words) -> str:
    block = [part for line in lines(w) for part in line.split(": ", 1)]
    block = [f"{part}:" if at % 2 == 0 else part for at, part in enumerate(block)]
    return "\n".join([NOTE, "", f"---------- {w.title} ---------", *block, "", BODY])


def wrapped(w: Words) -> str:
    block = lines(w)
    block[0] = f"{w.sender}: Anna Lee <anna@lead.\nexample>"
    block[2] = f'{w.to}: "Rep, Our"\n <rep@our.example>'
    block[4] = f"{w.subject}: Our question: 2\n offers"
    one, two, three, four, five = block
    return "\n".join([NOTE, "", f"-------- {w.title} --------", one, five, two, three, four, "", BODY])


def yahoo(w: Words) -> str:
    one, two, three, four, five = lines(w)
    return "\n".join([NOTE, "", f"   ----- {w.title} ----- {one}{three}{four}{two}CET{five}", BODY])


def deep(w: Words) -> str:
    return "\n".join(f"> > {line}".rstrip() for line in [f"{w.title}:", "", *lines(w), "", *BODY.split("\n")])


SHAPES: tuple[Callable[[Words], str], ...] = (
    outlook_web, outlook_classic, outlook_new, gmail, apple, thunderbird, french_colon, wide_colon, bold, right_to_left,
    below_labels, wrapped, yahoo, deep,
)  # fmt: skip


def rows(w: Words) -> str:
    escaped = [line.split(": ", 1) for line in lines(w)]
    return "<br>".join(f"<b>{html.escape(name)}:</b> {html.escape(value)}" for name, value in escaped)


def cells(w: Words) -> str:
    escaped = [line.split(": ", 1) for line in lines(w)]
    return "".join(f"<tr><th>{html.escape(name)}: </th><td>{html.escape(value)}</td></tr>" for name, value in escaped)


HTML_BODY = "<p>Dear Rep,</p><p>what does it <b>cost</b>?</p>"
_BORDER = "border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"


def word(w: Words) -> str:
    return (
        f'<div class=WordSection1><p>FYI</p><div><div style="{_BORDER}"><p class=MsoNormal>{rows(w)}</p></div></div>'
        f"{HTML_BODY}</div>"
    )


def web(w: Words) -> str:
    return (
        '<div dir="ltr">FYI</div><div id="appendonsend"></div><hr tabindex="-1" style="display:inline-block;width:98%">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri">{rows(w)}</font><div>&nbsp;</div></div>'
        f"<div>{HTML_BODY}</div>"
    )


def gmail_html(w: Words) -> str:
    return (
        '<div dir="ltr">FYI<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
        f"---------- Forwarded message ---------<br>{html.escape(w.sender)}: <strong>Anna Lee</strong> "
        '<span dir="auto">&lt;<a href="mailto:anna@lead.example">anna@lead.example</a>&gt;</span><br>'
        f"Date: {html.escape(w.date)}<br>Subject: {SUBJECT}<br>To: {html.escape(TO)}<br>Cc: {html.escape(CC)}<br></div>"
        f"<br><br>{HTML_BODY}</div></div>"
    )


def apple_html(w: Words) -> str:
    return (
        f'FYI<div><br><blockquote type="cite"><div>{html.escape(w.title)}:</div><br class="Apple-interchange-newline">'
        + "".join(f"<div>{row}</div>" for row in rows(w).split("<br>"))
        + f"<br><div>{HTML_BODY}</div></blockquote></div>"
    )


def thunderbird_html(w: Words) -> str:
    return (
        f'<p>FYI</p><div class="moz-forward-container"><br>-------- {html.escape(w.title)} --------'
        f'<table class="moz-email-headers-table"><tbody>{cells(w)}</tbody></table><br>{HTML_BODY}</div>'
    )


def table_html(w: Words) -> str:
    plain = cells(w).replace("th>", "td>")
    return f"<p>FYI</p><p>---------- {html.escape(w.title)} ---------</p><table>{plain}</table>{HTML_BODY}"


HTML_SHAPES: tuple[Callable[[Words], str], ...] = (word, web, gmail_html, apple_html, thunderbird_html, table_html)

__all__ = ["CODES", "HTML_SHAPES", "SHAPES", "Words", "variants", "words"]
