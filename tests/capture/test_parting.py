"""While the server stops: who is in a dialogue hands in its mail and says QUIT, who is silent hears 421."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.capture import bounds
from relay.capture.session import Session
from relay.mail import reply
from relay.mail.envelope import MailObject, VaultId
from tests.fuzzing.dialogue import Pipe, house

MAIL = [b"MAIL FROM:<bob@example.org>", b"RCPT TO:<crm@crm.example.org>", b"DATA"]
CONTENT = b"From: bob@example.org\r\n\r\nhello\r\n."


class Clock:
    """A loop of which only the clock is needed; time passes when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[..., None], tuple[object, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[..., None], *words: object) -> Clock:
        self.due.append((self.now + delay, call, words))
        return self

    def cancel(self) -> None:
        pass

    def passes(self, seconds: float) -> None:
        end = self.now + seconds
        while ready := sorted((each for each in self.due if each[0] <= end), key=lambda each: each[0]):
            self.due.remove(ready[0])
            self.now = max(self.now, ready[0][0])
            ready[0][1](*ready[0][2])
        self.now = end


class Line:
    """A session and its client."""

    def __init__(self, *, closing: bool = False) -> None:
        self.clock = Clock()
        self.kept: list[MailObject] = []

        def put(mail: MailObject, done: Callable[[VaultId | Exception], None]) -> None:
            self.kept.append(mail)
            done(VaultId("0123abcd", len(self.kept)))

        self.house = house(put)
        self.house.closing = closing
        self.pipe = Pipe()
        self.pipe.hang_up()  # nothing goes by the kernel
        self.session = Session(self.house, self.clock)
        self.session.connection_made(self.pipe)
        if not closing:
            assert self.heard() == ["220"]
            assert self.says(b"HELO x") == ["250"]

    def heard(self) -> list[str]:
        said, self.pipe.said = self.pipe.said, b""
        return [line[:3].decode() for line in said.splitlines()]

    def says(self, *lines: bytes) -> list[str]:
        for line in lines:
            if not self.pipe.closed:
                self.session.data_received(line + b"\r\n")
        return self.heard()

    def stops(self) -> None:
        self.house.closing = True
        self.session.shut_down()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.mark.parametrize("said", range(4))
def test_a_dialogue_is_brought_to_its_end_whatever_was_said_last(line: Line, said: int) -> None:
    line.says(*MAIL[:said])
    line.stops()
    assert line.heard() == []
    assert line.says(*MAIL[said:], CONTENT) == ["250", "250", "354", "250"][said:]
    line.clock.passes(bounds.SILENT / 2)  # the way of the 250 and of the QUIT
    assert line.says(b"QUIT") == ["221"]
    line.clock.passes(60)
    assert (len(line.kept), line.heard()) == (1, [])


def test_who_is_silent_hears_421(line: Line) -> None:
    line.clock.passes(bounds.SILENT)
    line.stops()
    assert (line.heard(), line.pipe.closed) == (["421"], True)


def test_who_falls_silent_hears_421(line: Line) -> None:
    line.says(*MAIL[:2])
    line.stops()
    line.clock.passes(bounds.SILENT)
    assert (line.heard(), line.pipe.closed, line.kept) == (["421"], True, [])


def test_who_talks_on_and_on_hears_421(line: Line) -> None:
    line.stops()
    heard: list[str] = []
    while "421" not in heard:
        line.clock.passes(bounds.SILENT * 0.8)
        heard += line.heard() or line.says(b"NOOP")
        assert line.clock.now <= bounds.PARTING + bounds.SILENT
    assert line.pipe.closed


def test_one_more_mail_is_taken_and_then_no_other(line: Line) -> None:
    line.says(*MAIL)
    line.stops()
    assert line.says(CONTENT, *MAIL, CONTENT) == ["250", "250", "250", "354", "250", "421"]
    assert len(line.kept) == 2


@pytest.mark.parametrize("refusal", [reply.LATER, reply.TOO_MANY_HOPS])
def test_who_is_turned_away_says_quit_too(line: Line, refusal: reply.Reply) -> None:
    line.says(*MAIL)
    line.stops()
    line.session._turn_away(refusal, "for whatever reason")
    assert line.heard() == [str(refusal.code)]
    assert line.says(b"QUIT") == ["221"]
    assert line.pipe.closed


def test_who_was_connected_when_the_listener_closed_is_served() -> None:
    line = Line(closing=True)
    assert line.says(b"HELO x", *MAIL, CONTENT, b"QUIT") == ["220", "250", "250", "250", "354", "250", "221"]
