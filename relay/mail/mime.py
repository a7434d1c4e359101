"""The walker: from octets to the tree of MIME entities (RFC 2045, RFC 2046), flattened to its leaves.

Decides where each entity begins and ends. It works with offsets into the message and never copies a part: each
level is split by one C-level search for its boundary, outer levels first, so that an outer boundary also ends what
an inner one left open (RFC 2046 §5.1.2). A list of regions still to read takes the place of recursion. It knows
nothing of what fields and bodies mean to us, and does not look into an attached message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from relay.mail import header, parameter, transfer
from relay.mail.parameter import NOTHING, Value

MAX_DEPTH = 50
"""Nested multiparts that are entered; each level costs one search over its octets. Real mail has below ten."""
MAX_LEAVES = 2_000
"""Leaves of one message that are read, and entities entered for each of them at most two; digests have hundreds."""
MAX_BOUNDARY = 1_000
"""Octets of a boundary. RFC 2046 §5.1.1 says 70."""

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+*-]{1,127}\Z")
_SNIFFED = re.compile(rb"(?:\A|\n)--([^\s][^\r\n]{0,200}?)[ \t]*\r*\n(?=content-[a-z-]{2,40}[ \t]*:)", re.IGNORECASE)
_SNIFF_WITHIN = 1 << 16
_GOES_ON = re.compile(rb"\n--([^\s][^\r\n]{0,200}?)[ \t]*\r*\n(?=content-[a-z-]{2,40}[ \t]*:)", re.IGNORECASE)
_CACHED_LENGTH = 160
_LARGE = 1 << 16
_DASHES = 32
_BARE_WORDS = {"text": "text/plain", "plain": "text/plain", "html": "text/html", "multipart": "multipart/mixed"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entity without children: `octets[start:end]` is its body as transferred.

    `media_type` lower case, well-formed; `within` is the subtype of the multipart around it, '' at the top.
    """

    media_type: str
    type_: Value
    disposition: Value
    encoding: bytes
    content_id: bytes
    within: str
    octets: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Tree:
    """What the walker found: the fields of the message, the media type of its top entity, the leaves in order."""

    fields: list[tuple[bytes, bytes]]
    media_type: str
    charset: str
    leaves: list[Leaf]
    defects: dict[str, None]


@lru_cache(maxsize=512)
def _short_value(value: bytes) -> Value:
    return parameter.read(value)


def read_value(value: bytes | None, hint: str = "") -> Value:
    """A field value with parameters. Few short ones make up nearly all mail, so those are read once.

    `hint`: the charset of octets that declare nothing.
    """
    if value is None:
        return NOTHING
    if hint and not value.isascii():
        return parameter.read(value, hint)
    return _short_value(value) if len(value) <= _CACHED_LENGTH else parameter.read(value)


def media_type(word: str, default: str) -> str:
    """A well-formed media type for the first word of a Content-Type (RFC 2045 §5.2: text/plain when there is none)."""
    if not word:
        return default
    if _TYPE.match(word):
        return word
    return _BARE_WORDS.get(word.strip("/"), default)


def walk(content: bytes) -> Tree:
    """The tree of one message. Linear in its size: depth, leaves, fields and boundaries are bounded."""
    defects: dict[str, None] = {}
    content = _with_line_feeds(content, defects)
    leaves: list[Leaf] = []
    fields: list[tuple[bytes, bytes]] = []
    top_type, top_charset = "text/plain", ""
    hint = ""  # the charset of the texts so far: file names in bare octets are mostly in it too
    # Regions still to read, the next one last: octets, start, end, subtype around it, depth.
    waiting: list[tuple[bytes, int, int, str, int]] = [(content, 0, len(content), "", 0)]
    entered = 0
    while waiting:
        octets, start, end, within, depth = waiting.pop()
        if len(leaves) >= MAX_LEAVES or entered >= 3 * MAX_LEAVES:
            defects["too-many-parts"] = None
            break
        entered += 1
        found, body, oddities = header.split(octets, start, end, of_part=depth > 0)
        for name in oddities:
            defects[name] = None
        type_, disposition, encoding, content_id = _description(found, hint)
        if not hint and (label := type_.get("charset")) and label.lower() not in ("us-ascii", "utf-8"):
            hint = label
        kind = media_type(type_.word, "message/rfc822" if within == "digest" else "text/plain")
        if depth == 0:
            fields, top_type, top_charset = found, kind, type_.get("charset")
        elif not found and octets[body:end].isspace() | (body >= end):
            continue  # two boundaries and nothing between them
        if kind.startswith("multipart/"):
            if depth < MAX_DEPTH:
                octets, body, end, regions = _children(octets, body, end, type_, encoding, defects)
                if regions:
                    regions.reverse()
                    subtype = kind[10:]
                    waiting += [(octets, first, last, subtype, depth + 1) for first, last in regions]
                    continue
                kind = "text/plain"  # no boundary anywhere: what is there are somebody's words
                if body >= end:
                    continue
            else:
                defects["nested-too-deep"] = None
        leaves.append(Leaf(kind, type_, disposition, encoding, content_id, within, octets, body, end))
    return Tree(fields, top_type, top_charset, leaves, defects)


