"""`python -m relay.work WORK`: the filer process, started by the supervisor and by nobody else."""

from __future__ import annotations

import sys

from relay import log
from relay.work.filing_process import Work, run

if __name__ == "__main__":
    log.configure()
    sys.exit(run(Work.decode(sys.argv[1])))
