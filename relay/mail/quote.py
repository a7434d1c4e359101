"""Quotations: the author's own words apart from what the client quoted.

Decides for each line of a text whether it is quoted: `>` lines, the attribution above them, and all that
follows a header block or a title. Answers between `>` lines stay words, wherever the reply stands.
Nothing is lost: every line that is not blank is in the words or in the quoted part, in order. Linear.
"""

from __future__ import annotations

from relay.mail.forward import block as blocks
from relay.mail.forward import block_line
from relay.mail.labels import FROM, FROM_LABELS

MAX_BLOCKS = 200
"""Beginnings of blocks that are read; a text with so many half ones quotes none."""

MAX_ATTRIBUTIONS = 1000
"""Lines that are looked at for one: people end a line with a colon now and then, not always."""

MAX_LINES = 20_000
"""Lines that are looked at one by one; the rest goes where the last one went."""


def split(text: str) -> tuple[str, str]:
    """(the author's words, the quoted part), each without blank lines around it."""
    if not _may_quote(text):
        return text.strip("\n"), ""
    lines = text.split("\n")
    quoted = _quoted_lines(lines)
    if not any(quoted):
        return text.strip("\n"), ""
    words = [line for line, is_quoted in zip(lines, quoted, strict=True) if not is_quoted]
    rest = [line for line, is_quoted in zip(lines, quoted, strict=True) if is_quoted]
    return _joined(words), _joined(rest)


def _may_quote(text: str) -> bool:
    """A cheap look for any sign of a quotation: most mails have none."""
    # One octet is found several times faster than two, and most mails do without most of these.
    if ">" in text and (text[:1] == ">" or "\n>" in text or "\n >" in text):
        return True
    if ":" in text and (
        ":\n" in text
        or text[-1:] == ":"
        or ": \n" in text
        or ("\r" in text and ":\r" in text)
        or (text.count(":") > 2 and _has_label(text))
    ):
        return True
    return "---" in text or "___" in text or (not text.isascii() and "：" in text)


def _has_label(text: str) -> bool:
    """Does any line begin with the label of a sender: From, Von, De ...?"""
    for line in text.split("\n")[:MAX_LINES]:
        if ":" in line[:40]:
            found = block_line.label(line)
            if found is not None and found[0] in FROM_LABELS:
                return True
    return False


def _quoted_lines(lines: list[str]) -> list[bool]:
    """For each line, whether it is quoted."""
    count = len(lines)
    limit = min(count, MAX_LINES)
    quoted = [False] * count
    i = tried = attributed = 0
    while i < limit:
        line = lines[i]
        first = line[:1]
        if first == ">" or (first in " \t" and line.lstrip()[:1] == ">"):
            quoted[i] = True
            i += 1
            continue
        if not line or line.isspace():
            i += 1
            continue
        last = line.rstrip()[-1:]
        if attributed < MAX_ATTRIBUTIONS and (last in ":：" or line[:3] in ("On ", "on ", "\ufeffOn")):
            attributed += 1
            length = block_line.attribution(lines, i) or _above_quote(lines, i)
            if length:
                end = i + length
                quoted[i:end] = [True] * length
                if not _quotes_follow(lines, end):
                    # The client did not mark what it quoted: all of the rest is.
                    quoted[end:] = [True] * (count - end)
                    return quoted
                i = end
                continue
        colon = ":" in line or "：" in line  # labels have one, titles may have none
        if (colon or last in "-_=*—–") and tried < MAX_BLOCKS and _may_open(line, last):
            tried += 1
            opens, stop = _opens_message(lines, i)
            if opens:
                quoted[i:] = [True] * (count - i)
                return quoted
            i = stop
            continue
        i += 1
    if limit < count:
        quoted[limit:] = [quoted[limit - 1]] * (count - limit)
    return quoted


def _may_open(line: str, last: str) -> bool:
    """Is the line a title, a rule or a label?"""
    above = last in "-_:=*—–" and len(line) <= 200
    if above and (block_line.is_rule(line) or block_line.is_dashed(line) or block_line.title(line) is not None):
        return True
    return block_line.label(line) is not None


def _opens_message(lines: list[str], at: int) -> tuple[bool, int]:
    """(does a client's copy of another message begin here: title, rule and block, or block; the line to go on at)."""
    if block_line.label(lines[at]) is not None:
        found, stop = blocks.read(lines, at)
        return found is not None and len(found.values) >= 3 and _is_written(found), stop
    return _block_near(lines, at + 1), at + 1


def _is_written(found: blocks.Block) -> bool:
    """Has a client written the block? With the sender's address, or at least with the labels of one language."""
    return "@" in found.values[FROM] or not found.mixed


def _block_near(lines: list[str], at: int) -> bool:
    for i in range(at, min(len(lines), at + 6)):
        if block_line.unquoted(lines[i]):
            return block_line.label(lines[i]) is not None and blocks.read(lines, i)[0] is not None
    return False


def _above_quote(lines: list[str], at: int) -> int:
    """1 when the line ends in a colon, tells a date or an address, and a `>` line follows: any language."""
    line = lines[at]
    if len(line) > 300 or not block_line.TELLING.search(line):
        return 0
    for i in range(at + 1, min(len(lines), at + 3)):
        if lines[i].lstrip()[:1] == ">":
            return 1
        if lines[i].strip():
            return 0
    return 0


def _quotes_follow(lines: list[str], at: int) -> bool:
    """Is the next line that is not blank a `>` line?"""
    for i in range(at, min(len(lines), at + 8)):
        if lines[i] and not lines[i].isspace():
            return lines[i].lstrip()[:1] == ">"
    return False


def _joined(lines: list[str]) -> str:
    """The lines as a text, blank lines at both ends and runs of them taken out."""
    out: list[str] = []
    for line in lines:
        if line and not line.isspace():
            out.append(line)
        elif out and out[-1]:
            out.append("")
    while out and not out[-1]:
        out.pop()
    return "\n".join(out)
