from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from relay.store import migrations
from relay.store.connection import StoreError, open_store
from relay.store.migrations import prepare
from relay.store.verify import schema_differences, verify
from tests.store.stranger import Stranger, sqlite3_command

PREPARE = "import sys; from pathlib import Path; from relay.store.migrations import prepare; prepare(Path(sys.argv[1]))"


def one_line(error: pytest.ExceptionInfo[StoreError], path: Path) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_three_processes_that_start_at_once_all_succeed(tmp_path: Path) -> None:
    for round_ in range(3):
        path = tmp_path / f"relay{round_}.db"
        started = [
            subprocess.Popen([sys.executable, "-c", PREPARE, str(path)], stderr=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        said = [process.communicate(timeout=60)[1] for process in started]
        assert [process.returncode for process in started] == [0, 0, 0], said
        with_ours = open_store(path)
        assert list(verify(with_ours)) == []
        with_ours.close()


def test_the_file_is_for_the_group_and_in_wal_mode_whatever_the_umask(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    before = os.umask(0o077)
    try:
        prepare(tmp_path / "relay.db")
        connection = open_store(tmp_path / "relay.db")
        connection.execute("UPDATE _relay SET value = value")
        modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in tmp_path.iterdir()}
        connection.close()
    finally:
        os.umask(before)
    assert modes == {"relay.db": 0o660, "relay.db-wal": 0o660, "relay.db-shm": 0o660}
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert sqlite3_command(tmp_path / "relay.db", "PRAGMA journal_mode") == "wal\n"


def test_preparing_again_changes_nothing(store: Path) -> None:
    before = store.read_bytes()
    prepare(store)
    assert store.read_bytes() == before


def test_a_newer_database_is_refused_and_not_touched(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = store.read_bytes()
    monkeypatch.setattr(migrations, "VERSION", migrations.VERSION - 1)
    for attempt in (prepare, open_store, lambda path: open_store(path, read_only=True)):
        with pytest.raises(StoreError) as error:
            attempt(store)
        assert "newer" in one_line(error, store)
        assert "upgrade" in str(error.value)
    assert store.read_bytes() == before


def test_a_migration_that_we_do_not_know_means_newer(store: Path) -> None:
    sqlite3_command(
        store,
        "INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('relay', '0099_future'); PRAGMA user_version = 99",
    )
    with pytest.raises(StoreError, match="newer"):
        prepare(store)


def test_a_database_of_something_else_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    sqlite3_command(path, "CREATE TABLE customer (id)")
    before = path.read_bytes()
    with pytest.raises(StoreError) as error:
        prepare(path)
    assert "not a database of bcc-relay" in one_line(error, path)
    assert path.read_bytes() == before
    path.write_bytes(b"Dear Anna, this is a letter. " * 100)
    with pytest.raises(StoreError) as error:
        prepare(path)
    assert "not a database" in one_line(error, path)


def test_tables_of_the_crm_named_x_may_be_there_first(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    sqlite3_command(path, "CREATE TABLE x_color (lead_id, color); INSERT INTO x_color VALUES (1, 'blue')")
    prepare(path)
    assert sqlite3_command(path, "SELECT color FROM x_color; SELECT major FROM contract") == "blue\n1\n"


def test_a_missing_folder_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        prepare(tmp_path / "nowhere" / "relay.db")
    assert "does not exist" in one_line(error, tmp_path / "nowhere" / "relay.db")


def test_reading_a_database_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        open_store(tmp_path / "relay.db", read_only=True)
    assert "bcc-relay serve" in one_line(error, tmp_path / "relay.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_folder_without_rights_is_told_in_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "relay.db"
    # nobody cannot read a virtual environment under /root, so the same call runs in a child that drops its rights late
    program = f"import os, sys; from pathlib import Path; from relay.store.migrations import prepare; os.seteuid(65534)\ntry: prepare(Path({str(path)!r}))\nexcept Exception as e: print(type(e).__name__, e)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(f"StoreError {path}: ")
    assert done.stdout.count("\n") == 1
    assert not path.exists()


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    # RLIMIT_FSIZE makes every write beyond it fail, as a full disk does.
    path = tmp_path / "relay.db"
    program = (
        "import resource, signal, sys; from pathlib import Path; from relay.store.migrations import prepare\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (40000, -1))\n"
        f"try: prepare(Path({str(path)!r}))\nexcept Exception as e: print(type(e).__name__, e)"
    )
    done = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(f"StoreError {path}: "), done.stdout + done.stderr
    assert done.stdout.count("\n") == 1
    assert sqlite3_command(path, "SELECT count(*) FROM sqlite_master") == "0\n"
    prepare(path)  # room was made
    assert sqlite3_command(path, "SELECT major FROM contract") == "1\n"


def test_a_trigger_that_a_stranger_planted_is_found(store: Path) -> None:
    crm = Stranger(store)
    crm("CREATE TABLE x_log (id)")
    crm("CREATE TRIGGER x_spy AFTER INSERT ON message BEGIN INSERT INTO x_log VALUES (NEW.id); END")
    crm("DROP TRIGGER _match_insert")
    crm("CREATE VIEW x_mine AS SELECT * FROM lead")
    crm.close()
    connection = open_store(store)
    found = {tuple(difference.row.values()) for difference in schema_differences(connection)}
    connection.close()
    assert found == {("x_spy", "message"), ("trigger", "_match_insert")}


def test_opening_a_database_does_not_load_what_only_making_one_needs(store: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from relay.store.connection import open_store\n"
        f"open_store(Path({str(store)!r})).close(); print('sqlite_utils' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
