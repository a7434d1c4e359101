"""`python -m relay.work file WORK`, `... index STORE`: the processes that the daemon keeps, for nobody else."""

from __future__ import annotations

import sys
from pathlib import Path

from relay import log


def main(role: str, subject: str) -> int:
    log.configure_as_parent()
    if role == "index":
        from relay.work import indexing_process  # noqa: PLC0415  neither needs what the other imports

        return indexing_process.run(Path(subject))
    from relay.work import filing_process  # noqa: PLC0415
    from relay.work.assignment import Work  # noqa: PLC0415

    return filing_process.run(Work.decode(subject))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
