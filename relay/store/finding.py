"""Which message, lead, deal or colleague a person means.

A MESSAGE is message.id, `<Message-ID>` or the vault id of a 250; a LEAD (DEAL) is an id, `ext:X` for an
external_id, or an address. What is not found is answered with what may have been meant. Only reads.
"""

from __future__ import annotations

import difflib

from relay import sqlite
from relay.mail.address import Address, forms
from relay.mail.envelope import VaultId

NEAR = 3
"""How many near matches are told: more than a person reads in one line is no advice."""

LOOKED_AT = 2000
"""Leads compared letter by letter for a near match; the rest is found only by a common beginning or part."""


_GONE = {
    "forgotten": "it was taken back (`forget`), or is a copy of one that was",
    "dropped": "never-log says that it must not be kept",
}


class NotFoundError(Exception):
    """What was named is not there, or is more than one. Its text is one line for a person."""


def find_message(db: sqlite.Connection, wanted: str) -> int:
    """message.id of MESSAGE. Raises NotFoundError."""
    text = wanted.strip()
    if text.isascii() and text.isdigit():
        return _message_by_id(db, int(text[:18]), text)
    vault_id = VaultId.read(text)
    if vault_id is not None:
        return _message_by_vault_id(db, vault_id)
    bare = text.removeprefix("<").removesuffix(">")
    rows = db.execute("SELECT id FROM message WHERE internet_message_id = ? ORDER BY id LIMIT 10", (bare,)).fetchall()
    if len(rows) == 1:
        return int(rows[0][0])
    if rows:
        raise NotFoundError(
            f"several messages carry {_said(wanted)}: {', '.join(str(i) for (i,) in rows)}; name one by its id"
        )
    raise NotFoundError(f"no message {_said(wanted)}; a MESSAGE is its id, <Message-ID> or the id in the 250 reply")


def find_messages(db: sqlite.Connection, wanted: str) -> list[int]:
    """As `find_message`; a vault id names all messages that came in that mail. Raises NotFoundError."""
    first = find_message(db, wanted)
    vault_id = VaultId.read(wanted)
    if vault_id is None:
        return [first]
    rows = db.execute("SELECT DISTINCT message_id FROM envelope WHERE vault_id = ?", (str(vault_id),))
    return [message for (message,) in rows]


def _message_by_id(db: sqlite.Connection, number: int, text: str) -> int:
    if db.execute("SELECT 1 FROM message WHERE id = ?", (number,)).fetchone():
        return number
    alias = db.execute("SELECT message_id FROM message_alias WHERE old_id = ?", (number,)).fetchone()
    if alias:
        return int(alias[0])
    (newest,) = db.execute("SELECT max(id) FROM message").fetchone()
    raise NotFoundError(
        f"no message {text}; " + (f"the newest is {newest}" if newest else "nothing has been filed yet")
    )


def _message_by_vault_id(db: sqlite.Connection, vault_id: VaultId) -> int:
    row = db.execute(
        "SELECT message_id FROM envelope WHERE vault_id = ? ORDER BY position LIMIT 1", (str(vault_id),)
    ).fetchone()
    if row:
        return int(row[0])
    outcome = db.execute(
        "SELECT outcome FROM _vault_outcome WHERE epoch = ? AND number = ?", (vault_id.epoch, vault_id.number)
    ).fetchone()
    if outcome:
        told = _GONE.get(outcome[0], outcome[0])
        raise NotFoundError(f"mail {vault_id} is not kept as a message: {told}")
    raise NotFoundError(f"mail {vault_id} has not been filed (yet); `bcc-relay status` shows the backlog")


def find_lead(db: sqlite.Connection, wanted: str) -> int:
    """lead.id of LEAD, with merges followed. Raises NotFoundError."""
    found = _leads(db, wanted.strip())
    if len(found) == 1:
        return merged(db, found[0])
    if found:
        raise NotFoundError(
            f"{_said(wanted)} belongs to several leads: {', '.join(map(str, found))}; name one by its id"
        )
    near = near_leads(db, wanted)
    advice = f"did you mean {' or '.join(near)}?" if near else "`bcc-relay lead list` shows all"
    raise NotFoundError(f"no lead {_said(wanted)}; {advice}")


def _leads(db: sqlite.Connection, text: str) -> list[int]:
    if text.startswith("ext:"):
        return [i for (i,) in db.execute("SELECT id FROM lead WHERE external_id = ?", (text[4:],))]
    if text.isascii() and text.isdigit():
        return [i for (i,) in db.execute("SELECT id FROM lead WHERE id = ?", (int(text[:18]),))]
    address = Address.read(text) if "@" in text else None
    if address is None:
        return []
    # The exact spellings first; the address without its plus tag only if no lead has the exact one (contract).
    by_rank: dict[int, list[str]] = {}
    for form, rank in forms(address):
        by_rank.setdefault(rank, []).append(form)
    for rank in sorted(by_rank):
        holes = ", ".join("?" * len(by_rank[rank]))
        rows = db.execute(
            "SELECT DISTINCT l.id FROM lead_address a JOIN lead l ON l.id = a.lead_id"
            f" WHERE a.address_key IN ({holes}) ORDER BY 1",
            by_rank[rank],
        ).fetchall()
        if rows:
            return [i for (i,) in rows]
    return []


