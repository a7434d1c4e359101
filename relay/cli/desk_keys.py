"""What the keys of the desk do (`desk`): ask what is still open, and leave the decision to `desk_words`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from relay.attribution import newcomer
from relay.cli import triage_page
from relay.cli.terminal import neutral, screen
from relay.cli.words import many
from relay.store import reading, triage
from relay.store.decision import thread_of
from relay.store.finding import NotFoundError, find_lead, merged

if TYPE_CHECKING:
    from relay.cli.desk import Desk
    from relay.store.reading import Row


def attach(desk: Desk, lead: Row) -> None:
    """Ask how far it goes, and do it."""
    row = desk.looked_at()
    message, name, address = row["message_id"], lead["name"], row["party_address"]
    thread = triage.beside(desk.db, message)["thread_count"]
    if address is None and thread < 2:
        desk.settled(desk.words.attach(message, [message], lead["lead_id"], name))
        return
    asked = [f"To {triage_page.offered(lead)}:", ""]
    if address is not None:
        mails = many(desk.others(row) + 1, "mail")
        asked.append(f" a  {neutral(address)} is its address: {mails} now, and all that comes")
    asked.append(" o  only this mail")
    if thread > 1:
        asked.append(f" t  all {many(thread, 'message')} of the thread")
    asked.append(" Esc  neither")
    key = desk.choice(asked)
    if key in ("a", "\n", "\r") and address is not None:
        desk.settled(desk.words.add_address(message, lead["lead_id"], name, address))
    elif key == "o":
        desk.settled(desk.words.attach(message, [message], lead["lead_id"], name))
    elif key == "t" and thread > 1:
        desk.settled(desk.words.attach(message, thread_of(desk.db, message, shown=True), lead["lead_id"], name))


def other_lead(desk: Desk) -> None:
    """A lead that was not offered: exactly named, or found by a part of its name."""
    typed = desk.keys.line("Lead (id, ext:X, address, or a part of its name): ")
    if not typed:
        return
    try:
        found = [find_lead(desk.db, typed)]
    except NotFoundError as error:
        leads = triage.search(desk.db, typed)
        if not leads:
            desk.said = str(error)
            return
        if len(leads) > 1:
            shown = [*triage_page.leads_found(leads, screen()), " Esc  none of them"]
            key = desk.choice(shown)
            if not (key.isascii() and key.isdigit() and 1 <= int(key) <= len(leads)):
                return
            leads = [leads[int(key) - 1]]
        found = [merged(desk.db, leads[0]["lead_id"])]
    lead = reading.lead(desk.db, found[0])
    address = lead["addresses"][0] if lead["addresses"] else ""
    attach(
        desk,
        {
            "lead_id": lead["id"],
            "name": lead["name"] or "",
            "organization": lead["organization"],
            "address": address,
        },
    )


def create(desk: Desk) -> None:
    """A lead is made of who is on the mail; the person may change what is filled in."""
    row = desk.looked_at()
    address = row["party_address"] or ""
    shown = row["party_name"] or ""
    if row["why"] == "sender-not-recovered":
        # The party there is, if any, is not who wrote it: only the name is known.
        shown, address = triage.beside(desk.db, row["message_id"])["author_name"], ""
    sys.stdout.write("\nA new lead; Ctrl-C: never mind.\n")
    name = desk.keys.line("Name: ", neutral(newcomer.name(address, shown)) if address or shown else "")
    if not name:
        desk.said = "nothing was created: a lead needs a name"
        return
    written = desk.keys.line("Address (empty: only this mail): ", neutral(address))
    if written is None:
        return
    known = triage.organization_of(desk.db, written) if written else None
    organization = desk.keys.line("Organization: ", neutral(known or ""))
    if organization is None:
        return
    desk.settled(desk.words.create(row["message_id"], name, written, organization))


def dismiss(desk: Desk) -> None:
    """The mail belongs to no lead."""
    message = desk.looked_at()["message_id"]
    desk.settled(desk.words.dismiss(message, [message]))


def dismiss_all(desk: Desk) -> None:
    """Nor does any other mail of the address that waits."""
    row = desk.looked_at()
    address = row["party_address"]
    if address is None:
        desk.said = "no address is known of it; d dismisses this mail"
        return
    of_it = triage.ids(desk.db, triage.Wanted(address=address))
    everything = list(dict.fromkeys([row["message_id"], *of_it]))
    desk.settled(desk.words.dismiss(row["message_id"], everything, whose=address))


def never_log(desk: Desk) -> None:
    """Keep no mail of the address, or of its domain, from now on."""
    row = desk.looked_at()
    address = row["party_address"]
    if address is None:
        desk.said = "no address is known of it, so nothing can be put on the never-log list"
        return
    domain = newcomer.organization(address)
    asked = ["Keep no mail any more", "", f" a  of {neutral(address)}"]
    if domain is not None:
        asked.append(f" d  of all of {neutral(domain)}, and the domains below it")
    asked.append(" Esc  never mind")
    key = desk.choice(asked)
    if key == "a":
        of_it, pattern = triage.Wanted(address=address), address
    elif key == "d" and domain is not None:
        of_it, pattern = triage.Wanted(domain=domain), f"*.{domain}"
    else:
        return
    messages = list(dict.fromkeys([row["message_id"], *triage.ids(desk.db, of_it)]))
    desk.settled(desk.words.never_log(row["message_id"], pattern, messages))


def read_mail(desk: Desk) -> None:
    """All of the mail."""
    from relay.cli.letter_page import letter_page

    desk.read(letter_page(reading.letter(desk.db, desk.looked_at()["message_id"]), screen()))


def explain(desk: Desk) -> None:
    """Why it stands here."""
    from relay.cli.explain_page import explain_page
    from relay.store.reasons import reasons

    desk.read(explain_page(reasons(desk.db, desk.looked_at()["message_id"]), screen()))


def explain_keys(desk: Desk) -> None:
    """All keys."""
    desk.read(triage_page.help_page(screen()))
