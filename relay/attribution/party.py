"""Parties: who is on a message.

Decides which addresses count, with their strongest role: those of the header of the message that
matters, and envelope recipients that no header names; capture addresses never. It does not know leads.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.attribution.directory import Directory
from relay.attribution.personal import hidden
from relay.attribution.record import Party, Role
from relay.mail.address import Address, Mailbox
from relay.mail.message import Message

MAX_PARTIES = 2000
"""Parties that are kept: more recipients than any mail a person writes. Past it a defect says so."""

TOO_MANY = "too-many-parties"


def parties(
    message: Message, directory: Directory, unnamed: Iterable[Address] = ()
) -> tuple[tuple[Party, ...], tuple[str, ...]]:
    """(the parties, each address once with its strongest role; defects).

    `unnamed`: envelope recipients; those that no header names get the role bcc.
    """
    found: dict[str, Party] = {}
    is_capture = directory.is_capture

    def add(mailboxes: Iterable[Mailbox], role: Role) -> None:
        for mailbox in mailboxes:
            address = mailbox.address
            key = address.key
            known = found.get(key)
            if known is None:
                if not is_capture(address):
                    found[key] = Party(address, role, hidden(mailbox.display_name))
                    if len(found) > MAX_PARTIES:
                        return
            elif mailbox.display_name and not known.display_name:
                found[key] = Party(known.address, known.role, hidden(mailbox.display_name))

    add(message.author, Role.FROM)
    if message.sender is not None:
        add((message.sender,), Role.SENDER)
    add(message.reply_to, Role.REPLY_TO)
    add(message.to, Role.TO)
    add(message.cc, Role.CC)
    add(message.bcc, Role.BCC)
    add((Mailbox("", address) for address in unnamed), Role.BCC)
    every = tuple(found.values())
    return (every, ()) if len(every) <= MAX_PARTIES else (every[:MAX_PARTIES], (TOO_MANY,))
