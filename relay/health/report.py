"""The report: one look with its judgement, as every teller of it wants it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from relay.config.settings import Settings
from relay.health.figures import Figures
from relay.health.judgement import judge
from relay.health.sight import look
from relay.store.opening import StoreError


def report(settings: Settings, now: datetime, *, own: Figures | None = None) -> dict[str, Any]:
    """What `look` found, with `level`, `problems` and `now` (seconds since 1970).

    Where the database cannot be read there are only those: nothing else is worth knowing then. `own`: the
    figures of the daemon that asks.
    """
    try:
        found = look(settings, now, own=own)
    except StoreError as error:
        return {"level": "critical", "problems": [str(error)], "now": now.timestamp()}
    told = judge(found, settings.health, now)
    found["level"], found["problems"], found["now"] = told.level, told.problems, now.timestamp()
    return found
