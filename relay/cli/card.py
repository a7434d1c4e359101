"""The card: the capture address as a contact (vCard), and the steps by which a person puts it into Bcc.

vCard 3.0 (RFC 2426): what Outlook, Google, Apple, Thunderbird and phones all take.
"""

from __future__ import annotations

NAME = "CRM (Bcc)"


def contact(address: str, *, personal: bool) -> str:
    """A file with one contact, lines ended by CRLF."""
    note = "Put it into Bcc, or forward mail to it."
    if personal:
        note += " It is yours alone: never into To or Cc."
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"N:{NAME};;;;",
        f"FN:{NAME}",
        "EMAIL;TYPE=INTERNET:" + _escaped(address),
        "NOTE:" + _escaped(note),
        "END:VCARD",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def steps(address: str, *, personal: bool, file: str | None) -> list[str]:
    """What a colleague is told. `file`: the name of the vCard, None where none was written."""
    load = f"Import, choose {file}" if file else "make a contact, paste it"
    open_it = f"open {file}, save" if file else "make a contact, paste it"
    tap_it = f"mail yourself {file}, tap it, save" if file else "make a contact, paste it"
    programs = (
        ("Gmail", f"contacts.google.com: {load}", "Bcc, right of To"),
        ("Outlook (classic)", open_it, "Options, Bcc"),
        ("Outlook (new, web)", "People, New contact, paste it", "Options, Show Bcc"),
        ("Apple Mail", open_it, "View, Bcc Address Field"),
        ("Thunderbird", f"Address Book: {load}", "Bcc, right of To"),
        ("iPhone, iPad", tap_it, "tap Cc/Bcc"),
        ("Android, Outlook app", tap_it, "the arrow beside To"),
    )
    wide = max(len(contact) for _, contact, _ in programs)
    lines = [f"  {name:<20}  {contact:<{wide}}  {bcc}" for name, contact, bcc in programs]
    own = (
        "It is yours alone and as good as a password: who knows it can hand in mail as you. Never put it",
        "into To or Cc. If others saw it, ask for another one; the old one then ends.",
        "",
    )
    return [
        "Mail reaches the CRM when this address is in Bcc, or when you forward mail to it:",
        "",
        f"    {address}",
        "",
        *(own if personal else ()),
        f'Save it once as a contact, "{NAME}"; then typing "crm" into Bcc finds it. In each mail, Bcc is:',
        "",
        *lines,
        "",
        "Without thinking of it each time: Thunderbird, Account Settings, Copies & Folders, Bcc these email",
        "addresses. Other programs have no such setting (rules there make a Cc, which customers see); your",
        "administrator can have the mail server hand in copies.",
        "",
        "Mail that came in: forward it, as it is or as an attachment. What you write above it is kept as a note.",
    ]


def _escaped(text: str) -> str:
    """RFC 2426 §4: backslash, comma, semicolon and line ends."""
    for old, new in (("\\", "\\\\"), (",", "\\,"), (";", "\\;"), ("\n", "\\n")):
        text = text.replace(old, new)
    return text


def _folded(line: str) -> str:
    """RFC 2426 §2.6: 75 octets a line; all of ours are ASCII, or nearly."""
    return "\r\n ".join(line[at : at + 74] for at in range(0, len(line), 74))
