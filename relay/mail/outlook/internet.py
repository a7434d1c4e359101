"""An Outlook message written as an Internet message (RFC 5322), so that one reader reads both.

Takes what .msg and TNEF hold and gives octets, bodies and parts. Where Exchange kept the header fields as they
came (PidTagTransportMessageHeaders) those are used; else they are made from the properties. An address that
is only known inside an Exchange organisation ("/o=.../cn=ann") is no address of the Internet: the name is
written and no address, and nobody guesses one.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import format_datetime
from hashlib import sha256

from pybase64 import encodebytes

from relay.mail import charset
from relay.mail.message import Part
from relay.mail.outlook import property as p
from relay.mail.outlook import rtf
from relay.mail.outlook.effort import Effort
from relay.mail.outlook.packed import unpacked
from relay.mail.outlook.property import Note, Properties
from relay.mail.parameter import file_name

MAX_HEADER = 1 << 18
"""Characters of kept header fields that are read."""

MAX_VALUE = 10_000
"""Characters of one field that is made from a property."""

_NO_MAIL = ("ipm.contact", "ipm.abchperson", "ipm.distlist", "ipm.appointment", "ipm.task", "ipm.stickynote",
            "ipm.activity", "ipm.configuration")  # fmt: skip
"""Classes of what is kept beside mail and was never sent: contacts, appointments, tasks, notes."""


def is_mail(note: Note) -> bool:
    """Is it mail that somebody sent? Not a contact, not a draft or template that bears no trace of being sent."""
    kind = note.properties.text(p.CLASS).strip().lower()
    if any(kind == each or kind.startswith(f"{each}.") for each in _NO_MAIL):
        return False
    if (note.properties.number(p.FLAGS) or 0) & p.UNSENT:
        return bool(note.properties.time(p.SUBMITTED, p.DELIVERED) or note.properties.text(p.HEADERS, p.MESSAGE_ID))
    people = (p.AUTHOR_NAME, p.AUTHOR_ADDRESS, p.SENDER_NAME, p.SENDER_ADDRESS, p.AUTHOR_SMTP, p.SENDER_SMTP)
    return bool(note.recipients or note.properties.text(*people, p.HEADERS, p.DISPLAY_TO))


def has_body(properties: Properties) -> bool:
    """Has it words in any of the three forms?"""
    octets = properties.octets(p.HTML) or properties.eight_bit.get(p.HTML) or properties.octets(p.RTF)
    return bool(octets or properties.text(p.BODY, p.HTML))


def written(note: Note, effort: Effort) -> bytes:
    """The whole message as octets that `relay.mail.reading.parse` reads and any mail program opens."""
    signed = entity(note)
    if signed:
        return header(note) + signed
    text, html = bodies(note.properties, effort)
    pieces: list[bytes] = []
    if text and html:
        pieces.append(_multipart("alternative", [_body("plain", text), _body("html", html)]))
    elif text or html:
        pieces.append(_body("plain", text) if text else _body("html", html))
    pieces += [_written_part(each) for each in parts(note, effort)]
    whole = pieces[0] if len(pieces) == 1 else _multipart("mixed", pieces) if pieces else b"\r\n"
    return header(note) + b"MIME-Version: 1.0\r\n" + whole


def header(note: Note) -> bytes:
    """The header fields, without those that tell a structure, and without the blank line at the end."""
    return b"".join(f"{name}: {value}\r\n".encode("utf-8", "replace") for name, value in _fields(note))


def bodies(properties: Properties, effort: Effort) -> tuple[str, str]:
    """(text, HTML) of the message, from whichever of its three forms it has; '' for one that it has not."""
    text = properties.text(p.BODY)
    html = properties.text(p.HTML)
    octets = properties.octets(p.HTML) or properties.eight_bit.get(p.HTML, b"")
    if octets:
        page = p.code_page(properties.number(p.INTERNET_CODE_PAGE)) or properties.page
        html = charset.decode(octets, charset.in_html(octets) or page)[0]
    if not html and properties.octets(p.RTF):
        rich = rtf.read(unpacked(properties.octets(p.RTF), effort), effort)
        html = rich.html
        text = text or rich.text
    return _lines(text), _lines(html)


def parts(note: Note, effort: Effort, first: int = 0) -> list[Part]:
    """The attachments as parts of a message, numbered from `first`; embedded messages as message/rfc822."""
    found: list[Part] = []
    for attachment in note.attachments:
        properties = attachment.properties
        name = properties.text(p.LONG_FILE_NAME, p.FILE_NAME, p.NAME)
        content = attachment.content
        kind = _media_type(properties)
        if attachment.message is not None and is_mail(attachment.message):
            content, kind = written(attachment.message, effort), "message/rfc822"
        elif attachment.message is not None:  # a contact, an appointment: its words, and no message
            inner = attachment.message.properties
            text, html = bodies(inner, effort)
            kind, name = "text/plain", f"{name or inner.text(p.SUBJECT, p.NAME)}.txt"
            content = f"{inner.text(p.SUBJECT, p.NAME)}\n\n{text or html}".encode("utf-8", "replace")
        if not content and not name:
            continue
        content_id = _line(properties.text(p.CONTENT_ID)).strip("<> ")
        shown = (properties.number(p.ATTACHMENT_FLAGS) or 0) & p.SHOWN_BY_HTML or properties.number(p.HIDDEN)
        disposition = "inline" if content_id and shown else "attachment"
        found.append(Part(first + len(found), kind, file_name(_line(name)), content_id, disposition, content))
    return found


def entity(note: Note) -> bytes:
    """The signed entity of a message of the S/MIME classes, fields and all, b'' for any other ([MS-OXOSMIME] 2.1)."""
    if not note.properties.text(p.CLASS).lower().startswith("ipm.note.smime") or len(note.attachments) != 1:
        return b""
    content = note.attachments[0].content
    start = content[:2000].lstrip().lower()
    if start.startswith((b"content-", b"mime-version:")):
        return content
    if content[:1] == b"\x30":  # a DER sequence: opaque
        return b'Content-Type: application/pkcs7-mime; name="smime.p7m"\r\n' + _base64(content)
    return b""


def _fields(note: Note) -> Iterator[tuple[str, str]]:
    properties = note.properties
    named: set[str] = set()
    for name, value in _kept(properties.text(p.HEADERS)):
        named.add(name.lower())
        yield name, value
    author = _mailbox(
        properties.text(p.AUTHOR_NAME), _address(properties, p.AUTHOR_SMTP, p.AUTHOR_KIND, p.AUTHOR_ADDRESS)
    )
    sender = _mailbox(
        properties.text(p.SENDER_NAME), _address(properties, p.SENDER_SMTP, p.SENDER_KIND, p.SENDER_ADDRESS)
    )
    if "from" not in named and (author or sender):
        if "@" not in author and "@" in sender and _same_name(properties):
            author = sender  # one person, of whom one form has the address
        yield "From", author or sender
        if sender and author and sender != author and "@" in sender:
            yield "Sender", sender
    yield from _recipients(note, named)
    subject = properties.text(p.SUBJECT) or properties.text(p.SUBJECT_PREFIX) + properties.text(p.NORMALIZED_SUBJECT)
    if subject[:1] == "\x01":  # and the length of the prefix, as old clients store it
        subject = subject[2:]
    if "subject" not in named and subject:
        yield "Subject", _line(subject)
    moment = properties.time(p.SUBMITTED, p.DELIVERED)
    if "date" not in named and moment is not None:
        yield "Date", format_datetime(moment)
    for name, each in (("Message-ID", p.MESSAGE_ID), ("In-Reply-To", p.IN_REPLY_TO), ("References", p.REFERENCES)):
        if name.lower() not in named and properties.text(each):
            yield name, _line(properties.text(each))
    if properties.text(p.CLASS).lower().startswith("ipm.schedule.meeting"):
        yield "Content-Class", "urn:content-classes:calendarmessage"  # as Exchange writes it


def _recipients(note: Note, named: set[str]) -> Iterator[tuple[str, str]]:
    shown = {"To": p.DISPLAY_TO, "Cc": p.DISPLAY_CC, "Bcc": p.DISPLAY_BCC}
    for kind, name in ((1, "To"), (2, "Cc"), (3, "Bcc")):
        if name.lower() in named:
            continue
        people = [
            _mailbox(one.text(p.NAME, p.TRANSMITTABLE), _address(one, p.SMTP_ADDRESS, p.ADDRESS_KIND, p.ADDRESS))
            for one in note.recipients
            if (one.number(p.RECIPIENT_KIND) or 1) & 0xF == kind
        ]
        if not note.recipients:  # the names alone, as the list of messages shows them
            people = [
                _mailbox(each, each if "@" in each else "")
                for each in _line(note.properties.text(shown[name])).split("; ")
            ]
        found = [one for one in people if "@" in one.rpartition("<")[2]]
        names = [one for one in people if one and one not in found]
        for listed in (found, names):  # names in a field of their own, so that none is taken for part of another
            if listed:
                yield name, ",\r\n ".join(listed)


_OF_STRUCTURE = ("content-", "mime-version")


def _kept(text: str) -> Iterator[tuple[str, str]]:
    """The header fields as Exchange kept them, without those that describe a structure that is gone."""
    name, value = "", ""
    for line in (*_lines(text[:MAX_HEADER]).split("\n"), "."):
        if line[:1] in (" ", "\t"):
            value += f"\r\n {line.strip()}" if name else ""
            continue
        if name and (not name.lower().startswith(_OF_STRUCTURE) or name.lower() == "content-class"):
            yield name, value
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not name.isascii() or not name.isprintable() or " " in name:
            name = ""


def _address(found: Properties, smtp: int, kind: int, address: int) -> str:
    """The Internet address among these properties, '' when there is none."""
    written = _line(found.text(smtp))
    if "@" in written:
        return written
    written = _line(found.text(address))
    return written if "@" in written and found.text(kind).upper() in ("SMTP", "") else ""


def _same_name(found: Properties) -> bool:
    return found.text(p.AUTHOR_NAME).strip() in ("", found.text(p.SENDER_NAME).strip())


def _mailbox(name: str, address: str) -> str:
    name = _line(name).strip(" '\"")
    if "@" not in address:
        return f'"{_quoted(name)}" <>' if name else ""
    return f'"{_quoted(name)}" <{address}>' if name and name != address else f"<{address}>"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _line(text: str) -> str:
    """One line of a field: no line ends or other controls."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:MAX_VALUE]).split())


