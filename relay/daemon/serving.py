"""`serve`: what is done before there is a loop, and the loop itself."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
from collections.abc import Callable, Sequence

from relay.attribution.directory import Directory
from relay.config.settings import Settings
from relay.daemon.life import Life, Ready
from relay.store.migrations import prepare
from relay.vault.segment import make_folder
from relay.work import filing_process, indexing_process
from relay.work.filing_process import Work
from relay.work.supervisor import Supervisor

SPARE_DESCRIPTORS = 64
"""Descriptors we keep for databases, pipes and logs; asyncio floods the log when accept finds none."""


def directory(settings: Settings) -> Directory:
    """Who we are, as far as the configuration knows: enough to admit mail, with no database in between."""
    return Directory(domains=frozenset(settings.company.domains), capture=frozenset(settings.capture.addresses))


def work(settings: Settings) -> Work:
    """What the filer process must know of the configuration."""
    return Work(
        settings.store.path,
        settings.vault.path,
        settings.company.domains,
        settings.capture.addresses,
        external=settings.store.checkpoint == "external",
    )


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
    life = Life(settings, kept, accept=accept, directory=directory(settings), at=at)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(life.run(ready))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, twice the sessions per core, where it is to be had; else asyncio's own loop."""
    try:
        import uvloop  # noqa: PLC0415  optional
    except ImportError:
        return None
    return uvloop.new_event_loop


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
