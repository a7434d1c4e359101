"""The date of a forwarded message stands in the database as the forward writes it, whatever we made of it."""

from __future__ import annotations

from tests.mailbuilder import message

FORWARD = """Katso alla.

-----Alkuperäinen viesti-----
Lähettäjä: Aino Virtanen <aino@asiakas.example>
Lähetetty: {date}
Vastaanottaja: Bob Baker <bob@example.org>
Aihe: Tarjous

Hyvä Bob,
kiitos tarjouksesta.
"""


def forwarded(date: str) -> bytes:
    return message(
        from_="Bob Baker <bob@example.org>",
        to="crm@crm.example.org",
        subject="VL: Tarjous",
        text=FORWARD.format(date=date),
    )


WRITTEN = (
    "SELECT o.written_date, m.date_source FROM envelope e JOIN message m ON m.id = e.message_id "
    "JOIN envelope_original o ON o.envelope_id = e.id ORDER BY e.id"
)


def test_a_program_may_read_the_date_that_we_could_not(relay):
    relay.filed(*relay.send(forwarded("tiistai 2. helmikuuta 2021 14.05"), forwarded("viime viikolla")))
    assert relay.sql(WRITTEN) == [["tiistai 2. helmikuuta 2021 14.05", "forwarded"], ["viime viikolla", "received"]]
    assert "viime viikolla" in relay.run("explain", "2")
    assert relay.run("refile", "--all", "--dry-run", "--json").strip().startswith("[")
    relay.run("rebuild", "--verify")


def test_a_copy_says_nothing_of_an_original(relay):
    [vault_id] = relay.send(message(from_="bob@example.org", to="aino@asiakas.example", subject="Tarjous", text="Hei"))
    relay.filed(vault_id)
    assert relay.sql("SELECT count(*) FROM envelope_original") == [[0]]
