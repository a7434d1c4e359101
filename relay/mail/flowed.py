"""Flowed text: lines that a program broke for the wire, made whole again (RFC 3676).

Decides which line goes on in the next: the same quote depth, and a blank at the end. The signature's `-- ` is a line
of its own, and so are a blank line and each line of a header block, since people and clients leave blanks at the ends
of lines. It does not decide whether a text is flowed. Linear; nothing here raises.
"""

from __future__ import annotations

from relay.mail.forward import block_line

SIGNATURE = "-- "
"""RFC 3676 §4.3: ends in a blank and is never flowed."""


def unwrapped(text: str, *, delete_space: bool = False) -> str:
    """`text` (lines end with a line feed) with its soft line breaks and its space-stuffing taken out.

    `delete_space` is `DelSp=yes` (§4.1): the blank at the end belongs to the break, as in Japanese.
    """
    if " \n" not in text and "\n " not in text and text[:1] != " " and "\n>" not in text and text[:1] != ">":
        return text
    out: list[str] = []
    paragraph: list[str] = []  # the pieces of a line that is not finished
    depth = 0
    for line in text.split("\n"):
        content = line.lstrip(">") if line[:1] == ">" else line
        quotes = len(line) - len(content)
        if content[:1] == " ":  # stuffed (§4.4), or the blank that people like behind the quote marks
            content = content[1:]
        nested = content[:1] == ">"  # "> > words": not as the RFC counts, but as people read; left as it is
        if paragraph and (
            nested or not content or quotes != depth or content == SIGNATURE or block_line.label(content) is not None
        ):
            out.append(_line(paragraph, depth))
            paragraph = []
        depth = quotes
        if content[-1:] == " " and not nested and content != SIGNATURE and not content.isspace():
            paragraph.append(content[:-1] if delete_space else content)
            continue
        paragraph.append(content)
        out.append(_line(paragraph, depth))
        paragraph = []
    if paragraph:
        out.append(_line(paragraph, depth))
    return "\n".join(out)


def _line(pieces: list[str], depth: int) -> str:
    content = pieces[0] if len(pieces) == 1 else "".join(pieces)
    if not depth:
        return content
    return f"{'>' * depth} {content}" if content else ">" * depth
