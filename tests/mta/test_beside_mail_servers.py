"""What an operator is promised who puts our fragments into Postfix or Exim: every mail is copied once, to the right
lead, in the right direction, with the right person, and none is lost while we are away."""

from __future__ import annotations

import pytest
from mailbuilder import message
from neighbours import Exim, Neighbours, Postfix, missing_exim, missing_postfix, until
from others import closed_to_others
from running import CAPTURE

BOB, CAROL, ANNA = "bob@example.org", "carol@example.org", "anna@lead.example"
OUT_BOB, IN_BOB = "out+bob=example.org@crm.example.org", "in+bob=example.org@crm.example.org"
IN_CAROL = "in+carol=example.org@crm.example.org"

WAYS = [
    pytest.param(
        (server, way),
        id=f"{server.__name__.lower()}-{way}",
        marks=(
            pytest.mark.skipif(bool(why), reason=why or "here"),
            # The pipe's user is nobody.
            pytest.mark.skipif(way == "pipe" and bool(closed_to_others()), reason=closed_to_others() or "here"),
            # With `--dist loadgroup` each server is started by one worker instead of by all.
            pytest.mark.xdist_group(f"{server.__name__} {way}"),
        ),
    )
    for server, why in ((Postfix, missing_postfix()), (Exim, missing_exim()))
    for way in ("lmtp", "smtp", "pipe")
]


@pytest.fixture(scope="session")
def started():
    """Each server once, in whatever order the tests come."""
    running = {}
    yield running
    try:
        for each in running.values():
            each.relay.verify()
    finally:
        for each in running.values():
            each.close()


@pytest.fixture(params=WAYS)
def mta(request, started):
    server, way = request.param
    if request.param not in started:
        made = server.__new__(server)
        try:
            made.__init__(way)
        except BaseException:
            Neighbours.close(made)  # a mail server that does not start leaves no relay behind
            raise
        started[request.param] = made
    return started[request.param]


_numbers = iter(range(10**6))


@pytest.fixture
def name():
    return f"<{next(_numbers)}@example.org>"


def test_what_our_people_send_is_outgoing_on_the_lead_copied_once(mta, name):
    mta.send(message(message_id=name), BOB, ANNA)
    found = mta.filed(name)
    assert (found["direction"], found["reason"], found["staff"]) == ("outgoing", "author-ours", "Bob")
    assert (found["leads"], found["copies"], found["to"]) == (["Anna"], 1, [OUT_BOB])
    assert (found["reverse_path"], found["defects"]) == (BOB, "[]")
    assert found["admitted_by"] == {"smtp": "network"}.get(mta.way, "lmtp")


def test_what_our_people_receive_is_incoming_with_everybody_on_it_also_in_bcc(mta, name):
    mail = message(from_="Anna <anna@lead.example>", to=BOB, message_id=name)
    mta.send(mail, ANNA, BOB, CAROL)
    found = mta.filed(name)
    assert (found["direction"], found["staff"], found["leads"]) == ("incoming", "Bob", ["Anna"])
    assert (found["copies"], found["to"], found["reverse_path"]) == (1, [IN_BOB, IN_CAROL], ANNA)
    assert found["parties"] == {ANNA: "from", BOB: "to", CAROL: "bcc"}


def test_mail_to_a_list_or_undisclosed_recipients_belongs_to_the_receiver(mta, name):
    mail = message(from_="Anna <anna@lead.example>", to="undisclosed-recipients:;", message_id=name)
    mta.send(mail, "list-bounces@lists.example", CAROL)
    found = mta.filed(name)
    assert (found["direction"], found["staff"], found["leads"]) == ("incoming", "Carol", ["Anna"])


def test_a_mail_to_a_lead_and_a_colleague_is_one_copy_with_both(mta, name):
    mta.send(message(to=f"{ANNA}, {CAROL}", message_id=name), BOB, ANNA, CAROL)
    found = mta.filed(name)
    assert (found["direction"], found["staff"], found["copies"]) == ("outgoing", "Bob", 1)
    assert found["to"] == [IN_CAROL, OUT_BOB]


def test_mail_among_us_is_internal(mta, name):
    mta.send(message(to=CAROL, message_id=name), BOB, CAROL)
    found = mta.filed(name)
    assert (found["direction"], found["leads"], found["copies"]) == ("internal", [], 1)


def test_a_capture_address_in_bcc_beside_the_copies_is_no_second_copy(mta, name):
    mta.send(message(message_id=name), BOB, ANNA, CAPTURE)
    mta.relay.until(
        "SELECT count(*) = 2 FROM envelope_recipient r JOIN envelope e ON e.id = r.envelope_id "
        "JOIN message m ON m.id = e.message_id WHERE m.internet_message_id = ?", name.strip("<>"),
    )  # fmt: skip
    found = mta.filed(name)
    assert (found["to"], found["leads"]) == ([CAPTURE, OUT_BOB], ["Anna"])
    # Exim sends the two apart, since bounces of copies go to the postmaster: one message all the same.
    assert found["copies"] == (2 if isinstance(mta, Exim) else 1)


def test_mail_from_the_capture_host_is_not_copied(mta, name):
    mta.send(message(from_=CAPTURE, to="x@lead.example", message_id=name), CAPTURE, "x@lead.example", CAPTURE)
    found = mta.filed(name)
    assert found["to"] == [CAPTURE]


def test_a_forged_sender_is_no_mail_of_ours(mta, name):
    mta.send(message(from_="Bob <bob@example.org>", to=CAROL, message_id=name), "thief@evil.example", CAROL)
    found = mta.filed(name)
    assert (found["direction"], found["reason"], found["staff"]) == ("incoming", "tag-in", "Carol")
    assert found["reverse_path"] == "thief@evil.example"


