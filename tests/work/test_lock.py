"""One at a time, told by name, and looking does no harm."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from relay.lock import Lock, Taken, held


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    with Lock(tmp_path / "lock"), pytest.raises(Taken) as told:
        Lock(tmp_path / "lock")
    assert told.value.holder == str(os.getpid())


def test_it_is_free_again_after_its_holder(tmp_path: Path) -> None:
    assert not held(tmp_path / "lock")
    with Lock(tmp_path / "lock"):
        assert held(tmp_path / "lock")
    assert not held(tmp_path / "lock")
    Lock(tmp_path / "lock").release()


def test_a_glance_at_the_lock_does_not_stop_a_daemon_that_starts(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    glance = os.open(tmp_path / "lock", os.O_RDONLY)
    fcntl.flock(glance, fcntl.LOCK_SH)
    threading.Timer(0.05, os.close, (glance,)).start()
    with Lock(tmp_path / "lock"):
        assert held(tmp_path / "lock")
