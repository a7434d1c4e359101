"""The report: one look with its judgement, as every teller of it wants it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from relay.config.settings import Settings
from relay.health import figures
from relay.health.figures import Figures
from relay.health.judgement import judge
from relay.health.sight import look
from relay.store.migrations import awaits_upgrade
from relay.store.opening import StoreError


def report(settings: Settings, now: datetime, *, own: Figures | None = None) -> dict[str, Any]:
    """What `look` found, with `level`, `problems` and `now` (seconds since 1970).

    Where the database cannot be read there are only those, and the `daemons`: nothing else is worth knowing
    then. `own`: the figures of the daemon that asks.
    """
    daemons = figures.read(settings.store.path.parent, now.timestamp(), own=own)
    try:
        found = look(settings, now, daemons)
    except StoreError as error:
        # An upgrade takes its minutes, and mail is accepted meanwhile: nobody needs to be woken.
        upgrading = (
            any(each.accepts for each in daemons)
            and any(each.files for each in daemons)
            and awaits_upgrade(settings.store.path)
        )
        return {
            "level": "warning" if upgrading else "critical",
            "problems": ["the database is being upgraded; mail is accepted and filed after it"]
            if upgrading
            else [str(error)],
            "daemons": [asdict(each) for each in daemons],
            "now": now.timestamp(),
        }
    told = judge(found, settings.health, now)
    found["level"], found["problems"], found["now"] = told.level, told.problems, now.timestamp()
    return found
