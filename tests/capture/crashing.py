"""A server with a vault that kills itself with SIGKILL: python crashing.py FOLDER STEP COUNT SEGMENT_SIZE

Prints its port. The COUNT-th time STEP is reached it is gone, in the middle of whatever the other thread does.
STEP 'never' lets it live.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import uvloop

from relay.attribution.directory import Directory
from relay.capture.server import Server
from relay.config.settings import Admission, Capture, Endpoint, Limits
from relay.log import configure
from relay.vault.writer import Vault


async def main(folder: str, step: str, count: str, segment_size: str) -> None:
    left = int(count)

    def at(name: str) -> None:
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    vault = Vault.open(Path(folder), at=at, segment_size=int(segment_size))
    who = Directory(capture=frozenset({"crm@crm.example.org"}))
    server = Server(
        Capture(hostname="crm.example.org", listen=(Endpoint("127.0.0.1", 0),)),
        Admission(),
        Limits(),
        put=vault.hand_over,
        room=vault.has_room,
        directory=lambda: who,
        at=at,
    )
    await server.start()
    print(server.endpoints[0].port, flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(5)
    await asyncio.to_thread(vault.close)


if __name__ == "__main__":
    configure()
    uvloop.run(main(*sys.argv[1:]))