def _lines(text: str) -> str:
    return charset.scrub(text.replace("\r\n", "\n").replace("\r", "\n"))


def _media_type(properties: Properties) -> str:
    kind = _line(properties.text(p.MEDIA_TYPE)).lower()
    simple = kind.count("/") == 1 and kind.isascii() and all(c.isalnum() or c in "/.+-" for c in kind)
    if not simple or kind[:1] == "/" or kind[-1:] == "/" or kind.startswith("multipart/"):
        return "application/octet-stream"
    return kind


def _body(subtype: str, text: str) -> bytes:
    return f"Content-Type: text/{subtype}; charset=utf-8\r\n".encode() + _base64(text.encode("utf-8", "replace"))


def _written_part(part: Part) -> bytes:
    if part.is_message:
        return b"Content-Type: message/rfc822\r\n\r\n" + part.content
    name = f'filename="{_quoted(part.filename)}"'
    lines = f"Content-Type: {part.media_type}\r\nContent-Disposition: {part.disposition}; {name}\r\n"
    if part.content_id:
        lines += f"Content-ID: <{part.content_id}>\r\n"
    return lines.encode("utf-8", "replace") + _base64(part.content)


def _base64(octets: bytes) -> bytes:
    return b"Content-Transfer-Encoding: base64\r\n\r\n" + encodebytes(octets).replace(b"\n", b"\r\n")


def _multipart(kind: str, pieces: list[bytes]) -> bytes:
    """A multipart entity. Its boundary is made of its pieces' digest, so that nobody can have written it into one."""
    digest = sha256()
    for piece in pieces:
        digest.update(piece)
    boundary = b"=_" + digest.hexdigest()[:40].encode()
    lines = [b"Content-Type: multipart/" + kind.encode() + b'; boundary="' + boundary + b'"\r\n\r\n']
    lines += [b"--" + boundary + b"\r\n" + piece + b"\r\n" for piece in pieces]
    return b"".join([*lines, b"--" + boundary + b"--\r\n"])
