"""`lead import`: lists of leads as CRMs and spreadsheets give them, all of it or nothing."""

from __future__ import annotations

import json
import subprocess

import pytest
from running import _environment

from relay.store.lead_file import read


@pytest.fixture
def imported(office):
    """`imported(text, *options, status=0)`: what the command says of a list from standard input."""

    def run(text, *options, status=0):
        octets = text if isinstance(text, bytes) else text.encode()
        done = subprocess.run(
            office.command("lead", "import", "-", *options), input=octets, capture_output=True, env=_environment()
        )
        assert done.returncode == status, done.stderr.decode()
        assert b"Traceback" not in done.stderr
        return (done.stdout + done.stderr).decode()

    run.office = office
    return run


def leads(office):
    return office.sql(
        "SELECT l.name, l.organization, l.external_id, l.status,"
        " (SELECT group_concat(address, ' ') FROM (SELECT address FROM lead_address a WHERE a.lead_id = l.id ORDER BY a.id)) FROM lead l ORDER BY l.id"
    )


def test_a_spreadsheets_list_becomes_leads_with_their_old_mail(imported):
    told = imported(
        "\ufeffFirst name;Last name;E-mail;E-mail 2;Company;External ID;Owner\r\n"
        'Carl;Stone;carl@stone.example;;"Stone; Sons";S-1;Bob Baker\r\n'
        ";;rosa@keller.example;r.keller@keller.example;;;\r\n\r\n"
    )
    assert told == "2 leads added, 0 changed, 0 as they were; 2 messages found for them\n"
    assert leads(imported.office)[-2:] == [
        ["Carl Stone", "Stone; Sons", "S-1", "open", "carl@stone.example"],
        ["rosa@keller.example", None, None, "open", "rosa@keller.example r.keller@keller.example"],
    ]
    assert imported.office.sql("SELECT owner_staff_id FROM lead WHERE external_id = 'S-1'") == [[1]]
    assert "Recommended by Anna" in imported.office.run("timeline", "ext:S-1")


def test_the_same_list_again_changes_nothing(imported):
    text = "name,email,external_id\nCarl,carl@stone.example,S-1\nRosa,rosa@keller.example,\n"
    imported(text)
    before = imported.office.sql("SELECT count(*), max(seq) FROM change")
    assert imported(text) == "0 leads added, 0 changed, 2 as they were\n"
    assert imported.office.sql("SELECT count(*), max(seq) FROM change") == before


def test_the_crms_key_decides_and_an_address_only_completes(imported):
    told = imported(
        "name,email,external_id,status,company\nAnna L.,a2@lindqvist.example,C-1001,won,\n,sam@reed.example,,lost,Other\n"
    )
    assert told.startswith("0 leads added, 1 changed, 1 as they were")
    rows = leads(imported.office)
    assert rows[0] == ["Anna L.", "Lindqvist AB", "C-1001", "won", "anna@lindqvist.example a2@lindqvist.example"]
    assert rows[4] == ["Sam Reed", "Reed Timber", "C-1005", "paused", "sam@reed.example"]


def test_two_people_with_one_office_address_stay_two(imported):
    imported(
        "name,email,external_id\nA,a@firm.example office@firm.example,F-1\nB,b@firm.example office@firm.example,F-2\n"
    )
    assert len(leads(imported.office)) == 7
    assert "its addresses are on several leads" in imported("email\noffice@firm.example\n", status=1)


def test_a_merged_lead_is_not_split_again(imported):
    imported.office.sql("UPDATE lead SET merged_into = 1 WHERE id = 2")
    imported("name,email,external_id\n,peter@okafor.example,C-1002\n")
    assert imported.office.sql("SELECT lead_id FROM lead_address WHERE address = 'peter@okafor.example'") == [[1]]


def test_json_lists_and_lines_are_read_too(imported):
    imported(
        '[{"name": "Q", "addresses": ["q@q.example", "q2@q.example"], "external_id": 7},\n {"email": "z@z.example"}]'
    )
    imported('{"name": "J1"}\n{"name": "J2", "phone": "1"}\n', "--extra")
    assert [row[0] for row in leads(imported.office)[-4:]] == ["Q", "z@z.example", "J1", "J2"]
    assert imported.office.sql("SELECT external_id FROM lead WHERE name = 'Q'") == [["7"]]
    assert json.loads(imported.office.sql("SELECT extra FROM lead WHERE name = 'J2'")[0][0]) == {"phone": "1"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,emial\nA,a@x.example\n", ':1: no column "emial" is known; did you mean email?'),
        ("name,email\nA,a@x.example\n\nB,b@@x\n", ':4: "b@@x" is not an address'),
        ('name,email\n"A\nA",a@x.example\nB,nobody\n', ':4: "nobody" is not an address'),
        ("name,email\nA,a@x.example,more\n", ":2: 3 fields, and the first line names 2 columns"),
        ('name,email\n"A,a@x.example\n', "not readable as CSV"),
        ("name,external_id\nA,1\nB,1\n", ':3: external_id "1" stands in line 2 already'),
        ("name,email\n,\nA,bob@example.org\n", ":3: bob@example.org is an address of ours"),
        ("name,email,status\n,,open\n", ":2: a lead needs a name or an address"),
        ("name,owner\nA,Nobody\n", ':2: owner "Nobody" is none of our people'),
        ("a@x.example\nb@x.example\n", ":1: the first line must name the columns"),
        ("", ":1: there is no lead in it"),
        ("name\n", ":1: there is no lead in it"),
        ('[{"name": "A"},\n\n {"name": {}}]', ':3: "name" must be text'),
        ('[{"name": "A"},\n 3]', ":2: a lead must be an object"),
        ('[{"name": "A"}\n', "the array has no end"),
        ('{"name": "A"\n', "not readable as JSON"),
        ("[" * 100_000, "standard input:1: "),
        (b"name\n\xff\xff\n", ":2: not UTF-8 text"),
        ("name\n" + "x" * 1001 + "\n", "is longer than 1000 characters"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_lines_and_nothing_is_written(imported, text, told):
    before = imported.office.sql("SELECT (SELECT count(*) FROM lead), (SELECT max(seq) FROM change)")
    said = imported(text, status=1)
    assert told in said
    assert said.endswith("nothing was imported\n") or "not UTF-8" in said
    assert imported.office.sql("SELECT (SELECT count(*) FROM lead), (SELECT max(seq) FROM change)") == before


def test_many_mistakes_are_told_in_sum(imported):
    said = imported("name,email\n" + "A,nobody\n" * 50, status=1)
    assert said.count("is not an address") == 20
    assert "and 30 more mistakes" in said


def test_a_rehearsal_says_what_would_come_of_it(imported):
    before = leads(imported.office)
    assert "1 lead would be added" in imported("email\ncarl@stone.example\n", "--dry-run")
    assert json.loads(imported("email\ncarl@stone.example\n", "--dry-run", "--json")) == {
        "added": 1, "changed": 0, "same": 0, "messages": 1,
    }  # fmt: skip
    assert leads(imported.office) == before


def test_utf_16_as_a_spreadsheet_saves_it(imported):
    assert "1 lead added" in imported("name\temail\nÅsa\tasa@x.example\n".encode("utf-16"))
    assert leads(imported.office)[-1][0] == "Åsa"


def test_a_long_list_is_read_whole():
    entries, mistakes = read("name,email\n" + "".join(f"N{n},n{n}@x.example\n" for n in range(20_000)), extra=False)
    assert (len(entries), mistakes) == (20_000, [])
