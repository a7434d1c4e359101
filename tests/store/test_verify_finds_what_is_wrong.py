"""A check that never finds anything proves nothing: here every invariant is broken once."""

from __future__ import annotations

import pytest

from relay.store.verify import invariants, verify
from tests.store.mailroom import Mailroom

AT = "2026-01-01T00:00:00.000Z"

PART = (
    "INSERT INTO blob VALUES ('d1', 'x'); INSERT INTO part (message_id, position, media_type, digest, kind) "
    "VALUES (1, 1, 'image/png', 'd1', 'signature')"
)
ENVELOPE = f"INSERT INTO envelope (vault_id, message_id, route, received_at) VALUES ('0000000a-7', 1, 'bcc', '{AT}')"

BROKEN = {
    "relation": "DELETE FROM lead_message",
    "relation ": f"INSERT INTO lead_message (lead_id, message_id, originated_at, reason) VALUES (9, 2, '{AT}', 'address')",
    "relation  ": "UPDATE lead_message SET role = 'cc'",
    "match": "DROP TRIGGER _match_delete; DELETE FROM _match",
    "staff-on-lead": "DROP TRIGGER _staff_address_insert; INSERT INTO staff_address (staff_id, address) VALUES (1, 'anna@x.example')",
    "unresolved": "DELETE FROM _unrelated",
    "unsettled": f"INSERT INTO _unsettled (kind, subject_id, at) VALUES ('thread', 1, '{AT}')",
    "address-form": "DROP TRIGGER _address_form_delete; DELETE FROM _address_form",
    "party-date": f"UPDATE message_address SET originated_at = '{AT}'",
    "attachment-count": "UPDATE message SET attachment_count = 3",
    "orphan": "INSERT INTO message_text (message_id) VALUES (99)",
    "envelope": "INSERT INTO _vault_outcome (epoch, number, outcome) VALUES ('00000000', 1, 'filed')",
    "time": "UPDATE message SET received_at = '2026-19-01T00:00:00.000Z'",
    "merge-circle": "INSERT INTO lead (id, merged_into) VALUES (5, 6), (6, 7), (7, 5)",
    "crm-time": "INSERT INTO staff (name, left_at) VALUES ('Rep', 'last week')",
    "deal-time": "INSERT INTO deal (lead_id, opened_at) VALUES (1, 'May')",
    "address-spelling": "INSERT INTO lead_address (lead_id, address) VALUES (1, 'Anna')",
    "never-log": "INSERT INTO never_log (pattern) VALUES ('bank.example')",
    "never-log ": "INSERT INTO never_log (pattern, staff_id) VALUES ('@bank.example', 99)",
    "address-health": "INSERT INTO _address_health (address_id, bounced_at) VALUES (1, '2026-03-02T10:16:00.000Z')",
    "address-health ": "UPDATE address SET bounced_at = '2026-03-02T10:16:00.000Z' WHERE id = 1",
    "facts-only": "INSERT INTO _facts_only VALUES (1)",
    "facts-only ": "UPDATE message SET defects = '[\"text-not-kept\"]'",
    "deal": "UPDATE lead_message SET deal_id = 7",
    "tag": "INSERT INTO _message_tag (message_id, source, kind, value) VALUES (1, 'address', 'deal', '7')",
    "tag ": "INSERT INTO _disputed_tag (message_id, tag) VALUES (1, 'deal-7')",
    "tag-of-a-party": "INSERT INTO _disputed_tag (message_id, tag, lead_id) VALUES (1, 'lead-1', 1)",
    "staff-address": "INSERT INTO staff_address (staff_id, address) VALUES (1, 'anna@x.example')",
    "logo": "INSERT INTO _picture VALUES (1, 1, 'd1', 'anna@x.example', 'inline')",
    "logo ": f"{PART}; INSERT INTO _picture VALUES (1, 1, 'd1', 'anna@x.example', 'inline')",
    "logo  ": f"{PART}; INSERT INTO _picture VALUES (1, 1, 'd1', 'someone-else@x.example', 'signature')",
    "orphan ": "INSERT INTO envelope_proof (envelope_id, trust, spf, dmarc, arc) VALUES (99, 'proved', 'none', 'none', 'none')",
    "orphan  ": "INSERT INTO envelope_owner VALUES (99, 1, 0)",
    "proof": f"{ENVELOPE}; UPDATE envelope SET admitted_by = 'dkim'",
    "proof ": f"{ENVELOPE}; INSERT INTO envelope_proof (envelope_id, trust, spf, dmarc, arc) SELECT id, 'proved', 'none', 'none', 'none' FROM envelope",
    "secret": f"{ENVELOPE}; INSERT INTO envelope_recipient SELECT id, 'crm+me-abcdefghijklmnopqrstuvwxyz@x.example' FROM envelope",
    "taken-back": f"{ENVELOPE}; INSERT INTO _vault_outcome (epoch, number, outcome) VALUES ('0000000a', 7, 'forgotten')",
    "taken-back ": f"{ENVELOPE}; INSERT INTO _vault_outcome (epoch, number, outcome) VALUES ('0000000a', 7, 'dropped')",
    "orphan   ": "INSERT INTO envelope_note (envelope_id, note) VALUES (99, 'Call her.')",
    "forwarded": "INSERT INTO _forwarded (message_id, author, base_subject) VALUES (99, 'anna@x.example', '')",
    "forwarded ": "INSERT INTO _forwarded (message_id, author, base_subject) VALUES (1, 'bob@y.example', '')",
    "forwarded  ": "INSERT INTO _forwarded (message_id, author, base_subject) VALUES (1, 'anna@x.example', 'offer')",
    "forwarded   ": "INSERT INTO _forwarded (message_id, author, base_subject) VALUES (1, 'anna@x.example', ''); UPDATE message SET internet_message_id = '1@x.example' WHERE id = 1",
    "schema": "DROP VIEW lead_timeline",
    "schema ": "ALTER TABLE lead ADD COLUMN color",
}


