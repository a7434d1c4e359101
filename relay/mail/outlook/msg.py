"""Outlook's .msg files ([MS-OXMSG]): a message as properties in a compound file.

Reads the properties of the message, its recipients and attachments, and the messages embedded in it.
Everything is bounded: depth and numbers here, octets by `compound`.
"""

from __future__ import annotations

from relay.mail.outlook import compound
from relay.mail.outlook.compound import Broken, Storage
from relay.mail.outlook.property import BINARY, DATA, EIGHT_BIT, UNICODE, WANTED, Attachment, Note, Properties

MAX_DEPTH = 4
"""Messages within messages that are read."""

MAX_RECIPIENTS = 2_000
MAX_ATTACHMENTS = 200

_PROPERTIES = "__properties_version1.0"
_MARK = _PROPERTIES.encode("utf-16-le")
_TOP, _EMBEDDED, _OTHER = 32, 24, 8
"""Octets before the properties, by what they belong to ([MS-OXMSG] 2.4.1)."""


def is_msg(content: bytes) -> bool:
    """Is it a compound file with the properties of a message? Word's and Excel's old files are not."""
    return content[:8] == compound.SIGNATURE and _MARK in content


def read(content: bytes) -> Note:
    """The message in a .msg file; what of it is damaged is left out. Raises Broken when there is none."""
    root = compound.read(content)
    if root.stream(_PROPERTIES) is None:
        raise Broken("a compound file without a message")
    return _note(root, _TOP, 0, "")


def _note(storage: Storage, header: int, depth: int, page: str) -> Note:
    note = Note()
    note.properties = _properties(storage, header, page, note)
    page = note.properties.page
    for name in sorted(storage.storages):  # their names are numbered
        inner = storage.storages[name]
        if name.startswith("__recip_version1.0_"):
            if len(note.recipients) < MAX_RECIPIENTS:
                note.recipients.append(_properties(inner, _OTHER, page, note))
            else:
                note.cut = True
        elif name.startswith("__attach_version1.0_"):
            if len(note.attachments) < MAX_ATTACHMENTS:
                note.attachments.append(_attachment(inner, depth, page, note))
            else:
                note.cut = True
    return note


def _attachment(storage: Storage, depth: int, page: str, note: Note) -> Attachment:
    properties = _properties(storage, _OTHER, page, note)
    embedded = storage.storages.get("__substg1.0_3701000d")
    if embedded is not None and _PROPERTIES in embedded.streams:  # else it is an object of another program
        if depth >= MAX_DEPTH:
            note.cut = True
            return Attachment(properties)
        inner = _note(embedded, _EMBEDDED, depth + 1, page)
        note.cut = note.cut or inner.cut
        return Attachment(properties, message=inner)
    return Attachment(properties, content=properties.octets(DATA))


def _properties(storage: Storage, header: int, page: str, note: Note) -> Properties:
    found = Properties()
    if page:
        found.page = page
    fixed = storage.stream(_PROPERTIES) or b""
    for at in range(header, len(fixed) - 15, 16):
        number = int.from_bytes(fixed[at + 2 : at + 4], "little")
        if number in WANTED:
            kind = int.from_bytes(fixed[at : at + 2], "little")
            if kind not in (UNICODE, EIGHT_BIT, BINARY):
                found.put(number, kind, fixed[at + 8 : at + 16])
    for name in storage.streams:
        if not name.startswith("__substg1.0_") or len(name) != 20:
            continue
        try:
            number, kind = int(name[12:16], 16), int(name[16:20], 16)
        except ValueError:
            continue
        if number in WANTED and kind in (UNICODE, EIGHT_BIT, BINARY):
            value = storage.stream(name)
            if value is None:
                note.cut = True
            else:
                found.put(number, kind, value)
    found.read_page()
    return found
