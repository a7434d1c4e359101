"""A restart while mail comes in: the socket stays, as systemd holds it, and nothing that was answered 250 is lost by it."""

from __future__ import annotations

from pathlib import Path

from tests.faults.restarting import restarted


def test_each_250_outlives_restarts_once_whatever_the_moment(tmp_path: Path) -> None:
    """The long form: scripts/faults restarts."""
    assert "each once in the vault" in restarted(tmp_path, 3)