@pytest.mark.parametrize("name", BROKEN)
def test_every_invariant_finds_what_breaks_it(mailroom: Mailroom, name: str) -> None:
    mailroom.db.execute("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    mailroom.message("anna@x.example", "rep@own.example")
    mailroom.message("bob@y.example", "rep@own.example")
    mailroom.settle()
    assert [str(difference) for difference in verify(mailroom.db)] == []
    for sql in BROKEN[name].split("; "):
        mailroom.db.execute(sql)
    found = list(verify(mailroom.db))
    assert name.strip() in {difference.name for difference in found}
    assert all("\n" not in str(difference) for difference in found)


def test_no_invariant_is_left_out_here() -> None:
    assert {invariant.name for invariant in invariants()} == {name.strip() for name in BROKEN} - {
        "schema",
        "address-spelling",
    }


@pytest.mark.parametrize(
    ("typed", "better"),
    [
        ("<mailto:Zoe@x.example>", "zoe@x.example"), ("Zoe <zoe@x.example>", "zoe@x.example"),
        ("'zoe@x.example'", "zoe@x.example"), ("zoe@x.example.", "zoe@x.example"),
        ('"zoe"@x.example', "zoe@x.example"), ("zoe@ÜBERGRÖẞEN.example", "zoe@xn--bergren-4va0s1b.example"),
        ("zoe at x.example", ""), ("@x.example", ""), ("zoe@x.example, max@x.example", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("table", ["lead", "staff"])
def test_an_address_that_can_match_no_mail_is_told_with_what_to_write(
    mailroom: Mailroom, typed: str, better: str | None, table: str
) -> None:
    mailroom.db.execute(f"INSERT INTO {table}_address ({table}_id, address) VALUES (1, ?)", (typed,))
    [found] = verify(mailroom.db)
    assert (found.name, found.row["entity"], found.row["address"]) == ("address-spelling", f"{table}_address", typed)
    assert better is None or found.row["write"] == better


@pytest.mark.parametrize(
    "typed",
    [" Zoe@X.example\t", "zoe@büro.example", "Zoe@BÜRO.example", "zoe@Übergröße.example", "zoe@xn--bro-hoa.example",
     "zoe@bu\u0308ro.example", "o'hara@x.example", "zoe+fair@x.example", "zoe_x-y.z@a-b.x.example", "ZOË@x.example"],
)  # fmt: skip
def test_an_address_that_mail_can_match_is_no_difference(mailroom: Mailroom, typed: str) -> None:
    mailroom.db.execute("INSERT INTO lead_address (lead_id, address) VALUES (1, ?)", (typed,))
    assert list(verify(mailroom.db)) == []


def test_a_lead_with_an_address_in_our_own_domains_is_told_though_it_is_no_colleagues(mailroom: Mailroom) -> None:
    """Whoever writes from there is one of us ([company] domains), so the lead's mail is taken for ours."""
    for address in ("new@own.example", "new@BÜRO.example", "new@sub.own.example", "new@notown.example"):
        mailroom.db.execute("INSERT INTO lead_address (lead_id, address) VALUES (1, ?)", (address,))
    found = list(verify(mailroom.db, domains={"own.example", "xn--bro-hoa.example"}))
    assert {difference.name for difference in found} == {"address-of-ours"}
    assert [difference.row["address"] for difference in found] == ["new@own.example", "new@BÜRO.example"]


def test_many_differences_of_one_kind_hide_none_of_another(mailroom: Mailroom) -> None:
    for address in ("Anna", "Bob", "new@own.example", "old@own.example"):
        mailroom.db.execute("INSERT INTO lead_address (lead_id, address) VALUES (1, ?)", (address,))
    found = [difference.name for difference in verify(mailroom.db, shown=1, domains={"own.example"})]
    assert found == ["address-spelling", "address-of-ours"]
