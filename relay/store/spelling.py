"""Spelling: addresses that a CRM wrote into lead_address or staff_address so that no mail can match them.

The database compares `address_key` with the forms of each address on a mail (mail/address.py): the CRM may type any
case, blanks around, domains in letters or A-labels. What else people put around an address (`<mailto:anna@a.example>`,
a name, a dot behind it, two addresses in one row) is no address to it, and says so nowhere. This tells each, with what
to write instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from relay import sqlite
from relay.mail.address import Address, forms

# What is plain at the first look needs no second one: a million addresses are looked at in a second.
_IN_DOUBT = """
SELECT t.id, t.address, t.address_key FROM {table} t
 WHERE (t.address_key NOT LIKE '%_@_%'
        OR t.address_key GLOB '*[^a-z0-9@._+-]*'
        OR t.address_key GLOB '*@*@*'
        OR t.address_key GLOB '*[.-]'
        OR t.address_key GLOB '*@*..*'
        OR t.address_key GLOB '*@[.-]*')
   AND NOT EXISTS (SELECT 1 FROM _address_form f WHERE f.form = t.address_key)  -- a mail has it, odd as it is
"""


@dataclass(frozen=True, slots=True)
class Misspelt:
    """A row (`table`: lead_address or staff_address) that matches nothing. `better`: what it should say, '' unknown."""

    table: str
    id: int
    address: str
    better: str


def misspelt(db: sqlite.Connection) -> Iterator[Misspelt]:
    """Every such row. Raises sqlite.Error."""
    for table in ("lead_address", "staff_address"):
        for row, written, key in db.execute(_IN_DOUBT.format(table=table)):
            address = Address.read(str(written))
            if address is None:
                yield Misspelt(table, row, str(written), "")
            elif (key, 0) not in forms(address):
                yield Misspelt(table, row, str(written), address.key)


def at_our_domains(db: sqlite.Connection, domains: Iterable[str]) -> Iterator[tuple[int, str]]:
    """(lead.id, address) of leads' addresses in our own domains that are no colleague's either. `domains`: A-labels.

    Whoever writes from there is one of us, so the lead's mail would be taken for ours. Raises sqlite.Error.
    """
    ours = [form[1:] for domain in domains for form, _ in forms(Address("x", domain))]
    yield from db.execute(
        "SELECT la.lead_id, la.address FROM lead_address la JOIN json_each(?) d ON la.address_key LIKE '%' || d.value"
        " WHERE NOT EXISTS (SELECT 1 FROM staff_address s WHERE s.address_key = la.address_key)",
        (json.dumps(ours),),
    )
