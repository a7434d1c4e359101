-- Tags and deals: what a mail itself asked for, and to which deal of a lead a message belongs. Both are decided by the
-- relay (relay/attribution/tagging.py, deal.py); the triggers here only note what has to be decided again.

-- ---------------------------------------------------------------- tags

CREATE TABLE _message_tag ( -- What the capture addresses and subjects of the copies of a message asked for. Never the secret of a personal address.
  id         INTEGER PRIMARY KEY,     -- in the order in which they were read; the first that names a deal of a lead counts
  message_id INTEGER NOT NULL,        -- message.id
  source     TEXT NOT NULL CHECK (source IN ('address', 'subject')), -- where it stood
  kind       TEXT NOT NULL,           -- 'deal', 'lead', 'deal-ext', 'lead-ext', 'unknown'
  value      TEXT NOT NULL,           -- the id, the external id, or for 'unknown' all of it
  state      TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'applied', 'disputed', 'unknown')), -- applied: there was a decision once; it is never looked at again
  lead_id    INTEGER,                 -- lead.id it named when last looked at
  UNIQUE (message_id, source, kind, value)
);
CREATE INDEX _message_tag_by_value ON _message_tag (kind, lower(value));
CREATE INDEX _message_tag_by_lead ON _message_tag (lead_id);

CREATE TABLE _narrowed ( -- Leads that a tag took a message off, because another one with the same address was meant. Done once.
  message_id INTEGER NOT NULL, -- message.id
  lead_id    INTEGER NOT NULL, -- lead.id
  PRIMARY KEY (message_id, lead_id)
) WITHOUT ROWID;

CREATE TABLE _tag_due ( -- Whose tags are to be looked at again.
  kind       TEXT NOT NULL CHECK (kind IN ('message', 'lead')), -- a message, or the disputed tags that a lead has to do with
  subject_id INTEGER NOT NULL, -- its id
  PRIMARY KEY (kind, subject_id)
) WITHOUT ROWID;

CREATE INDEX _disputed_tag_by_lead ON _disputed_tag (lead_id);
CREATE INDEX _lead_by_external_id ON lead (lower(external_id)); -- mail clients lower the case of an address
CREATE INDEX _deal_by_external_id ON deal (lower(external_id));

CREATE TRIGGER _message_tag_deleted AFTER DELETE ON message BEGIN
  DELETE FROM _message_tag WHERE message_id = OLD.id;
  DELETE FROM _narrowed WHERE message_id = OLD.id;
END;

CREATE VIEW _do_look ( -- Procedure: look again at the tags that may mean this lead or deal.
  kind,       -- 'lead' or 'deal'
  id,         -- its id
  external_id -- its external id
) AS SELECT NULL, NULL, NULL WHERE 0;

CREATE TRIGGER _do_look_now INSTEAD OF INSERT ON _do_look BEGIN
  INSERT INTO _tag_due (kind, subject_id)
  SELECT DISTINCT 'message', t.message_id
    FROM _message_tag t
   WHERE t.state <> 'applied'
     AND ((t.kind = NEW.kind AND lower(t.value) = CAST(NEW.id AS TEXT))
          OR (t.kind = NEW.kind || '-ext' AND lower(t.value) = lower(NEW.external_id))
          OR (NEW.kind = 'lead' AND t.lead_id = NEW.id))
     AND NOT EXISTS (SELECT 1 FROM _tag_due d WHERE d.kind = 'message' AND d.subject_id = t.message_id);
  INSERT INTO _tag_due (kind, subject_id)
  SELECT 'lead', NEW.id
   WHERE NEW.kind = 'lead' AND EXISTS (SELECT 1 FROM _disputed_tag)
     AND NOT EXISTS (SELECT 1 FROM _tag_due d WHERE d.kind = 'lead' AND d.subject_id = NEW.id);
END;

