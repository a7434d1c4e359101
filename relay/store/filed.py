"""How far each vault was filed, as relay.db itself has it.

A module of its own: the daemon asks this at its start, and needs nothing of what the filer files with.
"""

from __future__ import annotations

from pathlib import Path

from relay.store.opening import connect


def highest(path: Path) -> dict[str, int]:
    """Epoch -> highest number that has an outcome: what a vault must not give out again.

    Also of a database that awaits its upgrade: the daemon accepts mail before the filer upgrades.
    """
    connection = connect(path, read_only=True)
    try:
        # Walks from epoch to epoch in the index instead of reading all rows.
        rows = connection.execute(
            "WITH RECURSIVE e(epoch) AS (SELECT min(epoch) FROM _vault_outcome UNION ALL "
            "SELECT (SELECT min(epoch) FROM _vault_outcome WHERE epoch > e.epoch) FROM e WHERE e.epoch IS NOT NULL) "
            "SELECT epoch, (SELECT max(number) FROM _vault_outcome v WHERE v.epoch = e.epoch) "
            "FROM e WHERE epoch IS NOT NULL"
        )
        return dict(rows.fetchall())
    finally:
        connection.close()
