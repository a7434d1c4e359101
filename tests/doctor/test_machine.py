"""Disk, clock, rights, people and a Postfix beside us, judged: right, and each way of being wrong."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from relay.doctor import looking, machine, neighbour, people
from relay.doctor.finding import Level
from relay.doctor.machine import Disk, Place
from relay.doctor.neighbour import Postfix
from relay.doctor.people import Colleague
from relay.store.crm_setting import REMOTE

GIB = 1 << 30
DISK = Disk("/srv", "ext4", 50 * GIB, 1_000_000)


@pytest.mark.parametrize(
    ("disk", "level"),
    [
        (DISK, Level.OK),
        (replace(DISK, inodes=None), Level.OK),
        (replace(DISK, free=GIB // 2), Level.WARNING),
        (replace(DISK, free=GIB // 8), Level.ERROR),
        (replace(DISK, inodes=50), Level.WARNING),
        (replace(DISK, kind="nfs4"), Level.ERROR),
        (replace(DISK, kind="tmpfs"), Level.ERROR),
    ],
)
def test_a_disk_must_be_local_and_have_room(disk: Disk, level: Level) -> None:
    (found,) = machine.disk(disk, REMOTE, low=GIB, critical=GIB // 4)
    assert found.level is level


def test_how_long_a_sync_takes_is_told() -> None:
    levels = [machine.sync("/srv", seconds).level for seconds in (0.004, 0.3, 3.0, None)]
    assert levels == [Level.OK, Level.WARNING, Level.ERROR, Level.UNSEEN]


def test_a_clock_must_be_kept_and_not_be_behind_the_mail() -> None:
    assert machine.clock(True, -5.0).level is Level.OK
    assert machine.clock(False, None).level is Level.WARNING
    assert machine.clock(None, None).level is Level.UNSEEN
    assert machine.clock(True, 90_000.0).level is Level.ERROR


def test_the_vault_is_for_nobody_else() -> None:
    place = Place("/srv/vault", stat.S_IFDIR | 0o700, "bcc-relay", "bcc-relay")
    assert machine.vault(place, "/srv/vault").level is Level.OK
    found = machine.vault(replace(place, mode=stat.S_IFDIR | 0o750), "/srv/vault")
    assert (found.level, found.todo) == (Level.ERROR, "chmod 0700 /srv/vault")
    assert machine.vault(None, "/srv/vault").level is Level.UNSEEN


FOLDER = Place("/srv/shared", stat.S_IFDIR | 0o2770, "bcc-relay", "crm")
FILE = Place("/srv/shared/relay.db", stat.S_IFREG | 0o660, "bcc-relay", "crm")


@pytest.mark.parametrize(
    ("folder", "file", "members", "level"),
    [
        (FOLDER, FILE, ["www-data"], Level.OK),
        (FOLDER, None, ["www-data"], Level.OK),
        (FOLDER, FILE, [], Level.HINT),
        (replace(FOLDER, mode=stat.S_IFDIR | 0o2775), FILE, ["www-data"], Level.ERROR),
        (replace(FOLDER, mode=stat.S_IFDIR | 0o0770), FILE, ["www-data"], Level.WARNING),
        (FOLDER, replace(FILE, mode=stat.S_IFREG | 0o640), ["www-data"], Level.ERROR),
        (FOLDER, replace(FILE, group="bcc-relay"), ["www-data"], Level.ERROR),
        (FOLDER, replace(FILE, mode=stat.S_IFREG | 0o664), ["www-data"], Level.ERROR),
    ],
)
def test_the_group_and_nobody_else_may_use_the_database(
    folder: Place, file: Place | None, members: list[str], level: Level
) -> None:
    found = machine.shared(folder, file, members)
    assert [each.level for each in found] == [level]
    assert level is Level.OK or found[0].todo


def test_the_configuration_is_not_for_everybody_to_write() -> None:
    place = Place("/etc/x.toml", stat.S_IFREG | 0o644, "root", "staff")
    assert machine.configuration(place, "root").level is Level.OK
    assert machine.configuration(replace(place, mode=stat.S_IFREG | 0o666), "root").level is Level.ERROR
    assert machine.configuration(replace(place, mode=stat.S_IFREG | 0o664), "root").level is Level.WARNING


def test_another_version_that_runs_is_told() -> None:
    assert machine.versions("1.2", ["1.2", "1.2"]).level is Level.OK
    assert machine.versions("1.2", []).level is Level.OK
    assert machine.versions("1.2", ["1.1"]).level is Level.WARNING


def test_the_facts_are_those_of_this_machine(tmp_path: Path) -> None:
    disk = looking.disk(tmp_path / "not" / "there")
    assert disk is not None
    assert disk.folder == str(tmp_path)
    assert disk.free > 0
    seconds = looking.sync_seconds(tmp_path)
    assert seconds is not None
    assert list(tmp_path.iterdir()) == []
    assert looking.sync_seconds(tmp_path / "not there") is None
    place = looking.place(tmp_path)
    assert place is not None
    assert place.rights == f"{stat.S_IMODE(tmp_path.stat().st_mode):04o}"
    assert looking.place(tmp_path / "not there") is None
    assert looking.members("there is no such group", "root") == []
    assert "127.0.0.1" not in looking.interface_addresses()


# -- people ------------------------------------------------------------------------------------------


BOB = Colleague("Bob Baker", ("bob@home.example",))


def test_whose_mail_cannot_be_proved_is_to_get_a_personal_address() -> None:
    (found,) = people.provable([BOB], {"home.example": False, "example.org": True})
    assert found.level is Level.WARNING
    assert "bob@home.example" in found.said
    assert found.todo == 'bcc-relay staff capture-address "Bob Baker"'
    assert [each.level for each in people.provable([BOB], {"home.example": True})] == [Level.OK]
    had = replace(BOB, key_at="2026-03-01T00:00:00.000Z")
    assert [each.level for each in people.provable([had], {"home.example": False})] == [Level.OK]
    assert people.provable([BOB], {}) == []  # nobody answered


def test_of_many_the_first_are_named_and_the_others_counted() -> None:
    crowd = [Colleague(f"P{number}", (f"p{number}@home.example",)) for number in range(40)]
    found = people.provable(crowd, {"home.example": False})
    assert len(found) == people.NAMED + 1
    assert "30 more people" in found[-1].said


def test_a_personal_address_that_was_seen_is_to_be_rotated() -> None:
    seen = [("Bob Baker", "2026-03-10T08:00:00.000Z")]
    (found,) = people.openly(seen)
    assert (found.level, found.todo) == (
        Level.WARNING,
        'bcc-relay staff capture-address "Bob Baker" --rotate --no-grace',
    )


def test_a_relay_that_knows_nobody_is_told_so() -> None:
    assert [each.level for each in people.anybody([], [])] == [Level.HINT]
    assert people.anybody([BOB], []) == []
    assert people.anybody([], ["example.org"]) == []


# -- a Postfix beside us -----------------------------------------------------------------------------

CAPTURE, DOMAIN = "crm@crm.example.org", "crm.example.org"
LINE = f"{DOMAIN} lmtp:unix:/run/lmtp.sock    # in transport_maps"
GOOD = Postfix(
    {"mydestination": "localhost, example.org", "message_size_limit": "10240000"},
    {("transport_maps", DOMAIN): "lmtp:unix:/run/lmtp.sock"},
)


@pytest.mark.parametrize(
    ("parameters", "maps", "holds_port", "level", "todo"),
    [
        ({}, {}, True, Level.OK, ""),
        ({"mydestination": f"localhost, {DOMAIN}"}, {}, True, Level.ERROR, LINE),
        ({"virtual_alias_domains": DOMAIN}, {}, True, Level.ERROR, LINE),
        ({}, {("virtual_alias_maps", CAPTURE): "bob@example.org"}, True, Level.ERROR, "postmap -q"),
        ({}, {("virtual_alias_maps", f"@{DOMAIN}"): CAPTURE}, True, Level.OK, ""),
        ({}, {("recipient_bcc_maps", f"@{DOMAIN}"): CAPTURE}, True, Level.WARNING, f"{CAPTURE} DUNNO"),
        ({}, {("transport_maps", DOMAIN): ""}, True, Level.ERROR, LINE),
        ({}, {("transport_maps", DOMAIN): ""}, False, Level.HINT, LINE),
        ({"message_size_limit": "99999999"}, {}, True, Level.WARNING, "max_size = 99999999"),
        ({"message_size_limit": "0"}, {}, True, Level.WARNING, "postconf -e message_size_limit=52428800"),
    ],
)
def test_a_postfix_must_send_copies_on_and_in_no_circle(
    parameters: dict[str, str], maps: dict[tuple[str, str], str], holds_port: bool, level: Level, todo: str
) -> None:
    postfix = Postfix({**GOOD.parameters, **parameters}, {**GOOD.found, **maps})
    found = neighbour.judge(
        postfix, [CAPTURE], "mx.example.org", 52428800, lmtp="/run/lmtp.sock", holds_port=holds_port
    )
    assert [each.level for each in found] == [level], found
    assert todo in found[0].todo


def test_a_postfix_is_asked_by_its_own_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, body in {
        "postconf": "echo 'mydestination = localhost'; echo 'transport_maps = hash:/etc/postfix/transport'",
        "postmap": '[ "$2 $3" = "crm.example.org hash:/etc/postfix/transport" ] && echo lmtp:unix:/run/x',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = neighbour.ask([CAPTURE])
    assert found is not None
    assert found.parameters["mydestination"] == "localhost"
    assert found.found == {("transport_maps", DOMAIN): "lmtp:unix:/run/x"}
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert neighbour.ask([CAPTURE]) is None