CREATE TRIGGER _lead_tagged_insert AFTER INSERT ON lead WHEN EXISTS (SELECT 1 FROM _message_tag) BEGIN
  INSERT INTO _do_look (kind, id, external_id) VALUES ('lead', NEW.id, NEW.external_id);
END;

CREATE TRIGGER _lead_tagged_update AFTER UPDATE OF id, external_id, organization, merged_into ON lead
WHEN (NEW.id <> OLD.id OR NEW.external_id IS NOT OLD.external_id OR NEW.organization IS NOT OLD.organization
      OR NEW.merged_into IS NOT OLD.merged_into) AND EXISTS (SELECT 1 FROM _message_tag) BEGIN
  INSERT INTO _do_look (kind, id, external_id) VALUES ('lead', NEW.id, NEW.external_id);
END;

CREATE TRIGGER _deal_tagged_insert AFTER INSERT ON deal WHEN EXISTS (SELECT 1 FROM _message_tag) BEGIN
  INSERT INTO _do_look (kind, id, external_id) VALUES ('deal', NEW.id, NEW.external_id);
END;

CREATE TRIGGER _deal_tagged_update AFTER UPDATE OF id, external_id, lead_id ON deal
WHEN (NEW.id <> OLD.id OR NEW.external_id IS NOT OLD.external_id OR NEW.lead_id IS NOT OLD.lead_id)
  AND EXISTS (SELECT 1 FROM _message_tag) BEGIN
  INSERT INTO _do_look (kind, id, external_id) VALUES ('deal', NEW.id, NEW.external_id);
END;

-- a decision settles a tag about the same lead: a person's, too
CREATE TRIGGER _decision_on_a_disputed_tag AFTER INSERT ON explicit_attribution
WHEN EXISTS (SELECT 1 FROM _disputed_tag WHERE message_id = NEW.message_id)
 AND NOT EXISTS (SELECT 1 FROM _tag_due WHERE kind = 'message' AND subject_id = NEW.message_id) BEGIN
  INSERT INTO _tag_due (kind, subject_id) VALUES ('message', NEW.message_id);
END;

-- ---------------------------------------------------------------- deals

CREATE TABLE _deal_end ( -- When a deal was won or lost of which the CRM does not say when (closed_at): when it wrote so.
  deal_id INTEGER PRIMARY KEY, -- deal.id
  at      TEXT NOT NULL        -- when
);

CREATE VIEW _deal_span ( -- From when to when a deal is open: mail within belongs to it.
  deal_id, -- deal.id
  lead_id, -- lead.id
  opens,   -- a time, or '' for always
  ends     -- a time, '~' for never, '' when it is closed and nobody knows since when
) AS
SELECT d.id, d.lead_id, coalesce(d.opened_key, d.opened_at, ''),
       -- a day without a time is over at its end: the mail by which a deal was won is of that day
       CASE WHEN length(trim(d.closed_at)) = 10 AND d.closed_key IS NOT NULL THEN substr(d.closed_key, 1, 10) || 'T23:59:59.999Z'
            WHEN d.closed_at IS NOT NULL THEN coalesce(d.closed_key, d.closed_at)
            WHEN d.outcome IS NULL THEN '~'
            ELSE coalesce((SELECT e.at FROM _deal_end e WHERE e.deal_id = d.id), '') END
  FROM deal d;

CREATE TABLE _deal_due ( -- For which leads and threads the deals of messages are to be decided again.
  kind       TEXT NOT NULL CHECK (kind IN ('lead', 'thread')), -- all messages of a lead, or all of a thread
  subject_id INTEGER NOT NULL, -- its id
  at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- not before
  reached_at TEXT NOT NULL DEFAULT '',   -- of a lead: originated_at of the last of its messages looked at
  reached_id INTEGER NOT NULL DEFAULT 0, -- of a lead: message.id of it
  PRIMARY KEY (kind, subject_id)
) WITHOUT ROWID;

CREATE VIEW _do_deal ( -- Procedure: decide again what a deal has to do with.
  deal_id, -- deal.id
  lead_id  -- lead.id
) AS SELECT NULL, NULL WHERE 0;

