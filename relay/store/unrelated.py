"""Mail that is on no lead: `_unrelated`, from which the unresolved mail is listed, kept in step with lead_message.

A superset, so that an index range finds what waits: mail that was dismissed, or whose lead somebody deleted,
is not put to a person. Only for the relay's own writes; triggers do the same for a CRM's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from relay import sqlite

_NO_LEAD = """
INSERT INTO _unrelated (originated_at, message_id)
SELECT m.originated_at, m.id
  FROM json_each(?) w
 CROSS JOIN message m ON m.id = w.value
 WHERE m.direction <> 'internal'
   AND NOT EXISTS (SELECT 1 FROM lead_message x JOIN lead l ON l.id = x.lead_id WHERE x.message_id = m.id)
   AND NOT EXISTS (SELECT 1 FROM dismissal d WHERE d.message_id = m.id)
   AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = m.id)
   AND NOT EXISTS (SELECT 1 FROM _last_lead t WHERE t.message_id = m.id AND t.released = 1)
"""

# Their lead is gone because somebody deleted it: they are not put to a person. What waits for one goes on waiting.
_RELEASED = """
INSERT INTO _last_lead (message_id, lead_id, released)
SELECT DISTINCT w.value ->> 1, w.value ->> 0, 1
  FROM json_each(?) w
 WHERE EXISTS (SELECT 1 FROM _deleted_lead d WHERE d.lead_id = w.value ->> 0)
   AND NOT EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = w.value ->> 1)
   AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = w.value ->> 1)
   AND NOT EXISTS (SELECT 1 FROM _last_lead t WHERE t.message_id = w.value ->> 1)
"""

_ON_A_LEAD_AGAIN = """
DELETE FROM _last_lead
 WHERE message_id IN (SELECT w.value FROM json_each(?) w
                       WHERE EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = w.value))
"""

_HAS_LEAD = """
DELETE FROM _unrelated
 WHERE message_id IN (SELECT w.value FROM json_each(?) w
                       WHERE EXISTS (SELECT 1 FROM lead_message x JOIN lead l ON l.id = x.lead_id
                                      WHERE x.message_id = w.value))
"""


def keep(connection: sqlite.Connection, ids: str) -> None:
    """For these messages (a JSON list): those with a lead leave the list, those without come to it."""
    connection.execute(_HAS_LEAD, (ids,))
    connection.execute(_NO_LEAD, (ids,))


def on_a_lead_again(connection: sqlite.Connection, ids: str) -> None:
    """Which lead they were on last is of no interest for those of these messages (a JSON list) that have one."""
    connection.execute(_ON_A_LEAD_AGAIN, (ids,))


def listed(connection: sqlite.Connection, messages: Iterable[int], left: Iterable[tuple[int, int]] = ()) -> None:
    """Keep `_unrelated`, from which unresolved mail is listed, in step for these messages.

    `left`: (lead, message) that were in `lead_message` and are not any more.
    """
    ids = json.dumps(sorted(messages))
    connection.execute(_RELEASED, (json.dumps(list(left)),))
    on_a_lead_again(connection, ids)
    keep(connection, ids)
