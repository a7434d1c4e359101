"""The share of a rep's mail that is here: what came, and what leads answered although it never came.

A rep who forgets the BCC copy leaves a hole that nobody sees, except in the answers: a lead that answers a
mail of ours which we do not have is counted by the view `missing_message`. Only reads.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from relay import sqlite
from relay.store.times import text_time

# From the index by date: as long as `since` is recent, old mail costs nothing.
_SHARE = """
WITH here (staff_id, count) AS (
  SELECT m.staff_id, count(*)
    FROM message m
   WHERE m.originated_at >= ?1 AND m.direction = 'outgoing' AND m.visibility <> 'withdrawn' AND m.staff_id IS NOT NULL
     AND EXISTS (SELECT 1 FROM lead_message lm JOIN lead l ON l.id = lm.lead_id WHERE lm.message_id = m.id)
   GROUP BY m.staff_id),
missing (staff_id, count) AS (
  SELECT staff_id, count(DISTINCT internet_message_id) FROM missing_message
   WHERE seen_at >= ?1 AND staff_id IS NOT NULL GROUP BY staff_id)
SELECT s.id, coalesce(s.name, ''), coalesce(h.count, 0), coalesce(m.count, 0)
  FROM staff s LEFT JOIN here h ON h.staff_id = s.id LEFT JOIN missing m ON m.staff_id = s.id
 WHERE h.count IS NOT NULL OR m.count IS NOT NULL
 ORDER BY coalesce(m.count, 0) DESC, coalesce(h.count, 0) DESC, s.id
"""


class Share(NamedTuple):
    """One colleague: `here` mails to leads that are here, `missing` mails that leads answered and that are not."""

    staff_id: int
    name: str
    here: int
    missing: int


def share(db: sqlite.Connection, since: datetime) -> tuple[Share, ...]:
    """The share of each colleague's mail to leads since then that is here, those with most missing first.

    Colleagues without any such mail are left out. `missing` is a lower bound: only what a lead answered
    can be known, and in doubt it is not counted. Costs time with the mail written since, not with all of it.
    """
    return tuple(Share(*row) for row in db.execute(_SHARE, (text_time(since),)))
