"""`changes`: the change feed, in pieces or as it comes."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.opened import configuration, store

if TYPE_CHECKING:
    from relay.cli.terminal import Screen
    from relay.store.feed import Following, News

INTERVAL = 0.2
"""Seconds between two looks at the feed: news within a quarter of a second, for five PRAGMAs a second."""

MISSING_FOR = 5.0
"""Seconds that a database may be away (a restore puts another one there) before a line says that we wait."""


class _Ended(BaseException):
    """The person, or the system, has seen enough: the normal end of following."""


@click.command(cls=Command)
@click.option(
    "--since", metavar="SEQ", help="Only changes after this one: SEQ, or FEED_ID:SEQ to be told of another feed."
)
@click.option("--follow", is_flag=True, help="Stay, and print what comes, until Ctrl-C. JSON: one object a line.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many (without --follow)."
)
@as_json
@click.pass_context
def changes(context: click.Context, since: str | None, follow: bool, limit: int, as_json: bool) -> None:
    """Show the change feed: what was added, changed, merged, deleted.

    Oldest first. Without --since the newest ones, or with --follow what comes from now on. A database that was restored
    has a new feed: --follow says so (in JSON an object with "feed_id" and "start_over"), and everything has
    to be read again.
    """
    from relay.cli.feed_page import feed_page
    from relay.cli.terminal import screen
    from relay.store.feed import after, cursor, described, feed, newest

    if follow:
        context.exit(_follow(context, since, as_json=as_json))
    db = store(context)
    now = feed(db)
    found = newest(db, limit) if since is None else after(db, cursor(now, since), limit)
    if as_json:
        answer(found)
        return
    older = since is None and bool(found) and found[0]["seq"] > now.oldest
    lines = feed_page(found, described(db, found), screen(), datetime.now(UTC), older=older)
    if since is not None and found and found[-1]["seq"] < now.newest:
        lines += ["", screen().paint(f"newer: bcc-relay changes --since {found[-1]['seq']}", "dim")]
    say(lines)


def _follow(context: click.Context, since: str | None, *, as_json: bool) -> int:
    """Print what comes until somebody ends it. Returns 0: being ended is no fault."""
    from relay.cli.terminal import screen
    from relay.store.feed import Following

    following = Following(configuration(context).settings.store.path, since)
    context.call_on_close(following.close)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup and a shell's background jobs mean it
            signal.signal(number, _end)
    display = screen()
    try:
        if as_json:
            _print([_object(_head(following))])
        elif sys.stderr.isatty():
            say([f"following the feed after change {following.seq}; Ctrl-C ends"], err=True)
        away = 0.0
        while True:
            news, away = _look(following, away)
            if news.feed is not None and as_json:
                _print([_object({**_head(following, news), "start_over": True})])
            if as_json:
                _print(_object(row) for row in news.changes)
            else:
                _print(_lines(following, news, display))
            if not news.changes:
                _wait()
    except (_Ended, BrokenPipeError):
        _drop_output()
    return 0


def _look(following: Following, away: float) -> tuple[News, float]:
    """One look; `away` counts the seconds for which there has been no database."""
    from relay.store.feed import News
    from relay.store.opening import StoreError

    try:
        return following.look(), 0.0
    except StoreError as error:
        if away < MISSING_FOR <= away + INTERVAL:
            say([f"bcc-relay: {error}; waiting for it"], err=True)
        return News([]), away + INTERVAL


def _head(following: Following, news: News | None = None) -> dict[str, Any]:
    """What a program notes beside its cursor. The changes that follow come after `since`."""
    first = news.changes[0]["seq"] - 1 if news and news.changes else following.seq
    return {"feed_id": following.feed.feed_id, "since": first, "oldest_seq": following.feed.oldest}


def _lines(following: Following, news: News, display: Screen) -> list[str]:
    from relay.cli.feed_page import change_line, new_feed_line
    from relay.store.feed import described

    names = described(following.db, news.changes)
    now = datetime.now(UTC)
    lines = [change_line(row, names, display, now) for row in news.changes]
    return lines if news.feed is None else [new_feed_line(news.feed.feed_id, news.feed.newest, display), *lines]


def _object(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _print(lines: Iterable[str]) -> None:
    """Whoever reads us gets whole lines, at once."""
    say(lines)
    sys.stdout.flush()


def _wait() -> None:
    """Wait for the next look, or until whoever reads our output has gone (raises BrokenPipeError)."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # only what poll always tells: the other end of the pipe was closed
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(INTERVAL * 1000)):
        raise BrokenPipeError


def _end(_number: int, _frame: FrameType | None) -> None:
    raise _Ended


def _drop_output() -> None:
    """What could not be written is given up: its reader has gone or has stopped reading."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
