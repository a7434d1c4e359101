"""Any client's dialogue, in a short form; `scripts/fuzz` goes on for as long as it is told."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzzing.dialogue import Dialogue, LmtpDialogue


@pytest.mark.parametrize("machine", [Dialogue, LmtpDialogue], ids=["smtp", "lmtp"])
def test_every_command_has_the_reply_that_is_due_in_whatever_order_and_pieces(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
