"""`bcc-relay refile`, run by a process that kills itself at a named step: python refile_stopping.py CONFIG STEP COUNT."""

from __future__ import annotations

import functools
import os
import signal
import sys

from relay.cli.program import run
from relay.work import rereading


def main(config: str, step: str, count: int) -> int:
    left = count

    def reached(name: str) -> None:
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    rereading.Rereader = functools.partial(rereading.Rereader, at=reached)
    return run(["-c", config, "refile"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
