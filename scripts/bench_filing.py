#!/usr/bin/env python3
"""What one mail costs the filer, from the octets in the vault to the last row: microseconds of the processor.

    scripts/bench_filing.py [--against REVISION] [--rounds N] [--mails N] [KIND ...]

Kinds: plain (4 KB of text, every other one an answer), logos (text and HTML, two logos that return, a PDF), forward
(Gmail's inline forward of 2 KB), outlook (the same in Outlook's HTML). With `--against`, that revision is taken out of
git and both file the same mails by turns, a round each: printed is the median of the ratios of all rounds, which
compares on a busy machine too, with its middle half; and that of the best rounds, which had the machine for themselves.
Each is a process of its own, with its own database.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import logging
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from relay import log
from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.store.connection import open_store
from relay.store.filing import Filing
from relay.work import filer as filing
from relay.work.note import Note

ROOT = Path(__file__).resolve().parent.parent
WORDS = "offer invoice meeting garden blue contract delivery monday price engine letter summer report project hello"
LEADS, STAFF = 200, 5
CAPTURE = "crm@crm.example.org"


# ---------------------------------------------------------------- mails


def text(chance: random.Random, size: int) -> str:
    lines: list[str] = []
    while sum(map(len, lines)) < size:
        lines.append(" ".join(chance.choices(WORDS.split(), k=10)))
    return "\r\n".join(lines) + "\r\n"


def plain(n: int, chance: random.Random) -> bytes:
    return _letter(n, f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text(chance, 4000)}")


def logos(n: int, chance: random.Random) -> bytes:
    words = text(chance, 2000)
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    logo = [
        base64.encodebytes(head + bytes(step * i % 256 for i in range(size))).decode()
        for step, size in ((7, 6000), (5, 3000))
    ]
    pdf = base64.encodebytes(b"%PDF-1.4" + chance.randbytes(20_000)).decode()
    picture = "Content-Type: image/png; name=image00{0}.png\r\nContent-ID: <{0}@x>\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\n{1}\r\n"
    return _letter(
        n,
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n"
        "Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
        f"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{words}\r\n--a\r\nContent-Type: text/html; charset=utf-8"
        f"\r\n\r\n<html><body><p>{words}</p><img src='cid:0@x'><img src='cid:1@x'></body></html>\r\n--a--\r\n"
        + "".join(f"--r\r\n{picture.format(k, each)}" for k, each in enumerate(logo))
        + f"--r--\r\n--m\r\nContent-Type: application/pdf; name=offer{n}.pdf\r\nContent-Disposition: attachment; "
        f"filename=offer{n}.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{pdf}\r\n--m--\r\n",
    )


def forward(n: int, chance: random.Random) -> bytes:
    author, other = _people(n)
    return _letter(
        n,
        "Content-Type: text/plain; charset=utf-8\r\n\r\nFYI\r\n\r\n---------- Forwarded message ---------\r\n"
        f"From: Anna <{author}>\r\nDate: Sun, Mar {1 + n % 28}, 2026 at {8 + n % 12}:{10 + n % 50}\r\n"
        f"Subject: {_subject(n)}\r\nTo: Bob <bob{n % STAFF}@example.org>, <{other}>\r\n\r\n{text(chance, 1500)}",
        handed_in=True,
    )


def outlook(n: int, chance: random.Random) -> bytes:
    author, other = _people(n)
    rows = "".join(
        f"<b>{name}:</b> {value}<br>"
        for name, value in (
            ("From", f"Anna &lt;{author}&gt;"),
            ("Sent", f"Sunday, March {1 + n % 28}, 2026 {8 + n % 12}:{10 + n % 50}"),
            ("To", f"Bob &lt;bob{n % STAFF}@example.org&gt;; {other}"),
            ("Subject", _subject(n)),
        )
    )
    words = "".join(f"<p>{line}</p>" for line in text(chance, 1500).splitlines())
    return _letter(
        n,
        "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>FYI</p>"
        f'<hr><div id="divRplyFwdMsg" dir="ltr"><font>{rows}</font></div><div>{words}</div></body></html>\r\n',
        handed_in=True,
    )


KINDS = {"plain": plain, "logos": logos, "forward": forward, "outlook": outlook}


def _people(n: int) -> tuple[str, str]:
    return f"person{n % LEADS}@lead{n % 50}.example", f"person{n * 7 % LEADS}@lead{n * 7 % 50}.example"


def _subject(n: int) -> str:
    return f"{'Re: ' if n % 3 else ''}About {WORDS.split()[n % 15]} {n // 3}"


def _letter(n: int, rest: str, *, handed_in: bool = False) -> bytes:
    author, other = _people(n)
    ours, theirs = f"Bob <bob{n % STAFF}@example.org>", f"Anna <{author}>"
    from_, to = (
        (ours, CAPTURE) if handed_in else (ours, f"{theirs}, <{other}>") if n % 2 else (theirs, f"{ours}, <{other}>")
    )
    date = (datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=7 * n)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    answers = f"In-Reply-To: <{n - 1}.mail@mail.example>\r\n" if n % 3 and not handed_in else ""
    subject = f"Fwd: {_subject(n)}" if handed_in else _subject(n)
    return (
        f"From: {from_}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{n}.mail@mail.example>\r\n"
        f"Date: {date}\r\n{answers}{rest}"
    ).encode()


# ---------------------------------------------------------------- one side: a filer of its own


def side(kind: str, mails: int) -> None:
    """File a round for each line that comes, and tell what it cost. Whatever revision is first on the path is used."""
    log.configure(level=logging.WARNING)
    filing.SMALLEST_BATCH = filing.LARGEST_BATCH = filing.BATCH = 20  # the same work, however fast
    made: list[tuple[VaultId, MailObject]] = []

    class Shelf:
        def after(self, vault_id: VaultId | None, limit: int, _: int) -> list[tuple[VaultId, MailObject]]:
            first = 0 if vault_id is None else vault_id.number
            return made[first : first + limit]

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as opened:
        path = Path(folder, "relay.db")
        with contextlib.closing(open_store(path)) as db:
            people(db)
        store = opened.enter_context(contextlib.closing(Filing(path, ["example.org"], [CAPTURE])))
        note = opened.enter_context(contextlib.closing(Note(Path(folder, "note"))))
        filer = filing.Filer(Shelf(), store, note)
        chance = random.Random(7)
        for _ in sys.stdin:
            for n in range(len(made), len(made) + mails):
                envelope = Envelope(
                    Address.read(f"bob{n % STAFF}@example.org"),
                    (Address("crm", "crm.example.org"),),
                    Client("127.0.0.1", "client.example.org"),
                    datetime(2026, 9, 1, tzinfo=UTC) + timedelta(seconds=n),
                    "network",
                )
                made.append((VaultId("0a1b2c3d", n + 1), MailObject(envelope, KINDS[kind](n, chance))))
            begun = time.process_time()
            while filer.step():
                pass
            print(time.process_time() - begun, flush=True)


def people(db) -> None:
    db.execute("BEGIN IMMEDIATE")
    for n in range(LEADS):
        db.execute("INSERT INTO lead (id, name) VALUES (?, ?)", (n + 1, f"Lead {n}"))
        db.execute("INSERT INTO lead_address (lead_id, address) VALUES (?, ?)", (n + 1, _people(n)[0]))
    for n in range(STAFF):
        db.execute("INSERT INTO staff (id, name) VALUES (?, ?)", (n + 1, f"Bob {n}"))
        db.execute("INSERT INTO staff_address (staff_id, address) VALUES (?, ?)", (n + 1, f"bob{n}@example.org"))
    db.execute("COMMIT")


# ---------------------------------------------------------------- both sides, by turns


@contextlib.contextmanager
def started(tree: Path, kind: str, mails: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, __file__, "--side", kind, "--mails", str(mails)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    with subprocess.Popen(
        command,
        cwd=tree,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()


def cost(process: subprocess.Popen[str], mails: int) -> float:
    """Microseconds for each mail of one more round."""
    assert process.stdin
    assert process.stdout
    print(file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        raise SystemExit("bench: the filer stopped")
    return float(line) / mails * 1e6


def measure(trees: dict[str, Path], kind: str, rounds: int, mails: int) -> dict[str, list[float]]:
    with contextlib.ExitStack() as opened:
        sides = {name: opened.enter_context(started(tree, kind, mails)) for name, tree in trees.items()}
        costs: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(-1, rounds):  # the first round warms the caches
            for name in list(sides) if turn % 2 else reversed(sides):
                took = cost(sides[name], mails)
                if turn >= 0:
                    costs[name].append(took)
    return costs


def taken_out(revision: str, folder: Path) -> Path:
    archive = subprocess.run(["git", "archive", revision, "relay"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", choices=[*KINDS, []], default=[])
    parser.add_argument("--against", metavar="REVISION", help="another revision, by turns")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--mails", type=int, default=200, help="of one round")
    parser.add_argument("--side", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side(options.side, options.mails)
        return
    with tempfile.TemporaryDirectory() as folder:
        trees = {"here": ROOT}
        if options.against:
            trees[options.against] = taken_out(options.against, Path(folder))
        print(f"microseconds of the processor a mail, medians of {options.rounds} rounds of {options.mails}")
        for kind in options.kinds or KINDS:
            costs = measure(trees, kind, options.rounds, options.mails)
            told = ", ".join(f"{name} {statistics.median(took):.0f}" for name, took in costs.items())
            if options.against:
                ratios = sorted(one / other for one, other in zip(*costs.values(), strict=True))
                quarter = len(ratios) // 4
                told += f"; ratio {statistics.median(ratios):.3f} ({ratios[quarter]:.3f} to {ratios[-1 - quarter]:.3f})"
                best, others = map(min, costs.values())
                told += f", of the best rounds {best / others:.3f}"
            print(f"  {kind:8} {told}", flush=True)


if __name__ == "__main__":
    main()
