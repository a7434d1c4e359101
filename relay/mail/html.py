"""HTML bodies: as legible text, and as markup that is safe to show.

Decides what a reader sees of an HTML body without any client: text with quotations marked by `>` as
plain-text clients do, and sanitised markup that loads nothing from anywhere. It does not know which
part is quoted or forwarded. Both are linear in the markup (see `markup`).
"""

from __future__ import annotations

import re
from typing import Any

import nh3
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from relay.mail.markup import bounded

MAX_QUOTES = 200
"""Quotations that are marked in the text; a longer thread repeats itself."""

MAX_LINK = 120
"""Characters of a link target that is shown beside its text: longer ones are tracking."""

QUOTES = (
    'blockquote[type="cite"], blockquote.gmail_quote, blockquote.protonmail_quote, blockquote[class*="quote"], '
    'blockquote[style*="border-left"], blockquote[cite], div.yahoo_quoted blockquote'
)
"""Elements that hold a quotation. A plain blockquote is only indented: the author's words."""

_OPEN, _CLOSE, HEAD = "\ue0f0", "\ue0f1", "\ue0f2"
_HIDDEN = ['[style*="display:none"]', '[style*="display: none"]', "[hidden]"]
_CONTROL = {code: None for code in range(32) if code not in (9, 10)} | {
    127: None,
    0xA0: " ",
    0x2028: "\n",
    0x2029: "\n",
}
_MANY_BLANKS = re.compile(r"\n{3,}")
_NO_LINK = re.compile(r" \((?:(?:javascript|data|vbscript|file|about|blob|cid):|#)[^()\s]{0,4000}\)", re.IGNORECASE)
_LINK = re.compile(r" \((https?://[^\s()]{0,2000})\)")

