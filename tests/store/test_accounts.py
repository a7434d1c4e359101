"""Accounts: hashes only, in a file for the relay alone; a secret opens a door while its person is one of us."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from relay.attribution.directory import Directory
from relay.attribution.personal import LETTERS, personal_address, token_hash, token_hashes
from relay.mail.address import Address
from relay.store import accounts, password
from relay.store.connection import open_store
from relay.store.logins import Logins
from relay.store.people import RefusedError, add_staff, staff_leaves

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"
COMPANY = Directory(capture=frozenset({"crm@crm.example.org"}), domains=frozenset({"example.org"}))


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """The form stays, the time goes."""
    monkeypatch.setattr(password, "LOG_N", 4)
    monkeypatch.setattr(password, "DUMMY", password.DUMMY.replace(":14:", ":4:"))


@pytest.fixture
def office(tmp_path):
    """(relay.db, the file, what looks them up), with Ann as staff 1 and Bob as 2."""
    db = open_store(tmp_path / "relay.db")
    add_staff(db, "Ann", ["ann@example.org", "ann@home.example"])
    add_staff(db, "Bob", ["bob@example.org"])
    yield db, accounts.place(tmp_path), Logins(tmp_path / "relay.db", tmp_path)
    db.close()


def test_a_personal_address_is_known_by_its_hash_in_every_form_a_client_makes_of_it(office):
    db, path, logins = office
    token = accounts.give_address(db, path, 1, NOW)
    assert len(token) == 26
    assert set(token) <= set(LETTERS)
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    address = personal_address("crm@crm.example.org", token)
    assert len(address.partition("@")[0]) <= 64
    for written in (
        address,
        address.upper(),
        address.replace("+", "."),
        address.replace("+", "-"),
        f"me-{token}@crm.example.org",
        address.replace("@", "+deal-42@"),
        address.replace("+", "+deal-42+"),
    ):
        [found] = token_hashes(Address.read(written), COMPANY)
        assert logins.owners(db, NOW)[found] == 1, written
    assert token_hashes(Address.read("crm+deal-4@crm.example.org"), COMPANY) == ()
    assert token_hash(token.replace("o", "0").replace("l", "1")) == token_hash(token)


def test_a_replaced_address_works_for_fourteen_days_unless_it_became_known(office):
    db, path, logins = office
    first = accounts.give_address(db, path, 1, NOW)
    with pytest.raises(RefusedError, match="cannot be shown again"):
        accounts.give_address(db, path, 1, NOW)
    second = accounts.give_address(db, path, 1, NOW, rotate=True)
    for days, works in ((13.9, True), (14.1, False)):
        owners = logins.owners(db, NOW + timedelta(days=days))
        assert (token_hash(first) in owners) is works
        assert token_hash(second) in owners
    third = accounts.give_address(db, path, 1, NOW, rotate=True, grace=False)
    assert logins.owners(db, NOW) == {token_hash(third): 1}


def test_many_rotations_keep_few_addresses(office):
    db, path, logins = office
    for _ in range(20):
        accounts.give_address(db, path, 1, NOW, rotate=True)
    assert len(logins.owners(db, NOW)) == accounts.KEYS


def test_a_password_fits_its_person_only(office):
    db, path, logins = office
    accounts.set_password(db, path, 1, PASSWORD, NOW)
    assert PASSWORD not in path.read_text()
    staff, which = logins.check("Ann@Home.example", PASSWORD)
    assert staff == 1
    assert logins.check("ann@example.org", PASSWORD) == (1, which)
    assert logins.check("ann@example.org", PASSWORD) == (1, which), "remembered"
    assert logins.holds(db, 1, which)
    assert not logins.holds(db, 2, which)
    for name, given in (
        ("ann@example.org", "wrong horse battery"),
        ("ann@example.org", ""),
        ("bob@example.org", PASSWORD),
        ("bob@example.org", ""),
        ("nobody@example.org", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
    ):
        assert logins.check(name, given) is None
    accounts.set_password(db, path, 1, "another long password", NOW)
    assert logins.check("ann@example.org", PASSWORD) is None, "what is remembered ends with the password"
    assert not logins.holds(db, 1, which), "and so does a login with it"
    _, other = logins.check("ann@example.org", "another long password")
    assert logins.holds(db, 1, other)
    accounts.set_password(db, path, 1, "another long password", NOW)
    assert not logins.holds(db, 1, other), "the same password set anew is a new one: there was a reason to set it"
    accounts.remove_password(db, path, 1)
    assert logins.check("ann@example.org", "another long password") is None
    assert not logins.holds(db, 1, other)


def test_the_same_is_computed_whether_the_account_exists_or_not(office, monkeypatch):
    db, path, logins = office
    accounts.set_password(db, path, 1, PASSWORD, NOW)
    computed = []
    scrypt = password._scrypt
    monkeypatch.setattr(password, "_scrypt", lambda *given: computed.append(given[2:]) or scrypt(*given))
    for name in ("ann@example.org", "bob@example.org", "nobody@example.org", "no address"):
        assert logins.check(name, "wrong horse battery") is None
    assert len(computed) == 4
    assert len(set(computed)) == 1


@pytest.mark.parametrize("short", ["", "short", "x" * 11, "x" * 257, "with a\ttab in it", "with\0null in it"])
def test_no_password_that_is_short_or_cannot_be_typed(office, short):
    db, path, _ = office
    with pytest.raises(RefusedError):
        accounts.set_password(db, path, 1, short, NOW)
    assert not path.exists()


def test_a_password_is_the_same_however_a_keyboard_writes_its_accents():
    assert password.matches(
        password.normal("cafe\u0301 au lait"), password.kept(password.normal("caf\u00e9\u00a0au lait"))
    )


def test_who_leaves_loses_everything_at_once_also_by_a_crm_s_word(office):
    db, path, logins = office
    for staff in (1, 2):
        accounts.give_address(db, path, staff, NOW)
        accounts.set_password(db, path, staff, PASSWORD, NOW)
    staff_leaves(db, 1)
    assert logins.check("ann@example.org", PASSWORD) is None
    assert set(logins.owners(db, NOW).values()) == {2}
    assert accounts.remove_all(db, path, 1)
    assert not accounts.remove_all(db, path, 1)
    db.execute("UPDATE staff SET left_at = NULL WHERE id = 1")
    assert logins.check("ann@example.org", PASSWORD) is None, "who comes back gets new ones"
    db.execute("DELETE FROM staff WHERE id = 2")  # a CRM may
    assert logins.check("bob@example.org", PASSWORD) is None
    assert logins.owners(db, NOW) == {}
    with pytest.raises(RefusedError):
        accounts.give_address(db, path, 2, NOW)
    accounts.give_address(db, path, 1, NOW)
    assert set(json.loads(path.read_text())["people"]) == {"1"}, "what is left of others goes with the next change"


def test_the_secrets_of_another_database_open_nothing(office, tmp_path):
    db, path, _ = office
    accounts.set_password(db, path, 1, PASSWORD, NOW)
    (tmp_path / "new").mkdir()
    with_others = open_store(tmp_path / "new" / "relay.db")
    add_staff(with_others, "Carl", ["carl@example.org"])  # staff 1 there
    with_others.close()
    assert Logins(tmp_path / "new" / "relay.db", tmp_path).check("carl@example.org", PASSWORD) is None


def test_audit_tells_what_was_done_and_no_secret(office):
    db, path, _ = office
    token = accounts.give_address(db, path, 1, NOW)
    accounts.set_password(db, path, 1, PASSWORD, NOW)
    accounts.remove_all(db, path, 1)
    told = db.execute("SELECT action, subject_id, detail FROM audit WHERE action <> 'staff-add'").fetchall()
    assert [row[:2] for row in told] == [
        ("staff-capture-address", 1),
        ("staff-password", 1),
        ("staff-secrets-remove", 1),
    ]
    assert not any(secret in str(told) for secret in (token, token_hash(token), PASSWORD, "scrypt"))


@pytest.mark.parametrize("octets", [b"", b"{", b"[]", b'{"form": 2}', b'{"form": 1}', b"\xff" * 99, b"[" * 9999])
def test_a_damaged_file_is_told_and_is_no_wrong_password(office, octets):
    db, path, logins = office
    path.write_bytes(octets)
    with pytest.raises(accounts.AccountsError, match=str(path)):
        logins.check("ann@example.org", PASSWORD)
    with pytest.raises(accounts.AccountsError):
        accounts.give_address(db, path, 1, NOW)
    assert path.read_bytes() == octets