def test_an_outsider_with_an_odd_address_and_the_null_sender_come_through(mta, name):
    mta.send(message(from_="Anna <anna@lead.example>", to=BOB, message_id=name), "", BOB)
    found = mta.filed(name)
    assert (found["reverse_path"], found["direction"]) == ("", "incoming")
    other = name.replace("@", ".2@")
    mta.send(message(from_="Anna <anna@lead.example>", to=BOB, message_id=other), "o'neil+x=y/z@lead.example", BOB)
    assert mta.filed(other)["reverse_path"] == "o'neil+x=y/z@lead.example"


def test_octets_arrive_as_they_were_sent(mta, name):
    text = "Dear Anna,\n.a dot\n..two\nFrom the beginning of a line\n\nlast line without a blank one behind it\n"
    mta.send(message(text=text, message_id=name), BOB, ANNA)
    mta.filed(name)
    raw = mta.relay.run("raw", name).replace("\r\n", "\n")
    assert raw.endswith(f"\n\n{text}"), raw
    assert not raw.startswith("From ")


def test_mail_waits_while_we_are_down_and_comes_once(mta, name):
    mta.relay.stop()
    try:
        mta.send(message(message_id=name), BOB, ANNA)
        defer = "status=deferred" if isinstance(mta, Postfix) else "== "
        mta.logged("out+bob=example.org@crm.example.org", defer)
    finally:
        mta.relay.start()
    mta.try_again()
    found = mta.filed(name)
    assert (found["copies"], found["to"], found["leads"]) == (1, [OUT_BOB], ["Anna"])
    mta.try_again()
    assert mta.filed(name)["copies"] == 1


def test_who_misspells_a_capture_address_is_told_and_copies_trouble_nobody(mta, name):
    mta.send(message(to="nosuch@crm.example.org", message_id=name), BOB, "nosuch@crm.example.org", CAPTURE)
    # Exim makes no copies of mail that goes to capture addresses only.
    assert mta.filed(name)["to"] == ([CAPTURE] if isinstance(mta, Exim) else [CAPTURE, OUT_BOB])
    if mta.way == "pipe":  # 0 or 75 is all that a pipe can say: who made the mistake is told by the log
        mta.logged("not for nosuch@crm.example.org: 550 5.1.1")
    else:
        until(mta.bounces, lambda: mta.log()[-3000:])
        assert "no such capture address" in mta.bounces()[0]


@pytest.mark.skipif(bool(missing_postfix()), reason=missing_postfix() or "here")
class TestPostfix:
    def test_always_bcc_is_filed_by_its_header(self, name):
        mta = Postfix("lmtp", "sender_bcc_maps =\nrecipient_bcc_maps =\nalways_bcc = crm@crm.example.org")
        try:
            mta.send(message(message_id=name), BOB, ANNA)
            found = mta.filed(name)
            assert (found["direction"], found["leads"], found["to"]) == ("outgoing", ["Anna"], [CAPTURE])
        finally:
            mta.close()

    @pytest.mark.parametrize("way", ["lmtp", "smtp"])
    def test_each_recipient_has_its_own_fate(self, way, name):
        """A hundred are taken, the rest is put off (452) and comes with the next transaction; a wrong one is refused."""
        mta = Postfix(way)
        try:
            many = [f"lead-{number}@crm.example.org" for number in range(1, 121)]
            mta.send(message(message_id=name), "x@lead.example", *many, "nosuch@crm.example.org")
            mta.logged("<lead-1@crm.example.org>", "status=sent", "250 2.0.0 accepted as ")
            mta.logged("<nosuch@crm.example.org>", "status=bounced", "550 5.1.1")

            def sent():
                return sum("status=sent" in line and "@crm.example.org" in line for line in mta.log().splitlines())

            def all_sent():
                mta.try_again()  # each time: a flush in the middle of the first attempt does not count for its rest
                return sent() == 120

            until(all_sent, lambda: f"{sent()}\n{mta.log()[-2000:]}")
            assert mta.filed(name)["copies"] == 2
        finally:
            mta.close()

    def test_one_recipient_at_a_time_it_is_one_message_too(self, name):
        """As recipes for other LMTP servers have it."""
        mta = Postfix("lmtp", "bccrelay_destination_recipient_limit = 1")
        try:
            mta.send(message(from_="Anna <anna@lead.example>", to=BOB, message_id=name), ANNA, BOB, CAROL)
            mta.relay.until("SELECT count(*) = 2 FROM envelope")
            assert mta.filed(name)["to"] == [IN_BOB, IN_CAROL]
        finally:
            mta.close()

    def test_the_maps_copy_ours_and_nobody_else(self, tmp_path):
        import subprocess

        from neighbours import FRAGMENTS

        asked = {
            ("out", "Bob.Lee+x@example.org"): "out+Bob.Lee+x=example.org@crm.example.org",
            ("in", "bob@example.org"): "in+bob=example.org@crm.example.org",
            ("out", "bob@notexample.org"): "",
            ("out", "bob@example.org.evil.example"): "",
            ("out", "crm@crm.example.org"): "",
            ("in", "out+bob=example.org@crm.example.org"): "",
            ("out", '"a b"@example.org'): "",
        }
        (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n")
        for (which, address), expected in asked.items():
            table = f"regexp:{FRAGMENTS}/postfix/bcc-relay-{which}"
            done = subprocess.run(
                ["/usr/sbin/postmap", "-c", tmp_path, "-q", address, table], capture_output=True, text=True
            )
            assert (done.stdout.strip(), done.stderr) == (expected, ""), address
