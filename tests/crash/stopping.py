"""Runs the daemon, or the filer, with a process that kills itself at a named step.

    python stopping.py serve CONFIG STEP COUNT     the daemon; STEP is a step of the vault or of the filer
    python stopping.py filer WORK STEP COUNT       the filer process (started by the daemon above)

The COUNT-th time the step is reached the process that reaches it is gone, as with kill -9. That happens
once in a folder: the file `stopped` tells later processes that it has.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from relay import log


def early_or_late(steps: Sequence[str], late: int) -> list[tuple[str, int]]:
    """Each step with the time at which it is to be reached: the first, or a later one."""
    return [(step, late if place % 2 else 1) for place, step in enumerate(steps)]


def stop_at(step: str, count: int, folder: Path) -> Callable[[str], None]:
    left = 0 if (folder / "stopped").exists() else count

    def reached(name: str) -> None:
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                (folder / "stopped").touch()
                os.kill(os.getpid(), signal.SIGKILL)

    return reached


def main() -> int:
    role, subject, step, count = sys.argv[1:]
    log.configure()
    if role == "filer":
        from relay.work.assignment import Work
        from relay.work.filing_process import run

        work = Work.decode(subject)
        return run(work, at=stop_at(step, int(count), work.store.parent))
    from relay import daemon
    from relay.config.loading import load

    settings = load(Path(subject), {}).settings
    if step.startswith("filer."):
        command = (sys.executable, __file__, "filer", daemon.work(settings).encode(), step, count)
        return daemon.serve(settings, filer_command=command)
    return daemon.serve(settings, at=stop_at(step, int(count), Path(subject).parent))


if __name__ == "__main__":
    sys.exit(main())