_TAGS = frozenset(
    {"a", "abbr", "acronym", "address", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center",
     "cite", "code", "col", "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "font", "h1", "h2", "h3",
     "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp",
     "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time",
     "tr", "tt", "u", "ul", "var", "wbr"}
)  # fmt: skip
_CELL = {"align", "valign", "width", "height", "colspan", "rowspan", "bgcolor", "nowrap"}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height", "align", "border"},
    "table": {"align", "width", "height", "border", "cellpadding", "cellspacing", "bgcolor"},
    "td": _CELL,
    "th": _CELL,
    "tr": {"align", "valign", "bgcolor"},
    "col": {"span", "width", "align"},
    "colgroup": {"span", "width", "align"},
    "font": {"color", "face", "size"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"value"},
    "p": {"align"},
    "div": {"align"},
    "blockquote": {"type"},
    "h1": {"align"},
    "h2": {"align"},
    "h3": {"align"},
    "hr": {"align", "width", "size", "noshade"},
    "time": {"datetime"},
    "*": {"dir", "lang"},
}
_CLEANER = nh3.Cleaner(
    tags=set(_TAGS),
    clean_content_tags={
        "script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math", "textarea", "select",
        "noembed", "noframes", "xmp",
    },
    attributes=_ATTRIBUTES,
    # No data: (embedded pages and pictures that trackers hide in), no javascript:, nothing relative:
    # a mail has no place that a relative address could be relative to.
    url_schemes={"http", "https", "mailto", "tel", "cid"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
    strip_comments=True,
)  # fmt: skip
# nh3 writes attributes as ` name="value"`, quotes inside as &quot;, so that this finds each src there is.
_REMOTE = re.compile(r'(<img(?: [a-z]+="[^"]*")*? )src="(?!cid:)', re.IGNORECASE)


def sanitised(markup: str) -> tuple[str, bool]:
    """(markup safe to show in a frame under `default-src 'none'`, whether some of it was cut).

    No script, style, class, id, form, `data:` or `javascript:`; links with rel noopener; nothing is
    loaded from elsewhere: the `src` of an image becomes `data-src`, except `cid:` (RFC 2392).
    """
    if "<" not in markup and "&" not in markup:
        return markup.replace(">", "&gt;"), False
    markup, cut = bounded(markup)
    try:
        clean = _CLEANER.clean(markup)
    except Exception:  # noqa: BLE001  native code on a stranger's markup: no HTML rather than no message
        return "", True
    if "<img" in clean:
        clean = _REMOTE.sub(r'\1data-src="', clean)
    return clean.strip(), cut


def to_text(markup: str) -> str:
    """The markup as legible text: blocks on lines of their own, quotations behind `>`, links readable."""
    document = tree(markup)
    return "" if document is None else rendition(document)


def tree(markup: str) -> HTMLTree | None:
    """The parsed document, None when it cannot be parsed. Our own marks are taken out of the text."""
    try:
        return HTMLTree.parse(without_marks(bounded(markup)[0]))
    except Exception:  # noqa: BLE001  as above
        return None


def rendition(document: HTMLTree) -> str:
    """`to_text` of a parsed document; marks of `mark_before` are left in."""
    try:
        quoting = _mark_quotes(document)
        text = extract_plain_text(
            document, preserve_formatting=True, links=True, alt_texts=False, skip_elements=_HIDDEN
        )
    except Exception:  # noqa: BLE001  as above
        return ""
    text = _legible(text.translate(_CONTROL))
    if quoting:
        text = _with_quote_marks(text)
    return _MANY_BLANKS.sub("\n\n", text).strip()


def _mark_quotes(document: Any) -> bool:
    """Put a mark before and behind the content of each quotation; whether there is any."""
    found = False
    # One slice, not a loop over the list: it is a live one, and asks the whole document for each item.
    for quote in document.document.query_selector_all(QUOTES)[:MAX_QUOTES]:
        first = quote.first_child
        if first is None:
            continue
        quote.insert_before(_line(document, _OPEN), first)
        quote.append_child(_line(document, _CLOSE))
        found = True
    return found


def _line(document: Any, text: str) -> Any:
    element = document.create_element("div")
    element.append_child(document.create_text_node(text))
    return element


def without_marks(text: str) -> str:
    """Text or markup without the marks that `rendition` and `mark_before` put in."""
    for mark in (_OPEN, _CLOSE, HEAD):
        if mark in text:
            text = text.replace(f"<div>{mark}</div>", "").replace(mark, "")
    return text


def mark_before(document: HTMLTree, node: Any) -> None:
    """Put a line with the mark `HEAD` before an element."""
    node.parent.insert_before(_line(document, HEAD), node)


def _with_quote_marks(text: str) -> str:
    """Replace the marks by `> ` before each line between them."""
    lines: list[str] = []
    depth = 0
    for line in text.split("\n"):
        if _OPEN in line or _CLOSE in line:
            depth = min(max(0, depth + line.count(_OPEN) - line.count(_CLOSE)), 20)
            line = line.replace(_OPEN, "").replace(_CLOSE, "")  # noqa: PLW2901  the rest of the line is text
            if not line.strip():
                continue
        lines.append(f"{'>' * depth} {line}" if depth else line)
    return "\n".join(lines)


def _legible(text: str) -> str:
    """Links beside their text only where they tell something: no tracking, no address said twice."""
    if " (mailto:" in text:
        text = _mail_links(text)
    if " (" in text:
        text = _NO_LINK.sub("", text)
    if " (http" in text:
        text = _LINK.sub(_link, text)
    return text


def _link(match: re.Match[str]) -> str:
    target = match.group(1)
    if len(target) > MAX_LINK:
        return ""
    bare = target.rstrip("/")
    before = match.string[max(0, match.start() - len(target) - 1) : match.start()].rstrip("/")
    shown = bare.partition("://")[2].removeprefix("www.")
    return "" if before.endswith((bare, shown)) else f" ({target})"


def _mail_links(text: str) -> str:
    """`Ann (mailto:ann@a.example)` as `Ann <ann@a.example>`, an address beside itself once."""
    first, *rest = text.split(" (mailto:")
    out = [first]
    before = first[-400:]  # what stands to the left of the next address
    for piece in rest:
        target, closed, after = piece.partition(")")
        if not closed or len(target) > 400 or " " in target:
            out.append(f" (mailto:{piece}")
        else:
            address = target.partition("?")[0]
            if not before.rstrip(" >").lower().endswith(address.lower()):
                out.append(f" <{address}>")
            out.append(after)
        before = (before + out[-1])[-400:]
    return "".join(out)
