"""Each rule of admission, over SMTP, from the client that it lets in to the row that tells of it."""

from __future__ import annotations

import json
import time

import dkim
import pytest
from dns_stub import FAILING
from running import CAPTURE
from world import BOB, CUSTOMER, EVE, KIM, TRUSTED, UPSTREAM, key, mail, signed

COLUMNS = "e.admitted_by, p.trust, e.staff_id"


def test_a_valid_signature_of_the_authors_domain_is_proof(world):
    vault_id = world.taken(signed(mail()))
    assert world.facts(vault_id, COLUMNS) == ["dkim", "proved", 1]
    assert world.facts(vault_id, "p.host, p.spf, p.spf_domain, p.dmarc, p.dns_faults") == [
        "mail.client.example", "fail", "example.org", "none", "[]",
    ]  # fmt: skip
    [signature] = world.relay.sql(
        "SELECT s.domain, s.selector, s.result, s.aligned, s.bits FROM envelope e "
        "JOIN envelope_signature s ON s.envelope_id = e.id WHERE e.vault_id = ?",
        vault_id,
    )
    assert signature == ["example.org", "s", "pass", 1, 1024]


def test_a_server_that_the_authors_domain_names_is_proof(world):
    assert world.facts(world.taken(mail(KIM), sender=KIM), COLUMNS) == ["spf", "proved", 2]


def test_both_are_told_and_the_first_admits(world):
    vault_id = world.taken(signed(mail(KIM), "private.example"), sender=KIM)
    assert world.facts(vault_id, "e.admitted_by, p.also") == ["dkim", '["spf"]']


@pytest.mark.parametrize(
    ("content", "sender", "words"),
    [
        (mail, BOB, "no valid DKIM signature or SPF of example.org"),
        (lambda: signed(mail(), "lead.example"), BOB, "no valid DKIM signature or SPF of example.org"),
        (lambda: signed(mail()).replace(b"our offer", b"our order"), BOB, "no valid DKIM signature"),
        (lambda: signed(mail(), length=True) + b"and more\r\n", BOB, "no valid DKIM signature"),
        (lambda: mail(KIM), "x@else.example", "nothing proves that a registered sender wrote this mail"),
        (lambda: signed(mail(CUSTOMER), "lead.example"), CUSTOMER, "nothing proves that a registered sender"),
        (lambda: signed(mail("new@example.org")), BOB, "not a registered sender"),
        (lambda: signed(mail(EVE)), EVE, "not a registered sender"),
        (lambda: signed(mail(), at=time.time() - 9 * 86400), BOB, "signed more than 7 days ago"),
    ],
    ids=[
        "no proof", "another's signature", "a text that was changed", "text added below", "an address outside, unproved",
        "a stranger, proved", "nobody known at our domain", "who has left", "an old signature",
    ],
)  # fmt: skip
def test_what_proves_nothing_is_refused_with_a_sentence(world, content, sender, words):
    code, text = world.say(content(), sender=sender)
    assert code == 550
    assert text.startswith("5.7.1 ")
    assert words in text


def test_strangers_and_our_people_elsewhere_are_refused_in_the_same_words(world):
    """Nobody learns from a refusal who works here."""
    assert world.say(mail(KIM), sender="x@else.example") == world.say(mail("x@else.example"), sender="x@else.example")


def test_dns_that_does_not_answer_puts_the_mail_off(world):
    try:
        world.dns.say("other._domainkey.example.org TXT", *FAILING)
        plain = mail()
        code, text = world.say(dkim.sign(plain, b"other", b"example.org", key()[0]) + plain)
        assert (code, text[:6]) == (451, "4.7.5 ")
    finally:
        world.dns.records.pop("other._domainkey.example.org txt")


def test_full_trust_is_asked_for_nothing(world):
    vault_id = world.taken(mail("x@else.example"), client=TRUSTED, sender="x@else.example")
    assert world.facts(vault_id, "e.admitted_by, p.trust") == ["network", None]


# -- an upstream of ours -------------------------------------------------------------------------------


def said_by(server: str, results: str) -> str:
    return f"Authentication-Results: {server}; {results}\r\n"


def test_an_upstreams_own_topmost_results_are_believed(world):
    content = mail(fields=said_by("mx.example.org", "dkim=pass header.d=example.org"))
    assert world.facts(world.taken(content, client=UPSTREAM), COLUMNS) == ["upstream", "vouched", 1]


@pytest.mark.parametrize(
    "fields",
    [
        "",
        said_by("mx.example.org", "dkim=fail header.d=example.org"),
        said_by("mx.other.example", "dkim=pass header.d=example.org"),
        said_by("mx.example.org", "dkim=pass header.d=else.example"),
        said_by("mx.example.org", "dkim=none") + said_by("mx.example.org", "dkim=pass header.d=example.org"),
    ],
    ids=["none", "a failure", "another server's", "of another domain", "a forged one below"],
)
def test_what_an_upstream_does_not_say_itself_proves_nothing(world, fields):
    code, text = world.say(mail(fields=fields), client=UPSTREAM)
    assert (code, text[:6]) == (550, "5.7.1 ")


