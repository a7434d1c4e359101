"""What the addresses of a mail server's copies say: `out+rep=domain`, `in+rep=domain`."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from letters import ANNA, BOSS, CRM, OURS, REP, mail, people, record, records

from relay.attribution import tag
from relay.attribution.directory import Directory
from relay.mail.address import Address

OUT, IN = "out+rep=our.example@relay.example", "in+rep=our.example@relay.example"
IN_BOSS = "in+boss=our.example@relay.example"
OUTSIDE = "list-bounces@lists.example"


def verdict(one):
    return one.verdict.direction.value, one.verdict.reason


# -- reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "whose"),
    [
        ("out+rep=our.example", "out", "rep@our.example"),
        ("in+rep=our.example", "in", "rep@our.example"),
        ("OUT+Rep=Our.EXAMPLE", "out", "Rep@our.example"),
        ("out.rep=our.example", "out", "rep@our.example"),
        ("in-rep=our.example", "in", "rep@our.example"),
        ("in+first.last-name=mail.our.example", "in", "first.last-name@mail.our.example"),
        ("out+rep+news=our.example", "out", "rep+news@our.example"),
        ("out+in-house=our.example", "out", "in-house@our.example"),
        ("in+SRS0=Ab=cd=other.example=rep=our.example", "in", "SRS0=Ab=cd=other.example=rep@our.example"),
        ("in+me-smith=our.example", "in", "me-smith@our.example"),
        ("in+deal-4=our.example", "in", "deal-4@our.example"),
        ("in+xn--jrg-sna=xn--bcher-kva.example", "in", "xn--jrg-sna@xn--bcher-kva.example"),
        ("in+jürgen=our.example", "in", "jürgen@our.example"),
    ],
)
def test_a_tag_names_an_address(text, kind, whose):
    (found,) = tag.read(text)
    assert (found.kind, str(found.whose)) == (kind, whose)
    assert tag.stands_alone(text)
    assert tag.read(str(found)) == (found,), "its written form is read the same"


def test_tags_are_joined_with_others_and_with_each_other():
    joined = "deal-42+out+rep=our.example+in+boss=our.example+lead-7"
    assert list(map(str, tag.read(joined))) == ["deal-42", "out+rep=our.example", "in+boss=our.example", "lead-7"]


@pytest.mark.parametrize("text", ["out+", "in+rep", "out+rep=localhost", "in+=our.example", "out+rep=", "checkin+a=b.example", "out+a=b..example"])  # fmt: skip
def test_what_names_no_address_is_unknown_and_kept(text):
    found = tag.read(text)
    assert [one.kind for one in found] == ["unknown"]
    assert tag.is_unknown(str(found[0]))


def test_words_of_every_day_are_no_capture_addresses():
    for local in ("in.box", "out-of-office", "in-voice", "input", "outlook=x.example", "in", "out"):
        assert not OURS.is_capture(Address(local, "relay.example")), local
    for local in (
        "out+x",
        "in+rep=our.example",
        "in-rep=our.example",
        "crm+in+rep=our.example",
        "CRM.out.rep=our.example",
    ):
        assert OURS.is_capture(Address(local, "relay.example")), local


def test_a_company_domain_that_is_also_the_capture_host_needs_the_capture_name_in_front():
    here = Directory(domains=frozenset({"our.example"}), capture=frozenset({"crm@our.example"}))
    assert not here.is_capture(Address("in+rep=our.example", "our.example"))
    assert here.is_capture(Address("crm+in+rep=our.example", "our.example"))


@given(st.text(alphabet="outin+.-=abmedlx@é", max_size=300))
def test_reading_takes_anything_and_its_written_form_is_read_the_same(text):
    for one in tag.read(text):
        assert one.value
        assert one.kind == "unknown" or tag.read(str(one))[0] == one


@pytest.mark.parametrize("piece", ["out+", "in+a=", "in+a=b.", "+in.", "=", "in+a=b.c!", "-in-a=b"])
def test_reading_is_quick_for_the_longest_address(piece):
    text = (piece * 512)[:512]
    began = time.process_time()
    for _ in range(20):
        tag.read(text)
    assert time.process_time() - began < 1.0


# -- meaning ---------------------------------------------------------------------------------------


def test_out_and_in_say_who_it_was_and_leave_an_honest_header_alone():
    sent = record(mail(), forward_paths=(OUT,))
    assert verdict(sent) == ("outgoing", "author-ours")
    assert (sent.staff_id, sent.handed_in_by, sent.route, sent.defects) == (1, 1, "bcc", ())
    assert sent.tags == ("out+rep=our.example",)
    came = record(mail(from_=ANNA, to=REP), reverse_path="anna@lead.example", forward_paths=(IN,))
    assert verdict(came) == ("incoming", "author-outside")
    assert (came.staff_id, came.handed_in_by) == (1, 1)
    assert people(came) == {"anna@lead.example": "from", "rep@our.example": "to"}


@pytest.mark.parametrize("to", ["", "undisclosed-recipients:;", "sales@lists.example"])
def test_in_makes_the_receiver_of_a_blind_copy_or_a_list_a_party_and_the_person_on_it(to):
    one = record(mail(from_=ANNA, to=to), reverse_path=OUTSIDE, forward_paths=(IN_BOSS,))
    assert verdict(one) == ("incoming", "author-outside")
    assert people(one)["boss@our.example"] == "bcc"
    assert (one.staff_id, one.handed_in_by) == (2, 2)


def test_several_receivers_are_all_parties_and_named_ones_keep_their_role():
    one = record(mail(from_=ANNA, to=REP), reverse_path="anna@lead.example", forward_paths=(IN, IN_BOSS))
    assert people(one) == {"anna@lead.example": "from", "rep@our.example": "to", "boss@our.example": "bcc"}
    assert one.staff_id == 1


def test_mail_among_us_stays_internal_when_both_ends_are_copied():
    one = record(mail(to=BOSS), forward_paths=(OUT, IN_BOSS))
    assert verdict(one) == ("internal", "only-ours")
    blind = record(mail(to=""), forward_paths=(OUT, IN_BOSS))
    assert verdict(blind) == ("internal", "only-ours")


def test_mail_to_a_lead_and_a_colleague_stays_outgoing_with_the_colleague_on_it():
    one = record(mail(to=ANNA), forward_paths=(OUT, IN_BOSS))
    assert verdict(one) == ("outgoing", "author-ours")
    assert people(one)["boss@our.example"] == "bcc"
    assert (one.staff_id, one.handed_in_by) == (1, 1)


def test_who_sent_it_is_known_also_where_the_author_is_a_role_address():
    one = record(mail(from_="sales@our.example", Cc=BOSS), forward_paths=(OUT,), reverse_path="rep@our.example")
    assert verdict(one) == ("outgoing", "author-ours")
    assert (one.staff_id, one.handed_in_by) == (1, 1)


def test_sent_by_us_in_a_name_that_nobody_told_us_of_is_outgoing():
    for to in (ANNA, ""):
        one = record(mail(from_="Rep <rep.private@freemail.example>", to=to, Cc=""), forward_paths=(OUT,))
        assert verdict(one) == ("outgoing", "tag-out")
        assert one.staff_id == 1
    nameless = record(mail(from_=""), forward_paths=(OUT,))
    assert verdict(nameless) == ("outgoing", "tag-out")


def test_a_contact_form_and_a_mailbox_that_redirects_stay_incoming():
    form = record(
        mail(from_=ANNA, to=BOSS), reverse_path="www@our.example", forward_paths=("out+www=our.example@relay.example",)
    )
    assert verdict(form) == ("incoming", "author-outside")
    assert form.staff_id == 2
    form = record(
        mail(from_=ANNA, to=BOSS),
        reverse_path="www@our.example",
        forward_paths=("out+www=our.example@relay.example", IN_BOSS),
    )
    assert verdict(form) == ("incoming", "author-outside")
    redirected = record(mail(from_=ANNA, to=f"{REP}, carl@other.example"), forward_paths=(OUT,))
    assert verdict(redirected) == ("incoming", "author-outside")


def test_a_forged_author_of_ours_is_incoming_and_no_mail_of_his():
    for to in (BOSS, "", "undisclosed-recipients:;"):
        one = record(mail(from_=REP, to=to), reverse_path="thief@evil.example", forward_paths=(IN_BOSS,))
        assert verdict(one) == ("incoming", "tag-in")
        assert (one.staff_id, one.handed_in_by) == (2, 2)


def test_a_program_or_list_that_writes_to_a_lead_in_our_name_stays_outgoing():
    one = record(mail(from_=REP, to=ANNA), reverse_path="bounce@mailer.example", forward_paths=(IN,))
    assert verdict(one) == ("outgoing", "author-ours")
    assert one.staff_id == 1


def test_our_own_mail_is_not_forged_by_being_received():
    for reverse in ("rep@our.example", None, "rep@private.example"):
        one = record(mail(from_=REP, to=BOSS), reverse_path=reverse, forward_paths=(IN_BOSS,))
        assert verdict(one) == ("internal", "only-ours")


def test_mail_without_an_author_that_came_in_is_incoming():
    one = record(mail(from_="", to=BOSS), reverse_path=None, forward_paths=(IN_BOSS,))
    assert verdict(one) == ("incoming", "tag-in")


def test_a_tag_that_a_header_shows_proves_nothing():
    one = record(mail(from_=ANNA, to=f"{REP}, {OUT}"), reverse_path="anna@lead.example", forward_paths=(CRM,))
    assert verdict(one) == ("incoming", "author-outside")
    assert one.handed_in_by is None
    assert one.tags == ("out+rep=our.example",)


def test_a_tag_of_a_stranger_is_no_proof_and_says_so():
    one = record(mail(from_=ANNA), reverse_path="anna@lead.example", forward_paths=(OUT,), admitted_by="spf")
    assert verdict(one) == ("incoming", "author-outside")
    assert "tag-not-trusted" in one.defects
    for rule in ("lmtp", "deliver"):
        assert record(mail(), forward_paths=(OUT,), admitted_by=rule).defects == ()


def test_a_tag_for_an_address_that_is_not_ours_or_cannot_be_read_is_a_defect():
    wrong = record(mail(), forward_paths=("out+anna=lead.example@relay.example",))
    assert wrong.defects == ("tag-not-ours",)
    assert "lead.example" not in str(wrong.handed_in_by)
    unread = record(mail(), forward_paths=("out+rep@relay.example",))
    assert unread.defects == ("unknown-tag",)
    assert verdict(unread) == ("outgoing", "author-ours")


def test_a_forward_by_one_of_us_is_read_as_a_forward_also_when_the_server_copied_it():
    inner = mail(from_=ANNA, to=REP, subject="Question")
    (one,) = records(mail(to=CRM, subject="Fwd: Question", attached=(inner,)), forward_paths=(CRM, OUT))
    assert (one.route, one.author.key, one.handed_in_by) == ("attached", "anna@lead.example", 1)
    assert verdict(one) == ("incoming", "author-outside")
