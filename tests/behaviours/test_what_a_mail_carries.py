"""Behaviours 21 to 23: attachments, hostile octets, sizes."""

from __future__ import annotations

import json
import smtplib
import struct
import subprocess
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

import pytest
from company import BOB, MONDAY
from running import PATIENCE, Relay

PARTS = "SELECT filename, kind FROM part WHERE message_id = ? ORDER BY position"


def picture(word: str, size: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", size) + word.encode() * (size // len(word))


def letter(company, number: int) -> bytes:
    """HTML with a logo and a pasted chart, and a price list."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"], mail["Date"] = company.at("anna"), BOB, f"Prices {number}", MONDAY
    mail["Message-ID"] = f"<{number}@{company.domain}>"
    mail.set_content("Prices")
    mail.add_alternative('<p>Prices <img src="cid:chart@x"> <img src="cid:logo@x"></p>', subtype="html")
    html = mail.get_payload()[1]
    html.add_related(picture(f"chart{number}", 90_000), "image", "png", cid="<chart@x>", filename="chart.png")
    html.add_related(picture("logo", 3_000), "image", "png", cid="<logo@x>", filename="image001.png")
    mail.add_attachment(b"%PDF-1.7 prices", "application", "pdf", filename="prices.pdf")
    return mail.as_bytes()


def test_21_real_attachments_only(company):
    """The PDF is listed, the pasted chart kept, the logo stored once and marked as a signature once it returned."""
    company.lead("Anna")
    messages = [company.file(letter(company, number)) for number in range(3)]
    for message in messages:
        assert company.crm(PARTS, message) == [
            ["chart.png", "inline"],
            ["image001.png", "signature"],
            ["prices.pdf", "attachment"],
        ]
        assert company.of(message, "attachment_count") == 1
    [[digests, stored]] = company.crm(
        "SELECT count(DISTINCT p.digest), count(DISTINCT b.rowid) FROM part p JOIN blob b ON b.digest = p.digest "
        "WHERE p.filename = 'image001.png' AND p.message_id IN (SELECT value FROM json_each(?))", json.dumps(messages),
    )  # fmt: skip
    assert (digests, stored) == (1, 1)


def test_21_dangerous_names_and_contents_are_flagged_never_run_and_kept(company):
    """A rep sees what to be careful with; the octets are what was sent."""
    program = b"MZ\x90\0" + bytes(100)
    mail = company.mail(
        company.at("anna"), BOB,
        attach=(("invoice.pdf.exe", "application/octet-stream", program), ("plan.pdf", "application/pdf", b"%PDF-1.7"),
                ("order.docm", "application/octet-stream", b"PK")),
    )  # fmt: skip
    message = company.file(mail)
    flagged = "SELECT filename, danger FROM part WHERE message_id = ? ORDER BY position"
    assert company.crm(flagged, message) == [
        ["invoice.pdf.exe", "disguised"],
        ["plan.pdf", ""],
        ["order.docm", "macros"],
    ]
    assert company.crm(
        "SELECT hex(b.content) FROM part p JOIN blob b ON b.digest = p.digest WHERE p.message_id = ? AND p.position = 0",
        message,
    ) == [[program.hex().upper()]]
    assert "its name says that it is a document" in company.relay.run("show", str(message))


def test_21_a_winmail_dat_that_cannot_be_unpacked_is_kept(company):
    """What is inside is unpacked (tests/mail/test_outlook.py); what is damaged stays the file that it is, and is told."""
    broken = b"\x78\x9f\x3e\x22\x01\x00\x01\x06\x90\x08\x00\xff\xff\xff\x7f"
    message = company.file(
        company.mail(company.at("anna"), BOB, attach=(("winmail.dat", "application/ms-tnef", broken),))
    )
    assert company.crm(PARTS, message) == [["winmail.dat", "attachment"]]
    assert company.of(message, "defects") == '["outlook-cut"]'


HOSTILE = {
    "a bogus charset": b"Content-Type: text/plain; charset=bogus\r\n\r\nGr\xfc\xdfe\r\n",
    "broken encoded words": b"Subject: =?utf-8?B?4oK?= =?x?Q?=ZZ?=\r\n\r\nwords\r\n",
    "no date, no Message-ID": b"\r\nwords\r\n",
    "8-bit header fields": b"X-Name: M\xfcller \xe4\xbd\xa0\r\n\r\nwords\r\n",
    "NUL octets": b"Content-Type: text/plain\r\n\r\nwo\0rds\r\n",
    "lone CR": b"\r\none\rtwo\rthree\r\n",
    "500 nested parts": b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(500)
    ),
    "10,000 addresses": b"Cc: " + b",\r\n ".join(b"a%d@many.example" % n for n in range(10_000)) + b"\r\n\r\nwords\r\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_22_nothing_a_sender_writes_can_lose_a_message(company, name):
    """It is on its lead, or listed as unparsed; and `raw` gives the exact octets that were sent."""
    anna = company.lead("Anna")
    mail = f"From: {company.at('anna')}\r\nTo: bob@example.org\r\n".encode() + HOSTILE[name]
    vault_id = company.hand_in(mail)
    [message] = company.messages(vault_id)
    assert company.leads(message) == {anna: "address"}
    assert company.of(message, "status") == "filed"
    assert company.raw(vault_id) == mail


def test_22_a_mail_that_cannot_be_read_is_kept_as_unparsed_and_can_be_read_again(company):
    """No octets do that today; one that a fault of ours stopped is listed, and refile files it."""
    anna = company.lead("Anna")
    vault_id = company.hand_in(company.mail(company.at("anna"), BOB, subject="Kept"))
    [message] = company.messages(vault_id)
    company.crm("UPDATE message SET status = 'unparsed', parser = '' WHERE id = ?", message)
    company.relay.run("refile", str(message))
    assert (company.of(message, "status"), company.leads(message)) == ("filed", {anna: "address"})


def test_23_size_rules(company):
    """The limit is announced (SIZE), and a mail that says that it is larger is refused with 552 before it is sent."""
    with smtplib.SMTP("127.0.0.1", company.relay.port, local_hostname="client.example.org", timeout=PATIENCE) as client:
        client.ehlo()
        limit = int(client.esmtp_features["size"])
        assert client.docmd(f"MAIL FROM:<bob@example.org> SIZE={limit + 1}")[0] == 552
        assert client.docmd(f"MAIL FROM:<bob@example.org> SIZE={limit}")[0] == 250
    message = company.copy(company.at("anna"), attach=(("plan.pdf", "application/pdf", b"%PDF" * 400_000),))
    assert company.crm("SELECT filename, size FROM part WHERE message_id = ?", message) == [["plan.pdf", 1_600_000]]


def test_23_a_second_lower_limit_drops_attachments_and_keeps_body_names_sizes_and_hashes(everybody, tmp_path):
    """With `[filing] attachments_up_to` a large mail keeps its text; the CRM sees what was attached, the vault has it."""
    extra = '[admission]\nnetworks = ["127.0.0.1/32"]\n[filing]\nattachments_up_to = "1 MiB"\n'
    relay = Relay(tmp_path / "relay", extra).start()
    plan, logo = b"%PDF" * 400_000, b"\x89PNG\r\n\x1a\n" + b"x" * 900
    large = everybody.mail(
        BOB, "anna@lead.example", text="The plan is attached.\n",
        attach=(("plan.pdf", "application/pdf", plan), ("logo.png", "image/png", logo)),
    )  # fmt: skip
    small = everybody.mail(BOB, "anna@lead.example", subject="Logo", attach=(("logo.png", "image/png", logo),))
    ask = (
        "SELECT p.filename, p.size, p.digest, b.content IS NOT NULL FROM part p LEFT JOIN blob b ON b.digest = p.digest "
        "WHERE p.message_id = ? ORDER BY p.position"
    )
    try:
        vault_id, _ = ids = relay.send(large, small)
        relay.filed(*ids)
        assert relay.sql("SELECT text, attachment_count, instr(defects, 'attachments-not-kept') > 0 FROM message_text t "
                         "JOIN message m ON m.id = t.message_id ORDER BY m.id") == [
            ["The plan is attached.", 2, 1], ["Here it is.", 1, 0],
        ]  # fmt: skip
        kept = ["logo.png", len(logo), sha256(logo).hexdigest(), 1]  # the small mail has it too
        assert relay.sql(ask, 1) == [["plan.pdf", len(plan), sha256(plan).hexdigest(), 0], kept]
        assert relay.sql(ask, 2) == [kept]
        assert "[filing] attachments_up_to" in " ".join(relay.run("explain", "1").split())
        raw = subprocess.run(relay.command("raw", vault_id), capture_output=True, check=True)
        assert raw.stdout == large
        relay.verify()
        assert "came out the same" in relay.run("rebuild", "--verify")
        # the limit is lifted: what the vault has comes back
        relay.stop()
        relay.file.write_text(relay.file.read_text().replace("1 MiB", "0"), encoding="utf-8")
        relay.start()
        relay.run("refile", "--all")
        assert relay.sql(ask, 1) == [["plan.pdf", len(plan), sha256(plan).hexdigest(), 1], kept]
        assert relay.sql("SELECT defects FROM message WHERE id = 1") == [["[]"]]
        relay.verify()
    finally:
        relay.stop()
