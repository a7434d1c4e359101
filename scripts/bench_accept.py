#!/usr/bin/env python3
"""How many messages a second are accepted: a real server and vault in a temporary folder, Postfix's `smtp-source` in front.

    .venv/bin/python scripts/bench_accept.py [--dir FOLDER] [--count N] [--profile]
    .venv/bin/python scripts/bench_accept.py --against REVISION [--pairs N] [--count N] [--only NAME]

Client and server share the machine, so figures are for comparison on one machine, in one run. The last
scenario sends 20 messages of 25 MB at once and shows the memory it took. With `--against`, that revision is taken out
of git, and it and this one are measured by turns, each by the bench that it had; told are medians, and ratios of pairs.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from relay.attribution.directory import Directory
from relay.capture.server import Server
from relay.config.settings import Admission, Capture, Endpoint, Limits
from relay.log import configure
from relay.vault.reader import Reader
from relay.vault.writer import Vault

CAPTURE = "crm@crm.example.org"


def resident(field: str) -> int:
    """Octets from /proc/self/status: VmRSS, or VmHWM for the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


async def run(folder: Path, name: str, count: int, size: int, sessions: int, *, once: bool = False) -> None:
    vault = Vault.open(folder)
    capture = Capture(hostname="crm.example.org", listen=(Endpoint("127.0.0.1", 0),), addresses=(CAPTURE,))
    who = Directory(capture=frozenset({CAPTURE}))
    server = Server(capture, Admission(), Limits(), put=vault.hand_over, directory=lambda: who, room=vault.has_room)
    await server.start()
    Path("/proc/self/clear_refs").write_text("5")  # noqa: ASYNC240  the peak of memory starts here
    command = [
        "smtp-source",
        "-s",
        str(sessions),
        "-l",
        str(size),
        "-m",
        str(count),
        "-f",
        "rep@example.org",
        "-t",
        CAPTURE,
        *([] if once else ["-d"]),
        f"inet:127.0.0.1:{server.endpoints[0].port}",
    ]
    began, cpu = time.perf_counter(), time.process_time()
    client = await asyncio.create_subprocess_exec(*command)
    status = await client.wait()
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resident("VmHWM")
    await server.stop(5)
    await asyncio.to_thread(vault.close)
    with Reader(folder) as reader:
        kept = reader.count_after(None)
    verdict = "" if kept == count and status == 0 else f"  WRONG: {kept} kept of {count}, client status {status}"
    print(
        f"{name:36} {count / took:8.0f}/s {count * size / took / 1e6:7.1f} MB/s "
        f"{1e6 * cpu / count:8.0f} us CPU each  peak {peak >> 20:4} MiB, now {resident('VmRSS') >> 20:4} MiB{verdict}",
        flush=True,
    )


def by_turns(revision: str, pairs: int, count: int, only: str) -> None:
    """The rates of this revision and of another one, each run a process of its own."""
    here = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", revision], cwd=here, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        rates: dict[str, tuple[list[int], list[int]]] = {}
        for _ in range(pairs):
            for place, tree in enumerate((here, Path(folder))):
                words = [sys.executable, tree / "scripts/bench_accept.py", "--count", str(count), "--only", only]
                environment = {**os.environ, "PYTHONPATH": str(tree)}
                done = subprocess.run(
                    words,
                    cwd=tree,
                    env=environment,
                    check=True,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
                if "WRONG" in done.stdout:
                    raise SystemExit(done.stdout)
                for name, rate in re.findall(r"^(\S.*?) +(\d+)/s", done.stdout, re.MULTILINE):
                    rates.setdefault(name, ([], []))[place].append(int(rate))
    for name, (ours, theirs) in rates.items():
        ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
        print(f"{name:36} {statistics.median(ours):8.0f}/s, then {statistics.median(theirs):8.0f}/s, ratio {ratio:.2f}")


def main() -> int:
    options = argparse.ArgumentParser(description="messages accepted per second")
    options.add_argument("--dir", type=Path, help="where the vaults are made (a disk like the real one)")
    options.add_argument("--count", type=int, default=10_000, help="messages of 4 KB; the others are fewer")
    options.add_argument("--profile", action="store_true", help="where the loop's time goes, after the figures")
    options.add_argument("--only", default="", help="only the scenarios whose name contains this")
    options.add_argument("--against", metavar="REVISION", help="another revision, by turns")
    options.add_argument("--pairs", type=int, default=12, help="with --against: runs of each")
    given = options.parse_args()
    if shutil.which("smtp-source") is None:
        print("bench_accept: smtp-source is missing; it comes with Postfix: apt-get install postfix", file=sys.stderr)
        return 1
    if given.against:
        by_turns(given.against, given.pairs, given.count, given.only)
        return 0
    import uvloop  # noqa: PLC0415  not to be had on every platform

    configure()  # as the daemon does: one line per accepted mail only when verbose

    n = given.count
    scenarios = [
        ("4 KB, 50 connections", n, 4096, 50, False),
        ("64 KB, 50 connections", n // 4, 65536, 50, False),
        ("4 KB, one connection per message", n // 2, 4096, 50, True),
        ("4 KB, 1 connection", n // 5, 4096, 1, False),
        ("25 MB, 20 connections", 20, 25 * 1024 * 1024, 20, False),
    ]
    profile = cProfile.Profile() if given.profile else None
    for name, count, size, sessions, once in scenarios:
        if given.only not in name:
            continue
        folder = Path(tempfile.mkdtemp(prefix="bench-accept-", dir=given.dir))
        try:
            if profile:
                profile.enable()
            uvloop.run(run(folder / "vault", name, count, size, sessions, once=once))
        finally:
            if profile:
                profile.disable()
            shutil.rmtree(folder, ignore_errors=True)
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    return 0


if __name__ == "__main__":
    sys.exit(main())
