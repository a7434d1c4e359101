"""The supervisor keeps one child alive, notices a stuck one, and lets it finish at the end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from relay.work import supervisor as supervision
from relay.work.supervisor import Supervisor

# Each child appends a line to the file it is given, so that the tests see lives and last words.
LIFE = "import os, sys; out = open(sys.argv[1], 'a', buffering=1); print('born', file=out); os.write(1, b'.')\n"
CHILDREN = {
    "faithful": LIFE + "for line in sys.stdin: print('woken', file=out)\nprint('finished', file=out)",
    "short-lived": LIFE + "os._exit(3)",
    "silent": LIFE + "import time; time.sleep(60)",
    "mute": LIFE + "import time; os.close(1); time.sleep(60)",
    "obedient": LIFE + "while os.read(0, 1) not in (b'!', b''): pass\nprint('left', file=out)",
    "deaf": LIFE + "import time\nwhile True: os.write(1, b'.'); time.sleep(0.05)",
}


def child(kind: str, out: Path) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", CHILDREN[kind], str(out))


async def until(out: Path, count: int, word: str, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while (out.read_text() if out.exists() else "").split().count(word) < count:
            await asyncio.sleep(0.01)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "PAUSES", (0.01,))


def test_news_reach_the_child_and_the_end_lets_it_finish(out: Path) -> None:
    async def story() -> None:
        supervisor = Supervisor("child", child("faithful", out))
        supervisor.start()
        await until(out, 1, "born")
        await until(out, 1, "woken")  # a new child is told once: it may have missed news
        supervisor.wake()
        await until(out, 2, "woken")
        assert await supervisor.stop(20)
        assert supervisor.pid is None

    asyncio.run(story())
    assert out.read_text().split() == ["born", "woken", "woken", "finished"]


def test_a_child_that_dies_is_started_again(out: Path) -> None:
    async def story() -> None:
        supervisor = Supervisor("child", child("short-lived", out))
        supervisor.start()
        await until(out, 3, "born")
        assert supervisor.restarts >= 2
        await supervisor.stop(20)

    asyncio.run(story())


def test_a_child_without_a_heartbeat_is_killed_and_started_again(out: Path) -> None:
    async def story() -> None:
        supervisor = Supervisor("child", child("silent", out), heartbeat_limit=0.5)
        supervisor.start()
        await until(out, 2, "born")
        await supervisor.stop(0.1)

    asyncio.run(story())


def test_a_child_that_closes_its_output_and_stays_is_killed_and_started_again(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "LAST_BREATH", 0.1)

    async def story() -> None:
        supervisor = Supervisor("child", child("mute", out))
        supervisor.start()
        await until(out, 2, "born")
        await supervisor.stop(0.1)

    asyncio.run(story())


def test_a_child_that_will_not_end_is_killed_after_the_grace(out: Path) -> None:
    async def story() -> bool:
        supervisor = Supervisor("child", child("deaf", out))
        supervisor.start()
        await until(out, 1, "born")
        finished = await supervisor.stop(0.2)
        assert supervisor.pid is None
        return finished

    assert not asyncio.run(story())


def test_a_command_that_cannot_be_started_is_tried_again_and_stops_at_once(out: Path) -> None:
    async def story() -> bool:
        supervisor = Supervisor("child", (str(out / "missing"),))
        supervisor.start()
        while supervisor.restarts < 2:
            await asyncio.sleep(0.01)
        return await supervisor.stop(5)

    with capture_logs() as said:
        assert asyncio.run(story())
    assert {(line["event"], line["status"]) for line in said} == {
        ("child.died", "not started: No such file or directory")
    }


def test_a_process_in_trouble_does_not_spin_in_its_last_words() -> None:
    """The filer waits after each fault of a disk, also when the daemon has gone."""
    program = (
        "import sys; from relay.work.lifeline import Gone, Lifeline\n"
        "turns = 0; line = Lifeline(last_words=0.4)\n"
        "try:\n"
        "    while True: line.listen(0.1); line.beat(); turns += 1\n"
        "except Gone: print(turns, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True
    )
    assert 1 <= int(done.stderr) <= 10


def test_a_paused_child_is_gone_and_another_command_goes_on(out: Path) -> None:
    async def story() -> None:
        supervisor = Supervisor("child", child("obedient", out))
        supervisor.start()
        await until(out, 1, "born")
        await supervisor.pause(20)
        assert supervisor.pid is None
        assert out.read_text().split()[-1] == "left"
        supervisor.resume(child("faithful", out))
        await until(out, 1, "woken")
        assert supervisor.restarts == 0, "it was no death"
        assert await supervisor.stop(20)

    asyncio.run(story())
    assert out.read_text().split() == ["born", "left", "born", "woken", "finished"]


def test_a_child_that_does_not_make_way_is_killed(out: Path) -> None:
    async def story() -> None:
        supervisor = Supervisor("child", child("deaf", out))
        supervisor.start()
        await until(out, 1, "born")
        with capture_logs() as logs:
            await supervisor.pause(0.2)
        assert supervisor.pid is None
        assert [each["event"] for each in logs] == ["child.stuck"]
        supervisor.resume(child("faithful", out))
        await until(out, 1, "woken")
        assert await supervisor.stop(20)

    asyncio.run(story())


def test_a_child_that_waits_to_be_started_again_is_paused_at_once(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "PAUSES", (60.0,))

    async def story() -> None:
        supervisor = Supervisor("child", child("short-lived", out))
        supervisor.start()
        await until(out, 1, "born")
        await supervisor.pause(20)
        supervisor.resume(child("faithful", out))
        await until(out, 1, "woken")
        assert await supervisor.stop(20)

    asyncio.run(story())


def test_a_paused_child_may_be_stopped(out: Path) -> None:
    async def story() -> None:
        supervisor = Supervisor("child", child("obedient", out))
        supervisor.start()
        await until(out, 1, "born")
        await supervisor.pause(20)
        assert await supervisor.stop(20)

    asyncio.run(story())
    assert out.read_text().split() == ["born", "left"]
