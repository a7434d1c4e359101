"""Unresolved mail by plain commands, for scripts and for people without a terminal: the same as at the desk."""

from __future__ import annotations

import json

from mailbuilder import message
from running import CAPTURE


def ids(page: str) -> list[int]:
    return [row["message_id"] for row in json.loads(page)]


def test_the_list_is_narrowed_by_reason_colleague_address_and_domain(desk):
    assert ids(desk.say("unresolved", "--json", "--why", "no-outside-party")) == [4]
    assert sorted(ids(desk.say("unresolved", "list", "--json", "--address", "News@SHOP.example"))) == [1, 2]
    assert ids(desk.say("unresolved", "--json", "--domain", "@lindqvist.example")) == [3]
    assert ids(desk.say("unresolved", "--json", "--domain", "example")) != [], "domains below it count"
    assert len(ids(desk.say("unresolved", "--json", "--staff", "Bob Baker"))) == 5
    page = desk.say("unresolved", "--address", "news@shop.example", "--limit", "1")
    assert "older: bcc-relay unresolved --address news@shop.example --before 2" in page
    assert "is not an address" in desk.say("unresolved", "--address", "nobody", status=1)
    assert "is not a domain" in desk.say("unresolved", "--domain", "no domain", status=1)


def test_five_hundred_mails_are_sixty_addresses(desk):
    rows = json.loads(desk.say("unresolved", "list", "--by-address", "--json"))
    assert [(row["address"], row["message_count"]) for row in rows] == [
        ("news@shop.example", 2), ("greta@lindqvist.example", 1), ("max.maier@gmail.com", 1),
    ]  # fmt: skip
    columns = [row[0] for row in desk.sql("SELECT name FROM pragma_table_info('unresolved_address')")]
    assert list(rows[0]) == columns
    assert rows[0]["message_id"] == 2
    narrowed = json.loads(desk.say("unresolved", "--by-address", "--json", "--domain", "shop.example"))
    assert narrowed == rows[:1]
    page = desk.say("unresolved", "--by-address")
    assert "news@shop.example" in page
    assert "\x07" not in page


def test_all_mail_of_an_address_is_dismissed_and_restored_with_the_name_of_who_decided(desk):
    told = desk.say("unresolved", "dismiss", "--address", "news@shop.example", "--by", "Bob Baker")
    assert told == "2 messages dismissed\n"
    assert desk.sql("SELECT message_id, dismissed_by FROM dismissal ORDER BY 1") == [[1, 1], [2, 1]]
    assert desk.sql("SELECT DISTINCT actor FROM audit WHERE action = 'dismiss'") == [["staff:1"]]
    assert "nothing of news@shop.example waits" in desk.say("unresolved", "dismiss", "--address", "news@shop.example")
    assert "2 messages restored" in desk.say("unresolved", "restore", "--address", "news@shop.example")
    assert "was not dismissed" in desk.say("unresolved", "restore", "1")
    assert len(ids(desk.say("unresolved", "--json"))) == 5
    for wrong in (["dismiss"], ["dismiss", "1", "--address", "a@b.example"], ["restore"]):
        assert "name messages" in desk.say("unresolved", *wrong, status=2)


def test_attach_and_detach_say_in_a_line_what_happened_and_who_keeps_it(desk):
    desk.say("unresolved", "dismiss", "3")
    assert desk.say("attach", "3", "1") == (
        "message 3: on Anna Lindqvist (lead 1) by your word; the dismissal is taken back\n"
    )
    desk.say("lead", "add", "Greta", "greta@lindqvist.example")
    told = desk.say("attach", "3", "1", "--by", "Bob Baker")
    assert "by Bob Baker's word (on Anna Lindqvist before, by person); Greta (lead 2) keeps it too" in told
    assert desk.sql("SELECT decided_by FROM explicit_attribution WHERE message_id = 3") == [[1]]
    assert "message 3 is on Greta (lead 2), Anna" not in desk.say("unresolved", "dismiss", "3", status=1)
    assert desk.say("detach", "3", "1") == (
        "message 3: off Anna Lindqvist (lead 1) by your word; Greta (lead 2) keeps it\n"
    )
    assert "was not on Anna Lindqvist (lead 1)" in desk.say("detach", "1", "1")
    told = desk.say("detach", "3", "2")
    assert "on no lead now, so it waits in `bcc-relay unresolved`" in told
    desk.say("visibility", "5", "withdrawn")
    told = desk.say("attach", "5", "1", status=1)
    assert told == (
        "bcc-relay: message 5 is withdrawn, so no timeline would show it; `bcc-relay visibility 5 all` comes first\n"
    )


def test_a_lead_is_made_of_a_mail_with_name_organization_and_all_its_mail(desk):
    told = desk.say("lead", "add", "--from", "1")
    assert "lead 2 is Shop <news@shop.example>, shop.example" in told
    assert "2 messages found" in told
    desk.say("lead", "add", "--from", "3")
    assert desk.sql("SELECT name, organization FROM lead WHERE id = 3") == [["Greta", "Lindqvist AB"]], (
        "the organization of those who are there in the same domain"
    )
    told = desk.say("lead", "add", "--from", "4", status=1)
    assert "no party outside; give a NAME" in told
    assert "lead 4 is Myself" in desk.say("lead", "add", "Myself", "--from", "4")
    assert desk.sql("SELECT reason FROM lead_message WHERE message_id = 4") == [["person"]]
    assert "is no party outside of message 5" in desk.say(
        "lead", "add", "--from", "5", "--party", "x@y.example", status=1
    )
    assert "--party belongs to --from" in desk.say("lead", "add", "X", "--party", "x@y.example", status=2)


def test_a_forward_that_does_not_say_who_wrote_it_becomes_a_lead_by_name(relay):
    text = (
        "please call him\n\n---------- Forwarded message ---------\nFrom: Max Power\n"
        "Date: Wed, Oct 27, 2021 at 9:31 AM\nSubject: Question\nTo: Bob <bob@example.org>, Eve <eve@y.example>\n\nhi\n"
    )
    relay.filed(*relay.send(message(to=CAPTURE, subject="Fwd: Question", text=text, message_id="<f@example.org>")))
    assert ids(relay.say("unresolved", "--json", "--why", "sender-not-recovered")) == [1]
    told = relay.say("lead", "add", "--from", "1")
    assert "lead 1 is Max Power" in told
    assert relay.sql("SELECT count(*) FROM lead_address") == [[0]], "Eve got it, she did not write it"
    assert relay.sql("SELECT lead_id, reason FROM lead_message") == [[1, "person"]]


def test_a_mail_with_many_parties_costs_the_list_little_and_keeps_its_party(relay):
    crowd = ", ".join(f"p{n}@x{n % 7}.example" for n in range(300))
    relay.filed(
        *relay.send(message("Zoe <zoe@new.example>", f"bob@example.org, {crowd}", message_id="<crowd@new.example>"))
    )
    [row] = json.loads(relay.say("unresolved", "--json"))
    assert (row["party_address"], row["party_name"], row["party_count"]) == ("zoe@new.example", "Zoe", 301)
    told = relay.say("lead", "add", "--from", "1", "--party", "p7@x0.example")
    assert "lead 1 is p7@x0.example, x0.example" in told
