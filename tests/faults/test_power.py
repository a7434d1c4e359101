"""Power failure: the real daemon under load, and its disk as it may be found after any instant.

The long form, with hundreds of disks, is `scripts/faults power`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import power

pytestmark = pytest.mark.skipif(bool(power.skip_reason()), reason=power.skip_reason() or "can be tried")


def test_after_a_power_failure_at_any_instant_every_250_is_there_once_and_the_daemon_goes_on(tmp_path: Path) -> None:
    run = power.record(tmp_path, 40)
    found = power.replay(run, tmp_path / "disks", 49, filed=1)
    assert not found.wrong, "\n".join(found.wrong[:5])
    assert (found.disks, found.filed, found.acknowledged) == (49, 1, 40)
    assert found.segments > 1
    assert found.changes["e"] > 20, "the syncs were not recorded"


@pytest.mark.parametrize("fault", ["normal", "early"], ids=["commits that do not wait for the disk", "250 too early"])
def test_the_replay_finds_mail_that_is_lost(tmp_path: Path, fault: str) -> None:
    run = power.record(tmp_path, 24, fault)
    found = power.replay(run, tmp_path / "disks", 42, filed=0)
    assert any("acknowledged messages lost" in line for line in found.wrong), power.outcome(found)
