"""What DNS says, judged: each check with a record that is right and with those that are not."""

from __future__ import annotations

import pytest

from relay.doctor import names, zone
from relay.doctor.finding import Finding, Level, status
from relay.proof.resolver import Answer

DOMAIN, HOST, HERE = "crm.example.org", "mx.example.org", "203.0.112.7"
NONE, SILENT = Answer(), Answer(fault="no answer in time")


def said(*records: str) -> Answer:
    return Answer(tuple(records))


@pytest.mark.parametrize(
    ("records", "passed_on", "level"),
    [
        (said(f"10 {HOST}"), False, Level.OK),
        (NONE, False, Level.ERROR),
        (NONE, True, Level.HINT),
        (said("10 elsewhere.example"), False, Level.ERROR),
        (said("10 elsewhere.example"), True, Level.HINT),
        (said(f"10 {HOST}", "20 backup.example"), False, Level.WARNING),
        (SILENT, False, Level.UNSEEN),
    ],
)
def test_mail_for_the_capture_domain_must_lead_here(records: Answer, passed_on: bool, level: Level) -> None:
    found = names.mx(DOMAIN, HOST, records, passed_on=passed_on)
    assert found.level is level
    if level in (Level.ERROR, Level.WARNING, Level.HINT):
        assert found.todo == f"{DOMAIN}.  IN  MX  10 {HOST}."


def test_of_our_own_domain_nobody_is_told_to_lead_all_mail_here() -> None:
    for passed_on, level in ((True, Level.OK), (False, Level.WARNING)):
        found = names.mx("example.org", HOST, said("10 mail.example.org"), passed_on=passed_on, ours=True)
        assert found.level is level
        assert " MX " not in found.todo
    lines = zone.lines(HOST, ["crm@example.org"], [HERE], ["example.org"])
    assert [str(line) for line in lines] == [f"{HOST}.  IN  A  {HERE}"]


@pytest.mark.parametrize(
    ("records", "machine", "level"),
    [
        (said(HERE), [HERE], Level.OK),
        (said(HERE, "2a00:1450::7"), [HERE, "2a00:1450::7"], Level.OK),
        (NONE, [HERE], Level.ERROR),
        (said("203.0.112.8"), [HERE], Level.ERROR),
        (said("203.0.112.8"), ["192.168.1.5"], Level.HINT),
        (SILENT, [HERE], Level.UNSEEN),
    ],
)
def test_our_name_must_be_this_machine(records: Answer, machine: list[str], level: Level) -> None:
    found = names.addresses(HOST, [records, NONE], machine, passed_on=False)
    assert found.level is level
    if level is Level.ERROR:
        assert found.todo == f"{HOST}.  IN  A  {HERE}"


def test_the_name_of_our_address_is_ours() -> None:
    assert names.reverse(HERE, HOST, HOST).level is Level.OK
    found = names.reverse(HERE, HOST, "vps7.hoster.example")
    assert (found.level, found.todo) == (Level.HINT, f"7.112.0.203.in-addr.arpa.  IN  PTR  {HOST}.")
    assert names.reverse(HERE, HOST, "").level is Level.HINT


@pytest.mark.parametrize(
    ("records", "level"),
    [
        (said("v=spf1 -all", "other=text"), Level.OK),
        (said("V=SPF1 -ALL"), Level.OK),
        (NONE, Level.WARNING),
        (said("v=spf1 mx -all"), Level.WARNING),
        (said("v=spf1 -all", "v=spf1 ~all"), Level.WARNING),
        (said("v=spf10 -all"), Level.WARNING),
        (SILENT, Level.UNSEEN),
    ],
)
def test_nobody_may_send_as_the_capture_domain(records: Answer, level: Level) -> None:
    found = names.spf(DOMAIN, records, ours=False)
    assert found.level is level
    if level is Level.WARNING:
        assert found.todo.startswith(f'{DOMAIN}.  IN  TXT  "v=spf1 -all"')
    assert names.spf("example.org", said("v=spf1 mx -all"), ours=True).level is Level.OK


@pytest.mark.parametrize(
    ("own", "house", "level"),
    [
        (said("v=DMARC1; p=reject"), NONE, Level.OK),
        (NONE, said("v=DMARC1; p=reject"), Level.OK),
        (NONE, said("v=DMARC1; p=reject; sp=none"), Level.WARNING),
        (said("v=DMARC1; p=none"), said("v=DMARC1; p=reject"), Level.WARNING),
        (NONE, NONE, Level.WARNING),
        (SILENT, NONE, Level.UNSEEN),
    ],
)
def test_forged_mail_of_the_capture_domain_is_to_be_refused(own: Answer, house: Answer, level: Level) -> None:
    found = names.dmarc(DOMAIN, [(f"_dmarc.{DOMAIN}", own), ("_dmarc.example.org", house)], ours=False)
    assert found.level is level
    if level is Level.WARNING:
        assert found.todo.startswith(f'_dmarc.{DOMAIN}.  IN  TXT  "v=DMARC1; p=reject"')


