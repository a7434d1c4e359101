"""Inline forwards in HTML, by the structure that clients leave there.

Decides where in a document the quoted message begins, from the elements in which clients put its header
block (`gmail_attr`, `divRplyFwdMsg`, Word's bordered div, Apple's `blockquote type=cite` ...), which do
not depend on a language. Gives back the text on both sides and the markup of the quoted message alone;
what the block says is read by `forwarded.find`. New clients are one more selector in `html.HEADERS`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from relay.mail import html
from relay.mail.forward import block_line
from relay.mail.forward.text import Forwarded, find

MARKS = (
    "gmail_attr", "divRplyFwdMsg", "moz-email-headers-table", "border-top:solid", "border-top: solid", 'type="cite"',
    "type=cite", "type='cite'", "ms-outlook-mobile-reference-message", "moz-forward-container", "yahoo_quoted",
)  # fmt: skip
"""One of these stands in any document worth parsing for it; a search for them costs next to nothing."""

SELECTOR = f'{html.HEADERS}, blockquote[type="cite"], .moz-forward-container, .yahoo_quoted'

MAX_CANDIDATES = 12
"""Elements that are looked at: the first is right unless the writer's own text is styled alike."""

MAX_STEPS = 400
"""Siblings of one element that are removed, and ancestors climbed, when the quoted message is cut out."""


@dataclass(frozen=True, slots=True)
class Structured:
    """A quoted message found by structure. `html` is its own markup (not sanitised), '' if not cut out."""

    forwarded: Forwarded
    html: str


def find_structured(markup: str) -> Structured | None:
    """The first quoted message of an HTML body whose place its client marked, or None. Never raises."""
    if not any(mark in markup for mark in MARKS):
        return None
    document = html.tree(markup)
    if document is None or document.document is None:
        return None
    candidates: list[Any] = []
    for node in document.document.query_selector_all(SELECTOR)[:MAX_CANDIDATES]:
        if node.parent is not None and _promising(node.text or ""):
            candidates.append(node)
            html.mark_before(document, node)
    if not candidates:
        return None
    pieces = html.rendition(document).split(html.HEAD)
    for number, node in enumerate(candidates, start=1):
        if number >= len(pieces):
            break
        rest = _one_text(pieces[number:])
        if not _begins_with_block(rest):
            continue
        found = find(rest)
        if found is None:
            return None
        note = _one_text(pieces[:number]).strip(" \n>_-")
        return Structured(replace(found, note=note), _cut(document, node))
    return None


def _one_text(pieces: list[str]) -> str:
    """Rendered pieces as one text again; a quote mark that stood alone before our mark is dropped."""
    return "".join(piece.removesuffix("> ").removesuffix(">") for piece in pieces[:-1]) + (pieces[-1] if pieces else "")


def _promising(text: str) -> bool:
    """A title, a label or an attribution near the top of the element's own text."""
    return ":" in text[:2000] or "：" in text[:2000]


def _begins_with_block(text: str) -> bool:
    """Does the text open with what a client writes above a message?"""
    lines = text[:4000].split("\n")
    seen = 0
    for at, line in enumerate(lines):
        if not block_line.unquoted(line) or block_line.is_rule(line):
            continue
        if block_line.title(line) or block_line.label(line) is not None or block_line.attribution(lines, at):
            return True
        seen += 1
        if seen > 1:
            return False
    return False


def _cut(document: Any, node: Any) -> str:
    """The markup behind the header element `node`: everything before it in the document removed."""
    try:
        if node.tag == "blockquote":
            _behead(node)
        inner = node
        for _ in range(MAX_STEPS):
            parent = node.parent
            if parent is None or parent.tag in ("html", None) or node.tag == "body":
                break
            for _ in range(MAX_STEPS):
                before = node.prev
                if before is None:
                    break
                before.decompose()
            else:
                return ""
            node = parent
        if _only_header(inner):
            inner.decompose()
        elif inner.tag != "blockquote":
            _behead(inner)
        return html.without_marks(document.body.html if document.body is not None else "")
    except Exception:  # noqa: BLE001  a document too odd to cut: the text is there all the same
        return ""


def _only_header(node: Any) -> bool:
    """Does the element hold the header block alone, with the body behind it?"""
    classes = (node.getattr("class") or "").split()
    return (
        node.tag == "table"
        or node.getattr("id") == "divRplyFwdMsg"
        or "gmail_attr" in classes
        or "moz-cite-prefix" in classes
        or (node.tag == "div" and "border-top" in (node.getattr("style") or ""))
    )


def _behead(node: Any) -> None:
    """Remove the children that hold the title and the block from the front of `node`."""
    for _ in range(MAX_STEPS):
        child = node.first_child
        if child is None:
            return
        text = html.without_marks(child.text or "").strip()
        first = text.split("\n", 1)[0]
        if text and not (block_line.title(first) or block_line.label(first)):
            return
        child.decompose()