def merged(db: sqlite.Connection, lead: int) -> int:
    """The lead that `lead` was merged into, at the end of all merges; itself when it was not."""
    for _ in range(16):  # a circle of merges is a CRM's mistake and must not hold us
        row = db.execute(
            "SELECT m.id FROM lead l JOIN lead m ON m.id = l.merged_into WHERE l.id = ? AND m.id <> l.id", (lead,)
        ).fetchone()
        if row is None:
            return lead
        lead = int(row[0])
    return lead


def near_leads(db: sqlite.Connection, wanted: str) -> list[str]:
    """Leads that may have been meant: by a part of name or address, then by likeness."""
    text = wanted.strip().lower()
    if not text:
        return []
    like = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    rows = db.execute(
        "SELECT l.id, coalesce(l.name, ''),"
        " coalesce((SELECT address FROM lead_address WHERE lead_id = l.id LIMIT 1), '')"
        " FROM lead l WHERE l.name LIKE ?1 ESCAPE '\\' OR l.organization LIKE ?1 ESCAPE '\\'"
        " OR EXISTS (SELECT 1 FROM lead_address a WHERE a.lead_id = l.id AND a.address_key LIKE ?1 ESCAPE '\\')"
        " ORDER BY l.id LIMIT ?2",
        (like, NEAR),
    ).fetchall()
    if not rows:
        candidates = db.execute(
            "SELECT l.id, coalesce(l.name, ''), a.address FROM lead_address a JOIN lead l ON l.id = a.lead_id"
            " ORDER BY a.id DESC LIMIT ?",
            (LOOKED_AT,),
        ).fetchall()
        by_text = {text.lower(): row for row in candidates for text in (row[2], row[1]) if text}
        rows = [by_text[close] for close in difflib.get_close_matches(text, by_text, n=NEAR, cutoff=0.7)]
    told = dict.fromkeys(f"{i} ({', '.join(filter(None, [name, address]))})" for i, name, address in rows)
    return list(told)


def find_deal(db: sqlite.Connection, wanted: str) -> int:
    """deal.id of DEAL (an id or `ext:X`). Raises NotFoundError."""
    text = wanted.strip()
    row = None
    if text.startswith("ext:"):
        row = db.execute("SELECT id FROM deal WHERE external_id = ?", (text[4:],)).fetchone()
    elif text.isascii() and text.isdigit():
        row = db.execute("SELECT id FROM deal WHERE id = ?", (int(text[:18]),)).fetchone()
    if row is None:
        raise NotFoundError(f"no deal {_said(wanted)}; a DEAL is its id or ext:X, `bcc-relay deal list` shows all")
    return int(row[0])


def find_staff(db: sqlite.Connection, wanted: str) -> int:
    """staff.id of a colleague, named by name, address or id. Raises NotFoundError."""
    text = wanted.strip()
    rows = db.execute(
        "SELECT id FROM staff WHERE name = ? COLLATE NOCASE ORDER BY left_at IS NOT NULL, id", (text,)
    ).fetchall()
    if not rows and "@" in text:
        key = text.lower()
        rows = db.execute(
            "SELECT s.id FROM staff s JOIN staff_address a ON a.staff_id = s.id WHERE a.address_key = ?", (key,)
        ).fetchall()
    if not rows and text.isascii() and text.isdigit():
        rows = db.execute("SELECT id FROM staff WHERE id = ?", (int(text[:18]),)).fetchall()
    if len(rows) == 1:
        return int(rows[0][0])
    if rows:
        raise NotFoundError(
            f"several colleagues are called {_said(wanted)}: {', '.join(str(i) for (i,) in rows)};"
            " name one by id or address"
        )
    names = {
        name.lower(): name
        for (name,) in db.execute("SELECT DISTINCT name FROM staff WHERE name IS NOT NULL LIMIT 5000")
    }
    close = difflib.get_close_matches(text.lower(), names, n=1, cutoff=0.6)
    advice = f"did you mean {names[close[0]]}?" if close else "`bcc-relay staff list` shows all"
    raise NotFoundError(f"no colleague {_said(wanted)}; {advice}")


def _said(text: str) -> str:
    printable = "".join(c if c.isprintable() else "?" for c in text.strip())
    return f'"{printable[:80]}"'
