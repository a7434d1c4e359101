"""The note tells which mail has killed its reader, and no other."""

from __future__ import annotations

from pathlib import Path

from relay.mail.envelope import VaultId
from relay.work.note import Note

MAIL, OTHER = VaultId("0a1b2c3d", 7), VaultId("0a1b2c3d", 8)


def life(path: Path, *, dies_at: VaultId | None) -> Note:
    """A reader's life: it reads, and either dies there or clears the note."""
    note = Note(path)
    if dies_at:
        note.reading(dies_at)
    else:
        note.clear()
    note.close()
    return note


def test_a_mail_that_killed_its_reader_twice_is_known(tmp_path: Path) -> None:
    life(tmp_path / "note", dies_at=MAIL)
    once = Note(tmp_path / "note")
    assert once.suspect == MAIL
    assert not once.killed(MAIL), "once may have been anything"
    once.reading(MAIL)
    once.close()
    twice = Note(tmp_path / "note")
    assert twice.killed(MAIL)
    assert not twice.killed(OTHER)
    twice.close()


def test_an_orderly_end_leaves_no_suspect(tmp_path: Path) -> None:
    life(tmp_path / "note", dies_at=MAIL)
    life(tmp_path / "note", dies_at=None)
    note = Note(tmp_path / "note")
    assert note.suspect is None
    note.close()


def test_deaths_at_different_mails_are_nobodys_fault(tmp_path: Path) -> None:
    life(tmp_path / "note", dies_at=MAIL)
    life(tmp_path / "note", dies_at=OTHER)
    note = Note(tmp_path / "note")
    assert not note.killed(MAIL)
    assert not note.killed(OTHER)
    note.close()


def test_a_note_that_is_not_ours_is_no_suspect(tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes(b"\xff\x00 what is this")
    note = Note(tmp_path / "note")
    assert note.suspect is None
    note.close()
