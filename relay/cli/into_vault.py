"""Into the vault without a daemon: what `deliver` does where nobody listens.

Decides whether this process may: the vault must be there and belong to our user (files of another user would lock
the relay out), nobody else may be writing it, and the recipients must be capture addresses. Takes the vault for the
moment of one commit. The relay files the message when it starts.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime

from relay.attribution import admission, personal
from relay.attribution.directory import Directory
from relay.cli.deferred import DeferredError
from relay.config.settings import Settings
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.mail.path import MailArgument, mail_argument, rcpt_argument
from relay.mail.reply import Reply
from relay.store.lineage import filed_marks
from relay.vault.failure import VaultBusyError
from relay.vault.writer import Vault


def into_vault(settings: Settings, sender: str, recipients: Sequence[str], content: bytes) -> str:
    """Keep one message. Returns `2.0.0 accepted as ID`. Raises DeferredError, VaultError, StoreError, OSError."""
    envelope, refused = _envelope(settings, sender, recipients)
    folder = settings.vault.path
    nobody = "no relay listens on [capture] lmtp" if settings.capture.lmtp else "[capture] lmtp is not set"
    try:
        owner = folder.stat().st_uid
    except FileNotFoundError:
        raise DeferredError(f"{nobody}, and there is no vault at {folder} yet; start the relay once") from None
    except PermissionError:
        raise DeferredError(f"{nobody}, and this user has no right on {folder}; start the relay") from None
    if owner != os.geteuid():
        raise DeferredError(f"{nobody}, and {folder} belongs to another user; start the relay")
    if len(content) > settings.capture.max_size:
        raise DeferredError(f"the message is larger than {settings.capture.max_size} octets; see [capture] max_size")
    try:
        vault = Vault.open(folder, filed=filed_marks(settings.store.path, folder))
    except VaultBusyError as error:
        raise DeferredError(f"{nobody}; {error}, or set [capture] lmtp") from None
    try:
        if not vault.has_room():
            raise DeferredError(f"the disk of {folder} is nearly full; make room")
        kept = asyncio.run(_put(vault, MailObject(envelope, content)))
    finally:
        vault.close()
    return f"2.0.0 accepted as {kept}{refused}"


async def _put(vault: Vault, mail: MailObject) -> VaultId:
    return await vault.put(mail)


def _envelope(settings: Settings, sender: str, recipients: Sequence[str]) -> tuple[Envelope, str]:
    """(the envelope that an SMTP session would have made, by the same rules; recipients that it would have refused)."""
    directory = Directory(domains=frozenset(settings.company.domains), capture=frozenset(settings.capture.addresses))
    mail = mail_argument(f"FROM:<{sender}> SMTPUTF8")
    if not isinstance(mail, MailArgument):
        raise DeferredError(f"--sender {sender!r}: {mail.text}")
    paths = []
    refused = []
    for recipient in recipients:
        path = rcpt_argument(f"TO:<{recipient}>", utf8=True)
        refusal = path if isinstance(path, Reply) else admission.recipient(path, directory).refusal
        if refusal is not None:
            refused.append(f"; not for {recipient}: {refusal}")
        elif not isinstance(path, Reply) and (kept := personal.shown(path, directory)) not in paths:
            paths.append(kept)
    if not paths:
        raise DeferredError("".join(refused).removeprefix("; "))
    client = Client(f"unix:uid={os.getuid()},pid={os.getpid()}", "deliver")
    sent_by = None if mail.path is None else personal.shown(mail.path, directory)
    return Envelope(sent_by, tuple(paths), client, datetime.now(UTC), admission.BY_DELIVER.reason), "".join(refused)
