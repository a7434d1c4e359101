"""What a new configuration changes in a daemon that runs, and what has to wait for a restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from relay.config.loading import Mistaken
from relay.config.settings import Settings
from relay.log import log

Reread = Callable[[], Settings]
"""Reads the configuration again. Raises Mistaken with every mistake in it."""


@dataclass(frozen=True, slots=True)
class Change:
    """`settings`: to go by from now on. `changed`: the keys that differ. `waiting`: keys that keep their
    old values until a restart.
    """

    settings: Settings
    changed: tuple[str, ...]
    waiting: tuple[str, ...]


def change(running: Settings, wanted: Settings) -> Change:
    """Which of what is `wanted` a daemon that is `running` can take over (`live` in `relay.config.settings`)."""
    changed: list[str] = []
    waiting: list[str] = []
    taken: dict[str, Any] = {}
    for section in fields(Settings):
        old, new = getattr(running, section.name), getattr(wanted, section.name)
        kept: dict[str, Any] = {}
        for known in fields(old):
            before = getattr(old, known.name)
            if before == getattr(new, known.name):
                continue
            if known.metadata["live"]:
                changed.append(f"{section.name}.{known.name}")
            else:
                waiting.append(f"{section.name}.{known.name}")
                kept[known.name] = before
        taken[section.name] = replace(new, **kept)
    return Change(Settings(**taken), tuple(changed), tuple(waiting))


def reread(running: Settings, read: Reread) -> Change | None:
    """Read again and say in the log what becomes of it. None: it has mistakes, and the old one stays entirely."""
    logger = log()
    mistakes: Sequence[object] = ()
    try:
        found = change(running, read())
    except Mistaken as error:
        mistakes = error.mistakes
    except OSError as error:  # reading tells its own faults, but the folder we were started in may be gone
        mistakes = [error]
    if mistakes:
        for mistake in mistakes:
            logger.error("config.mistake", what=str(mistake))
        logger.error("config.rejected", mistakes=len(mistakes), why="the old configuration stays in effect")
        return None
    if found.waiting:
        logger.warning(
            "config.needs_restart", keys=", ".join(found.waiting), why="they keep their old values until then"
        )
    return found
