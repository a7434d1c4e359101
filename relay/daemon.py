"""The daemon: builds every object, connects them, and stops them in the right order. The only wiring.

Accepting and filing are two processes. This one runs the event loop: listeners, sessions, the vault's
writer (a thread). The filer is kept alive by the supervisor. What joins them is the vault.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence

from relay.attribution.directory import Directory
from relay.capture.server import Server
from relay.config.settings import Settings
from relay.log import log
from relay.notify import notify
from relay.store.filing import filed_marks
from relay.store.migrations import prepare
from relay.vault.segment import make_folder
from relay.vault.writer import RESERVE, Vault
from relay.work import filing_process, indexing_process
from relay.work.filing_process import Work
from relay.work.supervisor import Supervisor

SESSIONS_GRACE = 20.0
"""Seconds that sessions in the middle of a message have to finish it after SIGTERM."""

FILER_GRACE = 15.0
"""Seconds that the filer has for what was accepted; what is left then waits in the vault."""

SPARE_DESCRIPTORS = 64
"""Descriptors we keep for databases, pipes and logs; asyncio floods the log when accept finds none."""

Ready = Callable[[list[str]], None]


def directory(settings: Settings) -> Directory:
    """Who we are, as far as the configuration knows: enough to admit mail, with no database in between."""
    return Directory(domains=frozenset(settings.company.domains), capture=frozenset(settings.capture.addresses))


def work(settings: Settings) -> Work:
    """What the filer process must know of the configuration."""
    return Work(settings.store.path, settings.vault.path, settings.company.domains, settings.capture.addresses)


def serve(
    settings: Settings,
    *,
    ready: Ready | None = None,
    accept: bool = True,
    file: bool = True,
    filer_command: Sequence[str] | None = None,
    at: Callable[[str], None] = lambda _: None,
) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit status: 0 after an orderly end.

    `accept` and `file` choose the halves of the work; `ready` is told the addresses we listen on;
    `filer_command` and `at` are for tests that stop a process at a named step.
    Raises the one-line errors of the parts (a port in use, a folder without rights, a newer database).
    """
    _raise_descriptor_limit(settings.limits.connections)
    prepare(settings.store.path)
    kept = []
    if file:
        make_folder(settings.vault.path)  # also with --only file, which may be started first
        kept.append(Supervisor("filer", filer_command or filing_process.command(work(settings))))
        kept.append(Supervisor("indexer", indexing_process.command(settings.store.path)))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(settings, ready, accept, kept, at))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, twice the sessions per core, where it is to be had; else asyncio's own loop."""
    try:
        import uvloop  # noqa: PLC0415  optional
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(
    settings: Settings, ready: Ready | None, accept: bool, kept: Sequence[Supervisor], at: Callable[[str], None]
) -> int:
    """The life of the daemon. `kept`: the processes beside it, the filer first."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    logger = log()
    endpoints: list[str] = []
    with contextlib.ExitStack() as opened:
        server: Server | None = None
        if accept:
            vault = opened.enter_context(contextlib.closing(_vault(settings, kept[0] if kept else None, at)))
            if not vault.has_room():
                why = f"less than {RESERVE >> 20} MiB free: mail is put off (452) until there is room"
                logger.warning("vault.no_room", path=str(settings.vault.path), why=why)
            who = directory(settings)
            server = Server(
                settings.capture,
                settings.admission,
                settings.limits,
                put=vault.hand_over,
                room=vault.has_room,
                directory=lambda: who,
                at=at,
            )
            await server.start()
            endpoints = [str(endpoint) for endpoint in server.endpoints]
        for supervisor in kept:
            supervisor.start()
        notify("READY=1")
        logger.info("daemon.ready", pid=os.getpid())
        if ready:
            ready(endpoints)
        await stop.wait()
        notify("STOPPING=1")
        logger.info("daemon.stopping")
        if server:
            await server.stop(SESSIONS_GRACE)
    # The vault is closed: all that was accepted is in it, and the filer can be told that no more will come.
    for supervisor in kept:
        if not await supervisor.stop(FILER_GRACE):
            logger.warning("daemon.work_left", name=supervisor.name, why="no more time; it goes on at the next start")
    logger.info("daemon.stopped")
    return 0


def _vault(settings: Settings, filer: Supervisor | None, at: Callable[[str], None]) -> Vault:
    """The vault's writer, which knows what counts as filed and wakes the filer after each commit."""
    return Vault.open(
        settings.vault.path,
        filed=filed_marks(settings.store.path),
        on_commit=(lambda _: filer.wake()) if filer else None,
        at=at,
    )


def _raise_descriptor_limit(connections: int) -> None:
    """Allow ourselves a descriptor for each connection, or say what stands in the way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE_DESCRIPTORS
    if soft >= needed:
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (min(needed, hard) if hard != resource.RLIM_INFINITY else needed, hard)
        )
    if hard != resource.RLIM_INFINITY and hard < needed:
        print(  # noqa: T201  before the loop and its log exist
            f"bcc-relay: only {hard} open files allowed, [limits] connections = {connections} wants {needed}: "
            "raise LimitNOFILE",
            file=sys.stderr,
        )
