"""Erased mail is illegible in the vault's files, its id stays taken, and every reader takes it for erased."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from relay.mail.envelope import VaultId
from relay.vault import erasing
from relay.vault.reader import Reader
from relay.vault.segment import segments
from relay.vault.writer import Vault
from tests.vault.vault_mail import mail, put_all

SECRET = b"Krankschreibung Quarzuhr"


def octets(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def erase(vault: Vault, *ids: VaultId) -> int:
    return await asyncio.to_thread(vault.erase, dict.fromkeys(ids, False))


@pytest.mark.parametrize("size", [1, 3_000, 300_000])
def test_nothing_of_it_can_be_read_in_the_files_while_mail_comes_in(within, folder, size):
    secret = SECRET + b" " + os.urandom(size).hex().encode()

    async def use(vault: Vault) -> tuple[list[VaultId], VaultId]:
        before = await put_all(vault, [f"before {n}" for n in range(30)])
        erased = await vault.put(mail(secret))
        after = await put_all(vault, [f"after {n}" for n in range(30)])
        assert SECRET in octets(folder)
        coming = asyncio.gather(*(vault.put(mail(f"meanwhile {n}")) for n in range(200)))
        assert await erase(vault, erased) == 1
        assert SECRET not in octets(folder)
        assert secret[-40:] not in octets(folder)
        await coming
        assert await erase(vault, erased) == 0
        return [*before, *after], erased

    kept, erased = within(use)
    assert SECRET not in octets(folder)
    with Reader(folder) as reader:
        found = reader.get(erased)
        assert found is not None
        assert found.erased
        assert found.content == b""
        assert found.envelope.reverse_path is None
        assert found.envelope.forward_paths == ()
        assert found.envelope.received_at == mail().envelope.received_at
        assert list(reader.erased()) == [erased]
        assert reader.is_erased(erased)
        assert not reader.is_erased(kept[0])
        assert reader.get(kept[0]).content == b"before 0"  # type: ignore[union-attr]  it is there
        assert len(reader.after(None, 1000)) == 261


def test_in_sealed_segments_too_and_they_are_plain_files_again(within, folder):
    async def use(vault: Vault) -> list[VaultId]:
        return [await vault.put(mail(SECRET + str(n).encode() + b"." * 40_000)) for n in range(12)]

    ids = within(use, segment_size=200_000)
    sealed = segments(folder)[:-1]
    assert len(sealed) > 1
    assert erasing.erase(folder, dict.fromkeys(ids, False)) == 12
    assert SECRET not in octets(folder)
    assert not list(folder.glob("*-wal"))

    async def more(vault: Vault) -> VaultId:
        return await vault.put(mail("next"))

    assert within(more, segment_size=200_000) == VaultId(ids[0].epoch, 13)  # no id comes back


def test_what_is_not_there_is_no_error(folder):
    assert erasing.erase(folder, {VaultId("0a1b2c3d", 7): False}) == 0
    with Reader(folder) as reader:
        assert reader.is_erased(VaultId("0a1b2c3d", 7))


def test_of_mail_that_carried_others_too_no_database_is_told_to_remove_them(within, folder):
    async def use(vault: Vault) -> VaultId:
        kept = await vault.put(mail(SECRET))
        await asyncio.to_thread(vault.erase, {kept: True})
        return kept

    erased = within(use)
    with Reader(folder) as reader:
        assert reader.is_erased(erased)
        assert list(reader.erased()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from relay.mail.envelope import VaultId
from relay.vault import erasing
folder, epoch, step = sys.argv[1:]
def at(name):
    if name == step:
        os.kill(os.getpid(), signal.SIGKILL)
erasing.erase(Path(folder), {VaultId(epoch, n): False for n in (1, 2, 3)}, at=at)
"""


@pytest.mark.parametrize("step", erasing.STEPS)
def test_killed_at_any_step_it_is_done_by_the_next_attempt(within, folder, step):
    async def use(vault: Vault) -> list[VaultId]:
        return await put_all(vault, [SECRET + b" one", SECRET + b" two" + b"." * 50_000, SECRET, b"stays"])

    ids = within(use)
    words = [sys.executable, "-c", KILLED, str(folder), ids[0].epoch, step]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    erasing.erase(folder, dict.fromkeys(ids[:3], False))
    assert SECRET not in octets(folder)
    with Reader(folder) as reader:
        assert [found.content for _, found in reader.after(None, 10)] == [b"", b"", b"", b"stays"]
