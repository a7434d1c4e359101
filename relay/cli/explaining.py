"""`explain`: why a message stands where it stands."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.opened import configuration, directory, store

if TYPE_CHECKING:
    from relay import sqlite
    from relay.config.settings import Settings
    from relay.mail.envelope import MailObject, VaultId


@click.command(cls=Command)
@click.argument("message")
@as_json
@click.pass_context
def explain(context: click.Context, message: str, as_json: bool) -> None:
    """Tell why a message stands where it stands.

    How it came and who handed it in, what was taken as the original, who is on it, its direction, date and
    thread, each lead with its reason, what else was considered, and its defects, in words. The id of a 250
    reply is explained too when it is no message (yet). Tags and references are told where the vault can be read.
    """
    from relay.cli.explain_page import explain_page, explained, unfiled_page
    from relay.cli.terminal import screen
    from relay.mail.envelope import VaultId
    from relay.store.finding import find_message
    from relay.store.reasons import has_message, reasons

    db = store(context)
    settings = configuration(context).settings
    vault_id = VaultId.read(message)
    if vault_id is not None and not has_message(db, vault_id):
        outcome, sentences = _unfiled(db, settings, vault_id)
        if as_json:
            answer({"vault_id": str(vault_id), "outcome": outcome, "sentences": sentences})
        else:
            say(unfiled_page(str(vault_id), sentences, screen()))
        return
    found = reasons(db, find_message(db, message))
    found.update(_from_vault(db, settings, found))
    if as_json:
        found["sentences"] = [{"about": label, "told": told} for label, told in explained(found)]
        answer(found)
    else:
        say(explain_page(found, screen()))


def _vault(settings: Settings, vault_id: VaultId) -> MailObject | None:
    """A mail object, None when the vault has it no more or we may not look."""
    from relay.vault.failure import VaultError
    from relay.vault.reader import Reader

    with contextlib.suppress(VaultError, OSError), Reader(settings.vault.path) as vault:
        return vault.get(vault_id)
    return None


def _unfiled(db: sqlite.Connection, settings: Settings, vault_id: VaultId) -> tuple[str, list[str]]:
    """(outcome, sentences) of a vault id that is no message."""
    from relay.attribution.telling import OUTCOMES, told
    from relay.cli.words import in_full
    from relay.store.reasons import outcome
    from relay.store.times import text_time

    found = outcome(db, vault_id)
    if found is not None:
        return found, [f"{told(OUTCOMES, found)}."]
    mail = _vault(settings, vault_id)
    if mail is not None:
        when = in_full(text_time(mail.envelope.received_at))
        return "waiting", [f"it was accepted on {when} and waits to be filed; `bcc-relay status` shows the backlog."]
    return "unknown", ["it was not filed, and the vault does not have it or cannot be read by you."]


def _from_vault(db: sqlite.Connection, settings: Settings, found: dict[str, Any]) -> dict[str, Any]:
    """What only the mail itself tells: tags and references. Nothing when it is gone or we may not look."""
    from relay.attribution import tag
    from relay.attribution.compose import compose
    from relay.mail.envelope import VaultId
    from relay.mail.message import PARSER
    from relay.mail.reading import parse
    from relay.store.reasons import messages_with

    told: dict[str, Any] = {"outdated": found["parser"] != PARSER}
    for envelope in found["envelopes"][:1]:
        vault_id = VaultId.read(envelope["vault_id"])
        mail = None if vault_id is None else _vault(settings, vault_id)
        if vault_id is None or mail is None:
            continue
        records = compose(vault_id, mail, parse(mail.content), directory(settings, db))
        record = next((one for one in records if one.position == envelope["position"]), records[0])
        others = [each for each in record.thread_ids if each != record.message_id]
        here = messages_with(db, others)
        told["references"] = [{"internet_message_id": each, "message_id": here.get(each)} for each in others[:20]]
        told["tags"] = list(dict.fromkeys(one.shown for text in record.tags for one in tag.read(text)))
    return told
