"""A `Message` from an Outlook file: the one way from the octets of a .msg or a TNEF to what mail says.

The header is written as mail and read by the reader of all mail; bodies and attachments are taken as they are.
"""

from __future__ import annotations

from dataclasses import replace

from relay.mail.message import Message
from relay.mail.outlook import internet, msg
from relay.mail.outlook.compound import Broken
from relay.mail.outlook.effort import Effort
from relay.mail.outlook.property import CLASS, Note
from relay.mail.reading import parse, with_references

DAMAGED = "outlook-cut"
"""Defect: a .msg or winmail.dat is damaged, or larger than our bounds; what it still says was kept."""

_REPORT_KINDS = {"ipnrn": "disposition-notification", "ipnnrn": "disposition-notification"}
"""Last word of the class of a report -> what it reports, else a delivery (RFC 6522)."""

_RULES = ("ipm.note.rules.ooftemplate", "ipm.note.rules.replytemplate")
"""Classes of what a mailbox answers by itself ([MS-OXORULE] 2.2.2.2): out of office, and a rule's reply."""


def read(content: bytes, effort: Effort) -> Message | None:
    """The message in a .msg file; None when it is damaged beyond reading, or no mail (a contact, a draft).

    What of it is left out (damage, our bounds) gives the defect `outlook-cut`. Never raises.
    """
    try:
        note = msg.read(content)
    except Broken:
        return None
    return _message(note, effort) if internet.is_mail(note) else None


def _message(note: Note, effort: Effort) -> Message:
    signed = internet.entity(note)
    if signed:
        return parse(internet.header(note) + signed)
    header = internet.header(note)
    kind = note.properties.text(CLASS).strip().lower()
    if kind.startswith("report."):
        reports = _REPORT_KINDS.get(kind.rpartition(".")[2], "delivery-status")
        header += f"Content-Type: multipart/report; report-type={reports}; boundary=none\r\n".encode()
    elif kind.startswith(_RULES):
        header += b"Auto-Submitted: auto-replied\r\n"
    told = parse(header + b"\r\n")
    text, html = internet.bodies(note.properties, effort)
    parts = tuple(internet.parts(note, effort))
    defects = [each for each in told.defects if each not in ("boundary-not-found", "missing-header-end")]
    if note.cut or effort.exhausted:
        defects.append(DAMAGED)
    return replace(
        told, text=text or None, html=html or None, parts=with_references(html, parts), defects=tuple(defects)
    )
