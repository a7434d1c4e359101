"""`lead show` and `lead list`: when there was contact, and what automatic mail says of a lead's addresses."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from relay.cli.program import program
from relay.store.connection import open_store
from tests.store.mailroom import Mailroom


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    path = tmp_path / "bcc-relay.toml"
    path.write_text(
        '[capture]\nhostname = "crm.example.org"\naddresses = ["crm@crm.example.org"]\nlisten = ["127.0.0.1:0"]\n'
        '[company]\ndomains = ["own.example"]\n[store]\npath = "relay.db"\n[vault]\npath = "vault"\n'
    )
    room = Mailroom(tmp_path / "relay.db")
    room.db.execute("INSERT INTO lead (id, name) VALUES (1, 'Anna')")
    room.db.execute("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    room.message("anna@x.example", "rep@own.example", on=1)
    room.message("rep@own.example", "anna@x.example", direction="outgoing", internet_message_id="a@own", on=2)
    bounce = room.message("mailer-daemon@x.example", "rep@own.example", automatic="bounce", on=3)
    away = room.message("anna@x.example", "rep@own.example", automatic="auto-reply", on=4)
    room.db.execute(
        "INSERT INTO _delivery_report VALUES (?, 'anna@x.example', 'a@own', 1, 'failed', 1, '550 5.1.1 No \x1b[31m such user')",
        (bounce,),
    )
    room.db.execute("INSERT INTO _absence VALUES (?, 'anna@x.example', '2099-02-09T00:00:00.000Z', 1)", (away,))
    room.close()
    return path


def ask(configuration: Path, *words: str) -> str:
    result = CliRunner().invoke(program, ["-c", str(configuration), *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_lead_show_tells_what_bounces_and_absences_say(configuration: Path) -> None:
    shown = ask(configuration, "lead", "show", "1")
    assert "mail to anna@x.example failed for good on 2026-01-04: 550 5.1.1 No" in shown
    assert "\x1b[31m" not in shown
    assert "anna@x.example: an automatic answer says absent until 2099-02-09" in shown
    assert "anna@x.example: an automatic answer of 2026-01-05 says that the person left" in shown
    assert "they wrote" in shown
    assert "we wrote" in shown


def test_programs_get_the_same(configuration: Path) -> None:
    found = json.loads(ask(configuration, "lead", "show", "1", "--json"))
    assert found["address_health"][0]["bounced_at"] == "2026-01-04T12:00:00.000Z"
    assert (found["last_contact_at"], found["last_at"]) == ("2026-01-03T12:00:00.000Z", "2026-01-05T12:00:00.000Z")
    [listed] = json.loads(ask(configuration, "lead", "list", "--json"))
    assert listed["last_contact_at"] == "2026-01-03T12:00:00.000Z"


def test_a_lead_of_whom_nothing_is_said_has_no_such_lines(configuration: Path) -> None:
    with contextlib.closing(open_store(configuration.parent / "relay.db")) as db:
        db.execute("INSERT INTO lead (id, name) VALUES (2, 'Carl')")
    shown = ask(configuration, "lead", "show", "2")
    assert "Heard" not in shown
    assert "none yet" in shown


def test_a_notice_of_a_mail_system_asks_for_no_lead(configuration: Path) -> None:
    told = " ".join(ask(configuration, "explain", "3").split())
    assert "On none: it is a notice of a mail system, which waits for nobody" in told
    assert "lead add" not in told
