"""`refile` and `explain` as people and programs use them, beside a running daemon and without one."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mailbuilder import message
from running import CAPTURE, Relay

from relay.attribution import telling
from relay.lock import Lock
from relay.mail.proof import Trust

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Relay:
    """Three mails, filed by the real daemon: an offer, its answer, and a forward."""
    relay = Relay(tmp_path_factory.mktemp("refile") / "relay").start()
    try:
        fill(relay)
    finally:
        relay.stop()
    return relay


@pytest.fixture
def filed(once: Relay, relay_running: Callable[..., Relay]) -> Relay:
    """A copy of it, with no daemon until a test starts one."""
    relay = relay_running(start=False)
    for folder in ("shared", "vault"):
        shutil.copytree(once.folder / folder, relay.folder / folder, dirs_exist_ok=True)
    return relay


def fill(relay: Relay) -> None:
    relay.say("staff", "add", "Bob", "bob@example.org")
    relay.say("staff", "add", "Eve", "eve@private.example")
    relay.say("lead", "add", "Anna", "anna@lead.example")
    forward = (
        "please call him\n\n---------- Forwarded message ---------\nFrom: Max <max@x.example>\n"
        "Date: Wed, Oct 27, 2021 at 9:31 AM\nSubject: Question\nTo: <bob@example.org>\n\nhi\n"
    )
    ids = relay.send(
        message(message_id="<1@example.org>", subject="Offer", cc="eve@private.example", attach={"o.pdf": b"o"}),
        message(
            from_="anna@lead.example", to=CAPTURE, subject="Re: Offer", date=None, message_id="<2@lead.example>",
            fields={"In-Reply-To": "<1@example.org>", "References": "<0@lost.example> <1@example.org>"},
        ),
        message(to=CAPTURE, subject="Fwd: Question", text=forward, message_id="<3@example.org>"),
    )  # fmt: skip
    relay.filed(*ids)


def test_refile_shows_the_difference_first_and_then_makes_it(filed: Relay) -> None:
    assert "nothing to read again" in filed.say("refile")
    filed.sql("UPDATE message SET parser = '0', subject = '=?q?' WHERE id = 1")
    filed.sql("UPDATE message SET parser = '0' WHERE id = 2")
    filed.sql("UPDATE message_text SET text = 'one' || char(10) || 'two' WHERE message_id = 1")
    (seq,) = filed.sql("SELECT max(seq) FROM change")[0]
    trial = filed.say("refile", "--dry-run")
    assert '"=?q?"' in trial
    assert '"Offer"' in trial
    assert "changed (+1 -2 lines)" in trial
    assert "Dear Anna" not in trial, "bodies are counted, not shown"
    assert "2 messages read again: 1 would change" in trial
    assert filed.sql("SELECT count(*) FROM change WHERE seq > ?", seq) == [[0]]
    [told] = json.loads(filed.say("refile", "--json"))
    assert told["message_id"] == 1
    assert told["outcome"] == "changed"
    assert told["changes"]["subject"] == {"old": "=?q?", "new": "Offer"}
    assert told["changes"]["text"] == {"lines_removed": 2, "lines_added": 1}
    assert filed.sql("SELECT entity, entity_id, op FROM change WHERE seq > ?", seq) == [["message", 1, "update"]]
    assert filed.sql("SELECT action, detail FROM audit ORDER BY id DESC LIMIT 1") == [
        ["refile", '{"read": 2, "changed": 1}']
    ]
    assert filed.say("refile", "1", "<2@lead.example>").splitlines()[:2] == [
        "message 1: as it was", "message 2: as it was",
    ]  # fmt: skip


def test_search_finds_what_was_read_again_with_and_without_a_daemon(filed: Relay) -> None:
    for running in (False, True):
        if running:
            filed.start()
        filed.sql("UPDATE message SET parser = '0', subject = 'spoilt' WHERE id = 1")
        filed.say("refile")
        filed.until("SELECT subject = 'Offer' FROM message WHERE id = 1")
        for _ in range(1000):
            if '"id": 1' in (found := filed.say("search", "subject:offer", "--json")):
                break
        assert '"id": 1' in found
        assert "[]" in filed.say("search", "subject:spoilt", "--json")


def test_what_the_vault_lost_is_told_with_an_exit_status(filed: Relay) -> None:
    for segment in filed.vault.glob("*.db*"):
        segment.unlink()
    filed.sql("UPDATE message SET parser = '0', subject = 'as filed'")
    said = filed.say("refile", "1", status=1)
    assert "message 1: left as it is, the vault has it no more" in said
    assert "3 no longer in the vault or not readable stay as filed" in filed.say("refile")
    assert filed.sql("SELECT DISTINCT subject FROM message") == [["as filed"]]
    for vault_id in filed.sql("SELECT vault_id FROM envelope"):
        assert json.loads(filed.say("refile", "--json", str(vault_id[0]), status=1))[0]["outcome"] == "gone"
    filed.sql("DELETE FROM _relay WHERE name = 'filed_up_to'")  # a vault that was lost is not what verify judges


def test_bad_input_is_one_line(filed: Relay, tmp_path: Path) -> None:
    assert "no message" in filed.say("refile", "99", status=1)
    assert "name none" in filed.say("refile", "--all", "1", status=2)
    assert "no message" in filed.say("explain", "99", status=1)
    with Lock(filed.vault / "refile.lock"):
        assert "another refile is running (held by process" in filed.say("refile", status=1)


def test_explain_tells_how_it_came_what_it_is_and_why_it_is_where_it_is(filed: Relay) -> None:
    filed.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'eve@private.example')")
    filed.sql("INSERT INTO lead (name) VALUES ('Else')")
    filed.sql("INSERT INTO explicit_attribution (message_id, lead_id, verdict, decided_by) VALUES (1, 2, 'detach', 1)")
    told = " ".join(filed.say("explain", "1").split())
    for sentence in (
        "handed in by Bob (staff 1)",
        "let in because the client’s network is trusted",
        "A copy: it was sent to others and the capture address got it too",
        "anna@lead.example got it: Anna (lead 1).",
        "eve@private.example got a copy (cc): ours: Eve (staff 2).",
        "outgoing: one of us wrote it, and somebody outside is on it.",
        "from its Date field",
        "Thread 1, with 1 other message (2)",
        "On Anna (lead 1): its address anna@lead.example is on the mail.",
        "Not on Else (lead 2), whatever the rules say: a person decided so (Bob (staff 1),",
        "Anna (lead 1) has eve@private.example, but that is an address of our people",
    ):
        assert sentence in told
    filed.sql("DELETE FROM lead_address WHERE address = 'eve@private.example'")  # which verify reports
    told = " ".join(filed.say("explain", "2").split())
    for sentence in (
        "It refers to <1@example.org>: message 1.",
        "It refers to <0@lost.example>: never reached us.",
        "when it came: it bears no date that can be believed",
        "missing-date: it has no Date field",
    ):
        assert sentence in told
    told = " ".join(filed.say("explain", "3").split())
    for sentence in (
        "A forward: the original was copied into its text; found in the text: a title that only forwards have",
        "max@x.example wrote it: nobody known.",
        "as the forward quotes it",
        "On none: no address on it is a lead’s. `bcc-relay lead add NAME --from 3` makes one.",
    ):
        assert sentence in told


def test_explain_says_why_an_address_with_a_plus_tag_did_not_count_and_what_a_thread_with_two_leads_means(
    filed: Relay,
) -> None:
    filed.start()
    filed.say("lead", "add", "Plus", "carl@new.example")
    filed.say("lead", "add", "Exact", "carl+x@new.example")
    filed.filed(
        *filed.send(
            message(to="carl+x@new.example", subject="Re: Offer", message_id="<4@example.org>",
                    fields={"In-Reply-To": "<1@example.org>"}),
            message(from_="new@lead.example", to=CAPTURE, subject="Re: Offer", message_id="<5@lead.example>",
                    fields={"In-Reply-To": "<4@example.org>"}),
        )
    )  # fmt: skip
    told = " ".join(filed.say("explain", "<4@example.org>").split())
    assert "Plus (lead 2) has carl@new.example, but another lead has exactly carl+x@new.example" in told
    told = " ".join(filed.say("explain", "<5@lead.example>").split())
    assert "its thread has several leads (Anna (lead 1), Exact (lead 3)), so it says nothing" in told


def test_explain_answers_programs_without_any_body(filed: Relay) -> None:
    found = json.loads(filed.say("explain", "3", "--json"))
    assert found["sentences"][0]["about"] == "Came"
    assert {"envelopes", "parties", "thread", "decisions", "set_aside", "references", "tags"} <= found.keys()
    assert not {"text", "html", "quoted", "note", "notes", "snippet"} & found.keys()
    page = (ROOT / "docs" / "explain.md").read_text("utf-8")
    columns = {str(row[0]) for row in filed.sql("SELECT name FROM pragma_table_info('message')")}
    for key in found.keys() - columns:
        assert f"`{key}`" in page, key


def test_explain_tells_the_name_of_a_sender_without_address_and_how_sure_the_order_of_rows_is(filed: Relay) -> None:
    named = (
        "From: Max Moor\nSent: Wednesday, October 27, 2021 9:31 AM\nTo: <bob@example.org>\nSubject: Question 2\n\nhi\n"
    )
    rows = "Xfrom: Max <max@x.example>\nXsent: 27.10.2021 09:31\nXto: <bob@example.org>\nXsubj: Question 3\n\nhi\n"
    filed.start()
    ids = filed.send(
        message(to=CAPTURE, subject="FW: Question 2", text=named, message_id="<31@example.org>"),
        message(to=CAPTURE, subject="FW: Question 3", text=rows, message_id="<32@example.org>"),
    )
    filed.filed(*ids)
    told = " ".join(filed.say("explain", ids[0]).split())
    assert "Max Moor wrote it: a name without an address, and none is guessed." in told
    told = " ".join(filed.say("explain", ids[1]).split())
    assert "their order told who wrote: likely" in told
    assert "max@x.example wrote it" in told


def test_explain_tells_the_deal_its_candidates_and_what_a_tag_asked_for(filed: Relay) -> None:
    filed.start()
    filed.sql(
        "INSERT INTO deal (lead_id, title, opened_at) VALUES (1, 'Hall', '2020-01-01'), (1, 'Gate', '2020-01-01')"
    )
    filed.filed(
        *filed.send(message(to="anna@lead.example", subject="One", message_id="<6@example.org>")),
        *filed.send(
            message(to="anna@lead.example", subject="Two [D-2]", message_id="<7@example.org>"),
            to=("crm+lead-99@crm.example.org",),
        ),
    )
    told = " ".join(filed.say("explain", "<6@example.org>").split())
    assert "Of Anna (lead 1): none, several were open when it was written" in told
    assert "Hall (deal 1), Gate (deal 2)" in told
    assert re.search("`bcc-relay attach [0-9]+ 1 --deal D` says it", told)
    told = " ".join(filed.say("explain", "<7@example.org>").split())
    assert "Of Anna (lead 1): Gate (deal 2): a tag in the subject asked for it." in told
    assert "Open then, too: Hall (deal 1)." in told
    assert "deal-2, in the subject: applied, it names Anna (lead 1)." in told
    assert "lead-99, in the capture address: it names nothing that is here" in told
    found = json.loads(filed.say("explain", "<6@example.org>", "--json"))
    assert [(each["because"], len(each["candidates"])) for each in found["deals"]] == [("ambiguous", 2)]
    filed.sql("UPDATE deal SET closed_at = '2020-02-01'")
    assert "none of the lead’s deals was open" in " ".join(filed.say("explain", "<6@example.org>").split())


def test_explain_tells_shared_addresses_who_is_never_logged_and_what_mail_systems_said(filed: Relay) -> None:
    filed.sql("INSERT INTO lead (name) VALUES ('Twin')")
    filed.sql("INSERT INTO lead_address (lead_id, address) VALUES (2, 'anna@lead.example')")
    filed.sql("INSERT INTO never_log (pattern, mode) VALUES ('@lead.example', 'drop-party')")
    filed.sql("INSERT INTO _absence (message_id, address, absent_until, has_left)"
              " VALUES (2, 'anna@lead.example', '2026-05-01T00:00:00.000Z', 0)")  # fmt: skip
    told = " ".join(filed.say("explain", "1").split())
    assert "anna@lead.example is an address of several leads (Anna (lead 1), Twin (lead 2)): each has the mail" in told
    assert "anna@lead.example stands on the never-log list today (drop-party)" in told
    filed.say("detach", "1", "2", "--by", "Bob")
    told = " ".join(filed.say("explain", "1").split())
    assert "Not on Twin (lead 2), whatever the rules say: a person decided so (Bob (staff 1)," in told
    assert "An address of it is on the mail all the same." in told
    assert "anna@lead.example is said to be away until 2026-05-01." in " ".join(filed.say("explain", "2").split())
    filed.sql("DELETE FROM _absence")


def test_explain_knows_mail_that_is_no_message(filed: Relay) -> None:
    filed.start("--only", "accept")
    [waiting] = filed.send(message(message_id="<9@example.org>"))
    assert "waits to be filed" in filed.say("explain", waiting)
    assert json.loads(filed.say("explain", waiting, "--json"))["outcome"] == "waiting"
    epoch, _, number = waiting.partition("-")
    for outcome, words in (("dropped", "never-log"), ("forgotten", "taken back")):
        filed.sql(
            "INSERT OR REPLACE INTO _vault_outcome (epoch, number, outcome) VALUES (?, ?, ?)",
            epoch,
            int(number),
            outcome,
        )
        assert words in filed.say("explain", waiting)
    assert "the vault does not have it" in filed.say("explain", f"{epoch}-999")
    filed.sql("DELETE FROM _vault_outcome WHERE number = ? AND epoch = ?", int(number), epoch)


def test_explain_needs_no_vault(filed: Relay) -> None:
    hidden = filed.vault.with_name("hidden")
    filed.vault.rename(hidden)
    try:
        assert "On Anna (lead 1)" in filed.say("explain", "1")
    finally:
        hidden.rename(filed.vault)


# -- the catalogue


def named(pattern: str, *files: str) -> set[str]:
    source = "".join((ROOT / "relay" / name).read_text("utf-8") for name in files)
    return set(re.findall(pattern, source, re.MULTILINE))


def test_every_defect_has_a_sentence_and_stands_in_the_docs() -> None:
    reading = [f"mail/{name}.py" for name in ("header", "mime", "reading", "charset", "transfer", "fallback", "body")]
    reading += ["mail/signed.py", "mail/outlook/message.py"]
    meaning = [
        f"attribution/{name}.py"
        for name in ("compose", "copied", "kind", "recovered", "party", "unknown", "tombstone", "admission")
    ]
    meaning += ["daemon/judging.py", "work/filer.py"]
    given = named(r'defects\["([a-z0-9-]+)"|defects\.append\("([a-z0-9-]+)"', *reading)
    found = {name for pair in given for name in pair if name}
    found |= named(r'^[A-Z_0-9]+ = "([a-z0-9]+(?:-[a-z0-9]+)+|unparsable|encrypted)"$', *reading, *meaning)
    found |= named(r'unparsed\(vault_id, mail, \("([a-z-]+)",\)\)', "work/filer.py")
    found |= {"missing-boundary", "boundary-not-found", "tag-disagrees"}
    assert found == telling.DEFECTS.keys()
    page = (ROOT / "docs" / "explain.md").read_text("utf-8")
    for name, sentence in telling.DEFECTS.items():
        assert f"| `{name}` | {sentence} |" in page, name


def test_every_reason_that_is_stored_has_a_sentence() -> None:
    verdicts = named(
        r'Verdict\(Direction\.[A-Z]+, "([a-z-]+)"\)',
        *(f"attribution/{name}.py" for name in ("direction", "compose", "copied")),
    )
    assert verdicts == telling.DIRECTIONS.keys()
    admitted = named(r'Decision\(\s*"([a-z-]+)",\s*trust=', "attribution/admission.py")
    assert admitted == telling.ADMISSIONS.keys()
    assert {each.value for each in Trust} == telling.TRUSTS.keys()
    schema = (ROOT / "relay" / "store" / "schema" / "0001_tables.sql").read_text("utf-8")
    for column, sentences in (
        ("route", telling.ROUTES), ("automatic", telling.AUTOMATIC), ("date_source", telling.DATE_SOURCES),
    ):  # fmt: skip
        [names] = re.findall(rf"\({column} IN \(([^)]+)\)\)", schema)
        assert set(re.findall(r"'([a-z-]+)'", names)) == sentences.keys()
    evidence = named(r'^    [A-Z_]+ = "([a-z-]+)"  #', "mail/forward/text.py")
    found = named(r'^    [A-Z_]+ = "([a-z-]*)"$', "attribution/recovered.py")
    assert evidence | found == telling.EVIDENCE.keys()
