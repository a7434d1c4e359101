"""Inline forwards in HTML, by the structure that clients leave there.

Decides where in a document the quoted message begins, from the elements in which clients put its header
block (`gmail_attr`, `divRplyFwdMsg`, Word's bordered div, Apple's `blockquote type=cite` ...), which do
not depend on a language. Gives back the text on both sides and the markup of the quoted message alone;
what the block says is read by `text.find`. New clients are one more selector here.
Where the place is certain, even a block whose labels are in no table is read, by the order of its `rows`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from relay.mail import html
from relay.mail.forward import block_line
from relay.mail.forward.text import Forwarded, find, from_positions
from relay.mail.reference import base_subject

MARKS = (
    "gmail_", "RplyFwdMsg", "reference-message", "OLK_SRC_BODY", "border-top:solid", "border-top: solid",
    "solid none none", "moz-", 'type="cite"', "type=cite", "type='cite'", "yahoo_quoted", "ymail_", "zwchr",
    "__DIVIDER__", "protonmail_quote", "tutanota_quote", 'name="quote"', "zmail_extra", "ForwardContent",
    "messageReplySection", "sh-quoted", "missive_quote", "reply-intro", "mail-quote",
)  # fmt: skip
"""One of these stands in any document worth parsing for it; a search for them costs next to nothing."""

HEADERS = (
    # Outlook on the web and new (also inside a document that its web client had before: x_...), mobile, 2011, Word
    '[id$="divRplyFwdMsg"], [id*="reference-message-container"], [class*="reference-message-container"], '
    '[class*="ms-outlook-mobile-reference-message"], '
    'div[style*="border-top:solid"], div[style*="border-top: solid"], div[style*="solid none none"], '
    # Gmail; Thunderbird
    '[class$="gmail_attr"], .moz-cite-prefix, .moz-email-headers-table'
)
"""Elements in which clients put the header block or the attribution of what they quote."""

CONTAINERS = (
    # Apple Mail, Fastmail, Evolution; Thunderbird; Gmail (older); Yahoo; Zimbra; Proton; Tuta; GMX, WEB.DE; Zoho;
    # 163; Spark; Superhuman; Missive; Roundcube; Mail.ru; Outlook 2011 for Mac
    'blockquote[type="cite"], .moz-forward-container, .gmail_quote, .yahoo_quoted, [id^="yahoo_quoted"], '
    '[class^="ymail_quote"], [id="zwchr"], [data-marker="__DIVIDER__"], .protonmail_quote, .tutanota_quote, '
    '[name="quote"], .zmail_extra, #isForwardContent, [name="messageReplySection"], .sh-quoted-content, '
    '.missive_quote, #reply-intro, [class^="mail-quote"], #OLK_SRC_BODY_SECTION'
)
"""Elements that hold all of what is quoted, its header first; Zimbra's stands before it."""

SELECTOR = f"{HEADERS}, {CONTAINERS}"

MAX_CANDIDATES = 12
"""Elements that are looked at: the first is right unless the writer's own text is styled alike."""

OPENING = 40
"""Characters, without blanks, by which the beginning of the body is found again in the markup."""

MAX_HEADER = 20_000
"""Characters of an element in which they are looked for."""

MAX_STEPS = 400
"""Siblings of one element that are removed, and ancestors climbed, when the quoted message is cut out."""


@dataclass(frozen=True, slots=True)
class Structured:
    """A quoted message found by structure. `html` is its own markup (not sanitised), '' if not cut out."""

    forwarded: Forwarded
    html: str


def find_structured(markup: str, subject: str = "") -> Structured | None:
    """The first quoted message of an HTML body whose place its client marked, or None. Never raises.

    `subject`: the base subject of the mail. Signatures have a line above them like Word's blocks, and rows of addresses
    and hours: where labels are in no table, such a block must have that subject.
    """
    if not any(mark in markup for mark in MARKS):
        return None
    document = html.tree(markup)
    if document is None or document.document is None:
        return None
    candidates: list[Any] = []
    for node in document.document.query_selector_all(SELECTOR)[:MAX_CANDIDATES]:
        if node.parent is not None and (node.tag == "hr" or _promising(node.text or "")):
            candidates.append(node)
            html.mark_before(document, node)
    if not candidates:
        return None
    pieces = html.rendition(document).split(html.HEAD)
    for number, node in enumerate(candidates, start=1):
        if number >= len(pieces):
            break
        rest = _one_text(pieces[number:])
        opens = _begins_with_block(rest)
        found = find(rest) if opens else None
        # Lines above what was found, where the client puts the block itself: that one may be in no table.
        if (found is None or found.note.count("\n")) and _is_header(node):
            found = _in_no_table(rest, subject_first="moz-email-headers-table" in _classes(node))
            if found is not None and not _is_named(node) and (not subject or base_subject(found.subject) != subject):
                found = None
        if found is None:
            if opens:
                return None
            continue
        note = _without_title(_one_text(pieces[:number]))
        return Structured(replace(found, note=note), _cut(document, node, found.text))
    return None


