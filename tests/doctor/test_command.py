"""`doctor` on the real daemon, with a name server that says what a test tells it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import make
from dns_stub import SILENT, NameServer
from running import Relay

HOST = "crm.example.org"
GOOD = {
    f"{HOST} A": ["127.0.0.1"],
    f"{HOST} MX": [f"10 {HOST}."],
    f"{HOST} TXT": ["v=spf1 -all"],
    f"_dmarc.{HOST} TXT": ["v=DMARC1; p=reject"],
    f"_smtp._tls.{HOST} TXT": ["v=TLSRPTv1; rua=mailto:postmaster@example.org"],
    "example.org TXT": ["v=spf1 mx -all"],
    "home.example TXT": ["nothing of the kind"],
}
UPSTREAM = '[[admission.upstream]]\nnetworks = ["127.0.0.3/32"]\nauthserv_id = "mx.example.org"\n'


@pytest.fixture
def dns() -> Iterator[NameServer]:
    with NameServer(GOOD) as server:
        yield server


@pytest.fixture
def relay(tmp_path: Path, dns: NameServer) -> Iterator[Relay]:
    extra = f'[dns]\nservers = ["{dns.place}"]\ntimeout = "2 s"\n[admission]\nnetworks = ["127.0.0.2/32"]\n{UPSTREAM}'
    made = Relay(tmp_path, extra)
    made.database.parent.chmod(0o2770)
    yield made
    made.stop()


def examined(relay: Relay, *options: str, status: int | None = None) -> dict[str, list[dict[str, str]]]:
    """The findings by check."""
    told = relay.run("doctor", "--json", *options, status=status)
    found: dict[str, list[dict[str, str]]] = {}
    for finding in json.loads(told)["findings"]:
        found.setdefault(finding["check"], []).append(finding)
    return found


def levels(found: dict[str, list[dict[str, str]]], check: str) -> list[str]:
    return [finding["level"] for finding in found[check]]


def test_a_relay_that_runs_is_looked_at_from_all_sides_and_nothing_of_the_test_mail_stays(relay: Relay) -> None:
    relay.start()
    relay.run("staff", "add", "Kim", "kim@home.example")
    found = examined(relay)
    for check in ("running", "version", "trust", "greeting", "open-relay", "mx", "spf", "dmarc", "tls-rpt", "resolver"):
        assert set(levels(found, check)) == {"ok"}, found[check]
    assert levels(found, "starttls") == ["warning"]
    assert [each["said"][:44] for each in found["forged"]] == [
        "a forged mail of ours is refused (550 5.7.1)",
        "a mail with forged results of mx.example.org",
    ]
    assert levels(found, "forged") == ["ok", "ok"]
    assert [each["todo"] for each in found["people"]] == ['bcc-relay staff capture-address "Kim"']
    (through,) = found["front-door"]
    assert through["level"] == "ok"
    assert through["said"].endswith("as message 1; taken back")
    assert relay.sql("SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM unresolved_message)") == [[0, 0]]
    assert relay.sql("SELECT address FROM address WHERE address LIKE 'doctor%'") == []
    assert relay.sql("SELECT outcome FROM _vault_outcome") == [["forgotten"]]
    relay.verify()


def test_mail_that_is_not_to_be_kept_goes_the_same_way(relay: Relay) -> None:
    relay.start()
    relay.run("never-log", "add", "@example.org")
    (through,) = examined(relay, "--no-network")["front-door"]
    assert (through["level"], "never-log" in through["said"]) == ("ok", True)
    assert relay.sql("SELECT count(*) FROM message") == [[0]]


def test_records_that_are_missing_are_told_as_they_must_be_published(relay: Relay, dns: NameServer) -> None:
    relay.start()
    for key in list(dns.records):
        del dns.records[key]
    found = examined(relay, "--no-mail", status=1)
    assert found["mx"][0]["todo"] == f"{HOST}.  IN  MX  10 {HOST}."
    assert found["spf"][0]["todo"].startswith(f'{HOST}.  IN  TXT  "v=spf1 -all"')
    assert [found[check][0]["level"] for check in ("address", "mx", "spf", "dmarc")] == [
        "hint", "hint", "warning", "warning",
    ]  # fmt: skip
    assert "front-door" not in found


def test_a_name_server_that_is_silent_is_told_and_nothing_concluded_from_it(relay: Relay, dns: NameServer) -> None:
    relay.start()
    for key in (f"{HOST} A", f"{HOST} AAAA", f"{HOST} MX", f"{HOST} TXT", f"_dmarc.{HOST} TXT"):
        dns.say(key, *SILENT)
    relay.file.write_text(relay.file.read_text().replace('"2 s"', '"100 ms"'))
    found = examined(relay, "--no-mail", status=2)
    assert levels(found, "resolver") == ["error"]
    assert [levels(found, check) for check in ("address", "mx", "spf", "dmarc")] == [["unseen"]] * 4


def test_a_relay_that_is_not_running_is_an_error_with_what_to_do(relay: Relay) -> None:
    relay.run("staff", "add", "Bob", "bob@example.org")
    told = relay.run("doctor", "--no-network", status=2)
    assert "error    running: no mail is accepted" in told
    assert "unseen   dns: nothing was asked" in told
    assert "DNS, so that mail for the capture address" in told
    assert told.splitlines()[-1].startswith("1 error, "), told


def test_it_can_only_print_the_records(relay: Relay) -> None:
    told = relay.run("doctor", "--dns")
    assert f"  {HOST}.  IN  MX  10 {HOST}." in told.splitlines()
    kinds = [line["kind"] for line in json.loads(relay.run("doctor", "--dns", "--json"))]
    assert kinds[-4:] == ["MX", "TXT", "TXT", "TXT"]


def test_a_key_that_others_may_read_is_an_error(relay: Relay) -> None:
    _, private = make(relay.folder, HOST)
    private.chmod(0o644)
    text = relay.file.read_text().replace(UPSTREAM, f'{UPSTREAM}[tls]\ncertificate = "tls.crt"\nkey = "tls.key"\n')
    relay.file.write_text(text)
    found = examined(relay, "--no-network", "--no-mail")
    assert levels(found, "key") == ["error"]
    assert found["key"][0]["todo"] == f"chmod 0600 {private}"