def test_results_in_a_mail_from_anybody_else_prove_nothing(world):
    content = mail(
        fields=said_by("mx.example.org", "dkim=pass header.d=example.org; dmarc=pass header.from=example.org")
    )
    assert world.say(content)[0] == 550


# -- a listed sealer -----------------------------------------------------------------------------------


def sealed(content: bytes, domain: str = "sealer.example", results: str = "dkim=pass header.d=example.org") -> bytes:
    stated = f"Authentication-Results: {domain}; {results}\r\n".encode()
    lines = dkim.arc_sign(stated + content, b"s", domain.encode(), key()[0], domain.encode())
    return b"".join(lines) + stated + content


def test_the_seal_of_a_listed_sealer_is_believed(world):
    assert world.facts(world.taken(sealed(mail())), COLUMNS) == ["arc", "vouched", 1]


def test_the_seal_of_anybody_else_is_not(world):
    assert world.say(sealed(mail(), "lead.example"))[0] == 550


def test_a_sealer_that_proved_nothing_proves_nothing(world):
    assert world.say(sealed(mail(), results="dkim=fail header.d=example.org"))[0] == 550


# -- personal addresses --------------------------------------------------------------------------------


def test_a_personal_address_lets_in_marked_as_not_proved_and_is_shown_nowhere(world):
    secret = world.personal("Kim Keen")
    vault_id = world.taken(mail(CUSTOMER, BOB), sender=CUSTOMER, to=(secret,))
    assert world.facts(vault_id, COLUMNS) == ["personal-address", "address only", 2]
    assert "not-proved" in json.loads(str(world.facts(vault_id, "m.defects")[0]))
    assert world.relay.sql(
        "SELECT r.forward_path, o.staff_id FROM envelope e JOIN envelope_recipient r ON r.envelope_id = e.id "
        "JOIN envelope_owner o ON o.envelope_id = e.id WHERE e.vault_id = ?",
        vault_id,
    ) == [["crm+me-...@crm.example.org", 2]]
    token = secret.partition("+me-")[2].partition("@")[0]
    kept = [path for path in world.relay.folder.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert token.encode() not in path.read_bytes(), path


def test_a_personal_address_that_somebody_quotes_is_shown_in_no_text(world):
    body = f"Dear all,\r\nwho is {world.secret.upper()}?\r\n\r\n> To: <{world.secret}>\r\n> Hello\r\n"
    vault_id = world.taken(signed(mail(body=body)))
    world.relay.filed(vault_id)
    [texts] = world.relay.sql(
        "SELECT t.text || m.snippet, t.quoted || t.html FROM envelope e JOIN message m ON m.id = e.message_id "
        "JOIN message_text t ON t.message_id = m.id WHERE e.vault_id = ?",
        vault_id,
    )
    token = world.secret.partition("+me-")[2].partition("@")[0]
    assert token not in str(texts).lower()
    assert "me-..." in str(texts)


def test_a_personal_address_is_kept_from_no_field_that_a_program_may_have_put_it_into(world):
    """Subject, names, a file's name, a link with an escaped plus, the author himself, the reverse-path, HELO."""
    secret = world.personal("Kim Keen")
    token = secret.partition("+me-")[2].partition("@")[0]
    escaped = secret.replace("+", "%2B")
    parts = (
        "--b\r\nContent-Type: text/html\r\n\r\n"
        f'<p>Write to <a href="mailto:{escaped}">us</a></p>\r\n--b\r\nContent-Type: text/plain\r\n'
        f'Content-Disposition: attachment; filename="to {secret}.txt"\r\n\r\nHello\r\n--b--\r\n'
    )
    content = mail(
        f'"{secret}" <{KIM}>',
        f'"{secret}" <{CUSTOMER}>',
        subject=f"Fwd: {secret}",
        fields='MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n',
        body=parts,
    )
    first = world.taken(content, sender=secret, to=(secret,), helo=f"me-{token}")
    second = world.taken(mail(secret), sender=KIM, to=(secret,))
    assert world.facts(first, "m.subject, e.reverse_path") == [
        "Fwd: crm+me-...@crm.example.org",
        "crm+me-...@crm.example.org",
    ]
    assert world.facts(second, "m.author_address") == ["crm+me-...@crm.example.org"]
    for path in (world.relay.database.parent, world.relay.folder / "daemon.log"):
        for kept in path.rglob("*") if path.is_dir() else (path,):
            assert token.encode() not in kept.read_bytes().lower(), kept


def test_a_proved_author_wins_over_the_owner_of_the_address(world):
    vault_id = world.taken(signed(mail(KIM), "private.example"), sender="x@else.example", to=(world.secret,))
    assert world.facts(vault_id, "e.admitted_by, p.also, e.staff_id") == ["dkim", '["personal-address"]', 2]
    assert world.facts(vault_id, "m.defects") == ["[]"]


def test_an_old_signature_counts_beside_a_personal_address(world):
    vault_id = world.taken(signed(mail(), at=time.time() - 9 * 86400), to=(world.secret,))
    assert world.facts(vault_id, COLUMNS) == ["dkim", "proved", 1]


def test_a_wrong_personal_address_is_no_capture_address(world):
    wrong = "crm+me-abcdefghijklmnopqrstuvwxyz@crm.example.org"
    assert world.say(signed(mail()), to=(wrong,)) == world.say(signed(mail()), to=("else@crm.example.org",))


def test_the_address_of_who_left_ends_with_them(world):
    world.relay.run("staff", "add", "Lea Last", "lea@example.org")
    secret = world.personal("Lea Last")
    world.taken(mail("lea@example.org"), to=(secret,))
    world.relay.run("staff", "leave", "Lea Last")
    assert world.say(mail("lea@example.org"), to=(secret,))[0] == 550


def test_a_domain_that_wants_it_refused_is_obeyed_with_a_personal_address_too(world):
    code, text = world.say(mail("bob@strict.example"), to=(world.secret,))
    assert code == 550
    assert "DMARC" in text


def test_notices_without_a_sender_are_taken_at_personal_addresses_only(world):
    assert world.say(signed(mail()), sender="") == (
        550,
        "5.7.1 no bounces and receipts for this capture address; send mail with your address as its sender",
    )
    world.taken(mail("postmaster@else.example"), sender="", to=(world.secret,))


# -- customers who answer to all -----------------------------------------------------------------------


def test_a_customer_who_answers_to_all_is_taken_and_the_colleague_hears_of_it(world):
    offer = "<offer.of.bob@example.org>"
    world.relay.filed(world.taken(signed(mail(message_id=offer))))
    reply = mail(CUSTOMER, f"{BOB}, {CAPTURE}", subject="Re: An offer", fields=f"In-Reply-To: {offer}\r\n")
    vault_id = world.taken(signed(reply, "lead.example"), sender=CUSTOMER)
    assert world.facts(vault_id, COLUMNS) == ["known-thread", "proved", None]
    assert "capture-address-visible" in json.loads(str(world.facts(vault_id, "m.defects")[0]))
    assert world.say(reply, sender=CUSTOMER)[0] == 550, "unproved"
    stranger = mail("eve@lead.example", f"{BOB}, {CAPTURE}", fields=f"In-Reply-To: {offer}\r\n")
    assert world.say(signed(stranger, "lead.example"), sender="eve@lead.example")[0] == 550, "not on the conversation"
    hidden = mail(CUSTOMER, BOB, fields=f"In-Reply-To: {offer}\r\n")
    assert world.say(signed(hidden, "lead.example"), sender=CUSTOMER)[0] == 550, "no capture address in sight"


def test_who_has_left_does_not_come_back_as_a_party_of_a_conversation(world):
    offer = "<offer.to.eve@example.org>"
    world.relay.filed(world.taken(signed(mail(BOB, f"{CUSTOMER}, {EVE}", message_id=offer))))
    reply = mail(EVE, f"{BOB}, {CAPTURE}", subject="Re: An offer", fields=f"In-Reply-To: {offer}\r\n")
    assert world.say(signed(reply), sender=EVE)[0] == 550


# -- what no proof can mend ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code", "enhanced"),
    [
        (lambda: b"From: bob@example.org\r\n" + signed(mail()), 550, "5.6.0"),
        (lambda: signed(mail()).replace(b"From: bob@example.org\r\n", b""), 550, "5.6.0"),
        (lambda: b"X: y\r\n" * 1001 + signed(mail()), 552, "5.6.0"),
        (lambda: b"X-Long: " + b"y" * 270_000 + b"\r\n" + signed(mail()), 552, "5.6.0"),
        (lambda: b"Received: from a by b; x\r\n" * 51 + signed(mail()), 554, "5.4.6"),
        (lambda: b"Received: from a by crm.example.org with SMTP; x\r\n" * 2 + signed(mail()), 554, "5.4.6"),
    ],
    ids=["two From", "no From", "too many fields", "a header too long", "51 Received", "here before"],
)
def test_broken_headers_and_loops_are_refused_however_well_they_are_signed(world, content, code, enhanced):
    got, text = world.say(content())
    assert (got, text[:6]) == (code, f"{enhanced} ")


def test_a_mail_that_came_by_many_servers_is_taken(world):
    world.taken(b"Received: from a by b; x\r\n" * 49 + signed(mail()))
    world.taken(b"Received: from a by b; x\r\n" * 50 + mail(body="Received: x\r\n" * 50), client=TRUSTED)


def test_full_trust_is_no_way_for_a_loop(world):
    assert world.say(b"received: from a by b; x\r\n" * 51 + mail(), client=TRUSTED) == (
        554,
        "5.4.6 the mail has come over too many servers: it goes round in a loop",
    )


def test_the_same_signed_mail_again_is_taken_and_is_the_same_message(world):
    content = signed(mail())
    first, second = world.taken(content), world.taken(content)
    assert first != second
    assert world.facts(first, "m.id") == world.facts(second, "m.id")
