-- Never-log: how much was not kept, and nothing of what it was.

CREATE TABLE _dropped ( -- Messages that were not kept, counted for each day and for who handed them in.
  day           TEXT NOT NULL,    -- YYYY-MM-DD in UTC, of the receipt
  staff_id      INTEGER NOT NULL, -- staff.id of who handed them in, 0: nobody known
  message_count INTEGER NOT NULL, -- how many
  PRIMARY KEY (day, staff_id)
) WITHOUT ROWID;

CREATE VIEW dropped_mail ( -- How much of what was handed in was not kept, because of never-log. Of the mail itself nothing is left.
  staff_id,     -- staff.id of who handed it in, NULL: nobody known
  day,          -- YYYY-MM-DD in UTC
  message_count -- messages
) AS
SELECT nullif(d.staff_id, 0), d.day, d.message_count FROM _dropped d;
