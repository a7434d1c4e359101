"""Markup: how much of a stranger's HTML the native parsers may see.

HTML parsers take quadratic time on deep nesting (100,000 open `div`: 19 s), on formatting elements that
are never closed, and on tags with thousands of attributes. Ordinary mail has none of it and passes as it
is; anything else is written anew by a linear tokenizer: nesting bounded, every element closed in order,
few attributes, no comments, scripts or styles. It decides nothing about safety: `html.sanitised` does.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_MARKUP = 2 * 1024 * 1024
"""Characters of HTML that are read. Newsletters stay far below; generated reports may not."""

PLAIN_TAGS = 1500
"""Up to so many `<`, the worst nesting costs the parsers some ten milliseconds: no need to look closer."""

COUNTED_TAGS = 20_000
"""Up to so many, a document whose tags close each other in order is taken as it is."""

COUNTED_DEPTH = 200
"""Elements open, or closed out of order, up to which it is: both may make the parsers' work grow."""

PLAIN_TAG_LENGTH = 8192
"""A longer stretch without `>` may be a tag with thousands of attributes."""

MAX_DEPTH = 100
"""Open elements. Word and newsletters nest tables some 30 deep."""

MAX_TAGS = 60_000
"""Tags written anew, a few microseconds each; what follows them is cut."""

MAX_REFERENCES = 40_000
"""Character references and no-break spaces: the sanitiser's time grows with the square of their number."""

MAX_ATTRIBUTES = 32
MAX_ATTRIBUTE = 4096
"""Attributes of one tag, and characters of one; longer values are embedded files, shown nowhere."""

_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track",
     "wbr"]
)  # fmt: skip
_RAW = frozenset(
    ["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext",
     "svg", "math", "template"]
)  # fmt: skip
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9:_-]{0,40}")
_ATTRIBUTE = re.compile(
    r"[\s/]*([^\s/>=\"'<]{1,64})(?:\s{0,16}=\s{0,16}(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']{0,4096})))?"
)
_UNREAD = re.compile(r"<!--|<(style|script|title)(?=[\s>/])", re.IGNORECASE)
_RAW_END = {name: re.compile(rf"</{name}(?=[\s>/])[^>]*>?", re.IGNORECASE) for name in ("style", "script", "title")}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:]*)")
# What would make counting tags by `_TAG` wrong: a `>` inside quotes, a `<` inside a tag, raw text.
_ODD = re.compile(
    r"=\s*[\"'][^\"'>]*>|<[a-zA-Z/][^<>]*<|<(?:textarea|xmp|iframe|noembed|noframes|noscript|plaintext|svg|math|template)\b",
    re.IGNORECASE,
)


@lru_cache(maxsize=1)  # one body is asked for as text, as markup and for its structure, one after the other
def bounded(markup: str) -> tuple[str, bool]:
    """(markup that parsers read in linear time, whether some of it was cut). Comments and styles are gone."""
    cut = len(markup) > MAX_MARKUP
    if cut:
        markup = markup[:MAX_MARKUP]
    markup = _without_unread(markup)
    if markup.count("&") + markup.count("\xa0") > MAX_REFERENCES:
        markup = markup.replace("&nbsp;", " ").replace("\xa0", " ")
        pieces = markup.split("&", MAX_REFERENCES)
        if len(pieces) > MAX_REFERENCES:
            markup, cut = "&".join(pieces[:-1]), True
    if (
        not _ODD.search(markup)
        and max(map(len, markup.split(">"))) <= PLAIN_TAG_LENGTH
        and (markup.count("<") <= PLAIN_TAGS or _in_order(markup))
    ):
        return markup, cut
    written, more = _rewritten(markup)
    return written, cut or more


def _without_unread(markup: str) -> str:
    """The markup without comments, styles, scripts and titles; an unclosed one takes the rest with it."""
    found = _UNREAD.search(markup)
    if found is None:
        return markup
    out: list[str] = []
    at = 0
    while found is not None:
        out.append(markup[at : found.start()])
        if found.group(1) is None:
            end = markup.find("-->", found.start() + 2)  # `<!-->` is a whole comment
            at = end + 3 if end >= 0 else -1
        else:
            closed = _RAW_END[found.group(1).lower()].search(markup, found.end())
            at = closed.end() if closed is not None else -1
        if at < 0:
            return "".join(out)
        found = _UNREAD.search(markup, at)
    out.append(markup[at:])
    return "".join(out)


