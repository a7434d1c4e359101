"""`serve`: what is done before there is a loop, and the loop itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from relay.config.settings import Settings
from relay.daemon.derived import raise_descriptor_limit, work
from relay.daemon.life import Command, Life, Ready
from relay.daemon.reloading import Reread
from relay.notify import notify
from relay.store.migrations import awaits_upgrade, prepare
from relay.vault.segment import make_folder
from relay.work import assignment


def serve(
    settings: Settings,
    *,
    read: Reread | None = None,
    ready: Ready | None = None,
    accept: bool = True,
    file: bool = True,
    filer_command: Sequence[str] | None = None,
    at: Callable[[str], None] = lambda _: None,
) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit status: 0 after an orderly end.

    `read` gives the configuration anew at SIGHUP. `accept` and `file` choose the halves of the work; `ready`
    is told the addresses we listen on; `filer_command` and `at` are for tests that stop a process at a named
    step. Raises the one-line errors of the parts (a port in use, a folder without rights, a newer database).
    """
    commands: dict[str, Command] = {}
    if file:
        commands["filer"] = lambda settings: filer_command or assignment.filing(work(settings))
        commands["indexer"] = lambda settings: assignment.indexing(settings.store.path)
    try:
        raise_descriptor_limit(settings.limits.connections)
        # An upgrade takes its time and is the filer's: mail is accepted meanwhile.
        if not awaits_upgrade(settings.store.path):
            prepare(settings.store.path)
        if file:
            make_folder(settings.vault.path)  # also with --only file, which may be started first
        life = Life(settings, commands, accept=accept, read=read, at=at)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(life.run(ready))
    except Exception as error:
        notify(f"STATUS=stopped: {error}")  # also where nobody reads the log
        raise


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, twice the sessions per core, where it is to be had; else asyncio's own loop."""
    try:
        import uvloop  # noqa: PLC0415  optional
    except ImportError:
        return None
    return uvloop.new_event_loop
