"""`staff card`: the address as a contact that programs take, and the steps for each of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from running import CAPTURE, Relay

from relay.cli.card import contact

PROGRAMS = [
    "Gmail", "Outlook (classic)", "Outlook (new, web)", "Apple Mail", "Thunderbird", "iPhone, iPad", "Android, Outlook app",
]  # fmt: skip


def fields(written: str) -> dict[str, str]:
    """A vCard as RFC 2426 has it read: lines by CRLF, unfolded, name (without parameters) -> value, unescaped."""
    assert written.endswith("\r\n")
    assert "\n" not in written.replace("\r\n", "")
    assert all(len(line.encode()) <= 75 for line in written.split("\r\n"))
    lines = written.replace("\r\n ", "").split("\r\n")[:-1]
    assert (lines[0], lines[1], lines[-1]) == ("BEGIN:VCARD", "VERSION:3.0", "END:VCARD")
    named = (line.partition(":") for line in lines)
    return {name.partition(";")[0]: re.sub(r"\\(.)", r"\1", value) for name, _, value in named}


@pytest.fixture
def relay(relay_running) -> Relay:
    found = relay_running()
    found.say("staff", "add", "Ann Lee", "ann@home.example")
    return found


def test_the_shared_address_as_a_contact_and_the_steps_for_each_program(relay: Relay, tmp_path: Path) -> None:
    file = tmp_path / "crm.vcf"
    told = relay.say("staff", "card", "Ann Lee", "-o", str(file))
    assert f"    {CAPTURE}" in told.splitlines()
    steps = [re.split(r" {2,}", line[2:]) for line in told.splitlines() if re.match(r"  \S", line)]
    assert [name for name, _, _ in steps] == PROGRAMS
    assert all("crm.vcf" in how or "paste it" in how for _, how, _ in steps)
    found = fields(file.read_bytes().decode())
    assert (found["EMAIL"], found["FN"]) == (CAPTURE, "CRM (Bcc)")
    assert found["N"]
    assert "yours alone" not in found["NOTE"] + told
    assert relay.say("staff", "card", "Ann Lee", "--vcard").encode() == file.read_bytes()


def test_a_personal_one_is_in_the_card_and_is_told_once(relay: Relay, tmp_path: Path) -> None:
    file = tmp_path / "ann.vcf"
    told = relay.say("staff", "card", "Ann Lee", "--personal", "-o", str(file))
    found = fields(file.read_bytes().decode())
    assert re.fullmatch(r"crm\+me-[a-z2-7]{26}@crm\.example\.org", found["EMAIL"])
    assert f"    {found['EMAIL']}" in told.splitlines()
    assert "never into To or Cc" in found["NOTE"]
    assert "as good as a password" in told
    assert file.stat().st_mode & 0o777 == 0o600
    assert "cannot be shown again" in relay.say("staff", "card", "Ann Lee", "--personal", status=1)
    other = relay.say("staff", "card", "Ann Lee", "--personal", "--rotate")
    assert found["EMAIL"] not in other
    assert "the one before works until" in other


def test_without_a_file_nobody_is_told_to_open_one(relay: Relay) -> None:
    told = relay.say("staff", "card", "Ann Lee")
    assert "make a contact, paste it" in told
    assert "None" not in told
    assert relay.say("staff", "card", "Nobody", status=1)
    assert relay.say("staff", "card", "Ann Lee", "--vcard", "-o", "x.vcf", status=2)
    assert relay.say("staff", "card", "Ann Lee", "--rotate", status=2)


def test_a_long_or_odd_address_comes_out_of_the_contact_as_it_went_in() -> None:
    for address in ("crm+me-" + "a" * 90 + "@crm.example.org", r"a\b,c;d@crm.example.org"):
        assert fields(contact(address, personal=True))["EMAIL"] == address
