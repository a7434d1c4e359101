"""Accepting and filing as two services: one reload for both, mail filed at once, and neither needs the other."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from notified import Systemd
from running import CAPTURE, PATIENCE, Relay
from test_reload import POST, mail, write

from relay.daemon.halves import NAME, AcceptingEnd, FilingEnd


@pytest.fixture
def two(relay_running, systemd: Systemd) -> Iterator[tuple[Relay, int]]:
    """The relay as two services, and the process that files. Systemd hears the accepting one."""
    relay = relay_running(start=False).start("--only", "file")
    filing, relay.process = relay.process, None
    relay.start("--only", "accept", environment=systemd.environment)
    systemd.until("READY=1")
    yield relay, filing.pid
    filing.terminate()
    assert filing.wait(PATIENCE) == 0
    filing.stdout.close()
    assert not (relay.vault / NAME).exists()


def test_a_reload_of_the_accepting_half_is_one_of_both(two: tuple[Relay, int], systemd: Systemd) -> None:
    relay, _ = two
    relay.filed(*relay.send(mail(1)))  # the line is there
    write(relay, f'["{CAPTURE}"]', f'["{CAPTURE}", "{POST}"]')
    assert relay.process is not None
    relay.process.send_signal(signal.SIGHUP)
    systemd.until("RELOADING=1\nMONOTONIC_USEC=")
    systemd.until("READY=1")
    relay.filed(*relay.send(mail(2), to=(POST,)))
    assert relay.sql("SELECT direction FROM message") == [["outgoing"], ["outgoing"]]
    assert relay.sql("SELECT address FROM address WHERE address LIKE 'post@%'") == []
    assert relay.log().count("config.reloaded") == 2


def test_a_half_that_was_killed_comes_back_to_the_line(two: tuple[Relay, int], systemd: Systemd) -> None:
    relay, _ = two
    assert relay.process is not None
    relay.process.kill()
    relay.process.wait()
    relay.process.stdout.close()
    relay.start("--only", "accept", environment=systemd.environment)
    relay.filed(*relay.send(mail(3)))
    relay.verify()


class Ends:
    """Both ends in one loop."""

    def __init__(self, folder: Path) -> None:
        self.news = asyncio.Event()
        self.may = asyncio.Event()
        self.may.set()
        self.read = 0
        self.accepting = AcceptingEnd(folder)
        self.filing = FilingEnd(folder, self.news.set, self.reread)

    async def reread(self) -> None:
        await self.may.wait()
        self.read += 1


def test_news_come_at_once_also_those_from_before_there_was_a_line(tmp_path: Path) -> None:
    asyncio.run(_news(Ends(tmp_path)))


async def _news(ends: Ends) -> None:
    ends.accepting.start()
    ends.accepting.wake()  # to nobody
    await ends.filing.start()
    async with asyncio.timeout(PATIENCE):
        await ends.news.wait()
    ends.news.clear()
    began = time.monotonic()
    ends.accepting.wake()
    async with asyncio.timeout(PATIENCE):
        await ends.news.wait()
    assert time.monotonic() - began < 0.5
    await ends.accepting.stop()
    await ends.filing.stop()


def test_who_asks_for_a_reload_waits_until_it_is_in_effect_and_not_for_ever(tmp_path: Path) -> None:
    asyncio.run(_reloads(Ends(tmp_path)))


async def _reloads(ends: Ends) -> None:
    await ends.accepting.reread(PATIENCE)  # nobody is there: nothing to wait for
    await ends.filing.start()
    ends.accepting.start()
    async with asyncio.timeout(PATIENCE):
        await ends.news.wait()
    await ends.accepting.reread(PATIENCE)
    assert ends.read == 1
    ends.may.clear()
    await ends.accepting.reread(0.05)
    assert ends.read == 1
    await ends.filing.stop()
    await ends.accepting.reread(PATIENCE)  # gone: nobody is waited for
    await ends.accepting.stop()


def test_a_vault_with_a_long_path_has_its_line(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / ("longer" * 20)
    folder.mkdir(parents=True)
    asyncio.run(_far_away(Ends(folder), folder))
    assert list(folder.iterdir()) == []


async def _far_away(ends: Ends, folder: Path) -> None:
    await ends.filing.start()
    assert (folder / NAME).stat().st_mode & 0o007 == 0
    ends.accepting.start()
    async with asyncio.timeout(PATIENCE):
        await ends.news.wait()
    await ends.accepting.stop()
    await ends.filing.stop()
