"""What the daemon gives its filer to know, and the commands that start it and the indexer.

A module of its own: the daemon needs these and nothing that they work with, which would cost it a tenth of
a second at each start and memory for as long as it runs.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Work:
    """What the filer must know, given by the daemon as one argument in JSON."""

    store: Path
    vault: Path
    domains: tuple[str, ...]
    capture: tuple[str, ...]
    external: bool = False
    """Another program (Litestream) takes the checkpoints of relay.db."""
    keeps_unknown: bool = True
    """The text of mail with no known lead is kept ([filing] unknown)."""
    attachments_up_to: int = 0
    """Octets of a message up to which its attachments are kept, 0: of every one."""

    def encode(self) -> str:
        return json.dumps(
            [
                str(self.store), str(self.vault), self.domains, self.capture, self.external, self.keeps_unknown,
                self.attachments_up_to,
            ]
        )  # fmt: skip

    @classmethod
    def decode(cls, text: str) -> Work:
        store, vault, domains, capture, *rest = json.loads(text)
        return cls(Path(store), Path(vault), tuple(domains), tuple(capture), *rest)


def indexing(store: Path) -> tuple[str, ...]:
    """The command line that runs the indexer of the database at `store` with the interpreter that runs us."""
    return (sys.executable, "-m", "relay.work", "index", str(store))


def filing(work: Work) -> tuple[str, ...]:
    """The command line that runs the filer for `work` with the interpreter that runs us."""
    return (sys.executable, "-m", "relay.work", "file", work.encode())
