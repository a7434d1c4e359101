"""Filing by hand: what a command does that files while no daemon files.

Decides nothing: the filer's parts, opened in their order under the filer's lock, and the ends of the work (what a CRM
wrote, mail to be read again, the search index).
"""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Self

from relay.config.settings import Settings
from relay.lock import Lock
from relay.store.filing import Filing
from relay.store.lineage import Lineage
from relay.store.search import Indexer
from relay.vault.reader import Reader
from relay.vault.segment import must_not_be_half_restored
from relay.work.filer import Filer
from relay.work.note import Note
from relay.work.rereading import Rereader


class HandFiling:
    """The filer for one command. Raises Taken when another process files, StoreError, VaultError, OSError."""

    def __init__(self, settings: Settings) -> None:
        vault, path = settings.vault.path, settings.store.path
        who = settings.company.domains, settings.capture.addresses
        must_not_be_half_restored(vault)
        with contextlib.ExitStack() as opened:
            opened.enter_context(Lock(vault / "filer.lock"))
            self._store = opened.enter_context(
                contextlib.closing(
                    Filing(
                        path,
                        *who,
                        keeps_unknown=settings.filing.unknown == "keep",
                        attachments_up_to=settings.filing.attachments_up_to,
                    )
                )
            )
            reader = opened.enter_context(contextlib.closing(Reader(vault)))
            note = opened.enter_context(contextlib.closing(Note(vault / "filer.note")))
            self._indexer = opened.enter_context(contextlib.closing(Indexer(path)))
            lineage = opened.enter_context(contextlib.closing(Lineage(path, vault, *who)))
            lineage.begin(self._store.writing)
            self._filer = Filer(reader, self._store, note)
            self._rereader = Rereader(reader, self._store, note)
            self._opened = opened.pop_all()

    def step(self) -> int:
        """File the next batch. Returns how many mails it held, 0 when all are filed."""
        return self._filer.step()

    def finish(self) -> None:
        """What is left to do when all mail is filed."""
        while self._store.settle(lambda: None) or self._rereader.wanted():
            pass
        while self._indexer.catch_up():
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()