CREATE TRIGGER _do_deal_now INSTEAD OF INSERT ON _do_deal BEGIN
  DELETE FROM _deal_due WHERE kind = 'lead' AND subject_id = NEW.lead_id;
  INSERT INTO _deal_due (kind, subject_id)
  SELECT 'lead', NEW.lead_id
   WHERE NEW.lead_id IS NOT NULL AND EXISTS (SELECT 1 FROM lead_message WHERE lead_id = NEW.lead_id);
  -- decisions may name a deal of another lead, one that is no more, or one that comes later
  INSERT INTO _deal_due (kind, subject_id)
  SELECT DISTINCT 'thread', m.thread_id
    FROM explicit_attribution e JOIN message m ON m.id = e.message_id
   WHERE e.deal_id = NEW.deal_id AND e.lead_id IS NOT NEW.lead_id AND m.thread_id IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM _deal_due d WHERE d.kind = 'thread' AND d.subject_id = m.thread_id);
END;

-- A deal that is about to be replaced in silence: remember whose it was, and that it was open.
CREATE TRIGGER _deal_span_before_insert BEFORE INSERT ON deal BEGIN
  DELETE FROM _replaced WHERE entity = 'deal span';
  INSERT INTO _replaced (entity, old_id, lead_id, key)
  SELECT 'deal span', d.id, d.lead_id, coalesce((SELECT e.at FROM _deal_end e WHERE e.deal_id = d.id), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    FROM deal d
   WHERE (d.id = NEW.id OR d.external_id = NEW.external_id)
     AND ((d.outcome IS NULL AND d.closed_at IS NULL) OR EXISTS (SELECT 1 FROM _deal_end e WHERE e.deal_id = d.id));
  INSERT INTO _replaced (entity, old_id, lead_id)
  SELECT 'deal span', d.id, d.lead_id
    FROM deal d
   WHERE (d.id = NEW.id OR d.external_id = NEW.external_id)
     AND NOT EXISTS (SELECT 1 FROM _replaced r WHERE r.entity = 'deal span' AND r.old_id = d.id);
END;

CREATE TRIGGER _deal_span_insert AFTER INSERT ON deal BEGIN
  DELETE FROM _deal_end WHERE deal_id = NEW.id OR deal_id IN (SELECT old_id FROM _replaced WHERE entity = 'deal span');
  INSERT INTO _deal_end (deal_id, at)
  SELECT NEW.id, r.key FROM _replaced r
   WHERE r.entity = 'deal span' AND r.key IS NOT NULL AND NEW.outcome IS NOT NULL AND NEW.closed_at IS NULL
   ORDER BY r.key LIMIT 1;
  INSERT INTO _do_deal (deal_id, lead_id) SELECT r.old_id, r.lead_id FROM _replaced r WHERE r.entity = 'deal span';
  DELETE FROM _replaced WHERE entity = 'deal span';
  INSERT INTO _do_deal (deal_id, lead_id) VALUES (NEW.id, NEW.lead_id);
END;

CREATE TRIGGER _deal_span_before_update BEFORE UPDATE OF id, external_id ON deal
WHEN NEW.id <> OLD.id OR NEW.external_id IS NOT OLD.external_id BEGIN
  DELETE FROM _replaced WHERE entity = 'deal span';
  INSERT INTO _replaced (entity, old_id, lead_id)
  SELECT 'deal span', id, lead_id FROM deal WHERE (external_id = NEW.external_id OR id = NEW.id) AND id <> OLD.id;
END;

CREATE TRIGGER _deal_span_update AFTER UPDATE OF id, external_id, lead_id, outcome, opened_at, closed_at ON deal
WHEN NEW.id <> OLD.id OR NEW.external_id IS NOT OLD.external_id OR NEW.lead_id IS NOT OLD.lead_id
  OR NEW.outcome IS NOT OLD.outcome OR NEW.opened_at IS NOT OLD.opened_at OR NEW.closed_at IS NOT OLD.closed_at BEGIN
  INSERT INTO _do_deal (deal_id, lead_id)
  SELECT r.old_id, r.lead_id FROM _replaced r
   WHERE r.entity = 'deal span' AND (r.old_id = NEW.id OR NOT EXISTS (SELECT 1 FROM deal x WHERE x.id = r.old_id));
  DELETE FROM _deal_end
   WHERE deal_id IN (SELECT r.old_id FROM _replaced r
                      WHERE r.entity = 'deal span' AND ((r.old_id = NEW.id AND NEW.id <> OLD.id)
                                                        OR NOT EXISTS (SELECT 1 FROM deal x WHERE x.id = r.old_id)));
  DELETE FROM _replaced WHERE entity = 'deal span';
  UPDATE _deal_end SET deal_id = NEW.id WHERE deal_id = OLD.id AND NEW.id <> OLD.id;
  DELETE FROM _deal_end WHERE deal_id = NEW.id AND (NEW.outcome IS NULL OR NEW.closed_at IS NOT NULL);
  INSERT INTO _deal_end (deal_id, at)
  SELECT NEW.id, coalesce(OLD.closed_key, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
   WHERE NEW.outcome IS NOT NULL AND NEW.closed_at IS NULL AND (OLD.outcome IS NULL OR OLD.closed_at IS NOT NULL)
     AND NOT EXISTS (SELECT 1 FROM _deal_end e WHERE e.deal_id = NEW.id);
  INSERT INTO _do_deal (deal_id, lead_id)
  SELECT OLD.id, OLD.lead_id WHERE NEW.lead_id IS NOT OLD.lead_id OR NEW.id <> OLD.id;
  INSERT INTO _do_deal (deal_id, lead_id) VALUES (NEW.id, NEW.lead_id);
END;

CREATE TRIGGER _deal_span_delete AFTER DELETE ON deal BEGIN
  DELETE FROM _deal_end WHERE deal_id = OLD.id;
  INSERT INTO _do_deal (deal_id, lead_id) VALUES (OLD.id, OLD.lead_id);
END;

-- A message that moves in time may come to stand before another one of its thread, or into the time of another deal.
CREATE TRIGGER _deal_of_a_message_moved_in_time AFTER UPDATE OF originated_at ON message
WHEN NEW.originated_at <> OLD.originated_at AND NEW.thread_id IS NOT NULL
 AND EXISTS (SELECT 1 FROM lead_message lm JOIN deal d ON d.lead_id = lm.lead_id WHERE lm.message_id = NEW.id)
 AND NOT EXISTS (SELECT 1 FROM _deal_due WHERE kind = 'thread' AND subject_id = NEW.thread_id) BEGIN
  INSERT INTO _deal_due (kind, subject_id) VALUES ('thread', NEW.thread_id);
END;

-- What is there already is decided once, a stretch at a time.
INSERT INTO _deal_due (kind, subject_id)
SELECT DISTINCT 'lead', d.lead_id FROM deal d WHERE EXISTS (SELECT 1 FROM lead_message lm WHERE lm.lead_id = d.lead_id);

DROP VIEW ambiguous_deal;

CREATE VIEW ambiguous_deal ( -- Messages without a deal on a lead that had several open ones at that time.
  lead_id,    -- lead.id
  message_id, -- message.id
  deal_count  -- deals open when the message was written
) AS
SELECT lm.lead_id, lm.message_id, count(*)
  FROM (SELECT lead_id FROM deal GROUP BY lead_id HAVING count(*) > 1) several
  JOIN lead l ON l.id = several.lead_id
  JOIN lead_message lm ON lm.lead_id = several.lead_id
  JOIN _deal_span s ON s.lead_id = lm.lead_id AND s.opens <= lm.originated_at AND s.ends >= lm.originated_at
 WHERE lm.deal_id IS NULL
 GROUP BY lm.lead_id, lm.message_id
HAVING count(*) > 1;