def _one_text(pieces: list[str]) -> str:
    """Rendered pieces as one text again; a quote mark that stood alone before our mark is dropped."""
    return "".join(piece.removesuffix("> ").removesuffix(">") for piece in pieces[:-1]) + (pieces[-1] if pieces else "")


def _without_title(note: str) -> str:
    """The note without the words between dashes that a client in a language without table wrote under it."""
    above, _, last = note.rstrip(" \n>").rpartition("\n")
    return (above if block_line.is_dashed(last) else note).strip(" \n>_-")


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


def _is_header(node: Any) -> bool:
    """Is the element one in which a client puts a header block and nothing else, so that its rows are known?"""
    style = node.getattr("style") or ""
    return _is_named(node) or "border-top" in style or "solid none none" in style


def _is_named(node: Any) -> bool:
    """Does its name say so, not only a line above it?"""
    named = {"moz-email-headers-table", "gmail_attr", "x_gmail_attr"}
    return (node.getattr("id") or "").endswith("divRplyFwdMsg") or not named.isdisjoint(_classes(node))


def _classes(node: Any) -> list[str]:
    return (node.getattr("class") or "").split()


def _in_no_table(text: str, *, subject_first: bool) -> Forwarded | None:
    """The message under a block in a language that is in no table, read by position."""
    lines = text.split("\n")
    filled = (k for k, line in enumerate(lines[:6]) if block_line.unquoted(line) and not block_line.is_dashed(line))
    at = next(filled, None)
    return None if at is None else from_positions(lines, at, subject_first=subject_first)


def _cut(document: Any, node: Any, body: str) -> str:
    """The markup of `body` behind the header element `node`: everything before it in the document removed."""
    line = next((one for one in body[:2000].replace(">", "").split("\n") if one and not one.isspace()), "")
    opening = "".join(line.split())[:OPENING]
    try:
        if node.tag == "blockquote":
            _behead(node, opening)
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
        if inner.tag == "hr":  # Zimbra's stands before the block
            holder = inner.parent
            inner.decompose()
            _behead(holder, opening)
        elif _only_header(inner):
            inner.decompose()
        elif inner.tag != "blockquote":
            _behead(inner, opening)
        return html.without_marks(document.body.html if document.body is not None else "")
    except Exception:  # noqa: BLE001  a document too odd to cut: the text is there all the same
        return ""


def _only_header(node: Any) -> bool:
    """Does the element hold the header block alone, with the body behind it?"""
    classes = _classes(node)
    return (
        node.tag in ("table", "hr")
        or "gmail_attr" in classes
        or "x_gmail_attr" in classes
        or "moz-cite-prefix" in classes
        or (node.tag == "div" and _is_header(node))
    )


def _behead(node: Any, opening: str) -> None:
    """Remove what stands before the body in `node`: the title and the block, to where its `opening` words begin."""
    known = opening in _squeezed(node) if len(opening) > 3 else False
    for _ in range(MAX_STEPS):
        child = node.first_child
        if child is None:
            return
        squeezed = _squeezed(child)
        if known:
            if squeezed.startswith(opening):
                return
            if opening in squeezed:
                node = child
                continue
        elif squeezed:
            first = html.without_marks(child.text or "").strip().split("\n", 1)[0]
            if not (block_line.title(first) or block_line.label(first)):
                return
        child.decompose()


def _squeezed(node: Any) -> str:
    """The text of a node without blanks, as far as a header and the first words below it reach."""
    return "".join(html.without_marks((node.text or "")[:MAX_HEADER]).replace(">", "").split())
