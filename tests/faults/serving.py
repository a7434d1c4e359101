"""The daemon with small segments and early checkpoints, so that a short load meets all that a year of mail does.

    python serving.py CONFIG [normal|early]

Also, to see whether a fault is found, with one: `normal` commits the vault without waiting for the disk, `early`
answers 250 before the commit.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from pathlib import Path
from types import SimpleNamespace

from relay import daemon, log
from relay.config.loading import load
from relay.daemon import life
from relay.mail.envelope import MailObject, VaultId
from relay.store import checkpoint as store_checkpoint
from relay.vault import appender, checkpoint
from relay.vault.writer import Done, Vault
from relay.work import filing_process
from relay.work.assignment import Work

SEGMENT = 192 * 1024
LOG_MOVED_AT = 96 * 1024
FAULT = "BCC_FAULT"
"""In the environment, as the daemon's filer is this program too."""


def with_fault(fault: str) -> None:
    if fault == "normal":
        opened = appender.open_segment

        def open_segment(*words, **named):
            connection = opened(*words, **named)
            connection.execute("PRAGMA synchronous = NORMAL")
            return connection

        appender.open_segment = open_segment
    elif fault == "early":
        hand_over = Vault.hand_over
        count = iter(range(1, 1_000_000))

        def too_early(self: Vault, mail: MailObject, done: Done) -> None:
            hand_over(self, mail, lambda _: None)
            asyncio.get_running_loop().call_soon(done, VaultId("00000000", next(count)))

        Vault.hand_over = too_early


def main(subject: str, fault: str = "") -> int:
    log.configure()
    store_checkpoint.LARGE = 256
    store_checkpoint.WORRYING = 2048
    store_checkpoint.LOOK = 0.1
    if subject.startswith("["):
        return filing_process.run(Work.decode(subject))
    with_fault(fault)
    checkpoint.LOG_MOVED_AT = LOG_MOVED_AT
    life.Vault = SimpleNamespace(open=functools.partial(Vault.open, segment_size=SEGMENT))
    settings = load(Path(subject), {}).settings
    command = (sys.executable, __file__, daemon.work(settings).encode())
    ready = lambda places: print(f"bcc-relay: ready, listening on {places[0]}", flush=True)  # noqa: E731
    return daemon.serve(settings, filer_command=command, ready=ready)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], os.environ.get(FAULT, "")))
