"""The log: one event for a fact, and no flood of them."""

from __future__ import annotations

import io

import pytest
import structlog

from relay import log


@pytest.fixture
def lines():
    stream = io.StringIO()
    log.configure(stream)
    yield lambda: [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


def test_what_happens_often_is_told_in_sums(lines):
    clock = [0.0]
    tally = log.Tally("mail.filed", clock=lambda: clock[0])
    tally.tell()
    tally.add(1, up_to="e-1")
    for number in range(2, 1001):
        tally.add(1, up_to=f"e-{number}")
    assert lines() == ["level=info event=mail.filed count=1 up_to=e-1"]
    clock[0] = 1.0
    tally.tell()
    tally.tell()
    assert lines()[1:] == ["level=info event=mail.filed count=999 up_to=e-1000"]


def test_a_single_mail_is_told_at_once(lines):
    clock = [5.0]
    tally = log.Tally("mail.filed", clock=lambda: clock[0])
    tally.add(1, up_to="e-1")
    clock[0] = 7.0
    tally.add(1, up_to="e-2")
    assert len(lines()) == 2


def test_a_log_that_nobody_reads_does_not_stop_the_work():
    stream = io.StringIO()
    log.configure(stream)
    stream.close()
    log.Tally("mail.filed").add(1)
    structlog.reset_defaults()
