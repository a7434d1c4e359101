"""A fault of ours in writing one mail: the mail is kept, all others are filed, and it is told once."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from mailbuilder import message
from rereading_room import Room, Shelved
from structlog.testing import capture_logs

from relay.work.note import Note
from relay.work.rereading import TIMES, Rereader

# As a UNIQUE that fails: SQLite refuses a row of one mail.
REFUSED = (
    "CREATE TRIGGER x_refused BEFORE {} ON message WHEN NEW.subject = 'odd' AND NEW.status = 'filed' "
    "BEGIN SELECT RAISE(ABORT, 'refused'); END"
)
LARGE = b"x" * 300_000


def room_of(folder: Path) -> Room:
    room = Room(folder)
    room.shelf = Shelved(folder / "vault")
    return room


def mails() -> list[bytes]:
    return [
        message(subject="before", message_id="<1@example.org>"),
        message(subject="odd", message_id="<2@example.org>", text="Odd.\n", attach={"a.pdf": LARGE}),
        message(subject="after", message_id="<3@example.org>", attach={"b.pdf": LARGE + b"x"}),
    ]


def test_a_mail_whose_rows_are_refused_is_kept_unread_and_its_whole_batch_is_filed(tmp_path: Path) -> None:
    room = room_of(tmp_path)
    room.sql(REFUSED.format("INSERT"))
    with capture_logs() as said:
        _, odd, _ = room.file(*mails())
        room.file(message(subject="later", message_id="<4@example.org>"))
    assert [(each["vault_id"], each["why"]) for each in said if each["event"] == "mail.unparsed"] == [
        (str(odd), "IntegrityError")
    ]
    listed = "SELECT subject, status, defects, attachment_count FROM message ORDER BY id"
    assert room.rows(listed) == [
        ("before", "filed", "[]", 0),
        ("odd", "unparsed", '["filing-failed"]', 0),
        ("after", "filed", "[]", 1),
        ("later", "filed", "[]", 0),
    ]
    assert room.rows("SELECT count(*) FROM blob") == [(1,)]
    room.sql("DROP TRIGGER x_refused")
    room.agrees()
    room.again(2)
    assert room.rows(listed)[1] == ("odd", "filed", "[]", 1)
    room.agrees()


def test_a_message_that_cannot_be_written_anew_stays_as_it_is_and_keeps_nothing_waiting(tmp_path: Path) -> None:
    room = room_of(tmp_path)
    room.file(*mails(), older=lambda records: [_shorter(record) for record in records])
    room.sql(REFUSED.format("UPDATE"))
    room.sql("INSERT INTO _read_again (message_id) VALUES (1), (2), (3)")
    with capture_logs() as said:
        room.settle()  # ends
    assert [each["message_id"] for each in said if each["event"] == "mail.unread"] == [2]
    assert room.rows("SELECT count(*) FROM _read_again") == [(0,)]
    assert room.rows("SELECT snippet LIKE 'older%' FROM message ORDER BY id") == [(0,), (1,), (0,)]
    [odd] = room.again(2)
    assert odd.stays
    assert not odd.renewed
    room.sql("DROP TRIGGER x_refused")
    room.again(2)
    room.agrees()


def test_a_message_that_asks_to_be_read_again_each_time_is_left_alone_in_the_end(tmp_path: Path) -> None:
    room = room_of(tmp_path)
    room.file(*mails())
    room.sql("CREATE TABLE x_asked (id INTEGER PRIMARY KEY)")
    room.sql(
        "CREATE TRIGGER x_again AFTER DELETE ON _read_again WHEN (SELECT count(*) FROM x_asked) < 300 BEGIN "
        "INSERT INTO x_asked VALUES (NULL); INSERT INTO _read_again (message_id) VALUES (OLD.message_id); END"
    )
    room.sql("INSERT INTO _read_again (message_id) VALUES (2)")
    read = []
    with room.filing() as store, closing(Note(room.note)) as note, capture_logs() as said:
        rereader = Rereader(room.shelf, store, note, at=read.append)
        while rereader.wanted():
            pass
    assert read.count("refile.read") == TIMES
    assert [each["message_id"] for each in said if each["event"] == "mail.read_without_end"] == [2]


def _shorter(record):
    return replace(record, snippet="older")
