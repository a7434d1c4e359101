"""Bodies: what a message says, as text and as markup.

Decides which of the text and HTML parts is the text, and divides it into the author's words and the
quoted part. Everything is computed when it is asked for: most readers need only some of it.
"""

from __future__ import annotations

import re
from functools import cached_property

from relay.mail import html, quote
from relay.mail.labels import MARKS, fold
from relay.mail.message import Message

MAX_TEXT = 2 * 1024 * 1024
"""Characters of text that are kept of a body; the octets received keep the rest."""

SNIPPET = 200
"""Characters of a snippet."""

STUB = 600
"""A text part up to so many characters may be a mere hint at the HTML part."""

_STUB_WORDS = (
    "view this email in your browser", "view this message in your browser", "view in browser", "view online",
    "view it in your browser", "view the online version", "html email", "html-email", "html format", "html version",
    "html-capable", "html capable", "does not support html", "doesn't support html", "not support html",
    "html-formatted", "html viewer", "enable html", "in html", "im browser", "html-format", "navigateur", "navegador",
    "nel browser", "in je browser", "read this email online", "to view this message",
)  # fmt: skip
_ONLY_LINK = re.compile(r"\W{0,9}(?:https?://\S{1,2000}\W{0,9}){0,3}")


class Body:
    """The body of a message: `text` (the author's words), `quoted`, `html` (sanitised), each '' if none.

    `defects`: 'text-cut', 'html-cut' when a bound was met; complete only after the parts were read.
    """

    def __init__(self, text: str | None, markup: str | None) -> None:
        self._text = text
        self._markup = markup
        self.defects: list[str] = []

    @cached_property
    def whole(self) -> str:
        """Words and quoted part together, as they stand."""
        text = self._text
        if self._markup is not None and (text is None or is_stub(text)):
            rendered = html.to_text(self._markup)
            if text is None or len(rendered) > len(text) or not text.strip():
                text = rendered
        text = text or ""
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if text[:5] == "-----":
            text = _without_armor(text)
        if len(text) > MAX_TEXT:
            text = text[:MAX_TEXT]
            self.defects.append("text-cut")
        return text

    @cached_property
    def _split(self) -> tuple[str, str]:
        return quote.split(self.whole)

    @property
    def text(self) -> str:
        return self._split[0]

    @property
    def quoted(self) -> str:
        return self._split[1]

    @cached_property
    def html(self) -> str:
        if not self._markup:
            return ""
        clean, cut = html.sanitised(self._markup)
        if cut:
            self.defects.append("html-cut")
        return clean

    @property
    def snippet(self) -> str:
        return snippet(self.text) or snippet(self.quoted)


def body(message: Message) -> Body:
    """The body of a message: plain text preferred, HTML where there is no text or only a hint at it."""
    return Body(message.text, message.html)


_SIGNED, _SIGNATURE, _END = (
    f"-----{words}-----" for words in ("BEGIN PGP SIGNED MESSAGE", "BEGIN PGP SIGNATURE", "END PGP SIGNATURE")
)


def _without_armor(text: str) -> str:
    """The words of a text that is clear-signed with OpenPGP (RFC 9580 §7): its frame and dashes taken off."""
    if not text.startswith(_SIGNED):
        return text
    start = text.find("\n\n") + 2
    stop = text.find(f"\n{_SIGNATURE}", start)
    if start < 2 or stop < 0:
        return text
    _, _, below = text[stop:].partition(_END)
    return f"\n{text[start:stop]}".replace("\n- ", "\n")[1:] + below


def is_stub(text: str) -> bool:
    """Is the text part empty or only a hint ("view this in your browser")?"""
    if len(text) > STUB:
        return not text.strip() if text[:1].isspace() else False
    stripped = text.strip()
    if not stripped or _ONLY_LINK.fullmatch(stripped):
        return True
    lower = fold(stripped)
    return any(words in lower for words in _STUB_WORDS)


def snippet(text: str) -> str:
    """About 200 characters of the text on one line, cut at a word."""
    piece = text[: SNIPPET * 4]
    if not piece.isascii():
        piece = piece.translate(MARKS)
    line = " ".join(piece.split())
    if len(line) <= SNIPPET:
        return line
    cut = line.rfind(" ", SNIPPET - 40, SNIPPET)
    return line[: cut if cut > 0 else SNIPPET].rstrip(" ,;:-") + "…"