def _in_order(markup: str) -> bool:
    """Do the tags close each other in order, with little left open? Then no parser's stack grows."""
    tags = _TAG.findall(markup)
    if len(tags) > COUNTED_TAGS:
        return False
    open_: list[str] = []
    astray = 0
    for slash, name in tags:
        if not slash:
            if name not in _VOID:
                open_.append(name)
                if len(open_) > COUNTED_DEPTH:
                    return False
        elif open_ and open_[-1] == name:
            open_.pop()
        else:
            astray += 1
            if astray > COUNTED_DEPTH:
                return False
    return True


def _rewritten(markup: str) -> tuple[str, bool]:
    """The same document with bounded nesting, balanced, in one pass."""
    out: list[str] = []
    open_: list[str] = []
    at = tags = 0
    size = len(markup)
    lower = markup.lower() if len(markup.lower()) == size else markup
    ends: dict[str, int] = {}  # where the next end of a raw element is: each is searched for once
    while at < size:
        less = markup.find("<", at)
        if less < 0:
            break
        out.append(markup[at:less])
        tags += 1
        if tags > MAX_TAGS:
            return _closed(out, open_), True
        if markup.startswith("<!--", less):
            end = markup.find("-->", less + 2)
            at = size if end < 0 else end + 3
            continue
        closing = markup.startswith("/", less + 1)
        name_match = _NAME.match(markup, less + 1 + closing)
        if name_match is None:
            if markup[less + 1 : less + 2] in ("!", "?", "/"):  # doctype, processing instruction, bogus comment
                end = markup.find(">", less)
                at = size if end < 0 else end + 1
            else:
                out.append("&lt;")
                at = less + 1
            continue
        name = name_match.group().lower()
        if closing:
            end = markup.find(">", name_match.end())
            at = size if end < 0 else end + 1
            if name in open_:
                while open_[-1] != name:
                    out.append(f"</{open_.pop()}>")
                out.append(f"</{open_.pop()}>")
            continue
        attributes, at = _attributes(markup, name_match.end())
        if name in _RAW:
            end = ends.get(name, 0)
            if 0 <= end < at:
                end = ends[name] = lower.find(f"</{name}", at)
            if end >= 0:
                at = end  # its end tag is dropped as unmatched
            elif name not in ("svg", "math", "noscript", "template"):
                break  # never closed: the rest of the document is its text
            continue
        if name in _VOID:
            out.append(f"<{name}{attributes}>")
        elif len(open_) < MAX_DEPTH:
            if open_ and name == open_[-1] and name in _SELF_CLOSING:
                out.append(f"</{open_.pop()}>")
            out.append(f"<{name}{attributes}>")
            open_.append(name)
        else:
            out.append(" ")
    else:
        return _closed(out, open_), False
    if at < size and markup.find("<", at) < 0:
        out.append(markup[at:])
    return _closed(out, open_), False


_SELF_CLOSING = frozenset(
    ["p", "li", "td", "th", "tr", "dd", "dt", "option", "a", "b", "i", "u", "font", "span", "strong", "em",
     "small", "nobr"]
)  # fmt: skip
"""Elements that an equal one closes, in HTML itself or in what their authors meant."""


def _closed(out: list[str], open_: list[str]) -> str:
    out.extend(f"</{name}>" for name in reversed(open_))
    return "".join(out)


def _attributes(markup: str, at: int) -> tuple[str, int]:
    """(the attributes written anew, where the tag ends)."""
    written: list[str] = []
    size = len(markup)
    while at < size:
        if markup[at] == ">":
            return "".join(written), at + 1
        match = _ATTRIBUTE.match(markup, at)
        if match is None or match.end() == at:
            if markup[at] == "<":
                return "".join(written), at  # the tag was never closed
            at += 1
            continue
        at = match.end()
        name, value = match.group(1), match.group(2) or match.group(3) or match.group(4) or ""
        if len(written) < MAX_ATTRIBUTES and name.isascii() and len(value) <= MAX_ATTRIBUTE:
            value = value.replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
            written.append(f' {name}="{value}"')
    return "".join(written), size
