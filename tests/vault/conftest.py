"""A vault in a fresh folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from relay.vault.writer import Vault


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def within(folder: Path) -> Callable[..., Any]:
    """`within(coroutine function, **options)`: run it with an open vault, which is closed afterwards."""

    def run(use: Callable[[Vault], Awaitable[Any]], **options: Any) -> Any:
        async def main() -> Any:
            vault = Vault.open(folder, **options)
            try:
                return await use(vault)
            finally:
                await asyncio.to_thread(vault.close)

        return asyncio.run(main())

    return run
