"""`unresolved work`: a person at a terminal settles what waits, key by key. On a real pty, beside a real database."""

from __future__ import annotations

import sys
from pathlib import Path

from running import Relay, _environment

sys.path.insert(0, str(Path(__file__).parent))

from typist import Typist

KEYS = "q quit"
"""What stands at the end of every mail's page."""


def at_work(relay: Relay, *options: str, columns: int = 100) -> Typist:
    return Typist(relay.command("unresolved", "work", *options), _environment(), columns=columns)


def waiting(relay: Relay) -> list[object]:
    return [row[0] for row in relay.sql("SELECT message_id FROM unresolved_message ORDER BY message_id")]


def leads_of(relay: Relay, message: int) -> list[object]:
    return [tuple(row) for row in relay.sql("SELECT lead_id, reason FROM lead_message WHERE message_id = ?", message)]


def test_a_mail_becomes_a_lead_with_name_and_address_filled_in_and_that_can_be_undone(desk):
    with at_work(desk) as person:
        page = person.until(KEYS)
        assert "5 mails wait, newest first" in page
        assert "Hello" in page
        assert "\x07" not in page
        assert "\u202e" not in page
        person.type("c")
        person.until("Name: ")
        person.type("\n")
        person.until("gmail.com")
        person.type("\n")
        person.until("Organization: ")
        person.type("\n")
        page = person.until(KEYS)
        assert "is a new lead, with 1 mail" in page
        assert "4 mails wait" in page
        [[name, organization]] = desk.sql("SELECT name, organization FROM lead WHERE id = 2")
        assert "Maier" in str(name)
        assert organization is None, "a mail provider is nobody's organization"
        assert leads_of(desk, 5) == [(2, "address")]
        person.type("u")
        assert "undone: " in person.until(KEYS)
        person.type("q")
        status, said = person.ended()
        assert status == 0
        assert "nothing was decided; 5 mails still wait" in said
    assert waiting(desk) == [1, 2, 3, 4, 5]
    assert desk.sql("SELECT count(*) FROM lead") == [[1]]


def test_a_suggestion_is_taken_with_its_number_for_the_address_or_for_this_mail_only(desk):
    with at_work(desk, "--domain", "lindqvist.example", "--by", "Bob Baker") as person:
        page = person.until(KEYS)
        assert (
            "1  Anna Lindqvist (Lindqvist AB, anna@lindqvist.example, lead 1)  has an address in the same domain"
            in page
        )
        person.type("1")
        person.until("Esc")
        person.type("o")
        assert "1 mail on Anna Lindqvist (lead 1)" in person.until("q quit")
        assert leads_of(desk, 3) == [(1, "person")]
        person.type("u")
        person.until(KEYS)
        assert leads_of(desk, 3) == []
        person.type("1")
        person.until("Esc")
        person.type("a")
        person.until("q quit")
        person.type("q")
        assert "1 mail attached; nothing waits" in person.ended()[1]
    assert leads_of(desk, 3) == [(1, "address")]
    assert ["staff:1", "lead-address-add"] in desk.sql("SELECT actor, action FROM audit")


def test_another_lead_is_found_by_a_part_of_its_name_and_settles_mail_with_nobody_outside(desk):
    with at_work(desk, "--why", "no-outside-party") as person:
        assert "Nobody outside is on it." in person.until(KEYS)
        person.type("l")
        person.until("Lead (")
        person.type("nobody of that name\n")
        assert "no lead" in person.until(KEYS)
        person.type("l")
        person.until("Lead (")
        person.type("lindq\n")
        assert "That was the last one." in person.until("q quit")
        person.type("q")
        assert person.ended()[0] == 0
    assert leads_of(desk, 4) == [(1, "person")]


def test_all_mail_of_an_address_is_dismissed_with_one_key_and_comes_back_with_another(desk):
    with at_work(desk, "--oldest") as person:
        assert "1 more mail of it waits" in person.until("D all 2")
        person.type("D")
        assert "2 mails of news@shop.example dismissed" in person.until(KEYS)
        assert waiting(desk) == [3, 4, 5]
        person.type("u")
        person.until("D all 2")
        assert waiting(desk) == [1, 2, 3, 4, 5]
        person.type("s")
        assert "Sale 2" in person.until(KEYS)
        person.type("b")
        assert "Sale 1" in person.until(KEYS)
        person.type("d")
        person.until(KEYS)
        person.type("q")
        assert "1 mail dismissed; 4 mails still wait" in person.ended()[1]
    assert waiting(desk) == [2, 3, 4, 5]


def test_what_is_never_to_be_logged_again_is_one_key_away(desk):
    with at_work(desk, "--address", "news@shop.example") as person:
        person.until(KEYS)
        person.type("n")
        assert "of all of shop.example" in person.until("Esc")
        person.type("d")
        assert "mail of *.shop.example is not kept from now on, 2 mails dismissed" in person.until("q quit")
        assert desk.sql("SELECT pattern, mode FROM never_log") == [["*.shop.example", "drop-message"]]
        person.type("u")
        person.until(KEYS)
        assert desk.sql("SELECT count(*) FROM never_log") == [[0]]
        assert waiting(desk) == [1, 2, 3, 4, 5]
        person.type("q")
        person.ended()


def test_ctrl_c_leaves_what_was_decided_and_a_resized_terminal_is_drawn_anew(desk):
    with at_work(desk) as person:
        person.until(KEYS)
        person.type("d")
        person.until(KEYS)
        person.resize(60, 40)
        page = person.until(KEYS)
        assert max(map(len, page.splitlines())) <= 60
        person.type("c")
        person.until("Name: ")
        person.type("Q")
        person.until("Q")
        person.interrupt()
        assert "nothing was created" in person.until(KEYS)
        for means_nothing in ("\x1b[A", "\x1b", "\x1b[15~", "ä"):
            person.type(means_nothing)
            person.until(KEYS)
        person.type("e")
        assert "Direction" in person.until("any key")
        person.type("x")
        person.until(KEYS)
        person.type("\x03")
        status, said = person.ended()
        assert status == 130
        assert "1 mail dismissed; 4 mails still wait" in said
    assert waiting(desk) == [1, 2, 3, 4]


def test_what_somebody_else_settles_meanwhile_is_said_and_a_locked_database_ends_nothing(desk):
    with at_work(desk) as person:
        person.until(KEYS)
        desk.run("attach", "5", "1")
        person.type("d")
        assert "message 5 was settled meanwhile" in person.until(KEYS)
        person.type("q")
        person.ended()
    assert leads_of(desk, 5) == [(1, "person")]


def test_without_a_terminal_the_plain_commands_are_named(desk):
    told = desk.run("unresolved", "work", status=2)
    assert "needs a terminal" in told
    assert "lead add --from" in told
    assert told.count("\n") == 1
