"""The daemon with a reader that a certain mail kills, as a fault in native code would.

python poisoned.py serve CONFIG     the daemon
python poisoned.py filer WORK       the filer process that it starts
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from relay import daemon, log
from relay.config.loading import load
from relay.mail.reading import parse
from relay.work import filer
from relay.work.assignment import Work
from relay.work.filing_process import run


def fragile(content: bytes):
    if b"X-Poison: yes" in content:
        os.abort()
    return parse(content)


if __name__ == "__main__":
    role, subject = sys.argv[1:]
    log.configure()
    if role == "filer":
        filer.parse = fragile
        sys.exit(run(Work.decode(subject)))
    settings = load(Path(subject), {}).settings
    command = (sys.executable, __file__, "filer", daemon.work(settings).encode())
    listening = lambda endpoints: print(f"bcc-relay: ready, listening on {endpoints[0]}", flush=True)  # noqa: E731
    sys.exit(daemon.serve(settings, ready=listening, filer_command=command))
