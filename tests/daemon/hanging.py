"""The daemon, hanging at the step whose name stands in the file `hang` beside the configuration, while it stands there.

    python hanging.py CONFIG

A writer that hangs is what a disk that hangs looks like to the rest. At the step "read" it does not hang: reading
the configuration again fails as no mistake in it explains.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from relay import daemon, log
from relay.config.loading import load
from relay.config.settings import Settings


def main(file: str) -> int:
    asked = Path(file).parent / "hang"

    def at(step: str) -> None:
        while asked.exists() and asked.read_text() == step:
            time.sleep(0.01)

    def read() -> Settings:
        if asked.exists() and asked.read_text() == "read":
            raise RuntimeError("a fault of ours")
        return load(Path(file), {}).settings

    log.configure()
    ready = lambda endpoints: print(f"bcc-relay: ready, listening on {endpoints[0]}", flush=True)  # noqa: E731
    return daemon.serve(read(), read=read, ready=ready, at=at)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
