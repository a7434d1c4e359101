"""Who may hand in mail: each rule, what it asks for, and what a refusal tells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.attribution import admission
from relay.attribution.admission import Decision, Facts, Known, Rules, Upstream, admit
from relay.attribution.directory import Directory
from relay.mail import reply
from relay.mail.address import Address
from relay.mail.heading import Heading
from relay.mail.proof import Arc, Dmarc, Proof, Result, Said, Signature, Spf, Trust

NOW = datetime(2026, 2, 2, 12, tzinfo=UTC)
ANN, CID, GONE = 1, 2, 3
OURS = "rep.example"
CRM = "crm@crm.example"
SECRET = "crm+me-abcdefgh@crm.example"
KNOWN = Known(
    Directory(
        domains=frozenset({OURS}),
        capture=frozenset({CRM}),
        staff={"ann@rep.example": ANN, "ann@mail.example": ANN, "cid@rep.example": CID, "gone@rep.example": GONE},
    ),
    {GONE: NOW - timedelta(days=1), CID: NOW + timedelta(days=1)},
)
RULES = Rules(
    (
        Upstream((ip_network("192.0.2.10/32"),), "mx.rep.example"),
        Upstream((ip_network("192.0.2.11/32"),), "mx.rep.example", "MX.rep.example"),
        Upstream((ip_network("192.0.2.12/32"),)),
    ),
    frozenset({"fwd.example", "relay.rep.example"}),
)
MX = "192.0.2.10"
PASS, FAIL, TEMP = Result.PASS, Result.FAIL, Result.TEMPERROR


def signature(domain: str = OURS, result: Result = PASS, age: float = 0.1, near: bool = True) -> Signature:
    return Signature(domain, "s1", result, signed_at=NOW - timedelta(days=age), aligned=near)


def spf(result: Result = PASS, domain: str = OURS, near: bool = True) -> Spf:
    return Spf(result, domain, near)


def arc(*passed: tuple[str, str], sealer: str = "fwd.example", result: Result = PASS, age: float | None = 0.1) -> Arc:
    return Arc(result, sealer, 1, passed, None if age is None else NOW - timedelta(days=age))


def said(*passed: tuple[str, str], by: str = "mx.rep.example") -> Said:
    return Said(by, passed)


def mail(
    author: str = "ann@rep.example",
    *,
    signatures: Iterable[Signature] = (),
    spf: Spf = Spf(),  # noqa: B008  a value
    dmarc: Dmarc = Dmarc(),  # noqa: B008
    arc: Arc = Arc(),  # noqa: B008
    said: Said = Said(),  # noqa: B008
    client: str = "203.0.113.9",
    sender: str | None = "ann@rep.example",
    account: int | None = None,
    certificates: tuple[str, ...] = (),
    owners: tuple[int, ...] = (),
    party: bool | None = False,
    to: Iterable[str] = ("bob@lead.example",),
    proper: bool = True,
) -> Facts:
    head = Heading(
        octets=500, fields=10, from_fields=1, authors=(address(author),),
        recipients=tuple(map(address, to)), date=NOW, proper=proper,
    )  # fmt: skip
    proof = Proof(spf=spf, signatures=tuple(signatures), dmarc=dmarc, arc=arc, said=said)
    reverse = None if sender is None else address(sender)
    return Facts(client, head, proof, reverse, account, certificates, owners, party)


def address(text: str) -> Address:
    found = Address.read(text)
    assert found is not None
    return found


def decided(facts: Facts) -> Decision:
    return admit(facts, KNOWN, RULES, NOW)


REJECT = Dmarc(FAIL, OURS, "reject")
CUSTOMER = "bob@lead.example"
CUSTOMER_SIGNED = signature("lead.example")

ADMITTED = {
    # auth
    "logged in": (mail(account=ANN), "auth", Trust.PROVED, ANN),
    "logged in, another address of hers": (mail("ann@mail.example", account=ANN), "auth", Trust.PROVED, ANN),
    "logged in, with a tag": (mail("ann+x@rep.example", account=ANN), "auth", Trust.PROVED, ANN),
    "logged in, sending on a customer's mail to her personal address": (
        mail(CUSTOMER, account=ANN, owners=(ANN,)), "personal-address", Trust.ADDRESS_ONLY, ANN,
    ),
    "logged in as ann, signed as cid": (mail("cid@rep.example", account=ANN, signatures=[signature()]), "dkim", Trust.PROVED, CID),
    # upstream
    "upstream says dkim": (mail(client=MX, said=said(("dkim", OURS))), "upstream", Trust.VOUCHED, ANN),
    "upstream says dkim of a near domain": (mail(client=MX, said=said(("dkim", "m.rep.example"))), "upstream", Trust.VOUCHED, ANN),
    "upstream says dmarc": (mail(client=MX, said=said(("dmarc", OURS))), "upstream", Trust.VOUCHED, ANN),
    "upstream says spf": (mail(client=MX, said=said(("spf", OURS))), "upstream", Trust.VOUCHED, ANN),
    "upstream by its mapped address": (mail(client="::ffff:192.0.2.10", said=said(("dkim", OURS))), "upstream", Trust.VOUCHED, ANN),
    "upstream with its certificate": (
        mail(client="192.0.2.11", certificates=("mx.rep.example",), said=said(("dkim", OURS))), "upstream", Trust.VOUCHED, ANN,
    ),
    "upstream says a customer's mail was sent on": (
        mail(CUSTOMER, client=MX, said=said(("dkim", "lead.example"), ("spf", OURS))), "upstream", Trust.VOUCHED, ANN,
    ),
    "through an upstream, signed": (mail(client=MX, signatures=[signature()]), "dkim", Trust.PROVED, ANN),
    # dkim
    "signed": (mail(signatures=[signature()]), "dkim", Trust.PROVED, ANN),
    "signed by one of several": (
        mail(signatures=[signature("x.example", near=False), signature(result=FAIL), signature()]), "dkim", Trust.PROVED, ANN,
    ),
    "signed six days ago": (mail(signatures=[signature(age=6.9)]), "dkim", Trust.PROVED, ANN),
    "signed by a clock that is ahead": (mail(signatures=[signature(age=-0.5)]), "dkim", Trust.PROVED, ANN),
    "signed at a mailbox provider": (
        mail("ann@mail.example", signatures=[signature("mail.example")]), "dkim", Trust.PROVED, ANN,
    ),
    "signed long ago, to a personal address": (mail(signatures=[signature(age=99)], owners=(ANN,)), "dkim", Trust.PROVED, ANN),
    "signed by who will leave tomorrow": (mail("cid@rep.example", signatures=[signature()]), "dkim", Trust.PROVED, CID),
    "signed by ann, to cid's personal address": (mail(signatures=[signature()], owners=(CID,)), "dkim", Trust.PROVED, ANN),
    "signed, with the null reverse-path": (mail(signatures=[signature()], sender=None), "dkim", Trust.PROVED, ANN),
    # spf
    "sent by a host of the domain": (mail(spf=spf()), "spf", Trust.PROVED, ANN),
    "sent by a host of a near domain": (
        mail(spf=spf(domain="b.rep.example"), sender="x@b.rep.example"), "spf", Trust.PROVED, ANN,
    ),
    "sent by a host of the domain, signed long ago": (mail(spf=spf(), signatures=[signature(age=99)]), "spf", Trust.PROVED, ANN),
    # arc
    "forwarded by a listed sealer": (mail(arc=arc(("dkim", OURS))), "arc", Trust.VOUCHED, ANN),
    "forwarded, dmarc passed before": (mail(arc=arc(("dmarc", OURS))), "arc", Trust.VOUCHED, ANN),
    "a customer's, sealed by our own house": (
        mail(CUSTOMER, arc=arc(("dkim", "lead.example"), sealer="relay.rep.example"), sender="x@rep.example"),
        "arc", Trust.VOUCHED, None,
    ),
    "a customer's, sealed, sent on by ann's host": (
        mail(CUSTOMER, arc=arc(("dmarc", "lead.example")), spf=spf(near=False)), "arc", Trust.VOUCHED, ANN,
    ),
    # personal-address
    "a customer's, to a personal address": (mail(CUSTOMER, owners=(CID,)), "personal-address", Trust.ADDRESS_ONLY, CID),
    "a customer's with proof, to a personal address": (
        mail(CUSTOMER, owners=(CID,), signatures=[CUSTOMER_SIGNED]), "personal-address", Trust.PROVED, CID,
    ),
    "hers without proof, to her personal address": (mail(owners=(ANN,)), "personal-address", Trust.ADDRESS_ONLY, ANN),
    "a customer's whose domain wants it refused": (
        mail(CUSTOMER, owners=(ANN,), dmarc=Dmarc(FAIL, "lead.example", "reject")),
        "personal-address", Trust.ADDRESS_ONLY, ANN,
    ),
    "hers, the domain only wants to be told": (
        mail(owners=(ANN,), dmarc=Dmarc(FAIL, OURS, "none")), "personal-address", Trust.ADDRESS_ONLY, ANN,
    ),
    "improper, to a personal address": (mail(CUSTOMER, owners=(ANN,), proper=False), "personal-address", Trust.ADDRESS_ONLY, ANN),
    # known-thread
    "a customer answers to all": (
        mail(CUSTOMER, signatures=[CUSTOMER_SIGNED], party=True, to=[CRM]), "known-thread", Trust.PROVED, None,
    ),
    "a customer answers to all, proved by spf": (
        mail(CUSTOMER, spf=spf(domain="lead.example"), sender="bob@lead.example", party=True, to=["crm+deal-4@crm.example"]),
        "known-thread", Trust.PROVED, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ADMITTED)
def test_what_admits(name: str) -> None:
    facts, reason, trust, staff = ADMITTED[name]
    found = decided(facts)
    assert (found.refusal, found.reason, found.trust, found.staff) == (None, reason, trust, staff)


NO_PROOF = reply.not_proved(OURS)
SILENT = reply.NOT_PROVED

REFUSED = {
    "nothing": (mail(), NO_PROOF),
    "not the account": (mail("cid@rep.example", account=ANN), reply.NOT_THE_ACCOUNT),
    "not the account, a customer": (mail(CUSTOMER, account=ANN), reply.NOT_THE_ACCOUNT),
    "an account of who has left": (mail("gone@rep.example", account=GONE), reply.NOT_THE_ACCOUNT),
    "a stranger's results": (mail(said=said(("dkim", OURS))), NO_PROOF),
    "results of another server": (mail(client=MX, said=said(("dkim", OURS), by="evil.example")), NO_PROOF),
    "an upstream without its certificate": (mail(client="192.0.2.11", said=said(("dkim", OURS))), NO_PROOF),
    "an upstream with another certificate": (
        mail(client="192.0.2.11", certificates=("x.example",), said=said(("dkim", OURS))), NO_PROOF,
    ),
    "an upstream whose name nobody has set": (mail(client="192.0.2.12", said=said(("dkim", OURS), by="")), NO_PROOF),
    "an upstream proves somebody else": (mail(client=MX, said=said(("dkim", "eve.example"))), NO_PROOF),
    "an upstream proves a near domain by dmarc": (mail(client=MX, said=said(("dmarc", "x.rep.example"))), NO_PROOF),
    "a customer through an upstream": (mail(CUSTOMER, client=MX, said=said(("dkim", "lead.example"))), SILENT),
    "a customer without proof, sent on through an upstream": (mail(CUSTOMER, client=MX, said=said(("spf", OURS))), SILENT),
    "the spf of an upstream is its own": (mail(client=MX, spf=spf()), NO_PROOF),
    "a signature that fails": (mail(signatures=[signature(result=FAIL)]), NO_PROOF),
    "a signature that is not enough": (mail(signatures=[signature(result=Result.POLICY)]), NO_PROOF),
    "a signature of another house": (mail(signatures=[signature("eve.example", near=False)]), NO_PROOF),
    "a header in two ways": (mail(signatures=[signature()], arc=arc(("dkim", OURS)), proper=False), NO_PROOF),
    "a signature of last week": (mail(signatures=[signature(age=7.1)]), reply.SIGNATURE_OLD),
    "a signature of next week": (mail(signatures=[signature(age=-7)]), reply.SIGNATURE_OLD),
    "a signature of no time": (mail(signatures=[replace(signature(), signed_at=None)]), reply.SIGNATURE_OLD),
    "a signature of last week, elsewhere": (mail("ann@mail.example", signatures=[signature("mail.example", age=9)]), SILENT),
    "an unknown colleague": (mail("new@rep.example", signatures=[signature()]), reply.NOT_REGISTERED),
    "an unknown colleague without proof": (mail("new@rep.example"), NO_PROOF),
    "who has left": (mail("gone@rep.example", signatures=[signature()]), reply.NOT_REGISTERED),
    "another at the mailbox provider": (mail("eve@mail.example", signatures=[signature("mail.example")]), SILENT),
    "a tag at the mailbox provider": (mail("ann+x@mail.example", signatures=[signature("mail.example")]), SILENT),
    "spf of another house": (mail(spf=spf(domain="eve.example", near=False), sender="x@eve.example"), NO_PROOF),
    "spf that fails": (mail(spf=spf(FAIL)), NO_PROOF),
    "spf softly": (mail(spf=spf(Result.SOFTFAIL)), NO_PROOF),
    "spf of another than the reverse-path": (mail(spf=spf(), sender="x@eve.example"), NO_PROOF),
    "spf of a name in HELO": (mail(spf=spf(), sender=None), NO_PROOF),
    "a sealer that is not listed": (mail(arc=arc(("dkim", OURS), sealer="evil.example")), NO_PROOF),
    "a listed house, another name of it": (mail(arc=arc(("dkim", OURS), sealer="x.fwd.example")), NO_PROOF),
    "a chain that fails": (mail(arc=arc(("dkim", OURS), result=FAIL)), NO_PROOF),
    "a chain whose results do not pass": (mail(arc=arc()), NO_PROOF),
    "a chain whose results are another's": (mail(arc=arc(("dkim", "eve.example"))), NO_PROOF),
    "a chain that says spf": (mail(arc=arc(("spf", OURS))), NO_PROOF),
    "a chain of last week": (mail(arc=arc(("dkim", OURS), age=8)), NO_PROOF),
    "a chain of no time": (mail(arc=arc(("dkim", OURS), age=None)), NO_PROOF),
    "a customer's, sealed, sent on by nobody of ours": (
        mail(CUSTOMER, arc=arc(("dkim", "lead.example")), sender="bob@lead.example", spf=spf(domain="lead.example")), SILENT,
    ),
    "a customer's, sealed, sent on in ann's name": (mail(CUSTOMER, arc=arc(("dkim", "lead.example"))), SILENT),
    "a customer's, sent on by ann's host": (mail(CUSTOMER, spf=spf(near=False)), SILENT),
    "a personal address of who has left": (mail(CUSTOMER, owners=(GONE,)), SILENT),
    "a personal address, the domain wants it refused": (mail(owners=(ANN,), dmarc=REJECT), reply.DMARC_REJECT),
    "a personal address, cid's, the same": (mail(owners=(CID,), dmarc=REJECT), reply.DMARC_REJECT),
    "a personal address, her other domain wants it refused": (
        mail("ann@mail.example", owners=(ANN,), dmarc=Dmarc(FAIL, "mail.example", "reject")), reply.DMARC_REJECT,
    ),
    "a personal address, a name below our domain, and the domain wants it refused": (
        mail("boss@hr.rep.example", owners=(ANN,), dmarc=REJECT), reply.DMARC_REJECT,
    ),
    "a stranger": (mail("eve@eve.example", signatures=[signature("eve.example")]), SILENT),
    "a customer": (mail(CUSTOMER, signatures=[CUSTOMER_SIGNED], to=[CRM]), SILENT),
    "a party without proof": (mail(CUSTOMER, party=True, to=[CRM]), SILENT),
    "a party with old proof": (mail(CUSTOMER, signatures=[signature("lead.example", age=8)], party=True, to=[CRM]), SILENT),
    "a party, the address in Bcc": (mail(CUSTOMER, signatures=[CUSTOMER_SIGNED], party=True), SILENT),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_admit(name: str) -> None:
    facts, refusal = REFUSED[name]
    assert decided(facts).refusal == refusal


SIGNED_LATER = signature(result=TEMP)
NEAR_UNKNOWN = Dmarc(TEMP, by="")

UNDECIDED = {
    "a key": mail(signatures=[SIGNED_LATER]),
    "spf": mail(spf=spf(TEMP)),
    "a sealer's key": mail(arc=arc(("dkim", OURS), result=TEMP)),
    "how near a signature must be": mail(signatures=[signature("m.rep.example", near=False)], dmarc=NEAR_UNKNOWN),
    "whether it is to be refused": mail(owners=(ANN,), dmarc=NEAR_UNKNOWN),
    "a key, where all else is to be refused": mail(owners=(ANN,), signatures=[SIGNED_LATER], dmarc=REJECT),
    "a customer's key": mail(CUSTOMER, signatures=[signature("lead.example", TEMP)], party=True, to=[CRM]),
    "a stranger's key": mail("eve@mail.example", signatures=[signature("mail.example", TEMP)]),
}
DECIDED = {
    "a key, proved otherwise": (mail(signatures=[SIGNED_LATER], spf=spf()), "spf"),
    "spf, proved otherwise": (mail(signatures=[signature()], spf=spf(TEMP)), "dkim"),
    "the policy, proved by the very domain": (mail(signatures=[signature()], dmarc=NEAR_UNKNOWN), "dkim"),
    "another's key": (mail(signatures=[signature("eve.example", TEMP, near=False)]), "not-proved"),
    "another's spf": (mail(spf=spf(TEMP, "eve.example", near=False), sender="x@eve.example"), "not-proved"),
    "an old signature": (mail(signatures=[signature(result=TEMP, age=9)]), "not-proved"),
    "a sealer nobody listed": (mail(arc=arc(("dkim", OURS), sealer="x.example", result=TEMP)), "not-proved"),
    "spf of a stranger with proof": (
        mail(
            "eve@mail.example",
            signatures=[signature("mail.example")],
            spf=spf(TEMP, "mail.example"),
            sender="eve@mail.example",
        ),
        "not-proved",
    ),
    "whether a customer's is to be refused": (mail(CUSTOMER, owners=(ANN,), dmarc=NEAR_UNKNOWN), "personal-address"),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_dns_that_does_not_answer_where_it_matters_is_asked_again_later(name: str) -> None:
    found = decided(UNDECIDED[name])
    assert (found.reason, found.refusal) == ("dns-no-answer", reply.DNS_NO_ANSWER)


@pytest.mark.parametrize("name", DECIDED)
def test_dns_that_does_not_answer_elsewhere_changes_nothing(name: str) -> None:
    facts, reason = DECIDED[name]
    assert decided(facts).reason == reason


def test_a_thread_that_cannot_be_looked_up_is_asked_for_later_and_only_where_it_matters() -> None:
    found = decided(mail(CUSTOMER, signatures=[CUSTOMER_SIGNED], party=None, to=[CRM]))
    assert found.refusal == reply.LATER
    assert decided(mail(CUSTOMER, party=None, to=[CRM])).refusal == SILENT
    assert decided(mail(signatures=[signature()], party=None, to=[CRM])).reason == "dkim"


@pytest.mark.parametrize(
    ("head", "refusal"),
    [
        (Heading(octets=100, fields=3), reply.NO_AUTHOR),
        (Heading(octets=100, fields=3, from_fields=1), reply.NO_AUTHOR),
        (Heading(octets=100, fields=3, from_fields=2, authors=(address("ann@rep.example"),)), reply.SEVERAL_AUTHORS),
        (
            Heading(octets=100, fields=3, from_fields=1, authors=(address("a@b.c"), address("d@e.f"))),
            reply.SEVERAL_AUTHORS,
        ),
        (Heading(octets=300_000, fields=3), reply.HEADER_TOO_LONG),
        (Heading(octets=100, fields=1001), reply.HEADER_TOO_LONG),
        (Heading(octets=100, fields=60, from_fields=1, authors=(address("a@b.c"),), received=51), reply.TOO_MANY_HOPS),
    ],
)
def test_what_no_proof_can_mend(head: Heading, refusal: reply.Reply) -> None:
    whole = replace(mail(account=ANN, owners=(ANN,), signatures=[signature()]), heading=head)
    assert decided(whole).refusal == refusal


def test_further_rules_that_hold_are_told_in_their_order() -> None:
    found = decided(mail(account=ANN, signatures=[signature()], spf=spf(), arc=arc(("dkim", OURS)), owners=(ANN,)))
    assert (found.reason, found.also) == ("auth", ("dkim", "spf", "arc", "personal-address"))


@pytest.mark.parametrize(
    ("facts", "defects"),
    [
        (mail(CUSTOMER, signatures=[CUSTOMER_SIGNED], party=True, to=[CRM]), ("capture-address-visible",)),
        (mail(CUSTOMER, owners=(ANN,), to=[SECRET]), ("personal-address-visible",)),
        (mail(signatures=[signature()], owners=(ANN,), to=[CUSTOMER, SECRET]), ("personal-address-visible",)),
        (mail(signatures=[signature()], owners=(ANN,), to=[SECRET]), ()),
        (mail(signatures=[signature()], owners=(ANN,), to=[SECRET, "cid@rep.example"]), ()),
        (mail(signatures=[signature()], to=[CRM, CUSTOMER]), ()),
        (mail(CUSTOMER, owners=(ANN,)), ()),
    ],
)
def test_a_capture_address_in_sight_is_noted(facts: Facts, defects: tuple[str, ...]) -> None:
    assert decided(facts).defects == defects


def test_a_null_reverse_path_of_a_domain_of_ours_is_no_proof_by_spf_for_arc_either() -> None:
    assert (
        decided(mail(CUSTOMER, arc=arc(("dkim", "lead.example")), spf=spf(near=False), sender=None)).refusal == SILENT
    )


# -- what strangers learn ------------------------------------------------------------------------------


def test_nobody_learns_who_works_here() -> None:
    """The same mail from a person of ours and from a stranger of the same domain: the same words, whatever DNS does."""
    for domain in (OURS, "mail.example"):
        for proof in (
            {}, {"signatures": [signature(domain, FAIL)]}, {"signatures": [signature(domain, TEMP)]}, {"spf": spf(TEMP, domain)},
            {"dmarc": Dmarc(FAIL, domain, "reject")}, {"dmarc": Dmarc(TEMP)}, {"signatures": [signature(domain, age=20)]},
            {"arc": arc(("dkim", domain), result=TEMP)}, {"party": True}, {"party": None, "to": [CRM]},
        ):  # fmt: skip
            ours = decided(mail(f"ann@{domain}", sender=f"ann@{domain}", **proof))  # type: ignore[arg-type]
            stranger = decided(mail(f"eve@{domain}", sender=f"eve@{domain}", **proof))  # type: ignore[arg-type]
            assert ours.refusal is not None
            assert ours.refusal == stranger.refusal, proof


def test_refusals_are_one_line_with_an_enhanced_code_and_name_nothing_but_domains_of_ours() -> None:
    found = [refusal for _, refusal in REFUSED.values()]
    found += [reply.DNS_NO_ANSWER, reply.LATER, reply.NULL_REVERSE_PATH, reply.HEADER_TOO_LONG, reply.TOO_MANY_HOPS]
    found += [reply.not_proved("a" * 60 + ".example"), reply.not_proved("a" * 32 + ".example"), reply.NO_AUTHOR]
    for each in found:
        wire = each.wire.decode()
        assert len(wire) < 200
        assert wire.count("\r\n") == 1
        assert wire.isascii()
        assert each.enhanced.startswith(f"{each.code // 100}.")
        assert "@" not in wire
    assert reply.not_proved("a" * 60 + ".example") == reply.NOT_PROVED


# -- more proof never refuses ----------------------------------------------------------------------------

RESULTS = st.sampled_from([PASS, FAIL, TEMP, Result.NONE, Result.POLICY])
DOMAINS = st.sampled_from([OURS, "mail.example", "lead.example", "m.rep.example"])
AUTHORS = ["ann@rep.example", "ann@mail.example", "eve@rep.example", "bob@lead.example", "gone@rep.example"]


def signatures(results: st.SearchStrategy[Result] = RESULTS) -> st.SearchStrategy[Signature]:
    return st.builds(signature, DOMAINS, results, st.sampled_from([0.1, 8.0]), st.booleans())


PASSED = st.lists(st.tuples(st.sampled_from(["dkim", "spf", "dmarc"]), DOMAINS), max_size=2)
FACTS = st.builds(
    mail,
    st.sampled_from(AUTHORS),
    signatures=st.lists(signatures(), max_size=2),
    spf=st.builds(spf, RESULTS, DOMAINS, st.booleans()),
    dmarc=st.builds(Dmarc, RESULTS, st.just(OURS), st.sampled_from(["", "none", "reject"])),
    arc=PASSED.flatmap(lambda passed: st.builds(lambda result: arc(*passed, result=result), RESULTS)),
    said=PASSED.map(lambda passed: said(*passed)),
    client=st.sampled_from(["203.0.113.9", MX, "192.0.2.11"]),
    sender=st.sampled_from([None, *AUTHORS]),
    account=st.sampled_from([None, ANN, GONE]),
    owners=st.sampled_from([(), (ANN,), (GONE,)]),
    party=st.sampled_from([True, False, None]),
    to=st.sampled_from([["bob@lead.example"], [CRM], [SECRET]]),
    proper=st.booleans(),
)


@given(FACTS, signatures(st.just(PASS)))
def test_more_proof_never_refuses(facts: Facts, more: Signature) -> None:
    before = decided(facts)
    proof = replace(facts.proof, signatures=(*facts.proof.signatures, more))
    for richer in (
        replace(facts, proof=proof),
        replace(facts, owners=(*facts.owners, CID)),
        replace(facts, party=True),
        replace(facts, certificates=("mx.rep.example",)),
    ):
        after = decided(richer)
        assert after.admitted or not before.admitted


@given(FACTS)
def test_a_refusal_for_good_is_one_whatever_dns_would_have_said(facts: Facts) -> None:
    found = decided(facts)
    if found.refusal is not None and found.refusal.code >= 500:
        hoped = replace(facts, proof=admission.hopeful(facts))
        again = decided(hoped)
        assert not again.admitted
    if found.admitted:
        assert found.trust is not None


@given(FACTS)
def test_whom_nothing_proves_is_admitted_to_a_personal_address_only(facts: Facts) -> None:
    bare = replace(facts, proof=Proof(dmarc=facts.proof.dmarc), account=None)
    found = decided(bare)
    assert not found.admitted or (found.reason == "personal-address" and found.trust is Trust.ADDRESS_ONLY)
