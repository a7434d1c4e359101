"""Files of Outlook made for tests: a writer of compound files ([MS-CFB]), of .msg ([MS-OXMSG]), and of TNEF.

    msg(note(subject="Offer", author=("Ann Lee", "ann@lead.example"), to=[("Bob", "bob@our.example")]))

Written from the specifications, apart from the reader's code: the simplest layout that is right.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime

FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
SENT = datetime(2026, 5, 4, 14, 5, 6, tzinfo=UTC)
TEXT, EIGHT_BIT, BINARY, LONG, BOOL, TIME = 0x1F, 0x1E, 0x102, 3, 0xB, 0x40
EXCHANGE = "/O=LEAD/OU=EXCHANGE ADMINISTRATIVE GROUP/CN=RECIPIENTS/CN=ANN"

Folder = dict[str, "bytes | Folder"]


def compound(root: Folder, *, sector: int = 512) -> bytes:
    """A compound file of version 3 (sectors of 512 octets) or 4 (of 4,096)."""
    entries: list[tuple[str, int, int, int, int, int]] = []  # name, kind, right, child, start, size
    small, large = bytearray(), bytearray()
    small_fat: list[int] = []
    fat: list[int] = []

    def put(content: bytes, table: list[int], into: bytearray, unit: int) -> int:
        start = len(into) // unit
        count = -(-len(content) // unit)
        table += [start + n + 1 for n in range(count - 1)] + [END]
        into += content.ljust(count * unit, b"\0")
        return start

    def add(name: str, folder: Folder | bytes) -> int:
        number = len(entries)
        if isinstance(folder, bytes):
            start = END
            if folder:
                few = len(folder) < 4096
                start = put(folder, small_fat, small, 64) if few else put(folder, fat, large, sector)
            entries.append((name, 2, FREE, FREE, start, len(folder)))
            return number
        entries.append((name, 1 if number else 5, FREE, FREE, 0, 0))
        previous = FREE
        for inner, content in folder.items():
            child = add(inner, content)
            entries[child] = (*entries[child][:2], previous, *entries[child][3:])
            previous = child
        entries[number] = (*entries[number][:3], previous, *entries[number][4:])
        return number

    add("Root Entry", root)
    small_start = put(bytes(small), fat, large, sector) if small else END
    entries[0] = (*entries[0][:4], small_start, len(small))
    directory = b"".join(
        struct.pack(
            "<64sHBBIII16sIQQIQ",
            name.encode("utf-16-le"), 2 * len(name) + 2, kind, 1, FREE, right, child, b"", 0, 0, 0, start, size,
        )
        for name, kind, right, child, start, size in entries
    )  # fmt: skip
    directory_start = put(directory, fat, large, sector)
    small_fat_start = END
    if small_fat:
        small_fat_start = put(struct.pack(f"<{len(small_fat)}I", *small_fat), fat, large, sector)
        tail = (-len(small_fat) * 4) % sector
        if tail:
            large[-tail:] = b"\xff" * tail
    per = sector // 4
    fat_count = 1
    while (len(fat) + fat_count) > fat_count * per:
        fat_count += 1
    assert fat_count <= 109, "the writer makes small files"
    fat_start = len(fat)
    fat += [FAT] * fat_count
    fat += [FREE] * (fat_count * per - len(fat))
    header = bytes.fromhex("D0CF11E0A1B11AE1") + b"\0" * 16
    header += struct.pack("<HHHHH6xIIIIIIIIII", 0x3E, 4 if sector == 4096 else 3, 0xFFFE, 12 if sector == 4096 else 9,
                          6, 0, fat_count, directory_start, 0, 4096, small_fat_start, 1 if small_fat else 0, END, 0,
                          fat_start)  # fmt: skip
    header += b"".join(struct.pack("<I", fat_start + n) for n in range(1, fat_count))
    header = header.ljust(512, b"\xff").ljust(sector, b"\0")
    return header + bytes(large) + struct.pack(f"<{len(fat)}I", *fat)


def filetime(moment: datetime) -> int:
    return int((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000


@dataclass
class Item:
    """Properties: (id, type) -> value; recipients and attachments in turn. An attachment may have a `message`."""

    values: dict[tuple[int, int], object] = field(default_factory=dict)
    recipients: list[Item] = field(default_factory=list)
    attachments: list[Item] = field(default_factory=list)
    message: Item | None = None


def recipient(name: str, address: str, kind: int = 1, *, exchange: str = "") -> Item:
    values: dict[tuple[int, int], object] = {(0x0C15, LONG): kind, (0x3001, TEXT): name}
    if exchange:
        values |= {(0x3002, TEXT): "EX", (0x3003, TEXT): exchange}
        if address:
            values[0x39FE, TEXT] = address
    elif address:
        values |= {(0x3002, TEXT): "SMTP", (0x3003, TEXT): address}
    return Item(values)


def attachment(name: str, content: bytes, **more: object) -> Item:
    values: dict[tuple[int, int], object] = {(0x3701, BINARY): content, (0x3705, LONG): 1, (0x3707, TEXT): name}
    return Item(values | more.get("values", {}))  # type: ignore[operator]


def embedded(name: str, message: Item) -> Item:
    return Item({(0x3705, LONG): 5, (0x3001, TEXT): name}, message=message)


def note(
    *,
    subject: str = "Our question",
    author: tuple[str, str] = ("Anna Lee", "anna@lead.example"),
    to: tuple[Item, ...] = (recipient("Rep", "rep@our.example"),),
    text: str = "Dear Rep,\r\nwhat does it cost?\r\n",
    html: bytes = b"",
    sent: datetime | None = SENT,
    message_id: str = "<question@lead.example>",
    kind: str = "IPM.Note",
    exchange: bool = False,
    attachments: tuple[Item, ...] = (),
    values: dict[tuple[int, int], object] | None = None,
) -> Item:
    """A received mail. `exchange`: its author has no Internet address."""
    name, address = author
    said: dict[tuple[int, int], object] = {(0x001A, TEXT): kind, (0x0037, TEXT): subject, (0x0E07, LONG): 1}
    if name or address:
        for display, type_, where in ((0x0042, 0x0064, 0x0065), (0x0C1A, 0x0C1E, 0x0C1F)):
            said |= {(display, TEXT): name, (type_, TEXT): "EX" if exchange else "SMTP"}
            said[where, TEXT] = EXCHANGE if exchange else address
    if text:
        said[0x1000, TEXT] = text
    if html:
        said[0x1013, BINARY] = html
    if sent is not None:
        said[0x0039, TIME] = filetime(sent)
    if message_id:
        said[0x1035, TEXT] = message_id
    return Item(said | (values or {}), list(to), list(attachments))


def msg(item: Item, *, sector: int = 512) -> bytes:
    """The octets of a .msg file."""
    return compound(_folder(item, 32), sector=sector)


def _folder(item: Item, header: int) -> Folder:
    fixed = bytearray(header)
    streams: Folder = {}
    for (number, kind), value in item.values.items():
        if kind in (TEXT, EIGHT_BIT, BINARY):
            octets = value.encode("utf-16-le") if isinstance(value, str) else value
            assert isinstance(octets, bytes)
            streams[f"__substg1.0_{number:04X}{kind:04X}"] = octets
            fixed += struct.pack("<HHIII", kind, number, 6, len(octets), 0)
        else:
            assert isinstance(value, int)
            fixed += struct.pack("<HHIQ", kind, number, 6, value)
    streams["__properties_version1.0"] = bytes(fixed)
    for count, one in enumerate(item.recipients):
        streams[f"__recip_version1.0_#{count:08X}"] = _folder(one, 8)
    for count, one in enumerate(item.attachments):
        inner = _folder(one, 8)
        if one.message is not None:
            inner["__substg1.0_3701000D"] = _folder(one.message, 24)
        streams[f"__attach_version1.0_#{count:08X}"] = inner
    return streams


def tnef(item: Item, *, page: int = 1252) -> bytes:
    """The octets of a TNEF stream, as Exchange writes a winmail.dat."""
    out = struct.pack("<IH", 0x223E9F78, 1)
    out += _attribute(1, 0x89006, struct.pack("<I", 0x10000)) + _attribute(1, 0x69007, struct.pack("<II", page, 0))
    out += _attribute(1, 0x78008, b"IPM.Microsoft Mail.Note\0")
    if item.recipients:
        rows = b"".join(_properties(one.values) for one in item.recipients)
        out += _attribute(1, 0x69004, struct.pack("<I", len(item.recipients)) + rows)
    out += _attribute(1, 0x69003, _properties(item.values))
    for one in item.attachments:
        values = dict(one.values)
        out += _attribute(2, 0x69002, b"\1\0" + b"\xff" * 4 + b"\0" * 8)
        if one.message is not None:
            identifier = bytes.fromhex("0703020000000000C000000000000046")
            values[0x3701, 0xD] = identifier + tnef(one.message, page=page)
        else:
            content = values.pop((0x3701, BINARY), b"")
            assert isinstance(content, bytes)
            out += _attribute(2, 0x6800F, content)
        name = values.get((0x3707, TEXT)) or values.get((0x3001, TEXT)) or "x"
        out += _attribute(2, 0x18010, str(name).encode("cp1252", "replace")[:8] + b"\0")
        out += _attribute(2, 0x69005, _properties(values))
    return out


def _attribute(level: int, number: int, value: bytes) -> bytes:
    return struct.pack("<BII", level, number, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def _properties(values: dict[tuple[int, int], object]) -> bytes:
    out = struct.pack("<I", len(values))
    for (number, kind), value in values.items():
        out += struct.pack("<HH", kind, number)
        if kind in (TEXT, EIGHT_BIT, BINARY, 0xD):
            octets = value.encode("utf-16-le") + b"\0\0" if isinstance(value, str) else value
            assert isinstance(octets, bytes)
            out += struct.pack("<II", 1, len(octets)) + octets + b"\0" * (-len(octets) % 4)
        else:
            assert isinstance(value, int)
            out += struct.pack("<Q" if kind == TIME else "<I", value)
    return out


def packed(rtf: bytes) -> bytes:
    """Compressed rich text ([MS-OXRTFCP]) of literals and of repetitions of what stands right before."""
    prefix = 207
    out = bytearray()
    at = 0
    written = 0
    while True:
        flags, piece = 0, bytearray()
        ended = False
        for bit in range(8):
            run = 0
            while at and run < 17 and at + run < len(rtf) and rtf[at + run] == rtf[at - 1]:
                run += 1
            if at >= len(rtf):
                where = (prefix + written) % 4096
                piece += struct.pack(">H", where << 4)
                flags |= 1 << bit
                ended = True
                break
            if run >= 2:
                where = (prefix + written - 1) % 4096
                piece += struct.pack(">H", where << 4 | run - 2)
                flags |= 1 << bit
                at, written = at + run, written + run
            else:
                piece.append(rtf[at])
                at, written = at + 1, written + 1
        out.append(flags)
        out += piece
        if ended:
            break
    return struct.pack("<II4sI", len(out) + 12, len(rtf), b"LZFu", 0) + bytes(out)


def html_in_rtf(html: str) -> bytes:
    """HTML wrapped into rich text, as Exchange does it ([MS-OXRTFEX])."""
    head = rb"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss\fcharset0 Arial;}}\uc1\pard\plain "
    body = bytearray()
    for tag in html.replace(">", ">\0").replace("<", "\0<").split("\0"):
        if tag.startswith("<"):
            body += rb"{\*\htmltag64 " + _escaped(tag) + rb"}\htmlrtf \par \htmlrtf0 "
        else:
            body += _escaped(tag)
    return head + bytes(body) + b"}"


def _escaped(text: str) -> bytes:
    out = bytearray()
    for letter in text:
        if letter in "\\{}":
            out += b"\\" + letter.encode()
        elif letter == "\n":
            out += b"\\par\r\n"
        elif ord(letter) < 128:
            out += letter.encode()
        else:
            for unit in struct.unpack(f"<{len(letter.encode('utf-16-le')) // 2}h", letter.encode("utf-16-le")):
                out += rb"\u%d ?" % unit if False else f"\\u{unit}?".encode()
    return bytes(out)