def test_our_own_domain_without_reject_is_a_hint() -> None:
    for answer in (NONE, said("v=DMARC1; p=none")):
        assert names.dmarc("example.org", [("_dmarc.example.org", answer)], ours=True).level is Level.HINT


POLICY = f"version: STSv1\r\nmode: enforce\r\nmx: {HOST}\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    ("record", "policy", "level"),
    [
        (said("v=STSv1; id=1"), POLICY, Level.OK),
        (said("v=STSv1; id=1"), POLICY.replace(HOST, "*.example.org"), Level.OK),
        (said("v=STSv1; id=1"), POLICY.replace(HOST, "other.example.org"), Level.ERROR),
        (said("v=STSv1; id=1"), POLICY.replace(HOST, "*.other.example"), Level.ERROR),
        (said("v=STSv1; id=1"), POLICY.replace("enforce", "testing"), Level.HINT),
        (said("v=STSv1; id=1"), "<html>", Level.WARNING),
        (said("v=STSv1; id=1"), None, Level.UNSEEN),
        (NONE, None, Level.HINT),
        (SILENT, None, Level.UNSEEN),
    ],
)
def test_the_policy_of_mta_sts_must_name_us(record: Answer, policy: str | None, level: Level) -> None:
    (found,) = names.mta_sts(DOMAIN, HOST, record, policy, "no answer", "20260314")
    assert found.level is level
    if level is Level.HINT and policy is None:
        assert f'_mta-sts.{DOMAIN}.  IN  TXT  "v=STSv1; id=20260314"' in found.todo
        assert f"mx: {HOST}" in found.todo


def test_reports_of_tls_are_optional() -> None:
    assert names.tls_reports(DOMAIN, said("v=TLSRPTv1; rua=mailto:a@b.example")).level is Level.OK
    assert names.tls_reports(DOMAIN, NONE).level is Level.HINT
    assert names.tls_reports(DOMAIN, SILENT).level is Level.UNSEEN


KEYS, WHOLE = ["aa" * 32, "bb" * 32], ["cc" * 32, "dd" * 32]


@pytest.mark.parametrize(
    ("record", "signed", "level"),
    [
        (said(f"3 1 1 {KEYS[0].upper()}"), True, Level.OK),
        (said(f"3 0 1 {WHOLE[0]}"), True, Level.OK),
        (said(f"2 0 1 {WHOLE[1]}"), True, Level.OK),
        (said(f"3 1 1 {KEYS[1]}"), True, Level.ERROR),
        (said("3 1 1 " + "ee" * 32, "3 1"), True, Level.ERROR),
        (said(f"3 1 1 {KEYS[0]}"), False, Level.HINT),
        (NONE, True, Level.HINT),
        (SILENT, True, Level.UNSEEN),
    ],
)
def test_the_record_of_the_certificate_must_be_that_of_the_certificate(
    record: Answer, signed: bool, level: Level
) -> None:
    found = names.tlsa(HOST, record, KEYS, WHOLE, signed=signed)
    assert found is not None
    assert found.level is level
    if level is Level.ERROR:
        assert found.todo.startswith(f"_25._tcp.{HOST}.  IN  TLSA  3 1 1 {KEYS[0]}")


def test_without_a_signed_zone_nobody_is_bothered_with_it() -> None:
    assert names.tlsa(HOST, NONE, KEYS, WHOLE, signed=False) is None
    assert names.tlsa(HOST, SILENT, KEYS, WHOLE, signed=False) is None
    assert names.tlsa(HOST, NONE, [], [], signed=True) is None


def test_a_resolver_must_answer_and_not_slowly() -> None:
    assert names.resolver("192.0.2.1", NONE, 0.01, 8.0).level is Level.OK
    assert names.resolver("192.0.2.1", NONE, 1.5, 8.0).level is Level.WARNING
    assert names.resolver("192.0.2.1", SILENT, 8.0, 8.0).level is Level.ERROR


def test_the_records_to_publish_are_complete_and_name_a_place_to_fill_in() -> None:
    lines = zone.lines(HOST, [f"crm@{DOMAIN}", f"post@{DOMAIN}"], ["192.168.1.5"])
    assert [line.kind for line in lines] == ["A", "MX", "TXT", "TXT", "TXT"]
    assert "put the public address of this machine here" in str(lines[0])
    assert [line.optional for line in lines] == [False, False, False, False, True]


def test_the_exit_status_is_that_of_the_gravest() -> None:
    def of(*levels: Level) -> int:
        return status(Finding("x", level, "") for level in levels)

    assert of(Level.OK, Level.HINT, Level.UNSEEN) == 0
    assert of(Level.OK, Level.WARNING) == 1
    assert of(Level.ERROR, Level.WARNING) == 2