def _with_line_feeds(content: bytes, defects: dict[str, None]) -> bytes:
    """The message without a byte order mark, and with line feeds if it has none at all."""
    if content[:1] in (b"\xef", b"\xff", b"\xfe"):
        if content.startswith(b"\xef\xbb\xbf"):
            content = content[3:]
        elif content.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\0" in content[:64]:
            defects["utf-16-message"] = None
            content = content.decode("utf-16", "replace").encode("utf-8", "replace")
    if b"\n" not in content and b"\r" in content:
        defects["bare-cr"] = None
        content = content.replace(b"\r", b"\n")
    return content


def _description(fields: list[tuple[bytes, bytes]], hint: str = "") -> tuple[Value, Value, bytes, bytes]:
    """Content-Type, -Disposition, -Transfer-Encoding and -ID of an entity; the first of each that says something."""
    type_ = disposition = encoding = content_id = None
    for name, value in fields:
        if name[:8] != b"content-":
            continue
        if name == b"content-type":
            type_ = type_ or value.strip()
        elif name == b"content-disposition":
            disposition = disposition or value.strip()
        elif name == b"content-transfer-encoding":
            encoding = encoding or value.strip()
        elif name == b"content-id":
            content_id = content_id or value.strip()
    return read_value(type_, hint), read_value(disposition, hint), encoding or b"", content_id or b""


def _children(
    octets: bytes, start: int, end: int, type_: Value, encoding: bytes, defects: dict[str, None]
) -> tuple[bytes, int, int, list[tuple[int, int]]]:
    """(octets, start, end, regions of the parts) of a multipart; other octets when it was itself encoded."""
    boundary = type_.get("boundary").rstrip().encode("utf-8", "replace")[:MAX_BOUNDARY]
    regions, text_end = _split(octets, start, end, boundary, defects)
    if regions:
        return octets, start, end, regions
    defects["boundary-not-found" if boundary else "missing-boundary"] = None
    if encoding.strip().lower() in (b"base64", b"quoted-printable"):  # forbidden (RFC 2045 §6.4), and met
        decoded, _ = transfer.decode(octets, start, end, encoding)
        octets, start, end = decoded, 0, len(decoded)
        regions, text_end = _split(octets, start, end, boundary, defects)
    if not regions:
        sniffed = _SNIFFED.search(octets[start : min(end, start + _SNIFF_WITHIN)])
        if sniffed is not None:
            regions, _ = _split(octets, start, end, sniffed[1], defects)
    return octets, start, text_end, regions


def _split(
    octets: bytes, start: int, end: int, boundary: bytes, defects: dict[str, None]
) -> tuple[list[tuple[int, int]], int]:
    """(the regions between the lines of `boundary`, where the text ends if there are none).

    RFC 2046 §5.1.1; a region ends without the line end before the next boundary.
    """
    regions: list[tuple[int, int]] = []
    if not boundary:
        return regions, end
    delimiter = b"--" + boundary
    length = len(delimiter)
    opened = -1
    position = _find(octets, delimiter, start, end)
    while position >= 0:
        after = position + length
        if position != start and octets[position - 1] != 0x0A:
            position = octets.find(delimiter, after, end)
            continue
        newline = octets.find(b"\n", after, end)
        line_end = end if newline < 0 else newline
        rest = octets[after : min(line_end, after + 200)].strip()
        closing = rest[:2] == b"--" and not rest[2:3].strip(b"- \t")
        if rest and not closing:
            position = octets.find(delimiter, after, end)
            continue
        if opened >= 0:
            regions.append((opened, _before_line_end(octets, opened, position)))
            if len(regions) > MAX_LEAVES:
                return regions, end
        if closing:
            going_on = _GOES_ON.search(octets[after : min(end, after + _SNIFF_WITHIN)])
            if going_on is None or going_on[1] != boundary:
                return regions, position
            # Two multiparts in each other with one boundary: the inner one's end is not the outer one's.
            defects["multipart-goes-on"] = None
            opened = after + going_on.end()
            position = _find(octets, delimiter, opened, end)
            continue
        opened = line_end if newline < 0 else newline + 1
        position = _find(octets, delimiter, opened, end)
    if opened >= 0:
        defects["unclosed-multipart"] = None
        regions.append((opened, end))
    return regions, end


def _find(octets: bytes, delimiter: bytes, start: int, end: int) -> int:
    """`octets.find(delimiter, start, end)`, but an attachment in base64, which has no dash, is passed at the speed
    of a search for one octet (memchr, ten times that of a search for several).
    """
    if end - start > _LARGE:
        for _ in range(_DASHES):  # a part's own header has a few, then the attachment begins
            start = octets.find(b"-", start, end)
            if start < 0 or octets.startswith(delimiter, start):
                return start
            start += 1
    return octets.find(delimiter, start, end)


def _before_line_end(octets: bytes, start: int, position: int) -> int:
    """The offset of the line end before `position`, which belongs to the boundary."""
    if position > start and octets[position - 1] == 0x0A:
        position -= 1
        if position > start and octets[position - 1] == 0x0D:
            position -= 1
    return position
